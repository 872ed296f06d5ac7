//! The same random commands on a real engine and on the model.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use smol_str::SmolStr;

use super::peer::{BusPeer, EngineWire, operate};
use crate::bus::model::ModelEngine;
use crate::bus::{BusCommand, BusEvent, BusReply, LinkSettings, LogName, StoredRevocation};
use crate::id::{Rng, Seed};
use crate::protocol::Position;
use crate::time::UnixTime;

/// Nodes on each side.
const NODES: usize = 3;
/// Commands that one node sends at once, at most.
const BURST: u64 = 6;

/// Sends `steps` bursts of random commands from three nodes to the empty engine at `socket`, and the
/// same ones to the model, and compares every reply and every push. Now and then all data is lost; at
/// the end there are revocations for three pages. `unix_millis` is the time. Returns how many of each
/// kind of reply were compared.
///
/// # Errors
///
/// The first difference.
pub fn compare_with_model(
    socket: &Path,
    seed: u64,
    steps: usize,
    unix_millis: u64,
) -> Result<String, String> {
    let mut sides = Sides::new(socket, seed, UnixTime::from_millis(unix_millis));
    let mut commands = RandomCommands::new(seed);
    for step in 1..=steps {
        if step % 100 == 0 {
            operate(socket, "FLUSHALL");
            sides.model.borrow_mut().flush_data();
        }
        let node = commands.rng.below(NODES as u64) as usize;
        let burst = 1 + commands.rng.below(BURST);
        let sent = (0..burst).map(|_| commands.next()).collect();
        let events = sides.compare(node, sent).map_err(|text| format!("seed {seed}: {text}"))?;
        commands.learn(&events);
    }
    for users in (0..1_100).step_by(100) {
        let revocation = |user| {
            let (at, until) = (user, 4_000_000_000 + user / 7);
            let user = format!("user {user}").into();
            BusCommand::StoreRevocation { user, at, until, capacity: 0 }
        };
        sides.compare(0, (users..users + 100).map(revocation).collect())?;
    }
    for _ in 0..4 {
        let after = commands.revocations.last().cloned();
        let events = sides.compare(1, vec![BusCommand::ReadRevocations { after }])?;
        commands.learn(&events);
    }
    Ok(format!("{:?}", sides.compared))
}

/// The same nodes on both engines.
struct Sides {
    nodes: Vec<[BusPeer; 2]>,
    model: Rc<RefCell<ModelEngine>>,
    /// How often each kind of reply and push was compared.
    compared: BTreeMap<String, u64>,
}

impl Sides {
    fn new(socket: &Path, seed: u64, unix: UnixTime) -> Self {
        let model = Rc::new(RefCell::new(ModelEngine::new()));
        let node = |node| {
            // Both draw the same.
            let seed = Seed::predictable(seed).derive(&format!("node {node}"));
            let settings = LinkSettings {
                name: name(node),
                prefix: "compared".into(),
                keep: 5,
                keep_bytes: 700,
                keep_for: Duration::from_secs(1_000),
                ..LinkSettings::default()
            };
            let real = EngineWire::Socket(socket.to_owned(), None);
            let modelled = EngineWire::Model(Rc::clone(&model), unix, None);
            let mut pair = [real, modelled].map(|wire| BusPeer::new(settings.clone(), &seed, wire));
            pair.iter_mut().for_each(|peer| peer.serve_until(&|peer| peer.link.is_up()));
            pair
        };
        Self { nodes: (0..NODES).map(node).collect(), model, compared: BTreeMap::new() }
    }

    /// Sends commands from one node, and compares what all nodes get: what the model said.
    fn compare(&mut self, node: usize, sent: Vec<BusCommand>) -> Result<Vec<BusEvent>, String> {
        for peer in self.nodes.get_mut(node).into_iter().flatten() {
            for command in &sent {
                peer.send(command.clone()).map_err(|fault| format!("{fault:?}"))?;
            }
        }
        // What these commands pushed to a node came before the reply to its next command. Two of
        // them: a subscription may have waited for the one before it.
        for index in (node..NODES).chain(0..node) {
            let pair = self.nodes.get_mut(index).into_iter().flatten();
            pair.for_each(|peer| [(); 2].iter().for_each(|()| fence(peer)));
        }
        let mut events = Vec::new();
        for (index, [real, modelled]) in self.nodes.iter_mut().enumerate() {
            let modelled = std::mem::take(&mut modelled.events);
            let (real, expected) = (shown(&std::mem::take(&mut real.events)), shown(&modelled));
            if real != expected {
                return Err(format!(
                    "n{node} sent {sent:#?}\nthe engine to n{index}: {real:#?}\nthe model: \
                     {expected:#?}"
                ));
            }
            for line in real {
                let kind = line.split([' ', '(']).next().unwrap_or_default().to_owned();
                *self.compared.entry(kind).or_insert(0) += 1;
            }
            events.extend(modelled);
        }
        Ok(events)
    }
}

fn name(node: usize) -> SmolStr {
    format!("n{node}").into()
}

/// Waits for the reply to a command that changes nothing.
fn fence(peer: &mut BusPeer) {
    let claim = BusCommand::Claim { log: LogName::Control, id: [255; 16], from: "x".into() };
    drop(peer.ask(claim));
}

