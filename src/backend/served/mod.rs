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
//! A connection has one request at a time. Up to 16 KiB that come before its answer is written wait; then
//! the connection is not read. So what all of them take is bounded by their number. A caller that hangs up
//! withdraws its request, unless its work has begun. Callers without the secret get one answer: their
//! connections end with it, and what else they send is dropped for a moment, so that they can read it.

mod abandoned;
mod authentication;
mod calls;
mod connection;
mod counts;
mod http;

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use self::abandoned::AbandonedCalls;
use self::calls::{CallAnswer, CallBody, CallerContext};
use self::connection::{AskedCall, DISCARD_TIME, READ_AHEAD, ServedConnection};
pub use self::counts::ServedCounts;
use self::http::CallRequest;
use super::counts::CallKind;
use super::signature::SigningSecret;
use crate::id::ConnId;
use crate::net::CallServer;
use crate::node::app::{App, Reply};
use crate::node::{AppEvent, Completion, MinuteThrottle, Outcome, StartFlag, Ticket};
use crate::time::{Instant, Now};

/// How long a connection may be idle. The nodes reuse theirs for 4 seconds.
const IDLE: Duration = Duration::from_secs(15);
/// How long a request may take to come, and an answer to be read.
const TRANSFER: Duration = Duration::from_secs(10);

/// What the calls of other nodes are answered with. It is shared with whoever reloads the secret.
pub type SharedSecret = Arc<RwLock<SigningSecret>>;

/// Answers calls of other nodes: the state of their connections.
pub struct ServedCalls {
    app: Box<dyn App>,
    secret: SharedSecret,
    connections: Vec<Option<ServedConnection>>,
    free: Vec<usize>,
    /// Connections with a call in progress.
    busy: usize,
    max_body: usize,
    /// Connections that have something to write, or are over.
    changed: VecDeque<usize>,
    /// Calls that have begun, and whose callers are gone.
    abandoned: AbandonedCalls,
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
            busy: 0,
            max_body,
            changed: VecDeque::new(),
            abandoned: AbandonedCalls::new(connections),
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

    /// The most bytes of a request.
    fn request_bytes(&self) -> usize {
        self.max_body.saturating_add(http::MAX_HEAD)
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
                if self.get(slot).is_none_or(|it| it.is_last) {
                    input.clear();
                } else {
                    input.drain(..length);
                }
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
        let kind = match request.kind {
            Ok(kind) => kind,
            Err(status) => {
                self.counts.count(None, status);
                return self.answer(now, slot, calls::refusal(status, "bad_request"), true);
            }
        };
        if let Err(code) = self.authenticate(now, request) {
            self.counts.count(Some(kind), 401);
            return self.answer(now, slot, calls::refusal(401, code), true);
        }
        let is_last = request.is_last;
        self.serial = self.serial.wrapping_add(1);
        let ticket = Ticket { index: u32::try_from(slot).unwrap_or(u32::MAX), serial: self.serial };
        let start = StartFlag::default();
        match self.ask(now, (ticket, &start), kind, request.body) {
            Err(answer) => {
                self.counts.count(Some(kind), answer.0);
                self.answer(now, slot, answer, is_last);
            }
            Ok(room) => {
                if let Some(connection) = self.get_mut(slot) {
                    connection.asked = Some(AskedCall { ticket, start, kind, is_last, room });
                    connection.deadline = Instant::NEVER;
                }
            }
        }
    }

    /// The room of a call whose answer comes later. `Err`: the answer.
    fn ask(
        &mut self,
        now: Now,
        (ticket, start): (Ticket, &StartFlag),
        kind: CallKind,
        body: &[u8],
    ) -> Result<String, CallAnswer> {
        let malformed = || Err(calls::refusal(400, "bad_request"));
        let later = || Err(calls::refusal(503, "unavailable"));
        let Some(body) = CallBody::parse(body) else { return malformed() };
        let held = || Ok(body.room().to_owned());
        // Never an id of one of this node's own connections, nor of another caller whose work goes on.
        let connection = ConnId::new(u32::MAX, ticket.serial);
        let caller = CallerContext { ticket, start, now: now.unix, connection };
        let app = &mut *self.app;
        match kind {
            CallKind::Leave => {
                body.leave(app, connection);
                Err((204, Vec::new()))
            }
            CallKind::Join | CallKind::Return => match body.join(app, &caller) {
                None => malformed(),
                Some(Reply::Now(admission)) => Err(calls::admission(&admission)),
                Some(Reply::Held) => held(),
                Some(Reply::Later(_)) => later(),
            },
            CallKind::Message => match body.message(app, &caller) {
                None => malformed(),
                Some(Reply::Now(said)) => Err(calls::message(&said)),
                Some(Reply::Held) => held(),
                Some(Reply::Later(_)) => later(),
            },
        }
    }

    /// Has an answer written.
    fn answer(&mut self, now: Now, slot: usize, (status, body): CallAnswer, is_last: bool) {
        let Some(connection) = self.get_mut(slot) else { return };
        connection.output = http::write(status, &body, is_last);
        connection.written = 0;
        connection.is_last |= is_last;
        self.set_deadline(slot, now.monotonic + TRANSFER);
        self.note_change(slot);
    }

    /// Counts a connection that has changed again.
    fn count_busy(&mut self, slot: usize) {
        let connection = self.connections.get_mut(slot).and_then(Option::as_mut);
        connection.into_iter().for_each(|it| it.count_busy(&mut self.busy));
    }

