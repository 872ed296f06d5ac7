//! The binary as people start it: arguments, environment, files, exit codes, signals.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use vestibule::testing::logs;

use crate::support::process::{BINARY, Scratch};

pub(super) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A directory of its own for one test.
pub(super) struct Home(pub(super) Scratch);

impl Home {
    pub(super) fn new() -> Self {
        Self(Scratch::new("cli"))
    }

    /// `vestibule` without the one port that all servers would share.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.0.command(BINARY, arguments);
        command.env("VESTIBULE_ADMIN__LISTEN", "");
        command
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Done {
        self.run_with(&[], arguments)
    }

    pub(super) fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Done {
        let variables = variables.iter().copied();
        Done::of(self.0.run(self.command(arguments).envs(variables)))
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        self.0.write(name, text);
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.0.path().join(name)).unwrap().permissions().mode() & 0o7777
    }

    /// A server on a free port, and what it prints up to its last line.
    pub(super) fn serve(&self, arguments: &[&str]) -> (Child, Vec<String>) {
        let mut command = self.command(arguments);
        logs::finest(&mut command);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut lines = Vec::new();
        for line in stdout.lines() {
            lines.push(line.unwrap());
            if lines.last().is_some_and(|line| line.contains("Stop:")) {
                break;
            }
        }
        (child, lines)
    }
}

pub(super) struct Done {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Done {
    pub(super) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(super) fn faults(&self) -> Vec<&str> {
        assert_eq!(self.code, Some(1), "{}{}", self.stdout, self.stderr);
        self.stderr.lines().map(|line| line.strip_prefix("error: ").unwrap()).collect()
    }

    pub(super) fn succeeded(&self) -> &str {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        &self.stdout
    }
}

fn claims(token: &str, secret: &str) -> Value {
    let key = jsonwebtoken::DecodingKey::from_secret(secret.as_bytes());
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    rules.validate_aud = false;
    jsonwebtoken::decode::<Value>(token, &key, &rules).unwrap().claims
}

#[test]
fn fifo_that_nobody_reads_is_no_log_file() {
    let home = Home::new();
    let made = Command::new("mkfifo").arg(home.0.path().join("fifo")).status();
    assert!(made.unwrap().success());
    home.write("v.toml", "[log]\nfile = 'fifo'");
    let done = home.run(&["serve", "--config", "v.toml", "--listen", "127.0.0.1:0"]);
    assert!(done.stderr.contains("log.file fifo: No such device or address"), "{}", done.stderr);
    assert_eq!(done.code, Some(1));
}

#[test]
fn token_prints_one_line_that_the_secret_verifies() {
    let scratch = Home::new();
    scratch
        .write("v.toml", &format!("[auth]\nsecret = '{SECRET}'\nissuer = 'us'\naudience = 'chat'"));
    let arguments =
        ["token", "--config", "v.toml", "--sub", "alice", "--ttl", "1h", "--claim", "n=[1]"];
    let done = scratch.run(&arguments);
    let token = done.succeeded().strip_suffix('\n').unwrap();
    let claims = claims(token, SECRET);
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 3_600);
    assert_eq!((&claims["iss"], &claims["aud"]), (&"us".into(), &"chat".into()));
    assert_eq!(claims["n"], serde_json::json!([1]));
    assert_eq!(done.stderr, "");
    assert!(!scratch.0.path().join("vestibule-data").exists());
}

#[test]
fn a_key_is_generated_once_and_for_its_owner_alone() {
    let scratch = Home::new();
    let first = scratch.run(&["token", "--sub", "alice"]);
    let key = fs::read_to_string(scratch.0.path().join("vestibule-data/signing.key")).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(key.trim_end()).unwrap().len(), 48);
    assert_eq!(scratch.mode("vestibule-data"), 0o700);
    assert_eq!(scratch.mode("vestibule-data/signing.key"), 0o600);
    assert_eq!(claims(first.succeeded().trim_end(), key.trim_end())["sub"], "alice");
    let second = scratch.run(&["--data", "vestibule-data", "token", "--sub", "bob"]);
    assert_eq!(claims(second.succeeded().trim_end(), key.trim_end())["sub"], "bob");
}

