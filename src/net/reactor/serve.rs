//! The units of a turn: reads, accepts, ends of connections; and the deadlines between them.

use std::io::ErrorKind;
use std::mem;
use std::net::SocketAddr;

use mio::net::TcpStream;

use super::{PENDING_READ_BYTES, READ_BYTES, Reactor};
use crate::id::ConnId;
use crate::net::listener::Accepted;
use crate::net::transport::Queued;
use crate::node::{Class, Hangup, Phase, Unit};

impl Reactor {
    /// Puts a connection that may have something to read on its ready list, once. One that was
    /// authenticated or has hung up since it was put among the pending waits there no longer.
    pub(super) fn make_ready(&mut self, id: ConnId) {
        let is_authenticated = self.node.is_authenticated(id);
        let wants_input = self.node.wants_input(id);
        let Some(transport) = self.transports.find_mut(id) else { return };
        let class = match transport.hangup {
            true => Class::Ending,
            false if is_authenticated => Class::Authenticated,
            false => Class::Pending,
        };
        // Back-pressure keeps us from reading up to an error, and nobody is left to press.
        let is_served = wants_input || transport.broken;
        if transport.ready && is_served && transport.queued.moves_to(class) {
            transport.queued = Queued::On(class);
            self.schedule.push(id, class);
        }
    }

    /// Puts a connection that ends on its list: to write a close frame or an answer, and to close
    /// the socket, costs as much as to serve a pending connection.
    pub(super) fn end_later(&mut self, id: ConnId) {
        let Some(transport) = self.transports.find_mut(id) else { return };
        if transport.queued != Queued::On(Class::Ending) {
            transport.queued = Queued::On(Class::Ending);
            self.schedule.push(id, Class::Ending);
        }
    }

    /// Serves accepts, pending connections, and those that end, as far as the turn's share goes.
    pub(super) fn serve_share(&mut self) {
        loop {
            let mut is_served = false;
            while let Some(unit) = self.schedule.next_pending() {
                is_served = true;
                self.serve(unit);
                if self.node.should_flush() {
                    self.act();
                }
            }
            // Read again: what is written now may start a peer's clock.
            self.now = self.clock.now();
            // What this begins to end is still served in this turn, if the share reaches.
            self.act();
            if !is_served {
                break;
            }
        }
    }

    /// Judges the deadlines that have come, of connections whose input was read.
    pub(super) fn judge_deadlines(&mut self) {
        if self.mail_left {
            // An answer that has come is no late one: it is taken first.
            return self.node.handle_deliveries(self.now);
        }
        let Self { node, transports, now, heard_until, reads_until_judged, .. } = self;
        node.handle_deadlines(*now, *heard_until, &mut |id| {
            let Some(transport) = transports.find_mut(id) else { return false };
            let is_unread = transport.ready && !transport.ended;
            if is_unread && transport.reads_until_judged == 0 {
                transport.reads_until_judged = *reads_until_judged;
            }
            is_unread
        });
    }

    pub(super) fn serve(&mut self, unit: Unit) {
        let (id, class) = match unit {
            Unit::Authenticated(id) => (id, Class::Authenticated),
            Unit::Pending(id) => (id, Class::Pending),
            Unit::Ending(id) => (id, Class::Ending),
            Unit::Accept(listener) => return self.accept(listener),
        };
        let Some(transport) = self.transports.find_mut(id) else { return };
        if transport.queued != Queued::On(class) {
            return;
        }
        transport.queued = Queued::Nowhere;
        if class == Class::Ending {
            return self.end(id);
        }
        self.read(id);
    }

    /// One unit of a connection that ends: its last words, and what its peer has sent.
    fn end(&mut self, id: ConnId) {
        let Some(transport) = self.transports.find(id) else { return };
        if transport.broken && !self.node.wants_input(id) {
            return self.hang_up(id, Hangup::Reset);
        }
        if !transport.stalled
            && self.node.phase(id) == Some(Phase::Closing)
            && self.node.has_output(id)
        {
            self.write(id);
        }
        if self.transports.find(id).is_some_and(|transport| transport.ready) {
            self.read(id);
        }
    }

