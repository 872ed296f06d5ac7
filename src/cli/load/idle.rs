//! Many authenticated connections that say nothing.

use super::args::Idle as Options;
use super::chat::warm_up;
use super::crowd::{Gather, Hold, Part};
use super::engine::Engine;
use super::peer::Role;
use super::probe::Probe;
use super::report::Measured;

/// Plays the scenario.
pub(super) fn run(
    engine: &mut Engine,
    probe: &Probe,
    options: &Options,
) -> Result<Measured, String> {
    let users = options.connections;
    engine.show("connecting");
    let start = engine.now();
    let cpu = probe.cpu()?;
    let mut gather = Gather::new(engine, users, Role::Member, |user| user + 1);
    engine.run(&mut gather)?;
    let elapsed = engine.now().since(start);
    let cpu = probe.cpu_since(cpu)?;
    warm_up(engine, users, options.warm)?;
    let growth = probe.growth(gather.there)?;

    engine.show("holding");
    let still = probe.cpu()?;
    let mut hold = Hold::new(engine, options.hold.get());
    engine.run(&mut hold)?;
    let hold = probe.cpu_since(still)?.server.map(|cpu| (cpu, options.hold.get()));

    engine.show("closing");
    let mut part = Part::new(engine, users);
    engine.run(&mut part)?;
    Ok(Measured {
        connections: users,
        operations: gather.latency.count(),
        elapsed,
        latency: gather.latency,
        quiet: None,
        cpu,
        growth,
        hold,
    })
}
