//! An HTTP backend that is made to fail, to be slow, or to answer at length.

use std::error::Error;
use std::thread;
use std::time::Duration;

use super::{attacker_at, chatters, sayer};
use crate::Bench;
use crate::client::{Chat, Origin, Outcome};
use crate::contest::{Attacker, Victim, contest};
use crate::report::Report;
use crate::server::{Server, Servers, VICTIMS, token};
use crate::stub::{LARGE, POISON, SLOW, Stub};

/// Connections of the breaker's attacker, and how often each sends a message in a phase: all of a
/// user's allowance.
const POISON_CONNECTIONS: u32 = 5;
const POISON_TIMES: u32 = 6;
/// `limits.answer_bytes` of the row.
const ANSWER_BYTES: &str = "64KiB";

/// Failures of one user's calls: joins and messages of others.
pub(super) fn breaker(bench: &Bench) -> Result<Report, Box<dyn Error>> {
    let stubs = [Stub::start()?, Stub::start()?];
    let servers = start_two(bench, &stubs)?;
    let victims = clients(bench, &servers.own)?;
    let attacks = servers.attacks(|server, stop| {
        let attacker = |index| {
            let origin = server.origin_until(attacker_at(1), stop);
            poisoner(origin, format!("poison-{index}"), bench.phase / POISON_TIMES)
        };
        Ok((0..POISON_CONNECTIONS).map(attacker).collect())
    })?;
    Ok(Report::of(contest(bench.phase, victims, attacks)))
}

/// A connection of a user whose messages and leaves fail: all such connections at the same moments.
fn poisoner<'a>(origin: Origin, room: String, distance: Duration) -> Attacker<'a> {
    Attacker::new(move || {
        thread::sleep(distance);
        let mut chat = Chat::join(&origin, &room, &token(POISON))?;
        let said = chat.say(POISON);
        chat.leave();
        said
    })
}

/// Workers that wait for four users' messages: joins and messages of others.
pub(super) fn workers(bench: &Bench) -> Result<Report, Box<dyn Error>> {
    let stubs = [Stub::start()?, Stub::start()?];
    let servers = start_two(bench, &stubs)?;
    let victims = clients(bench, &servers.own)?;
    let attacks = servers.attacks(|server, stop| {
        let attacker = |index| {
            let (room, user) = (format!("slow-{index}"), format!("mallory-{}", index % 4));
            let origin = server.origin_until(attacker_at(1), stop);
            sayer(origin, room, user, SLOW.to_owned(), false)
        };
        Ok((0..20).map(attacker).collect())
    })?;
    Ok(Report::of(contest(bench.phase, victims, attacks)))
}

/// Two servers, each with a backend of its own.
fn start_two(bench: &Bench, stubs: &[Stub; 2]) -> Result<Servers, Box<dyn Error>> {
    let start = |stub: &Stub| bench.start(&["--backend", &stub.url()], &[]);
    let [own, other] = stubs;
    Ok(Servers { own: start(own)?, other: start(other)? })
}

/// Clients that chat, and clients that join.
fn clients<'a>(bench: &Bench, server: &Server) -> Outcome<Vec<Victim<'a>>> {
    let origin = server.origin(VICTIMS);
    let join = |index: u8| {
        let user = format!("victim-{index}");
        Chat::join(&origin, &user, &token(&user))
    };
    let mut victims = chatters(bench, 20, "hello", join)?;
    for index in 1..=8 {
        let (origin, user) = (origin.clone(), format!("newcomer-{index}"));
        victims.push(Victim::new("join", 8, move || {
            Chat::join(&origin, &user, &token(&user)).map(Chat::leave)
        }));
    }
    Ok(victims)
}

/// The memory of answers, filled by one user: whether a message that is sent again is executed again.
pub(super) fn answers(bench: &Bench) -> Result<Report, Box<dyn Error>> {
    let stub = Stub::start()?;
    let server =
        bench.start(&["--backend", &stub.url()], &[("limits.answer_bytes", ANSWER_BYTES)])?;
    let origin = server.origin(VICTIMS);
    let say = |index: u8| -> Outcome {
        let user = format!("victim-{index}");
        let mut chat = Chat::join(&origin, &user, &token(&user))?;
        chat.say_as(&format!("again-{index}"), "hello")?;
        chat.leave();
        Ok(())
    };
    (1..=10).try_for_each(say)?;
    let attacker = server.origin(attacker_at(1));
    let mut filled = 0;
    for room in ["large-1", "large-2", "large-3"] {
        let mut chat = Chat::join(&attacker, room, &token("mallory"))?;
        while filled < 100 && chat.say(LARGE).is_ok() {
            filled += 1;
        }
    }
    let mut report = Report::default();
    let again = (1..=10).filter(|&index| say(index).is_err()).count();
    if again > 0 {
        report.faults.push(format!("{again} of 10 got no answer when they sent it again"));
    }
    let once = (1..=10).filter(|index| stub.executed(&format!("again-{index}")) == 1).count();
    report.kept("messages sent again that were executed once", once, 10, format!("{filled} done"));
    Ok(report)
}
