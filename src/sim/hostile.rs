//! Hostile clients: silent ones, ones that send garbage, and ones that come and go.

use std::time::Duration;

use super::app::CLOSED_ROOM;
use super::client::{Client, Kind};
use super::engine::Engine;
use super::network::{Link, LinkId};
use super::wire;

/// The next action of a hostile client: it connects, pings, or leaves.
pub(super) fn wake(client: &mut Client, engine: &mut Engine) {
    if engine.is_healed {
        // Hostile clients stop when the world heals.
        if let Some(link) = client.link.take() {
            engine.reset(link);
        }
        return;
    }
    match (client.link, client.kind) {
        (None, _) => begin(client, engine),
        (Some(link), Kind::Silent) => send_ping(client, engine, link),
        (Some(link), _) => leave(client, engine, link),
    }
}

fn begin(client: &mut Client, engine: &mut Engine) {
    let link = client.open(engine);
    if let Some(link) = engine.link(link) {
        link.hearing.is_wild = true;
    }
    let bytes = match client.kind {
        Kind::Silent => match client.rng.below(3) {
            0 => Vec::new(),
            1 => wire::upgrade(&client.room).split_off(20),
            _ => wire::upgrade(&client.room),
        },
        Kind::Garbage => garbage(client, engine),
        Kind::Forging => forgery(client, engine),
        Kind::Flooding => flood(client, engine),
        _ => {
            let mut bytes = conversation(client, engine);
            bytes.truncate(client.rng.below(bytes.len() as u64 + 1) as usize);
            bytes
        }
    };
    engine.send(link, &bytes);
    let pause = match client.kind {
        Kind::Silent => Duration::from_secs(1),
        Kind::Garbage => client.millis(1_000, 120_000),
        _ => client.millis(0, 3_000),
    };
    client.wake_after(engine, pause);
}

/// Sends pings, which postpone no deadline before authentication.
fn send_ping(client: &mut Client, engine: &mut Engine, link: LinkId) {
    if client.rng.below(3) == 0 {
        engine.send(link, &wire::masked(0x89, b"still here", 7));
    }
    if client.rng.below(60) == 0 {
        leave(client, engine, link);
    }
    client.wake_after(engine, Duration::from_secs(1));
}

fn leave(client: &mut Client, engine: &mut Engine, link: LinkId) {
    match client.rng.below(4) {
        0 => engine.end(link),
        1 => {
            if let Some(link) = engine.link(link) {
                Link::vanish(link);
            }
            client.link = None;
        }
        _ => {
            engine.reset(link);
            client.link = None;
        }
    }
    let pause = client.absence();
    client.wake_after(engine, pause);
}

/// A token with valid header and claims, and an invalid signature.
fn forgery(client: &mut Client, engine: &mut Engine) -> Vec<u8> {
    let mut bytes = wire::upgrade(&client.room);
    let token = engine.token(&client.user, 900);
    let claims = token.rsplit_once('.').map_or("", |(claims, _)| claims);
    let number = client.rng.next_u64();
    let forged = format!("{claims}.{number:043}");
    let auth = wire::envelope("auth", &format!("auth-{number}"), "token", &forged);
    bytes.extend(client.text(&auth));
    bytes
}

/// Thousands of frames without content, before or after the authentication.
fn flood(client: &mut Client, engine: &mut Engine) -> Vec<u8> {
    let mut bytes = match client.rng.below(2) {
        0 => wire::upgrade(&client.room),
        _ => conversation(client, engine),
    };
    // Pings, pongs, or an unfinished message in empty fragments.
    let first = [0x89, 0x8a, 0x01].get(client.rng.below(3) as usize).copied().unwrap_or(0x89);
    let rest = if first == 0x01 { 0x00 } else { first };
    bytes.extend(wire::masked(first, &[], 7));
    for _ in 0..client.rng.below(4_000) {
        bytes.extend(wire::masked(rest, &[], 7));
    }
    bytes
}

/// The bytes that an honest client would send.
fn conversation(client: &mut Client, engine: &mut Engine) -> Vec<u8> {
    let mut bytes = wire::upgrade(&client.room);
    let number = client.rng.next_u64();
    let token = engine.token(&client.user, 900);
    let auth = wire::envelope("auth", &format!("auth-{number}"), "token", &token);
    bytes.extend(client.text(&auth));
    for n in 0..client.rng.below(4) {
        // Ids are drawn from a small set, so some repeat.
        let id = format!("again-{}", client.rng.below(20));
        let content = format!("{} of {n}", client.user);
        bytes.extend(client.text(&wire::envelope("chat_message", &id, "content", &content)));
    }
    bytes
}

fn noise(client: &mut Client, most: u64) -> Vec<u8> {
    (0..client.rng.below(most)).map(|_| client.rng.next_u64() as u8).collect()
}

fn garbage(client: &mut Client, engine: &mut Engine) -> Vec<u8> {
    let mut bytes = match client.rng.below(8) {
        0 => noise(client, 300),
        1 => b"GET /nowhere HTTP/1.1\r\nHost: sim\r\n\r\n".to_vec(),
        2 => [b"GET /healthz HTTP/1.1\r\n".to_vec(), vec![b'x'; 9_000]].concat(),
        3 => wire::upgrade(CLOSED_ROOM),
        4 => wire::upgrade(&client.room),
        _ => conversation(client, engine),
    };
    for _ in 0..1 + client.rng.below(3) {
        let more = attack(client, engine);
        bytes.extend(more);
    }
    bytes
}

fn attack(client: &mut Client, engine: &mut Engine) -> Vec<u8> {
    let mask = client.rng.next_u64() as u32;
    let many = client.rng.below(40) as usize;
    let chat = |n: usize| {
        let text = wire::envelope("chat_message", &format!("flood-{n}"), "content", "flood");
        wire::masked(0x81, text.as_bytes(), mask)
    };
    match client.rng.below(14) {
        0 => noise(client, 300),
        1 => wire::masked(0x82, b"binary", mask),
        2 => wire::masked(0x81, b"{\"type\":", mask).repeat(many),
        3 => wire::masked(0x81, br#"{"type":"auth","id":"","payload":{}}"#, mask).repeat(many),
        4 => wire::masked(0x81, wire::envelope("dance", "d", "a", "b").as_bytes(), mask),
        5 => wire::masked(0x81, &[b'a', 0xff, 0xfe], mask),
        6 => wire::masked(0x89, b"ping", mask).repeat(many * 10),
        7 => (0..many).flat_map(chat).collect(),
        8 => vec![0x81, 0x05, b'n', b'a', b'k', b'e', b'd'],
        9 => wire::masked(0x81, &vec![b'x'; 70_000], mask),
        10 => wire::masked(0x88, &[0x03], mask),
        11 => [wire::masked(0x01, b"{", mask), wire::masked(0x81, b"}", mask)].concat(),
        12 => {
            let token = engine.token(&client.user, 900);
            let text = wire::envelope("auth", &format!("auth-{mask}"), "token", &token);
            wire::masked(0x81, text.as_bytes(), mask).repeat(1 + many / 5)
        }
        _ => {
            let other = engine.token("somebody-else", 900);
            let text = wire::envelope("auth", &format!("other-{mask}"), "token", &other);
            wire::masked(0x81, text.as_bytes(), mask)
        }
    }
}
