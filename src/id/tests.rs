use std::collections::HashSet;

use super::*;

#[test]
fn hex_digits_are_as_the_formatter_writes_them() {
    let is_same = |number: u32| hex_digits(number)[..] == *format!("{number:08x}").as_bytes();
    assert!((0..=0xffff).all(|number: u32| is_same(number.wrapping_mul(0x0001_000f))));
}

#[test]
fn a_token_gives_back_its_connection() {
    let id = ConnId::new(7, u32::MAX);
    assert_eq!(ConnId::from_bits(id.to_bits()), id);
    assert_eq!(id.to_string(), "ffffffff-000007");
}

#[test]
fn conn_id_is_written_as_it_is_formatted() {
    for index in [0, 7, 0xff_ffff, 0x100_0000, 0xfff_ffff, 0x1000_0000, u32::MAX] {
        let id = ConnId::new(index, index.reverse_bits());
        let mut text = Vec::new();
        id.write(&mut text);
        assert_eq!(String::from_utf8(text).unwrap(), id.to_string());
    }
}

#[test]
fn conn_id_parses_from_its_own_text_and_no_other() {
    for id in [ConnId::new(7, u32::MAX), ConnId::new(u32::MAX, 0), ConnId::new(0x0100_0000, 1)] {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    for text in ["", "-", "ffffffff", "FFFFFFFF-000007", "ffffffff-7", "+0000001-000007", " "] {
        assert_eq!(text.parse::<ConnId>(), Err(MalformedId), "{text}");
    }
}

#[test]
fn message_ids_are_version_7_and_all_different() {
    let mut ids = MessageIds::new(Seed::predictable(1));
    let now = UnixTime::from_millis(0x0123_4567_89ab);
    let mut seen = HashSet::new();
    for _ in 0..10_000 {
        let id = ids.next(now).as_str().to_owned();
        assert!(id.starts_with("01234567-89ab-7"), "{id}");
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{id}");
        assert!(seen.insert(id));
    }
}

/// SplitMix64 is a bijection: its 64 bits give away its state, so every later draw.
#[test]
fn message_id_gives_away_no_later_one() {
    let unmix = |mut z: u64| {
        z = (z ^ (z >> 31) ^ (z >> 62)).wrapping_mul(0x3196_42b2_d24d_8ec3);
        z = (z ^ (z >> 27) ^ (z >> 54)).wrapping_mul(0x96de_1b17_3f11_9089);
        z ^ (z >> 30) ^ (z >> 60)
    };
    let hidden = |id: &MessageId| {
        let text = id.as_str().replace('-', "");
        let low = u64::from_str_radix(&text[16..], 16).unwrap();
        (u64::from_str_radix(&text[13..16], 16).unwrap(), low << 2)
    };
    let now = UnixTime::from_millis(1);
    let mut generator = Rng::new(9);
    assert_eq!(unmix(generator.clone().next_u64()), {
        generator.next_u64();
        generator.0
    });
    let mut ids = MessageIds::new(Seed::predictable(1));
    let (shown, next) = (ids.next(now), ids.next(now));
    // Two bits of the draw are not in the id: every value of them is tried.
    let (_, low) = hidden(&shown);
    for guess in 0..4 {
        let mut rng = Rng::new(unmix(low | guess));
        assert_ne!((rng.next_u64() >> 52, rng.next_u64() & !3), hidden(&next));
    }
}

#[test]
fn each_label_derives_a_seed_of_its_own() {
    let seed = Seed::predictable(1);
    assert_eq!(seed.derive("a").0, seed.derive("a").0);
    assert_ne!(seed.derive("a").0, seed.derive("b").0);
    assert_ne!(seed.derive("a").0, Seed::predictable(2).derive("a").0);
    assert_eq!(format!("{seed:?} {:?}", SeededState::new(&seed)), "Seed(..) SeededState(..)");
}

#[test]
fn the_same_seed_repeats_itself() {
    let draw = |seed| {
        let mut rng = Rng::new(seed);
        [rng.next_u64(), rng.below(10), rng.below(0)]
    };
    assert_eq!(draw(5), draw(5));
    assert_ne!(draw(5), draw(6));
    assert!((0..1_000).all(|seed| draw(seed)[1] < 10 && draw(seed)[2] == 0));
}

#[test]
fn texts_hash_by_their_borders() {
    let state = SeededState::new(&Seed::predictable(3));
    assert_eq!(state.hash_texts(&["a", "b"]), state.hash_texts(&["a", "b"]));
    assert_ne!(state.hash_texts(&["a", "b"]), state.hash_texts(&["ab", ""]));
    assert_ne!(
        state.hash_texts(&["a"]),
        SeededState::new(&Seed::predictable(4)).hash_texts(&["a"])
    );
    let long = "a".repeat(600);
    for length in 0..=long.len() {
        let texts = ["user", &long[..length], "é"];
        assert_eq!(state.hash_texts(&texts), state.hash_each(&texts), "{length}");
    }
}
