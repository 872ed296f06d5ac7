//! A disk that fills up, under a server that is killed there, and is emptied again: what was acknowledged
//! is there, once and in its order, however full it was.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread;

use serde_json::{Value, json};

use crate::PATIENCE;
use crate::logs::known;
use crate::peer::{Client, call, fresh_id};
use crate::server::{House, Server};

/// How often it is filled and the server killed.
const ROUNDS: usize = 6;
const WRITERS: usize = 3;
/// The size of the disk.
const MIB: usize = 24;

/// A namespace in which the data directory is a small disk. It outlives the servers in it.
struct SmallDisk {
    holder: Child,
    directory: PathBuf,
}

impl SmallDisk {
    fn new(house: &House) -> Self {
        let directory = house.data("");
        fs::create_dir(&directory).unwrap();
        let script =
            format!("mount -t tmpfs -o size={MIB}m tmpfs \"$0\" && echo ready && exec cat");
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "--", "sh", "-c", &script]).arg(&directory);
        // It ends when its input does.
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let root = format!("/proc/{}/root", holder.id());
        let directory = PathBuf::from(root).join(directory.strip_prefix("/").unwrap());
        Self { holder, directory }
    }

    fn open(&self, house: &House) -> Server {
        let (holder, data) = (self.holder.id().to_string(), house.data(""));
        let home = format!("--wdns={}", data.parent().unwrap().display());
        house.open_by("nsenter", &["--user", "--mount", "--target", &holder, &home, "--"])
    }

    fn filler(&self) -> PathBuf {
        self.directory.join("filler")
    }

    /// Takes what is left of the disk.
    fn fill(&self) {
        let mut filler = File::options().create(true).append(true).open(self.filler()).unwrap();
        while filler.write_all(&[0; 4_096]).is_ok() {}
    }

    fn empty(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Somebody who renames a recipe, message after message.
struct Writer {
    room: String,
    token: String,
    /// The messages that were acknowledged, in their order.
    acknowledged: Vec<String>,
    /// The one that was sent and not answered.
    open: Option<String>,
}

impl Writer {
    fn new(server: &Server, token: String) -> Self {
        let recipe = json!({ "title": "Soup" });
        let made = call(server.address, "POST", "/v1/recipes", Some(&token), &recipe).unwrap();
        assert_eq!(made.0, 201);
        let room = made.1["id"].as_str().unwrap().to_owned();
        Self { room, token, acknowledged: Vec::new(), open: None }
    }

    /// Writes until the server is gone, and tells of each answer whether it was stored.
    fn write(&mut self, mut client: Client, told: &Sender<bool>) {
        loop {
            // What was refused is sent again.
            let id = self.open.get_or_insert_with(fresh_id).clone();
            let content = format!("Rename to Soup {id} {}", "and so on ".repeat(16));
            let Ok(answer) = client.try_say(&id, &content) else { return };
            let is_stored = answer["type"] == "recipe_update";
            if is_stored {
                self.acknowledged.push(id);
                self.open = None;
            } else {
                assert_eq!(answer["payload"]["error"], "backend_unavailable", "{answer}");
            }
            let _ = told.send(is_stored);
        }
    }

    /// Compares what is there with what was acknowledged.
    fn check(&mut self, server: &Server) -> Client {
        let (client, joined) = Client::join(server.connect(), &self.room, &self.token);
        let history: &Vec<Value> = joined["history"].as_array().unwrap();
        let said: Vec<&str> = history.iter().map(|said| said["id"].as_str().unwrap()).collect();
        // What was not answered may have been done all the same.
        let is_last = |open: &mut String| said.last() == Some(&open.as_str());
        self.acknowledged.extend(self.open.take_if(is_last));
        let seen = said.len().min(self.acknowledged.len());
        let expected = &self.acknowledged[self.acknowledged.len() - seen..];
        assert_eq!(said[said.len() - seen..], *expected, "something acknowledged is lost");
        assert!(seen == self.acknowledged.len() || said.len() >= 50, "{seen} are there");
        client
    }
}

#[test]
fn kills_on_a_full_disk_lose_nothing_acknowledged() {
    // Of the configuration: a generated secret is on the disk, where tokens are not made.
    let secret = known("a secret of a disk that is too small");
    let house = House::new(&format!("[recipes]\nper_user = 0\n[auth]\nsecret = '{secret}'\n"));
    let disk = SmallDisk::new(&house);
    let mut server = disk.open(&house);
    let mut writers: Vec<_> =
        (0..WRITERS).map(|n| Writer::new(&server, house.token(&format!("writer{n}")))).collect();
    let mut refused = 0;
    for round in 0..ROUNDS {
        let clients: Vec<_> = writers.iter_mut().map(|writer| writer.check(&server)).collect();
        let (told, answers) = mpsc::channel();
        thread::scope(|scope| {
            for (writer, client) in writers.iter_mut().zip(clients) {
                let told = told.clone();
                scope.spawn(move || writer.write(client, &told));
            }
            let until = |is_stored: bool, mut count: usize| {
                while count > 0 {
                    count -= usize::from(answers.recv_timeout(PATIENCE).unwrap() == is_stored);
                }
            };
            until(true, 20);
            disk.fill();
            until(false, 1 + round * 3);
            refused += 1;
            // Emptied before the kill, after it, or after the next start.
            if round % 3 == 0 {
                disk.empty();
                until(true, 1 + round);
            }
            server.kill();
        });
        if round % 3 == 1 {
            disk.empty();
        }
        server = disk.open(&house);
        writers.iter_mut().for_each(|writer| drop(writer.check(&server)));
        if round % 3 == 2 {
            disk.empty();
        }
    }
    assert_eq!(refused, ROUNDS);
    writers.iter_mut().for_each(|writer| drop(writer.check(&server)));
    assert!(writers.iter().all(|writer| writer.acknowledged.len() > ROUNDS));
    server.stop();
}
