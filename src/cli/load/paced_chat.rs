//! Chat at a steady rate, alone and beside another script.

use std::time::Duration;

use vestibule::time::Instant;

use super::crowd::elapsed;
use super::engine::{LoadEngine, Notice, Script};
use super::figures::Latency;

/// Messages that are due at equal intervals, from one user after the other, independently of the
/// answers.
#[derive(Debug)]
pub(super) struct PacedChat {
    start: Instant,
    /// No message is due from this moment.
    until: Instant,
    first: u32,
    users: u32,
    rate: u32,
    sent: u64,
    unanswered: u64,
    is_over: bool,
    pub(super) latency: Latency,
}

impl PacedChat {
    /// Runs until its [end](Self::end_at).
    pub(super) fn new(start: Instant, users: u32, rate: u32) -> Self {
        Self {
            start,
            until: Instant::NEVER,
            first: 0,
            users,
            rate,
            sent: 0,
            unanswered: 0,
            is_over: false,
            latency: Latency::new(),
        }
    }

    /// Of the users from this number on.
    pub(super) fn starting_at(self, first: u32) -> Self {
        Self { first, ..self }
    }

    /// No message is due from `moment` on. The first call counts.
    pub(super) fn end_at(&mut self, moment: Instant) {
        self.until = self.until.min(moment);
    }

    /// Is it one of its users?
    fn has(&self, user: u32) -> bool {
        (self.first..self.first.saturating_add(self.users)).contains(&user)
    }

    /// When the next message is due. Computed from the start, so that rounding errors do not add
    /// up.
    fn due(&self) -> Instant {
        let micros = self.sent.saturating_mul(1_000_000) / u64::from(self.rate);
        self.start + Duration::from_micros(micros)
    }
}

impl Script for PacedChat {
    fn on_notice(&mut self, _engine: &mut LoadEngine, _user: u32, notice: Notice, now: Instant) {
        match notice {
            Notice::Answered { due } => {
                self.latency.record(now.since(due));
                self.unanswered = self.unanswered.saturating_sub(1);
            }
            Notice::Refused => self.unanswered = self.unanswered.saturating_sub(1),
            Notice::Ended { unanswered } => {
                self.unanswered = self.unanswered.saturating_sub(unanswered.into());
            }
            _ => {}
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        (!self.is_over).then(|| self.due().min(self.until))
    }

    fn on_wake(&mut self, engine: &mut LoadEngine, now: Instant) {
        loop {
            let due = self.due();
            if due >= self.until {
                self.is_over = now >= self.until;
                return;
            }
            if due > now {
                return;
            }
            let user = self.first + (self.sent % u64::from(self.users)) as u32;
            self.sent += 1;
            self.unanswered += u64::from(engine.chat(user, due));
        }
    }

    fn is_done(&self) -> bool {
        self.is_over && self.unanswered == 0
    }

    fn progress(&self, now: Instant) -> (u64, u64) {
        elapsed(self.start, self.until, now)
    }
}

/// Chat, and a script of all other users at the same time. The chat ends with that.
#[derive(Debug)]
pub(super) struct ChatBeside<S> {
    pub(super) paced_chat: PacedChat,
    pub(super) other: S,
}

impl<S: Script> Script for ChatBeside<S> {
    fn on_notice(&mut self, engine: &mut LoadEngine, user: u32, notice: Notice, now: Instant) {
        if self.paced_chat.has(user) {
            return self.paced_chat.on_notice(engine, user, notice, now);
        }
        self.other.on_notice(engine, user, notice, now);
        if self.other.is_done() {
            self.paced_chat.end_at(now);
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        self.paced_chat.wake_at()
    }

    fn on_wake(&mut self, engine: &mut LoadEngine, now: Instant) {
        self.paced_chat.on_wake(engine, now);
    }

    fn is_done(&self) -> bool {
        self.other.is_done() && self.paced_chat.is_done()
    }

    fn progress(&self, now: Instant) -> (u64, u64) {
        self.other.progress(now)
    }
}
