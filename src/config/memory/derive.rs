//! The bounds that `limits.memory` stands for.
//!
//! What is fixed comes off first: the program, its threads, and every key that is
//! [given](Config::given). What is left is divided by [`SHARES`], and what the shares leave is for
//! connections. Each share grows with the whole and never faster, so more memory never gives fewer
//! connections.

use super::{
    ADDRESS_BYTES, CONNECTION_BYTES, LINE_BYTES, LINE_COPIES, NAME_BYTES, PENDING_ADDRESS_BYTES,
    PLACE_BYTES, REPLAY_ENTRY_BYTES, REVOCATION_BYTES, ROOM_BYTES, Row, STACK_BYTES,
    TLS_CONNECTION_BYTES, human, is_recipe_chat, longest_answer, rows, total, wide,
};
use crate::config::{Config, Limits, Size};

/// Hundredths of what is left, by key. The rest is for connections. What is loose is taken to need
/// a half more than it counts, as the table has it.
struct Shares {
    pending_input: u128,
    member_input: u128,
    outbound: u128,
    work: u128,
    answers_under_way: u128,
    answers: u128,
    replays: u128,
    revocations: u128,
    addresses: u128,
    rooms: u128,
}

const SHARES: Shares = Shares {
    pending_input: 12,
    member_input: 10,
    outbound: 18,
    work: 9,
    answers_under_way: 13,
    answers: 5,
    replays: 2,
    revocations: 1,
    addresses: 2,
    rooms: 5,
};

/// With less than this to divide, a budget would not hold a few of the largest messages.
const LEAST_LEFT: u128 = 9 << 20;
/// The least that one reader is queued before it is slow.
const LEAST_OUTBOUND: Size = Size::kib(64);
/// `limits.memory` counts in these steps, so that each share of the whole is a whole number.
const STEP: u128 = 192 << 10;
/// More memory than any machine has: where the search for the least one ends.
const MOST_MEMORY: u128 = 1 << 50;

/// Why nothing fits into `limits.memory`: one line that says what needs how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit(pub String);

impl Config {
    /// Derives from `limits.memory`, unless it is 0, every bound that is not
    /// [given](Config::given), so that the [table](super::rows) adds up to no more. There are at
    /// most `most` connections, whatever the memory allows.
    ///
    /// # Errors
    /// What is given needs more, or leaves too little for the rest. Nothing has changed then.
    pub fn fit_memory(&mut self, most: usize) -> Result<(), Unfit> {
        let memory = wide(self.limits.memory.get());
        if memory == 0 {
            return Ok(());
        }
        let given = self.given.clone();
        // For these two a 0 that is written out is no number, as elsewhere.
        for (key, count) in [
            ("limits.connections", self.limits.connections),
            ("limits.pending", self.limits.pending),
        ] {
            if count == 0 {
                self.given.remove(key);
            }
        }
        let fitted = self.fitted(memory, most);
        self.given = given;
        let fitted = fitted?;
        *self = Self { given: std::mem::take(&mut self.given), ..fitted };
        Ok(())
    }

    fn fitted(&self, memory: u128, most: usize) -> Result<Self, Unfit> {
        let (mut fitted, Some(left)) = bare(self, memory) else { return Err(unbounded(self)) };
        let Some(left) = left.filter(|left| *left >= LEAST_LEFT) else {
            return Err(too_small(self, memory));
        };
        divide(&mut fitted, left, most);
        let needs = total(&rows(&fitted));
        if needs.is_none_or(|needs| needs > memory) {
            return Err(too_small(self, memory));
        }
        if let Some(fault) =
            fitted.faults().into_iter().find(|fault| fault.key.starts_with("limits."))
        {
            return Err(Unfit(format!(
                "{} is not enough: {}: {}",
                human(memory),
                fault.key,
                fault.problem
            )));
        }
        Ok(fitted)
    }

    fn is_free(&self, key: &str) -> bool {
        !self.given.contains(key)
    }
}

