//! What one client that keeps to every limit can do to others: a table with a row for each shared
//! resource.
//!
//! ```sh
//! cargo build --release && cargo build --release -p tyrants
//! target/release/tyrants                             # all rows, some 5 minutes
//! target/release/tyrants --only storage,workers --seconds 20
//! target/release/tyrants --vestibule OLD/vestibule   # an older binary, to compare
//! target/release/tyrants --quick                     # whether victims lose something
//! chrt -f 5 target/release/tyrants                   # on a machine that does something else, too
//! ```
//!
//! Each row ([`rows`]) starts a server of its own on loopback, with the default limits unless the row
//! says otherwise, and an attacker. There are two kinds of rows:
//!
//! - Victims do the same three times: without the attacker, with the same attacker at another server of
//!   this kind on this host (`elsewhere`), and with it at theirs: the median and the p99 of each phase. The
//!   ratios are those of the last two to the first. What the host does to the victims is in both of them
//!   (`host`, `ratio`): the two servers share its cores and its disk as the parts of one server do. A time is
//!   the server's: until the kernel had the answer, and not until its reader had a core ([`arrival`]).
//!   Attackers leave the cores to all others ([`idle`]), make their requests once and drop the answers.
//!   What a disk's sync takes varies from one second to the next by more than an attacker changes, so the
//!   database is in memory, but in the row about the disk. An operation whose time ran out counts with
//!   the time it took, and as late. Everybody keeps to its allowances: a victim sends at most 30
//!   messages and what is refilled, so a p99 is that of some hundred operations.
//! - Something is to be remembered, or somebody to be let in: of how many victims it was.
//!
//! The table goes to standard output as Markdown, progress to standard error. The exit code is 1 if a
//! victim was refused, cut off or lost something; each such fault is a line below the table. It never
//! depends on a time or a ratio.

mod arrival;
mod client;
mod contest;
mod hold;
mod idle;
#[allow(dead_code, reason = "the comparison also reads whole outputs")]
#[path = "../../compare/src/compare/process.rs"]
mod process;
mod report;
mod rows;
mod server;
mod stub;

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use clap::builder::PossibleValuesParser;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::register;

use crate::report::{Report, Row};
use crate::rows::ROWS;
use crate::server::{Server, Servers};

/// What one client that keeps to every limit can do to others.
#[derive(Debug, Parser)]
#[command(name = "tyrants")]
struct Arguments {
    /// Our binary.
    #[arg(long, default_value = "target/release/vestibule")]
    vestibule: PathBuf,
    /// Rows, separated by commas; default: all.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "ROWS",
        value_parser = PossibleValuesParser::new(ROWS.iter().map(|row| row.name)),
    )]
    only: Vec<String>,
    /// Seconds of each phase, without the attacker and with it.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Phases of less than a second: whether everything runs; the times mean nothing.
    #[arg(long)]
    quick: bool,
    /// Databases of all rows on the disk: what its syncs take varies more than with any attacker.
    #[arg(long)]
    disk: bool,
}

/// A file system in memory, on Linux.
const MEMORY: &str = "/dev/shm";

/// What the rows share.
#[derive(Debug)]
pub(crate) struct Bench {
    binary: PathBuf,
    /// How long victims are watched without an attacker, and then with one.
    phase: Duration,
    /// How long a client that is asked to wait tries again.
    patience: Duration,
    /// Where databases are, in rows that are not about the disk.
    scratch: PathBuf,
    /// A signal came.
    stop: Arc<AtomicBool>,
}

impl Bench {
    /// Starts a server with these arguments and configuration keys.
    ///
    /// # Errors
    /// It cannot be run, or ends.
    fn start(&self, arguments: &[&str], keys: &[(&str, &str)]) -> Result<Server, Box<dyn Error>> {
        Server::start(&self.binary, &self.scratch, arguments, keys, &self.stop)
    }

    /// Starts two of them, for a contest.
    ///
    /// # Errors
    /// As [`Self::start`].
    fn start_two(
        &self,
        arguments: &[&str],
        keys: &[(&str, &str)],
    ) -> Result<Servers, Box<dyn Error>> {
        let start = || self.start(arguments, keys);
        Ok(Servers { own: start()?, other: start()? })
    }

    /// The same, with their databases on the disk.
    ///
    /// # Errors
    /// As [`Self::start`].
    fn start_two_on_disk(
        &self,
        arguments: &[&str],
        keys: &[(&str, &str)],
    ) -> Result<Servers, Box<dyn Error>> {
        let start = || Server::start(&self.binary, &env::temp_dir(), arguments, keys, &self.stop);
        Ok(Servers { own: start()?, other: start()? })
    }

    /// How many messages a victim may send in each of three phases, and keep to its own allowance: 30 at
    /// once, and one every two seconds.
    fn messages(&self) -> u32 {
        match u32::try_from(self.phase.as_secs()) {
            Ok(0) => 4,
            seconds => 9 + seconds.unwrap_or(0) / 3,
        }
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        register(signal, Arc::clone(&stop))?;
    }
    let (phase, patience) = match arguments.quick {
        true => (Duration::from_millis(700), Duration::from_secs(8)),
        false => (Duration::from_secs(arguments.seconds), Duration::from_secs(70)),
    };
    let binary = std::path::absolute(&arguments.vestibule)?;
    let is_in_memory = !arguments.disk && Path::new(MEMORY).is_dir();
    let scratch = if is_in_memory { MEMORY.into() } else { env::temp_dir() };
    let bench = Bench { binary, phase, patience, scratch, stop };
    let chosen =
        |row: &&Row| arguments.only.is_empty() || arguments.only.iter().any(|it| *it == row.name);
    let mut reports = Vec::new();
    for row in ROWS.iter().filter(chosen) {
        let began = Instant::now();
        let report = (row.run)(&bench).unwrap_or_else(|error| Report {
            faults: vec![format!("it could not be measured: {error}")],
            ..Report::default()
        });
        if bench.stop.load(Ordering::Relaxed) {
            eprintln!("stopped");
            return Ok(ExitCode::FAILURE);
        }
        let faults = report.faults.len();
        eprintln!("{}: {:.1} s, {faults} faults", row.name, began.elapsed().as_secs_f64());
        reports.push((row, report));
    }
    print!("{}", report::markdown(&reports));
    let is_clean = reports.iter().all(|(_, report)| report.faults.is_empty());
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
