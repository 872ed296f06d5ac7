//! Worlds of several nodes over one engine, each from its seed.
//!
//! `VESTIBULE_SIM_SEED=7 cargo test --features sim --test cluster_worlds` runs one with its trace,
//! `VESTIBULE_SIM_SEEDS=0..100000` as many as wanted.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::ops::Range;

use vestibule::sim::{ClusterCounts, Clusters, Planted, Violation};

const SEEDS: Range<u64> = 0..1_000;
const THREADS: u64 = 2;

fn run(seed: u64) -> Result<ClusterCounts, Violation> {
    Clusters::drawn(seed).run(seed)
}

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("VESTIBULE_SIM_SEEDS") else { return SEEDS };
    let (from, to) = text.split_once("..").expect("VESTIBULE_SIM_SEEDS is written as 0..100");
    from.parse().unwrap()..to.parse().unwrap()
}

/// Runs every seed, on some threads.
fn run_all(seeds: Range<u64>) -> Vec<Result<ClusterCounts, Violation>> {
    let run_some = |first: u64| {
        let seeds = seeds.clone().skip(first as usize).step_by(THREADS as usize);
        seeds.map(run).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let run_some = &run_some;
        let threads: Vec<_> = (0..THREADS).map(|n| scope.spawn(move || run_some(n))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn several_nodes_keep_every_guarantee() {
    if let Ok(seed) = std::env::var("VESTIBULE_SIM_SEED") {
        let seed = seed.parse().unwrap();
        let (result, trace) = Clusters::drawn(seed).run_recorded(seed);
        trace.iter().for_each(|line| println!("{line}"));
        println!("{:?}", result.unwrap());
        return;
    }
    let (found, violations): (Vec<_>, Vec<_>) =
        run_all(seeds()).into_iter().partition(Result::is_ok);
    let mut violations: Vec<_> = violations.into_iter().filter_map(Result::err).collect();
    violations.sort_by_key(|violation| violation.seed);
    violations.iter().for_each(|violation| println!("{violation}"));
    let sum =
        |count: &dyn Fn(&ClusterCounts) -> u64| found.iter().flatten().map(count).sum::<u64>();
    let happened = [
        sum(&|it| it.kills),
        sum(&|it| it.losses),
        sum(&|it| it.entries),
        sum(&|it| it.answers),
        sum(&|it| it.errors),
        sum(&|it| it.asked_twice),
        sum(&|it| it.resumed),
        sum(&|it| it.not_resumed),
        sum(&|it| it.breaks),
        sum(&|it| it.revoked),
        sum(&|it| it.refused),
    ];
    println!("{happened:?}");
    assert!(violations.is_empty(), "{} worlds failed", violations.len());
    assert!(happened.iter().all(|count| *count > 20), "{happened:?}");
}

/// Some world sees the fault, as one of these.
fn assert_found(planted: Planted, expected: &[&str]) {
    let worlds = (0..MOST_SEEDS).map(|seed| {
        let world = Clusters { planted: Some(planted), ..Clusters::drawn(seed) };
        world.run(seed)
    });
    let is_it = |found: &Violation| expected.iter().any(|what| found.what.contains(what));
    let found = worlds.filter_map(Result::err).find(is_it);
    assert!(found.is_some(), "no world sees the fault: {planted:?}");
}

/// In how many worlds a planted fault has to show itself.
const MOST_SEEDS: u64 = 300;

#[test]
fn one_tag_for_all_attempts_is_found() {
    assert_found(Planted::OneTagForAllAttempts, &["G1", "G2"]);
}

#[test]
fn entries_compared_by_number_are_found() {
    assert_found(Planted::EntriesByNumber, &["does not follow", "does not lead to", "is missing"]);
}

#[test]
fn reading_before_subscribing_is_found() {
    assert_found(Planted::ReadBeforeSubscribed, &["is late", "is missing"]);
}

#[test]
fn going_on_after_a_fail_over_is_found() {
    assert_found(
        Planted::GoesOnAfterFailOver,
        &["does not follow", "does not lead to", "is missing"],
    );
}

#[test]
fn answers_before_the_publication_are_found() {
    assert_found(Planted::AskedBeforePublished, &["was not published"]);
}

#[test]
fn counted_connections_of_dead_nodes_are_found() {
    assert_found(Planted::GoneAreCounted, &["U2", "U3"]);
}

#[test]
fn reports_that_are_added_up_are_found() {
    assert_found(Planted::CountsAddedUp, &["G5"]);
}

#[test]
fn ghosts_of_dead_nodes_are_found() {
    assert_found(Planted::GhostsStay, &["G5"]);
}

#[test]
fn revocations_confirmed_early_are_found() {
    assert_found(Planted::ConfirmedBeforeStored, &["G4"]);
}

#[test]
fn revocations_that_are_not_stored_are_found() {
    assert_found(Planted::RevocationNotStored, &["G4"]);
}
