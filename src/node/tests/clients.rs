//! What the application is told about a client beside its token, and what its messages carry.

use std::sync::{Arc, Mutex};

use super::later::contents;
use super::*;
use crate::node::app::{Admission, Answer, Incoming, Join, Reply, Update};
use crate::testing::frame;

/// Notes what it is asked. Renewals with `"ok": false` are refused.
#[derive(Default)]
struct Noting(Arc<Mutex<Vec<String>>>);

impl App for Noting {
    fn on_join(&mut self, join: &Join<'_>) -> Reply<Admission> {
        let client = join.client;
        let [origin, agent, protocol, query] =
            [client.origin, client.user_agent, client.subprotocol, client.query]
                .map(Option::unwrap_or_default);
        let address = client.address;
        let said = format!("{address} {origin} {agent} {protocol} {query}");
        self.0.lock().unwrap().push(said);
        if join.claims.contains("\"refused\"") {
            return Admission::Unavailable.into();
        }
        Admission::Admit(Update::text("in")).into()
    }

    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        self.0.lock().unwrap().push(message.claims.unwrap_or("none").to_owned());
        Ok(Update::text("noted")).into()
    }
}

fn world(change: impl FnOnce(&mut Config)) -> (World, Arc<Mutex<Vec<String>>>) {
    let mut config = Config::default();
    config.auth.reauth_spread = crate::config::Length::from_secs(0);
    config.backend.url = "http://127.0.0.1:1".to_owned();
    change(&mut config);
    let app = Noting::default();
    let noted = Arc::clone(&app.0);
    (World::with_app(config, Box::new(app)), noted)
}

fn last(noted: &Mutex<Vec<String>>) -> String {
    noted.lock().unwrap().last().cloned().unwrap_or_default()
}

/// A connection that has sent these header lines, and may say who it is.
fn upgraded(world: &mut World, room: &str, lines: &str) -> ConnId {
    let id = world.accept_from("203.0.113.7");
    let head = upgrade(room).replacen("\r\n", &format!("\r\n{lines}"), 1);
    world.bytes(id, head.as_bytes());
    assert!(world.raw(id).starts_with("HTTP/1.1 101 "));
    id
}

const LINES: &str = "Origin: https://a.example\r\nUser-Agent: Browser/1\r\n";

#[test]
fn first_join_tells_what_the_request_said() {
    let (mut world, noted) = world(|_| {});
    let lines = format!("{LINES}Sec-WebSocket-Protocol: recipe-chat.v2\r\n");
    let id = upgraded(&mut world, "soup?lang=fr&secret=x&v=1", &lines);
    let token = world.token("alice", 900);
    world.auth(id, &token);
    let protocol = "recipe-chat.v2";
    let expected = format!("203.0.113.7 https://a.example Browser/1 {protocol} lang=fr&v=1");
    assert_eq!(last(&noted), expected);
    // What was kept is gone, so a renewal tells the address alone.
    let token = world.token("alice", 900);
    world.auth(id, &token);
    assert_eq!(last(&noted).trim_end(), "203.0.113.7");
}

#[test]
fn nothing_is_kept_unless_a_backend_asks() {
    for change in [
        |config: &mut Config| config.backend.url.clear(),
        |config: &mut Config| config.backend.client_bytes = crate::config::Size::bytes(0),
    ] {
        let (mut world, noted) = world(change);
        let id = upgraded(&mut world, "soup?lang=fr", LINES);
        let token = world.token("alice", 900);
        world.auth(id, &token);
        assert_eq!(last(&noted).trim_end(), "203.0.113.7");
    }
}

#[test]
fn messages_carry_the_claims_that_were_admitted() {
    let (mut world, noted) = world(|config| {
        config.backend.claims = vec!["role".to_owned(), "team".to_owned()];
    });
    let id = upgraded(&mut world, "soup", "");
    let exp = world.now.unix.as_millis() / 1_000 + 900;
    let token = |world: &World, role: &str, n: u32| {
        world.sign(&json!({ "sub": "alice", "exp": exp, "role": role, "n": n }))
    };
    let first = token(&world, "cook", 1);
    world.auth(id, &first);
    world.chat(id, "one");
    assert_eq!(last(&noted), r#"{"role":"cook"}"#);
    let second = token(&world, "chef", 2);
    world.auth(id, &second);
    world.chat(id, "two");
    assert_eq!(last(&noted), r#"{"role":"chef"}"#);
    // A renewal that is refused changes nothing, but closes.
    let third = token(&world, "refused", 3);
    world.auth(id, &third);
    assert!(world.close_reason(id).starts_with("Backend unavailable"));
    world.bytes(id, &frame(0x88, &[]));
    assert!(world.node.rooms.claims.is_empty());
}

#[test]
fn without_configured_claims_messages_carry_none() {
    let (mut world, noted) = world(|_| {});
    let id = upgraded(&mut world, "soup", "");
    let token = world.token("alice", 900);
    world.auth(id, &token);
    world.chat(id, "one");
    assert_eq!(last(&noted), "none");
    assert_eq!(contents(&world.see(id)), ["in", "noted"]);
}
