//! The commands for operators: each is one call of the running server's admin listener.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use vestibule::config::{Config, Length, counted};
use vestibule::id::ConnId;

use super::ask::{self, AdminArgs, AdminClient, connections, encoded, number};
use super::output::{CommandError, CommandResult, print};
use super::publish::{PublishArgs, confirmed_by, published};
use super::{help, text};

/// The commands for operators.
#[derive(Debug, clap::Subcommand)]
pub(super) enum OperatorCommand {
    /// Say whether the running server takes new clients: exit code 0 if so, 1 if not
    #[command(after_help = help::HEALTH_HELP)]
    Health(HealthArgs),
    /// Show how the running server is
    #[command(after_help = help::STATUS_HELP)]
    Status(AdminArgs),
    /// Show the rooms with somebody in them, and how many connections each has
    #[command(after_help = help::ROOMS_HELP)]
    Rooms(ListArgs),
    /// Show the users with a connection in a room, and how many each has
    #[command(after_help = help::USERS_HELP)]
    Users(ListArgs),
    /// Show the connections in a room
    #[command(after_help = help::ROOM_HELP)]
    Room(RoomArgs),
    /// Send a text to everybody in a room, or to rooms, users and connections
    #[command(after_help = help::PUBLISH_HELP)]
    Publish(PublishArgs),
    /// End a user's sessions; tokens issued until now are refused from here on. Or close one connection,
    /// or all in a room, whose clients may come back
    #[command(after_help = help::DISCONNECT_HELP)]
    Disconnect(DisconnectArgs),
    /// Ask a user's connections for a fresh token each
    #[command(after_help = help::REQUIRE_AUTH_HELP)]
    RequireAuth(UserArgs),
    /// Lock an account of the embedded recipe chat, and end its sessions
    #[command(after_help = help::LOCK_HELP)]
    Lock(UserArgs),
    /// Unlock an account of the embedded recipe chat
    #[command(after_help = help::UNLOCK_HELP)]
    Unlock(UserArgs),
    /// Close all connections, and take no new ones until the process ends
    #[command(after_help = help::DRAIN_HELP)]
    Drain(DrainArgs),
}

/// The flags of `vestibule health`.
#[derive(Debug, clap::Args)]
pub(super) struct HealthArgs {
    /// Only ask whether the process answers, not whether new clients are taken: for restarts
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    admin: AdminArgs,
}

/// The flags of `vestibule rooms` and `vestibule users`.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// In a cluster: only those of the node that is asked
    #[arg(long)]
    local: bool,
    #[command(flatten)]
    admin: AdminArgs,
}

/// The flags of `vestibule room`.
#[derive(Debug, clap::Args)]
pub(super) struct RoomArgs {
    /// The room
    #[arg(value_name = "ROOM")]
    room: String,
    #[command(flatten)]
    list: ListArgs,
}

/// The flags of commands about a user.
#[derive(Debug, clap::Args)]
pub(super) struct UserArgs {
    /// The user: the `sub` of the tokens, or the id of an account
    #[arg(value_name = "USER")]
    user: String,
    #[command(flatten)]
    admin: AdminArgs,
}

/// The flags of `vestibule disconnect`.
#[derive(Debug, clap::Args)]
#[group(id = "target", required = true, multiple = false, args = ["user", "connection", "room"])]
pub(super) struct DisconnectArgs {
    /// The user: the `sub` of the tokens, or the id of an account
    #[arg(value_name = "USER")]
    user: Option<String>,
    /// Close this connection only
    #[arg(long, value_name = "ID")]
    connection: Option<ConnId>,
    /// Close all connections in this room
    #[arg(long, value_name = "ROOM")]
    room: Option<String>,
    #[command(flatten)]
    admin: AdminArgs,
}

impl DisconnectArgs {
    fn path(&self) -> String {
        let of = |kind: &str, name: Option<String>| {
            name.map(|name| format!("/v1/{kind}/{}/disconnect", encoded(&name)))
        };
        let paths = [
            of("users", self.user.clone()),
            of("connections", self.connection.map(|id| id.to_string())),
            of("rooms", self.room.clone()),
        ];
        // The parser has seen to it that one is there.
        paths.into_iter().flatten().next().unwrap_or_default()
    }
}

/// The flags of `vestibule drain`.
#[derive(Debug, clap::Args)]
pub(super) struct DrainArgs {
    /// Spread the closes over this time [default: the server's `drain`]
    #[arg(long, value_name = "DURATION", value_parser = ask::length::<0>)]
    over: Option<Length>,
    #[command(flatten)]
    admin: AdminArgs,
}

/// Makes the call, and prints what came of it.
pub(super) fn run(command: &OperatorCommand, config: &Config) -> CommandResult {
    if let OperatorCommand::Publish(args) = command
        && let Err(fault) = args.call()
    {
        return Err(CommandError { faults: vec![fault], is_usage: true });
    }
    print(&answer(command, config)?)
}

