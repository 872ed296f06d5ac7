//! The scripts that several scenarios share: connect all clients, hold them, close them.

use std::time::Duration;

use vestibule::time::Instant;

use super::engine::{LoadEngine, Notice, Script};
use super::figures::Latency;
use super::peer::{PeerRole, Visit};

/// Connects clients. It is done when each is acknowledged (a silent one: upgraded) or has ended.
#[derive(Debug)]
pub(super) struct ConnectAll {
    wanted: u32,
    /// How many of the wanted clients were acknowledged or upgraded.
    pub(super) there: u32,
    ended: u32,
    is_silent: bool,
    /// TCP connect to acknowledgement.
    pub(super) latency: Latency,
}

impl ConnectAll {
    /// Connects the first `count` users, each to the room that `room` returns for it.
    pub(super) fn new(
        engine: &mut LoadEngine,
        count: u32,
        role: PeerRole,
        room: impl Fn(u32) -> u32,
    ) -> Self {
        Self::users(engine, (0, count), role, room)
    }

    /// The same for `count` users from number `first`.
    pub(super) fn users(
        engine: &mut LoadEngine,
        (first, count): (u32, u32),
        role: PeerRole,
        room: impl Fn(u32) -> u32,
    ) -> Self {
        for user in (first..).take(count as usize) {
            engine.open(Visit { user, room: room(user), role });
        }
        Self { wanted: count, there: 0, ended: 0, is_silent: false, latency: Latency::new() }
    }

    /// Opens `count` silent sockets, with user numbers from `first`.
    pub(super) fn silent(engine: &mut LoadEngine, first: u32, count: u32) -> Self {
        for user in (first..).take(count as usize) {
            engine.open(Visit { user, room: user + 1, role: PeerRole::Silent });
        }
        Self { wanted: count, there: 0, ended: 0, is_silent: true, latency: Latency::new() }
    }
}

impl Script for ConnectAll {
    fn on_notice(&mut self, _engine: &mut LoadEngine, _user: u32, notice: Notice, now: Instant) {
        match notice {
            Notice::Acknowledged { started } => {
                self.there += 1;
                self.latency.record(now.since(started));
            }
            Notice::Upgraded { .. } if self.is_silent => self.there += 1,
            Notice::Ended { .. } => self.ended += 1,
            _ => {}
        }
    }

    /// A client that was acknowledged and then ended counts twice. That is a failure anyway, and at
    /// worst ends the wait early.
    fn is_done(&self) -> bool {
        self.there + self.ended >= self.wanted
    }

    fn progress(&self, _now: Instant) -> (u64, u64) {
        (self.there.into(), self.wanted.into())
    }
}

/// Keeps all connections open for a given time.
#[derive(Debug)]
pub(super) struct Hold {
    from: Instant,
    until: Instant,
    is_over: bool,
}

impl Hold {
    pub(super) fn new(engine: &LoadEngine, length: Duration) -> Self {
        let from = engine.now();
        Self { from, until: from + length, is_over: length.is_zero() }
    }
}

impl Script for Hold {
    fn on_notice(&mut self, _: &mut LoadEngine, _: u32, _: Notice, _: Instant) {}

    fn wake_at(&self) -> Option<Instant> {
        (!self.is_over).then_some(self.until)
    }

    fn on_wake(&mut self, _: &mut LoadEngine, _: Instant) {
        self.is_over = true;
    }

    fn is_done(&self) -> bool {
        self.is_over
    }

    fn progress(&self, now: Instant) -> (u64, u64) {
        elapsed(self.from, self.until, now)
    }
}

/// Closes all clients, [`AT_ONCE`] at a time. It is done when all have ended.
#[derive(Debug)]
pub(super) struct CloseAll {
    users: u32,
    next: u32,
    left: u32,
}

impl CloseAll {
    /// Closes those of the first `users` that are ready.
    pub(super) fn new(engine: &mut LoadEngine, users: u32) -> Self {
        let ready = (0..users).filter(|user| engine.is_ready(*user)).count();
        let mut close_all = Self { users, next: 0, left: u32::try_from(ready).unwrap_or(u32::MAX) };
        let now = engine.now();
        for _ in 0..AT_ONCE {
            close_all.close_next(engine, now);
        }
        close_all
    }

    fn close_next(&mut self, engine: &mut LoadEngine, now: Instant) {
        while self.next < self.users {
            let user = self.next;
            self.next += 1;
            if engine.is_ready(user) {
                engine.close(user, now);
                return;
            }
        }
    }
}

impl Script for CloseAll {
    fn on_notice(&mut self, engine: &mut LoadEngine, _user: u32, notice: Notice, now: Instant) {
        if let Notice::Ended { .. } = notice {
            self.left = self.left.saturating_sub(1);
            self.close_next(engine, now);
        }
    }

    fn is_done(&self) -> bool {
        self.left == 0
    }

    fn progress(&self, _now: Instant) -> (u64, u64) {
        ((self.users - self.left.min(self.users)).into(), self.users.into())
    }
}

/// The number of closes in flight.
const AT_ONCE: u32 = 500;

/// The progress of a script that takes a fixed time, in milliseconds.
pub(super) fn elapsed(from: Instant, until: Instant, now: Instant) -> (u64, u64) {
    (now.since(from).as_millis() as u64, until.since(from).as_millis() as u64)
}
