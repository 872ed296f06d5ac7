//! An operator's calls: read, handed to the layer above, and answered as it says, at once or when the
//! application has.

use std::time::Duration;

use crate::auth::Address;
use crate::id::{ConnId, Slot};
use crate::node::Node;
use crate::node::app::{Answer, Invite, OrderKind, PasswordReset, Reply};
use crate::node::connections::connection::{Connection, ConnectionKind};
use crate::node::connections::frame::Shared;
use crate::node::connections::session::Phase;
use crate::node::context::Cx;
use crate::node::dispatch::requests::CONTINUE;
use crate::node::gate::admin_key::AdminKeys;
use crate::node::gate::operator::{OperatorCall, OperatorEvent};
use crate::node::http::message::{Response, ResponseForm};
use crate::node::observe::process_metrics::Reading;
use crate::node::rooms::chat::update_frame;
use crate::node::rooms::deliveries::Delivered;
use crate::node::work::orders::Asker;
use crate::node::work::port::{Payer, Work};
use crate::node::work::questions::{CollectedForm, QuestionKind, RequestPayer};
use crate::node::work::ticket::Ticket;
use crate::protocol::ErrorCode;
use crate::time::Now;

/// How long the process may take to be asked for its counters.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// For the layer above. What takes an `asker` is for the connection that `poll_operator` has just named.
impl Node {
    /// The next connection of the admin listener that is to be answered, and what about.
    pub(crate) fn poll_operator(&mut self) -> Option<(ConnId, OperatorEvent)> {
        while let Some((id, event)) = self.operator.events.pop_front() {
            let is_call = matches!(event, OperatorEvent::Call(..));
            let connection = self.unanswered(id);
            // What comes behind a call that waits for its answer is none.
            if connection.is_some_and(|it| !is_call || !it.stage().awaits_answer()) {
                return Some((id, event));
            }
        }
        None
    }

    /// Answers; then the connection ends.
    pub(crate) fn respond(&mut self, now: Now, id: ConnId, response: Response) {
        self.cx.now = now;
        let Some(connection) = self.unanswered(id) else { return };
        let was_asked = connection.stage().awaits_answer();
        self.write_response(id.slot(), response);
        if was_asked {
            self.resume(id.slot(), true);
        }
        self.enforce_budgets();
    }

    /// The body of the call of `id` is wanted, and its client waits for that word.
    pub(crate) fn send_continue(&mut self, now: Now, id: ConnId) {
        self.cx.now = now;
        if self.unanswered(id).is_some() {
            self.send(id.slot(), Shared::from(CONTINUE));
        }
    }

    /// Has the application give out an invitation. `None`: it answers later.
    pub(crate) fn invite(
        &mut self,
        now: Now,
        asker: ConnId,
        email: Option<&str>,
        valid: Duration,
    ) -> Option<Response> {
        self.cx.now = now;
        let address = self.connections.get(asker.slot()).map(Connection::address)?;
        let ticket = self.work.questions.issue();
        let start = self.work.questions.start();
        let invite = Invite { ticket, start, now: now.unix, email, valid };
        let reply = self.work.app.on_invite(&invite);
        self.relay(asker, address, ticket, reply)
    }

    /// Has the application give a user another password. `None`: it answers later.
    pub(crate) fn reset_password(
        &mut self,
        now: Now,
        asker: ConnId,
        email: &str,
    ) -> Option<Response> {
        self.cx.now = now;
        let connection = self.connections.get(asker.slot())?;
        let (address, client) = (connection.address(), connection.peer().ip());
        let ticket = self.work.questions.issue();
        let start = self.work.questions.start();
        let (now, at) = (now.unix, now.monotonic);
        let reset = PasswordReset { ticket, start, now, at, client, email };
        let reply = self.work.app.on_password_reset(&reset);
        self.relay(asker, address, ticket, reply)
    }

    /// The application's answer to an operator's call. `None`: it answers later.
    fn relay(
        &mut self,
        asker: ConnId,
        address: Address,
        ticket: Ticket,
        reply: Reply<Response>,
    ) -> Option<Response> {
        let job = match reply {
            Reply::Now(response) => return Some(response),
            Reply::Later(job) => Some(Work::Request(job)),
            Reply::Held => None,
        };
        let payer = RequestPayer { user: None, address };
        let kind = (QuestionKind::Request { payer }, 0, Payer::Operator);
        self.await_response(asker.slot(), ticket, kind, job);
        None
    }

    /// Carries an order out: [`OperatorEvent::Ordered`], or [`OperatorEvent::OrderOverdue`].
    pub(crate) fn order_by_call(&mut self, now: Now, asker: ConnId, kind: OrderKind, user: &str) {
        self.cx.now = now;
        let (order, _, result) = self.begin_order(kind, user, Asker::Operator(asker));
        if let Some(result) = result {
            return self.tell_operator(asker, OperatorEvent::Ordered(kind, result, None));
        }
        let ticket = self.work.orders.get(order).and_then(|open| open.tickets.last()).copied();
        if let Some(ticket) = ticket {
            self.connections.await_answer(asker.slot(), ticket);
        }
        self.answer_within(asker.slot(), self.cx.policy.answer_timeout);
    }

