//! The turn over a scripted environment.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::config::Config;
use crate::id::{ConnId, Seed};
use crate::memory::{Access, MemoryApp};
use crate::node::app::{Answer, App, Incoming, Reply, Update};
use crate::node::planted::Planted;
use crate::node::{Command, Completion, Hangup, Node, Outcome, Request, Response, Ticket};
use crate::testing::{frame, message, token, upgrade};
use crate::time::{Instant, Now, UnixTime};

const SECRET: &str = "a secret that only these tests may have";

/// A request that is refused at once, with a response.
const REQUEST: &[u8] = b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n";

#[derive(Default)]
struct World {
    now: Instant,
    accepts: VecDeque<Accepted<()>>,
    accepted_from: Vec<usize>,
    /// The results of the next reads; after that, no input.
    reads: VecDeque<Input<'static>>,
    /// The results of the next writes; after that, everything is written.
    writes: VecDeque<Written>,
    written: Vec<u8>,
    watched: Vec<bool>,
    closed: usize,
    /// What other threads have left.
    completions: VecDeque<Completion>,
}

impl Io for World {
    type Socket = ();

    fn now(&self) -> Now {
        Now { monotonic: self.now, unix: UnixTime::from_millis(1_800_000_000_000) }
    }

    fn accept(&mut self, _: &Node, listener: usize) -> Accepted<()> {
        self.accepted_from.push(listener);
        self.accepts.pop_front().unwrap_or(Accepted::Empty)
    }

    fn open(&mut self, _: ConnId, (): &mut (), _: Role) -> io::Result<()> {
        Ok(())
    }

    fn read<'a>(
        &'a mut self,
        _: &Node,
        _: ConnId,
        (): &mut (),
        _: &'a mut [u8],
        _: usize,
    ) -> Input<'a> {
        self.reads.pop_front().unwrap_or_else(Input::nothing)
    }

    fn write(
        &mut self,
        _: &Node,
        _: ConnId,
        (): &mut (),
        output: &[IoSlice<'_>],
    ) -> io::Result<Written> {
        let all: Vec<u8> = output.iter().flat_map(|slice| slice.to_vec()).collect();
        let written = self.writes.pop_front().unwrap_or(Written::Out(all.len()));
        if let Written::Out(length) | Written::Full { out: length, .. } = written {
            self.written.extend_from_slice(&all[..length]);
        }
        Ok(written)
    }

    fn watch_writable(&mut self, _: ConnId, (): &mut (), wanted: bool) -> io::Result<()> {
        self.watched.push(wanted);
        Ok(())
    }

    fn shutdown(&mut self, _: ConnId, (): &mut ()) {}

    fn close(&mut self, _: ConnId, (): &mut ()) {
        self.closed += 1;
    }

    fn deliver(&mut self, node: &mut Node, now: Now) -> bool {
        let completion = self.completions.pop_front();
        completion.map(|completion| node.handle_completion(now, completion)).is_some()
    }

    fn submit(&mut self, command: Command) -> Result<(), Completion> {
        Err(command.run())
    }
}

struct Scene {
    node: Node,
    turn: Turn<()>,
    world: World,
}

impl Scene {
    fn new() -> Self {
        Self::with(|config, seed| Box::new(MemoryApp::new(config, Access::Open, seed)))
    }

    fn with(app: impl FnOnce(&Config, &Seed) -> Box<dyn App>) -> Self {
        let mut config = Config::default();
        config.auth.secret = crate::logs::known(SECRET).to_owned();
        let seed = Seed::predictable(1);
        let node = Node::new(&config, &seed, app(&config, &seed)).unwrap();
        let world = World::default();
        Self { node, turn: Turn::new(&config, world.now()), world }
    }

    /// A world with one connection.
    fn connected() -> (Self, ConnId) {
        let mut scene = Self::new();
        let id = scene.accept(Role::Client);
        (scene, id)
    }

    fn accept(&mut self, role: Role) -> ConnId {
        self.accept_from(Ipv4Addr::LOCALHOST, role);
        self.turn.connections().next().unwrap()
    }

    fn accept_from(&mut self, address: Ipv4Addr, role: Role) {
        let peer = SocketAddr::from((address, 1_024));
        self.world.accepts.push_back(Accepted::Connection((), peer, role));
        self.turn.on_listener(0);
        self.run();
    }

    fn run(&mut self) {
        self.turn.run(&mut self.node, &mut self.world);
    }

    /// Makes the connection readable; the next read returns `input`.
    fn read(&mut self, id: ConnId, input: Input<'static>) {
        self.world.reads.push_back(input);
        let readiness = Readiness { readable: true, ..Readiness::default() };
        self.turn.on_event(&self.node, id, readiness);
        self.run();
    }
}

fn input(bytes: &[u8]) -> Input<'static> {
    Input { bytes: bytes.to_vec().leak(), remaining: Remaining::NoBytes, ..Input::nothing() }
}

