//! What all connections hold together, and who goes when that is too much.
//!
//! Four budgets, each counted in plain integers as it changes: what strangers have sent and is not
//! finished, what members have, what is queued for readers, and what the application was asked.
//! Strangers have no part in the budget of members, so they cannot take a member's place. Beyond a
//! budget somebody goes, in this order:
//!
//! 1. strangers: who holds most, and of those the oldest. An HTTP request is answered 503, a
//!    WebSocket closed with `Server overloaded`; a connection that is closing already, or is in the
//!    middle of a record of TLS, is dropped;
//! 2. members who hold most unfinished input, when their own budget is exceeded: `Server overloaded`;
//! 3. slow readers: the largest backlog first, with `Slow consumer`. A reader is slow when its
//!    socket has not taken all it was given, so who keeps up with its room is not among them;
//! 4. what is asked over the budget for work ends nobody: a member's message waits, and slows its
//!    sender; a join is refused with `Server overloaded`, a request with 503, and already at half of
//!    the budget.

use crate::config::memory::{HOLDER_BYTES, QUESTION_BYTES};
use crate::id::ConnId;
use crate::node::Node;
use crate::node::connections::budget::Side;
use crate::node::connections::connection::{Afterwards, Connection};
use crate::node::connections::session::Phase;
use crate::node::http::refusal::Refusal;
use crate::node::observe::close_history::Ending;
use crate::protocol::CloseReason;
use crate::time::Now;

/// What a question with so many bytes of text costs: it is copied for whoever answers, and perhaps
/// once more to be sent to them.
pub(crate) fn cost(text_bytes: usize) -> u32 {
    let cost = text_bytes.saturating_mul(2).saturating_add(QUESTION_BYTES);
    u32::try_from(cost).unwrap_or(u32::MAX)
}

/// What the driver keeps of each connection's input, by the index of its slot: a byte each, from the
/// first one on of whom it keeps something.
#[derive(Debug, Default)]
pub(crate) struct HeldOutside(Vec<u8>);

impl HeldOutside {
    /// In whole KiB, begun ones included.
    fn bytes(&self, index: usize) -> usize {
        self.0.get(index).map_or(0, |&kib| 1_024 * usize::from(kib))
    }

    /// True: that is a change.
    pub(crate) fn set(&mut self, index: usize, bytes: usize) -> bool {
        let kib = u8::try_from(bytes.div_ceil(1_024)).unwrap_or(u8::MAX);
        if self.0.len() <= index {
            if kib == 0 {
                return false;
            }
            self.0.resize(index + 1, 0);
        }
        let Some(place) = self.0.get_mut(index) else { return false };
        std::mem::replace(place, kib) != kib
    }
}

impl Connection {
    /// What it has sent and is not finished or not answered: bytes of memory, not of messages;
    /// `outside` of them are kept by the driver. O(1).
    fn held_input(&self, outside: usize) -> usize {
        let waiting = self.waiting.as_ref().map(|waiting| waiting.kept_bytes());
        match self.decoder.held_bytes() + outside + waiting.unwrap_or(0) {
            0 => 0,
            held => HOLDER_BYTES + held,
        }
    }

    fn side(&self) -> Side {
        let is_member = self.session.phase().is_authenticated();
        if is_member { Side::Members } else { Side::Strangers }
    }
}

impl Node {
    /// Is more queued for readers than may be, or has a socket given way that holds a descriptor
    /// still? A driver that has work left in its turn should do first what the node wants done:
    /// [`poll_action`](Node::poll_action) until it is `None`.
    #[must_use]
    pub fn should_flush(&self) -> bool {
        self.is_place_given || self.has_too_much_output() || self.is_hurried()
    }

    pub(crate) fn has_too_much_output(&self) -> bool {
        self.pool.held() > self.policy.outbound_total
    }

    /// Is more held of input than may be?
    pub(crate) fn exceeds_input(&self) -> bool {
        self.input.total(Side::Strangers) > self.policy.pending_input_total
            || self.input.total(Side::Members) > self.policy.member_input_total
    }