/// The configuration with parts of the whole derived and everything else as small as can be, and
/// what that leaves: `None` outside, there is no bound; inside, it leaves nothing.
fn bare(config: &Config, memory: u128) -> (Config, Option<Option<u128>>) {
    let mut bare = config.clone();
    let memory = memory - memory % STEP;
    let reserved = take_parts(&mut bare, memory);
    least(&mut bare);
    let fixed = total(&rows(&bare)).map(|fixed| fixed.saturating_add(reserved));
    (bare, fixed.map(|fixed| memory.checked_sub(fixed)))
}

/// Derives what is a part of the whole and not of what is left. What the steps of these leave
/// unused is given back, to be kept aside: it would be there with a little more memory, too.
fn take_parts(config: &mut Config, memory: u128) -> u128 {
    let mut aside = 0;
    if config.is_free("log.queue") {
        let each = wide(LINE_BYTES * LINE_COPIES);
        let part = (memory / 64).clamp(16 * each, wide(config.log.queue) * each);
        config.log.queue = narrow(part / each);
        aside += part % each;
    }
    if !is_recipe_chat(config) {
        return aside;
    }
    if config.is_free("recipes.cache") {
        let most = wide(config.recipes.cache.get());
        let part = (memory / 16).clamp(most.min(1 << 20), most);
        config.recipes.cache = Size::bytes(narrow(part));
    }
    if config.is_free("accounts.hashes") {
        let each = wide(config.accounts.argon2_memory.get()) + STACK_BYTES;
        let most = wide(config.accounts.hashes.max(1)) * each;
        let part = (memory / 3).clamp(each, most);
        config.accounts.hashes = narrow(part / each);
        aside += part % each;
    }
    aside
}

/// One of everything that is derived, so that what is left can be divided.
fn least(config: &mut Config) {
    let free: Vec<bool> = COUNTS.iter().map(|(key, _)| config.is_free(key)).collect();
    for ((_, count), _) in COUNTS.iter().zip(free).filter(|(_, is_free)| *is_free) {
        *count(config) = 1;
    }
    let free: Vec<bool> = SIZES.iter().map(|(key, _)| config.is_free(key)).collect();
    for ((_, size), _) in SIZES.iter().zip(free).filter(|(_, is_free)| *is_free) {
        *size(config) = Size::bytes(1);
    }
    if config.is_free("limits.worker_queue") {
        config.limits.worker_queue = least_letters(config);
    }
    if config.is_free("limits.outbound_bytes") {
        config.limits.outbound_bytes = LEAST_OUTBOUND.min(config.limits.outbound_bytes);
    }
}

/// Answers of a backend may be long: few of them can be under way in a little memory.
fn least_letters(config: &Config) -> usize {
    if config.backend.url.is_empty() { 0 } else { 2 }
}

