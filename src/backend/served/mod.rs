//! The other end of the calls of `docs/backend.md`: an [`App`] that answers those of other nodes.
//!
//! Sans I/O: bytes and completions go in, and bytes come out. The driver has the sockets
//! ([`net::CallServer`](crate::net::CallServer)).
//!
//! ```text
//! bytes ─▶ request whole ─▶ signature ─▶ application asked ─▶ answer ─▶ written ─▶ next request
//!                              └─ 401 ──────────────────────────▲
//! ```
//!
//! A connection has one request at a time. Bytes that come before its answer is written wait, up to the
//! length of a request; then the connection is not read. So what all of them take is bounded by their
//! number. A caller that hangs up withdraws its request, unless its work has begun.

mod calls;
mod counts;
mod http;

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use self::calls::{CallAnswer, CallBody, CallerContext};
pub use self::counts::ServedCounts;
use self::http::CallRequest;
use super::counts::CallKind;
use super::signature::SigningSecret;
use crate::id::ConnId;
use crate::net::CallServer;
use crate::node::app::{App, Reply};
use crate::node::{Completion, MinuteThrottle, Outcome, StartFlag, Ticket};
use crate::time::{Instant, Now};

/// How long a connection may be idle. The nodes reuse theirs for 4 seconds.
const IDLE: Duration = Duration::from_secs(15);
/// How long a request may take to come, and an answer to be read.
const TRANSFER: Duration = Duration::from_secs(10);
/// How far the timestamp of a request may be off, in seconds.
const MAX_SKEW: u64 = 300;

/// What the calls of other nodes are answered with. It is shared with whoever reloads the secret.
pub type SharedSecret = Arc<RwLock<SigningSecret>>;

/// Answers calls of other nodes: the state of their connections.
pub struct ServedCalls {
    app: Box<dyn App>,
    secret: SharedSecret,
    connections: Vec<Option<ServedConnection>>,
    free: Vec<usize>,
    max_body: usize,
    /// Connections that have something to write, or are over.
    changed: VecDeque<usize>,
    /// At or before the first deadline of a connection.
    timeout: Option<Instant>,
    serial: u32,
    counts: Arc<ServedCounts>,
    refusals: MinuteThrottle,
}

/// Omits the application and the secret.
impl fmt::Debug for ServedCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServedCalls")
            .field("connections", &(self.connections.len() - self.free.len()))
            .finish_non_exhaustive()
    }
}

struct ServedConnection {
    input: Vec<u8>,
    output: Vec<u8>,
    written: usize,
    asked: Option<AskedCall>,
    deadline: Instant,
    /// It ends when its output is written.
    is_last: bool,
    is_over: bool,
}

/// The request that the application is asked about.
struct AskedCall {
    ticket: Ticket,
    start: StartFlag,
    kind: CallKind,
    is_last: bool,
}

impl ServedCalls {
    /// Answers with `app`, on `connections` connections at most, requests with a body of up to `max_body`
    /// bytes that are signed with `secret`.
    #[must_use]
    pub fn new(
        app: Box<dyn App>,
        secret: SharedSecret,
        (connections, max_body): (usize, usize),
    ) -> Self {
        Self {
            app,
            secret,
            connections: (0..connections).map(|_| None).collect(),
            free: (0..connections).rev().collect(),
            max_body,
            changed: VecDeque::new(),
            timeout: None,
            serial: 0,
            counts: Arc::new(ServedCounts::default()),
            refusals: MinuteThrottle::default(),
        }
    }

    /// The counters, for a probe.
    #[must_use]
    pub fn counts(&self) -> Arc<ServedCounts> {
        Arc::clone(&self.counts)
    }

    fn get(&self, slot: usize) -> Option<&ServedConnection> {
        self.connections.get(slot)?.as_ref()
    }

    fn get_mut(&mut self, slot: usize) -> Option<&mut ServedConnection> {
        self.connections.get_mut(slot)?.as_mut()
    }

    fn set_deadline(&mut self, slot: usize, deadline: Instant) {
        if let Some(connection) = self.get_mut(slot) {
            connection.deadline = deadline;
            self.timeout = Some(self.timeout.map_or(deadline, |it| it.min(deadline)));
        }
    }

