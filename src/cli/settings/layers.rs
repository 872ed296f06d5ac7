//! What the layers have set so far, and the suggestions for names that are unknown.

use std::collections::BTreeMap;

use toml::{Table, Value};
use vestibule::config::{Config, FaultKind, Range};

use crate::cli::output::CommandError;

/// Where a value was set.
#[derive(Debug)]
pub(super) enum SettingOrigin {
    /// `FILE:LINE`; the key is told too.
    File(String),
    /// A variable, which names its key.
    Variable(String),
    /// A flag.
    Flag(String),
}

impl SettingOrigin {
    fn label(&self, path: &str) -> String {
        match self {
            Self::File(place) => format!("{place}: {path}"),
            Self::Variable(name) | Self::Flag(name) => name.clone(),
        }
    }

    fn place(self) -> String {
        match self {
            Self::File(place) | Self::Variable(place) | Self::Flag(place) => place,
        }
    }
}

/// The values set so far, and what was wrong on the way.
#[derive(Debug)]
pub(super) struct Layers {
    /// Path and default of every key.
    pub(super) known: BTreeMap<String, Value>,
    set: BTreeMap<String, (Value, SettingOrigin)>,
    pub(super) faults: Vec<String>,
    /// How many of the faults are those of flags.
    of_flags: usize,
}

impl Layers {
    pub(super) fn new() -> Result<Self, Vec<String>> {
        let defaults = defaults().map_err(|fault| vec![fault])?;
        let mut known = BTreeMap::new();
        for (key, value) in defaults {
            match value {
                Value::Table(section) => {
                    let inner = section.into_iter();
                    known.extend(inner.map(|(name, value)| (format!("{key}.{name}"), value)));
                }
                value => drop(known.insert(key, value)),
            }
        }
        Ok(Self { known, set: BTreeMap::new(), faults: Vec::new(), of_flags: 0 })
    }

    pub(super) fn has_section(&self, path: &str) -> bool {
        self.known
            .keys()
            .any(|known| known.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
    }

    /// Sets `path`, which is known, unless its value cannot be read.
    pub(super) fn set(&mut self, path: &str, value: Value, origin: SettingOrigin) {
        match of_one_value(path, value.clone()).try_into::<Config>() {
            Ok(_) => drop(self.set.insert(path.to_owned(), (value, origin))),
            Err(error) => {
                let problem = self.refusal(path, &value, error.message());
                self.refuse(path, &origin, &problem);
            }
        }
    }

    fn refuse(&mut self, path: &str, origin: &SettingOrigin, problem: &str) {
        self.of_flags += usize::from(matches!(origin, SettingOrigin::Flag(_)));
        self.faults.push(format!("{}: {problem}", origin.label(path)));
    }

    /// What is wrong with a value that its key's type does not hold, in words for people.
    fn refusal(&self, path: &str, value: &Value, message: &str) -> String {
        let key = Config::keys().find(|key| key.path == path);
        match (self.known.get(path), value, key) {
            _ if path == "auth.issuers" => of_issuers(value, message),
            _ if is_secret(path) => "expected a text".to_owned(),
            (Some(Value::Boolean(_)), Value::String(text), _) if text.parse::<bool>().is_ok() => {
                format!("write {text} without quotes")
            }
            (Some(Value::Integer(_)), Value::String(text), _) if text.parse::<i64>().is_ok() => {
                format!("write {text} without quotes")
            }
            (Some(Value::Integer(_)), Value::Integer(number), Some(key)) => key.refusal(*number),
            (Some(Value::Integer(_)), ..) => "expected a whole number".to_owned(),
            (_, Value::String(text), Some(key))
                if matches!(Range::parse(key.range), Range::Choice(_)) =>
            {
                key.refusal(format_args!("`{text}`"))
            }
            _ => message.to_owned(),
        }
    }

    /// Sets `path` from text, as the type of its default asks for.
    pub(super) fn set_text(&mut self, path: &str, text: &str, origin: SettingOrigin) {
        let value = match self.known.get(path) {
            Some(Value::Integer(_)) => text.parse().ok().map(Value::Integer),
            Some(Value::Boolean(_)) => text.parse().ok().map(Value::Boolean),
            Some(Value::Array(_)) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Some(items.map(|item| Value::String(item.to_owned())).collect::<Vec<_>>().into())
            }
            _ => Some(Value::String(text.to_owned())),
        };
        match (value, self.known.get(path)) {
            (Some(value), _) => self.set(path, value, origin),
            (None, default) => {
                let wanted = match default {
                    Some(Value::Boolean(_)) => "true or false",
                    _ => "a whole number",
                };
                self.refuse(path, &origin, &format!("`{text}` is not {wanted}"));
            }
        }
    }

    /// The keys and sections that `path` may have been meant for, if there are any.
    pub(super) fn hint(&self, path: &str) -> String {
        let sections = self.known.keys().filter_map(|key| key.split_once('.').map(|(s, _)| s));
        let sections = sections.filter(|_| !path.contains('.'));
        let names = self.known.keys().map(String::as_str).chain(sections);
        hint(near(path, names).into_iter().map(|name| format!("`{name}`")))
    }

