//! Random faults: every command is answered once, and followers of a room miss nothing silently.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::id::Rng;

/// Seeds of each test. A world is two minutes of virtual time.
const WORLDS: u64 = 20;
const NODES: usize = 3;
const STEP: Duration = Duration::from_millis(20);

/// What a node makes of a room: it delivers by position, and reads where it sees a gap.
#[derive(Default)]
struct Follower {
    head: Option<Position>,
    delivered: Vec<String>,
    reading: Option<u64>,
    /// How often it had to say that something may be missing.
    resyncs: u32,
}

struct World {
    rig: Rig,
    rng: Rng,
    followers: Vec<Follower>,
    /// Commands without a reply, and their deadlines.
    open: BTreeMap<(usize, u64), Instant>,
    published: u32,
    /// What was published, by the engine's word.
    acknowledged: BTreeSet<String>,
    /// Data may be lost.
    loses: bool,
}

impl World {
    fn new(seed: u64, loses: bool) -> Self {
        let mut rig = Rig::new(NODES);
        for (index, peer) in rig.peers.iter_mut().enumerate() {
            let settings = LinkSettings { keep: 500, keep_bytes: 1 << 20, ..settings(index) };
            peer.link = BusLink::new(settings, &Seed::predictable(seed).derive(&index.to_string()));
            peer.transport = None;
            peer.link.send(rig.now, 0, BusCommand::Subscribe(vec![lobby()]), rig.now).unwrap();
        }
        let followers = (0..NODES).map(|_| Follower::default()).collect();
        let (open, acknowledged) = (BTreeMap::new(), BTreeSet::new());
        let rng = Seed::predictable(seed).derive("chaos").rng();
        Self { rig, rng, followers, open, published: 0, acknowledged, loses }
    }

    fn send(&mut self, node: usize, command: BusCommand) -> Option<u64> {
        let to = self.rig.send(node, command).ok()?;
        self.open.insert((node, to), self.rig.now + Duration::from_secs(1));
        Some(to)
    }

    /// One step of time, with a message now and then.
    fn step(&mut self) {
        if self.rng.below(8) == 0 {
            self.published += 1;
            let node = self.rng.below(NODES as u64) as usize;
            let id = u128::from(self.published).to_be_bytes();
            let frame = format!("message {}", self.published).into_bytes().into();
            let (content, asks, tag, connection) = (0, true, self.rng.next_u64(), 0);
            let log = lobby();
            self.send(node, BusCommand::Publish { log, id, content, asks, tag, connection, frame });
        }
        self.rig.pass(STEP);
        for node in 0..NODES {
            self.follow(node);
            if self.rng.below(250) == 0 {
                self.read(node);
            }
        }
        let now = self.rig.now;
        assert!(self.open.values().all(|deadline| *deadline >= now), "a command has no reply");
    }

    fn read(&mut self, node: usize) {
        if self.followers[node].reading.is_none() {
            let head = self.followers[node].head;
            self.followers[node].reading = self.send(node, read(head));
        }
    }

    fn follow(&mut self, node: usize) {
        for event in std::mem::take(&mut self.rig.peers[node].events) {
            match event {
                BusEvent::Subscribed(_) => {
                    // What is being read may be from before.
                    self.followers[node].reading = None;
                    self.read(node);
                }
                BusEvent::Entry { entry, .. } => {
                    let follower = &mut self.followers[node];
                    let is_next = follower.deliver(&entry);
                    if !is_next && follower.head.is_some_and(|head| head != entry.position) {
                        self.read(node);
                    }
                }
                BusEvent::Reply { to, result } => self.on_reply(node, to, result),
                _ => {}
            }
        }
    }

    fn on_reply(&mut self, node: usize, to: u64, result: Result<BusReply, BusFault>) {
        assert!(self.open.remove(&(node, to)).is_some(), "a second reply");
        let follower = &mut self.followers[node];
        let is_reading = follower.reading == Some(to);
        if is_reading {
            follower.reading = None;
        }
        match result {
            Ok(BusReply::Entries { base, entries, follows, .. }) if is_reading => {
                if !follows || follower.head.is_none() {
                    follower.resyncs += u32::from(follower.head.is_some());
                    follower.head = Some(base);
                }
                for entry in &entries {
                    follower.deliver(entry);
                }
            }
            Ok(BusReply::Published { position, .. }) => {
                self.acknowledged.insert(position.to_string());
            }
            _ => {}
        }
    }

