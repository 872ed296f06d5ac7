//! Everything that makes a server keep something, each from addresses of its own.
//!
//! An attacker does not mind what becomes of it: sockets that are refused, closed or reset are what
//! it is here for, so no error of its own fails the test.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use serde_json::json;

use super::cage::{House, Server, recipe};
use super::peer::{Member, call, connect, message, text, upgrade, with_length};

/// Rooms that the mob has.
const ROOMS: usize = 12;

/// Whom they attack, and with which tokens.
pub(crate) struct Target {
    address: SocketAddr,
    mob: String,
    /// Recipes of the mob's.
    rooms: Vec<String>,
}

type Attack = (&'static str, fn(&Target));

pub(crate) const ATTACKS: [Attack; 9] = [
    ("silent sockets", silent_sockets),
    ("unfinished heads", unfinished_heads),
    ("unfinished auth messages", unfinished_auths),
    ("forged tokens", forged_tokens),
    ("unfinished bodies", unfinished_bodies),
    ("bodies and answers", bodies_and_answers),
    ("unfinished messages", unfinished_messages),
    ("slow readers", slow_readers),
    ("listeners who do not listen", listeners_who_do_not_listen),
];

impl Target {
    pub(crate) fn new(server: &Server, house: &House) -> Self {
        let (address, mob) = (server.address, house.token("mob"));
        let from = Ipv4Addr::new(127, 0, 0, 3);
        let stew = recipe(13_000);
        let rooms = (0..ROOMS).map(|_| {
            let made = call(address, from, "POST", "/v1/recipes", Some(&mob), &stew).unwrap();
            assert_eq!(made.0, 201, "{}", made.1);
            made.1["id"].as_str().unwrap().to_owned()
        });
        let rooms = rooms.collect();
        Self { address, mob, rooms }
    }

    /// `count` sockets from addresses of network `net`, as many from each as may be pending.
    fn sockets(&self, net: u8, count: usize) -> impl Iterator<Item = TcpStream> {
        let address = self.address;
        let from = move |n: usize| Ipv4Addr::new(127, 1, net, 1 + (n / 200) as u8);
        (0..count).filter_map(move |n| connect(address, from(n), true).ok())
    }

    /// One of the mob's who reads what is said.
    fn speaker(&self, net: u8) -> Member {
        Member::join(self.address, Ipv4Addr::new(127, 2, net, 1), &self.rooms[0], &self.mob)
    }

    /// A socket of the mob's that is in its room.
    fn member(&self, net: u8, n: usize) -> io::Result<TcpStream> {
        let from = Ipv4Addr::new(127, 2, net, 1 + (n / 50) as u8);
        let mut stream = connect(self.address, from, true)?;
        stream.write_all(upgrade(&self.rooms[n % ROOMS]).as_bytes())?;
        let (_, auth) = message("auth", &json!({ "token": self.mob }));
        stream.write_all(&text(&auth))?;
        // The 101 and the acknowledgement, or their beginning.
        let mut seen = Vec::new();
        let mut buffer = [0; 2_048];
        while !seen.windows(13).any(|part| part == b"recipe_update") {
            match stream.read(&mut buffer)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                length => seen.extend_from_slice(&buffer[..length]),
            }
        }
        Ok(stream)
    }
}

/// Sends what the socket takes at once.
fn push(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.set_nonblocking(true);
    let _ = stream.write(bytes);
}

fn silent_sockets(target: &Target) {
    let held: Vec<_> = target.sockets(0, 2_000).collect();
    assert!(held.len() > 1_000, "{} sockets", held.len());
}

fn unfinished_heads(target: &Target) {
    let head = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: {}", "x".repeat(8_000));
    let mut held: Vec<_> = target.sockets(1, 400).collect();
    for stream in &mut held {
        push(stream, head.as_bytes());
    }
    // And once more a byte at a time.
    for stream in &mut held {
        push(stream, b"x");
    }
}

fn unfinished_auths(target: &Target) {
    let (_, auth) = message("auth", &json!({ "token": "x".repeat(16_000) }));
    let frame = text(&auth);
    let mut held: Vec<_> = target.sockets(2, 400).collect();
    for stream in &mut held {
        push(stream, upgrade("room").as_bytes());
    }
    for part in frame[..frame.len() - 1].chunks(6_000) {
        for stream in &mut held {
            push(stream, part);
        }
    }
}

