//! From bytes to messages: the proxy's header, the head of a request, then frames.

use crate::auth::Address;
use crate::id::{ConnId, Slot};
use crate::node::Node;
use crate::node::connections::connection::Connection;
use crate::node::connections::frame::Frame;
use crate::node::connections::session::{Phase, Stage, Verdict};
use crate::node::dispatch::{is_auth, is_immediate};
use crate::node::gate::limits::holds_too_many;
use crate::node::gate::{head, proxy};
use crate::node::observe::close_history::Unanswered;
use crate::node::observe::metrics::Legacy;
use crate::protocol::{self, ClientMessage, CloseReason, MessageFault, Parsed};

impl Node {
    /// Bytes of `id`, whatever they are.
    pub(crate) fn on_bytes(&mut self, id: ConnId, bytes: &mut [u8]) {
        if self.cx.policy.log_access {
            self.cx.access.add_in(id.slot(), bytes.len());
        }
        let slot = id.slot();
        let Some(connection) = self.connections.get_mut(slot) else { return };
        connection.session.touch(self.cx.now.monotonic);
        match connection.stage() {
            Stage::ProxyHeader => self.on_proxy_header(slot, bytes),
            Stage::Head => self.on_head(slot, bytes),
            Stage::Body | Stage::Checking | Stage::Asked => self.on_body(slot, bytes),
            Stage::Discarding => self.find_close(slot, bytes),
            Stage::Responding | Stage::Lingering | Stage::Ending | Stage::Dropped => {}
            _ => self.on_frames(slot, bytes),
        }
    }

    /// Bytes of a proxy that speaks the PROXY protocol. One that does not send what it must is
    /// dropped without an answer: nobody knows whom it would be for.
    fn on_proxy_header(&mut self, slot: Slot, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let mut kept = connection.decoder.take_kept();
        kept.extend_from_slice(bytes);
        let header = match proxy::parse(&kept) {
            Ok(Some(header)) => header,
            Ok(None) => return connection.decoder.keep(kept),
            Err(proxy::Malformed) => {
                self.cx.metrics.bad_proxy_headers += 1;
                log::debug!(connection:% = self.connections.id_of(slot); "no PROXY header");
                return self.drop_for(slot, Unanswered::BadProxyHeader);
            }
        };
        connection.session.set_stage(Stage::Head);
        let client = header.client.unwrap_or_else(|| connection.peer());
        let address = Address::from(client.ip());
        if header.client.is_some() && holds_too_many(&self.cx, &self.connections, address) {
            self.cx.metrics.dropped_by_address += 1;
            return self.drop_for(slot, Unanswered::Address);
        }
        self.connections.set_client(slot, client);
        match kept.get_mut(header.length..) {
            Some(rest) if !rest.is_empty() => self.on_head(slot, rest),
            _ => {}
        }
    }

    fn on_head(&mut self, slot: Slot, bytes: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let mut kept = connection.decoder.take_kept();
        let max_bytes = self.cx.policy.header_bytes;
        let head = if kept.is_empty() {
            bytes
        } else {
            let seen = kept.len();
            kept.extend_from_slice(bytes);
            // One that comes a byte at a time is parsed when it may be whole, not at each byte.
            if kept.len() < max_bytes && !head::may_be_whole(&kept, seen) {
                return connection.decoder.keep(kept);
            }
            &mut kept
        };
        self.on_request(slot, head);
    }

    /// Bytes of a request's body, or behind a request that is whole: those were read before the
    /// driver knew that nothing is taken.
    fn on_body(&mut self, slot: Slot, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let mut kept = connection.decoder.take_kept();
        kept.extend_from_slice(bytes);
        if connection.stage() != Stage::Body || kept.len() < connection.awaited_bytes() {
            return connection.decoder.keep(kept);
        }
        self.on_whole_request(slot, &kept);
    }

