//! Passwords: who hashes most, who guesses most, and who is guessed at.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{attacker_at, victim_at};
use crate::Bench;
use crate::client::{Answer, Chat, Origin, Outcome};
use crate::contest::{Attacker, Victim, contest};
use crate::report::Report;
use crate::server::token;

/// Between two attempts, where the server does not say.
const RETRY: Duration = Duration::from_millis(250);
/// Guesses of one burst.
const BURST: u32 = 130;

/// Somebody who has signed up.
pub(super) struct Account {
    credentials: Value,
    pub(super) refresh_token: String,
}

/// Signs up.
pub(super) fn sign_up(origin: &Origin, name: &str) -> Outcome<Account> {
    let password = format!("quilted-{name}-harbour-93");
    let credentials = json!({ "email": format!("{name}@example.com"), "password": password });
    let answer = origin.expect("POST /v1/auth/signup", None, Some(&credentials))?;
    let refresh_token = answer.field("refresh_token").unwrap_or_default().to_owned();
    Ok(Account { credentials, refresh_token })
}

fn sign_in(origin: &Origin, credentials: &Value) -> Outcome<Answer> {
    origin.call("POST /v1/auth/signin", None, Some(credentials))
}

/// Sign-ins of others while one account signs in on many connections.
pub(super) fn hashes(bench: &Bench) -> Result<Report, Box<dyn Error>> {
    let servers = bench.start_two(&["--app", "recipes"], &[])?;
    let mut victims = Vec::new();
    for index in 1..=6 {
        let origin = servers.own.origin(victim_at(index));
        let credentials = sign_up(&origin, &format!("victim-{index}"))?.credentials;
        victims.push(Victim::new("sign-in", 8, move || {
            origin.expect("POST /v1/auth/signin", None, Some(&credentials)).map(drop)
        }));
    }
    let attacks = servers.attacks(|server, stop| {
        let origin = server.origin_until(attacker_at(1), stop);
        let credentials = sign_up(&origin, "mallory")?.credentials;
        let attacker = |_| {
            let mut request = origin.prepare("POST /v1/auth/signin", None, Some(&credentials));
            Attacker::new(move || request.send())
        };
        Ok((0..32).map(attacker).collect())
    })?;
    Ok(Report::of(contest(bench.phase, victims, attacks)))
}

/// How many guesses of one burst are verified, and when the chat of their address works again.
pub(super) fn guesses(bench: &Bench) -> Result<Report, Box<dyn Error>> {
    let server = bench.start(&["--app", "recipes"], &[])?;
    let origin = server.origin(attacker_at(1));
    let verified = AtomicU32::new(0);
    thread::scope(|scope| {
        for index in 0..BURST {
            let (origin, verified) = (&origin, &verified);
            scope.spawn(move || guess(origin, &format!("nobody-{index}"), verified));
        }
    });
    let room = crate::server::recipe(&server.origin(victim_at(1)), "victim")?;
    let waited = until_it_works(bench, || {
        Chat::join(&origin, &room, &token("victim")).map(Chat::leave).map_err(|_| None)
    });
    let mut report = Report::default();
    let verified = verified.into_inner();
    report.share("guesses verified at once", format!("{verified} of {BURST}"));
    report.wait("wait until the chat of that address works", waited, bench.patience);
    Ok(report)
}

/// One account from everywhere: how many guesses are verified, and when its owner gets in.
pub(super) fn one_account(bench: &Bench) -> Result<Report, Box<dyn Error>> {
    let server = bench.start(&["--app", "recipes"], &[])?;
    let (known, new) = (server.origin(victim_at(1)), server.origin(victim_at(2)));
    let owner = sign_up(&known, "victim")?.credentials;
    let (stop, verified) = (Arc::new(AtomicBool::new(false)), AtomicU32::new(0));
    let began = Instant::now();
    let (guessed, seconds, from_known, from_new) = thread::scope(|scope| {
        for index in 1..=40 {
            let origin = server.origin_until(attacker_at(index), &stop);
            let (verified, stop) = (&verified, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    if !guess(&origin, "victim", verified) {
                        thread::sleep(Duration::from_millis(100));
                    }
                }
            });
        }
        thread::sleep(bench.phase);
        let (guessed, seconds) = (verified.load(Ordering::Relaxed), began.elapsed().as_secs_f64());
        // Where the owner has signed in before, it is let in at once; elsewhere after some attempts.
        let from_known = sign_in(&known, &owner).is_ok_and(|answer| answer.status != 429);
        let from_new = until_it_works(bench, || enter(&new, &owner));
        stop.store(true, Ordering::Relaxed);
        (guessed, seconds, from_known, from_new)
    });
    let mut report = Report::default();
    report.share(&format!("guesses verified in {seconds:.1} s"), guessed.to_string());
    let measure = "first attempts of the owner, from a known address, that were let through";
    report.kept(measure, usize::from(from_known), 1, String::new());
    report.wait("wait of the owner, from a new address", from_new, bench.patience);
    Ok(report)
}

/// A wrong password: whether it was verified.
fn guess(origin: &Origin, name: &str, verified: &AtomicU32) -> bool {
    let credentials =
        json!({ "email": format!("{name}@example.com"), "password": "not-that-one-4" });
    let is_verified = sign_in(origin, &credentials).is_ok_and(|answer| answer.status == 401);
    verified.fetch_add(u32::from(is_verified), Ordering::Relaxed);
    is_verified
}

/// Signs in; refused, how long to wait.
fn enter(origin: &Origin, credentials: &Value) -> Result<(), Option<Duration>> {
    match sign_in(origin, credentials) {
        Ok(Answer { status: 200, .. }) => Ok(()),
        Ok(answer) => Err(answer.retry_after.map(Duration::from_secs)),
        Err(_) => Err(None),
    }
}

/// Tries until it works, as often as it is told to: how long that took, or `None`.
fn until_it_works(
    bench: &Bench,
    mut attempt: impl FnMut() -> Result<(), Option<Duration>>,
) -> Option<Duration> {
    let began = Instant::now();
    while began.elapsed() < bench.patience && !bench.stop.load(Ordering::Relaxed) {
        match attempt() {
            Ok(()) => return Some(began.elapsed()),
            Err(wait) => {
                let left = bench.patience.saturating_sub(began.elapsed());
                thread::sleep(wait.unwrap_or(RETRY).min(left));
            }
        }
    }
    None
}
