//! Which addresses have tried an account lately.

use crate::shares::Allowances;
use crate::time::Instant;

/// Attempts that were refused, in a minute, before an address is not a newcomer any more: a user who
/// is impatient has fewer, a program that does not wait as long as it is told has more.
const REFUSALS: u32 = 5;
/// Refused attempts that a guess counts for: an address is a newcomer again after 10 minutes.
const GUESS: u32 = 10 * (REFUSALS + 1);

/// What each pair of an account and an address has tried, as keyed hashes.
///
/// The owner of an account that is attacked cannot be told from the attacker, except by this: it has
/// not tried yet. An attacker needs a new address for each guess to be a newcomer as often as it
/// wants, and even then an account has no more guesses than its allowance.
///
/// A table that is full forgets whoever has tried least. So refusals, which cost their address
/// nothing, push no guesses out.
#[derive(Debug)]
pub(super) struct Tries(Allowances<u64>);

impl Tries {
    /// What a pair takes.
    pub(super) const ENTRY_BYTES: usize = Allowances::<u64>::ENTRY_BYTES;

    /// Nothing was tried yet. At most `capacity` pairs are remembered.
    pub(super) fn new(capacity: usize) -> Self {
        Self(Allowances::new(REFUSALS + 1, capacity))
    }

    /// Has the pair not tried lately, or only a few times in vain?
    pub(super) fn is_newcomer(&mut self, now: Instant, pair: u64) -> bool {
        self.0.wait(now, pair, 1).is_zero()
    }

    /// An attempt of the pair was refused, as its account had no guess left for it.
    pub(super) fn refuse(&mut self, now: Instant, pair: u64) {
        self.charge(now, pair, 1);
    }

    /// A password of the pair is checked.
    pub(super) fn guess(&mut self, now: Instant, pair: u64) {
        self.charge(now, pair, GUESS);
    }

    /// The password was right, or could not be checked: it was no guess.
    pub(super) fn withdraw_guess(&mut self, now: Instant, pair: u64) {
        self.0.refund(now, pair, GUESS);
    }

    /// How many pairs were forgotten early.
    pub(super) fn evictions(&self) -> u64 {
        self.0.evictions()
    }

    /// How many pairs are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn charge(&mut self, now: Instant, pair: u64, cost: u32) {
        self.0.force(now, pair, cost, GUESS - (REFUSALS + 1));
    }
}
