//! Scenarios of connections that send nothing: authenticated ones, and ones that never
//! authenticate.

use std::time::Duration;

use vestibule::time::Instant;

use super::args::{IdleArgs, PendingArgs};
use super::chat::warm_up;
use super::crowd::{CloseAll, ConnectAll, Hold, elapsed};
use super::engine::{LoadEngine, Notice, Script};
use super::figures::Latency;
use super::meter::ResourceMeter;
use super::peer::PeerRole;
use super::report::Measured;

/// Runs the idle scenario: authenticated connections that send nothing.
pub(super) fn run_idle(
    engine: &mut LoadEngine,
    meter: &ResourceMeter,
    options: &IdleArgs,
) -> Result<Measured, String> {
    let users = options.connections;
    engine.show("connecting");
    let start = engine.now();
    let cpu = meter.cpu()?;
    let mut connect_all = ConnectAll::new(engine, users, PeerRole::Member, |user| user + 1);
    engine.run(&mut connect_all)?;
    let elapsed = engine.now().since(start);
    let cpu = meter.cpu_since(cpu)?;
    warm_up(engine, users, options.warm)?;
    let growth = meter.growth(connect_all.there)?;

    engine.show("holding");
    let still = meter.cpu()?;
    let mut hold = Hold::new(engine, options.hold.get());
    engine.run(&mut hold)?;
    let hold = meter.cpu_since(still)?.server.map(|cpu| (cpu, options.hold.get()));

    engine.show("closing");
    let mut close_all = CloseAll::new(engine, users);
    engine.run(&mut close_all)?;
    Ok(Measured {
        connections: users,
        operations: connect_all.latency.count(),
        elapsed,
        latency: connect_all.latency,
        quiet: None,
        cpu,
        growth,
        others: None,
        hold,
        returned: None,
    })
}

/// Runs the pending scenario: sockets that upgrade and never authenticate.
pub(super) fn run_pending(
    engine: &mut LoadEngine,
    meter: &ResourceMeter,
    options: &PendingArgs,
) -> Result<Measured, String> {
    let sockets = options.connections;
    engine.show("opening silent sockets");
    let start = engine.now();
    let cpu = meter.cpu()?;
    let connect_all = ConnectAll::silent(engine, 0, sockets);
    let mut watch = TimeoutWatch::new(connect_all, options.auth_timeout.get(), sockets);
    engine.run(&mut watch)?;
    // Sockets that are closed already distort this only if opening them took a whole timeout.
    let growth = meter.growth(watch.there)?;

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
        cpu: meter.cpu_since(cpu)?,
        growth,
        others: None,
        hold: None,
        returned: None,
    })
}

/// When a socket sent its upgrade request, and when it was upgraded.
#[derive(Clone, Copy, Debug, Default)]
struct SocketTimes {
    requested: Instant,
    upgraded: Instant,
}

/// Opens the sockets, then waits until all are closed.
#[derive(Debug)]
struct TimeoutWatch {
    connect_all: ConnectAll,
    is_up: bool,
    from: Instant,
    timeout: Duration,
    times: Vec<SocketTimes>,
    there: u32,
    ended: u32,
    early: u64,
    latency: Latency,
}

impl TimeoutWatch {
    fn new(connect_all: ConnectAll, timeout: Duration, sockets: u32) -> Self {
        Self {
            connect_all,
            is_up: false,
            from: Instant::START,
            timeout,
            times: vec![SocketTimes::default(); sockets as usize],
            there: 0,
            ended: 0,
            early: 0,
            latency: Latency::new(),
        }
    }

    /// Records how late the close is. Whether it is early is measured from the request, which is
    /// never later than the start of the server's timeout; this process may read the 101 late. A
    /// server that counts from its accept is granted that difference.
    fn on_timed_out(&mut self, user: u32, now: Instant) {
        let Some(times) = self.times.get(user as usize) else { return };
        if now.since(times.requested) + TOLERANCE < self.timeout {
            self.early += 1;
        }
        self.latency.record(now.since(times.upgraded).saturating_sub(self.timeout));
    }
}

impl Script for TimeoutWatch {
    fn on_notice(&mut self, engine: &mut LoadEngine, user: u32, notice: Notice, now: Instant) {
        match notice {
            Notice::Upgraded { requested } => {
                self.there += 1;
                if let Some(times) = self.times.get_mut(user as usize) {
                    *times = SocketTimes { requested, upgraded: now };
                }
            }
            Notice::TimedOut => self.on_timed_out(user, now),
            Notice::Ended { .. } => self.ended += 1,
            _ => {}
        }
        self.connect_all.on_notice(engine, user, notice, now);
    }

    fn is_done(&self) -> bool {
        if self.is_up {
            self.ended as usize >= self.times.len()
        } else {
            self.connect_all.is_done()
        }
    }

    fn progress(&self, now: Instant) -> (u64, u64) {
        if self.is_up {
            elapsed(self.from, self.from + self.timeout, now)
        } else {
            self.connect_all.progress(now)
        }
    }
}

const TOLERANCE: Duration = Duration::from_millis(1);
