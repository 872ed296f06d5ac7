//! The tables of `docs/configuration.md` and `docs/config.schema.json` are what the types in
//! `src/config` say, and the ranges that they tell are those that a configuration is held to.

use serde_json::Value;
use vestibule::config::{Config, schema};

use crate::{assert_written, root};

const DOCUMENT: &str = "docs/configuration.md";
const HEADING: &str = "| key | default | range | what it trades |\n| --- | --- | --- | --- |\n";
const END: &str = "<!-- end of keys -->";

/// A key as the types have it.
struct Key {
    section: String,
    name: String,
    default: String,
    range: String,
    text: String,
}

impl Key {
    fn path(&self) -> String {
        match self.section.as_str() {
            "" => self.name.clone(),
            section => format!("{section}.{}", self.name),
        }
    }

    fn row(&self) -> String {
        let (path, default) = (self.path(), &self.default);
        format!("| `{path}` | `{default}` | {} | {} |\n", self.range, self.text)
    }

    /// What is wrong with a configuration that differs from the default in this key alone.
    fn fault_of(&self, value: &str) -> Option<String> {
        let header = if self.section.is_empty() { "" } else { &format!("[{}]\n", self.section) };
        let file = format!("{header}{} = {value}\n", self.name);
        match toml::from_str::<Config>(&file) {
            Err(refused) => Some(refused.to_string()),
            Ok(config) => {
                let mut faults = config.faults().into_iter();
                faults.find(|fault| fault.key == self.path()).map(|fault| fault.problem)
            }
        }
    }
}

/// Every key, in the order of the types' fields: that in which they are serialised.
fn keys() -> Vec<Key> {
    let document = schema::document();
    let (mut section, mut keys) = (String::new(), Vec::new());
    for line in toml::to_string(&Config::program_defaults()).unwrap().lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((name, default)) = line.split_once(" = ") {
            let holder = match section.as_str() {
                "" => &document,
                section => &document["properties"][section],
            };
            let (name, default) = (name.to_owned(), default.to_owned());
            let said = holder["properties"][&name]["description"].as_str().unwrap_or_default();
            let (text, range) = said.split_once("\n\nRange: ").unwrap_or_default();
            let (text, range) = (text.to_owned(), range.trim_end_matches('.').to_owned());
            assert!(!text.is_empty() && !range.is_empty(), "{section} {name}: text and `Range: …`");
            keys.push(Key { section: section.clone(), name, default, range, text });
        }
    }
    keys
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
    let (keys, mut said) = (keys(), written);
    for part in keys.chunk_by(|a, b| a.section == b.section) {
        let marker = marker(&part[0].section);
        let (before, rest) = said.split_once(&marker).unwrap_or_else(|| panic!("no {marker}"));
        let (_, after) = rest.split_once(END).unwrap();
        let rows: String = part.iter().map(Key::row).collect();
        said = format!("{before}{marker}{HEADING}{rows}{END}{after}");
    }
    assert_written(DOCUMENT, &said);
}

#[test]
fn the_schema_of_the_configuration_is_what_the_types_say() {
    let said = serde_json::to_string_pretty(&schema::document()).unwrap();
    assert_written("docs/config.schema.json", &(said + "\n"));
}

/// A bound as it is written in TOML: `0` as a number, `64KiB` as a text.
fn bound(word: &str) -> Option<String> {
    let bare = word.trim_matches('`');
    bare.starts_with(|first: char| first.is_ascii_digit()).then(|| match word.parse::<u64>() {
        Ok(number) => number.to_string(),
        Err(_) => format!("\"{bare}\""),
    })
}

/// The value beside a bound, one smaller or larger; `None` where there is none below.
fn beside(bound: &str, step: i64) -> Option<String> {
    let digits: String = bound.chars().filter(char::is_ascii_digit).collect();
    let next = digits.parse::<i64>().unwrap() + step;
    let unit = bound.trim_matches('"').trim_start_matches(|c: char| c.is_ascii_digit());
    let is_text = bound.starts_with('"');
    let next = if is_text { format!("\"{next}{unit}\"") } else { next.to_string() };
    (!next.contains('-')).then_some(next)
}

#[test]
fn a_configuration_is_held_to_the_ranges_that_are_told() {
    let (mut lower, mut upper) = (0, 0);
    for key in keys() {
        let path = key.path();
        let words: Vec<_> = key.range.trim_start_matches("0, or ").split(' ').collect();
        let Some(least) = bound(words[0]) else { continue };
        let within = |fault: String| fault.contains("not within").then_some(fault);
        assert_eq!(key.fault_of(&least).and_then(within), None, "{path}: its least is refused");
        if let Some(less) = beside(&least, -1) {
            assert!(key.fault_of(&less).is_some(), "{path}: {less} is taken");
            lower += 1;
        }
        let most = words.get(2).filter(|_| words[1] == "to").and_then(|word| bound(word));
        if let Some(most) = most {
            assert_eq!(key.fault_of(&most).and_then(within), None, "{path}: its most is refused");
            let more = beside(&most, 1).unwrap();
            assert!(key.fault_of(&more).is_some(), "{path}: {more} is taken");
            upper += 1;
        }
    }
    assert!(lower > 20 && upper > 35, "{lower} lower bounds and {upper} upper ones were tried");
}

#[test]
fn a_default_is_among_the_choices() {
    let document = schema::document();
    let mut tried = 0;
    for key in keys() {
        let section = &document["properties"][&key.section]["properties"];
        if let Some(choices) = section[&key.name]["enum"].as_array() {
            assert!(
                choices.contains(&section[&key.name]["default"]),
                "{}: {choices:?}",
                key.path()
            );
            tried += 1;
        }
    }
    assert_eq!(tried, 2, "`log.level` and `log.format`");
}

#[test]
fn the_schema_narrows_where_a_range_is_bounds_or_a_choice() {
    let document = schema::document();
    let at = |path: &str| document.pointer(path).cloned().unwrap_or(Value::Null);
    assert_eq!(at("/properties/limits/properties/workers/maximum"), 1_024);
    assert_eq!(at("/properties/limits/properties/workers/default"), 4);
    assert_eq!(at("/properties/log/properties/format/enum"), serde_json::json!(["text", "json"]));
    assert_eq!(at("/properties/auth/properties/mode/oneOf/2/const"), "legacy");
    assert_eq!(at("/properties/limits/additionalProperties"), false);
    assert_eq!(at("/properties/admin/properties/key"), Value::Null);
}
