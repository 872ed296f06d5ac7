//! Chat that changes recipes in SQLite, on the disk of the temporary directory.
//!
//! `one`: a message, and its answer once it is on disk: one commit. `two_hundred`: as many writers
//! send at once, and all are answered: two commits, mostly. The node is driven without sockets.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench that cannot start must say so"
)]

pub mod support;

use std::io::IoSlice;
use std::sync::mpsc::{self, Receiver};

use criterion::{Criterion, Throughput};
use serde_json::{Value, json};
use support::{message, token, upgrade};
use vestibule::Node;
use vestibule::config::Config;
use vestibule::id::{ConnId, Seed};
use vestibule::node::{Action, Completion, Outcome};
use vestibule::recipes::RecipesApp;
use vestibule::time::{Instant, Now, UnixTime};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const WRITERS: usize = 200;

/// A node, and the answers of its storage thread.
struct Kitchen {
    node: Node,
    done: Receiver<Completion>,
    sent: u32,
}

const NOW: Now = Now { monotonic: Instant::START, unix: UnixTime::from_millis(1_800_000_000_000) };

impl Kitchen {
    fn open(directory: &str) -> Self {
        let mut config = Config { data: directory.to_owned(), ..Config::default() };
        config.auth.secret = SECRET.to_owned();
        (config.limits.messages_per_minute, config.limits.connections_per_user) = (0, 0);
        config.limits.pending_per_ip = 0;
        let (app, answers) = RecipesApp::open(&config).unwrap();
        let (sender, done) = mpsc::channel();
        answers.connect(move |completion| drop(sender.send(completion)));
        Self {
            node: Node::new(&config, &Seed::predictable(1), Box::new(app)).unwrap(),
            done,
            sent: 0,
        }
    }

    fn accept(&mut self) -> ConnId {
        self.node.handle_accept(NOW, ([127, 0, 0, 1], 9).into()).unwrap()
    }

    /// What the node writes after these bytes.
    fn bytes(&mut self, id: ConnId, mut bytes: Vec<u8>) -> Vec<u8> {
        self.node.handle_bytes(NOW, id, &mut bytes);
        self.settle()
    }

    /// What the node writes after the next answer. What its room was told comes before it.
    fn answered(&mut self) -> Vec<u8> {
        loop {
            let done = self.done.recv().unwrap();
            let is_event = matches!(done.outcome, Outcome::Event(_));
            self.node.handle_completion(NOW, done);
            let written = self.settle();
            if !is_event {
                return written;
            }
        }
    }

    fn settle(&mut self) -> Vec<u8> {
        let mut written = Vec::new();
        while let Some(action) = self.node.poll_action() {
            let id = match action {
                Action::Flush(id) => id,
                Action::Submit(command) => {
                    self.node.handle_completion(NOW, command.run());
                    continue;
                }
                _ => continue,
            };
            loop {
                let mut slices = [IoSlice::new(&[]); 8];
                let filled = self.node.pending_output(id, &mut slices);
                let before = written.len();
                slices.iter().take(filled).for_each(|slice| written.extend_from_slice(slice));
                if written.len() == before {
                    break;
                }
                self.node.consume_output(NOW, id, written.len() - before);
            }
        }
        written
    }

    /// Somebody who is in the room of a new recipe.
    fn writer(&mut self, number: usize) -> ConnId {
        let token = token(&format!("writer{number}"));
        let ingredient = json!({ "text": "400 g flour" });
        let steps = vec![json!({ "text": "Mix, and wait until it has risen." }); 8];
        let recipe =
            json!({ "title": "Bread", "ingredients": vec![ingredient; 12], "steps": steps });
        let body = recipe.to_string();
        let request = format!(
            "POST /v1/recipes HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let id = self.accept();
        let mut answer = self.bytes(id, request.into_bytes());
        if answer.is_empty() {
            answer = self.answered();
        }
        let answer = String::from_utf8(answer).unwrap();
        let recipe: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        let id = self.accept();
        self.bytes(id, upgrade(recipe["id"].as_str().unwrap()));
        let payload = json!({ "token": token });
        self.bytes(id, message("auth", &format!("auth{number}"), &payload));
        assert!(!self.answered().is_empty());
        id
    }

    /// Everybody says something, and is answered.
    fn round(&mut self, writers: &[ConnId]) {
        for &writer in writers {
            self.sent += 1;
            let payload = json!({ "content": format!("Rename to Bread {}", self.sent) });
            self.bytes(writer, message("chat_message", &format!("m{}", self.sent), &payload));
        }
        for _ in writers {
            let answer = self.answered();
            assert!(!answer.is_empty());
        }
    }
}

fn main() {
    let name = format!("vestibule-bench-storage-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    let mut kitchen = Kitchen::open(directory.to_str().unwrap());
    let writers: Vec<_> = (0..WRITERS).map(|number| kitchen.writer(number)).collect();
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    let mut group = criterion.benchmark_group("storage");
    for (name, count) in [("one", 1), ("two_hundred", WRITERS)] {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(name, |b| b.iter(|| kitchen.round(&writers[..count])));
    }
    group.finish();
    criterion.final_summary();
    drop(kitchen);
    std::fs::remove_dir_all(directory).unwrap();
}
