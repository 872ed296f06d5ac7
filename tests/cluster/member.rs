//! A client that chats, comes back when it is cut off, and writes down what it gets.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::Message;
use vestibule::id::Rng;
use vestibule::testing::{envelope, logs};

use super::crowd::Shared;
use super::history::{Place, Report, Stretch};
use super::nodes::token_for;
use crate::support::client::Client;
use crate::support::{PATIENCE, now};
use crate::{DEADLINE, pause};

/// How long a read waits, so that a client comes to say something.
const READ: Duration = Duration::from_millis(100);
/// Before the next attempt.
const BACK_OFF: Duration = Duration::from_millis(100);
/// What the last message of a room begins with.
const END: &str = "end of the room";

pub(crate) struct Member {
    shared: Arc<Shared>,
    token: String,
    socket: Option<Client>,
    /// The node that it goes to next.
    node: usize,
    /// The first of its room, which has the last word.
    is_first: bool,
    /// The place that it goes on from.
    position: Option<String>,
    /// The id and the content of what it has said, until that is answered.
    open: Option<(String, String)>,
    said: usize,
    /// The last ones, which are said again in the end.
    recent: VecDeque<(String, String)>,
    next: Instant,
    pace: Duration,
    has_heard_end: bool,
    rng: Rng,
    report: Report,
}

impl Member {
    pub(crate) fn new(shared: Arc<Shared>, (room, seat): (usize, usize), pace: Duration) -> Self {
        let user = format!("user{room}x{seat}");
        let token = token_for(&user);
        let mut rng = Rng::new((room * 1_000 + seat) as u64);
        let report = Report { user, room: format!("room{room}"), ..Report::default() };
        let next = now() + pace.mul_f64(rng.below(1_000) as f64 / 1_000.0);
        Self {
            shared,
            token,
            socket: None,
            node: seat,
            is_first: seat == 0,
            position: None,
            open: None,
            said: 0,
            recent: VecDeque::new(),
            next,
            pace,
            has_heard_end: false,
            rng,
            report,
        }
    }

    /// Chats until the crowd is told to end, and has got what was said until then.
    pub(crate) fn run(mut self) -> Report {
        let mut ends = None;
        loop {
            self.step();
            if !self.shared.is_ending() {
                continue;
            }
            let began: &mut Instant = ends.get_or_insert_with(now);
            if began.elapsed() > DEADLINE {
                let what = format!(
                    "{} at node {}: {:?} open, connected: {}, {:?}",
                    self.report.user,
                    self.node % 3,
                    self.open,
                    self.socket.is_some(),
                    self.report.closes
                );
                self.report.faults.push(format!("{what}: it has not got the end of its room"));
                self.shared.is_through(&self.report.room);
                break;
            }
            if self.is_through() {
                break;
            }
        }
        if self.report.faults.is_empty() {
            self.ask_again();
        }
        self.report
    }

    fn is_through(&mut self) -> bool {
        let room = self.report.room.clone();
        if self.open.is_some() {
            return false;
        }
        if self.is_first {
            return self.shared.left(&room) == 1;
        }
        if self.has_heard_end {
            self.shared.is_through(&room);
        }
        self.has_heard_end
    }

    /// One message in, and perhaps one out.
    fn step(&mut self) {
        if self.socket.is_none() && !self.connect() {
            return pause(BACK_OFF);
        }
        if self.open.is_none() && self.next <= now() && (self.is_first || !self.shared.is_ending())
        {
            self.say();
        }
        match self.socket.as_mut().map(Client::poll) {
            Some(Ok(Some(Message::Text(text)))) => self.hear(&text),
            Some(Ok(Some(Message::Close(close)))) => {
                let close = close.map(|it| (u16::from(it.code), it.reason.to_string()));
                self.closed(close);
            }
            Some(Ok(_)) => {}
            _ => self.socket = None,
        }
    }

    fn closed(&mut self, close: Option<(u16, String)>) {
        self.socket = None;
        let (code, reason) = close.unwrap_or_default();
        if code == 1_008 {
            self.report.faults.push(format!("{}: closed with {reason}", self.report.user));
        }
        *self.report.closes.entry(format!("{code} {reason}")).or_default() += 1;
    }

    fn say(&mut self) {
        self.said += 1;
        let spread = 0.5 + self.rng.below(1_000) as f64 / 1_000.0;
        self.next = now() + self.pace.mul_f64(spread);
        let id = format!("{}-{}", self.report.user, self.said);
        let what = if self.shared.is_ending() { END } else { "message" };
        let open = (id.clone(), format!("{what} {id}"));
        self.recent.truncate(2);
        self.recent.push_front(open.clone());
        self.open = Some(open);
        self.send_open();
        // Now and then a client's network changes, with an answer on its way.
        if self.rng.below(30) == 0 && !self.shared.is_ending() {
            self.socket = None;
        }
    }

    /// Says what is not answered.
    fn send_open(&mut self) {
        let (Some(socket), Some((id, content))) = (&mut self.socket, &self.open) else { return };
        self.report.sent += 1;
        let text = envelope("chat_message", id, json!({ "content": content }));
        if socket.try_send(text).is_err() {
            self.socket = None;
        }
    }

