//! Whose password is hashed next, and whose is not hashed at all. A state machine without a clock.
//!
//! A hash takes tens of milliseconds of a thread, and a guess is worth something only if it is
//! hashed. So both are decided here, right before a hash begins:
//!
//! * Addresses are served in turn. They cannot be renewed at will, as emails can be made up.
//! * An account has few requests in the queue, and an address few while others wait. A full queue
//!   drops the newest request of the address that has most in it.
//! * Four allowances are charged before the hash: hashes by address and by account, and guesses by
//!   address and by account. A right password gives the guess back. What does not fit is refused and
//!   charges nothing, so there is no debt: nobody waits longer than two points take to refill, which is
//!   a minute at most.
//!
//! An address from which somebody signed in to an account has its own allowances for that account:
//! guesses from elsewhere do not lock the owner out there. Elsewhere the owner is a newcomer: the last
//! guess of an account is kept for addresses that have not tried it lately (see [`Tries`]).

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use super::known::KnownAddresses;
use super::tries::Tries;
use crate::auth::Address;
use crate::config;
use crate::id::{Seed, SeededState};
use crate::node::planted::{Fault, Planted};
use crate::node::{MinuteThrottle, StartFlag};
use crate::shares::{Allowances, FairQueue};
use crate::time::Instant;

/// The most that an address is behind the others after a burst, in hashes.
const MAX_DEBT: u64 = 64;

/// Whose password is to be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) address: Address,
    /// A keyed hash of the email and of what is asked: attempts of sign-ups are not those of
    /// sign-ins, so that nobody locks an account by signing up with its email.
    pub(super) account: u64,
    /// The same, with the address.
    pub(super) pair: u64,
}

impl Attempt {
    /// What `kind` asks of an account. A sign-up has its account's address known for sign-ins.
    pub(super) fn new(hashing: &SeededState, kind: &str, account: &str, address: Address) -> Self {
        let pair_kind = if kind == "sign up" { "sign in" } else { kind };
        let mut at = String::new();
        // Writing into a string cannot fail.
        let _ = write!(at, "{address:?}");
        Self {
            address,
            account: hashing.hash_texts(&[kind, account]),
            pair: hashing.hash_texts(&[pair_kind, account, &at]),
        }
    }
}

/// Why a password is not hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HashRefusal {
    /// The queue is full of requests of others.
    Busy,
    /// The address or the account has asked for too much: when it may come again.
    TooMany(Duration),
}

impl HashRefusal {
    /// When to come again, rounded up; `None`: at once, the server is busy.
    pub(super) fn retry_seconds(self) -> Option<u64> {
        match self {
            Self::Busy => None,
            Self::TooMany(wait) => Some(wait.as_millis().div_ceil(1_000).clamp(1, 60) as u64),
        }
    }
}

/// What has become of a hash, as far as allowances are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HashOutcome {
    /// The password is right: no guess.
    Right,
    /// A new account: a guess, as it shows that its email had none, and leaves a row.
    Created,
    /// A guess. Names the account's user, if the account exists.
    Wrong(Option<String>),
    /// Something of ours failed.
    Failed,
}

/// What a bound has refused, and what was hashed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) hashes: u64,
    pub(crate) wrong_passwords: u64,
    pub(crate) queue: u64,
    pub(crate) queue_per_account: u64,
    pub(crate) queue_per_ip: u64,
    pub(crate) hashes_per_account: u64,
    pub(crate) hashes_per_ip: u64,
    pub(crate) guesses_per_account: u64,
    pub(crate) guesses_per_ip: u64,
    pub(crate) evictions: u64,
}

/// The queue in front of the threads that hash.
#[derive(Debug)]
pub(super) struct HashQueue<T> {
    waiting: FairQueue<Address, QueuedAttempt<T>>,
    /// Requests that were dropped from the queue for others, and wait for a thread to answer them.
    dropped: VecDeque<QueuedAttempt<T>>,
    /// Requests of each party that wait or are hashed.
    open: BTreeMap<u64, usize>,
    capacity: usize,
    per_account: usize,
    per_address: usize,
    hashes_by_address: Allowances<Address>,
    hashes_by_account: Allowances<u64>,
    guesses_by_address: Allowances<Address>,
    guesses_by_account: Allowances<u64>,
    guesses_per_account: u32,
    known: KnownAddresses,
    tries: Tries,
    now: Instant,
    counts: Counts,
    refused_guesses: MinuteThrottle,
    /// The user whose account was the last to use up its guesses.
    last_guessed: Option<String>,
    fault: Fault,
}

#[derive(Debug)]
struct QueuedAttempt<T> {
    attempt: Attempt,
    /// Whose allowances are charged: the account's, or those of the account at a known address.
    party: u64,
    start: StartFlag,
    job: T,
}

