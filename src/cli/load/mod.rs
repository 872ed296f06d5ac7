//! `vestibule load`: how many connections and authentications a second a server holds.
//!
//! The load test shares its machine with the server it measures, so it is built to cost little:
//! one thread over mio, every message prebuilt, answers recognised by searching their bytes.
//! Layers, each on those below it:
//!
//! ```text
//! idle pending storm chat fanout mixed surge  scenarios: straight lines of scripts
//! crowd                                   the scripts that several of them share
//! engine ── polls, alarm, progress        sockets, the clock, a client's life
//! peer ── client, wire, target            one socket; its bytes in, its bytes out; addresses
//! probe ── proc    report    args         what the server used; what is printed; what is asked
//! ```

mod alarm;
mod args;
mod chat;
mod client;
mod crowd;
mod engine;
mod fanout;
mod idle;
mod mixed;
mod peer;
mod pending;
mod polls;
mod probe;
mod proc;
mod progress;
mod report;
mod storm;
mod surge;
mod target;
mod wire;

use std::io::{self, Write as _};
use std::time::SystemTime;

use vestibule::config::Auth;
use vestibule::time::UnixTime;

pub(crate) use self::args::Args;
use self::args::Scenario;
use self::engine::{Engine, Setup};
use self::probe::Probe;
use self::progress::Progress;
use self::report::{Measured, Report};
use self::target::{Sources, Target};
use self::wire::{Signer, Wire};

/// Plays the scenario and prints its result on standard output.
///
/// `secret` is the HS256 key that tokens are signed with: the server's. `auth` tells the issuer
/// and the audience that it asks for.
///
/// # Errors
///
/// One line for standard error: what is wrong with the request, or, after the result is printed,
/// how much failed.
pub(crate) fn run(args: &Args, auth: &Auth, secret: &[u8]) -> Result<(), String> {
    let Args { scenario, common } = args;
    let target = Target::parse(&common.url)?;
    let needs = scenario.needs(common.concurrency);
    target::make_room(needs.sockets)?;
    let (now, run) = wall_clock();
    let signer = Signer::new(auth, secret);
    let mut engine = Engine::new(Setup {
        sources: Sources::new(target.address, common.sources, needs.sockets)?,
        target: target.address,
        wire: Wire::new(&target.host, needs.users, &signer, now, run)?,
        concurrency: common.concurrency,
        timeout: common.timeout.get(),
        progress: Progress::new(),
    })
    .map_err(|error| format!("cannot set up a poll: {error}"))?;
    let probe = Probe::new(common.pid)?;
    let measured = play(scenario, &mut engine, &probe, common.concurrency);
    engine.hide();
    let measured = measured?;
    let failures = engine.failures().clone();
    let asked = engine.auth_required();
    let report = Report::new(scenario.name(), &common.url, &measured, failures, asked);
    print(&report, common.json).map_err(|error| format!("cannot print the result: {error}"))?;
    report.fault().map_or(Ok(()), Err)
}

fn play(
    scenario: &Scenario,
    engine: &mut Engine,
    probe: &Probe,
    concurrency: u32,
) -> Result<Measured, String> {
    match scenario {
        Scenario::Idle(options) => idle::run(engine, probe, options),
        Scenario::Pending(options) => pending::run(engine, probe, options),
        Scenario::Storm(options) => storm::run(engine, probe, options, concurrency),
        Scenario::Chat(options) => chat::run(engine, probe, options),
        Scenario::Fanout(options) => fanout::run(engine, probe, options),
        Scenario::Mixed(options) => mixed::run(engine, probe, options, concurrency),
        Scenario::Surge(options) => surge::run(engine, probe, options),
    }
}

fn print(report: &Report, is_json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if is_json {
        serde_json::to_writer(&mut out, report)?;
        writeln!(out)
    } else {
        writeln!(out, "{report}")
    }
}

/// The time for claims and timestamps, and a number that no other run has.
#[expect(clippy::disallowed_methods, reason = "the load test is a driver: it hands time down")]
fn wall_clock() -> (UnixTime, u64) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let whole = |number| u64::try_from(number).unwrap_or(u64::MAX);
    (UnixTime::from_millis(whole(now.as_millis())), whole(now.as_micros()))
}

#[cfg(test)]
mod tests;
