//! Requests over HTTP: which are counted, what they wait for, and how they are answered.

use crate::id::{ConnId, Slot};
use crate::node::connections::Connections;
use crate::node::connections::connection::Role;
use crate::node::connections::session::Stage;
use crate::node::connections::waiting::PendingRequest;
use crate::node::http::message::ResponseForm;
use crate::node::http::request::RequestHead;
use crate::node::work::ticket::Ticket;

impl Connections {
    /// The head of a request is whole: it counts until it is answered.
    pub(crate) fn begin_request(&mut self, slot: Slot) {
        if let Some(connection) = self.arena.get_mut(slot.index()) {
            self.requests += usize::from(connection.role != Role::Request);
            connection.role = Role::Request;
        }
    }

    /// The head of a call on the admin listener is whole. False: that is known already.
    pub(crate) fn expect_call(&mut self, slot: Slot, whole: usize) -> bool {
        let is_new = self.get(slot).is_some_and(|it| it.stage() == Stage::Head);
        if is_new {
            self.hold_request(slot, RequestHead::Call { whole }, Stage::Body, &[]);
        }
        is_new
    }

    /// Keeps what the head of a request says, and the bytes behind it, until it goes on.
    pub(crate) fn hold_request(
        &mut self,
        slot: Slot,
        head: RequestHead,
        stage: Stage,
        behind: &[u8],
    ) {
        let Some(connection) = self.get_mut(slot) else { return };
        let request = PendingRequest::Read(Box::new(head));
        connection.waiting.get_or_insert_default().request = Some(request);
        connection.decoder.keep(behind.to_vec());
        connection.session.set_stage(stage);
    }

    /// The request of `slot` goes on: what was kept of its head.
    pub(crate) fn take_request(&mut self, slot: Slot) -> Option<RequestHead> {
        match self.get_mut(slot)?.waiting.as_mut()?.request.take()? {
            PendingRequest::Read(head) => Some(*head),
            PendingRequest::Asked(_) => None,
        }
    }

    /// The request of `slot` is answered: it does not count any more.
    pub(crate) fn end_request(&mut self, slot: Slot) {
        if let Some(connection) = self.arena.get_mut(slot.index())
            && connection.role == Role::Request
        {
            self.requests -= 1;
            connection.role = Role::Client;
        }
    }

    /// The request of `slot` waits for the answer of this ticket.
    pub(crate) fn await_answer(&mut self, slot: Slot, ticket: Ticket) {
        let Some(connection) = self.get_mut(slot) else { return };
        let request = PendingRequest::Asked(ticket);
        connection.waiting.get_or_insert_default().request = Some(request);
        connection.session.set_stage(Stage::Asked);
    }

    /// The ticket of the answer that the request of `slot` waits for.
    pub(crate) fn awaited_answer(&self, slot: Slot) -> Option<Ticket> {
        match self.get(slot)?.waiting.as_ref()?.request.as_ref()? {
            PendingRequest::Asked(ticket) => Some(*ticket),
            PendingRequest::Read(_) => None,
        }
    }

    /// Does the request of `asker` wait for the answer of this ticket, and of no other?
    pub(crate) fn awaits_response(&self, asker: ConnId, ticket: Ticket) -> bool {
        self.find(asker).is_some() && self.awaited_answer(asker.slot()) == Some(ticket)
    }

    /// Keeps bytes of a request that is not whole.
    pub(crate) fn keep(&mut self, slot: Slot, bytes: Vec<u8>) {
        if let Some(connection) = self.get_mut(slot) {
            connection.decoder.keep(bytes);
        }
    }

    /// Whatever is answered to the request of `slot` is written in this form.
    pub(crate) fn set_form(&mut self, slot: Slot, form: ResponseForm) {
        // Most requests ask for nothing special, and nothing is kept for them.
        if form != ResponseForm::default()
            && let Some(connection) = self.get_mut(slot)
        {
            connection.waiting.get_or_insert_default().form = Some(form);
        }
    }

    /// The form in which `slot` is answered: what its request has set, or what can be told of one
    /// that is not whole.
    pub(crate) fn take_form(&mut self, slot: Slot) -> ResponseForm {
        let Some(connection) = self.get_mut(slot) else { return ResponseForm::default() };
        let Some(waiting) = &mut connection.waiting else {
            return ResponseForm::of_unread(&connection.decoder.take_kept());
        };
        // What is kept behind a request that was read is another, which is not answered.
        waiting.form.take().unwrap_or_default()
    }
}
