//! From a whole request to its answer: a WebSocket, or something of the application's.
//!
//! ```text
//! head whole ─▶ body whole ─▶ token checked ─▶ application asked ─▶ answer written ─▶ over
//!      └───────── 101 ◀──────────┘ (an old client's)
//! ```
//!
//! Until its answer is there a request is a pending connection like any other: it counts as one, and
//! has the deadline of its head, and then the application's time. Its bytes are kept as they came
//! and read again when what it waited for is there, so nothing else is kept of it.

use crate::auth::{Address, Principal};
use crate::config::AuthMode;
use crate::id::ConnId;
use crate::node::Node;
use crate::node::app::Reply;
use crate::node::connections::connection::{Afterwards, Connection};
use crate::node::connections::frame::Shared;
use crate::node::connections::moment::Later;
use crate::node::gate::head::{self, Asked, Head, Http, Upgrade};
use crate::node::gate::identity::{Charge, Checked, Identity};
use crate::node::gate::legacy::Credential;
use crate::node::gate::upgrade;
use crate::node::http::message::{Form, Method, Request, Response};
use crate::node::http::refusal::Refusal;
use crate::node::http::respond::{health, preflight};
use crate::node::observe::close_history::{Ending, Unanswered};
use crate::node::work::port::{Completion, Outcome, Ticket, Work};
use crate::node::work::questions::{GRACE, Kind, NewQuestion};
use crate::protocol::CloseReason;
use crate::time::Now;

/// A request whose answer is not there yet.
#[derive(Debug, Default)]
pub(crate) struct PendingRequest {
    /// How many bytes it has, head and body.
    pub(crate) whole: usize,
    /// There once the application is asked.
    pub(crate) ticket: Option<Ticket>,
}

impl PendingRequest {
    /// One of so many bytes.
    pub(crate) fn new(whole: usize) -> Self {
        Self { whole, ticket: None }
    }

    /// Nothing more is read of it: the application has it.
    pub(crate) fn is_asked(&self) -> bool {
        self.ticket.is_some()
    }
}

impl Node {
    /// Bytes that may be a whole request. `checked`: they were seen before, up to their token.
    pub(crate) fn on_request(
        &mut self,
        now: Now,
        index: usize,
        bytes: &mut [u8],
        checked: Option<Checked>,
    ) {
        let Some(connection) = self.connections.get(index) else { return };
        if connection.is_admin {
            return self.on_call(now, index, bytes);
        }
        let (peer, app) = (connection.peer(), &self.app);
        let read = head::parse(bytes, self.policy.request_rules(), peer, |path| app.serves(path));
        let Head { length, form, asked } = match read {
            Ok(None) => return self.keep(index, bytes.to_vec()),
            Ok(Some(head)) => head,
            Err(refusal) => {
                self.set_form(index, Form::of_unread(bytes));
                return self.refuse(now, index, refusal);
            }
        };
        // A WebSocket has no answer in HTTP, but for a refusal that is like any other.
        if !matches!(asked, Ok(Asked::Upgrade(_))) {
            self.set_form(index, form);
        }
        match asked {
            Ok(Asked::Upgrade(upgrade)) => {
                self.on_upgrade(now, index, &upgrade, bytes, length, checked);
            }
            Ok(Asked::Http(http)) => self.on_http(now, index, &http, bytes, length, checked),
            Ok(Asked::Health) => self.write_response(now, index, &health()),
            Ok(Asked::Preflight { is_allowed }) => {
                self.write_response(now, index, &preflight(is_allowed));
            }
            Err(refusal) => self.refuse(now, index, refusal),
        }
    }

    pub(crate) fn keep(&mut self, index: usize, bytes: Vec<u8>) {
        if let Some(connection) = self.connections.get_mut(index) {
            connection.decoder.keep(bytes);
        }
    }

