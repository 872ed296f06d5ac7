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

const VARIABLES: &[(&str, &str)] = &[
    ("VESTIBULE_PORT", "tcp://10.0.0.1:80"),
    ("VESTIBULE_DRAIN", "400d"),
    ("VESTIBULE_BACKLOG", "many"),
    ("VESTIBULE_LOG__LEVLE", "info"),
    ("VESTIBULE_LIMITS__MESSAGE_BYTES", "1"),
    ("VESTIBULE_RESUME__TRUST_JOIN", "soon"),
];

const SECTIONS: &[(&str, &str)] = &[("VESTIBULE_LIMITS", "5"), ("VESTIBULE_AUTH__ISSUERS", "x")];

const SMALL: &[(&str, &str)] = &[("VESTIBULE_LIMITS__MEMORY", "10MiB")];

const SECRET: &[(&str, &str)] = &[("VESTIBULE_AUTH__SECRET_FILE", "nope")];

const FAR: &[(&str, &str)] = &[("VESTIBULE_BACKEND__URL", "http://192.0.2.1")];

const MODERATED: &[(&str, &str)] = &[("VESTIBULE_BACKEND__MODERATE", "true")];

const PORTS: &[(&str, &str)] = &[
    ("VESTIBULE_ASSISTANT__MODEL", "m"),
    ("VESTIBULE_ASSISTANT__URL", "https://192.0.2.1:70000/v1/chat/completions"),
    ("VESTIBULE_AUTH__ALGORITHMS", "RS256"),
    ("VESTIBULE_AUTH__JWKS_URL", "https://192.0.2.1:0/jwks"),
    ("VESTIBULE_BACKEND__URL", "http://127.0.0.1:80000/api"),
];

const OFF: &[(&str, &str)] = &[("VESTIBULE_ADMIN__LISTEN", "")];

const CASES: &[Invocation<'static>] = &[
    (&[], &["nope"]),
    (&[], &["foo"]),
    (&[], &["chekc"]),
    (&[], &["token"]),
    (&[], &["token", "--sub", ""]),
    (&[], &["token", "--sub", "alice", "--ttl", "1500ms"]),
    (&[], &["token", "--sub", "alice", "--ttl", "15"]),
    (&[], &["invite", "--valid", "0s"]),
    (&[], &["drain", "--over", "400d"]),
    (&[], &["explain", "--address", "here"]),
    (&[], &["token", "--sub", "alice", "--claim", "role"]),
    (&[], &["serve", "--listen", "localhost"]),
    (&[], &["serve", "--app", "soup"]),
    (&[], &["check", "--backend", "ftp://192.0.2.1"]),
    (&[], &["--app", "memory", "token", "--sub", "alice"]),
    (&[], &["connect", "soup"]),
    (&[], &["connect", "soup", "--sub", "alice", "--url", "http://127.0.0.1"]),
    (&[], &["check", "--config", "nope.toml"]),
    (&[], &["check", "--config", "broken.toml"]),
    (&[], &["check", "--config", "v.toml"]),
    (VARIABLES, &["check"]),
    (SECTIONS, &["check"]),
    (&[], &["check", "--config", "quoted.toml"]),
    (&[], &["check", "--config", "issuers.toml"]),
    (SMALL, &["check"]),
    (SECRET, &["check"]),
    (FAR, &["check"]),
    (PORTS, &["check"]),
    (MODERATED, &["check"]),
    (MODERATED, &["serve", "--app", "recipes"]),
    (OFF, &["status"]),
    (&[], &["status", "--admin", "here"]),
    (&[], &["publish", "Hello"]),
    (&[], &["explain", "42"]),
    (&[], &["disconnect", "--connection", "42"]),
    (&[], &["publish", "--connection", "42", "Hello"]),
];

#[test]
fn errors_of_every_kind_are_as_written() {
    let home = Home::new();
    let file = "app = 'soup'\nlissen = 'x'\n[auth]\nmode = 'x'\nsecret = 'short'\n[limits]\n\
                connections = -1\nmemory = '1MiB'\n[lock]\nx = 1";
    home.write("v.toml", file);
    home.write("broken.toml", "drain = ");
    let quoted =
        "reuse_port = \"true\"\nbacklog = \"4\"\n[auth.issuers]\nissuer = \"a\"\nsecret = \"b\"";
    home.write("quoted.toml", quoted);
    home.write("issuers.toml", "[[auth.issuers]]\nisuer = \"a\"\nsecret = \"b\"");
    let mut all = String::new();
    for (variables, arguments) in CASES {
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
