//! Calls as bytes, and what is answered.

use std::sync::mpsc::{self, Receiver, Sender};

use serde_json::{Value, json};

use super::*;
use crate::backend::contract;
use crate::node::app::{Admission, Answer, Incoming, Join, JoinClient, Json, Left, Update};
use crate::protocol::{ErrorCode, JsonObject, UpdateSource};
use crate::time::UnixTime;

mod connections;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const MAX_BODY: usize = 4_096;
const CONNECTIONS: usize = 2;

/// What the application was asked.
#[derive(Debug)]
struct Question {
    ticket: Option<Ticket>,
    start: StartFlag,
    what: String,
    connection: ConnId,
}

/// Holds every question, but those of nobody.
struct HeldApp(Sender<Question>);

impl HeldApp {
    fn note(
        &self,
        (ticket, connection): (Option<Ticket>, ConnId),
        start: &StartFlag,
        what: String,
    ) {
        let _ = self.0.send(Question { ticket, start: start.clone(), what, connection });
    }
}

impl App for HeldApp {
    fn on_join(&mut self, join: &Join<'_>) -> Reply<Admission> {
        let (room, user, claims) = (join.room, join.user, join.claims);
        let from = (Some(join.ticket), join.connection);
        self.note(from, join.start, format!("{user} joins {room}: {claims}"));
        if user == "nobody" { Reply::Now(Admission::Deny) } else { Reply::Held }
    }

    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        let data = message.data.map_or("", JsonObject::get);
        let what = format!("{} in {}: {}{data}", message.user, message.room, message.content);
        self.note((Some(message.ticket), message.connection), message.start, what);
        Reply::Held
    }

    fn on_leave(&mut self, left: &Left<'_>) {
        let what = format!("{} leaves {}", left.user, left.room);
        self.note((None, left.connection), &StartFlag::default(), what);
    }
}

struct Stage {
    served: ServedCalls,
    asked: Receiver<Question>,
    now: Now,
}

impl Stage {
    fn new() -> Self {
        Self::with_max_body(MAX_BODY)
    }

    fn with_max_body(max_body: usize) -> Self {
        let (questions, asked) = mpsc::channel();
        let secret = Arc::new(RwLock::new(SigningSecret::parse(SECRET).unwrap()));
        let limits = (CONNECTIONS, max_body);
        let served = ServedCalls::new(Box::new(HeldApp(questions)), secret, limits);
        let unix = UnixTime::from_millis(1_800_000_000_000);
        Self { served, asked, now: Now { monotonic: Instant::START, unix } }
    }

    fn connect(&mut self) -> usize {
        self.served.handle_connect(self.now).unwrap()
    }

    fn connect_again(&mut self, slot: usize) -> usize {
        self.served.handle_hangup(slot);
        self.connect()
    }

    /// The bytes of a signed call.
    fn signed(&self, path: &str, body: &[u8]) -> Vec<u8> {
        self.signed_at(self.now.unix.as_millis() / 1_000, path, body)
    }

    fn signed_at(&self, seconds: u64, path: &str, body: &[u8]) -> Vec<u8> {
        let signature = SigningSecret::parse(SECRET).unwrap().sign("msg_1", seconds, body);
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: owner\r\nContent-Length: {}\r\nwebhook-id: msg_1\r\n\
             webhook-timestamp: {seconds}\r\nwebhook-signature: {signature}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    }

    fn send(&mut self, slot: usize, bytes: &[u8]) {
        self.served.handle_bytes(self.now, slot, bytes);
    }

    fn question(&self) -> Question {
        self.asked.try_recv().unwrap()
    }

    fn complete(&mut self, question: &Question, outcome: Outcome) -> Option<AppEvent> {
        let ticket = question.ticket.unwrap();
        self.served.handle_completion(self.now, Completion { ticket, outcome })
    }

    /// Writes what is to be written: the status, and the body.
    fn answer(&mut self, slot: usize) -> (u16, Value) {
        let bytes = self.served.output(slot).to_vec();
        self.served.consume_output(self.now, slot, bytes.len());
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = format!("\r\nContent-Length: {}", body.len());
        assert!(status == 204 && body.is_empty() || head.contains(&length), "{head}");
        (status, if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() })
    }

    fn is_silent(&self, slot: usize) -> bool {
        self.served.output(slot).is_empty()
    }

    fn wait(&mut self, length: Duration) {
        self.now.monotonic = self.now.monotonic + length;
        self.served.handle_timeout(self.now);
    }
}

fn join_of(user: &str) -> Vec<u8> {
    let start = &StartFlag::default();
    contract::join(&Join {
        ticket: Ticket { index: 7, serial: 7 },
        start,
        now: UnixTime::default(),
        connection: ConnId::new(7, 3),
        room: "soup",
        user,
        claims: "{\"sub\":\"ann\"}",
        reauth: false,
        resumed: false,
        replaces: None,
        position: None,
        client: JoinClient::at(std::net::Ipv4Addr::LOCALHOST.into()),
    })
}

