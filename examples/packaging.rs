//! Writes what a package has beside the binary and what is made from its command line: manuals, and
//! completions for bash, zsh and fish. The manuals are not in the binary, which is no larger for it.
//!
//! ```sh
//! cargo run --example packaging -- target/packaging
//! ```

#[expect(dead_code, reason = "the command line is described here, not carried out")]
#[path = "../src/cli/mod.rs"]
mod cli;

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use clap_complete::Shell;

/// What clap does not know of `vestibule.1`.
const MORE: &str = include_str!("../deploy/vestibule.1.in");

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os().nth(1).ok_or("usage: packaging DIRECTORY")?;
    let directory = PathBuf::from(directory);
    fs::create_dir_all(&directory)?;
    let mut command = cli::command();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut command, "vestibule", &directory)?;
    }
    clap_mangen::generate_to(without_help(cli::command()), &directory)?;
    let mut manual = fs::OpenOptions::new().append(true).open(directory.join("vestibule.1"))?;
    manual.write_all(MORE.as_bytes())?;
    Ok(())
}

/// `vestibule help` and its like need no manual of their own.
fn without_help(command: clap::Command) -> clap::Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}
