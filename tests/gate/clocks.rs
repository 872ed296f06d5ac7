//! Deadlines by the clock on the wall.

use std::time::Duration;

use crate::support::client::Client;
use crate::support::now;
use crate::support::server::Server;

/// For clocks of seconds, without the spread, so that what comes when is known.
const SHORT: &str = "[auth]\nreauth_after = '1s'\nreauth_grace = '2s'\nreauth_spread = '0s'";

/// What a shared machine may add to a deadline. Locally it is less than 15 ms.
const LATEST: Duration = Duration::from_secs(5);

#[test]
fn silent_peer_is_closed_5s_after_its_upgrade() {
    const TIMEOUT: Duration = Duration::from_secs(5);
    let server = Server::open("");
    let stream = server.connect();
    let asked = now();
    let mut silent = Client::upgrade(stream, "soup");
    let seen = now();
    let expected = (1008, "Authentication timeout".to_owned());
    assert_eq!(silent.closed(), expected);
    let (from_request, from_101) = (asked.elapsed(), seen.elapsed());
    println!("closed {from_101:?} after the 101 was seen, {from_request:?} after it was asked for");
    // What the client sees begins later than the server's clock, by the way of the 101 to it.
    assert!(from_request >= TIMEOUT, "{from_request:?}");
    assert!(from_101 < TIMEOUT + LATEST, "{from_101:?}");
}

#[test]
fn chat_goes_on_while_a_fresh_token_is_asked_for() {
    let server = Server::open(SHORT);
    let (mut alice, mut bob) = (server.join("pie", "alice"), server.join("cake", "bob"));
    let fresh = server.token("alice");
    let asked = alice.hear();
    assert_eq!(asked["type"], AUTH_REQUIRED);
    assert_eq!(asked["payload"]["reason"], "session_age");
    let id = alice.say("one moment");
    assert_eq!(alice.hear()["payload"]["request_id"], *id);
    let acknowledgement = alice.authenticate(&fresh);
    assert_eq!(acknowledgement["session"]["user_id"], "alice");
    let id = alice.say("here I am");
    assert_eq!(alice.hear()["payload"]["request_id"], *id);
    // Asked again: the clock began anew. And who does not answer is closed when the grace is over.
    let began = now();
    assert_eq!(alice.hear()["type"], AUTH_REQUIRED);
    assert_eq!(alice.closed(), (1008, "Re-authentication timeout".to_owned()));
    assert!(began.elapsed() < Duration::from_secs(3) + LATEST);
    assert_eq!(bob.hear()["type"], AUTH_REQUIRED);
    assert_eq!(bob.closed(), (1008, "Re-authentication timeout".to_owned()));
}

#[test]
fn a_token_for_somebody_else_ends_the_session() {
    let server = Server::open(SHORT);
    let others = server.token("bob");
    let mut alice = server.join("pie", "alice");
    assert_eq!(alice.hear()["type"], AUTH_REQUIRED);
    alice.offer(&others);
    assert_eq!(alice.closed(), (1008, "Subject changed".to_owned()));
}

#[test]
fn a_head_that_does_not_end_is_dropped_without_a_word() {
    let server = Server::open("[http]\nheader_timeout = '300ms'");
    let began = now();
    let mut slow = server.connect();
    std::io::Write::write_all(&mut slow, b"GET /v1/chat/soup HTTP/1.1\r\nHost: x\r\nX-A: ")
        .unwrap();
    assert_eq!(std::io::Read::read(&mut slow, &mut [0; 1]).unwrap(), 0);
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(300) && took < LATEST, "{took:?}");
}

const AUTH_REQUIRED: &str = "auth_required";
