//! Honest clients: they keep to the protocol, whatever happens to their links.

use std::collections::VecDeque;
use std::time::Duration;

use super::chaos::ForgeryCount;
use super::check::Expect;
use super::engine::{Engine, News, TimedEvent};
use super::ledger::REMEMBERED;
use super::network::{Conditions, LinkId};
use super::scenario::Attack;
use super::shares::FRUGAL;
use super::wire;
use crate::id::Rng;
use crate::protocol::CloseReason;
use crate::time::{Instant, UnixTime};

/// The kind of a client. [`Mix`](super::Mix) says what each does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Good,
    Slow,
    Expired,
    Replaying,
    Silent,
    Garbage,
    Forging,
    Flapping,
    /// Sends as many frames without content as it can.
    Flooding,
    Old,
    /// Keeps to every limit, and takes as much as it can.
    Greedy(Attack),
    Frugal,
}

impl Kind {
    pub(super) fn is_honest(self) -> bool {
        matches!(self, Self::Good | Self::Slow | Self::Expired | Self::Replaying | Self::Old)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Away,
    Upgrading,
    Authenticating,
    Member,
    /// A close frame was sent or received.
    Closing,
}

/// A chat message without an answer.
#[derive(Clone, Debug)]
pub(super) struct Chat {
    pub(super) id: String,
    pub(super) content: String,
    /// How often it was sent again after `backend_timeout`.
    pub(super) retries: u8,
}

/// An `auth` that was sent.
#[derive(Clone, Debug)]
pub(super) struct Auth {
    pub(super) id: String,
    pub(super) frame: Vec<u8>,
    pub(super) expires: UnixTime,
    made: Instant,
}

/// One client, over all of its connections.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) number: usize,
    pub(super) kind: Kind,
    pub(super) user: String,
    pub(super) room: String,
    pub(super) rng: Rng,
    pub(super) link: Option<LinkId>,
    /// When the client acts next.
    pub(super) next: Instant,
    pub(super) state: State,
    messages: u64,
    pub(super) unanswered: VecDeque<Chat>,
    /// Messages answered with `backend_timeout`, to be sent again under the same id.
    pub(super) timed_out: VecDeque<Chat>,
    /// The server closed it as overloaded: it sends one message at a time, and waits for each
    /// answer.
    pub(super) is_modest: bool,
    /// The message that was answered last, and when.
    pub(super) last: Option<(Chat, Instant)>,
    pub(super) auth: Option<Auth>,
    /// An `auth` that was accepted, to be sent again.
    pub(super) accepted: Option<Auth>,
    pub(super) is_replay: bool,
    pub(super) close: Option<CloseReason>,
    /// When the oldest `auth` that it sent on this connection was made.
    pub(super) oldest_auth: Instant,
    pub(super) forgeries: ForgeryCount,
    /// Connections that a greedy client keeps, beside `link`.
    pub(super) held: VecDeque<LinkId>,
    /// How often a frugal client has come, and whether the server has said something since.
    pub(super) visits: u64,
    pub(super) is_told: bool,
    /// When a message was last answered without an error.
    pub(super) answered: Option<Instant>,
    /// It sends no new messages.
    is_quiet: bool,
    /// It opens no new connections.
    is_leaving: bool,
}

/// How long an honest client waits for progress before it gives a connection up.
const PATIENCE: Duration = Duration::from_secs(15);

impl Client {
    pub(super) fn new(number: usize, kind: Kind, rooms: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let room = format!("room-{}", rng.below(rooms.max(1) as u64));
        // Two clients share a user: few enough that the user's connections do not run out for good.
        let user = match kind {
            Kind::Frugal => format!("{FRUGAL}{number}"),
            kind if kind.is_honest() => format!("user-{}", number / 2),
            _ => format!("bad-{number}"),
        };
        Self {
            number,
            kind,
            user,
            room,
            rng,
            link: None,
            next: Instant::START,
            state: State::Away,
            messages: 0,
            unanswered: VecDeque::new(),
            timed_out: VecDeque::new(),
            is_modest: false,
            last: None,
            auth: None,
            accepted: None,
            is_replay: false,
            close: None,
            oldest_auth: Instant::START,
            forgeries: ForgeryCount::default(),
            held: VecDeque::new(),
            visits: 0,
            is_told: false,
            answered: None,
            is_quiet: false,
            is_leaving: false,
        }
    }

