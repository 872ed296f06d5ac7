//! Ten restarts and ten reloads while people chat and others come: nobody is refused, and nothing
//! that was acknowledged is lost.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use rustix::process::Signal;
use vestibule::id::Rng;

use super::manager::Manager;
use super::writer::{Writer, pause};
use crate::support::PATIENCE;
use crate::support::process::Process;

const RESTARTS: usize = 10;
const WRITERS: u64 = 5;
const NEWCOMERS: u64 = 3;

/// What the writers were told, in the order of each.
struct Ledger {
    rooms: Vec<(String, Receiver<String>, Vec<String>)>,
}

impl Ledger {
    /// Waits until each writer has been answered so often.
    fn await_answers(&mut self, count: usize) {
        for (_, answers, acknowledged) in &mut self.rooms {
            for _ in 0..count {
                acknowledged.push(answers.recv_timeout(PATIENCE).unwrap());
            }
        }
    }

    /// Compares it with the database: each message is there once and in its order, and behind the
    /// last acknowledged one there is at most one whose answer did not come, or is not read yet.
    fn check(&mut self, manager: &Manager) {
        let database = manager.database();
        let mut of_room = database
            .prepare(
                "SELECT messages.id FROM messages JOIN recipes ON recipes.key = recipe
                 WHERE recipes.id = ? ORDER BY n",
            )
            .unwrap();
        for (room, answers, acknowledged) in &mut self.rooms {
            acknowledged.extend(answers.try_iter());
            let stored: Vec<String> = of_room
                .query_map([&*room], |row| row.get(0))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            assert_eq!(stored.iter().collect::<HashSet<_>>().len(), stored.len(), "done twice");
            let common = acknowledged.len().min(stored.len());
            assert_eq!(stored[..common], *acknowledged, "an acknowledged message is lost");
            assert!(stored.len() <= acknowledged.len() + 1);
        }
    }
}

/// Comes again and again with an upgrade, in one piece or in two: 101 is the only answer.
fn come_and_go(manager: &Manager, number: u64, is_over: &AtomicBool) -> u32 {
    let mut rng = Rng::new(0xace + number);
    let mut count = 0;
    while !is_over.load(Ordering::Relaxed) {
        let mut stream = manager.connect();
        let request = "GET /v1/chat/hall HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
                       Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
        // Before the first byte, which begins the handshake of TLS, and within the head.
        if count % 4 == 0 {
            pause(&mut rng, 30);
        }
        let (first, second) = request.split_at(rng.below(request.len() as u64) as usize);
        stream.write_all(first.as_bytes()).unwrap();
        if count % 2 == 0 {
            pause(&mut rng, 30);
        }
        stream.write_all(second.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 101");
        pause(&mut rng, 5);
        count += 1;
    }
    count
}

/// Ends it as an operator would: half of the times with a drain before.
fn stop(manager: &Manager, server: &mut Process, round: usize) {
    if round % 2 == 1 {
        let (status, body) = manager.call("POST /v1/drain", "{\"seconds\":0.3}");
        assert_eq!(status, 202, "{body}");
        assert_eq!(manager.call("GET /readyz", "").0, 503);
    }
    server.signal(Signal::TERM);
    assert!(manager.hear().starts_with("STOPPING=1\n"));
    assert_eq!(server.exit_code(), Some(0));
}

/// Everything ends with the test, however it ends.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

const CONFIG: &str = "drain = '300ms'\n[recipes]\nmessages = 0\n";

#[test]
fn ten_restarts_refuse_nobody_and_lose_nothing() {
    restart_under_load(&Manager::new(CONFIG));
}

#[test]
fn ten_restarts_under_tls_refuse_nobody_either() {
    restart_under_load(&Manager::with_tls(CONFIG));
}

fn restart_under_load(manager: &Manager) {
    let mut server = manager.start();
    assert_eq!(manager.hear(), "READY=1\nSTATUS=serving");
    let mut writers: Vec<_> = (0..WRITERS).map(|number| Writer::new(manager, number)).collect();
    let mut ledger = Ledger { rooms: Vec::new() };
    let is_over = AtomicBool::new(false);
    let newcomers = thread::scope(|scope| {
        let over = Over(&is_over);
        for writer in &mut writers {
            let (acknowledged, answers) = mpsc::channel();
            ledger.rooms.push((writer.room.clone(), answers, Vec::new()));
            let is_over = &is_over;
            scope.spawn(move || writer.chat(manager, &acknowledged, is_over));
        }
        let newcomers: Vec<_> = (0..NEWCOMERS)
            .map(|number| {
                let is_over = &is_over;
                scope.spawn(move || come_and_go(manager, number, is_over))
            })
            .collect();
        for round in 0..RESTARTS {
            ledger.await_answers(8);
            server.signal(Signal::HUP);
            assert!(manager.hear().starts_with("RELOADING=1\n"));
            assert_eq!(manager.hear(), "READY=1\nSTATUS=reloaded");
            ledger.await_answers(4);
            stop(manager, &mut server, round);
            ledger.check(manager);
            server = manager.start();
            assert_eq!(manager.hear(), "READY=1\nSTATUS=serving");
        }
        ledger.await_answers(4);
        drop(over);
        newcomers.into_iter().map(|thread| thread.join().unwrap()).sum::<u32>()
    });
    stop(manager, &mut server, 0);
    ledger.check(manager);
    assert!(writers.iter().all(|writer| writer.returns as usize >= RESTARTS));
    let repeats: u32 = writers.iter().map(|writer| writer.repeats).sum();
    let log = manager.read("log");
    assert!(!log.contains(" ERROR ") && !log.contains(" WARN "), "{log}");
    assert!(repeats > 0 && newcomers > 30, "{repeats} repeats, {newcomers} newcomers");
}
