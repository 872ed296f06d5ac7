//! Worlds of an application that stores what rooms are told, and is killed with its node at any moment.
//!
//! The node is driven without sockets: bytes come and go in pieces, commits take several tasks at once,
//! and what was stored is delivered later, or never if the process is killed before.

mod follower;
mod store;

use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use self::follower::StoredFollower;
pub use self::store::StoreFault;
use self::store::{SharedStore, StoringApp};
use super::world::Violation;
use crate::config::{Config, Length, Size};
use crate::id::{ConnId, Rng, Seed};
use crate::node::{Action, Hangup, Node};
use crate::time::{Instant, Now, UnixTime};

/// The secret that tokens of these worlds are signed with.
const STORED_SECRET: &str = "0123456789abcdef0123456789abcdef";
/// When these worlds begin.
const START: UnixTime = UnixTime::from_millis(1_800_000_000_000);

/// A world of clients that come back to an application that stores what rooms are told.
///
/// ```
/// use vestibule::sim::StoredReturns;
///
/// let counted = StoredReturns::drawn(1).run(1)?;
/// assert!(counted.kills > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct StoredReturns {
    /// How many clients there are.
    pub clients: usize,
    /// In how many rooms they are.
    pub rooms: usize,
    /// How many things happen, before all faults end.
    pub steps: u64,
    /// A planted fault.
    pub planted: Option<StoreFault>,
}

/// What has happened in such a world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoredCounts {
    /// How often a client went on where it was.
    pub resumed: u64,
    /// How often a client gave a position and had to begin anew.
    pub not_resumed: u64,
    /// How often the process was killed.
    pub kills: u64,
    /// Deliveries of stored messages that a kill has cut off.
    pub cut_off: u64,
    /// Messages that were sent again and had been stored.
    pub repeated: u64,
}

impl StoredReturns {
    /// The world of `seed`, with up to 8 clients in up to 2 rooms.
    #[must_use]
    pub fn drawn(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x5_704ed);
        let (clients, rooms) = (3 + rng.below(6) as usize, 1 + rng.below(2) as usize);
        Self { clients, rooms, steps: 2_000, planted: None }
    }

    /// Runs the world: kills and cuts, healing, and what everybody has to have heard.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn run(&self, seed: u64) -> Result<StoredCounts, Violation> {
        let fail = |step, at, what| Violation { seed, step, at, what };
        let mut world = StoredWorld::new(self, seed)
            .map_err(|error| fail(0, Instant::START, error.to_string()))?;
        for step in 0..self.steps {
            world.step().map_err(|what| fail(step, world.now.monotonic, what))?;
        }
        let healed = world.heal().map_err(|what| fail(self.steps, world.now.monotonic, what));
        healed.map(|()| world.counts())
    }
}

/// The process, its disk and its clients.
struct StoredWorld {
    node: Node,
    config: Config,
    now: Now,
    store: SharedStore,
    clients: Vec<StoredFollower>,
    counted: StoredCounts,
    /// Of the processes that were killed: there must be none.
    broken_logs: u64,
    tokens: u64,
    rng: Rng,
}

impl StoredWorld {
    fn new(plan: &StoredReturns, seed: u64) -> Result<Self, crate::auth::KeyError> {
        let mut config = Config::default();
        config.auth.secret = STORED_SECRET.to_owned();
        config.limits.messages_per_minute = 0;
        config.limits.auth_per_minute_per_user = 0;
        config.limits.auth_per_minute_per_ip = 0;
        config.resume.trust_join = Length::from_secs(60 * (seed % 2));
        if seed % 3 == 1 {
            config.limits.history_bytes = Size::bytes(2_000);
        }
        let store = SharedStore::new(seed, plan.planted);
        let mut rng = Rng::new(seed);
        let client = |number| StoredFollower::new(number, plan.rooms, seed + number as u64);
        let app = Box::new(StoringApp(store.clone()));
        Ok(Self {
            node: Node::new(&config, &Seed::predictable(rng.next_u64()), app)?,
            config,
            now: Now { monotonic: Instant::START, unix: START },
            store,
            clients: (0..plan.clients).map(client).collect(),
            counted: StoredCounts::default(),
            broken_logs: 0,
            tokens: 0,
            rng,
        })
    }

    fn counts(&self) -> StoredCounts {
        let metrics = self.node.metrics();
        StoredCounts {
            resumed: self.counted.resumed + metrics.resumed,
            not_resumed: self.counted.not_resumed + metrics.not_resumed,
            repeated: self.store.lock().repeated,
            ..self.counted
        }
    }

    fn step(&mut self) -> Result<(), String> {
        let client = self.rng.below(self.clients.len() as u64) as usize;
        match self.rng.below(1_000) {
            0..4 => self.kill()?,
            4..24 => self.cut(client),
            24..30 => self.pass(Duration::from_secs(self.rng.clone().below(150))),
            30..250 => self.connect(client),
            250..500 => self.say(client),
            500..600 => {
                let (most, is_full) = (1 + self.rng.below(6), self.rng.below(8) == 0);
                self.store.lock().commit(most, is_full);
            }
            600..750 => self.deliver(1 + self.rng.clone().below(3) as usize)?,
            750..760 => (0..90).for_each(|_| self.say(client)),
            _ => {
                let most = 1 + self.rng.below(2_000) as usize;
                self.read(client, most)?;
            }
        }
        self.pass(Duration::from_millis(self.rng.clone().below(60)));
        self.settle();
        Ok(())
    }

