//! What names a question, and what says whether its work has begun.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Which question an answer belongs to. Used once; a late one is dropped and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    pub(crate) index: u32,
    pub(crate) serial: u32,
}

impl Ticket {
    /// Of what the application does without a question: for an
    /// [`Outcome::Event`](super::port::Outcome::Event).
    pub const UNASKED: Self = Self { index: u32::MAX, serial: u32::MAX };
}

/// Whether the work of a question has begun: shared by the node and whoever does the work.
///
/// ```text
/// waiting ──▶ begun        by `begin`, of whoever does the work
///    │ ◀─────────┘         by `give_back`: nothing of it was done, and it may begin again
///    └──────▶ withdrawn    by the node: its time is over, or nobody waits for it any more
/// ```
///
/// Exactly one of the two happens, however many threads try. So a message whose sender was told
/// `backend_timeout` before its work began is not done behind the sender's back, and can be sent
/// again; and one that had begun is not begun a second time.
///
/// A [`Command`](super::port::Command) looks after its own flag. An application that answers
/// [`Held`](crate::node::app::Reply::Held) keeps a clone of the question's flag, and calls
/// [`begin`](StartFlag::begin) right before the work. Where it keeps none, the node cannot know, and
/// takes the work for begun.
#[derive(Clone, Debug, Default)]
pub struct StartFlag(Arc<AtomicU8>);

const WAITING: u8 = 0;
const BEGUN: u8 = 1;
const WITHDRAWN: u8 = 2;

impl StartFlag {
    /// Begins the work. False: it must not be done, as nobody waits for it, or it has begun already.
    #[must_use]
    pub fn begin(&self) -> bool {
        self.0.compare_exchange(WAITING, BEGUN, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The work had begun, and nothing of it was done, as where a request was never sent. It may
    /// begin again, unless it is withdrawn before.
    pub fn give_back(&self) {
        let _ = self.0.compare_exchange(BEGUN, WAITING, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Takes the work back. False: it has begun, or was taken back before.
    pub(crate) fn withdraw(&self) -> bool {
        self.0.compare_exchange(WAITING, WITHDRAWN, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// It was taken back: the work will never begin.
    #[cfg(any(feature = "sim", feature = "backend", feature = "recipes"))]
    pub(crate) fn is_withdrawn(&self) -> bool {
        self.0.load(Ordering::Acquire) == WITHDRAWN
    }

    /// Nothing has happened to it, and nobody else holds it: it can be handed out.
    pub(crate) fn is_unused(&self) -> bool {
        !self.is_shared() && self.0.load(Ordering::Acquire) == WAITING
    }

    /// How many hold it.
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Somebody else holds it too.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}
