//! The mixed scenario: chat at a steady rate, first alone, then during a storm among silent
//! sockets.

use std::time::Duration;

use vestibule::time::Instant;

use super::args::MixedArgs;
use super::chat::warm_up;
use super::crowd::{CloseAll, ConnectAll, elapsed};
use super::engine::{LoadEngine, Notice, Script};
use super::figures::Latency;
use super::meter::ResourceMeter;
use super::peer::{PeerRole, Visit};
use super::report::Measured;
use super::storm::StormScript;

/// Runs the scenario.
pub(super) fn run(
    engine: &mut LoadEngine,
    meter: &ResourceMeter,
    options: &MixedArgs,
    concurrency: u32,
) -> Result<Measured, String> {
    let users = options.connections;
    engine.show("connecting");
    let mut connect_all = ConnectAll::new(engine, users, PeerRole::Urgent, |user| user + 1);
    engine.run(&mut connect_all)?;
    warm_up(engine, users, 1)?;

    engine.show("chatting in quiet");
    let mut quiet = PacedChat::new(engine.now(), users, options.rate);
    quiet.end_at(engine.now() + options.quiet.get());
    engine.run(&mut quiet)?;

    engine.show("opening silent sockets");
    let first_silent = users + options.storm;
    let mut connect_all = ConnectAll::silent(engine, first_silent, options.silent);
    engine.run(&mut connect_all)?;
    let growth = meter.growth(users + options.silent)?;

    engine.show("chatting in the storm");
    let start = engine.now();
    let cpu = meter.cpu()?;
    let mut chat_in_storm = ChatInStorm {
        paced_chat: PacedChat::new(start, users, options.rate),
        storm: StormScript::new(engine, users, options.storm, concurrency),
        first_silent,
    };
    engine.run(&mut chat_in_storm)?;
    let elapsed = engine.now().since(start);
    let cpu = meter.cpu_since(cpu)?;

    engine.show("closing");
    let mut close_all = CloseAll::new(engine, users);
    engine.run(&mut close_all)?;
    let ChatInStorm { paced_chat, storm, .. } = chat_in_storm;
    Ok(Measured {
        connections: users + options.silent,
        operations: paced_chat.latency.count() + storm.latency.count(),
        elapsed,
        latency: paced_chat.latency,
        quiet: Some(quiet.latency),
        cpu,
        growth,
        others: None,
        hold: None,
        returned: None,
    })
}

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

/// Chat, storm and silent sockets at once, distinguished by their user numbers. The chat ends with
/// the storm.
#[derive(Debug)]
struct ChatInStorm {
    paced_chat: PacedChat,
    storm: StormScript,
    first_silent: u32,
}

impl Script for ChatInStorm {
    fn on_notice(&mut self, engine: &mut LoadEngine, user: u32, notice: Notice, now: Instant) {
        if user < self.paced_chat.users {
            self.paced_chat.on_notice(engine, user, notice, now);
        } else if user < self.first_silent {
            self.storm.on_notice(engine, user, notice, now);
            if self.storm.is_done() {
                self.paced_chat.end_at(now);
            }
        } else if matches!(notice, Notice::Ended { .. }) && !self.storm.is_done() {
            engine.open(Visit { user, room: user + 1, role: PeerRole::Silent });
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        self.paced_chat.wake_at()
    }

    fn on_wake(&mut self, engine: &mut LoadEngine, now: Instant) {
        self.paced_chat.on_wake(engine, now);
    }

    fn is_done(&self) -> bool {
        self.storm.is_done() && self.paced_chat.is_done()
    }

    fn progress(&self, now: Instant) -> (u64, u64) {
        self.storm.progress(now)
    }
}
