//! What a configuration lets the process take of memory, row by row.
//!
//! One table serves two: `vestibule check` prints it, and [`fit`](super::fit) divides `limits.memory`
//! by it. All of it is arithmetic; no row depends on what is there at run time. What one of something
//! costs is a constant beside it, in the layers below; here it is added up.

use std::fmt::Write as _;

use crate::auth::{AddressLimiter, FORGED_ADDRESS_BYTES, ReplaySet, Revocations};
use crate::bus::{LINK_COMMAND_BYTES, LINK_REPLY_BYTES};
use crate::config::{BACKEND_ANSWER_BYTES, Config, IMPORT_BODY_BYTES, Log};
use crate::memory::MemoryApp;
#[cfg(feature = "recipes")]
use crate::net::CALL_BYTES;
use crate::net::{CHECK_STACK_BYTES, PLACE_BYTES, SCRATCH_BYTES, STACK_BYTES};
use crate::net::{TLS_CONNECTION_BYTES, TLS_RECORD_BYTES};
use crate::node::{
    CLAIMS_BYTES, CLIENT_DETAILS_BYTES, CLUSTER_LIST_BYTES, CONNECTION_BYTES, END_BYTES,
    ENDS_A_TOKEN_FAULT, IDEMPOTENCY_KEY_BYTES, MessageFilter, PENDING_ADDRESS_BYTES,
    QUESTION_BYTES, ROOM_STATE_BYTES, SESSION_TOKEN_BYTES, TOKEN_FAULT_BYTES, UNKEPT_BYTES,
    USER_ELSEWHERE_BYTES, Watched,
};
use crate::protocol::{MAX_ROOM_CHARS, MAX_USER_CHARS};
#[cfg(feature = "recipes")]
use crate::recipes::RecipesApp;
use crate::shares::Allowances;

/// The program: its code as far as it is used, the C library's and the allocator's own, the tables
/// that do not grow, the stacks of the threads that every server has. Code is larger in a build for
/// debugging.
const PROGRAM_BYTES: usize = if cfg!(debug_assertions) { 22 << 20 } else { 12 << 20 };
/// What a connection or a room is called at most: a room in ASCII, and a user in characters of up
/// to 4 bytes.
pub(super) const NAME_BYTES: usize = MAX_ROOM_CHARS + MAX_USER_CHARS * 4;

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
    if config.cluster.is_on() {
        cluster(config, &mut rows);
    }
    #[cfg(feature = "recipes")]
    if config.is_recipe_chat() {
        recipe_chat(config, &mut rows);
    }
    let gaps = rows.iter().filter(|row| row.is_loose).filter_map(Row::sum);
    let gaps = gaps.fold(0_u128, u128::saturating_add) / 2;
    let what = "gaps between pieces, a half of what is marked *";
    rows.push(Row { each: Some(gaps), ..row(what, 1, 0) });
    rows
}

fn row(what: &'static str, count: usize, each: usize) -> Row {
    Row { what, count: wide(count), each: Some(wide(each)), is_loose: false }
}

fn loose(what: &'static str, count: usize, each: usize) -> Row {
    Row { is_loose: true, ..row(what, count, each) }
}

/// A count of 0 is no bound, so the row has none either.
fn entries(what: &'static str, count: usize, each: usize) -> Row {
    Row { each: (count > 0).then_some(wide(each)), ..row(what, count, each) }
}

pub(super) const fn wide(count: usize) -> u128 {
    count as u128
}

/// An address in the tables of what addresses have used: of attempts and of requests.
pub(super) const ADDRESS_BYTES: usize = 2 * AddressLimiter::ENTRY_BYTES;
/// A user in the tables of what users have used: of accepted tokens, requests, messages and frames.
pub(super) const USER_BYTES: usize = 4 * Allowances::<u64>::ENTRY_BYTES;