/// A request whose turn it is.
#[derive(Debug)]
pub(super) struct Next<T> {
    pub(super) job: T,
    /// For [`HashQueue::finish`]; or why the request is refused.
    pub(super) turn: Result<Running, HashRefusal>,
}

/// A hash that is being computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running {
    attempt: Attempt,
    party: u64,
}

impl<T> HashQueue<T> {
    /// What the tables take for each of `accounts.remembered`.
    pub(super) const ENTRY_BYTES: usize =
        4 * Allowances::<u64>::ENTRY_BYTES + KnownAddresses::ENTRY_BYTES + Tries::ENTRY_BYTES;

    pub(super) fn new(accounts: &config::Accounts, seed: &Seed) -> Self {
        let most = accounts.remembered;
        Self {
            waiting: FairQueue::new(MAX_DEBT),
            dropped: VecDeque::new(),
            open: BTreeMap::new(),
            capacity: accounts.queue.max(1),
            per_account: accounts.queue_per_account,
            per_address: accounts.queue_per_ip,
            hashes_by_address: Allowances::new(accounts.hashes_per_minute_per_ip, most),
            hashes_by_account: Allowances::new(accounts.hashes_per_minute_per_account, most),
            guesses_by_address: Allowances::new(accounts.guesses_per_minute_per_ip, most),
            guesses_by_account: Allowances::new(accounts.guesses_per_minute_per_account, most),
            guesses_per_account: accounts.guesses_per_minute_per_account,
            known: KnownAddresses::new(seed, most),
            tries: Tries::new(most),
            now: Instant::START,
            counts: Counts::default(),
            refused_guesses: MinuteThrottle::default(),
            last_guessed: None,
            fault: Fault::default(),
        }
    }

    /// Queues a request, unless it would be refused already. O(log of what waits).
    pub(super) fn push(
        &mut self,
        now: Instant,
        attempt: Attempt,
        start: StartFlag,
        job: T,
    ) -> Result<(), HashRefusal> {
        self.now = self.now.max(now);
        let is_known = self.known.has(attempt.pair) && !self.fault.is(Planted::AccountBlocked);
        let party = if is_known { attempt.pair } else { attempt.account };
        self.may_go(attempt, party)?;
        self.may_wait(attempt.address, party)?;
        if self.waiting.len() + self.dropped.len() >= self.capacity {
            self.make_room(attempt.address)?;
        }
        *self.open.entry(party).or_default() += 1;
        self.waiting.push(attempt.address, QueuedAttempt { attempt, party, start, job });
        Ok(())
    }

    /// The request that is next. It is charged for its hash, or refused.
    pub(super) fn pop(&mut self) -> Option<Next<T>> {
        loop {
            let is_dropped = !self.dropped.is_empty();
            let dropped = self.dropped.pop_front();
            let waiting = dropped.or_else(|| self.waiting.pop().map(|(_, waiting)| waiting))?;
            let QueuedAttempt { attempt, party, start, job } = waiting;
            // Nobody waits for its answer any more: nothing is charged. It does not begin here, but where
            // something is stored, as the database may keep it waiting until its time is over.
            if start.is_withdrawn() {
                self.release(party);
                continue;
            }
            let turn = if is_dropped { Err(TOO_MANY_WAIT) } else { self.charge(attempt, party) };
            if turn.is_err() {
                self.release(party);
            }
            return Some(Next { job, turn });
        }
    }

