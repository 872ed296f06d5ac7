//! A node's process: it reads, writes, stops for a while, and is killed at any action.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::asks::LedgerApp;
use super::bus_line::BusLines;
use super::stage::{ClusterStage, LinePart, StageEvent};
use crate::config::{Config, Length};
use crate::driver::Planted;
use crate::id::{ConnId, Rng, Seed};
use crate::node::{Action, BusInput, BusOrder, Command, Hangup, Node, Work};
use crate::time::Instant;

/// The secret that tokens of these worlds are signed with.
pub(super) const CLUSTER_SECRET: &str = "0123456789abcdef0123456789abcdef";

/// How many connections a user may have.
pub(super) const MOST: u32 = 3;

/// A place for a process: one after the other.
#[derive(Debug)]
pub(super) struct NodePlace {
    pub(super) index: usize,
    pub(super) name: String,
    /// The process that runs here; `None`: it was killed.
    pub(super) node: Option<Node>,
    /// Its number, which no other process has.
    pub(super) process: u64,
    pub(super) started: Instant,
    /// The process handles nothing until then.
    pub(super) stopped_until: Instant,
    /// The engine cannot be reached from here.
    pub(super) is_cut: bool,
    pub(super) bus: Option<u64>,
    lines: BTreeMap<ConnId, u64>,
    /// It is killed at this action, counted from now.
    pub(super) killed_in: Option<u32>,
}

impl NodePlace {
    pub(super) fn new(index: usize) -> Self {
        Self {
            index,
            name: format!("n{index}"),
            node: None,
            process: 0,
            started: Instant::START,
            stopped_until: Instant::START,
            is_cut: false,
            bus: None,
            lines: BTreeMap::new(),
            killed_in: None,
        }
    }

    /// Starts the process of this number.
    pub(super) fn start(
        &mut self,
        stage: &mut ClusterStage,
        process: u64,
        planted: Option<Planted>,
    ) {
        let mut config = Config::default();
        config.auth.secret = CLUSTER_SECRET.to_owned();
        config.auth.reauth_spread = Length::from_secs(0);
        config.auth.leeway = Length::from_secs(0);
        config.cluster.url = "redis://127.0.0.1".to_owned();
        config.cluster.name.clone_from(&self.name);
        let limits = &mut config.limits;
        (limits.messages_per_minute, limits.auth_per_minute_per_user) = (0, 0);
        limits.connections_per_user = MOST;
        let ledger = Arc::clone(&stage.asks);
        let rng = Rng::new(stage.rng.next_u64());
        let app = Box::new(LedgerApp { process, ledger, rng });
        let seed = Seed::predictable(stage.rng.next_u64());
        match Node::new(&config, &seed, app) {
            Ok(mut node) => {
                if let Some(fault) = planted {
                    node.plant(fault);
                }
                self.node = Some(node);
            }
            Err(error) => stage.fail(error.to_string()),
        }
        (self.process, self.started) = (process, stage.now.monotonic);
        (self.stopped_until, self.killed_in) = (stage.now.monotonic, None);
        let name = &self.name;
        stage.note(|| format!("{name} starts as process {process}"));
    }

