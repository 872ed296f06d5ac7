//! What was guessed and who got in, and what the documents allow of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::config;
use crate::time::Instant;

/// How many more than an allowance have begun at some moment: what waits is charged when its request was
/// read, at the latest a few seconds before.
const LATE: f64 = 1.0;

/// A request for a hash. Accounts and addresses are numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guess {
    pub(super) kind: &'static str,
    pub(super) account: u32,
    pub(super) host: u32,
    /// The password is right, or a sign-up's account is new.
    pub(super) is_right: bool,
    pub(super) visit: Option<usize>,
}

/// What has happened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GuessCounts {
    attempts: u64,
    guesses: u64,
    /// Those of the account that a net guesses.
    guesses_of_first: u64,
    sign_ups: u64,
    at_home: u64,
    elsewhere: u64,
    /// Sign-ins of that account's owner at an address that was not known.
    owner_elsewhere: u64,
    longest_at_home: Duration,
    longest_elsewhere: Duration,
    longest_of_owner: Duration,
}

impl GuessCounts {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            attempts: self.attempts + other.attempts,
            guesses: self.guesses + other.guesses,
            guesses_of_first: self.guesses_of_first + other.guesses_of_first,
            sign_ups: self.sign_ups + other.sign_ups,
            at_home: self.at_home + other.at_home,
            elsewhere: self.elsewhere + other.elsewhere,
            owner_elsewhere: self.owner_elsewhere + other.owner_elsewhere,
            longest_at_home: self.longest_at_home.max(other.longest_at_home),
            longest_elsewhere: self.longest_elsewhere.max(other.longest_elsewhere),
            longest_of_owner: self.longest_of_owner.max(other.longest_of_owner),
        }
    }

    /// Whether everything has happened often.
    pub(super) fn are_many(&self) -> bool {
        self.attempts > 20 * self.guesses
            && [self.guesses_of_first, self.sign_ups].iter().all(|count| *count > 500)
            && [self.at_home, self.elsewhere, self.owner_elsewhere].iter().all(|count| *count > 50)
    }
}

/// A bucket that drains: no window has more than fits into it.
#[derive(Debug)]
struct Bucket {
    level: f64,
    at: Instant,
}

/// What was verified, by account and by address.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) accounts: config::Accounts,
    pub(super) counts: GuessCounts,
    buckets: BTreeMap<(&'static str, u32, u32), Bucket>,
    /// From where users have signed in to which account.
    signed_in: BTreeSet<(u32, u32)>,
}

impl Ledger {
    pub(super) fn new(accounts: config::Accounts) -> Self {
        let counts = GuessCounts::default();
        Self { accounts, counts, buckets: BTreeMap::new(), signed_in: BTreeSet::new() }
    }

    pub(super) fn came(&mut self) {
        self.counts.attempts += 1;
    }

    /// A hash begins.
    ///
    /// # Errors
    /// The account or the address has more than the documents say.
    pub(super) fn begun(&mut self, now: Instant, guess: &Guess) -> Result<(), String> {
        let Guess { kind, account, host, is_right, .. } = *guess;
        let is_known = self.signed_in.contains(&(account, host));
        // An address from which somebody has signed in has an allowance of its own for the account.
        let at = if is_known { host } else { u32::MAX };
        let hashes = self.accounts.hashes_per_minute_per_ip;
        self.take(now, ("hashes of address", host, 0), hashes)?;
        let hashes = self.accounts.hashes_per_minute_per_account;
        let of_account = if kind == "sign up" { "new accounts" } else { "hashes of account" };
        self.take(now, (of_account, account, at), hashes)?;
        if is_right && kind != "sign up" {
            return Ok(());
        }
        self.counts.guesses += 1;
        let guesses = self.accounts.guesses_per_minute_per_ip;
        self.take(now, ("guesses of address", host, 0), guesses)?;
        let guesses = self.accounts.guesses_per_minute_per_account;
        let of_account =
            if kind == "sign up" { "sign-ups of account" } else { "guesses of account" };
        self.counts.guesses_of_first += u64::from(kind == "sign in" && account == 0);
        self.take(now, (of_account, account, at), guesses)
    }

    fn take(
        &mut self,
        now: Instant,
        what: (&'static str, u32, u32),
        per_minute: u32,
    ) -> Result<(), String> {
        let bucket = self.buckets.entry(what).or_insert(Bucket { level: 0.0, at: now });
        let rate = f64::from(per_minute) / 60.0;
        bucket.level = (bucket.level - now.since(bucket.at).as_secs_f64() * rate).max(0.0) + 1.0;
        bucket.at = now;
        if bucket.level > f64::from(per_minute) + LATE {
            let (what, whose, _) = what;
            return Err(format!("{:.2} {what} {whose}, of {per_minute} allowed", bucket.level));
        }
        Ok(())
    }

    /// It is there.
    pub(super) fn done(&mut self, guess: &Guess) {
        if guess.is_right {
            self.signed_in.insert((guess.account, guess.host));
            self.counts.sign_ups += u64::from(guess.kind == "sign up");
        }
    }

    pub(super) fn has_signed_in(&self, account: u32, host: u32) -> bool {
        self.signed_in.contains(&(account, host))
    }

    /// A user has got in, after so long.
    pub(super) fn got_in(&mut self, is_owner: bool, is_elsewhere: bool, waited: Duration) {
        let counts = &mut self.counts;
        let (count, longest) = match (is_elsewhere, is_owner) {
            (false, _) => (&mut counts.at_home, &mut counts.longest_at_home),
            (true, false) => (&mut counts.elsewhere, &mut counts.longest_elsewhere),
            (true, true) => (&mut counts.owner_elsewhere, &mut counts.longest_of_owner),
        };
        *count += 1;
        *longest = waited.max(*longest);
    }
}
