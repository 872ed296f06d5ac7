//! The application as the node uses it: asked on one thread, answered by others.

mod access;
mod accounts;
mod attempts;
mod cases;
mod chat;
mod cluster;
mod crowd;
mod deletion;
mod disk;
mod disk_worlds;
mod edits;
mod exchange;
mod lists;
mod model;
mod orders;
mod own;
mod properties;
mod publications;
mod reading;
mod recipes;
mod retention;
mod sentences;
mod sharing;

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde_json::{Value, json};

use super::RecipesApp;
use super::completions::CompletionSink;
use super::storage::{Commit, by_statement};
use crate::config::{Config, Size};
use crate::id::ConnId;
use crate::node::app::{
    Admission, Answer, App, Incoming, Join, JoinClient, Publish, PublishRefusal, Reply,
    RoomMessage, RoomPublication, Update,
};
use crate::node::{AppEvent, Completion, Method, Outcome, Request, Response, StartFlag, Ticket};
use crate::protocol::{JsonObject, Position};
use crate::testing::ScratchDir;
use crate::time::{Instant, UnixTime};

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);
const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// As long as it takes: what is in one transaction must not depend on the machine.
const BATCH_TIME: Duration = Duration::from_secs(3_600);
const CONNECTION: ConnId = ConnId::new(1, 1);

/// Recipe chat in a scratch directory, with hashes that are cheap.
fn config(scratch: &ScratchDir) -> Config {
    let mut config = Config::default();
    scratch.path().to_str().unwrap().clone_into(&mut config.data);
    SECRET.clone_into(&mut config.auth.secret);
    config.accounts.argon2_memory = Size::kib(64);
    config.accounts.argon2_iterations = 1;
    config
}

/// The application, and where its answers arrive.
struct TestApp {
    app: RecipesApp,
    done: Receiver<Completion>,
    now: UnixTime,
    /// The same moment on the monotonic clock.
    at: Instant,
    /// Where requests come from, and the type of their bodies.
    client: IpAddr,
    content_type: Option<&'static str>,
    /// The claims of the next requests and joins.
    claims: Option<String>,
    /// The position that the next joins come with.
    position: Option<Position>,
    /// The data of the next messages, as JSON.
    data: Option<&'static str>,
    /// The condition of the next requests: their `If-Match` or `If-None-Match`.
    tags: Option<String>,
    asked: u32,
    /// Of the last question.
    start: StartFlag,
    /// What the application did beside its answers.
    events: RefCell<Vec<AppEvent>>,
}

impl TestApp {
    fn open(config: &Config) -> Self {
        Self::open_with(config, by_statement())
    }

    fn open_with(config: &Config, commit: Commit) -> Self {
        Self::of(RecipesApp::open_with(config, commit, BATCH_TIME).unwrap())
    }

    fn of((app, completions): (RecipesApp, CompletionSink)) -> Self {
        crate::logs::in_process("lib");
        crate::logs::known(SECRET);
        let (sender, done) = mpsc::channel();
        completions.connect(move |completion| drop(sender.send(completion)));
        let now = UnixTime::from_millis(1_800_000_000_000);
        let client = IpAddr::from([192, 0, 2, 1]);
        let (at, start) = (Instant::START, StartFlag::default());
        let content_type = Some("application/json");
        let events = RefCell::default();
        Self {
            app,
            done,
            now,
            at,
            client,
            content_type,
            claims: None,
            position: None,
            data: None,
            tags: None,
            asked: 0,
            start,
            events,
        }
    }

