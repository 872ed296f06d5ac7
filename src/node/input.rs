//! From bytes to messages: the head, then frames.

use crate::id::ConnId;
use crate::node::connections::connection::Connection;
use crate::node::connections::frame::Incoming;
use crate::node::connections::session::{Phase, Verdict};
use crate::node::gate::head;
use crate::node::gate::legacy::Legacy;
use crate::node::{Action, Node};
use crate::protocol::{self, ClientMessage, CloseReason, Fault, Parsed};
use crate::time::Now;

/// Frames that cost as much as one unit of pending work, some 10 µs: 0.25 µs each were measured.
const FRAMES_PER_UNIT: u32 = 32;

impl Node {
    /// Bytes came. They are unmasked in place; what is left of an unfinished frame is kept.
    ///
    /// Returns how many units of work beyond the first it took ([`Schedule::charge`]): a read of
    /// 4 KiB may hold one message, or 682 frames without any content.
    ///
    /// [`Schedule::charge`]: super::Schedule::charge
    pub fn handle_bytes(&mut self, now: Now, id: ConnId, bytes: &mut [u8]) -> u32 {
        self.frames = 0;
        if self.find(id).is_some() {
            self.on_bytes(now, id, bytes);
            if !self.user_limit.is_empty() {
                self.note_sign_of_life(now, id.index());
            }
            self.weigh_input(id.index());
            self.relieve(now);
        }
        self.frames / FRAMES_PER_UNIT
    }

    fn on_bytes(&mut self, now: Now, id: ConnId, bytes: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(id.index()) else { return };
        connection.session.seen(now.monotonic);
        if connection.is_deaf {
            return self.find_close(now, id.index(), bytes);
        }
        if connection.awaits_client {
            self.on_proxy_header(now, id.index(), bytes);
        } else if connection.session.phase() == Phase::Handshaking {
            self.on_head(now, id.index(), bytes);
        } else {
            self.on_frames(now, id.index(), bytes);
        }
    }

    pub(crate) fn on_head(&mut self, now: Now, index: usize, bytes: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let mut kept = connection.decoder.take_kept();
        if connection.is_full(&self.policy) {
            // Read before the driver knew that nothing is taken: it comes behind the request.
            kept.extend_from_slice(bytes);
            return connection.decoder.keep(kept);
        }
        let max_bytes = self.policy.header_bytes;
        let head = if kept.is_empty() {
            bytes
        } else {
            let seen = kept.len();
            kept.extend_from_slice(bytes);
            // A request that comes a byte at a time is parsed when its head may be whole, and then
            // when its body is, not at each byte.
            let is_whole = match connection.awaited_bytes() {
                Some(whole) => kept.len() >= whole,
                None => kept.len() >= max_bytes || head::may_be_whole(&kept, seen),
            };
            if !is_whole {
                connection.decoder.keep(kept);
                return;
            }
            &mut kept
        };
        self.on_request(now, index, head, None);
    }

