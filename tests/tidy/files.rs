//! Files: how long they and their functions may be, and what they may not hold.

use crate::{assert_none, root, tree};

/// Lines of a file, at most: from there on it has a second subject.
const LONG: usize = 400;
const SOURCES: &[&str] = &["src", "tests", "benches", "examples", "fuzz"];

fn too_long(path: &str, lines: usize) -> Option<String> {
    (lines > LONG).then(|| format!("{path}: {lines} lines, {LONG} are allowed"))
}

/// Lines of a function: a screen.
const SCREEN: usize = 70;

/// The functions that do not fit a screen. A function ends at the first line that closes a brace as
/// far to the left as it begins.
fn long_functions(path: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let long = lines.iter().enumerate().filter_map(|(at, line)| {
        let code = line.trim_start();
        let (start, rest) = code.split_once("fn ")?;
        let mut words = start.split_whitespace();
        let is_function = words.all(|word| FUNCTION.iter().any(|first| word.starts_with(first)));
        let name = rest.split(['(', '<']).next()?;
        let mut below = lines[at..].iter();
        // One without a body, or with one in its line, is no matter.
        let opens = below.clone().find(|line| line.ends_with(['{', '}', ';']))?.ends_with('{');
        let end = format!("{}}}", &line[..line.len() - code.len()]);
        let length = below.position(|line| *line == end)? + 1;
        (is_function && opens && length > SCREEN)
            .then(|| format!("{path}: {name} has {length} lines"))
    });
    long.collect()
}

/// What may stand before `fn`.
const FUNCTION: &[&str] = &["pub", "const", "async", "crate"];

/// Halves, so that this file does not hold them.
const UNFINISHED: &[(&str, &str)] =
    &[("#[ign", "ore"), ("to", "do!("), ("dbg", "!("), ("FIX", "ME")];

fn unfinished(path: &str, text: &str) -> Vec<String> {
    let found = UNFINISHED.iter().map(|(a, b)| format!("{a}{b}")).filter(|w| text.contains(w));
    found.map(|word| format!("{path}: holds {word}")).collect()
}

/// Paths of one machine. Halves, too.
const PLACES: &[(&str, &str)] = &[("/ho", "me/"), ("/Us", "ers/"), ("/ro", "ot/"), ("/wo", "rk/")];

fn absolute_paths(path: &str, text: &str) -> Vec<String> {
    let mut places: Vec<String> = PLACES.iter().map(|(a, b)| format!("{a}{b}")).collect();
    places.push(root().to_string_lossy().into_owned());
    let found = places.iter().filter(|place| text.contains(*place));
    found.map(|place| format!("{path}: names a place of one machine, {place}")).collect()
}

#[test]
fn no_file_is_too_long() {
    let files = tree(SOURCES, &[".rs"]);
    let lines = |text: &str| text.lines().count();
    let wrong: Vec<_> =
        files.iter().filter_map(|(path, text)| too_long(path, lines(text))).collect();
    assert_none(&wrong);
}

#[test]
fn every_function_fits_a_screen() {
    let files = tree(SOURCES, &[".rs"]);
    let wrong: Vec<_> = files.iter().flat_map(|(path, text)| long_functions(path, text)).collect();
    assert_none(&wrong);
}

#[test]
fn nothing_is_left_unfinished_or_switched_off() {
    let files = tree(SOURCES, &[".rs"]);
    let wrong: Vec<_> = files.iter().flat_map(|(path, text)| unfinished(path, text)).collect();
    assert_none(&wrong);
}

#[test]
fn no_file_names_a_place_of_one_machine() {
    let files = tree(&["."], &[".rs", ".md", ".toml", ".json", ".sh", ".yml", ".ts", ".txt"]);
    let wrong: Vec<_> = files.iter().flat_map(|(path, text)| absolute_paths(path, text)).collect();
    assert_none(&wrong);
}

#[test]
fn each_of_these_rules_can_fail() {
    assert!(too_long("src/a.rs", LONG).is_none() && too_long("src/a.rs", LONG + 1).is_some());
    let with = |inner: usize| {
        let inner = "\n".repeat(inner + 1);
        long_functions(
            "a.rs",
            &format!("fn a() {{}}\nimpl X {{\n    pub fn b() {{{inner}    }}\n}}"),
        )
    };
    assert_eq!(with(SCREEN - 2), [""; 0]);
    assert_eq!(with(SCREEN - 1), ["a.rs: b has 71 lines"]);
    for (a, b) in UNFINISHED {
        assert_eq!(unfinished("a.rs", &format!("x {a}{b} y")).len(), 1);
    }
    assert_eq!(absolute_paths("a.md", &format!("see {}home/me/x", '/')).len(), 1);
    assert_eq!(absolute_paths("a.md", &root().to_string_lossy()).len(), absolute_here());
}

/// The project's own folder may lie in one of the places, which makes two complaints.
fn absolute_here() -> usize {
    let here = root().to_string_lossy().into_owned();
    1 + PLACES.iter().filter(|(a, b)| here.contains(&format!("{a}{b}"))).count()
}
