//! The life cycle of a client, driven by events of its socket and messages of the server.

use std::io;
use std::mem;

use mio::Token;
use mio::event::Event as Readiness;
use vestibule::time::Instant;

use super::{LoadEngine, Notice, Script, TextKind, clock};
use crate::cli::load::client::ServerEvent;
use crate::cli::load::peer::{Peer, PeerPhase, PeerRole, Visit};
use crate::cli::load::wire::{Opcode, frame};

impl LoadEngine {
    /// Handles a socket that is readable, writable or closed.
    pub(super) fn on_readiness(
        &mut self,
        script: &mut dyn Script,
        event: &Readiness,
        buffer: &mut [u8],
    ) {
        let key = event.token().0;
        let Some(peer) = self.peers.get_mut(key) else { return };
        if event.is_writable() {
            if peer.phase == PeerPhase::Connecting {
                let now = Instant::START + clock().duration_since(self.epoch);
                if let Err(error) = peer.try_upgrade(self.wire.upgrade(peer.visit.room), now) {
                    self.fail(key, || format!("connect: {error}"));
                    self.end(script, key, now);
                    return;
                }
            }
            let Some(peer) = self.peers.get_mut(key) else { return };
            peer.flush(self.polls.registry(peer.is_urgent()), Token(key));
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.on_readable(script, key, event.is_read_closed(), buffer);
        }
    }

    /// Reads until nothing is left. The poll is edge-triggered, so after a read that fills the
    /// buffer another one follows. After a short read, `epoll(7)` guarantees a new event for later
    /// data.
    fn on_readable(
        &mut self,
        script: &mut dyn Script,
        key: usize,
        is_over: bool,
        buffer: &mut [u8],
    ) {
        loop {
            let Some(peer) = self.peers.get_mut(key) else { return };
            let serial = peer.serial;
            let read = peer.read(buffer);
            let now = self.now();
            let taken = match read {
                Ok(0) => return self.on_end(script, key, None, now),
                Ok(taken) => taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => return self.on_end(script, key, Some(&error), now),
            };
            let mut input = buffer.get(..taken).unwrap_or_default();
            loop {
                // A script may have ended the client, and another one may use its slot.
                let peer = self.peers.get_mut(key).filter(|peer| peer.serial == serial);
                let Some(peer) = peer else { return };
                let Some(event) = peer.client.next(&mut input) else { break };
                self.on_event(script, key, event, now);
            }
            // Over TLS a read returns what one record holds, so the socket may have more.
            let is_secure = self.peers.get(key).is_some_and(Peer::is_secure);
            if taken < buffer.len() && !is_over && !is_secure {
                return;
            }
        }
    }

