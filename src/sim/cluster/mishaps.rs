//! What goes wrong in a world of several nodes.

use std::time::Duration;

use super::mishap::{ClusterMishap, OrderTrouble};
use super::revocations;
use super::stage::StageEvent;
use super::world::NodesWorld;
use crate::bus::model::ModelFaults;
use crate::time::Instant;

impl NodesWorld {
    pub(super) fn mishap(&mut self, mishap: ClusterMishap) {
        if self.stage.is_healed {
            return;
        }
        self.stage.note(|| format!("mishap: {mishap:?}"));
        self.stage.counted.mishaps += 1;
        let now = self.stage.now.monotonic;
        let lasts = match mishap {
            ClusterMishap::Disconnect(..) | ClusterMishap::Copied | ClusterMishap::Burst => None,
            ClusterMishap::Cut(_, length)
            | ClusterMishap::HeldPushes(length)
            | ClusterMishap::Asleep(length)
            | ClusterMishap::Refused(_, length)
            | ClusterMishap::Down(length) => Some(length),
            _ => Some(Duration::ZERO),
        };
        if let Some(length) = lasts {
            self.stage.disturbed_at = self.stage.disturbed_at.max(now + length);
        }
        self.engine_mishap(now, mishap);
        self.after_engine();
    }

    /// What happens to the engine, and all that does not.
    fn engine_mishap(&mut self, now: Instant, mishap: ClusterMishap) {
        match mishap {
            ClusterMishap::LostReplies(count) => self.engine.faults.lost_replies += count,
            ClusterMishap::LostPushes(count) => {
                self.buses.lost_pushes += count;
                self.stage.push_lost_at = now;
            }
            ClusterMishap::HeldPushes(length) => {
                self.engine.faults.holds_pushes = true;
                self.well_after(length);
            }
            ClusterMishap::Asleep(length) => {
                self.engine.faults.is_stopped = true;
                self.well_after(length);
            }
            ClusterMishap::Refused(error, length) => {
                self.engine.faults.error = Some(error);
                self.well_after(length);
            }
            ClusterMishap::Down(length) => {
                self.end_split();
                self.close_all();
                self.buses.refused_until = now + length;
            }
            ClusterMishap::EngineWell => self.engine_is_well(),
            ClusterMishap::ScriptsFlushed => self.engine.flush_scripts(),
            ClusterMishap::Wiped => {
                self.end_split();
                self.lose_memory();
                self.stage.facts.wipe();
                self.engine.wipe();
                self.renew_spy();
            }
            ClusterMishap::Copied => {
                self.stage.facts.note_snapshot();
                self.engine.take_snapshot();
            }
            ClusterMishap::FailedOver(is_split) => self.fail_over(is_split),
            ClusterMishap::SplitEnds => self.end_split(),
            other => self.node_mishap(now, other),
        }
    }

    /// What happens to nodes and clients.
    fn node_mishap(&mut self, now: Instant, mishap: ClusterMishap) {
        match mishap {
            ClusterMishap::Cut(node, length) => self.cut(node, length),
            ClusterMishap::Mend(node) => {
                if let Some(place) = self.places.get_mut(node) {
                    place.is_cut = false;
                }
            }
            ClusterMishap::Kill(node, actions) => {
                if let Some(place) = self.places.get_mut(node) {
                    place.killed_in = Some(actions);
                }
            }
            ClusterMishap::Start(node, keeps_name) => self.start(node, keeps_name),
            ClusterMishap::Stopped(node, length) => {
                let until = (now + length).min(Instant::START + self.plan.length);
                if let Some(place) = self.places.get_mut(node) {
                    place.stopped_until = place.stopped_until.max(until);
                    self.stage.disturbed_at = self.stage.disturbed_at.max(until);
                }
            }
            ClusterMishap::Burst => {
                for client in &mut self.clients {
                    client.say_new(&mut self.stage);
                }
            }
            ClusterMishap::Disconnect(client, node, trouble) => {
                if trouble == OrderTrouble::Unheard {
                    self.buses.lost_orders += self.places.len() as u32 - 1;
                }
                let user = self.clients.get(client).map(|client| client.user.clone());
                let place = self.places.get_mut(node).filter(|place| !place.is_stopped(now));
                if let (Some(user), Some(place)) = (user, place) {
                    revocations::disconnect(&mut self.stage, place, &user);
                    place.settle(&mut self.stage, &mut self.buses);
                }
            }
            _ => {}
        }
    }

    fn well_after(&mut self, length: Duration) {
        self.stage.after(length, StageEvent::Mishap(ClusterMishap::EngineWell));
    }

    fn cut(&mut self, node: usize, length: Duration) {
        let Some(place) = self.places.get_mut(node) else { return };
        if let Some(bus) = place.bus {
            self.buses.cut(&mut self.stage, bus);
        }
        if length > Duration::from_secs(1) {
            place.is_cut = true;
            self.stage.after(length, StageEvent::Mishap(ClusterMishap::Mend(node)));
        }
    }

    fn engine_is_well(&mut self) {
        let faults = &self.engine.faults;
        if faults.holds_pushes {
            self.stage.push_lost_at = self.stage.now.monotonic;
        }
        self.engine.faults =
            ModelFaults { lost_replies: faults.lost_replies, ..ModelFaults::default() };
        self.engine.go_on(self.stage.now.unix);
    }

    /// The engine forgets something, or is about to.
    fn lose_memory(&mut self) {
        self.stage.losses += 1;
        self.stage.lost_at = self.stage.now.monotonic;
        self.stage.counted.losses += 1;
    }

    fn fail_over(&mut self, is_split: bool) {
        self.end_split();
        self.lose_memory();
        self.stage.facts.fail_over();
        self.engine.fail_over(is_split);
        if is_split {
            self.stage.is_split = true;
            self.add_spy();
            // Some find the new engine.
            for node in 0..self.places.len() {
                if self.stage.rng.below(2) == 0 {
                    self.cut(node, Duration::ZERO);
                }
            }
        } else {
            self.renew_spy();
        }
    }

    pub(super) fn end_split(&mut self) {
        if std::mem::take(&mut self.stage.is_split) {
            self.lose_memory();
            self.close_all();
        }
    }

    /// The engine closes all connections.
    fn close_all(&mut self) {
        self.listen();
        self.engine.close(None);
        self.renew_spy();
    }

    /// All that goes wrong ends.
    pub(super) fn heal(&mut self) {
        self.end_split();
        self.engine_is_well();
        self.engine.faults = ModelFaults::default();
        (self.buses.lost_pushes, self.buses.lost_orders) = (0, 0);
        self.buses.refused_until = Instant::START;
        for node in 0..self.places.len() {
            let Some(place) = self.places.get_mut(node) else { continue };
            (place.is_cut, place.killed_in) = (false, None);
            if place.node.is_none() {
                self.start(node, true);
            }
        }
        self.stage.is_healed = true;
        self.stage.note(|| "all is well from now on".to_owned());
        self.after_engine();
    }
}
