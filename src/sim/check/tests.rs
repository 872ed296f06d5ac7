//! Tests of the checkers: each is given a fault, and must report it.

use super::*;
use crate::time::{Now, UnixTime};

fn at(seconds: u64) -> Instant {
    Instant::START + Duration::from_secs(seconds)
}

fn times() -> Times {
    Times::new(&Config::default(), Duration::ZERO)
}

fn acknowledged(id: &str) -> Seen {
    Seen::Message(Message::Acknowledged { auth: id.to_owned(), told: None })
}

fn answer(id: &str) -> Seen {
    Seen::Message(Message::Answer {
        to: Some(id.to_owned()),
        said: Ok(String::new()),
        position: None,
    })
}

/// A connection in its room that expects the answers to `a` and `b`.
fn member() -> Hearing {
    let mut hearing = Hearing::default();
    hearing.auths.push_back("auth".to_owned());
    hearing.hear(&Seen::Upgraded).unwrap();
    hearing.hear(&acknowledged("auth")).unwrap();
    hearing.expected.extend(["a", "b"].map(|id| Expect::Answer(id.to_owned())));
    hearing
}

fn terms() -> Terms {
    let now = Now { monotonic: at(0), unix: UnixTime::from_millis(1_800_000_000_000) };
    Terms::new(&Config::default(), now, now.unix + Duration::from_secs(3_600))
}

#[test]
fn what_is_said_to_the_unauthenticated_is_a_violation() {
    let news = Seen::Message(Message::News { content: "secret".to_owned(), position: None });
    for seen in [news, answer("a"), Seen::Ping] {
        let mut hearing = Hearing::default();
        hearing.hear(&Seen::Upgraded).unwrap();
        assert!(hearing.hear(&seen).is_err(), "{seen:?}");
        assert!(Hearing::default().hear(&seen).is_err(), "{seen:?}");
    }
}

#[test]
fn answers_out_of_order_or_twice_are_a_violation() {
    assert!(member().hear(&answer("b")).is_err());
    let mut hearing = member();
    hearing.hear(&answer("a")).unwrap();
    assert!(hearing.hear(&answer("a")).is_err());
    let mut hearing = member();
    assert!(hearing.hear(&acknowledged("auth")).is_err());
}

#[test]
fn second_close_or_unknown_reason_is_a_violation() {
    let close = Seen::Close(1008, "Authentication timeout".to_owned());
    let mut hearing = member();
    hearing.hear(&close).unwrap();
    assert!(hearing.hear(&close).is_err());
    assert!(member().hear(&Seen::Close(1008, "Because".to_owned())).is_err());
    // The echo of a close frame that the client did not send.
    assert!(member().hear(&Seen::Close(1000, String::new())).is_err());
    let mut hearing = Hearing { has_closed: true, ..member() };
    assert!(hearing.hear(&Seen::Close(1000, String::new())).is_ok());
    assert!(member().hear(&Seen::Close(4000, String::new())).is_err());
}

#[test]
fn who_is_past_a_deadline_is_a_violation() {
    let late = Duration::from_micros(TICK_MICROS);
    for (phase, seconds) in [
        (Phase::Handshaking, 5),
        (Phase::Authenticating, 5),
        (Phase::Joining, 5),
        (Phase::Closing, 2),
    ] {
        let mut life = Life::new(at(0));
        life.observe(at(0), phase, &times(), None, None).unwrap();
        life.observe(at(seconds) + late, phase, &times(), None, None).unwrap();
        let over = at(seconds) + late + Duration::from_micros(1);
        assert!(life.observe(over, phase, &times(), None, None).is_err(), "{phase:?}");
    }
}

#[test]
fn reauth_request_early_or_late_is_a_violation() {
    let life = |seconds| {
        let mut life = Life::new(at(0));
        life.observe(at(0), Phase::Connected, &times(), Some(terms()), None).unwrap();
        life.bytes(at(seconds));
        life
    };
    let asked = Phase::Reauthenticating;
    assert!(life(800).observe(at(800), asked, &times(), Some(terms()), None).is_err());
    assert!(life(820).observe(at(820), asked, &times(), Some(terms()), None).is_ok());
    let connected = Phase::Connected;
    assert!(life(841).observe(at(841), connected, &times(), Some(terms()), None).is_err());
    // A ping without an answer.
    assert!(life(600).observe(at(689), connected, &times(), Some(terms()), None).is_ok());
    assert!(life(600).observe(at(691), connected, &times(), Some(terms()), None).is_err());
}

#[test]
fn a_close_before_its_time_is_a_violation() {
    let closed = |seconds| {
        let mut life = Life::new(at(0));
        life.observe(at(1), Phase::Authenticating, &times(), None, None).unwrap();
        life.observe(at(seconds), Phase::Closing, &times(), None, None).unwrap();
        life.judge_close(CloseReason::AuthTimeout, &times(), None)
    };
    assert!(closed(5).is_err());
    assert!(closed(6).is_ok());
    let mut life = Life::new(at(0));
    assert!(life.judge_close(CloseReason::AuthTimeout, &times(), None).is_err());
    assert!(life.judge_end(at(4), &times(), false, false).is_err());
    assert!(life.judge_end(at(5), &times(), false, false).is_ok());
    life.was_hung_up = true;
    assert!(life.judge_end(at(1), &times(), false, false).is_ok());
}

#[test]
fn tables_that_do_not_agree_are_a_violation() {
    let good = Usage { connections: 2, timers: 2, rooms: 1, users: 1, ..Usage::default() };
    assert!(judge_usage(&good, 2, 2, 1, 100).is_ok());
    for bad in [
        Usage { connections: 3, ..good },
        Usage { timers: 1, ..good },
        Usage { rooms: 2, ..good },
        Usage { users: 3, ..good },
        Usage { buffered_bytes: 201, ..good },
    ] {
        assert!(judge_usage(&bad, 2, 2, 1, 100).is_err(), "{bad:?}");
    }
}

#[test]
fn an_answer_to_no_given_id_is_a_violation() {
    let error = |to: Option<&str>, code: &str| {
        let (to, said) = (to.map(str::to_owned), Err(code.to_owned()));
        Seen::Message(Message::Answer { to, said, position: None })
    };
    let old = || {
        let mut hearing = member();
        hearing.expected = [Expect::Given("hello".to_owned())].into();
        hearing
    };
    assert!(old().hear(&error(None, "invalid_message")).is_err());
    let mut hearing = old();
    hearing.hear(&answer("made")).unwrap();
    assert_eq!(hearing.given, Some(("made".to_owned(), "hello".to_owned())));
    // A refused message was not relayed, so its id is not looked up.
    let mut hearing = old();
    hearing.hear(&error(Some("made"), "rate_limited")).unwrap();
    assert_eq!(hearing.given, None);
}
