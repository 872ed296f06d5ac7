//! The timer wheel: one entry a connection, armed at the nearest of its deadlines.
//!
//! A hashed wheel with unsorted lists (Varghese and Lauck, "Hashed and hierarchical timing wheels",
//! 1987, scheme 6): a deadline hashes by its tick to one of 4,096 slots, and each slot heads a
//! doubly linked list that runs through the entries themselves.
//!
//! * Arming and cancelling are O(1) and allocate nothing but the entry's place, once.
//! * A turn of the wheel is 4,096 ticks of 8 ms, 32.8 s: longer than every default timeout but the
//!   14 minutes, and a live connection's ping is due before those. So an entry is met once, when it
//!   is due; one armed further ahead is passed over once a turn of the wheel.
//! * Never early; late by less than one tick, plus what the driver needs to wake up.
//! * An entry keeps 32 bits of its tick. A deadline that is more than 99 days ahead comes up after 99
//!   days; whoever armed it looks at the clock, and arms it again.
//! * Memory: 12 bytes an entry, 512 bytes of bitmap, and 16 KiB of heads from the first entry on.

use crate::time::Instant;

/// Microseconds in a tick.
pub const TICK_MICROS: u64 = 8_000;
/// Slots: a power of two, so that the slot of a tick is a mask away.
const SLOTS: usize = 4_096;
const WORDS: usize = SLOTS / 64;
/// The list of entries that are due and wait to be popped has the number after the last slot.
const DUE: usize = SLOTS;
/// No entry.
const NONE: u32 = u32::MAX;
/// What an entry that is not armed has instead of a previous one.
const UNARMED: u32 = u32::MAX - 1;
/// Ticks that an entry is armed ahead at most, so that 32 bits tell before from after.
const MOST_AHEAD: u64 = 1 << 30;

/// Deadlines for connections, by the index of their slot in the slab.
#[derive(Debug)]
pub struct Wheel {
    entries: Vec<Timer>,
    /// The first entry of each list; none until something is armed.
    heads: Box<[u32]>,
    occupied: [u64; WORDS],
    /// A bit for each word of `occupied` that is not 0.
    filled: u64,
    /// Every tick up to this one has been looked at.
    current: u64,
    armed: usize,
}

#[derive(Clone, Copy, Debug)]
struct Timer {
    /// The low bits of its tick.
    tick: u32,
    previous: u32,
    next: u32,
}

impl Default for Wheel {
    fn default() -> Self {
        Self::new()
    }
}

impl Wheel {
    /// Nothing armed, at the start of time.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// The same, with room for `entries`.
    #[must_use]
    pub fn with_capacity(entries: usize) -> Self {
        Self {
            entries: Vec::with_capacity(entries),
            heads: Box::default(),
            occupied: [0; WORDS],
            filled: 0,
            current: 0,
            armed: 0,
        }
    }

