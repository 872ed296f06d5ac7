//! The tables of the READMEs: which figures they show, and how they are put there.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::is_ours;
use crate::plan::{OTHERS, Scenario};
use crate::results::{Figure, Measured, Run};
use crate::stats::{Summary, ratios, summary};
use crate::table::{number, pairs};

/// All tables by name, as they are committed beside the READMEs.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Figures {
    rounds: u32,
    cores: usize,
    pub(crate) tables: BTreeMap<String, Table>,
}

/// A column for each server, and one for our ratio to each other server.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Table {
    servers: Vec<String>,
    /// Whether the ratios are shown.
    has_ratios: bool,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Row {
    label: String,
    /// One for each server.
    values: Vec<Option<Summary>>,
    /// One for each server but ours.
    ratios: Vec<Option<Summary>>,
}

/// Where the figure of a row is.
struct Source {
    label: &'static str,
    scenario: Scenario,
    of: Figure,
    /// Whether the short table has it too.
    is_short: bool,
}

const fn row(label: &'static str, scenario: Scenario, of: Figure, is_short: bool) -> Source {
    Source { label, scenario, of, is_short }
}

/// `{n}` stands for the number of members.
const FULL: [Source; 9] = [
    row(
        "resident bytes a connection, in its room, after 3 chats",
        Scenario::Idle,
        Measured::memory,
        true,
    ),
    row("resident bytes of a pending connection", Scenario::Pending, Measured::memory, true),
    row("CPU µs: connect, upgrade, HS256, join, close", Scenario::Storm, Measured::cpu, true),
    row("CPU µs: a chat round trip, 100 connections", Scenario::Chat, Measured::cpu, true),
    row("CPU µs: one delivery to a room of 1,000", Scenario::Fanout, Measured::cpu, true),
    row("chat p50 in a connection storm of 10,000, ms", Scenario::Mixed, p50_ms, false),
    row("chat p99 in a connection storm of 10,000, ms", Scenario::Mixed, p99_ms, true),
    row("chat p50 while 10,000 silent sockets connect, ms", Scenario::Surge, p50_ms, false),
    row("chat p99 while 10,000 silent sockets connect, ms", Scenario::Surge, p99_ms, true),
];

const TLS: [Source; 3] = [
    row(
        "CPU µs: connect, full handshake, upgrade, HS256, join, close",
        Scenario::TlsStorm,
        Measured::cpu,
        true,
    ),
    row("the same with a session ticket", Scenario::TlsResume, Measured::cpu, true),
    row("CPU µs: a chat round trip, 100 connections", Scenario::TlsChat, Measured::cpu, true),
];

/// The rows of each room.
const ROOM: [(&str, Figure); 4] = [
    ("CPU µs: one delivery to a room of {n}", Measured::cpu),
    ("chat p99 in other rooms during it, ms", |it| Some(it.others_latency_us.as_ref()?.p99 / 1e3)),
    ("chat p99 in other rooms in quiet, ms", |it| Some(it.quiet_latency_us.as_ref()?.p99 / 1e3)),
    ("the former by the latter, in the same run", |it| {
        Some(it.others_latency_us.as_ref()?.p99 / it.quiet_latency_us.as_ref()?.p99)
    }),
];

const ROOMS: [Scenario; 4] =
    [Scenario::Room100, Scenario::Room1000, Scenario::Room10000, Scenario::RoomMost];

fn p50_ms(measured: &Measured) -> Option<f64> {
    Some(measured.latency_us.as_ref()?.p50 / 1e3)
}

fn p99_ms(measured: &Measured) -> Option<f64> {
    Some(measured.latency_us.as_ref()?.p99 / 1e3)
}

/// The servers of these runs, ours first, the others as they came.
pub(crate) fn names<'a>(runs: &[&'a Run]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for run in runs {
        if !names.contains(&run.server.as_str()) {
            names.push(&run.server);
        }
    }
    names.sort_by_key(|name| !is_ours(name));
    names
}

impl Figures {
    /// Those of these runs: the tables `full`, `short`, `rooms` and `tls`, as far as they were run.
    pub(crate) fn new(rounds: u32, cores: usize, runs: &[Run]) -> Self {
        let plain: Vec<&Run> = runs.iter().filter(|run| !run.scenario.is_secure()).collect();
        let secure: Vec<&Run> = runs.iter().filter(|run| run.scenario.is_secure()).collect();
        let sourced = |sources: &[Source], runs: &[&Run], has_ratios| {
            let servers = names(runs);
            let rows = sources.iter().filter(|source| has_ratios || source.is_short);
            let rows = rows.filter_map(|source| {
                let label = source.label.to_owned();
                Row::new(label, &servers, &of(runs, source.scenario), source.of)
            });
            Table::new(&servers, has_ratios, rows.collect())
        };
        let servers = names(&plain);
        let rooms = Table::new(&servers, true, room_rows(&servers, &plain));
        let tables = [
            ("full", sourced(&FULL, &plain, true)),
            ("short", sourced(&FULL, &plain, false)),
            ("rooms", rooms),
            ("tls", sourced(&TLS, &secure, true)),
        ];
        let tables = tables.into_iter().filter(|(_, table)| !table.rows.is_empty());
        let tables = tables.map(|(name, table)| (name.to_owned(), table)).collect();
        Self { rounds, cores, tables }
    }

