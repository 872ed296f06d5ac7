use super::*;

const TICK: Duration = Duration::from_micros(TICK_MICROS);

#[test]
fn silent_connection_is_dropped_5s_after_accept() {
    let mut world = World::new();
    let id = world.accept();
    world.advance(Duration::from_millis(4_999));
    assert!(world.closed.is_empty());
    world.advance(Duration::from_millis(1) + TICK);
    assert_eq!(world.closed, [id]);
    assert_eq!(world.raw(id), "");
    world.assert_nothing_is_left();
}

#[test]
fn silent_peer_is_closed_5_seconds_after_the_upgrade() {
    let mut world = World::new();
    world.seconds(3);
    let id = world.accept();
    world.seconds(4);
    world.bytes(id, upgrade("soup").as_bytes());
    world.raw(id);
    world.advance(Duration::from_millis(4_999));
    assert_eq!(world.see(id), []);
    world.advance(Duration::from_millis(1) + TICK);
    assert_eq!(world.see(id), [close_frame(CloseReason::AuthTimeout)]);
    assert!(world.closed.is_empty());
    world.seconds(3);
    assert_eq!(world.closed, [id]);
    world.assert_nothing_is_left();
}

#[test]
fn the_answer_to_a_close_frame_ends_the_connection() {
    let mut world = World::new();
    let id = world.authenticating("soup");
    world.seconds(6);
    assert_eq!(world.close_reason(id), "Authentication timeout");
    world.bytes(id, &frame(0x88, &1008_u16.to_be_bytes()));
    assert_eq!(world.closed, [id]);
    world.assert_nothing_is_left();
}

#[test]
fn an_accepted_auth_is_acknowledged_with_its_session() {
    let mut world = World::new();
    let id = world.authenticating("soup");
    let token = world.token("alice", 900);
    let request = world.auth(id, &token);
    let message = world.message(id);
    assert_eq!(message["type"], "recipe_update");
    assert_eq!(message["timestamp"], "2027-01-15T08:00:00.000Z");
    let payload = &message["payload"];
    assert_eq!(payload["request_id"], request.as_str());
    assert_eq!(payload["recipe_data"]["id"], "soup");
    assert_eq!(
        payload["session"],
        json!({
            "user_id": "alice",
            "expires_at": "2027-01-15T08:15:00.000Z",
            "reauth_at": "2027-01-15T08:14:00.000Z",
            "ping_interval_ms": 30_000,
        })
    );
    assert!(world.node.is_authenticated(id));
}

#[test]
fn each_check_of_a_token_has_its_own_close_reason() {
    let mut world = World::with(|config| config.auth.issuer = "us".to_owned());
    let exp = 1_800_000_900;
    let cases = [
        ("nonsense".to_owned(), "Invalid token"),
        (world.sign(&json!({ "sub": "a", "iss": "us" })), "Invalid token payload"),
        (world.sign(&json!({ "sub": "a", "iss": "us", "exp": 5 })), "Token expired"),
        (
            world.sign(&json!({ "sub": "a", "iss": "us", "exp": exp, "nbf": exp })),
            "Token not yet valid",
        ),
        (world.sign(&json!({ "sub": "a", "iss": "them", "exp": exp })), "Invalid token payload"),
        (String::new(), "Missing auth token"),
    ];
    for (token, reason) in cases {
        let id = world.authenticating("soup");
        world.auth(id, &token);
        assert_eq!(world.close_reason(id), reason);
    }
    for (bytes, reason) in [
        (text("nope"), "Invalid auth message format"),
        (text(&envelope("chat_message", "a", json!({}))), "First message must be auth"),
        (text(&envelope("dance", "a", json!({}))), "First message must be auth"),
        (frame(0x82, b"x"), "Binary frames are not supported"),
        (frame(0x81, &[b'x'; 16_385]), "Message too large"),
    ] {
        let id = world.authenticating("soup");
        world.bytes(id, &bytes);
        assert_eq!(world.close_reason(id), reason);
    }
}

#[test]
fn replayed_auth_message_closes_but_a_new_id_is_taken() {
    let mut world = World::new();
    let first = world.authenticating("soup");
    let token = world.token("alice", 60);
    let recorded = text(&envelope("auth", "recorded", json!({ "token": token })));
    world.bytes(first, &recorded);
    assert_eq!(world.message(first)["type"], "recipe_update");
    let replay = world.authenticating("soup");
    world.bytes(replay, &recorded);
    assert_eq!(world.close_reason(replay), "Auth message replayed");
    let fresh_id = world.authenticating("soup");
    world.auth(fresh_id, &token);
    assert_eq!(world.message(fresh_id)["type"], "recipe_update");
}

