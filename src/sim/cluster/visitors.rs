//! Connections of one user at all nodes: more of them come than the user may have.
//!
//! They are in a room of their own, which nobody listens to, and do nothing but come, and go with a word or
//! without one.

use std::collections::VecDeque;
use std::time::Duration;

use super::process::{CLUSTER_SECRET, MOST, NodePlace};
use super::stage::{ClusterStage, LinePart, StageEvent};
use crate::protocol::CloseReason;
use crate::sim::wire::{self, Message, Seen, WireReader};
use crate::time::Instant;

/// The number of the first of them as a client.
pub(super) const FIRST_VISITOR: usize = 1_000;
/// How many come.
const VISITORS: usize = 6;
const USER: &str = "visitor";

/// For how long there may be more than [`MOST`] where nothing goes wrong: a second for each of those that
/// are silent and those that are not, and some latency.
const CORRECTED: Duration = Duration::from_secs(5);
/// A connection is refused only if there were as many as one may have, this long ago at most.
const REMEMBERED: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
struct Visitor {
    line: Option<u64>,
    is_inside: bool,
    reader: WireReader,
    next: Option<Instant>,
}

/// All of them, and how many the nodes have counted.
#[derive(Debug)]
pub(super) struct Visitors {
    all: Vec<Visitor>,
    /// How many connections they had at all nodes, and from when on.
    counts: VecDeque<(Instant, usize)>,
    /// How many were refused by the process of this number at each node.
    refused: Vec<(u64, u64)>,
    /// When a node has refused one, though there were fewer: others may come in that moment.
    doubtful: Vec<(Instant, String)>,
}

impl Visitors {
    pub(super) fn new() -> Self {
        let all = (0..VISITORS).map(|_| Visitor::default()).collect();
        Self {
            all,
            counts: VecDeque::from([(Instant::START, 0)]),
            refused: Vec::new(),
            doubtful: Vec::new(),
        }
    }

    pub(super) fn begin(&mut self, stage: &mut ClusterStage) {
        for number in 0..self.all.len() {
            self.wake_in(stage, number, Duration::from_secs(4));
        }
    }

    fn wake_in(&mut self, stage: &mut ClusterStage, number: usize, least: Duration) {
        let at = stage.now.monotonic + least + stage.within(Duration::from_secs(8));
        if let Some(visitor) = self.all.get_mut(number) {
            visitor.next = Some(at);
            stage.at(at, StageEvent::Client(FIRST_VISITOR + number));
        }
    }

    /// The time of the client of this number has come.
    pub(super) fn wake(&mut self, stage: &mut ClusterStage, client: usize, nodes: usize) {
        let number = client.saturating_sub(FIRST_VISITOR);
        let Some(visitor) = self.all.get_mut(number) else { return };
        if visitor.next.is_some_and(|at| at > stage.now.monotonic) {
            return;
        }
        match (visitor.line, visitor.is_inside) {
            (None, _) => self.connect(stage, number, nodes),
            (Some(_), false) => self.leave(stage, number, true),
            // Some vanish without a word.
            (Some(_), true) if !stage.is_healed && stage.rng.below(3) == 0 => {
                let says_so = stage.rng.below(3) > 0;
                self.leave(stage, number, says_so);
            }
            _ => {}
        }
        self.wake_in(stage, number, Duration::from_secs(2));
    }

    fn connect(&mut self, stage: &mut ClusterStage, number: usize, nodes: usize) {
        let Some(visitor) = self.all.get_mut(number) else { return };
        let node = stage.rng.below(nodes as u64) as usize;
        let line = stage.open(FIRST_VISITOR + number, node);
        stage.note(|| format!("visitor {number} connects to n{node}"));
        *visitor = Visitor { line: Some(line), next: visitor.next, ..Visitor::default() };
        let (now, nonce) = (stage.now.unix.as_millis() / 1_000, stage.rng.next_u64());
        let claims =
            serde_json::json!({ "sub": USER, "iat": now, "exp": now + 3_000, "nonce": nonce });
        let token = crate::testing::token(CLUSTER_SECRET, &claims);
        stage.up(line, LinePart::Bytes(wire::upgrade("visitors")));
        let text = wire::envelope("auth", "a", "token", &token);
        send(stage, line, 0x81, text.as_bytes());
    }

