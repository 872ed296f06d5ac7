//! Control frames, fragments, and what comes behind a frame that was refused: what each costs.

use super::*;

fn many(first: u8, count: usize) -> Vec<u8> {
    frame(first, b"").repeat(count)
}

#[test]
fn pings_of_one_read_get_one_pong() {
    let mut world = World::new();
    let id = world.connected("r", "alice");
    let bytes = [frame(0x89, b"one"), frame(0x89, b"two"), frame(0x89, b"three")].concat();
    world.bytes(id, &bytes);
    assert_eq!(world.see(id), [Seen::Pong(b"three".to_vec())]);
}

#[test]
fn ping_flood_closes_after_the_burst() {
    for is_authenticated in [true, false] {
        for first in [0x89, 0x8a] {
            let mut world = World::new();
            let id = match is_authenticated {
                true => world.connected("r", "alice"),
                false => world.authenticating("r"),
            };
            world.bytes(id, &many(first, 30));
            assert_ne!(world.node.phase(id), Some(Phase::Closing));
            world.see(id);
            world.bytes(id, &frame(first, b""));
            assert_eq!(world.close_reason(id), "Rate limit exceeded");
        }
    }
}

#[test]
fn empty_fragments_of_a_message_have_a_bound() {
    for cut in [1, 6, 100, 1_000] {
        let mut world = World::new();
        let id = world.connected("r", "alice");
        let bytes = [frame(0x01, b""), many(0x00, 30), frame(0x80, b"nope")].concat();
        bytes.chunks(cut).for_each(|piece| world.bytes(id, piece));
        assert_eq!(world.close_reason(id), "Rate limit exceeded");
        let id = world.connected("r", "bob");
        let bytes = [frame(0x01, b""), many(0x00, 29), frame(0x80, b"nope")].concat();
        bytes.chunks(cut).for_each(|piece| world.bytes(id, piece));
        assert_eq!(world.message(id)["payload"]["error"], "invalid_json");
    }
}

#[test]
fn pong_that_was_asked_for_is_free() {
    let mut world = World::with(|config| {
        config.limits.ping = crate::config::Length::from_secs(1);
        config.auth.reauth_after = crate::config::Length::from_secs(0);
    });
    let id = world.connected("r", "alice");
    for _ in 0..100 {
        world.seconds(1);
        assert_eq!(world.see(id), [Seen::Ping]);
        world.bytes(id, &frame(0x8a, b""));
    }
    assert_eq!(world.node.phase(id), Some(Phase::Connected));
}

#[test]
fn read_of_tiny_frames_costs_more_units() {
    let mut world = World::with(|config| config.limits.messages_per_minute = 0);
    let id = world.authenticating("r");
    let mut cost = |bytes: &[u8]| world.node.handle_bytes(world.now, id, &mut bytes.to_vec());
    assert_eq!(cost(&many(0x89, 1)), 0);
    assert_eq!(cost(&many(0x89, 640)), 20);
    assert_eq!(cost(&[frame(0x01, b"{"), frame(0x00, b"x").repeat(639)].concat()), 20);
    // After a frame that is refused, too.
    assert_eq!(cost(&[frame(0xff, b""), many(0x89, 640)].concat()), 20);
    assert_eq!(cost(&many(0x89, 640)), 20);
}

#[test]
fn close_behind_a_refused_frame_is_found() {
    let close = frame(0x88, &1000_u16.to_be_bytes());
    let refused: [(&str, Vec<u8>); 5] = [
        ("Invalid UTF-8", frame(0x81, &[0xff; 200])),
        ("Message too large", frame(0x81, &vec![b'x'; 70_000])),
        ("Reserved opcode", frame(0x83, b"abc")),
        ("Reserved bits set", frame(0xc1, &[b'x'; 300])),
        ("Unmasked frame", [&[0x81, 3][..], b"abc"].concat()),
    ];
    for (_, bad) in refused {
        for cut in [1, 2, 5, 9, bad.len() - 1, bad.len(), bad.len() + 3, usize::MAX] {
            let mut world = World::new();
            let id = world.connected("r", "alice");
            let bytes = [&bad[..], &frame(0x89, b"ping"), &close].concat();
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            world.bytes(id, head);
            world.bytes(id, tail);
            assert_eq!(world.closed, [id], "{cut} bytes first");
            assert!(matches!(world.see(id)[..], [Seen::Close(..)]));
            world.assert_nothing_is_left();
        }
    }
}

#[test]
fn frame_without_an_end_hides_what_follows() {
    let mut world = World::new();
    let id = world.connected("r", "alice");
    let mut endless = vec![0x82, 0xff];
    endless.extend([0xff; 8]);
    endless.extend([0; 4]);
    world.bytes(id, &endless);
    world.bytes(id, &frame(0x88, b""));
    assert_eq!(world.closed, []);
    world.seconds(3);
    assert_eq!(world.closed, [id]);
}
