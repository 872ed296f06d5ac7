//! What a configuration lets the process take of memory, and the bounds that `limits.memory` gives.
//!
//! What is fixed comes off first: the program, its threads, and every key that is
//! [given](Config::given). What is left is divided by `SHARES`, and what the shares leave is for
//! connections. Each share grows with the whole and never faster, so more memory never gives fewer
//! connections.

mod needs;
mod table;

pub use self::needs::{Need, describe, meet_needs, needs};
use self::table::{ADDRESS_BYTES, NAME_BYTES, USER_BYTES, wide};
pub use self::table::{Row, human, rows, total};
use crate::auth::{ReplaySet, Revocations};
use crate::config::{Config, ConfigError, FaultKind, Limits, Log, Size};
use crate::memory::MemoryApp;
use crate::net::{PLACE_BYTES, STACK_BYTES, TLS_CONNECTION_BYTES};
use crate::node::{
    CLAIMS_BYTES, CLIENT_DETAILS_BYTES, CONNECTION_BYTES, MessageFilter, PENDING_ADDRESS_BYTES,
    Watched,
};

/// A bound that gets a part of what is left.
struct Share {
    key: &'static str,
    hundredths: u128,
    bound: Bound,
}

enum Bound {
    /// Bytes. They are loose, so they are taken to need a half more than they count, as in the table.
    Bytes(fn(&mut Limits) -> &mut Size),
    /// So many entries, of so many bytes each.
    Entries(usize, fn(&mut Limits) -> &mut usize),
    /// `limits.worker_queue`: answers that are under way, see [`details`].
    Answers,
}

/// By key. The rest is for connections.
const SHARES: &[Share] = &[
    bytes("limits.pending_input_total", 12, |limits| &mut limits.pending_input_total),
    bytes("limits.member_input_total", 10, |limits| &mut limits.member_input_total),
    bytes("limits.outbound_total", 18, |limits| &mut limits.outbound_total),
    bytes("limits.work_total", 9, |limits| &mut limits.work_total),
    bytes("limits.answer_bytes", 5, |limits| &mut limits.answer_bytes),
    bytes("limits.history_bytes", 2, |limits| &mut limits.history_bytes),
    entries("limits.replay_entries", 2, ReplaySet::ENTRY_BYTES, |it| &mut it.replay_entries),
    entries("limits.revocations", 1, Revocations::ENTRY_BYTES, |it| &mut it.revocations),
    entries("limits.addresses", 2, ADDRESS_BYTES, |it| &mut it.addresses),
    entries("limits.users", 2, USER_BYTES, |it| &mut it.users),
    entries("limits.rooms", 3, MemoryApp::ROOM_BYTES + NAME_BYTES, |it| &mut it.rooms),
    Share { key: "limits.worker_queue", hundredths: 13, bound: Bound::Answers },
];

const fn bytes(key: &'static str, hundredths: u128, place: fn(&mut Limits) -> &mut Size) -> Share {
    Share { key, hundredths, bound: Bound::Bytes(place) }
}

const fn entries(
    key: &'static str,
    hundredths: u128,
    each: usize,
    place: fn(&mut Limits) -> &mut usize,
) -> Share {
    Share { key, hundredths, bound: Bound::Entries(each, place) }
}

/// With less than this to divide, a budget would not hold a few of the largest messages.
const LEAST_LEFT: u128 = (9 << 20) - (256 << 10);
/// The least that one reader is queued before it is slow.
const LEAST_OUTBOUND: Size = Size::kib(64);
/// `limits.memory` counts in these steps, so that each share of the whole is a whole number.
const STEP: u128 = 192 << 10;
/// More memory than any machine has: where the search for the least one ends.
const MOST_MEMORY: u128 = 1 << 50;

