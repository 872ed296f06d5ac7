//! Two polls, one of which has priority.
//!
//! When chat is measured during a storm, an answer must not wait behind 500 other sockets of this
//! process, as that wait would be attributed to the server. The urgent sockets are in a poll of
//! their own, which is polled between slices of the others' events.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use vestibule::time::Instant;

use super::wake_timer::WakeTimer;

/// The poll of all sockets, with the urgent ones in a nested poll.
#[derive(Debug)]
pub(super) struct Polls {
    all: Poll,
    /// Registered in `all`, so that it wakes it.
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

    /// The registry for a socket of that urgency.
    pub(super) fn registry(&self, is_urgent: bool) -> &Registry {
        if is_urgent { self.urgent.registry() } else { self.all.registry() }
    }

    /// Waits for events, until `wake_at` or for `wait`, whichever ends first.
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

    /// Returns the events of urgent sockets, without waiting.
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

/// Tokens above all slots of clients.
const ALARM: Token = Token(usize::MAX);
const URGENT: Token = Token(usize::MAX - 1);