    /// Is it in its room?
    fn connect(&mut self) -> bool {
        self.node += 1;
        let Some(mut socket) = open(&self.shared, self.node, &self.report.room) else {
            return false;
        };
        let resume = match &self.position {
            Some(position) => json!({ "position": position }),
            None => json!({}),
        };
        let id = format!("auth{}", self.node);
        let text =
            envelope("auth", &id, json!({ "token": logs::known(&self.token), "resume": resume }));
        if socket.try_send(text).is_err() {
            return false;
        }
        let began = now();
        loop {
            match socket.poll() {
                Ok(None) if began.elapsed() < PATIENCE => {}
                Ok(Some(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    return self.enter(socket, &message["payload"]);
                }
                Ok(Some(Message::Close(Some(close)))) => {
                    self.closed(Some((close.code.into(), close.reason.to_string())));
                    return false;
                }
                _ => return false,
            }
        }
    }

    fn enter(&mut self, socket: Client, payload: &Value) -> bool {
        let Some(position) = payload["session"]["resume"]["position"].as_str() else {
            self.report.faults.push(format!("{}: entered with {payload}", self.report.user));
            return false;
        };
        let place = Place::read(position);
        if payload["resumed"] == true {
            self.report.resumed += 1;
            if self.position.as_deref() != Some(position) {
                let was = &self.position;
                self.report.faults.push(format!("resumed at {position} instead of {was:?}"));
            }
        } else {
            let stretch = Stretch { answered_at: place.clone(), base: place, heard: Vec::new() };
            self.report.stretches.push(stretch);
            self.position = Some(position.to_owned());
            self.has_heard_end = false;
        }
        self.socket = Some(socket);
        self.send_open();
        true
    }

    fn hear(&mut self, text: &str) {
        let message: Value = serde_json::from_str(text).unwrap();
        let payload = &message["payload"];
        match message["type"].as_str().unwrap() {
            "chat_message" => self.hear_chat(message["id"].as_str().unwrap(), payload),
            "recipe_update" => self.hear_answer(payload),
            "error" => self.hear_error(payload),
            _ => {}
        }
    }

    fn hear_chat(&mut self, id: &str, payload: &Value) {
        let position = payload["position"].as_str().unwrap();
        let stretch = self.report.stretches.last_mut().unwrap();
        stretch.heard.push((Place::read(position), id.to_owned()));
        self.position = Some(position.to_owned());
        let content = payload["content"].as_str().unwrap();
        self.has_heard_end |= content.starts_with(END);
        if !content.ends_with(id) {
            self.report.faults.push(format!("{id} has the content of another message: {content}"));
        }
    }

    fn hear_answer(&mut self, payload: &Value) {
        let Some(id) = payload["request_id"].as_str() else { return };
        let is_open = |(open, _): &(String, String)| open == id;
        if self.open.as_ref().is_some_and(is_open) {
            self.open = None;
        }
        if let Some(position) = payload["position"].as_str() {
            let stretch = self.report.stretches.last_mut().unwrap();
            // Not behind what it has: the answer may have waited.
            let place = Place::read(position);
            if stretch.answered_at.number < place.number {
                stretch.answered_at = place;
            }
            self.position = Some(position.to_owned());
        }
        self.shared.count_answer();
        self.keep_answer(id.to_owned(), payload);
    }

    fn keep_answer(&mut self, id: String, payload: &Value) {
        let mut answer = payload.clone();
        answer.as_object_mut().unwrap().remove("position");
        let known = self.report.answers.entry(id).or_insert_with(|| answer.clone());
        if *known != answer {
            self.report.faults.push(format!("two answers: {known} and {answer}"));
        }
    }

    fn hear_error(&mut self, payload: &Value) {
        let error = payload["error"].as_str().unwrap().to_owned();
        if !matches!(&*error, "backend_unavailable" | "backend_timeout") {
            self.report.faults.push(format!("{}: {payload}", self.report.user));
        }
        *self.report.closes.entry(error).or_default() += 1;
        // Nobody has answered it, so it is said again with the same id.
        pause(BACK_OFF);
        self.send_open();
    }

    /// Says its last messages again at another node: they have the answers that they had.
    fn ask_again(&mut self) {
        if !self.shared.remembers {
            return;
        }
        self.socket = None;
        for (id, content) in std::mem::take(&mut self.recent) {
            self.open = Some((id.clone(), content));
            self.send_open();
            let began = now();
            while self.open.is_some() && began.elapsed() < PATIENCE {
                self.step();
            }
            if self.open.is_some() {
                self.report.faults.push(format!("{id} is not answered again"));
            }
        }
    }
}

/// A socket that has upgraded at a node.
fn open(shared: &Shared, node: usize, room: &str) -> Option<Client> {
    let stream = TcpStream::connect(shared.addresses.of(node)).ok()?;
    stream.set_nodelay(true).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    let mut client = Client::try_open(stream, &format!("ws://localhost/v1/chat/{room}"))?;
    client.stream().set_read_timeout(Some(READ)).ok()?;
    Some(client)
}
