//! What drivers, operators and tests ask a node about itself.

#[cfg(feature = "net")]
use crate::auth::KeySummary;
use crate::id::ConnId;
use crate::node::Node;
#[cfg(feature = "tls")]
use crate::node::Payer;
use crate::node::connections::session::Phase;
use crate::node::gate::key_reads;
use crate::node::observe::close_history::{Account, CloseHistory};
use crate::node::observe::dependency::{Dependency, DependencyCheck, state_family};
use crate::node::observe::families::cluster::dependency as cluster_dependency;
use crate::node::observe::family::Family;
use crate::node::observe::metrics::Metrics;
use crate::node::observe::process_metrics::Probe;
use crate::node::observe::usage::Usage;
use crate::node::observe::view::{RoomMember, Standing};
use crate::node::rooms::groups::GroupPage;
use crate::node::work::orders::dependency as revocations_dependency;
use crate::time::Now;

impl Node {
    /// Does the connection take input? If not, the driver leaves it in the socket until
    /// [`Action::Resume`](crate::node::Action::Resume).
    #[must_use]
    pub fn wants_input(&self, id: ConnId) -> bool {
        self.connections.find(id).is_some_and(|connection| !connection.is_full(&self.cx.policy))
    }

    /// Is the connection in its room? Decides which are served first in a turn.
    #[must_use]
    pub fn is_authenticated(&self, id: ConnId) -> bool {
        self.phase(id).is_some_and(Phase::is_authenticated)
    }

    /// Where the connection is in its life; `None`: it is gone.
    #[must_use]
    pub fn phase(&self, id: ConnId) -> Option<Phase> {
        self.connections.find(id).map(|connection| connection.session.phase())
    }

    /// Who pays for work that a worker does for a connection before it authenticates: its address.
    #[cfg(feature = "tls")]
    pub(crate) fn address_payer(&self, id: ConnId) -> Option<Payer> {
        self.connections.find(id).map(|connection| Payer::Address(connection.address()))
    }

    /// How many connections are in this phase.
    #[must_use]
    pub fn connections_in(&self, phase: Phase) -> usize {
        self.connections.in_phase(phase)
    }

    /// Ends of connections that are remembered.
    #[must_use]
    pub fn remembered_ends(&self) -> usize {
        self.cx.history.len()
    }

    /// What was counted so far.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.cx.metrics
    }

    /// For what only the driver can count.
    pub fn metrics_mut(&mut self) -> &mut Metrics {
        &mut self.cx.metrics
    }

    /// How often one of the bounded memories forgot something early because it was full, by the name
    /// of its limit.
    #[must_use]
    pub fn evictions(&self) -> [(&'static str, u64); 5] {
        self.view().evictions()
    }

    /// What is held at this moment, for tests that look for what was left behind.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage::of(self.view())
    }

    /// Has what `probe` reads shown with the node's own counters.
    pub fn add_probe(&mut self, probe: Probe) {
        self.operator.probes.add(probe);
    }

    /// Would a new connection find no room?
    pub(crate) fn is_full(&self) -> bool {
        self.view().is_full()
    }

    /// The keys that tokens are checked with, by the numbers of their issuers.
    #[cfg(feature = "net")]
    pub(crate) fn key_summaries(&self) -> Vec<(usize, KeySummary)> {
        let keys = self.gate.tokens.verifier.keys();
        keys.map(|(issuer, keys)| (issuer, keys.summary())).collect()
    }

    /// Can tokens of this issuer be judged?
    #[cfg(feature = "jwks-url")]
    pub(crate) fn has_keys_of(&self, issuer: usize) -> bool {
        self.gate.tokens.verifier.has_keys_of(issuer)
    }

    /// Has health checks, metrics and `/v1/status` show what `check` says of a dependency.
    pub fn add_dependency(&mut self, check: DependencyCheck) {
        self.operator.checks.add(check);
    }

    /// All that the server depends on: keys, what the application names, and what was added.
    #[must_use]
    pub fn dependencies(&self, now: Now) -> Vec<Dependency> {
        let tokens = &self.gate.tokens;
        let mut all = vec![key_reads::dependency(now, &tokens.verifier, &tokens.key_reads)];
        all.extend(self.cluster.as_deref().map(|it| cluster_dependency(it, now.monotonic)));
        all.extend(self.work.app.dependencies());
        all.extend(revocations_dependency(&self.work.orders, tokens.revocations.lost(now)));
        all.extend(self.operator.checks.run(now));
        all
    }

    /// The connections of a room, the last to come first. O(connections in it).
    pub(crate) fn members_of(&self, room: &str) -> impl Iterator<Item = RoomMember<'_>> {
        self.view().members_of(room)
    }

    /// A page of the rooms with somebody in them.
    pub(crate) fn page_of_rooms(&self, after: u32, limit: usize) -> GroupPage<'_> {
        self.rooms.rooms.page(after, limit)
    }

    /// A page of the users with a connection in a room.
    pub(crate) fn page_of_users(&self, after: u32, limit: usize) -> GroupPage<'_> {
        self.rooms.users.page(after, limit)
    }

    /// What is known of a connection that has not ended, but for those of the admin listener.
    pub(crate) fn standing(&self, id: ConnId) -> Option<(Account, Standing)> {
        self.view().standing(id)
    }

    /// The last connections that have ended.
    pub(crate) fn recent_ends(&self) -> &CloseHistory {
        &self.cx.history
    }

    /// All counters by the names under which they are shown.
    pub(crate) fn families(&self, now: Now) -> Vec<Family<'_>> {
        let mut families = self.view().families();
        families.push(state_family(&self.dependencies(now)));
        families
    }
}
