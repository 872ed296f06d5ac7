//! The keys whose rows say `+ memory` are those that the sum depends on, and no others.

use serde_json::{Value, json};

use super::super::rows;
use crate::config::{Config, Key};

/// Configurations that together have every row: each application, with and without budgets for all
/// connections together, alone and in a cluster.
fn configurations() -> Vec<Value> {
    let recipes = json!({ "app": "recipes" });
    let model = json!({ "app": "recipes", "assistant": { "url": "http://127.0.0.1:9/v1" } });
    let owner = json!({
        "app": "recipes",
        "recipes": { "listen": "127.0.0.1:9" },
        "cluster": { "url": "redis://127.0.0.1" },
    });
    let backend = json!({ "backend": {
        "url": "http://127.0.0.1:9", "moderate": true, "claims": ["team"], "client_bytes": "64",
    } });
    let memory = json!({
        "app": "memory",
        "tls": { "cert_file": "cert.pem", "key_file": "key.pem" },
        "cluster": { "url": "redis://127.0.0.1" },
    });
    let budgets = json!({ "limits": {
        "pending_input_total": "4MiB", "member_input_total": "4MiB", "outbound_total": "4MiB",
        "work_total": "4MiB",
    } });
    let sized =
        json!({ "limits": { "connections": 1000, "pending": 500 }, "log": { "access": true } });
    let applications = [recipes, model, owner, backend, memory];
    let with = |application: &Value, more: &[&Value]| {
        let mut whole = serde_json::to_value(Config::program_defaults()).unwrap();
        more.iter().copied().chain([application]).for_each(|part| put(&mut whole, part));
        whole
    };
    let alone = applications.iter().map(|it| with(it, &[&sized]));
    alone.chain(applications.iter().map(|it| with(it, &[&sized, &budgets]))).collect()
}

/// Puts the leaves of `part` where they are in `whole`.
fn put(whole: &mut Value, part: &Value) {
    match part {
        Value::Object(members) => members.iter().for_each(|(name, it)| put(&mut whole[name], it)),
        leaf => *whole = leaf.clone(),
    }
}

/// Other values for a key of this value: of a number, a size or a switch; of other texts none.
fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::Bool(is_on) => vec![json!(!is_on)],
        Value::Number(_) => vec![json!(3), json!(7)],
        Value::String(text) if text.parse::<crate::config::Size>().is_ok() => {
            vec![json!("3KiB"), json!("7MiB")]
        }
        _ => Vec::new(),
    }
}

fn place<'a>(config: &'a mut Value, key: &Key) -> &'a mut Value {
    match key.section() {
        "" => &mut config[key.name()],
        section => &mut config[section][key.name()],
    }
}

fn changes_the_sum(config: &Value, key: &Key) -> bool {
    let sum = |config: &Value| rows(&serde_json::from_value(config.clone()).unwrap());
    let mut changed = config.clone();
    let others = others(place(&mut changed, key));
    others.into_iter().any(|other| {
        *place(&mut changed, key) = other;
        sum(&changed) != sum(config)
    })
}

#[test]
fn keys_that_take_memory_are_marked_and_no_others() {
    let configurations = configurations();
    // Every application is there only where its feature is.
    let is_here = |key: &Key| {
        cfg!(feature = "recipes") || !["recipes", "accounts", "assistant"].contains(&key.section())
    };
    for key in Config::keys().filter(|key| is_here(key)) {
        let takes_memory = configurations.iter().any(|config| changes_the_sum(config, key));
        assert_eq!(key.takes_memory, takes_memory, "{}", key.path);
    }
}
