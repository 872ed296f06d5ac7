//! How honest clients react to what they receive.

use std::time::Duration;

use super::attackers;
use super::client::{Chat, Client, Kind, State};
use super::engine::{Engine, TimedEvent};
use super::frugal;
use super::network::LinkId;
use super::wire::{self, Message, Seen};
use crate::protocol::{CloseReason, ErrorCode, Reconnect};

impl Client {
    pub(super) fn read(&mut self, engine: &mut Engine) {
        let Some(link) = self.link else { return };
        let is_slow = self.kind == Kind::Slow && !engine.is_healed;
        let most = if is_slow { 1 + self.rng.below(2_000) as usize } else { usize::MAX };
        for seen in engine.read_as_client(link, most) {
            if self.kind.is_honest() {
                self.hear(engine, link, seen);
            } else if self.kind == Kind::Forging {
                self.learn(engine, link, &seen);
            } else if self.kind == Kind::Frugal {
                frugal::hear(self, engine, link, seen);
            }
        }
        if is_slow && engine.link(link).is_some_and(|link| link.has_unread()) {
            let pause = self.millis(100, 4_000);
            engine.at(engine.now.monotonic + pause, TimedEvent::Client(self.number));
        }
    }

    /// A forger reconnects as soon as it is refused.
    fn learn(&mut self, engine: &mut Engine, link: LinkId, seen: &Seen) {
        if matches!(seen, Seen::Close(_, text) if text == CloseReason::InvalidToken.text())
            && let Err(what) = self.forgeries.count(engine.now.monotonic)
        {
            engine.fail(format!("client {}: {what}", self.number));
        }
        if matches!(seen, Seen::Close(..) | Seen::Refused(_)) {
            engine.reset(link);
        }
    }

    fn hear(&mut self, engine: &mut Engine, link: LinkId, seen: Seen) {
        match seen {
            Seen::Upgraded => {
                self.state = State::Authenticating;
                if self.auth.is_none() && self.kind != Kind::Old {
                    let frame = self.auth(engine, link);
                    engine.send(link, &frame);
                }
            }
            Seen::Message(message) => self.hear_message(engine, link, message),
            Seen::Ping => {
                let mask = self.rng.next_u64() as u32;
                engine.send(link, &wire::masked(0x8a, &[], mask));
            }
            Seen::Close(code, text) => self.hear_close(engine, link, code, &text),
            Seen::Pong | Seen::Refused(_) => {}
        }
    }

    fn hear_message(&mut self, engine: &mut Engine, link: LinkId, message: Message) {
        match message {
            Message::Acknowledged { auth, .. } => {
                self.acknowledged(engine, auth);
                if self.state == State::Authenticating {
                    self.state = State::Member;
                    // Unanswered messages are sent again, with the same ids.
                    let unanswered = std::mem::take(&mut self.unanswered);
                    let at_once = if self.is_modest { 1 } else { unanswered.len() };
                    for chat in unanswered.iter().take(at_once) {
                        self.send_chat(engine, link, chat);
                    }
                    self.unanswered = unanswered;
                    self.is_modest &= !self.unanswered.is_empty();
                    let pause = self.millis(10, 5_000);
                    self.wake_after(engine, pause);
                }
            }
            Message::Answer { to: Some(id), said, .. } => {
                let at = match self.kind {
                    // An old client does not know the id, but answers come in order.
                    Kind::Old => Some(0),
                    _ => self.unanswered.iter().position(|chat| chat.id == id),
                };
                let chat = at.and_then(|at| self.unanswered.remove(at));
                let chat = chat.filter(|_| self.kind != Kind::Old);
                match said {
                    Ok(_) => {
                        let now = engine.now.monotonic;
                        self.answered = Some(now);
                        self.last = chat.map(|chat| (chat, now)).or(self.last.take());
                    }
                    Err(error) if error == ErrorCode::BackendTimeout.as_str() => {
                        let chat = chat.filter(|chat| chat.retries < 3 && !engine.is_healed);
                        let again = |chat: Chat| Chat { retries: chat.retries + 1, ..chat };
                        self.timed_out.extend(chat.map(again));
                    }
                    Err(_) => {}
                }
                if self.is_modest {
                    match self.unanswered.front().cloned() {
                        Some(next) => self.send_chat(engine, link, &next),
                        None => self.is_modest = false,
                    }
                }
            }
            Message::AuthRequired if engine.is_healed || self.rng.below(10) != 0 => {
                let frame = self.auth(engine, link);
                engine.send(link, &frame);
            }
            _ => {}
        }
    }

    fn acknowledged(&mut self, engine: &mut Engine, id: String) {
        let Some(auth) = self.auth.take_if(|auth| auth.id == id) else { return };
        // If the wall clock was ahead for a while, the node may have forgotten this `auth`.
        if self.is_replay && engine.latest_unix < auth.expires {
            engine.fail(format!("client {}: {id} was accepted twice", self.number));
        }
        self.accepted = Some(auth);
    }

    fn hear_close(&mut self, engine: &mut Engine, link: LinkId, code: u16, text: &str) {
        let fits = |reason: &&CloseReason| reason.code() == code && reason.text() == text;
        self.close = CloseReason::ALL.iter().find(fits).copied();
        let may_be = match self.close {
            Some(CloseReason::AuthReplayed) => self.is_replay,
            Some(CloseReason::Normal) | None => self.state == State::Closing,
            Some(CloseReason::SessionRevoked) => engine.was_revoked(&self.user, self.oldest_auth),
            Some(CloseReason::InvalidToken) => engine.key_was_replaced(self.oldest_auth),
            Some(reason) => reason.reconnect() != Reconnect::No,
        };
        if !may_be {
            let (number, kind) = (self.number, self.kind);
            engine
                .fail(format!("client {number} ({kind:?}) did nothing to deserve {code} {text:?}"));
        }
        if self.state != State::Closing && self.rng.below(4) != 0 {
            self.begin_close(engine, link);
        }
        self.state = State::Closing;
        engine.end(link);
    }

    pub(super) fn give_up(&mut self, engine: &mut Engine) {
        if let Some(link) = self.link {
            engine.reset(link);
        }
        self.ended(engine);
    }

    /// How long a hostile client waits before it connects again.
    pub(super) fn absence(&mut self) -> Duration {
        match self.kind {
            Kind::Forging => self.millis(100, 3_000),
            Kind::Greedy(_) => attackers::absence(self),
            Kind::Flapping => self.millis(10, 10_000),
            _ => self.millis(10, 60_000),
        }
    }

    pub(super) fn ended(&mut self, engine: &mut Engine) {
        if self.kind == Kind::Frugal {
            return frugal::ended(self, engine);
        }
        self.is_modest |= self.close == Some(CloseReason::Overloaded);
        self.link = None;
        self.auth = None;
        self.state = State::Away;
        let pause = if self.kind.is_honest() {
            match self.close.map(CloseReason::reconnect) {
                Some(Reconnect::AfterAMinute) => Duration::from_secs(60),
                Some(Reconnect::AfterRefresh) => self.millis(10, 500),
                _ => self.millis(100, 5_000),
            }
        } else {
            self.absence()
        };
        self.wake_after(engine, pause);
    }
}
