//! Whether the storage thread gets on. A disk that hangs answers nothing, not even with an error, so
//! the thread cannot report it: others see how long it has been at the same work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::node::MinuteThrottle;
use crate::time::Instant;

/// From then on the thread is stuck. As long as `backend.timeout` is by default: nobody still waits for
/// what it does.
pub(super) const STUCK_AFTER: Duration = Duration::from_secs(5);

/// How long the storage thread has been at its present work. Any thread may look.
#[derive(Debug)]
pub(super) struct WorkProgress {
    start: std::time::Instant,
    /// When the present work began, in milliseconds since `start`, plus one. 0: there is none.
    since: AtomicU64,
    lines: Mutex<MinuteThrottle>,
}

impl Default for WorkProgress {
    fn default() -> Self {
        Self { start: clock(), since: AtomicU64::new(0), lines: Mutex::default() }
    }
}

impl WorkProgress {
    /// The thread has something to do from now on.
    pub(super) fn begin(&self) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.since.store(millis.saturating_add(1), Ordering::Relaxed);
    }

    /// It has done that. It tells of work that took too long.
    pub(super) fn end(&self) {
        let busy = self.busy();
        self.since.store(0, Ordering::Relaxed);
        if busy >= STUCK_AFTER {
            self.tell("the disk answered the storage thread only after", busy);
        }
    }

    /// How long the thread has been at its work.
    pub(super) fn busy(&self) -> Duration {
        let Some(began) = self.since.load(Ordering::Relaxed).checked_sub(1) else {
            return Duration::ZERO;
        };
        self.start.elapsed().saturating_sub(Duration::from_millis(began))
    }

    /// Whether it is stuck. Whoever looks has it logged, as the thread itself cannot.
    pub(super) fn is_stuck(&self) -> bool {
        let busy = self.busy();
        let is_stuck = busy >= STUCK_AFTER;
        if is_stuck {
            self.tell("the storage thread has waited for the disk for", busy);
        }
        is_stuck
    }

    fn tell(&self, what: &str, busy: Duration) {
        let now = Instant::START + self.start.elapsed();
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.count(now).is_some() {
            log::error!(
                "{what} {} s: nothing was stored (docs/troubleshooting.md, VestibuleStorageStuck)",
                busy.as_secs()
            );
        }
    }

    /// As if the present work had begun so long before.
    #[cfg(test)]
    pub(super) fn began_before(&mut self, age: Duration) {
        self.start = clock() - age;
        self.since.store(1, Ordering::Relaxed);
    }
}

#[expect(clippy::disallowed_methods, reason = "the storage thread measures what its tasks cost")]
pub(super) fn clock() -> std::time::Instant {
    std::time::Instant::now()
}