#[test]
fn failed_accept_is_tried_again_after_a_pause() {
    let Scene { mut node, mut turn, mut world } = Scene::new();
    world.accepts.push_back(Accepted::Failed);
    turn.on_listener(0);
    turn.run(&mut node, &mut world);
    turn.on_listener(1);
    turn.run(&mut node, &mut world);
    assert_eq!((&world.accepted_from[..], node.metrics().accept_pauses), (&[0][..], 1));
    assert_eq!(turn.next(&node), Some(Instant::START + ACCEPT_PAUSE));
    world.now = Instant::START + ACCEPT_PAUSE;
    turn.run(&mut node, &mut world);
    assert_eq!(world.accepted_from, [0, 0, 1]);
}

#[test]
fn output_that_waits_for_input_follows_a_read() {
    let (mut scene, id) = Scene::connected();
    scene.world.writes.push_back(Written::AfterRead);
    scene.read(id, input(REQUEST));
    assert!(scene.world.written.is_empty() && scene.node.has_output(id));
    scene.read(id, input(b""));
    assert!(scene.world.written.starts_with(b"HTTP/1.1 404 "));
    assert!(scene.world.watched.is_empty());
}

#[test]
fn short_write_goes_on_when_the_socket_is_writable() {
    let (mut scene, id) = Scene::connected();
    scene.world.writes.push_back(Written::Full { out: 5, held: 3 });
    scene.read(id, input(REQUEST));
    assert_eq!((&scene.world.written[..], &scene.world.watched[..]), (&b"HTTP/"[..], &[true][..]));
    let readiness = Readiness { writable: true, ..Readiness::default() };
    scene.turn.on_event(&scene.node, id, readiness);
    scene.run();
    assert!(scene.world.written.starts_with(b"HTTP/1.1 404 "));
    assert_eq!((&scene.world.watched[..], scene.node.has_output(id)), (&[true, false][..], false));
}

#[test]
fn rest_of_a_part_is_read_at_once() {
    let (mut scene, id) = Scene::connected();
    let (first, rest) = REQUEST.split_at(10);
    scene.world.reads.push_back(Input { is_part: true, ..input(first) });
    scene.read(id, input(rest));
    assert!(scene.world.written.starts_with(b"HTTP/1.1 404 "));
}

#[test]
fn connection_whose_tls_fails_is_closed() {
    let (mut scene, id) = Scene::connected();
    scene.read(id, Input { end: Some(Hangup::Tls), ..input(b"") });
    assert_eq!((scene.world.closed, scene.turn.connections().count()), (1, 0));
}

/// A whole message of a client.
fn said(kind: &str, payload: &serde_json::Value) -> Input<'static> {
    input(&frame(0x81, message(kind, payload).1.as_bytes()))
}

fn auth() -> Input<'static> {
    let claims = serde_json::json!({ "sub": "alice", "exp": 1_800_000_900 });
    let token = crate::logs::known(&token(SECRET, &claims)).to_owned();
    said("auth", &serde_json::json!({ "token": token }))
}

const RESET: Readiness =
    Readiness { readable: true, writable: true, read_closed: true, broken: true };

#[test]
fn newcomer_that_was_reset_is_not_let_in() {
    for is_reset in [false, true] {
        let (mut scene, id) = Scene::connected();
        scene.read(id, input(upgrade("soup").as_bytes()));
        scene.world.reads.push_back(auth());
        let readable = Readiness { readable: true, ..Readiness::default() };
        scene.turn.on_event(&scene.node, id, if is_reset { RESET } else { readable });
        scene.run();
        let metrics = scene.node.metrics();
        assert_eq!(metrics.authenticated, u64::from(!is_reset));
        assert_eq!((metrics.hangups, scene.world.closed), (is_reset.into(), is_reset.into()));
    }
}

/// What it said is for others, who are there.
#[test]
fn member_that_was_reset_is_heard() {
    let (mut scene, id) = Scene::connected();
    scene.read(id, input(upgrade("soup").as_bytes()));
    scene.read(id, auth());
    scene.world.reads.push_back(said("chat_message", &serde_json::json!({ "content": "bye" })));
    scene.turn.on_event(&scene.node, id, RESET);
    scene.run();
    assert_eq!(scene.node.metrics().chat_messages, 1);
}

#[test]
fn deadline_waits_for_a_poll_that_told_everything() {
    let (mut scene, _) = Scene::connected();
    scene.world.now = Instant::START + Duration::from_secs(60);
    scene.run();
    scene.run();
    assert_eq!(scene.world.closed, 0);
    scene.turn.on_poll_complete();
    scene.run();
    assert_eq!(scene.world.closed, 1);
}

