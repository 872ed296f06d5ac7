//! Clients that chat at any node, lose their connection, and come back at another one.

use std::time::Duration;

use super::chain::Chain;
use super::facts::message_id;
use super::process::CLUSTER_SECRET;
use super::revocations;
use super::stage::{ClusterStage, LinePart, StageEvent};
use crate::protocol::{CloseReason, ErrorCode, Position};
use crate::sim::truth::room_name;
use crate::sim::wire::{self, Message, ReturnTerms, Seen, WireReader};
use crate::time::{Instant, UnixTime};

/// The time for an acknowledgement.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChatterState {
    Away,
    Connecting,
    Inside,
}

/// A message that is not answered.
#[derive(Clone, Debug)]
pub(super) struct OpenMessage {
    pub(super) id: String,
    pub(super) content: String,
    /// It waits for its answer on the connection at hand.
    pub(super) is_sent: bool,
}

/// A client. Two in a row may be of the same user.
#[derive(Debug)]
pub(super) struct Chatter {
    pub(super) number: usize,
    pub(super) user: String,
    pub(super) room: usize,
    supports_resume: bool,
    /// How long it is silent at most, unless it has to send something again.
    pause: Duration,
    pub(super) state: ChatterState,
    next: Instant,
    pub(super) line: Option<u64>,
    reader: WireReader,
    /// What it has heard; `None`: it does not know where it is.
    pub(super) chain: Option<Chain>,
    pub(super) open: Vec<OpenMessage>,
    /// Who is in the room, as it was told last.
    pub(super) present: Option<(Option<Vec<String>>, u64)>,
    /// When its token was issued.
    pub(super) issued: UnixTime,
    /// The same of the one that this connection was let in with.
    pub(super) entered_with: UnixTime,
    pub(super) inside_since: Instant,
    attempts: u64,
    messages: u64,
    failures: u32,
}

impl Chatter {
    pub(super) fn new(number: usize, rooms: usize, pause: Duration) -> Self {
        // The first two are one user with two devices.
        let user = if number == 1 { 0 } else { number };
        Self {
            number,
            user: format!("user-{user}"),
            room: user % rooms.max(1),
            supports_resume: number % 4 != 3,
            pause,
            state: ChatterState::Away,
            next: Instant::START,
            line: None,
            reader: WireReader::default(),
            chain: None,
            open: Vec::new(),
            present: None,
            issued: UnixTime::from_millis(0),
            entered_with: UnixTime::from_millis(0),
            inside_since: Instant::START,
            attempts: 0,
            messages: 0,
            failures: 0,
        }
    }

    pub(super) fn wake_in(&mut self, stage: &mut ClusterStage, length: Duration) {
        self.next = stage.now.monotonic + length;
        stage.at(self.next, StageEvent::Client(self.number));
    }

    /// Does what its time has come for.
    pub(super) fn wake(&mut self, stage: &mut ClusterStage, nodes: usize) {
        if stage.now.monotonic < self.next {
            return;
        }
        match self.state {
            ChatterState::Away => self.connect(stage, nodes),
            ChatterState::Connecting => self.cut(stage),
            ChatterState::Inside => {
                match stage.rng.below(14) {
                    0 if !stage.is_healed => return self.cut(stage),
                    1..5 => self.say_again(stage),
                    _ if !stage.is_healed => self.say_new(stage),
                    _ => self.say_again(stage),
                }
                let is_patient = self.open.is_empty() || !stage.is_healed;
                let pause = if is_patient { self.pause } else { Duration::from_secs(8) };
                let pause = stage.within(pause);
                self.wake_in(stage, pause);
            }
        }
    }

    fn connect(&mut self, stage: &mut ClusterStage, nodes: usize) {
        let node = stage.rng.below(nodes as u64) as usize;
        let line = stage.open(self.number, node);
        self.attempts += 1;
        (self.line, self.state) = (Some(line), ChatterState::Connecting);
        (self.reader, self.present) = (WireReader::default(), None);
        let now = stage.now.unix.as_millis();
        let revoked = stage.revocations.last_of(&self.user);
        // Some try the token once more that was taken from them.
        self.issued = match revoked {
            Some(at) if stage.tries_old_tokens || stage.rng.below(4) == 0 => {
                UnixTime::from_millis(at.as_millis().saturating_sub(2_000) / 1_000 * 1_000)
            }
            _ => UnixTime::from_millis(now / 1_000 * 1_000),
        };
        let token = self.token(stage);
        let id = format!("auth-{}-{}", self.number, self.attempts);
        if stage.rng.below(6) == 0 {
            self.chain = None; // It has forgotten where it was.
        }
        let position = self.chain.as_ref().and_then(|chain| chain.at).map(|at| at.to_string());
        let text = if self.supports_resume {
            wire::watching_auth(&id, &token, position.as_deref())
        } else {
            wire::envelope("auth", &id, "token", &token)
        };
        let (number, user) = (self.number, &self.user);
        stage.note(|| format!("client {number} ({user}) connects to n{node} with {position:?}"));
        stage.up(line, LinePart::Bytes(wire::upgrade(&room_name(self.room))));
        self.send(stage, &text);
        self.wake_in(stage, PATIENCE);
    }

