//! `vestibule load`: how many connections and authentications a second a server holds.
//!
//! The load test shares its machine with the server it measures, so it is built to cost little:
//! one thread over mio, every message prebuilt, answers recognised by searching their bytes.
//! Layers, each importing only those below it:
//!
//! ```text
//! silent storm chat fanout mixed surge returning   scenarios: straight lines of scripts
//! crowd    paced_chat                    the scripts that several scenarios share
//! engine ── polls, wake_timer            sockets, the clock, the life cycle of a client
//! peer ── client, wire, target, secure   one socket; its input, its output; addresses; TLS
//! meter    report ── figures    args      the server's resource use; results; arguments
//! ```

mod args;
mod chat;
mod client;
mod crowd;
mod engine;
mod fanout;
mod figures;
mod listener_watch;
mod meter;
mod mixed;
mod paced_chat;
mod peer;
mod polls;
mod report;
mod returned;
mod returning;
#[cfg(not(feature = "tls"))]
#[path = "plain.rs"]
mod secure;
#[cfg(feature = "tls")]
mod secure;
mod silent;
mod storm;
mod surge;
mod target;
mod wake_timer;
mod wire;

use std::io::{self, Write as _};
use std::time::SystemTime;

use vestibule::config::Auth;
use vestibule::time::UnixTime;

pub(crate) use self::args::LoadArgs;
use self::args::LoadScenario;
use self::engine::{LoadEngine, Setup};
use self::meter::ResourceMeter;
use self::report::{LoadReport, Measured, Progress};
use self::secure::LoadTls;
use self::target::Sources;
use self::wire::{Signer, Wire};
use super::server_address::ServerAddress;

/// Runs the scenario and prints its result to standard output.
///
/// `secret` is the server's HS256 key, which signs the tokens. `auth` has the issuer and the
/// audience that the server requires.
///
/// # Errors
///
/// One line for standard error: what is wrong with the arguments, or, after the result was printed,
/// how many operations failed.
pub(crate) fn run(args: &LoadArgs, auth: &Auth, secret: &[u8]) -> Result<(), String> {
    let LoadArgs { scenario, common } = args;
    let target = ServerAddress::parse_any(&common.url)?;
    let tls = target.is_secure.then(|| LoadTls::new(&target, common)).transpose()?;
    let needs = scenario.needs(common.concurrency);
    target::raise_descriptor_limit(needs.sockets)?;
    let (now, run) = wall_clock();
    let signer = Signer::new(auth, secret);
    let mut engine = LoadEngine::new(Setup {
        sources: Sources::new(target.address, common.sources, needs.sockets)?,
        target: target.address,
        tls,
        wire: Wire::new(&target.host, needs.users, &signer, now, run)?,
        concurrency: common.concurrency,
        timeout: common.timeout.get(),
        progress: Progress::new(),
    })
    .map_err(|error| format!("cannot set up a poll: {error}"))?;
    let meter = ResourceMeter::new(&common.pid)?;
    let measured = match scenario {
        LoadScenario::Return(options) => {
            let users = 0..options.connections;
            let tokens: Result<Vec<_>, _> = users.map(|user| signer.token(user, now)).collect();
            tokens.and_then(|tokens| {
                returning::run(&mut engine, &meter, (options, target.address), tokens)
            })
        }
        _ => play(scenario, &mut engine, &meter, common.concurrency),
    };
    engine.hide();
    let measured = measured?;
    let failures = engine.failures().clone();
    let asked = engine.auth_required();
    let report = LoadReport::new(scenario.name(), &common.url, &measured, failures, asked);
    print(&report, common.json).map_err(|error| format!("cannot print the result: {error}"))?;
    report.fault().map_or(Ok(()), Err)
}

fn play(
    scenario: &LoadScenario,
    engine: &mut LoadEngine,
    meter: &ResourceMeter,
    concurrency: u32,
) -> Result<Measured, String> {
    match scenario {
        LoadScenario::Idle(options) => silent::run_idle(engine, meter, options),
        LoadScenario::Pending(options) => silent::run_pending(engine, meter, options),
        LoadScenario::Storm(options) => storm::run(engine, meter, options, concurrency),
        LoadScenario::Chat(options) => chat::run(engine, meter, options),
        LoadScenario::Fanout(options) => fanout::run(engine, meter, options),
        LoadScenario::Mixed(options) => mixed::run(engine, meter, options, concurrency),
        LoadScenario::Surge(options) => surge::run(engine, meter, options),
        LoadScenario::Return(_) => Err("it has tokens of its own".to_owned()),
    }
}

fn print(report: &LoadReport, is_json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if is_json {
        serde_json::to_writer(&mut out, report)?;
        writeln!(out)
    } else {
        writeln!(out, "{report}")
    }
}

/// The time for claims and timestamps, and a number that is unique to this run.
#[expect(clippy::disallowed_methods, reason = "the load test is a driver: it hands time down")]
fn wall_clock() -> (UnixTime, u64) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let whole = |number| u64::try_from(number).unwrap_or(u64::MAX);
    (UnixTime::from_millis(whole(now.as_millis())), whole(now.as_micros()))
}

#[cfg(test)]
mod tests;
