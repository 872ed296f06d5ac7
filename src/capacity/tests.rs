mod marked_keys;
mod sizing;

use proptest::prelude::*;

use super::*;
use crate::config::{Backend, ConfigError, Limits, Size};

const MOST: usize = 1 << 24;
/// 64 MiB, and what code for debugging takes more.
const SMALL: usize = (64 << 20) + if cfg!(debug_assertions) { 10 << 20 } else { 0 };

fn fitted(memory: usize) -> Result<Config, ConfigError> {
    let limits = Limits { memory: Size::bytes(memory), ..Limits::default() };
    let mut config = Config { limits, ..Config::program_defaults() };
    fit(&mut config, MOST)?;
    Ok(config)
}

/// The least memory that the defaults fit into, as the fault tells it.
fn least() -> usize {
    let ConfigError { problem: text, .. } = fitted(1).unwrap_err();
    let (_, rest) = text.split_once("at least ").unwrap();
    let (mib, _) = rest.split_once(" MiB").unwrap();
    mib.parse::<usize>().unwrap() << 20
}

#[test]
fn below_the_least_memory_it_says_what_needs_how_much() {
    let least = least();
    assert!(fitted(least).is_ok());
    let ConfigError { problem: text, .. } = fitted(least - (1 << 20)).unwrap_err();
    assert!(text.contains(&format!("at least {} MiB", least >> 20)), "{text}");
    assert!(text.contains("(the program)"), "{text}");
    if cfg!(feature = "recipes") {
        assert!(text.contains("(accounts.hashes, of argon2_memory)"), "{text}");
    }
}

#[test]
fn without_a_bound_on_all_memory_nothing_is_derived() {
    assert_eq!(fitted(0), Ok(Config::program_defaults()));
}

#[test]
fn with_64_mib_there_are_bounds_to_work_with() {
    let Config { limits, http, .. } = fitted(SMALL).unwrap();
    assert!(limits.connections > 1_000, "{limits:?}");
    assert!(limits.pending * 2 >= limits.connections, "{limits:?}");
    assert!(limits.pending_input_total.get() > 512 << 10, "{limits:?}");
    assert!(limits.member_input_total.get() > 512 << 10, "{limits:?}");
    assert!(limits.outbound_total.get() > 1 << 20, "{limits:?}");
    assert!(limits.worker_queue >= 8 && http.requests >= 8, "{limits:?}");
    assert_eq!(limits.message_bytes, Limits::default().message_bytes);
}

/// A key that somebody has set, in a file.
fn set(key: &str) -> (String, String) {
    (key.to_owned(), "v.toml:1".to_owned())
}

#[test]
fn explicit_zero_connections_are_derived_from_memory() {
    let derived = fitted(SMALL).unwrap();
    let limits = Limits { memory: Size::bytes(SMALL), ..Limits::default() };
    let given = ["limits.connections", "limits.pending"].map(set).into();
    let mut config = Config { limits, given, ..Config::program_defaults() };
    fit(&mut config, MOST).unwrap();
    assert_eq!(config.limits, derived.limits);
    assert_eq!(config.given.len(), 2);
}

#[test]
fn what_is_given_and_too_much_is_named() {
    let limits =
        Limits { memory: Size::kib(128 << 10), connections: 1_000_000, ..Limits::default() };
    let given = [set("limits.connections")].into();
    let mut config = Config { limits, given, ..Config::program_defaults() };
    let before = config.clone();
    let ConfigError { problem: text, .. } = fit(&mut config, MOST).unwrap_err();
    assert!(text.contains("1.6 GiB (connections with their names)"), "{text}");
    assert_eq!(config, before);
    config.limits.connections = 0;
    config.limits.replay_entries = 0;
    config.given = [set("limits.replay_entries")].into();
    let ConfigError { problem: text, .. } = fit(&mut config, MOST).unwrap_err();
    assert!(text.contains("give limits.replay_entries a number"), "{text}");
}

#[test]
fn a_backend_has_no_database_and_no_passwords() {
    let url = "http://127.0.0.1:8000".to_owned();
    let backend = Backend { url, workers: 4, ..Backend::default() };
    let limits = Limits { memory: Size::kib(64 << 10), ..Limits::default() };
    let mut config = Config { limits, backend, ..Config::program_defaults() };
    fit(&mut config, MOST).unwrap();
    assert_eq!((config.accounts, config.recipes), Default::default());
    assert!(config.limits.worker_queue >= 2);
}

#[test]
fn a_limit_that_is_none_makes_the_memory_unbounded() {
    for limits in [
        Limits { outbound_bytes: Size::bytes(0), ..Limits::default() },
        Limits { replay_entries: 0, ..Limits::default() },
        Limits { answer_bytes: Size::bytes(0), ..Limits::default() },
        Limits { rooms: 0, ..Limits::default() },
        Limits { addresses: 0, ..Limits::default() },
    ] {
        let limits = Limits { connections: 1, pending: 1, ..limits };
        assert_eq!(total(&rows(&Config { limits, ..Config::program_defaults() })), None);
    }
}

