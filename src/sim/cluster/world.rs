//! A world of several nodes: what happens, one after the other.

use super::bus_line::BusLines;
use super::chatter::{Chatter, ChatterState};
use super::facts::EngineSpy;
use super::mishap;
use super::plan::{ClusterCounts, Clusters};
use super::presence;
use super::process::NodePlace;
use super::revocations;
use super::stage::{ClusterStage, LinePart, StageEvent};
use super::visitors::{FIRST_VISITOR, Visitors};
use crate::bus::model::ModelEngine;
use crate::id::ConnId;
use crate::id::Rng;
use crate::sim::world::Violation;
use crate::time::{Instant, Now, UnixTime};
use std::time::Duration;

/// How long clients and nodes have to get over the last mishaps: longer than a quiet room's newest
/// position is not compared.
const HEALING: Duration = Duration::from_secs(100);
/// The time that an entry has to reach everybody while nothing goes wrong.
pub(super) const IN_TIME: Duration = Duration::from_secs(2);
/// The time for the last words.
const LAST_WORDS: Duration = Duration::from_secs(30);
/// How long clients try the tokens that were taken from them, when all nodes were restarted.
const OLD_TOKENS: Duration = Duration::from_secs(8);
const MOST_STEPS: u64 = 2_000_000;

/// The nodes, their engine, and the clients.
#[derive(Debug)]
pub(super) struct NodesWorld {
    pub(super) plan: Clusters,
    seed: u64,
    steps: u64,
    pub(super) stage: ClusterStage,
    pub(super) engine: ModelEngine,
    /// Of each engine that still has connections; the last one is that of new ones.
    spies: Vec<EngineSpy>,
    pub(super) buses: BusLines,
    pub(super) places: Vec<NodePlace>,
    pub(super) clients: Vec<Chatter>,
    pub(super) visitors: Visitors,
    processes: u64,
}

