//! A timer that wakes the poller after the host was suspended.
//!
//! The timeout of epoll stops while the host is suspended, as `CLOCK_MONOTONIC` does. Deadlines do
//! not stop. So before a long sleep, a timer on the deadlines' clock is set to the same time.

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
    /// The time that it was last set to.
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

    /// Sets the timer before the poller sleeps for `wait`, starting at `now`.
    pub(super) fn set(&mut self, now: Instant, wait: Option<Duration>) {
        let Some(wait) = wait.filter(|wait| *wait > SHORTEST_SLEEP) else { return };
        if std::mem::replace(&mut self.set_for, now + wait) == now + wait {
            return;
        }
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