    /// Schedules the client's next action, `after` from now.
    pub(super) fn wake_after(&mut self, engine: &mut Engine, after: Duration) {
        self.next = engine.now.monotonic + after;
        engine.at(self.next, TimedEvent::Client(self.number));
    }

    pub(super) fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.rng.below(to - from))
    }

    /// The next action of an honest client.
    pub(super) fn wake(&mut self, engine: &mut Engine) {
        match self.state {
            State::Away if self.is_leaving => {}
            State::Away => self.connect(engine),
            State::Member => self.speak(engine),
            State::Upgrading | State::Authenticating | State::Closing => self.give_up(engine),
        }
    }

    /// Handles news about one of the client's links.
    pub(super) fn tell(&mut self, engine: &mut Engine, link: LinkId, news: News) {
        if self.link != Some(link) {
            return;
        }
        self.read(engine);
        if news == News::Ended && self.link == Some(link) {
            self.ended(engine);
        }
    }

    /// Opens a connection over a randomly drawn link.
    pub(super) fn open(&mut self, engine: &mut Engine) -> LinkId {
        let is_rough = engine.scenario.faults && !engine.is_healed && self.rng.below(2) == 0;
        let conditions = if is_rough {
            Conditions::drawn(&mut self.rng, engine.now.monotonic)
        } else {
            Conditions::CALM
        };
        let link = engine.connect(self.number, conditions, is_rough && self.rng.below(2) == 0);
        self.link = Some(link);
        link
    }

    /// Sends no new messages from now on.
    pub(super) fn stop_messages(&mut self) {
        self.is_quiet = true;
    }

    /// Does not reconnect after the next close.
    pub(super) fn leave(&mut self) {
        self.is_leaving = true;
    }

    /// Checks that the client is in its room and that all its messages since `healed` are answered.
    ///
    /// # Errors
    /// The text says what is missing.
    pub(super) fn judge_liveness(&self, healed: Instant) -> Result<(), String> {
        let Self { number, kind, state, unanswered, answered, .. } = self;
        if *state == State::Member && unanswered.is_empty() && *answered >= Some(healed) {
            return Ok(());
        }
        let open: Vec<&str> = unanswered.iter().map(|chat| &*chat.id).collect();
        Err(format!(
            "client {number} ({kind:?}) did not get through: {state:?}, answered last at \
             {answered:?}, not answered: {open:?}"
        ))
    }

    // --- Messages ---

    fn connect(&mut self, engine: &mut Engine) {
        let link = self.open(engine);
        (self.state, self.close) = (State::Upgrading, None);
        self.oldest_auth = engine.now.monotonic;
        // Frames may come in the same segment as the upgrade request.
        let bytes = if self.kind == Kind::Old {
            self.old_request(engine, link)
        } else {
            let mut bytes = wire::upgrade(&self.room);
            if self.rng.below(3) == 0 {
                bytes.extend(self.auth(engine, link));
                bytes.extend(self.renewals(engine, link));
            }
            bytes
        };
        engine.send(link, &bytes);
        self.wake_after(engine, PATIENCE);
    }

    /// An `auth` with a fresh token. Some kinds of client send an expired or a used one instead.
    pub(super) fn auth(&mut self, engine: &mut Engine, link: LinkId) -> Vec<u8> {
        let may_err = self.state != State::Member && !engine.is_healed && self.rng.below(2) == 0;
        if let Some(accepted) = self.accepted.take_if(|_| may_err && self.kind == Kind::Replaying) {
            self.is_replay = true;
            self.oldest_auth = self.oldest_auth.min(accepted.made);
            let frame = accepted.frame.clone();
            // If the server acknowledges it, `acknowledged` reports the violation.
            if let Some(link) = engine.link(link) {
                link.hearing.auths.push_back(accepted.id.clone());
            }
            self.auth = Some(accepted);
            return frame;
        }
        let life = match self.rng.below(4) {
            _ if may_err && self.kind == Kind::Expired => -5,
            0 => 70 + self.rng.below(100) as i64,
            1 => 300,
            2 => 900,
            _ => 7_200,
        };
        self.messages += 1;
        let id = format!("auth-{}-{}", self.number, self.messages);
        let token = engine.token(&self.user, life);
        let millis = engine.now.unix.as_millis() / 1_000 * 1_000;
        let expires = UnixTime::from_millis(millis.saturating_add_signed(life * 1_000));
        let frame = self.text(&wire::envelope("auth", &id, "token", &token));
        if let Some(link) = engine.link(link) {
            link.hearing.auths.push_back(id.clone());
        }
        self.is_replay = false;
        let made = engine.now.monotonic;
        self.auth = Some(Auth { id, frame: frame.clone(), expires, made });
        frame
    }

    /// Sometimes one more `auth` in the same segment. The server answers it after the first.
    fn renewals(&mut self, engine: &mut Engine, link: LinkId) -> Vec<u8> {
        if self.kind == Kind::Good && self.rng.below(3) == 0 {
            self.auth(engine, link)
        } else {
            Vec::new()
        }
    }

    /// One text message, in one frame or in fragments with a ping between them.
    pub(super) fn text(&mut self, text: &str) -> Vec<u8> {
        let mask = self.rng.next_u64() as u32;
        if self.rng.below(6) != 0 {
            return wire::masked(0x81, text.as_bytes(), mask);
        }
        let at = self.rng.below(text.len() as u64) as usize;
        let (head, tail) = text.as_bytes().split_at(at);
        let mut bytes = wire::masked(0x01, head, mask);
        bytes.extend(wire::masked(0x89, b"between", mask));
        bytes.extend(wire::masked(0x80, tail, !mask));
        bytes
    }

    /// Sends a message or an unrequested fresh token, or closes.
    fn speak(&mut self, engine: &mut Engine) {
        let pause = self.millis(1_000, 60_000);
        self.wake_after(engine, pause);
        let Some(link) = self.link.filter(|_| !self.is_quiet) else { return };
        if self.is_modest {
            return;
        }
        if let Some(chat) = self.timed_out.pop_front() {
            self.send_chat(engine, link, &chat);
            return self.unanswered.push_back(chat);
        }
        match self.rng.below(30) {
            0 if !engine.is_healed => {
                let mut frames = self.auth(engine, link);
                frames.extend(self.renewals(engine, link));
                engine.send(link, &frames);
            }
            1 if !engine.is_healed => self.begin_close(engine, link),
            2 => {
                // Invalid JSON is answered in order, too.
                let frame = self.text("{ this is not JSON");
                engine.expect(link, Expect::Fault("invalid_json"));
                engine.send(link, &frame);
            }
            // A message of an unknown type has no answer, and does not close the connection.
            4 if engine.scenario.clients.old > 0 => {
                let frame = self.unknown();
                engine.send(link, &frame);
            }
            3 if engine.remembers_ids() => self.use_an_id_again(engine, link),
            draw => {
                for _ in 0..if draw == 4 { 5 } else { 1 } {
                    self.chat(engine, link);
                }
            }
        }
    }

    fn chat(&mut self, engine: &mut Engine, link: LinkId) {
        if self.unanswered.len() >= 10 {
            return;
        }
        self.messages += 1;
        let id = format!("chat-{}-{}", self.number, self.messages);
        let length = if self.rng.below(10) == 0 { self.rng.below(2_000) as usize } else { 1 };
        let content = format!("{} {id}: {}", self.room, "more sôup ".repeat(length));
        let chat = Chat { id, content, retries: 0 };
        self.send_chat(engine, link, &chat);
        self.unanswered.push_back(chat);
    }

    /// Sends another message under the id that was answered last, which the protocol forbids.
    fn use_an_id_again(&mut self, engine: &mut Engine, link: LinkId) {
        let Some((chat, at)) = self.last.take() else { return };
        if engine.now.monotonic.since(at) > Duration::from_secs(60) {
            return; // The server may have forgotten the id.
        }
        let content = format!("not {}", chat.content);
        let frame = self.text(&wire::envelope("chat_message", &chat.id, "content", &content));
        // After a long stop of the process the server may have forgotten the id by then.
        engine.expect(link, Expect::Refusal(chat.id, at + REMEMBERED));
        engine.send(link, &frame);
    }

    pub(super) fn send_chat(&mut self, engine: &mut Engine, link: LinkId, chat: &Chat) {
        if self.kind == Kind::Old {
            return self.send_old_chat(engine, link, chat);
        }
        let frame = self.text(&wire::envelope("chat_message", &chat.id, "content", &chat.content));
        engine.expect(link, Expect::Answer(chat.id.clone()));
        engine.send(link, &frame);
    }

    pub(super) fn begin_close(&mut self, engine: &mut Engine, link: LinkId) {
        let mask = self.rng.next_u64() as u32;
        engine.send(link, &wire::masked(0x88, &1000_u16.to_be_bytes(), mask));
        if let Some(link) = engine.link(link) {
            link.hearing.has_closed = true;
        }
        self.state = State::Closing;
        self.wake_after(engine, PATIENCE);
    }
}
