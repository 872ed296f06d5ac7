//! What can be called, and what is answered.

use super::*;
use crate::config::UNIX_PEER;

#[test]
fn health_is_told_on_both_listeners() {
    let mut world = World::new();
    assert_eq!(world.get("/healthz"), (200, json!({ "status": "ok" })));
    let public = world.accept();
    world.bytes(public, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(world.raw(public).ends_with("{\"status\":\"ok\"}"));
    let head = world.call("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn server_without_keys_is_not_ready() {
    let mut world = World::with(|config| config.auth.algorithms = vec!["EdDSA".to_owned()]);
    let (status, body) = world.get("/readyz");
    assert_eq!((status, &body["error"]), (503, &"keys_unavailable".into()));
    assert_eq!(body["not_ready"], json!(["keys_unavailable"]));
}

#[test]
fn who_is_full_or_draining_is_not_ready() {
    let mut world = World::with(|config| config.limits.connections = 2);
    assert_eq!(world.get("/readyz"), (200, json!({ "status": "ready" })));
    let ids = [world.connected("soup", "alice"), world.connected("soup", "bob")];
    let (status, body) = world.get("/readyz");
    assert_eq!((status, &body["error"]), (503, &"at_capacity".into()));
    world.node.handle_hangup(world.now, ids[0], Hangup::Reset);
    world.settle();
    assert_eq!(world.get("/readyz").0, 200);
    assert_eq!(world.post("/v1/drain", "{\"seconds\":60}").0, 202);
    let (status, body) = world.get("/readyz");
    assert_eq!((status, &body["error"]), (503, &"draining".into()));
}

#[test]
fn chat_and_admin_paths_are_404_on_the_other_listener() {
    let mut world = World::new();
    let answer = world.call(&upgrade("soup"));
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    for path in ["/readyz", "/v1/stats", "/v1/rooms/soup"] {
        let id = world.accept();
        world.bytes(id, format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        assert!(world.raw(id).starts_with("HTTP/1.1 404 "), "{path}");
    }
}

#[test]
fn an_announcement_reaches_everybody_in_the_room() {
    let mut world = World::new();
    let ids = [world.connected("soup", "alice"), world.connected("soup", "bob")];
    let other = world.connected("stew", "carol");
    let body = r#"{"content":"Dinner is ready","recipe_data":{"title":"Soup"}}"#;
    assert_eq!(world.post("/v1/rooms/soup/publish", body), (200, json!({ "delivered": 2 })));
    for id in ids {
        let heard = world.message(id);
        assert_eq!(heard["type"], "recipe_update");
        let expected = json!({
            "request_id": null, "content": "Dinner is ready", "recipe_data": { "title": "Soup" }
        });
        assert_eq!(heard["payload"], expected);
    }
    assert_eq!(world.see(other), []);
    let (status, body) = world.post("/v1/rooms/nobody/publish", r#"{"content":"x"}"#);
    assert_eq!((status, body), (200, json!({ "delivered": 0 })));
}

#[test]
fn a_room_is_listed_with_who_is_in_it_and_since_when() {
    let mut world = World::new();
    let pending = world.authenticating("soup");
    world.seconds(3);
    let alice = world.connected("soup", "alice");
    let came = world.now.unix.to_rfc3339();
    world.seconds(20);
    let token = world.token("alice", 900);
    world.auth(alice, &token);
    assert_eq!(world.message(alice)["payload"]["content"], "Re-authenticated");
    let expected = json!([
        { "id": alice.to_string(), "user_id": "alice", "since": came.as_str() }
    ]);
    let listed = json!({ "room": "soup", "connections": expected });
    assert_eq!(world.get("/v1/rooms/s%6Fup"), (200, listed));
    assert_eq!(world.get("/v1/rooms/empty"), (200, json!({ "room": "empty", "connections": [] })));
    assert!(world.closed.contains(&pending) || world.close_reason(pending).contains("timeout"));
}

#[test]
fn admin_finds_a_user_by_percent_encoded_name() {
    let mut world = World::new();
    let id = world.connected("soup", "auth0|alice/é");
    let name = "auth0%7Calice%2F%C3%A9";
    let asked = world.post(&format!("/v1/users/{name}/require-auth"), "");
    assert_eq!(asked, (200, json!({ "asked": 1 })));
    world.seconds(1);
    assert_eq!(world.message(id)["payload"]["reason"], "requested");
    let gone = world.post(&format!("/v1/users/{name}/disconnect"), "{}");
    assert_eq!(gone, (200, json!({ "disconnected": 1 })));
    assert_eq!(world.close_reason(id), "Session revoked");
    assert_eq!(world.post("/v1/users/nobody/disconnect", "").1, json!({ "disconnected": 0 }));
}

#[test]
fn drain_is_hastened_by_a_signal_and_never_slowed() {
    let mut world = World::new();
    let ids: Vec<_> = (0..20).map(|n| world.connected("soup", &format!("u{n}"))).collect();
    let drained = world.post("/v1/drain", "{\"seconds\":3600}");
    assert_eq!(drained, (202, json!({ "connections": 20 })));
    let newcomer = world.accept();
    world.bytes(newcomer, upgrade("soup").as_bytes());
    assert!(world.raw(newcomer).starts_with("HTTP/1.1 503 "));
    world.seconds(1);
    assert_eq!(world.post("/v1/drain", "{\"seconds\":7200}").0, 202);
    let last = world.node.poll_timeout();
    assert!(last.is_some());
    // The configured length is 10 seconds.
    world.node.handle_shutdown(world.now);
    world.seconds(10);
    assert!(ids.iter().all(|&id| world.close_reason(id) == "Server shutting down"));
    world.seconds(2);
    assert!(world.node.is_drained());
    assert_eq!(world.get("/healthz").0, 200);
}

#[test]
fn what_is_wrong_with_a_call_is_told() {
    let mut world = World::new();
    let get =
        |path: &str, lines: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
    let text = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n\
             Content-Length: 2\r\n\r\n{{}}"
        )
    };
    let table = [
        (get("/", ""), 404, "not_found"),
        (get("/v1/drain", ""), 405, "method_not_allowed"),
        (post("/healthz", "", ""), 405, "method_not_allowed"),
        (post("/v1/stats", "", ""), 405, "method_not_allowed"),
        (get("/v1/rooms/%2e%2e", ""), 400, "bad_request"),
        (get("/v1/rooms/so%20up", ""), 400, "bad_request"),
        (
            get("/v1/stats", "Content-Type: application/json\r\nContent-Length: 2\r\n"),
            400,
            "bad_request",
        ),
        (post("/v1/users/%ff/disconnect", "", ""), 400, "bad_request"),
        (post("/v1/users//disconnect", "", ""), 400, "bad_request"),
        (post("/v1/users/alice/disconnect", "", "{\"x\":1}"), 400, "bad_request"),
        (post("/v1/rooms/soup/publish", "", ""), 400, "bad_request"),
        (post("/v1/rooms/soup/publish", "", "[\"x\"]"), 400, "bad_request"),
        (post("/v1/rooms/soup/publish", "", "{\"content\":\"\"}"), 400, "bad_request"),
        (post("/v1/rooms/soup/publish", "", "{\"content\":\"x\",\"more\":1}"), 400, "bad_request"),
        (
            post("/v1/rooms/soup/publish", "", "{\"content\":\"x\",\"recipe_data\":null}"),
            400,
            "bad_request",
        ),
        (
            post("/v1/rooms/soup/publish", "", "{\"content\":\"x\",\"recipe_data\":[]}"),
            400,
            "bad_request",
        ),
        (post("/v1/drain", "", "{\"seconds\":-1}"), 400, "bad_request"),
        (post("/v1/drain", "", "{\"seconds\":31622401}"), 400, "bad_request"),
        (text("/v1/drain"), 415, "unsupported_media_type"),
        (post("/v1/drain", "Content-Length: 70000\r\n", ""), 400, "bad_request"),
        (
            "POST /v1/drain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n"
                .to_owned(),
            413,
            "body_too_large",
        ),
        (post("/v1/drain", "Transfer-Encoding: chunked\r\n", ""), 411, "length_required"),
        (get("/v1/stats", "Origin: https://evil.example\r\n"), 403, "origin_not_allowed"),
        (post("/v1/drain", "Origin: null\r\n", ""), 403, "origin_not_allowed"),
        ("GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(), 403, "host_not_allowed"),
    ];
    for (call, status, code) in table {
        let answer = world.call(&call);
        let (told, body) = split(&answer);
        assert_eq!((told, &body["error"]), (status, &code.into()), "{call}\n{answer}");
        assert!(body["message"].is_string() && !answer.contains("Access-Control"), "{answer}");
        assert_eq!(status == 405, answer.contains("\r\nAllow: "), "{answer}");
    }
    assert!(!world.node.is_draining());
    // None of it is counted as the public listener's.
    assert!(REFUSAL_STATUSES.iter().all(|&status| world.node.metrics().refusals(status) == 0));
    world.seconds(3);
    world.assert_nothing_is_left();
}

#[test]
fn with_a_key_all_but_numbers_and_health_must_show_it() {
    let mut world = World::guarded();
    for path in ["/healthz", "/readyz", "/v1/stats"] {
        assert_eq!(world.get(path).0, 200, "{path}");
    }
    let shown = |key: &str| format!("Authorization: Bearer {key}\r\n");
    let wrong = KEY.to_uppercase();
    for (lines, challenge) in [
        (String::new(), "WWW-Authenticate: Bearer\r\n"),
        (shown(&wrong), "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"),
        (shown(&format!("{KEY}0")), "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"),
        (format!("Authorization: Basic {KEY}\r\n"), "WWW-Authenticate: Bearer\r\n"),
        (shown(KEY).repeat(2), "WWW-Authenticate: Bearer\r\n"),
    ] {
        for path in ["/v1/drain", "/v1/users/a/disconnect", "/v1/rooms/a/publish", "/nothing"] {
            let answer = world.call(&post(path, &lines, "{}"));
            assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains(challenge), "{answer}");
        }
    }
    assert_eq!(world.get("/v1/rooms/soup").0, 401);
    assert_eq!(world.node.metrics().admin_denied, 21);
    let answer = world.call(&post("/v1/users/a/disconnect", &shown(KEY), ""));
    assert!(answer.ends_with("{\"disconnected\":0}"), "{answer}");
    assert_eq!(world.call(&post("/nothing", &shown(KEY), "")).split(' ').nth(1), Some("404"));
    // The key is shown to whatever name this host is called by, and still not by a page.
    let named = post("/v1/drain", &shown(KEY), "").replace("localhost:9090", "edge.example:9090");
    assert!(world.call(&named).starts_with("HTTP/1.1 202 "));
    let answer = world.call(&post("/v1/drain", &format!("{}Origin: null\r\n", shown(KEY)), ""));
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}

#[test]
fn without_a_key_only_this_host_is_answered() {
    let mut world = World::new();
    let peer = "192.0.2.1:9".parse().unwrap();
    let stranger = world.node.handle_accept_admin(world.now, peer).unwrap();
    world.bytes(stranger, b"GET /v1/stats HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(world.raw(stranger).starts_with("HTTP/1.1 403 "));
    // Whoever may write to the file of a Unix socket is on this host, and no page may.
    let local = world.node.handle_accept_admin(world.now, UNIX_PEER).unwrap();
    world.bytes(local, b"GET /v1/rooms HTTP/1.1\r\nHost: anything\r\n\r\n");
    assert!(world.raw(local).starts_with("HTTP/1.1 200 "));
}

#[test]
fn collectors_get_metrics_only_and_no_operators_place() {
    for mut world in [World::new(), World::guarded()] {
        let peer = "192.0.2.1:9".parse().unwrap();
        let mut call = |head: &str| {
            let id = world.node.handle_accept_collector(world.now, peer).unwrap();
            world.bytes(id, format!("{head} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
            world.raw(id).split(' ').nth(1).unwrap().to_owned()
        };
        for head in ["GET /metrics", "HEAD /metrics"] {
            assert_eq!(call(head), "200");
        }
        for head in ["GET /healthz", "GET /v1/stats", "GET /v1/rooms", "POST /v1/drain"] {
            assert_eq!(call(head), "404", "{head}");
        }
        let operator = world.operator();
        for _ in 0..40 {
            world.node.handle_accept_collector(world.now, peer).unwrap();
        }
        world.settle();
        assert!(!world.closed.contains(&operator));
        world.seconds(9);
        world.assert_nothing_is_left();
    }
}

#[test]
fn the_admin_listener_has_its_own_bound_and_no_other() {
    let mut world = World::with(|config| {
        config.limits.connections = 1;
        config.limits.pending = 1;
        config.limits.pending_per_ip = 1;
        config.admin.connections = 3;
    });
    let alice = world.connected("soup", "alice");
    let mut waiting: Vec<_> = (0..2).map(|_| world.operator()).collect();
    assert_eq!(world.get("/healthz").0, 200);
    waiting.push(world.operator());
    // The oldest gives way, as it is told in the tests of places.
    waiting.push(world.operator());
    world.settle();
    assert_eq!(world.closed.last(), waiting.first());
    assert_eq!(world.node.connections_in(Phase::Handshaking), 0);
    world.seconds(5);
    assert!(waiting.iter().all(|id| world.closed.contains(id)));
    assert_eq!(world.get("/healthz").0, 200);
    assert_eq!(world.node.phase(alice), Some(Phase::Connected));
}

#[test]
fn a_call_is_understood_however_its_bytes_are_cut() {
    let body = r#"{"content":"hello"}"#;
    let call = post("/v1/rooms/soup/publish", "Expect: 100-continue\r\n", body);
    for piece in [1, 2, 7, 50, 1_000] {
        let mut world = World::new();
        let id = world.operator();
        for part in call.as_bytes().chunks(piece) {
            world.bytes(id, part);
        }
        let answer = world.raw(id);
        assert!(answer.ends_with("{\"delivered\":0}"), "{answer}");
        assert_eq!(world.finished, [id]);
        assert_eq!(world.node.metrics().admin_calls, 1);
    }
}

#[test]
fn who_is_slow_to_call_or_to_read_is_dropped() {
    let mut world = World::new();
    let slow = world.operator();
    world.bytes(slow, post("/v1/drain", "", "{}").trim_end_matches("{}").as_bytes());
    let deaf = world.operator();
    world.room.insert(deaf, 10);
    world.bytes(deaf, b"GET /v1/stats HTTP/1.1\r\nHost: localhost\r\n\r\n");
    world.seconds(5);
    assert_eq!(world.closed, [slow]);
    world.seconds(5);
    assert_eq!(world.closed, [slow, deaf]);
    world.assert_nothing_is_left();
}

/// `curl [-X POST] localhost:9090/PATH [--json BODY]`, and what is answered.
fn examples() -> Vec<(String, Value)> {
    let blocks = include_str!("../../../docs/admin.md").split("```sh\n").skip(1);
    let examples = blocks.filter_map(|block| {
        let (command, rest) = block.split_once("\n```\n\n```json\n")?;
        let command = command.strip_prefix("curl ")?;
        let (answer, _) = rest.split_once("\n```")?;
        let (_, target) = command.split_once("localhost:9090")?;
        let (path, body) = target.split_once(" --json ").unwrap_or((target, ""));
        let call = if command.starts_with("-X POST") || !body.is_empty() {
            post(path, "", body.trim_matches('\''))
        } else {
            format!("GET {path} HTTP/1.1\r\nHost: localhost:9090\r\n\r\n")
        };
        Some((call, serde_json::from_str(answer).unwrap()))
    });
    examples.collect()
}

/// Does `answer` have everything that `shown` has?
fn has(answer: &Value, shown: &Value) -> bool {
    match (answer, shown) {
        (Value::Object(answer), Value::Object(shown)) => {
            shown.iter().all(|(name, value)| answer.get(name).is_some_and(|it| has(it, value)))
        }
        (answer, shown) => answer == shown,
    }
}

#[test]
fn documented_operator_answers_match_the_node() {
    let examples = examples();
    assert_eq!(examples.len(), 16);
    for (call, shown) in examples {
        let mut world = World::new();
        world.connected("soup", "alice");
        world.connected("soup", "bob");
        let (status, answer) = split(&world.call(&call));
        assert!(matches!(status, 200 | 202) && has(&answer, &shown), "{call}\n{answer}");
    }
}
