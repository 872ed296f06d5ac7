//! No token and no secret in the logs: of a conversation of its own, and of a whole run of the tests.
//!
//! `./test` gathers in a directory what every server of its run has logged at the finest level and
//! said on standard error, and what was secret in it (`src/testing/logs.rs`); and has this test
//! search it, by `SEARCH_LOGS=DIRECTORY`.

mod search;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use self::search::Search;

/// Who takes part in a whole run, the least lines that its servers log, and the least of these in
/// detail: some third of what they do, so that a suite whose logs are lost, or are not at the finest
/// level, is missed.
const SUITES: [Suite; 18] = [
    ("backend", 50, 30),
    ("cli", 20, 0),
    ("client", 20, 10),
    ("deployment", 150, 5),
    ("examples", 5, 2),
    ("lib", 12_000, 4_000),
    ("memory", 1_000, 300),
    ("openapi", 10, 0),
    ("package", 2, 0),
    ("page", 100, 40),
    ("prometheus", 3, 0),
    ("proxies", 12, 5),
    ("recipe_chat", 600, 500),
    ("restart", 200, 150),
    ("server", 2_000, 1_500),
    ("simulation", 200_000, 200_000),
    ("smoke", 5_000, 4_000),
    ("static", 25, 3),
];
type Suite = (&'static str, usize, usize);
/// The least secrets that a whole run knows.
const SECRETS: usize = 1_000;

/// What a directory holds.
#[derive(Default)]
struct Gathered {
    secrets: Vec<String>,
    /// Lines, and of these in detail, by suite.
    lines: BTreeMap<String, (usize, usize)>,
    found: Vec<String>,
}

/// Searches every log in `directory`.
fn search(directory: &Path) -> Gathered {
    let mut gathered = Gathered::default();
    let mut logs = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = || String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        if name.ends_with(".secrets") {
            gathered.secrets.extend(text().lines().map(str::to_owned));
        } else if name.ends_with(".log") {
            logs.push((name, path));
        }
    }
    gathered.secrets.sort_unstable();
    gathered.secrets.dedup();
    let search = Search::new(gathered.secrets.iter().map(String::as_str));
    for (name, path) in logs {
        let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let suite = name.split('-').next().unwrap_or_default().to_owned();
        let (lines, detailed) = gathered.lines.entry(suite).or_default();
        *lines += text.lines().count();
        *detailed += text.matches("[DEBUG]").count();
        gathered.found.extend(search.find(&text).into_iter().map(|what| format!("{name}: {what}")));
    }
    gathered
}

/// What is wrong with what was gathered in a whole run.
fn complaints(gathered: &Gathered, suites: &[Suite], secrets: usize) -> Vec<String> {
    let mut wrong = gathered.found.clone();
    for &(suite, least, least_detailed) in suites {
        let (lines, detailed) = gathered.lines.get(suite).copied().unwrap_or_default();
        if lines < least || detailed < least_detailed {
            wrong.push(format!(
                "{suite}: {lines} lines, {detailed} of them in detail; not {least} and {least_detailed}"
            ));
        }
    }
    if gathered.secrets.len() < secrets {
        wrong.push(format!("only {} secrets are known, not {secrets}", gathered.secrets.len()));
    }
    wrong
}

#[test]
fn a_whole_run_has_logged_no_secret() {
    // Which `./test` asks for, when everything else has run.
    let Some(directory) = std::env::var_os("SEARCH_LOGS") else { return };
    let gathered = search(Path::new(&directory));
    let (lines, secrets) = (&gathered.lines, gathered.secrets.len());
    println!("searched for {secrets} secrets; lines, and those in detail: {lines:?}");
    let wrong = complaints(&gathered, &SUITES, SECRETS);
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn secrets_and_missing_logs_are_found() {
    let secret = "correct horse battery staple";
    let directory = std::env::temp_dir().join(format!("vestibule-leaks-{}", std::process::id()));
    fs::create_dir(&directory).unwrap();
    let write = |name: &str, text: &str| fs::write(directory.join(name), text).unwrap();
    let wrong = || complaints(&search(&directory), &[("one", 3, 2), ("two", 1, 1)], 1);
    assert_eq!(wrong().len(), 3, "nothing was logged, and nothing is known");
    write("7.secrets", &format!("{secret}\n"));
    write("one-7-0.log", "[DEBUG] said\n[DEBUG] heard\n[INFO] done\n");
    write("two-8.log", "[INFO] said\n");
    assert_eq!(wrong(), ["two: 1 lines, 0 of them in detail; not 1 and 1"]);
    write("two-8.log", "[DEBUG] said\n");
    assert_eq!(wrong(), Vec::<String>::new());
    write("two-9.log", &format!("thread panicked\n{}\n", &secret[..16]));
    let found = wrong();
    assert!(found.len() == 1 && found[0].starts_with("two-9.log: a piece of"), "{found:?}");
    fs::remove_dir_all(directory).unwrap();
}
