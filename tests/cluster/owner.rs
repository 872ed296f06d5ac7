//! The recipe chat on several nodes: one owns the recipes, and the others ask it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};
use vestibule::testing::{logs, message};

use crate::DEADLINE;
use crate::engine::{Engine, free_port};
use crate::nodes::{SECRET, config, token_for, wait_for};
use crate::pause;
use crate::support::client::{Client, exchange};
use crate::support::now;
use crate::support::process::Scratch;
use crate::support::server::Server;

const CALLS: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const MOMENT: std::time::Duration = std::time::Duration::from_millis(50);

/// A node with the secret that all of them have.
fn start(app: &str, engine: &Engine, lines: &str) -> Server {
    let scratch = Scratch::new("server");
    logs::known(SECRET);
    logs::known(CALLS);
    scratch.write("secret", CALLS);
    // Tokens are good right after an order, not half a minute later.
    let config = config(&engine.url(), lines).replace("[auth]\n", "[auth]\nleeway = '0s'\n");
    Server::start_in(scratch, app, &config)
}

fn start_owner(engine: &Engine, port: u16) -> Server {
    let backend = "[backend]\nsecret_file = 'secret'";
    start("recipes", engine, &format!("[recipes]\nlisten = '127.0.0.1:{port}'\n{backend}"))
}

/// One that asks the owner at this port.
fn start_other(engine: &Engine, port: u16) -> Server {
    let url = format!("url = 'http://127.0.0.1:{port}'\ntimeout = '2s'\nsecret_file = 'secret'");
    start("", engine, &format!("[backend]\n{url}"))
}

fn wait_until_connected(servers: &[&Server]) {
    for server in servers {
        let count = servers.len() as f64;
        wait_for(server, "vestibule_cluster_nodes", |value| value == count);
    }
}

/// A request to the public listener: the status, and the JSON of the answer.
fn call(server: &Server, user: &str, request: &str, lines: &str, body: &str) -> (u16, Value) {
    let bearer = format!("Authorization: Bearer {}\r\n", token_for(user));
    let head = format!(
        "{request} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n{bearer}{lines}\r\n{body}",
        body.len()
    );
    let (head, answer) = exchange(server.connect(), head.as_bytes());
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(&answer).unwrap_or_default())
}

fn join(server: &Server, room: &str, user: &str) -> (Client, Value) {
    let mut client = Client::upgrade(server.connect(), room);
    let welcome = client.authenticate(&token_for(user));
    (client, welcome)
}

/// The payload of the next message of this kind.
#[track_caller]
fn hear(client: &mut Client, kind: &str) -> Value {
    loop {
        let heard = client.hear();
        if heard["type"] == kind {
            return heard["payload"].clone();
        }
    }
}

/// Says something under an id of the caller's; the payload of the answer.
#[track_caller]
fn say(client: &mut Client, id: &str, content: &str) -> Value {
    let (own, text) = message("chat_message", &json!({ "content": content }));
    client.try_send(text.replace(&own, id)).unwrap();
    loop {
        let heard = client.hear();
        let payload = &heard["payload"];
        if payload["request_id"] == id || heard["type"] == "error" {
            return payload.clone();
        }
    }
}