    /// Takes frame after frame, until they end or the connection is full.
    pub(crate) fn on_frames(&mut self, slot: Slot, bytes: &mut [u8]) {
        let connection = self.connections.get_mut(slot);
        let Some(connection) = connection.filter(|it| it.stage().takes_frames()) else { return };
        let mut decoder = std::mem::take(&mut connection.decoder);
        let mut kept = decoder.take_kept();
        let had_kept = !kept.is_empty();
        let bytes = if had_kept {
            kept.extend_from_slice(bytes);
            &mut kept
        } else {
            bytes
        };
        let (mut at, mut ping) = (0, None);
        while let Some(max_bytes) = self.max_message_size(slot) {
            let fault = match decoder.next(bytes, &mut at, max_bytes) {
                Ok(Some(frame)) => {
                    let ping_bytes = frame.ping_bytes();
                    let handled = self.on_frame(slot, frame);
                    if let (Some(bytes), Ok(())) = (ping_bytes, handled) {
                        ping = Some(at.saturating_sub(bytes)..at);
                    }
                    handled.err()
                }
                Ok(None) => break,
                Err(reason) => Some(reason),
            };
            if let Some(reason) = fault {
                self.close_discarding(slot, reason);
                decoder.refuse();
                if let Some(connection) = self.connections.get_mut(slot) {
                    connection.decoder = decoder;
                }
                let rest = bytes.get(at..).unwrap_or_default();
                return self.find_close(slot, rest);
            }
        }
        // Fragments cost as much as messages.
        self.frames += decoder.take_fragments();
        // RFC 6455, section 5.5.3: of several pings the last one may be answered alone.
        if let Some(payload) = ping.and_then(|ping| bytes.get(ping))
            && self.takes_pong(slot)
        {
            let pong = self.cx.encoder.pong(payload);
            self.send(slot, pong);
        }
        let Some(connection) = self.connections.get_mut(slot) else { return };
        if !connection.stage().takes_frames() {
            return; // What comes behind the peer's close frame is passed over.
        }
        // The rest stays for the next bytes: moved, not copied, where it was kept before.
        let rest = if had_kept {
            kept.drain(..at);
            // A buffer that has held more is not kept at that size for what is left in it.
            kept.shrink_to(2 * kept.len() + 256);
            kept
        } else {
            bytes.get(at..).unwrap_or_default().to_vec()
        };
        decoder.keep(rest);
        connection.decoder = decoder;
    }

    /// The peer's answer to our close frame ends the connection, whatever it has sent before that.
    fn find_close(&mut self, slot: Slot, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let (frames, is_closed) = connection.decoder.find_close(bytes);
        self.frames += frames;
        if is_closed {
            self.peer_closed(slot, None);
        }
    }

    /// The largest message that is taken next; `None`: nothing is taken now.
    fn max_message_size(&self, slot: Slot) -> Option<usize> {
        let policy = &self.cx.policy;
        let takes = |connection: &&Connection| {
            connection.stage().takes_frames() && !connection.is_full(policy)
        };
        let connection = self.connections.get(slot).filter(takes)?;
        Some(if connection.session.phase().is_pending() {
            policy.pending_message_bytes
        } else {
            policy.message_bytes
        })
    }

    fn takes_pong(&self, slot: Slot) -> bool {
        self.connections.get(slot).is_some_and(|it| it.session.phase() != Phase::Closing)
    }

    /// Handles one frame.
    ///
    /// # Errors
    /// What to close with: control frames have used up the allowance of messages.
    fn on_frame(&mut self, slot: Slot, frame: Frame<'_>) -> Result<(), CloseReason> {
        self.frames += 1;
        let (policy, now) = (&self.cx.policy, self.cx.now.monotonic);
        let Some(connection) = self.connections.get_mut(slot) else { return Ok(()) };
        let session = &mut connection.session;
        let allowance = self.rooms.users.shared_mut(slot).map(|share| &mut share.frames);
        let is_closing = session.phase() == Phase::Closing;
        match frame {
            Frame::Close(code) => self.peer_closed(slot, code),
            _ if is_closing => {}
            Frame::Text(text) => {
                connection.messages = connection.messages.saturating_add(1);
                self.on_text(slot, text);
            }
            Frame::Binary(_) => self.close(slot, CloseReason::BinaryFrame),
            Frame::Ping(_) => session.control_frame(now, policy, allowance, false)?,
            Frame::Pong => session.control_frame(now, policy, allowance, true)?,
        }
        Ok(())
    }

