//! The calls of one kind: those that wait, in the order of their users' shares, and how many of each
//! user are in flight.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use smol_str::SmolStr;

use super::counts::CallKind;
use crate::id::ConnId;
use crate::node::{StartFlag, Ticket};
use crate::shares::FairQueue;
use crate::time::Instant;

/// The most that one call costs its user, in microseconds of a calling thread: a single slow call
/// must not shut its user out.
const MAX_COST: u64 = 1_000_000;

/// A call that waits for a calling thread.
#[derive(Debug)]
pub(super) struct QueuedCall {
    pub(super) kind: CallKind,
    pub(super) asker: CallAsker,
    /// Whether the asker still waits; `None` for a notice, which is made in any case.
    pub(super) start: Option<StartFlag>,
    pub(super) user: SmolStr,
    pub(super) connection: ConnId,
    pub(super) body: Vec<u8>,
}

/// Who waits for the answer to a call.
#[derive(Debug)]
pub(super) enum CallAsker {
    /// Nobody, as for a leave.
    Nobody,
    /// The node, by the ticket of its question.
    Node(Ticket),
    /// An application that asks a model.
    Application(AnswerCallback),
}

/// Gets the body of the response; `None`: there is none. Returns whether it could be used.
pub(super) struct AnswerCallback(pub(super) Box<dyn FnOnce(Option<Vec<u8>>) -> bool + Send>);

impl fmt::Debug for AnswerCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerCallback")
    }
}

/// A call, with the moment at which it came.
#[derive(Debug)]
pub(super) struct WaitingCall {
    pub(super) came: Instant,
    pub(super) call: QueuedCall,
}

impl WaitingCall {
    /// Whether nobody waits for it any more. A notice always has its time.
    pub(super) fn is_over(&self, now: Instant, timeout: Duration) -> bool {
        let start = self.call.start.as_ref();
        start.is_some_and(StartFlag::is_withdrawn) || self.is_late(now, timeout)
    }

    /// Whether the time of a question has passed.
    pub(super) fn is_late(&self, now: Instant, timeout: Duration) -> bool {
        !self.call.kind.is_notice() && self.came + timeout <= now
    }
}

/// How many calls may be in flight.
///
/// A call that runs cannot be taken back, so a part of the callers is kept for those who come next.
///
/// * A kind of questions may use three quarters of the callers: joins go on while messages are slow,
///   and messages while a crowd joins.
/// * A user has its first call whenever a caller is free, and another one while it has fewer in
///   flight than a quarter of the free callers (a dynamic threshold: Choudhury and Hahne, 1998). Of
///   12 callers a user alone has 3, and four users whose calls are all slow leave 4 free.
/// * Leaves together count as one user.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallerShares {
    pub(super) callers: usize,
    /// Of one kind of questions.
    pub(super) kind: usize,
}

impl CallerShares {
    pub(super) fn new(callers: usize) -> Self {
        let quarter = (callers / 4).max(1);
        Self { callers, kind: callers.saturating_sub(quarter).max(1) }
    }

    /// Where there is one kind of questions, it may use all callers.
    pub(super) fn of_one_kind(callers: usize) -> Self {
        Self { callers, kind: callers }
    }

    /// Whether who has so many calls in flight may have another, with so many callers free.
    pub(super) fn allow(in_flight: usize, free: usize) -> bool {
        in_flight.saturating_mul(4) < free
    }
}

/// The calls of one kind.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) waiting: FairQueue<SmolStr, WaitingCall>,
    in_flight: BTreeMap<SmolStr, usize>,
    calls: usize,
}

impl Lane {
    pub(super) fn new() -> Self {
        Self { waiting: FairQueue::new(MAX_COST), in_flight: BTreeMap::new(), calls: 0 }
    }

    /// Calls in flight.
    pub(super) fn calls(&self) -> usize {
        self.calls
    }

    /// Takes out the next call that `may_go`, and whose user has a share of the `free` callers.
    pub(super) fn pop(
        &mut self,
        free: usize,
        may_go: impl Fn(&SmolStr) -> bool,
    ) -> Option<WaitingCall> {
        if free == 0 {
            return None;
        }
        let Self { waiting, in_flight, .. } = self;
        let has_share =
            |user: &SmolStr| CallerShares::allow(in_flight.get(user).copied().unwrap_or(0), free);
        waiting.pop_if(|user, _| has_share(user) && may_go(user)).map(|(_, call)| call)
    }

    /// Takes out the next call, whoever's it is.
    pub(super) fn pop_any(&mut self) -> Option<WaitingCall> {
        self.waiting.pop().map(|(_, call)| call)
    }

    /// A call of `user` is made.
    pub(super) fn begin(&mut self, user: &SmolStr) {
        *self.in_flight.entry(user.clone()).or_insert(0) += 1;
        self.calls += 1;
    }

    /// A call of `user` has ended, after so long.
    pub(super) fn end(&mut self, user: &SmolStr, took: Duration) {
        if let Some(calls) = self.in_flight.get_mut(user) {
            *calls = calls.saturating_sub(1);
            if *calls == 0 {
                self.in_flight.remove(user);
            }
        }
        self.calls = self.calls.saturating_sub(1);
        let cost = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.waiting.charge(user, cost);
    }
}
