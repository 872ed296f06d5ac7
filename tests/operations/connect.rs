//! `vestibule connect`, against the binary's own server.

use std::io::Write as _;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::cli::{Done, Home};

/// A server of rooms in memory that everybody may join, and its address.
fn server(home: &Home) -> (Child, String) {
    let (child, lines) = home.serve(&["--app", "memory-open", "--listen", "127.0.0.1:0"]);
    let line = lines.iter().find(|line| line.contains("ws://")).unwrap();
    let rest = &line[line.find("ws://").unwrap() + 5..];
    let host = rest.split('/').next().unwrap();
    (child, format!("ws://{host}"))
}

fn stop(mut child: Child) {
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Runs `connect` with these lines as its standard input.
fn connect(home: &Home, url: &str, arguments: &[&str], lines: &str) -> Done {
    let mut command = home.command(&["connect", "soup", "--url", url]);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    Done::of(child.wait_with_output().unwrap())
}

#[test]
fn lines_are_sent_and_answers_are_printed() {
    let home = Home::new();
    let (child, url) = server(&home);
    let done = connect(&home, &url, &["--sub", "alice"], "Hello\n\nScale to 8 servings\n");
    let lines: Vec<&str> = done.succeeded().lines().collect();
    assert!(lines[0].starts_with("* authenticated as alice until 20"), "{lines:?}");
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[1..].iter().all(|line| line.starts_with("> Noted.")), "{lines:?}");
    let done = connect(&home, &url, &["--sub", "bob", "--json"], "Hello\n");
    for line in done.succeeded().lines() {
        let message: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(message["type"], "recipe_update");
    }
    stop(child);
}

#[test]
fn server_is_found_from_the_configuration() {
    let home = Home::new();
    let (child, url) = server(&home);
    home.write("v.toml", &format!("listen = '{}'", url.trim_start_matches("ws://")));
    let mut command = home.command(&["connect", "soup", "--sub", "alice", "--config", "v.toml"]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let done = Done::of(output);
    assert!(done.succeeded().starts_with("* authenticated as alice until 20"), "{}", done.stderr);
    stop(child);
}

#[test]
fn refused_token_ends_with_the_reason() {
    let home = Home::new();
    let (child, url) = server(&home);
    home.write("token.txt", "nonsense\n");
    let done = connect(&home, &url, &["--token-file", "token.txt"], "Hello\n");
    assert_eq!(done.faults(), ["the server closed the connection: 1008 Invalid token"]);
    stop(child);
}
