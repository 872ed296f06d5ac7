//! Requests over HTTP: which are counted, what they wait for, and how they are answered.

use crate::id::{ConnId, Slot};
use crate::node::connections::Connections;
use crate::node::connections::connection::ConnectionKind;
use crate::node::connections::request_queue::RequestQueue;
use crate::node::connections::session::Stage;
use crate::node::connections::waiting::PendingRequest;
use crate::node::http::message::{RequestPlace, ResponseForm};
use crate::node::http::request::RequestHead;
use crate::node::work::ticket::Ticket;

impl Connections {
    /// The head of a request is whole.
    pub(crate) fn begin_request(&mut self, slot: Slot) {
        if let Some(connection) = self.arena.get_mut(slot.index()) {
            connection.set_role(ConnectionKind::Request);
        }
    }

    /// A request waits from here on, for the rest of its body or for the application: it counts until
    /// its answer is queued.
    pub(crate) fn count_request(&mut self, slot: Slot, place: RequestPlace) {
        if let Some(connection) = self.arena.get(slot.index()) {
            let address = connection.address().to_bits();
            let queue = self.request_queue(place);
            queue.waiting.insert(slot.index() as u32, address, 1);
        }
    }

    fn request_queue(&mut self, place: RequestPlace) -> &mut RequestQueue {
        match place {
            RequestPlace::Refresh => &mut self.refreshes,
            RequestPlace::Nowhere | RequestPlace::Ordinary => &mut self.requests,
        }
    }

    /// How many requests wait, those that keep users signed in aside.
    pub(crate) fn requests(&self) -> usize {
        self.requests.waiting.len()
    }

    /// How many requests wait that keep users signed in.
    pub(crate) fn refreshes(&self) -> usize {
        self.refreshes.waiting.len()
    }

    /// How many pending connections the address has that has most. The simulator's checkers ask.
    #[cfg(feature = "sim")]
    pub(crate) fn pending_of_address(&self) -> u64 {
        self.pending.by_address.most()
    }

    /// How many requests wait in a place, and how many of them are of the address that has most. Counted
    /// for the simulator's checkers, whatever the tables say.
    #[cfg(feature = "sim")]
    pub(crate) fn requests_by_address(&self, place: RequestPlace) -> [u64; 2] {
        let queue = if place == RequestPlace::Refresh { &self.refreshes } else { &self.requests };
        let mut counts = std::collections::BTreeMap::<_, u64>::new();
        for (index, connection) in self.arena.iter() {
            if queue.waiting.contains(index as u32) {
                *counts.entry(connection.address().to_bits()).or_default() += 1;
            }
        }
        [counts.values().sum(), counts.values().copied().max().unwrap_or(0)]
    }

    /// Does the request of `slot` wait already?
    pub(crate) fn is_request_counted(&self, slot: Slot) -> bool {
        let slot = slot.index() as u32;
        self.requests.waiting.contains(slot) || self.refreshes.waiting.contains(slot)
    }

    /// The oldest request in this place whose body is not whole of the address that has most of those,
    /// if that is more than the address of `slot` would have.
    pub(crate) fn request_to_give_way(&mut self, slot: Slot, place: RequestPlace) -> Option<Slot> {
        let address = self.get(slot)?.address();
        self.request_queue(place).unfinished.heavier_than(address.to_bits(), 1).map(Slot::new)
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
        let (is_unfinished, address) = (stage == Stage::Body, connection.address());
        if is_unfinished && connection.role() == ConnectionKind::Request {
            let is_refresh = self.refreshes.waiting.contains(slot.index() as u32);
            let queue = if is_refresh { &mut self.refreshes } else { &mut self.requests };
            queue.unfinished.insert(slot.index() as u32, address.to_bits(), 1);
        }
    }

    /// The request of `slot` goes on: what was kept of its head.
    pub(crate) fn take_request(&mut self, slot: Slot) -> Option<RequestHead> {
        self.refreshes.unfinished.remove(slot.index() as u32, 1);
        self.requests.unfinished.remove(slot.index() as u32, 1);
        match self.get_mut(slot)?.waiting.as_mut()?.request.take()? {
            PendingRequest::Read(head) => Some(*head),
            PendingRequest::Asked(_) => None,
        }
    }

    /// The request of `slot` is answered, or over: it does not count any more.
    pub(crate) fn end_request(&mut self, slot: Slot) {
        for queue in [&mut self.refreshes, &mut self.requests] {
            queue.waiting.remove(slot.index() as u32, 1);
            queue.unfinished.remove(slot.index() as u32, 1);
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