    /// All faults end, and everything that is on its way comes.
    fn heal(&mut self) -> Result<(), String> {
        for _ in 0..200 {
            self.store.lock().commit(100, false);
            self.deliver(usize::MAX)?;
            for client in 0..self.clients.len() {
                self.connect(client);
                self.read(client, usize::MAX)?;
            }
            self.pass(Duration::from_millis(200));
            self.settle();
        }
        if self.broken_logs + self.node.metrics().broken_logs > 0 {
            return Err("a room's log was broken".to_owned());
        }
        self.store.lock().judge()?;
        self.clients.iter().try_for_each(|client| client.judge(&self.store))
    }

    /// The process is killed, and the next one starts. Clients read some of what was on its way.
    fn kill(&mut self) -> Result<(), String> {
        for client in 0..self.clients.len() {
            let most = self.rng.below(4_000) as usize;
            self.read(client, most)?;
        }
        self.counted = StoredCounts { kills: self.counted.kills + 1, ..self.counts() };
        self.broken_logs += self.node.metrics().broken_logs;
        self.counted.cut_off += self.store.lock().mail.len() as u64;
        self.store.lock().die();
        self.clients.iter_mut().for_each(StoredFollower::lost);
        let (seed, app) = (self.rng.next_u64(), Box::new(StoringApp(self.store.clone())));
        self.node = Node::new(&self.config, &Seed::predictable(seed), app)
            .map_err(|error| error.to_string())?;
        Ok(())
    }

    fn cut(&mut self, client: usize) {
        let Some(client) = self.clients.get_mut(client) else { return };
        if let Some(id) = client.id {
            client.lost();
            self.node.handle_hangup(self.now, id, Hangup::Reset);
        }
    }

    fn connect(&mut self, client: usize) {
        let Some(client) = self.clients.get_mut(client).filter(|it| it.id.is_none()) else {
            return;
        };
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let Ok(id) = self.node.handle_accept(self.now, peer) else { return };
        self.tokens += 1;
        let exp = self.now.unix.as_millis() / 1_000 + 100_000;
        let claims = serde_json::json!({ "sub": client.user, "exp": exp, "jti": self.tokens });
        let token = crate::testing::token(STORED_SECRET, &claims);
        let mut bytes = client.connected(id, &token);
        self.node.handle_bytes(self.now, id, &mut bytes);
        self.settle();
    }

    fn say(&mut self, client: usize) {
        let Some(client) = self.clients.get_mut(client) else { return };
        if let (Some(id), Some(mut bytes)) = (client.id, client.say(false)) {
            self.node.handle_bytes(self.now, id, &mut bytes);
            self.settle();
        }
    }

    fn read(&mut self, client: usize, most: usize) -> Result<(), String> {
        let Some(client) = self.clients.get_mut(client) else { return Ok(()) };
        let mut answers = client.read(most, &self.store)?;
        if let Some(id) = client.id.filter(|_| !answers.is_empty()) {
            self.node.handle_bytes(self.now, id, &mut answers);
            self.settle();
        }
        Ok(())
    }

    /// Some of what was stored reaches the node.
    fn deliver(&mut self, most: usize) -> Result<(), String> {
        for _ in 0..most {
            let next = self.store.lock().mail.pop_front();
            let Some(done) = next else { break };
            self.node.handle_completion(self.now, done);
            self.settle();
        }
        Ok(())
    }

    fn pass(&mut self, length: Duration) {
        let end = self.now.monotonic + length;
        while let Some(next) = self.node.poll_timeout().filter(|next| *next <= end) {
            self.set(next.max(self.now.monotonic));
            self.node.handle_timeout(self.now);
            self.settle();
        }
        self.set(end);
    }

    fn set(&mut self, to: Instant) {
        let passed = to.since(self.now.monotonic);
        self.now = Now { monotonic: to, unix: self.now.unix + passed };
    }

    /// Does what the node asks for.
    fn settle(&mut self) {
        while let Some(action) = self.node.poll_action() {
            match action {
                Action::Flush(id) => self.flush(id),
                Action::Close(id) => {
                    let client = self.clients.iter_mut().find(|it| it.id == Some(id));
                    client.into_iter().for_each(StoredFollower::lost);
                }
                _ => {}
            }
        }
    }

    fn flush(&mut self, id: ConnId) {
        loop {
            let mut slices = [IoSlice::new(&[]); 8];
            let filled = self.node.pending_output(id, &mut slices);
            let parts = slices.iter().take(filled);
            let bytes: Vec<u8> = parts.flat_map(|part| part.iter().copied()).collect();
            self.node.consume_output(self.now, id, bytes.len());
            if bytes.is_empty() {
                return;
            }
            let client = self.clients.iter_mut().find(|it| it.id == Some(id));
            client.into_iter().for_each(|it| it.unread.extend(&bytes));
        }
    }
}