    /// Reads the next request of a connection that has none, if it is whole.
    fn advance(&mut self, now: Now, slot: usize) {
        let Some(connection) = self.get_mut(slot) else { return };
        if connection.asked.is_some() || connection.is_last || !connection.output.is_empty() {
            return;
        }
        let mut input = mem::take(&mut connection.input);
        match http::read(&input, self.max_body) {
            Ok(None) => {
                let is_new = self.get(slot).is_some_and(|it| it.deadline == Instant::NEVER);
                if !input.is_empty() && is_new {
                    self.set_deadline(slot, now.monotonic + TRANSFER);
                }
            }
            Ok(Some(request)) => {
                let length = request.length;
                self.take(now, slot, &request);
                input.drain(..length);
            }
            Err(status) => {
                input.clear();
                self.counts.count(None, status);
                self.answer(now, slot, calls::refusal(status, "bad_request"), true);
            }
        }
        if input.is_empty() {
            // An idle connection keeps no buffer.
            input = Vec::new();
        }
        if let Some(connection) = self.get_mut(slot) {
            connection.input = input;
        }
    }

    /// Asks the application, or answers at once.
    fn take(&mut self, now: Now, slot: usize, request: &CallRequest<'_>) {
        let is_last = request.is_last;
        let kind = match request.kind {
            Ok(kind) => kind,
            Err(status) => {
                self.counts.count(None, status);
                return self.answer(now, slot, calls::refusal(status, "bad_request"), is_last);
            }
        };
        if let Err(code) = self.authenticate(now, request) {
            self.counts.count(Some(kind), 401);
            return self.answer(now, slot, calls::refusal(401, code), is_last);
        }
        self.serial = self.serial.wrapping_add(1);
        let ticket = Ticket { index: u32::try_from(slot).unwrap_or(u32::MAX), serial: self.serial };
        let start = StartFlag::default();
        match self.ask(now, (ticket, &start), kind, request.body) {
            Some(answer) => {
                self.counts.count(Some(kind), answer.0);
                self.answer(now, slot, answer, is_last);
            }
            None => {
                if let Some(connection) = self.get_mut(slot) {
                    connection.asked = Some(AskedCall { ticket, start, kind, is_last });
                    connection.deadline = Instant::NEVER;
                }
            }
        }
    }

    /// The answer, or `None` if it comes later.
    fn ask(
        &mut self,
        now: Now,
        (ticket, start): (Ticket, &StartFlag),
        kind: CallKind,
        body: &[u8],
    ) -> Option<CallAnswer> {
        const MALFORMED: (u16, &str) = (400, "bad_request");
        let malformed = || Some(calls::refusal(MALFORMED.0, MALFORMED.1));
        let Some(body) = CallBody::parse(body) else { return malformed() };
        // Never an id of one of this node's own connections.
        let connection = ConnId::new(ticket.index, u32::MAX);
        let caller = CallerContext { ticket, start, now: now.unix, connection };
        let app = &mut *self.app;
        match kind {
            CallKind::Leave => {
                body.leave(app, connection);
                Some((204, Vec::new()))
            }
            CallKind::Join | CallKind::Return => match body.join(app, &caller) {
                None => malformed(),
                Some(Reply::Now(admission)) => Some(calls::admission(&admission)),
                Some(Reply::Held) => None,
                Some(Reply::Later(_)) => Some(calls::refusal(503, "unavailable")),
            },
            CallKind::Message => match body.message(app, &caller) {
                None => malformed(),
                Some(Reply::Now(said)) => Some(calls::message(&said)),
                Some(Reply::Held) => None,
                Some(Reply::Later(_)) => Some(calls::refusal(503, "unavailable")),
            },
        }
    }

    /// Is the request one of a node that has the secret, and no old one? The log has the cause, once a
    /// minute.
    fn authenticate(&mut self, now: Now, request: &CallRequest<'_>) -> Result<(), &'static str> {
        let seconds = std::str::from_utf8(request.timestamp).ok().and_then(|it| it.parse().ok());
        let unix = now.unix.as_millis() / 1_000;
        let is_fresh = seconds.is_some_and(|it: u64| unix.abs_diff(it) <= MAX_SKEW);
        let secret = self.secret.read().unwrap_or_else(PoisonError::into_inner);
        let parts = (request.id, request.timestamp);
        let (code, why) = match (secret.verifies(request.signature, parts, request.body), is_fresh)
        {
            (true, true) => return Ok(()),
            (true, false) => ("stale_timestamp", "compare the clocks of both hosts"),
            (false, _) => ("invalid_signature", "do all nodes have the same backend.secret_file?"),
        };
        drop(secret);
        if let Some(count) = self.refusals.count(now.monotonic) {
            log::warn!("recipes.listen: {count} calls were refused, the last one as {code}: {why}");
        }
        Err(code)
    }

    /// Has an answer written.
    fn answer(&mut self, now: Now, slot: usize, (status, body): CallAnswer, is_last: bool) {
        let Some(connection) = self.get_mut(slot) else { return };
        connection.output = http::write(status, &body, is_last);
        connection.written = 0;
        connection.is_last |= is_last;
        self.set_deadline(slot, now.monotonic + TRANSFER);
        self.changed.push_back(slot);
    }
}

impl CallServer for ServedCalls {
    fn has_place(&self) -> bool {
        !self.free.is_empty()
    }