    fn on_event(&mut self, script: &mut dyn Script, key: usize, event: ServerEvent, now: Instant) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Visit { user, role, .. } = peer.visit;
        match (event, peer.phase) {
            (ServerEvent::Upgraded, _) => {
                let requested = peer.requested;
                if role == PeerRole::Silent {
                    peer.phase = PeerPhase::Silent;
                    self.handshakes -= 1;
                } else if role == PeerRole::Returning {
                    if let Some(auth) = script.auth_of(user) {
                        peer.phase = PeerPhase::Authenticating;
                        peer.send(&auth, self.polls.registry(peer.is_urgent()), Token(key));
                    }
                } else if let Some(auth) = self.wire.auth(user) {
                    peer.phase = PeerPhase::Authenticating;
                    peer.send(auth, self.polls.registry(peer.is_urgent()), Token(key));
                }
                script.on_notice(self, user, Notice::Upgraded { requested }, now);
            }
            (ServerEvent::Text(text), phase) => {
                let kind = script.on_text(user, &text, now);
                self.on_text_kind(script, key, (kind, phase), now);
            }
            (ServerEvent::Update { own: true }, PeerPhase::Authenticating) => {
                self.on_acknowledged(script, key, now);
            }
            (ServerEvent::Update { own: true }, PeerPhase::Ready) => {
                self.on_answer(script, key, now);
            }
            (ServerEvent::Chat, PeerPhase::Ready) => {
                script.on_notice(self, user, Notice::Delivered, now)
            }
            (ServerEvent::Error(code), PeerPhase::Ready) => {
                self.failures.add(format!("error {code}"));
                if peer.unanswered.pop_front().is_some() {
                    script.on_notice(self, user, Notice::Refused, now);
                }
            }
            (ServerEvent::Error(code), PeerPhase::Authenticating) => {
                self.fail(key, || format!("error {code} before the acknowledgement"));
            }
            (ServerEvent::Ping(payload), _) => {
                peer.send(
                    &frame(Opcode::Pong, &payload),
                    self.polls.registry(peer.is_urgent()),
                    Token(key),
                );
            }
            (ServerEvent::AuthRequired, _) => self.auth_required += 1,
            (ServerEvent::Close { code, reason }, _) => {
                self.on_close(script, key, code, &reason, now)
            }
            (ServerEvent::Refused { status, code }, _) => {
                self.fail(key, || format!("HTTP {status} {code}").trim_end().to_owned());
                self.end(script, key, now);
            }
            (ServerEvent::Broken(what), _) => {
                self.fail(key, || format!("the server broke the protocol: {what}"));
                self.end(script, key, now);
            }
            (
                ServerEvent::Update { .. }
                | ServerEvent::Chat
                | ServerEvent::Error(_)
                | ServerEvent::Unknown,
                _,
            ) => {}
        }
    }

    fn on_text_kind(
        &mut self,
        script: &mut dyn Script,
        key: usize,
        heard: (TextKind, PeerPhase),
        now: Instant,
    ) {
        match heard {
            (TextKind::Acknowledgement, PeerPhase::Authenticating) => {
                self.on_acknowledged(script, key, now);
            }
            (TextKind::Answer, PeerPhase::Ready) => self.on_answer(script, key, now),
            _ => {}
        }
    }

    fn on_acknowledged(&mut self, script: &mut dyn Script, key: usize, now: Instant) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.phase = PeerPhase::Ready;
        let (user, started) = (peer.visit.user, peer.started);
        self.handshakes -= 1;
        script.on_notice(self, user, Notice::Acknowledged { started }, now);
    }

    fn on_answer(&mut self, script: &mut dyn Script, key: usize, now: Instant) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let user = peer.visit.user;
        match peer.unanswered.pop_front() {
            Some(due) => script.on_notice(self, user, Notice::Answered { due }, now),
            None => self.failures.add("an answer without a message".to_owned()),
        }
    }

    /// Handles the server's close frame, and answers it unless it answers ours.
    fn on_close(
        &mut self,
        script: &mut dyn Script,
        key: usize,
        code: u16,
        reason: &str,
        now: Instant,
    ) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.was_closed = true;
        let user = peer.visit.user;
        match peer.phase {
            PeerPhase::Closing if code == 1_000 => {}
            PeerPhase::Silent if code == 1_008 && reason == "Authentication timeout" => {
                self.close(user, now);
                script.on_notice(self, user, Notice::TimedOut, now);
            }
            _ => {
                self.fail(key, || format!("{code} {reason}").trim_end().to_owned());
                self.close(user, now);
            }
        }
    }

    /// Handles the end of the TCP connection, orderly or not.
    fn on_end(
        &mut self,
        script: &mut dyn Script,
        key: usize,
        error: Option<&io::Error>,
        now: Instant,
    ) {
        let Some(peer) = self.peers.get(key) else { return };
        let during = peer.phase.name();
        if !peer.was_closed {
            self.fail(key, || match error {
                Some(error) => format!("{error} during {during}"),
                None => format!("ended without a close frame during {during}"),
            });
        }
        self.end(script, key, now);
    }

    /// Counts the first failure of a client, unless it comes back.
    pub(super) fn fail(&mut self, key: usize, reason: impl FnOnce() -> String) {
        if let Some(peer) = self.peers.get_mut(key)
            && peer.visit.role != PeerRole::Returning
            && !mem::replace(&mut peer.has_failed, true)
        {
            self.failures.add(reason());
        }
    }

    pub(super) fn end(&mut self, script: &mut dyn Script, key: usize, now: Instant) {
        let Some(peer) = self.peers.try_remove(key) else { return };
        let user = peer.visit.user;
        if let Some(seat) = self.seats.get_mut(user as usize) {
            *seat = None;
        }
        self.handshakes -= u32::from(peer.phase.is_handshake());
        let unanswered = u32::try_from(peer.unanswered.len()).unwrap_or(u32::MAX);
        // Closes the socket before the script opens the next one.
        drop(peer);
        script.on_notice(self, user, Notice::Ended { unanswered }, now);
    }
}
