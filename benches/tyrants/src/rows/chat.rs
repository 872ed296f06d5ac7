//! Chat of others, while one user has the database, the disk or the outgoing bytes to do a lot.

use std::error::Error;
use std::time::Instant;

use serde_json::{Value, json};

use super::{attacker_at, chatters, sayer};
use crate::Bench;
use crate::client::{Chat, Fault, Origin, Outcome};
use crate::contest::{Attacker, Victim, contest, contest_from_the_start};
use crate::report::Report;
use crate::server::{Server, VICTIMS, cook, recipe, token};

const VICTIM_COUNT: u8 = 40;
/// What victims say in recipes of their own.
const SCALE: &str = "Scale to 8 servings";
/// The allowance of a user: at once, and then a second.
const BURST: f64 = 30.0;
const PER_SECOND: f64 = 0.5;

/// 24 accounts, each on one connection.
pub(super) fn storage(bench: &Bench) -> Result<Report, Box<dyn Error>> {
    let attackers: Vec<_> = (1..=24).map(|index| format!("mallory-{index}")).collect();
    expensive_texts(bench, &attackers, false)
}

/// One account on as many connections as it may have.
pub(super) fn storage_of_one(bench: &Bench) -> Result<Report, Box<dyn Error>> {
    expensive_texts(bench, &vec!["mallory".to_owned(); 5], true)
}

fn expensive_texts(
    bench: &Bench,
    users: &[String],
    reconnects: bool,
) -> Result<Report, Box<dyn Error>> {
    let servers = bench.start_two(&["--app", "recipes"], &[])?;
    let victims = cooks(bench, &servers.own)?;
    let text = format!("Extract recipe from: {}", "1 min and ".repeat(1_630));
    let attacks = servers.attacks(|server, stop| {
        let attacker = |user: &String| {
            let origin = server.origin_until(attacker_at(1), stop);
            let room = recipe(&origin, user)?;
            Ok(sayer(origin, room, user.clone(), text.clone(), reconnects))
        };
        users.iter().map(attacker).collect()
    })?;
    Ok(Report::of(contest(bench.phase, victims, attacks)))
}

/// Victims with recipes of their own.
fn cooks<'a>(bench: &Bench, server: &Server) -> Outcome<Vec<Victim<'a>>> {
    let origin = server.origin(VICTIMS);
    chatters(bench, VICTIM_COUNT, SCALE, |index| cook(&origin, &format!("victim-{index}")))
}

/// How many messages are accepted of a user who reconnects whenever one is refused.
pub(super) fn messages(bench: &Bench) -> Result<Report, Box<dyn Error>> {
    let server = bench.start(&["--app", "memory"], &[])?;
    let origin = server.origin(attacker_at(1));
    let (mut accepted, mut connections) = (0, 0);
    let began = Instant::now();
    while began.elapsed() < bench.phase {
        // Beyond its allowance of tokens, it is refused here.
        let Ok(mut chat) = Chat::join(&origin, "mine", &token("mallory")) else { continue };
        connections += 1;
        loop {
            match chat.say("hello") {
                Ok(()) => accepted += 1,
                Err(Fault::Refused(_)) => break chat.leave(),
                Err(_) => break,
            }
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let allowance = (BURST + PER_SECOND * seconds).ceil();
    let mut report = Report::default();
    report.share(
        &format!("messages accepted in {seconds:.0} s, on {connections} connections"),
        format!("{accepted}; the allowance of one user is {allowance}"),
    );
    if f64::from(accepted) > allowance + 1.0 {
        report.faults.push(format!("{accepted} messages accepted where {allowance} are allowed"));
    }
    Ok(report)
}

/// The largest page there is: 200 summaries, as many bytes as fit.
pub(super) fn responses(bench: &Bench) -> Result<Report, Box<dyn Error>> {
    let servers = bench.start_two(&["--app", "recipes"], &[])?;
    let victims = cooks(bench, &servers.own)?;
    let token = token("mallory");
    let attacks = servers.attacks(|server, stop| {
        let origin = server.origin_until(attacker_at(1), stop);
        let tags = vec!["tag".repeat(30); 50];
        let draft = json!({ "title": "t".repeat(200), "tags": tags });
        for _ in 0..30 {
            origin.expect("POST /v1/recipes", Some(&token), Some(&draft))?;
        }
        let attacker = |_| {
            let mut request = origin.prepare("GET /v1/recipes", Some(&token), None);
            Attacker::new(move || request.send())
        };
        Ok((0..8).map(attacker).collect())
    })?;
    let origin = servers.own.origin(attacker_at(1));
    let page = origin.expect("GET /v1/recipes", Some(&token), None)?.text.len();
    // Most of its allowance is used up within a tenth of a second.
    let contest = contest_from_the_start(bench.phase, victims, attacks);
    let mut report = Report::of(contest);
    report.share("bytes of a page", page.to_string());
    Ok(report)
}

/// Recipes as large as they may be. Whoever writes that much is refused at some point; others are
/// not, and new clients are accepted.
pub(super) fn disk(bench: &Bench) -> Result<Report, Box<dyn Error>> {
    let keys = [("recipes.disk", "64MiB"), ("recipes.bytes_per_user", "1MiB")];
    let servers = bench.start_two_on_disk(&["--app", "recipes"], &keys)?;
    let mut victims = cooks(bench, &servers.own)?;
    let admin = servers.own.admin_origin();
    victims.push(Victim::new("readiness", bench.messages(), move || {
        admin.expect("GET /readyz", None, None).map(drop)
    }));
    let attacks = servers.attacks(|server, stop| {
        let writer = |index| writer(&server.origin_until(attacker_at(index), stop), index);
        Ok((1..=4).map(writer).collect())
    })?;
    let mut report = Report::of(contest(bench.phase, victims, attacks));
    let mebibytes = servers.own.database_bytes() / (1 << 20);
    report.share("size of the database, MiB", mebibytes.to_string());
    Ok(report)
}

/// An account that stores one large recipe after the other.
fn writer<'a>(origin: &Origin, index: u8) -> Attacker<'a> {
    let steps: Vec<Value> = (0..12).map(|_| "s".repeat(4_990).into()).collect();
    let (draft, token) = (json!({ "title": "large", "steps": steps }), token(&format!("w{index}")));
    let mut request = origin.prepare("POST /v1/recipes", Some(&token), Some(&draft));
    Attacker::new(move || request.send())
}