    /// Takes frame after frame, until they end or the connection is full.
    pub(crate) fn on_frames(&mut self, now: Now, index: usize, bytes: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(index) else { return };
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
        while let Some(max_bytes) = self.appetite(index) {
            let next = decoder.next(bytes, &mut at, max_bytes);
            let fault = match next {
                Ok(Some(frame)) => {
                    let ping_bytes = frame.ping_bytes();
                    let handled = self.on_frame(now, index, frame);
                    if let (Some(bytes), Ok(())) = (ping_bytes, handled) {
                        ping = Some(at.saturating_sub(bytes)..at);
                    }
                    handled.err()
                }
                Ok(None) => break,
                Err(reason) => Some(reason),
            };
            if let Some(reason) = fault {
                self.close_deaf(now, index, reason);
                decoder.refuse();
                if let Some(connection) = self.connections.get_mut(index) {
                    connection.decoder = decoder;
                }
                let rest = bytes.get(at..).unwrap_or_default();
                return self.find_close(now, index, rest);
            }
        }
        // Fragments cost as much as messages.
        self.frames += decoder.take_fragments();
        // RFC 6455, section 5.5.3: of several pings the last one may be answered alone.
        if let Some(payload) = ping.and_then(|ping| bytes.get(ping))
            && self.phase(self.id_of(index)).is_some_and(|phase| phase != Phase::Closing)
        {
            let pong = self.encoder.pong(payload);
            self.send(now, index, pong);
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
        if let Some(connection) = self.connections.get_mut(index) {
            connection.decoder = decoder;
        }
    }

    /// The peer's answer to our close frame ends the connection, whatever it has sent before that.
    fn find_close(&mut self, now: Now, index: usize, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let (frames, is_closed) = connection.decoder.find_close(bytes);
        self.frames += frames;
        if is_closed {
            self.peer_closed(now, index, None);
        }
    }

    /// The largest message that is taken next; `None`: nothing is taken now.
    fn appetite(&self, index: usize) -> Option<usize> {
        let policy = &self.policy;
        let takes = |connection: &&Connection| {
            !connection.is_deaf && !connection.is_over && !connection.is_full(policy)
        };
        let connection = self.connections.get(index).filter(takes)?;
        Some(if connection.session.phase().is_pending() {
            policy.pending_message_bytes
        } else {
            policy.message_bytes
        })
    }

    /// Handles one frame.
    ///
    /// # Errors
    /// What to close with: control frames have used up the allowance of messages.
    fn on_frame(&mut self, now: Now, index: usize, frame: Incoming<'_>) -> Result<(), CloseReason> {
        self.frames += 1;
        let policy = &self.policy;
        let Some(connection) = self.connections.get_mut(index) else { return Ok(()) };
        let session = &mut connection.session;
        let is_closing = session.phase() == Phase::Closing;
        match frame {
            Incoming::Close(code) => self.peer_closed(now, index, code),
            _ if is_closing => {}
            Incoming::Text(text) => {
                connection.messages = connection.messages.saturating_add(1);
                self.on_text(now, index, text);
            }
            Incoming::Binary(_) => self.close(now, index, CloseReason::BinaryFrame),
            Incoming::Ping(_) => session.control_frame(now.monotonic, policy, false)?,
            Incoming::Pong => session.control_frame(now.monotonic, policy, true)?,
        }
        Ok(())
    }

    fn on_text(&mut self, now: Now, index: usize, text: &str) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        match connection.session.phase() {
            Phase::Authenticating if !connection.is_checking() => {
                self.on_first_text(now, index, text);
            }
            // What is pipelined behind `auth` is kept, within a bound.
            Phase::Authenticating | Phase::Joining => {
                let waiting = connection.waiting.get_or_insert_default();
                if waiting.texts() >= self.policy.waiting_messages {
                    self.close(now, index, CloseReason::RateLimited);
                } else {
                    waiting.push(text);
                }
            }
            Phase::Connected | Phase::Reauthenticating => self.on_member_text(now, index, text),
            Phase::Handshaking | Phase::Closing => {}
        }
    }

    /// The allowance of the address comes first: beyond it, nothing is looked at.
    fn on_first_text(&mut self, now: Now, index: usize, text: &str) {
        if !self.may_attempt(now, index) {
            self.close(now, index, CloseReason::TooManyAuthAttempts);
            return;
        }
        let parsed = protocol::parse(text);
        self.note_message(index, &parsed);
        let Some(connection) = self.connections.get(index) else { return };
        let verdict = connection.session.judge_first(&parsed);
        if verdict == Verdict::Close(CloseReason::FirstMessageNotAuth) {
            self.notice_legacy(now, index, Legacy::FirstMessage);
        }
        self.carry_out(now, index, verdict);
    }

    /// A text of an authenticated connection: a re-authentication is handled at once, everything
    /// else in its order. What is ignored waits for no answer either.
    fn on_member_text(&mut self, now: Now, index: usize, text: &str) {
        let parsed = self.parse(now, index, text);
        if let Ok(ClientMessage::Unknown) = parsed {
            return self.take_text(now, index, text, &parsed);
        }
        let Some(connection) = self.connections.get_mut(index) else { return };
        let is_auth = is_auth(&parsed);
        if !is_auth
            && let Some(waiting) = &mut connection.waiting
            && (waiting.message.is_some() || waiting.has_texts())
        {
            waiting.push(text);
            return;
        }
        if !is_auth && self.is_crowded(text.len()) {
            if let Some(connection) = self.connections.get_mut(index) {
                connection.waiting.get_or_insert_default().push(text);
            }
            return self.wait_in_crowd(now, index);
        }
        if !is_auth && self.is_room_busy(index) {
            if let Some(connection) = self.connections.get_mut(index) {
                connection.waiting.get_or_insert_default().push(text);
            }
            return self.wait_for_room(index);
        }
        self.take_text(now, index, text, &parsed);
    }

