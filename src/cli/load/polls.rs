//! Two polls, so that a few clients can go before a crowd.
//!
//! Where chat is timed while a storm rages, an answer must not wait behind five hundred other
//! sockets of this process: that wait would be told as the server's. The urgent ones are in a
//! poll of their own, which is looked at between slices of the crowd's events.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use vestibule::time::Instant;

use super::wake_timer::WakeTimer;

/// Where sockets are registered, and waited for.
#[derive(Debug)]
pub(super) struct Polls {
    all: Poll,
    /// Registered in `all`, which it wakes.
    urgent: Poll,
    wake_timer: WakeTimer,
}

impl Polls {
    pub(super) fn new() -> io::Result<Self> {
        let all = Poll::new()?;
        let urgent = Poll::new()?;
        let inner = urgent.as_raw_fd();
        all.registry().register(&mut SourceFd(&inner), URGENT, Interest::READABLE)?;
        let wake_timer = WakeTimer::new(all.registry(), ALARM)?;
        Ok(Self { all, urgent, wake_timer })
    }

    /// Where a socket of that urgency belongs.
    pub(super) fn registry(&self, is_urgent: bool) -> &Registry {
        if is_urgent { self.urgent.registry() } else { self.all.registry() }
    }

    /// Waits for anything, until `wake_at` or for `wait`, whichever is over first.
    pub(super) fn wait(
        &mut self,
        events: &mut Events,
        wait: Duration,
        wake_at: Option<Instant>,
        now: Instant,
    ) -> io::Result<()> {
        let left = match wake_at {
            Some(at) => self.wake_timer.arm(at, now)?.unwrap_or(wait),
            None => wait,
        };
        uninterrupted(self.all.poll(events, Some(wait.min(left))))
    }

    /// What the urgent ones have, without waiting.
    pub(super) fn urgent(&mut self, events: &mut Events) -> io::Result<()> {
        uninterrupted(self.urgent.poll(events, Some(Duration::ZERO)))
    }
}

fn uninterrupted(polled: io::Result<()>) -> io::Result<()> {
    match polled {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        done => done,
    }
}

/// Slots of clients are never that high.
const ALARM: Token = Token(usize::MAX);
const URGENT: Token = Token(usize::MAX - 1);
