//! The chat scenario, a closed loop: each user sends, waits for the answer, and sends again.

use std::collections::VecDeque;
use std::time::Duration;

use vestibule::time::Instant;

use super::args::ChatArgs;
use super::crowd::{CloseAll, ConnectAll, elapsed};
use super::engine::{LoadEngine, Notice, Script};
use super::figures::Latency;
use super::meter::ResourceMeter;
use super::peer::PeerRole;
use super::report::Measured;

/// Runs the scenario.
pub(super) fn run(
    engine: &mut LoadEngine,
    meter: &ResourceMeter,
    options: &ChatArgs,
) -> Result<Measured, String> {
    let users = options.connections;
    engine.show("connecting");
    let room = |user| if options.rooms == 0 { user + 1 } else { user % options.rooms + 1 };
    let mut connect_all = ConnectAll::new(engine, users, PeerRole::Member, room);
    engine.run(&mut connect_all)?;
    warm_up(engine, users, 1)?;
    let growth = meter.growth(users)?;

    engine.show("chatting");
    let start = engine.now();
    let cpu = meter.cpu()?;
    let limit = match options.operations {
        Some(operations) => Limit::Messages(operations),
        None => Limit::Until(start + options.duration.get()),
    };
    let mut loops = ChatLoops::new(engine, users, limit, options.think.get());
    engine.run(&mut loops)?;
    let elapsed = engine.now().since(start);
    let cpu = meter.cpu_since(cpu)?;

    engine.show("closing");
    let mut close_all = CloseAll::new(engine, users);
    engine.run(&mut close_all)?;
    Ok(Measured {
        connections: users,
        operations: loops.latency.count(),
        elapsed,
        latency: loops.latency,
        quiet: None,
        cpu,
        growth,
        others: None,
        hold: None,
        returned: None,
    })
}

/// Runs `rounds` rounds. In each, every one of the first `users` sends a message, and all answers
/// are awaited.
pub(super) fn warm_up(engine: &mut LoadEngine, users: u32, rounds: u32) -> Result<(), String> {
    engine.show("warming up");
    for _ in 0..rounds {
        let mut round =
            ChatLoops::new(engine, users, Limit::Messages(users.into()), Duration::ZERO);
        engine.run(&mut round)?;
    }
    Ok(())
}

/// When the users stop sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Until(Instant),
    Messages(u64),
}

/// The loops of all users.
#[derive(Debug)]
struct ChatLoops {
    start: Instant,
    limit: Limit,
    sent: u64,
    unanswered: u64,
    think: Duration,
    /// The users that pause, with the end of their pause; the earliest first.
    thinking: VecDeque<(Instant, u32)>,
    latency: Latency,
}

impl ChatLoops {
    fn new(engine: &mut LoadEngine, users: u32, limit: Limit, think: Duration) -> Self {
        let start = engine.now();
        let mut loops = Self {
            start,
            limit,
            sent: 0,
            unanswered: 0,
            think,
            thinking: VecDeque::new(),
            latency: Latency::new(),
        };
        for user in 0..users {
            let now = engine.now();
            loops.send(engine, user, now);
        }
        loops
    }

    fn may_send(&self, now: Instant) -> bool {
        match self.limit {
            Limit::Until(end) => now < end,
            Limit::Messages(all) => self.sent < all,
        }
    }

    fn send(&mut self, engine: &mut LoadEngine, user: u32, now: Instant) {
        if self.may_send(now) && engine.chat(user, now) {
            self.sent += 1;
            self.unanswered += 1;
        }
    }

    fn go_on(&mut self, engine: &mut LoadEngine, user: u32, now: Instant) {
        self.unanswered = self.unanswered.saturating_sub(1);
        if self.think.is_zero() {
            self.send(engine, user, now);
        } else if self.may_send(now + self.think) {
            self.thinking.push_back((now + self.think, user));
        }
    }
}

impl Script for ChatLoops {
    fn on_notice(&mut self, engine: &mut LoadEngine, user: u32, notice: Notice, now: Instant) {
        match notice {
            Notice::Answered { due } => {
                self.latency.record(now.since(due));
                self.go_on(engine, user, now);
            }
            Notice::Refused => self.go_on(engine, user, now),
            Notice::Ended { unanswered } => {
                self.unanswered = self.unanswered.saturating_sub(unanswered.into());
            }
            _ => {}
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        self.thinking.front().map(|(at, _)| *at)
    }

    fn on_wake(&mut self, engine: &mut LoadEngine, now: Instant) {
        while let Some(&(at, user)) = self.thinking.front().filter(|(at, _)| *at <= now) {
            self.thinking.pop_front();
            self.send(engine, user, at);
        }
    }

    fn is_done(&self) -> bool {
        self.unanswered == 0 && self.thinking.is_empty()
    }

    fn progress(&self, now: Instant) -> (u64, u64) {
        match self.limit {
            Limit::Until(end) => elapsed(self.start, end, now),
            Limit::Messages(all) => (self.sent - self.unanswered, all),
        }
    }
}