#[test]
fn call_is_answered_though_its_input_has_ended() {
    let mut scene = Scene::new();
    let id = scene.accept(Role::Operator);
    let call = input(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    scene.read(id, Input { end: Some(Hangup::Eof), ..call });
    assert!(scene.world.written.starts_with(b"HTTP/1.1 200 "));
}

#[test]
fn work_done_in_place_answers_a_call_at_once() {
    let mut scene = Scene::new();
    scene.node.add_probe(Arc::new(Vec::new));
    let id = scene.accept(Role::Operator);
    scene.read(id, input(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert!(scene.world.written.starts_with(b"HTTP/1.1 200 "));
}

/// How many ask for a page at once, and its length.
const ASKERS: usize = 40;
const PAGE_BYTES: usize = 126 << 10;
/// The most that a turn writes: what costs the share, and a page and its head that exceed it.
const TURN_BYTES: usize = 64 * 16_384 + PAGE_BYTES + 1_024;
/// The most pages that a turn takes: of less than 256 KiB one more.
const TURN_PAGES: usize = 256 * 1_024 / PAGE_BYTES + 1;

/// Serves `/page`, once it is told to.
struct Pages(Arc<Mutex<Vec<Ticket>>>);

impl App for Pages {
    fn on_message(&mut self, _: &Incoming<'_>) -> Reply<Answer> {
        Reply::Now(Ok(Update::text("")))
    }

    fn serves(&self, path: &str) -> bool {
        path == "/page"
    }

    fn on_request(&mut self, request: &Request<'_>) -> Reply<Response> {
        self.0.lock().unwrap().push(request.ticket);
        Reply::Held
    }
}

/// Addresses that have asked for a page each, all of which are ready now.
fn asked_for_pages() -> Scene {
    let tickets = Arc::new(Mutex::new(Vec::new()));
    let mut scene = Scene::with(|_, _| Box::new(Pages(Arc::clone(&tickets))));
    for n in 0..ASKERS {
        scene.accept_from(Ipv4Addr::new(192, 0, 2, n as u8), Role::Client);
    }
    for id in scene.turn.connections().collect::<Vec<_>>() {
        scene.read(id, input(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    let page = |ticket| {
        let response = Response::new(200, "text/plain", vec![b'a'; PAGE_BYTES]);
        Completion { ticket, outcome: Outcome::Response(response) }
    };
    scene.world.completions = tickets.lock().unwrap().drain(..).map(page).collect();
    assert_eq!(scene.world.completions.len(), ASKERS);
    scene.turn.on_wake();
    scene
}

impl Scene {
    /// Runs turns until nothing is left to do at once. For each: the pages taken, the bytes written.
    fn run_to_the_end(&mut self) -> Vec<(usize, usize)> {
        let mut turns = Vec::new();
        while self.turn.next(&self.node) == Some(Instant::START) {
            let before = (self.world.completions.len(), self.world.written.len());
            self.run();
            let after = (self.world.completions.len(), self.world.written.len());
            turns.push((before.0 - after.0, after.1 - before.1));
        }
        turns
    }
}

#[test]
fn large_answers_at_once_take_several_turns() {
    let mut scene = asked_for_pages();
    let turns = scene.run_to_the_end();
    let (taken, written) = turns.iter().copied().unzip::<_, _, Vec<_>, Vec<_>>();
    assert!(taken.iter().all(|pages| *pages <= TURN_PAGES), "{turns:?}");
    assert!(written.iter().all(|bytes| *bytes <= TURN_PAGES * (PAGE_BYTES + 512)), "{turns:?}");
    assert!(taken.iter().sum::<usize>() == ASKERS, "{turns:?}");
    assert!(scene.world.written.len() > ASKERS * PAGE_BYTES);

    let mut scene = asked_for_pages();
    scene.turn.plant(Planted::WritesCounted);
    let turns = scene.run_to_the_end();
    assert!(turns.iter().any(|(taken, _)| *taken == ASKERS), "{turns:?}");
    assert!(turns.iter().any(|(_, bytes)| *bytes > TURN_BYTES), "{turns:?}");
}

/// All readers of large answers go on at the same moment.
#[test]
fn stalled_answers_go_on_within_the_share() {
    for fault in [None, Some(Planted::WritesCounted)] {
        let mut scene = asked_for_pages();
        scene.world.writes = vec![Written::Full { out: 0, held: 0 }; ASKERS].into();
        scene.run_to_the_end();
        assert_eq!((scene.world.watched.len(), scene.world.written.len()), (ASKERS, 0));
        fault.into_iter().for_each(|fault| scene.turn.plant(fault));
        for id in scene.turn.connections().collect::<Vec<_>>() {
            let readiness = Readiness { writable: true, ..Readiness::default() };
            scene.turn.on_event(&scene.node, id, readiness);
        }
        scene.run();
        let first = scene.world.written.len();
        scene.run_to_the_end();
        assert_eq!(first <= TURN_BYTES, fault.is_none(), "{first}");
        assert!(scene.world.written.len() > ASKERS * PAGE_BYTES);
        let (stalled, unstalled) = scene.world.watched.split_at(ASKERS);
        assert!(stalled.iter().all(|wanted| *wanted) && unstalled.len() == ASKERS);
        assert!(unstalled.iter().all(|wanted| !*wanted));
    }
}
