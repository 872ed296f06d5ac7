//! Allowances that refill with time, for each user or address.
//!
//! The generic cell rate algorithm (ITU-T I.371): one moment stands for a whole token bucket, the
//! moment at which what was used will have drained. A key whose moment has passed is forgotten, so
//! the table holds only those who used something within the time that an allowance takes to refill.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::time::Instant;

/// The period that rates are given for.
const MINUTE: Duration = Duration::from_secs(60);

/// What each key has used of its allowance. O(log keys) a call.
///
/// Two ordered trees, some 64 bytes a key: trees give their memory back.
#[derive(Debug)]
pub(crate) struct Allowances<K> {
    /// How long a point takes to drain. Zero: no limit.
    point: Duration,
    /// How long the whole allowance takes.
    allowance: Duration,
    capacity: usize,
    /// When what was used will have drained.
    drained_at: BTreeMap<K, Instant>,
    /// The same, the nearest first.
    order: BTreeSet<(Instant, K)>,
    evictions: u64,
    /// A planted fault: a full table forgets who used most.
    #[cfg(test)]
    forgets_heaviest: bool,
}

impl<K: Ord + Copy> Allowances<K> {
    /// What a key costs: 16 bytes in each of two trees, and their slack.
    pub(crate) const ENTRY_BYTES: usize = 64;

    /// An allowance of `per_minute` points for each key, all of which may be used at once after a
    /// quiet minute; 0: no limit. At most `capacity` keys are remembered; 0: without a bound.
    pub(crate) fn new(per_minute: u32, capacity: usize) -> Self {
        let mut table = Self {
            point: Duration::ZERO,
            allowance: Duration::ZERO,
            capacity: 0,
            drained_at: BTreeMap::new(),
            order: BTreeSet::new(),
            evictions: 0,
            #[cfg(test)]
            forgets_heaviest: false,
        };
        table.set_allowance(per_minute, capacity);
        table
    }

    /// From here on forgets who used most where it is full, to prove that tests find that.
    #[cfg(test)]
    pub(crate) fn plant_forgets_heaviest(&mut self) {
        self.forgets_heaviest = true;
    }

    /// The same from here on. What was used before drains at the pace that it was charged at; who
    /// is beyond `capacity` is forgotten with the next charge.
    pub(crate) fn set_allowance(&mut self, per_minute: u32, capacity: usize) {
        self.point = MINUTE.checked_div(per_minute).unwrap_or_default();
        self.allowance = self.point.saturating_mul(per_minute);
        self.capacity = capacity;
    }

    /// Is there a limit?
    pub(crate) fn is_limited(&self) -> bool {
        !self.point.is_zero()
    }

    /// Charges `cost` points if they fit into the allowance.
    ///
    /// # Errors
    /// They do not fit yet, and nothing is charged: for how long.
    pub(crate) fn charge(&mut self, now: Instant, key: K, cost: u32) -> Result<(), Duration> {
        if self.point.is_zero() {
            return Ok(());
        }
        let wait = self.wait(now, key, cost);
        if !wait.is_zero() {
            return Err(wait);
        }
        let cost = self.point.saturating_mul(cost);
        let used = self.used(now, key);
        self.remember(key, now + used + cost);
        Ok(())
    }

    /// How long it takes until [`charge`](Self::charge) takes `cost` points; zero: it does now.
    pub(crate) fn wait(&mut self, now: Instant, key: K, cost: u32) -> Duration {
        if self.point.is_zero() {
            return Duration::ZERO;
        }
        let cost = self.point.saturating_mul(cost);
        self.used(now, key).saturating_add(cost).saturating_sub(self.allowance)
    }

    /// Charges `cost` points in any case, but never so much that more than the allowance and
    /// `debt` points beyond it are used.
    pub(crate) fn force(&mut self, now: Instant, key: K, cost: u32, debt: u32) {
        if self.point.is_zero() {
            return;
        }
        let used = self.used(now, key);
        let most = self.allowance.saturating_add(self.point.saturating_mul(debt));
        let after = used.saturating_add(self.point.saturating_mul(cost)).min(most.max(used));
        self.remember(key, now + after);
    }

    /// Gives `cost` points back that were charged for work that turned out innocent or undone.
    pub(crate) fn refund(&mut self, now: Instant, key: K, cost: u32) {
        let used = self.used(now, key).saturating_sub(self.point.saturating_mul(cost));
        self.remember(key, now + used);
    }

