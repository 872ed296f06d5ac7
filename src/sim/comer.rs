//! Clients that come back and go on where they were: they keep the position that they got last.

use std::time::Duration;

use super::check::Expect;
use super::engine::{Engine, News, TimedEvent};
use super::errand::{Belongings, ComerState, Errand};
use super::late::SharedDistrust;
use super::network::{Conditions, LinkId};
use super::truth::{Truth, room_name, start};
use super::wire::{self, Message, ReturnTerms, Seen};
use crate::id::Rng;
use crate::protocol::CloseReason;
use crate::time::Instant;

/// The time for an acknowledgement.
const PATIENCE: Duration = Duration::from_secs(15);
const LONGEST: Duration = Duration::from_secs(60);

/// A client that supports resuming, or one that does not.
#[derive(Debug)]
pub(super) struct Comer {
    pub(super) number: usize,
    pub(super) room: usize,
    pub(super) supports_resume: bool,
    /// Reads little at a time, cuts, and tries what is forbidden.
    pub(super) is_restless: bool,
    pub(super) state: ComerState,
    pub(super) next: Instant,
    rng: Rng,
    link: Option<LinkId>,
    errand: Errand,
    pub(super) own: Belongings,
    /// The token that it came with last.
    token: String,
    /// What it had before its user was disconnected.
    before: Option<(String, Belongings)>,
    /// What another client has, of another room.
    pub(super) stray: Belongings,
    pub(super) distrust: SharedDistrust,
    /// How many of its room's messages it has heard, since `resumed` was false.
    heard: Option<usize>,
    /// How many missed messages follow, and up to which place in the room they go.
    owed: Option<(u64, usize)>,
    /// Its slot, if the server gave it one.
    slot: Option<Instant>,
    within: Duration,
    failures: u32,
    messages: u64,
    /// How often it has tried to connect, and when it was let in last.
    pub(super) attempts: u64,
    pub(super) inside_since: Instant,
}

impl Comer {
    pub(super) fn new(number: usize, rooms: usize, supports_resume: bool, seed: u64) -> Self {
        Self {
            number,
            room: number % rooms.max(1),
            supports_resume,
            is_restless: false,
            state: ComerState::Away,
            next: Instant::START,
            rng: Rng::new(seed),
            link: None,
            errand: Errand::Return,
            own: Belongings::default(),
            token: String::new(),
            before: None,
            stray: Belongings::default(),
            distrust: SharedDistrust::default(),
            heard: None,
            owed: None,
            slot: None,
            within: Duration::from_secs(1),
            failures: 0,
            messages: 0,
            attempts: 0,
            inside_since: Instant::START,
        }
    }

    pub(super) fn wake_at(&mut self, engine: &mut Engine, at: Instant) {
        self.next = at;
        engine.at(at, TimedEvent::Client(self.number));
    }