/// Derives from `limits.memory`, unless it is 0, every bound that is not [given](Config::given), so
/// that the [table](rows) adds up to no more. There are at most `most` connections, whatever
/// the memory allows.
///
/// # Errors
/// A conflict of `limits.memory`: what is given needs more, or leaves too little for the rest.
/// Nothing has changed then.
pub fn fit(config: &mut Config, most: usize) -> Result<(), ConfigError> {
    let memory = wide(config.limits.memory.get());
    if memory == 0 {
        return Ok(());
    }
    let given = config.given.clone();
    // For these two a 0 that is written out is no number, as elsewhere.
    for (key, count) in [
        ("limits.connections", config.limits.connections),
        ("limits.pending", config.limits.pending),
    ] {
        if count == 0 {
            config.given.remove(key);
        }
    }
    let fitted = fitted(config, memory, most);
    config.given = given;
    let fitted = fitted.map_err(|problem| ConfigError {
        key: "limits.memory",
        kind: FaultKind::Conflict,
        problem,
    })?;
    *config = Config { given: std::mem::take(&mut config.given), ..fitted };
    Ok(())
}

fn fitted(config: &Config, memory: u128, most: usize) -> Result<Config, String> {
    let (mut fitted, Some(left)) = bare(config, memory) else { return Err(unbounded(config)) };
    let Some(left) = left.filter(|left| *left >= LEAST_LEFT) else {
        return Err(too_small(config, memory));
    };
    divide(&mut fitted, left, most);
    let needs = total(&rows(&fitted));
    if needs.is_none_or(|needs| needs > memory) {
        return Err(too_small(config, memory));
    }
    let mut faults = fitted.faults().into_iter();
    match faults.find(|fault| fault.key.starts_with("limits.")) {
        Some(fault) => Err(format!("{} is too small: {fault}", human(memory))),
        None => Ok(fitted),
    }
}

fn is_free(config: &Config, key: &str) -> bool {
    !config.given.contains_key(key)
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
    if is_free(config, "log.queue") {
        let each = wide(Log::LINE_BYTES * Log::LINE_COPIES);
        let part = (memory / 64).clamp(16 * each, wide(config.log.queue) * each);
        config.log.queue = narrow(part / each);
        aside += part % each;
    }
    if !config.is_recipe_chat() {
        return aside;
    }
    if is_free(config, "recipes.cache") {
        let most = wide(config.recipes.cache.get());
        let part = (memory / 16).clamp(most.min(1 << 20), most);
        config.recipes.cache = Size::bytes(narrow(part));
    }
    if is_free(config, "accounts.hashes") {
        let each = wide(config.accounts.argon2_memory.get()) + wide(STACK_BYTES);
        let most = wide(config.accounts.hashes.max(1)) * each;
        let part = (memory / 3).clamp(each, most);
        config.accounts.hashes = narrow(part / each);
        aside += part % each;
    }
    aside
}

/// One of everything that is derived, so that what is left can be divided.
fn least(config: &mut Config) {
    if is_free(config, "limits.connections") {
        config.limits.connections = 1;
    }
    if is_free(config, "limits.pending") {
        config.limits.pending = 1;
    }
    for share in SHARES {
        if is_free(config, share.key) {
            match share.bound {
                Bound::Bytes(place) => *place(&mut config.limits) = Size::bytes(1),
                Bound::Entries(_, place) => *place(&mut config.limits) = 1,
                Bound::Answers => config.limits.worker_queue = least_queue(config),
            }
        }
    }
    if is_free(config, "limits.outbound_bytes") {
        config.limits.outbound_bytes = LEAST_OUTBOUND.min(config.limits.outbound_bytes);
    }
}

/// Answers of a backend may be long: few of them can be under way in a little memory.
fn least_queue(config: &Config) -> usize {
    if config.backend.url.is_empty() { 0 } else { 2 }
}

