//! Requests over HTTP: which are counted, what they wait for, and how they are answered.

use crate::id::{ConnId, Slot};
use crate::node::connections::Connections;
use crate::node::connections::connection::Role;
use crate::node::connections::session::Stage;
use crate::node::connections::waiting::PendingRequest;
use crate::node::http::message::ResponseForm;
use crate::node::work::ticket::Ticket;

impl Connections {
    /// The head of a request is whole: it counts, once. False: it does already.
    pub(crate) fn begin_request(&mut self, slot: Slot, whole: usize) -> bool {
        let Some(connection) = self.arena.get_mut(slot.index()) else { return false };
        if connection.role == Role::Request {
            return false;
        }
        self.requests += 1;
        connection.role = Role::Request;
        connection.session.set_stage(Stage::Body);
        connection.waiting.get_or_insert_default().request = Some(PendingRequest::new(whole));
        true
    }

    /// The head of a call on the admin listener is whole. False: that is known already.
    pub(crate) fn expect_call(&mut self, slot: Slot, whole: usize) -> bool {
        let Some(connection) = self.get_mut(slot) else { return false };
        connection.session.set_stage(Stage::Body);
        let request = &mut connection.waiting.get_or_insert_default().request;
        let is_new = request.is_none();
        request.get_or_insert_with(|| PendingRequest::new(whole));
        is_new
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

    /// The request of `slot` whose answer is not there yet.
    pub(crate) fn pending_request(&mut self, slot: Slot) -> Option<&mut PendingRequest> {
        self.get_mut(slot)?.waiting.as_mut()?.request.as_mut()
    }

    /// The request of `slot` waits for the answer of this ticket.
    pub(crate) fn await_answer(&mut self, slot: Slot, ticket: Ticket) {
        self.set_stage(slot, Stage::Asked);
        if let Some(request) = self.pending_request(slot) {
            request.ticket = Some(ticket);
        }
    }

    /// The request of `slot` goes a step further.
    pub(crate) fn set_stage(&mut self, slot: Slot, stage: Stage) {
        if let Some(connection) = self.get_mut(slot) {
            connection.session.set_stage(stage);
        }
    }

    /// Does the request of `asker` wait for the answer of this ticket, and of no other?
    pub(crate) fn awaits_response(&mut self, asker: ConnId, ticket: Ticket) -> bool {
        self.find(asker).is_some()
            && self
                .pending_request(asker.slot())
                .is_some_and(|request| request.ticket == Some(ticket))
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
