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
    assert_eq!(set.len(), 1);
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
    for hash in 0..5 {
        assert_eq!(set.reserve(now(60), ALICE, hash, at(90)), Ok(()));
    }
    assert!(set.by_user.is_none() && set.len() == 5);
    fill(&mut set, 100..175, at(90));
    assert_eq!(set.by_user.as_ref().map(|by_user| by_user.len()), Some(80));
}

#[test]
fn crowd_that_has_expired_is_forgotten_bit_by_bit() {
    let mut set = set(1_000);
    for hash in 0..1_000 {
        assert_eq!(set.reserve(now(0), ALICE, hash, at(60)), Ok(()));
    }
    let lengths = (0..70).map(|hash| {
        assert_eq!(set.reserve(now(60), ALICE, hash, at(900)), Ok(()));
        set.len()
    });
    let lengths: Vec<_> = lengths.collect();
    assert_eq!((&lengths[..3], lengths[69]), (&[985, 970, 955][..], 70));
    assert_eq!(set.evictions(), 0);
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

/// Every client waits for a turn, so no message has a million entries counted and forgotten.
#[test]
fn lowered_bound_is_kept_bit_by_bit() {
    let mut set = set(0);
    for hash in 0..1_000 {
        assert_eq!(set.reserve(now(0), hash % 10, hash, at(60)), Ok(()));
    }
    set.set_capacity(100);
    let mut lengths = Vec::new();
    for hash in 1_000..1_100 {
        let (counted, length) = (set.counted, set.len());
        assert_eq!(set.reserve(now(0), hash % 10, hash, at(60)), Ok(()));
        assert!(set.counted - counted <= COUNTED_AT_ONCE + COUNTED_OVER_BOUND + 1);
        assert!(length + 1 - set.len() <= EVICTED_AT_ONCE);
        lengths.push(set.len());
    }
    assert_eq!((lengths[0], lengths[13], lengths[20], lengths[99]), (1_001, 1_014, 909, 100));
    assert_eq!(set.by_user.as_ref().map(|by_user| by_user.len()), Some(100));
    assert_eq!(set.reserve(now(0), 9, 1_099, at(60)), Err(TokenError::Replayed));
}

/// The numbers of many that are gone are passed over faster than entries are counted.
#[test]
fn lowered_bound_is_kept_after_many_are_gone() {
    let mut set = set(0);
    for hash in 0..20_000 {
        assert_eq!(set.reserve(now(0), hash % 10, hash, at(60)), Ok(()));
    }
    // The last numbers go first, so those that are used again begin at the end.
    (0..20_000).for_each(|hash| set.release(hash, at(60)));
    set.set_capacity(100);
    for hash in 0..1_000 {
        assert_eq!(set.reserve(now(0), hash % 10, hash, at(60)), Ok(()));
        assert!(set.len() <= 200, "{}", set.len());
    }
    assert_eq!(set.len(), 100);
}

#[test]
fn a_new_entry_with_a_used_number_goes_last() {
    let mut set = set(0);
    for hash in 0..10 {
        assert_eq!(set.reserve(now(0), ALICE, hash, at(60)), Ok(()));
    }
    set.release(0, at(60));
    set.set_capacity(5);
    assert_eq!(set.reserve(now(0), ALICE, 10, at(60)), Ok(()));
    assert_eq!((set.len(), set.evictions()), (5, 5));
    assert_eq!(set.reserve(now(0), ALICE, 10, at(60)), Err(TokenError::Replayed));
}

#[test]
fn an_expiry_beyond_the_counter_is_remembered_too() {
    let mut set = set(0);
    assert_eq!(set.reserve(now(0), ALICE, 1, UnixTime::MAX), Ok(()));
    assert_eq!(set.reserve(now(0), ALICE, 1, UnixTime::MAX), Err(TokenError::Replayed));
}
