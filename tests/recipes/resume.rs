//! Clients that chat, over one `kill -9` after the other: each hears every message of its room once and in
//! order, from the first process to the last.

use std::collections::HashSet;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use vestibule::id::Rng;

use crate::PATIENCE;
use crate::peer::{Client, call, fresh_id};
use crate::server::{House, Server};

/// How often the server is killed, unless `VESTIBULE_KILLS` says otherwise.
const KILLS: u32 = 40;
const ROOMS: usize = 2;
/// In each room; the first one only listens.
const CLIENTS: usize = 4;
const SEED: u64 = 0x5eed;

/// A client that resumes.
struct Follower {
    room: String,
    token: String,
    talks: bool,
    position: Option<Value>,
    /// What others have said, by its ids, and how they have changed the recipe.
    heard: Vec<String>,
    own: HashSet<String>,
    acknowledged: Vec<String>,
    /// What it has said that is not answered.
    open: Option<(String, String)>,
}

impl Follower {
    fn new(room: &str, token: &str, talks: bool) -> Self {
        Self {
            room: room.to_owned(),
            token: token.to_owned(),
            talks,
            position: None,
            heard: Vec::new(),
            own: HashSet::new(),
            acknowledged: Vec::new(),
            open: None,
        }
    }

    /// Connects, and hears what it has missed.
    fn come(&mut self, server: &Server) -> Client {
        let (mut client, told) =
            Client::come_back(server.connect(), &self.room, &self.token, self.position.as_ref());
        assert_eq!(told["resumed"], self.position.is_some(), "{told}");
        self.position = Some(told["session"]["resume"]["position"].clone());
        for _ in 0..told["missed"].as_u64().unwrap_or(0) {
            let message = client.hear().unwrap();
            self.note(&message);
        }
        client
    }

    fn note(&mut self, message: &Value) {
        if let Some(position) = message["payload"].get("position") {
            self.position = Some(position.clone());
        }
        let payload = &message["payload"];
        if message["type"] == "chat_message" {
            let id = message["id"].as_str().unwrap();
            if !self.own.contains(id) {
                self.heard.push(id.to_owned());
            }
        } else if message["type"] == "recipe_update" && payload["request_id"].is_null() {
            let title = payload["recipe_data"]["title"].as_str().unwrap();
            if !self.own.contains(title) {
                self.heard.push(renamed(title));
            }
        }
    }

    /// Says something, or says again what was not answered. An error when the server is gone.
    fn say(&mut self, client: &mut Client) -> tungstenite::Result<()> {
        let fresh = || {
            let id = fresh_id();
            let is_change = id.ends_with('3');
            let content = if is_change { format!("Rename to {id}") } else { format!("say {id}") };
            (id, content)
        };
        let (id, content) = self.open.get_or_insert_with(fresh).clone();
        self.own.insert(id.clone());
        client.send("chat_message", &id, &json!({ "content": content }))?;
        loop {
            let message = client.hear()?;
            self.note(&message);
            if message["payload"]["request_id"] == *id {
                assert_eq!(message["type"], "recipe_update", "{message}");
                self.acknowledged.push(id);
                self.open = None;
                return Ok(());
            }
        }
    }

    /// Chats, or listens, until the server is gone.
    fn follow(&mut self, mut client: Client, told: &Sender<()>) {
        while self.talks {
            if self.say(&mut client).is_err() {
                return;
            }
            let _ = told.send(());
        }
        while let Ok(message) = client.hear() {
            self.note(&message);
        }
    }
}

/// What is heard of a message that has renamed the recipe to its id.
fn renamed(id: &str) -> String {
    format!("renamed to {id}")
}

fn make_room(server: &Server, token: &str) -> String {
    let recipe = json!({ "title": "Soup" });
    let made = call(server.address, "POST", "/v1/recipes", Some(token), &recipe).unwrap();
    made.1["id"].as_str().unwrap().to_owned()
}

/// All have heard, in its order, what the database has of their rooms.
fn check(house: &House, followers: &[Follower]) {
    let database = house.database();
    let mut messages = database
        .prepare(
            "SELECT messages.id, changed FROM messages JOIN recipes ON key = recipe
             WHERE recipes.id = ? ORDER BY n",
        )
        .unwrap();
    for follower in followers {
        let said = messages.query_map([&follower.room], |row| Ok((row.get(0)?, row.get(1)?)));
        let said: Vec<(String, bool)> = said.unwrap().map(Result::unwrap).collect();
        let once: HashSet<&String> = said.iter().map(|(id, _)| id).collect();
        assert_eq!(once.len(), said.len(), "a message is stored twice");
        assert!(follower.acknowledged.iter().all(|id| once.contains(id)));
        let others = said.iter().filter(|(id, _)| !follower.own.contains(id));
        let heard = others.flat_map(|(id, changed)| {
            [Some(id.clone()), changed.then(|| renamed(id))].into_iter().flatten()
        });
        assert_eq!(follower.heard, heard.collect::<Vec<_>>());
    }
}