    /// Takes out the moment at which what `key` has used will have drained.
    pub(crate) fn take(&mut self, key: K) -> Option<Instant> {
        let drained_at = self.drained_at.remove(&key)?;
        self.order.remove(&(drained_at, key));
        Some(drained_at)
    }

    /// Keeps such a moment for `key`, unless it has passed.
    pub(crate) fn keep(&mut self, now: Instant, key: K, drained_at: Instant) {
        self.forget_drained(now);
        if drained_at > now {
            self.remember(key, drained_at);
        }
    }

    /// How long it takes until not more than the allowance is used; zero: that is so.
    pub(crate) fn excess(&mut self, now: Instant, key: K) -> Duration {
        if self.point.is_zero() {
            return Duration::ZERO;
        }
        self.used(now, key).saturating_sub(self.allowance)
    }

    /// How long it takes until nothing is used.
    pub(crate) fn used(&mut self, now: Instant, key: K) -> Duration {
        self.forget_drained(now);
        self.drained_at.get(&key).map_or(Duration::ZERO, |drained_at| drained_at.since(now))
    }

    /// How many keys may be remembered; 0: any number.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Keys of which something is remembered.
    pub(crate) fn len(&self) -> usize {
        self.drained_at.len()
    }

    /// How many keys were forgotten before they had drained because the table was full.
    pub(crate) fn evictions(&self) -> u64 {
        self.evictions
    }

    /// When the table is full, the key nearest to its moment goes: it has the least left to drain.
    fn remember(&mut self, key: K, drained_at: Instant) {
        if let Some(before) = self.drained_at.insert(key, drained_at) {
            self.order.remove(&(before, key));
        }
        self.order.insert((drained_at, key));
        #[cfg(test)]
        if self.forgets_heaviest && self.capacity != 0 && self.order.len() > self.capacity {
            let heaviest = self.order.pop_last();
            heaviest.into_iter().for_each(|(_, key)| {
                self.drained_at.remove(&key);
            });
        }
        while self.capacity != 0
            && self.order.len() > self.capacity
            && let Some((_, nearest)) = self.order.pop_first()
        {
            self.drained_at.remove(&nearest);
            self.evictions += 1;
        }
    }

    /// Each entry is forgotten once, so this is amortised O(log n) a charge.
    fn forget_drained(&mut self, now: Instant) {
        while let Some(&(drained_at, key)) = self.order.first()
            && drained_at <= now
        {
            self.order.pop_first();
            self.drained_at.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::START + Duration::from_secs(seconds)
    }

    #[test]
    fn an_allowance_refills_with_time() {
        let mut table = Allowances::new(60, 0);
        assert_eq!(table.charge(at(0), 'a', 60), Ok(()));
        assert_eq!(table.charge(at(0), 'a', 2), Err(Duration::from_secs(2)));
        assert_eq!(table.charge(at(0), 'b', 1), Ok(()), "another has its own");
        assert_eq!(table.charge(at(2), 'a', 2), Ok(()));
        assert_eq!(table.charge(at(70), 'a', 60), Ok(()));
    }

    #[test]
    fn a_refund_makes_room_again() {
        let mut table = Allowances::new(60, 0);
        assert_eq!(table.charge(at(0), 'a', 60), Ok(()));
        table.refund(at(0), 'a', 10);
        assert_eq!(table.charge(at(0), 'a', 10), Ok(()));
        table.refund(at(0), 'b', 10);
        assert_eq!(table.charge(at(0), 'b', 60), Ok(()), "never more than all");
        assert!(table.charge(at(0), 'b', 1).is_err());
    }

    #[test]
    fn a_forced_debt_is_capped() {
        let mut table = Allowances::new(60, 0);
        for _ in 0..100 {
            table.force(at(0), 'a', 10, 10);
        }
        assert_eq!(table.excess(at(0), 'a'), Duration::from_secs(10));
        assert_eq!(table.excess(at(10), 'a'), Duration::ZERO);
    }

    #[test]
    fn a_full_table_forgets_who_used_least() {
        let mut table = Allowances::new(60, 2);
        for (key, cost) in [('a', 10), ('b', 5), ('c', 20)] {
            assert_eq!(table.charge(at(0), key, cost), Ok(()));
        }
        assert_eq!((table.len(), table.evictions()), (2, 1));
        assert_eq!(table.charge(at(0), 'b', 60), Ok(()), "b was forgotten");
        assert!(table.charge(at(0), 'c', 60).is_err());
    }
}
