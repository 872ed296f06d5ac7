//! A timer that wakes the poller after the host was suspended.
//!
//! The timeout of epoll stops while the host is suspended, as `CLOCK_MONOTONIC` does. Deadlines do
//! not stop. So before a long sleep, a timer on the deadlines' clock is set, too. It
//! may fire earlier than the deadline, for nothing, or up to a second later: see [`Alarm::set`].

use std::io;
use std::time::Duration;

#[cfg(target_os = "linux")]
use mio::{Interest, Token, unix::SourceFd};
#[cfg(target_os = "linux")]
use rustix::fd::{AsRawFd as _, OwnedFd};
#[cfg(target_os = "linux")]
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::time::Instant;

/// Shorter sleeps are not worth a system call, because a suspended host delays them by no more.
const SHORTEST_SLEEP: Duration = Duration::from_secs(1);

/// The timer. On systems without it, deadlines wait for the poller's timeout.
#[derive(Debug)]
pub(super) struct Alarm {
    #[cfg(target_os = "linux")]
    timer: OwnedFd,
    /// When it fires, as it was set last.
    set_for: Instant,
}

impl Alarm {
    /// A timer that is not set, registered under `token`.
    pub(super) fn new(registry: &mio::Registry, token: usize) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        let timer = {
            let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
            let timer = timerfd_create(TimerfdClockId::Boottime, flags)?;
            let interest = Interest::READABLE;
            registry.register(&mut SourceFd(&timer.as_raw_fd()), Token(token), interest)?;
            timer
        };
        #[cfg(not(target_os = "linux"))]
        let _ = (registry, token);
        Ok(Self {
            #[cfg(target_os = "linux")]
            timer,
            set_for: Instant::START,
        })
    }

    /// Sets the timer before the poller sleeps for `wait`, starting at `now`. It stays as it is where
    /// it fires early enough: the nearest deadline moves with almost every turn, and setting it each
    /// time would be a system call a turn. A timer that fires too early costs one empty turn.
    pub(super) fn set(&mut self, now: Instant, wait: Option<Duration>) {
        let Some(wait) = wait.filter(|wait| *wait > SHORTEST_SLEEP) else { return };
        if fires_in_time(self.set_for, now, wait) {
            return;
        }
        self.set_for = now + wait;
        #[cfg(target_os = "linux")]
        {
            let value = Itimerspec {
                it_interval: Timespec::default(),
                it_value: Timespec {
                    tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
                    tv_nsec: wait.subsec_nanos().into(),
                },
            };
            let set = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &value);
            if let Err(error) = set {
                log::debug!("the timer cannot be set: {error}");
            }
        }
    }
}

/// Does a timer that was set for `set_for` end a sleep of `wait` from `now` on, at most
/// [`SHORTEST_SLEEP`] late? One that has fired does not.
fn fires_in_time(set_for: Instant, now: Instant, wait: Duration) -> bool {
    now < set_for && set_for <= now + wait + SHORTEST_SLEEP
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(seconds: u64) -> Instant {
        Instant::START + Duration::from_secs(seconds)
    }

    #[test]
    fn timer_is_set_once_for_many_turns() {
        // Deadlines 30 seconds ahead, which a message a second pushes on.
        let mut set_for = Instant::START;
        let mut times_set = 0;
        for now in (1..=300).map(second) {
            let wait = Duration::from_secs(30);
            if !fires_in_time(set_for, now, wait) {
                set_for = now + wait;
                times_set += 1;
            }
        }
        assert_eq!(times_set, 10);
    }

    #[test]
    fn timer_that_fires_late_or_has_fired_is_set() {
        let fires = |set_for, now, wait| {
            fires_in_time(second(set_for), second(now), Duration::from_secs(wait))
        };
        assert!(fires(35, 30, 5) && fires(36, 30, 5) && fires(31, 30, 5));
        assert!(!fires(37, 30, 5), "a nearer deadline has come");
        assert!(!fires(30, 30, 5) && !fires(20, 30, 5), "it has fired");
        assert!(!fires(0, 0, 5), "it was never set");
    }
}
