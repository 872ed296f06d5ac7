//! What may go wrong in a world of several nodes, and when it does.

use std::time::Duration;

use super::plan::Clusters;
use crate::bus::model::EngineError;
use crate::id::Rng;
use crate::time::Instant;

/// What happens to the engine, to a node or to its link.
#[derive(Clone, Copy, Debug)]
pub(super) enum ClusterMishap {
    /// The node's link is cut, and the engine cannot be reached for a while.
    Cut(usize, Duration),
    Mend(usize),
    /// So many replies are lost behind what was done.
    LostReplies(u32),
    /// So many announcements are lost.
    LostPushes(u32),
    HeldPushes(Duration),
    /// The engine is asleep: what is sent waits.
    Asleep(Duration),
    /// Each command gets this error.
    Refused(EngineError, Duration),
    /// All connections are closed, and new ones are refused; the data stays.
    Down(Duration),
    /// What was held, refused or asleep is not any more.
    EngineWell,
    ScriptsFlushed,
    Wiped,
    /// A replica copies the data.
    Copied,
    /// It becomes the engine; the old one goes on, if this is true.
    FailedOver(bool),
    /// The old one ends.
    SplitEnds,
    /// The node's process is killed at this action from now.
    Kill(usize, u32),
    /// A process starts there, under the same name or another.
    Start(usize, bool),
    /// The node's process handles nothing for a while.
    Stopped(usize, Duration),
    /// An operator ends the sessions of a user, at a node.
    Disconnect(usize, usize, OrderTrouble),
    /// All clients say something.
    Burst,
}

/// What happens to an operator's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrderTrouble {
    Nothing,
    /// Other nodes do not hear of it.
    Unheard,
    /// The node is cut off soon after it was given.
    Cut(Duration),
}

/// The mishaps of a world, each with its time.
pub(super) fn drawn(plan: &Clusters, rng: &mut Rng) -> Vec<(Instant, ClusterMishap)> {
    let mut mishaps = Vec::new();
    let millis = |rng: &mut Rng, least: u64, most: u64| {
        Duration::from_millis(least + rng.below(most - least))
    };
    let end = plan.length.as_micros() as u64;
    for _ in 0..3 + rng.below(8) {
        let at = Instant::START + Duration::from_micros(8_000_000 + rng.below(end - 8_000_000));
        let node = rng.below(plan.nodes as u64) as usize;
        let mishap = match rng.below(28) {
            0..4 => ClusterMishap::Cut(node, millis(rng, 0, 25_000)),
            4..6 => ClusterMishap::LostReplies(1 + rng.below(3) as u32),
            6..8 => ClusterMishap::LostPushes(1 + rng.below(4) as u32),
            8 => ClusterMishap::HeldPushes(millis(rng, 100, 7_000)),
            9 => ClusterMishap::Asleep(millis(rng, 100, 9_000)),
            10..12 => {
                let error = match rng.below(5) {
                    0 => EngineError::Loading,
                    1 => EngineError::Busy,
                    2 => EngineError::OutOfMemory,
                    3 => EngineError::ReadOnly,
                    _ => EngineError::NoPermission,
                };
                ClusterMishap::Refused(error, millis(rng, 100, 12_000))
            }
            12 => ClusterMishap::Down(millis(rng, 100, 20_000)),
            13 => ClusterMishap::ScriptsFlushed,
            14 => ClusterMishap::Wiped,
            15..18 => {
                let is_busy = rng.below(2) == 0;
                let most = if is_busy { 400_000 } else { 4_000_000 };
                let lag = Duration::from_micros(rng.below(most));
                if is_busy {
                    mishaps.push((at, ClusterMishap::Burst));
                    mishaps.push((at + lag * 2 / 3, ClusterMishap::LostReplies(2)));
                    mishaps.push((at + lag * 4 / 5, ClusterMishap::Burst));
                }
                mishaps.push((at + lag / 3, ClusterMishap::Copied));
                let is_split = rng.below(3) == 0;
                mishaps.push((at + lag, ClusterMishap::FailedOver(is_split)));
                if is_split {
                    let length = millis(rng, 500, 15_000);
                    mishaps.push((at + lag + length, ClusterMishap::SplitEnds));
                }
                continue;
            }
            18..21 => {
                let down = millis(rng, 500, 30_000);
                mishaps.push((at + down, ClusterMishap::Start(node, rng.below(3) > 0)));
                ClusterMishap::Kill(node, 1 + rng.below(30) as u32)
            }
            21 => ClusterMishap::Stopped(node, millis(rng, 1_000, 60_000)),
            22 => ClusterMishap::Stopped(node, Duration::from_secs(60)),
            _ => {
                let trouble = match rng.below(4) {
                    0 => OrderTrouble::Unheard,
                    1 => OrderTrouble::Cut(millis(rng, 1, 150)),
                    _ => OrderTrouble::Nothing,
                };
                if let OrderTrouble::Cut(after) = trouble {
                    let length = millis(rng, 2_000, 20_000);
                    mishaps.push((at + after, ClusterMishap::Cut(node, length)));
                }
                ClusterMishap::Disconnect(rng.below(plan.clients as u64) as usize, node, trouble)
            }
        };
        mishaps.push((at, mishap));
    }
    mishaps
}
