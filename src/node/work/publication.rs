//! What an operator publishes: to whom, how far it is, and what became of it.

use std::sync::Arc;

use smol_str::SmolStr;

use crate::id::ConnId;
use crate::node::app::{PublishRefusal, Update};
use crate::node::work::ticket::Ticket;
use crate::protocol::ErrorCode;

/// Whom a publication is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublishTarget {
    /// Everybody in a room, once the application has agreed.
    Room(SmolStr),
    /// All connections of a user that are in a room.
    User(SmolStr),
    /// One connection that is in a room.
    Connection(ConnId),
}

/// As many targets as one call may have: each has a bit in [`PublishTally::failed`].
pub(crate) const MAX_TARGETS: usize = 64;

/// Why a publication failed somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublishError {
    Code(ErrorCode),
    NoSuchRoom,
    InvalidData,
}

impl PublishError {
    /// The code in answers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Code(code) => code.as_str(),
            Self::NoSuchRoom => "not_found",
            Self::InvalidData => "invalid_field",
        }
    }

    /// What this code stands for; one that another version has is a fault of the server.
    pub(crate) fn of_code(text: &str) -> Self {
        let codes = ErrorCode::ALL.iter().copied().map(Self::Code);
        let mut all = codes.chain([Self::NoSuchRoom, Self::InvalidData]);
        all.find(|error| error.as_str() == text).unwrap_or(Self::Code(ErrorCode::Internal))
    }

    /// Is it a passing state?
    const fn passes(self) -> bool {
        matches!(self, Self::Code(ErrorCode::BackendUnavailable | ErrorCode::BackendTimeout))
    }
}

impl From<ErrorCode> for PublishError {
    fn from(code: ErrorCode) -> Self {
        Self::Code(code)
    }
}

/// A target of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ToldTarget {
    /// The number of the publication.
    pub(crate) publication: u64,
    /// Its place among the targets.
    pub(crate) index: usize,
}

/// Some of the targets of a publication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TargetBits(pub(crate) u64);

impl TargetBits {
    pub(crate) fn set(&mut self, index: usize) {
        self.0 |= 1_u64.checked_shl(index as u32).unwrap_or(0);
    }

    pub(crate) fn has(self, index: usize) -> bool {
        self.0.checked_shr(index as u32).is_some_and(|bits| bits & 1 == 1)
    }
}

/// What became of a publication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PublishTally {
    /// For how many connections it was.
    pub(crate) delivered: u32,
    /// The targets at which it failed.
    pub(crate) failed: TargetBits,
    /// Why it failed first, or a cause that passes if there is one: then the call can be made again.
    pub(crate) error: Option<PublishError>,
    /// In a cluster: how many nodes have counted, and how many there are; at most 255. 0: the server is
    /// alone.
    pub(crate) confirmed: u8,
    pub(crate) nodes: u8,
}

impl PublishTally {
    /// The nodes of the cluster that have counted, of how many; these have counted so many more.
    pub(crate) fn count_nodes(&mut self, more: usize, confirmed: usize, nodes: usize) {
        self.add(more);
        let narrow = |count: usize| u8::try_from(count).unwrap_or(u8::MAX);
        (self.confirmed, self.nodes) = (narrow(confirmed), narrow(nodes));
    }

    /// It was for so many more.
    pub(crate) fn add(&mut self, more: usize) {
        self.delivered = self.delivered.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
    }

    fn record(&mut self, index: usize, result: Result<usize, PublishError>) {
        match result {
            Ok(reached) => self.add(reached),
            Err(error) => self.fail(index, error),
        }
    }

    /// It has failed at this target.
    pub(crate) fn fail(&mut self, index: usize, error: PublishError) {
        self.failed.set(index);
        if self.error.is_none_or(|before| error.passes() && !before.passes()) {
            self.error = Some(error);
        }
    }

    /// Has it failed at all of so many targets?
    fn has_failed(&self, targets: usize) -> bool {
        (0..targets).all(|index| self.has_failed_at(index))
    }

