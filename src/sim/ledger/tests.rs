//! The ledger sees what is wrong: each fault is written into it by hand.

use super::*;
use crate::node::app::Update;

const ALICE: ConnId = ConnId::new(0, 1);
const BOB: ConnId = ConnId::new(1, 2);

/// Lets everybody in at once, and answers everybody.
struct Open;

impl App for Open {
    fn on_message(&mut self, _: &Incoming<'_>) -> Reply<Answer> {
        Reply::Now(Ok(Update::text("ok")))
    }
}

fn ticket(serial: u32) -> Ticket {
    Ticket { index: 0, serial }
}

fn watched() -> (Watched, SharedLedger) {
    let ledger = SharedLedger::new(&Config::default());
    ledger.lock().now.unix = UnixTime::from_millis(1_800_000_000_000);
    (Watched { app: Box::new(Open), ledger: ledger.clone() }, ledger)
}

fn join(app: &mut Watched, connection: ConnId, room: &str, exp: u64) {
    let claims = format!(r#"{{"exp":{exp}}}"#);
    let ticket = ticket(connection.generation());
    let (user, now) = ("someone", UnixTime::default());
    let join = Join { ticket, now, connection, room, user, claims: &claims, reauth: false };
    drop(app.on_join(&join));
}

fn say(app: &mut Watched, connection: ConnId, room: &str, id: &str) {
    let ticket = ticket(99);
    let (user, now) = ("someone", UnixTime::default());
    let message = Incoming { ticket, now, connection, room, user, id, content: "x" };
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
    // Ten minutes later it is another one.
    ledger.lock().now.monotonic = Instant::START + Duration::from_secs(600);
    say(&mut app, ALICE, "soup", "m");
    assert!(ledger.lock().take_faults().is_empty());
}

#[test]
fn an_expired_token_that_joins_is_a_fault() {
    let (mut app, ledger) = watched();
    join(&mut app, ALICE, "soup", 1_800_000_000);
    assert_eq!(ledger.lock().take_faults().len(), 1);
}

#[test]
fn who_speaks_or_leaves_without_being_in_a_room_is_a_fault() {
    let (mut app, ledger) = watched();
    say(&mut app, BOB, "soup", "m");
    app.on_leave(&Left { connection: BOB, room: "soup", user: "someone", reason: None });
    join(&mut app, ALICE, "soup", 1_800_000_900);
    say(&mut app, ALICE, "stew", "m");
    assert_eq!(ledger.lock().take_faults().len(), 3);
    ledger.lock().gone(ALICE);
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
