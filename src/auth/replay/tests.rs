//! What is single-use, for how long, and what is forgotten of a full set.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const ALICE: u64 = 1;

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_millis(seconds * 1_000)
}

fn now(seconds: u64) -> Now {
    let monotonic = Instant::from_micros(seconds * 1_000_000);
    Now { monotonic, unix: at(seconds) }
}

fn set(capacity: usize) -> ReplaySet {
    ReplaySet::new(&Seed::predictable(1), capacity)
}

#[test]
fn replay_set_forgets_nothing_when_wall_clock_jumps() {
    let mut set = set(10);
    assert_eq!(set.reserve(now(0), ALICE, 7, at(60)), Ok(()));
    let set_on = Now { unix: at(3_600), ..now(1) };
    assert_eq!(set.reserve(set_on, ALICE, 8, at(3_700)), Ok(()));
    assert_eq!(set.reserve(now(2), ALICE, 7, at(60)), Err(TokenError::Replayed));
}

#[test]
fn a_message_is_single_use_until_its_token_expires() {
    let mut set = set(10);
    assert_eq!(set.reserve(now(0), ALICE, 7, at(60)), Ok(()));
    assert_eq!(set.reserve(now(59), ALICE, 7, at(60)), Err(TokenError::Replayed));
    assert_eq!(set.reserve(now(60), ALICE, 8, at(90)), Ok(()));
    assert_eq!((set.len(), set.by_hash.len(), set.entries.len()), (1, 1, 1));
}

#[test]
fn a_reservation_takes_24_bytes() {
    // An Option has a tag exactly where a slab's place has one.
    assert_eq!(size_of::<Option<Reservation>>(), 24);
}

#[test]
fn users_are_counted_while_the_set_is_half_full() {
    let mut set = set(100);
    let fill = |set: &mut ReplaySet, hashes: std::ops::Range<u64>, until| {
        hashes.for_each(|hash| assert_eq!(set.reserve(now(0), hash % 7, hash, until), Ok(())));
    };
    fill(&mut set, 0..50, at(60));
    assert!(set.by_user.is_none());
    fill(&mut set, 50..75, at(60));
    let counted = set.by_user.as_ref().map(|by_user| by_user.len());
    assert_eq!((counted, set.counted), (Some(75), 75), "before the set is full");
    assert_eq!(set.reserve(now(60), ALICE, 1, at(90)), Ok(()));
    assert!(set.by_user.is_none() && set.len() == 1);
    fill(&mut set, 100..175, at(90));
    assert_eq!(set.by_user.as_ref().map(|by_user| by_user.len()), Some(76));
}

#[test]
fn entries_taken_out_do_not_outgrow_the_set() {
    let mut set = set(10);
    for hash in 0..10_000 {
        assert_eq!(set.reserve(now(0), ALICE, hash, at(60)), Ok(()));
    }
    assert!(set.entries.len() <= most_listed(11), "{}", set.entries.len());
    assert_eq!(set.reserve(now(60), ALICE, 1, at(90)), Ok(()));
    assert_eq!((set.len(), set.by_hash.len(), set.entries.len()), (1, 1, 1));
}

#[test]
fn a_failed_join_frees_its_message() {
    let mut set = set(10);
    assert_eq!(set.reserve(now(0), ALICE, 7, at(60)), Ok(()));
    set.release(7, at(60));
    assert_eq!(set.len(), 0);
    assert_eq!(set.reserve(now(0), ALICE, 7, at(60)), Ok(()));
}

#[test]
fn a_full_set_forgets_the_oldest_of_the_heaviest_user() {
    let mut set = set(100);
    for user in 0..50 {
        assert_eq!(set.reserve(now(0), user, user, at(60)), Ok(()));
    }
    for hash in 1_000..10_000 {
        assert_eq!(set.reserve(now(0), 99, hash, at(900)), Ok(()));
    }
    assert_eq!((set.len(), set.evictions()), (100, 8_950));
    for user in 0..50 {
        assert_eq!(set.reserve(now(0), user, user, at(60)), Err(TokenError::Replayed));
    }
    assert_eq!(set.reserve(now(0), 99, 9_999, at(900)), Err(TokenError::Replayed));
    assert_eq!(set.reserve(now(0), 99, 1_000, at(900)), Ok(()), "its own is forgotten");
}

#[test]
fn a_new_entry_with_a_used_number_goes_last() {
    let mut set = set(0);
    for hash in 0..10 {
        let until = if hash == 0 { 30 } else { 60 };
        assert_eq!(set.reserve(now(0), ALICE, hash, at(until)), Ok(()));
    }
    set.set_capacity(5);
    assert_eq!(set.reserve(now(30), ALICE, 10, at(60)), Ok(()));
    assert_eq!((set.len(), set.evictions(), set.end), (5, 5, 10));
    assert_eq!(set.reserve(now(30), ALICE, 10, at(60)), Err(TokenError::Replayed));
}

#[test]
fn late_expiry_is_passed_over_until_it_comes() {
    let mut set = set(0);
    assert_eq!(set.reserve(now(1), ALICE, 7, at(5_000)), Ok(()));
    for second in [2, 900, 905, 3_976, 4_999] {
        assert_eq!(set.reserve(now(second), ALICE, 7, at(5_000)), Err(TokenError::Replayed));
    }
    assert_eq!(set.reserve(now(5_000), ALICE, 8, at(9_000)), Ok(()));
    assert_eq!((set.len(), set.entries.len()), (1, 1));
    // All lists come up, however long nobody came.
    assert_eq!(set.reserve(now(1_000_000), ALICE, 9, at(1_000_001)), Ok(()));
    assert_eq!((set.len(), set.entries.len()), (1, 1));
}

#[test]
fn expiry_that_is_past_goes_with_the_next_second() {
    let mut set = set(0);
    assert_eq!(set.reserve(now(100), ALICE, 7, at(60)), Ok(()));
    assert_eq!(set.reserve(now(101), ALICE, 8, at(200)), Ok(()));
    assert_eq!((set.len(), set.entries.len()), (1, 1));
}

proptest! {
    #[test]
    fn replay_set_is_a_map_of_expiries(
        steps in prop::collection::vec((0..700_u64, 0..40_u64, 1..3_000_u64, any::<bool>()), 0..300)
    ) {
        let (mut set, mut model, mut time) = (set(0), BTreeSet::new(), 0);
        for (pause, hash, length, is_released) in steps {
            time += if pause < 600 { 0 } else { pause };
            // Of a few lengths each, so that the same one comes again.
            let until = (time + length) / 1_000 * 1_000 + 1_000;
            model.retain(|&(expires, _)| expires > time);
            if is_released && model.remove(&(until, hash)) {
                set.release(hash, at(until));
            } else {
                let reserved = set.reserve(now(time), ALICE, hash, at(until)).is_ok();
                prop_assert_eq!(reserved, model.insert((until, hash)));
                prop_assert_eq!(set.len(), model.len());
                prop_assert!(set.entries.len() <= most_listed(set.len()));
            }
        }
    }
}

#[test]
fn an_expiry_beyond_the_counter_is_remembered_too() {
    let mut set = set(0);
    assert_eq!(set.reserve(now(0), ALICE, 1, UnixTime::MAX), Ok(()));
    assert_eq!(set.reserve(now(0), ALICE, 1, UnixTime::MAX), Err(TokenError::Replayed));
}
