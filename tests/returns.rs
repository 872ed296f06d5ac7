//! Clients that come back over cuts, stalls, restarts and kills, each world from its seed.
//!
//! `VESTIBULE_SIM_SEED=7 cargo test --features sim --test returns` runs one, and
//! `VESTIBULE_STORM_CLIENTS=100000` makes the storms larger, which takes minutes without optimization.

use std::time::Duration;

use vestibule::sim::{
    Planted, ReturnCounts, ReturnStorm, Returns, StoreFault, StoredCounts, StoredReturns, Violation,
};

const SEEDS: std::ops::Range<u64> = 0..60;

fn run(seed: u64) -> Result<ReturnCounts, Violation> {
    Returns::drawn(seed).run(seed)
}

#[test]
fn who_comes_back_hears_all_once_in_order() {
    if let Ok(seed) = std::env::var("VESTIBULE_SIM_SEED") {
        println!("{:?}", run(seed.parse().unwrap()).unwrap());
        return;
    }
    let (found, violations): (Vec<_>, Vec<_>) = SEEDS.map(run).partition(Result::is_ok);
    violations.iter().for_each(|violation| println!("{violation:?}"));
    assert!(violations.is_empty(), "{} worlds failed", violations.len());
    let sum = |count: &dyn Fn(&ReturnCounts) -> u64| found.iter().flatten().map(count).sum::<u64>();
    let happened = [
        sum(&|it| it.resumed),
        sum(&|it| it.not_resumed),
        sum(&|it| it.slots),
        sum(&|it| it.restarts),
        sum(&|it| it.kills),
        sum(&|it| it.rooms_read),
        sum(&|it| it.refused),
        sum(&|it| it.told),
        sum(&|it| it.disconnected),
    ];
    assert!(happened.iter().all(|count| *count > 20), "{happened:?}");
}

/// Some world sees the fault, as one of these.
fn assert_found(planted: Planted, expected: &[&str]) {
    let worlds = (0..40).map(|seed| {
        let world = Returns { planted: Some(planted), ..Returns::drawn(seed) };
        world.run(seed)
    });
    let is_it = |found: &Violation| expected.iter().any(|what| found.what.contains(what));
    let mut others = Vec::new();
    let mut violations = worlds.filter_map(Result::err);
    let found = violations.find(|found| {
        is_it(found) || {
            others.push(found.what.clone());
            false
        }
    });
    assert!(found.is_some(), "no world sees the fault: {planted:?}, but {others:?}");
}

/// What somebody is told who has not got a message, or gets one that is not next.
const WRONG: [&str; 3] = ["is next", "which it missed", "never heard"];

#[test]
fn positions_compared_by_number_are_found() {
    assert_found(Planted::PositionByNumber, &WRONG);
}

#[test]
fn tags_that_are_not_drawn_are_found() {
    assert_found(Planted::TagsRepeat, &WRONG);
}

#[test]
fn log_that_is_kept_by_connection_is_found() {
    assert_found(Planted::LogByConnection, &WRONG);
}

#[test]
fn entry_that_is_lost_by_an_overflow_is_found() {
    assert_found(Planted::OverflowUnnoted, &WRONG);
}

#[test]
fn missed_ones_before_the_acknowledgement_are_found() {
    assert_found(Planted::MissedFirst, &["before the acknowledgement"]);
}

#[test]
fn missed_ones_that_come_twice_are_found() {
    assert_found(Planted::MissedTwice, &["is next", "which was not said in its room"]);
}

#[test]
fn leave_that_is_reported_twice_is_found() {
    assert_found(Planted::LeaveTwice, &["leaves a room it is not in", "which has none"]);
}

#[test]
fn memo_that_alone_admits_is_found() {
    assert_found(Planted::MemoUnread, &["by a memo alone"]);
}

#[test]
fn memo_that_outlives_a_disconnect_is_found() {
    assert_found(Planted::MemoOutlivesDisconnect, &["by a memo alone"]);
}

#[test]
fn kills_of_a_storing_application_lose_nothing() {
    if let Ok(seed) = std::env::var("VESTIBULE_SIM_SEED") {
        let seed = seed.parse().unwrap();
        println!("{:?}", StoredReturns::drawn(seed).run(seed).unwrap());
        return;
    }
    let run = |seed| StoredReturns::drawn(seed).run(seed);
    let (found, violations): (Vec<_>, Vec<_>) = SEEDS.map(run).partition(Result::is_ok);
    violations.iter().for_each(|violation| println!("{violation:?}"));
    assert!(violations.is_empty(), "{} worlds failed", violations.len());
    let sum = |count: &dyn Fn(&StoredCounts) -> u64| found.iter().flatten().map(count).sum::<u64>();
    let happened = [
        sum(&|it| it.resumed),
        sum(&|it| it.not_resumed),
        sum(&|it| it.kills),
        sum(&|it| it.cut_off),
        sum(&|it| it.repeated),
    ];
    assert!(happened.iter().all(|count| *count > 20), "{happened:?}");
}

