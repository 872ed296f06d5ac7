//! The surge scenario: pairs chat at a steady rate, first alone, then while silent sockets arrive.

use super::args::SurgeArgs;
use super::chat::warm_up;
use super::crowd::{CloseAll, ConnectAll};
use super::engine::LoadEngine;
use super::meter::ResourceMeter;
use super::paced_chat::{ChatBeside, PacedChat};
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
    // It ends when the last socket is upgraded. One that is closed by its timeout before is not replaced.
    let mut both = ChatBeside {
        paced_chat: PacedChat::new(start, users, options.rate),
        other: ConnectAll::silent(engine, users, options.sockets),
    };
    engine.run(&mut both)?;
    let elapsed = engine.now().since(start);
    let cpu = meter.cpu_since(cpu)?;

    engine.show("closing");
    let mut close_all = CloseAll::new(engine, users);
    engine.run(&mut close_all)?;
    let ChatBeside { paced_chat, other: connect_all } = both;
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
