//! Tests of the ledger: each writes a fault into it, which it must report.

use super::*;
use crate::node::app::{App, JoinClient, Left, Reply, Update};
use crate::sim::watched::WatchedApp;

const ALICE: ConnId = ConnId::new(0, 1);
const BOB: ConnId = ConnId::new(1, 2);

/// An application that admits every join and answers every message.
struct Open;

impl App for Open {
    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        match message.content {
            "later" => Reply::later(|| Ok(Update::text("ok"))),
            _ => Reply::Now(Ok(Update::text("ok"))),
        }
    }
}

fn ticket(serial: u32) -> Ticket {
    Ticket { index: 0, serial }
}

fn watched() -> (WatchedApp, SharedLedger) {
    let ledger = SharedLedger::new(&Config::default());
    ledger.lock().now.unix = UnixTime::from_millis(1_800_000_000_000);
    (WatchedApp { app: Box::new(Open), ledger: ledger.clone() }, ledger)
}

fn join(app: &mut WatchedApp, connection: ConnId, room: &str, exp: u64) {
    let claims = format!(r#"{{"exp":{exp}}}"#);
    let ticket = ticket(connection.generation());
    let (user, now) = ("someone", UnixTime::default());
    let start = &StartFlag::default();
    let client = JoinClient::at(std::net::Ipv4Addr::LOCALHOST.into());
    let (claims, reauth) = (claims.as_str(), false);
    let (resumed, replaces) = (false, None);
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
        position: None,
        client,
    };
    drop(app.on_join(&join));
}

fn say(app: &mut WatchedApp, connection: ConnId, room: &str, id: &str) {
    let ticket = ticket(99);
    let (user, now) = ("someone", UnixTime::default());
    let start = &StartFlag::default();
    let (content, data, claims) = ("x", None, None);
    let message =
        Incoming { ticket, start, now, connection, room, user, id, content, data, claims };
    drop(app.on_message(&message));
}

#[test]
fn a_message_that_is_done_twice_is_a_fault() {
    let (mut app, ledger) = watched();
    join(&mut app, ALICE, "soup", 1_800_000_900);
    say(&mut app, ALICE, "soup", "m");
    assert!(ledger.lock().take_faults().is_empty());
    say(&mut app, ALICE, "soup", "m");
    assert_eq!(ledger.lock().take_faults().len(), 1);
    // Ten minutes later the same id is a new message.
    ledger.lock().now.monotonic = Instant::START + Duration::from_secs(600);
    say(&mut app, ALICE, "soup", "m");
    assert!(ledger.lock().take_faults().is_empty());
}

#[test]
fn an_expired_token_that_joins_is_a_fault() {
    let (mut app, ledger) = watched();
    join(&mut app, ALICE, "soup", 1_800_000_000 - 30);
    assert_eq!(ledger.lock().take_faults().len(), 1);
}

#[test]
fn message_or_leave_outside_a_room_is_a_fault() {
    let (mut app, ledger) = watched();
    say(&mut app, BOB, "soup", "m");
    app.on_leave(&Left { connection: BOB, room: "soup", user: "someone", reason: None });
    join(&mut app, ALICE, "soup", 1_800_000_900);
    say(&mut app, ALICE, "stew", "m");
    assert_eq!(ledger.lock().take_faults().len(), 3);
    ledger.lock().gone(ALICE);
    assert_eq!(ledger.lock().take_faults(), [""; 0]);
    ledger.lock().now.monotonic = Instant::START + Duration::from_secs(71);
    assert!(ledger.lock().take_faults()[0].contains("was not told"));
}

#[test]
fn what_another_room_said_or_a_gap_is_a_fault() {
    let (mut app, ledger) = watched();
    join(&mut app, ALICE, "soup", 1_800_000_900);
    join(&mut app, BOB, "soup", 1_800_000_900);
    join(&mut app, ConnId::new(2, 3), "stew", 1_800_000_900);
    say(&mut app, ConnId::new(2, 3), "stew", "other");
    ["m1", "m2", "m3"].iter().for_each(|id| say(&mut app, ALICE, "soup", id));
    let mut ledger = ledger.lock();
    assert!(ledger.relayed(BOB, "other", "someone", "x").is_err());
    assert!(ledger.relayed(BOB, "m1", "someone", "y").is_err());
    assert!(ledger.relayed(BOB, "m1", "someone", "x").is_ok());
    assert!(ledger.relayed(BOB, "m1", "someone", "x").is_err());
    assert!(ledger.relayed(BOB, "m3", "someone", "x").is_err());
    assert!(ledger.relayed(BOB, "m2", "someone", "x").is_ok());
    assert!(ledger.relayed(ALICE, "m1", "someone", "x").is_err());
    assert!(!ledger.is_news(BOB, "never told"));
}

/// Sends `content` under an id that is always the same. Returns its work.
fn say_later(
    app: &mut WatchedApp,
    serial: u32,
    content: &str,
) -> (StartFlag, impl FnOnce() + use<>) {
    let (start, ticket) = (StartFlag::default(), ticket(serial));
    let (connection, room, user, now) = (ALICE, "soup", "someone", UnixTime::default());
    let (id, flag) = ("m", &start);
    let message = Incoming {
        ticket,
        start: flag,
        now,
        connection,
        room,
        user,
        id,
        content,
        data: None,
        claims: None,
    };
    let reply = app.on_message(&message);
    let job = move || match reply {
        Reply::Later(job) => drop(job()),
        other => panic!("{other:?}"),
    };
    (start, job)
}

#[test]
fn asked_anew_only_when_withdrawn_and_unchanged() {
    for (is_withdrawn, content, faults) in
        [(true, "later", 0), (false, "later", 1), (true, "other", 1)]
    {
        let (mut app, ledger) = watched();
        join(&mut app, ALICE, "soup", 1_800_000_900);
        join(&mut app, BOB, "soup", 1_800_000_900);
        let (start, _) = say_later(&mut app, 1, "later");
        if is_withdrawn {
            assert!(start.withdraw());
        }
        let (_, work) = say_later(&mut app, 2, if content == "later" { "later" } else { "now" });
        assert_eq!(ledger.lock().take_faults().len(), faults);
        if faults == 0 {
            work();
            // The room gets it once, though the application was asked twice.
            assert!(ledger.lock().relayed(BOB, "m", "someone", "later").is_ok());
            assert!(ledger.lock().relayed(BOB, "m", "someone", "later").is_err());
            assert!(ledger.lock().take_faults().is_empty());
        }
    }
}

#[test]
fn work_done_twice_or_answered_otherwise_is_a_fault() {
    let (mut app, ledger) = watched();
    join(&mut app, ALICE, "soup", 1_800_000_900);
    let (start, work) = say_later(&mut app, 1, "later");
    assert!(start.withdraw());
    let (_, again) = say_later(&mut app, 2, "later");
    again();
    assert!(ledger.lock().take_faults().is_empty());
    // A worker that does not check the flag.
    work();
    assert_eq!(ledger.lock().take_faults(), ["someone's m is done twice"]);
    ledger.lock().answered(ticket(2), &Ok(Update::text("first")));
    assert!(ledger.lock().judge_answer(ALICE, "m", "first").is_ok());
    assert!(ledger.lock().judge_answer(ALICE, "m", "second").is_err());
}
