//! What a configuration lets the process take of memory, row by row.
//!
//! One table of costs serves two: `vestibule check` prints it, and [`Config::fit_memory`] divides
//! `limits.memory` by it. All of it is arithmetic; no row depends on what is there at run time.

mod derive;

use std::fmt::Write as _;

use super::Config;

pub use self::derive::Unfit;

/// The program: its code as far as it is used, the C library's and the allocator's own, the tables
/// that do not grow, the stacks of the threads that every server has. Code is larger in a build for
/// debugging.
pub const PROGRAM_BYTES: u128 = if cfg!(debug_assertions) { 22 << 20 } else { 12 << 20 };
/// A connection's own state, authenticated: its slot, its timer entry, its places in a room, among
/// its user's, and in two budgets, its socket, its event, and what says that it waits.
pub const CONNECTION_BYTES: u128 = 640;
/// What a connection or a room is called at most: a room's 128 characters of ASCII, and a user's
/// 256 characters of up to 4 bytes.
pub const NAME_BYTES: u128 = 128 + 256 * 4;
/// What TLS adds to a connection: its keys and its state.
pub const TLS_CONNECTION_BYTES: u128 = 6 << 10;
/// One record of TLS, which is not whole yet or not taken by the kernel: part of the budgets for
/// input and output, where there are any.
const TLS_RECORD_BYTES: u128 = 18 << 10;
/// What a thread uses of its stack, at most. The standard library reserves 2 MiB of addresses.
pub const STACK_BYTES: u128 = 256 << 10;
/// The same of a thread that checks signatures, which runs nobody's code but ours.
pub const CHECK_STACK_BYTES: u128 = 128 << 10;
/// One line of the log.
pub const LINE_BYTES: usize = 4_096;
/// How often a line of the log's queue is there: while the queue fills, when the writer has taken
/// it, and once more in the text that is written.
pub const LINE_COPIES: usize = 3;
/// The longest answer of a backend, which a thread holds while it reads it.
pub const BACKEND_ANSWER_BYTES: usize = 1 << 20;
/// What a budget counts for each connection that holds some of it, beside the bytes: the boxes
/// and queues that are there only then.
pub const HOLDER_BYTES: usize = 512;
/// What `limits.work_total` counts for each question beside its texts: its place, and the work
/// itself.
pub const QUESTION_BYTES: usize = 512;

/// Two ordered trees, of a user's hash with a moment and the other way round; and for each of the two
/// lines that the file may have of it, the same once more while the file is written anew.
const REVOCATION_BYTES: u128 = 120;
/// One accepted `auth` message: 12 bytes of key, and the slack of an ordered tree.
const REPLAY_ENTRY_BYTES: u128 = 24;
/// What is remembered of an address: 16 bytes in each of two trees, and their slack.
const ADDRESS_BYTES: u128 = 64;
/// An address with pending connections: 12 bytes in one tree, and its slack.
const PENDING_ADDRESS_BYTES: u128 = 32;
/// An end that is remembered, and its user and room, 128 bytes at most each.
const END_BYTES: u128 = 512;
/// One remembered room beside its names.
const ROOM_BYTES: u128 = 128;
/// A place in the queue to workers, and one in the slot that their answers come through.
const PLACE_BYTES: u128 = 256;
/// A place in the queue to the database: two addresses, and the queue's own.
const STORAGE_PLACE_BYTES: u128 = 32;
/// An address, a password, and what waits for their answer.
const SIGN_UP_BYTES: u128 = 2 << 10;
/// The database's statements, and what a commit takes beside its pages.
const DATABASE_BYTES: u128 = (1 << 20) + STACK_BYTES;
/// The buffer that all connections are read into, and the copies that a message's way through it
/// makes for a moment.
const SCRATCH_BYTES: u128 = (64 << 10) + (448 << 10);
/// The least that the recipe chat lets a recipe have.
pub(crate) const LEAST_RECIPE_BYTES: usize = 16 << 10;

/// One line of the sum: what, how many, bytes each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is for: where it can be changed, the key.
    pub what: &'static str,
    /// How many.
    pub count: u128,
    /// Bytes of each; `None`: without a bound.
    pub each: Option<u128>,
    /// Peers choose the lengths of its pieces, so the allocator is left with gaps between them.
    is_loose: bool,
}

impl Row {
    /// All of them; `None`: without a bound.
    #[must_use]
    pub fn sum(&self) -> Option<u128> {
        self.each.map(|each| self.count.saturating_mul(each))
    }
}