    /// When it is to be called without anything having come.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        let at = self.node.as_ref()?.poll_timeout()?;
        Some(at.max(self.stopped_until).max(now))
    }

    pub(super) fn is_stopped(&self, now: Instant) -> bool {
        self.stopped_until > now
    }

    /// The process is gone. What it has written is on its way.
    pub(super) fn die(&mut self, stage: &mut ClusterStage, buses: &mut BusLines) {
        if self.node.take().is_none() {
            return;
        }
        let (name, process) = (&self.name, self.process);
        stage.note(|| format!("{name}: process {process} is killed"));
        stage.contacts.died(process);
        stage.counted.kills += 1;
        for line in std::mem::take(&mut self.lines).into_values() {
            stage.down(line, LinePart::End);
        }
        if let Some(bus) = self.bus.take() {
            buses.leave(stage, bus);
        }
    }

    /// Something has come from a client.
    pub(super) fn receive(
        &mut self,
        stage: &mut ClusterStage,
        buses: &mut BusLines,
        number: u64,
        part: LinePart,
    ) {
        let now = stage.now;
        let Some(line) = stage.lines.get_mut(&number) else { return };
        let Some(node) = &mut self.node else {
            return stage.down(number, LinePart::End);
        };
        let id = match (&part, line.accepted) {
            (LinePart::Open, _) => {
                let address = Ipv4Addr::from(0x0a00_0001 + line.client as u32);
                match node.handle_accept(now, SocketAddr::new(address.into(), 9)) {
                    Ok(id) => {
                        line.accepted = Some((self.process, id));
                        self.lines.insert(id, number);
                    }
                    Err(_) => stage.down(number, LinePart::End),
                }
                return self.settle(stage, buses);
            }
            (_, Some((process, id))) if process == self.process => id,
            _ => return stage.down(number, LinePart::End),
        };
        match part {
            LinePart::Bytes(bytes) => {
                line.unread.extend_from_slice(&bytes);
                self.read(stage, id);
            }
            _ => node.handle_hangup(now, id, Hangup::Reset),
        }
        self.settle(stage, buses);
    }

    /// Hands over what a client has sent, if the node wants it.
    fn read(&mut self, stage: &mut ClusterStage, id: ConnId) {
        let Some(node) = self.node.as_mut().filter(|node| node.wants_input(id)) else { return };
        let line = self.lines.get(&id).and_then(|number| stage.lines.get_mut(number));
        let Some(line) = line.filter(|line| !line.unread.is_empty()) else { return };
        let mut bytes = std::mem::take(&mut line.unread);
        node.handle_bytes(stage.now, id, &mut bytes);
    }

    /// Something has happened to the connection to the engine.
    pub(super) fn bus_input(
        &mut self,
        stage: &mut ClusterStage,
        buses: &mut BusLines,
        bus: u64,
        part: &LinePart,
    ) {
        if self.bus != Some(bus) {
            return;
        }
        let Some(node) = &mut self.node else { return };
        let input = match part {
            LinePart::Open => BusInput::Connected,
            LinePart::Bytes(bytes) => BusInput::Bytes(bytes),
            LinePart::End => {
                self.bus = None;
                BusInput::Lost("reset")
            }
        };
        node.handle_bus(stage.now, input);
        self.settle(stage, buses);
    }

    pub(super) fn wake(&mut self, stage: &mut ClusterStage, buses: &mut BusLines) {
        let Some(node) = &mut self.node else { return };
        node.handle_timeout(stage.now);
        self.settle(stage, buses);
    }

    pub(super) fn work(
        &mut self,
        stage: &mut ClusterStage,
        buses: &mut BusLines,
        command: Command,
    ) {
        let Some(node) = &mut self.node else { return };
        node.handle_completion(stage.now, command.run());
        self.settle(stage, buses);
    }

    /// Does what the node asks for.
    pub(super) fn settle(&mut self, stage: &mut ClusterStage, buses: &mut BusLines) {
        loop {
            let Some(action) = self.node.as_mut().and_then(Node::poll_action) else { break };
            if self.is_killed_now() {
                return self.die(stage, buses);
            }
            match action {
                Action::Flush(id) => self.flush(stage, id),
                Action::Finish(id) => {
                    if let Some(line) = self.lines.get(&id) {
                        stage.down(*line, LinePart::End);
                    }
                }
                Action::Close(id) => {
                    if let Some(line) = self.lines.remove(&id) {
                        stage.down(line, LinePart::End);
                    }
                }
                Action::Resume(id) => self.read(stage, id),
                Action::Submit(command) => {
                    let length = match (&command.work, stage.rng.below(20)) {
                        (Work::Message(_), 0) if !stage.is_healed => Duration::from_secs(12),
                        (_, 0..5) if !stage.is_healed => Duration::from_secs(5),
                        _ => Duration::from_millis(200),
                    };
                    let length = stage.within(length);
                    stage.after(length, StageEvent::Work(self.process, command));
                }
                Action::FetchKeys(_) => {}
            }
        }
        self.serve_bus(stage, buses);
    }

    fn flush(&mut self, stage: &mut ClusterStage, id: ConnId) {
        let Some(node) = &mut self.node else { return };
        loop {
            let mut slices = [IoSlice::new(&[]); 8];
            let filled = node.pending_output(id, &mut slices);
            let bytes: Vec<u8> =
                slices.iter().take(filled).flat_map(|slice| slice.iter().copied()).collect();
            node.consume_output(stage.now, id, bytes.len());
            if bytes.is_empty() {
                return;
            }
            if let Some(line) = self.lines.get(&id) {
                stage.down(*line, LinePart::Bytes(bytes));
            }
        }
    }

    /// Writes to the engine, connects to it, and disconnects.
    fn serve_bus(&mut self, stage: &mut ClusterStage, buses: &mut BusLines) {
        while let Some(order) = self.node.as_mut().and_then(Node::poll_bus) {
            if let Some(bus) = self.bus.take() {
                buses.leave(stage, bus);
            }
            if let BusOrder::Connect { .. } = order {
                let bus = buses.open(stage, (self.index, self.process), self.is_cut);
                self.bus = Some(bus);
            }
        }
        let Some(node) = &mut self.node else { return };
        let output = node.bus_output().to_vec();
        if output.is_empty() {
            return;
        }
        node.consume_bus_output(output.len());
        if let Some(bus) = self.bus {
            buses.up(stage, bus, output);
        }
        if self.is_killed_now() {
            self.die(stage, buses);
        }
    }

    fn is_killed_now(&mut self) -> bool {
        let Some(left) = &mut self.killed_in else { return false };
        *left = left.saturating_sub(1);
        *left == 0
    }
}