    fn on_upgrade(
        &mut self,
        now: Now,
        index: usize,
        upgrade: &Upgrade,
        bytes: &mut [u8],
        length: usize,
        checked: Option<Checked>,
    ) {
        let kind = upgrade.credential.kind();
        if checked.is_none() {
            self.client_is(index, upgrade.client);
            if let Err(refusal) =
                self.has_room(index).and_then(|()| self.may_attempt_http(now, index))
            {
                return self.refuse(now, index, refusal);
            }
            if let Some(kind) = kind {
                self.notice_legacy(now, index, kind);
            }
        }
        let principal = match (self.policy.mode, &upgrade.credential) {
            (AuthMode::Message, _) | (AuthMode::Both, Credential::None) => None,
            (AuthMode::Legacy, Credential::None) => {
                return self.refuse(now, index, Refusal::InvalidToken("A token is required"));
            }
            (_, Credential::Conflict { .. }) => {
                return self.refuse(now, index, Refusal::InvalidToken("Two different tokens"));
            }
            (_, Credential::Token { token, .. }) => {
                match self.identify(now, index, token, checked, Charge::Each) {
                    Identity::Known(principal) => Some(principal),
                    Identity::Unchecked(check) => {
                        return self.check_request(now, index, bytes, length, check);
                    }
                    Identity::Refused(refusal) => return self.refuse(now, index, refusal),
                }
            }
        };
        let id = self.id_of(index);
        let Upgrade { room, accept, subprotocol, .. } = upgrade;
        let more = if kind.is_some() { self.policy.deprecation.as_str() } else { "" };
        let response = self.encoder.raw(|buffer| {
            upgrade::switching_protocols(buffer, accept, *subprotocol, id, more);
        });
        self.with_session(index, |session, policy| session.upgraded(now.monotonic, policy));
        if let Some(connection) = self.connections.get_mut(index) {
            connection.wanted_room = Some(Box::new(room.clone()));
            connection.afterwards = Afterwards::Clock;
            connection.upgraded = Later::from(connection.accepted, now.monotonic);
            log::debug!(connection:% = id; "upgraded from {}", connection.peer_text());
        }
        self.metrics.upgraded += 1;
        self.send(now, index, response);
        if self.is_draining() {
            self.close(now, index, CloseReason::ShuttingDown);
        } else if let Some(principal) = principal {
            self.enter(now, index, &principal);
        }
        let frames = bytes.get_mut(length..).unwrap_or_default();
        if !frames.is_empty() {
            self.on_frames(now, index, frames);
        }
    }

    fn on_http(
        &mut self,
        now: Now,
        index: usize,
        http: &Http<'_>,
        bytes: &[u8],
        length: usize,
        checked: Option<Checked>,
    ) {
        let whole = length.saturating_add(http.body_length);
        if let Err(refusal) = self.take_request(index, http, whole) {
            return self.refuse(now, index, refusal);
        }
        let shows_secrets = http.bearer.is_some() || http.method != Method::Get;
        if checked.is_none()
            && shows_secrets
            && let Err(refusal) = self.may_attempt_http(now, index)
        {
            return self.refuse(now, index, refusal);
        }
        let Some(body) = bytes.get(length..whole) else {
            self.keep(index, bytes.to_vec());
            if http.expects_continue && bytes.len() == length {
                self.send(now, index, Shared::from(&b"HTTP/1.1 100 Continue\r\n\r\n"[..]));
            }
            return;
        };
        let bearer = http.bearer.filter(|_| self.app.looks_at_tokens(http.path));
        let principal = match bearer {
            None => None,
            Some(token) => match self.identify(now, index, token, checked, Charge::Forged) {
                Identity::Known(principal) => Some(principal),
                Identity::Unchecked(check) => {
                    return self.check_request(now, index, bytes, whole, check);
                }
                Identity::Refused(refusal) => return self.refuse(now, index, refusal),
            },
        };
        self.ask_for_response(now, index, http, principal.as_ref(), body);
    }

    /// Counts a request once, when its head is whole.
    fn take_request(&mut self, index: usize, http: &Http<'_>, whole: usize) -> Result<(), Refusal> {
        let Some(connection) = self.connections.get_mut(index) else { return Ok(()) };
        if connection.is_request {
            return Ok(());
        }
        connection.is_request = true;
        self.requests += 1;
        let waiting = connection.waiting.get_or_insert_default();
        waiting.request = Some(PendingRequest::new(whole));
        self.client_is(index, http.client);
        self.has_room(index)?;
        if self.requests > self.policy.requests {
            self.metrics.refused_requests += 1;
            return Err(Refusal::AtCapacity);
        }
        self.metrics.requests += 1;
        Ok(())
    }