/// All pages of a list.
fn pages(
    args: &ListArgs,
    config: &Config,
    path: &str,
    said: fn(&Value) -> String,
) -> Result<String, String> {
    Admin::of(&args.admin, config)?.pages(path, args.local, said)
}

fn answer(command: &OperatorCommand, config: &Config) -> Result<String, String> {
    use OperatorCommand::{
        Disconnect, Drain, Health, Lock, Publish, RequireAuth, Room, Rooms, Status, Unlock, Users,
    };
    let about = |args: &UserArgs, order: &str, said: fn(&Value) -> String| {
        let path = format!("/v1/users/{}/{order}", encoded(&args.user));
        Admin::of(&args.admin, config)?.post(&path, "", said)
    };
    match command {
        Health(args) => {
            let path = if args.live { "/healthz" } else { "/readyz" };
            Admin::of(&args.admin, config)?
                .get(path, |answer| format!("{}\n", word(answer, "status")))
        }
        Status(args) => Admin::of(args, config)?.status(),
        Rooms(args) => pages(args, config, "/v1/rooms", rooms),
        Users(args) => pages(args, config, "/v1/users", users),
        Room(args) => {
            pages(&args.list, config, &format!("/v1/rooms/{}", encoded(&args.room)), room)
        }
        Publish(args) => {
            let (path, body) = args.call()?;
            Admin::of(&args.admin, config)?.post(&path, &body, published)
        }
        Disconnect(args) => Admin::of(&args.admin, config)?.post(&args.path(), "", disconnected),
        RequireAuth(args) => about(args, "require-auth", |answer| {
            format!("asked {}{}\n", connections(answer, "asked"), confirmed_by(answer))
        }),
        Lock(args) => about(args, "lock", disconnected),
        Unlock(args) => about(args, "unlock", |_| "unlocked\n".to_owned()),
        Drain(args) => {
            let seconds = args.over.map(|over| json!({ "seconds": over.get().as_secs_f64() }));
            let body = seconds.map(|body| body.to_string()).unwrap_or_default();
            Admin::of(&args.admin, config)?.post("/v1/drain", &body, |answer| {
                format!("draining {}\n", connections(answer, "connections"))
            })
        }
    }
}

/// An admin listener, and how its answers are shown.
struct Admin {
    client: AdminClient,
    is_json: bool,
}

impl Admin {
    fn of(args: &AdminArgs, config: &Config) -> Result<Self, String> {
        let client = AdminClient::of(args.admin.as_deref(), config)?;
        Ok(Self { client, is_json: args.json })
    }

    fn get(&self, path: &str, said: fn(&Value) -> String) -> Result<String, String> {
        self.shown(&self.client.get(path)?, said)
    }

    /// All pages of a list, each as `said` shows its entries, or one line of JSON a page.
    fn pages(
        &self,
        path: &str,
        is_local: bool,
        said: fn(&Value) -> String,
    ) -> Result<String, String> {
        let (mut shown, mut after) = (String::new(), String::new());
        let local = if is_local { "&local=true" } else { "" };
        // Which nodes did not answer for one of the pages.
        let mut missing = BTreeSet::new();
        let mut is_complete = true;
        loop {
            let answer = self.client.get(&format!("{path}?limit=1000{local}{after}"))?;
            let page = ask::json(&answer).map_err(|fault| format!("{fault}; try --json"))?;
            if self.is_json {
                shown.push_str(&format!("{}\n", answer.trim_end()));
            } else {
                shown.push_str(&said(&page));
            }
            let nodes = page.get("nodes");
            let names = nodes.and_then(|it| it.get("missing")).and_then(Value::as_array);
            missing
                .extend(names.into_iter().flatten().filter_map(Value::as_str).map(text::one_line));
            is_complete &= nodes.and_then(|it| it.get("complete")) != Some(&Value::Bool(false));
            match page.get("next").and_then(Value::as_str) {
                Some(next) => {
                    let before = std::mem::replace(&mut after, format!("&after={}", encoded(next)));
                    if before == after {
                        return Err("the server gives the same page again and again".to_owned());
                    }
                }
                None if self.is_json || is_complete => return Ok(shown),
                None => return Ok(shown + &incomplete(missing)),
            }
        }
    }

    fn post(&self, path: &str, body: &str, said: fn(&Value) -> String) -> Result<String, String> {
        self.shown(&self.client.post(path, body)?, said)
    }

    fn shown(&self, answer: &str, said: fn(&Value) -> String) -> Result<String, String> {
        if self.is_json {
            return Ok(format!("{}\n", answer.trim_end()));
        }
        ask::json(answer)
            .map(|answer| said(&answer))
            .map_err(|fault| format!("{fault}; try --json"))
    }

