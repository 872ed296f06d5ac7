//! The storm scenario: connect, authenticate and close, as fast as possible.

use vestibule::time::Instant;

use super::args::StormArgs;
use super::engine::{LoadEngine, Notice, Script};
use super::figures::Latency;
use super::meter::ResourceMeter;
use super::peer::{PeerRole, Visit};
use super::report::Measured;

/// Runs the scenario.
pub(super) fn run(
    engine: &mut LoadEngine,
    meter: &ResourceMeter,
    options: &StormArgs,
    concurrency: u32,
) -> Result<Measured, String> {
    let mut first = 0;
    if options.resume {
        engine.show("collecting tickets");
        engine.keep_tickets(options.connections)?;
        let mut storm = StormScript::new(engine, first, options.connections, concurrency);
        engine.run(&mut storm)?;
        // A token is used once, so each TLS client comes back as another user.
        first = options.connections;
    }
    engine.show("storming");
    let start = engine.now();
    let cpu = meter.cpu()?;
    let mut storm = StormScript::new(engine, first, options.connections, concurrency);
    storm.resumes = options.resume;
    engine.run(&mut storm)?;
    let elapsed = engine.now().since(start);
    Ok(Measured {
        connections: options.connections,
        operations: storm.latency.count(),
        elapsed,
        latency: storm.latency,
        quiet: None,
        cpu: meter.cpu_since(cpu)?,
        growth: None,
        others: None,
        hold: None,
        returned: None,
    })
}

/// Connects clients, a bounded number at a time: the next one connects when one has ended.
#[derive(Debug)]
pub(super) struct StormScript {
    first: u32,
    count: u32,
    opened: u32,
    ended: u32,
    /// Whether a full handshake is a failure.
    resumes: bool,
    /// TCP connect to acknowledgement.
    pub(super) latency: Latency,
}

impl StormScript {
    /// Connects `count` users from number `first`, each in its own room.
    pub(super) fn new(engine: &mut LoadEngine, first: u32, count: u32, concurrency: u32) -> Self {
        let latency = Latency::new();
        let mut storm = Self { first, count, opened: 0, ended: 0, resumes: false, latency };
        for _ in 0..concurrency.max(1) {
            storm.open_next(engine);
        }
        storm
    }

    fn open_next(&mut self, engine: &mut LoadEngine) {
        if self.opened < self.count {
            let user = self.first + self.opened;
            self.opened += 1;
            engine.open(Visit { user, room: user + 1, role: PeerRole::Member });
        }
    }
}

impl Script for StormScript {
    fn on_notice(&mut self, engine: &mut LoadEngine, user: u32, notice: Notice, now: Instant) {
        match notice {
            Notice::Acknowledged { started } => {
                self.latency.record(now.since(started));
                if self.resumes && !engine.has_resumed(user) {
                    engine.failures().add("a full TLS handshake despite a ticket".to_owned());
                }
                engine.close(user, now);
            }
            Notice::Ended { .. } => {
                self.ended += 1;
                self.open_next(engine);
            }
            _ => {}
        }
    }

    fn is_done(&self) -> bool {
        self.ended >= self.count
    }

    fn progress(&self, _now: Instant) -> (u64, u64) {
        (self.ended.into(), self.count.into())
    }
}
