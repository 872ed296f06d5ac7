//! Runs the same load test against Vestibule, the floor, the tokio peer and whatever `--peer`
//! names, in turn, and prints what they cost side by side.
//!
//! Machines drift: another tenant, a warmer core, a fuller page cache. So the servers take turns
//! within every round, the order rotates, each run has a fresh process, and a ratio is taken
//! within its round before the median is.

mod plan;
mod process;
mod results;
mod server;
mod stats;
mod table;

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Parser;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::register;

use crate::plan::Scenario;
use crate::process::{Process, Watch};
use crate::results::{Outcome, Run};
use crate::server::{OURS, Server};

/// Signs the tokens of load test and servers; nothing else ever sees it.
const SECRET: &str = "compare-compare-compare-compare-compare";

/// Vestibule beside other servers under the same load test.
#[derive(Debug, Parser)]
#[command(name = "compare")]
struct Arguments {
    /// Our binary, built with the release profile.
    #[arg(long, default_value = "target/release/vestibule")]
    vestibule: PathBuf,
    /// The binary whose `load` is run; default: ours.
    #[arg(long)]
    load: Option<PathBuf>,
    /// A further server, as NAME=COMMAND: split on spaces, {addr} and {port} replaced. Without
    /// either, the command prints where it listens.
    #[arg(long, value_name = "NAME=COMMAND", value_parser = server::parse_peer)]
    peer: Vec<Server>,
    /// Servers that are left out: vestibule, floor, tokio.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    without: Vec<String>,
    /// Scenarios, separated by commas; default: all.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Rounds; under five, a range says little.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Small counts: whether everything runs, not what it costs.
    #[arg(long)]
    quick: bool,
    /// Seconds after which one run counts as failed.
    #[arg(long, default_value_t = 180, value_name = "SECONDS")]
    timeout: u64,
    /// Where the raw results go, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        register(signal, Arc::clone(&stop))?;
    }
    let servers = servers(&arguments)?;
    let load = arguments.load.as_ref().unwrap_or(&arguments.vestibule);
    let scenarios = plan::chosen(&arguments.only);

    let runs = play(&arguments, &servers, load, &scenarios, &stop);
    if let Some(file) = &arguments.json {
        fs::write(file, serde_json::to_string_pretty(&runs)?)?;
    }
    let names: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
    let cores = available_parallelism().map_or(0, usize::from);
    println!("{} rounds, {cores} cores, medians (min–max).", arguments.rounds);
    for &scenario in &scenarios {
        let of_scenario: Vec<&Run> = runs.iter().filter(|run| run.scenario == scenario).collect();
        if !of_scenario.is_empty() {
            print!("\n{}", table::markdown(scenario, &names, &of_scenario));
        }
    }
    let planned = plan::turns(servers.len(), arguments.rounds) * scenarios.len();
    let is_whole = runs.len() == planned && runs.iter().all(Run::is_clean);
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All servers, ours first. Our peers lie beside this binary: cargo puts them there.
fn servers(arguments: &Arguments) -> Result<Vec<Server>, Box<dyn Error>> {
    let here = std::env::current_exe()?;
    let beside = |name: &str| OsString::from(here.with_file_name(name));
    let mut servers = vec![
        Server::ours(arguments.vestibule.clone().into()),
        Server::announcing("floor", beside("floor")),
        Server::announcing("tokio", beside("tokio-peer")),
    ];
    servers.retain(|server| !arguments.without.contains(&server.name));
    servers.extend(arguments.peer.iter().cloned());
    for (index, server) in servers.iter().enumerate() {
        if servers.iter().take(index).any(|other| other.name == server.name) {
            return Err(format!("two servers are named `{}`", server.name).into());
        }
    }
    Ok(servers)
}

/// All runs, until they are done or a signal comes.
fn play(
    arguments: &Arguments,
    servers: &[Server],
    load: &Path,
    scenarios: &[Scenario],
    stop: &Arc<AtomicBool>,
) -> Vec<Run> {
    let timeout = Duration::from_secs(arguments.timeout);
    let mut runs = Vec::new();
    for &scenario in scenarios {
        for round in 0..arguments.rounds {
            for server in plan::rotated(servers, round) {
                let watch = Watch::new(timeout, Arc::clone(stop));
                let outcome = run(server, load, scenario, arguments.quick, &watch);
                if watch.is_stopped() {
                    eprintln!("stopped");
                    return runs;
                }
                let outcome = outcome.unwrap_or_else(|error| Outcome::Failed(error.to_string()));
                eprintln!(
                    "{scenario} {}/{} {}: {outcome}",
                    round + 1,
                    arguments.rounds,
                    server.name
                );
                runs.push(Run { scenario, round, server: server.name.clone(), outcome });
            }
        }
    }
    runs
}

/// One scenario against one fresh server. Both processes are gone when it returns.
fn run(
    server: &Server,
    load: &Path,
    scenario: Scenario,
    is_quick: bool,
    watch: &Watch,
) -> Result<Outcome, Box<dyn Error>> {
    let running = server.start(SECRET, watch)?;
    let mut command = Command::new(load);
    command
        .arg("load")
        .args(scenario.arguments(is_quick))
        .args(["--url", &format!("ws://{}", running.address)])
        .args(["--pid", &running.process.id().to_string()])
        .arg("--json")
        .env(server::SECRET_VARIABLE, SECRET);
    let output = Process::start(command)?.finish(watch)?;
    results::parse(&output.out).map_err(|fault| {
        let last = output.err.lines().last().unwrap_or("it said nothing");
        format!("no result from the load test ({fault}): {last}").into()
    })
}

/// The server that ratios are about, where it takes part.
fn is_ours(name: &str) -> bool {
    name == OURS
}
