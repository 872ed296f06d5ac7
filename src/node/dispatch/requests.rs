//! From a whole request to its answer: a WebSocket, or something of the application's.
//!
//! ```text
//! head whole ─▶ body whole ─▶ token checked ─▶ application asked ─▶ answer written ─▶ over
//!      └───────── 101 ◀──────────┘ (an old client's)
//! ```
//!
//! Until its answer is there a request is a pending connection like any other: it counts as one, and
//! has the deadline of its head, and then the application's time. Its head is read once, and what it
//! says is kept until the body, or the check of the token, is there.

use std::net::SocketAddr;

use crate::auth::Principal;
use crate::config::AuthMode;
use crate::id::{ConnId, Slot};
use crate::node::Node;
use crate::node::app::Reply;
use crate::node::connections::connection::Connection;
use crate::node::connections::frame::Shared;
use crate::node::connections::moment::CoarseDelta;
use crate::node::connections::session::Stage;
use crate::node::dispatch::request_tokens::Identity;
use crate::node::gate::head::{self, Head, RequestKind};
use crate::node::gate::limits::Charge;
use crate::node::gate::operator::OperatorEvent;
use crate::node::gate::tokens::TokenProgress;
use crate::node::gate::upgrade;
use crate::node::http::message::{Method, Request, RequestPlace, Response, ResponseForm};
use crate::node::http::refusal::Refusal;
use crate::node::http::request::{Credential, Http, RequestHead, Upgrade};
use crate::node::http::respond::{health, preflight};
use crate::node::observe::close_history::Unanswered;
use crate::node::work::port::{Completion, Outcome, Payer, Work};
use crate::node::work::questions::{GRACE, NewQuestion, QuestionKind, RequestPayer};
use crate::node::work::ticket::Ticket;
use crate::protocol::CloseReason;