fn connections(config: &Config, rows: &mut Vec<Row>) {
    let limits = &config.limits;
    rows.push(row(
        "connections with their names",
        limits.connections,
        CONNECTION_BYTES + NAME_BYTES,
    ));
    if config.tls.is_on() {
        rows.push(row("TLS of connections", limits.connections, TLS_CONNECTION_BYTES));
        rows.push(row("limits.workers, TLS handshakes", limits.workers, CHECK_STACK_BYTES));
        rows.push(row("limits.tls_queue, places", limits.handshakes_waiting(), PLACE_BYTES));
        if limits.pending_input_total.get() == 0 || limits.member_input_total.get() == 0 {
            rows.push(row("TLS, unfinished records", limits.connections, TLS_RECORD_BYTES));
        }
        if limits.outbound_total.get() == 0 {
            rows.push(row("TLS, unsent records", limits.connections, TLS_RECORD_BYTES));
        }
    }
    for (what, count, kept, beside) in [
        (
            "backend.client_bytes, of pending connections *",
            limits.pending,
            config.kept_client_bytes(),
            CLIENT_DETAILS_BYTES,
        ),
        ("backend.claims_bytes *", limits.connections, config.kept_claims_bytes(), CLAIMS_BYTES),
    ] {
        if kept > 0 {
            rows.push(loose(what, count, kept + beside));
        }
    }
    if config.log.access {
        rows.push(row("log.access, bytes of connections", limits.connections, Log::ACCESS_BYTES));
    }
    rows.push(row("addresses of pending connections", limits.pending, PENDING_ADDRESS_BYTES));
    rows.push(row("rooms whose users are told", limits.connections, Watched::ROOM_BYTES));
    let call = config.http.header_bytes.get().saturating_add(config.http.body_bytes.get());
    let calls = config.admin.all_connections();
    rows.push(row("admin.connections, of head and body", calls, call));
    let keys = if calls == 0 { 0 } else { config.admin.idempotency_keys };
    rows.push(row("admin.idempotency_keys", keys, IDEMPOTENCY_KEY_BYTES));
}

/// What is read and not finished, and what is not written yet.
fn inputs(config: &Config, rows: &mut Vec<Row>) {
    let (limits, http) = (&config.limits, &config.http);
    let message = limits.message_bytes.get();
    match limits.pending_input_total.get() {
        0 => {
            let first = http.header_bytes.get().saturating_add(limits.pending_message_bytes.get());
            let what = "http.header_bytes + pending_message_bytes";
            rows.push(row(what, limits.pending, first));
            let body = http.body_bytes.get();
            let import = if config.is_recipe_chat() { IMPORT_BODY_BYTES } else { 0 };
            let what = "http.requests, of body_bytes or an import";
            rows.push(row(what, http.requests, body.max(import)));
            rows.push(row("http.refreshes, of body_bytes", http.refreshes, body));
        }
        total => rows.push(loose("limits.pending_input_total *", 1, total)),
    }
    match limits.member_input_total.get() {
        0 => {
            let what = "limits.message_bytes, unfinished";
            rows.push(row(what, limits.connections, message));
            let waiting = message.saturating_mul(limits.waiting_messages as usize);
            let what = "limits.waiting_messages, of message_bytes";
            rows.push(row(what, limits.connections, waiting));
        }
        total => rows.push(loose("limits.member_input_total *", 1, total)),
    }
    match limits.outbound_total.get() {
        0 => {
            // An empty queue takes one message of any length, and an answer is the longest.
            let bytes = limits.outbound_bytes.get();
            let each = bytes.max(config.longest_answer());
            let row = row("limits.outbound_bytes, to slow readers", limits.connections, each);
            rows.push(Row { each: row.each.filter(|_| bytes > 0), ..row });
        }
        total => rows.push(loose("limits.outbound_total *", 1, total)),
    }
}

fn tables(config: &Config, rows: &mut Vec<Row>) {
    let limits = &config.limits;
    let queue = config.log.queue.saturating_mul(Log::LINE_COPIES);
    let answers = limits.answer_bytes.get();
    rows.extend([
        entries("limits.replay_entries", limits.replay_entries, ReplaySet::ENTRY_BYTES),
        entries("limits.revocations", limits.revocations, Revocations::ENTRY_BYTES),
        entries("limits.addresses", limits.addresses, ADDRESS_BYTES),
        entries("limits.users", limits.users, USER_BYTES),
        entries("limits.rooms", limits.rooms, MemoryApp::ROOM_BYTES + NAME_BYTES),
        Row { is_loose: true, ..entries("limits.answer_bytes *", answers, 1) },
        row(
            "limits.connections, filter of their answers",
            1,
            MessageFilter::bytes(limits.connections),
        ),
        loose("limits.history_bytes *", 1, limits.history_bytes.get()),
        row("limits.recent_ends, twice", limits.recent_ends.saturating_mul(2), END_BYTES),
        row(
            "limits.recent_ends / 16, of tokens",
            limits.recent_ends / ENDS_A_TOKEN_FAULT,
            TOKEN_FAULT_BYTES,
        ),
        row("log.queue, lines", queue, Log::LINE_BYTES),
    ]);
}

