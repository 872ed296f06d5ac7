//! All owners at once, to be read: for what counts and shows them.

use crate::node::connections::Connections;
use crate::node::context::Cx;
use crate::node::gate::Gate;
use crate::node::rooms::Rooms;
use crate::node::work::Workload;

/// A node as it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) cx: &'a Cx,
    pub(crate) connections: &'a Connections,
    pub(crate) work: &'a Workload,
    pub(crate) rooms: &'a Rooms,
    pub(crate) gate: &'a Gate,
}

impl View<'_> {
    /// How often one of the bounded memories forgot something early because it was full, by the name
    /// of its limit.
    pub(crate) fn evictions(&self) -> [(&'static str, u64); 4] {
        [
            ("replay_entries", self.gate.tokens.replays.evictions()),
            ("answer_bytes", self.rooms.answers.forgotten()),
            ("revocations", self.gate.tokens.revocations.evictions()),
            ("addresses", self.gate.limits.attempts.evictions()),
        ]
    }
}
