//! Clients behind proxies: who they are counted as.

use super::*;
use crate::node::gate::limits::SLOTS_FOR_REFUSALS;

const PROXY: &str = "10.0.0.1";

fn behind(proxy_protocol: bool) -> World {
    World::with(|config| {
        config.http.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        config.http.proxy_protocol = proxy_protocol;
        config.limits.pending_per_ip = 3;
    })
}

fn upgrade_for(header: &str, value: &str) -> String {
    upgrade("soup").replace("\r\n\r\n", &format!("\r\n{header}: {value}\r\n\r\n"))
}

fn peer(world: &World, id: ConnId) -> String {
    world.node.connections.find(id).unwrap().peer_text()
}

fn status(world: &mut World, id: ConnId, bytes: &str) -> String {
    world.bytes(id, bytes.as_bytes());
    world.raw(id).split(' ').nth(1).unwrap_or("nothing").to_owned()
}

#[test]
fn trusted_proxy_headers_put_limits_on_the_client() {
    let mut world = behind(false);
    for number in 0..4 {
        let id = world.accept_from(PROXY);
        assert_eq!(world.node.usage().pending_addresses, usize::from(number > 0));
        let told = status(&mut world, id, &upgrade_for("X-Forwarded-For", "192.0.2.1"));
        assert_eq!(told, if number < 3 { "101" } else { "429" });
        assert_eq!(peer(&world, id), "192.0.2.1");
    }
    let other = world.accept_from(PROXY);
    let told = status(&mut world, other, &upgrade_for("Forwarded", "for=\"192.0.2.2:99\""));
    assert_eq!((told.as_str(), peer(&world, other).as_str()), ("101", "192.0.2.2:99"));
    world.seconds(9);
    world.assert_nothing_is_left();
}

#[test]
fn unix_peer_is_one_address_unless_it_is_trusted() {
    let from_unix = |world: &mut World, header: &str| {
        let id = world.node.handle_accept(world.now, UNIX_PEER).unwrap();
        (status(world, id, &upgrade_for("X-Forwarded-For", header)), peer(world, id))
    };
    let is = |told: (String, String), status: &str, peer: &str| {
        assert_eq!(told, (status.to_owned(), peer.to_owned()));
    };
    let mut world = behind(false);
    for number in 0..4 {
        let expected = if number < 3 { "101" } else { "429" };
        is(from_unix(&mut world, "192.0.2.1"), expected, "unix");
    }
    let mut world = World::with(|config| {
        config.http.trusted_proxies = vec!["unix".parse().unwrap()];
        config.limits.pending_per_ip = 3;
    });
    for number in 0..9 {
        let client = format!("192.0.2.{number}");
        is(from_unix(&mut world, &client), "101", &client);
    }
    // Nobody has that address, so it ends the walk.
    is(from_unix(&mut world, "192.0.2.1, ::"), "101", "unix");
}

#[test]
fn a_spoofed_header_of_anyone_else_is_ignored() {
    let mut world = behind(false);
    let id = world.accept_from("198.51.100.1");
    assert_eq!(status(&mut world, id, &upgrade_for("X-Forwarded-For", "192.0.2.1")), "101");
    assert_eq!(peer(&world, id), "198.51.100.1:9");
}

#[test]
fn a_proxys_sockets_are_not_bounded_as_one_address() {
    let mut world = behind(false);
    let silent: Vec<_> = (0..200).map(|_| world.accept_from(PROXY)).collect();
    assert_eq!(world.node.usage().pending_addresses, 0);
    world.seconds(6);
    assert_eq!(world.closed.len(), silent.len());
    world.assert_nothing_is_left();
}

#[test]
fn a_proxy_header_names_the_client_however_it_is_cut() {
    let header = "PROXY TCP4 192.0.2.1 10.0.0.9 4711 443\r\n";
    // With the PROXY protocol, headers of HTTP say nothing.
    let bytes = format!("{header}{}", upgrade_for("X-Forwarded-For", "192.0.2.7"));
    for size in [1, 7, header.len(), bytes.len()] {
        let mut world = behind(true);
        let id = world.accept_from(PROXY);
        bytes.as_bytes().chunks(size).for_each(|piece| world.bytes(id, piece));
        assert!(world.raw(id).starts_with("HTTP/1.1 101 "));
        assert_eq!(peer(&world, id), "192.0.2.1:4711");
        world.node.handle_hangup(world.now, id, Hangup::Reset);
        world.settle();
        world.assert_nothing_is_left();
    }
}

#[test]
fn a_proxy_that_speaks_for_itself_keeps_its_address() {
    let mut world = behind(true);
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";
    for header in [&local[..], b"PROXY UNKNOWN\r\n"] {
        let id = world.accept_from(PROXY);
        world.bytes(id, header);
        let told = status(&mut world, id, &upgrade_for("X-Forwarded-For", "192.0.2.7"));
        assert_eq!((told.as_str(), peer(&world, id).as_str()), ("101", "10.0.0.1:9"));
    }
}

#[test]
fn missing_proxy_header_drops_the_connection() {
    let mut world = behind(true);
    let id = world.accept_from(PROXY);
    assert_eq!(status(&mut world, id, &upgrade("soup")), "nothing");
    assert_eq!(world.closed, [id]);
    assert_eq!(world.node.metrics().bad_proxy_headers, 1);
    // Half a header is part of the time for the head.
    let slow = world.accept_from(PROXY);
    world.bytes(slow, b"PROXY TCP4 192");
    world.seconds(6);
    assert_eq!(world.closed, [id, slow]);
    world.assert_nothing_is_left();
}

#[test]
fn proxy_header_from_an_untrusted_peer_is_refused() {
    let mut world = behind(true);
    for header in ["PROXY TCP4 192.0.2.1 10.0.0.9 4711 443\r\n", "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"] {
        let id = world.accept_from("198.51.100.1");
        assert_eq!(status(&mut world, id, &format!("{header}{}", upgrade("soup"))), "400");
        assert_eq!(peer(&world, id), "198.51.100.1:9");
    }
    let id = world.accept_from("198.51.100.1");
    assert_eq!(status(&mut world, id, &upgrade("soup")), "101");
}

#[test]
fn pending_limit_drops_a_client_behind_its_proxy_too() {
    let mut world = behind(true);
    let header = b"PROXY TCP4 192.0.2.1 10.0.0.9 4711 443\r\n";
    for _ in 0..3 + SLOTS_FOR_REFUSALS {
        let id = world.accept_from(PROXY);
        world.bytes(id, header);
    }
    assert_eq!(world.closed, []);
    let id = world.accept_from(PROXY);
    world.bytes(id, header);
    assert_eq!(world.closed, [id]);
    assert_eq!(world.node.metrics().dropped_by_address, 1);
}
