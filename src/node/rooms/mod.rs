//! Rooms: their members, the messages in them, and how these reach every member.

pub(crate) mod answers;
pub(crate) mod app_publications;
pub(crate) mod chat;
pub(crate) mod claims;
pub(crate) mod deliveries;
pub(crate) mod fan_out;
pub(crate) mod groups;
pub(crate) mod held;
pub(crate) mod lingering;
pub(crate) mod log;
pub(crate) mod moderation;
pub(crate) mod presence;
pub(crate) mod remote_presence;
mod shared_presence;
pub(crate) mod stored_logs;
pub(crate) mod unpublished;
pub(crate) mod user_share;
pub(crate) mod users;
pub(crate) mod watched;

use std::collections::VecDeque;

use smol_str::SmolStr;

use self::answers::DedupCache;
use self::claims::KeptClaims;
use self::deliveries::Deliveries;
use self::groups::Groups;
use self::lingering::LingeringLeaves;
use self::log::RoomLogs;
use self::remote_presence::RemotePresence;
use self::user_share::UserShare;
use self::watched::Watched;
use crate::config::Limits;
use crate::id::{ConnId, Seed, Slot};
use crate::node::policy::Policy;
use crate::shares::Allowances;
use crate::time::Instant;

/// All rooms, and the connections of each user.
#[derive(Debug)]
pub(crate) struct Rooms {
    /// The connections of each room share its hash under the node's seed.
    pub(crate) rooms: Groups<u64>,
    pub(crate) users: Groups<UserShare>,
    /// What users have used of their allowances of messages and of control frames whose last
    /// connection is gone.
    pub(crate) departed: Allowances<(u64, bool)>,
    /// What messages carry of their senders' tokens.
    pub(crate) claims: KeptClaims,
    /// The rooms whose users somebody wants to know.
    pub(crate) watched: Watched,
    /// In a cluster: who is in them at other nodes.
    pub(crate) remote: RemotePresence,
    /// Their last messages, for those who come back.
    pub(crate) logs: RoomLogs,
    /// Who has left, and may come back before anybody is told.
    pub(crate) lingering: LingeringLeaves,
    /// What is on its way to large rooms.
    pub(crate) deliveries: Deliveries,
    /// What messages were answered, for those that come again.
    pub(crate) answers: DedupCache,
    /// Readers that had no room for a frame: to be closed next.
    slow: VecDeque<Slot>,
    /// In a cluster: what is to be published there.
    outgoing: VecDeque<Outgoing>,
    /// Rooms whose members may have missed something that the application has published.
    broken: Vec<SmolStr>,
}

/// A text for a room, which every node delivers when the cluster's engine has published it.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) room: SmolStr,
    /// Who does not get it.
    pub(crate) except: Option<ConnId>,
    /// A message without its position.
    pub(crate) text: Box<[u8]>,
}

impl Rooms {
    /// None yet, and room for the members of as many connections as `slots`.
    pub(crate) fn new(seed: &Seed, slots: usize, limits: &Limits) -> Self {
        Self {
            rooms: Groups::new(&seed.derive("rooms"), slots),
            users: Groups::new(&seed.derive("users"), slots),
            // The rate is that of the policy: here a user has only a moment.
            departed: Allowances::new(0, limits.users),
            claims: KeptClaims::default(),
            watched: Watched::default(),
            remote: RemotePresence::default(),
            logs: RoomLogs::new(seed),
            lingering: LingeringLeaves::default(),
            deliveries: Deliveries::default(),
            answers: DedupCache::new(&seed.derive("answers"), limits.answer_bytes.get(), slots),
            slow: VecDeque::new(),
            outgoing: VecDeque::new(),
            broken: Vec::new(),
        }
    }

    /// When something here is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let (watched, remote) = (self.watched.next(), self.remote.next());
        let next = [watched, remote, self.logs.next_end(), self.lingering.next()];
        next.into_iter().flatten().min()
    }

    /// What logs may take: what lingering leaves have left of `limits.history_bytes`.
    pub(crate) fn log_bytes(&self, policy: &Policy) -> usize {
        policy.history_bytes.saturating_sub(self.lingering.bytes())
    }
}
