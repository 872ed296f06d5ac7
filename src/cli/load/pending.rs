//! Sockets that upgrade and never authenticate.

use std::time::Duration;

use vestibule::time::Instant;

use super::args::Pending as Options;
use super::crowd::{Gather, elapsed};
use super::engine::{Engine, Notice, Script};
use super::probe::Probe;
use super::report::{Latency, Measured};

/// Plays the scenario.
pub(super) fn run(
    engine: &mut Engine,
    probe: &Probe,
    options: &Options,
) -> Result<Measured, String> {
    let sockets = options.connections;
    engine.show("opening silent sockets");
    let start = engine.now();
    let cpu = probe.cpu()?;
    let gather = Gather::silent(engine, 0, sockets);
    let mut watch = Watch::new(gather, options.auth_timeout.get(), sockets);
    engine.run(&mut watch)?;
    // Those closed already are missed by this number only when opening took a whole time-out.
    let growth = probe.growth(watch.there)?;

    engine.show("waiting for the closes");
    watch.is_up = true;
    watch.from = start;
    engine.run(&mut watch)?;
    let early = watch.early;
    if early > 0 {
        engine.failures().add_many("closed before --auth-timeout".to_owned(), early);
    }
    Ok(Measured {
        connections: sockets,
        operations: watch.latency.count(),
        elapsed: engine.now().since(start),
        latency: watch.latency,
        quiet: None,
        cpu: probe.cpu_since(cpu)?,
        growth,
        hold: None,
    })
}

/// When each was upgraded and asked to be.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    requested: Instant,
    upgraded: Instant,
}

/// First until all are there, then until all are gone.
#[derive(Debug)]
struct Watch {
    gather: Gather,
    is_up: bool,
    from: Instant,
    timeout: Duration,
    times: Vec<Times>,
    there: u32,
    ended: u32,
    early: u64,
    latency: Latency,
}

impl Watch {
    fn new(gather: Gather, timeout: Duration, sockets: u32) -> Self {
        Self {
            gather,
            is_up: false,
            from: Instant::START,
            timeout,
            times: vec![Times::default(); sockets as usize],
            there: 0,
            ended: 0,
            early: 0,
            latency: Latency::new(),
        }
    }

    /// Early is judged from the request, which cannot be later than the server's own start of the
    /// time-out, as the 101 can be when this process reads it late; a server that counts from its
    /// accept is forgiven that difference.
    fn on_timed_out(&mut self, user: u32, now: Instant) {
        let Some(times) = self.times.get(user as usize) else { return };
        if now.since(times.requested) + TOLERANCE < self.timeout {
            self.early += 1;
        }
        self.latency.record(now.since(times.upgraded).saturating_sub(self.timeout));
    }
}

impl Script for Watch {
    fn on_notice(&mut self, engine: &mut Engine, user: u32, notice: Notice, now: Instant) {
        match notice {
            Notice::Upgraded { requested } => {
                self.there += 1;
                if let Some(times) = self.times.get_mut(user as usize) {
                    *times = Times { requested, upgraded: now };
                }
            }
            Notice::TimedOut => self.on_timed_out(user, now),
            Notice::Ended { .. } => self.ended += 1,
            _ => {}
        }
        self.gather.on_notice(engine, user, notice, now);
    }

    fn is_done(&self) -> bool {
        if self.is_up { self.ended as usize >= self.times.len() } else { self.gather.is_done() }
    }

    fn progress(&self, now: Instant) -> (u64, u64) {
        if self.is_up {
            elapsed(self.from, self.from + self.timeout, now)
        } else {
            self.gather.progress(now)
        }
    }
}

const TOLERANCE: Duration = Duration::from_millis(1);
