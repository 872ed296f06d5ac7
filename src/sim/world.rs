//! A world: clients and a node, from a seed to a report.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, mem};

use super::app::{AppControl, RandomApp, SharedAppControl};
use super::attackers;
use super::chaos;
use super::client::{Client, Kind};
use super::driver::SimServer;
use super::engine::{Engine, TimedEvent};
use super::frugal;
use super::hostile;
use super::scenario::{Attack, Mix, Scenario};
use super::served::ServedWork;
use super::trace::TraceEvent;
use crate::auth::KeyError;
use crate::id::Rng;
use crate::node::app::App;
use crate::node::{Metrics, Usage};
use crate::shares::rivalry::{RivalQueue, Rivalry};
use crate::time::Instant;

/// How long honest clients have to get through after the faults end. The node may keep a lost
/// connection for 90 s, and a client that was refused for that may wait another minute.
const HEALING: Duration = Duration::from_secs(210);
/// After that, clients send no new messages, so that open ones are answered.
const CALM: Duration = Duration::from_secs(30);
/// The time after the drain: the linger of peers that do not answer, and a margin.
const LINGER: Duration = Duration::from_secs(5);
/// More turns than this without time passing are an endless loop.
const MAX_TURNS_AT_ONCE: u32 = 100_000;

/// An invariant that was violated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The world's seed. The same seed and scenario fail in the same way.
    pub seed: u64,
    /// How many steps the world ran before.
    pub step: u64,
    /// The virtual time.
    pub at: Instant,
    /// Which invariant was violated, and how.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, step, at, what } = self;
        let seconds = at.as_micros() as f64 / 1e6;
        write!(f, "seed {seed}, step {step}, {seconds:.6} s: {what}")
    }
}

impl std::error::Error for Violation {}

/// The result of a world that kept every invariant.
#[derive(Clone, Debug)]
pub struct Report {
    /// The world's seed.
    pub seed: u64,
    /// How many steps the world ran.
    pub steps: u64,
    /// The hash of all events, the same for the same seed and scenario.
    pub trace: u64,
    /// The node's metrics.
    pub metrics: Metrics,
    /// How often each of the bounded memories forgot something early.
    pub evictions: [(&'static str, u64); 5],
    /// The most units of pending work that an authenticated connection's bytes waited behind.
    pub longest_wait: u64,
    /// How often a frugal client's bytes waited in a world of crowds.
    pub crowd_waits: u64,
}

/// Clients, a network, a clock and a node, all determined by a seed.
pub struct World {
    seed: u64,
    steps: u64,
    server: SimServer,
    clients: Vec<Client>,
    busy_until: Instant,
    turns_at_once: u32,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, steps, clients, .. } = self;
        f.debug_struct("World")
            .field("seed", seed)
            .field("steps", steps)
            .field("clients", &clients.len())
            .finish_non_exhaustive()
    }
}

impl World {
    /// The world of `seed`, with the simulator's own application.
    ///
    /// # Errors
    /// [`KeyError`]: never, because the drawn scenario has a secret.
    pub fn new(seed: u64) -> Result<Self, KeyError> {
        Self::with(Scenario::drawn(seed), seed)
    }

    /// A world of `scenario` with the simulator's own application, which answers at once, from a
    /// worker, from outside, late, or never.
    ///
    /// # Errors
    /// [`KeyError`] when the scenario's configuration has no usable secret.
    pub fn with(scenario: Scenario, seed: u64) -> Result<Self, KeyError> {
        let control = SharedAppControl::default();
        control.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_healed =
            !scenario.faults;
        let app = RandomApp::new(seed, Arc::clone(&control));
        Self::build(scenario, seed, Box::new(app), control, None)
    }

    /// A world of `scenario` with your application. It must admit honest clients, and answer at
    /// once or from a worker: the simulator does not answer [`Held`] questions for it.
    ///
    /// [`Held`]: crate::node::app::Reply::Held
    ///
    /// # Errors
    /// [`KeyError`] when the scenario's configuration has no usable secret.
    pub fn with_app(scenario: Scenario, seed: u64, app: Box<dyn App>) -> Result<Self, KeyError> {
        Self::build(scenario, seed, app, SharedAppControl::default(), None)
    }

