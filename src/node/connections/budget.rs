//! Who holds how much of a budget, so that whoever holds most is found at once.
//!
//! Holders are in lists by the power of two of what they hold, the oldest in front, those who are
//! not authenticated apart from members. A change is O(1) and allocates nothing but a connection's
//! place, once: 16 bytes. The heaviest is the front of the highest list that has somebody in it: no
//! other holds twice as much, and of those who hold as much none has done so for longer.

use crate::id::Slot;

/// Powers of two: what is held fits into 32 bits.
const CLASSES: usize = 33;
const LISTS: usize = 2 * CLASSES;
/// No holder, no list.
const NONE: u32 = u32::MAX;

/// Which of the two kinds of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Not authenticated: not yet, or not any more.
    Pending,
    /// In a room.
    Authenticated,
}

/// One budget's holders, by the index of their slot in the slab.
#[derive(Debug)]
pub(crate) struct Budget {
    places: Vec<Place>,
    fronts: [u32; LISTS],
    backs: [u32; LISTS],
    /// A bit for each list that is not empty, by side.
    occupied: [u64; 2],
    totals: [usize; 2],
}

#[derive(Clone, Copy, Debug)]
struct Place {
    bytes: u32,
    list: u32,
    previous: u32,
    next: u32,
}

const EMPTY: Place = Place { bytes: 0, list: NONE, previous: NONE, next: NONE };

impl Default for Budget {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            fronts: [NONE; LISTS],
            backs: [NONE; LISTS],
            occupied: [0; 2],
            totals: [0; 2],
        }
    }
}

impl Budget {
    /// What all of this side hold.
    pub(crate) fn total(&self, side: Side) -> usize {
        self.totals.get(side as usize).copied().unwrap_or(0)
    }

    /// Does nobody hold anything?
    pub(crate) fn is_empty(&self) -> bool {
        self.occupied == [0; 2]
    }

    /// Does `slot` hold anything?
    pub(crate) fn has(&self, slot: Slot) -> bool {
        self.places.get(slot.index()).is_some_and(|place| place.list != NONE)
    }

