//! A server that is given one number for its memory, under every attack at once that makes a server
//! keep something, and people who chat through it.
//!
//! The numbers that are asserted are bytes. Nothing here sleeps, and no time is asserted.

mod attack;
mod cage;
mod peer;

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use self::attack::{ATTACKS, Target, sign_up};
use self::cage::{House, Server};
use self::peer::{Member, call};

/// What the server is given: 64 MiB, and what its code for debugging takes more.
const MEMORY: u64 = 74 << 20;
/// People who chat, each in a room of their own with a second screen.
const PEOPLE: usize = 4;

/// The two screens of person `n`, in a room of their own.
fn screens(house: &House, server: &Server, n: usize) -> [Member; 2] {
    let token = house.token(&format!("person{n}"));
    let recipe = json!({ "title": format!("Soup {n}"), "steps": ["Boil it."] });
    let home = Ipv4Addr::new(127, 0, 0, 2);
    let made = call(server.address, home, "POST", "/v1/recipes", Some(&token), &recipe);
    let (status, recipe) = made.unwrap();
    assert_eq!(status, 201, "{recipe}");
    let room = recipe["id"].as_str().unwrap();
    [0, 1].map(|_| Member::join(server.address, home, room, &token))
}

/// Speaks on one screen and hears it on the other, until it `is_over`: how often.
fn chat(n: usize, mut screens: [Member; 2], is_over: &AtomicBool) -> u64 {
    let mut rounds = 0_u64;
    while !is_over.load(Ordering::Relaxed) || rounds < 20 {
        rounds += 1;
        let [mine, other] = &mut screens;
        // Answered in order, and heard on the other screen: nobody is closed.
        let content = format!("Rename to {n} after {rounds}");
        let id = mine.say(&content);
        let answer = mine.answer(&id);
        assert_eq!(answer["type"], "recipe_update", "{answer}");
        assert_eq!(other.heard(&id)["payload"]["content"], content);
        screens.reverse();
    }
    rounds
}

#[test]
fn attacked_server_stays_within_its_memory() {
    let house = House::new(MEMORY);
    let server = house.open();
    let target = Target::new(&server, &house);
    let is_over = AtomicBool::new(false);
    let said: u64 = std::thread::scope(|scope| {
        let people: Vec<_> = (0..PEOPLE)
            .map(|n| {
                let screens = screens(&house, &server, n);
                let is_over = &is_over;
                scope.spawn(move || chat(n, screens, is_over))
            })
            .collect();
        // Passwords are hashed all the time: one takes more memory than anything else.
        let sign_ups = scope.spawn(|| {
            let mut made = 0;
            for n in 0_u32.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                made += u32::from(sign_up(&target, n) == 201);
            }
            made
        });
        for (_, attack) in ATTACKS {
            attack(&target);
        }
        let attackers: Vec<_> =
            ATTACKS.iter().map(|(name, attack)| (name, scope.spawn(|| attack(&target)))).collect();
        for (name, attacker) in attackers {
            assert!(attacker.join().is_ok(), "{name}");
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(sign_ups.join().unwrap() > 3);
        people.into_iter().map(|person| person.join().unwrap()).sum()
    });
    let peak = server.peak_bytes();
    let hits = server.admin.limit_hits();
    println!("{said} messages; at most {} KiB; {}; {hits:?}", peak >> 10, house.cage());
    assert!(server.is_running());
    assert!(peak <= MEMORY, "{} KiB at the peak", peak >> 10);
    assert!(said >= 20 * PEOPLE as u64);
    // It was an attack: each budget was exceeded, and somebody went for it; of slow readers for their
    // own bound, where the server is quick enough to fill that first.
    for budget in ["pending_input_total", "member_input_total"] {
        assert!(hits[budget] > 0, "{budget}: {hits:?}");
    }
    assert!(hits["outbound_total"] + hits["outbound_bytes"] > 0, "{hits:?}");
}