/// Events as text: pushes, then replies, each in their order. How the two are mixed is another
/// matter in each version of the engine, and what is left of a lease depends on the time.
fn shown(events: &[BusEvent]) -> Vec<String> {
    let (mut pushes, mut replies) = (Vec::new(), Vec::new());
    for event in events {
        match event {
            BusEvent::Reply { to, result: Ok(BusReply::Nodes { live, taken_from }) } => {
                let live: Vec<_> = live.iter().map(|lease| (&lease.name, &lease.info)).collect();
                replies.push(format!("Nodes {to} {live:?} {taken_from:?}"));
            }
            BusEvent::Reply { to, result: Ok(reply) } => replies.push(format!("{reply:?} {to}")),
            BusEvent::Reply { to, result: Err(fault) } => replies.push(format!("{fault:?} {to}")),
            other => pushes.push(format!("{other:?}")),
        }
    }
    pushes.append(&mut replies);
    pushes
}

/// Makes commands that meet what earlier ones have left.
struct RandomCommands {
    rng: Rng,
    heads: BTreeMap<LogName, Vec<Position>>,
    revocations: Vec<StoredRevocation>,
}

impl RandomCommands {
    fn new(seed: u64) -> Self {
        let rng = Seed::predictable(seed).derive("commands").rng();
        Self { rng, heads: BTreeMap::new(), revocations: Vec::new() }
    }

    /// Keeps positions and revocations of replies: later commands name them.
    fn learn(&mut self, events: &[BusEvent]) {
        for event in events {
            match event {
                BusEvent::Entry { log, entry } => {
                    let heads = self.heads.entry(log.clone()).or_default();
                    heads.push(entry.position);
                    if heads.len() > 8 {
                        heads.remove(0);
                    }
                }
                BusEvent::Reply { result: Ok(BusReply::Revocations { page, .. }), .. } => {
                    self.revocations.clone_from(page);
                }
                _ => {}
            }
        }
    }

    fn log(&mut self) -> LogName {
        match self.rng.below(4) {
            0 => LogName::Control,
            room => LogName::Room(format!("room {room}").into()),
        }
    }

    fn id(&mut self) -> [u8; 16] {
        [self.rng.below(4) as u8; 16]
    }

    /// An id that does not come again.
    fn fresh_id(&mut self) -> [u8; 16] {
        let (high, low) = (self.rng.next_u64(), self.rng.next_u64());
        (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
    }

    fn bytes(&mut self, most: u64) -> Box<[u8]> {
        let length = self.rng.below(most);
        (0..length).map(|_| self.rng.next_u64() as u8).collect()
    }

    /// A position of this log that was seen, perhaps with another tag, or one that was not.
    fn head(&mut self, log: &LogName) -> Position {
        let (wrong, number) = (self.rng.below(5) == 0, self.rng.below(30));
        let seen = self.heads.get(log).filter(|heads| !heads.is_empty());
        let at = self.rng.below(seen.map_or(1, Vec::len) as u64) as usize;
        match seen.and_then(|heads| heads.get(at)) {
            Some(head) if wrong => Position::new(head.number(), head.tag() ^ 1),
            Some(head) => *head,
            None => Position::new(number, number),
        }
    }

    fn next(&mut self) -> BusCommand {
        let log = self.log();
        match self.rng.below(22) {
            0..6 => BusCommand::Publish {
                log,
                id: if self.rng.below(2) == 0 { self.id() } else { self.fresh_id() },
                content: u64::from(self.rng.below(5) == 0),
                asks: self.rng.below(3) > 0,
                tag: self.rng.next_u64(),
                connection: self.rng.next_u64() >> 1,
                frame: self.bytes(400),
            },
            6..9 => {
                let head = (self.rng.below(4) > 0).then(|| self.head(&log));
                BusCommand::Read { head, log, fresh: self.rng.next_u64() }
            }
            9 => {
                let seen_head = self.head(&log);
                BusCommand::Break { log, tag: self.rng.next_u64(), seen_head }
            }
            10 => {
                let from = name(self.rng.below(NODES as u64) as usize);
                BusCommand::Claim { log, id: self.id(), from }
            }
            11 => BusCommand::Answer { log, id: self.id(), answer: self.bytes(20) },
            12 => BusCommand::Release { log, id: self.id() },
            13 => BusCommand::Subscribe(vec![log]),
            14 => BusCommand::Unsubscribe(vec![log]),
            15 => BusCommand::Lease { ttl_ms: self.rng.below(4) * 3_600_000, info: self.bytes(9) },
            16 => BusCommand::Leave,
            17 => {
                let node = self.rng.below(4) as usize;
                let node = (node < NODES).then(|| name(node));
                BusCommand::Tell { node, payload: self.bytes(50) }
            }
            18 => {
                let at = self.rng.below(4) as usize;
                BusCommand::ReadRevocations { after: self.revocations.get(at).cloned() }
            }
            19..21 => {
                let content = u64::from(self.rng.below(5) == 0);
                BusCommand::TakeKey { log, id: self.id(), content }
            }
            _ => BusCommand::StoreRevocation {
                user: format!("user {}", self.rng.below(30)).into(),
                at: self.rng.below(1_000),
                until: if self.rng.below(6) == 0 { 1 } else { 4_000_000_000 + self.rng.below(9) },
                capacity: self.rng.below(2) as usize * 12,
            },
        }
    }
}
