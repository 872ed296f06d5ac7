//! Whoever starts a server in the tests has its log searched for secrets (`secrets_in_logs` of the
//! operations).

use crate::{assert_none, read, tree};

/// How a server is started, in which files, and what then has its log kept.
const STARTS: [(&str, &[&str], &str); 4] = [
    ("env!(\"CARGO_BIN_EXE_vestibule\")", &["tests/"], "logs::keep"),
    ("Server::bind(", &["src/net/", "tests/"], "logs::in_process("),
    ("['serve', ", &["client/", "tests/browser/"], "follow("),
    ("grep -o 'ws://", &["scripts/"], "LOGS_OF_TESTS"),
];
/// They start one for somebody who looks at it, or only to see that it does not start, or none.
const NOT_IN_THE_RUN: [&str; 5] = [
    "scripts/forgers",
    "scripts/many",
    "src/net/tests/keys.rs",
    "tests/operations/deploy.rs",
    "tests/tidy/logs.rs",
];

fn complaints(path: &str, text: &str) -> Vec<String> {
    let is_test = path.ends_with("tests.rs") || path.contains("/tests/") || !path.ends_with(".rs");
    if NOT_IN_THE_RUN.contains(&path) || !(is_test || path.starts_with("tests/")) {
        return Vec::new();
    }
    let starts = STARTS.iter().filter(|(start, places, _)| {
        text.contains(start) && places.iter().any(|place| path.starts_with(place))
    });
    let forgets = starts.filter(|(_, _, keeps)| !text.contains(keeps));
    forgets.map(|(start, _, keeps)| format!("{path}: has {start} and no {keeps}")).collect()
}

#[test]
fn who_starts_a_server_has_its_log_searched() {
    let files = tree(&["src", "tests", "client"], &[".rs", ".js"]);
    // Few of them have an ending.
    let all: Vec<_> = files.into_iter().chain(tree(&["scripts"], &[""])).collect();
    let found = STARTS.iter().map(|(start, places, _)| {
        let is_one = |(path, text): &&(String, String)| {
            text.contains(start) && places.iter().any(|place| path.starts_with(place))
        };
        all.iter().filter(is_one).count()
    });
    assert!(found.into_iter().all(|count| count >= 2), "a way to start a server has another form");
    let wrong: Vec<_> = all.iter().flat_map(|(path, text)| complaints(path, text)).collect();
    assert_none(&wrong);
    assert!(read("test").contains("SEARCH_LOGS=$LOGS_OF_TESTS"), "nobody searches");
}

#[test]
fn a_start_without_its_log_is_found() {
    let start = "Command::new(env!(\"CARGO_BIN_EXE_vestibule\"))";
    assert_eq!(complaints("tests/new.rs", start).len(), 1);
    assert_none(&complaints("tests/new.rs", &format!("{start} logs::keep(a, b)")));
    assert_eq!(complaints("scripts/new", "port=$(grep -o 'ws://[0-9.:]*' out)").len(), 1);
    assert_eq!(complaints("tests/browser/new.js", "['serve', '--listen']").len(), 1);
    assert_none(&complaints("src/cli/serve.rs", "Server::bind(&config, app)"));
}
