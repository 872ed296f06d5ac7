//! The commands in the documents: every one of `vestibule` has a subcommand and flags that there are.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use vestibule::testing::logs;

use crate::documents::{Block, blocks_in, documents};

/// The help of `vestibule`, or of one of its subcommands, with that of a scenario of the load test;
/// `None` if there is no such subcommand.
fn help(subcommand: &str) -> Option<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command.args(subcommand.split_whitespace());
    let done = command.arg("--help").output().unwrap();
    logs::keep_text("documents", &done.stderr);
    done.status.success().then(|| String::from_utf8(done.stdout).unwrap())
}

/// What follows each `vestibule` that is a command in this line, up to the end of that command.
fn calls(line: &str) -> Vec<Vec<&str>> {
    let mut calls = Vec::new();
    let words: Vec<_> = line.split_whitespace().collect();
    for (at, word) in words.iter().enumerate() {
        let before = at.checked_sub(1).map_or("", |before| words[before]);
        let is_first = before.is_empty()
            || ["sudo", "|", "&&", ";", "exec"].contains(&before)
            || before.ends_with(';')
            // A variable of its environment.
            || (before.contains('=') && !before.starts_with('-'));
        let name = word.rsplit_once("$(").map_or(*word, |(_, name)| name);
        if name != "vestibule" || !(is_first || word.contains("$(")) {
            continue;
        }
        let ends = |word: &&&str| word.starts_with(['|', '&', ';', '>', '<', '#', ')']);
        let rest = words[at + 1..].iter().take_while(|word| !ends(word));
        calls.push(rest.map(|word| word.trim_end_matches([')', ';', '"', '\''])).collect());
    }
    calls
}

/// A call from its subcommand on, if it has one.
fn from_subcommand<'a>(call: &'a [&'a str]) -> Option<&'a [&'a str]> {
    // The value of a flag in front of the subcommand is no subcommand.
    let is_name = |at: &usize| {
        let is_value = *at > 0 && call[at - 1].starts_with("--") && !call[at - 1].contains('=');
        call[*at].starts_with(|c: char| c.is_ascii_lowercase()) && !is_value
    };
    (0..call.len()).find(is_name).map(|at| &call[at..])
}

/// What is wrong with a call. `help` is that of a subcommand.
fn fault(call: &[&str], mut help: impl FnMut(&str) -> Option<String>) -> Option<String> {
    let subcommand = match from_subcommand(call) {
        None => String::new(),
        Some(["load", scenario, ..]) => format!("load {scenario}"),
        Some(names) => names[0].to_owned(),
    };
    let Some(text) = help(&subcommand) else { return Some(format!("no `{subcommand}`")) };
    let flags = call.iter().filter(|word| word.starts_with("--"));
    let mut flags = flags.map(|flag| flag.split('=').next().unwrap_or_default());
    let is_there = |flag: &str| {
        text.split(|c: char| !(c.is_alphanumeric() || c == '-')).any(|word| word == flag)
    };
    flags.find(|flag| !is_there(flag)).map(|flag| format!("no `{flag}` of `{subcommand}`"))
}

#[test]
fn every_vestibule_command_in_the_documents_exists() {
    let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut checked = 0;
    for block in blocks_in(&["sh", "console"]) {
        for line in block.text.replace("\\\n", " ").lines() {
            for call in calls(line) {
                let mut look =
                    |name: &str| known.entry(name.to_owned()).or_insert_with(|| help(name)).clone();
                let fault = fault(&call, &mut look);
                wrong.extend(fault.map(|fault| format!("{}: {line}: {fault}", block.document)));
                checked += 1;
            }
        }
    }
    assert!(checked > 20, "{checked} commands");
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// What the help of a command lists under this heading, and nothing below it.
fn listed<'a>(help: &'a str, heading: &str) -> Vec<&'a str> {
    let (_, list) = help.split_once(heading).unwrap_or_default();
    let list = list.lines().skip(1).take_while(|line| line.is_empty() || line.starts_with(' '));
    list.filter_map(|line| line.split_whitespace().find(|word| !word.starts_with("-h"))).collect()
}

/// The options of `load` are in its help only.
#[test]
fn every_command_and_option_is_in_the_documents() {
    let pages = documents().into_iter().map(|(_, text)| text).collect::<String>();
    let root = help("").unwrap();
    let commands = listed(&root, "Commands:");
    let commands: Vec<_> =
        commands.into_iter().filter(|name| !["help", "serve"].contains(name)).collect();
    assert!(commands.len() > 15, "{commands:?}");
    let mut missing = Vec::new();
    for name in commands {
        if !pages.contains(&format!("vestibule {name}")) {
            missing.push(name.to_owned());
        }
        let help = help(name).unwrap();
        let options = listed(&help, "\nOptions:").into_iter().filter(|word| word.starts_with("--"));
        let unnamed = options.filter(|option| name != "load" && !pages.contains(option));
        missing.extend(unnamed.map(|option| format!("{name} {option}")));
    }
    assert!(missing.is_empty(), "in no document: {missing:?}");
}