    /// Has `write` add to the node's counters what the probes read: [`OperatorEvent::Collected`].
    pub(crate) fn collect(
        &mut self,
        now: Now,
        asker: ConnId,
        form: CollectedForm,
        write: impl FnOnce(&[Reading]) -> Response + Send + 'static,
    ) {
        self.cx.now = now;
        if self.operator.probes.is_empty() {
            let response = Some(write(&[]));
            return self.tell_operator(asker, OperatorEvent::Collected { form, response });
        }
        let (probes, ticket) = (self.operator.probes.clone(), self.work.questions.issue());
        let work = Work::Request(Box::new(move || write(&probes.read())));
        let slot = asker.slot();
        self.await_response(
            slot,
            ticket,
            (QuestionKind::Collect { form }, 0, Payer::Operator),
            Some(work),
        );
        self.answer_within(slot, PROBE_TIMEOUT.min(self.cx.policy.answer_timeout));
    }

    /// Counts a call that was denied. How many are to be told of now, if any.
    pub(crate) fn count_denial(&mut self, now: Now) -> Option<u64> {
        self.cx.metrics.admin_denied += 1;
        self.operator.denials.count(now.monotonic)
    }

    /// What calls must show. `None`: that they come from this host.
    pub(crate) fn admin_keys(&self) -> Option<&AdminKeys> {
        self.cx.policy.admin_keys.as_ref()
    }

    /// How long a drain takes for which nobody says that.
    pub(crate) fn drain_length(&self) -> Duration {
        self.cx.policy.drain
    }

    /// The connection of a call that is not answered.
    pub(crate) fn unanswered(&self, id: ConnId) -> Option<&Connection> {
        let is_unanswered = |it: &&Connection| it.session.phase() == Phase::Handshaking;
        self.connections.find(id).filter(is_unanswered)
    }
}

impl Node {
    /// Bytes that may be a whole call. Its head is handed on as soon as it is whole, as a call may be
    /// refused before its body has come.
    pub(crate) fn on_call(&mut self, slot: Slot, bytes: &[u8]) {
        let (id, policy) = (self.connections.id_of(slot), &self.cx.policy);
        let Some(connection) = self.connections.get(slot) else { return };
        let (peer, kind) = (connection.peer(), connection.role());
        let parsed = OperatorCall::parse(bytes, peer, policy.header_bytes, policy.body_bytes);
        let (call, length) = match parsed {
            Ok(None) => return self.connections.keep(slot, bytes.to_vec()),
            Ok(Some(parsed)) => parsed,
            Err(refusal) => {
                self.connections.set_form(slot, ResponseForm::of_unread(bytes));
                return self.write_response(slot, refusal.response());
            }
        };
        let is_of_collector = kind == ConnectionKind::Collector;
        let call = OperatorCall { is_of_collector, ..call };
        let is_head = call.method == "HEAD";
        self.connections.set_form(slot, ResponseForm { is_head, ..ResponseForm::default() });
        // A body whose length is refused is not waited for.
        let whole = length.saturating_add(call.body_length.unwrap_or(0));
        let is_new = self.connections.expect_call(slot, whole);
        let body = bytes.get(length..whole).map(<[u8]>::to_vec);
        if body.is_none() {
            self.connections.keep(slot, bytes.to_vec());
        }
        if body.is_some() || is_new {
            self.tell_operator(id, OperatorEvent::Call(Box::new(call), body));
        }
    }

    pub(crate) fn tell_operator(&mut self, id: ConnId, event: OperatorEvent) {
        self.operator.events.push_back((id, event));
    }

    /// The same for a connection whose time is over: it has a moment more, until it is answered.
    pub(crate) fn tell_in_time(&mut self, slot: Slot, event: OperatorEvent) {
        self.tell_operator(self.connections.id_of(slot), event);
        self.answer_within(slot, self.cx.policy.response_timeout);
    }

    pub(crate) fn answer_within(&mut self, slot: Slot, length: Duration) {
        let answer_by = self.cx.now.monotonic + length;
        let policy = &self.cx.policy;
        self.connections.edit(policy, slot, |session, _| session.set_deadline(answer_by));
    }

    /// The application has taken an announcement, or not: the room hears it, though the operator may
    /// have hung up.
    pub(crate) fn say_in_room(&mut self, room: &str, answer: Answer) -> Result<usize, ErrorCode> {
        answer.map(|update| {
            let Self { cx, connections, rooms, .. } = self;
            let write = |cx: &mut Cx, position| update_frame(cx, &update, None, position);
            let reached = rooms.publish(cx, connections, room, None, (Delivered::Update, write));
            self.close_slow_members();
            reached
        })
    }

    /// The answer to what `asker` waits for, should it still wait for that.
    pub(crate) fn tell_later(&mut self, asker: ConnId, ticket: Ticket, event: OperatorEvent) {
        if self.connections.awaits_response(asker, ticket) {
            self.tell_operator(asker, event);
        }
    }
}
