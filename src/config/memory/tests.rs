use super::*;
use crate::config::{Limits, Size};

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
        assert_eq!(total(&rows(&Config { limits, ..Config::default() })), None);
    }
}

#[test]
fn a_budget_takes_the_place_of_what_it_bounds() {
    let limits = Limits { connections: 1_000, pending: 500, ..Limits::default() };
    let open = total(&rows(&Config { limits: limits.clone(), ..Config::default() }));
    let budget = Size::kib(1_024);
    let limits = Limits {
        pending_input_total: budget,
        member_input_total: budget,
        outbound_total: budget,
        work_total: budget,
        ..limits
    };
    let bounded = total(&rows(&Config { limits, ..Config::default() }));
    assert!(open.unwrap() > bounded.unwrap() + (1 << 30), "{open:?} {bounded:?}");
}

#[test]
fn bytes_are_written_for_people() {
    assert_eq!(human(0), "0 B");
    assert_eq!(human(1_023), "1023 B");
    assert_eq!(human(1_536), "1.5 KiB");
    assert_eq!(human(3 << 40), "3.0 TiB");
}
