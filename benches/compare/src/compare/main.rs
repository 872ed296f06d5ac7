//! Runs the same load test against Vestibule, the floor, the tokio peer and whatever `--peer`
//! names, in turn, and prints what they cost side by side.
//!
//! Machines drift: another tenant, a warmer core, a fuller page cache. So the servers take turns
//! within every round, the order rotates, each run has a fresh process, and a ratio is taken
//! within its round before the median is.

mod plan;
mod process;
mod readme;
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
use crate::readme::Figures;
use crate::results::{Outcome, Run};
use crate::server::{Certificate, OURS, Server};

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
    /// Servers that are left out: vestibule, floor, tokio, nginx.
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
    /// Raw results of an earlier run, whose tables are printed: nothing is run.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "quick"])]
    from: Option<PathBuf>,
    /// Where the figures of the READMEs' tables go, as JSON.
    #[arg(long, conflicts_with = "quick", value_name = "FILE")]
    figures: Option<PathBuf>,
    /// Documents in which the tables between `<!-- compare: NAME -->` and `<!-- /compare -->` are
    /// replaced.
    #[arg(long, conflicts_with = "quick", value_delimiter = ',', value_name = "FILES")]
    readme: Vec<PathBuf>,
    /// Certificate of the servers with TLS, on P-256, as PEM; clients trust it.
    #[arg(long, default_value = "tests/fixtures/tls/p256.pem", value_name = "FILE")]
    certificate: PathBuf,
    /// Its private key.
    #[arg(long, default_value = "tests/fixtures/tls/p256.key.pem", value_name = "FILE")]
    key: PathBuf,
    /// nginx's module for TCP, unless it is built in.
    #[arg(
        long,
        default_value = "/usr/lib/nginx/modules/ngx_stream_module.so",
        value_name = "FILE"
    )]
    nginx_stream: PathBuf,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        register(signal, Arc::clone(&stop))?;
    }
    let scenarios = plan::chosen(&arguments.only);
    let (runs, planned) = match &arguments.from {
        Some(file) => {
            let runs: Vec<Run> = serde_json::from_str(&fs::read_to_string(file)?)?;
            let planned = runs.len();
            (runs, planned)
        }
        None => {
            let servers = servers(&arguments)?;
            let planned = planned(&servers, &scenarios, arguments.rounds);
            (play(&arguments, &servers, &scenarios, &stop), planned)
        }
    };
    if let Some(file) = &arguments.json {
        fs::write(file, serde_json::to_string(&runs)?)?;
    }
    let is_whole = runs.len() == planned && runs.iter().all(Run::is_clean);
    let figures = report(&scenarios, &runs);
    // A run that was stopped or had failures replaces nothing.
    if is_whole {
        write(&arguments, &figures)?;
    }
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints a table for each scenario and those of the READMEs.
fn report(scenarios: &[Scenario], runs: &[Run]) -> Figures {
    let cores = available_parallelism().map_or(0, usize::from);
    let rounds = runs.iter().map(|run| run.round + 1).max().unwrap_or(0);
    println!("{rounds} rounds, {cores} cores, medians (min–max).");
    for &scenario in scenarios {
        let of_scenario: Vec<&Run> = runs.iter().filter(|run| run.scenario == scenario).collect();
        if !of_scenario.is_empty() {
            let names = readme::names(&of_scenario);
            print!("\n{}", table::markdown(scenario, &names, &of_scenario));
        }
    }
    let figures = Figures::new(rounds, cores, runs);
    for (name, table) in &figures.tables {
        println!("\n### Table `{name}`\n\n{}", table.markdown());
    }
    figures
}

/// Writes the files asked for.
fn write(arguments: &Arguments, figures: &Figures) -> Result<(), Box<dyn Error>> {
    if let Some(file) = &arguments.figures {
        fs::write(file, serde_json::to_string_pretty(figures)? + "\n")?;
    }
    for file in &arguments.readme {
        let text = fs::read_to_string(file)?;
        fs::write(file, figures.replace_in(&text)?)?;
    }
    Ok(())
}

/// The number of runs that make a whole.
fn planned(servers: &[Server], scenarios: &[Scenario], rounds: u32) -> usize {
    let servers = |&scenario: &Scenario| {
        servers.iter().filter(|server| server.is_secure() == scenario.is_secure()).count()
    };
    let of_a_round: usize = scenarios.iter().map(servers).sum();
    of_a_round.saturating_mul(usize::try_from(rounds).unwrap_or(usize::MAX))
}

/// All servers, ours first. Our peers lie beside this binary: cargo puts them there.
fn servers(arguments: &Arguments) -> Result<Vec<Server>, Box<dyn Error>> {
    let here = std::env::current_exe()?;
    let beside = |name: &str| OsString::from(here.with_file_name(name));
    let ours = || OsString::from(&arguments.vestibule);
    let certificate =
        || Certificate { chain: arguments.certificate.clone(), key: arguments.key.clone() };
    let mut servers = vec![
        Server::ours(ours()),
        Server::announcing("floor", beside("floor")),
        Server::announcing("tokio", beside("tokio-peer")),
        Server::secure(ours(), certificate()),
        Server::behind_nginx(ours(), certificate(), arguments.nginx_stream.clone()),
    ];
    servers.retain(|server| !arguments.without.contains(&server.name));
    servers.extend(arguments.peer.iter().cloned());
    for (index, server) in servers.iter().enumerate() {
        let is_same =
            |other: &&Server| other.name == server.name && other.is_secure() == server.is_secure();
        if servers.iter().take(index).any(|other| is_same(&other)) {
            return Err(format!("two servers are named `{}`", server.name).into());
        }
    }
    Ok(servers)
}

/// All runs, until they are done or a signal comes.
fn play(
    arguments: &Arguments,
    servers: &[Server],
    scenarios: &[Scenario],
    stop: &Arc<AtomicBool>,
) -> Vec<Run> {
    let load = arguments.load.as_ref().unwrap_or(&arguments.vestibule);
    let timeout = Duration::from_secs(arguments.timeout);
    let mut runs = Vec::new();
    for &scenario in scenarios {
        let takes_part = |server: &&Server| server.is_secure() == scenario.is_secure();
        let servers: Vec<_> = servers.iter().filter(takes_part).collect();
        for round in 0..arguments.rounds {
            for &server in plan::rotated(&servers, round) {
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
    let arguments = if is_quick { scenario.quick_arguments() } else { scenario.arguments() };
    command
        .arg("load")
        .args(arguments.split(' '))
        .args(running.load_arguments())
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

#[cfg(test)]
mod tests;
