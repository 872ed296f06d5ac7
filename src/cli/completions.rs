//! `vestibule completions`: what a shell needs to complete the command line.

use clap_complete::Shell;

use super::output::{self, CommandResult};

/// The flags of `vestibule completions`.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// Shell to print them for
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// Prints the completions of the command line to standard output.
pub(super) fn run(args: &CompletionsArgs, mut command: clap::Command) -> CommandResult {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "vestibule", &mut text);
    output::print(&String::from_utf8_lossy(&text))
}
