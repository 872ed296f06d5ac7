//! The ways a connection ends.

use crate::auth::TokenError;
use crate::id::{ConnId, Slot};
use crate::node::Node;
use crate::node::connections::frame::Shared;
use crate::node::connections::pending::WantedRoom;
use crate::node::connections::session::{Phase, Stage};
use crate::node::connections::waiting::{PendingAuth, PendingRequest, Waiting};
use crate::node::http::refusal::Refusal;
use crate::node::observe::close_history::{Account, Ending, Unanswered};
use crate::node::planted::Planted;
use crate::node::rooms::lingering::Leave;
use crate::node::work::port::{Action, Hangup};
use crate::protocol::CloseReason;

impl Node {
    pub(crate) fn on_hangup(&mut self, id: ConnId, why: Hangup) {
        let Some(connection) = self.connections.find(id) else { return };
        let (slot, phase) = (id.slot(), connection.session.phase());
        let is_owed_output = !connection.outbox.is_empty();
        if phase != Phase::Closing {
            self.cx.metrics.hangups += 1;
            self.note_end(slot, Ending::HungUp(why));
        }
        // A peer that ends its side in order may still read what was sent to it.
        if why == Hangup::Eof && is_owed_output {
            self.leave_groups(slot, None);
            // A linger that has begun is not begun again.
            if phase != Phase::Closing {
                self.begin_linger(slot, Stage::Ending);
            }
            self.end_when_written(slot);
        } else {
            self.drop_connection(slot);
        }
    }

    /// Sends `reason` and waits for the peer's close frame, for as long as the linger allows.
    pub(crate) fn close(&mut self, slot: Slot, reason: CloseReason) {
        let Some(connection) = self.connections.get(slot) else { return };
        let phase = connection.session.phase();
        if matches!(phase, Phase::Handshaking | Phase::Closing) {
            return;
        }
        let reason = waited_for(connection.waiting.as_deref(), reason);
        if reason == CloseReason::KeysUnavailable && connection.waits_for_key() {
            self.cx.metrics.count_token_refusal(TokenError::KeysUnavailable);
        }
        self.cx.metrics.count_close(reason);
        self.cx.metrics.count_auth_end(reason, phase.is_pending());
        let id = self.connections.id_of(slot);
        log::debug!(connection:% = id; "closed: {} {}", reason.code(), reason.text());
        self.note_end(slot, Ending::Closed(reason));
        self.tell_slot(slot, reason);
        let frame = self.cx.encoder.close(reason);
        self.begin_close(slot, frame, Some(reason), Stage::CloseSent);
    }

    /// The peer reads more slowly than its room speaks: what it has not seen is dropped.
    pub(crate) fn close_slow_consumer(&mut self, slot: Slot) {
        self.connections.drop_unsent(slot);
        self.close(slot, CloseReason::SlowConsumer);
    }

    /// Closes readers that had no room for what was said in their room; in a cluster, publishes what is
    /// for other nodes.
    pub(crate) fn close_slow_members(&mut self) {
        while let Some(slot) = self.rooms.next_slow() {
            self.cx.metrics.slow_consumers += 1;
            self.close_slow_consumer(slot);
        }
        if self.rooms.has_outgoing() {
            self.publish_outgoing();
        }
    }

