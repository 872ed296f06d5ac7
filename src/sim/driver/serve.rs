//! The units of a turn: reads, accepts, ends of connections; and the deadlines between them.

use std::mem;
use std::net::{Ipv4Addr, SocketAddr};

use super::{FRAMES_PER_UNIT, PENDING_READ_BYTES, READS_UNTIL_JUDGED, Transport};
use crate::id::ConnId;
use crate::node::{Class, Hangup, Phase, Unit};
use crate::sim::check::Life;
use crate::sim::engine::Engine;
use crate::sim::network::{Got, Link};
use crate::sim::scenario::Planted;
use crate::sim::trace::Event;
use crate::sim::wire::FrameCount;

impl Engine {
    /// Judges the deadlines that have come. The poller has reported everything, unless there was too
    /// much of it; then they wait, as they do for answers that have come.
    pub(super) fn judge_deadlines(&mut self) {
        if self.ready.is_empty() {
            self.heard_until = self.now.monotonic;
        }
        if !self.mail.is_empty() {
            return self.node.handle_deliveries(self.now);
        }
        let unread = self.unread();
        let reads_first = self.scenario.planted != Some(Planted::DeadlineBeforeInput);
        let Self { node, transports, now, heard_until, .. } = self;
        node.handle_deadlines(*now, *heard_until, &mut |id| {
            let transport = transports.get_mut(id.index()).and_then(Option::as_mut);
            let Some(transport) = transport.filter(|it| it.id == id) else { return false };
            let is_unread = reads_first && transport.ready && !transport.ended;
            if is_unread && transport.reads_until_judged == 0 {
                transport.reads_until_judged = READS_UNTIL_JUDGED;
            }
            is_unread
        });
        let is_closed = |id: &&ConnId| self.node.phase(**id).is_none_or(|it| it == Phase::Closing);
        if let Some(id) = unread.iter().find(is_closed) {
            self.fail(format!("{id} was closed at its deadline, with input in its socket"));
        }
    }

    /// Connections whose input has come and was not read, though the node takes it.
    fn unread(&mut self) -> Vec<ConnId> {
        let transports = self.transports.iter().flatten();
        let ids = transports.map(|transport| (transport.id, transport.link)).collect::<Vec<_>>();
        let mut unread = Vec::new();
        for (id, link) in ids {
            let is_open = self.node.phase(id).is_some_and(|phase| phase != Phase::Closing);
            let has_input = self.link(link).is_some_and(|link| link.has_arrived());
            if is_open && has_input && self.node.wants_input(id) {
                unread.push(id);
            }
        }
        unread
    }

    fn judge_after_read(&mut self, id: ConnId) {
        let (now, until) = (self.now, self.heard_until);
        let Some(transport) = self.transport(id) else { return };
        if transport.reads_until_judged == 0 {
            return;
        }
        transport.reads_until_judged -= 1;
        if !transport.ready || transport.reads_until_judged == 0 {
            transport.reads_until_judged = 0;
            self.node.handle_deadline(now, until, id);
        }
    }

    pub(super) fn serve(&mut self, unit: Unit) {
        let (id, class) = match unit {
            Unit::Authenticated(id) => (id, Class::Authenticated),
            Unit::Pending(id) => (id, Class::Pending),
            Unit::Ending(id) => (id, Class::Ending),
            Unit::Accept(listener) => return self.accept(listener),
        };
        let Some(transport) = self.transport(id) else { return };
        if transport.queued != Some(class) {
            return;
        }
        transport.queued = None;
        if class == Class::Ending && self.serve_ending(id) {
            return;
        }
        self.read(id);
    }

    /// The last words of a connection that ends. True: nothing of it is to be read.
    fn serve_ending(&mut self, id: ConnId) -> bool {
        let wants_input = self.node.wants_input(id);
        let Some(transport) = self.transport(id) else { return true };
        if transport.broken && !wants_input {
            self.hang_up(id, Hangup::Reset);
            return true;
        }
        let is_closing = self.node.phase(id) == Some(Phase::Closing);
        if is_closing && self.node.has_output(id) {
            self.make_ready(id);
            if self.transport(id).is_some_and(|transport| !transport.stalled) {
                self.write(id);
            }
        }
        !self.transport(id).is_some_and(|transport| transport.ready)
    }

