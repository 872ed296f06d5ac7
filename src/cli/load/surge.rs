//! Pairs that chat at a steady rate, in quiet and then while silent sockets pour in.

use vestibule::time::Instant;

use super::args::Surge as Options;
use super::chat::warm_up;
use super::crowd::{Gather, Part};
use super::engine::{Engine, Notice, Script};
use super::mixed::Paced;
use super::peer::Role;
use super::probe::Probe;
use super::report::Measured;

/// Plays the scenario.
pub(super) fn run(
    engine: &mut Engine,
    probe: &Probe,
    options: &Options,
) -> Result<Measured, String> {
    let users = options.users();
    engine.show("connecting");
    let mut gather = Gather::new(engine, users, Role::Urgent, |user| user / 2 + 1);
    engine.run(&mut gather)?;
    warm_up(engine, users, 1)?;

    engine.show("chatting in quiet");
    let mut quiet = Paced::new(engine.now(), users, options.rate);
    quiet.end_at(engine.now() + options.quiet.get());
    engine.run(&mut quiet)?;

    engine.show("chatting while silent sockets come");
    let start = engine.now();
    let cpu = probe.cpu()?;
    let mut arrivals = Arrivals {
        paced: Paced::new(start, users, options.rate),
        gather: Gather::silent(engine, users, options.sockets),
        users,
    };
    engine.run(&mut arrivals)?;
    let elapsed = engine.now().since(start);
    let cpu = probe.cpu_since(cpu)?;

    engine.show("closing");
    let mut part = Part::new(engine, users);
    engine.run(&mut part)?;
    let Arrivals { paced, gather, .. } = arrivals;
    Ok(Measured {
        connections: users + options.sockets,
        operations: paced.latency.count() + u64::from(gather.there),
        elapsed,
        latency: paced.latency,
        quiet: Some(quiet.latency),
        cpu,
        growth: None,
        hold: None,
    })
}

/// Chat and arrivals at once, told apart by their users' numbers. The chat ends when the last socket
/// is upgraded. A socket that a slow server closes meanwhile, its time being over, is not replaced.
#[derive(Debug)]
struct Arrivals {
    paced: Paced,
    gather: Gather,
    users: u32,
}

impl Script for Arrivals {
    fn on_notice(&mut self, engine: &mut Engine, user: u32, notice: Notice, now: Instant) {
        if user < self.users {
            self.paced.on_notice(engine, user, notice, now);
            return;
        }
        self.gather.on_notice(engine, user, notice, now);
        if self.gather.is_done() {
            self.paced.end_at(now);
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        self.paced.wake_at()
    }

    fn on_wake(&mut self, engine: &mut Engine, now: Instant) {
        self.paced.on_wake(engine, now);
    }

    fn is_done(&self) -> bool {
        self.gather.is_done() && self.paced.is_done()
    }

    fn progress(&self, now: Instant) -> (u64, u64) {
        self.gather.progress(now)
    }
}
