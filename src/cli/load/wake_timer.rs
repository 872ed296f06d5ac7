//! A timer that is exact to microseconds.
//!
//! `epoll_wait` has a resolution of milliseconds, and rounds up. At 1,000 messages a second that
//! alone would add half a millisecond of latency, and spinning instead would take the CPU time that
//! is measured.

use std::io;
use std::time::Duration;

use mio::{Registry, Token};
use vestibule::time::Instant;

/// Wakes the poll at one moment.
#[derive(Debug)]
pub(super) struct WakeTimer {
    #[cfg(target_os = "linux")]
    timer: std::os::fd::OwnedFd,
    armed: Option<Instant>,
}

#[cfg(target_os = "linux")]
impl WakeTimer {
    /// Creates a timer that reports under `token`.
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        use mio::unix::SourceFd;
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        use std::os::fd::AsRawFd;

        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), token, mio::Interest::READABLE)?;
        Ok(Self { timer, armed: None })
    }

    /// Arms the timer for `at`, replacing an earlier time. It becomes readable once. Where there is
    /// no such timer, returns the timeout that the poll itself must use.
    pub(super) fn arm(&mut self, at: Instant, now: Instant) -> io::Result<Option<Duration>> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        if self.armed != Some(at) {
            // A value of zero would disarm it.
            let wait = at.since(now).max(Duration::from_nanos(1));
            let once = Itimerspec {
                it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
                it_value: Timespec {
                    tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
                    tv_nsec: wait.subsec_nanos().into(),
                },
            };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
            self.armed = Some(at);
        }
        Ok(None)
    }
}

/// On other systems, the poll's own timeout is used.
#[cfg(not(target_os = "linux"))]
impl WakeTimer {
    pub(super) fn new(_: &Registry, _: Token) -> io::Result<Self> {
        Ok(Self { armed: None })
    }

    pub(super) fn arm(&mut self, at: Instant, now: Instant) -> io::Result<Option<Duration>> {
        self.armed = Some(at);
        Ok(Some(at.since(now)))
    }
}
