//! The command line: arguments, exit codes, and one file for each command.
//!
//! Exit codes: 0 success, 1 configuration or runtime error, 2 usage error.

mod app_choice;
mod application;
mod ask;
#[cfg(feature = "recipes")]
mod backup;
mod check;
mod completions;
mod connect;
mod descriptors;
mod explain;
mod help;
mod inherited;
mod invite;
mod load;
mod log;
mod notify;
mod operate;
#[cfg(all(feature = "backend", feature = "recipes"))]
mod other_nodes;
mod output;
mod publish;
mod reload;
mod reset_password;
mod secret;
mod serve;
mod serve_args;
mod server_address;
mod settings;
mod signals;
mod small_file;
mod text;
#[cfg(feature = "tls")]
mod tls_client;
mod token;
mod token_check;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser, Subcommand};
use vestibule::config::Config;

use self::output::CommandResult;
use self::settings::{Global, located};

/// The arguments of the program.
#[derive(Debug, Parser)]
#[command(
    name = "vestibule",
    version,
    about = "WebSocket server that authenticates clients with a JWT after they connect",
    after_help = help::AFTER_HELP
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    serve: serve_args::ServeArgs,
    #[command(subcommand)]
    command: Option<CliCommand>,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// Run the server (default command)
    #[command(after_help = help::SERVE_HELP)]
    Serve(serve_args::ServeArgs),
    /// Sign a token with the configured secret and print it, or check one (--check)
    #[command(after_help = help::TOKEN_HELP)]
    Token(token::TokenArgs),
    /// Validate the configuration and what it names, then print it (secrets masked) with the most
    /// memory that it allows
    ///
    /// Keys, certificates, files and directories are read as the server reads them. Nothing is changed,
    /// and no address is opened.
    #[command(after_help = help::CHECK_HELP)]
    Check(check::CheckArgs),
    /// Connect to a room, send lines of standard input as messages, and print what the server says
    #[command(after_help = help::CONNECT_HELP)]
    Connect(connect::ConnectArgs),
    /// Show a connection's state, or why it closed (asks the running server)
    #[command(after_help = help::EXPLAIN_HELP)]
    Explain(explain::ExplainArgs),
    /// Create an invitation to sign up (asks the running server)
    #[command(after_help = help::INVITE_HELP)]
    Invite(invite::InviteArgs),
    #[command(flatten)]
    Operate(operate::OperatorCommand),
    /// Set a new password for a user who forgot it, and print it (asks the running server)
    #[command(after_help = help::RESET_PASSWORD_HELP)]
    ResetPassword(reset_password::ResetPasswordArgs),
    /// Copy the recipe chat's database to a file, while the server runs or not, and verify the copy
    #[cfg(feature = "recipes")]
    #[command(after_help = help::BACKUP_HELP)]
    Backup(backup::CopyArgs),
    /// Replace the recipe chat's database with a copy; stop the server first
    #[cfg(feature = "recipes")]
    #[command(after_help = help::RESTORE_HELP)]
    Restore(backup::CopyArgs),
    #[command(after_help = help::LOAD_HELP)]
    Load(load::LoadArgs),
    /// Print the completions of a shell, for its directory of completions
    #[command(after_help = help::COMPLETIONS_HELP)]
    Completions(completions::CompletionsArgs),
}

/// Parses the arguments, runs the command, and prints its errors to standard error.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| near_only(error).exit());
    let takes = matches!(cli.command, None | Some(CliCommand::Serve(_) | CliCommand::Check(_)));
    if !takes && cli.serve.is_given() {
        let problem = "--listen, --app and --backend are options of `serve` and `check`";
        command().error(ErrorKind::ArgumentConflict, problem).exit();
    }
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

/// The same error without suggestions that are not close to what was written. `clap` suggests `room` for
/// `foo`.
fn near_only(mut error: clap::Error) -> clap::Error {
    for (written, suggested) in [
        (ContextKind::InvalidSubcommand, ContextKind::SuggestedSubcommand),
        (ContextKind::InvalidArg, ContextKind::SuggestedArg),
    ] {
        let Some(ContextValue::String(written)) = error.get(written).cloned() else { continue };
        let is_near = |name: &String| settings::is_near(&written, name);
        match error.remove(suggested) {
            Some(ContextValue::String(name)) if is_near(&name) => {
                error.insert(suggested, ContextValue::String(name));
            }
            Some(ContextValue::Strings(names)) => {
                let near: Vec<String> = names.into_iter().filter(is_near).collect();
                if !near.is_empty() {
                    error.insert(suggested, ContextValue::Strings(near));
                }
            }
            _ => {}
        }
    }
    // Nothing is suggested then, and clap would leave a line for it.
    if let Some(ContextValue::StyledStrs(more)) = error.get(ContextKind::Suggested)
        && more.is_empty()
    {
        error.remove(ContextKind::Suggested);
    }
    error
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
        Some(CliCommand::Check(args)) => {
            let serve = args.serve.or(cli.serve);
            check::run(&args.flags, &global.settings(&serve.settings())?)
        }
        Some(CliCommand::Connect(args)) => {
            let config = global.settings(&[])?;
            let secret = if args.signs() { signing_secret(&config)? } else { String::new() };
            connect::run(&args, &config, &secret)
        }
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
                let fault = "`vestibule load` signs with HS256: add it to auth.algorithms";
                return Err(fault.to_owned().into());
            }
            Ok(load::run(&args, &config.auth, secret.as_bytes())?)
        }
        Some(CliCommand::Completions(args)) => completions::run(&args, command()),
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
    let secret = secret::obtain(config).map_err(|fault| vec![located(&config.given, fault)])?;
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