/// A recipe of ann's that bob may edit.
fn shared_recipe(owner: &Server) -> String {
    let recipe =
        json!({ "title": "Soup", "yield": "4 servings", "ingredients": [{ "text": "2 eggs" }] });
    let (status, made) = call(owner, "ann", "POST /v1/recipes", "", &recipe.to_string());
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_str().unwrap().to_owned();
    let members = format!("POST /v1/recipes/{id}/members");
    let (status, invitation) = call(owner, "ann", &members, "", r#"{"role":"editor"}"#);
    assert_eq!(status, 201, "{invitation}");
    let code = json!({ "code": invitation["code"] }).to_string();
    logs::known_of(&invitation);
    assert_eq!(call(owner, "bob", "POST /v1/recipes/join", "", &code).0, 200);
    id
}

#[test]
fn users_of_all_nodes_share_a_recipe() {
    let (engine, port) = (Engine::lasting(), free_port());
    let owner = start_owner(&engine, port);
    let (first, second) = (start_other(&engine, port), start_other(&engine, port));
    wait_until_connected(&[&owner, &first, &second]);
    let soup = shared_recipe(&owner);
    let (mut ann, welcome) = join(&first, &soup, "ann");
    assert_eq!(welcome["recipe_data"]["title"], "Soup", "{welcome}");
    let (mut bob, _) = join(&second, &soup, "bob");
    let (mut at_owner, _) = join(&owner, &soup, "ann");

    // What is said at one node changes the recipe at all.
    let answer = say(&mut ann, "m1", "Double it");
    assert_eq!(answer["recipe_data"]["yield"], "8 servings", "{answer}");
    for other in [&mut bob, &mut at_owner] {
        assert_eq!(hear(other, "chat_message")["content"], "Double it");
        assert_eq!(hear(other, "recipe_update")["recipe_data"]["yield"], "8 servings");
    }
    // And what is said at the owner's.
    let answer = say(&mut at_owner, "m2", "Add 1 carrot");
    assert_eq!(answer["recipe_data"]["ingredients"][1]["text"], "1 carrot", "{answer}");
    for other in [&mut ann, &mut bob] {
        assert_eq!(hear(other, "chat_message")["content"], "Add 1 carrot");
        let update = hear(other, "recipe_update");
        assert_eq!(update["recipe_data"]["ingredients"][1]["text"], "1 carrot");
    }
    // A message that is sent again at another node is not done twice, also where the engine has
    // forgotten it.
    let (mut again, welcome) = join(&second, &soup, "ann");
    let history = welcome["history"].as_array().unwrap();
    assert_eq!(history.iter().filter(|said| said["content"] == "Double it").count(), 1);
    assert_eq!(say(&mut again, "m1", "Double it")["content"], history[0]["reply"]);
    engine.ask(&["FLUSHALL"]);
    let (mut again, _) = join(&second, &soup, "ann");
    say(&mut again, "m1", "Double it");
    let (_, recipe) = call(&owner, "ann", &format!("GET /v1/recipes/{soup}"), "", "");
    assert_eq!(recipe["yield"], "8 servings");
}

#[test]
fn what_the_owner_does_reaches_other_nodes() {
    let (engine, port) = (Engine::lasting(), free_port());
    let (owner, other) = (start_owner(&engine, port), start_other(&engine, port));
    wait_until_connected(&[&owner, &other]);
    let soup = shared_recipe(&owner);
    let (mut ann, mut bob) = (join(&other, &soup, "ann").0, join(&other, &soup, "bob").0);
    let path = format!("/v1/recipes/{soup}");
    let (status, recipe) =
        call(&owner, "ann", &format!("PATCH {path}"), "If-Match: *\r\n", r#"{"title":"Broth"}"#);
    assert_eq!((status, &recipe["title"]), (200, &json!("Broth")));
    for client in [&mut ann, &mut bob] {
        assert_eq!(hear(client, "recipe_update")["recipe_data"]["title"], "Broth");
    }
    let (_, members) = call(&owner, "ann", &format!("GET {path}/members"), "", "");
    let member = members["members"][0]["id"].as_str().unwrap();
    let role =
        call(&owner, "ann", &format!("PATCH {path}/members/{member}"), "", r#"{"role":"reader"}"#);
    assert_eq!(role.0, 200, "{role:?}");
    assert!(hear(&mut bob, "recipe_update")["content"].as_str().unwrap().contains("read"));
    call(&owner, "ann", &format!("DELETE {path}/members/{member}"), "", "");
    let denied = (1_008, "Recipe not found or access denied".to_owned());
    assert_eq!(bob.close(), denied);
    call(&owner, "ann", &format!("DELETE {path}"), "", "");
    assert_eq!(ann.close(), denied);
    let mut late = Client::upgrade(other.connect(), &soup);
    late.offer(&token_for("ann"));
    assert_eq!(late.close(), denied);
}

#[test]
fn ended_sessions_are_ended_on_all_nodes() {
    let (engine, port) = (Engine::lasting(), free_port());
    let (owner, other) = (start_owner(&engine, port), start_other(&engine, port));
    wait_until_connected(&[&owner, &other]);
    let me = json!({ "email": "ann@example.com", "password": "correct horse" });
    let (status, session) = owner.post("/v1/auth/signup", None, &me);
    assert_eq!(status, 201, "{session}");
    let token = session["access_token"].as_str().unwrap();
    let (_, recipe) = owner.post("/v1/recipes", Some(token), &json!({ "title": "Soup" }));
    let soup = recipe["id"].as_str().unwrap();
    let mut ann = Client::upgrade(other.connect(), soup);
    ann.authenticate(token);
    // Her sign-out asks for a fresh token, and the old one is of a session that has ended.
    let refresh = json!({ "refresh_token": session["refresh_token"] });
    assert_eq!(owner.post("/v1/auth/logout", None, &refresh).0, 200);
    hear(&mut ann, "auth_required");
    ann.offer(token);
    assert_eq!(ann.close(), (1_008, "Session revoked".to_owned()));
    // An operator's call to another node ends what the owner has of the user's sessions.
    let (_, session) = owner.post("/v1/auth/signin", None, &me);
    let user = session["user"]["id"].as_str().unwrap();
    let (status, answer) = other.ask(&format!("POST /v1/users/{user}/disconnect"), "");
    assert_eq!((status, &answer["nodes"]["confirmed"]), (200, &json!(2)));
    // What begins afterwards stays, but a token of the same second is refused.
    let (mut begun, began) = (0, now());
    loop {
        let (_, session) = owner.post("/v1/auth/signin", None, &me);
        begun += 1;
        if count_sessions(&owner, session["access_token"].as_str().unwrap()) == Some(begun) {
            break;
        }
        assert!(began.elapsed() < DEADLINE, "a session goes on");
        pause(10 * MOMENT);
    }
}

/// How many sessions the user of this token has; `None`: the token is refused.
fn count_sessions(server: &Server, token: &str) -> Option<usize> {
    let head = format!(
        "GET /v1/auth/sessions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let (_, answer) = exchange(server.connect(), head.as_bytes());
    let answer: Value = serde_json::from_str(&answer).unwrap();
    answer["sessions"].as_array().map(Vec::len)
}

#[test]
fn others_keep_their_clients_while_the_owner_is_gone() {
    let (engine, port) = (Engine::lasting(), free_port());
    let (owner, other) = (start_owner(&engine, port), start_other(&engine, port));
    wait_until_connected(&[&owner, &other]);
    let soup = shared_recipe(&owner);
    let (mut ann, mut bob) = (join(&other, &soup, "ann").0, join(&other, &soup, "bob").0);
    say(&mut ann, "m1", "Double it");
    let mut owner = owner;
    owner.kill();
    let refused = say(&mut ann, "m2", "Double it");
    assert!(
        ["backend_unavailable", "backend_timeout"].contains(&refused["error"].as_str().unwrap())
    );
    let mut late = Client::upgrade(other.connect(), &soup);
    late.offer(&token_for("ann"));
    assert_eq!(late.close().0, 1_013, "it comes back");
    let owner = owner.killed_and_started_again("recipes");
    let began = now();
    let mut number = 3;
    let answer = loop {
        let answer = say(&mut ann, &format!("m{number}"), "Scale to 12 servings");
        if answer["recipe_data"].is_object() {
            break answer;
        }
        assert!(began.elapsed() < DEADLINE, "{answer}");
        number += 1;
        pause(MOMENT);
    };
    assert_eq!(answer["recipe_data"]["yield"], "12 servings", "the first change was stored");
    loop {
        let update = hear(&mut bob, "recipe_update");
        if update["recipe_data"]["yield"] == "12 servings" {
            break;
        }
    }
    drop(owner);
}

#[test]
fn second_owner_is_found_and_takes_no_clients() {
    let (engine, port) = (Engine::lasting(), free_port());
    let first = start_owner(&engine, port);
    let second = start_owner(&engine, free_port());
    wait_until_connected(&[&first, &second]);
    for server in [&first, &second] {
        let began = now();
        loop {
            let (head, body) = server.call("GET /readyz", "", "");
            if body.contains("cluster_second_owner") {
                assert!(head.starts_with("HTTP/1.1 503"), "{head}");
                break;
            }
            assert!(began.elapsed() < DEADLINE, "{body}");
            pause(MOMENT);
        }
    }
    drop(second);
    let began = now();
    while !first.call("GET /readyz", "", "").0.starts_with("HTTP/1.1 200") {
        assert!(began.elapsed() < DEADLINE);
        pause(MOMENT);
    }
}

#[test]
fn caller_without_the_secret_reads_one_answer() {
    let (engine, port) = (Engine::lasting(), free_port());
    let owner = start_owner(&engine, port);
    wait_until_connected(&[&owner]);
    let unsigned = "POST /join HTTP/1.1\r\nContent-Length: 0\r\n\r\n".repeat(1_000);
    let long = format!(
        "POST /message HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n{}",
        "x".repeat(512 << 10)
    );
    for (sent, status) in [(unsigned, " 401 "), (long, " 413 ")] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(sent.as_bytes()).unwrap();
        // It ends without a reset, which would take the answer along.
        let mut heard = String::new();
        stream.read_to_string(&mut heard).unwrap();
        assert!(heard.contains(status), "{heard}");
        assert_eq!(heard.matches("HTTP/1.1 ").count(), 1, "{heard}");
    }
}
