//! What an operator says to a room, when the application has a word in it.

use std::sync::{Arc, Mutex};

use super::*;
use crate::node::app::{Answer, App, Incoming, Publish, PublishRefusal, Reply, Update};
use crate::protocol::ErrorCode;

/// Stores what is published as it is told to.
struct Keeper {
    tickets: Arc<Mutex<Vec<Ticket>>>,
    mode: Mode,
}

#[derive(Clone, Copy)]
enum Mode {
    Later,
    Held,
    Fail,
}

impl App for Keeper {
    fn on_message(&mut self, _: &Incoming<'_>) -> Reply<Answer> {
        Reply::Now(Ok(Update::text("")))
    }

    fn on_publish(&mut self, publish: &Publish<'_>) -> Reply<Answer> {
        self.tickets.lock().unwrap().push(publish.ticket);
        let stored = Update::text(format!("{} stored: {}", publish.room, publish.update.content));
        match self.mode {
            Mode::Later => Reply::later(move || Ok(stored)),
            Mode::Held => Reply::Held,
            Mode::Fail => Reply::Now(Err(ErrorCode::BackendUnavailable)),
        }
    }
}

fn keeper(mode: Mode) -> (World, Arc<Mutex<Vec<Ticket>>>) {
    let tickets = Arc::default();
    let app = Keeper { tickets: Arc::clone(&tickets), mode };
    (World::with_app(Config::default(), Box::new(app)), tickets)
}

fn hello() -> String {
    post("/v1/rooms/soup/publish", "", "{\"content\":\"hello\"}")
}

#[test]
fn stored_announcement_is_delivered_as_it_was_stored() {
    let (mut world, _) = keeper(Mode::Later);
    let alice = world.connected("soup", "alice");
    let id = world.operator();
    world.bytes(id, hello().as_bytes());
    assert_eq!((world.raw(id).as_str(), world.see(alice)), ("", vec![]));
    let done = world.commands.remove(0).run();
    world.node.handle_completion(world.now, done);
    world.settle();
    assert!(world.raw(id).ends_with("{\"delivered\":1}"));
    assert_eq!(world.message(alice)["payload"]["content"], "soup stored: hello");
}

#[test]
fn stored_announcement_is_heard_after_operator_leaves() {
    let (mut world, tickets) = keeper(Mode::Held);
    let alice = world.connected("soup", "alice");
    let gone = world.operator();
    world.bytes(gone, hello().as_bytes());
    world.node.handle_hangup(world.now, gone, Hangup::Reset);
    let late = world.operator();
    world.bytes(late, hello().as_bytes());
    world.seconds(5);
    assert!(world.raw(late).starts_with("HTTP/1.1 504 "));
    let all: Vec<_> = tickets.lock().unwrap().drain(..).collect();
    for ticket in all {
        let outcome = Outcome::Message(Ok(Update::text("stored")));
        world.node.handle_completion(world.now, Completion { ticket, outcome });
        world.settle();
        assert!(matches!(&world.see(alice)[..], [Seen::Message(_)]));
    }
    world.node.handle_hangup(world.now, alice, Hangup::Reset);
    world.seconds(2);
    world.assert_nothing_is_left();
}

#[test]
fn an_application_that_cannot_store_it_is_told_of() {
    let (mut world, _) = keeper(Mode::Fail);
    let alice = world.connected("soup", "alice");
    let (status, body) = split(&world.call(&hello()));
    assert_eq!((status, &body["error"]), (503, &"backend_unavailable".into()));
    assert_eq!(world.see(alice), []);
    let (mut world, tickets) = keeper(Mode::Held);
    let refusals = [
        (PublishRefusal::NoSuchRoom, 404, ["not_found", "There is no such recipe"]),
        (
            PublishRefusal::InvalidData("`a` must be b".to_owned()),
            400,
            ["invalid_field", "`a` must be b"],
        ),
    ];
    for (refusal, status, [code, text]) in refusals {
        let id = world.operator();
        world.bytes(id, hello().as_bytes());
        let ticket = tickets.lock().unwrap().remove(0);
        let outcome = Outcome::NotPublished(refusal);
        world.node.handle_completion(world.now, Completion { ticket, outcome });
        world.settle();
        let (found, body) = split(&world.raw(id));
        assert_eq!((found, &body["error"], &body["message"]), (status, &code.into(), &text.into()));
    }
    let (mut world, _) = keeper(Mode::Later);
    for (outcome, status) in [(Outcome::Refused, 503), (Outcome::Panicked, 500)] {
        let id = world.operator();
        world.bytes(id, hello().as_bytes());
        let ticket = world.commands.remove(0).ticket;
        world.node.handle_completion(world.now, Completion { ticket, outcome });
        world.settle();
        assert_eq!(split(&world.raw(id)).0, status);
    }
}

