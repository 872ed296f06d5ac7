//! All owners at once, to be read: for what counts and shows them.

use smol_str::SmolStr;

use crate::id::ConnId;
use crate::node::cluster::ClusterMember;
use crate::node::connections::Connections;
use crate::node::context::Cx;
use crate::node::gate::Gate;
#[cfg(feature = "sim")]
use crate::node::http::message::RequestPlace;
use crate::node::observe::close_history::Account;
use crate::node::rooms::Rooms;
use crate::node::work::Workload;
use crate::time::UnixTime;

/// A node as it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) cx: &'a Cx,
    pub(crate) connections: &'a Connections,
    pub(crate) work: &'a Workload,
    pub(crate) rooms: &'a Rooms,
    pub(crate) gate: &'a Gate,
    pub(crate) cluster: Option<&'a ClusterMember>,
}

/// A connection in its room.
pub(crate) struct RoomMember<'a> {
    pub(crate) id: ConnId,
    pub(crate) user: &'a SmolStr,
    pub(crate) since: UnixTime,
}

/// How a connection stands that has not ended.
pub(crate) struct Standing {
    /// When its state ends, if nothing comes before.
    pub(crate) deadline: UnixTime,
    pub(crate) token_end: Option<UnixTime>,
    pub(crate) heard_at: UnixTime,
    pub(crate) queued_bytes: usize,
    pub(crate) waiting_messages: usize,
}

impl<'a> View<'a> {
    /// Is there no room for a new connection?
    pub(crate) fn is_full(&self) -> bool {
        let (policy, connections) = (&self.cx.policy, self.connections);
        connections.public() >= policy.connections || connections.pending() >= policy.pending
    }

    /// The connections of a room, the last to come first.
    pub(crate) fn members_of(self, room: &str) -> impl Iterator<Item = RoomMember<'a>> {
        let Self { cx, connections, rooms, .. } = self;
        rooms.rooms.members(room).filter_map(move |slot| {
            let since = connections.get(slot)?.session.in_since(cx.now.monotonic)?;
            let (id, user) = (connections.id_of(slot), rooms.users.name_of(slot)?);
            Some(RoomMember { id, user, since: cx.now.unix_when(since) })
        })
    }

    /// What is known of a connection that has not ended, but for those of the admin listener.
    pub(crate) fn standing(&self, id: ConnId) -> Option<(Account, Standing)> {
        let Self { cx, connections, rooms, .. } = self;
        let connection = connections.find(id).filter(|connection| !connection.is_admin())?;
        let wanted = connections.wanted_name(id.slot());
        let room = wanted.or_else(|| rooms.rooms.name_of(id.slot()));
        let user = rooms.users.name_of(id.slot());
        let session = &connection.session;
        let standing = Standing {
            deadline: cx.now.unix_at(session.deadline()),
            token_end: connection.token_end().map(|end| cx.now.unix_at(end)),
            heard_at: cx.now.unix_when(session.last_seen()),
            queued_bytes: connection.outbox.weight(),
            waiting_messages: connection.waiting_texts(),
        };
        Some((Account::of(cx.now, id, connection, user, room), standing))
    }

    /// How often one of the bounded memories forgot something early because it was full, by the name
    /// of its limit.
    pub(crate) fn evictions(&self) -> [(&'static str, u64); 5] {
        let limits = &self.gate.limits;
        [
            ("replay_entries", self.gate.tokens.replays.evictions()),
            ("answer_bytes", self.rooms.answers.forgotten()),
            ("revocations", self.gate.tokens.revocations.evictions()),
            ("addresses", limits.address_evictions() + self.gate.tokens.key_waits.evictions()),
            ("users", limits.user_evictions() + self.rooms.departed.evictions()),
        ]
    }

    /// How much all users, or addresses, have of each table that they share, how much the one that has
    /// most, and how much there is. The simulator's checkers ask.
    #[cfg(feature = "sim")]
    pub(crate) fn held(&self) -> [(&'static str, [u64; 3]); 5] {
        let Self { cx, connections, rooms, gate, .. } = self;
        let (replays, answers) = (&gate.tokens.replays, &rooms.answers);
        let (bytes, most_bytes) = answers.fill();
        let (all, most) = (connections.pending() as u64, connections.pending_of_address());
        let places = |place, most: usize| {
            let [all, of_one] = connections.requests_by_address(place);
            [all, of_one, most as u64]
        };
        [
            ("requests", places(RequestPlace::Ordinary, cx.policy.requests)),
            ("refreshes", places(RequestPlace::Refresh, cx.policy.refreshes)),
            ("pending", [all, most, cx.policy.pending as u64]),
            (
                "replay_entries",
                [replays.len() as u64, replays.most_of_user(), replays.capacity() as u64],
            ),
            ("answer_bytes", [bytes as u64, answers.most_of_user(), most_bytes as u64]),
        ]
    }
}