#[test]
fn a_token_with_a_jti_can_be_bound_to_one_connection() {
    let mut world = World::with(|config| config.auth.single_use_jti = true);
    let token = world.sign(&json!({ "sub": "a", "exp": 1_800_000_900, "jti": "j" }));
    let first = world.authenticating("soup");
    world.auth(first, &token);
    assert_eq!(world.message(first)["type"], "recipe_update");
    world.auth(first, &token);
    assert_eq!(world.message(first)["payload"]["content"], "Re-authenticated");
    let second = world.authenticating("soup");
    world.auth(second, &token);
    assert_eq!(world.close_reason(second), "Auth message replayed");
}

#[test]
fn sixth_connection_is_refused_and_its_auth_not_spent() {
    let mut world = World::new();
    let five: Vec<_> = (0..5).map(|_| world.connected("soup", "alice")).collect();
    let sixth = world.authenticating("soup");
    let token = world.token("alice", 900);
    let recorded = text(&envelope("auth", "again", json!({ "token": token })));
    world.bytes(sixth, &recorded);
    assert_eq!(world.close_reason(sixth), "Connection limit exceeded");
    world.connected("soup", "bob");
    world.node.handle_hangup(world.now, five[0], Hangup::Reset);
    let seventh = world.authenticating("soup");
    world.bytes(seventh, &recorded);
    assert_eq!(world.message(seventh)["type"], "recipe_update");
}

#[test]
fn reauth_is_asked_at_14_minutes_while_chat_goes_on() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    alive(&mut world, id, 839);
    assert_eq!(world.see(id), []);
    world.seconds(1);
    let asked = world.message(id);
    assert_eq!(asked["type"], "auth_required");
    assert_eq!(
        asked["payload"],
        json!({
            "reason": "token_expiring",
            "message": "Token expiring soon",
            "deadline": "2027-01-15T08:14:30.000Z",
        })
    );
    world.chat(id, "still here");
    assert_eq!(world.message(id)["type"], "recipe_update");
    let token = world.token("alice", 900);
    let request = world.auth(id, &token);
    let payload = world.message(id)["payload"].clone();
    assert_eq!(payload["request_id"], request.as_str());
    assert_eq!(payload["content"], "Re-authenticated");
    assert_eq!(payload["recipe_data"], Value::Null);
    assert_eq!(payload["session"]["reauth_at"], "2027-01-15T08:28:00.000Z");
    alive(&mut world, id, 839);
    assert_eq!(world.see(id), []);
    world.seconds(1);
    assert_eq!(world.message(id)["type"], "auth_required");
}

#[test]
fn reauth_for_long_lived_token_names_the_session_age() {
    let mut world = World::new();
    let id = world.authenticating("soup");
    let token = world.token("alice", 86_400);
    world.auth(id, &token);
    world.see(id);
    alive(&mut world, id, 840);
    assert_eq!(world.message(id)["payload"]["reason"], "session_age");
}

#[test]
fn no_fresh_token_in_30_seconds_closes() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    alive(&mut world, id, 840);
    world.see(id);
    alive(&mut world, id, 29);
    assert_eq!(world.see(id), []);
    world.seconds(1);
    assert_eq!(world.close_reason(id), "Re-authentication timeout");
}

#[test]
fn a_fresh_token_at_the_last_tick_is_in_time() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    alive(&mut world, id, 840);
    world.see(id);
    world.advance(Duration::from_secs(30) - Duration::from_micros(1));
    let token = world.token("alice", 900);
    world.auth(id, &token);
    assert_eq!(world.message(id)["payload"]["content"], "Re-authenticated");
    alive(&mut world, id, 60);
    assert_eq!(world.see(id), []);
}

#[test]
fn a_token_for_somebody_else_closes() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    let token = world.token("mallory", 900);
    world.auth(id, &token);
    assert_eq!(world.close_reason(id), "Subject changed");
}

#[test]
fn bad_reauth_token_closes_with_invalid_token() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    world.auth(id, "nonsense");
    assert_eq!(world.close_reason(id), "Invalid token");
    let id = world.connected("soup", "alice");
    world.bytes(id, &text(r#"{"type":"auth","id":"x"}"#));
    assert_eq!(world.message(id)["payload"]["error"], "invalid_message");
}

#[test]
fn clocks_that_are_set_move_no_deadline() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    world.now.unix = world.now.unix + Duration::from_secs(3_600);
    alive(&mut world, id, 839);
    assert_eq!(world.see(id), []);
    world.now.unix = UnixTime::from_millis(world.now.unix.as_millis() - 7_200_000);
    world.seconds(1);
    assert_eq!(world.message(id)["type"], "auth_required");
}

