//! A restart that sends thousands of clients away at once: how fast they are back.

use std::time::Duration;

use super::comer::Comer;
use super::errand::ComerState;
use super::late::SharedDistrust;
use super::return_counts::TurnCosts;
use super::returns::{ReturnWorld, Returns, process};
use super::scenario::{Mix, Scenario};
use super::world::Violation;
use crate::driver::Planted;
use crate::id::Rng;
use crate::protocol::CloseReason;
use crate::time::Instant;

/// The length of a turn.
const TURN: Duration = Duration::from_millis(2);
/// What letting one client in takes of a turn: 2,500 a second at most.
const ADMISSION: Duration = Duration::from_micros(400);
/// How long the server is configured to take for a restart.
const RESTART: Duration = Duration::from_secs(4);
/// So many come at once at first, of which the capacity is seen: they are in before anybody's time to
/// authenticate is over.
const FIRST: usize = 5_000;
/// When the others come, and how far apart: a little slower than the server could let them in.
const OTHERS_FROM: Duration = Duration::from_secs(4);
const APART: Duration = Duration::from_micros(500);
/// More time than any storm takes.
const LONGEST: Duration = Duration::from_secs(300);

/// Thousands of clients that come back after a restart.
///
/// The node, its turn, the governor and the history are those of the server. Simulated are the sockets, the
/// clock, and what a turn takes: 2 ms, 400 µs for each client that it lets in, and `closing` for each that it
/// sends away.
#[derive(Clone, Copy, Debug)]
pub struct ReturnStorm {
    /// How many clients there are.
    pub clients: usize,
    /// By how much the server overestimates its capacity when the drain begins.
    pub overestimated: u64,
    /// What closing a client takes of a turn.
    pub closing: Duration,
    /// How long after the end of a process the next one listens. `resume.restart` is 4 s.
    pub down: Duration,
    /// How many restarts there are. The last one is measured.
    pub restarts: u32,
    /// A fault planted in the node, in tests of the scenario.
    pub planted: Option<Planted>,
}

/// The measurements of such a storm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StormReturned {
    /// How many clients a second the server can let in, as measured when 5,000 came at once.
    pub capacity: f64,
    /// How long the restart took, from when the clients were told to go.
    pub away: Duration,
    /// The most attempts in any second.
    pub peak: u64,
    /// How many attempts there were in all.
    pub attempts: u64,
    /// How long after the server was back the last client was let in.
    pub last: Duration,
    /// The same of 99 in 100 clients.
    pub p99: Duration,
    /// How many were closed because they had not authenticated in time.
    pub timeouts: u64,
    /// How many went on where they were.
    pub resumed: u64,
    /// What the server takes its capacity for in the end.
    pub estimated: u64,
}

impl ReturnStorm {
    /// Runs the storm.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn run(&self, seed: u64) -> Result<StormReturned, Violation> {
        let plan = Returns {
            clients: self.clients,
            rooms: self.clients.div_ceil(10),
            length: LONGEST,
            planted: self.planted,
        };
        let scenario = self.scenario(seed);
        let server = process(scenario, seed << 16, SharedDistrust::default()).map_err(|error| {
            Violation { seed, step: 0, at: Instant::START, what: error.to_string() }
        })?;
        let mut world = ReturnWorld::with(plan, seed, server, seed);
        world.checks = false;
        world.costs = TurnCosts { admission: ADMISSION, closing: self.closing };
        let mut rng = Rng::new(seed);
        for (number, client) in world.clients.iter_mut().enumerate() {
            client.supports_resume = true;
            let after = match number.checked_sub(FIRST) {
                None => Duration::from_micros(rng.below(1_000)),
                Some(other) => OTHERS_FROM + APART * other as u32,
            };
            client.wake_at(&mut world.server.engine, Instant::START + after);
        }
        all_inside(&mut world)?;
        let first = world.clients.iter().take(FIRST).map(|client| client.inside_since);
        let (count, last) = (first.len(), first.max().unwrap_or_default());
        let capacity = count as f64 / last.since(Instant::START).as_secs_f64();
        if self.overestimated > 1 {
            let node = &mut world.server.node;
            node.set_capacity_per_second(node.capacity_per_second() * self.overestimated);
        }
        for _ in 1..self.restarts {
            self.restart(&mut world)?;
            all_inside(&mut world)?;
        }
        let before: u64 = world.clients.iter().map(|client| client.attempts).sum();
        let (told_at, up_at) = self.restart(&mut world)?;
        let last = all_inside(&mut world)?;
        let metrics = world.server.node.metrics();
        let after: u64 = world.clients.iter().map(|client| client.attempts).sum();
        Ok(StormReturned {
            capacity,
            away: up_at.since(told_at),
            peak: world.attempts.iter().copied().max().unwrap_or_default(),
            attempts: after - before,
            last: last.since(up_at),
            p99: all_but_a_hundredth_inside(&world).since(up_at),
            timeouts: metrics.closes(CloseReason::AuthTimeout),
            resumed: metrics.resumed,
            estimated: world.server.node.capacity_per_second(),
        })
    }

    /// Sends all clients away, and replaces the server. Returns when that began, and when it was back.
    fn restart(&self, world: &mut ReturnWorld) -> Result<(Instant, Instant), Violation> {
        // Where all clients support resuming, the drain has no length: it ends when it begins.
        let told_at = world.server.engine.now.monotonic;
        world.drain()?;
        let end = world.busy_until.max(world.server.engine.now.monotonic);
        world.run_until(end)?;
        let history = world.history();
        world.attempts.clear();
        world.replace_by(world.server.engine.scenario.clone(), self.down, Some(history))?;
        Ok((told_at, end + self.down))
    }

    fn scenario(&self, seed: u64) -> Scenario {
        let mut scenario = Scenario::drawn(seed);
        scenario.planted = self.planted;
        scenario.clients = Mix::default();
        scenario.turn = TURN;
        scenario.config.auth.jwks_file.clear();
        scenario.config.resume.restart = crate::config::Length::from_secs(RESTART.as_secs());
        let limits = &mut scenario.config.limits;
        limits.pending_per_turn = 64;
        limits.connections = 2 * self.clients;
        limits.pending = 2 * self.clients;
        limits.ping = crate::config::Length::from_secs(0);
        (limits.messages_per_minute, limits.auth_per_minute_per_user) = (0, 0);
        scenario
    }
}

/// Runs until every client is in its room: since when the last one is.
fn all_inside(world: &mut ReturnWorld) -> Result<Instant, Violation> {
    let end = world.server.engine.now.monotonic + LONGEST;
    let is_inside = |client: &Comer| client.state == ComerState::Inside;
    loop {
        let now = world.server.engine.now.monotonic;
        world.run_until(now + Duration::from_millis(250))?;
        if world.clients.iter().all(is_inside) {
            break;
        }
        if now > end {
            let outside = world.clients.iter().filter(|client| !is_inside(client)).count();
            world.server.engine.fail(format!("{outside} clients did not get through"));
            world.violation()?;
        }
    }
    Ok(world.clients.iter().map(|client| client.inside_since).max().unwrap_or_default())
}

/// Since when 99 in 100 clients are in their rooms.
fn all_but_a_hundredth_inside(world: &ReturnWorld) -> Instant {
    let mut inside: Vec<Instant> = world.clients.iter().map(|it| it.inside_since).collect();
    inside.sort_unstable();
    inside.get(inside.len() * 99 / 100).copied().unwrap_or_default()
}
