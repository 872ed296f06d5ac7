//! Sessions that an operator ended stay ended, whatever becomes of the process.

#[cfg(feature = "recipes")]
use serde_json::Value;

use crate::support::client::Client;
use crate::support::server::Server;
use crate::support::{PATIENCE, now};

/// Where a server keeps them.
const REVOCATIONS: &str = "vestibule-data/revocations";

/// What a first `auth` with this token is closed with; `None`: it is in.
fn refusal(server: &Server, room: &str, token: &str) -> Option<String> {
    let mut client = Client::upgrade(server.connect(), room);
    client.offer(token);
    match client.next() {
        tungstenite::Message::Close(close) => Some(close.unwrap().reason.to_string()),
        _ => None,
    }
}

fn revoked() -> Option<String> {
    Some("Session revoked".to_owned())
}

#[test]
fn a_kill_forgets_no_revocation() {
    let mut server = Server::open("");
    let mut thrown = Vec::new();
    for round in 0..5 {
        let user = format!("auth0%7Cuser {round}").replace(' ', "%20");
        let token = server.token(&format!("auth0|user {round}"));
        assert_eq!(refusal(&server, "hall", &token), None);
        let (status, _) = server.ask(&format!("POST /v1/users/{user}/disconnect"), "");
        assert_eq!(status, 200);
        thrown.push(token);
        server = server.killed_and_started_again("memory-open");
        for token in &thrown {
            assert_eq!(refusal(&server, "hall", token), revoked(), "round {round}");
        }
    }
    let other = server.token("bob");
    assert_eq!(refusal(&server, "hall", &other), None);
    let (_, stats) = server.ask("GET /v1/stats", "");
    assert_eq!(stats["vestibule_revoked_users"], 5);
}

#[test]
fn a_damaged_file_stops_the_start_and_the_check() {
    let server = Server::open("");
    for user in ["alice", "bob"] {
        assert_eq!(server.ask(&format!("POST /v1/users/{user}/disconnect"), "").0, 200);
    }
    let text = server.read(REVOCATIONS);
    let damaged = text.replace("alice", "alicf");
    for (text, fault) in [(&*damaged, "line 2 of"), ("nonsense", "is no file of revocations")] {
        server.write(REVOCATIONS, text);
        for arguments in [&["check"][..], &["serve", "--listen", "127.0.0.1:0"]] {
            let done = server.run(arguments);
            let told = String::from_utf8(done.stderr).unwrap();
            assert_eq!(done.status.code(), Some(1), "{told}");
            assert!(told.contains(fault) && told.contains(REVOCATIONS), "{told}");
        }
    }
    // A line that was not finished is what a crash leaves.
    server.write(REVOCATIONS, &text[..text.len() - 3]);
    assert!(server.run(&["check"]).status.success());
}

#[test]
fn a_revocation_that_cannot_be_stored_says_so() {
    let server = Server::open("");
    let token = server.token("alice");
    assert_eq!(refusal(&server, "hall", &token), None);
    // Nobody can write to what is a directory, whoever they are.
    server.make_directory(REVOCATIONS);
    assert_eq!(server.ask("POST /v1/users/bob/disconnect", "").0, 503);
    let (status, answer) = server.ask("POST /v1/users/alice/disconnect", "");
    assert_eq!((status, &answer["error"]), (503, &"not_stored".into()));
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("a restart forgets it") && message.contains(REVOCATIONS), "{message}");
    assert_eq!(refusal(&server, "hall", &token), revoked());
    server.remove_directory(REVOCATIONS);
    assert_eq!(server.ask("POST /v1/users/alice/disconnect", "").0, 200);
    assert!(server.read(REVOCATIONS).contains("\"alice\""));
    // Now that the store works, it gets the other one again.
    server.wait_for(REVOCATIONS, "\"bob\"");
    let stats = || server.ask("GET /v1/stats", "").1;
    let began = now();
    while stats()["vestibule_unstored_revocations"] != 0 {
        assert!(began.elapsed() < PATIENCE, "{}", stats());
    }
    let counted = &stats()["vestibule_revocations_total"];
    assert_eq!((&counted["failed"], &counted["stored"]), (&2.into(), &2.into()));
}

#[cfg(feature = "recipes")]
#[test]
fn a_user_of_the_recipe_chat_is_out_for_good() {
    use serde_json::json;
    let post = |server: &Server, path: &str, token: Option<&str>, body: &Value| {
        server.post(path, token, body)
    };
    let mut server = Server::start("recipes", "");
    let account = json!({ "email": "ann@example.com", "password": "correct horse" });
    let (_, ann) = post(&server, "/v1/auth/signup", None, &account);
    let user = ann["user"]["id"].as_str().unwrap().to_owned();
    let access = ann["access_token"].as_str().unwrap().to_owned();
    let refresh = json!({ "refresh_token": ann["refresh_token"] });
    let recipe = json!({ "title": "Soup" });
    let (status, recipe) = post(&server, "/v1/recipes", Some(&access), &recipe);
    assert_eq!(status, 201);
    let room = recipe["id"].as_str().unwrap().to_owned();
    let mut client = Client::upgrade(server.connect(), &room);
    client.authenticate(&access);
    let order =
        |server: &Server, what: &str| server.ask(&format!("POST /v1/users/{user}/{what}"), "");
    assert_eq!(order(&server, "disconnect"), (200, json!({ "disconnected": 1 })));
    assert_eq!(client.closed(), (1008, "Session revoked".to_owned()));
    assert_eq!(post(&server, "/v1/auth/refresh", None, &refresh).0, 401);
    assert_eq!(order(&server, "lock"), (200, json!({ "locked": true, "disconnected": 0 })));
    for _ in 0..2 {
        let (status, refused) = post(&server, "/v1/auth/signin", None, &account);
        assert_eq!((status, &refused["error"]), (403, &"account_locked".into()));
        assert_eq!(post(&server, "/v1/auth/refresh", None, &refresh).0, 401);
        assert_eq!(refusal(&server, &room, &access), revoked());
        let (status, refused) = post(&server, "/v1/recipes", Some(&access), &json!({}));
        assert_eq!((status, &refused["message"]), (401, &"Session revoked".into()));
        server = server.killed_and_started_again("recipes");
    }
    assert_eq!(order(&server, "unlock"), (200, json!({ "locked": false })));
    assert_eq!(post(&server, "/v1/auth/signin", None, &account).0, 200);
    let (status, refused) = server.ask("POST /v1/users/nobody/lock", "");
    assert_eq!((status, &refused["error"]), (404, &"no_such_user".into()));
}