    pub(super) fn finish(mut self) -> Result<Config, CommandError> {
        let mut table = defaults().map_err(|fault| vec![fault])?;
        for (path, (value, _)) in &self.set {
            merge(&mut table, of_one_value(path, value.clone()));
        }
        let config = match table.try_into::<Config>() {
            Ok(config) => config,
            Err(error) => {
                self.faults.push(error.message().to_owned());
                return Err(self.faults.into());
            }
        };
        for fault in config.faults() {
            match self.set.remove(fault.key) {
                // As it was written: 400 days are 9,600 hours otherwise.
                Some((Value::String(text), origin)) if fault.kind == FaultKind::OutOfRange => {
                    let key = Config::keys().find(|key| key.path == fault.key);
                    let told =
                        key.filter(|key| matches!(Range::parse(key.range), Range::Bounds { .. }));
                    let told = told.map(|key| key.refusal(&text));
                    self.refuse(fault.key, &origin, &told.unwrap_or(fault.problem));
                }
                Some((_, origin)) => self.refuse(fault.key, &origin, &fault.problem),
                None => self.faults.push(format!("{}: {}", fault.key, fault.problem)),
            }
        }
        if !self.faults.is_empty() {
            let is_usage = self.of_flags == self.faults.len();
            return Err(CommandError { faults: self.faults, is_usage });
        }
        let given = self.set.into_iter().map(|(path, (_, origin))| (path, origin.place()));
        Ok(Config { given: given.collect(), ..config })
    }
}

/// What the program begins with, every key of it.
fn defaults() -> Result<Table, String> {
    Table::try_from(Config::program_defaults()).map_err(|error| error.to_string())
}

/// Is the value behind `path` one that must never be shown?
fn is_secret(path: &str) -> bool {
    matches!(path, "auth.secret" | "auth.issuers")
}

/// What is wrong with `auth.issuers`. Its tables hold secrets, so no value is shown.
fn of_issuers(value: &Value, message: &str) -> String {
    let is_table = |value: &Value| matches!(value, Value::Table(_));
    match value {
        Value::Array(entries) if !entries.is_empty() && entries.iter().all(is_table) => {
            let is_of_names = ["unknown field", "missing field"].iter().any(|it| message.starts_with(it));
            let told = if is_of_names { message.lines().next() } else { None };
            told.unwrap_or("a value in one of its tables has the wrong type").to_owned()
        }
        _ => "it is a list of tables: write [[auth.issuers]] in the configuration file, and the keys of \
              one issuer below it"
            .to_owned(),
    }
}

/// What is said of the names that may have been meant.
pub(super) fn hint(near: impl Iterator<Item = String>) -> String {
    let near: Vec<String> = near.collect();
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}

/// The names that `path` may have been meant for, the likeliest alone.
pub(super) fn near<'a>(path: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut near: Vec<_> = names.filter_map(|name| Some((distance(path, name)?, name))).collect();
    near.sort_unstable();
    near.dedup();
    let least = near.first().map(|(distance, _)| *distance);
    near.into_iter().filter(|(it, _)| Some(*it) == least).map(|(_, name)| name).collect()
}

/// How far `path` is from a known name: first by a near name in the same section, then as a whole,
/// then by a near name in another section. `None`: it is not meant.
fn distance(path: &str, name: &str) -> Option<(u8, usize)> {
    let split = |path| str::rsplit_once(path, '.').unwrap_or(("", path));
    let ((section, last), (known_section, known_last)) = (split(path), split(name));
    let by_name = edits(last, known_last);
    if section == known_section {
        return Some((0, by_name?));
    }
    edits(path, name).map(|edits| (1, edits)).or_else(|| Some((2, by_name?)))
}

/// Is `name` close enough to `known` to be meant by it?
pub(crate) fn is_near(name: &str, known: &str) -> bool {
    edits(name, known).is_some()
}

/// How many edits make `known` of `name`; `None`: more than a third of it. A beginning of `known`
/// counts as two.
fn edits(name: &str, known: &str) -> Option<usize> {
    let edits = strsim::osa_distance(name, known);
    let is_beginning = name.len() > 2 && known.starts_with(name);
    let edits = if is_beginning { edits.min(2) } else { edits };
    (is_beginning || edits <= (name.len() / 3).max(1)).then_some(edits)
}

fn of_one_value(path: &str, value: Value) -> Table {
    let nest = |inner: Value, name: &str| {
        let mut table = Table::new();
        table.insert(name.to_owned(), inner);
        Value::Table(table)
    };
    match path.rsplit('.').fold(value, nest) {
        Value::Table(table) => table,
        _ => Table::new(),
    }
}

fn merge(into: &mut Table, from: Table) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Table(inner)), Value::Table(more)) => merge(inner, more),
            (_, value) => drop(into.insert(name, value)),
        }
    }
}