/// Every row's sum; `None`: one of them is without a bound.
#[must_use]
pub fn total(rows: &[Row]) -> Option<u128> {
    rows.iter().try_fold(0_u128, |total, row| Some(total.saturating_add(row.sum()?)))
}

/// The whole table. `config` has no zeros left that stand for a number.
#[must_use]
pub fn rows(config: &Config) -> Vec<Row> {
    let mut rows = vec![row("the program", 1, PROGRAM_BYTES), row("buffers", 1, SCRATCH_BYTES)];
    connections(config, &mut rows);
    inputs(config, &mut rows);
    tables(config, &mut rows);
    work(config, &mut rows);
    if is_recipe_chat(config) {
        recipe_chat(config, &mut rows);
    }
    let gaps = rows.iter().filter(|row| row.is_loose).filter_map(Row::sum);
    let gaps = gaps.fold(0_u128, u128::saturating_add) / 2;
    rows.push(row("gaps between pieces, a half of what is marked *", 1, gaps));
    rows
}

fn row(what: &'static str, count: usize, each: u128) -> Row {
    Row { what, count: wide(count), each: Some(each), is_loose: false }
}

fn loose(what: &'static str, count: usize, each: usize) -> Row {
    Row { is_loose: true, ..row(what, count, wide(each)) }
}

/// A count of 0 is no bound, so the row has none either.
fn entries(what: &'static str, count: usize, each: u128) -> Row {
    Row { each: (count > 0).then_some(each), ..row(what, count, each) }
}

const fn wide(count: usize) -> u128 {
    count as u128
}

/// Without a backend it is what `serve` starts, where it is compiled in.
fn is_recipe_chat(config: &Config) -> bool {
    cfg!(feature = "recipes") && config.backend.url.is_empty()
}

fn connections(config: &Config, rows: &mut Vec<Row>) {
    let limits = &config.limits;
    rows.push(row(
        "connections with their names",
        limits.connections,
        CONNECTION_BYTES + NAME_BYTES,
    ));
    if config.tls.is_on() {
        rows.push(row("TLS of connections", limits.connections, TLS_CONNECTION_BYTES));
        if limits.pending_input_total.get() == 0 || limits.member_input_total.get() == 0 {
            rows.push(row("TLS, unfinished records", limits.connections, TLS_RECORD_BYTES));
        }
        if limits.outbound_total.get() == 0 {
            rows.push(row("TLS, unsent records", limits.connections, TLS_RECORD_BYTES));
        }
    }
    rows.push(row("addresses of pending connections", limits.pending, PENDING_ADDRESS_BYTES));
    let call = config.http.header_bytes.get().saturating_add(config.http.body_bytes.get());
    let calls = if config.admin.listen.is_empty() { 0 } else { config.admin.connections };
    rows.push(row("admin.connections, of head and body", calls, wide(call)));
}

/// What is read and not finished, and what is not written yet.
fn inputs(config: &Config, rows: &mut Vec<Row>) {
    let (limits, http) = (&config.limits, &config.http);
    let message = limits.message_bytes.get();
    match limits.pending_input_total.get() {
        0 => {
            let first = http.header_bytes.get().saturating_add(limits.pending_message_bytes.get());
            let what = "http.header_bytes + pending_message_bytes";
            rows.push(row(what, limits.pending, wide(first)));
            let body = wide(http.body_bytes.get());
            rows.push(row("http.requests, of body_bytes", http.requests, body));
        }
        total => rows.push(loose("limits.pending_input_total *", 1, total)),
    }
    match limits.member_input_total.get() {
        0 => {
            let what = "limits.message_bytes, unfinished";
            rows.push(row(what, limits.connections, wide(message)));
            let waiting = wide(message) * u128::from(limits.waiting_messages);
            let what = "limits.waiting_messages, of message_bytes";
            rows.push(row(what, limits.connections, waiting));
        }
        total => rows.push(loose("limits.member_input_total *", 1, total)),
    }
    match limits.outbound_total.get() {
        0 => {
            // An empty queue takes one message of any length, and an answer is the longest.
            let bytes = limits.outbound_bytes.get();
            let each = wide(bytes.max(longest_answer(config)));
            let row = row("limits.outbound_bytes, to slow readers", limits.connections, each);
            rows.push(Row { each: (bytes > 0).then_some(each), ..row });
        }
        total => rows.push(loose("limits.outbound_total *", 1, total)),
    }
}

