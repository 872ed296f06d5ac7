//! The scripts and the link on a real engine, and the model beside it.

use std::time::{SystemTime, UNIX_EPOCH};

use vestibule::config::Cluster;
use vestibule::net::inspect_engine;
use vestibule::testing::bus;

use crate::engine::Engine;

/// Random commands of three nodes, each of this many bursts.
const SEEDS: u64 = 8;
const BURSTS: usize = 400;

#[test]
fn model_does_what_a_real_engine_does() {
    for seed in 0..SEEDS {
        let engine = Engine::start();
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
        let compared = bus::compare_with_model(&engine.socket(), seed, BURSTS, unix);
        println!("seed {seed}: {}", compared.unwrap_or_else(|difference| panic!("{difference}")));
    }
}

#[test]
fn engine_without_memory_keeps_what_matters() {
    bus::without_memory(&Engine::start().socket());
}

#[test]
fn lost_scripts_are_loaded_again() {
    bus::with_lost_scripts(&Engine::start().socket());
}

#[test]
fn killed_connection_is_made_again() {
    bus::with_a_killed_connection(&Engine::start().socket());
}

#[test]
fn replica_is_refused() {
    bus::as_a_replica(&Engine::start().socket());
}

#[test]
fn missing_permission_is_named() {
    bus::with_few_permissions(&Engine::start().socket());
}

#[test]
fn least_permissions_suffice() {
    bus::with_least_permissions(&Engine::start().socket());
}

#[test]
fn wrong_password_is_named() {
    bus::with_wrong_password(&Engine::start().socket());
}

#[test]
fn user_without_a_password_is_used() {
    bus::without_a_password(&Engine::start().socket());
}

#[test]
fn check_names_what_the_user_may_not_run() {
    let engine = Engine::start();
    let rules = bus::LEAST_PERMISSIONS.replace("PREFIX", "v");
    let url = format!("redis://edge@{}", engine.address());
    let cluster = Cluster { url, ..Cluster::default() };
    for (missing, words) in [
        ("-zadd", "the engine's user may not run zadd: "),
        ("-unsubscribe", "does not unsubscribe: NOPERM"),
        ("-info", "NOPERM"),
        ("+info", ""),
    ] {
        let rules = format!("ACL SETUSER edge reset on nopass {rules} {missing}");
        engine.ask(&rules.split_whitespace().collect::<Vec<_>>());
        let faults = inspect_engine(&cluster).err().unwrap_or_default();
        let faults = faults.join(", ");
        assert!(faults.contains(words) && faults.is_empty() == words.is_empty(), "{faults}");
    }
}