#[test]
fn publishing_key_publishes_and_does_nothing_else() {
    let publishing = "a key of a backend, at least 32 bytes".replace(' ', "-");
    let mut world = World::with(|config| {
        config.admin.key = KEY.to_owned();
        config.admin.publish_key = format!("{publishing}\n{}", publishing.to_uppercase());
    });
    let shown = |key: &str| format!("Authorization: Bearer {key}\r\n");
    for key in [&publishing, &publishing.to_uppercase(), KEY] {
        let call = post("/v1/rooms/soup/publish", &shown(key), "{\"content\":\"hello\"}");
        assert!(world.call(&call).starts_with("HTTP/1.1 200 "), "{key}");
        let many = "{\"users\":[\"alice\"],\"content\":\"hello\"}";
        let call = post("/v1/publish", &shown(key), many);
        assert!(world.call(&call).starts_with("HTTP/1.1 200 "), "{key}");
    }
    for path in ["/v1/drain", "/v1/rooms/a/disconnect", "/v1/invitations", "/nothing"] {
        let answer = world.call(&post(path, &shown(&publishing), ""));
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        assert!(answer.contains("WWW-Authenticate: Bearer error=\"insufficient_scope\"\r\n"));
    }
    let list = format!("GET /v1/rooms HTTP/1.1\r\nHost: a\r\n{}\r\n", shown(&publishing));
    assert!(world.call(&list).starts_with("HTTP/1.1 403 "));
    assert_eq!(world.node.metrics().admin_denied, 5);
}

fn circular(more: &str) -> String {
    post("/v1/publish", "", &format!("{{\"content\":\"hello\",{more}}}"))
}

/// How many messages wait for each of these.
fn heard(world: &mut World, ids: &[ConnId]) -> Vec<usize> {
    ids.iter().map(|&id| world.see(id).len()).collect()
}

#[test]
fn publication_reaches_each_target_once() {
    let mut world = World::new();
    let [a1, a2, bob, carol] =
        [("soup", "alice"), ("stew", "alice"), ("soup", "bob"), ("cake", "carol")]
            .map(|(room, user)| world.connected(room, user));
    let everybody = [a1, a2, bob, carol];
    let of = |id: ConnId| format!("\"connections\":[\"{id}\"]");
    for (targets, expected) in [
        ("\"rooms\":[\"soup\",\"stew\"]".to_owned(), [1, 1, 1, 0]),
        ("\"rooms\":[\"soup\",\"soup\",\"none\"]".to_owned(), [1, 0, 1, 0]),
        ("\"users\":[\"alice\",\"carol\",\"nobody\"]".to_owned(), [1, 1, 0, 1]),
        (of(carol), [0, 0, 0, 1]),
        (format!("\"rooms\":[\"soup\"],\"users\":[\"alice\"],{}", of(a2)), [1, 1, 1, 0]),
    ] {
        let (status, body) = split(&world.call(&circular(&targets)));
        let sum: usize = expected.iter().sum();
        assert_eq!((status, &body), (200, &json!({ "delivered": sum })), "{targets}");
        assert_eq!(heard(&mut world, &everybody), expected, "{targets}");
    }
    // One that is not in a room hears nothing.
    let pending = world.authenticating("soup");
    let (_, body) = split(&world.call(&circular(&of(pending))));
    assert_eq!(body, json!({ "delivered": 0 }));
}

