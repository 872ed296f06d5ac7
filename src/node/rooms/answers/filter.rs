//! Which messages may be remembered: most new ones are known to be new without a look at any other.

/// The most counters: 64 KiB. With far more messages than that, most lookups go by the messages.
const MAX_COUNTERS: usize = 1 << 16;

/// A counting filter: for each hash, how many remembered messages have it.
///
/// A counter of 0 means that the message is not there. The hashes are keyed, so nobody chooses which
/// messages share a counter; where one is not 0, the messages themselves are looked at.
#[derive(Debug)]
pub(crate) struct MessageFilter {
    counters: Box<[u8]>,
}

impl MessageFilter {
    /// What a member takes at most, beside the first 64 bytes: 4 bytes, and up to as many again for a
    /// power of two.
    #[cfg(feature = "net")]
    pub(crate) const MEMBER_BYTES: usize = 8;

    /// Four counters for each of `members`, as many as messages have room, within bounds.
    pub(crate) fn new(members: usize) -> Self {
        Self { counters: vec![0; Self::bytes(members)].into_boxed_slice() }
    }

    /// What a filter for that many members takes: a byte for each counter.
    pub(crate) fn bytes(members: usize) -> usize {
        members.saturating_mul(4).clamp(64, MAX_COUNTERS).next_power_of_two()
    }

    /// False: no such message was added that was not removed again.
    pub(crate) fn may_have(&self, member: u64, id: u64) -> bool {
        self.counters.get(self.place(member, id)).is_none_or(|&count| count > 0)
    }

    pub(crate) fn add(&mut self, member: u64, id: u64) {
        let place = self.place(member, id);
        if let Some(count) = self.counters.get_mut(place) {
            *count = count.saturating_add(1);
        }
    }

    /// A counter that is full has lost count, and stays full.
    pub(crate) fn remove(&mut self, member: u64, id: u64) {
        let place = self.place(member, id);
        if let Some(count) = self.counters.get_mut(place)
            && *count < u8::MAX
        {
            *count = count.saturating_sub(1);
        }
    }

    /// There are 2ⁿ counters.
    fn place(&self, member: u64, id: u64) -> usize {
        (member ^ id) as usize & (self.counters.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_knows_what_was_added_and_not_removed() {
        let mut filter = MessageFilter::new(16);
        assert!(!filter.may_have(1, 2));
        (0..2).for_each(|_| filter.add(1, 2));
        filter.remove(1, 2);
        assert!(filter.may_have(1, 2) && !filter.may_have(1, 3));
        filter.remove(1, 2);
        assert!(!filter.may_have(1, 2));
    }

    #[test]
    fn full_counter_denies_nothing_any_more() {
        let mut filter = MessageFilter::new(0);
        (0..300).for_each(|_| filter.add(1, 2));
        (0..299).for_each(|_| filter.remove(1, 2));
        assert!(filter.may_have(1, 2));
    }

    #[cfg(feature = "net")]
    #[test]
    fn filter_takes_no_more_than_it_says() {
        for members in 0..40_000 {
            let most = 64 + members * MessageFilter::MEMBER_BYTES;
            assert!(MessageFilter::bytes(members) <= most, "{members}");
        }
    }

    #[test]
    fn filter_has_a_bound() {
        assert_eq!(MessageFilter::new(usize::MAX).counters.len(), MAX_COUNTERS);
    }
}