    /// Counts what `index` holds of its input's budget.
    pub(crate) fn weigh_input(&mut self, index: usize) {
        if let Some(connection) = self.connections.get(index)
            && !connection.is_admin
        {
            let outside = self.held_outside.bytes(index);
            let held = if connection.is_over { 0 } else { connection.held_input(outside) };
            self.input.set(index, connection.side(), held);
        }
    }

    /// Counts what is queued for `index`, if it is a slow reader.
    pub(crate) fn weigh_output(&mut self, index: usize) {
        if self.output.has(index) {
            self.is_slow(index);
        }
    }

    /// The socket of `index` has not taken all that was queued for it.
    pub(crate) fn is_slow(&mut self, index: usize) {
        if let Some(connection) = self.connections.get(index)
            && !connection.is_admin
        {
            self.output.set(index, connection.side(), connection.outbox.weight());
        }
    }

    /// `index` is gone.
    pub(crate) fn weigh_nothing(&mut self, index: usize) {
        self.held_outside.set(index, 0);
        self.input.set(index, Side::Strangers, 0);
        self.output.set(index, Side::Strangers, 0);
    }

    /// Sheds until every budget holds. Each step ends one connection or begins its end, so the work
    /// is bounded by what came in.
    pub(crate) fn relieve(&mut self, now: Now) {
        self.relieved_at = now;
        if !self.crowd.is_empty() {
            self.ask_for_crowd(now);
        }
        while self.input.total(Side::Strangers) > self.policy.pending_input_total
            && let Some(index) = self.input.heaviest(Side::Strangers)
        {
            self.metrics.shed_pending += 1;
            self.turn_out(now, index);
        }
        while self.input.total(Side::Members) > self.policy.member_input_total
            && let Some(index) = self.input.heaviest(Side::Members)
        {
            self.metrics.shed_members += 1;
            if self.is_held_outside(index) {
                self.note_end(now, index, Ending::Closed(CloseReason::Overloaded));
                self.cut_off(now, index);
            } else {
                self.close_deaf(now, index, CloseReason::Overloaded);
            }
            self.forget_input(index);
        }
        // What the driver has not tried to write yet says nothing about its readers.
        while self.flushes == 0 && self.has_too_much_output() {
            if let Some(index) = self.output.heaviest(Side::Strangers) {
                self.metrics.shed_readers += 1;
                self.stop_writing(now, index);
            } else if let Some(index) = self.output.heaviest(Side::Members) {
                self.metrics.shed_readers += 1;
                self.close_slow_consumer(now, index);
            } else {
                // What is left was not tried yet: the driver writes it next.
                break;
            }
        }
    }

    /// Does the driver keep input of `index`? It is gone with the connection only.
    fn is_held_outside(&self, index: usize) -> bool {
        self.held_outside.bytes(index) > 0
    }

    /// Ends a connection that is not authenticated.
    fn turn_out(&mut self, now: Now, index: usize) {
        let Some(connection) = self.connections.get(index) else { return };
        let phase = connection.session.phase();
        match phase {
            _ if self.is_held_outside(index) => {
                self.note_end(now, index, Ending::Closed(CloseReason::Overloaded));
                self.cut_off(now, index);
            }
            // Nobody knows yet whom an answer would be for.
            Phase::Handshaking if connection.awaits_client => self.drop_connection(now, index),
            Phase::Handshaking => self.refuse(now, index, Refusal::AtCapacity),
            Phase::Authenticating | Phase::Joining => {
                self.close_deaf(now, index, CloseReason::Overloaded);
            }
            _ => self.cut_off(now, index),
        }
        self.forget_input(index);
    }