    /// How many entries are armed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.armed
    }

    /// Is nothing armed?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.armed == 0
    }

    /// Arms `index` at `deadline`, instead of whatever it was armed at. O(1).
    pub fn arm(&mut self, index: usize, deadline: Instant) {
        // Rounded up: never early.
        let tick = deadline.as_micros().div_ceil(TICK_MICROS);
        let tick = tick.min(self.current.saturating_add(MOST_AHEAD));
        let is_there = |it: &Timer| it.previous != UNARMED && it.tick == tick as u32;
        if self.entries.get(index).is_some_and(is_there) {
            return;
        }
        self.cancel(index);
        if self.entries.len() <= index {
            let unarmed = Timer { tick: 0, previous: UNARMED, next: NONE };
            self.entries.resize(index + 1, unarmed);
        }
        if self.heads.is_empty() {
            self.heads = vec![NONE; SLOTS + 1].into_boxed_slice();
        }
        self.armed += 1;
        let list = if tick <= self.current { DUE } else { slot_of(tick) };
        self.link(index as u32, tick as u32, list);
    }

    /// Disarms `index`, if it was armed. O(1).
    pub fn cancel(&mut self, index: usize) {
        if self.entries.get(index).is_some_and(|entry| entry.previous != UNARMED) {
            self.unlink(index as u32);
            self.entry(index as u32).previous = UNARMED;
            self.armed -= 1;
        }
    }

    /// When to look again: the moment the next occupied slot comes round. `None`: nothing is armed.
    ///
    /// Looks at two words at most. It can be early by whole turns of the wheel, never late.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        if self.armed == 0 {
            return None;
        }
        if self.head(DUE) != NONE {
            return Some(Instant::START);
        }
        let ahead = self.ticks_to_occupied(self.current + 1)?;
        Some(Instant::from_micros((self.current + 1 + ahead).saturating_mul(TICK_MICROS)))
    }

    /// Takes one entry that is due at `now`, and disarms it. Amortised O(1).
    ///
    /// Entries come out in the order of their ticks; within one tick in no promised order.
    pub fn pop_due(&mut self, now: Instant) -> Option<usize> {
        let until = now.as_micros() / TICK_MICROS;
        while self.head(DUE) == NONE {
            // The step to the next occupied slot, or to the end where that is nearer.
            let ahead = self.ticks_to_occupied(self.current + 1).unwrap_or(u64::MAX);
            let tick = self.current.saturating_add(ahead).saturating_add(1);
            if tick > until {
                self.current = self.current.max(until);
                return None;
            }
            self.current = tick;
            self.collect(tick);
        }
        let index = self.head(DUE);
        self.cancel(index as usize);
        Some(index as usize)
    }

    /// Moves the entries of `tick` from its slot to the list of those that are due; those of a
    /// later turn of the wheel stay.
    fn collect(&mut self, tick: u64) {
        let mut index = self.head(slot_of(tick));
        while index != NONE {
            let entry = *self.entry(index);
            // None is further ahead, or has been due for longer, than half of what 32 bits tell apart.
            if (tick as u32).wrapping_sub(entry.tick) <= MOST_AHEAD as u32 {
                self.unlink(index);
                self.link(index, entry.tick, DUE);
            }
            index = entry.next;
        }
    }

    /// How many ticks after `from` the next occupied slot comes round, 0 to 4,095.
    fn ticks_to_occupied(&self, from: u64) -> Option<u64> {
        let start = slot_of(from);
        let (word, bit) = (start / 64, start % 64);
        let own = self.occupied.get(word)? >> bit;
        if own != 0 {
            return Some(own.trailing_zeros().into());
        }
        // The words behind it, in their order; its own lower bits come last.
        let others = self.filled.rotate_right(word as u32).rotate_right(1);
        if others == 0 {
            return None;
        }
        let word = word + 1 + others.trailing_zeros() as usize;
        let bits = self.occupied.get(word % WORDS)?;
        Some((word * 64 + bits.trailing_zeros() as usize - start) as u64)
    }

    fn link(&mut self, index: u32, tick: u32, list: usize) {
        let next = self.head(list);
        *self.entry(index) = Timer { tick, previous: NONE, next };
        if next != NONE {
            self.entry(next).previous = index;
        }
        self.set_head(list, index);
    }

    fn unlink(&mut self, index: u32) {
        let Timer { tick, previous, next } = *self.entry(index);
        if next != NONE {
            self.entry(next).previous = previous;
        }
        if previous != NONE {
            self.entry(previous).next = next;
        } else if self.head(DUE) == index {
            self.set_head(DUE, next);
        } else {
            self.set_head(slot_of(tick.into()), next);
        }
    }

    fn set_head(&mut self, list: usize, index: u32) {
        if let Some(head) = self.heads.get_mut(list) {
            *head = index;
        }
        if let Some(word) = self.occupied.get_mut(list / 64) {
            let bit = 1 << (list % 64);
            *word = if index == NONE { *word & !bit } else { *word | bit };
            let filled = 1 << (list / 64);
            let is_filled = *word != 0;
            self.filled = if is_filled { self.filled | filled } else { self.filled & !filled };
        }
    }

    fn head(&self, list: usize) -> u32 {
        self.heads.get(list).copied().unwrap_or(NONE)
    }

    #[expect(clippy::indexing_slicing, reason = "indices are the wheel's own, never a peer's")]
    fn entry(&mut self, index: u32) -> &mut Timer {
        &mut self.entries[index as usize]
    }
}