    fn on_text(&mut self, slot: Slot, text: &str) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        match connection.session.phase() {
            Phase::Authenticating if !connection.is_checking() => self.on_first_text(slot, text),
            // What is pipelined behind `auth` is kept, within a bound.
            Phase::Authenticating | Phase::Joining => {
                let waiting = connection.waiting.get_or_insert_default();
                if waiting.texts() >= self.cx.policy.waiting_messages {
                    self.close(slot, CloseReason::RateLimited);
                } else {
                    waiting.push(text);
                }
            }
            Phase::Connected | Phase::Reauthenticating => self.on_authenticated_text(slot, text),
            Phase::Handshaking | Phase::Closing => {}
        }
    }

    /// The allowance of the address comes first: beyond it, nothing is looked at.
    fn on_first_text(&mut self, slot: Slot, text: &str) {
        if !self.gate.limits.may_attempt(&mut self.cx, &self.connections, slot) {
            self.close(slot, CloseReason::TooManyAuthAttempts);
            return;
        }
        let parsed = protocol::parse(text);
        self.note_message(slot, &parsed);
        let Some(connection) = self.connections.get(slot) else { return };
        let verdict = connection.session.judge_first(&parsed);
        if verdict == Verdict::Close(CloseReason::FirstMessageNotAuth) {
            let Self { cx, connections, gate, .. } = self;
            gate.legacy_log.notice(cx, connections, slot, Legacy::FirstMessage);
        }
        self.carry_out(slot, verdict);
    }

    /// A text of an authenticated connection: a re-authentication and a `ping` are handled at once,
    /// everything else in its order. What is ignored waits for no answer either.
    fn on_authenticated_text(&mut self, slot: Slot, text: &str) {
        let parsed = self.parse(slot, text);
        if is_immediate(&parsed) {
            return self.take_text(slot, text, &parsed);
        }
        let over_work_budget = self.work.over_work_budget(&self.cx.policy, text.len());
        let is_busy = self.rooms.is_busy(&self.cx.policy, slot);
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let waiting = connection.waiting.as_ref();
        let is_behind = waiting.is_some_and(|it| it.message.is_some() || it.has_texts());
        if !is_behind && !over_work_budget && !is_busy {
            return self.take_text(slot, text, &parsed);
        }
        connection.waiting.get_or_insert_default().push(text);
        if is_behind {
            // Its turn comes with the answer to the one before it.
        } else if over_work_budget {
            self.wait_in_backlog(slot);
        } else {
            self.rooms.wait_for_room(&mut self.cx, &mut self.connections, slot);
        }
    }

    /// Reads a text as its sender's version has it. An old client's message gets an id like one of
    /// the server's own.
    pub(crate) fn parse<'a>(&mut self, slot: Slot, text: &'a str) -> Parsed<'a> {
        if self.connections.get(slot).is_some_and(|it| it.session.is_old_client()) {
            let (ids, now) = (&mut self.cx.ids, self.cx.now.unix);
            protocol::parse_old(text, || ids.next(now).as_str().to_owned())
        } else {
            protocol::parse(text)
        }
    }

    /// Handles a text of an authenticated connection whose turn has come, whether it was read just
    /// now or has waited.
    ///
    /// One `auth` is under way at a time, with a worker or with the application. One more may wait
    /// behind it; a client that sends a third does not wait for answers, and is closed. So no
    /// question about an `auth` ever takes the place of another one.
    pub(crate) fn take_text(&mut self, slot: Slot, text: &str, parsed: &Parsed<'_>) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        if is_auth(parsed) && connection.is_renewing() {
            let queued = &mut connection.waiting.get_or_insert_default().next_auth;
            if queued.replace(text.into()).is_some() {
                self.close(slot, CloseReason::TooManyAuthAttempts);
            }
            return;
        }
        self.note_message(slot, parsed);
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let Some(share) = self.rooms.users.shared_mut(slot) else { return };
        let is_ping = matches!(parsed, Ok(ClientMessage::Ping { .. }));
        let allowance = if is_ping { &mut share.frames } else { &mut share.chat };
        let now = self.cx.now.monotonic;
        let verdict =
            connection.session.judge(now, &self.cx.policy, allowance, (parsed, text.len()));
        self.carry_out(slot, verdict);
    }

    /// Counts a message. Of one that is not understood, the operator is told the field at fault: in
    /// the log, and in what is known of the connection. Never its value, which may be a token.
    pub(crate) fn note_message(&mut self, slot: Slot, parsed: &Parsed<'_>) {
        self.cx.metrics.count_in(parsed);
        if let Some(fault) = MessageFault::of(parsed)
            && let Some(connection) = self.connections.get_mut(slot)
        {
            connection.session.set_fault(fault);
            let id = self.connections.id_of(slot);
            log::debug!(connection:% = id; "not understood: {}", fault.text());
        }
    }
}
