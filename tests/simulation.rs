//! A thousand worlds, each from its seed.
//!
//! `VESTIBULE_SIM_SEED=7 cargo test --features sim --test simulation` runs one with its trace,
//! `VESTIBULE_SIM_SEEDS=0..100000` as many as wanted.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::ops::Range;

use vestibule::id::Seed;
use vestibule::node::{Legacy, Metrics};
use vestibule::protocol::{CloseReason, ErrorCode};
use vestibule::sim::{Mix, Planted, Report, Scenario, Storm, Violation, World};
use vestibule::testing::logs;
use vestibule::{Access, MemoryApp};

const SEEDS: Range<u64> = 0..1_000;
/// Of worlds with disturbances; `VESTIBULE_SIM_CHAOS_SEED=7` runs one with its trace.
const CHAOTIC_SEEDS: Range<u64> = 0..200;
/// Of worlds with greedy clients; `VESTIBULE_SIM_GREEDY_SEED=7` runs one with its trace.
const CONTENDED_SEEDS: Range<u64> = 0..60;
const THREADS: u64 = 2;

fn run(seed: u64) -> Result<Report, Violation> {
    logs::in_process("simulation");
    World::new(seed).unwrap().run()
}

/// Runs every seed, and says which worlds broke an invariant.
fn run_all(
    seeds: Range<u64>,
    run: impl Fn(u64) -> Result<Report, Violation> + Sync,
) -> (Vec<Report>, Vec<Violation>) {
    let run_some = |first: u64| {
        let seeds = seeds.clone().skip(first as usize).step_by(THREADS as usize);
        seeds.map(&run).collect::<Vec<_>>()
    };
    let all = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|n| {
                let run_some = &run_some;
                scope.spawn(move || run_some(n))
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let (mut reports, mut violations) = (Vec::new(), Vec::new());
    for result in all {
        match result {
            Ok(report) => reports.push(report),
            Err(violation) => violations.push(violation),
        }
    }
    violations.sort_by_key(|violation| violation.seed);
    (reports, violations)
}

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("VESTIBULE_SIM_SEEDS") else { return SEEDS };
    let (from, to) = text.split_once("..").expect("VESTIBULE_SIM_SEEDS is written as 0..100");
    from.parse().unwrap()..to.parse().unwrap()
}

#[test]
fn a_thousand_worlds_keep_every_invariant_and_heal() {
    if let Ok(seed) = std::env::var("VESTIBULE_SIM_SEED") {
        let mut world = World::new(seed.parse().unwrap()).unwrap().recorded();
        let result = world.run();
        world.lines().iter().for_each(|line| println!("{line}"));
        println!("{:?}", result.unwrap());
        return;
    }
    let (reports, violations) = run_all(seeds(), run);
    for violation in &violations {
        println!("{violation}");
    }
    assert!(violations.is_empty(), "{} worlds failed", violations.len());
    if std::env::var("VESTIBULE_SIM_SEEDS").is_err() {
        assert_everything_happened(&reports);
    }
}