/// The interim answer to a client that waits before it sends its body (RFC 9110, section 15.2.1).
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl Node {
    /// Bytes that may be a whole head, and what follows it.
    pub(crate) fn on_request(&mut self, slot: Slot, bytes: &mut [u8]) {
        let Some(connection) = self.connections.get(slot) else { return };
        if connection.is_admin() {
            return self.on_call(slot, bytes);
        }
        let (peer, app) = (connection.peer(), &self.work.app);
        let policy = &self.cx.policy;
        let read = head::parse(bytes, policy.request_rules(), peer, |path| {
            app.serves(path).then(|| policy.largest_body(app.body_bytes(path).unwrap_or(0)))
        });
        let Head { length, client, form, asked } = match read {
            Ok(None) => return self.connections.keep(slot, bytes.to_vec()),
            Ok(Some(head)) => head,
            Err(refusal) => {
                self.connections.set_form(slot, ResponseForm::of_unread(bytes));
                return self.refuse(slot, refusal);
            }
        };
        // A WebSocket has no answer in HTTP, but for a refusal that is like any other.
        if !matches!(asked, Ok(RequestKind::Upgrade(_))) {
            self.connections.set_form(slot, form);
        }
        let behind = bytes.get_mut(length..).unwrap_or_default();
        match asked {
            Ok(RequestKind::Upgrade(upgrade)) => match self.may_upgrade(slot, &upgrade, client) {
                Ok(()) => self.upgrade(slot, upgrade, behind, TokenProgress::New),
                Err(refusal) => self.refuse(slot, refusal),
            },
            Ok(RequestKind::Http(http)) => self.on_http(slot, http, behind, client),
            Ok(RequestKind::Health) => self.write_response(slot, health()),
            Ok(RequestKind::Preflight { is_allowed }) => {
                self.write_response(slot, preflight(is_allowed));
            }
            Err(refusal) => self.refuse(slot, refusal),
        }
    }

    /// Makes a WebSocket of `slot`, once its token is checked, if it has one, after the `progress`
    /// so far.
    pub(crate) fn upgrade(
        &mut self,
        slot: Slot,
        upgrade: Upgrade,
        behind: &mut [u8],
        progress: TokenProgress,
    ) {
        let principal = match (self.cx.policy.mode, &upgrade.credential) {
            (AuthMode::Message, _) | (AuthMode::Both, Credential::None) => None,
            (AuthMode::Legacy, Credential::None) => {
                return self.refuse(slot, Refusal::InvalidToken("A token is required"));
            }
            (_, Credential::Conflict { .. }) => {
                return self.refuse(slot, Refusal::InvalidToken("Two different tokens"));
            }
            (_, Credential::Token { token, .. }) => {
                match self.identify(slot, token, progress, Charge::Each) {
                    Identity::Known(principal) => Some(principal),
                    Identity::Unchecked(check, serial) => {
                        let head = RequestHead::Upgrade(upgrade);
                        return self.check(slot, head, behind, check, serial);
                    }
                    Identity::Wanted(wanted, serial) => {
                        let head = RequestHead::Upgrade(upgrade);
                        return self.hold_for_key(slot, head, behind, &wanted, serial);
                    }
                    Identity::Refused(refusal) => return self.refuse(slot, refusal),
                }
            }
        };
        self.switch_protocols(slot, upgrade);
        if self.is_draining() {
            self.close(slot, CloseReason::ShuttingDown);
        } else if let Some(principal) = principal {
            self.enter(slot, principal);
        }
        if !behind.is_empty() {
            self.on_frames(slot, behind);
        }
    }

    /// Is there room for one more, and may its address try?
    fn may_upgrade(
        &mut self,
        slot: Slot,
        upgrade: &Upgrade,
        client: SocketAddr,
    ) -> Result<(), Refusal> {
        self.connections.set_client(slot, client);
        self.make_room(slot);
        let Self { cx, connections, gate, .. } = self;
        gate.limits.has_room(cx, connections, gate.drain.as_ref(), slot)?;
        gate.limits.may_attempt_http(cx, connections, slot)?;
        if let Some(kind) = upgrade.credential.kind() {
            gate.legacy_log.notice(cx, connections, slot, kind);
        }
        Ok(())
    }

    /// Answers with the 101: the connection is a WebSocket from here on.
    fn switch_protocols(&mut self, slot: Slot, upgrade: Upgrade) {
        let (id, now) = (self.connections.id_of(slot), self.cx.now.monotonic);
        let Upgrade { room, accept, subprotocol, credential, details } = upgrade;
        let is_old_client = credential.kind().is_some();
        let more = if is_old_client { self.cx.policy.deprecation.as_str() } else { "" };
        let response = self.cx.encoder.raw(|buffer| {
            upgrade::switching_protocols(buffer, &accept, subprotocol, id, more);
        });
        let policy = &self.cx.policy;
        self.connections.edit(policy, slot, |session, policy| session.upgraded(now, policy));
        self.connections.want(slot, room, details);
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.upgraded = CoarseDelta::from(connection.accepted, now);
            log::debug!(connection:% = id; "upgraded from {}", connection.peer_text());
        }
        self.cx.metrics.upgraded += 1;
        self.send(slot, response);
    }

    fn on_http(&mut self, slot: Slot, http: Http, behind: &[u8], client: SocketAddr) {
        if let Err(refusal) = self.take_request(slot, &http, client) {
            return self.refuse(slot, refusal);
        }
        if behind.len() >= http.body_length {
            return self.answer(slot, http, behind, TokenProgress::New);
        }
        let place = match self.work.app.request_place(&http.path) {
            // Its body is awaited.
            RequestPlace::Nowhere => RequestPlace::Ordinary,
            place => place,
        };
        if let Err(refusal) = self.take_place(slot, place) {
            return self.refuse(slot, refusal);
        }
        let expects_continue = http.expects_continue && behind.is_empty();
        self.connections.hold_request(slot, RequestHead::Http(http), Stage::Body, behind);
        if expects_continue {
            self.send(slot, Shared::from(CONTINUE));
        }
    }

    /// The body of a request is whole, whose head was read when it came.
    pub(crate) fn on_whole_request(&mut self, slot: Slot, bytes: &[u8]) {
        if self.connections.get(slot).is_some_and(Connection::is_admin) {
            return self.on_call(slot, bytes);
        }
        let Some(RequestHead::Http(http)) = self.connections.take_request(slot) else { return };
        // Its address may have used up its allowance since.
        match self.may_look(slot, &http) {
            Ok(()) => self.answer(slot, http, bytes, TokenProgress::New),
            Err(refusal) => self.refuse(slot, refusal),
        }
    }

    /// Asks for the answer to a request, once its token is checked, if it has one, after the `progress`
    /// so far.
    pub(crate) fn answer(
        &mut self,
        slot: Slot,
        http: Http,
        behind: &[u8],
        progress: TokenProgress,
    ) {
        let bearer = http.bearer.as_deref();
        let bearer = bearer.filter(|_| self.work.app.requires_bearer_check(&http.path));
        let principal = match bearer {
            None => None,
            Some(token) => match self.identify(slot, token, progress, Charge::Forged) {
                Identity::Known(principal) => Some(principal),
                Identity::Unchecked(check, serial) => {
                    return self.check(slot, RequestHead::Http(http), behind, check, serial);
                }
                Identity::Wanted(wanted, serial) => {
                    let head = RequestHead::Http(http);
                    return self.hold_for_key(slot, head, behind, &wanted, serial);
                }
                Identity::Refused(refusal) => return self.refuse(slot, refusal),
            },
        };
        let body = behind.get(..http.body_length).unwrap_or_default();
        self.ask_for_response(slot, &http, principal.as_ref(), body);
    }

    fn ask_for_response(
        &mut self,
        slot: Slot,
        http: &Http,
        principal: Option<&Principal>,
        body: &[u8],
    ) {
        let Self { cx, connections, gate, .. } = self;
        let Some(connection) = connections.get(slot) else { return };
        let (address, client) = (connection.address(), connection.peer().ip());
        let user = principal.map(|principal| principal.user.as_str());
        let payer = RequestPayer { user: user.map(|user| cx.user_key(user)), address };
        // Who is refused has no other request give way.
        if let Err(refusal) = gate.limits.charge_request(cx, payer) {
            return self.refuse(slot, refusal);
        }
        let place = self.work.app.request_place(&http.path);
        if place != RequestPlace::Nowhere
            && let Err(refusal) = self.take_place(slot, place)
        {
            return self.refuse(slot, refusal);
        }
        let Self { cx, connections, work, .. } = self;
        let (ticket, asker) = (work.questions.issue(), connections.id_of(slot));
        let texts = [&*http.path, &http.query, user.unwrap_or_default()];
        let text = body.len() + texts.iter().map(|text| text.len()).sum::<usize>();
        let Some(cost) = work.cost_of_pending(cx, text) else {
            return self.refuse(slot, Refusal::AtCapacity);
        };
        let is_get = http.method == Method::Get;
        let request = Request {
            ticket,
            start: work.questions.start(),
            connection: asker,
            now: cx.now.unix,
            at: cx.now.monotonic,
            client,
            method: http.method,
            path: &http.path,
            query: &http.query,
            user,
            claims: principal.map(|principal| principal.claims.as_str()),
            if_none_match: http.tags.as_deref().filter(|_| is_get),
            if_match: http.tags.as_deref().filter(|_| !is_get),
            accepts_gzip: http.accepts_gzip,
            content_type: http.content_type.as_deref(),
            body,
        };
        let job = match work.app.on_request(&request) {
            Reply::Now(response) => {
                self.charge_for(payer, &response);
                return self.write_app_response(slot, response);
            }
            Reply::Later(job) => Some(Work::Request(job)),
            Reply::Held => None,
        };
        let (kind, payer) =
            (QuestionKind::Request { payer }, user.map_or(Payer::Address(address), Payer::user));
        self.await_response(slot, ticket, (kind, cost, payer), job);
    }

    /// From here on `slot` waits for the application, for as long as that may take.
    pub(crate) fn await_response(
        &mut self,
        slot: Slot,
        ticket: Ticket,
        (kind, cost, payer): (QuestionKind, u32, Payer),
        work: Option<Work>,
    ) {
        let answer_by = self.cx.now.monotonic + self.cx.policy.answer_timeout;
        self.connections.await_answer(slot, ticket);
        let policy = &self.cx.policy;
        self.connections.edit(policy, slot, |session, _| session.set_deadline(answer_by));
        let (asker, deadline) = (self.connections.id_of(slot), answer_by + GRACE);
        let question = NewQuestion { asker, kind, deadline, cost, payer };
        self.work.open(&mut self.cx, ticket, question, work);
    }

    /// The application has answered a request.
    pub(crate) fn request_done(&mut self, asker: ConnId, payer: RequestPayer, done: Completion) {
        let Completion { ticket, outcome } = done;
        let slot = asker.slot();
        // A client that does not wait for the answer has asked all the same.
        if let Outcome::Response(response) = &outcome {
            self.charge_for(payer, response);
        }
        if !self.connections.awaits_response(asker, ticket) {
            self.cx.metrics.late_completions += 1;
            return;
        }
        match outcome {
            Outcome::Response(response) => self.write_app_response(slot, response),
            Outcome::Refused | Outcome::Unreached => self.refuse(slot, Refusal::BackendUnavailable),
            Outcome::NotBegun => self.refuse(slot, Refusal::BackendTimeout),
            _ => self.refuse(slot, Refusal::Internal),
        }
        self.resume(slot, true);
    }

    /// Something of ours has failed on the way to an answer.
    pub(crate) fn fail_request(&mut self, slot: Slot) {
        self.refuse(slot, Refusal::Internal);
        self.resume(slot, true);
    }

    /// The time of `slot` is over before it is a WebSocket. One that waits for the application is
    /// answered.
    pub(crate) fn request_is_over(&mut self, slot: Slot) {
        let ticket = self.connections.awaited_answer(slot);
        let question = ticket.and_then(|ticket| self.work.questions.find(ticket));
        let kind = question.map(|question| &question.kind);
        if let (Some(ticket), Some(&QuestionKind::Collect { form })) = (ticket, kind) {
            // The counters are told without what is not there.
            if !self.work.withdraw(&mut self.cx, ticket) {
                self.work.questions.close(ticket);
            }
            self.tell_in_time(slot, OperatorEvent::Collected { form, response: None });
        } else if ticket.is_some_and(|ticket| self.end_unbegun_publication(slot, ticket)) {
            self.resume(slot, true);
        } else if let Some(ticket) = ticket {
            self.work.withdraw(&mut self.cx, ticket);
            self.answer_in_time(slot);
            self.resume(slot, true);
        } else if self.connections.get(slot).is_some_and(Connection::waits_for_key) {
            self.refuse(slot, Refusal::KeysUnavailable);
            self.resume(slot, true);
        } else {
            self.drop_for(slot, Unanswered::NoRequest);
        }
    }

    fn charge_for(&mut self, payer: RequestPayer, response: &Response) {
        let Self { cx, gate, .. } = self;
        gate.limits.charge_answer(cx, payer, response.body.len());
        if let Some(evidence) = response.evidence {
            gate.limits.attempts.charge(cx.now.monotonic, payer.address, evidence);
        }
    }
}
