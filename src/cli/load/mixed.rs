//! The mixed scenario: chat at a steady rate, first alone, then during a storm among silent
//! sockets.

use vestibule::time::Instant;

use super::args::MixedArgs;
use super::chat::warm_up;
use super::crowd::{CloseAll, ConnectAll};
use super::engine::{LoadEngine, Notice, Script};
use super::meter::ResourceMeter;
use super::paced_chat::{ChatBeside, PacedChat};
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
    let storm = StormScript::new(engine, users, options.storm, concurrency);
    let mut both = ChatBeside {
        paced_chat: PacedChat::new(start, users, options.rate),
        other: StormAmongSilent { storm, first_silent },
    };
    engine.run(&mut both)?;
    let elapsed = engine.now().since(start);
    let cpu = meter.cpu_since(cpu)?;

    engine.show("closing");
    let mut close_all = CloseAll::new(engine, users);
    engine.run(&mut close_all)?;
    let ChatBeside { paced_chat, other: StormAmongSilent { storm, .. } } = both;
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

/// A storm among silent sockets, distinguished by their user numbers.
#[derive(Debug)]
struct StormAmongSilent {
    storm: StormScript,
    first_silent: u32,
}

impl Script for StormAmongSilent {
    fn on_notice(&mut self, engine: &mut LoadEngine, user: u32, notice: Notice, now: Instant) {
        if user < self.first_silent {
            self.storm.on_notice(engine, user, notice, now);
        } else if matches!(notice, Notice::Ended { .. }) && !self.storm.is_done() {
            engine.open(Visit { user, room: user + 1, role: PeerRole::Silent });
        }
    }

    fn is_done(&self) -> bool {
        self.storm.is_done()
    }

    fn progress(&self, now: Instant) -> (u64, u64) {
        self.storm.progress(now)
    }
}
