//! `vestibule invite`: gives out an invitation to sign up. Asks the running server's admin listener.

use serde_json::{Value, json};
use vestibule::config::{Config, Length};

use super::ask::{self, AdminClient};
use super::output::{CommandResult, note, print};

/// The flags of `vestibule invite`.
#[derive(Debug, clap::Args)]
pub(super) struct InviteArgs {
    /// Email that the invitation is for; without it, anybody who has the code can use it
    #[arg(long, value_name = "EMAIL")]
    email: Option<String>,
    /// How long the invitation can be used, 1m to 366d
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = ask::length::<60>)]
    valid: Length,
    /// Admin listener to ask, HOST:PORT or unix:PATH [default: admin.listen]
    #[arg(long, value_name = "ADDRESS", value_parser = ask::address)]
    admin: Option<String>,
}

/// Asks the server for an invitation, and prints its code, which is shown this once.
pub(super) fn run(args: &InviteArgs, config: &Config) -> CommandResult {
    let record = ask(args, config).map_err(|fault| vec![fault])?;
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    let whose = match text("email") {
        "" => "for anyone who has it".to_owned(),
        email => format!("for {email}"),
    };
    // The code alone is on standard output, so that a script can take it.
    note(&format!("an invitation {whose}, valid once, until {}", text("expires_at")));
    print(&format!("{}\n", text("invitation")))
}

fn ask(args: &InviteArgs, config: &Config) -> Result<Value, String> {
    let valid_seconds = args.valid.get().as_secs_f64();
    let wish = match &args.email {
        Some(email) => json!({ "email": email, "valid_seconds": valid_seconds }),
        None => json!({ "valid_seconds": valid_seconds }),
    };
    let admin = AdminClient::of(args.admin.as_deref(), config)?;
    ask::json(&admin.post("/v1/invitations", &wish.to_string())?)
}
