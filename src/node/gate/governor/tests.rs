use super::*;
use crate::id::Seed;

fn at(millis: u64) -> Instant {
    Instant::START + Duration::from_millis(millis)
}

/// How long each turn takes.
const TOOK: Duration = Duration::from_millis(1);

fn measured(asked: u64) -> Capacity {
    Capacity { asked, unasked: 0 }
}

/// Lets `per_turn` in at each of `turns` turns of 10 ms.
fn run(governor: &mut Governor, (from, turns): (u64, u64), per_turn: u64, has_waiting: bool) {
    for turn in from..from + turns {
        governor.end_turn((at(turn * 10), TOOK), turn * per_turn, has_waiting);
    }
}

#[test]
fn capacity_is_what_gets_in_while_others_wait() {
    let mut governor = Governor::default();
    run(&mut governor, (0, 6_000), 2, true);
    assert!((195..=205).contains(&governor.capacity().asked), "{governor:?}");
    // Few who come are no reason to expect that only few can come.
    run(&mut governor, (6_000, 6_000), 0, false);
    assert!((195..=205).contains(&governor.capacity().asked), "{governor:?}");
}

#[test]
fn more_than_expected_counts_at_once() {
    let mut governor = Governor::default();
    run(&mut governor, (0, 200), 40, false);
    assert_eq!(governor.capacity().asked, 4_000);
}

#[test]
fn burst_counts_though_nothing_happens_after_it() {
    let mut governor = Governor::default();
    run(&mut governor, (0, 31), 100, false);
    governor.end_turn((at(60_000), TOOK), 3_000, false);
    assert_eq!(governor.capacity().asked, 3_000);
    // It counts once.
    governor.end_turn((at(61_000), TOOK), 3_000, false);
    assert_eq!(governor.capacity().asked, 3_000);
}

#[test]
fn who_is_not_asked_about_costs_this_thread_only() {
    let mut governor = Governor::default();
    // 2,000 a second have to wait for the application, and take a tenth of the thread's time.
    run(&mut governor, (0, 6_000), 20, true);
    assert!((1_990..=2_010).contains(&governor.capacity().asked), "{governor:?}");
    assert_eq!(governor.capacity().unasked, 8 * governor.capacity().asked);
    let windows = [false, true].map(|is_unasked| governor.window(28_160, is_unasked));
    assert_eq!(windows.map(|window| window.as_secs_f64().round() as u64), [16, 2]);
    let unasked = governor.capacity().unasked;
    governor.lower(at(60_000));
    assert!((990..=1_010).contains(&governor.capacity().asked), "{governor:?}");
    assert_eq!(governor.capacity().unasked, unasked);
    // What is not known is not believed.
    let mut governor = Governor::default();
    governor.restore(measured(800), (Duration::ZERO, 0));
    assert_eq!(governor.capacity(), Capacity { asked: 800, unasked: 800 });
}

#[test]
fn thread_without_idle_time_lets_no_more_in() {
    let mut governor = Governor::default();
    for turn in 0..200 {
        let (at, took) = (at(turn * 10), Duration::from_millis(10));
        governor.end_turn((at, took), turn * 40, false);
    }
    assert_eq!(governor.capacity(), Capacity { asked: 4_000, unasked: 4_000 });
}

#[test]
fn slow_application_halves_it_once_in_ten_seconds() {
    let mut governor = Governor::default();
    governor.restore(measured(800), (Duration::ZERO, 0));
    for millis in [0, 1, 9_999] {
        governor.lower(at(millis));
    }
    assert_eq!(governor.capacity().asked, 400);
    governor.lower(at(10_000));
    assert_eq!(governor.capacity().asked, 200);
    (1..100).for_each(|it| governor.lower(at(10_000 * it)));
    assert_eq!(governor.capacity().asked, 10);
}

#[test]
fn last_restart_says_how_long_the_next_one_takes() {
    let mut governor = Governor::default();
    let after = |it: &Governor| it.back_after(Duration::from_secs(1), 10_000).as_millis();
    // The closing of 10,000 is not measured: 9,000 of them at 10,000 a second.
    assert_eq!(after(&governor), 2_375);
    let restart = |millis, clients| (Duration::from_millis(millis), clients);
    governor.restore(measured(800), restart(1_500, 10_000));
    assert_eq!(after(&governor), 1_875);
    governor.restore(measured(800), restart(500, 10_000));
    assert_eq!(after(&governor), 1_250);
    // That one had no connections to close.
    governor.restore(measured(800), restart(500, 10));
    assert_eq!(after(&governor), 1_750);
    governor.restore(measured(800), restart(3_600_000, 10_000));
    assert_eq!(after(&governor), 2_375);
}

#[test]
fn first_slot_waits_until_many_are_closed() {
    let mut governor = Governor::default();
    let after = |it: &Governor, clients| it.back_after(Duration::from_secs(1), clients).as_millis();
    let measured = Capacity { asked: 20, unasked: 10_000 };
    governor.restore(measured, (Duration::ZERO, 0));
    // 0.3 s for 9,000, and the margin.
    assert_eq!([0, 1_000, 10_000].map(|clients| after(&governor, clients)), [1_250, 1_250, 1_625]);
}

#[test]
fn slots_follow_each_other_below_the_capacity() {
    let (mut governor, mut rng) = (Governor::default(), Seed::predictable(1).rng());
    let mut slot = |now| governor.take_slot(at(now), (Duration::from_secs(1), false), &mut rng);
    let slots: Vec<Duration> = (0..5).map(|_| slot(0)).collect();
    // 880 a second, of 1,000.
    let expected = [0, 1, 2, 3, 4].map(|slot| 1_000_000 + 1_136 * slot);
    assert_eq!(slots, expected.map(Duration::from_micros));
    // Later, those that have passed are not given away.
    assert_eq!(slot(5_000), Duration::from_secs(1));
}

#[test]
fn nobody_waits_for_longer_than_a_minute() {
    let (mut governor, mut rng) = (Governor::default(), Seed::predictable(1).rng());
    let slots: Vec<_> = (0..100_000)
        .map(|_| governor.take_slot(at(0), (Duration::from_secs(1), false), &mut rng))
        .collect();
    let earliest = Duration::from_secs(1);
    assert!(slots.iter().all(|slot| (earliest..=earliest + LONGEST).contains(slot)));
    assert!(slots[60_000..].iter().any(|slot| *slot < LONGEST / 4));
    assert_eq!(governor.window(100_000, false), LONGEST);
    assert_eq!(governor.window(10, false), SHORTEST_WINDOW);
    // A gap is a whole number of nanoseconds.
    let window = governor.window(8_800, false).as_secs_f64();
    assert!((window - 10.0).abs() < 0.001, "{window}");
}