    fn handle_connect(&mut self, now: Now) -> Option<usize> {
        let slot = self.free.pop()?;
        let place = self.connections.get_mut(slot)?;
        *place = Some(ServedConnection {
            input: Vec::new(),
            output: Vec::new(),
            written: 0,
            asked: None,
            deadline: Instant::NEVER,
            is_last: false,
            is_over: false,
        });
        self.set_deadline(slot, now.monotonic + IDLE);
        self.counts.set_connections(self.connections.len() - self.free.len());
        Some(slot)
    }

    fn wants_input(&self, slot: usize) -> bool {
        let most = self.max_body.saturating_add(http::MAX_HEAD);
        self.get(slot).is_some_and(|it| !it.is_last && it.input.len() <= most)
    }

    fn handle_bytes(&mut self, now: Now, slot: usize, bytes: &[u8]) {
        let Some(connection) = self.get_mut(slot) else { return };
        if connection.is_last {
            return;
        }
        let is_first = connection.input.is_empty() && connection.asked.is_none();
        connection.input.extend_from_slice(bytes);
        if is_first && connection.output.is_empty() {
            connection.deadline = Instant::NEVER;
        }
        self.advance(now, slot);
    }

    fn handle_hangup(&mut self, slot: usize) {
        let Some(connection) = self.connections.get_mut(slot).and_then(Option::take) else {
            return;
        };
        if let Some(asked) = connection.asked {
            // What has begun is done, and its answer is for nobody.
            let _ = asked.start.withdraw();
            self.counts.count(Some(asked.kind), 499);
        }
        self.free.push(slot);
        self.counts.set_connections(self.connections.len() - self.free.len());
    }

    fn handle_completion(&mut self, now: Now, done: Completion) {
        let Completion { ticket, outcome } = done;
        debug_assert!(!matches!(outcome, Outcome::Event(_)), "events are the node's");
        let slot = ticket.index as usize;
        let Some(connection) = self.get_mut(slot) else { return };
        // The slot may have another caller by now.
        let Some(asked) = connection.asked.take_if(|it| it.ticket == ticket) else { return };
        let answer = calls::outcome(&outcome);
        self.counts.count(Some(asked.kind), answer.0);
        self.answer(now, slot, answer, asked.is_last);
    }

    fn handle_timeout(&mut self, now: Now) {
        if self.timeout.is_none_or(|at| at > now.monotonic) {
            return;
        }
        self.timeout = None;
        for (slot, connection) in self.connections.iter_mut().enumerate() {
            let Some(connection) = connection.as_mut().filter(|it| !it.is_over) else { continue };
            if connection.deadline <= now.monotonic {
                connection.is_over = true;
                self.changed.push_back(slot);
            } else if connection.deadline < Instant::NEVER {
                let first =
                    self.timeout.map_or(connection.deadline, |at| at.min(connection.deadline));
                self.timeout = Some(first);
            }
        }
    }

    fn output(&self, slot: usize) -> &[u8] {
        let unwritten = |it: &'_ ServedConnection| it.written;
        let connection = self.get(slot);
        let written = connection.map_or(0, unwritten);
        connection.and_then(|it| it.output.get(written..)).unwrap_or_default()
    }

    fn consume_output(&mut self, now: Now, slot: usize, count: usize) {
        let Some(connection) = self.get_mut(slot) else { return };
        connection.written = connection.written.saturating_add(count);
        if connection.output.is_empty() || connection.written < connection.output.len() {
            return;
        }
        (connection.output, connection.written) = (Vec::new(), 0);
        if connection.is_last {
            connection.is_over = true;
            return;
        }
        connection.deadline = Instant::NEVER;
        if connection.input.is_empty() {
            self.set_deadline(slot, now.monotonic + IDLE);
        }
        self.advance(now, slot);
    }

    fn is_over(&self, slot: usize) -> bool {
        self.get(slot).is_none_or(|it| it.is_over)
    }

    fn poll_changed(&mut self) -> Option<usize> {
        self.changed.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }
}

#[cfg(test)]
mod tests;
