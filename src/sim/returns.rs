//! Worlds of clients that come back: over cuts, stalls, drains, restarts and kills.

use std::sync::Arc;
use std::time::Duration;

use super::app::SharedAppControl;
use super::comer::Comer;
use super::driver::SimServer;
use super::engine::TimedEvent;
use super::errand::ComerState;
use super::late::{LateJoins, SharedDistrust};
use super::mishaps::{Mishap, mishaps};
use super::return_counts::{ReturnCounts, TurnCosts};
use super::scenario::{Mix, Scenario};
use super::truth::Truth;
use super::world::Violation;
use crate::auth::KeyError;
use crate::driver::Planted;
use crate::id::{Rng, Seed};
use crate::memory::{Access, MemoryApp};
use crate::node::Metrics;
use crate::time::{Instant, Now, UnixTime};

/// How long the last mishaps have to be got over.
const HEALING: Duration = Duration::from_secs(300);
/// By how much a wall clock is set back.
const AN_HOUR: Duration = Duration::from_secs(3_600);
/// More steps than any world takes.
const MOST_STEPS: u64 = 3_000_000;
/// The same for each of its clients.
const MOST_STEPS_EACH: u64 = 100;

/// A world of clients that come back.
///
/// ```
/// use vestibule::sim::Returns;
///
/// let counted = Returns::drawn(1).run(1)?;
/// assert!(counted.resumed > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Returns {
    /// How many clients there are. One in four does not support resuming.
    pub clients: usize,
    /// In how many rooms they are.
    pub rooms: usize,
    /// The virtual time until the faults end.
    pub length: Duration,
    /// A fault planted in the node, in tests of the checkers.
    pub planted: Option<Planted>,
}

impl Returns {
    /// The world of `seed`, with up to 12 clients in up to 3 rooms for six minutes.
    #[must_use]
    pub fn drawn(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x0c0_3e5);
        Self {
            clients: 5 + rng.below(8) as usize,
            rooms: 1 + rng.below(3) as usize,
            length: Duration::from_secs(360),
            planted: None,
        }
    }

    /// Runs the world: mishaps, healing, and what everybody has to have heard.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn run(&self, seed: u64) -> Result<ReturnCounts, Violation> {
        let mut world = ReturnWorld::new(self.clone(), seed).map_err(|error| Violation {
            seed,
            step: 0,
            at: Instant::START,
            what: error.to_string(),
        })?;
        world.run()
    }

    fn scenario(&self, seed: u64) -> Scenario {
        let mut scenario = Scenario::drawn(seed);
        (scenario.planted, scenario.dates_tokens) = (self.planted, true);
        scenario.clients = Mix::default();
        scenario.config.auth.jwks_file.clear();
        let limits = &mut scenario.config.limits;
        (limits.messages_per_minute, limits.auth_per_minute_per_user) = (0, 0);
        limits.connections_per_user = 5;
        let linger = [0, 3, 10].get((seed % 3) as usize).copied().unwrap_or_default();
        let trusted = 120 * (seed / 3 % 2);
        let length = crate::config::Length::from_secs;
        let resume = &mut scenario.config.resume;
        (resume.linger, resume.trust_join) = (length(linger), length(trusted));
        let limits = &mut scenario.config.limits;
        if seed.is_multiple_of(4) {
            limits.history_bytes = crate::config::Size::kib(24);
        }
        scenario
    }
}

/// One process after the other, and the clients that outlive them.
pub(super) struct ReturnWorld {
    pub(super) plan: Returns,
    pub(super) seed: u64,
    pub(super) steps: u64,
    pub(super) server: SimServer,
    pub(super) clients: Vec<Comer>,
    pub(super) truth: Truth,
    distrust: SharedDistrust,
    pub(super) counted: ReturnCounts,
    pub(super) busy_until: Instant,
    /// How many clients have tried to connect in each second.
    pub(super) attempts: Vec<u64>,
    /// Whether all checkers run after each turn.
    pub(super) checks: bool,
    pub(super) costs: TurnCosts,
    /// By how much the wall clock is behind when the next process starts.
    set_back: Duration,
    rng: Rng,
}

/// A process with this configuration, which is the `serial`th.
pub(super) fn process(
    scenario: Scenario,
    serial: u64,
    distrust: SharedDistrust,
) -> Result<SimServer, KeyError> {
    let app = MemoryApp::new(&scenario.config, Access::Open, &Seed::predictable(serial));
    let trusted = scenario.config.resume.trust_join.get();
    let app = LateJoins { app, trusted, distrust };
    let control = SharedAppControl::default();
    let mut server = SimServer::new(scenario, serial, Box::new(app), Arc::clone(&control))?;
    server.engine.most_wait = u64::MAX;
    Ok(server)
}