    fn read(&mut self, id: ConnId) {
        let units = self.pending_units;
        let (wants_input, is_in) = (self.node.wants_input(id), self.node.is_authenticated(id));
        let Some(transport) = self.transport(id) else { return };
        // An operator may have closed it while the process stood still.
        if let Some(since) = transport.waiting_since.take().filter(|_| is_in) {
            self.waits += 1;
            self.longest_wait = self.longest_wait.max(units - since);
        }
        if !wants_input {
            return;
        }
        let mut buffer = mem::take(&mut self.buffer);
        self.read_into(id, &mut buffer);
        self.buffer = buffer;
    }

    fn read_into(&mut self, id: ConnId, buffer: &mut [u8]) {
        let now = self.now;
        let Some(link) = self.transport(id).map(|transport| transport.link) else { return };
        let phase = self.node.phase(id);
        let is_closing = phase == Some(Phase::Closing);
        let is_pending = !self.node.is_authenticated(id);
        let most = if is_pending { PENDING_READ_BYTES } else { buffer.len() };
        let Some(buffer) = buffer.get_mut(..most) else { return };
        let got = self.link(link).map_or(Got::Broken, |link| link.read(buffer));
        let Some(transport) = self.transport(id) else { return };
        match got {
            Got::Bytes(length) => {
                transport.ready = length == buffer.len() || transport.hangup;
                // What comes while closing was not awaited, and puts nothing off.
                if !is_closing {
                    transport.life.bytes(now.monotonic);
                }
                let bytes = buffer.get_mut(..length).unwrap_or_default();
                // Counted apart from the node, by the frames' headers alone. What comes behind a close
                // frame is passed over, and what follows a refused request is no frame.
                let frames = transport.frames.count(bytes);
                self.note(&Event::Read { id, bytes });
                let units = self.node.handle_bytes(now, id, bytes);
                let is_refused = phase == Some(Phase::Handshaking)
                    && self.node.phase(id).is_none_or(|phase| phase == Phase::Closing);
                let frames = if is_closing || is_refused { 0 } else { frames };
                if is_pending {
                    let is_charged = self.scenario.planted != Some(Planted::ReadsCounted);
                    self.schedule.charge(if is_charged { units } else { 0 });
                    self.pending_units += frames / FRAMES_PER_UNIT;
                }
                self.judge_after_read(id);
                self.make_ready(id);
            }
            Got::Nothing => {
                transport.ready = false;
                self.judge_after_read(id);
            }
            Got::End => {
                transport.ready = false;
                if !mem::replace(&mut transport.ended, true) {
                    transport.life.was_hung_up = true;
                    self.note(&Event::Hangup { id, is_reset: false });
                    self.node.handle_hangup(now, id, Hangup::Eof);
                }
            }
            Got::Broken => self.hang_up(id, Hangup::Reset),
        }
    }

    fn accept(&mut self, listener: usize) {
        let Some(link) = self.backlog.pop_front() else { return };
        self.schedule.push_listener(listener);
        let client = self.link(link).map_or(0, |open| open.client);
        let ip = self.addresses.get(client).copied().unwrap_or(Ipv4Addr::LOCALHOST);
        let peer = SocketAddr::from((ip, 1_024 + (link.0 % 60_000) as u16));
        let now = self.now;
        let Ok(id) = self.node.handle_accept(now, peer) else {
            self.note(&Event::Drop { link });
            self.on_link(link, Link::close);
            return;
        };
        self.note(&Event::Accept { link, id });
        if self.transports.len() <= id.index() {
            self.transports.resize_with(id.index() + 1, || None);
        }
        let transport = Transport {
            id,
            link,
            queued: None,
            ready: false,
            hangup: false,
            broken: false,
            ended: false,
            reads_until_judged: 0,
            frames: FrameCount::default(),
            stalled: false,
            waiting_since: None,
            life: Life::new(now.monotonic),
            is_judged: false,
        };
        let slot = self.transports.get_mut(id.index());
        if let Some(old) = slot.and_then(|slot| slot.replace(transport)) {
            self.fail(format!("{id} took the slot of {}, which is not closed", old.id));
        }
        if let Some(open) = self.link(link) {
            open.id = Some(id);
        }
        // What came before the accept is an edge of the registration.
        self.wake_poller(link);
    }
}