fn message_of(content: &str) -> Vec<u8> {
    let start = &StartFlag::default();
    contract::message(&Incoming {
        ticket: Ticket { index: 7, serial: 7 },
        start,
        now: UnixTime::default(),
        connection: ConnId::new(7, 3),
        room: "soup",
        user: "ann",
        id: "m1",
        content,
        data: JsonObject::of_text("{\"a\":1}"),
        claims: None,
    })
}

/// What another node makes of an answer.
fn read_back(kind: CallKind, (status, body): (u16, Value)) -> Outcome {
    let body = Some(serde_json::to_vec(&body).unwrap());
    let response = contract::BackendResponse { status, body };
    let result = contract::interpret(kind, Ok(response), false);
    contract::node_outcome(kind, result.outcome, result.update).unwrap()
}

#[test]
fn join_is_asked_and_answered_as_the_contract_says() {
    let mut stage = Stage::new();
    let slot = stage.connect();
    let call = stage.signed("/join", &join_of("ann"));
    // However the bytes are cut.
    let (last, first) = call.split_last().unwrap();
    for byte in first {
        stage.send(slot, &[*byte]);
    }
    assert!(stage.asked.try_recv().is_err() && stage.is_silent(slot));
    stage.send(slot, &[*last]);
    let question = stage.question();
    assert_eq!(question.what, "ann joins soup: {\"sub\":\"ann\"}");
    let json = |text: &str| Some(Json::parse(text.to_owned()).unwrap());
    let update = Update {
        content: "Welcome".into(),
        recipe_data: json("{\"id\":\"soup\"}"),
        history: json("[{\"id\":\"m0\"}]"),
        ..Update::default()
    };
    stage.complete(&question, Outcome::Join(Admission::Admit(Arc::new(update.clone()))));
    match read_back(CallKind::Join, stage.answer(slot)) {
        Outcome::Join(Admission::Admit(read)) => assert_eq!(*read, update),
        other => panic!("{other:?}"),
    }
    assert!(!stage.served.is_over(slot), "it is kept open");
}

#[test]
fn message_is_asked_and_answered_with_all_it_has() {
    let mut stage = Stage::new();
    let slot = stage.connect();
    let call = stage.signed("/message", &message_of("Scale to 8 servings"));
    // The next one waits for the answer to the first.
    stage.send(slot, &[call.clone(), call].concat());
    let question = stage.question();
    assert_eq!(question.what, "ann in soup: Scale to 8 servings{\"a\":1}");
    assert!(stage.asked.try_recv().is_err());
    let update = Update {
        content: "It serves 8 now.".into(),
        recipe_data: Some(Json::parse("{}".to_owned()).unwrap()),
        broadcast: false,
        source: Some(UpdateSource::Model),
        ..Update::default()
    };
    stage.complete(&question, Outcome::Message(Ok(Arc::new(update.clone()))));
    match read_back(CallKind::Message, stage.answer(slot)) {
        Outcome::Message(Ok(read)) => assert_eq!(*read, update, "no broadcast is no broadcast"),
        other => panic!("{other:?}"),
    }
    let question = stage.question();
    stage.complete(&question, Outcome::UsedId);
    assert!(matches!(read_back(CallKind::Message, stage.answer(slot)), Outcome::UsedId));
}

#[test]
fn refusals_are_those_of_the_contract() {
    let mut stage = Stage::new();
    let slot = stage.connect();
    let unavailable = ErrorCode::BackendUnavailable;
    let cases = [
        (CallKind::Join, Outcome::Join(Admission::Deny), "Deny"),
        (CallKind::Join, Outcome::Join(Admission::Revoked), "Revoked"),
        (CallKind::Join, Outcome::Join(Admission::Unavailable), "Unavailable"),
        (CallKind::Join, Outcome::NotBegun, "Unavailable"),
        (CallKind::Message, Outcome::Message(Err(unavailable)), "BackendUnavailable"),
        (CallKind::Message, Outcome::Message(Err(ErrorCode::Internal)), "BackendUnavailable"),
        (CallKind::Message, Outcome::NotBegun, "BackendUnavailable"),
        (CallKind::Message, Outcome::UsedId, "UsedId"),
    ];
    for (kind, outcome, expected) in cases {
        let (path, body) = match kind {
            CallKind::Join => ("/join", join_of("ann")),
            _ => ("/message", message_of("hi")),
        };
        let call = stage.signed(path, &body);
        stage.send(slot, &call);
        let question = stage.question();
        stage.complete(&question, outcome);
        let read = format!("{:?}", read_back(kind, stage.answer(slot)));
        assert!(read.contains(expected), "{read}, not {expected}");
    }
    let call = stage.signed("/join", &join_of("nobody"));
    stage.send(slot, &call);
    assert_eq!(stage.answer(slot).0, 403);
}