    /// A fault, or the end of one.
    fn disturb(&mut self) {
        let node = self.rng.below(NODES as u64) as usize;
        let faults = &mut self.rig.engine.faults;
        match self.rng.below(if self.loses { 13 } else { 10 }) {
            0 => faults.lost_replies = 1 + self.rng.below(3) as u32,
            1 => faults.lost_pushes = 1 + self.rng.below(5) as u32,
            2 => faults.holds_pushes = !faults.holds_pushes,
            3 => faults.is_stopped = true,
            4 => self.rig.engine.flush_scripts(),
            5 => self.rig.engine.close(self.rig.peers[node].transport),
            6 => self.rig.is_unreachable = true,
            7 => {
                let errors = [
                    EngineError::Busy,
                    EngineError::Loading,
                    EngineError::OutOfMemory,
                    EngineError::ReadOnly,
                ];
                faults.error = Some(errors[self.rng.below(4) as usize]);
            }
            8 | 9 => self.heal(),
            10 => self.rig.engine.take_snapshot(),
            11 => self.rig.engine.fail_over(self.rng.below(2) == 0),
            _ => self.rig.engine.wipe(),
        }
    }

    fn heal(&mut self) {
        self.rig.engine.faults = Default::default();
        self.rig.is_unreachable = false;
        self.rig.engine.demote();
        let unix = self.rig.unix();
        self.rig.engine.go_on(unix);
    }

    fn run(&mut self) {
        for step in 0..5_000 {
            if step % 100 == 99 {
                self.disturb();
            }
            self.step();
        }
        self.heal();
        for _ in 0..2_000 {
            self.step();
        }
        (0..NODES).for_each(|node| self.read(node));
        self.rig.pass(Duration::from_millis(900));
        (0..NODES).for_each(|node| self.follow(node));
        for peer in &self.rig.peers {
            assert!(peer.link.is_up() && peer.link.in_flight() == (0, 0));
            assert_eq!(peer.link.subscription_counts(), (1, 0));
        }
        let heads: Vec<_> = self.followers.iter().map(|follower| follower.head).collect();
        assert!(heads.windows(2).all(|pair| pair[0] == pair[1]), "{heads:?}");
    }
}

impl Follower {
    /// Delivers an entry, if it is the next one.
    fn deliver(&mut self, entry: &LogEntry) -> bool {
        let is_next = self.head == Some(entry.previous);
        if is_next {
            self.head = Some(entry.position);
            self.delivered.push(entry.position.to_string());
        }
        is_next
    }
}

#[test]
fn nobody_misses_anything_while_data_is_kept() {
    for seed in 0..WORLDS {
        let mut world = World::new(seed, false);
        world.run();
        let longest = &world.followers.iter().max_by_key(|f| f.delivered.len()).unwrap().delivered;
        for follower in &world.followers {
            assert_eq!(follower.resyncs, 0, "seed {seed}");
            assert!(longest.ends_with(&follower.delivered), "seed {seed}");
        }
        let seen: BTreeSet<_> = longest.iter().cloned().collect();
        assert_eq!(seen.len(), longest.len(), "seed {seed}: something came twice");
        assert!(world.acknowledged.is_subset(&seen), "seed {seed}");
        assert!(world.acknowledged.len() > 300, "seed {seed}: {}", world.acknowledged.len());
    }
}

#[test]
fn whoever_misses_something_knows_when_data_is_lost() {
    let mut resyncs = 0;
    for seed in 0..WORLDS {
        let mut world = World::new(seed, true);
        world.run();
        // Whoever was never told has everything that anybody has since it began, except what
        // others saw of a master that was given up.
        for follower in world.followers.iter().filter(|follower| follower.resyncs == 0) {
            for other in world.followers.iter().filter(|other| other.resyncs == 0) {
                let (long, short) = (&follower.delivered, &other.delivered);
                assert!(long.ends_with(short) || short.ends_with(long), "seed {seed}");
            }
        }
        resyncs += world.followers.iter().map(|follower| follower.resyncs).sum::<u32>();
    }
    assert!(resyncs > 0, "no data was lost");
}