impl ReturnWorld {
    fn new(plan: Returns, seed: u64) -> Result<Self, KeyError> {
        let mut rng = Rng::new(seed);
        let distrust = SharedDistrust::default();
        let server = process(plan.scenario(seed), seed << 16, distrust.clone())?;
        let mut world = Self::with(plan, seed, server, rng.next_u64());
        world.distrust = distrust;
        for client in &mut world.clients {
            client.distrust = world.distrust.clone();
            client.is_restless = true;
            let at = Instant::START + Duration::from_millis(world.rng.below(5_000));
            client.wake_at(&mut world.server.engine, at);
        }
        Ok(world)
    }

    pub(super) fn with(plan: Returns, seed: u64, server: SimServer, number: u64) -> Self {
        let mut rng = Rng::new(number);
        let comer = |n: usize| Comer::new(n, plan.rooms, n % 4 != 3, rng.next_u64());
        let clients = (0..plan.clients).map(comer).collect();
        Self {
            plan,
            seed,
            steps: 0,
            server,
            clients,
            truth: Truth::default(),
            distrust: SharedDistrust::default(),
            counted: ReturnCounts::default(),
            busy_until: Instant::START,
            attempts: Vec::new(),
            checks: true,
            costs: TurnCosts::default(),
            set_back: Duration::ZERO,
            rng,
        }
    }

    fn run(&mut self) -> Result<ReturnCounts, Violation> {
        for (at, mishap) in
            mishaps(self.plan.clients, self.plan.rooms, &mut Rng::new(self.seed ^ 0xdeed))
        {
            self.run_until(at)?;
            self.act(mishap)?;
        }
        let healed = Instant::START + self.plan.length;
        self.run_until(healed)?;
        self.server.engine.heal();
        let now = self.server.engine.now.monotonic;
        for client in &mut self.clients {
            client.wake_at(&mut self.server.engine, now);
        }
        self.run_until(now + HEALING)?;
        for client in &self.clients {
            if let Err(what) = client.judge(&self.truth) {
                self.server.engine.fail(what);
            }
        }
        self.violation()?;
        self.count();
        self.counted.told = self.distrust.told();
        Ok(self.counted)
    }

    fn act(&mut self, mishap: Mishap) -> Result<(), Violation> {
        let now = self.server.engine.now.monotonic;
        let is_set_back = self.seed % 5 == 1;
        match mishap {
            Mishap::Stall(length) => {
                self.busy_until = self.busy_until.max(now + length);
                self.server.engine.times.stopped_until = self.busy_until;
            }
            Mishap::Burst(room, times) => {
                let is_it =
                    |client: &&mut Comer| client.room == room && client.state == ComerState::Inside;
                if let Some(client) = self.clients.iter_mut().find(is_it) {
                    client.speak(&mut self.server.engine, times);
                }
            }
            Mishap::Cut(client) => {
                // Some client also learns what another one has, of another room.
                let room = self.clients.get(client).map_or(0, |client| client.room);
                let stray = self.clients.iter().find(|it| it.room != room);
                let stray = stray.map(|it| it.own.clone()).unwrap_or_default();
                if let Some(client) = self.clients.get_mut(client) {
                    client.stray = stray;
                    client.cut(&mut self.server.engine);
                }
            }
            Mishap::Disconnect(client) => {
                // A process that stands still hears of nothing.
                self.run_until(self.busy_until)?;
                // Where the clock is set back, nobody could come back for an hour.
                let Some(client) = self.clients.get_mut(client).filter(|_| !is_set_back) else {
                    return Ok(());
                };
                client.disconnected();
                let SimServer { node, engine, .. } = &mut self.server;
                let user = format!("user-{}", client.number);
                node.disconnect(engine.now, &user);
                self.distrust.disconnect(&user, engine.now.unix);
                self.counted.disconnected += 1;
            }
            Mishap::Kill => {
                self.set_back = if is_set_back { AN_HOUR } else { Duration::ZERO };
                self.counted.kills += 1;
                let down = Duration::from_millis(self.rng.below(3_000));
                self.replace_by(self.server.engine.scenario.clone(), down, None)?;
            }
            Mishap::Restart => {
                self.drain()?;
                let down = Duration::from_millis(self.rng.below(3_000));
                let history = self.history();
                self.replace_by(self.server.engine.scenario.clone(), down, Some(history))?;
            }
        }
        Ok(())
    }

    /// Stops the server in order: until everybody is gone.
    pub(super) fn drain(&mut self) -> Result<(), Violation> {
        let SimServer { node, engine, .. } = &mut self.server;
        node.handle_shutdown(engine.now);
        let length = engine.scenario.config.drain.get() + Duration::from_secs(30);
        let end = engine.now.monotonic + length;
        while !self.server.node.is_drained() {
            let Some(next) = self.next_moment().filter(|next| *next <= end) else { break };
            self.step(next)?;
        }
        Ok(())
    }

    pub(super) fn history(&mut self) -> String {
        let mut text = Vec::new();
        let SimServer { node, engine, .. } = &mut self.server;
        if let Err(error) = node.write_history(engine.now, &mut text) {
            engine.fail(format!("the history cannot be written: {error}"));
        }
        String::from_utf8(text).unwrap_or_default()
    }