    /// A token that was issued when `issued` says.
    fn token(&self, stage: &mut ClusterStage) -> String {
        let now = stage.now.unix.as_millis();
        let (nonce, issued) = (stage.rng.next_u64(), self.issued.as_millis() / 1_000);
        let claims = serde_json::json!({
            "sub": self.user, "iat": issued, "exp": now / 1_000 + 3_000, "nonce": nonce,
        });
        crate::testing::token(CLUSTER_SECRET, &claims)
    }

    /// The node asks for a fresh token, as orders may be missing.
    fn renew(&mut self, stage: &mut ClusterStage) {
        self.attempts += 1;
        self.issued = UnixTime::from_millis(stage.now.unix.as_millis() / 1_000 * 1_000);
        let id = format!("auth-{}-{}", self.number, self.attempts);
        let token = self.token(stage);
        self.send(stage, &wire::envelope("auth", &id, "token", &token));
    }

    fn send(&self, stage: &mut ClusterStage, text: &str) {
        let Some(line) = self.line else { return };
        let mask = stage.rng.next_u64() as u32;
        stage.up(line, LinePart::Bytes(wire::masked(0x81, text.as_bytes(), mask)));
    }

    /// Says something new.
    pub(super) fn say_new(&mut self, stage: &mut ClusterStage) {
        if self.open.len() >= 3 || self.state != ChatterState::Inside {
            return;
        }
        self.messages += 1;
        // What the ids end with changes the recipe.
        let end = if stage.rng.below(5) == 0 { "b" } else { "" };
        let content = format!("{}-{}", self.number, self.messages);
        let id = message_id(&content) + end;
        self.open.push(OpenMessage { id, content, is_sent: false });
        self.say_again(stage);
    }

    /// Sends what has no answer, under the same ids.
    pub(super) fn say_again(&mut self, stage: &mut ClusterStage) {
        let mut open = std::mem::take(&mut self.open);
        for message in open.iter_mut().filter(|message| !message.is_sent) {
            message.is_sent = true;
            self.say(stage, message);
        }
        self.open = open;
    }

    /// Says what another device of the same user says, too.
    pub(super) fn echo(&mut self, stage: &mut ClusterStage, message: &OpenMessage) {
        if self.state == ChatterState::Inside && self.open.iter().all(|it| it.id != message.id) {
            self.open.push(OpenMessage { is_sent: true, ..message.clone() });
            self.say(stage, message);
        }
    }

    fn say(&self, stage: &mut ClusterStage, message: &OpenMessage) {
        let OpenMessage { id, content, .. } = message;
        let number = self.number;
        stage.note(|| format!("client {number} says {id}"));
        self.send(stage, &wire::envelope("chat_message", id, "content", content));
    }

    /// Its network goes.
    pub(super) fn cut(&mut self, stage: &mut ClusterStage) {
        if let Some(line) = self.line {
            stage.up(line, LinePart::End);
        }
        self.lost(stage);
    }

    /// The connection is gone, and the client knows.
    fn lost(&mut self, stage: &mut ClusterStage) {
        let (number, state) = (self.number, self.state);
        stage.note(|| format!("client {number} has lost its connection: {state:?}"));
        self.failures = if state == ChatterState::Inside { 0 } else { (self.failures + 1).min(4) };
        (self.line, self.state) = (None, ChatterState::Away);
        self.open.iter_mut().for_each(|message| message.is_sent = false);
        let longest =
            if !stage.is_healed && stage.rng.below(8) == 0 { 30 } else { 1 << self.failures };
        let pause = Duration::from_millis(100) + stage.within(Duration::from_secs(longest));
        self.wake_in(stage, pause);
    }

    /// Bytes of its node have come, or the end.
    pub(super) fn receive(&mut self, stage: &mut ClusterStage, line: u64, part: LinePart) {
        if self.line != Some(line) {
            return;
        }
        if let LinePart::Bytes(bytes) = part {
            self.reader.push(&bytes);
            while self.line == Some(line) {
                match self.reader.next() {
                    Ok(Some((_, seen))) => {
                        let number = self.number;
                        stage.note(|| format!("client {number} sees {seen:?}"));
                        if let Err(what) = self.hear(stage, seen) {
                            stage.fail(format!("{what} (client {number})"));
                        }
                    }
                    Ok(None) => break,
                    Err(what) => return stage.fail(what),
                }
            }
        } else {
            self.lost(stage);
        }
    }

    /// Its connection's names: the process, and the number there.
    pub(super) fn own(&self, stage: &ClusterStage) -> Option<(u64, u64)> {
        let (process, id) = stage.lines.get(&self.line?)?.accepted?;
        Some((process, id.to_bits()))
    }