    fn within(&mut self, length: Duration) -> Duration {
        let micros = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.rng.below(micros.max(1)))
    }

    /// It reads, and acts if its time has come. True: it has tried to connect.
    pub(super) fn wake(&mut self, engine: &mut Engine, truth: &Truth) -> bool {
        self.read(engine, truth);
        let now = engine.now.monotonic;
        if now < self.next {
            return false;
        }
        match self.state {
            ComerState::Away => {
                self.connect(engine);
                return true;
            }
            ComerState::Connecting | ComerState::Closing => self.cut(engine),
            ComerState::Inside if !self.is_restless || engine.is_healed => {
                self.next = Instant::NEVER;
            }
            ComerState::Inside => {
                match self.rng.below(12) {
                    0..3 => self.cut(engine),
                    3 => self.speak(engine, 3),
                    _ => self.speak(engine, 1),
                }
                if self.state == ComerState::Inside {
                    let pause = self.within(Duration::from_secs(15));
                    self.wake_at(engine, now + pause);
                }
            }
        }
        false
    }

    pub(super) fn tell(&mut self, engine: &mut Engine, truth: &Truth, link: LinkId, news: News) {
        if self.link != Some(link) {
            return;
        }
        self.read(engine, truth);
        if news == News::Ended && self.link == Some(link) {
            self.lost(engine);
        }
    }

    fn connect(&mut self, engine: &mut Engine) {
        let is_rough = self.is_restless && !engine.is_healed;
        let mut conditions = Conditions::CALM;
        if is_rough && self.rng.below(2) == 0 {
            conditions = Conditions::drawn(&mut self.rng, engine.now.monotonic);
        }
        let link = engine.connect(self.number, conditions, is_rough && self.rng.below(3) == 0);
        (self.link, self.state, self.owed) = (Some(link), ComerState::Connecting, None);
        self.attempts += 1;
        self.errand = match is_rough {
            true => {
                let before = self.before.as_ref().map(|(_, before)| before);
                let has = (&self.own, &self.stray, before);
                Errand::draw(&mut self.rng, has, self.supports_resume)
            }
            false => Errand::Return,
        };
        let id = format!("auth-{}-{}", self.number, self.attempts);
        let mut token = engine.token(&format!("user-{}", self.number), 7_200);
        match (self.errand, &self.before) {
            (Errand::Forged, _) => token.push('A'),
            (Errand::Revoked, Some((before, _))) => token.clone_from(before),
            _ => self.token.clone_from(&token),
        }
        let text = if self.supports_resume {
            let own = match (self.errand, &self.before) {
                (Errand::Revoked, Some((_, before))) => before,
                _ => &self.own,
            };
            let (has, who) = ((own, &self.stray), (engine.tokens, &self.distrust));
            wire::resuming_auth(&id, &token, &self.errand.brings(&mut self.rng, has, who))
        } else {
            wire::envelope("auth", &id, "token", &token)
        };
        if let Some(open) = engine.link(link) {
            open.hearing.auths.push_back(id);
        }
        engine.send(link, &wire::upgrade(&room_name(self.room)));
        let mask = self.rng.next_u64() as u32;
        engine.send(link, &wire::masked(0x81, text.as_bytes(), mask));
        let until = engine.now.monotonic + PATIENCE;
        self.wake_at(engine, until);
    }

    /// Says something new, so many times.
    pub(super) fn speak(&mut self, engine: &mut Engine, times: u64) {
        let Some(link) = self.link.filter(|_| self.state == ComerState::Inside) else { return };
        for _ in 0..times {
            self.messages += 1;
            let length = if self.rng.below(8) == 0 { self.rng.below(3_000) as usize } else { 0 };
            let content = format!("{}-{}-{}", self.number, self.messages, "x".repeat(length));
            let id = format!("chat-{}-{}", self.number, self.messages);
            let text = wire::envelope("chat_message", &id, "content", &content);
            let mask = self.rng.next_u64() as u32;
            engine.expect(link, Expect::Answer(id));
            engine.send(link, &wire::masked(0x81, text.as_bytes(), mask));
        }
    }

    /// An operator disconnects its user.
    pub(super) fn disconnected(&mut self) {
        if !self.token.is_empty() {
            self.before = Some((self.token.clone(), self.own.clone()));
        }
    }

    /// Its network goes.
    pub(super) fn cut(&mut self, engine: &mut Engine) {
        if let Some(link) = self.link {
            engine.reset(link);
            self.lost(engine);
        }
    }

    /// The connection is gone, and the client knows.
    pub(super) fn lost(&mut self, engine: &mut Engine) {
        let was_inside = self.state == ComerState::Inside;
        (self.link, self.state, self.owed) = (None, ComerState::Away, None);
        let now = engine.now.monotonic;
        self.failures = if was_inside || self.slot.is_some() { 0 } else { self.failures + 1 };
        let back_off =
            (self.within * 2_u32.saturating_pow(self.failures.saturating_sub(1))).min(LONGEST);
        let at = match self.slot.take() {
            Some(slot) => slot.max(now),
            None if self.is_restless && self.rng.below(6) == 0 => now + self.within(LONGEST * 3),
            None => now + self.within(back_off),
        };
        self.wake_at(engine, at);
    }

    /// The server's process is gone, and the next one listens at `up_at`. Whoever comes earlier is
    /// refused by the host.
    pub(super) fn server_ended(&mut self, engine: &mut Engine, up_at: Instant) {
        if self.link.is_some() {
            self.lost(engine);
        }
        let mut at = self.next;
        while at < up_at {
            self.attempts += 1;
            self.failures += 1;
            at = at + self.within(self.within * 2_u32.saturating_pow(self.failures.min(6) - 1));
            at = at + Duration::from_millis(1);
        }
        self.next = at;
    }

    fn read(&mut self, engine: &mut Engine, truth: &Truth) {
        let Some(link) = self.link else { return };
        let is_slow = self.is_restless && self.number.is_multiple_of(3) && !engine.is_healed;
        let most = if is_slow { 1 + self.rng.below(600) as usize } else { usize::MAX };
        for seen in engine.read_as_client(link, most) {
            if let Err(what) = self.hear(engine, truth, link, seen) {
                let number = self.number;
                engine.fail(format!("client {number}, which comes back: {what}"));
            }
        }
        if is_slow && engine.link(link).is_some_and(|link| link.has_unread()) {
            let pause = Duration::from_millis(50) + self.within(Duration::from_secs(2));
            engine.at(engine.now.monotonic + pause, TimedEvent::Client(self.number));
        }
    }

    fn hear(
        &mut self,
        engine: &mut Engine,
        truth: &Truth,
        link: LinkId,
        seen: Seen,
    ) -> Result<(), String> {
        match seen {
            Seen::Message(Message::Acknowledged { told, .. }) => {
                (self.state, self.failures) = (ComerState::Inside, 0);
                self.inside_since = engine.now.monotonic;
                let pause = self.within(Duration::from_secs(15));
                self.wake_at(engine, self.inside_since + pause);
                self.acknowledged(truth, told)
            }
            Seen::Message(Message::Relayed { content, position, .. }) => {
                self.listen(truth, &content, position)
            }
            Seen::Message(Message::Answer { position, .. }) => {
                if position.is_some() {
                    self.own.position = position;
                }
                Ok(())
            }
            Seen::Message(Message::GoingAway { after_ms, within_ms }) if self.supports_resume => {
                self.slot = Some(engine.now.monotonic + Duration::from_millis(after_ms));
                self.within = within_ms.map_or(self.within, Duration::from_millis);
                Ok(())
            }
            Seen::Message(Message::GoingAway { .. }) => {
                Err("is told a slot that it does not know".to_owned())
            }
            Seen::Ping => {
                let mask = self.rng.next_u64() as u32;
                engine.send(link, &wire::masked(0x8a, &[], mask));
                Ok(())
            }
            Seen::Close(code, text) => {
                self.state = ComerState::Closing;
                let mask = self.rng.next_u64() as u32;
                if let Some(open) = engine.link(link) {
                    open.hearing.has_closed = true;
                }
                engine.send(link, &wire::masked(0x88, &code.to_be_bytes(), mask));
                engine.end(link);
                let is_refused = text == CloseReason::InvalidToken.text();
                if is_refused == (self.errand == Errand::Forged) || !is_refused {
                    Ok(())
                } else {
                    Err(format!("its good token is refused: {code} {text}"))
                }
            }
            _ => Ok(()),
        }
    }

    fn acknowledged(&mut self, truth: &Truth, told: Option<ReturnTerms>) -> Result<(), String> {
        match self.errand {
            Errand::Forged => return Err("is let in with a position and a forged token".to_owned()),
            Errand::Revoked => return Err("is let in with a token that was revoked".to_owned()),
            _ => {}
        }
        let Some(told) = told.filter(|_| self.supports_resume) else {
            let wrong = "is not told whether it goes on where it was".to_owned();
            return if self.supports_resume { Err(wrong) } else { Ok(()) };
        };
        self.within = Duration::from_millis(told.within_ms.max(1_000));
        let before = truth.before(&room_name(self.room));
        let said = before + told.said_before;
        if told.resumed && (self.own.position.is_none() || self.errand == Errand::Stray) {
            return Err("goes on from a position that is not its room's".to_owned());
        }
        if told.kept.position.is_some() {
            self.own = told.kept;
        }
        if told.resumed {
            self.owed = Some((told.missed, said));
            self.settle(truth)
        } else {
            self.heard = Some(said);
            Ok(())
        }
    }

    /// If all missed messages have come, they were all that it had not heard.
    fn settle(&mut self, truth: &Truth) -> Result<(), String> {
        let Some((_, said)) = self.owed.take_if(|(left, _)| *left == 0) else { return Ok(()) };
        let heard = self.heard.unwrap_or_default();
        let unheard = truth.behind(&room_name(self.room), heard);
        let unheard = unheard.get(..said.saturating_sub(heard)).unwrap_or(unheard);
        match unheard.iter().find(|(speaker, _)| *speaker != self.number) {
            Some((_, content)) => Err(format!("has not got {}, which it missed", start(content))),
            None => {
                self.heard = self.heard.map(|heard| heard.max(said));
                Ok(())
            }
        }
    }

    /// Somebody has said this: it must be what comes next. Own messages may come back.
    fn listen(
        &mut self,
        truth: &Truth,
        content: &str,
        position: Option<String>,
    ) -> Result<(), String> {
        let Some(heard) = self.heard else { return Ok(()) };
        // A room whose log was too much for `limits.history_bytes` has no positions.
        self.own.position = position.or(self.own.position.take());
        let unheard = truth.behind(&room_name(self.room), heard);
        let is_next =
            |(speaker, said): &(usize, String)| *speaker != self.number || said == content;
        let next = unheard.iter().position(is_next);
        match next.and_then(|at| Some((at, &unheard.get(at)?.1))) {
            Some((at, said)) if said == content => self.heard = Some(heard + at + 1),
            next => {
                let next = next.map(|(_, said)| start(said));
                return Err(format!("hears {}, but {next:?} is next", start(content)));
            }
        }
        if let Some((left, _)) = &mut self.owed {
            *left -= 1;
        }
        self.settle(truth)
    }

    /// Checks that it is in its room and has heard everything.
    ///
    /// # Errors
    /// The text says what is missing.
    pub(super) fn judge(&self, truth: &Truth) -> Result<(), String> {
        let Self { number, state, heard, .. } = self;
        if *state != ComerState::Inside {
            return Err(format!(
                "client {number}, which comes back, did not get through: {state:?}"
            ));
        }
        let Some(heard) = heard else { return Ok(()) };
        let unheard = truth.behind(&room_name(self.room), *heard);
        match unheard.iter().find(|(speaker, _)| speaker != number) {
            Some((_, said)) => Err(format!("client {number} never heard {}", start(said))),
            None => Ok(()),
        }
    }
}
