//! What the crate depends on: no runtime, permissive licences, and one registry.

use std::process::Command;

use serde_json::Value;

use crate::{assert_none, read, root};

/// Runtimes whose presence would mean that somebody else drives the sockets.
const RUNTIMES: &[&str] =
    &["tokio", "async-std", "smol", "async-io", "async-executor", "futures-executor"];
/// Where every dependency comes from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What cargo says, without a network.
fn cargo(arguments: &str) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    let output = cargo.args(arguments.split(' ')).current_dir(root()).output().unwrap();
    let fault = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{fault}\nDoes `cargo fetch` help?");
    String::from_utf8(output.stdout).unwrap()
}

fn runtimes(tree: &str) -> Vec<String> {
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    let found = names.filter(|name| RUNTIMES.contains(name));
    found.map(|name| format!("the crate depends on {name}")).collect()
}

/// The licences that `deny.toml` allows.
fn allowed(deny: &str) -> Vec<&str> {
    let (_, list) = deny.split_once("allow = [").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    list.split('"').skip(1).step_by(2).collect()
}

/// May a package be used under this SPDX expression? An exception only allows more.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    any_of(&mut spaced.split_whitespace().peekable(), allowed)
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words<'_>, allowed: &[&str]) -> bool {
    let mut is_good = all_of(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        is_good |= all_of(words, allowed);
    }
    is_good
}

fn all_of(words: &mut Words<'_>, allowed: &[&str]) -> bool {
    let mut is_good = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        is_good &= one(words, allowed);
    }
    is_good
}

fn one(words: &mut Words<'_>, allowed: &[&str]) -> bool {
    let word = words.next();
    if word == Some("(") {
        let is_good = any_of(words, allowed);
        return words.next_if_eq(&")").is_some() && is_good;
    }
    if words.next_if_eq(&"WITH").is_some() {
        words.next();
    }
    word.is_some_and(|licence| allowed.contains(&licence))
}

/// The packages that come from elsewhere, or under another licence.
fn strangers(metadata: &Value, allowed: &[&str]) -> Vec<String> {
    let packages = metadata["packages"].as_array().unwrap().iter();
    let wrong = packages.filter_map(|package| {
        let (name, licence) = (&package["name"], package["license"].as_str().unwrap_or_default());
        let is_ours = package["source"].is_null();
        if !is_ours && package["source"] != REGISTRY {
            return Some(format!("{name} comes from {}", package["source"]));
        }
        let is_good = is_allowed(licence, allowed);
        (!is_good).then(|| format!("{name} is under `{licence}`, which deny.toml does not allow"))
    });
    wrong.collect()
}

#[test]
fn no_async_runtime_is_among_the_dependencies() {
    let package = env!("CARGO_PKG_NAME");
    let arguments = "tree --offline --all-features --edges all --prefix none --package";
    let tree = cargo(&format!("{arguments} {package}"));
    assert!(tree.lines().any(|line| line.starts_with("mio ")), "no tree:\n{tree}");
    assert_none(&runtimes(&tree));
}

#[test]
fn dependencies_are_permissive_and_of_one_registry() {
    let metadata = cargo("metadata --offline --all-features --format-version 1");
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    assert!(metadata["packages"].as_array().unwrap().len() > 100, "no packages");
    assert_none(&strangers(&metadata, &allowed(&read("deny.toml"))));
}

#[test]
fn each_of_these_rules_can_fail() {
    assert_eq!(runtimes("mio v1.2.0\ntokio v1.0.0\ntokio-tungstenite v1.0.0").len(), 1);
    let two = allowed("allow = [\n\"MIT\", \"ISC\"\n]");
    for good in ["MIT", "GPL-3.0 OR MIT", "Unlicense/MIT", "(MIT OR X) AND ISC", "MIT WITH more"] {
        assert!(is_allowed(good, &two), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND X", "MIT AND (X OR Y)"] {
        assert!(!is_allowed(bad, &two), "{bad}");
    }
    let package = |source: &str, licence: &str| {
        let package = serde_json::json!({ "name": "a", "source": source, "license": licence });
        strangers(&serde_json::json!({ "packages": [package] }), &two)
    };
    assert_none(&package(REGISTRY, "MIT"));
    assert_eq!(package("git+https://example.com/a", "MIT").len(), 1);
    assert_eq!(package(REGISTRY, "GPL-3.0").len(), 1);
}