    /// Reads a text as its sender's version has it. An old client's message gets an id like one of
    /// the server's own.
    pub(crate) fn parse<'a>(&mut self, now: Now, index: usize, text: &'a str) -> Parsed<'a> {
        if self.connections.get(index).is_some_and(|c| c.session.is_old_client()) {
            protocol::parse_old(text, || self.ids.next(now.unix).as_str().to_owned())
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
    pub(crate) fn take_text(&mut self, now: Now, index: usize, text: &str, parsed: &Parsed<'_>) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        if is_auth(parsed) && connection.is_renewing() {
            let queued = &mut connection.waiting.get_or_insert_default().auth;
            if queued.replace(text.into()).is_some() {
                self.close(now, index, CloseReason::TooManyAuthAttempts);
            }
            return;
        }
        self.note_message(index, parsed);
        let Some(connection) = self.connections.get_mut(index) else { return };
        let verdict = connection.session.judge(now.monotonic, &self.policy, parsed);
        self.carry_out(now, index, verdict);
    }

    /// Counts a message. Of one that is not understood, the operator is told the field at fault: in
    /// the log, and in what is known of the connection. Never its value, which may be a token.
    pub(crate) fn note_message(&mut self, index: usize, parsed: &Parsed<'_>) {
        self.metrics.count_in(parsed);
        if let Some(fault) = Fault::of(parsed)
            && let Some(connection) = self.connections.get_mut(index)
        {
            connection.session.set_fault(fault);
            log::debug!(connection:% = self.id_of(index); "not understood: {}", fault.text());
        }
    }

    /// An answer is there, or output has gone: what waited for it is handled, and then what waits in
    /// the socket, if nothing was taken from there because the connection `was_full`.
    pub(crate) fn resume(&mut self, now: Now, index: usize, mut was_full: bool) {
        let (mut is_crowded, mut is_delayed) = (false, false);
        while let Some(connection) = self.connections.get(index) {
            let waiting = connection.waiting.as_ref();
            let next = waiting.filter(|waiting| waiting.message.is_none());
            let next = next.and_then(|waiting| waiting.next_bytes());
            is_crowded = next.is_some_and(|bytes| self.is_crowded(bytes));
            is_delayed = next.is_some() && self.is_room_busy(index);
            let Some(connection) = self.connections.get_mut(index) else { break };
            was_full |= connection.is_full(&self.policy);
            if connection.owes_output(&self.policy) {
                break;
            }
            let is_authenticated = connection.session.phase().is_authenticated();
            let is_renewing = connection.is_renewing();
            let waiting = connection.waiting.as_mut().filter(|_| is_authenticated);
            let Some(waiting) = waiting else { break };
            let auth = if is_renewing { None } else { waiting.auth.take() };
            let is_free = waiting.message.is_none() && !is_crowded && !is_delayed;
            let next = auth.or_else(|| is_free.then(|| waiting.pop()).flatten());
            let Some(text) = next else { break };
            let parsed = self.parse(now, index, &text);
            self.take_text(now, index, &text, &parsed);
        }
        if is_crowded {
            self.wait_in_crowd(now, index);
        } else if is_delayed {
            self.wait_for_room(index);
        }
        let Some(connection) = self.connections.get_mut(index) else { return };
        connection.tidy();
        if was_full && !connection.is_full(&self.policy) {
            let id = ConnId::new(index as u32, connection.generation);
            self.actions.push_back(Action::Resume(id));
            self.on_frames(now, index, &mut []);
        }
        self.weigh_input(index);
    }
}

fn is_auth(parsed: &Parsed<'_>) -> bool {
    matches!(parsed, Ok(ClientMessage::Auth { .. }))
}