fn tables(config: &Config, rows: &mut Vec<Row>) {
    let limits = &config.limits;
    let queue = config.log.queue.saturating_mul(LINE_COPIES);
    let answers = limits.answer_bytes.get();
    rows.extend([
        entries("limits.replay_entries", limits.replay_entries, REPLAY_ENTRY_BYTES),
        entries("limits.revocations", limits.revocations, REVOCATION_BYTES),
        entries("limits.addresses", limits.addresses, ADDRESS_BYTES),
        entries("limits.rooms", limits.rooms, ROOM_BYTES + NAME_BYTES),
        Row { is_loose: true, ..entries("limits.answer_bytes *", answers, 1) },
        row("limits.recent_ends, twice", limits.recent_ends.saturating_mul(2), END_BYTES),
        row("log.queue, lines", queue, wide(LINE_BYTES)),
    ]);
}

/// What the application was asked, and what it answers.
fn work(config: &Config, rows: &mut Vec<Row>) {
    let (limits, backend) = (&config.limits, &config.backend);
    let message = wide(limits.message_bytes.get());
    let has_backend = !backend.url.is_empty();
    rows.push(row("limits.workers, stacks", limits.workers, STACK_BYTES));
    rows.push(row("limits.workers, checking signatures", limits.workers, CHECK_STACK_BYTES));
    rows.push(row("limits.late_answers", limits.late_answers, wide(QUESTION_BYTES)));
    match limits.work_total.get() {
        0 => {
            rows.push(row("limits.worker_queue, of message_bytes", limits.worker_queue, message));
            if has_backend {
                let each = message + NAME_BYTES;
                rows.push(row("backend.queue, of message_bytes", backend.queue, each));
            }
            if is_recipe_chat(config) {
                let what = "limits.storage_queue, of message_bytes";
                rows.push(row(what, limits.storage_queue, message));
            }
        }
        total => rows.push(loose("limits.work_total *", 1, total)),
    }
    rows.push(row("limits.worker_queue, places", limits.worker_queue, PLACE_BYTES));
    if has_backend {
        let caller = STACK_BYTES + wide(BACKEND_ANSWER_BYTES);
        rows.push(row("backend.queue, of leaves", backend.queue, NAME_BYTES));
        rows.push(row("backend.workers, stacks and answers", backend.workers, caller));
    }
    let answer = longest_answer(config);
    if answer > 0 {
        // Once on their way to the reactor, and once with who makes them.
        let answers = limits.worker_queue.saturating_mul(2);
        rows.push(loose("limits.worker_queue, of answers, twice *", answers, answer));
    }
}

fn recipe_chat(config: &Config, rows: &mut Vec<Row>) {
    let (accounts, limits) = (&config.accounts, &config.limits);
    let hash = wide(accounts.argon2_memory.get()) + STACK_BYTES;
    rows.extend([
        row("limits.storage_queue, places", limits.storage_queue, STORAGE_PLACE_BYTES),
        row("recipes.cache, pages of the database", 1, wide(config.recipes.cache.get())),
        row("database, its statements and thread", 1, DATABASE_BYTES),
        row("accounts.hashes, of argon2_memory", accounts.hashes, hash),
        row("accounts.queue, sign-ups and sign-ins", accounts.queue, SIGN_UP_BYTES),
    ]);
}

/// The longest answer that comes from another thread; 0: none does.
pub(super) fn longest_answer(config: &Config) -> usize {
    if !config.backend.url.is_empty() {
        return BACKEND_ANSWER_BYTES;
    }
    if is_recipe_chat(config) { longest_acknowledgement(config) } else { 0 }
}

/// What the recipe chat says at once, at most: half of what may be queued to a slow reader, though
/// never less than a recipe needs.
pub(crate) fn longest_acknowledgement(config: &Config) -> usize {
    const DEFAULT_OUTBOUND: usize = 256 << 10;
    let outbound = match config.limits.outbound_bytes.get() {
        0 => DEFAULT_OUTBOUND,
        bytes => bytes,
    };
    (outbound / 2).max(LEAST_RECIPE_BYTES)
}

/// `bytes` with the largest unit that leaves a whole part, and one decimal.
#[must_use]
pub fn human(bytes: u128) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = match units.into_iter().find(|(_, shift)| bytes >> shift > 0) {
        Some((unit, shift)) => {
            let tenths = (bytes.saturating_mul(10)) >> shift;
            write!(text, "{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => write!(text, "{bytes} B"),
    };
    text
}

#[cfg(test)]
mod tests;
