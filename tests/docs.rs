//! The documentation says what the code does.
#![cfg(feature = "cli")]

use std::collections::BTreeMap;

use toml::{Table, Value};
use vestibule::config::Config;

const CONFIGURATION: &str = include_str!("../docs/configuration.md");
const MIGRATION: &str = include_str!("../docs/migration.md");
const OPERATIONS: &str = include_str!("../docs/operations.md");

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
    for (key, value) in Table::try_from(Config::program_defaults()).unwrap() {
        match value {
            Value::Table(section) => {
                let inner = section.into_iter();
                defaults.extend(inner.map(|(name, v)| (format!("{key}.{name}"), v.to_string())));
            }
            value => drop(defaults.insert(key, value.to_string())),
        }
    }
    assert_eq!(
        documented(),
        defaults,
        "write the tables anew: `VESTIBULE_WRITE_SCHEMA=1 cargo test --features schema --test schema`"
    );
}

#[test]
fn the_examples_of_the_documentation_are_valid_configurations() {
    for document in [CONFIGURATION, MIGRATION, OPERATIONS] {
        let examples = document.split("```toml\n").skip(1);
        let examples = examples.map(|rest| rest.split_once("```").unwrap().0);
        assert!(examples.clone().next().is_some());
        for example in examples {
            let config: Config = toml::from_str(example).unwrap();
            assert_eq!(config.faults(), [], "{example}");
        }
    }
}