/// The link to the cluster's engine, and the rooms that are followed there.
fn cluster(config: &Config, rows: &mut Vec<Row>) {
    let answer = config.cluster.keep_bytes.get().saturating_add(LINK_REPLY_BYTES);
    rows.extend([
        // Once as they were given, and once as they are written.
        loose("commands to the cluster's engine, twice *", 2, LINK_COMMAND_BYTES),
        loose("answers that the cluster's engine is to keep *", 1, UNKEPT_BYTES),
        loose("an answer of the cluster's engine, twice *", 2, answer),
        row(
            "limits.connections, rooms of the cluster",
            config.limits.connections,
            ROOM_STATE_BYTES + SESSION_TOKEN_BYTES,
        ),
        loose("cluster.presence_bytes *", 1, config.cluster.presence_bytes.get()),
        row(
            "limits.connections, of users at another node",
            config.limits.connections,
            USER_ELSEWHERE_BYTES + NAME_BYTES,
        ),
        row("admin.connections, lists of all nodes", config.admin.connections, CLUSTER_LIST_BYTES),
        row("cluster.forged_addresses", config.cluster.forged_addresses, FORGED_ADDRESS_BYTES),
    ]);
}

/// What the application was asked, and what it answers.
fn work(config: &Config, rows: &mut Vec<Row>) {
    let (limits, backend) = (&config.limits, &config.backend);
    let message = limits.message_bytes.get();
    let has_backend = !backend.url.is_empty();
    rows.push(row("limits.workers, stacks", limits.workers, STACK_BYTES));
    rows.push(row("limits.workers, checking signatures", limits.workers, CHECK_STACK_BYTES));
    rows.push(row("limits.late_answers", limits.late_answers, QUESTION_BYTES));
    match limits.work_total.get() {
        0 => {
            rows.push(row("limits.worker_queue, of message_bytes", limits.worker_queue, message));
            if has_backend {
                let each = message + NAME_BYTES;
                // As many again are on their way to the queue.
                let queued = backend.queue.saturating_mul(2);
                rows.push(row("backend.queue, of message_bytes, twice", queued, each));
                if backend.moderate {
                    let held = queued.saturating_add(backend.workers);
                    rows.push(row("backend.moderate, of message_bytes", held, each));
                }
            }
            if config.is_recipe_chat() {
                let what = "limits.storage_queue, of message_bytes";
                rows.push(row(what, limits.storage_queue, message));
            }
        }
        total => rows.push(loose("limits.work_total *", 1, total)),
    }
    rows.push(row("limits.worker_queue, places", limits.worker_queue, PLACE_BYTES));
    if has_backend {
        let caller = STACK_BYTES + BACKEND_ANSWER_BYTES;
        let leaves = backend.queue.saturating_mul(2);
        rows.push(row("backend.queue, of leaves, twice", leaves, NAME_BYTES));
        rows.push(row("backend.workers, stacks and answers", backend.workers, caller));
    }
    let answer = config.longest_answer();
    if answer > 0 {
        // Once on their way to the reactor, and once with who makes them.
        let answers = limits.worker_queue.saturating_mul(2);
        rows.push(loose("limits.worker_queue, of answers, twice *", answers, answer));
    }
}

#[cfg(feature = "recipes")]
fn recipe_chat(config: &Config, rows: &mut Vec<Row>) {
    let (accounts, limits) = (&config.accounts, &config.limits);
    let hash = accounts.argon2_memory.get().saturating_add(STACK_BYTES);
    // The thread that writes, the one that reads long texts, and the one that moves the log.
    let database = RecipesApp::DATABASE_BYTES + STACK_BYTES + 2 * CHECK_STACK_BYTES;
    rows.extend([
        row("limits.storage_queue, places", limits.storage_queue, RecipesApp::PLACE_BYTES),
        row("recipes.cache, pages of the database", 1, config.recipes.cache.get()),
        row("database, its statements and threads", 1, database),
        row("accounts.hashes, of argon2_memory", accounts.hashes, hash),
        row("accounts.queue, sign-ups and sign-ins", accounts.queue, RecipesApp::SIGN_UP_BYTES),
        row("accounts.remembered, attempts", accounts.remembered, RecipesApp::ATTEMPT_BYTES),
    ]);
    if !config.recipes.listen.is_empty() {
        // The id of a user, and its place in a tree.
        let end = NAME_BYTES + RecipesApp::PLACE_BYTES;
        rows.push(entries("limits.revocations, sessions to end", limits.revocations, end));
        let call = CALL_BYTES + config.longest_call() + config.longest_acknowledgement();
        rows.push(row("recipes.connections, a call of each", config.recipes.connections, call));
    }
    let assistant = &config.assistant;
    if !assistant.url.is_empty() {
        let question = RecipesApp::model_question_bytes(assistant);
        let queued = assistant.queue.saturating_mul(2);
        let caller = assistant.answer_bytes.get().saturating_mul(2) + STACK_BYTES + question;
        rows.extend([
            row("assistant.queue, questions, twice", queued, question),
            row("assistant.workers, stacks and answers", assistant.workers, caller),
        ]);
    }
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
