//! The ways a connection ends.

use crate::id::ConnId;
use crate::node::Node;
use crate::node::app::Left;
use crate::node::connections::connection::Afterwards;
use crate::node::connections::frame::Shared;
use crate::node::connections::session::Phase;
use crate::node::observe::close_history::Ending;
use crate::node::work::port::{Action, Hangup};
use crate::protocol::CloseReason;
use crate::time::Now;

impl Node {
    /// The peer is gone, or at least silent for good.
    pub fn handle_hangup(&mut self, now: Now, id: ConnId, why: Hangup) {
        let Some(connection) = self.find(id) else { return };
        let (index, phase) = (id.index(), connection.session.phase());
        let is_owed_output = !connection.outbox.is_empty();
        if phase != Phase::Closing {
            self.metrics.hangups += 1;
            self.note_end(now, index, Ending::HungUp(why));
        }
        // Who ends its side in order may still read what was said to it.
        if why == Hangup::Eof && is_owed_output {
            self.depart(index, None);
            // A linger that has begun is not begun anew.
            if phase != Phase::Closing {
                self.with_session(index, |session, _| session.closing(now.monotonic));
            }
            self.end_when_written(now, index, Afterwards::Close);
        } else {
            self.drop_connection(now, index);
        }
    }

    /// Says `reason` and waits for the peer's close frame, for as long as the linger allows.
    pub(crate) fn close(&mut self, now: Now, index: usize, reason: CloseReason) {
        let is_websocket = self.connections.get(index).is_some_and(|connection| {
            !matches!(connection.session.phase(), Phase::Handshaking | Phase::Closing)
        });
        if is_websocket {
            self.metrics.count_close(reason);
            let id = self.id_of(index);
            let is_first = self.phase(id).is_some_and(Phase::is_pending);
            self.metrics.count_auth_end(reason, is_first);
            log::debug!(connection:% = id; "closed: {} {}", reason.code(), reason.text());
            self.note_end(now, index, Ending::Closed(reason));
            let frame = self.encoder.close(reason);
            self.say_goodbye(now, index, frame, Some(reason));
        }
    }

    /// The peer reads more slowly than its room speaks: what it has not seen is dropped.
    pub(crate) fn close_slow_consumer(&mut self, now: Now, index: usize) {
        if let Some(connection) = self.connections.get_mut(index) {
            let needed = usize::from(connection.afterwards == Afterwards::Clock);
            connection.outbox.drop_unsent(&mut self.pool, needed);
            self.weigh_output(index);
            self.close(now, index, CloseReason::SlowConsumer);
        }
    }

    /// What cannot be understood is refused, and nothing after it is looked at.
    pub(crate) fn close_deaf(&mut self, now: Now, index: usize, reason: CloseReason) {
        self.close(now, index, reason);
        if let Some(connection) = self.connections.get_mut(index) {
            connection.is_deaf = true;
        }
    }

    /// The peer closes: it is answered in kind, and the TCP connection ends (RFC 6455, section
    /// 5.5.1). If the server had closed before, this is the answer it waited for.
    pub(crate) fn peer_closed(&mut self, now: Now, index: usize, code: Option<u16>) {
        let Some(connection) = self.connections.get(index) else { return };
        if connection.session.phase() != Phase::Closing {
            self.metrics.count_close(CloseReason::Normal);
            self.note_end(now, index, Ending::ClosedByClient(code));
            let echo = self.encoder.close_echo(code);
            self.say_goodbye(now, index, echo, None);
        }
        self.end_when_written(now, index, Afterwards::Close);
    }

    /// Queues the last frame, leaves room and user, and starts the linger.
    pub(crate) fn say_goodbye(
        &mut self,
        now: Now,
        index: usize,
        frame: Shared,
        reason: Option<CloseReason>,
    ) {
        self.depart(index, reason);
        self.with_session(index, |session, _| session.closing(now.monotonic));
        if let Some(connection) = self.connections.get_mut(index) {
            let taken = connection.outbox.push(&mut self.pool, frame, 0);
            debug_assert!(taken.is_ok(), "a queue without a bound takes every frame");
        }
        self.weigh_output(index);
        self.flush(index);
    }

    pub(crate) fn end_when_written(&mut self, now: Now, index: usize, afterwards: Afterwards) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        connection.afterwards = afterwards;
        if connection.outbox.is_empty() {
            self.everything_is_out(now, index);
        }
    }

    /// Ends the TCP connection, whatever is queued. Its slot is free once the driver knows.
    pub(crate) fn drop_connection(&mut self, now: Now, index: usize) {
        let id = self.id_of(index);
        self.depart(index, None);
        self.with_session(index, |session, _| session.closing(now.monotonic));
        self.wheel.cancel(index);
        if let Some(connection) = self.connections.get_mut(index)
            && !std::mem::replace(&mut connection.is_over, true)
        {
            self.actions.push_back(Action::Close(id));
        }
        self.weigh_input(index);
    }

    /// Leaves room and user, tells the application, and takes back what was reserved.
    fn depart(&mut self, index: usize, reason: Option<CloseReason>) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let waiting = connection.waiting.take();
        connection.wanted_room = None;
        self.weigh_input(index);
        if let Some(waiting) = waiting {
            if let Some(check) = waiting.check {
                self.checks.forget(&check);
            }
            if let Some(place) = waiting.place {
                self.forget_place(index, &place);
            }
            if let Some(join) = waiting.join {
                if !self.withdraw(join.ticket) {
                    self.questions.close(join.ticket);
                }
                self.forget_reservation(join.reserved);
            }
            if let Some(ticket) = waiting.request.and_then(|request| request.ticket) {
                self.withdraw(ticket);
            }
        }
        let user = self.users.name_of(index).cloned();
        let room = self.rooms.name_of(index).cloned();
        self.users.leave(index);
        if !self.user_limit.is_empty()
            && let Some(user) = &user
        {
            self.user_limit.left(user, self.id_of(index));
        }
        self.leave_room(index);
        if let (Some(user), Some(room)) = (user, room) {
            let connection = self.id_of(index);
            self.app.on_leave(&Left { connection, room: &room, user: &user, reason });
        }
    }

    /// Frees the slot: the driver has been told.
    pub(crate) fn free(&mut self, index: usize) {
        let Some(mut connection) = self.connections.try_remove(index) else { return };
        connection.outbox.clear(&mut self.pool);
        self.weigh_nothing(index);
        if connection.is_admin {
            self.admin.connections -= 1;
            self.admin.places.remove(ConnId::new(index as u32, connection.generation));
            return;
        }
        self.count_phase(connection.session.phase(), -1);
        self.requests -= usize::from(connection.is_request);
        if let Some(drain) = &mut self.drain {
            drain.gone(connection.generation);
        }
    }
}