    /// Time passes.
    fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        self.at = self.at + Duration::from_secs(seconds);
    }

    fn ticket(&mut self) -> Ticket {
        self.asked += 1;
        self.start = StartFlag::default();
        Ticket { index: self.asked, serial: self.asked }
    }

    /// The next answer, whosever it is.
    fn next(&self) -> Outcome {
        loop {
            match self.done.recv_timeout(PATIENCE).unwrap().outcome {
                Outcome::Event(event) => self.events.borrow_mut().push(event),
                outcome => return outcome,
            }
        }
    }

    /// What the application has published since the last call of this or of the next one: to which
    /// connections, at which position, and what.
    fn published_since(&self) -> Vec<RoomPublication> {
        let published = self.events.take().into_iter().filter_map(|event| match event {
            AppEvent::Published(published) => Some(published),
            _ => None,
        });
        published.collect()
    }

    /// What the application did since the last call, beside what messages did.
    fn events_since(&self) -> Vec<String> {
        let is_of_message =
            |event: &AppEvent| matches!(event, AppEvent::Published(it) if it.except.is_some());
        let events = self.events.take().into_iter().filter(|event| !is_of_message(event));
        let events = events.map(|event| match event {
            AppEvent::RoomDeleted { room } => format!("deleted {room}"),
            AppEvent::MemberRemoved { room, user } => format!("removed {user} from {room}"),
            AppEvent::AccessChanged { room, user, update } => {
                format!("told {user} in {room}: {}", update.content)
            }
            AppEvent::RecipeChanged { room, update } => {
                format!("changed {room}: {}", recipe_of(&update)["title"])
            }
            AppEvent::SessionEnded { user } => format!("session of {user}"),
            AppEvent::Published(RoomPublication { room, message, .. }) => {
                format!("changed {room}: {}", said(&message)["recipe_data"]["title"])
            }
        });
        events.collect()
    }

    /// Sends an HTTP request without waiting. `None` when the answer is held.
    fn ask(
        &mut self,
        method: Method,
        path: &str,
        user: Option<&str>,
        body: &Value,
    ) -> Option<Response> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        assert!(self.app.serves(path), "{path}");
        crate::logs::known_of(body);
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let (ticket, now) = (self.ticket(), self.now);
        let request = Request {
            ticket,
            start: &self.start,
            connection: CONNECTION,
            now,
            at: self.at,
            client: self.client,
            method,
            path,
            query,
            user,
            claims: self.claims.as_deref(),
            if_none_match: self.tags.as_deref().filter(|_| method == Method::Get),
            if_match: self.tags.as_deref().filter(|_| method != Method::Get),
            accepts_gzip: false,
            content_type: self.content_type,
            body: &body,
        };
        match self.app.on_request(&request) {
            Reply::Now(response) => Some(response),
            Reply::Held => None,
            Reply::Later(job) => Some(job()),
        }
    }

    fn request(
        &mut self,
        method: Method,
        path: &str,
        user: Option<&str>,
        body: &Value,
    ) -> Response {
        if let Some(response) = self.ask(method, path, user, body) {
            return response;
        }
        match self.next() {
            Outcome::Response(response) => response,
            other => panic!("{other:?}"),
        }
    }

    fn get(&mut self, path: &str, user: &str) -> Response {
        self.request(Method::Get, path, Some(user), &Value::Null)
    }

    fn post(&mut self, path: &str, user: Option<&str>, body: &Value) -> Response {
        self.request(Method::Post, path, user, body)
    }

    /// A new recipe of `user`'s: its id.
    fn recipe(&mut self, user: &str, title: &str) -> String {
        let response = self.post("/v1/recipes", Some(user), &json!({ "title": title }));
        assert_eq!(response.status, 201);
        body(&response)["id"].as_str().unwrap().to_owned()
    }

    fn join(&mut self, room: &str, user: &str) -> Admission {
        let (ticket, now) = (self.ticket(), self.now);
        let (start, connection) = (&self.start, CONNECTION);
        let claims = self.claims.as_deref().unwrap_or("{}");
        let (client, reauth) = (JoinClient::at(std::net::Ipv4Addr::LOCALHOST.into()), false);
        let (resumed, replaces, position) = (false, None, self.position);
        let join = Join {
            ticket,
            start,
            now,
            connection,
            room,
            user,
            claims,
            reauth,
            resumed,
            replaces,
            position,
            client,
        };
        assert!(matches!(self.app.on_join(&join), Reply::Held));
        match self.next() {
            Outcome::Join(admission) => admission,
            other => panic!("{other:?}"),
        }
    }

    /// The answer to a join of `user`.
    fn seen(&mut self, room: &str, user: &str) -> Update {
        match self.join(room, user) {
            Admission::Admit(update) => (*update).clone(),
            other => panic!("{other:?}"),
        }
    }

    /// Sends a message without waiting. `None` when the answer is held.
    fn send(&mut self, room: &str, user: &str, id: &str, content: &str) -> Option<Answer> {
        let (ticket, now) = (self.ticket(), self.now);
        let (start, connection) = (&self.start, CONNECTION);
        let (data, claims) = (self.data.and_then(JsonObject::of_text), None);
        let message =
            Incoming { ticket, start, now, connection, room, user, id, content, data, claims };
        match self.app.on_message(&message) {
            Reply::Now(answer) => Some(answer),
            Reply::Held => None,
            Reply::Later(_) => panic!("nothing is left to the workers"),
        }
    }

    fn say(&mut self, room: &str, user: &str, id: &str, content: &str) -> Update {
        assert_eq!(self.send(room, user, id, content), None);
        self.answer().unwrap()
    }

    fn answer(&self) -> Result<Update, crate::protocol::ErrorCode> {
        match self.next() {
            Outcome::Message(answer) => answer.map(|update| (*update).clone()),
            other => panic!("{other:?}"),
        }
    }

    /// Why this is not published.
    fn unpublished(&mut self, room: &str, update: Update) -> PublishRefusal {
        let (ticket, now) = (self.ticket(), self.now);
        let update = std::sync::Arc::new(update);
        let start = &self.start;
        let asked = self.app.on_publish(&Publish { ticket, start, now, room, update: &update });
        assert!(matches!(asked, Reply::Held));
        match self.next() {
            Outcome::NotPublished(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    fn publish(
        &mut self,
        room: &str,
        update: Update,
    ) -> Result<Update, crate::protocol::ErrorCode> {
        let (ticket, now) = (self.ticket(), self.now);
        let update = std::sync::Arc::new(update);
        let start = &self.start;
        match self.app.on_publish(&Publish { ticket, start, now, room, update: &update }) {
            Reply::Now(answer) => answer.map(|update| (*update).clone()),
            Reply::Held => self.answer(),
            Reply::Later(_) => panic!("nothing is left to the workers"),
        }
    }
}

/// The payload of a published message.
fn said(message: &RoomMessage) -> Value {
    serde_json::from_str::<Value>(message.as_str()).unwrap()["payload"].clone()
}

fn body(response: &Response) -> Value {
    let body = serde_json::from_slice(&response.body).unwrap();
    crate::logs::known_of(&body);
    body
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| &**value)
}

/// The recipe that an update carries.
fn recipe_of(update: &Update) -> Value {
    serde_json::from_str(update.recipe_data.as_ref().unwrap().as_str()).unwrap()
}

fn history_of(update: &Update) -> Vec<Value> {
    serde_json::from_str(update.history.as_ref().unwrap().as_str()).unwrap()
}