fn slot_of(tick: u64) -> usize {
    (tick as usize) & (SLOTS - 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn ms(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    fn drain(wheel: &mut Wheel, now: Instant) -> Vec<usize> {
        std::iter::from_fn(|| wheel.pop_due(now)).collect()
    }

    #[test]
    fn an_entry_is_never_early_and_less_than_a_tick_late() {
        for micros in [1, 7_999, 8_000, 8_001, 5_000_000, 40_000_000, 840_000_000] {
            let mut wheel = Wheel::new();
            wheel.arm(3, Instant::from_micros(micros));
            assert_eq!(drain(&mut wheel, Instant::from_micros(micros - 1)).len(), 0);
            let latest = Instant::from_micros(micros + TICK_MICROS - 1);
            assert_eq!(drain(&mut wheel, latest), [3], "{micros}");
            assert!(wheel.is_empty() && wheel.next().is_none());
        }
    }

    #[test]
    fn a_deadline_in_the_past_is_due_at_once() {
        let mut wheel = Wheel::new();
        assert_eq!(drain(&mut wheel, ms(60_000)).len(), 0);
        wheel.arm(0, ms(1));
        assert_eq!(wheel.next(), Some(Instant::START));
        assert_eq!(drain(&mut wheel, ms(60_000)), [0]);
    }

    #[test]
    fn the_next_moment_is_that_of_the_nearest_slot() {
        let mut wheel = Wheel::new();
        wheel.arm(0, ms(5_000));
        wheel.arm(1, ms(80));
        assert_eq!(wheel.next(), Some(ms(80)));
        wheel.cancel(1);
        assert_eq!(wheel.next(), Some(ms(5_000)));
    }

    #[test]
    fn an_entry_costs_12_bytes() {
        assert_eq!(size_of::<Timer>(), 12);
    }

    #[test]
    fn ticks_of_a_server_that_is_old_are_told_apart() {
        let lap = TICK_MICROS << 32;
        let around = [lap / 2, lap - TICK_MICROS, lap, lap + 5 * TICK_MICROS, 7 * lap / 2];
        for now in around.map(Instant::from_micros) {
            let mut wheel = Wheel::new();
            assert_eq!(drain(&mut wheel, now).len(), 0);
            let minute = now + Duration::from_secs(60);
            wheel.arm(0, now + Duration::from_millis(20));
            wheel.arm(1, minute);
            wheel.arm(2, now);
            assert_eq!(drain(&mut wheel, now), [2]);
            assert_eq!(drain(&mut wheel, now + Duration::from_millis(50)), [0]);
            assert_eq!(drain(&mut wheel, minute + Duration::from_millis(8)), [1]);
        }
    }

    #[test]
    fn far_deadline_comes_up_after_99_days_at_the_latest() {
        let mut wheel = Wheel::new();
        let day = Duration::from_secs(86_400);
        wheel.arm(0, Instant::NEVER);
        wheel.arm(1, Instant::START + day * 90);
        assert_eq!(drain(&mut wheel, Instant::START + day * 89).len(), 0);
        assert_eq!(drain(&mut wheel, Instant::START + day * 91), [1]);
        assert_eq!(drain(&mut wheel, Instant::START + day * 100), [0]);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Arm(usize, u64),
        Cancel(usize),
        Advance(u64),
        PopSome(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..40_usize, prop_oneof![0..100_000_u64, 0..100_000_000_u64]).prop_map(|(i, d)| Step::Arm(i, d)),
            1 => (0..40_usize).prop_map(Step::Cancel),
            3 => prop_oneof![0..20_000_u64, 0..50_000_000_u64].prop_map(Step::Advance),
            1 => (0..4_usize).prop_map(Step::PopSome),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        /// The wheel against a map of what is armed: the same entries come out, none before its
        /// deadline, none a tick or more after it, however the steps fall.
        #[test]
        fn the_wheel_is_a_map_of_deadlines(steps in steps()) {
            let mut wheel = Wheel::new();
            let mut model = BTreeMap::new();
            let mut now = 0;
            for step in steps {
                match step {
                    Step::Arm(index, delay) => {
                        wheel.arm(index, Instant::from_micros(now + delay));
                        model.insert(index, now + delay);
                    }
                    Step::Cancel(index) => {
                        wheel.cancel(index);
                        model.remove(&index);
                    }
                    Step::Advance(by) => {
                        now += by;
                        for index in drain(&mut wheel, Instant::from_micros(now)) {
                            let deadline = model.remove(&index).expect("armed");
                            prop_assert!(deadline <= now);
                        }
                        prop_assert!(model.values().all(|&deadline| deadline + TICK_MICROS > now));
                    }
                    Step::PopSome(count) => {
                        for _ in 0..count {
                            let Some(index) = wheel.pop_due(Instant::from_micros(now)) else { break };
                            prop_assert!(model.remove(&index).expect("armed") <= now);
                        }
                    }
                }
                prop_assert_eq!(wheel.len(), model.len());
                let earliest = model.values().min().map(|d| d.div_ceil(TICK_MICROS) * TICK_MICROS);
                prop_assert_eq!(wheel.next().is_some(), earliest.is_some());
                if let (Some(next), Some(earliest)) = (wheel.next(), earliest) {
                    prop_assert!(next.as_micros() <= earliest);
                }
            }
        }
    }
}
