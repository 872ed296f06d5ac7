//! What all connections hold together, and which of them goes when that is too much.
//!
//! Four budgets, each counted in plain integers as it changes: what pending connections have sent and
//! is not finished, what authenticated ones have, what is queued for readers, and what the application
//! was asked. Pending connections have no part in the budget of the authenticated, so they cannot take
//! their place. Beyond a budget a connection is evicted, in this order:
//!
//! 1. pending connections: the one that holds most, and of those the oldest. An HTTP request is
//!    answered 503, a WebSocket closed with `Server overloaded`; a connection that is closing already,
//!    or is in the middle of a record of TLS, is dropped;
//! 2. authenticated connections that hold most unfinished input, when their own budget is exceeded:
//!    `Server overloaded`;
//! 3. slow readers: the largest backlog first, with `Slow consumer`. A reader is slow when its socket
//!    has not taken all it was given, so a reader that keeps up with its room is not among them;
//! 4. what is asked over the budget for work ends no connection: a message of an authenticated one
//!    waits, and slows its sender; a join is refused with `Server overloaded`, a request with 503, and
//!    already at half of the budget.

use crate::id::Slot;
use crate::node::Node;
use crate::node::connections::budget::Side;
use crate::node::connections::session::Stage;
use crate::node::http::refusal::Refusal;
use crate::node::observe::close_history::Ending;
use crate::protocol::CloseReason;

impl Node {
    pub(crate) fn has_too_much_output(&self) -> bool {
        self.connections.pool.held() > self.cx.policy.outbound_total
    }

    /// Is more held of input than may be?
    pub(crate) fn exceeds_input(&self) -> bool {
        let (input, policy) = (&self.connections.input, &self.cx.policy);
        input.total(Side::Pending) > policy.pending_input_total
            || input.total(Side::Authenticated) > policy.member_input_total
    }

    /// Evicts until every budget holds. Each step ends one connection or begins its end, so the work
    /// is bounded by what came in.
    pub(crate) fn enforce_budgets(&mut self) {
        if !self.work.backlog.is_empty() {
            self.ask_for_backlog();
        }
        while self.connections.input.total(Side::Pending) > self.cx.policy.pending_input_total
            && let Some(slot) = self.connections.input.heaviest(Side::Pending)
        {
            self.cx.metrics.shed_pending += 1;
            self.evict_pending(slot);
        }
        while self.connections.input.total(Side::Authenticated) > self.cx.policy.member_input_total
            && let Some(slot) = self.connections.input.heaviest(Side::Authenticated)
        {
            self.cx.metrics.shed_members += 1;
            if self.connections.is_buffered(slot) {
                self.note_end(slot, Ending::Closed(CloseReason::Overloaded));
                self.abort(slot);
            } else {
                self.close_discarding(slot, CloseReason::Overloaded);
            }
            self.connections.discard_input(slot);
        }
        // What the driver has not tried to write yet says nothing about its readers.
        while self.connections.is_all_flushed() && self.has_too_much_output() {
            if let Some(slot) = self.connections.output.heaviest(Side::Pending) {
                self.cx.metrics.shed_readers += 1;
                self.stop_writing(slot);
            } else if let Some(slot) = self.connections.output.heaviest(Side::Authenticated) {
                self.cx.metrics.shed_readers += 1;
                self.close_slow_consumer(slot);
            } else {
                // What is left was not tried yet: the driver writes it next.
                break;
            }
        }
    }

    /// Ends a connection that is not authenticated.
    fn evict_pending(&mut self, slot: Slot) {
        let Some(connection) = self.connections.get(slot) else { return };
        match connection.stage() {
            _ if self.connections.is_buffered(slot) => {
                self.note_end(slot, Ending::Closed(CloseReason::Overloaded));
                self.abort(slot);
            }
            // Nobody knows yet whom an answer would be for.
            Stage::ProxyHeader => self.drop_connection(slot),
            Stage::Head | Stage::Body | Stage::Checking | Stage::Asked => {
                self.refuse(slot, Refusal::AtCapacity);
            }
            Stage::Authenticating | Stage::Joining => {
                self.close_discarding(slot, CloseReason::Overloaded);
            }
            _ => self.abort(slot),
        }
        self.connections.discard_input(slot);
    }

    /// Ends a connection that is not authenticated and does not read.
    fn stop_writing(&mut self, slot: Slot) {
        let Some(connection) = self.connections.get(slot) else { return };
        if matches!(connection.stage(), Stage::Authenticating | Stage::Joining) {
            self.connections.drop_unsent(slot);
            self.close_discarding(slot, CloseReason::Overloaded);
        } else {
            self.abort(slot);
        }
    }

    /// Ends a connection that reads nothing, not even its last frame.
    fn abort(&mut self, slot: Slot) {
        self.drop_connection(slot);
        self.connections.drop_output(slot);
    }

    /// `slot` has a message that waits until less is asked, for as long as an answer may take.
    pub(crate) fn wait_in_backlog(&mut self, slot: Slot) {
        let until = self.cx.now.monotonic + self.cx.policy.answer_timeout;
        let id = self.connections.id_of(slot);
        let connection = self.connections.get_mut(slot);
        if let Some(waiting) = connection.and_then(|connection| connection.waiting.as_mut()) {
            waiting.backlog_until.get_or_insert(until);
            if !std::mem::replace(&mut waiting.is_in_backlog, true) {
                self.cx.metrics.crowded_messages += 1;
                self.work.backlog.push_back(id);
            }
            self.connections.arm(&self.cx.policy, slot);
        }
    }

    /// Asks for those that have waited, the first to come first, as long as there is room.
    fn ask_for_backlog(&mut self) {
        while let Some(&id) = self.work.backlog.front() {
            let waiting = self.connections.find(id).and_then(|it| it.waiting.as_ref());
            let next = waiting.and_then(|waiting| waiting.next_bytes());
            if next.is_some_and(|bytes| self.work.over_work_budget(&self.cx.policy, bytes)) {
                return;
            }
            self.work.backlog.pop_front();
            let Some(connection) = self.connections.find_mut(id) else { continue };
            if let Some(waiting) = &mut connection.waiting {
                waiting.is_in_backlog = false;
                waiting.backlog_until = None;
            }
            self.resume(id.slot(), false);
        }
    }

    /// Are all budgets kept, and is what they count what is there? O(connections).
    ///
    /// # Errors
    /// What is wrong.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn judge_budgets(&self) -> Result<(), String> {
        let policy = &self.cx.policy;
        for (side, most) in [
            (Side::Pending, policy.pending_input_total),
            (Side::Authenticated, policy.member_input_total),
        ] {
            let (counted, held) = self.connections.audit_input(side);
            if counted != held {
                return Err(format!(
                    "{side:?} connections hold {held} bytes of input, and {counted} are counted"
                ));
            } else if held > most {
                return Err(format!(
                    "{side:?} connections hold {held} bytes of input, and may hold {most}"
                ));
            }
        }
        let is_slow = |slot: Slot| self.connections.output.has(slot);
        let unwritten = self.connections.iter().any(|(slot, connection)| {
            let is_counted = !connection.is_admin() && !connection.is_dropped();
            !connection.outbox.is_empty() && is_counted && !is_slow(slot)
        });
        if self.has_too_much_output() && !unwritten {
            let held = self.connections.pool.held();
            return Err(format!("{held} bytes are queued for slow readers"));
        }
        Ok(())
    }
}