#[test]
fn filter_of_answers_has_a_row() {
    for (connections, bytes) in [(100, 512), (1_000_000, 64 << 10)] {
        let limits = Limits { connections, pending: 1, ..Limits::default() };
        let rows = rows(&Config { limits, ..Config::program_defaults() });
        assert!(rows.iter().any(|row| row.what.contains("filter") && row.sum() == Some(bytes)));
    }
}

#[test]
fn a_budget_takes_the_place_of_what_it_bounds() {
    let limits = Limits { connections: 1_000, pending: 500, ..Limits::default() };
    let open = total(&rows(&Config { limits: limits.clone(), ..Config::program_defaults() }));
    let budget = Size::kib(1_024);
    let limits = Limits {
        pending_input_total: budget,
        member_input_total: budget,
        outbound_total: budget,
        work_total: budget,
        ..limits
    };
    let bounded = total(&rows(&Config { limits, ..Config::program_defaults() }));
    assert!(open.unwrap() > bounded.unwrap() + (1 << 30), "{open:?} {bounded:?}");
}

#[test]
fn every_share_is_of_a_key() {
    for share in SHARES {
        assert!(Config::keys().any(|key| key.path == share.key), "{}", share.key);
    }
    assert!(SHARES.iter().map(|share| share.hundredths).sum::<u128>() < 100);
}

#[test]
fn bytes_are_written_for_people() {
    assert_eq!(human(0), "0 B");
    assert_eq!(human(1_023), "1023 B");
    assert_eq!(human(1_536), "1.5 KiB");
    assert_eq!(human(3 << 40), "3.0 TiB");
}

/// Keys that somebody may set, and to what.
fn given() -> impl Strategy<Value = Vec<(&'static str, usize)>> {
    let one = prop_oneof![
        (Just("limits.connections"), 1..20_000_usize),
        (Just("limits.replay_entries"), 1..100_000_usize),
        (Just("limits.rooms"), 1..10_000_usize),
        (Just("limits.outbound_total"), (1_usize << 20)..(16 << 20)),
        (Just("limits.outbound_bytes"), (1_usize << 16)..(1 << 19)),
        (Just("limits.member_input_total"), (1_usize << 20)..(16 << 20)),
        (Just("http.requests"), 1..600_usize),
        (Just("accounts.hashes"), 1..4_usize),
        (Just("log.queue"), 1..2_000_usize),
    ];
    prop::collection::vec(one, 0..4)
}

fn place<'a>(config: &'a mut Config, key: &str) -> Result<&'a mut usize, &'a mut Size> {
    let limits = &mut config.limits;
    Ok(match key {
        "limits.connections" => &mut limits.connections,
        "limits.replay_entries" => &mut limits.replay_entries,
        "limits.rooms" => &mut limits.rooms,
        "http.requests" => &mut config.http.requests,
        "accounts.hashes" => &mut config.accounts.hashes,
        "log.queue" => &mut config.log.queue,
        "limits.outbound_total" => return Err(&mut limits.outbound_total),
        "limits.outbound_bytes" => return Err(&mut limits.outbound_bytes),
        "limits.member_input_total" => return Err(&mut limits.member_input_total),
        other => panic!("{other}"),
    })
}

fn value(config: &mut Config, key: &str) -> usize {
    place(config, key).map_or_else(|size| size.get(), |count| *count)
}

proptest! {
    #[test]
    fn whatever_the_memory_the_worst_case_fits_into_it(
        memory in 1_usize..64 << 30, given in given(),
    ) {
        let limits = Limits { memory: Size::bytes(memory), ..Limits::default() };
        let mut config = Config { limits, ..Config::program_defaults() };
        for (key, number) in &given {
            match place(&mut config, key) {
                Ok(count) => *count = *number,
                Err(size) => *size = Size::bytes(*number),
            }
            config.given.extend([set(key)]);
        }
        let mut before = config.clone();
        if fit(&mut config, MOST).is_ok() {
            let needs = total(&rows(&config)).unwrap();
            prop_assert!(needs <= memory as u128, "{needs} of {memory}");
            for (key, _) in &given {
                prop_assert_eq!(value(&mut config, key), value(&mut before, key), "{}", key);
            }
            prop_assert_eq!(config.faults(), []);
        } else {
            prop_assert_eq!(config, before);
        }
    }

    #[test]
    fn more_memory_never_gives_fewer_connections(memory in 1_usize..64 << 30, more in 0_usize..64 << 20) {
        if let Ok(less) = fitted(memory) {
            let more = fitted(memory + more).unwrap();
            prop_assert!(more.limits.connections >= less.limits.connections);
            prop_assert!(more.limits.outbound_total >= less.limits.outbound_total);
            prop_assert!(more.limits.pending_input_total >= less.limits.pending_input_total);
        }
    }

    #[test]
    fn from_the_least_memory_on_everything_fits(more in 0_usize..8 << 30) {
        prop_assert!(fitted(least() + more).is_ok());
    }
}
