//! Tokens whose key is not there: their `auth` waits while the key is fetched.
//!
//! An issuer may sign with a new key before this server has seen it, and at the start no key may be
//! there at all. Such a token is neither good nor bad. Its `auth` waits within its deadline, and the
//! driver is asked to fetch. It is refused for good only after a fetch that *began after it came*:
//! what the issuer had published by then does not have its key.
//!
//! ```text
//! key wanted ─▶ waits, with a serial ─▶ fetched up to that serial ─▶ judged again, for good
//!                     │    └─ other news: judged again, and may go on to wait
//!                     └─ deadline: closed with `Keys unavailable`, which means "come back"
//! ```
//!
//! Where an issuer's keys, or its tokens, have no `kid`, a token of a new key looks like a forged one.
//! It waits as well, and pays for it (`Limits::charge_wait`).
//!
//! Anybody can make key ids up. The driver fetches once at a time, and at most once a second. An id
//! that was not there is not asked for again for [`MISSED_FOR`], and an address has an allowance of
//! ids that turn out not to be there. Whoever may not ask waits all the same, and is judged with what
//! others' requests bring.

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::time::Duration;

use crate::auth::{Address, WantedKey};
use crate::config::Config;
use crate::id::ConnId;
use crate::node::context::Cx;
use crate::node::work::keys::KeyRequest;
use crate::shares::Allowances;
use crate::time::Instant;

/// How long a key id that was not there is not asked for again.
const MISSED_FOR: Duration = Duration::from_secs(5);
/// Key ids that are remembered as not there; one beyond that may be asked for again at once.
const MAX_MISSED: usize = 1_024;

/// Who waits for keys.
#[derive(Debug)]
pub(crate) struct KeyWaits {
    /// Requests are numbered from 1.
    last_serial: u64,
    /// The last serial at the last reload: what was asked for up to it, nobody will answer.
    reloaded_at: u64,
    /// The last request of each issuer that was answered by a fetch that succeeded.
    answered: BTreeMap<usize, u64>,
    /// By serial: who waits, and for which issuer's key.
    waiting: BTreeMap<u64, (ConnId, usize)>,
    /// Those who are to be judged again.
    ready: BTreeMap<u64, ConnId>,
    /// Key ids that were not there, and until when they are not asked for.
    missed: HashMap<u64, Instant>,
    /// What each address has used of its allowance of ids that were not there.
    misses: Allowances<Address>,
}

impl KeyWaits {
    pub(crate) fn new(config: &Config) -> Self {
        let limits = &config.limits;
        Self {
            last_serial: 0,
            reloaded_at: 0,
            answered: BTreeMap::new(),
            waiting: BTreeMap::new(),
            ready: BTreeMap::new(),
            missed: HashMap::new(),
            misses: Allowances::new(limits.missed_keys_per_minute_per_ip, limits.addresses),
        }
    }

    /// From here on goes by `config`. The keys may come from elsewhere: all are judged again.
    pub(crate) fn reconfigure(&mut self, config: &Config) {
        let limits = &config.limits;
        self.misses.set_allowance(limits.missed_keys_per_minute_per_ip, limits.addresses);
        self.missed.clear();
        self.answered.clear();
        self.reloaded_at = self.last_serial;
        self.look_again();
    }

    /// Has everybody judged again.
    pub(crate) fn look_again(&mut self) {
        self.ready.extend(mem::take(&mut self.waiting).into_iter().map(|(at, (id, _))| (at, id)));
    }

    /// News of requests for the keys of `issuer` up to `answers`. With new keys everybody is judged again;
    /// those who waited for one of these requests are judged for good.
    pub(crate) fn answered(&mut self, issuer: usize, answers: u64, has_changed: bool) {
        let answers = answers.min(self.last_serial);
        let answered = self.answered.entry(issuer).or_default();
        *answered = answers.max(*answered);
        let most = if has_changed { u64::MAX } else { *answered };
        let is_ready =
            |serial: &u64, (_, of): &mut (ConnId, usize)| *of == issuer && *serial <= most;
        let ready = self.waiting.extract_if(.., is_ready);
        self.ready.extend(ready.map(|(serial, (id, _))| (serial, id)));
    }

    /// Was the fetch made that the token with this serial waited for?
    pub(crate) fn is_answered(&self, issuer: usize, serial: u64) -> bool {
        self.answered.get(&issuer).is_some_and(|answered| serial <= *answered)
    }

    /// Puts `id` among those who wait. `serial`: it has waited before, with this one; and nothing is
    /// asked for again. Returns its serial, and what is to be asked for.
    pub(crate) fn wait(
        &mut self,
        cx: &mut Cx,
        id: ConnId,
        address: Address,
        wanted: &WantedKey,
        serial: Option<u64>,
    ) -> (u64, Option<KeyRequest>) {
        if let Some(serial) = serial.filter(|serial| *serial > self.reloaded_at) {
            self.waiting.insert(serial, (id, wanted.issuer));
            return (serial, None);
        }
        self.last_serial += 1;
        let serial = self.last_serial;
        self.waiting.insert(serial, (id, wanted.issuer));
        let now = cx.now.monotonic;
        if !self.misses.wait(now, address, 1).is_zero() {
            cx.metrics.unasked_keys += 1;
            return (serial, None);
        }
        let missed_until = self.missed.get(&hash(cx, wanted)).filter(|_| !wanted.was_tried());
        let after = missed_until.map_or(Duration::ZERO, |until| until.since(now));
        (serial, Some(KeyRequest { issuer: wanted.issuer, serial, after }))
    }

    /// A token is refused, as its key was not there: the address is charged for the request.
    pub(crate) fn missed(&mut self, cx: &Cx, address: Address, wanted: &WantedKey) {
        let now = cx.now.monotonic;
        // With the allowance used up, it did not cause the fetch.
        let _ = self.misses.charge(now, address, 1);
        // What was forged says nothing of a token that is not.
        if wanted.was_tried() {
            return;
        }
        if self.missed.len() >= MAX_MISSED {
            self.missed.retain(|_, until| *until > now);
        }
        if self.missed.len() < MAX_MISSED {
            self.missed.insert(hash(cx, wanted), now + MISSED_FOR);
        }
    }

    /// The next who is to be judged again.
    pub(crate) fn next_ready(&mut self) -> Option<ConnId> {
        self.ready.pop_first().map(|(_, id)| id)
    }

    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The connection is over. Its request costs what one does that finds nothing: a client that
    /// hangs up before is charged like one that waits.
    pub(crate) fn forget(&mut self, cx: &Cx, address: Option<Address>, serial: u64) {
        if let Some(address) = address {
            let _ = self.misses.charge(cx.now.monotonic, address, 1);
        }
        if self.waiting.remove(&serial).is_none() {
            self.ready.remove(&serial);
        }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len() + self.ready.len()
    }

    /// Addresses whose use of the allowance was forgotten early.
    pub(crate) fn evictions(&self) -> u64 {
        self.misses.evictions()
    }
}

fn hash(cx: &Cx, wanted: &WantedKey) -> u64 {
    cx.hash(&["kid", &wanted.issuer.to_string(), wanted.key_id.as_deref().unwrap_or_default()])
}
