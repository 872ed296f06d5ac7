use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn holdings() -> Holdings {
    Holdings::new(&Seed::predictable(1), 0)
}

#[test]
fn an_entry_takes_12_bytes_and_a_holder_40() {
    // An Option has a tag exactly where a slab's place has one.
    assert_eq!((size_of::<EntryLink>(), size_of::<Option<Holder>>()), (12, 40));
}

#[test]
fn no_table_grows_within_what_was_reserved() {
    let mut holdings = Holdings::new(&Seed::predictable(1), 1_000);
    let capacities =
        |it: &Holdings| (it.by_key.capacity(), it.holders.capacity(), it.links.capacity());
    let reserved = capacities(&holdings);
    for entry in 0..1_000 {
        holdings.insert(entry, u64::from(entry), 1);
    }
    assert_eq!(capacities(&holdings), reserved);
}

#[test]
fn classes_are_ordered_and_a_quarter_wide() {
    let mut last = 0;
    for weight in 0..100_000_u64 {
        let class = class_of(weight);
        assert!(class == last || class == last + 1, "{weight}");
        last = class;
        assert!(class_of(weight + weight / 4 + 1) > class, "{weight}");
    }
    assert!(class_of(u64::MAX) < CLASSES);
}

#[test]
fn the_oldest_of_the_heaviest_holder_goes() {
    let mut holdings = holdings();
    for (entry, key) in [(0, 7), (1, 8), (2, 8), (3, 8), (4, 9)] {
        holdings.insert(entry, key, 1);
    }
    assert_eq!(holdings.victim(7, 1), Some(1));
    assert_eq!(holdings.victim(42, 1), Some(1));
    assert_eq!(holdings.victim(8, 1), Some(1), "its own");
    assert_eq!((holdings.heavier_than(7, 1), holdings.heavier_than(8, 1)), (Some(1), None));
    holdings.refresh(1);
    assert_eq!(holdings.victim(7, 1), Some(2));
    assert!(holdings.remove(2, 1) && holdings.remove(3, 1));
    assert_eq!(holdings.victim(7, 1), Some(0), "nobody has more than it would have");
    assert_eq!(holdings.victim(42, 1), None);
}

proptest! {
    #[test]
    fn holdings_are_a_map_from_entry_to_holder(
        steps in prop::collection::vec((0..20_u32, prop::option::of((0..5_u64, 1..40_u64))), 0..200)
    ) {
        let mut holdings = holdings();
        let mut model: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        for (entry, step) in steps {
            let before = model.remove(&entry);
            let was_there = holdings.remove(entry, before.map_or(0, |(_, weight)| weight));
            prop_assert_eq!(was_there, before.is_some());
            if let Some((key, weight)) = step {
                holdings.insert(entry, key, weight);
                model.insert(entry, (key, weight));
            }
            let mut weights = BTreeMap::<u64, u64>::new();
            for (key, weight) in model.values() {
                *weights.entry(*key).or_default() += weight;
            }
            prop_assert_eq!(holdings.len(), model.len());
            prop_assert_eq!(holdings.holders(), weights.len());
            for key in 0..5 {
                prop_assert_eq!(holdings.weight_of(key), weights.get(&key).copied().unwrap_or(0));
                let entries = holdings.entries_of(key).count();
                prop_assert_eq!(entries, model.values().filter(|it| it.0 == key).count());
            }
            let most = weights.values().max().copied();
            let found = holdings.first_of_heaviest().and_then(|entry| model.get(&entry));
            let found = found.and_then(|(key, _)| weights.get(key)).copied();
            prop_assert_eq!(found.map(class_of), most.map(class_of));
        }
    }
}
