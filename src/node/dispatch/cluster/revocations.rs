//! Revocations that every node of the cluster is to carry out: they are kept by the engine.

use std::time::Duration;

use smol_str::SmolStr;

use crate::bus::{BusCommand, BusFault, BusReply, StoredRevocation};
use crate::id::Slot;
use crate::node::Node;
use crate::node::cluster::control::ClusterOrder;
use crate::node::cluster::nodes::RoundPurpose;
use crate::node::cluster::{COMMAND_TIME, Pending};
use crate::node::planted::Planted;
use crate::node::work::port::{Completion, Outcome, StoreError};
use crate::node::work::ticket::Ticket;
use crate::protocol::CloseReason;
use crate::time::UnixTime;

impl Node {
    /// Has the engine keep a revocation, and every node carry it out. The question of `ticket` is
    /// answered when the others have, or their time is over.
    pub(crate) fn share_revocation(&mut self, ticket: Ticket, user: &str, count: usize) {
        let (now, at) = (self.cx.now, self.cx.now.unix.as_millis());
        let revocations = &mut self.gate.tokens.revocations;
        let over_before = revocations.over_before(now);
        let life = over_before.map_or(u64::MAX / 4, |moment| at.saturating_sub(moment.as_millis()));
        let Some(cluster) = &mut self.cluster else { return };
        let user = SmolStr::new(user);
        if self.cx.fault.is(Planted::RevocationNotStored) {
            let stored = Ok(BusReply::Stored(true));
            return self.revocation_kept(ticket, (user, at, count), &stored);
        }
        let command = BusCommand::StoreRevocation {
            user: user.clone(),
            at,
            until: at.saturating_add(life).div_ceil(1_000),
            capacity: revocations.capacity(),
        };
        let pending = Pending::Revocation { ticket, user, at, count };
        let until = now.monotonic + COMMAND_TIME;
        if let Err((fault, _)) = cluster.send(now.monotonic, command, (pending, until)) {
            self.revocation_failed(ticket, &fault);
        } else if self.cx.fault.is(Planted::ConfirmedBeforeStored) {
            let outcome = Outcome::Confirmed { count, nodes: 1, of: 1 };
            self.on_completion(Completion { ticket, outcome });
        }
    }

    pub(super) fn revocation_failed(&mut self, ticket: Ticket, fault: &BusFault) {
        let error = StoreError::Failed(format!("the cluster's engine: {fault}").into());
        self.on_completion(Completion { ticket, outcome: Outcome::Stored(Err(error)) });
    }

    /// The engine has kept a revocation, or not.
    pub(super) fn revocation_kept(
        &mut self,
        ticket: Ticket,
        (user, at, count): (SmolStr, u64, usize),
        result: &Result<BusReply, BusFault>,
    ) {
        match result {
            Err(fault) => self.revocation_failed(ticket, fault),
            Ok(_) => {
                let purpose = RoundPurpose::EndSessions { ticket };
                self.order_everywhere(ClusterOrder::EndSessions { user, at }, count, Some(purpose));
            }
        }
    }

    /// Refuses a user's tokens up to `at`, and closes the connections. Those that were let in afterwards,
    /// with a newer token, stay: this node may hear of it late.
    pub(super) fn revoke_here(&mut self, user: &str, at: UnixTime) -> usize {
        self.end_sessions_of_app(user, at);
        let hash = self.cx.hash(&[user]);
        let revocations = &mut self.gate.tokens.revocations;
        revocations.revoke_by_other(self.cx.now, hash, at);
        let sessions = self.cluster.as_ref().map(|cluster| &cluster.sessions);
        // The clocks of nodes and issuer may differ, so both have to be newer.
        let is_newer = |slot: &Slot| {
            let session = sessions.and_then(|sessions| sessions.get(slot));
            session
                .is_some_and(|it| it.accepted_at > at && revocations.check(hash, it.issued).is_ok())
        };
        let members = self.rooms.users.members(user).filter(|slot| !is_newer(slot));
        let members: Vec<Slot> = members.collect();
        self.close_all(members, CloseReason::SessionRevoked)
    }

    /// Reads all revocations.
    pub(super) fn begin_revocations(&mut self) {
        if let Some(cluster) = &mut self.cluster {
            let reading = cluster.reading.begin();
            self.read_revocations(reading, None);
        }
    }

    /// Reads them again, if that has failed.
    pub(super) fn repeat_revocations(&mut self) {
        if self.cluster.as_ref().is_some_and(|cluster| cluster.reading.is_due()) {
            self.begin_revocations();
        }
    }

    /// Asks the engine for a page of revocations. What fails begins again with the next lease.
    fn read_revocations(&mut self, reading: u64, after: Option<StoredRevocation>) {
        let now = self.cx.now.monotonic;
        let Some(cluster) = &mut self.cluster else { return };
        let pending = (Pending::Revocations { reading }, now + COMMAND_TIME);
        if cluster.send(now, BusCommand::ReadRevocations { after }, pending).is_err() {
            cluster.reading.fail(reading);
        }
    }

    /// All revocations, as the engine keeps them. Those that are news here were given while this node
    /// did not hear.
    pub(super) fn revocations_read(&mut self, reading: u64, result: Result<BusReply, BusFault>) {
        let Ok(BusReply::Revocations { page, complete }) = result else {
            if let Some(cluster) = &mut self.cluster {
                cluster.reading.fail(reading);
            }
            return;
        };
        for revocation in &page {
            let at = UnixTime::from_millis(revocation.at);
            let hash = self.cx.hash(&[&revocation.user]);
            if !self.gate.tokens.revocations.knows(hash, at) {
                self.revoke_here(&revocation.user, at);
            }
        }
        let Some(cluster) = self.cluster.as_mut().filter(|it| it.reading.is_newest(reading)) else {
            return;
        };
        if !complete && let Some(last) = page.into_iter().next_back() {
            return self.read_revocations(reading, Some(last));
        }
        cluster.has_revocations = true;
        for id in std::mem::take(&mut cluster.early) {
            self.revocations_are_read(id);
        }
    }

    /// Closes all connections of a node that could not hear for too long whose sessions were ended.
    pub(super) fn fence(&mut self) {
        let fence = self.cx.policy.cluster_fence;
        let Some(cluster) = &mut self.cluster else { return };
        let Some(since) = cluster.down_since.filter(|_| fence > Duration::ZERO) else { return };
        if cluster.is_fenced || !cluster.has_revocations || since + fence > self.cx.now.monotonic {
            return;
        }
        cluster.is_fenced = true;
        // All is read again before anybody is admitted.
        (cluster.has_revocations, cluster.control_head) = (false, None);
        log::error!(
            "all connections are closed, as the cluster's engine was not reached for {fence:?}"
        );
        for slot in self.authenticated() {
            self.close(slot, CloseReason::BackendUnavailable);
        }
    }
}
