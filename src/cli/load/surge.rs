//! The surge scenario: pairs chat at a steady rate, first alone, then while silent sockets arrive.

use vestibule::time::Instant;

use super::args::SurgeArgs;
use super::chat::warm_up;
use super::crowd::{CloseAll, ConnectAll};
use super::engine::{LoadEngine, Notice, Script};
use super::meter::ResourceMeter;
use super::mixed::PacedChat;
use super::peer::PeerRole;
use super::report::Measured;

/// Runs the scenario.
pub(super) fn run(
    engine: &mut LoadEngine,
    meter: &ResourceMeter,
    options: &SurgeArgs,
) -> Result<Measured, String> {
    let users = options.users();
    engine.show("connecting");
    let mut connect_all = ConnectAll::new(engine, users, PeerRole::Urgent, |user| user / 2 + 1);
    engine.run(&mut connect_all)?;
    warm_up(engine, users, 1)?;

    engine.show("chatting in quiet");
    let mut quiet = PacedChat::new(engine.now(), users, options.rate);
    quiet.end_at(engine.now() + options.quiet.get());
    engine.run(&mut quiet)?;

    engine.show("chatting while silent sockets come");
    let start = engine.now();
    let cpu = meter.cpu()?;
    let mut chat_in_surge = ChatInSurge {
        paced_chat: PacedChat::new(start, users, options.rate),
        connect_all: ConnectAll::silent(engine, users, options.sockets),
        users,
    };
    engine.run(&mut chat_in_surge)?;
    let elapsed = engine.now().since(start);
    let cpu = meter.cpu_since(cpu)?;

    engine.show("closing");
    let mut close_all = CloseAll::new(engine, users);
    engine.run(&mut close_all)?;
    let ChatInSurge { paced_chat, connect_all, .. } = chat_in_surge;
    Ok(Measured {
        connections: users + options.sockets,
        operations: paced_chat.latency.count() + u64::from(connect_all.there),
        elapsed,
        latency: paced_chat.latency,
        quiet: Some(quiet.latency),
        cpu,
        growth: None,
        others: None,
        hold: None,
        returned: None,
    })
}

/// Chat and arriving sockets at once, distinguished by their user numbers. The chat ends when the
/// last socket is upgraded. A socket that is closed by its timeout before that is not replaced.
#[derive(Debug)]
struct ChatInSurge {
    paced_chat: PacedChat,
    connect_all: ConnectAll,
    users: u32,
}

impl Script for ChatInSurge {
    fn on_notice(&mut self, engine: &mut LoadEngine, user: u32, notice: Notice, now: Instant) {
        if user < self.users {
            self.paced_chat.on_notice(engine, user, notice, now);
            return;
        }
        self.connect_all.on_notice(engine, user, notice, now);
        if self.connect_all.is_done() {
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
        self.connect_all.is_done() && self.paced_chat.is_done()
    }

    fn progress(&self, now: Instant) -> (u64, u64) {
        self.connect_all.progress(now)
    }
}
