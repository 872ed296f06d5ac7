//! What a room tells: who is in it, and what a client that comes back has missed.

use super::*;

#[test]
fn presence_says_what_the_fixture_says() {
    let mut world = World::new();
    let token = part("client_auth", "token").unwrap();
    let token: Value = serde_json::from_str(token.as_str()).unwrap();
    let auth = envelope("auth", "auth_1", json!({ "token": token, "presence": true }));
    let (alice, _) = world.join(&auth);
    world.at(180);
    world.output(alice);
    for id in ["auth_2", "auth_3"] {
        world.join(&world.auth(id, "bob", 3_600));
    }
    world.node.handle_timeout(world.now);
    let told = messages(&world.output(alice));
    assert_golden("server_presence", &told);
}

#[test]
fn return_says_what_the_fixtures_say() {
    let mut world = World::new();
    let auth = compact(&golden("client_auth"));
    let (alice, told) = world.join(&auth.replace("\"}}", "\",\"resume\":{}}}"));
    let told: Value = serde_json::from_str(&told[0]).unwrap();
    let again = compact(&golden("client_auth_resume"));
    let position = &told["payload"]["session"]["resume"]["position"];
    assert!(again.contains(&position.to_string()), "{position}");
    let (bob, _) = world.join(&world.auth("auth_1", "bob", 3_600));
    world.node.handle_hangup(world.now, alice, Hangup::Reset);
    world.joined.retain(|&id| id != alice);
    world.at(300);
    world.chat(bob, "msg_1", "Sing");
    world.chat(bob, "msg_2", "Sing");
    let (alice, told) = world.join(&again);
    assert_golden("server_recipe_update_resumed", &told[..1]);
    assert_eq!(told.len(), 3);
    world.at(360);
    world.output(alice);
    world.node.drain(world.now, Duration::ZERO);
    world.node.handle_timeout(world.now);
    let told = messages(&world.output(alice));
    assert_golden("server_going_away", &told[..1]);
}