    /// From here on `slot` holds `bytes`, and belongs to this side; 0: nothing.
    pub(crate) fn set(&mut self, slot: Slot, side: Side, bytes: usize) {
        let index = slot.index();
        if self.places.len() <= index {
            if bytes == 0 {
                return;
            }
            self.places.resize(index + 1, EMPTY);
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let class = (u32::BITS - bytes.leading_zeros()) as usize;
        let list = match bytes {
            0 => NONE,
            _ => (side as usize * CLASSES + class) as u32,
        };
        let Some(place) = self.places.get_mut(index) else { return };
        let before = std::mem::replace(&mut place.bytes, bytes);
        let old = place.list;
        self.count(old, |total| total.saturating_sub(before as usize));
        self.count(list, |total| total + bytes as usize);
        if old != list {
            self.unlink(index);
            self.link(index, list);
        }
    }

    /// The holder of most on this side, within a factor of two; of those, the one that has held it for
    /// longest.
    pub(crate) fn heaviest(&self, side: Side) -> Option<Slot> {
        let occupied = *self.occupied.get(side as usize)?;
        let class = occupied.checked_ilog2()? as usize;
        self.fronts.get(side as usize * CLASSES + class).map(|&front| Slot::new(front))
    }

    fn count(&mut self, list: u32, change: impl FnOnce(usize) -> usize) {
        if let Some(total) = self.totals.get_mut(list as usize / CLASSES) {
            *total = change(*total);
        }
    }

    fn unlink(&mut self, slot: usize) {
        let Some(place) = self.places.get_mut(slot) else { return };
        let Place { list, previous, next, .. } = *place;
        if list == NONE {
            return;
        }
        *place = Place { bytes: place.bytes, ..EMPTY };
        match self.places.get_mut(previous as usize) {
            Some(place) => place.next = next,
            None => self.set_front(list, next),
        }
        match self.places.get_mut(next as usize) {
            Some(place) => place.previous = previous,
            None => self.set_back(list, previous),
        }
    }

    fn link(&mut self, slot: usize, list: u32) {
        if list == NONE {
            return;
        }
        let back = self.backs.get(list as usize).copied().unwrap_or(NONE);
        if let Some(place) = self.places.get_mut(slot) {
            (place.list, place.previous) = (list, back);
        }
        match self.places.get_mut(back as usize) {
            Some(place) => place.next = slot as u32,
            None => self.set_front(list, slot as u32),
        }
        self.set_back(list, slot as u32);
    }

    fn set_front(&mut self, list: u32, index: u32) {
        if let Some(front) = self.fronts.get_mut(list as usize) {
            *front = index;
        }
        let (side, class) = (list as usize / CLASSES, list as usize % CLASSES);
        if let Some(occupied) = self.occupied.get_mut(side) {
            let bit = 1 << class;
            *occupied = if index == NONE { *occupied & !bit } else { *occupied | bit };
        }
    }

    fn set_back(&mut self, list: u32, index: u32) {
        if let Some(back) = self.backs.get_mut(list as usize) {
            *back = index;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_holder_costs_16_bytes() {
        assert_eq!(size_of::<Place>(), 16);
    }

    #[test]
    fn oldest_in_the_heaviest_size_class_is_heaviest() {
        let mut budget = Budget::default();
        for index in [3, 1, 2] {
            budget.set(Slot::new(index), Side::Pending, 100 + index as usize);
        }
        budget.set(Slot::new(7), Side::Authenticated, 1_000);
        assert_eq!(budget.heaviest(Side::Pending), Some(Slot::new(3)));
        budget.set(Slot::new(2), Side::Pending, 300);
        assert_eq!(budget.heaviest(Side::Pending), Some(Slot::new(2)));
        budget.set(Slot::new(2), Side::Authenticated, 300);
        budget.set(Slot::new(3), Side::Pending, 0);
        assert_eq!(budget.heaviest(Side::Pending), Some(Slot::new(1)));
        assert_eq!(budget.heaviest(Side::Authenticated), Some(Slot::new(7)));
        assert_eq!((budget.total(Side::Pending), budget.total(Side::Authenticated)), (101, 1_300));
    }

    proptest! {
        #[test]
        fn it_is_a_list_of_who_holds_what(
            changes in prop::collection::vec((0_u32..12, any::<bool>(), 0_usize..5_000), 0..200),
        ) {
            let mut budget = Budget::default();
            // Who, on which side, how much, and since when in that class.
            let mut model: Vec<(u32, Side, usize, usize)> = Vec::new();
            let class = |bytes: usize| bytes.ilog2();
            for (step, (index, is_member, bytes)) in changes.into_iter().enumerate() {
                let side = if is_member { Side::Authenticated } else { Side::Pending };
                budget.set(Slot::new(index), side, bytes);
                let old = model.iter().position(|entry| entry.0 == index).map(|at| model.remove(at));
                if bytes > 0 {
                    let since = match old {
                        Some((_, before, held, since))
                            if before == side && class(held) == class(bytes) => since,
                        _ => step,
                    };
                    model.push((index, side, bytes, since));
                }
                prop_assert_eq!(budget.has(Slot::new(index)), bytes > 0);
                prop_assert_eq!(budget.is_empty(), model.is_empty());
                for side in [Side::Pending, Side::Authenticated] {
                    let of_side = || model.iter().filter(|entry| entry.1 == side);
                    let total: usize = of_side().map(|entry| entry.2).sum();
                    prop_assert_eq!(budget.total(side), total);
                    let first = of_side().max_by_key(|entry| (class(entry.2), usize::MAX - entry.3));
                    prop_assert_eq!(budget.heaviest(side), first.map(|entry| Slot::new(entry.0)));
                }
            }
        }
    }
}