    fn hear(&mut self, stage: &mut ClusterStage, seen: Seen) -> Result<(), String> {
        match seen {
            Seen::Message(Message::Acknowledged { told, .. }) => self.acknowledged(stage, told),
            Seen::Message(Message::Relayed { user, content, position, .. }) => {
                self.listen(stage, (Some(&user), &content), position.as_deref())
            }
            Seen::Message(Message::News { content, position }) => {
                self.listen(stage, (None, &content), position.as_deref())
            }
            Seen::Message(Message::Answer { to, said, position }) => {
                self.answered(stage, to.as_deref(), said, position.as_deref())
            }
            Seen::Message(Message::Presence { users, connections }) => {
                self.present = Some((users, connections));
                Ok(())
            }
            Seen::Message(Message::AuthRequired) => {
                self.renew(stage);
                Ok(())
            }
            Seen::Ping => {
                let mask = stage.rng.next_u64() as u32;
                if let Some(line) = self.line {
                    stage.up(line, LinePart::Bytes(wire::masked(0x8a, &[], mask)));
                }
                Ok(())
            }
            Seen::Close(code, text) => self.closed(stage, code, &text),
            Seen::Upgraded | Seen::Pong => Ok(()),
            other => Err(format!("an unexpected {other:?}")),
        }
    }

    fn acknowledged(
        &mut self,
        stage: &mut ClusterStage,
        told: Option<ReturnTerms>,
    ) -> Result<(), String> {
        if self.state == ChatterState::Inside {
            return Ok(()); // It was asked for a fresh token.
        }
        (self.state, self.failures) = (ChatterState::Inside, 0);
        (self.inside_since, self.entered_with) = (stage.now.monotonic, self.issued);
        let at =
            told.as_ref().and_then(|told| told.kept.position.as_deref()).and_then(Position::parse);
        if told.as_ref().is_some_and(|told| told.resumed) {
            stage.counted.resumed += 1;
            let seen = self.chain.as_ref().and_then(|chain| chain.at);
            if at != seen || seen.is_none() {
                return Err(format!("G2: goes on from {at:?}, and has said {seen:?}"));
            }
        } else {
            stage.counted.not_resumed += u64::from(self.chain.is_some());
            self.chain = Some(Chain::new(self.room, at, stage.now.monotonic));
        }
        self.say_again(stage);
        let pause = stage.within(Duration::from_secs(4));
        self.wake_in(stage, pause);
        Ok(())
    }

    fn listen(
        &mut self,
        stage: &mut ClusterStage,
        (user, content): (Option<&str>, &str),
        position: Option<&str>,
    ) -> Result<(), String> {
        let own = self.own(stage);
        let position = position.and_then(Position::parse);
        let position = position.ok_or_else(|| format!("G2: {content} has no position"))?;
        let chain = self.chain.as_mut().ok_or("hears something before it is let in")?;
        chain.hear(&stage.facts, own, (user, content, position))
    }

    fn answered(
        &mut self,
        stage: &mut ClusterStage,
        to: Option<&str>,
        said: Result<String, String>,
        position: Option<&str>,
    ) -> Result<(), String> {
        let at = self.open.iter().position(|open| Some(open.id.as_str()) == to);
        let Some(at) = at else {
            return Err(format!("{said:?} answers {to:?}, which is not open"));
        };
        match said {
            Ok(answer) => {
                let OpenMessage { id, content, .. } = self.open.swap_remove(at);
                stage.counted.answers += 1;
                if !stage.facts.was_said(self.room, &content) {
                    return Err(format!("G6: {id} is answered, and was not published"));
                }
                let name = (room_name(self.room), self.user.clone(), id);
                stage.with_asks(|asks| asks.answered(&name, &answer))?;
                let own = self.own(stage);
                match (&mut self.chain, position.and_then(Position::parse)) {
                    (Some(chain), Some(position)) => chain.told(&stage.facts, own, position),
                    _ => Ok(()),
                }
            }
            Err(error) => {
                stage.counted.errors += 1;
                if let Some(open) = self.open.get_mut(at) {
                    open.is_sent = false;
                }
                let usual = [ErrorCode::BackendUnavailable, ErrorCode::BackendTimeout];
                if usual.iter().any(|code| code.as_str() == error) {
                    return Ok(());
                }
                Err(format!("G6: {to:?} gets the error {error}"))
            }
        }
    }

    fn closed(&mut self, stage: &mut ClusterStage, code: u16, text: &str) -> Result<(), String> {
        let was_inside = self.state == ChatterState::Inside;
        self.cut(stage);
        let is = |reason: CloseReason| reason.code() == code && reason.text() == text;
        if is(CloseReason::MessagesMissed) {
            stage.counted.breaks += 1;
            return Ok(());
        }
        if is(CloseReason::SessionRevoked) {
            let issued = was_inside.then_some(self.entered_with);
            return revocations::excuse(stage, (self.number, &self.user), issued);
        }
        // Of a node that was stopped, or has not read revocations.
        let usual =
            [CloseReason::AuthTimeout, CloseReason::ReauthTimeout, CloseReason::PingTimeout];
        if usual.into_iter().any(is) || is(CloseReason::BackendUnavailable) && !was_inside {
            return Ok(());
        }
        Err(format!("G6: closed with {code} {text}"))
    }
}