    fn leave(&mut self, stage: &mut ClusterStage, number: usize, says_so: bool) {
        let Some(visitor) = self.all.get_mut(number) else { return };
        if let Some(line) = visitor.line.take().filter(|_| says_so) {
            stage.up(line, LinePart::End);
        }
        stage.note(|| format!("visitor {number} leaves, and says so: {says_so}"));
        visitor.is_inside = false;
    }

    /// Bytes have come for the client of this number, or the end.
    pub(super) fn receive(
        &mut self,
        stage: &mut ClusterStage,
        client: usize,
        (line, part): (u64, LinePart),
    ) {
        let number = client.saturating_sub(FIRST_VISITOR);
        let Some(visitor) = self.all.get_mut(number).filter(|it| it.line == Some(line)) else {
            return;
        };
        let LinePart::Bytes(bytes) = part else { return self.leave(stage, number, true) };
        visitor.reader.push(&bytes);
        loop {
            match visitor.reader.next() {
                Ok(None) => return,
                Ok(Some((_, Seen::Message(Message::Acknowledged { .. })))) => {
                    visitor.is_inside = true;
                }
                Ok(Some((_, Seen::Ping))) => send(stage, line, 0x8a, &[]),
                Ok(Some((_, Seen::Close(code, text)))) => {
                    stage.note(|| format!("visitor {number} is closed with {code} {text}"));
                    return self.leave(stage, number, true);
                }
                Ok(Some((_, Seen::Message(Message::AuthRequired)))) => {
                    return self.leave(stage, number, true);
                }
                Ok(Some(_)) => {}
                Err(what) => return stage.fail(what),
            }
        }
    }

    /// Looks how many there are now, and whether some were refused for no reason.
    pub(super) fn look(&mut self, stage: &mut ClusterStage, places: &[NodePlace]) {
        let now = stage.now.monotonic;
        let nodes = places.iter().filter_map(|place| place.node.as_ref());
        let count: usize = nodes.map(|node| node.connections_of_user(USER)).sum();
        if self.counts.back().is_none_or(|(_, last)| *last != count) {
            self.counts.push_back((now, count));
        }
        while self.counts.get(1).is_some_and(|(since, _)| *since + REMEMBERED < now) {
            self.counts.pop_front();
        }
        self.refused.resize(places.len(), (0, 0));
        for (place, before) in places.iter().zip(&mut self.refused) {
            let Some(node) = &place.node else { continue };
            let refused = node.metrics().closes(CloseReason::ConnectionLimit);
            let new = refused - if before.0 == place.process { before.1 } else { 0 };
            *before = (place.process, refused);
            let most = self.counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
            stage.counted.refused += new;
            if new > 0 && most < MOST as usize {
                self.doubtful.push((now, place.name.clone()));
            }
        }
    }

    /// Looks whether there are too many for too long. `is_quiet`: nothing goes wrong.
    pub(super) fn judge(&mut self, stage: &mut ClusterStage, is_quiet: bool) {
        let now = stage.now.monotonic;
        let most = self.counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
        for (at, name) in self.doubtful.drain(..) {
            if most < MOST as usize {
                stage.fail(format!(
                    "U2: {name} refuses a connection at {at:?}, and there are {most}"
                ));
            }
        }
        let is_over = |(_, count): &&(Instant, usize)| *count > MOST as usize;
        let over = self.counts.iter().rev().take_while(is_over).last();
        if let Some((since, _)) = over.filter(|_| is_quiet)
            && *since + CORRECTED < now
        {
            stage.fail(format!("U1: there are more than {MOST} connections since {since:?}"));
        }
    }

    /// In the end as many are in as may be.
    pub(super) fn judge_end(&self, stage: &mut ClusterStage) {
        let count = self.counts.back().map_or(0, |(_, count)| *count);
        if count < MOST as usize {
            stage.fail(format!("U3: {count} connections are let in, and more try"));
        }
    }
}

fn send(stage: &mut ClusterStage, line: u64, opcode: u8, content: &[u8]) {
    let mask = stage.rng.next_u64() as u32;
    stage.up(line, LinePart::Bytes(wire::masked(opcode, content, mask)));
}