    /// Ends a connection that is not authenticated and does not read.
    fn stop_writing(&mut self, now: Now, index: usize) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        if !matches!(connection.session.phase(), Phase::Authenticating | Phase::Joining) {
            return self.cut_off(now, index);
        }
        let needed = usize::from(connection.afterwards == Afterwards::Clock);
        connection.outbox.drop_unsent(&mut self.pool, needed);
        self.weigh_output(index);
        self.close_deaf(now, index, CloseReason::Overloaded);
    }

    /// Ends a connection that reads nothing, not even its last words.
    fn cut_off(&mut self, now: Now, index: usize) {
        self.drop_connection(now, index);
        if let Some(connection) = self.connections.get_mut(index) {
            connection.outbox.clear(&mut self.pool);
        }
        self.weigh_output(index);
    }

    /// Nothing that `index` sends is looked at any more.
    fn forget_input(&mut self, index: usize) {
        if let Some(connection) = self.connections.get_mut(index) {
            connection.is_deaf = true;
            connection.decoder = Default::default();
        }
        self.weigh_input(index);
    }

    /// What a stranger's question with so many bytes of text costs of the budget for work; `None`:
    /// there is no room for it in the half that strangers may use.
    pub(crate) fn room_to_ask(&mut self, text_bytes: usize) -> Option<u32> {
        let cost = cost(text_bytes);
        let asked = self.questions.weight();
        if asked > 0 && asked.saturating_add(cost as usize) > self.policy.work_total / 2 {
            self.metrics.refused_questions += 1;
            return None;
        }
        Some(cost)
    }

    /// Does a member's message with so many bytes have to wait until less is asked? One may always
    /// be asked where nothing is.
    pub(crate) fn is_crowded(&self, text_bytes: usize) -> bool {
        let asked = self.questions.weight();
        asked > 0 && asked.saturating_add(cost(text_bytes) as usize) > self.policy.work_total
    }

    /// `index` has a message that waits until less is asked, for as long as an answer may take.
    pub(crate) fn wait_in_crowd(&mut self, now: Now, index: usize) {
        let until = now.monotonic + self.policy.answer_timeout;
        if let Some(connection) = self.connections.get_mut(index)
            && let Some(waiting) = &mut connection.waiting
        {
            waiting.crowd_until.get_or_insert(until);
            if !std::mem::replace(&mut waiting.is_in_crowd, true) {
                self.metrics.crowded_messages += 1;
                self.crowd.push_back(ConnId::new(index as u32, connection.generation));
            }
            self.arm(index);
        }
    }

    /// Asks for those who have waited, the first to come first, as long as there is room.
    fn ask_for_crowd(&mut self, now: Now) {
        while let Some(&id) = self.crowd.front() {
            let connection = self.find(id);
            let waiting = connection.and_then(|connection| connection.waiting.as_ref());
            let next = waiting.and_then(|waiting| waiting.next_bytes());
            if next.is_some_and(|bytes| self.is_crowded(bytes)) {
                return;
            }
            self.crowd.pop_front();
            if self.find(id).is_none() {
                continue;
            }
            let connection = self.connections.get_mut(id.index());
            if let Some(waiting) = connection.and_then(|connection| connection.waiting.as_mut()) {
                waiting.is_in_crowd = false;
                waiting.crowd_until = None;
            }
            self.resume(now, id.index(), false);
        }
    }

    /// Are all budgets kept, and is what they count what is there? O(connections).
    ///
    /// # Errors
    /// What is wrong.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn judge_budgets(&self) -> Result<(), String> {
        let held = |side: Side| {
            let of_side = self.connections.iter().filter(|(_, connection)| {
                connection.side() == side && !connection.is_admin && !connection.is_over
            });
            let held = |(index, connection): (usize, &Connection)| {
                connection.held_input(self.held_outside.bytes(index))
            };
            of_side.map(held).sum::<usize>()
        };
        let policy = &self.policy;
        for (side, most) in [
            (Side::Strangers, policy.pending_input_total),
            (Side::Members, policy.member_input_total),
        ] {
            let (counted, held) = (self.input.total(side), held(side));
            if counted != held {
                return Err(format!(
                    "{side:?} hold {held} bytes of input, and {counted} are counted"
                ));
            } else if held > most {
                return Err(format!("{side:?} hold {held} bytes of input, and may hold {most}"));
            }
        }
        let is_slow = |index: usize| self.output.has(index);
        let unwritten = self
            .connections
            .iter()
            .any(|(index, c)| !c.outbox.is_empty() && !c.is_admin && !c.is_over && !is_slow(index));
        if self.has_too_much_output() && !unwritten {
            return Err(format!("{} bytes are queued for slow readers", self.pool.held()));
        }
        Ok(())
    }
}
