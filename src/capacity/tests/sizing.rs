//! docs/sizing.md: what it says that a configuration takes at most.

use super::*;

const SIZING: &str = include_str!("../../../docs/sizing.md");

/// The most that these connections take, with the other limits as they are.
fn most(limits: Limits) -> u128 {
    let mut config = Config { limits, ..Config::program_defaults() };
    meet_needs(&mut config);
    let debugging = if cfg!(debug_assertions) { 10 << 20 } else { 0 };
    total(&rows(&config)).unwrap() - debugging
}

/// `5,000`.
fn number(text: &str) -> usize {
    text.trim().replace(',', "").parse().unwrap()
}

#[test]
fn hosts_of_the_documents_need_what_these_say() {
    let (_, table) = SIZING.split_once("| host | connections, pending |").unwrap();
    let hosts = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut count = 0;
    for host in hosts {
        let cells: Vec<_> = host.split('|').map(str::trim).collect();
        let (connections, pending) = cells[2].split_once(", ").unwrap();
        let limits = Limits {
            connections: number(connections),
            pending: number(pending),
            message_bytes: Size::kib(16),
            pending_message_bytes: Size::kib(8),
            waiting_messages: 4,
            outbound_bytes: Size::kib(64),
            ..Limits::default()
        };
        assert_eq!(human(most(limits)), cells[4], "{host}");
        count += 1;
    }
    assert_eq!(count, 3);
    let (_, worst) =
        SIZING.split_once("With the defaults and 20,000 connections that is ").unwrap();
    let limits = Limits { connections: 20_000, pending: 10_000, ..Limits::default() };
    let gib = (most(limits) + (1 << 29)) >> 30;
    assert_eq!(worst.split(' ').next(), Some(gib.to_string().as_str()));
}