/// Some world of an application with this fault sees it, as this.
fn assert_store_fault_found(planted: StoreFault, expected: &str) {
    let worlds = (0..20).map(|seed| {
        let world = StoredReturns { planted: Some(planted), ..StoredReturns::drawn(seed) };
        world.run(seed)
    });
    let found: Vec<String> = worlds.filter_map(Result::err).map(|found| found.what).collect();
    assert!(found.iter().any(|what| what.contains(expected)), "{planted:?}: {found:?}");
}

#[test]
fn repeated_message_that_is_published_is_found() {
    assert_store_fault_found(StoreFault::PublishesRepeats, "is stored twice");
}

#[test]
fn message_that_is_delivered_unstored_is_found() {
    assert_store_fault_found(StoreFault::DeliversUnstored, "which is not stored");
}

/// Clients that a restart sends away at once.
fn storm(overestimated: u64) -> ReturnStorm {
    let clients = std::env::var("VESTIBULE_STORM_CLIENTS");
    let clients = clients.ok().and_then(|clients| clients.parse().ok()).unwrap_or(20_000);
    ReturnStorm {
        clients,
        overestimated,
        closing: Duration::ZERO,
        down: Duration::from_millis(4_850),
        restarts: 1,
        planted: None,
    }
}

/// A server that takes as long to end as to start is known to do so when it is restarted again: nobody comes
/// in vain.
#[test]
fn restart_that_took_longer_is_expected_next_time() {
    let (closing, down) = (Duration::from_micros(400), Duration::from_secs(4));
    let storm = ReturnStorm { clients: 5_000, closing, down, restarts: 2, ..storm(1) };
    let counted = storm.run(1).unwrap();
    assert_eq!(counted.attempts, storm.clients as u64, "{counted:?}");
    let ideal = storm.clients as f64 / counted.capacity;
    let margin = counted.away.as_secs_f64() / 4.0;
    assert!(counted.last.as_secs_f64() <= margin + 1.8 * ideal, "{counted:?} of {ideal} s");
}

/// All of these clients were let in within a second, before the server knew that it can do that. The slots of
/// half of them come too early, and they then go by what the server knew when it sent them away.
#[test]
fn capacity_learnt_late_counts_for_the_back_off() {
    let storm = ReturnStorm { clients: 2_000, down: Duration::from_millis(5_600), ..storm(1) };
    let counted = storm.run(1).unwrap();
    assert!(counted.attempts > 2_500, "{counted:?}");
    let ideal = storm.clients as f64 / counted.capacity;
    assert!(counted.p99.as_secs_f64() <= 3.0 * ideal, "{counted:?} of {ideal} s");
}

#[test]
fn clients_come_back_in_their_slots() {
    // Before there was a restart, the closing of so many is estimated.
    let storm = ReturnStorm { closing: Duration::from_micros(100), ..storm(1) };
    let counted = storm.run(1).unwrap();
    assert_eq!(counted.attempts, storm.clients as u64, "{counted:?}");
    let ideal = storm.clients as f64 / counted.capacity;
    assert!(counted.peak as f64 <= counted.capacity, "{counted:?}");
    assert_eq!(counted.timeouts, 0, "{counted:?}");
    assert!(counted.last.as_secs_f64() <= 1.3 * ideal, "{counted:?} of {ideal} s");
}

#[test]
fn capacity_that_is_overestimated_costs_little() {
    let storm = storm(4);
    let counted = storm.run(1).unwrap();
    let ideal = storm.clients as f64 / counted.capacity;
    assert_eq!(counted.timeouts, 0, "{counted:?}");
    assert!(counted.last.as_secs_f64() <= 2.0 * ideal, "{counted:?} of {ideal} s");
}

#[test]
fn storm_without_slots_is_seen() {
    let planted = Some(Planted::OneSlotForAll);
    let counted = ReturnStorm { planted, clients: 5_000, ..storm(1) }.run(1).unwrap();
    assert!(counted.peak as f64 > 2.0 * counted.capacity, "{counted:?}");
}