/// Divides `left` among what is not given.
fn divide(config: &mut Config, left: u128, most: usize) {
    let (mut rest, mut under_way) = (left, None);
    for share in SHARES {
        if !is_free(config, share.key) {
            continue;
        }
        let part = left.saturating_mul(share.hundredths) / 100;
        rest = rest.saturating_sub(part);
        match share.bound {
            // In whole KiB, which people can read.
            Bound::Bytes(place) => {
                *place(&mut config.limits) = Size::kib(narrow((part * 2 / 3) >> 10));
            }
            Bound::Entries(each, place) => *place(&mut config.limits) = narrow(part / wide(each)),
            Bound::Answers => under_way = Some(part),
        }
    }
    details(config, under_way);
    if is_free(config, "limits.connections") {
        // Each may wait for its handshake, at most.
        let tls = if config.tls.is_on() { TLS_CONNECTION_BYTES + PLACE_BYTES } else { 0 };
        let names = NAME_BYTES + Watched::ROOM_BYTES + MessageFilter::MEMBER_BYTES;
        let each = CONNECTION_BYTES + names + PENDING_ADDRESS_BYTES + tls + kept_bytes(config);
        let connections = narrow((rest / wide(each)).max(1)).min(most).min(MOST_CONNECTIONS);
        config.limits.connections = connections;
    }
    if is_free(config, "limits.pending") {
        config.limits.pending = config.limits.connections.div_ceil(2);
    }
}

/// What a connection costs that is kept for the backend, with the gaps between such pieces. Where
/// `limits.pending` is given, its part is fixed already; else half of the connections are pending.
fn kept_bytes(config: &Config) -> usize {
    let with_gaps = |bytes: usize, base: usize| {
        if bytes == 0 { 0 } else { ((bytes + base) * 3).div_ceil(2) }
    };
    let client = with_gaps(config.kept_client_bytes(), CLIENT_DETAILS_BYTES);
    let client = if is_free(config, "limits.pending") { client.div_ceil(2) } else { 0 };
    client + with_gaps(config.kept_claims_bytes(), CLAIMS_BYTES)
}

/// As many as `limits.connections` may be.
const MOST_CONNECTIONS: usize = 1 << 24;

/// What follows from the budgets: how much of one goes to one reader, and how many requests may
/// share another.
fn details(config: &mut Config, under_way: Option<u128>) {
    let default = Limits::default();
    if is_free(config, "limits.outbound_bytes") {
        let most = default.outbound_bytes.get();
        let part = config.limits.outbound_total.get() / 32;
        let bytes = part.clamp(LEAST_OUTBOUND.get().min(most), most);
        config.limits.outbound_bytes = Size::kib(bytes >> 10);
    }
    if is_free(config, "http.requests") {
        let (most, body) = (config.http.requests, config.http.body_bytes.get().max(1));
        let part = config.limits.pending_input_total.get() / body;
        config.http.requests = part.clamp(most.min(8), most);
    }
    if is_free(config, "http.refreshes") {
        let most = config.http.refreshes;
        config.http.refreshes = (config.http.requests / 4).clamp(most.min(8), most);
    }
    if let Some(share) = under_way {
        let each = wide(config.longest_answer() * 3 + PLACE_BYTES);
        // A longer queue is of no use, and a queue's places are there from the start.
        let least = least_queue(config);
        config.limits.worker_queue = least.saturating_add(narrow(share / each)).clamp(1, 1_024);
    }
}

fn unbounded(config: &Config) -> String {
    let (bare, _) = bare(config, 0);
    let open: Vec<&str> =
        rows(&bare).iter().filter(|row| row.each.is_none()).map(|row| row.what).collect();
    format!(
        "with a bound on all memory, no part can be without one: give {} a number, or leave it out",
        open.join(", ")
    )
}

/// Names the least memory, and what of it is needed most.
fn too_small(config: &Config, memory: u128) -> String {
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
    format!(
        "{} is too small; this configuration needs at least {} MiB. Largest parts: {}",
        human(memory),
        (low * STEP).div_ceil(1 << 20),
        most.join(", ")
    )
}

fn narrow(number: u128) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