/// Worlds in which nothing goes wrong prove nothing: over all of them, everything must have.
fn assert_everything_happened(reports: &[Report]) {
    let sum = |count: &dyn Fn(&Metrics) -> u64| -> u64 {
        reports.iter().map(|report| count(&report.metrics)).sum()
    };
    use CloseReason as Close;
    let reasons = [
        Close::Normal,
        Close::ShuttingDown,
        Close::AuthTimeout,
        Close::PingTimeout,
        Close::TokenExpired,
        Close::AuthReplayed,
        Close::ReauthTimeout,
        Close::SubjectChanged,
        Close::AccessDenied,
        Close::FirstMessageNotAuth,
        Close::InvalidAuthMessage,
        Close::TooManyInvalidMessages,
        Close::RateLimited,
        Close::ConnectionLimit,
        Close::MessageTooLarge,
        Close::InvalidUtf8,
        Close::BinaryFrame,
        Close::UnmaskedFrame,
        Close::ExpectedContinuation,
        Close::InvalidClose,
        Close::SlowConsumer,
        Close::BackendUnavailable,
        Close::Overloaded,
        Close::Internal,
    ];
    for reason in reasons {
        assert!(sum(&|metrics| metrics.closes(reason)) > 0, "{reason:?} never happened");
    }
    // These rooms are not moderated; tests of the node are.
    for &code in ErrorCode::ALL.iter().filter(|&&code| code != ErrorCode::NotDelivered) {
        assert!(sum(&|metrics| metrics.errors(code)) > 0, "{code:?} never happened");
    }
    assert!(sum(&|metrics| metrics.reauthenticated) > 1_000);
    assert!(sum(&|metrics| metrics.repeated_messages) > 1_000);
    assert!(sum(&|metrics| metrics.late_completions) > 1_000);
    assert!(sum(&|metrics| metrics.unknown_in) > 1_000);
    for kind in [Legacy::Header, Legacy::Query] {
        assert!(sum(&|metrics| metrics.legacy(kind)) > 100, "{kind:?} never came");
    }
    // Messages that were not begun in time, that answered late, and that never did.
    assert!(sum(&|metrics| metrics.withdrawn_questions) > 1_000);
    assert!(sum(&|metrics| metrics.answers_after_timeout) > 1_000);
    assert!(sum(&|metrics| metrics.never_answered) > 100);
    assert!(sum(&|metrics| metrics.reused_ids) > 1_000);
    assert!(sum(&|metrics| metrics.delayed_messages) > 10);
    assert!(sum(&|metrics| metrics.replaced) > 10);
}

#[test]
fn chaotic_worlds_keep_every_invariant_and_heal() {
    let chaotic = |seed| World::with(Scenario::chaotic(seed), seed).unwrap();
    if let Ok(seed) = std::env::var("VESTIBULE_SIM_CHAOS_SEED") {
        let seed = seed.parse().unwrap();
        let mut world = chaotic(seed).recorded();
        let result = world.run();
        world.lines().iter().for_each(|line| println!("{line}"));
        println!("{:?}", result.unwrap());
        return;
    }
    let (reports, violations) = run_all(CHAOTIC_SEEDS, |seed| chaotic(seed).run());
    for violation in &violations {
        println!("{violation}");
    }
    assert!(violations.is_empty(), "{} worlds failed", violations.len());
    let sum = |count: &dyn Fn(&Metrics) -> u64| -> u64 {
        reports.iter().map(|report| count(&report.metrics)).sum()
    };
    assert!(sum(&|metrics| metrics.closes(CloseReason::SessionRevoked)) > 100);
    assert!(sum(&|metrics| metrics.closes(CloseReason::TooManyAuthAttempts)) > 100);
    assert!(sum(&|metrics| metrics.refusals(429)) > 1_000);
    assert!(sum(&|metrics| metrics.refused_pending) > 0);
    assert!(sum(&|metrics| metrics.shed_pending) > 10);
    assert!(sum(&|metrics| metrics.shed_members) > 10);
    assert!(sum(&|metrics| metrics.shed_readers) > 10);
    assert!(sum(&|metrics| metrics.refused_questions) > 10);
    assert!(sum(&|metrics| metrics.crowded_messages) > 10);
    assert!(sum(&|metrics| metrics.failed_key_fetches) > 10);
    assert!(sum(&|metrics| metrics.closes(CloseReason::KeysUnavailable)) > 3);
    let longest = reports.iter().map(|report| report.metrics.timer_lateness.max()).max();
    assert!(longest > Some(60_000_000), "nobody was stopped for long: {longest:?}");
}