    /// A world of `scenario` whose messages wait in `queue`, for as many threads as `rivalry` says.
    #[cfg_attr(not(test), expect(dead_code, reason = "for tests of those who own a queue"))]
    pub(super) fn with_queue(
        scenario: Scenario,
        seed: u64,
        queue: Box<dyn RivalQueue>,
        rivalry: Rivalry,
    ) -> Result<Self, KeyError> {
        let control = AppControl { is_healed: true, is_served: true, ..AppControl::default() };
        let control = SharedAppControl::new(control.into());
        let app = RandomApp::new(seed, Arc::clone(&control));
        let served = ServedWork::new(queue, rivalry);
        Self::build(scenario, seed, Box::new(app), control, Some(served))
    }

    fn build(
        scenario: Scenario,
        seed: u64,
        app: Box<dyn App>,
        control: SharedAppControl,
        served: Option<ServedWork>,
    ) -> Result<Self, KeyError> {
        let Scenario { clients: mix, rooms, length, faults, disturbances, .. } = scenario;
        let attack = |n| match (served.is_some(), scenario.crowds, scenario.rivals) {
            (true, ..) => Attack::Work,
            (_, true, _) => Attack::Crowd,
            (.., true) => attackers::of_rivals(seed),
            _ => attackers::numbered(seed, n),
        };
        let kinds: Vec<_> = kinds(mix, attack).collect();
        let mut server = SimServer::new(scenario, seed, app, control)?;
        let engine = &mut server.engine;
        engine.served = served;
        if engine.issuer.is_some() {
            engine.at(Instant::START, TimedEvent::Fetch);
        }
        let mut rng = Rng::new(seed);
        let mut clients = Vec::new();
        for (kind, count) in kinds {
            for _ in 0..count {
                let number = clients.len();
                let mut client = Client::new(number, kind, rooms, rng.next_u64());
                if disturbances || mix.greedy > 0 {
                    // Two honest clients share an address, as they share a user.
                    let unique = if kind.is_honest() { number / 2 } else { 256 + number };
                    engine.addresses.push(Ipv4Addr::from(0xc612_0000 + unique as u32));
                }
                let pause = client.millis(0, 10_000);
                client.wake_after(engine, pause);
                clients.push(client);
            }
        }
        if disturbances {
            for (at, disturbance) in chaos::drawn(&mut rng, length) {
                engine.at(at, TimedEvent::Disturbance(disturbance));
            }
        }
        for _ in 0..if faults && !disturbances { rng.below(4) } else { 0 } {
            let at = Duration::from_micros(rng.below(length.as_micros() as u64));
            engine.at(Instant::START + at, TimedEvent::WallClock);
        }
        let busy_until = Instant::START;
        Ok(Self { seed, steps: 0, server, clients, busy_until, turns_at_once: 0 })
    }

    /// Records the text of all events, for [`World::lines`].
    #[must_use]
    pub fn recorded(mut self) -> Self {
        self.server.engine.trace.record();
        self
    }

    /// The recorded events, one a line. Empty unless the world is [`recorded`](World::recorded).
    #[must_use]
    pub fn lines(&self) -> &[String] {
        self.server.engine.trace.lines()
    }

