//! Many clients that chat in rooms, and one whose sessions an operator ends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tungstenite::Message;

use super::history::{Report, faults};
use super::member::Member;
use super::nodes::{Addresses, Nodes, token_for, wait_for_renewals};
use crate::DEADLINE;
use crate::support::client::Client;
use crate::support::now;

/// What the clients of a crowd have in common.
pub(crate) struct Shared {
    pub(crate) addresses: Addresses,
    /// The engine keeps its memory over the faults of this test.
    pub(crate) remembers: bool,
    is_ending: AtomicBool,
    /// How many clients of each room have not got its end.
    left: Mutex<BTreeMap<String, usize>>,
    /// Messages that were answered.
    answered: AtomicUsize,
}

impl Shared {
    pub(crate) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed)
    }

    pub(crate) fn is_through(&self, room: &str) {
        *self.left.lock().unwrap().get_mut(room).unwrap() -= 1;
    }

    pub(crate) fn left(&self, room: &str) -> usize {
        self.left.lock().unwrap()[room]
    }

    pub(crate) fn count_answer(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// How many there are, and how fast they chat.
pub(crate) struct Size {
    pub(crate) rooms: usize,
    pub(crate) seats: usize,
    /// Between two messages of a client, on average.
    pub(crate) pace: Duration,
}

/// Two dozen.
pub(crate) const FEW: Size = Size { rooms: 4, seats: 6, pace: Duration::from_millis(300) };
/// Two hundred.
pub(crate) const MANY: Size = Size { rooms: 20, seats: 10, pace: Duration::from_millis(1_500) };

/// The clients.
pub(crate) struct Crowd {
    shared: Arc<Shared>,
    members: Vec<JoinHandle<Report>>,
}

impl Crowd {
    /// Has them chat at these nodes. `remembers`: the engine keeps its memory over what comes.
    pub(crate) fn start(nodes: &Nodes, size: &Size, remembers: bool) -> Self {
        let left = (0..size.rooms).map(|room| (format!("room{room}"), size.seats)).collect();
        let shared = Arc::new(Shared {
            addresses: nodes.addresses.clone(),
            remembers,
            is_ending: AtomicBool::new(false),
            left: Mutex::new(left),
            answered: AtomicUsize::new(0),
        });
        let seats = (0..size.rooms * size.seats).map(|seat| (seat % size.rooms, seat / size.rooms));
        let members = seats.map(|place| {
            let member = Member::new(Arc::clone(&shared), place, size.pace);
            thread::spawn(move || member.run())
        });
        Self { members: members.collect(), shared }
    }

    /// Waits until this many more messages are answered.
    #[track_caller]
    pub(crate) fn chat(&self, messages: usize) {
        let goal = self.shared.answered.load(Ordering::Relaxed) + messages;
        let began = now();
        while self.shared.answered.load(Ordering::Relaxed) < goal {
            assert!(began.elapsed() < DEADLINE, "nobody is answered");
            crate::pause(Duration::from_millis(20));
        }
    }

    /// Ends the chat, and fails if somebody has not got what they should.
    #[track_caller]
    pub(crate) fn finish(self, what: &str) -> Vec<Report> {
        self.shared.is_ending.store(true, Ordering::Relaxed);
        let reports: Vec<_> = self.members.into_iter().map(|it| it.join().unwrap()).collect();
        let mut faults = faults(&reports, self.shared.remembers);
        // Those that have waited to the end come first.
        faults.sort_by_key(|fault| !fault.contains("end of its room"));
        summary(what, &reports);
        let few = faults.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
        assert!(faults.is_empty(), "{what}: {} faults, such as\n{few}", faults.len());
        reports
    }
}

fn summary(what: &str, reports: &[Report]) {
    let sum = |count: &dyn Fn(&Report) -> usize| reports.iter().map(count).sum::<usize>();
    let mut closes: BTreeMap<&str, usize> = BTreeMap::new();
    for (reason, count) in reports.iter().flat_map(|report| &report.closes) {
        *closes.entry(reason).or_default() += count;
    }
    let heard = sum(&|it| it.stretches.iter().map(|stretch| stretch.heard.len()).sum());
    println!(
        "{what}: {} clients, {} messages answered, {heard} delivered, went on {} times, told that \
         something may be missing {} times; errors and closes: {closes:?}",
        reports.len(),
        sum(&|it| it.answers.len()),
        sum(&|it| it.resumed),
        sum(&Report::told),
    );
}

/// A user with a connection at each node.
pub(crate) struct Visitor {
    user: &'static str,
    token: String,
    sockets: Vec<Client>,
}

impl Visitor {
    /// Connects to each node.
    pub(crate) fn new(nodes: &Nodes, user: &'static str) -> Self {
        let token = token_for(user);
        let sockets = nodes.all().iter().map(|server| {
            let mut client = Client::upgrade(server.connect(), "visited");
            client.authenticate(&token);
            client
        });
        Self { user, sockets: sockets.collect(), token }
    }

    /// Has one node end the sessions.
    pub(crate) fn revoke(&self, nodes: &Nodes) {
        nodes.revoke(self.user);
    }

    /// Fails if a node has one of the connections after its lease, or accepts the token. The bound is counted in
    /// renewals of leases, not by this test's clock: a node that is connected to the engine reads what it has
    /// missed with each of them, and two take two thirds of a lease. What the sockets have is read behind that,
    /// so `DEADLINE` there is for a test that hangs.
    pub(crate) fn assert_gone(mut self, nodes: &Nodes) {
        nodes.wait_until_connected();
        for server in nodes.all() {
            wait_for_renewals(server, 2);
            let (status, list) = server.ask("GET /v1/users?local=true&limit=1000", "");
            assert_eq!(status, 200, "{list}");
            let is_there =
                list["users"].as_array().unwrap().iter().any(|it| it["user_id"] == self.user);
            assert!(!is_there, "{} is still connected: {list}", self.user);
        }
        for socket in &mut self.sockets {
            let began = now();
            while !matches!(socket.poll(), Err(_) | Ok(Some(Message::Close(_)))) {
                assert!(began.elapsed() < DEADLINE, "{} was not told", self.user);
            }
        }
        for server in nodes.all() {
            let mut client = Client::upgrade(server.connect(), "visited");
            client.offer(&self.token);
            let (code, reason) = client.close();
            assert_eq!(code, 1_008, "{reason}");
        }
    }
}
