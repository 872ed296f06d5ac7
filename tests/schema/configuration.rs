//! The tables of `docs/configuration.md` and `docs/config.schema.json` are what the types in
//! `src/config` say, and the ranges that they tell are those that a configuration is held to.

use std::collections::BTreeMap;

use serde_json::Value;
use vestibule::config::{Config, FaultKind, Key, Range, schema};

use crate::{assert_written, root};

const DOCUMENT: &str = "docs/configuration.md";
const HEADING: &str = "| key | default | range | reload | memory | meaning |\n\
                       | --- | --- | --- | --- | --- | --- |\n";
const END: &str = "<!-- end of keys -->";

/// Every key with its default, as it is written in the file.
fn keys() -> Vec<(&'static Key, String)> {
    let file = toml::to_string(&Config::program_defaults()).unwrap();
    let lines: Vec<_> = file.lines().filter_map(|line| line.split_once(" = ")).collect();
    let names: Vec<_> = Config::keys().map(Key::name).collect();
    assert_eq!(names, lines.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    Config::keys().zip(lines.iter().map(|(_, default)| (*default).to_owned())).collect()
}

fn row(key: &Key, default: &str) -> String {
    let reload = if key.reloads { "yes" } else { "restart" };
    let memory = if key.takes_memory { "yes" } else { "" };
    let (path, range, text) = (key.path, key.range, key.text());
    format!("| `{path}` | `{default}` | {range} | {reload} | {memory} | {text} |\n")
}

/// What is wrong with a configuration that differs from the default in this key alone.
fn fault_of(key: &Key, value: &str) -> Option<String> {
    let header = if key.section().is_empty() { "" } else { &format!("[{}]\n", key.section()) };
    match toml::from_str::<Config>(&format!("{header}{} = {value}\n", key.name())) {
        Err(refused) => Some(refused.to_string()),
        Ok(config) => {
            let fault = config.faults().into_iter().find(|fault| fault.key == key.path)?;
            (fault.kind == FaultKind::OutOfRange).then_some(fault.problem)
        }
    }
}

/// The tables of `[limits]`, which would be too long as one.
const LIMITS: [(&str, &[&str]); 6] = [
    (
        "connections",
        &[
            "connections",
            "pending",
            "pending_per_ip",
            "connections_per_user",
            "room_members",
            "presence_members",
        ],
    ),
    (
        "rates",
        &[
            "messages_per_minute",
            "auth_per_minute_per_ip",
            "auth_per_minute_per_user",
            "missed_keys_per_minute_per_ip",
            "requests_per_minute_per_user",
            "requests_per_minute_per_ip",
        ],
    ),
    (
        "one connection",
        &["message_bytes", "pending_message_bytes", "waiting_messages", "outbound_bytes", "ping"],
    ),
    (
        "memory",
        &["memory", "pending_input_total", "member_input_total", "outbound_total", "work_total"],
    ),
    (
        "remembered",
        &[
            "addresses",
            "users",
            "replay_entries",
            "revocations",
            "answer_bytes",
            "history_bytes",
            "late_answers",
            "recent_ends",
            "rooms",
        ],
    ),
    ("queues", &["workers", "worker_queue", "tls_queue", "storage_queue", "pending_per_turn"]),
];

/// The rows of one table, by the marker in front of it.
fn tables() -> Vec<(String, Vec<String>)> {
    let keys = keys();
    let mut tables = Vec::new();
    for part in keys.chunk_by(|(a, _), (b, _)| a.section() == b.section()) {
        let section = part[0].0.section();
        let rows = part.iter().map(|(key, default)| (key.name(), row(key, default)));
        if section == "limits" {
            let mut rows: BTreeMap<_, _> = rows.collect();
            for (group, names) in LIMITS {
                let unknown: Vec<_> = names.iter().filter(|n| !rows.contains_key(**n)).collect();
                assert!(unknown.is_empty(), "there is no {unknown:?} in [limits]");
                let marker = format!("<!-- keys of [limits]: {group} -->\n");
                tables.push((marker, names.iter().filter_map(|name| rows.remove(name)).collect()));
            }
            assert!(rows.is_empty(), "in no table of [limits]: {:?}", rows.keys());
        } else {
            tables.push((marker(section), rows.map(|(_, row)| row).collect()));
        }
    }
    tables
}

fn marker(section: &str) -> String {
    match section {
        "" => "<!-- keys -->\n".to_owned(),
        section => format!("<!-- keys of [{section}] -->\n"),
    }
}

#[test]
fn the_tables_of_keys_are_what_the_types_say() {
    let written = std::fs::read_to_string(root().join(DOCUMENT)).unwrap();
    let mut said = written;
    for (marker, rows) in tables() {
        let (before, rest) = said.split_once(&marker).unwrap_or_else(|| panic!("no {marker}"));
        let (_, after) = rest.split_once(END).unwrap();
        said = format!("{before}{marker}{HEADING}{}{END}{after}", rows.concat());
    }
    assert_written(DOCUMENT, &said);
}

#[test]
fn config_schema_file_matches_the_types() {
    let said = serde_json::to_string_pretty(&schema::document()).unwrap();
    assert_written("docs/config.schema.json", &(said + "\n"));
}

/// A bound as it is written in TOML, and the value beside it; `None` where there is none below.
fn bound(text: &str, step: i64) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number = number.parse::<i64>().unwrap() + step;
    let written = if unit.is_empty() { number.to_string() } else { format!("\"{number}{unit}\"") };
    (number >= 0).then_some(written)
}