    /// Runs the world: faults, healing, liveness, drain.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn run(&mut self) -> Result<Report, Violation> {
        let end_of_faults = Instant::START + self.server.engine.scenario.length;
        self.run_until(end_of_faults)?;
        self.server.engine.heal();
        for number in 0..self.clients.len() {
            self.server.engine.at(end_of_faults, TimedEvent::Client(number));
        }
        self.run_until(end_of_faults + HEALING)?;
        self.clients.iter_mut().for_each(Client::stop_messages);
        self.run_until(end_of_faults + HEALING + CALM)?;
        self.server.check_heard();
        for client in self.clients.iter().filter(|client| client.kind.is_honest()) {
            if let Err(what) = client.judge_liveness(end_of_faults) {
                self.server.engine.fail(what);
            }
        }
        self.violation()?;
        self.drain()?;
        Ok(Report {
            seed: self.seed,
            steps: self.steps,
            trace: self.server.engine.trace.hash(),
            metrics: self.server.node.metrics().clone(),
            evictions: self.server.node.evictions(),
            longest_wait: self.server.engine.longest_wait,
            crowd_waits: self.server.engine.crowd_waits,
        })
    }

    /// Closes all connections, and checks that nothing is left.
    fn drain(&mut self) -> Result<(), Violation> {
        self.clients.iter_mut().for_each(Client::leave);
        let SimServer { node, engine, .. } = &mut self.server;
        engine.note(&TraceEvent::Shutdown);
        node.handle_shutdown(engine.now);
        let config = &engine.scenario.config;
        // A connection that has not upgraded yet is closed at its own deadline.
        let length = config.drain.get().max(config.http.header_timeout.get()) + LINGER;
        let end = engine.now.monotonic + length;
        self.run_until(end)?;
        let SimServer { node, engine, .. } = &mut self.server;
        let usage = Usage { replays: 0, addresses: 0, questions: 0, ..node.usage() };
        if usage != Usage::default() || !node.is_drained() {
            engine.fail(format!("something is left after the drain: {usage:?}"));
        }
        self.violation()
    }

    fn run_until(&mut self, end: Instant) -> Result<(), Violation> {
        while let Some(next) = self.next_moment().filter(|next| *next <= end) {
            self.step(next)?;
        }
        self.server.engine.advance(end);
        Ok(())
    }

    fn next_moment(&self) -> Option<Instant> {
        let SimServer { node, turn, engine } = &self.server;
        let now = engine.now.monotonic;
        let turn = if self.server.wants_turn() { Some(now) } else { turn.next(node) };
        let turn = turn.map(|at| at.max(self.busy_until).max(now));
        turn.into_iter().chain(engine.next_due()).min()
    }

    fn step(&mut self, to: Instant) -> Result<(), Violation> {
        self.steps += 1;
        let engine = &mut self.server.engine;
        self.turns_at_once = if to > engine.now.monotonic { 0 } else { self.turns_at_once + 1 };
        if self.turns_at_once > MAX_TURNS_AT_ONCE {
            engine.fail("the driver turns, and no time passes");
        }
        engine.advance(to);
        while let Some(due) = engine.pop_due() {
            match due {
                TimedEvent::Client(number) => {
                    if let Some(client) = self.clients.get_mut(number) {
                        wake(client, engine);
                    }
                }
                other => engine.happen(other),
            }
            while let Some((number, link, news)) = engine.news.pop_front() {
                if let Some(client) = self.clients.get_mut(number) {
                    client.tell(engine, link, news);
                }
            }
        }
        let server = &mut self.server;
        if server.wants_turn() && to >= self.busy_until {
            server.turn();
            server.check();
            self.busy_until = to + server.engine.scenario.turn;
        }
        let engine = &mut self.server.engine;
        if !engine.stop.is_zero() {
            self.busy_until = self.busy_until.max(to + mem::take(&mut engine.stop));
            engine.times.stopped_until = self.busy_until;
        }
        self.violation()
    }

    fn violation(&mut self) -> Result<(), Violation> {
        let (seed, step, at) = (self.seed, self.steps, self.server.engine.now.monotonic);
        let failure = self.server.engine.failure.take();
        failure.map_or(Ok(()), |what| Err(Violation { seed, step, at, what }))
    }
}

/// Lets a client read, and act if its time has come.
fn wake(client: &mut Client, engine: &mut Engine) {
    client.read(engine);
    if engine.now.monotonic < client.next {
        return;
    }
    match client.kind {
        Kind::Greedy(attack) => attackers::wake(client, engine, attack),
        Kind::Frugal => frugal::wake(client, engine),
        kind if kind.is_honest() => client.wake(engine),
        _ => hostile::wake(client, engine),
    }
}

/// The kinds of clients, and how many there are of each. The attacks differ from world to world.
fn kinds(mix: Mix, attack: impl Fn(usize) -> Attack) -> impl Iterator<Item = (Kind, usize)> {
    let greedy = (0..mix.greedy).map(move |n| (Kind::Greedy(attack(n)), 1));
    let others = [
        (Kind::Good, mix.good),
        (Kind::Slow, mix.slow),
        (Kind::Expired, mix.expired),
        (Kind::Replaying, mix.replaying),
        (Kind::Silent, mix.silent),
        (Kind::Garbage, mix.garbage),
        (Kind::Forging, mix.forging),
        (Kind::Flapping, mix.flapping),
        (Kind::Flooding, mix.flooding),
        (Kind::Old, mix.old),
        (Kind::Frugal, mix.frugal),
    ];
    others.into_iter().chain(greedy)
}
