//! What an operator is told of connections: how they stand, and what became of them.

use super::*;
use crate::auth::Verifier;

impl World {
    fn ask(&mut self, path: &str) -> (u16, Value) {
        split(&self.call(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")))
    }

    #[track_caller]
    fn explain(&mut self, id: ConnId) -> Value {
        let (status, told) = self.ask(&format!("/v1/connections/{id}"));
        assert_eq!(status, 200, "{told}");
        assert_eq!(told["id"], id.to_string());
        told
    }

    /// How, code, reason, and the phase it was in.
    #[track_caller]
    fn end(&mut self, id: ConnId) -> Value {
        let told = self.explain(id);
        assert_eq!((&told["state"], &told["live"]), (&"ended".into(), &Value::Null));
        let end = &told["end"];
        assert!(end["meaning"].as_str().is_some_and(|text| text.len() > 20), "{end}");
        json!([end["how"], end["code"], end["reason"], end["state"]])
    }

    fn hang_up(&mut self, id: ConnId, why: Hangup) {
        self.node.handle_hangup(self.now, id, why);
        self.settle();
    }

    fn unix(&self) -> &'static str {
        self.now.unix.to_rfc3339().to_string().leak()
    }
}

#[test]
fn a_life_is_told_from_the_accept_to_the_end() {
    let mut world = World::new();
    world.seconds(100);
    let accepted = world.unix();
    let id = world.accept_from("192.0.2.7");
    let told = world.explain(id);
    assert_eq!((&told["state"], &told["accepted_at"]), (&"handshaking".into(), &accepted.into()));
    assert_eq!((&told["room"], &told["upgraded_at"]), (&Value::Null, &Value::Null));
    world.seconds(2);
    let upgraded = world.unix();
    world.bytes(id, upgrade("soup").as_bytes());
    world.seconds(3);
    let told = world.explain(id);
    let expected = json!(["authenticating", "soup", upgraded, null, null]);
    let seen =
        ["state", "room", "upgraded_at", "authenticated_at", "user_id"].map(|name| &told[name]);
    assert_eq!(json!(seen), expected);
    let joined = world.unix();
    let token = world.token("alice", 900);
    world.auth(id, &token);
    world.chat(id, "hello");
    world.seconds(1);
    let told = world.explain(id);
    assert_eq!(told["address"], "192.0.2.7:9");
    assert_eq!((&told["state"], &told["user_id"]), (&"connected".into(), &"alice".into()));
    assert_eq!((&told["accepted_at"], &told["upgraded_at"]), (&accepted.into(), &upgraded.into()));
    assert_eq!((&told["authenticated_at"], &told["messages"]), (&joined.into(), &2.into()));
    assert_eq!((&told["reauthenticated"], &told["end"]), (&false.into(), &Value::Null));
    let live = &told["live"];
    assert_eq!((&live["heard_at"], &live["queued_bytes"]), (&joined.into(), &0.into()));
    // 14 minutes after it came in; the token has 15.
    assert_eq!(live["deadline"], "2027-01-15T08:15:45.000Z");
    assert_eq!(live["token_ends_at"], "2027-01-15T08:17:15.000Z", "with auth.leeway");
    let token = world.token("alice", 1_800);
    world.auth(id, &token);
    world.hang_up(id, Hangup::Reset);
    let ended = world.unix();
    world.seconds(500);
    assert_eq!(world.end(id), json!(["hung_up", null, "reset", "connected"]));
    let told = world.explain(id);
    assert_eq!((&told["user_id"], &told["room"]), (&"alice".into(), &"soup".into()));
    assert_eq!((&told["accepted_at"], &told["upgraded_at"]), (&accepted.into(), &upgraded.into()));
    assert_eq!((&told["authenticated_at"], &told["end"]["at"]), (&joined.into(), &ended.into()));
    assert_eq!((&told["messages"], &told["reauthenticated"]), (&3.into(), &true.into()));
}

#[test]
fn every_kind_of_end_is_told_apart() {
    let mut world = World::new();
    let silent = world.accept();
    let late = world.authenticating("soup");
    world.seconds(5);
    assert_eq!(world.end(silent), json!(["dropped", null, "no_request", "handshaking"]));
    let expected = json!(["closed", 1008, "authentication_timeout", "authenticating"]);
    assert_eq!(world.end(late), expected);
    let lost = world.accept();
    world.bytes(lost, b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(world.end(lost), json!(["refused", 404, "not_found", "handshaking"]));
    let forged = world.authenticating("soup");
    let token = format!("{}AAAA", world.token("alice", 900));
    world.auth(forged, &token);
    assert_eq!(world.end(forged), json!(["closed", 1008, "invalid_token", "authenticating"]));
    assert_eq!(world.explain(forged)["user_id"], Value::Null);
    let left = world.connected("soup", "alice");
    world.bytes(left, &frame(0x88, &1001_u16.to_be_bytes()));
    assert_eq!(world.end(left), json!(["closed_by_client", 1001, "normal", "connected"]));
    let gone = world.connected("soup", "alice");
    world.hang_up(gone, Hangup::Eof);
    assert_eq!(world.end(gone), json!(["hung_up", null, "eof", "connected"]));
    let thrown = world.connected("soup", "alice");
    world.node.disconnect(world.now, "alice");
    assert_eq!(world.end(thrown), json!(["closed", 1008, "session_revoked", "connected"]));
    // What comes behind the last word is not another end.
    world.hang_up(thrown, Hangup::Reset);
    assert_eq!(world.end(thrown), json!(["closed", 1008, "session_revoked", "connected"]));
    let drained = world.authenticating("soup");
    let early = world.accept();
    world.node.handle_shutdown(world.now);
    world.seconds(4);
    world.seconds(8);
    let end = world.end(early);
    assert!([json!("draining"), json!("no_request")].contains(&end[2]), "{end}");
    assert_eq!(world.end(drained)[0], "closed");
    let refused = world.accept();
    world.bytes(refused, upgrade("soup").as_bytes());
    assert_eq!(world.end(refused), json!(["refused", 503, "at_capacity", "handshaking"]));
    assert_eq!(world.explain(refused)["end"]["text"], "The server is full or draining");
}

#[test]
fn a_slow_consumer_and_a_forger_are_told_as_such() {
    let mut world = World::with(|config| {
        config.limits.outbound_bytes = crate::config::Size::bytes(2_000);
        config.limits.auth_per_minute_per_ip = 9;
    });
    let slow = world.connected("soup", "alice");
    let loud = world.connected("soup", "bob");
    world.room.insert(slow, 0);
    let content = "x".repeat(500);
    world.chat(loud, &content);
    let live = world.explain(slow)["live"].clone();
    assert!(live["queued_bytes"].as_u64().is_some_and(|bytes| bytes > 500), "{live}");
    (0..5).for_each(|_| drop(world.chat(loud, &content)));
    assert_eq!(world.end(slow), json!(["closed", 1013, "slow_consumer", "connected"]));
    let forger = world.authenticating_from("192.0.2.9", "soup");
    world.auth(forger, "a.b.c");
    let next = world.accept_from("192.0.2.9");
    world.bytes(next, upgrade("soup").as_bytes());
    assert_eq!(world.end(next), json!(["refused", 429, "too_many_requests", "handshaking"]));
    let (_, listed) = world.ask("/v1/ends?address=192.0.2.9");
    let ids: Vec<_> = listed["ends"].as_array().unwrap().iter().map(|end| &end["id"]).collect();
    assert_eq!(ids, [&next.to_string(), &forger.to_string()]);
}

#[test]
fn a_good_signature_says_whose_end_it_was() {
    let mut world = World::with(|config| config.limits.connections_per_user = 1);
    let now = world.now.unix.as_millis() / 1_000;
    let old = world.authenticating("soup");
    let token = world.sign(&json!({ "sub": "alice", "exp": now - 1_000 }));
    world.auth(old, &token);
    assert_eq!(world.end(old)[2], "token_expired");
    let first = world.connected("soup", "alice");
    let second = world.authenticating("soup");
    let token = world.token("alice", 900);
    world.auth(second, &token);
    assert_eq!(world.end(second)[2], "connection_limit_exceeded");
    for id in [old, second] {
        assert_eq!(world.explain(id)["user_id"], "alice");
    }
    let (_, listed) = world.ask("/v1/ends?user=alice&limit=1");
    assert_eq!(listed["ends"][0]["id"], second.to_string());
    assert_eq!(listed["ends"].as_array().unwrap().len(), 1);
    assert_eq!(world.ask("/v1/ends?user=bob").1["ends"], json!([]));
    world.hang_up(first, Hangup::Eof);
    // A claim is for its connection's end, and no other's.
    let stranger = world.authenticating("soup");
    world.hang_up(stranger, Hangup::Eof);
    assert_eq!(world.explain(stranger)["user_id"], Value::Null);
}

#[test]
fn pending_close_flood_forgets_no_authenticated_close() {
    let mut world = World::with(|config| config.limits.recent_ends = 3);
    let member = world.connected("soup", "alice");
    world.hang_up(member, Hangup::Eof);
    let ids: Vec<_> = (0..5).map(|_| world.accept()).collect();
    ids.iter().for_each(|&id| world.hang_up(id, Hangup::Eof));
    assert_eq!(world.node.remembered_ends(), 4);
    for (id, status) in [(ids[0], 404), (ids[1], 404), (ids[2], 200), (ids[4], 200), (member, 200)]
    {
        let (told, body) = world.ask(&format!("/v1/connections/{id}"));
        assert_eq!(told, status, "{id} {body}");
        let message = body["message"].as_str().unwrap_or_default();
        assert_eq!(status == 404, message.contains("the last 3 that had been in a room"), "{body}");
    }
    let mut config = Config::default();
    config.auth.secret = SECRET.to_owned();
    config.limits.recent_ends = 0;
    let verifier = Verifier::new(&config.auth).unwrap();
    world.node.reconfigure(world.now, &config, verifier);
    let id = world.accept();
    assert_eq!(world.explain(id)["state"], "handshaking");
    world.hang_up(id, Hangup::Eof);
    assert_eq!(world.node.remembered_ends(), 0);
    assert_eq!(world.ask(&format!("/v1/connections/{id}")).0, 404);
}

#[test]
fn a_long_name_is_cut_and_found_all_the_same() {
    let mut world = World::new();
    let user = "é".repeat(200);
    let id = world.connected("soup", &user);
    world.hang_up(id, Hangup::Eof);
    let told = world.explain(id)["user_id"].as_str().unwrap().to_owned();
    assert!(told.len() <= 128 && told.ends_with("é…"), "{told}");
    let (status, listed) = world.ask(&format!("/v1/ends?user={}", "%C3%A9".repeat(200)));
    assert_eq!((status, listed["ends"].as_array().unwrap().len()), (200, 1));
}

#[test]
fn ends_reject_malformed_queries_and_omit_operators() {
    let mut world = World::new();
    for bad in ["x", "1-1", "00000001-00000", "0000000G-000000", "00000001-000000%20"] {
        assert_eq!(world.ask(&format!("/v1/connections/{bad}")).0, 400, "{bad}");
    }
    for bad in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit",
        "limit=1&limit=1",
        "room=a",
        "user=%ff",
        "address=here",
    ] {
        assert_eq!(world.ask(&format!("/v1/ends?{bad}")).0, 400, "{bad}");
    }
    let operator = world.operator();
    assert_eq!(world.ask(&format!("/v1/connections/{operator}")).0, 404);
    world.hang_up(operator, Hangup::Eof);
    // Nor are answered requests an end.
    let health = world.accept();
    world.bytes(health, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    world.hang_up(health, Hangup::Eof);
    assert_eq!(world.node.remembered_ends(), 0);
    assert_eq!(world.ask("/v1/ends").1["remembered"], 1_024);
}

#[test]
fn setting_the_clock_does_not_reorder_ends() {
    let mut world = World::new();
    let first = world.connected("soup", "alice");
    world.hang_up(first, Hangup::Eof);
    world.now.unix = UnixTime::from_millis(1_000_000_000_000);
    let second = world.authenticating("soup");
    world.hang_up(second, Hangup::Eof);
    let (_, listed) = world.ask("/v1/ends");
    assert_eq!(listed["ends"][0]["id"], second.to_string());
    assert_eq!(listed["ends"][1]["id"], first.to_string());
}

#[test]
fn the_field_at_fault_is_told_and_not_its_value() {
    let token = crate::logs::known("eyJhbGciOiJIUzI1NiJ9.e30.c2VjcmV0");
    let whole = envelope("auth", "a", json!({ "token": token }));
    let without = |field: &str| {
        let mut message: Value = serde_json::from_str(&whole).unwrap();
        message.as_object_mut().unwrap().remove(field);
        message.to_string()
    };
    let cases = [
        (format!("{whole}}}"), "The message is not JSON"),
        (format!("[{whole}]"), "The message must be an object"),
        (without("type"), "`type` must be a string"),
        (without("id"), "`id` must be a string of 1 to 128 characters"),
        (without("timestamp"), "`timestamp` must be an RFC 3339 date-time"),
        (
            whole.replace("2026-11-22T10", "22.11.2026, 10"),
            "`timestamp` must be an RFC 3339 date-time",
        ),
        (without("payload"), "`payload` must be an object"),
    ];
    let mut world = World::new();
    for (message, fault) in cases {
        let id = world.authenticating("soup");
        world.bytes(id, &text(&message));
        let expected = json!(["closed", 1008, "invalid_auth_message_format", "authenticating"]);
        assert_eq!(world.end(id), expected, "{fault}");
        let told = world.explain(id);
        assert_eq!(told["fault"], fault);
        assert!(!told.to_string().contains(token), "{told}");
    }
    let id = world.authenticating("soup");
    world.bytes(id, &text(&envelope("auth", "a", json!({ "token": "" }))));
    assert_eq!(world.explain(id)["fault"], "`payload.token` must be a string that is not empty");
    let timely = world.authenticating("soup");
    world.bytes(timely, &text(&whole));
    assert_eq!(world.explain(timely)["fault"], Value::Null);
}

#[test]
fn the_fault_of_a_refused_message_is_told_of_a_life() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    assert_eq!(world.explain(id)["fault"], Value::Null);
    world.bytes(id, &text(r#"{"type":"chat_message","id":"m","payload":{"content":"hi"}}"#));
    world.chat(id, "hello");
    let fault = "`timestamp` must be an RFC 3339 date-time";
    assert_eq!(world.explain(id)["fault"], fault);
    world.hang_up(id, Hangup::Reset);
    assert_eq!(world.explain(id)["fault"], fault);
    let many = world.connected("soup", "alice");
    for _ in 0..10 {
        world.chat(many, "");
    }
    assert_eq!(world.end(many)[2], "too_many_invalid_messages");
    let fault = "`payload.content` must be a string of 1 to 16384 characters";
    assert_eq!(world.explain(many)["fault"], fault);
}

/// The client is told one of few reasons; the operator is told what was found, and nothing secret.
#[test]
fn the_fault_of_a_refused_token_is_told_of_an_end() {
    let mut world = World::with(|config| {
        config.auth.audience = "chat".to_owned();
        config.auth.mode = crate::config::AuthMode::Both;
    });
    let now = world.now.unix.as_millis() / 1_000;
    let token = world.sign(&json!({ "sub": "alice", "exp": now + 900, "aud": "shop" }));
    let id = world.authenticating("soup");
    world.auth(id, &token);
    let fault = "its `aud` is \"shop\"; auth.audience is \"chat\"";
    assert_eq!(world.end(id)[2], "invalid_token_payload");
    assert_eq!(world.explain(id)["end"]["token_fault"], fault);
    let upgraded = world.accept();
    world.bytes(upgraded, upgrade(&format!("soup?token={token}")).as_bytes());
    assert!(!world.raw(upgraded).contains("shop"));
    assert_eq!(world.explain(upgraded)["end"]["token_fault"], fault);
    let (message, _) = token.rsplit_once('.').unwrap();
    let forged = world.authenticating("soup");
    world.auth(forged, &format!("{message}.AAAA"));
    let told = world.explain(forged)["end"]["token_fault"].to_string();
    assert!(told.contains("its signature is from none of the keys"), "{told}");
    assert!(!told.contains("AAAA") && !told.contains(message), "{told}");
    let silent = world.accept();
    world.hang_up(silent, Hangup::Eof);
    assert_eq!(world.explain(silent)["end"]["token_fault"], Value::Null);
    let good = world.sign(&json!({ "sub": "alice", "exp": now + 900, "aud": ["chat"] }));
    let replayed = text(&envelope("auth", "same", json!({ "token": good })));
    let ids = [world.authenticating("soup"), world.authenticating("soup")];
    ids.iter().for_each(|id| world.bytes(*id, &replayed));
    assert_eq!(world.explain(ids[1])["end"]["token_fault"], "it was accepted before");
    for (cause, count) in [("aud", 2), ("bad_signature", 1), ("replayed", 1), ("iss", 0)] {
        assert_eq!(world.node.metrics().token_refusals(cause), count, "{cause}");
    }
}
