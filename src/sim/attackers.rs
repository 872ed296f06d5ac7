//! Greedy clients: they keep to the protocol and to every limit, and take as much as they can.

use std::time::Duration;

use super::client::Client;
use super::engine::Engine;
use super::network::LinkId;
use super::scenario::Attack;
use super::shares::{FRUGAL, PAGE, frugal_room};
use super::wire;
use crate::time::Instant;

/// The most connections that a greedy client keeps without a word.
const MOST_HELD: usize = 100;
/// Until then the frugal have joined their rooms.
const OTHERS_ROOMS_FROM: Instant = Instant::from_micros(40_000_000);
/// A request whose body does not come.
const UNFINISHED: &[u8] = b"POST /page HTTP/1.1\r\nHost: sim\r\nContent-Length: 5\r\n\r\n";
/// The same of one that keeps its user signed in.
const UNFINISHED_REFRESH: &[u8] =
    b"POST /refresh HTTP/1.1\r\nHost: sim\r\nContent-Length: 5\r\n\r\n";
/// How many it opens at once.
const AT_ONCE: usize = 4;
/// Connections whose messages wait in a queue: of the first rival, and of each other one.
const WORKING: [usize; 2] = [20, 5];
/// Messages behind each other on each: more than are answered before it comes again.
const MESSAGES: usize = 200;
/// Connections that act at the same moment.
const CROWD: usize = 200;
/// A head that goes on and on.
const BEGUN_HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: sim\r\n";

/// All attacks, in the order in which the greedy clients of a world take them.
const ALL: [Attack; 7] = [
    Attack::Messages,
    Attack::Tokens,
    Attack::Pending,
    Attack::Ends,
    Attack::Bodies,
    Attack::Requests,
    Attack::Rooms,
];

/// The attack of the `n`th greedy client of a world. Two in a row differ.
pub(super) fn numbered(seed: u64, n: usize) -> Attack {
    let at = (seed as usize).wrapping_add(n) % ALL.len();
    ALL.get(at).copied().unwrap_or(Attack::Messages)
}

/// The attack of rivals, who take all the same: one of those that a table holds.
pub(super) fn of_rivals(seed: u64) -> Attack {
    let held = [
        Attack::Messages,
        Attack::Tokens,
        Attack::Pending,
        Attack::Ends,
        Attack::Bodies,
        Attack::Refreshes,
        Attack::Rooms,
    ];
    held.get((seed % 7) as usize).copied().unwrap_or(Attack::Ends)
}

/// The next action of a greedy client.
pub(super) fn wake(client: &mut Client, engine: &mut Engine, attack: Attack) {
    if let Some(link) = client.link.take() {
        engine.reset(link);
    }
    if engine.is_healed {
        // Greedy clients stop when the world heals.
        client.held.drain(..).for_each(|link| engine.reset(link));
        return;
    }
    let pause = match attack {
        Attack::Messages => {
            if engine.scenario.rivals {
                client.room = format!("room-{}", client.rng.below(100));
            }
            talk(client, engine);
            client.millis(300, 3_000)
        }
        Attack::Tokens => {
            let (_, link) = upgrade_and_authenticate(client, engine);
            client.link = Some(link);
            client.millis(200, 900)
        }
        Attack::Pending => {
            keep(client, engine, silence);
            client.millis(200, 400)
        }
        Attack::Ends => {
            come(client, engine);
            client.millis(200, 900)
        }
        Attack::Bodies => {
            keep(client, engine, |_| UNFINISHED.to_vec());
            client.millis(200, 400)
        }
        Attack::Refreshes => {
            keep(client, engine, |_| UNFINISHED_REFRESH.to_vec());
            client.millis(200, 400)
        }
        Attack::Requests => {
            let token = engine.token(&client.user, 7_200);
            keep(client, engine, |_| wire::get(PAGE, &token));
            client.millis(200, 400)
        }
        Attack::Work => work(client, engine),
        Attack::Crowd => crowd(client, engine),
        Attack::Rooms => {
            // New ones, and later those of others, should these have been forgotten.
            let is_late = engine.now.monotonic > OTHERS_ROOMS_FROM;
            client.room = match client.rng.below(3) {
                0 if is_late => frugal_room(&format!("{FRUGAL}{}", client.rng.below(8))),
                _ => format!("room-{}", client.rng.next_u64()),
            };
            client.link = Some(upgrade_and_authenticate(client, engine).1);
            client.millis(200, 900)
        }
    };
    let is_first = client.number == engine.scenario.first_greedy();
    let pause = match (engine.scenario.rivals, is_first) {
        (true, true) if attack != Attack::Ends => pause / 4,
        // Whoever is faster here leaves before it has joined.
        (true, false) if attack == Attack::Ends => pause * 4,
        _ => pause,
    };
    client.wake_after(engine, pause);
}

