//! The owner: the one node whose application the others ask. Each tells with its lease whether it is one, so
//! that a second one, which has another database, does not go unnoticed.

use smol_str::SmolStr;

use crate::bus::NodeLease;
use crate::node::cluster::ClusterMember;
use crate::node::cluster::nodes::node_info;
use crate::time::Instant;

impl ClusterMember {
    /// Takes the list of the nodes, and logs it if there is a second owner now.
    pub(crate) fn take_nodes(
        &mut self,
        (now, asked_at): (Instant, Instant),
        live: Vec<NodeLease>,
        has_twin: bool,
    ) {
        let had_other = self.other_owner(now).is_some();
        if has_twin && !self.nodes.has_twin() {
            log::warn!(
                "another process in the cluster has, or had until lately, the name {} of this one: \
                 give each its own cluster.name",
                self.name
            );
        }
        for node in live.iter().filter(|node| node.name != self.name) {
            let is_owner = node_info(&node.info).owner;
            if is_owner {
                self.nodes.last_owner = Some(node.name.clone());
            } else if self.nodes.last_owner.as_ref() == Some(&node.name) {
                self.nodes.last_owner = None;
            }
        }
        self.nodes.set_live((now, asked_at), live, has_twin);
        if let Some(other) = self.other_owner(now).filter(|_| !had_other) {
            log::error!("{}", second_owner(other));
        }
    }

    /// The node whose application the others ask, if that is not this one. It may be away.
    pub(crate) fn owner_elsewhere(&self) -> Option<&SmolStr> {
        self.nodes.last_owner.as_ref().filter(|_| !self.nodes.is_owner)
    }

    /// Another node whose application the others ask, if this is one, too. A node that has ended without a
    /// word is in the list until its lease is over. So one counts that has renewed its lease lately: every
    /// third of it is due.
    pub(crate) fn other_owner(&self, now: Instant) -> Option<&SmolStr> {
        let half = u64::try_from(self.nodes.lease().as_millis() / 2).unwrap_or(u64::MAX);
        let others = self.nodes.live(now).filter(|node| {
            self.nodes.is_owner && node.name != self.name && node.remaining_ms > half
        });
        others.filter(|node| node_info(&node.info).owner).map(|node| &node.name).next()
    }
}

/// What is wrong where `other` is an owner, too.
pub(crate) fn second_owner(other: &str) -> String {
    format!(
        "The node {other} has recipes.listen, too, and so another database: stop one of the two, and \
         have backend.url of all other nodes lead to the one that stays"
    )
}
