//! What the command line says, as a whole: each help text, and an error of each kind. A change of a text
//! shows in `tests/fixtures/texts`; `VESTIBULE_WRITE_TEXTS=1` writes these files again.

use std::fmt::Write as _;
use std::path::Path;

use crate::cli::Home;

/// Compares with the file of this name, or writes it.
fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/texts").join(name);
    if std::env::var("VESTIBULE_WRITE_TEXTS").is_ok_and(|value| value == "1") {
        std::fs::write(&path, text).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (old, new)) in (1..).zip(stored.lines().zip(text.lines())) {
        assert_eq!(old, new, "tests/fixtures/texts/{name}:{line}");
    }
    assert_eq!(stored, text, "{name}");
}

/// The names of the commands, as the help lists them.
fn commands(help: &str) -> Vec<&str> {
    let listed = help.split("Commands:\n").nth(1).unwrap_or_default();
    let listed = listed.lines().take_while(|line| line.starts_with("  "));
    let names = listed.filter(|line| !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect()
}

#[test]
fn help_of_every_command_is_as_written() {
    let home = Home::new();
    let root = home.run(&["--help"]);
    let mut all = format!("$ vestibule --help\n{}", root.succeeded());
    let names = commands(root.succeeded());
    assert!(names.contains(&"serve") && names.contains(&"completions"), "{names:?}");
    for name in names {
        let done = home.run(&[name, "--help"]);
        let help = done.succeeded();
        let ends = help.contains("Examples:\n") && help.contains("Exit codes: ");
        assert!(ends, "{name}: no examples or no exit codes");
        let _ = write!(all, "\n$ vestibule {name} --help\n{help}");
        for inner in commands(help) {
            let done = home.run(&[name, inner, "--help"]);
            let _ = write!(all, "\n$ vestibule {name} {inner} --help\n{}", done.succeeded());
        }
    }
    compare("help.txt", &all);
}

/// Variables and arguments.
type Invocation<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn errors_of_every_kind_are_as_written() {
    let home = Home::new();
    let file = "app = 'soup'\nlissen = 'x'\n[auth]\nmode = 'x'\nsecret = 'short'\n[limits]\n\
                connections = -1\nmemory = '1MiB'\n[lock]\nx = 1";
    home.write("v.toml", file);
    home.write("broken.toml", "drain = ");
    let variables = [
        ("VESTIBULE_PORT", "tcp://10.0.0.1:80"),
        ("VESTIBULE_DRAIN", "400d"),
        ("VESTIBULE_BACKLOG", "many"),
        ("VESTIBULE_LOG__LEVLE", "info"),
        ("VESTIBULE_LIMITS__MESSAGE_BYTES", "1"),
        ("VESTIBULE_RESUME__TRUST_JOIN", "soon"),
    ];
    let alone: &[(&str, &str)] = &[];
    let small = [("VESTIBULE_LIMITS__MEMORY", "10MiB")];
    let secret = [("VESTIBULE_AUTH__SECRET_FILE", "nope")];
    let far = [("VESTIBULE_BACKEND__URL", "http://192.0.2.1")];
    let moderated = [("VESTIBULE_BACKEND__MODERATE", "true")];
    let off = [("VESTIBULE_ADMIN__LISTEN", "")];
    let cases: &[Invocation<'_>] = &[
        (alone, &["nope"]),
        (alone, &["token"]),
        (alone, &["token", "--sub", ""]),
        (alone, &["token", "--sub", "alice", "--ttl", "1500ms"]),
        (alone, &["token", "--sub", "alice", "--claim", "role"]),
        (alone, &["serve", "--listen", "localhost"]),
        (alone, &["serve", "--app", "soup"]),
        (alone, &["check", "--backend", "ftp://192.0.2.1"]),
        (alone, &["--app", "memory", "token", "--sub", "alice"]),
        (alone, &["connect", "soup"]),
        (alone, &["connect", "soup", "--sub", "alice", "--url", "http://127.0.0.1"]),
        (alone, &["check", "--config", "nope.toml"]),
        (alone, &["check", "--config", "broken.toml"]),
        (alone, &["check", "--config", "v.toml"]),
        (&variables, &["check"]),
        (&small, &["check"]),
        (&secret, &["check"]),
        (&far, &["check"]),
        (&moderated, &["check"]),
        (&moderated, &["serve", "--app", "recipes"]),
        (&off, &["status"]),
        (alone, &["status", "--admin", "here"]),
        (alone, &["publish", "Hello"]),
    ];
    let mut all = String::new();
    for (variables, arguments) in cases {
        let done = home.run_with(variables, arguments);
        assert_ne!(done.code, Some(0), "{arguments:?}");
        let set: String =
            variables.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        let code = done.code.unwrap_or_default();
        let _ =
            writeln!(all, "$ {set}vestibule {}\n{}=> {code}\n", arguments.join(" "), done.stderr);
    }
    compare("errors.txt", &all);
}