fn open(client: &mut Client, engine: &mut Engine) -> LinkId {
    let link = client.open(engine);
    if let Some(link) = engine.link(link) {
        link.hearing.is_wild = true;
    }
    link
}

fn upgrade_and_authenticate(client: &mut Client, engine: &mut Engine) -> (u64, LinkId) {
    let link = open(client, engine);
    let number = client.rng.next_u64();
    let token = engine.token(&client.user, 7_200);
    let auth = wire::envelope("auth", &format!("auth-{number}"), "token", &token);
    let mut bytes = wire::upgrade(&client.room);
    bytes.extend(client.text(&auth));
    engine.send(link, &bytes);
    (number, link)
}

/// As many messages as a new connection could be allowed, and some more.
fn talk(client: &mut Client, engine: &mut Engine) {
    let (number, link) = upgrade_and_authenticate(client, engine);
    for n in 0..10 + client.rng.below(30) {
        let content = format!("{} of {number}", client.user);
        let text = wire::envelope("chat_message", &format!("{number}-{n}"), "content", &content);
        let frame = client.text(&text);
        engine.send(link, &frame);
    }
}

/// As many connections as it has, each with messages behind each other.
fn work(client: &mut Client, engine: &mut Engine) -> Duration {
    client.held.drain(..).for_each(|link| engine.reset(link));
    let is_first = client.number == engine.scenario.first_greedy();
    let [first, other] = WORKING;
    for n in 0..if is_first { first } else { other } {
        client.room = format!("room-{}-{n}", client.number);
        let (number, link) = upgrade_and_authenticate(client, engine);
        let messages: Vec<u8> = (0..MESSAGES)
            .flat_map(|n| {
                let content = format!("{} of {number}", client.user);
                let id = format!("{number}-{n}");
                client.text(&wire::envelope("chat_message", &id, "content", &content))
            })
            .collect();
        engine.send(link, &messages);
        client.held.push_back(link);
    }
    client.link = None;
    client.millis(20_000, 30_000)
}

/// All its connections send the next line of a head, or are reset, at the same moment.
fn crowd(client: &mut Client, engine: &mut Engine) -> Duration {
    if client.rng.below(4) == 0 {
        client.held.drain(..).for_each(|link| engine.reset(link));
    }
    client.held.iter().for_each(|link| engine.send(*link, b"A: b\r\n"));
    while client.held.len() < CROWD {
        let link = open(client, engine);
        engine.send(link, BEGUN_HEAD);
        client.held.push_back(link);
    }
    client.link = None;
    client.millis(200, 400)
}

/// Nothing, a part of a request, or a request without an `auth` behind it.
fn silence(client: &mut Client) -> Vec<u8> {
    match client.rng.below(3) {
        0 => Vec::new(),
        1 => wire::upgrade(&client.room).split_off(20),
        _ => wire::upgrade(&client.room),
    }
}

/// Opens connections that send this and nothing more, and keeps them.
fn keep(client: &mut Client, engine: &mut Engine, bytes: impl Fn(&mut Client) -> Vec<u8>) {
    for _ in 0..AT_ONCE {
        let link = open(client, engine);
        let bytes = bytes(client);
        engine.send(link, &bytes);
        client.held.push_back(link);
    }
    client.link = None;
    while client.held.len() > MOST_HELD
        && let Some(oldest) = client.held.pop_front()
    {
        engine.reset(oldest);
    }
}

fn come(client: &mut Client, engine: &mut Engine) {
    if client.rng.below(2) == 0 {
        upgrade_and_authenticate(client, engine);
    } else {
        let link = open(client, engine);
        engine.send(link, &wire::upgrade(&client.room));
    }
}

/// How long a greedy client waits when it was closed.
pub(super) fn absence(client: &mut Client) -> Duration {
    client.millis(100, 1_000)
}
