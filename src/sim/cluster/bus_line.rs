//! Lines between nodes and the engine: slow, and cut at any byte.

use std::collections::BTreeMap;
use std::time::Duration;

use super::facts::lose_pushes;
use super::stage::{ClusterStage, LinePart, StageEvent};
use crate::bus::model::ModelEngine;
use crate::time::Instant;

#[derive(Debug)]
struct BusLine {
    node: usize,
    process: u64,
    /// The engine's name of the connection, once it is there.
    engine: Option<u64>,
    latency: Duration,
    last_up: Instant,
    last_down: Instant,
    /// It is cut, and so many bytes still arrive at the engine, and at the node.
    budget: Option<(usize, usize)>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct BusLines {
    lines: BTreeMap<u64, BusLine>,
    opened: u64,
    /// So many announcements of entries are lost on their way.
    pub(super) lost_pushes: u32,
    /// The same of operators' orders.
    pub(super) lost_orders: u32,
    /// Nobody listens at the engine's address until then.
    pub(super) refused_until: Instant,
}

impl BusLines {
    /// A process connects: it is told when the engine is there, or cannot be reached.
    pub(super) fn open(
        &mut self,
        stage: &mut ClusterStage,
        (node, process): (usize, u64),
        is_cut: bool,
    ) -> u64 {
        self.opened += 1;
        let (now, number) = (stage.now.monotonic, self.opened);
        let most = if stage.rng.below(4) == 0 { 150_000 } else { 2_000 };
        let latency = Duration::from_micros(50 + stage.rng.below(most));
        let line = BusLine {
            node,
            process,
            engine: None,
            latency,
            last_up: now,
            last_down: now,
            budget: None,
        };
        self.lines.insert(number, line);
        if is_cut || self.refused_until > now {
            self.down(stage, number, LinePart::End);
        } else {
            self.schedule_up(stage, number, LinePart::Open);
        }
        number
    }

    /// A node writes, in pieces.
    pub(super) fn up(&mut self, stage: &mut ClusterStage, number: u64, mut bytes: Vec<u8>) {
        if stage.rng.below(4) == 0 {
            let at = stage.rng.below(bytes.len() as u64 + 1) as usize;
            let rest = bytes.split_off(at);
            self.schedule_up(stage, number, LinePart::Bytes(bytes));
            bytes = rest;
        }
        self.schedule_up(stage, number, LinePart::Bytes(bytes));
    }

    fn schedule_up(&mut self, stage: &mut ClusterStage, number: u64, part: LinePart) {
        let Some(line) = self.lines.get_mut(&number) else { return };
        let late = stage.within(line.latency);
        line.last_up = (stage.now.monotonic + line.latency + late).max(line.last_up);
        stage.at(line.last_up, StageEvent::BusUp(number, part));
    }

    fn down(&mut self, stage: &mut ClusterStage, number: u64, part: LinePart) {
        let Some(line) = self.lines.get_mut(&number) else { return };
        let late = stage.within(line.latency);
        line.last_down = (stage.now.monotonic + line.latency + late).max(line.last_down);
        stage.at(line.last_down, StageEvent::BusDown(number, part));
    }

    /// The node's side is gone. What it has written arrives.
    pub(super) fn leave(&mut self, stage: &mut ClusterStage, number: u64) {
        self.schedule_up(stage, number, LinePart::End);
    }

    /// The line is cut: of what is on its way, so many bytes arrive as chance has it.
    pub(super) fn cut(&mut self, stage: &mut ClusterStage, number: u64) {
        let Some(line) = self.lines.get_mut(&number) else { return };
        let mut bytes = || match stage.rng.below(3) {
            0 => 0,
            1 => stage.rng.below(300) as usize,
            _ => usize::MAX,
        };
        line.budget = Some((bytes(), bytes()));
        self.schedule_up(stage, number, LinePart::End);
        self.down(stage, number, LinePart::End);
    }

    /// Something arrives at the engine.
    pub(super) fn arrive(
        &mut self,
        stage: &mut ClusterStage,
        engine: &mut ModelEngine,
        number: u64,
        part: LinePart,
    ) {
        let Some(line) = self.lines.get_mut(&number) else { return };
        match (part, line.engine) {
            (LinePart::Open, _) => {
                line.engine = Some(engine.connect());
                self.down(stage, number, LinePart::Open);
            }
            (LinePart::Bytes(mut bytes), Some(id)) => {
                if let Some((left, _)) = &mut line.budget {
                    bytes.truncate(*left);
                    *left -= bytes.len();
                }
                engine.receive(stage.now.unix, id, &bytes);
            }
            (LinePart::End, Some(id)) => {
                engine.disconnect(id);
                line.engine = None;
            }
            _ => {}
        }
    }

    /// Takes what the engine sends to all lines.
    pub(super) fn collect(&mut self, stage: &mut ClusterStage, engine: &mut ModelEngine) {
        let all: Vec<(u64, u64)> =
            self.lines.iter().filter_map(|(number, line)| Some((*number, line.engine?))).collect();
        for (number, id) in all {
            let mut output = engine.take_output(id);
            if !output.is_empty() {
                if self.lost_pushes + self.lost_orders > 0 {
                    let counts = (&mut self.lost_pushes, &mut self.lost_orders);
                    output = lose_pushes(&output, counts);
                }
                if let Some((_, left)) =
                    self.lines.get_mut(&number).and_then(|it| it.budget.as_mut())
                {
                    output.truncate(*left);
                    *left -= output.len();
                }
                if stage.rng.below(4) == 0 {
                    let at = stage.rng.below(output.len() as u64 + 1) as usize;
                    let rest = output.split_off(at);
                    self.down(stage, number, LinePart::Bytes(output));
                    output = rest;
                }
                self.down(stage, number, LinePart::Bytes(output));
            }
            if engine.is_closed(id) {
                engine.disconnect(id);
                self.down(stage, number, LinePart::End);
                if let Some(line) = self.lines.get_mut(&number) {
                    line.engine = None;
                }
            }
        }
    }

    /// Who is at the node's end.
    pub(super) fn owner(&self, number: u64) -> Option<(usize, u64)> {
        self.lines.get(&number).map(|line| (line.node, line.process))
    }
}
