//! What a chat message and an arrival take of instructions, counted and not timed: the same on a busy
//! machine.
//!
//! This needs valgrind. It runs `chats`, `repeats` or `arrivals` under callgrind, whose count of
//! instructions is then divided by how many there were. The release profile strips the symbols by which
//! callgrind finds what is measured, so this takes the profile that keeps them:
//!
//! ```sh
//! cargo bench --profile profiling --bench counted --no-run
//! valgrind --tool=callgrind --collect-atstart=no --toggle-collect='*measured*' \
//!     target/profiling/deps/counted-… chats 2000
//! ```
//!
//! Valgrind has no SHA instructions, so some 13,000 of an arrival are SHA-256 and SHA-1 in software,
//! which a processor that has them does not execute.
//!
//! A chat message goes in, is framed for one other member of its room and answered from memory;
//! every byte in and out of the node is in it. `arrivals` are accept, upgrade, `auth`,
//! acknowledgement, and a reset. The making of the client's bytes is in neither. How many
//! allocations they take is in `tests/allocations.rs`.
#![expect(clippy::unwrap_used, reason = "a bench that cannot start must say so")]

pub mod support;

use serde_json::json;
use support::{Driver, message, token, upgrade};
use vestibule::id::ConnId;
use vestibule::node::Hangup;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let what = arguments.next();
    let count = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(0);
    match what.as_deref() {
        Some("arrivals") => arrivals(count),
        Some("repeats") => chats(count, |number| number % 8),
        _ => chats(count, |number| number),
    }
}

/// The measured part: callgrind looks for its name.
#[inline(never)]
fn measured(work: impl FnOnce()) {
    work();
}

fn chats(count: usize, id_of: impl Fn(usize) -> usize) {
    let mut driver = Driver::with_memory_app();
    let [alice, _] = ["alice", "bob"].map(|user| {
        let id = driver.accept();
        driver.bytes(id, &mut upgrade("soup"));
        driver.bytes(id, &mut message("auth", "a1", &json!({ "token": token(user) })));
        assert!(driver.node.is_authenticated(id));
        id
    });
    let chat = |number: usize| {
        let number = id_of(number);
        let content = format!("Scale to 8 servings, please: {number}");
        message("chat_message", &format!("msg-{number}"), &json!({ "content": content }))
    };
    let say = |driver: &mut Driver, id: ConnId, mut chats: Vec<Vec<u8>>| {
        for chat in &mut chats {
            assert!(driver.bytes(id, chat) > 0);
        }
    };
    say(&mut driver, alice, (0..64).map(chat).collect());
    let chats: Vec<Vec<u8>> = (64..64 + count).map(chat).collect();
    measured(|| say(&mut driver, alice, chats));
}

fn arrivals(count: usize) {
    let mut driver = Driver::with_memory_app();
    let token = token("alice");
    let arrive = |driver: &mut Driver, (mut upgrade, mut auth): (Vec<u8>, Vec<u8>)| {
        let id = driver.accept();
        driver.bytes(id, &mut upgrade);
        driver.bytes(id, &mut auth);
        assert!(driver.node.is_authenticated(id));
        driver.node.handle_hangup(driver.now, id, Hangup::Reset);
        driver.settle();
    };
    let script = |number: usize| {
        (upgrade("soup"), message("auth", &format!("a{number}"), &json!({ "token": token })))
    };
    (0..64).for_each(|number| arrive(&mut driver, script(number)));
    let scripts: Vec<_> = (64..64 + count).map(script).collect();
    measured(|| scripts.into_iter().for_each(|script| arrive(&mut driver, script)));
}