type Counts<T> = [(&'static str, fn(&mut Config) -> &mut T)];

const COUNTS: &Counts<usize> = &[
    ("limits.connections", |config| &mut config.limits.connections),
    ("limits.pending", |config| &mut config.limits.pending),
    ("limits.replay_entries", |config| &mut config.limits.replay_entries),
    ("limits.revocations", |config| &mut config.limits.revocations),
    ("limits.addresses", |config| &mut config.limits.addresses),
    ("limits.rooms", |config| &mut config.limits.rooms),
    ("limits.worker_queue", |config| &mut config.limits.worker_queue),
];

const SIZES: &Counts<Size> = &[
    ("limits.pending_input_total", |config| &mut config.limits.pending_input_total),
    ("limits.member_input_total", |config| &mut config.limits.member_input_total),
    ("limits.outbound_total", |config| &mut config.limits.outbound_total),
    ("limits.work_total", |config| &mut config.limits.work_total),
    ("limits.answer_bytes", |config| &mut config.limits.answer_bytes),
];

/// Divides `left` among what is not given.
fn divide(config: &mut Config, left: u128, most: usize) {
    let mut rest = left;
    let given = config.given.clone();
    let mut take = |key: &str, hundredths: u128| {
        if given.contains(key) {
            return None;
        }
        let share = left.saturating_mul(hundredths) / 100;
        rest = rest.saturating_sub(share);
        Some(share)
    };
    let limits = &mut config.limits;
    let totals = [
        (take("limits.pending_input_total", SHARES.pending_input), &mut limits.pending_input_total),
        (take("limits.member_input_total", SHARES.member_input), &mut limits.member_input_total),
        (take("limits.outbound_total", SHARES.outbound), &mut limits.outbound_total),
        (take("limits.work_total", SHARES.work), &mut limits.work_total),
        (take("limits.answer_bytes", SHARES.answers), &mut limits.answer_bytes),
    ];
    for (share, total) in totals {
        if let Some(share) = share {
            // In whole KiB, which people can read.
            *total = Size::kib(narrow((share * 2 / 3) >> 10));
        }
    }
    let entries = [
        ("limits.replay_entries", SHARES.replays, REPLAY_ENTRY_BYTES, &mut limits.replay_entries),
        ("limits.revocations", SHARES.revocations, REVOCATION_BYTES, &mut limits.revocations),
        ("limits.addresses", SHARES.addresses, ADDRESS_BYTES, &mut limits.addresses),
        ("limits.rooms", SHARES.rooms, ROOM_BYTES + NAME_BYTES, &mut limits.rooms),
    ];
    for (key, hundredths, each, count) in entries {
        if let Some(share) = take(key, hundredths) {
            *count = narrow(share / each);
        }
    }
    let under_way = take("limits.worker_queue", SHARES.answers_under_way);
    details(config, under_way);
    if config.is_free("limits.connections") {
        let tls = if config.tls.is_on() { TLS_CONNECTION_BYTES } else { 0 };
        let each = CONNECTION_BYTES + NAME_BYTES + PENDING_ADDRESS_BYTES + tls;
        let connections = narrow((rest / each).max(1)).min(most).min(MOST_CONNECTIONS);
        config.limits.connections = connections;
    }
    if config.is_free("limits.pending") {
        config.limits.pending = config.limits.connections.div_ceil(2);
    }
}

/// As many as `limits.connections` may be.
const MOST_CONNECTIONS: usize = 1 << 24;

/// What follows from the budgets: how much of one goes to one reader, and how many requests may
/// share another.
fn details(config: &mut Config, under_way: Option<u128>) {
    let default = Limits::default();
    if config.is_free("limits.outbound_bytes") {
        let most = default.outbound_bytes.get();
        let part = config.limits.outbound_total.get() / 32;
        let bytes = part.clamp(LEAST_OUTBOUND.get().min(most), most);
        config.limits.outbound_bytes = Size::kib(bytes >> 10);
    }
    if config.is_free("http.requests") {
        let (most, body) = (config.http.requests, config.http.body_bytes.get().max(1));
        let part = config.limits.pending_input_total.get() / body;
        config.http.requests = part.clamp(most.min(8), most);
    }
    if let Some(share) = under_way {
        let each = wide(longest_answer(config)) * 3 + PLACE_BYTES;
        // More letters are of no use, and a queue's places are there from the start.
        let least = least_letters(config);
        config.limits.worker_queue = least.saturating_add(narrow(share / each)).clamp(1, 1_024);
    }
}

fn unbounded(config: &Config) -> Unfit {
    let (bare, _) = bare(config, 0);
    let open: Vec<&str> =
        rows(&bare).iter().filter(|row| row.each.is_none()).map(|row| row.what).collect();
    Unfit(format!(
        "with a bound on all memory, no part can be without one: give {} a number, or leave it out",
        open.join(", ")
    ))
}

/// Names the least memory, and what of it is needed most.
fn too_small(config: &Config, memory: u128) -> Unfit {
    let fits = |memory| matches!(bare(config, memory), (_, Some(Some(left))) if left >= LEAST_LEFT);
    let (mut low, mut high) = (memory / STEP, MOST_MEMORY / STEP);
    while low < high {
        let middle = low + (high - low) / 2;
        if fits(middle * STEP) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    let mut needed = rows(&bare(config, memory).0);
    needed.sort_by_key(|row| std::cmp::Reverse(row.sum()));
    let name = |row: &Row| format!("{} ({})", human(row.sum().unwrap_or(0)), row.what);
    let most: Vec<String> = needed.iter().take(4).map(name).collect();
    Unfit(format!(
        "{} is not enough: this configuration needs at least {} MiB; the most of it: {}",
        human(memory),
        (low * STEP).div_ceil(1 << 20),
        most.join(", ")
    ))
}

fn narrow(number: u128) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