#[test]
fn greedy_clients_leave_others_their_shares() {
    let contended = |seed| World::with(Scenario::contended(seed), seed).unwrap();
    if let Ok(seed) = std::env::var("VESTIBULE_SIM_GREEDY_SEED") {
        let mut world = contended(seed.parse().unwrap()).recorded();
        let result = world.run();
        world.lines().iter().for_each(|line| println!("{line}"));
        println!("{:?}", result.unwrap());
        return;
    }
    let (reports, violations) = run_all(CONTENDED_SEEDS, |seed| contended(seed).run());
    for violation in &violations {
        println!("{violation}");
    }
    assert!(violations.is_empty(), "{} worlds failed", violations.len());
    let sum = |count: &dyn Fn(&Report) -> u64| -> u64 { reports.iter().map(count).sum() };
    let evictions = |table: &str| {
        sum(&|report| {
            let counts = report.evictions.iter().filter(|(name, _)| *name == table);
            counts.map(|(_, count)| *count).sum()
        })
    };
    // The tables were full again and again, and the frugal asked for what was theirs.
    let happened = [
        ("tokens forgotten", evictions("replay_entries"), 1_000),
        ("answers forgotten", evictions("answer_bytes"), 300),
        ("pending gave way", sum(&|report| report.metrics.pending_gave_way), 100),
        ("bodies gave way", sum(&|report| report.metrics.requests_gave_way), 100),
        ("requests refused", sum(&|report| report.metrics.refused_request_rate), 1_000),
        ("attempts refused", sum(&|report| report.metrics.refused_user_attempts), 100),
        ("messages refused", sum(&|report| report.metrics.errors(ErrorCode::RateLimited)), 1_000),
        ("replays", sum(&|report| report.metrics.closes(CloseReason::AuthReplayed)), 500),
        ("repeated messages", sum(&|report| report.metrics.repeated_messages), 500),
    ];
    assert!(happened.iter().all(|(_, count, least)| count > least), "{happened:?}");
}

/// A contended world with the in-memory application, in which each frugal user owns a room.
fn run_in_memory(seed: u64) -> Result<Report, Violation> {
    let clients = Mix { greedy: 7, frugal: 3, ..Mix::default() };
    let scenario = Scenario { clients, ..Scenario::contended(seed) };
    let app = MemoryApp::new(&scenario.config, Access::Owner, &Seed::predictable(seed));
    World::with_app(scenario, seed, Box::new(app)).unwrap().run()
}

#[test]
fn rooms_in_memory_are_kept_for_their_owners() {
    let (reports, violations) = run_all(0..6, run_in_memory);
    assert!(violations.is_empty(), "{violations:?}");
    let denied = reports.iter().map(|it| it.metrics.closes(CloseReason::AccessDenied));
    assert!(denied.sum::<u64>() > 100, "somebody else has asked for them");
}

#[test]
fn room_of_200_hears_all_once_in_order_in_slices() {
    let (reports, violations) = run_all(0..1, |seed| {
        logs::in_process("simulation");
        World::with(Scenario::crowded(seed), seed).unwrap().run()
    });
    assert!(violations.is_empty(), "{violations:?}");
    for report in reports {
        // Each of them went to some 200, so the room was a large one all along.
        let Metrics { chat_messages, chats_out, .. } = report.metrics;
        assert!(chat_messages > 500 && chats_out > 150 * chat_messages, "{report:?}");
    }
}

