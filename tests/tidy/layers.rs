//! Who may import whom (`ARCHITECTURE.md`, "The layers").

use crate::paths::{code, paths};
use crate::{assert_none, tree};

/// A layer, and what it may import beside itself. Whatever is not here is no layer.
const LAYERS: &[(&str, &[&str])] = &[
    ("time", LEAVES),
    ("id", LEAVES),
    ("config", LEAVES),
    ("protocol", LEAVES),
    ("shares", &["time", "id"]),
    ("auth", &["time", "id", "config", "protocol", "shares"]),
    ("bus", &["time", "id", "protocol"]),
    ("node", &["time", "id", "config", "protocol", "shares", "auth", "bus"]),
    // Above the node, which hands an operator's calls up to it.
    ("admin", &["time", "id", "protocol", "node"]),
    // The turn, for whoever has sockets.
    ("driver", &["time", "id", "config", "node", "admin"]),
    ("memory", &["time", "id", "config", "protocol", "shares", "node"]),
    ("recipes", &["time", "id", "config", "protocol", "shares", "auth", "node"]),
    // The two drivers never import each other.
    ("net", &["time", "id", "config", "protocol", "shares", "auth", "bus", "node", "driver"]),
    ("backend", &["time", "id", "config", "protocol", "shares", "node", "net"]),
    (
        "capacity",
        &["bus", "config", "protocol", "shares", "auth", "node", "memory", "recipes", "net"],
    ),
    ("sim", SIMULATOR),
    ("testing", &["time", "id", "protocol", "bus"]),
    // The binary is a crate of its own, and uses whatever the library shows.
    ("cli", &[]),
];
const SIMULATOR: &[&str] = &[
    "time", "id", "config", "protocol", "shares", "auth", "bus", "node", "driver", "memory",
    "testing",
];
const LEAVES: &[&str] = &["time", "id", "config"];
/// They only put the layers together.
const ROOTS: &[&str] = &["lib", "main"];
/// What touches the outside world: layers, and of the recipes those rooms that keep them.
const OUTSIDE: &[&str] = &[
    "src/backend",
    "src/net/",
    "src/cli/",
    "src/recipes/accounts/",
    "src/recipes/storage/",
    "src/testing/",
];
/// What a layer that does not touch the outside world may not name, each with what is below it.
const WORLD: &[&str] = &[
    "mio",
    "socket2",
    "rustix",
    "getrandom",
    "signal_hook",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::os",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::net::ToSocketAddrs",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::time::UNIX_EPOCH",
    "std::collections::hash_map::RandomState",
    "std::hash::RandomState",
];

/// What is wrong with the imports of the file at `path`.
fn complaints(path: &str, text: &str) -> Vec<String> {
    let segments: Vec<&str> = path.trim_start_matches("src/").split('/').collect();
    let layer = segments[0].trim_end_matches(".rs");
    if ROOTS.contains(&layer) || is_test(path) {
        return Vec::new();
    }
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return vec![format!(
            "{path}: `{layer}` is no layer yet: say in LAYERS what it may import"
        )];
    };
    // So many `super` lead to the crate: `mod.rs` is its folder.
    let depth = segments.len() - usize::from(path.ends_with("/mod.rs"));
    let mut wrong = Vec::new();
    for name in paths(&code(text)) {
        if let Some(target) = target(&name, depth)
            && target != layer
            && !allowed.contains(&target)
        {
            wrong.push(format!("{path}: `{layer}` may not import `{target}` ({name})"));
        }
        let is_world = WORLD
            .iter()
            .any(|forbidden| name == *forbidden || name.starts_with(&format!("{forbidden}::")));
        if is_world && !OUTSIDE.iter().any(|place| path.starts_with(place)) {
            wrong.push(format!("{path}: `{layer}` may not touch the outside world ({name})"));
        }
    }
    wrong
}

/// The layer that a path leads to, if it leads to one of ours.
fn target(path: &str, depth: usize) -> Option<&str> {
    let mut segments = path.split("::").peekable();
    match *segments.peek()? {
        "crate" => {
            segments.next();
        }
        "super" => {
            for _ in 0..depth {
                segments.next_if_eq(&"super")?;
            }
        }
        _ => return None,
    }
    segments.next().filter(|name| !name.is_empty())
}

pub(crate) fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

#[test]
fn no_layer_imports_what_is_above_it() {
    let files = tree(&["src"], &[".rs"]);
    assert!(files.len() > 30, "the tree was not found");
    let wrong: Vec<_> = files.iter().flat_map(|(path, text)| complaints(path, text)).collect();
    assert_none(&wrong);
}

#[test]
fn import_from_above_is_found_however_written() {
    let finds = |path: &str, text: &str| !complaints(path, text).is_empty();
    assert!(finds("src/protocol/close.rs", "use crate::node::Node;"));
    assert!(finds("src/protocol/close.rs", "use crate::{time::Now, auth::{Verifier}};"));
    assert!(finds("src/auth/replay.rs", "fn f(node: &crate::node::Node) {}"));
    assert!(finds("src/node/mod.rs", "use super::net::Server;"));
    assert!(finds("src/node/wheel.rs", "use super::super::net::Server;"));
    assert!(finds("src/node/wheel.rs", "use crate::Config;"));
    assert!(finds("src/node/dispatch/calls.rs", "use crate::admin::answer;"));
    assert!(finds("src/net/mod.rs", "use crate::sim::World;"));
    assert!(finds("src/sim/mod.rs", "use crate::net::Server;"));
    assert!(finds("src/time.rs", "use crate::protocol::CloseReason;"));
    assert!(finds("src/attic/mod.rs", ""));
}

#[test]
fn the_outside_world_is_found_below_the_drivers() {
    let finds = |path: &str, text: &str| !complaints(path, text).is_empty();
    assert!(finds("src/node/mod.rs", "use std::{fmt, fs};"));
    assert!(finds("src/node/mod.rs", "use std::time::{Duration, Instant};"));
    assert!(finds("src/auth/mod.rs", "let now = std::time::SystemTime::now();"));
    assert!(finds("src/memory.rs", "use std::net::{SocketAddr, TcpStream};"));
    assert!(finds("src/sim/mod.rs", "let token = mio::Token(1);"));
    assert!(finds("src/recipes/app.rs", "use std::thread;"));
    assert!(!finds("src/recipes/storage/mod.rs", "use std::thread;"));
    assert!(!finds("src/net/clock.rs", "use std::time::SystemTime;"));
    assert!(!finds("src/node/mod.rs", "use std::net::{IpAddr, SocketAddr};"));
    assert!(!finds("src/node/mod.rs", "//! [`std::time::Instant`]\nuse self::wheel::Wheel;"));
    assert!(!finds("src/node/tests/mod.rs", "use std::fs;"));
}
