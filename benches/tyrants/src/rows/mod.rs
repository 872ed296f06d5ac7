//! The rows. To add one: a function from [`Bench`] to [`Report`] in the file of its subject, and an
//! entry of [`ROWS`].

mod accounts;
mod backend;
mod chat;
mod places;
mod tables;

use std::net::Ipv4Addr;

use crate::Bench;
use crate::client::{Chat, Fault, Origin, Outcome};
use crate::contest::{Attacker, Victim};
use crate::report::Row;
use crate::server::token;

/// All rows, in the order of the table.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "storage",
        attack: "24 accounts send texts of 16 KB that take long to understand",
        run: chat::storage,
    },
    Row {
        name: "storage-one",
        attack: "one account does, on 5 connections, and reconnects when it is refused",
        run: chat::storage_of_one,
    },
    Row {
        name: "messages",
        attack: "one account reconnects to renew its allowance of messages",
        run: chat::messages,
    },
    Row {
        name: "responses",
        attack: "one token asks for its largest page on 8 connections",
        run: chat::responses,
    },
    Row {
        name: "disk",
        attack: "4 accounts store recipes of 60 KB as fast as they can",
        run: chat::disk,
    },
    Row {
        name: "http-places",
        attack: "2 addresses send 512 bodies, a byte a second",
        run: places::http,
    },
    Row {
        name: "pending",
        attack: "42 addresses hold as many silent connections as they may",
        run: places::pending,
    },
    Row {
        name: "hashes",
        attack: "one account signs in with the right password on 32 connections",
        run: accounts::hashes,
    },
    Row {
        name: "guesses",
        attack: "one address guesses the passwords of 130 accounts at once",
        run: accounts::guesses,
    },
    Row {
        name: "one-account",
        attack: "40 addresses guess the password of one account",
        run: accounts::one_account,
    },
    Row {
        name: "breaker",
        attack: "one user's messages and leaves are answered 500 by the backend",
        run: backend::breaker,
    },
    Row {
        name: "workers",
        attack: "4 users on 20 connections send messages that take the backend 2 s",
        run: backend::workers,
    },
    Row { name: "answers", attack: "one user fills the memory of answers", run: backend::answers },
    Row {
        name: "replays",
        attack: "one user presents good tokens as fast as it can",
        run: tables::replays,
    },
    Row { name: "rooms", attack: "one user creates as many rooms as it can", run: tables::rooms },
    Row {
        name: "ends",
        attack: "one user connects and disconnects as often as it can, at most 5,000 times",
        run: tables::ends,
    },
];

/// An address of attackers.
fn attacker_at(index: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, index)
}

/// An address of victims that do not share one.
fn victim_at(index: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 2, index)
}

/// Victims that chat: each in a room of its own, where `join` puts it.
fn chatters<'a>(
    bench: &Bench,
    count: u8,
    content: &'static str,
    join: impl Fn(u8) -> Outcome<Chat>,
) -> Outcome<Vec<Victim<'a>>> {
    let chatter = |index| {
        let mut chat = join(index)?;
        Ok(Victim::new("chat", bench.messages(), move || chat.say(content)))
    };
    (1..=count).map(chatter).collect()
}

/// An attacker that sends one message after the other in `room`, and comes back when it is cut off;
/// with `reconnects`, also when it is refused.
fn sayer<'a>(
    origin: Origin,
    room: String,
    user: String,
    content: String,
    reconnects: bool,
) -> Attacker<'a> {
    let mut chat = None;
    Attacker::new(move || {
        let open = match &mut chat {
            Some(open) => open,
            None => chat.insert(Chat::join(&origin, &room, &token(&user))?),
        };
        let said = open.say(&content);
        match said {
            Err(Fault::Closed(_)) => chat = None,
            Err(Fault::Refused(_)) if reconnects => {
                if let Some(chat) = chat.take() {
                    chat.leave();
                }
            }
            _ => {}
        }
        said
    })
}