#[test]
fn worlds_that_once_broke_an_invariant_keep_it() {
    for (seed, what) in [
        (9, "a peer whose answers came all at once was a slow consumer, at each reconnect"),
        (277, "the end of the peer's side began a linger anew"),
        (283, "who was closed with a full socket and unread input was never dropped"),
        (492, "an `auth` comes again after the wall clock was ahead"),
        (2_472, "an expired message that was done again was forgotten too early"),
    ] {
        let result = run(seed);
        assert!(result.is_ok(), "{what}: {result:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = |seed| {
        let mut world = World::new(seed).unwrap().recorded();
        let report = world.run().unwrap();
        (report.trace, world.lines().to_vec())
    };
    for seed in 0..5 {
        assert_eq!(trace(seed), trace(seed));
        assert_eq!(trace(seed).0, run(seed).unwrap().trace, "recording changes nothing");
        assert_ne!(trace(seed).0, trace(seed + 1).0);
    }
}

#[test]
fn authenticated_wait_for_one_share_of_pending_work() {
    let storm = Storm::default();
    for seed in 0..3 {
        let counted = storm.run(seed).unwrap();
        assert_eq!(counted.authenticated, 10_000);
        assert!(counted.waits >= 200, "{counted:?}");
        // It was a storm: the share was used up again and again.
        assert!(counted.pending_units > 300 * u64::from(storm.share), "{counted:?}");
        assert!(counted.longest_wait <= u64::from(storm.share), "{counted:?}");
    }
}

/// A chaotic world with a flood in it, whose turn has this fault.
fn run_planted(seed: u64, planted: Option<Planted>) -> Result<Report, Violation> {
    let mut scenario = Scenario { planted, ..Scenario::chaotic(seed) };
    scenario.clients.flooding = 4;
    // Without an allowance the flood goes on, and is held by what it is charged alone.
    scenario.config.limits.messages_per_minute = 0;
    World::with(scenario, seed).unwrap().run()
}

/// Some world sees the fault, and the first one that does sees it as `what`.
fn assert_found(planted: Planted, what: &str) {
    let found = (0..60).map(|seed| run_planted(seed, Some(planted))).find_map(Result::err);
    let found = found.expect("some world sees the fault");
    assert!(found.what.contains(what), "{planted:?}: {found}");
}

/// A contended world whose node has this fault, and whose users have no allowances but for messages.
fn run_unfair(seed: u64, planted: Planted) -> Result<Report, Violation> {
    let scenario = Scenario { planted: Some(planted), ..Scenario::contended(seed) };
    World::with(scenario, seed).unwrap().run()
}

#[test]
fn allowance_of_each_connection_is_found() {
    let found = (0..20).step_by(2).map(|seed| run_unfair(seed, Planted::AllowanceByConnection));
    let found = found.filter_map(Result::err).next().expect("some world sees the fault");
    assert!(found.what.contains("messages"), "{found}");
}

#[test]
fn table_that_forgets_its_oldest_entry_is_found() {
    // In worlds with an odd seed nothing but the tables holds users.
    let worlds = (1..60).step_by(2).map(|seed| run_unfair(seed, Planted::EvictsOldest));
    let found: Vec<String> = worlds.filter_map(Result::err).map(|found| found.what).collect();
    for what in ["was accepted twice", "is done again"] {
        assert!(found.iter().any(|found| found.contains(what)), "{what}: {found:?}");
    }
}

#[test]
fn token_refused_before_its_key_is_fetched_is_found() {
    assert_found(Planted::KeyNotAwaited, "did nothing to deserve 1008 \"Invalid token\"");
}

#[test]
fn turn_without_a_fault_keeps_the_planted_worlds() {
    assert_eq!((0..10).map(|seed| run_planted(seed, None)).find_map(Result::err), None);
}

#[test]
fn share_that_counts_reads_is_found() {
    assert_found(Planted::ReadsCounted, "units of pending work");
}

#[test]
fn deadline_before_input_is_found() {
    assert_found(Planted::DeadlineBeforeInput, "closed at its deadline, with input in its socket");
}

#[test]
fn turn_that_never_flushes_is_found() {
    assert_found(Planted::NeverFlushes, "did not get through");
}

#[test]
fn pending_work_first_is_found() {
    assert_found(Planted::PendingFirst, "its bytes waited behind");
}

#[test]
fn event_of_a_connection_that_is_gone_is_found() {
    // In some worlds it takes more than its share of a turn before that.
    let mut found = (0..60).filter_map(|seed| run_planted(seed, Some(Planted::StaleEvent)).err());
    assert!(found.any(|found| found.what.contains("dropped without a word in Connected")));
}

#[test]
fn close_without_its_remove_is_found() {
    assert_found(
        Planted::CloseWithoutRemove,
        "the turn has other connections than there are sockets",
    );
}

#[test]
fn hang_ups_take_no_more_than_their_share() {
    let storm = Storm { authenticating: 3_000, silent: 0, hang_ups: 3_000, ..Storm::default() };
    let counted = storm.run(1).unwrap();
    assert!(counted.most_closed <= u64::from(storm.share), "{counted:?}");
    assert!(counted.turns > 3_000 / u64::from(storm.share), "{counted:?}");
}

#[test]
fn the_count_of_the_storm_sees_a_broken_driver() {
    let small = Storm { authenticating: 2_000, silent: 400, ..Storm::default() };
    let share = u64::from(small.share);
    assert!(small.run(1).unwrap().longest_wait <= share);
    let unbounded = Storm { share: u32::MAX, ..small };
    assert!(unbounded.run(1).unwrap().longest_wait > 10 * share);
    // A driver that takes a part of the poller's events a turn may take the wrong part.
    let partial = Storm { events_per_turn: 256, ..small };
    assert!(partial.run(1).unwrap().longest_wait > share);
}