#[test]
fn leave_is_told_and_has_no_answer() {
    let mut stage = Stage::new();
    let slot = stage.connect();
    let body = json!({"room": "soup", "user": {"id": "ann"}, "connection_id": "1", "code": null});
    let call = stage.signed("/leave", body.to_string().as_bytes());
    stage.send(slot, &call);
    assert_eq!(stage.question().what, "ann leaves soup");
    assert_eq!(stage.answer(slot), (204, Value::Null));
}

#[test]
fn unsigned_and_old_calls_are_refused() {
    let mut stage = Stage::new();
    let mut slot = stage.connect();
    let seconds = stage.now.unix.as_millis() / 1_000;
    let good = String::from_utf8(stage.signed("/join", &join_of("ann"))).unwrap();
    for bad in [
        good.replace("webhook-signature: v1,", "webhook-signature: v1,A"),
        good.replace("webhook-signature", "x-signature"),
        good.replace("webhook-id: msg_1", "webhook-id: msg_2"),
        good.replace("\"soup\"", "\"stew\""),
        good.replace("webhook-id", "webhook-signature: v1,AAAA\r\nwebhook-id"),
    ] {
        stage.send(slot, bad.as_bytes());
        let (status, body) = stage.answer(slot);
        assert_eq!((status, &body["error"]), (401, &json!("invalid_signature")));
        slot = stage.connect_again(slot);
    }
    for (seconds, status) in [(seconds - 301, 401), (seconds + 301, 401), (seconds - 300, 0)] {
        let call = stage.signed_at(seconds, "/join", &join_of("ann"));
        stage.send(slot, &call);
        if status == 401 {
            assert_eq!(stage.answer(slot).1["error"], "stale_timestamp");
            slot = stage.connect_again(slot);
        }
    }
    assert_eq!(stage.question().what.split(':').next(), Some("ann joins soup"));
    assert!(stage.asked.try_recv().is_err(), "nobody was asked about the others");
}

#[test]
fn what_is_no_call_is_refused() {
    let mut stage = Stage::new();
    for (bytes, status) in [
        ("GET /join HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 405),
        ("POST /v1/recipes HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400),
        ("POST /join HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(), 411),
        ("POST /join HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n".to_owned(), 400),
        ("POST /join HTTP/1.1\r\nContent-Length: -1\r\n\r\n".to_owned(), 400),
        (format!("POST /join HTTP/1.1\r\nContent-Length: {}\r\n\r\n", MAX_BODY + 1), 413),
        ("POST /join HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n".to_owned(), 413),
        (format!("POST /join HTTP/1.1\r\nX: {}", "x".repeat(9_000)), 431),
        ("\u{1}\r\n\r\n".to_owned(), 400),
        ("POST /join HTTP/1.0\r\n\r\n".to_owned(), 400),
    ] {
        let slot = stage.connect();
        stage.send(slot, bytes.as_bytes());
        assert_eq!(stage.answer(slot).0, status, "{bytes:.60}");
        assert!(stage.served.is_finished(slot), "{bytes:.60}");
        stage.served.handle_hangup(slot);
    }
    let slot = stage.connect();
    let long = "x".repeat(129);
    for body in ["", "{}", "[1]", &format!("{{\"room\":\"{long}\",\"user\":{{\"id\":\"a\"}}}}")] {
        let call = stage.signed("/join", body.as_bytes());
        stage.send(slot, &call);
        assert_eq!(stage.answer(slot).0, 400, "{body:.60}");
    }
    assert!(stage.asked.try_recv().is_err());
}

#[test]
fn caller_that_hangs_up_withdraws_its_call() {
    let mut stage = Stage::new();
    let slot = stage.connect();
    let call = stage.signed("/message", &message_of("hi"));
    stage.send(slot, &call);
    let question = stage.question();
    stage.served.handle_hangup(slot);
    assert!(!question.start.begin(), "nobody waits for it");
    // The next caller in its place does not get its answer.
    assert_eq!(stage.connect(), slot);
    stage.send(slot, &call);
    stage.complete(&question, Outcome::Message(Ok(Update::text("for nobody"))));
    assert!(stage.is_silent(slot));
    let next = stage.question();
    stage.complete(&next, Outcome::Message(Ok(Update::text("yes"))));
    assert_eq!(stage.answer(slot).1["content"], "yes");
}

#[test]
fn secret_is_not_in_the_debug_form_of_calls() {
    let stage = Stage::new();
    let shown = format!("{:?}", stage.served);
    assert_eq!(shown, "ServedCalls { connections: 0, .. }");
}
