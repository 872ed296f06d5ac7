//! For the simulator and its checkers.

use crate::bus::EntryOrigin;
use crate::id::ConnId;
use crate::node::Node;
use crate::node::planted::Planted;
use crate::node::work::ticket::Ticket;

impl Node {
    /// Is the question of this ticket open? The simulator's checkers ask.
    pub(crate) fn awaits(&self, ticket: Ticket) -> bool {
        self.work.questions.is_open(ticket)
    }

    /// The connection of this process that has published an entry. The simulator's checkers ask.
    pub(crate) fn own_sender(&self, origin: &EntryOrigin) -> Option<ConnId> {
        self.cluster.as_ref()?.own_sender(origin)
    }

    /// How many connections a user has at this node.
    pub(crate) fn connections_of_user(&self, user: &str) -> usize {
        self.rooms.users.count(user) as usize
    }

    /// Plants `fault`, if it is one of the node's.
    pub(crate) fn plant(&mut self, fault: Planted) {
        self.cx.fault.planted = Some(fault);
        self.rooms.logs.fault.planted = Some(fault);
        self.gate.memos.fault.planted = Some(fault);
        if let Some(cluster) = &mut self.cluster {
            cluster.rooms.fault.planted = Some(fault);
            cluster.link.repeats_tags = fault == Planted::OneTagForAllAttempts;
        }
    }

    /// Is it known how `id` ended? The simulator's checkers ask.
    pub(crate) fn remembers_end(&self, id: ConnId) -> bool {
        self.cx.history.find(id).is_some()
    }
}
