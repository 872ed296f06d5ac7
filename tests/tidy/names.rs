//! Names: of types, of tests, and whose methods are where.

use std::collections::BTreeMap;

use crate::known::assert_known;
use crate::layers::is_test;
use crate::paths::code;
use crate::{assert_none, tree};

/// The longest name of a test.
const LONGEST: usize = 50;
/// Where the node's methods are: the owners of its state have their own.
const NODE: &[&str] = &["src/node/mod.rs", "src/node/dispatch/"];

/// The types that `text` defines, outside of functions and inner modules.
fn types(text: &str) -> Vec<String> {
    let code = code(text);
    let names = code.lines().filter_map(|line| {
        let (_, rest) =
            ["struct ", "enum ", "trait ", "union ", "type "].iter().find_map(|kind| {
                let (before, rest) = line.split_once(kind)?;
                let is_public = before.is_empty() || before.starts_with("pub");
                (is_public && !before.contains('=')).then_some((before, rest))
            })?;
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        Some(rest[..end].to_owned())
    });
    names.collect()
}

/// The types of which there is more than one.
fn shared_names(files: &[(String, String)]) -> Vec<String> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (_, text) in files.iter().filter(|(path, _)| !is_test(path)) {
        for name in types(text) {
            *places.entry(name).or_default() += 1;
        }
    }
    places.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name).collect()
}

fn is_switchboard(path: &str) -> bool {
    NODE.iter().any(|place| path.starts_with(place))
}

/// The files that have methods of the node's, and should not.
fn scattered_methods(files: &[(String, String)]) -> Vec<String> {
    let has = |text: &str| code(text).lines().any(|line| line.starts_with("impl Node {"));
    let found =
        files.iter().filter(|(path, text)| !is_switchboard(path) && !is_test(path) && has(text));
    found.map(|(path, _)| path.clone()).collect()
}

/// The tests in `text` whose names are too long.
fn long_names(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while lines.any(|line| line == "#[test]") {
        let name = lines.find_map(|line| line.strip_prefix("fn ")?.split('(').next());
        found.extend(name.filter(|name| name.len() > LONGEST).map(str::to_owned));
    }
    found
}

#[test]
fn one_name_is_one_type() {
    let files = tree(&["src"], &[".rs"]);
    assert_known("types", shared_names(&files));
}

#[test]
fn the_nodes_methods_are_in_one_place() {
    let files = tree(&["src"], &[".rs"]);
    assert_none(&scattered_methods(&files));
}

#[test]
fn no_name_of_a_test_is_a_sentence() {
    let files = tree(&["src", "tests", "benches", "examples", "fuzz"], &[".rs"]);
    let long: Vec<_> = files.iter().flat_map(|(_, text)| long_names(text)).collect();
    assert_none(&long);
}

#[test]
fn each_of_these_rules_can_fail() {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let files = [
        file("src/a.rs", "pub(crate) struct A<T>(T);\nstruct B;\nfn f() {\n    struct C;\n}\n"),
        file("src/b.rs", "pub enum A {}\nimpl X {\n    type B = u8;\n}\nlet x = struct C"),
    ];
    assert_eq!(shared_names(&files), ["A"]);
    let files = [file(NODE[0], "impl Node {\n"), file("src/node/a.rs", "\nimpl Node {\n")];
    assert_eq!(scattered_methods(&files), ["src/node/a.rs"]);
    let long = "x".repeat(LONGEST + 1);
    let text = format!("#[test]\nfn short() {{}}\n#[test]\n#[cfg(x)]\nfn {long}() {{}}\n");
    assert_eq!(long_names(&text), [long]);
}
