//! The server over loopback sockets, beside a server that does nothing but answer.
//!
//! Both run in a thread of this process and are asked for the same, by the same client, in bytes of
//! the same sizes; `raw` counts what it reads and answers with as many bytes as Vestibule does. So
//! the ratio that is printed at the end is what everything but the sockets costs, and it can be
//! compared across machines as the times cannot.
//!
//! * `chat/1`, `chat/100`: every connection sends, then every answer is read: one iteration.
//! * `life`: connect, upgrade, `auth`, close, and the end of the TCP connection.
#![expect(clippy::unwrap_used, reason = "a bench that cannot start must say so")]
#![expect(clippy::print_stdout, reason = "the ratios are what this is run for")]

#[path = "loopback/raw.rs"]
mod raw;
pub mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use criterion::Criterion;
use serde_json::json;
use support::{frame, message, upgrade};
use vestibule::config::Config;
use vestibule::id::Seed;
use vestibule::net::Server;
use vestibule::{Access, MemoryApp, testing};

const SECRET: &str = "thirty-two bytes or more of secret";
/// A whole run of each stays below a minute.
const MEASURED: Duration = Duration::from_secs(3);

/// A room's name, and a message's id: others replace them, of the same length.
const NAME: &str = "n0000000";

/// What is sent, and how many bytes come back.
#[derive(Clone, Debug)]
struct Exchange {
    request: Vec<u8>,
    /// Where in the request [`NAME`] is, if it is there.
    name_at: usize,
    answer: usize,
}

impl Exchange {
    /// The same with another name. What is masked stays so: a mask is added, and so is the change.
    fn renamed(&self, number: u32) -> Vec<u8> {
        let mut request = self.request.clone();
        let places = request.iter_mut().skip(self.name_at);
        let name = format!("n{:07}", number % 10_000_000);
        for (place, (old, new)) in places.zip(NAME.bytes().zip(name.bytes())) {
            *place ^= old ^ new;
        }
        request
    }

    /// The same with an id that was not there before.
    fn fresh(&self) -> Vec<u8> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        self.renamed(COUNT.fetch_add(1, Ordering::Relaxed))
    }
}

fn main() {
    let mut config = Config { listen: vec!["127.0.0.1:0".to_owned()], ..Config::default() };
    config.auth.secret = SECRET.to_owned();
    config.limits.connections = 1_000;
    // One user is everybody here.
    (config.limits.messages_per_minute, config.limits.connections_per_user) = (0, 0);
    config.limits.auth_per_minute_per_user = 0;
    let app = MemoryApp::new(&config, Access::Open, &Seed::predictable(1));
    let server = Server::bind(&config, Box::new(app)).unwrap();
    let (vestibule, handle) = (server.local_addrs().remove(0), server.handle());
    let serving = thread::spawn(move || server.run().map(drop));

    let [upgrade, auth, chat, close] = learn(vestibule);
    let life = [upgrade, auth, close];
    let steps: Vec<_> = life.iter().map(|step| (step.request.len(), step.answer)).collect();
    let raw_chat = raw::serve(vec![(chat.request.len(), chat.answer)], false);
    let raw_life = raw::serve(steps, true);

    let mut c = Criterion::default()
        .measurement_time(MEASURED)
        .warm_up_time(Duration::from_secs(1))
        .sample_size(50)
        .configure_from_args();
    let mut ratios = Vec::new();
    for connections in [1, 100] {
        let name = format!("chat/{connections}");
        let mut members: Vec<_> = (0..connections).map(|n| join(vestibule, n, &life)).collect();
        let ours = support::measure(&mut c, &format!("loopback/{name}/vestibule"), || {
            round(&mut members, &chat)
        });
        let mut members: Vec<_> = (0..connections).map(|_| connect(raw_chat)).collect();
        let theirs = support::measure(&mut c, &format!("loopback/{name}/raw"), || {
            round(&mut members, &chat)
        });
        ratios.push((name, ours, theirs));
    }
    let ours = support::measure(&mut c, "loopback/life/vestibule", || live(vestibule, &life));
    let theirs = support::measure(&mut c, "loopback/life/raw", || live(raw_life, &life));
    ratios.push(("life".to_owned(), ours, theirs));
    // Without `--bench` each runs once, to see that it runs.
    ratios.retain(|(_, ours, theirs)| !ours.is_zero() && !theirs.is_zero());
    for (name, ours, theirs) in ratios.iter().filter(|_| std::env::args().any(|it| it == "--bench"))
    {
        println!("loopback/{name}: {:.2} × raw", ours.as_secs_f64() / theirs.as_secs_f64());
    }
    c.final_summary();
    handle.shutdown();
    serving.join().unwrap().unwrap();
}

/// What a life and a chat consist of: upgrade, `auth`, chat message, close. The sizes of the answers
/// are those of every later one, as all names have one length.
fn learn(address: SocketAddr) -> [Exchange; 4] {
    let claims = json!({ "sub": "alice", "exp": 4_000_000_000_u64 });
    let token = testing::token(SECRET, &claims);
    let requests = |name: &str| {
        [
            upgrade(name),
            message("auth", name, &json!({ "token": token })),
            message("chat_message", name, &json!({ "content": "How long does it simmer?" })),
            frame(0x88, b"\x03\xe8"),
        ]
    };
    let mut others = requests("m1111111").into_iter();
    let mut stream = connect(address);
    requests(NAME).map(|request| {
        let other = others.next().unwrap();
        let differs = request.iter().zip(&other).position(|(one, other)| one != other);
        let name_at = differs.unwrap_or(request.len());
        stream.write_all(&request).unwrap();
        // The server writes an answer at once, so the first read has all of it.
        let answer = stream.read(&mut [0; 4_096]).unwrap();
        Exchange { request, name_at, answer }
    })
}

/// A member of the room of this number.
fn join(address: SocketAddr, room: u32, [upgrade, auth, _]: &[Exchange; 3]) -> TcpStream {
    let mut stream = connect(address);
    exchange(&mut stream, &upgrade.renamed(room), upgrade.answer);
    exchange(&mut stream, &auth.fresh(), auth.answer);
    stream
}

/// Every one of `members` says something, and then gets its answer.
fn round(members: &mut [TcpStream], chat: &Exchange) {
    for member in &mut *members {
        member.write_all(&chat.fresh()).unwrap();
    }
    for member in members {
        hear(member, chat.answer);
    }
}

/// Comes, and goes.
fn live(address: SocketAddr, [upgrade, auth, close]: &[Exchange; 3]) {
    let mut stream = connect(address);
    exchange(&mut stream, &upgrade.request, upgrade.answer);
    exchange(&mut stream, &auth.fresh(), auth.answer);
    exchange(&mut stream, &close.request, close.answer);
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn exchange(stream: &mut TcpStream, request: &[u8], answer: usize) {
    stream.write_all(request).unwrap();
    hear(stream, answer);
}

fn hear(stream: &mut TcpStream, length: usize) {
    let mut answer = [0; 4_096];
    stream.read_exact(answer.get_mut(..length).unwrap()).unwrap();
}