#[test]
fn clients_miss_nothing_over_kills() {
    let kills = std::env::var("VESTIBULE_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let house = House::new("[recipes]\nmessages = 0\n");
    let mut rng = Rng::new(SEED);
    let mut server = house.open();
    let token = house.token("alice");
    let mut followers = Vec::new();
    for _ in 0..ROOMS {
        let room = make_room(&server, &token);
        followers.extend((0..CLIENTS).map(|n| Follower::new(&room, &token, n > 0)));
    }
    for _ in 0..kills {
        // All are there again before anybody goes on: a room keeps its last 64 messages.
        let clients: Vec<_> = followers.iter_mut().map(|it| it.come(&server)).collect();
        let (told, answers) = mpsc::channel();
        thread::scope(|scope| {
            for (follower, client) in followers.iter_mut().zip(clients) {
                let told = told.clone();
                scope.spawn(move || follower.follow(client, &told));
            }
            for _ in 0..1 + rng.below(40) {
                answers.recv_timeout(PATIENCE).unwrap();
            }
            let (_keep, never) = mpsc::channel::<()>();
            let _ = never.recv_timeout(Duration::from_micros(rng.below(3_000)));
            server.kill();
        });
        server = house.open();
    }
    for follower in &mut followers {
        let mut client = follower.come(&server);
        if follower.open.is_some() {
            follower.say(&mut client).unwrap();
        }
    }
    followers.iter_mut().for_each(|it| drop(it.come(&server)));
    check(&house, &followers);
    let acknowledged: usize = followers.iter().map(|it| it.acknowledged.len()).sum();
    assert!(acknowledged as u32 >= kills, "{acknowledged}");
    let log = house.log();
    assert!(!log.contains("ERROR"), "{log}");
    server.stop();
}

#[test]
fn changes_of_all_kinds_reach_clients_over_a_kill() {
    let house = House::new("");
    house.configure(&house.config().replace("listen = ''", "listen = '127.0.0.1:0'"));
    let server = house.open();
    let [alice, bob] = ["alice", "bob"].map(|user| house.token(user));
    let room = make_room(&server, &alice);
    let path = format!("/v1/recipes/{room}");
    let invite = json!({ "role": "editor" });
    let members = format!("{path}/members");
    let sent = call(server.address, "POST", &members, Some(&alice), &invite).unwrap();
    let code = json!({ "code": sent.1["code"] });
    let joined = call(server.address, "POST", "/v1/recipes/join", Some(&bob), &code).unwrap();
    assert_eq!(joined.0, 200, "{}", joined.1);
    let (away, told) = Client::come_back(server.connect(), &room, &bob, None);
    let position = told["session"]["resume"]["position"].clone();
    drop(away);
    Client::join(server.connect(), &room, &alice).0.say("Rename to Stew");
    let pie = json!({ "title": "Pie" });
    assert_eq!(call(server.address, "PATCH", &path, Some(&alice), &pie).unwrap().0, 200);
    let (admin, publish) = (server.admin.unwrap(), format!("/v1/rooms/{room}/publish"));
    for word in [
        json!({ "content": "Closing at ten" }),
        json!({ "content": "Cake it is", "recipe_data": { "title": "Cake" } }),
    ] {
        let said = call(admin, "POST", &publish, None, &word).unwrap();
        assert_eq!(said.0, 200, "{}", said.1);
    }
    server.kill();
    let server = house.open();
    let (mut client, told) = Client::come_back(server.connect(), &room, &bob, Some(&position));
    assert_eq!((&told["resumed"], &told["missed"]), (&json!(true), &json!(5)), "{told}");
    let titles = [None, Some("Stew"), Some("Pie"), None, Some("Cake")];
    let contents = [Some("Rename to Stew"), None, None, Some("Closing at ten"), Some("Cake it is")];
    for (title, content) in titles.into_iter().zip(contents) {
        let payload = &client.hear().unwrap()["payload"];
        assert_eq!(payload["recipe_data"]["title"].as_str(), title, "{payload}");
        assert!(content.is_none_or(|content| payload["content"] == content), "{payload}");
        assert!(payload["position"].is_string());
    }
    server.stop();
}