    /// The first targets of the publication, but for those at which it failed.
    pub(crate) fn told<'a>(
        &self,
        targets: &'a [PublishTarget],
    ) -> impl Iterator<Item = &'a PublishTarget> {
        let failed = self.failed;
        let told = targets.iter().enumerate().filter(move |(index, _)| !failed.has(*index));
        told.map(|(_, target)| target)
    }

    /// Did it fail at this target?
    pub(crate) fn has_failed_at(&self, index: usize) -> bool {
        self.failed.has(index)
    }
}

/// The key of a call, and what the call says: hashes, the first two under the node's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IdempotencyKey {
    pub(crate) key: u64,
    pub(crate) content: u64,
    /// In a cluster: the same as all nodes name it.
    pub(crate) shared: [u8; 16],
    pub(crate) shared_content: u64,
}

impl IdempotencyKey {
    /// What names the message to this target on every node: other than the key itself.
    pub(crate) fn id_at(&self, index: usize) -> [u8; 16] {
        let mut id = self.shared;
        if let Some(last) = id.last_mut() {
            *last ^= (index as u8).wrapping_add(1);
        }
        id
    }
}

/// A publication that was delivered at this node, and what is to be done when the others have counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EndedPublication {
    pub(crate) asker: ConnId,
    /// The answer that the asker waits for.
    pub(crate) awaited: Option<Ticket>,
    pub(crate) targets: Vec<PublishTarget>,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) tally: PublishTally,
    /// What is wrong, if that is the first failure and the application has said it.
    pub(crate) reason: Option<Box<str>>,
}

impl EndedPublication {
    /// Has it failed everywhere?
    pub(crate) fn has_failed(&self) -> bool {
        self.tally.has_failed(self.targets.len())
    }
}

/// A publication that is under way: rooms first, one after the other.
#[derive(Debug)]
pub(crate) struct Publication {
    /// The connection that is to be answered.
    pub(crate) asker: ConnId,
    /// At most [`MAX_TARGETS`], the rooms in front.
    pub(crate) targets: Vec<PublishTarget>,
    pub(crate) update: Arc<Update>,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) tally: PublishTally,
    /// What is wrong, if that is the first failure and the application has said it.
    pub(crate) reason: Option<Box<str>>,
    /// In a cluster: its number at this node.
    pub(crate) number: u64,
    /// In a cluster: the other nodes were told about its users, or are about to be.
    pub(crate) has_told_users: bool,
    /// Targets that are done.
    done: usize,
    /// For how many connections it was in the room that is next, where the application publishes.
    reached: usize,
}

impl Publication {
    pub(crate) fn new(
        asker: ConnId,
        targets: Vec<PublishTarget>,
        update: Arc<Update>,
        key: Option<IdempotencyKey>,
    ) -> Self {
        debug_assert!(targets.len() <= MAX_TARGETS, "the caller has counted them");
        let tally = PublishTally::default();
        Self {
            asker,
            targets,
            update,
            key,
            tally,
            reason: None,
            number: 0,
            has_told_users: false,
            done: 0,
            reached: 0,
        }
    }

    /// The target that is next.
    pub(crate) fn next(&self) -> Option<&PublishTarget> {
        self.targets.get(self.done)
    }

    /// The target that is next, as the engine is asked about it.
    pub(crate) fn told_target(&self) -> ToldTarget {
        self.told_target_at(self.done)
    }

    /// The same of another target.
    pub(crate) fn told_target_at(&self, index: usize) -> ToldTarget {
        ToldTarget { publication: self.number, index }
    }

    /// The users that are not told yet, with their places among the targets.
    pub(crate) fn users_left(&self) -> Vec<(usize, SmolStr)> {
        let left = self.targets.iter().enumerate().skip(self.done);
        let users = left.filter_map(|(index, target)| match target {
            PublishTarget::User(user) => Some((index, user.clone())),
            PublishTarget::Room(_) | PublishTarget::Connection(_) => None,
        });
        users.collect()
    }

    /// The next targets are done, as far as it has failed at them.
    pub(crate) fn skip_failed(&mut self) {
        while self.done < self.targets.len() && self.tally.has_failed_at(self.done) {
            self.done += 1;
        }
    }