#[test]
fn malformed_publication_is_refused_whole() {
    let mut world = World::new();
    let alice = world.connected("soup", "alice");
    let many: Vec<String> = (0..65).map(|n| format!("\"r{n}\"")).collect();
    for bad in [
        "\"rooms\":[]",
        &format!("\"rooms\":[{}]", many.join(",")),
        "\"rooms\":[\"soup\",\"a/b\"]",
        "\"rooms\":[\"soup\"],\"users\":[\"\"]",
        "\"rooms\":[\"soup\"],\"connections\":[\"x\"]",
        "\"rooms\":[\"soup\"],\"idempotency_key\":\"\"",
        "\"rooms\":[\"soup\"],\"idempotency_key\":null",
        "\"rooms\":[\"soup\"],\"more\":1",
    ] {
        assert_eq!(split(&world.call(&circular(bad))).0, 400, "{bad}");
    }
    let deep = |depth: usize| {
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        circular(&format!("\"rooms\":[\"soup\"],\"recipe_data\":{{\"a\":{open}{close}}}"))
    };
    let half = circular("\"rooms\":[\"soup\"],\"recipe_data\":{\"a\":\"\\ud800\"}");
    for bad in [deep(33), deep(5_000), half] {
        let (status, body) = split(&world.call(&bad));
        let message = body["message"].as_str().unwrap();
        assert!(
            status == 400 && message.starts_with("`recipe_data` must be"),
            "{status} {message}"
        );
    }
    assert_eq!(world.see(alice), []);
    assert_eq!(split(&world.call(&deep(32))).0, 200);
    assert_eq!(world.see(alice).len(), 1);
}

#[test]
fn repeated_publication_is_done_once() {
    let mut world = World::new();
    let alice = world.connected("soup", "alice");
    let with_key = "\"rooms\":[\"soup\"],\"idempotency_key\":\"k1\"";
    for _ in 0..3 {
        assert_eq!(split(&world.call(&circular(with_key))), (200, json!({ "delivered": 1 })));
    }
    assert_eq!(world.see(alice).len(), 1);
    assert_eq!(world.node.metrics().repeated_publishes, 2);
    // The answer stays, though nobody is there any more; and the key is of no other call.
    world.node.handle_hangup(world.now, alice, Hangup::Reset);
    world.settle();
    assert_eq!(split(&world.call(&circular(with_key))).1, json!({ "delivered": 1 }));
    let single = |room: &str, content: &str| {
        let body = format!("{{\"content\":\"{content}\",\"idempotency_key\":\"k1\"}}");
        post(&format!("/v1/rooms/{room}/publish"), "", &body)
    };
    let (status, body) = split(&world.call(&single("soup", "hello")));
    assert_eq!((status, &body["error"]), (422, &json!("idempotency_key_reused")));
    let other = single("soup", "other").replace("k1", "k2");
    assert_eq!(split(&world.call(&other)).0, 200);
    assert_eq!(split(&world.call(&other.replace("/soup/", "/stew/"))).0, 422);
}

#[test]
fn key_of_a_call_under_way_is_in_use() {
    let (mut world, tickets) = keeper(Mode::Held);
    let with_key = circular("\"rooms\":[\"soup\",\"stew\"],\"idempotency_key\":\"k\"");
    let first = world.operator();
    world.bytes(first, with_key.as_bytes());
    let (status, body) = split(&world.call(&with_key));
    assert_eq!((status, &body["error"]), (409, &json!("idempotency_key_in_use")));
    // One room after the other; the second one fails.
    for outcome in
        [Outcome::Message(Ok(Update::text("stored"))), Outcome::Message(Err(ErrorCode::Internal))]
    {
        let ticket = tickets.lock().unwrap().pop().unwrap();
        assert_eq!(world.raw(first), "");
        world.node.handle_completion(world.now, Completion { ticket, outcome });
        world.settle();
    }
    let expected = json!({ "delivered": 0, "failed": { "rooms": ["stew"], "error": "internal" } });
    assert_eq!(split(&world.raw(first)), (200, expected.clone()));
    assert_eq!(split(&world.call(&with_key)), (200, expected));
    assert!(tickets.lock().unwrap().is_empty());
}

#[test]
fn failed_publication_leaves_its_key_unused() {
    let (mut world, tickets) = keeper(Mode::Fail);
    let with_key = circular("\"rooms\":[\"soup\"],\"idempotency_key\":\"k\"");
    for n in 1..=2 {
        assert_eq!(split(&world.call(&with_key)).0, 503);
        assert_eq!(tickets.lock().unwrap().len(), n);
    }
}

#[test]
fn rooms_after_the_timeout_are_not_begun() {
    for mode in [Mode::Held, Mode::Later] {
        let (mut world, tickets) = keeper(mode);
        let id = world.operator();
        world.bytes(id, circular("\"rooms\":[\"soup\",\"stew\"]").as_bytes());
        world.seconds(10);
        assert!(world.raw(id).starts_with("HTTP/1.1 504 "));
        assert_eq!(tickets.lock().unwrap().len(), 1);
        for command in world.commands.drain(..) {
            assert!(matches!(command.run().outcome, Outcome::NotBegun));
        }
        assert_eq!(world.node.usage().questions, 0);
    }
}