    /// One read. Whether there may be more is known without a second one.
    fn read(&mut self, id: ConnId) {
        if !self.node.wants_input(id) {
            return; // `ready` stays, for `Action::Resume`.
        }
        let is_pending = !self.node.is_authenticated(id);
        #[cfg(feature = "tls")]
        let range = self.room(id);
        #[cfg(not(feature = "tls"))]
        let range = 0..READ_BYTES;
        let most = if is_pending { PENDING_READ_BYTES } else { READ_BYTES };
        let kept = range.start;
        let range = kept..range.end.min(kept.saturating_add(most));
        let Some(transport) = self.transports.find_mut(id) else { return };
        let Some(room) = self.buffer.get_mut(range) else { return };
        match transport.read(room) {
            Ok(0) => {
                transport.ready = false;
                if !mem::replace(&mut transport.ended, true) {
                    self.node.handle_hangup(self.now, id, Hangup::Eof);
                }
            }
            Ok(length) => {
                transport.ready = length == room.len() || transport.hangup;
                let units = self.take(id, kept + length);
                // The authenticated have no share, but each is served once in a turn.
                if is_pending {
                    self.schedule.charge(units);
                }
                self.judge_after_read(id);
                self.make_ready(id);
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => {
                    transport.ready = false;
                    self.judge_after_read(id);
                }
                ErrorKind::Interrupted => self.make_ready(id),
                _ => self.hang_up(id, Hangup::Reset),
            },
        }
    }

    /// A deadline that has come is judged when the socket is empty, or after as many reads as a
    /// first message takes: a peer that sends without end puts nothing off.
    fn judge_after_read(&mut self, id: ConnId) {
        let Some(transport) = self.transports.find_mut(id) else { return };
        if transport.reads_until_judged == 0 {
            return;
        }
        transport.reads_until_judged -= 1;
        if !transport.ready || transport.reads_until_judged == 0 {
            transport.reads_until_judged = 0;
            self.node.handle_deadline(self.now, self.heard_until, id);
        }
    }

    /// The first `length` bytes of the buffer are for the node. Returns how many units beyond the
    /// first they cost.
    fn take(&mut self, id: ConnId, length: usize) -> u32 {
        #[cfg(feature = "tls")]
        if self.transports.is_secure(id) {
            return self.open(id, length);
        }
        let Some(bytes) = self.buffer.get_mut(..length) else { return 0 };
        self.node.handle_bytes(self.now, id, bytes)
    }

    fn accept(&mut self, listener: usize) {
        let is_admin = self.listeners.is_admin(listener);
        if !is_admin && self.node.is_draining() && self.listeners.outlive_us() {
            return; // New connections are left to the process that has the listener next.
        }
        match self.listeners.accept(listener, self.now.monotonic) {
            Accepted::Stream(stream, peer) => {
                self.admit(stream, peer, is_admin);
                self.schedule.push_listener(listener);
            }
            Accepted::Again => self.schedule.push_listener(listener),
            Accepted::Failed => self.node.metrics_mut().accept_pauses += 1,
            Accepted::Empty | Accepted::Paused => {}
        }
    }

    /// A refused socket is dropped, and counted by the node.
    fn admit(&mut self, stream: TcpStream, peer: SocketAddr, is_admin: bool) {
        let accepted = if is_admin {
            self.node.handle_accept_admin(self.now, peer)
        } else {
            self.node.handle_accept(self.now, peer)
        };
        let Ok(id) = accepted else { return };
        let Some(transport) = self.transports.insert(id, stream) else { return };
        if let Err(error) = transport.register(self.poll.registry(), id) {
            log::warn!(connection:% = id; "cannot be watched: {error}");
            self.hang_up(id, Hangup::Reset);
        }
        #[cfg(feature = "tls")]
        if !is_admin {
            self.begin_tls(id);
        }
        // Mostly its call is in the socket already. It is read before a newer one can make this one
        // give way, which must not go by what was not looked at.
        if is_admin {
            self.schedule.charge(1);
            self.read(id);
        }
    }

    pub(super) fn hang_up(&mut self, id: ConnId, why: Hangup) {
        if let Some(transport) = self.transports.find_mut(id) {
            transport.ready = false;
            transport.ended = true;
        }
        self.node.handle_hangup(self.now, id, why);
    }
}
