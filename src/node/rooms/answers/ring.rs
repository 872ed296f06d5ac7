//! The messages of an entry: a ring that leads from the oldest to the newest, and from there to the
//! oldest again.

use std::num::NonZeroU32;

use super::message::RememberedMessage;
use super::{DedupCache, MESSAGES, MemberLog, NONE};

impl DedupCache {
    /// Makes `number` the newest of an entry, which has at most 32.
    pub(super) fn append(&mut self, index: u32, number: u32) {
        let entry = self.entry(index);
        let newest = std::mem::replace(&mut entry.newest, number);
        entry.count = entry.count.saturating_add(1);
        let is_full = entry.count.get() > MESSAGES;
        let oldest = std::mem::replace(&mut self.message(newest).newer, number);
        self.message(number).newer = oldest;
        if is_full {
            self.drop_message(index, number, oldest);
        }
    }

    /// The oldest message of an entry: the ring leads from the newest one to it.
    pub(super) fn oldest(&self, entry: &MemberLog) -> u32 {
        self.messages.get(entry.newest).map_or(NONE, |newest| newest.newer)
    }

    /// Forgets message `number` of an entry with at least two, which comes right behind `older`.
    pub(super) fn drop_message(&mut self, index: u32, older: u32, number: u32) {
        self.absent = None;
        if let Some(message) = self.messages.try_remove(number) {
            let refund = self.weigh_out(message);
            self.by_user.reweigh(index, 0, refund);
            self.message(older).newer = message.newer;
            let entry = self.entry(index);
            entry.newest = if entry.newest == number { older } else { entry.newest };
            entry.count = NonZeroU32::new(entry.count.get() - 1).unwrap_or(NonZeroU32::MIN);
            let member = entry.member;
            self.filter.remove(member, message.id());
        }
    }

    /// The message of this id, behind the one before it in the ring. O(32).
    pub(super) fn locate(&self, index: u32, id: u64) -> Option<(u32, u32)> {
        let entry = self.entries.get(index as usize)?;
        if !self.filter.may_have(entry.member, id) {
            return None;
        }
        let mut older = entry.newest;
        let is_it = |(number, message): &(u32, &RememberedMessage)| {
            let is_it = message.has_id(id);
            older = if is_it { older } else { *number };
            is_it
        };
        let found = self.ring(entry).find(is_it).map(|(number, _)| number);
        found.map(|number| (older, number))
    }

    /// The messages of an entry with their numbers, the oldest first.
    pub(super) fn ring(
        &self,
        entry: &MemberLog,
    ) -> impl Iterator<Item = (u32, &RememberedMessage)> {
        let at = |number: u32| Some((number, self.messages.get(number)?));
        let all = std::iter::successors(at(self.oldest(entry)), move |(_, it)| at(it.newer));
        all.take(entry.count.get() as usize)
    }
}
