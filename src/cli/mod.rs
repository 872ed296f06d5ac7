//! The command line: arguments, exit codes, and one file for each command.
//!
//! Exit codes: 0 success, 1 configuration or runtime error, 2 usage error.

mod application;
mod ask;
#[cfg(feature = "recipes")]
mod backup;
mod check;
mod descriptors;
mod explain;
mod inherited;
mod invite;
mod load;
mod log;
mod notify;
mod operate;
mod output;
mod reload;
mod reset_password;
mod secret;
mod serve;
mod settings;
mod text;
mod token;
mod token_check;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand};
use vestibule::config::Config;

use self::output::CommandResult;
use self::settings::Global;

/// The arguments of the program.
#[derive(Debug, Parser)]
#[command(
    name = "vestibule",
    version,
    about = "WebSocket server that authenticates clients with a JWT after they connect",
    after_help = AFTER_HELP
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    serve: serve::ServeArgs,
    #[command(subcommand)]
    command: Option<CliCommand>,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// Run the server (default command)
    Serve(serve::ServeArgs),
    /// Sign a token with the configured secret and print it, or check one (--check)
    Token(token::TokenArgs),
    /// Validate the configuration and what it names: keys, certificates, files, directories. Then
    /// print it (secrets masked) with its worst-case memory use
    Check(check::CheckArgs),
    /// Show a connection's state, or why it closed (asks the running server)
    Explain(explain::ExplainArgs),
    /// Give out an invitation to sign up (asks the running server)
    Invite(invite::InviteArgs),
    #[command(flatten)]
    Operate(operate::OperatorCommand),
    /// Give a user who has forgotten the password another one (asks the running server)
    ResetPassword(reset_password::ResetPasswordArgs),
    /// Copy the recipe chat's database to a file, while the server runs or not, and verify the copy
    #[cfg(feature = "recipes")]
    Backup(backup::CopyArgs),
    /// Put a copy in place of the recipe chat's database; the server must not run
    #[cfg(feature = "recipes")]
    Restore(backup::CopyArgs),
    Load(load::LoadArgs),
}

const AFTER_HELP: &str = "Examples:
  vestibule                                      run the built-in application
  vestibule --backend http://127.0.0.1:8000      run in front of your application
  vestibule check --config vestibule.toml        validate a configuration file
  vestibule token --sub alice                    print a token for alice
  vestibule token --check                        say why the server refuses a token (on stdin)

Every setting can be given as an environment variable: VESTIBULE_SECTION__KEY.
Exit codes: 0 success, 1 failure, 2 usage error.";

/// Parses the arguments, runs the command, and prints its errors to standard error.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    if !matches!(cli.command, None | Some(CliCommand::Serve(_))) && cli.serve.is_given() {
        let problem = "--listen, --app and --backend are options of `vestibule serve`";
        command().error(ErrorKind::ArgumentConflict, problem).exit();
    }
    let Err(faults) = run(cli) else { return ExitCode::SUCCESS };
    let mut stderr = io::stderr().lock();
    for fault in faults {
        // If standard error is closed, there is nowhere to report to.
        let _ = writeln!(stderr, "vestibule: {}", text::one_line(&fault));
    }
    ExitCode::FAILURE
}

/// The command line as clap's type, from which manuals and completions are generated.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

fn run(cli: Cli) -> CommandResult {
    let global = &cli.global;
    match cli.command {
        None => serve::run(&cli.serve, global),
        Some(CliCommand::Serve(args)) => serve::run(&args.or(cli.serve), global),
        Some(CliCommand::Token(args)) => {
            let config = global.settings(&[])?;
            if let Some(token) = &args.check {
                return token_check::run(token, &config, token::now());
            }
            token::run(&args, &config, &signing_secret(&config)?)
        }
        Some(CliCommand::Check(args)) => check::run(&args, &global.settings(&[])?),
        Some(CliCommand::Explain(args)) => explain::run(&args, &global.settings(&[])?),
        Some(CliCommand::Invite(args)) => invite::run(&args, &global.settings(&[])?),
        Some(CliCommand::Operate(command)) => operate::run(&command, &global.settings(&[])?),
        Some(CliCommand::ResetPassword(args)) => reset_password::run(&args, &global.settings(&[])?),
        #[cfg(feature = "recipes")]
        Some(CliCommand::Backup(args)) => backup::backup(&args, &global.settings(&[])?),
        #[cfg(feature = "recipes")]
        Some(CliCommand::Restore(args)) => backup::restore(&args, &global.settings(&[])?),
        Some(CliCommand::Load(args)) => {
            let config = global.settings(&[])?;
            let secret = signing_secret(&config)?;
            if !config.auth.algorithms.iter().any(|name| name == "HS256") {
                return Err(vec![
                    "`vestibule load` signs with HS256: add it to auth.algorithms".to_owned(),
                ]);
            }
            load::run(&args, &config.auth, secret.as_bytes()).map_err(|fault| vec![fault])
        }
    }
}

/// Returns the signing secret, for commands that print warnings instead of logging them.
fn signing_secret(config: &Config) -> Result<String, Vec<String>> {
    if !secret::is_wanted(config) {
        let fault = "cannot sign tokens: set auth.secret or auth.secret_file, and add HS256 to \
                     auth.algorithms";
        return Err(vec![fault.to_owned()]);
    }
    let is_new = secret::is_missing(config);
    let secret = secret::obtain(config).map_err(|fault| vec![fault])?;
    if is_new {
        output::warn(&format!(
            "there was no signing key in {}, and a new one was made: a server with other `data` \
             refuses this token",
            config.data
        ));
    }
    for warning in &secret.warnings {
        output::warn(warning);
    }
    Ok(secret.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
