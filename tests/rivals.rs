//! Users who all want the same table, in the simulator: each has at most twice its part of it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::{Arc, Mutex};

use vestibule::id::Seed;
use vestibule::node::app::{Admission, Answer, App, Incoming, Join, Left, Reply};
use vestibule::sim::{Planted, Report, Scenario, World};
use vestibule::{Access, MemoryApp};

/// How many tables there are.
const TABLES: u64 = 7;
/// The places of HTTP requests, of refreshes, and rooms among them.
const REQUESTS: u64 = 4;
const REFRESHES: u64 = 5;
const ROOMS: u64 = 6;

/// What became of a world of users who all want the same table: its report, or what was violated.
fn run_rivals(seed: u64, planted: Option<Planted>) -> Result<Report, String> {
    let scenario = Scenario { planted, ..Scenario::rivals(seed) };
    let mut world = World::with(scenario, seed).map_err(|fault| fault.to_string())?;
    world.run().map_err(|violation| violation.what)
}

/// Counts of rooms: all, and of the user that owns most.
type RoomCounts = Arc<Mutex<Vec<[usize; 2]>>>;

/// Rooms in memory, counted at each join.
struct CountedRooms {
    app: MemoryApp,
    counts: RoomCounts,
}

impl App for CountedRooms {
    fn on_join(&mut self, join: &Join<'_>) -> Reply<Admission> {
        let admission = self.app.on_join(join);
        self.counts.lock().unwrap().push(self.app.rooms_by_owner());
        admission
    }

    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        self.app.on_message(message)
    }

    fn on_leave(&mut self, left: &Left<'_>) {
        self.app.on_leave(left);
    }

    fn lets_leaves_linger(&self) -> bool {
        self.app.lets_leaves_linger()
    }
}

/// What became of rivals who create rooms in memory.
fn run_rooms(seed: u64, planted: Option<Planted>) -> Result<(), String> {
    let scenario = Scenario::rivals(seed);
    let (rivals, most) = (scenario.clients.greedy, scenario.config.limits.rooms);
    let mut app = MemoryApp::new(&scenario.config, Access::Owner, &Seed::predictable(seed));
    planted.into_iter().for_each(|fault| app.plant(fault));
    let counts = RoomCounts::default();
    let app = Box::new(CountedRooms { app, counts: Arc::clone(&counts) });
    let mut world = World::with_app(scenario, seed, app).map_err(|fault| fault.to_string())?;
    world.run().map_err(|violation| violation.what)?;
    let counts = counts.lock().unwrap();
    // Until then it has what was taken while there was enough.
    let full = counts.iter().skip(counts.len() / 2);
    assert!(full.clone().count() > 100 && full.clone().all(|[all, _]| all * 10 >= most * 9));
    match full.map(|[all, of_one]| (of_one * rivals > 2 * all, *of_one)).max() {
        Some((true, of_one)) => Err(format!("one of {rivals} has {of_one} of {most} rooms")),
        _ => Ok(()),
    }
}

#[test]
fn rival_has_at_most_twice_its_part_of_a_table() {
    // Two worlds for each table, and one where the table is of places.
    let seeds = (0..TABLES + REQUESTS).filter(|seed| *seed != ROOMS);
    let reports: Vec<Report> =
        seeds.map(|seed| run_rivals(seed, None)).collect::<Result<_, _>>().unwrap();
    let evictions = |table: &str| {
        let all = reports.iter().flat_map(|report| &report.evictions);
        all.filter(|(name, _)| *name == table).map(|(_, count)| *count).sum::<u64>()
    };
    let sum = |count: fn(&Report) -> u64| reports.iter().map(count).sum::<u64>();
    let full = [
        evictions("replay_entries"),
        evictions("answer_bytes"),
        sum(|report| report.metrics.pending_gave_way),
        sum(|report| report.metrics.requests_gave_way),
        sum(|report| report.metrics.refreshes_gave_way),
    ];
    assert!(full.iter().all(|count| *count > 100), "{full:?}");
}

#[test]
fn rival_has_at_most_twice_its_part_of_the_rooms() {
    for seed in [ROOMS, TABLES + ROOMS] {
        assert_eq!(run_rooms(seed, None), Ok(()));
        let found = run_rooms(seed, Some(Planted::EvictsOldest));
        assert!(found.is_err_and(|what| what.contains("rooms")), "{seed}");
    }
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

#[test]
fn crowd_of_an_address_is_waited_for_in_turn() {
    for seed in 0..2 {
        let run = |planted| {
            let scenario = Scenario { planted, ..Scenario::crowds(seed) };
            let mut world = World::with(scenario, seed).map_err(|fault| fault.to_string())?;
            world.run().map_err(|violation| violation.what)
        };
        let report = run(None).unwrap();
        assert!(report.crowd_waits > 10, "{}", report.crowd_waits);
        let what = run(Some(Planted::OneListForAll)).expect_err("it is seen");
        assert!(what.contains("pending work of others"), "{what}");
    }
}

#[test]
fn places_that_go_to_who_comes_first_are_found() {
    for (table, name) in [(REQUESTS, "requests"), (REFRESHES, "refreshes")] {
        let found = run_rivals(table, Some(Planted::RequestsFirstCome));
        let what = found.expect_err("it is seen");
        assert!(what.contains(name) && what.contains("twice its part"), "{what}");
    }
}
