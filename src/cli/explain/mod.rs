//! `vestibule explain`: shows a connection's state or why it closed. Asks the running server's
//! admin listener.

mod words;

use std::net::IpAddr;

use vestibule::config::Config;
use vestibule::id::ConnId;

use super::ask::{self, AdminClient, encoded};
use super::output::{CommandResult, print};
use super::text;

/// The flags of `vestibule explain`.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// Connection to explain: `X-Connection-Id` of the 101, `connection=` in the log. Without it,
    /// recently closed connections are listed
    #[arg(value_name = "ID", conflicts_with_all = ["user", "address", "last"])]
    id: Option<ConnId>,
    /// List closed connections of this user
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// List closed connections from this address; `unix`: those through a Unix socket
    #[arg(long, value_name = "IP", value_parser = address)]
    address: Option<String>,
    /// List at most this many, the latest first
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u16).range(1..=1_000))]
    last: u16,
    /// Admin listener to ask, HOST:PORT or unix:PATH [default: admin.listen]
    #[arg(long, value_name = "ADDRESS", value_parser = ask::address)]
    admin: Option<String>,
    /// Print the server's JSON response
    #[arg(long)]
    json: bool,
}

/// The value of `--address`, as the list shows it.
fn address(text: &str) -> Result<String, String> {
    let is_one = text == "unix" || text.parse::<IpAddr>().is_ok();
    is_one.then(|| text.to_owned()).ok_or_else(|| "expected an IP address, or `unix`".to_owned())
}

/// Asks the server, and prints the response as text for people or as JSON.
pub(super) fn run(args: &ExplainArgs, config: &Config) -> CommandResult {
    let answer = ask(args, config).map_err(|fault| vec![fault])?;
    if args.json {
        return print(&format!("{}\n", answer.trim_end()));
    }
    let record = ask::json(&answer).map_err(|fault| vec![format!("{fault}; try --json")])?;
    let is_filtered = args.user.is_some() || args.address.is_some();
    let record = match args.id {
        Some(_) => words::describe(&record),
        None => words::list(&record, is_filtered),
    };
    let lines = record.iter().map(|line| text::one_line(line) + "\n");
    print(&lines.collect::<String>())
}

fn ask(args: &ExplainArgs, config: &Config) -> Result<String, String> {
    let path = match args.id {
        Some(id) => format!("/v1/connections/{id}"),
        None => {
            let user = args.user.as_deref().map(|user| format!("&user={}", encoded(user)));
            let address = args.address.as_deref().map(|address| format!("&address={address}"));
            let (user, address) = (user.unwrap_or_default(), address.unwrap_or_default());
            format!("/v1/ends?limit={}{user}{address}", args.last)
        }
    };
    AdminClient::of(args.admin.as_deref(), config)?.get(&path)
}