    /// What cannot be understood is refused, and nothing after it is looked at.
    pub(crate) fn close_discarding(&mut self, slot: Slot, reason: CloseReason) {
        self.close(slot, reason);
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.session.set_stage(Stage::Discarding);
        }
    }

    /// The peer closes: it is answered in kind, and the TCP connection ends (RFC 6455, section
    /// 5.5.1). If the server had closed before, this is the answer it waited for.
    pub(crate) fn peer_closed(&mut self, slot: Slot, code: Option<u16>) {
        let Some(connection) = self.connections.get(slot) else { return };
        if connection.session.phase() != Phase::Closing {
            self.cx.metrics.count_close(CloseReason::Normal);
            self.note_end(slot, Ending::ClosedByClient(code));
            let echo = self.cx.encoder.close_echo(code);
            self.begin_close(slot, echo, None, Stage::Ending);
        }
        self.end_when_written(slot);
    }

    /// Queues the last frame, leaves room and user, and starts the linger.
    pub(crate) fn begin_close(
        &mut self,
        slot: Slot,
        frame: Shared,
        reason: Option<CloseReason>,
        stage: Stage,
    ) {
        self.leave_groups(slot, reason);
        self.begin_linger(slot, stage);
        self.connections.queue_last(&mut self.cx, slot, frame);
    }

    fn begin_linger(&mut self, slot: Slot, stage: Stage) {
        let now = self.cx.now.monotonic;
        // What is left of a request is a socket, which costs nobody's request its place.
        self.connections.end_request(slot);
        self.connections.edit(&self.cx.policy, slot, |session, _| session.closing(now, stage));
        if stage != Stage::Dropped {
            self.connections.count_closing(slot);
        }
    }

    /// Ends the TCP connection of `slot`, which is closing, when everything is written.
    fn end_when_written(&mut self, slot: Slot) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        connection.session.set_stage(Stage::Ending);
        if connection.outbox.is_empty() {
            self.on_outbox_drained(slot);
        }
    }

    /// Ends the TCP connection, whatever is queued. Its slot is free once the driver knows.
    pub(crate) fn drop_connection(&mut self, slot: Slot) {
        let id = self.connections.id_of(slot);
        let is_first = self.connections.find(id).is_some();
        self.leave_groups(slot, None);
        self.begin_linger(slot, Stage::Dropped);
        self.connections.disarm(slot);
        if is_first {
            self.connections.count_dropped(slot);
            self.cx.actions.push_back(Action::Close(id));
        }
        self.connections.weigh_input(slot);
    }

    /// Ends a connection without a word, for this reason.
    pub(crate) fn drop_for(&mut self, slot: Slot, why: Unanswered) {
        self.note_end(slot, Ending::Dropped(why));
        self.drop_connection(slot);
    }

    /// A connection gives its place in a small table to a newer one.
    pub(crate) fn give_way(&mut self, id: ConnId) {
        log::debug!(connection:% = id; "gives way to a newer one");
        self.drop_for(id.slot(), Unanswered::GaveWay);
        self.is_place_given = true;
    }

    /// A pending connection gives its place to one from an address that holds less. A WebSocket hears
    /// that it may come again.
    pub(crate) fn yield_to_lighter(&mut self, id: ConnId) {
        self.cx.metrics.pending_gave_way += 1;
        let is_full = self.connections.public() >= self.cx.policy.connections;
        let Some(connection) = self.connections.find(id) else { return };
        if connection.stage().awaits_answer() {
            // Its request is whole, and perhaps under way: it hears that it may come again.
            self.refuse(id.slot(), Refusal::AtCapacity);
        } else if is_full || connection.session.phase() == Phase::Handshaking {
            self.give_way(id);
        } else {
            self.close(id.slot(), CloseReason::Overloaded);
        }
    }

    /// Leaves room and user, tells the application, and takes back what was reserved.
    fn leave_groups(&mut self, slot: Slot, reason: Option<CloseReason>) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let waiting = connection.waiting.take();
        let wanted_room = self.connections.take_wanted(slot);
        self.connections.weigh_input(slot);
        if let Some(waiting) = waiting {
            self.forget_waiting(slot, *waiting, wanted_room);
        }
        if let Some(cluster) = &mut self.cluster {
            cluster.sessions.remove(&slot);
        }
        let Self { cx, connections, rooms, gate, .. } = self;
        let connection = connections.id_of(slot);
        if let Some(drain) = &mut gate.drain {
            drain.settle(connection);
        }
        let user = rooms.users.name_of(slot).cloned();
        let room = rooms.rooms.name_of(slot).cloned();
        rooms.depart(cx, slot);
        rooms.claims.forget(slot);
        if let Some(user) = user.as_ref().filter(|_| !gate.user_limit.is_empty()) {
            gate.user_limit.left(user, connection);
        }
        if let Some(user) = &user {
            self.user_count_changed(slot, user, false);
        }
        let Self { cx, rooms, .. } = self;
        let (Some(user), Some(room)) = (user, room) else { return };
        if cx.fault.is(Planted::LogByConnection) {
            rooms.logs.drop_said_by(&room, &user);
        }
        self.leave_room(slot, Leave { connection, room, user, reason });
    }

    /// Nobody waits any more for what `slot` has waited for.
    fn forget_waiting(&mut self, slot: Slot, waiting: Waiting, wanted: Option<WantedRoom>) {
        let Self { cx, connections, gate, work, rooms, .. } = self;
        match waiting.auth {
            PendingAuth::None => {}
            PendingAuth::Key(pending) => {
                let address = connections.get(slot).map(|it| it.address());
                gate.tokens.key_waits.forget(cx, address, pending.serial);
            }
            PendingAuth::Check(check) => gate.checks.forget(slot, &check),
            PendingAuth::Place(accepted) => {
                gate.tokens.release(accepted.reserved);
                gate.user_limit.forget_place(connections.id_of(slot), &accepted);
            }
            PendingAuth::Room(accepted) => {
                gate.tokens.release(accepted.reserved);
                let id = connections.id_of(slot);
                if let (Some(cluster), Some(room)) = (&mut self.cluster, wanted) {
                    cluster.early.remove(&id);
                    cluster.rooms.forget_waiting(room.name(), id);
                }
            }
            PendingAuth::Join(join) => {
                if !work.withdraw(cx, join.ticket) {
                    work.questions.close(join.ticket);
                }
                gate.tokens.release(join.reserved);
                join.replaces.into_iter().for_each(|left| rooms.lingering.release(left));
            }
        }
        if let Some(PendingRequest::Asked(ticket)) = waiting.request {
            work.withdraw(cx, ticket);
        }
    }

    /// Frees the slot: the driver has been told.
    pub(crate) fn free(&mut self, id: ConnId) {
        let Some(released) = self.connections.release(id.slot()) else { return };
        if released.is_admin {
            self.operator.places.remove(id);
            self.operator.collector_places.remove(id);
        } else if let Some(drain) = &mut self.gate.drain {
            drain.gone(released.generation);
        }
    }

    /// Notes how `slot` ends, unless that is noted already, as it is for a connection that is closing.
    pub(crate) fn note_end(&mut self, slot: Slot, how: Ending) {
        let Some(connection) = self.connections.get(slot) else { return };
        let is_noted = connection.session.phase() == Phase::Closing;
        let is_wanted = self.cx.policy.log_access || self.cx.history.capacity() > 0;
        if is_noted || connection.is_admin() || !is_wanted {
            return;
        }
        let Some(account) = self.account_of(slot) else { return };
        if self.cx.policy.log_access {
            self.cx.access.log(self.cx.now, account.id, &account, how);
        }
        if self.cx.history.capacity() > 0 {
            self.cx.history.push(account, self.cx.now.unix, how);
        }
    }

    /// What is known of the connection at `slot`.
    pub(crate) fn account_of(&self, slot: Slot) -> Option<Account> {
        let connection = self.connections.get(slot)?;
        let wanted = self.connections.wanted_name(slot);
        let room = wanted.or_else(|| self.rooms.rooms.name_of(slot));
        let user = self.rooms.users.name_of(slot);
        let id = self.connections.id_of(slot);
        Some(Account::of(self.cx.now, id, connection, user, room))
    }
}

/// A connection whose `auth` was in time, and that waited for its key or a place since, was not late.
fn waited_for(waiting: Option<&Waiting>, reason: CloseReason) -> CloseReason {
    let auth = waiting.map(|waiting| &waiting.auth);
    match (reason, auth) {
        (CloseReason::AuthTimeout | CloseReason::ReauthTimeout, Some(PendingAuth::Key(_))) => {
            CloseReason::KeysUnavailable
        }
        (CloseReason::AuthTimeout, Some(PendingAuth::Place(_))) => CloseReason::ConnectionLimit,
        (CloseReason::AuthTimeout, Some(PendingAuth::Room(_))) => CloseReason::BackendUnavailable,
        _ => reason,
    }
}