    /// The process is gone, and the next one of this `scenario` listens after `down`.
    pub(super) fn replace_by(
        &mut self,
        scenario: Scenario,
        down: Duration,
        history: Option<String>,
    ) -> Result<(), Violation> {
        self.violation()?;
        self.count();
        self.truth.restart();
        self.counted.restarts += u64::from(history.is_some());
        let serial = (self.seed << 16) + self.counted.restarts + self.counted.kills;
        let next = match process(scenario, serial, self.distrust.clone()) {
            Ok(next) => next,
            Err(error) => {
                self.server.engine.fail(error.to_string());
                return self.violation();
            }
        };
        let mut old = std::mem::replace(&mut self.server, next);
        let Now { monotonic, unix } = old.engine.now;
        let up_at = monotonic + down;
        let SimServer { node, engine, .. } = &mut self.server;
        let set_back = std::mem::take(&mut self.set_back).as_millis() as u64;
        let unix = UnixTime::from_millis((unix + down).as_millis().saturating_sub(set_back));
        engine.now = Now { monotonic: up_at, unix };
        for (user, at) in self.distrust.disconnected() {
            node.restore_revocation(engine.now, &user, at);
        }
        engine.tokens = old.engine.tokens;
        engine.times.stopped_until = up_at;
        engine.is_healed = old.engine.is_healed;
        self.busy_until = up_at;
        if let Some(text) = history {
            engine.ledger.lock().now = engine.now;
            engine.ledger.lock().inherit_leaves(&old.engine.ledger.lock());
            match node.read_history(engine.now, &text) {
                Ok(rooms) => self.counted.rooms_read += rooms as u64,
                Err(error) => engine.fail(format!("the history cannot be read: {error}")),
            }
        }
        for client in &mut self.clients {
            client.server_ended(&mut old.engine, up_at);
            client.wake_at(engine, client.next);
        }
        self.violation()
    }

    fn count(&mut self) {
        let metrics: &Metrics = self.server.node.metrics();
        self.counted.resumed += metrics.resumed;
        self.counted.not_resumed += metrics.not_resumed;
        self.counted.slots += metrics.slots;
        self.counted.refused += metrics.closes(crate::protocol::CloseReason::InvalidToken);
    }

    pub(super) fn run_until(&mut self, end: Instant) -> Result<(), Violation> {
        while let Some(next) = self.next_moment().filter(|next| *next <= end) {
            self.step(next)?;
        }
        self.server.engine.advance(end);
        Ok(())
    }

    pub(super) fn next_moment(&self) -> Option<Instant> {
        let SimServer { node, turn, engine } = &self.server;
        let now = engine.now.monotonic;
        let turn = if self.server.wants_turn() { Some(now) } else { turn.next(node) };
        let turn = turn.map(|at| at.max(self.busy_until).max(now));
        turn.into_iter().chain(engine.next_due()).min()
    }

    pub(super) fn step(&mut self, to: Instant) -> Result<(), Violation> {
        self.steps += 1;
        let Self { server, clients, truth, attempts, .. } = self;
        let engine = &mut server.engine;
        if self.steps > MOST_STEPS + MOST_STEPS_EACH * clients.len() as u64 {
            engine.fail("the world does not end");
        }
        engine.advance(to);
        while let Some(due) = engine.pop_due() {
            match due {
                TimedEvent::Client(number) => {
                    if clients.get_mut(number).is_some_and(|client| client.wake(engine, truth)) {
                        let second = (engine.now.monotonic.as_micros() / 1_000_000) as usize;
                        attempts.resize(attempts.len().max(second + 1), 0);
                        attempts.get_mut(second).into_iter().for_each(|count| *count += 1);
                    }
                }
                other => engine.happen(other),
            }
            while let Some((number, link, news)) = engine.news.pop_front() {
                if let Some(client) = clients.get_mut(number) {
                    client.tell(engine, truth, link, news);
                }
            }
        }
        if server.wants_turn() && to >= self.busy_until {
            server.engine.clock.costs = self.costs;
            let before = self.costs.of(server.node.metrics());
            server.turn();
            let longer = self.costs.of(server.node.metrics()).saturating_sub(before);
            if self.checks {
                server.check();
                truth.follow(&server.engine, self.plan.rooms);
                if let Some(what) = self.distrust.take_fault() {
                    server.engine.fail(what);
                }
            }
            self.busy_until = to + server.engine.scenario.turn + longer;
        }
        self.violation()
    }

    pub(super) fn violation(&mut self) -> Result<(), Violation> {
        let (seed, step, at) = (self.seed, self.steps, self.server.engine.now.monotonic);
        let failure = self.server.engine.failure.take();
        failure.map_or(Ok(()), |what| Err(Violation { seed, step, at, what }))
    }
}
