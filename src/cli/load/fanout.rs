//! The fan-out scenario: one client sends to a room of many, and others may chat elsewhere.

use vestibule::time::Instant;

use super::args::FanoutArgs;
use super::crowd::{CloseAll, ConnectAll, elapsed};
use super::engine::{LoadEngine, Notice, Script};
use super::figures::Latency;
use super::meter::ResourceMeter;
use super::paced_chat::{ChatBeside, PacedChat};
use super::peer::PeerRole;
use super::report::Measured;

/// Runs the scenario.
pub(super) fn run(
    engine: &mut LoadEngine,
    meter: &ResourceMeter,
    options: &FanoutArgs,
) -> Result<Measured, String> {
    let users = options.connections;
    engine.show("filling the room");
    let mut connect_all = ConnectAll::new(engine, users, PeerRole::Member, |_| 1);
    engine.run(&mut connect_all)?;
    engine.show("warming up");
    let now = engine.now();
    let mut round = FanoutRounds::new(engine, users, now);
    engine.run(&mut round)?;
    let growth = meter.growth(users)?;

    engine.show("fanning out");
    let start = engine.now();
    let cpu = meter.cpu()?;
    let mut rounds = FanoutRounds::new(engine, users, start + options.duration.get());
    engine.run(&mut rounds)?;
    let elapsed = engine.now().since(start);
    let cpu = meter.cpu_since(cpu)?;

    let others = match options.others {
        0 => None,
        _ => Some(chat_of_others(engine, options)?),
    };

    engine.show("closing");
    let mut close_all = CloseAll::new(engine, users + options.others);
    engine.run(&mut close_all)?;
    let (quiet, others) = others.unzip();
    Ok(Measured {
        connections: users + options.others,
        operations: rounds.latency.count(),
        elapsed,
        latency: rounds.latency,
        quiet,
        cpu,
        growth,
        others,
        hold: None,
        returned: None,
    })
}

/// The latency of chat in other rooms: in quiet, and while the room gets messages. Its users are
/// urgent: they do not wait in this process behind the room's members.
fn chat_of_others(
    engine: &mut LoadEngine,
    options: &FanoutArgs,
) -> Result<(Latency, Latency), String> {
    let (first, count) = (options.connections, options.others);
    engine.show("connecting the others");
    let mut connect_all =
        ConnectAll::users(engine, (first, count), PeerRole::Urgent, |user| user + 2);
    engine.run(&mut connect_all)?;

    engine.show("chatting in quiet");
    let chat = |start| PacedChat::new(start, count, options.rate).starting_at(first);
    // The first messages of a connection cost more: they are sent before anything is measured.
    let mut quiet = chat(engine.now());
    for length in [options.quiet.get() / 4, options.quiet.get()] {
        quiet = chat(engine.now());
        quiet.end_at(engine.now() + length);
        engine.run(&mut quiet)?;
    }

    engine.show("chatting during the fan-out");
    let start = engine.now();
    let mut both = ChatBeside {
        paced_chat: chat(start),
        other: FanoutRounds::new(engine, first, start + options.duration.get()),
    };
    engine.run(&mut both)?;
    Ok((quiet.latency, both.paced_chat.latency))
}

/// The first user sends. The next round begins when the message is delivered to all others and
/// answered.
#[derive(Debug)]
struct FanoutRounds {
    start: Instant,
    end: Instant,
    listeners: u32,
    sent: Instant,
    undelivered: u32,
    is_answered: bool,
    is_over: bool,
    latency: Latency,
}

const SPEAKER: u32 = 0;

impl FanoutRounds {
    /// Runs at least one round, and begins none after `end`.
    fn new(engine: &mut LoadEngine, users: u32, end: Instant) -> Self {
        let start = engine.now();
        let ready = (0..users).filter(|user| engine.is_ready(*user)).count();
        let mut rounds = Self {
            start,
            end,
            listeners: u32::try_from(ready).unwrap_or(u32::MAX).saturating_sub(1),
            sent: start,
            undelivered: 0,
            is_answered: false,
            is_over: false,
            latency: Latency::new(),
        };
        rounds.send(engine, start);
        rounds
    }

    fn send(&mut self, engine: &mut LoadEngine, now: Instant) {
        self.sent = now;
        self.undelivered = self.listeners;
        self.is_answered = false;
        self.is_over = !engine.chat(SPEAKER, now);
    }

    fn go_on(&mut self, engine: &mut LoadEngine, now: Instant) {
        if self.undelivered > 0 || !self.is_answered {
            return;
        }
        if now < self.end {
            self.send(engine, now);
        } else {
            self.is_over = true;
        }
    }
}

impl Script for FanoutRounds {
    fn on_notice(&mut self, engine: &mut LoadEngine, _user: u32, notice: Notice, now: Instant) {
        match notice {
            Notice::Delivered if self.undelivered > 0 => {
                self.latency.record(now.since(self.sent));
                self.undelivered -= 1;
                self.go_on(engine, now);
            }
            Notice::Delivered => engine.failures().add("a message delivered twice".to_owned()),
            Notice::Answered { .. } => {
                self.is_answered = true;
                self.go_on(engine, now);
            }
            // The room is incomplete, so measuring it further would be meaningless. It is counted
            // as a failure already.
            Notice::Refused | Notice::Ended { .. } => self.is_over = true,
            _ => {}
        }
    }

    fn is_done(&self) -> bool {
        self.is_over
    }

    fn progress(&self, now: Instant) -> (u64, u64) {
        elapsed(self.start, self.end, now)
    }
}
