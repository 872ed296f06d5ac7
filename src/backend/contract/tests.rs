//! Bodies and answers, as `docs/backend.md` has them.

use serde_json::{Value, json};

use super::*;
use crate::id::ConnId;
use crate::node::{StartFlag, Ticket};
use crate::protocol::{ClientMessage, CloseReason, parse};
use crate::time::UnixTime;

const TICKET: Ticket = Ticket { index: 0, serial: 0 };
const CONNECTION: ConnId = ConnId::new(7, 3);

fn received(status: u16, body: &[u8]) -> Result<BackendResponse, CallError> {
    Ok(BackendResponse { status, body: Some(body.to_vec()) })
}

fn value(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

/// The answer to a message, or its outcome and what it says about the backend.
fn said(body: &str) -> Result<Update, (CallOutcome, CallEvidence)> {
    let result = interpret(CallKind::Message, received(200, body.as_bytes()), false);
    result.update.map(|update| (*update).clone()).ok_or((result.outcome, result.evidence))
}

#[test]
fn join_body_carries_the_claims_unchanged() {
    let start = &StartFlag::default();
    let asked = Join {
        ticket: TICKET,
        start,
        now: UnixTime::default(),
        connection: CONNECTION,
        room: "soup é",
        user: "alice",
        claims: "{\"sub\":\"alice\",\"big\":12345678901234567890}",
        reauth: true,
        resumed: false,
        replaces: None,
        position: None,
        client: JoinClient::at(std::net::Ipv4Addr::new(203, 0, 113, 7).into()),
    };
    let body = join(&asked);
    assert_eq!(
        String::from_utf8(body).unwrap(),
        "{\"room\":\"soup é\",\"user\":{\"id\":\"alice\",\"claims\":{\"sub\":\"alice\",\
         \"big\":12345678901234567890}},\"connection_id\":\"00000003-000007\",\"reauth\":true,\
         \"client\":{\"address\":\"203.0.113.7\"}}"
    );
    let client = JoinClient {
        origin: Some("https://a.example"),
        user_agent: Some("Browser/1"),
        subprotocol: Some("recipe-chat.v2"),
        query: Some("lang=fr"),
        ..asked.client
    };
    let (resumed, replaces) = (true, Some(ConnId::new(1, 2)));
    let body = value(&join(&Join { reauth: false, resumed, replaces, client, ..asked }));
    let expected = json!({
        "address": "203.0.113.7", "origin": "https://a.example", "user_agent": "Browser/1",
        "subprotocol": "recipe-chat.v2", "query": "lang=fr",
    });
    assert_eq!((&body["client"], &body["reauth"]), (&expected, &json!(false)));
    assert_eq!((&body["resumed"], &body["replaces"]), (&json!(true), &json!("00000002-000001")));
}

#[test]
fn message_and_leave_bodies_name_user_and_room() {
    let (connection, room, user) = (CONNECTION, "soup", "alice");
    let (ticket, now) = (TICKET, UnixTime::default());
    let (start, id, content) = (&StartFlag::default(), "m1", "salt?");
    let (data, claims) = (None, None);
    let said = Incoming { ticket, start, now, connection, room, user, id, content, data, claims };
    let who = |details: Value| {
        let mut whole = json!({
            "room": room, "user": { "id": user }, "connection_id": "00000003-000007",
        });
        whole.as_object_mut().unwrap().extend(details.as_object().unwrap().clone());
        whole
    };
    let expected = who(json!({
        "message": { "id": "m1", "timestamp": "1970-01-01T00:00:00.000Z", "content": "salt?" },
    }));
    assert_eq!(value(&message(&said)), expected);
    let text = r#"{"type":"chat_message","id":"m1","timestamp":"2026-11-22T10:00:00Z",
        "payload":{"content":"salt?","data":{ "unit": 1.0 }}}"#;
    let Ok(ClientMessage::Chat { data, .. }) = parse(text) else { panic!("{:?}", parse(text)) };
    let body = String::from_utf8(message(&Incoming { data, ..said })).unwrap();
    let end =
        r#""timestamp":"1970-01-01T00:00:00.000Z","content":"salt?","data":{ "unit": 1.0 }}}"#;
    assert!(body.ends_with(end), "{body}");
    let claims = Some(r#"{"role":"cook"}"#);
    let body = value(&message(&Incoming { claims, ..said }));
    assert_eq!(body["user"], json!({ "id": "alice", "claims": { "role": "cook" } }));
    let reason = Some(CloseReason::TokenExpired);
    let expected = who(json!({ "code": 1008, "reason": "Token expired" }));
    assert_eq!(value(&leave(&Left { connection, room, user, reason })), expected);
    let expected = who(json!({ "code": null, "reason": null }));
    assert_eq!(value(&leave(&Left { connection, room, user, reason: None })), expected);
}

#[test]
fn answer_with_recipe_data_is_broadcast() {
    let update = said(r#" {"content": "Noted.", "more": [1]} "#).unwrap();
    assert_eq!((&*update.content, update.recipe_data, update.broadcast), ("Noted.", None, false));
    let update = said(r#"{"content":"","recipe_data":{ "id": 1.0 }}"#).unwrap();
    assert_eq!(update.recipe_data.unwrap().as_str(), "{ \"id\": 1.0 }");
    assert!(update.broadcast);
    for (body, broadcast) in [
        (r#"{"content":"x","recipe_data":{},"broadcast":false}"#, false),
        (r#"{"content":"x","recipe_data":{},"broadcast":null}"#, true),
        (r#"{"content":"x","recipe_data":null}"#, false),
        (r#"{"content":"x","broadcast":true}"#, true),
    ] {
        assert_eq!(said(body).unwrap().broadcast, broadcast, "{body}");
    }
}

#[test]
fn answer_of_another_form_is_refused() {
    for body in [
        "",
        "Noted.",
        "[]",
        "{}",
        r#"{"content":1}"#,
        r#"{"content":null}"#,
        r#"{"content":"x"} {"#,
        r#"{"content":"x","content":"y"}"#,
        r#"{"content":"x","recipe_data":[]}"#,
        r#"{"content":"x","recipe_data":"{}"}"#,
        r#"{"content":"x","recipe_data":{"#,
        r#"{"content":"x","broadcast":"yes"}"#,
    ] {
        assert_eq!(said(body), Err((CallOutcome::Failed, CallEvidence::Fails)), "{body}");
    }
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        format!(r#"{{"content":"x","recipe_data":{{"a":{open}{close}}}}}"#)
    };
    assert!(said(&nested(32)).is_ok());
    for body in [&nested(33), &nested(5_000), r#"{"content":"x","recipe_data":{"a":"\ud800"}}"#] {
        assert_eq!(said(body), Err((CallOutcome::Failed, CallEvidence::Fails)), "{body}");
    }
    let result = interpret(CallKind::Message, received(200, b"{\"content\":\"\xff\"}"), false);
    assert_eq!((result.outcome, result.evidence), (CallOutcome::Failed, CallEvidence::Fails));
    let result = interpret(CallKind::Join, Ok(BackendResponse { status: 200, body: None }), false);
    assert_eq!((result.outcome, result.evidence), (CallOutcome::Failed, CallEvidence::Fails));
}

/// Clients parse it as they parse `recipe_data`.
#[test]
fn history_is_held_to_the_rule_of_recipe_data() {
    let joined = |history: &str| {
        let body = format!(r#"{{"content":"x","history":{history}}}"#);
        let result = interpret(CallKind::Join, received(200, body.as_bytes()), false);
        result.update.map(|update| update.history.as_ref().unwrap().as_str().to_owned())
    };
    let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
    for history in ["[]", r#"[{"id":"a","content":"\ud83c\udf75"}]"#, &nested(32)] {
        assert_eq!(joined(history).as_deref(), Some(history));
    }
    for history in ["{}", r#""[]""#, r#"[{"content":"\ud800"}]"#, &nested(33), &nested(5_000)] {
        assert_eq!(joined(history), None, "{history}");
    }
}

#[test]
fn logged_error_does_not_quote_the_answer() {
    let result =
        interpret(CallKind::Message, received(200, b"{\"content\": 5, \"hush\": 1}"), false);
    assert!(!result.why.unwrap().contains("hush"));
    let result = interpret(
        CallKind::Message,
        received(200, b"{\"content\": \"a\", \"broadcast\": \"hush\"}"),
        false,
    );
    assert!(!result.why.unwrap().contains("hush"));
}

#[test]
fn each_status_maps_to_its_outcome() {
    let outcome = |kind, status| {
        let result = interpret(kind, received(status, b"{\"content\":\"x\"}"), false);
        (result.outcome, result.evidence)
    };
    for (kind, denied) in [(CallKind::Join, &[403, 404][..]), (CallKind::Message, &[409])] {
        for status in [403, 404, 409] {
            let said =
                if denied.contains(&status) { CallOutcome::Denied } else { CallOutcome::Failed };
            assert_eq!(outcome(kind, status), (said, CallEvidence::Works));
        }
    }
    for kind in [CallKind::Join, CallKind::Message] {
        for status in [200, 201, 204] {
            assert_eq!(outcome(kind, status), (CallOutcome::Answered, CallEvidence::Works));
        }
        for status in [400, 401, 410, 422, 429, 499] {
            assert_eq!(
                outcome(kind, status),
                (CallOutcome::Failed, CallEvidence::Works),
                "{status}"
            );
        }
        for status in [202, 203, 206, 301, 302, 307, 408, 500, 502, 503, 504, 599] {
            assert_eq!(
                outcome(kind, status),
                (CallOutcome::Failed, CallEvidence::Fails),
                "{status}"
            );
        }
    }
    let (works, fails) = (CallEvidence::Works, CallEvidence::Fails);
    let (answered, failed) = ((CallOutcome::Answered, works), (CallOutcome::Failed, fails));
    for (status, expected) in
        [(200, answered), (204, answered), (404, answered), (302, failed), (500, failed)]
    {
        assert_eq!(outcome(CallKind::Leave, status), expected, "{status}");
    }
}

#[test]
fn empty_answer_is_a_yes_without_words() {
    let words = |kind| interpret(kind, received(204, b""), true).update.unwrap().content.clone();
    assert_eq!(words(CallKind::Join), "Connected.");
    assert_eq!(words(CallKind::Message), "");
    let why = interpret(CallKind::Message, received(202, b""), false).why.unwrap();
    assert!(why.contains("none of 200, 201 and 204"), "{why}");
}

/// The answer to a message that nobody has seen yet.
fn ruled(body: &str) -> Result<Update, String> {
    let result = interpret(CallKind::Message, received(200, body.as_bytes()), true);
    result.update.map(|update| (*update).clone()).ok_or(result.why.unwrap_or_default())
}

#[test]
fn moderating_answer_delivers_changes_or_refuses() {
    let update = ruled(r#"{"content":"a"}"#).unwrap();
    assert_eq!((&*update.content, update.moderation), ("a", Moderation::Deliver));
    let update = ruled(r#"{"content":"a","deliver":true,"message":{"content":"b"}}"#).unwrap();
    assert_eq!((&*update.content, update.moderation), ("a", Moderation::Change("b".into())));
    let update =
        ruled(r#"{"deliver":false,"reason":"no","content":"a","recipe_data":{}}"#).unwrap();
    assert_eq!((&*update.content, &update.moderation), ("no", &Moderation::Refuse));
    assert!(!update.broadcast && update.recipe_data.is_none());
    assert_eq!(ruled(r#"{"deliver":false}"#).unwrap().content, "");
    let long = format!("{{\"deliver\":false,\"reason\":\"{}\"}}", "é".repeat(1_001));
    assert_eq!(ruled(&long).unwrap().content, "é".repeat(1_000));
}

#[test]
fn malformed_moderating_answer_delivers_nothing() {
    let long = format!(r#"{{"content":"a","message":{{"content":"{}"}}}}"#, "x".repeat(16_385));
    for body in [
        r#"{"deliver":true}"#,
        r#"{"content":"a","deliver":"no"}"#,
        r#"{"content":"a","message":{}}"#,
        r#"{"content":"a","message":{"content":""}}"#,
        &long,
        "",
    ] {
        assert!(ruled(body).is_err(), "{body}");
    }
    // What the others have already seen cannot be withheld, so the operator is told.
    let result =
        interpret(CallKind::Message, received(200, br#"{"content":"a","deliver":false}"#), false);
    assert!(result.why.unwrap().contains("backend.moderate"));
    assert!(said(r#"{"content":"a","deliver":true}"#).is_ok());
}

#[test]
fn each_outcome_maps_to_a_node_outcome() {
    let told = |kind, outcome| {
        let update = (outcome == CallOutcome::Answered).then(|| Update::text("x"));
        match node_outcome(kind, outcome, update) {
            None => "nothing",
            Some(Outcome::Join(Admission::Admit(_))) => "admit",
            Some(Outcome::Join(Admission::Deny)) => "deny",
            Some(Outcome::Join(Admission::Revoked)) => "revoked",
            Some(Outcome::Join(Admission::Unavailable)) => "unavailable",
            Some(Outcome::Message(Ok(_))) => "update",
            Some(Outcome::Message(Err(error))) => error.as_str(),
            Some(Outcome::NotBegun) => "not begun",
            Some(Outcome::Unreached) => "unreached",
            Some(Outcome::UsedId) => "used id",
            Some(other) => panic!("{other:?}"),
        }
    };
    for &outcome in CallOutcome::ALL {
        assert_eq!(told(CallKind::Leave, outcome), "nothing");
        let (join, message) = match outcome {
            CallOutcome::Answered => ("admit", "update"),
            CallOutcome::Denied => ("deny", "used id"),
            // A message has no such response.
            CallOutcome::Revoked => ("revoked", "backend_unavailable"),
            CallOutcome::TimedOut => ("unavailable", "backend_timeout"),
            CallOutcome::Expired => ("not begun", "not begun"),
            CallOutcome::Unconnected => ("unreached", "unreached"),
            _ => ("unavailable", "backend_unavailable"),
        };
        assert_eq!(
            (told(CallKind::Join, outcome), told(CallKind::Message, outcome)),
            (join, message),
            "{outcome:?}"
        );
    }
}

#[test]
fn every_failure_has_a_reason() {
    let broken = || Err(CallError::Broken("reset".to_owned()));
    let unconnected = || Err(CallError::Unconnected("refused".to_owned()));
    for &kind in CallKind::ALL {
        for received in [received(500, b""), Err(CallError::TimedOut), broken(), unconnected()] {
            let result = interpret(kind, received, false);
            assert_ne!(result.evidence, CallEvidence::Works);
            assert!(result.why.is_some_and(|why| !why.is_empty()), "{kind:?}");
        }
    }
}