/// A server that a block starts where something follows that needs it to be there: who pastes the
/// block as a whole would call nobody.
fn early(block: &str) -> Vec<&str> {
    let lines: Vec<_> = block.lines().filter(|line| !line.trim().is_empty()).collect();
    let serves = |line: &str| {
        let is_server = |call: &Vec<&str>| from_subcommand(call).is_none_or(|it| it[0] == "serve");
        calls(line).iter().any(is_server) || line.starts_with("cargo run --release -- --app")
    };
    let is_early = |pair: &&[&str]| {
        serves(pair[0])
            && !(pair[0].ends_with(" &") && pair[1].starts_with("until vestibule health"))
    };
    lines.windows(2).filter(is_early).map(|pair| pair[0]).collect()
}

#[test]
fn nothing_is_called_before_its_server_is_there() {
    let mut wrong = Vec::new();
    for Block { document, text, .. } in blocks_in(&["sh"]) {
        wrong.extend(early(&text).iter().map(|line| format!("{document}: {line}")));
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert_eq!(early("vestibule &\ncurl x"), ["vestibule &"]);
    assert_eq!(early("vestibule --data a\ncurl x"), ["vestibule --data a"]);
    assert_eq!(early("a\nvestibule serve --app memory\nb"), ["vestibule serve --app memory"]);
    assert!(early("vestibule &\nuntil vestibule health; do sleep 1; done\ncurl x").is_empty());
    assert!(early("vestibule token --sub a\nvestibule --backend http://a").is_empty());
}

/// What is in code font in tables and sentences, where no block is typed.
fn quoted(document: &str) -> impl Iterator<Item = &str> {
    let outside = document.split("```").step_by(2);
    outside.flat_map(|text| text.split('`').skip(1).step_by(2))
}

/// Commands of other programs among it.
fn inline(document: &str) -> Vec<&str> {
    let programs = [
        "cargo", "curl", "docker", "git", "helm", "kubectl", "npm", "npx", "pip", "python3", "sudo",
    ];
    quoted(document)
        .filter(|text| text.split_once(' ').is_some_and(|(name, _)| programs.contains(&name)))
        .collect()
}

/// What is wrong with a command in a sentence: it names a subcommand, a flag, a script or a benchmark
/// that there is not.
fn fault_in_sentence(command: &str, help: impl FnMut(&str) -> Option<String>) -> Option<String> {
    let is_there = |path: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists();
    let words: Vec<_> = command.split_whitespace().collect();
    match words.as_slice() {
        ["vestibule", call @ ..] if !call.is_empty() => fault(call, help),
        [script, ..] if script.starts_with("scripts/") && !is_there(script) => {
            Some("no such script".to_owned())
        }
        ["cargo", "bench", "--bench", name, ..] if !is_there(&format!("benches/{name}.rs")) => {
            Some("no such benchmark".to_owned())
        }
        _ => None,
    }
}

/// Changelogs name what has been there, too.
#[test]
fn commands_in_sentences_name_what_there_is() {
    let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (document, text) in
        documents().into_iter().filter(|(path, _)| !path.ends_with("CHANGELOG.md"))
    {
        for command in quoted(&text) {
            let look =
                |name: &str| known.entry(name.to_owned()).or_insert_with(|| help(name)).clone();
            let fault = fault_in_sentence(command, look);
            wrong.extend(fault.map(|fault| format!("{document}: `{command}`: {fault}")));
        }
    }
    assert!(known.len() > 15, "{known:?}");
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    let none = |_: &str| None;
    for command in ["vestibule none", "scripts/none a", "cargo bench --bench none"] {
        assert!(fault_in_sentence(command, none).is_some(), "{command}");
    }
}

/// The README promises this of itself: `scripts/as-written` types its blocks, and these.
#[test]
fn commands_in_sentences_of_readme_are_typed() {
    let typed = include_str!("../../scripts/as-written");
    let found = inline(include_str!("../../README.md"));
    assert!(!found.is_empty());
    let unused: Vec<_> = found.into_iter().filter(|command| !typed.contains(command)).collect();
    assert!(unused.is_empty(), "no test types {unused:?}");
    assert_eq!(inline("`docker build .` or\n```sh\ncargo run\n```\n`cargo`"), ["docker build ."]);
}

#[test]
fn commands_are_found_and_can_be_wrong() {
    let line = "export A=$(vestibule token --sub a) && sudo vestibule check --x=1 | vestibule b";
    let found = calls(line);
    assert_eq!(found, [vec!["token", "--sub", "a"], vec!["check", "--x=1"], vec!["b"]]);
    assert!(calls("systemctl reload vestibule").is_empty());
    let help = |name: &str| (name == "check").then(|| "[--config <FILE>]".to_owned());
    assert_eq!(fault(&["--config", "a", "check"], help), None);
    assert_eq!(fault(&["check", "--none"], help), Some("no `--none` of `check`".to_owned()));
    assert_eq!(fault(&["none"], help), Some("no `none`".to_owned()));
}