    /// The server's state, and what an operator looks at beside it.
    fn status(&self) -> Result<String, String> {
        let state = self.get("/v1/status", state)?;
        if self.is_json {
            return Ok(state);
        }
        Ok(state + &self.get("/v1/nodes", nodes)? + &self.get("/v1/stats", status)?)
    }
}

fn word<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn disconnected(answer: &Value) -> String {
    format!("ended {}{}\n", connections(answer, "disconnected"), confirmed_by(answer))
}

/// One line for each node of the cluster; none where the server is alone.
fn nodes(answer: &Value) -> String {
    let nodes = answer.get("nodes").and_then(Value::as_array);
    let line = |node: &Value| {
        let name = text::one_line(word(node, "name"));
        let is_self = node.get("is_self").and_then(Value::as_bool) == Some(true);
        let which = if is_self { " (this one)" } else { "" };
        let (connections, rooms) =
            (connections(node, "connections"), counted(number(node, "rooms"), "room"));
        let version = text::one_line(word(node, "version"));
        format!("node {name}{which}: {connections}, {rooms}, version {version}\n")
    };
    nodes.into_iter().flatten().map(line).collect()
}

/// What an operator is to know of a list that is not of all nodes.
fn incomplete(missing: BTreeSet<String>) -> String {
    let missing: Vec<String> = missing.into_iter().collect();
    if missing.is_empty() {
        return "not complete: the node that was asked does not reach the cluster's engine\n"
            .to_owned();
    }
    format!("not complete: no answer from {}\n", missing.join(", "))
}

/// One line for each room.
fn rooms(page: &Value) -> String {
    counts(page, "rooms", "room")
}

/// One line for each user.
fn users(page: &Value) -> String {
    counts(page, "users", "user_id")
}

fn counts(page: &Value, list: &str, name: &str) -> String {
    let entries = page.get(list).and_then(Value::as_array);
    let line = |entry: &Value| {
        let count = connections(entry, "connections");
        format!("{}  {count}\n", text::one_line(word(entry, name)))
    };
    entries.into_iter().flatten().map(line).collect()
}

/// One line for each connection.
fn room(answer: &Value) -> String {
    let connections = answer.get("connections").and_then(Value::as_array);
    let line = |connection: &Value| {
        let part = |name: &str| text::one_line(word(connection, name));
        // In a cluster: the node that the connection is at.
        let node = match part("node") {
            node if node.is_empty() => node,
            node => format!("  {node}"),
        };
        format!("{}  {}  {}{node}\n", part("id"), part("since"), part("user_id"))
    };
    connections.into_iter().flatten().map(line).collect()
}

/// Whether new clients are taken, and each dependency with what is wrong with it.
fn state(answer: &Value) -> String {
    let says = match word(answer, "status") {
        "ready" => "takes new clients",
        "degraded" => "takes new clients, but not all works as it should",
        _ => "accepts no new clients",
    };
    let reason = match word(answer, "reason") {
        "" => String::new(),
        reason => format!(": {}", text::one_line(reason)),
    };
    let list = |value: &Value, name: &str| {
        value.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let mut lines = format!("{says}{reason}\n");
    lines.push_str(&format!("version: {}\n", text::one_line(word(answer, "version"))));
    for dependency in list(answer, "dependencies") {
        let part = |name: &str| text::one_line(word(&dependency, name));
        lines.push_str(&format!("{}: {}\n", part("name"), part("state")));
        for fault in list(&dependency, "faults") {
            let part = |name: &str| text::one_line(word(&fault, name));
            lines.push_str(&format!("  {}: {}\n", part("code"), part("message")));
        }
    }
    let (rooms, users) = (number(answer, "rooms"), number(answer, "users"));
    lines.push_str(&format!("rooms: {rooms}\nusers: {users}\n"));
    lines
}

/// What an operator looks at beside the state.
fn status(stats: &Value) -> String {
    let empty = Value::Null;
    let by_label = |name: &str| {
        let labels = stats.get(name).unwrap_or(&empty).as_object();
        let shown = labels.into_iter().flatten().filter_map(|(label, count)| {
            let count = count.as_u64().filter(|count| *count > 0)?;
            Some(format!("{count} {}", text::one_line(label)))
        });
        let shown: Vec<_> = shown.collect();
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
    };
    [
        ("connections", by_label("vestibule_connections")),
        ("refused since the start", by_label("vestibule_refused_total")),
        ("keys", by_label("vestibule_keys")),
        ("tokens waiting for keys", number(stats, "vestibule_auths_waiting_for_keys").to_string()),
        ("memory", format!("{} MiB", number(stats, "process_resident_memory_bytes") >> 20)),
        (
            "descriptors",
            format!(
                "{} of {}",
                number(stats, "process_open_fds"),
                number(stats, "process_max_fds")
            ),
        ),
        ("log lines lost", number(stats, "vestibule_log_lines_dropped_total").to_string()),
    ]
    .into_iter()
    .map(|(name, value)| format!("{name}: {value}\n"))
    .collect()
}
