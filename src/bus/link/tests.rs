//! A link against the model engine, in virtual time.

use super::*;
use crate::bus::entry::EntryKind;
use crate::bus::model::{EngineError, ModelEngine};
use crate::time::UnixTime;

mod chaos;
mod cluster;
mod faults;

/// A node's link with its transport.
struct Peer {
    link: BusLink,
    transport: Option<u64>,
    /// All but orders to the driver.
    events: Vec<BusEvent>,
    sent: u64,
}

/// Links to one engine.
struct Rig {
    now: Instant,
    engine: ModelEngine,
    peers: Vec<Peer>,
    /// Nobody accepts connections.
    is_unreachable: bool,
}

impl Rig {
    /// This many nodes, named `n0` and so on, which are up.
    fn new(nodes: usize) -> Self {
        let peers = (0..nodes).map(|index| Peer {
            link: BusLink::new(settings(index), &Seed::predictable(index as u64)),
            transport: None,
            events: Vec::new(),
            sent: 0,
        });
        let (now, engine) = (Instant::START, ModelEngine::new());
        let mut rig = Self { now, engine, peers: peers.collect(), is_unreachable: false };
        rig.turn();
        rig.peers.iter_mut().for_each(|peer| peer.events.clear());
        assert!(rig.peers.iter().all(|peer| peer.link.is_up()));
        rig
    }

    fn unix(&self) -> UnixTime {
        UnixTime::from_millis(1_800_000_000_000 + self.now.as_micros() / 1_000)
    }

    /// Moves bytes and serves deadlines until nothing happens at this moment.
    fn turn(&mut self) {
        let mut served = true;
        while served {
            served = false;
            for index in 0..self.peers.len() {
                served |= self.serve(index);
            }
        }
    }

    /// Serves one link once: did anything happen?
    fn serve(&mut self, index: usize) -> bool {
        let (now, unix) = (self.now, self.unix());
        let peer = &mut self.peers[index];
        let mut served = false;
        if let Some(id) = peer.transport {
            let output = peer.link.output().to_vec();
            served |= !output.is_empty();
            peer.link.written(output.len());
            self.engine.receive(unix, id, &output);
            let input = self.engine.take_output(id);
            served |= !input.is_empty();
            peer.link.received(now, &input);
            if self.engine.is_closed(id) && peer.transport == Some(id) {
                self.engine.disconnect(id);
                peer.transport = None;
                peer.link.lost(now, "closed");
            }
        }
        if peer.link.next_deadline().is_some_and(|deadline| deadline <= now) {
            peer.link.handle_timeout(now);
            served = true;
        }
        while let Some(event) = peer.link.poll() {
            served = true;
            match event {
                BusEvent::Connect { .. } if self.is_unreachable => {
                    peer.link.lost(now, "unreachable");
                }
                BusEvent::Connect { .. } => {
                    peer.transport = Some(self.engine.connect());
                    peer.link.connected(now);
                }
                BusEvent::Disconnect => {
                    if let Some(id) = peer.transport.take() {
                        self.engine.disconnect(id);
                    }
                }
                event => peer.events.push(event),
            }
        }
        served
    }

    /// Lets time pass from deadline to deadline.
    fn pass(&mut self, length: Duration) {
        let end = self.now + length;
        self.turn();
        loop {
            let deadlines = self.peers.iter().filter_map(|peer| peer.link.next_deadline());
            let next = deadlines.min().filter(|next| *next <= end);
            self.now = next.unwrap_or(end).max(self.now);
            self.turn();
            if self.now == end {
                return;
            }
        }
    }

    /// Sends a command that waits a second at most.
    fn send(&mut self, node: usize, command: BusCommand) -> Result<u64, BusFault> {
        let peer = &mut self.peers[node];
        peer.sent += 1;
        peer.link.send(self.now, peer.sent, command, self.now + Duration::from_secs(1))?;
        Ok(peer.sent)
    }

    /// The reply to a command, which is taken.
    fn reply(&mut self, node: usize, to: u64) -> Option<Result<BusReply, BusFault>> {
        let events = &mut self.peers[node].events;
        let is_it = |event: &BusEvent| matches!(event, BusEvent::Reply { to: of, .. } if *of == to);
        let at = events.iter().position(is_it)?;
        match events.remove(at) {
            BusEvent::Reply { result, .. } => Some(result),
            _ => None,
        }
    }

    /// Sends a command, and waits for its reply.
    #[track_caller]
    fn ask(&mut self, node: usize, command: BusCommand) -> BusReply {
        self.try_ask(node, command).unwrap()
    }

    #[track_caller]
    fn try_ask(&mut self, node: usize, command: BusCommand) -> Result<BusReply, BusFault> {
        let to = self.send(node, command)?;
        self.turn();
        self.reply(node, to).expect("a reply")
    }

    /// Subscribes a node to a log.
    fn watch(&mut self, node: usize, log: &LogName) {
        self.send(node, BusCommand::Subscribe(vec![log.clone()])).unwrap();
        self.turn();
        let events = std::mem::take(&mut self.peers[node].events);
        let is_it = |event: &BusEvent| matches!(event, BusEvent::Subscribed(of) if of == log);
        assert!(events.iter().any(is_it), "{events:?}");
    }

    /// The frames of the entries that were pushed to a node, which are taken.
    fn pushed(&mut self, node: usize) -> Vec<String> {
        let mut frames = Vec::new();
        self.peers[node].events.retain(|event| match event {
            BusEvent::Entry { entry, .. } => {
                frames.push(String::from_utf8(entry.frame.to_vec()).unwrap());
                false
            }
            _ => true,
        });
        frames
    }
}

fn settings(index: usize) -> LinkSettings {
    let name = format!("n{index}").into();
    LinkSettings { name, addresses: 2, keep: 4, keep_bytes: 400, ..LinkSettings::default() }
}

fn lobby() -> LogName {
    LogName::Room("lobby".into())
}

/// A message of this text, whose number is also its id.
fn publish(id: u8, text: &str) -> BusCommand {
    BusCommand::Publish {
        log: lobby(),
        id: [id; 16],
        content: text.len() as u64,
        asks: true,
        tag: u64::from(id),
        connection: 7,
        frame: text.as_bytes().into(),
    }
}

fn read(head: Option<Position>) -> BusCommand {
    BusCommand::Read { log: lobby(), head, fresh: 99 }
}

/// The position of what was just published.
#[track_caller]
fn position(reply: &BusReply) -> Position {
    match reply {
        BusReply::Published { position, .. } => *position,
        other => panic!("not published: {other:?}"),
    }
}
