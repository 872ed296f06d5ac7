//! Users who all want the same table, in the simulator: each has at most twice its part of it.

use vestibule::sim::{Planted, Report, Scenario, World};

/// How many worlds of rivals there are: for each of four tables, one with four and one with five.
const SEEDS: u64 = 8;

/// What became of a world of users who all want the same table: its report, or what was violated.
fn run_rivals(seed: u64, planted: Option<Planted>) -> Result<Report, String> {
    let scenario = Scenario { planted, ..Scenario::rivals(seed) };
    let mut world = World::with(scenario, seed).map_err(|fault| fault.to_string())?;
    world.run().map_err(|violation| violation.what)
}

#[test]
fn rival_has_at_most_twice_its_part_of_a_table() {
    let runs = (0..SEEDS).map(|seed| run_rivals(seed, None));
    let reports: Vec<Report> = runs.collect::<Result<_, _>>().unwrap();
    let evictions = |table: &str| {
        let all = reports.iter().flat_map(|report| &report.evictions);
        all.filter(|(name, _)| *name == table).map(|(_, count)| *count).sum::<u64>()
    };
    let gave_way: u64 = reports.iter().map(|report| report.metrics.pending_gave_way).sum();
    let full = [evictions("replay_entries"), evictions("answer_bytes"), gave_way];
    assert!(full.iter().all(|count| *count > 100), "{full:?}");
}

#[test]
fn table_that_one_user_can_take_is_found() {
    // Pending connections are told apart by their addresses, which the fault does not change.
    let runs = (0..2).map(|seed| run_rivals(seed, Some(Planted::EvictsOldest)));
    let found: Vec<String> = runs.filter_map(Result::err).collect();
    for table in ["replay_entries", "answer_bytes"] {
        let is_it = |found: &String| found.contains(table) && found.contains("twice its part");
        assert!(found.iter().any(is_it), "{table}: {found:?}");
    }
}
