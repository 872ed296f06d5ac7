//! A bounded table of what happened last, fair by holder.

use std::collections::BTreeMap;

use slab::Slab;

use crate::id::Seed;
use crate::shares::holdings::Holdings;

/// The last items, each of a holder. A full table forgets the oldest item of whoever has most, and
/// where nobody has more than others the oldest of all. O(log items) a call.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    items: Slab<(u64, T)>,
    /// Their places, in their order.
    order: BTreeMap<u64, u32>,
    by_holder: Holdings,
}

impl<T> Recent<T> {
    /// What an item takes beside itself: its place in the order, and that among its holder's, who may
    /// have no other.
    #[cfg(any(feature = "net", feature = "recipes"))]
    pub(crate) const ENTRY_BYTES: usize = 32 + Holdings::ENTRY_BYTES + Holdings::HOLDER_BYTES;

    /// Nothing yet, and room for so many. The seed keeps peers from choosing holders that collide.
    pub(crate) fn new(seed: &Seed, capacity: usize) -> Self {
        Self {
            items: Slab::with_capacity(capacity),
            order: BTreeMap::new(),
            by_holder: Holdings::new(seed, capacity),
        }
    }

    /// Remembers an item of `holder`, with a number that is greater than all before. Gives back its
    /// place, and what is forgotten for it. `None`: at most 0 items are remembered.
    pub(crate) fn push(
        &mut self,
        number: u64,
        item: T,
        holder: u64,
        capacity: usize,
    ) -> Option<(u32, Option<T>)> {
        if capacity == 0 {
            return None;
        }
        let mut forgotten = None;
        while self.items.len() >= capacity {
            let oldest = self.order.first_key_value().map(|(_, &place)| place);
            forgotten = self.remove(self.by_holder.victim(holder, 1).or(oldest)?);
        }
        let place = self.items.insert((number, item)) as u32;
        self.order.insert(number, place);
        self.by_holder.insert(place, holder, 1);
        Some((place, forgotten))
    }

    /// Forgets the item at `place`.
    pub(crate) fn remove(&mut self, place: u32) -> Option<T> {
        let (number, item) = self.items.try_remove(place as usize)?;
        self.order.remove(&number);
        self.by_holder.remove(place, 1);
        Some(item)
    }

    /// Forgets until there are at most so many, each time of whoever has most.
    pub(crate) fn shrink(&mut self, capacity: usize) {
        while self.items.len() > capacity
            && let Some(place) = self.by_holder.first_of_heaviest()
        {
            self.remove(place);
        }
    }

    /// How many are remembered.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// The newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &T> {
        let items = self.order.values().rev();
        items.filter_map(|&place| self.items.get(place as usize)).map(|(_, item)| item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(recent: &Recent<char>) -> String {
        recent.newest().collect()
    }

    #[test]
    fn whoever_has_most_loses_the_oldest() {
        let mut recent = Recent::new(&Seed::predictable(1), 0);
        for (number, (item, holder)) in
            [('a', 1), ('b', 2), ('c', 2), ('d', 3)].into_iter().enumerate()
        {
            assert!(
                recent.push(number as u64, item, holder, 4).is_some_and(|(_, gone)| gone.is_none())
            );
        }
        assert_eq!(recent.push(4, 'e', 9, 4).and_then(|(_, gone)| gone), Some('b'));
        assert_eq!(recent.push(5, 'f', 8, 4).and_then(|(_, gone)| gone), Some('a'), "all have one");
        assert_eq!(items(&recent), "fedc");
        recent.shrink(1);
        assert_eq!((recent.len(), recent.push(6, 'g', 1, 0)), (1, None));
    }
}
