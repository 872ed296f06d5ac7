//! The documentation says what the code does.
#![cfg(feature = "cli")]

use std::collections::BTreeMap;

use toml::{Table, Value};
use vestibule::config::Config;

const CONFIGURATION: &str = include_str!("../docs/configuration.md");

/// Key and default of each table row that starts with them: ``| `key` | `default` | …``.
fn documented() -> BTreeMap<String, String> {
    let code = |cell: &str| Some(cell.trim().strip_prefix('`')?.strip_suffix('`')?.to_owned());
    let rows = CONFIGURATION.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.split('|');
        Some((code(cells.next()?)?, code(cells.next()?)?))
    });
    rows.collect()
}

#[test]
fn every_key_is_documented_with_its_default_and_no_other() {
    let mut defaults = BTreeMap::new();
    for (key, value) in Table::try_from(Config::default()).unwrap() {
        match value {
            Value::Table(section) => {
                let inner = section.into_iter();
                defaults.extend(inner.map(|(name, v)| (format!("{key}.{name}"), v.to_string())));
            }
            value => drop(defaults.insert(key, value.to_string())),
        }
    }
    assert_eq!(documented(), defaults);
}

#[test]
fn the_example_file_of_the_documentation_is_a_valid_configuration() {
    let (_, rest) = CONFIGURATION.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let config: Config = toml::from_str(example).unwrap();
    assert_eq!(config.faults(), []);
}
