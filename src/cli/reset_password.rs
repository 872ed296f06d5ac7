//! `vestibule reset-password`: another password for a user who has forgotten it. Asks the running
//! server's admin listener.

use serde_json::{Value, json};
use vestibule::config::Config;

use super::ask::{self, AdminClient};
use super::output::{CommandResult, note, print};

/// The flags of `vestibule reset-password`.
#[derive(Debug, clap::Args)]
pub(super) struct ResetPasswordArgs {
    /// Email of the account
    #[arg(value_name = "EMAIL")]
    email: String,
    /// Admin listener to ask, HOST:PORT or unix:PATH [default: admin.listen]
    #[arg(long, value_name = "ADDRESS", value_parser = ask::address)]
    admin: Option<String>,
}

/// Asks the server for another password, and prints it, which is shown this once.
pub(super) fn run(args: &ResetPasswordArgs, config: &Config) -> CommandResult {
    let record = ask(args, config).map_err(|fault| vec![fault])?;
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    // The password alone is on standard output, so that a script can take it.
    note(&format!(
        "a new password for {}, user {}, whose sessions have ended: the user should change it",
        text("email"),
        text("user_id")
    ));
    print(&format!("{}\n", text("password")))
}

fn ask(args: &ResetPasswordArgs, config: &Config) -> Result<Value, String> {
    let wish = json!({ "email": args.email });
    let admin = AdminClient::of(args.admin.as_deref(), config)?;
    ask::json(&admin.post("/v1/passwords", &wish.to_string())?)
}