#[test]
fn config_key_refuses_values_outside_its_range() {
    let (mut lower, mut upper) = (0, 0);
    for key in Config::keys() {
        let Range::Bounds { or_zero, least, most } = Range::parse(key.range) else { continue };
        let taken = [Some(least), Some(most), or_zero.then_some("0")].into_iter().flatten();
        for value in taken.filter_map(|value| bound(value, 0)) {
            assert_eq!(fault_of(key, &value), None, "{}: {value} is refused", key.path);
        }
        for (value, tried) in [(bound(least, -1), &mut lower), (bound(most, 1), &mut upper)] {
            let Some(value) = value else { continue };
            assert!(fault_of(key, &value).is_some(), "{}: {value} is taken", key.path);
            *tried += 1;
        }
    }
    assert!(lower > 20 && upper > 35, "{lower} lower bounds and {upper} upper ones were tried");
}

#[test]
fn number_without_bounds_has_none_in_its_type() {
    for key in Config::keys().filter(|key| key.range.starts_with("0 or more")) {
        assert_eq!(fault_of(key, &i64::MAX.to_string()), None, "{}", key.path);
    }
}

#[test]
fn a_default_is_among_the_choices() {
    let document = schema::document();
    let mut tried = 0;
    for key in Config::keys() {
        let section = &document["properties"][key.section()]["properties"];
        if let Some(choices) = section[key.name()]["enum"].as_array() {
            assert!(choices.contains(&section[key.name()]["default"]), "{}", key.path);
            tried += 1;
        }
    }
    assert_eq!(tried, 4, "`auth.mode`, `accounts.signup`, `log.level` and `log.format`");
}

#[test]
fn config_schema_narrows_bounds_and_choices() {
    let document = schema::document();
    let at = |path: &str| document.pointer(path).cloned().unwrap_or(Value::Null);
    assert_eq!(at("/properties/limits/properties/workers/maximum"), 1_024);
    assert_eq!(at("/properties/limits/properties/workers/default"), 4);
    assert_eq!(at("/properties/log/properties/format/enum"), serde_json::json!(["text", "json"]));
    assert_eq!(at("/properties/auth/properties/mode/enum/2"), "legacy");
    assert_eq!(at("/properties/limits/additionalProperties"), false);
    assert_eq!(at("/properties/admin/properties/key"), Value::Null);
}