    /// It has no more targets. `awaited`: the answer that its asker waits for.
    pub(crate) fn into_ended(self, awaited: Option<Ticket>) -> EndedPublication {
        let Self { asker, targets, key, tally, reason, .. } = self;
        EndedPublication { asker, awaited, targets, key, tally, reason }
    }

    /// The target that was next has been told, or has failed.
    pub(crate) fn record(&mut self, result: Result<usize, PublishError>) {
        self.tally.record(self.done, result);
        self.done += 1;
    }

    /// The application refuses it for the target that is next.
    pub(crate) fn refuse(&mut self, refusal: &PublishRefusal) {
        let error = match refusal {
            PublishRefusal::NoSuchRoom => PublishError::NoSuchRoom,
            PublishRefusal::InvalidData(why) => {
                if self.tally.error.is_none() {
                    self.reason = Some(why.as_str().into());
                }
                PublishError::InvalidData
            }
        };
        self.record(Err(error));
    }

    /// The application has published it in the room that is next.
    pub(crate) fn add_reached(&mut self, count: usize) {
        self.reached = self.reached.saturating_add(count);
    }

    /// For how many connections it was in the room that is next.
    pub(crate) fn take_reached(&mut self) -> usize {
        std::mem::take(&mut self.reached)
    }

    /// Nothing more is begun.
    pub(crate) fn fail_rest(&mut self, error: ErrorCode) {
        while self.done < self.targets.len() {
            self.record(Err(error.into()));
        }
    }

    /// The targets that were told by now.
    fn told(&self) -> impl Iterator<Item = &PublishTarget> {
        self.tally.told(self.targets.get(..self.done).unwrap_or_default())
    }

    /// Is everybody in this room told already?
    pub(crate) fn has_told_room(&self, room: &SmolStr) -> bool {
        self.told().any(|target| matches!(target, PublishTarget::Room(name) if name == room))
    }

    /// The rooms that were told.
    pub(crate) fn told_rooms(&self) -> Vec<SmolStr> {
        let rooms = self.told().filter_map(|target| match target {
            PublishTarget::Room(room) => Some(room.clone()),
            PublishTarget::User(_) | PublishTarget::Connection(_) => None,
        });
        rooms.collect()
    }

    /// The rooms that are not told yet.
    pub(crate) fn rooms_left(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().skip(self.done).filter_map(|target| match target {
            PublishTarget::Room(room) => Some(room.as_str()),
            PublishTarget::User(_) | PublishTarget::Connection(_) => None,
        })
    }
}

/// What a call to publish is answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Published {
    /// It was done, now or when its key was used first, for these targets.
    Done {
        tally: PublishTally,
        targets: Vec<PublishTarget>,
        /// What is wrong, if that is the first failure and the application has said it.
        reason: Option<Box<str>>,
    },
    /// Its key was used with another body.
    KeyReused,
    /// The first call with its key is not done.
    KeyInUse,
    /// It changes a recipe, which the application of the node with this name keeps.
    KeptElsewhere(SmolStr),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_has_its_bit_in_the_tally() {
        let rooms = (0..MAX_TARGETS).map(|n| PublishTarget::Room(format!("r{n}").into()));
        let asker = ConnId::new(0, 1);
        let mut publication = Publication::new(asker, rooms.collect(), Update::text("x"), None);
        for n in 0..63 {
            assert!(publication.next().is_some());
            let failure = Err(ErrorCode::Internal.into());
            publication.record(if n % 2 == 0 { Ok(2) } else { failure });
        }
        assert!(!publication.tally.has_failed(MAX_TARGETS));
        publication.fail_rest(ErrorCode::BackendTimeout);
        assert_eq!(publication.next(), None);
        assert_eq!(publication.tally.delivered, 64);
        assert_eq!(publication.tally.failed.0, 0xaaaa_aaaa_aaaa_aaaa);
        // That one passes, and the first one does not.
        assert_eq!(publication.tally.error, Some(ErrorCode::BackendTimeout.into()));
        assert!(publication.has_told_room(&"r0".into()));
        assert!(!publication.has_told_room(&"r63".into()));
    }
}
