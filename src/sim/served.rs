//! A real queue in front of threads that take virtual time, in which the messages of a whole node wait.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::app::Held;
use crate::node::StartFlag;
use crate::shares::rivalry::{RivalQueue, Rivalry};
use crate::time::Instant;

/// Until then the rivals have come, and what was served does not count.
pub(super) const SETTLING: Duration = Duration::from_secs(15);
/// As often must frugal messages have been answered.
const FRUGAL_JOBS: usize = 6;

/// The queue, its threads, and what was put in.
pub(super) struct ServedWork {
    pub(super) queue: Box<dyn RivalQueue>,
    pub(super) rivalry: Rivalry,
    pub(super) jobs: Vec<ServedJob>,
    /// Threads that have nothing to do.
    pub(super) free: usize,
    /// The threads' time that each rival had, by its client's number.
    pub(super) time: BTreeMap<usize, Duration>,
    pub(super) frugal_jobs: usize,
}

impl fmt::Debug for ServedWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rivalry, jobs, .. } = self;
        f.debug_struct("ServedWork").field("rivalry", rivalry).field("jobs", &jobs.len()).finish()
    }
}

/// A message that was put in.
pub(super) struct ServedJob {
    /// The number of the client that sent it.
    pub(super) user: usize,
    pub(super) is_frugal: bool,
    pub(super) cost: Duration,
    /// Until it is answered.
    pub(super) held: Option<Held>,
}

impl ServedWork {
    pub(super) fn new(queue: Box<dyn RivalQueue>, rivalry: Rivalry) -> Self {
        Self {
            queue,
            rivalry,
            jobs: Vec::new(),
            free: rivalry.servers,
            time: BTreeMap::new(),
            frugal_jobs: 0,
        }
    }

    pub(super) fn take_dropped(&mut self) -> Option<ServedJob> {
        let job = self.queue.dropped()?;
        self.jobs.get_mut(job).map(|job| ServedJob { held: job.held.take(), ..*job })
    }

    /// The next job that somebody waits for, if a thread is free.
    pub(super) fn begin(&mut self, now: Instant) -> Option<usize> {
        while self.free > 0 {
            let number = self.queue.pop(now)?;
            let start = self.jobs.get(number)?.held.as_ref()?.start.clone();
            if start.as_ref().is_none_or(StartFlag::begin) {
                self.free -= 1;
                return Some(number);
            }
            self.queue.done(now, number, Duration::from_micros(1));
        }
        None
    }

    /// Checks that no rival had more than twice its part of the threads' time, of which at least half was
    /// used in `length`.
    pub(super) fn judge(&self, length: Duration) -> Result<(), String> {
        let Rivalry { rivals, servers, .. } = self.rivalry;
        let all: Duration = self.time.values().sum();
        let most = self.time.values().max().copied().unwrap_or_default();
        if all * 2 < length * servers as u32 || self.frugal_jobs < FRUGAL_JOBS {
            return Err(format!("only {all:?} of work, {} frugal messages", self.frugal_jobs));
        }
        if most * rivals as u32 > all * 2 {
            return Err(format!(
                "one of {rivals} had {most:?} of the threads' {all:?}, more than twice its part"
            ));
        }
        Ok(())
    }
}
