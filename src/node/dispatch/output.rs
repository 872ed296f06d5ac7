//! Output: what is queued is handed to the driver, and what follows when it is written.

use std::io::IoSlice;

use crate::id::{ConnId, Slot};
use crate::node::Node;
use crate::node::connections::connection::{Connection, ConnectionKind};
use crate::node::connections::frame::Shared;
use crate::node::connections::session::Stage;
use crate::node::http::message::Response;
use crate::node::http::refusal::Refusal;
use crate::node::observe::close_history::Ending;
use crate::node::work::port::Action;
use crate::time::Now;

impl Node {
    /// Is more queued for readers than may be, or has a socket given way that holds a descriptor
    /// still? A driver that has work left in its turn should do first what the node wants done:
    /// [`poll_action`](Node::poll_action) until it is `None`.
    #[must_use]
    pub fn should_flush(&self) -> bool {
        self.is_place_given || self.has_too_much_output() || self.rooms.is_hurried(&self.cx.policy)
    }

    /// The weight of what is queued for all readers, in bytes. It grows by what a call makes to write.
    #[must_use]
    pub(crate) fn queued_output(&self) -> usize {
        self.connections.pool.weight()
    }

    /// Fills `slices` from its start with what is to be written next, and says how many there are:
    /// for one vectored write.
    pub fn pending_output<'a>(&'a self, id: ConnId, slices: &mut [IoSlice<'a>]) -> usize {
        self.connections.find(id).map_or(0, |connection| connection.outbox.slices(slices))
    }

    /// Copies what is to be written next into `buffer`, as much as fits, and says how much that is:
    /// for a driver whose vectored write would name fewer frames than are queued.
    pub fn copy_output(&self, id: ConnId, buffer: &mut [u8]) -> usize {
        self.connections.find(id).map_or(0, |connection| connection.outbox.copy(buffer))
    }

    /// Is there anything to write?
    #[must_use]
    pub fn has_output(&self, id: ConnId) -> bool {
        self.connections.find(id).is_some_and(|connection| !connection.outbox.is_empty())
    }

    /// The driver has sealed the next `length` bytes of the pending output, and the kernel did not
    /// take all of what came of it: until they are out, none of their frames is dropped.
    pub fn commit_output(&mut self, id: ConnId, length: usize) {
        self.connections.commit(id, length);
    }

    /// `written` bytes of the pending output are out. 0, too, is worth telling: the socket takes no
    /// more, and what is queued beyond it is a slow reader's.
    pub fn consume_output(&mut self, now: Now, id: ConnId, written: usize) {
        self.cx.now = now;
        if !self.has_output(id) {
            return;
        }
        let slot = id.slot();
        if self.cx.policy.log_access {
            self.cx.access.add_out(slot, written);
        }
        let owed_output = self.owes_output(id);
        let is_drained = self.connections.consume(slot, written);
        self.cx.encoder.take_spares(&mut self.connections.pool.spares);
        if is_drained {
            self.on_outbox_drained(slot);
        }
        if owed_output && !self.owes_output(id) {
            self.resume(slot, true);
        }
        self.enforce_budgets();
    }

    fn owes_output(&self, id: ConnId) -> bool {
        self.connections.get(id.slot()).is_some_and(|it| it.owes_output(&self.cx.policy))
    }

    /// The driver keeps `bytes` of `id` that it cannot hand over yet, as a record of TLS is not
    /// whole: they count among the unfinished input of all. Who has to go for them is dropped.
    pub fn hold_input(&mut self, now: Now, id: ConnId, bytes: usize) {
        self.cx.now = now;
        if self.connections.find(id).is_some() && self.connections.set_buffered(id.slot(), bytes) {
            self.enforce_budgets();
        }
    }

    /// Queues `frame` for `slot`; who reads too slowly for it is closed.
    pub(crate) fn send(&mut self, slot: Slot, frame: Shared) {
        if self.connections.send(&mut self.cx, slot, frame).is_err() {
            self.cx.metrics.slow_consumers += 1;
            self.close_slow_consumer(slot);
        }
    }

    /// The last byte of the outbox of `slot` is written.
    pub(crate) fn on_outbox_drained(&mut self, slot: Slot) {
        let now = self.cx.now.monotonic;
        let Some(connection) = self.connections.get_mut(slot) else { return };
        connection.session.output_written(now, &self.cx.policy);
        let (stage, is_upgrading) = (connection.stage(), connection.session.is_upgrading());
        if is_upgrading {
            let policy = &self.cx.policy;
            self.connections.edit(policy, slot, |it, policy| it.upgrade_written(now, policy));
        }
        match stage {
            Stage::Responding => {
                let policy = &self.cx.policy;
                self.connections.edit(policy, slot, |session, _| session.response_sent(now));
                let id = self.connections.id_of(slot);
                self.cx.actions.push_back(Action::Finish(id));
            }
            Stage::Ending => self.drop_connection(slot),
            _ => {}
        }
    }

    /// Writes `response` to whoever may read it; then the connection ends.
    pub(crate) fn write_response(&mut self, slot: Slot, response: Response) {
        let (bytes, rest) = self.response_bytes(slot, response);
        self.write_last(slot, bytes, rest);
    }

    /// `response` in the form that the request at `slot` asked for, which is forgotten by that.
    fn response_bytes(&mut self, slot: Slot, response: Response) -> (Vec<u8>, Option<Vec<u8>>) {
        let form = self.connections.take_form(slot);
        let policy = &self.cx.policy;
        let is_admin = self.connections.get(slot).is_some_and(Connection::is_admin);
        let is_secure = !is_admin && (policy.speaks_tls || form.is_https);
        let secure_seconds = is_secure.then_some(policy.hsts_seconds);
        response.into_bytes(&form, secure_seconds)
    }

    /// Writes a response; then the connection ends.
    fn write_last(&mut self, slot: Slot, bytes: Vec<u8>, rest: Option<Vec<u8>>) {
        self.begin_close(slot, Shared::from(bytes), None, Stage::Responding);
        if let Some(rest) = rest {
            self.connections.queue_last(&mut self.cx, slot, Shared::from(rest));
        }
        self.connections.discard_input(slot);
        if self.connections.get(slot).is_some_and(|it| it.role() != ConnectionKind::Client) {
            let read_by = self.cx.now.monotonic + self.cx.policy.response_timeout;
            let policy = &self.cx.policy;
            self.connections.edit(policy, slot, |session, _| session.set_deadline(read_by));
        }
    }

    /// The application's response. One that says that it failed counts like a refusal.
    pub(crate) fn write_app_response(&mut self, slot: Slot, response: Response) {
        if response.status >= 500 && self.connections.get(slot).is_some_and(|it| !it.is_admin()) {
            self.cx.metrics.count_refusal(response.status);
        }
        self.write_response(slot, response);
    }

    /// Refuses a request.
    pub(crate) fn refuse(&mut self, slot: Slot, refusal: Refusal) {
        if self.connections.get(slot).is_some_and(|it| !it.is_admin()) {
            self.cx.metrics.count_refusal(refusal.status());
        }
        let id = self.connections.id_of(slot);
        log::debug!(connection:% = id; "refused: {}", refusal.status());
        let (bytes, rest) = self.response_bytes(slot, refusal.response());
        if self.cx.policy.log_access {
            // The line is written before the response is: it counts what is about to be written.
            let length = bytes.len().saturating_add(rest.as_ref().map_or(0, |rest| rest.len()));
            self.cx.access.add_out(slot, length);
        }
        self.note_end(slot, Ending::Refused(refusal));
        self.write_last(slot, bytes, rest);
    }
}
