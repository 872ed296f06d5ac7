//! `kill -9`, again and again: what was acknowledged is there, once, and in its order.
//!
//! This shows that nothing is acknowledged before SQLite has it. That the disk has it too is
//! `synchronous = FULL`, which only a power cut could contradict.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use vestibule::id::Rng;

use crate::PATIENCE;
use crate::peer::{Client, call, fresh_id};
use crate::server::{House, Server, connect};

/// How often the server is killed, unless `VESTIBULE_KILLS` says otherwise.
const KILLS: u32 = 200;
const WRITERS: usize = 4;
const SEED: u64 = 0x5eed;

/// Somebody who renames one recipe, message after message.
struct Writer {
    room: String,
    token: String,
    /// Those that were answered since the last kill, in their order.
    acknowledged: Vec<Said>,
    /// The one that was sent and not answered.
    open: Option<Said>,
    title: String,
}

#[derive(Clone)]
struct Said {
    id: String,
    title: String,
}

impl Writer {
    fn new(server: &Server, token: String) -> Self {
        let title = "Soup".to_owned();
        let recipe = json!({ "title": title });
        let (status, recipe) =
            call(server.address, "POST", "/v1/recipes", Some(&token), &recipe).unwrap();
        assert_eq!(status, 201);
        let room = recipe["id"].as_str().unwrap().to_owned();
        Self { room, token, acknowledged: Vec::new(), open: None, title }
    }

    /// Writes until the server is gone. Each answer is told.
    fn write(&mut self, mut client: Client, told: &Sender<()>) {
        loop {
            let id = fresh_id();
            let said = Said { title: format!("Soup {id}"), id };
            self.open = Some(said.clone());
            let Ok(answer) = client.say_as(&said.id, &format!("Rename to {}", said.title)) else {
                return;
            };
            assert_eq!(answer["recipe_data"]["title"], said.title);
            self.title.clone_from(&said.title);
            self.acknowledged.push(said);
            self.open = None;
            let _ = told.send(());
        }
    }

    /// Compares what is there with what was acknowledged, and sends again what was not.
    fn check(&mut self, server: &Server) -> Client {
        let (mut client, joined) = Client::join(server.connect(), &self.room, &self.token);
        let history: Vec<&str> = joined["history"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["id"].as_str().unwrap())
            .collect();
        let once: HashSet<_> = history.iter().collect();
        assert_eq!(once.len(), history.len(), "a message is there twice");
        let open = self.open.take();
        let mut expected: Vec<&str> = self.acknowledged.iter().map(|said| &*said.id).collect();
        let was_done = open.as_ref().is_some_and(|open| history.last() == Some(&&*open.id));
        if let Some(open) = open.as_ref().filter(|_| was_done) {
            expected.push(&open.id);
            self.title.clone_from(&open.title);
        }
        let seen = expected.len().min(history.len());
        assert_eq!(history[history.len() - seen..], expected[expected.len() - seen..]);
        assert!(seen == expected.len() || history.len() == 50, "an acknowledged message is lost");
        assert_eq!(joined["recipe_data"]["title"], self.title, "an acknowledged change is lost");
        self.acknowledged.clear();
        if let Some(open) = open {
            let answer = client.say_as(&open.id, &format!("Rename to {}", open.title)).unwrap();
            assert_eq!(
                answer["content"].as_str().map(|text| text.contains(&open.title)),
                Some(true)
            );
            assert_eq!(answer["recipe_data"]["title"], open.title);
            self.title.clone_from(&open.title);
            // What had been done is answered again, and not done again.
            self.acknowledged.push(open);
        }
        client
    }
}

/// Makes accounts and recipes over HTTP until the server is gone; gives back those it was told of.
fn found(address: SocketAddr, token: &str, told: &Sender<()>) -> (Vec<String>, Vec<String>) {
    let (mut emails, mut rooms) = (Vec::new(), Vec::new());
    loop {
        let email = format!("{}@example.com", fresh_id());
        let account = json!({ "email": email, "password": "correct horse" });
        match call(address, "POST", "/v1/auth/signup", None, &account) {
            Ok((201, _)) => emails.push(email),
            Ok(other) => panic!("{other:?}"),
            Err(_) => return (emails, rooms),
        }
        match call(address, "POST", "/v1/recipes", Some(token), &json!({ "title": "Pie" })) {
            Ok((201, recipe)) => rooms.push(recipe["id"].as_str().unwrap().to_owned()),
            Ok(other) => panic!("{other:?}"),
            Err(_) => return (emails, rooms),
        }
        let _ = told.send(());
    }
}

fn check_found(server: &Server, token: &str, emails: &[String], rooms: &[String]) {
    for email in emails {
        let account = json!({ "email": email, "password": "correct horse" });
        let (status, _) = call(server.address, "POST", "/v1/auth/signin", None, &account).unwrap();
        assert_eq!(status, 200, "an account is lost");
    }
    for room in rooms {
        let path = format!("/v1/recipes/{room}");
        let (status, _) = call(server.address, "GET", &path, Some(token), &Value::Null).unwrap();
        assert_eq!(status, 200, "a recipe is lost");
    }
}

/// Kills the server after so many answers, and a moment.
fn kill(server: Server, answers: &Receiver<()>, rng: &mut Rng) {
    for _ in 0..1 + rng.below(40) {
        answers.recv_timeout(PATIENCE).unwrap();
    }
    let (_keep, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(Duration::from_micros(rng.below(3_000)));
    server.kill();
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    let kills = std::env::var("VESTIBULE_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let house = House::new("[recipes]\nper_user = 0\n");
    let mut rng = Rng::new(SEED);
    let mut server = house.open();
    let mut writers: Vec<_> =
        (0..WRITERS).map(|n| Writer::new(&server, house.token(&format!("writer{n}")))).collect();
    let founder = house.token("founder");
    let mut total = 0;
    for _ in 0..kills {
        let clients: Vec<_> = writers.iter_mut().map(|writer| writer.check(&server)).collect();
        let (told, answers) = mpsc::channel();
        let address = server.address;
        let (emails, rooms) = thread::scope(|scope| {
            for (writer, client) in writers.iter_mut().zip(clients) {
                let told = told.clone();
                scope.spawn(move || writer.write(client, &told));
            }
            let founding = scope.spawn(|| found(address, &founder, &told));
            kill(server, &answers, &mut rng);
            founding.join().unwrap()
        });
        total += writers.iter().map(|writer| writer.acknowledged.len()).sum::<usize>();
        server = house.open();
        check_found(&server, &founder, &emails, &rooms);
    }
    for writer in &mut writers {
        writer.check(&server);
    }
    assert!(total as u32 >= kills, "{total} messages were acknowledged");
    let log = house.log();
    assert!(!log.contains("ERROR"), "{log}");
    server.stop();
}

#[test]
fn server_killed_while_making_its_database_restarts() {
    let mut rng = Rng::new(SEED);
    for _ in 0..10 {
        let house = House::new("");
        let starting = house.start();
        let (_keep, never) = mpsc::channel::<()>();
        let _ = never.recv_timeout(Duration::from_micros(rng.below(20_000)));
        starting.kill();
        let server = house.open();
        assert!(connect(server.address).is_ok());
        server.stop();
    }
}