impl NodesWorld {
    pub(super) fn new(plan: Clusters, seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0xc1_05_7e_12);
        let now = Now { monotonic: Instant::START, unix: UnixTime::from_millis(1_800_000_000_000) };
        let pause = Duration::from_secs(if rng.below(3) == 0 { 40 } else { 8 });
        let clients =
            (0..plan.clients).map(|number| Chatter::new(number, plan.rooms, pause)).collect();
        let mut world = Self {
            seed,
            steps: 0,
            stage: ClusterStage::new(Rng::new(rng.next_u64()), now),
            engine: ModelEngine::new(),
            spies: Vec::new(),
            buses: BusLines::default(),
            places: (0..plan.nodes).map(NodePlace::new).collect(),
            clients,
            visitors: Visitors::new(),
            processes: 0,
            plan,
        };
        world.add_spy();
        for (at, mishap) in mishap::drawn(&world.plan, &mut rng) {
            world.stage.at(at, StageEvent::Mishap(mishap));
        }
        world
    }

    /// Records what happens.
    pub(super) fn record(&mut self) {
        self.stage.record();
    }

    pub(super) fn trace(&self) -> &[String] {
        self.stage.trace()
    }

    pub(super) fn run(&mut self) -> Result<ClusterCounts, Violation> {
        for node in 0..self.places.len() {
            self.start(node, true);
        }
        for client in &mut self.clients {
            let pause = Duration::from_secs(1) + self.stage.within(Duration::from_secs(4));
            client.wake_in(&mut self.stage, pause);
        }
        self.visitors.begin(&mut self.stage);
        self.stage.after(Duration::from_secs(1), StageEvent::Sweep);
        let end = Instant::START + self.plan.length;
        self.run_until(end)?;
        self.heal();
        self.run_until(end + HEALING)?;
        for client in &mut self.clients {
            client.say_new(&mut self.stage);
        }
        self.run_until(end + HEALING + LAST_WORDS)?;
        for client in 0..self.clients.len() {
            self.judge(client);
        }
        self.visitors.judge_end(&mut self.stage);
        self.violation()?;
        self.try_old_tokens()?;
        Ok(self.stage.counted)
    }

    /// All nodes are restarted: of sessions that were ended before, they know what the engine has.
    fn try_old_tokens(&mut self) -> Result<(), Violation> {
        if !self.stage.revocations.is_kept(self.stage.losses) {
            return Ok(());
        }
        self.stage.note(|| "all nodes are restarted".to_owned());
        self.stage.tries_old_tokens = true;
        self.stage.disturbed_at = self.stage.now.monotonic;
        for node in 0..self.places.len() {
            self.start(node, true);
        }
        self.run_until(self.stage.now.monotonic + OLD_TOKENS)
    }

    /// In the end everybody is in the room, answered, and has heard everything.
    fn judge(&mut self, client: usize) {
        let Some(client) = self.clients.get(client) else { return };
        let number = client.number;
        let heard = client
            .chain
            .as_ref()
            .map(|chain| chain.judge(&self.stage.facts, client.own(&self.stage)));
        let what = match (client.state, heard) {
            (ChatterState::Inside, Some(Err(what))) => what,
            (ChatterState::Inside, _) => match client.open.first() {
                Some(open) => format!("G3: {} is never answered", open.id),
                None => match presence::judge(&self.clients, client) {
                    Ok(()) => return,
                    Err(what) => what,
                },
            },
            (state, _) => format!("does not get through: {state:?}"),
        };
        self.stage.fail(format!("{what} (client {number}, in the end)"));
    }

    fn run_until(&mut self, end: Instant) -> Result<(), Violation> {
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.steps += 1;
            self.stage.advance(next);
            match self.stage.pop() {
                Some(event) => self.happen(event),
                None => self.wake_nodes(),
            }
            self.check_asks();
            self.visitors.look(&mut self.stage, &self.places);
            if self.steps > MOST_STEPS {
                self.stage.fail("the world does not end");
            }
            self.violation()?;
        }
        self.stage.advance(end);
        Ok(())
    }

    fn violation(&mut self) -> Result<(), Violation> {
        let (seed, step, at) = (self.seed, self.steps, self.stage.now.monotonic);
        let failure = self.stage.failure.take();
        failure.map_or(Ok(()), |what| Err(Violation { seed, step, at, what }))
    }

    fn next(&self) -> Option<Instant> {
        let now = self.stage.now.monotonic;
        let nodes = self.places.iter().filter_map(|place| place.next(now));
        self.stage.next().into_iter().chain(nodes).min().map(|at| at.max(now))
    }

    fn wake_nodes(&mut self) {
        let now = self.stage.now.monotonic;
        for place in &mut self.places {
            if place.next(now).is_some_and(|at| at <= now) {
                place.wake(&mut self.stage, &mut self.buses);
            }
        }
    }

    /// The node that an event is for.
    fn node_of(&self, event: &StageEvent) -> Option<&NodePlace> {
        let index = match event {
            StageEvent::Up(line, _) => self.stage.lines.get(line)?.node,
            StageEvent::BusDown(bus, _) => self.buses.owner(*bus)?.0,
            StageEvent::Work(process, _) => {
                return self.places.iter().find(|place| place.process == *process);
            }
            _ => return None,
        };
        self.places.get(index)
    }

    fn happen(&mut self, event: StageEvent) {
        let now = self.stage.now.monotonic;
        if let Some(place) = self.node_of(&event).filter(|place| place.is_stopped(now)) {
            let until = place.stopped_until;
            return self.stage.at(until, event);
        }
        let Self { stage, buses, places, .. } = self;
        match event {
            StageEvent::Client(number) => self.wake_client(number),
            StageEvent::Down(line, part) => self.client_receives(line, part),
            StageEvent::Up(line, part) => {
                let node = stage.lines.get(&line).map(|line| line.node);
                if let Some(place) = node.and_then(|node| places.get_mut(node)) {
                    place.receive(stage, buses, line, part);
                }
            }
            StageEvent::BusUp(bus, part) => {
                let executed = self.engine.executed;
                buses.arrive(stage, &mut self.engine, bus, part);
                let is_well = self.engine.faults.error.is_none();
                if let Some((_, process)) = buses.owner(bus)
                    && self.engine.executed > executed
                    && is_well
                {
                    stage.contacts.note(process, now);
                }
                self.after_engine();
            }
            StageEvent::BusDown(bus, part) => {
                let owner = buses.owner(bus);
                if let Some(place) = owner.and_then(|(node, _)| places.get_mut(node)) {
                    place.bus_input(stage, buses, bus, &part);
                }
            }
            StageEvent::Work(process, command) => {
                if let Some(place) = places.iter_mut().find(|place| place.process == process) {
                    place.work(stage, buses, command);
                }
            }
            StageEvent::Mishap(mishap) => self.mishap(mishap),
            StageEvent::Late(room, position) => self.check_late(room, position),
            StageEvent::Sweep => self.sweep(),
        }
    }

    fn wake_client(&mut self, number: usize) {
        let nodes = self.places.len();
        if number >= FIRST_VISITOR {
            return self.visitors.wake(&mut self.stage, number, nodes);
        }
        let Some(client) = self.clients.get_mut(number) else { return };
        client.wake(&mut self.stage, nodes);
        if number < 2 && self.stage.rng.below(2) == 0 {
            let open = client.open.clone();
            if let Some(other) = self.clients.get_mut(1 - number) {
                open.iter().for_each(|message| other.echo(&mut self.stage, message));
            }
        }
    }

    fn client_receives(&mut self, number: u64, part: LinePart) {
        let Some(line) = self.stage.lines.get(&number) else { return };
        if let client @ FIRST_VISITOR.. = line.client {
            return self.visitors.receive(&mut self.stage, client, (number, part));
        }
        let (node, Some(client)) = (line.node, self.clients.get_mut(line.client)) else { return };
        let was_inside = client.state == ChatterState::Inside;
        client.receive(&mut self.stage, number, part);
        if !was_inside
            && client.state == ChatterState::Inside
            && let Some(place) = self.places.get(node)
        {
            revocations::judge(&mut self.stage, place, (&client.user, client.issued), true);
        }
    }

    /// Hears what the engine has published, and carries away what it sends.
    pub(super) fn after_engine(&mut self) {
        self.listen();
        self.buses.collect(&mut self.stage, &mut self.engine);
    }

    pub(super) fn listen(&mut self) {
        let last = self.spies.len().saturating_sub(1);
        for (index, spy) in self.spies.iter_mut().enumerate() {
            for (room, mut entry) in spy.listen(&mut self.engine) {
                let stage = &mut self.stage;
                let (now, losses, position) = (stage.now.monotonic, stage.losses, entry.position);
                let origin = self.places.iter().find(|place| place.name == *entry.origin.node);
                let sender = origin.and_then(|it| it.node.as_ref()?.own_sender(&entry.origin));
                entry.origin.connection = sender.map_or(0, ConnId::to_bits);
                let origin = origin.map_or(0, |place| place.process);
                stage.note(|| {
                    let frame = entry.frame.escape_ascii();
                    format!("published in {room} at {position} by {origin}: {frame}")
                });
                stage.counted.entries += 1;
                let fact = stage.facts.add(room, &entry, (origin, now, losses), index == last);
                if let Err(what) = fact {
                    stage.fail(what);
                }
                stage.after(IN_TIME, StageEvent::Late(room, position));
            }
        }
    }

    /// Listens at the newest engine, too.
    pub(super) fn add_spy(&mut self) {
        let mut spy = EngineSpy::new(self.plan.rooms);
        spy.connect(&mut self.engine, self.stage.now.unix);
        self.spies.push(spy);
    }

    /// Listens at the newest engine only: the others are gone.
    pub(super) fn renew_spy(&mut self) {
        self.listen();
        self.spies.clear();
        self.add_spy();
    }

    /// A process starts there, in place of the one that may be there.
    pub(super) fn start(&mut self, node: usize, keeps_name: bool) {
        let Some(place) = self.places.get_mut(node) else { return };
        place.die(&mut self.stage, &mut self.buses);
        self.processes += 1;
        if !keeps_name {
            place.name = format!("n{node}-{}", self.processes);
        }
        place.start(&mut self.stage, self.processes, self.plan.planted);
    }
}