fn forged_tokens(target: &Target) {
    let forged = format!("{}x", target.mob);
    for mut stream in target.sockets(3, 400) {
        let (_, auth) = message("auth", &json!({ "token": forged }));
        push(&mut stream, &[upgrade("room").as_bytes(), &text(&auth)].concat());
        // Closed, and it goes on: what it sends now is unfinished too.
        push(&mut stream, &text(&"x".repeat(60_000))[..50_000]);
    }
}

fn unfinished_bodies(target: &Target) {
    let head = format!("POST /v1/recipes HTTP/1.1\r\nAuthorization: Bearer {}", target.mob);
    let body = "x".repeat(64 << 10);
    let mut held: Vec<_> = target.sockets(4, 300).collect();
    for stream in &mut held {
        push(stream, with_length(&head, body.len()).as_bytes());
    }
    for stream in &mut held {
        push(stream, &body.as_bytes()[..60_000]);
    }
}

fn bodies_and_answers(target: &Target) {
    let stew = recipe(12_000);
    let from = Ipv4Addr::new(127, 1, 5, 1);
    for _ in 0..20 {
        let _ = call(target.address, from, "POST", "/v1/recipes", Some(&target.mob), &stew);
    }
    // Lists and recipes that nobody reads.
    let head = format!("HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {}", target.mob);
    let recipe = format!("/v1/recipes/{}", target.rooms[0]);
    let mut held: Vec<_> = target.sockets(5, 300).collect();
    for (n, stream) in held.iter_mut().enumerate() {
        let path = if n % 2 == 0 { "/v1/recipes" } else { &recipe };
        push(stream, format!("GET {path} {head}\r\n\r\n").as_bytes());
    }
    for stream in &mut held {
        push(stream, b"x");
    }
}

/// Somebody signs up, from address number `n`: the status.
pub(crate) fn sign_up(target: &Target, n: u32) -> u16 {
    let from = Ipv4Addr::from(0x7f03_0000 + n % 0xffff);
    let body = json!({ "email": format!("mob{n}@example.com"), "password": "correct horse" });
    let done = call(target.address, from, "POST", "/v1/auth/signup", None, &body);
    done.map_or(0, |(status, _)| status)
}

fn unfinished_messages(target: &Target) {
    let (_, chat) = message("chat_message", &json!({ "content": "x".repeat(60_000) }));
    let frame = text(&chat);
    let mut held: Vec<_> = (0..200).filter_map(|n| target.member(7, n).ok()).collect();
    assert!(held.len() > 10, "{} members", held.len());
    for part in frame[..frame.len() - 1].chunks(20_000) {
        for stream in &mut held {
            push(stream, part);
        }
    }
    drain(&mut held);
}

fn slow_readers(target: &Target) {
    // The answers are as long as the recipe, and each is one reader's own.
    let mut held: Vec<_> = (0..240).filter_map(|n| target.member(8, n).ok()).collect();
    assert!(held.len() > 10, "{} members", held.len());
    let mut speaker = target.speaker(11);
    for round in 0..12 {
        for (n, stream) in held.iter_mut().enumerate() {
            let content = format!("Rename to stew {round} of {n}");
            let (_, rename) = message("chat_message", &json!({ "content": content }));
            push(stream, &text(&rename));
        }
        // What was asked before is answered.
        let id = speaker.say("Hello");
        speaker.answer(&id);
    }
    drain(&mut held);
}

fn listeners_who_do_not_listen(target: &Target) {
    let mut held: Vec<_> = (0..150).filter_map(|n| target.member(9, n).ok()).collect();
    assert!(held.len() > 10, "{} members", held.len());
    // One who keeps up speaks, and the frames of what it says are shared by all.
    let mut speaker = target.speaker(10);
    for round in 0..60 {
        let id = speaker.say(&format!("{round} {}", "x".repeat(12_000)));
        speaker.answer(&id);
    }
    drain(&mut held);
}

/// Waits until the server has had enough of them, or has nothing more to say for now.
fn drain(held: &mut [TcpStream]) {
    let mut buffer = [0; 512];
    for stream in held {
        let _ = stream.set_nonblocking(false);
        let _ = stream.set_read_timeout(Some(std::time::Duration::from_millis(20)));
        let _ = stream.read(&mut buffer);
    }
}