    /// A hash has been computed.
    pub(super) fn finish(&mut self, hash: Running, verdict: HashOutcome) {
        let Running { attempt, party } = hash;
        self.release(party);
        if self.fault.is(Planted::GuessesChargedLate) {
            let _ = self.guesses_by_account.charge(self.now, party, 1);
            let _ = self.guesses_by_address.charge(self.now, attempt.address, 1);
        }
        let is_no_guess = matches!(verdict, HashOutcome::Right | HashOutcome::Failed);
        if is_no_guess || self.fault.is(Planted::GuessesRefunded) {
            self.guesses_by_address.refund(self.now, attempt.address, 1);
            self.guesses_by_account.refund(self.now, party, 1);
            self.tries.withdraw_guess(self.now, attempt.pair);
        }
        match verdict {
            HashOutcome::Right | HashOutcome::Created => {
                let is_faulty = self.fault.is(Planted::OldestAddressForgotten);
                let holder = if is_faulty { 0 } else { attempt.address.to_bits() };
                self.known.insert(attempt.pair, holder);
            }
            HashOutcome::Wrong(user) => {
                self.counts.wrong_passwords += 1;
                let is_used_up = !self.guesses_by_account.wait(self.now, party, 1).is_zero();
                if is_used_up && user.is_some() {
                    self.last_guessed = user;
                }
            }
            HashOutcome::Failed => {}
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let evictions = self.hashes_by_address.evictions()
            + self.hashes_by_account.evictions()
            + self.guesses_by_address.evictions()
            + self.guesses_by_account.evictions()
            + self.tries.evictions();
        Counts { evictions, ..self.counts }
    }

    /// Do all four allowances have room for one more?
    fn may_go(&mut self, attempt: Attempt, party: u64) -> Result<(), HashRefusal> {
        let address = attempt.address;
        let room = self.room_for(attempt, party);
        let (now, counts) = (self.now, &mut self.counts);
        let room = if self.fault.is(Planted::GuessesByAddress) { 0 } else { room };
        let waits = [
            (self.guesses_by_account.wait(now, party, room), &mut counts.guesses_per_account),
            (self.guesses_by_address.wait(now, address, 1), &mut counts.guesses_per_ip),
            (self.hashes_by_account.wait(now, party, 1), &mut counts.hashes_per_account),
            (self.hashes_by_address.wait(now, address, 1), &mut counts.hashes_per_ip),
        ];
        let is_guessed = waits.first().is_some_and(|(wait, _)| !wait.is_zero());
        let Some((wait, count)) = waits.into_iter().max_by_key(|(wait, _)| *wait) else {
            return Ok(());
        };
        if wait.is_zero() {
            return Ok(());
        }
        *count += 1;
        if is_guessed {
            self.tries.refuse(now, attempt.pair);
            self.report_guesses();
        }
        Err(HashRefusal::TooMany(wait))
    }

    /// How many guesses of the account must be left for this one: one, and the last one, unless the
    /// attempt may have that.
    fn room_for(&mut self, attempt: Attempt, party: u64) -> u32 {
        let is_known = party == attempt.pair;
        // The only guess of a minute cannot be kept.
        let is_kept =
            self.guesses_per_account > 1 && !is_known && !self.fault.is(Planted::LastGuessForAll);
        1 + u32::from(is_kept && !self.tries.is_newcomer(self.now, attempt.pair))
    }

    /// One line a minute, which names a user and nobody's address or email.
    fn report_guesses(&mut self) {
        if let Some(count) = self.refused_guesses.count(self.now) {
            let user = self.last_guessed.as_deref().unwrap_or("none that exists");
            log::warn!(
                "{count} sign-ins were refused as their account had too many wrong passwords; the \
                 last account: {user}. Told once a minute"
            );
        }
    }

    /// Is there room for one more of this party, and of this address?
    fn may_wait(&mut self, address: Address, party: u64) -> Result<(), HashRefusal> {
        let open = self.open.get(&party).copied().unwrap_or(0);
        if open >= self.per_account {
            self.counts.queue_per_account += 1;
            return Err(TOO_MANY_WAIT);
        }
        let own = self.waiting.len_of(&address);
        let do_others_wait = self.waiting.len() > own;
        if own >= self.per_address && do_others_wait {
            self.counts.queue_per_ip += 1;
            return Err(TOO_MANY_WAIT);
        }
        Ok(())
    }

    /// Drops the newest request of the address with most of them.
    fn make_room(&mut self, address: Address) -> Result<(), HashRefusal> {
        self.counts.queue += 1;
        if self.dropped.len() >= self.capacity {
            return Err(HashRefusal::Busy);
        }
        let (_, dropped) = self.waiting.shed(&address).ok_or(HashRefusal::Busy)?;
        self.dropped.push_back(dropped);
        Ok(())
    }

    fn charge(&mut self, attempt: Attempt, party: u64) -> Result<Running, HashRefusal> {
        let (now, address) = (self.now, attempt.address);
        self.may_go(attempt, party)?;
        // Each has room, as was just seen.
        let guess = u32::from(!self.fault.is(Planted::GuessesChargedLate));
        let charged = [
            self.guesses_by_account.charge(now, party, guess),
            self.guesses_by_address.charge(now, address, guess),
            self.hashes_by_account.charge(now, party, 1),
            self.hashes_by_address.charge(now, address, 1),
        ];
        let is_faulty = self.fault.is(Planted::GuessesByAddress);
        debug_assert!(is_faulty || charged.iter().all(Result::is_ok), "there was room");
        self.tries.guess(now, attempt.pair);
        self.waiting.charge(&address, 1);
        self.counts.hashes += 1;
        Ok(Running { attempt, party })
    }

    fn release(&mut self, party: u64) {
        if let Some(open) = self.open.get_mut(&party) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                self.open.remove(&party);
            }
        }
    }
}

/// Its requests are in the queue: it may come again when some are done.
const TOO_MANY_WAIT: HashRefusal = HashRefusal::TooMany(Duration::from_secs(1));

#[cfg(test)]
mod tests;
