//! Words: one for each thing in the documents, those of the glossary, and those that people search for.

use std::collections::BTreeSet;

use crate::{DOCUMENTS, assert_none, read, root, tree};

/// Words that the documents used for what has another name now, or that no reader expects.
const NOT_USED: [(&str, &str); 15] = [
    ("anew", "again"),
    ("backoff", "back-off"),
    ("backpressure", "back-pressure"),
    ("e-mail", "email"),
    ("in earnest", "in production"),
    ("left alone", "circuit open"),
    ("likewise", "also"),
    ("meanwhile", "while"),
    ("newcomer", "new connection"),
    ("newcomers", "new connections"),
    ("stranger", "pending connection"),
    ("strangers", "pending connections"),
    ("time-out", "timeout"),
    ("who is in", "connected users, or presence"),
    ("whoever", "the name of the actor"),
];

/// The longest line of prose, in characters: so that two versions of a page can be compared side by side.
const LONGEST: usize = 120;

/// What people search for, and the page that it is described on.
const SEARCHED: [(&str, &str); 10] = [
    ("rate limit", "docs/configuration.md"),
    ("token bucket", "docs/configuration.md"),
    ("memory limit", "docs/configuration.md"),
    ("back-pressure", "docs/configuration.md"),
    ("rate limit", "docs/protocol.md"),
    ("token bucket", "docs/protocol.md"),
    ("presence", "docs/protocol.md"),
    ("circuit breaker", "docs/backend.md"),
    ("health check", "docs/admin.md"),
    ("health check", "docs/operations.md"),
];

