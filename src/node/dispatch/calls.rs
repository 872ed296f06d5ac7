//! An operator's calls: judged, carried out, and answered, at once or when the application has.

use std::sync::Arc;

use smol_str::SmolStr;

use crate::id::{ConnId, Slot};
use crate::node::Node;
use crate::node::admin::call;
use crate::node::admin::commands::{
    Operation, counted, counted_with, list_room, published, readiness,
};
use crate::node::admin::counted::{Counters, PROBE_TIMEOUT};
use crate::node::admin::explain::{explain, list_ends};
use crate::node::app::{Answer, Publish, Reply, Update};
use crate::node::connections::frame::Shared;
use crate::node::dispatch::requests::CONTINUE;
use crate::node::http::message::{Response, ResponseForm};
use crate::node::http::respond::health;
use crate::node::rooms::chat::update_frame;
use crate::node::rooms::deliveries::Delivered;
use crate::node::work::port::{Completion, Outcome, Work};
use crate::node::work::questions::QuestionKind;
use crate::node::work::ticket::Ticket;

impl Node {
    /// Bytes that may be a whole call.
    pub(crate) fn on_call(&mut self, slot: Slot, bytes: &[u8]) {
        let policy = &self.cx.policy;
        let (call, length) = match call::parse(bytes, policy.header_bytes, policy.body_bytes) {
            Ok(None) => return self.connections.keep(slot, bytes.to_vec()),
            Ok(Some(parsed)) => parsed,
            Err(refusal) => {
                self.connections.set_form(slot, ResponseForm::of_unread(bytes));
                return self.write_response(slot, &refusal.response());
            }
        };
        self.connections
            .set_form(slot, ResponseForm { is_head: call.is_head(), ..ResponseForm::default() });
        let Some(connection) = self.connections.get(slot) else { return };
        let (route, body_length) = match call.judge(policy, connection) {
            Ok(judged) => judged,
            Err(response) => {
                if matches!(response.status, 401 | 403) {
                    self.count_denial(slot);
                }
                return self.write_response(slot, &response);
            }
        };
        let whole = length.saturating_add(body_length);
        let is_new = self.connections.expect_call(slot, whole);
        let Some(body) = bytes.get(length..whole) else {
            self.connections.keep(slot, bytes.to_vec());
            if is_new && call.expects_continue {
                self.send(slot, Shared::from(CONTINUE));
            }
            return;
        };
        self.cx.metrics.admin_calls += 1;
        let response = match Operation::parse(&route, body) {
            Ok(operation) => self.operate(slot, operation),
            Err(response) => Some(response),
        };
        if let Some(response) = response {
            self.write_response(slot, &response);
        }
    }

    fn count_denial(&mut self, slot: Slot) {
        self.cx.metrics.admin_denied += 1;
        let Some(connection) = self.connections.get(slot) else { return };
        if let Some(count) = self.admin.denials.count(self.cx.now.monotonic) {
            let ip = connection.peer().ip();
            log::warn!(
                "calls denied on the admin listener: {count}, the last from {ip}. They showed no key \
                 or a wrong one, or a page made them. Told once a minute"
            );
        }
    }

    /// Does what was called for. `None`: it is answered later.
    fn operate(&mut self, slot: Slot, operation: Operation<'_>) -> Option<Response> {
        Some(match operation {
            Operation::Health => health(),
            Operation::Ready => readiness(self.view()),
            Operation::Collect { is_json } => return self.collect(slot, is_json),
            Operation::Room(room) => list_room(self.view(), &room),
            Operation::Connection(id) => explain(self.view(), id),
            Operation::Ends { query } => {
                list_ends(self.view(), query).unwrap_or_else(|refused| refused)
            }
            Operation::Publish(room, update) => return self.publish(slot, room, &Arc::new(update)),
            Operation::Order(kind, user) => return self.order_by_call(slot, kind, &user),
            Operation::RequireAuth(user) => counted("asked", self.ask_user_for_auth(&user)),
            Operation::Drain(length) => {
                let length = length.unwrap_or(self.cx.policy.drain);
                let remaining = self.begin_drain(length);
                log::info!("an operator drains: {remaining} connections within {length:?}");
                counted_with(202, "connections", remaining)
            }
        })
    }

    /// Asks the application first, which may want to store it.
    fn publish(&mut self, slot: Slot, room: SmolStr, update: &Arc<Update>) -> Option<Response> {
        let ticket = self.work.questions.issue();
        let start = self.work.questions.start();
        let publish = Publish { ticket, start, now: self.cx.now.unix, room: &room, update };
        let job = match self.work.app.on_publish(&publish) {
            Reply::Now(answer) => return Some(self.published(&room, answer)),
            Reply::Later(job) => Some(Work::Message(job)),
            Reply::Held => None,
        };
        self.await_response(slot, ticket, (QuestionKind::Publish { room }, 0), job);
        None
    }

    /// The application has taken an announcement, or not: the room hears it.
    fn published(&mut self, room: &str, answer: Answer) -> Response {
        let delivered = answer.map(|update| {
            let Self { cx, connections, rooms, .. } = self;
            let frame = update_frame(cx, &update, None);
            let reached = rooms.fan_out(cx, connections, room, None, (Delivered::Update, frame));
            self.close_slow_members();
            reached
        });
        published(delivered)
    }

    /// The same, later. The room hears it though the operator may have hung up.
    pub(crate) fn published_later(
        &mut self,
        asker: ConnId,
        ticket: Ticket,
        room: &str,
        answer: Answer,
    ) {
        let response = self.published(room, answer);
        if self.connections.awaits_response(asker, ticket) {
            self.write_response(asker.slot(), &response);
            self.resume(asker.slot(), true);
        }
    }

    /// Collects the counters. `None`: the process is asked first.
    fn collect(&mut self, slot: Slot, is_json: bool) -> Option<Response> {
        let counted = Counters::of(self.view(), is_json);
        if self.admin.probes.is_empty() {
            return Some(counted.with(&[]));
        }
        let (probes, ticket) = (self.admin.probes.clone(), self.work.questions.issue());
        let work = Work::Request(Box::new(move || counted.with(&probes.read())));
        self.await_response(slot, ticket, (QuestionKind::Collect { is_json }, 0), Some(work));
        let policy = &self.cx.policy;
        let answer_by = self.cx.now.monotonic + PROBE_TIMEOUT.min(policy.answer_timeout);
        self.connections.edit(policy, slot, |session, _| session.set_deadline(answer_by));
        None
    }

    /// The process has answered, or there was no worker to ask it.
    pub(crate) fn collected(&mut self, asker: ConnId, is_json: bool, done: Completion) {
        if self.connections.awaits_response(asker, done.ticket) {
            let response = match done.outcome {
                Outcome::Response(response) => response,
                _ => Counters::of(self.view(), is_json).with(&[]),
            };
            self.write_response(asker.slot(), &response);
            self.resume(asker.slot(), true);
        }
    }
}