    fn ask_for_response(
        &mut self,
        now: Now,
        index: usize,
        http: &Http<'_>,
        principal: Option<&Principal>,
        body: &[u8],
    ) {
        let (ticket, asker) = (self.questions.issue(), self.id_of(index));
        let Some(address) = self.connections.get(index).map(Connection::address) else { return };
        let user = principal.map(|principal| principal.user.as_str());
        let texts = [http.path, http.query, user.unwrap_or_default()];
        let text = body.len() + texts.iter().map(|text| text.len()).sum::<usize>();
        let Some(cost) = self.room_to_ask(text) else {
            return self.refuse(now, index, Refusal::AtCapacity);
        };
        let request = Request {
            ticket,
            start: self.questions.start(),
            connection: asker,
            now: now.unix,
            method: http.method,
            path: http.path,
            query: http.query,
            user,
            if_none_match: http.if_none_match,
            body,
        };
        let work = match self.app.on_request(&request) {
            Reply::Now(response) => {
                self.charge_for(now, address, &response);
                return self.write_response(now, index, &response);
            }
            Reply::Later(job) => Some(Work::Request(job)),
            Reply::Held => None,
        };
        self.await_response(now, index, ticket, (Kind::Request { address }, cost), work);
    }

    /// From here on `index` waits for the application, for as long as that may take.
    pub(crate) fn await_response(
        &mut self,
        now: Now,
        index: usize,
        ticket: Ticket,
        (kind, cost): (Kind, u32),
        work: Option<Work>,
    ) {
        if let Some(request) = self.pending_request(index) {
            request.ticket = Some(ticket);
        }
        let answer_by = now.monotonic + self.policy.answer_timeout;
        self.with_session(index, |session, _| session.ends_by(answer_by));
        let (asker, deadline) = (self.id_of(index), answer_by + GRACE);
        let question = NewQuestion { asker, kind, deadline, cost };
        self.open_question(now, ticket, question, work);
    }

    /// Does the request of `asker` wait for the answer of this ticket, and of no other?
    pub(crate) fn awaits_response(&mut self, asker: ConnId, ticket: Ticket) -> bool {
        self.find(asker).is_some()
            && self
                .pending_request(asker.index())
                .is_some_and(|request| request.ticket == Some(ticket))
    }

    pub(crate) fn pending_request(&mut self, index: usize) -> Option<&mut PendingRequest> {
        self.connections.get_mut(index)?.waiting.as_mut()?.request.as_mut()
    }

    /// The application has answered a request.
    pub(crate) fn request_done(
        &mut self,
        now: Now,
        asker: ConnId,
        address: Address,
        done: Completion,
    ) {
        let Completion { ticket, outcome } = done;
        let index = asker.index();
        // Who does not wait for the answer has asked all the same.
        if let Outcome::Response(response) = &outcome {
            self.charge_for(now, address, response);
        }
        if !self.awaits_response(asker, ticket) {
            self.metrics.late_completions += 1;
            return;
        }
        match outcome {
            Outcome::Response(response) => self.write_response(now, index, &response),
            Outcome::Refused => self.refuse(now, index, Refusal::BackendUnavailable),
            Outcome::NotBegun => self.refuse(now, index, Refusal::BackendTimeout),
            _ => self.refuse(now, index, Refusal::Internal),
        }
        self.resume(now, index, true);
    }

    /// The time of `index` is over before it is a WebSocket. Who waits for the application is told.
    pub(crate) fn handshake_is_over(&mut self, now: Now, index: usize) {
        let ticket = self.pending_request(index).and_then(|request| request.ticket);
        let question = ticket.and_then(|ticket| self.questions.find(ticket));
        let kind = question.map(|question| &question.kind);
        if let (Some(ticket), Some(&Kind::Collect { is_json })) = (ticket, kind) {
            // The counters are told without what is not there.
            if !self.withdraw(ticket) {
                self.questions.close(ticket);
            }
            let outcome = Outcome::Refused;
            self.collected(now, self.id_of(index), is_json, Completion { ticket, outcome });
        } else if let Some(ticket) = ticket {
            self.withdraw(ticket);
            self.answer_in_time(now, index);
            self.resume(now, index, true);
        } else {
            self.note_end(now, index, Ending::Dropped(Unanswered::NoRequest));
            self.drop_connection(now, index);
        }
    }

    fn charge_for(&mut self, now: Now, address: Address, response: &Response) {
        if let Some(evidence) = response.evidence {
            self.limiter.charge(now.monotonic, address, evidence);
        }
    }
}