    /// `text` with these tables in place of those between the marks. Others stay.
    ///
    /// # Errors
    /// A mark has no end.
    pub(crate) fn replace_in(&self, text: &str) -> Result<String, String> {
        let mut replaced = String::new();
        let mut rest = text;
        while let Some((before, name, after)) = split_at_mark(rest) {
            let (old, behind) =
                after.split_once(END).ok_or_else(|| format!("`{BEGIN}{name} -->` has no end"))?;
            replaced.push_str(before);
            let table = self
                .tables
                .get(name)
                .map_or_else(|| old.to_owned(), |table| format!("\n{}", table.markdown()));
            let _ = write!(replaced, "{BEGIN}{name} -->{table}{END}");
            rest = behind;
        }
        replaced.push_str(rest);
        Ok(replaced)
    }
}

const BEGIN: &str = "<!-- compare: ";
const END: &str = "<!-- /compare -->";

/// What is before a table's mark, its name, and what follows the mark.
fn split_at_mark(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (name, after) = rest.split_once(" -->")?;
    Some((before, name, after))
}

fn of<'a>(runs: &[&'a Run], scenario: Scenario) -> Vec<&'a Run> {
    runs.iter().copied().filter(|run| run.scenario == scenario).collect()
}

/// The rows of all rooms, and how a delivery to 10,000 compares with one to 100.
fn room_rows(servers: &[&str], runs: &[&Run]) -> Vec<Row> {
    let mut rows = Vec::new();
    for scenario in ROOMS {
        let runs = of(runs, scenario);
        let connections = runs.iter().filter_map(|run| run.measured()).map(|it| it.connections);
        let members = match scenario {
            // It depends on the machine's limit.
            Scenario::RoomMost => connections.max().unwrap_or(0).saturating_sub(OTHERS),
            _ => scenario.members(),
        };
        for (label, value) in ROOM {
            let label = label.replace("{n}", &number(members as f64));
            rows.extend(Row::new(label, servers, &runs, value));
        }
        // A ratio of ratios says nothing.
        if let Some(last) = rows.last_mut() {
            last.ratios.fill(None);
        }
    }
    let (few, many) = (of(runs, Scenario::Room100), of(runs, Scenario::Room10000));
    let flatness = |server: &&str| {
        let cpu = |runs: &[&Run], round| {
            runs.iter().find(|run| run.round == round && run.server == **server)?.measured()?.cpu()
        };
        let rounds = few.iter().filter(|run| run.server == **server).map(|run| run.round);
        ratios(rounds.filter_map(|round| Some((cpu(&many, round)?, cpu(&few, round)?))))
    };
    let values: Vec<_> = servers.iter().map(flatness).collect();
    if values.iter().any(Option::is_some) {
        let label = "CPU: a delivery to 10,000 by one to 100".to_owned();
        rows.push(Row { label, values, ratios: vec![None; servers.len().saturating_sub(1)] });
    }
    rows
}

impl Row {
    /// `None` where no run has the figure.
    fn new(label: String, servers: &[&str], runs: &[&Run], of: Figure) -> Option<Self> {
        let value = |server: &&str| {
            let runs = runs.iter().filter(|run| run.server == **server);
            summary(runs.filter_map(|run| of(run.measured()?)))
        };
        let values: Vec<_> = servers.iter().map(value).collect();
        let ours = servers.iter().find(|name| is_ours(name)).copied().unwrap_or_default();
        let others = servers.iter().filter(|name| !is_ours(name));
        let ratios = others.map(|other| ratios(pairs(runs, ours, other, of))).collect();
        values.iter().any(Option::is_some).then_some(Self { label, values, ratios })
    }
}

impl Table {
    fn new(servers: &[&str], has_ratios: bool, rows: Vec<Row>) -> Self {
        Self { servers: servers.iter().map(|&name| name.to_owned()).collect(), has_ratios, rows }
    }

    /// The table, with its head.
    pub(crate) fn markdown(&self) -> String {
        let mut text = "| measurement".to_owned();
        for server in &self.servers {
            let _ = write!(text, " | {}", title(server));
        }
        let others = self.servers.iter().filter(|name| self.has_ratios && !is_ours(name));
        for other in others.clone() {
            let _ = write!(text, " | ratio to {other}");
        }
        let columns = self.servers.len() + others.count();
        let _ = write!(text, " |\n| ---{} |\n", " | ---:".repeat(columns));
        for row in &self.rows {
            let _ = write!(text, "| {}", row.label);
            for value in &row.values {
                let _ = write!(text, " | {}", value.map_or("–".to_owned(), |it| figure(it.median)));
            }
            for ratio in row.ratios.iter().filter(|_| self.has_ratios) {
                let _ = write!(text, " | {}", ratio.map_or("–".to_owned(), ranged));
            }
            text.push_str(" |\n");
        }
        text
    }
}

/// A server as readers know it.
fn title(server: &str) -> &str {
    match server {
        "vestibule" => "Vestibule",
        "tokio" => "tokio-tungstenite",
        "uws" => "uWebSockets",
        "nginx" => "nginx in front",
        other => other,
    }
}

/// As many digits as the load test has: tenths of a microsecond, and hundredths below 10.
fn figure(value: f64) -> String {
    let text = match value.abs() {
        ..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => number(value),
    };
    match text.strip_suffix('0') {
        Some(short) if text.contains('.') && value.abs() >= 1.0 => {
            short.trim_end_matches('.').to_owned()
        }
        _ => text,
    }
}

/// A ratio with its range, if it has one.
fn ranged(ratio: Summary) -> String {
    let decimals = |value: f64| if value < 10.0 { 2 } else { 1 };
    let [median, min, max] =
        [ratio.median, ratio.min, ratio.max].map(|it| format!("{it:.0$}", decimals(it)));
    if min == max { median } else { format!("{median} ({min}–{max})") }
}

#[cfg(test)]
mod tests;