    /// Each connection is noted once, however often it changes.
    fn note_change(&mut self, slot: usize) {
        let connection = self.connections.get_mut(slot).and_then(Option::as_mut);
        if let Some(connection) = connection.filter(|it| !it.is_changed) {
            connection.is_changed = true;
            self.changed.push_back(slot);
        }
    }
}

impl CallServer for ServedCalls {
    fn has_place(&self) -> bool {
        self.busy < self.connections.len()
    }

    fn is_full(&self) -> bool {
        self.free.is_empty()
    }

    fn handle_connect(&mut self, now: Now) -> Option<usize> {
        let slot = self.free.pop()?;
        let place = self.connections.get_mut(slot)?;
        *place = Some(ServedConnection::new(now.monotonic));
        self.set_deadline(slot, now.monotonic + IDLE);
        self.counts.set_connections(self.connections.len() - self.free.len());
        if self.free.is_empty() {
            self.counts.count_full();
        }
        Some(slot)
    }

    fn longest_idle(&self) -> Option<usize> {
        let open = self.connections.iter().enumerate();
        let idle = open.filter_map(|(slot, it)| Some((slot, it.as_ref()?)));
        let first = idle.filter(|(_, it)| !it.is_busy()).min_by_key(|(_, it)| it.since);
        first.map(|(slot, _)| slot)
    }

    fn wants_input(&self, slot: usize) -> bool {
        self.get(slot).is_some_and(|it| it.wants_input(self.request_bytes()))
    }

    fn handle_bytes(&mut self, now: Now, slot: usize, bytes: &[u8]) {
        let most = self.request_bytes().saturating_add(READ_AHEAD);
        let Some(connection) = self.get_mut(slot) else { return };
        if connection.is_last || connection.is_over {
            return connection.discard(bytes.len());
        }
        let is_first = connection.input.is_empty() && !connection.is_busy();
        connection.append(bytes, most);
        if is_first {
            (connection.deadline, connection.since) = (Instant::NEVER, now.monotonic);
        }
        self.advance(now, slot);
        self.count_busy(slot);
    }

    fn handle_hangup(&mut self, slot: usize) {
        let Some(connection) = self.connections.get_mut(slot).and_then(Option::take) else {
            return;
        };
        self.busy -= usize::from(connection.is_counted_busy);
        if let Some(asked) = connection.asked {
            self.counts.count(Some(asked.kind), 499);
            // What has begun is done, and its answer is for nobody; but the room has to hear of a change.
            if !asked.start.withdraw() && asked.kind == CallKind::Message {
                self.counts.count_forgotten(self.abandoned.add(asked.ticket, asked.room));
            }
        }
        self.free.push(slot);
        self.counts.set_connections(self.connections.len() - self.free.len());
    }

    fn handle_completion(&mut self, now: Now, done: Completion) -> Option<AppEvent> {
        let Completion { ticket, outcome } = done;
        debug_assert!(!matches!(outcome, Outcome::Event(_)), "events are the node's");
        let slot = ticket.index as usize;
        let asked = self.get_mut(slot).and_then(|it| it.asked.take_if(|it| it.ticket == ticket));
        // The slot may have another caller by now.
        let Some(asked) = asked else { return self.abandoned.answered(ticket, outcome) };
        let answer = calls::outcome(&outcome);
        self.counts.count(Some(asked.kind), answer.0);
        self.answer(now, slot, answer, asked.is_last);
        None
    }

    fn handle_timeout(&mut self, now: Now) {
        if self.timeout.is_none_or(|at| at > now.monotonic) {
            return;
        }
        self.timeout = None;
        for slot in 0..self.connections.len() {
            let Some(connection) = self.get_mut(slot).filter(|it| !it.is_over) else { continue };
            let deadline = connection.deadline;
            if deadline <= now.monotonic {
                connection.is_over = true;
                self.note_change(slot);
            } else if deadline < Instant::NEVER {
                self.timeout = Some(self.timeout.map_or(deadline, |at| at.min(deadline)));
            }
        }
    }

    fn output(&self, slot: usize) -> &[u8] {
        self.get(slot).and_then(|it| it.output.get(it.written..)).unwrap_or_default()
    }

    fn consume_output(&mut self, now: Now, slot: usize, count: usize) {
        let Some(connection) = self.get_mut(slot) else { return };
        connection.written = connection.written.saturating_add(count);
        if connection.output.is_empty() || connection.written < connection.output.len() {
            return;
        }
        connection.finish_answer(now.monotonic);
        if connection.is_last {
            self.set_deadline(slot, now.monotonic + DISCARD_TIME);
        } else if connection.input.is_empty() {
            self.set_deadline(slot, now.monotonic + IDLE);
        }
        self.advance(now, slot);
        self.count_busy(slot);
    }

    fn is_over(&self, slot: usize) -> bool {
        self.get(slot).is_none_or(|it| it.is_over)
    }

    fn is_finished(&self, slot: usize) -> bool {
        self.get(slot).is_some_and(|it| it.discarded.is_some())
    }

    fn changed(&self) -> usize {
        self.changed.len()
    }

    fn poll_changed(&mut self) -> Option<usize> {
        let slot = self.changed.pop_front()?;
        if let Some(connection) = self.get_mut(slot) {
            connection.is_changed = false;
        }
        Some(slot)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }
}

#[cfg(test)]
mod tests;