/// The sentences of a document, in lower case: without its programs, and what is in code font.
fn prose(document: &str) -> String {
    let outside = document.split("```").step_by(2).collect::<String>();
    let words = outside.split('`').step_by(2).collect::<Vec<_>>().join("`");
    words.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Is this in the text as a word of its own, and not a part of a longer one?
fn has_word(prose: &str, word: &str) -> bool {
    prose.match_indices(word).any(|(at, _)| {
        let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-');
        let (before, after) = (&prose[..at], &prose[at + word.len()..]);
        !is_part(before.chars().next_back()) && !is_part(after.chars().next())
    })
}

fn unwanted(document: &str) -> Vec<String> {
    let prose = prose(document);
    let found = NOT_USED.iter().filter(|(word, _)| has_word(&prose, word));
    found.map(|(word, better)| format!("`{word}`: write {better}")).collect()
}

/// Lines of prose that are too long. Tables, programs and addresses cannot be broken.
fn long_lines(document: &str) -> Vec<String> {
    let mut is_program = false;
    let lines = document.lines().enumerate().filter(|(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_program ^= is_fence;
        let can_break = !is_program && !line.starts_with('|') && !line.contains("](https://");
        can_break && line.chars().count() > LONGEST
    });
    lines.map(|(at, line)| format!("line {} has {}", at + 1, line.chars().count())).collect()
}

/// The terms of the glossary, in its order.
fn terms(glossary: &str) -> Vec<&str> {
    let rows = glossary.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    rows.filter(|term| !term.starts_with("---") && *term != "word").collect()
}

/// What is twice in the glossary, out of order, or in no other document.
fn faults_of(terms: &[&str], others: &str) -> Vec<String> {
    let order = terms.windows(2).filter(|pair| pair[0].to_lowercase() >= pair[1].to_lowercase());
    let order = order.map(|pair| format!("`{}` stands before `{}`", pair[0], pair[1]));
    let unused = terms.iter().filter(|term| !others.contains(&term.to_lowercase()));
    order.chain(unused.map(|term| format!("`{term}` is used nowhere"))).collect()
}

#[test]
fn documents_have_one_word_for_each_thing() {
    let mut wrong = Vec::new();
    // The texts of the command line are documents, too.
    for (path, text) in tree(&DOCUMENTS, &[".md", "help.txt", "errors.txt"]) {
        wrong.extend(unwanted(&text).iter().map(|fault| format!("{path}: {fault}")));
    }
    assert_none(&wrong);
}

/// The sentences that a source has for people: literals with a blank in them, outside of its tests.
fn literals(source: &str) -> String {
    let (code, _) = source.split_once("#[cfg(test)]").unwrap_or((source, ""));
    // Attributes say to the compiler why a rule does not hold.
    let is_code = |line: &&str| !line.trim_start().starts_with("//") && !line.contains("reason = ");
    let code = code.lines().filter(is_code).collect::<Vec<_>>().join(" ");
    let code = code.replace("'\"'", "").replace("\\\\", "").replace("\\\"", "");
    let literals = code.split('"').skip(1).step_by(2).filter(|text| text.contains(' '));
    literals.collect::<Vec<_>>().join("\n").replace('\\', "")
}

#[test]
fn texts_of_the_program_have_the_same_words() {
    let mut wrong = Vec::new();
    for (path, source) in tree(&["src"], &[".rs"]) {
        let parts: Vec<_> = path.split(['/', '.']).collect();
        // The words of recipes, and what nobody reads who runs a server.
        let is_other = ["languages", "sim", "testing", "tests"].iter().any(|it| parts.contains(it));
        if !is_other {
            let found = unwanted(&literals(&source));
            wrong.extend(found.iter().map(|fault| format!("{path}: {fault}")));
        }
    }
    assert_none(&wrong);
}

#[test]
fn prose_has_lines_that_can_be_compared() {
    let mut wrong = Vec::new();
    for (path, text) in
        tree(&DOCUMENTS, &[".md"]).into_iter().chain(tree(&["CHANGELOG.md"], &[".md"]))
    {
        wrong.extend(long_lines(&text).iter().map(|fault| format!("{path}: {fault} characters")));
    }
    assert_none(&wrong);
}

/// The entries that a list has twice, also in other lines: both sides of a merge may bring one.
fn repeated_entries(document: &str) -> Vec<String> {
    let entries = document.split("\n- ").skip(1);
    let entries = entries.map(|entry| entry.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut seen = BTreeSet::new();
    entries.filter(|entry| !seen.insert(entry.clone())).collect()
}

#[test]
fn changelog_says_nothing_twice() {
    assert_none(&repeated_entries(&read("CHANGELOG.md")));
}

#[test]
fn glossary_has_each_term_once_and_uses_it() {
    let concepts = read("docs/concepts.md");
    let (_, glossary) = concepts.split_once("## Glossary").unwrap();
    let others = tree(&["README.md", "docs"], &[".md"]).into_iter();
    let others: String =
        others.filter(|(path, _)| path != "docs/concepts.md").map(|(_, text)| text).collect();
    let terms = terms(glossary);
    assert!(terms.len() > 30, "{terms:?}");
    assert_none(&faults_of(&terms, &others.to_lowercase()));
}

#[test]
fn documents_have_the_words_people_search_for() {
    let is_missing = |(word, page): &&(&str, &str)| !has_word(&prose(&read(page)), word);
    let plural = |(word, page): &&(&str, &str)| !has_word(&prose(&read(page)), &format!("{word}s"));
    let missing = SEARCHED.iter().filter(is_missing).filter(plural);
    assert_none(&missing.map(|(word, page)| format!("{page}: no `{word}`")).collect::<Vec<_>>());
}

#[test]
fn every_page_is_in_the_index() {
    let index = read("docs/README.md");
    let pages = std::fs::read_dir(root().join("docs")).unwrap();
    let pages = pages.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let pages = pages.filter(|name| name.ends_with(".md") && name != "README.md");
    let missing = pages.filter(|name| !index.contains(&format!("]({name})")));
    assert_none(&missing.map(|name| format!("docs/README.md: no {name}")).collect::<Vec<_>>());
}

#[test]
fn rules_of_words_can_fail() {
    assert_none(&unwanted("A stranger-free `meanwhile`.\n```\nanew\n```\nThe renewal."));
    assert_eq!(unwanted("Meanwhile a\nstranger").len(), 2);
    let source = "// a newcomer\nlet a = 'b'; f(\"a stranger\", '\"', \"c \\\" anew\");\n#[cfg(test)]\n\"e e-mail\"";
    assert_eq!(unwanted(&literals(source)).len(), 2, "{}", literals(source));
    let long = "x".repeat(LONGEST + 1);
    assert_none(&long_lines(&format!("| {long}\n```sh\n{long}\n```\nshort")));
    assert_eq!(long_lines(&long).len(), 1);
    assert_eq!(repeated_entries("\n- a b\n- c\n- a\n  b"), ["a b"]);
    assert_eq!(terms("| word | x |\n| --- | --- |\n| room | y |\n"), ["room"]);
    assert_none(&faults_of(&["back-off", "room"], "a room with back-off"));
    assert_eq!(faults_of(&["room", "back-off"], "a room").len(), 2);
}