#[test]
fn connections_made_together_reauthenticate_apart() {
    let mut world = World::with(|config| {
        config.auth.reauth_spread = crate::config::Length::from_secs(30);
        config.limits.ping = crate::config::Length::from_secs(0);
    });
    let ids: Vec<_> = (0..50).map(|n| world.connected("soup", &format!("user{n}"))).collect();
    world.seconds(809);
    assert!(ids.iter().all(|&id| world.see(id).is_empty()));
    let asked: Vec<usize> = (0..31)
        .map(|_| {
            world.seconds(1);
            ids.iter().filter(|&&id| !world.see(id).is_empty()).count()
        })
        .collect();
    assert_eq!(asked.iter().sum::<usize>(), 50);
    assert!(asked.iter().all(|&count| count < 10), "{asked:?}");
}

#[test]
fn silent_client_is_pinged_and_closed_after_two_pings() {
    let mut world = World::new();
    let id = world.connected("soup", "alice");
    world.advance(Duration::from_secs(30) + TICK);
    assert_eq!(world.see(id), [Seen::Ping]);
    world.bytes(id, &frame(0x8a, b""));
    world.advance(Duration::from_secs(60) + TICK);
    assert_eq!(world.see(id), [Seen::Ping, Seen::Ping]);
    world.advance(Duration::from_secs(30));
    assert_eq!(world.close_reason(id), "Ping timeout");
}

/// Time passes with a sign of life every 20 seconds.
fn alive(world: &mut World, id: ConnId, seconds: u64) {
    for _ in 0..seconds / 20 {
        world.seconds(20);
        world.bytes(id, &frame(0x8a, b""));
    }
    world.seconds(seconds % 20);
}

/// A client may answer every question with the token that it had. It is asked after ever shorter
/// halves of what is left of the token, then every 5 seconds, and at the token's end it is closed.
#[test]
fn the_same_token_again_is_not_asked_ever_faster() {
    let mut world = World::with(|config| {
        config.auth.reauth_spread = crate::config::Length::from_secs(0);
        config.limits.ping = crate::config::Length::from_secs(0);
    });
    let id = world.authenticating("soup");
    let token = world.token("alice", 900);
    world.auth(id, &token);
    world.message(id);
    let (start, mut asked) = (world.now.monotonic, Vec::new());
    loop {
        world.advance(Duration::from_millis(100));
        let seen = world.see(id);
        if let [Seen::Message(message)] = seen.as_slice() {
            assert_eq!(message["type"], "auth_required");
            asked.push(world.now.monotonic.since(start).as_secs());
            world.auth(id, &token);
            assert_eq!(world.message(id)["payload"]["content"], "Re-authenticated");
        } else if !seen.is_empty() {
            assert_eq!(seen, [close_frame(CloseReason::ReauthTimeout)]);
            break;
        }
    }
    // The token's `exp` is after 900 seconds, and `auth.leeway` is 30.
    assert_eq!(asked, [840, 870, 885, 892, 897, 902, 907, 912, 917, 922, 927]);
    assert_eq!(world.now.monotonic.since(start).as_secs(), 930);
}

/// Clocks that differ are no fault of the client's: it comes back.
#[test]
fn a_token_not_valid_yet_is_no_final_refusal() {
    let mut world = World::with(|config| config.auth.mode = crate::config::AuthMode::Both);
    let now = world.now.unix.as_millis() / 1_000;
    let of = |nbf: u64| json!({ "sub": "alice", "exp": now + 900, "nbf": nbf, "iat": nbf });
    let (slightly, too_far) = (world.sign(&of(now + 30)), world.sign(&of(now + 31)));
    let id = world.authenticating("soup");
    world.auth(id, &slightly);
    assert_eq!(world.message(id)["type"], "recipe_update");
    let id = world.authenticating("soup");
    world.auth(id, &too_far);
    assert_eq!(world.see(id), [close_frame(CloseReason::TokenNotYetValid)]);
    assert_eq!(CloseReason::TokenNotYetValid.code(), 1013);
    let id = world.accept();
    let bearer = format!("\r\nAuthorization: Bearer {too_far}\r\n\r\n");
    world.bytes(id, upgrade("soup").replacen("\r\n\r\n", &bearer, 1).as_bytes());
    let answer = world.raw(id);
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nRetry-After: 5\r\n"));
    assert!(answer.contains(r#"{"error":"token_not_yet_valid""#), "{answer}");
}