#[test]
fn simultaneous_starts_agree_on_the_generated_key() {
    for _ in 0..5 {
        let scratch = Home::new();
        let start = |_| {
            let mut command = scratch.command(&["token", "--sub", "alice"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let started: Vec<Child> = (0..6).map(start).collect();
        let ended: Vec<Output> =
            started.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
        let key = fs::read_to_string(scratch.0.path().join("vestibule-data/signing.key")).unwrap();
        for output in ended {
            let done = Done::of(output);
            assert_eq!(claims(done.succeeded().trim_end(), key.trim_end())["sub"], "alice");
        }
        let left = fs::read_dir(scratch.0.path().join("vestibule-data")).unwrap().count();
        assert_eq!(left, 1, "temporary files are left");
    }
}

#[test]
fn a_key_that_others_can_read_is_warned_about() {
    let scratch = Home::new();
    scratch.write("secret", &format!("{SECRET}\n"));
    let mode = fs::Permissions::from_mode(0o644);
    fs::set_permissions(scratch.0.path().join("secret"), mode).unwrap();
    let variables = [("VESTIBULE_AUTH__SECRET_FILE", "secret")];
    let done = scratch.run_with(&variables, &["token", "--sub", "alice"]);
    assert_eq!(claims(done.succeeded().trim_end(), SECRET)["sub"], "alice");
    assert_eq!(
        done.stderr,
        "warning: other users can read or write secret: run `chmod 600 secret`\n"
    );
}

#[test]
fn a_secret_file_that_is_missing_or_short_is_a_fault() {
    let scratch = Home::new();
    scratch.write("short", "short\n");
    for (file, problem) in [("short", "5 bytes"), ("missing", "No such file")] {
        let variables = [("VESTIBULE_AUTH__SECRET_FILE", file)];
        for arguments in [&["check"][..], &["token", "--sub", "alice"]] {
            let done = scratch.run_with(&variables, arguments);
            let faults = done.faults();
            assert_eq!(faults.len(), 1);
            assert!(faults[0].contains(file) && faults[0].contains(problem), "{faults:?}");
        }
    }
}

#[test]
fn doubtful_secret_is_warned_about_and_used_as_is() {
    let scratch = Home::new();
    scratch.write("secret", &format!(" {SECRET}\n\n"));
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(scratch.0.path().join("secret"), mode).unwrap();
    let in_file = [("VESTIBULE_AUTH__SECRET_FILE", "secret")];
    let with_blank = format!(" {SECRET}");
    let in_variable = [("VESTIBULE_AUTH__SECRET", &*with_blank)];
    for (variables, place, key) in [
        (&in_file, "secret", format!(" {SECRET}\n")),
        (&in_variable, "auth.secret", with_blank.clone()),
    ] {
        for arguments in [&["check"][..], &["token", "--sub", "alice"]] {
            let done = scratch.run_with(variables, arguments);
            let text = done.succeeded().trim_end();
            let warning = format!("warning: {place}: the secret begins with a blank");
            assert!(done.stderr.starts_with(&warning), "{}", done.stderr);
            if arguments.len() > 1 {
                assert_eq!(claims(text, &key)["sub"], "alice");
            }
        }
    }
}

#[test]
fn certificate_in_der_is_no_secret() {
    let scratch = Home::new();
    // How a certificate begins; the rest is no text.
    let der = [&[0x30, 0x82, 3, 0, 0x30, 0x82, 2, 0, 0xa0, 3, 2, 1, 2][..], &[0xff; 64]].concat();
    fs::write(scratch.0.path().join("secret"), der).unwrap();
    let done = scratch.run_with(&[("VESTIBULE_AUTH__SECRET_FILE", "secret")], &["check"]);
    let faults = done.faults();
    assert!(faults[0].contains("the secret holds a key or a certificate in DER"), "{faults:?}");
}

#[test]
fn check_prints_the_configuration_without_secrets() {
    let scratch = Home::new();
    scratch.write("v.toml", &format!("drain = '1s'\n[auth]\nsecret = '{SECRET}'"));
    let variables = [("VESTIBULE_DRAIN", "2s"), ("VESTIBULE_LIMITS__CONNECTIONS", "1000")];
    let done = scratch.run_with(&variables, &["check", "--config", "v.toml"]);
    let text = done.succeeded();
    assert!(!text.contains(SECRET));
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table["drain"].as_str(), Some("2s"));
    assert_eq!(table["auth"]["secret"].as_str(), Some("********"));
    assert!(text.starts_with("# Memory: ") && text.contains("(1000 connections)"), "{text}");
    assert!(!scratch.0.path().join("vestibule-data").exists(), "check changes nothing");
}

#[test]
fn flag_wins_over_environment_over_file() {
    let scratch = Home::new();
    scratch.write("v.toml", "data = 'file'\nbacklog = 7");
    let data = |variables: &[(&str, &str)], arguments: &[&str]| -> String {
        let done = scratch.run_with(variables, arguments);
        let table: toml::Table = done.succeeded().parse().unwrap();
        assert_eq!(table["backlog"].as_integer(), Some(7));
        table["data"].as_str().unwrap().to_owned()
    };
    let file = ["check", "--config", "v.toml"];
    assert_eq!(data(&[], &file), "file");
    let variables = [("VESTIBULE_DATA", "environment")];
    assert_eq!(data(&variables, &file), "environment");
    assert_eq!(data(&variables, &["check", "--config", "v.toml", "--data", "flag"]), "flag");
}

#[test]
fn every_fault_is_one_line_that_names_its_place() {
    let scratch = Home::new();
    scratch.write("v.toml", "lissen = 'x'\n[auth]\nsecret = 'short'\n[http]\nheader_timeout = 5");
    let variables = [("VESTIBULE_LOG__LEVLE", "info"), ("VESTIBULE_BACKLOG", "a\nb")];
    let done = scratch.run_with(&variables, &["check", "--config", "v.toml"]);
    let faults = done.faults();
    let expected = [
        "v.toml:1: unknown key `lissen`; did you mean `listen`?",
        "v.toml:5: http.header_timeout: ",
        "VESTIBULE_BACKLOG: `a\\nb` is not a whole number",
        "VESTIBULE_LOG__LEVLE: unknown variable; did you mean VESTIBULE_LOG__LEVEL?",
        "v.toml:3: auth.secret: the secret has 5 bytes, at least 32 are needed",
    ];
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, start) in faults.iter().zip(expected) {
        assert!(fault.starts_with(start), "{fault}");
    }
    assert_eq!(done.stdout, "");
}

#[test]
fn a_faulty_configuration_stops_every_command_with_1() {
    let scratch = Home::new();
    for arguments in [&["check"][..], &["serve"], &[], &["token", "--sub", "alice"]] {
        let done = scratch.run_with(&[("VESTIBULE_NOPE", "1")], arguments);
        assert_eq!(done.faults().len(), 1);
    }
    let missing = scratch.run(&["check", "--config", "missing.toml"]);
    assert!(missing.faults()[0].starts_with("cannot read the configuration file missing.toml: "));
}

#[test]
fn wrong_usage_ends_with_2() {
    let scratch = Home::new();
    let wrong: [&[&str]; 11] = [
        &["nope"],
        &["--nope"],
        &["token"],
        &["token", "--sub", ""],
        &["token", "--sub", "alice", "--ttl", "soon"],
        &["token", "--sub", "alice", "--claim", "novalue"],
        &["serve", "--app", "nope"],
        &["--listen", "127.0.0.1:0", "token", "--sub", "alice"],
        &["serve", "--listen", "here"],
        &["check", "--listen", "here"],
        &["connect", "soup"],
    ];
    for arguments in wrong {
        assert_eq!(scratch.run(arguments).code, Some(2), "{arguments:?}");
    }
    for arguments in [["--help"], ["--version"]] {
        assert_eq!(scratch.run(&arguments).code, Some(0));
    }
}

#[test]
fn serve_tells_its_address_and_drains_on_signals() {
    for signal in [Signal::TERM, Signal::INT] {
        let scratch = Home::new();
        let log = scratch.0.path().join("log");
        scratch.write("v.toml", &format!("[log]\nfile = '{}'", log.display()));
        let arguments = ["--config", "v.toml", "--listen", "127.0.0.1:0,[::1]:0"];
        let (mut child, lines) = scratch.serve(&arguments);
        let addresses = lines.iter().filter(|line| line.contains("ws://")).count();
        assert_eq!(addresses, 2, "{lines:?}");
        assert!(lines.iter().all(|line| !line.contains(":0/")), "{lines:?}");
        let hint = lines.iter().find(|line| line.contains("Token:")).unwrap();
        assert!(hint.contains("vestibule token --sub alice --config v.toml"), "{hint}");
        assert_eq!(scratch.mode("vestibule-data/signing.key"), 0o600);
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(stderr, "");
        let log = fs::read_to_string(log).unwrap();
        assert!(
            log.contains("[INFO] listening on ") && log.ends_with("drained, exiting\n"),
            "{log}"
        );
    }
}

#[test]
fn an_address_in_use_is_a_fault_that_names_it() {
    let scratch = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let done = scratch.run(&["serve", "--listen", &address]);
    assert_eq!(done.code, Some(1));
    assert!(done.faults()[0].contains(&address), "{}", done.stderr);
    assert_eq!(done.stdout, "");
}
