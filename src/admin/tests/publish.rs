//! What an operator says to a room, when the application has a word in it.

use std::sync::{Arc, Mutex};

use super::*;
use crate::node::app::{Answer, App, Incoming, Publish, Reply, Update};
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
