//! Unix sockets, and the listener that only shows metrics, of the real binary.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::support::process::{BINARY, FILE, Process, Scratch, connect};
use crate::support::{PATIENCE, now};

const CONFIG: &str = "listen = ['127.0.0.1:0', 'unix:http.sock']\nlisten_mode = '0666'\n\
    [admin]\nlisten = 'unix:admin.sock'\nmetrics_listen = '127.0.0.1:0'\n\
    [http]\ntrusted_proxies = ['unix']\n[log]\nfile = 'log'\n";

fn start(scratch: &Scratch) -> (Process, SocketAddr) {
    let mut command = scratch.unlimited(&["serve", "--app", "memory"]);
    command.args(["--config", FILE]).stdout(Stdio::piped());
    let mut process = Process::start(&mut command);
    let (address, admin) = process.addresses();
    assert_eq!(admin, None, "the admin listener has no port");
    (process, address)
}

/// What `vestibule` says to these arguments.
fn say(scratch: &Scratch, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command: Command = scratch.command(BINARY, arguments);
    let done = scratch.run(&mut command);
    let text = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8(text).unwrap())
}

/// The answer to a request over `stream`.
fn ask(mut stream: impl std::io::Read + std::io::Write, request: &str) -> String {
    let text = format!("{request} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Where the log says that metrics are shown. A thread writes the log, so the line may come later than
/// what the server prints.
fn collectors_address(scratch: &Scratch) -> SocketAddr {
    let began = now();
    loop {
        let log = scratch.read("log");
        let line = log.rsplit_once("metrics only: ").and_then(|(_, place)| place.split_once(')'));
        if let Some((place, _)) = line {
            return place.parse().unwrap();
        }
        assert!(began.elapsed() < PATIENCE, "{log}");
        std::thread::yield_now();
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn unix_sockets_serve_and_outlive_no_orderly_end() {
    let scratch = Scratch::new("operations");
    scratch.write(FILE, CONFIG);
    let (public, admin) = (scratch.path().join("http.sock"), scratch.path().join("admin.sock"));
    let (mut server, _) = start(&scratch);
    assert_eq!((mode(&public), mode(&admin)), (0o666, 0o600));
    assert_eq!(say(&scratch, &["health", "--config", FILE]), (Some(0), "ready\n".to_owned()));
    let answer = ask(UnixStream::connect(&public).unwrap(), "GET /healthz");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    // The admin listener shows the address of whoever is asked about.
    ask(UnixStream::connect(&public).unwrap(), "GET /v1/chat/soup");
    let (_, text) = say(&scratch, &["explain", "--config", FILE, "--json"]);
    assert!(text.contains("\"address\":\"unix\""), "{text}");

    // A second server leaves the first one's socket alone.
    let (code, text) = say(&scratch, &["serve", "--config", FILE, "--app", "memory"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("unix:http.sock: another process listens on it: "), "{text}");
    assert_eq!(say(&scratch, &["check", "--config", FILE]).0, Some(0));
    assert_eq!(say(&scratch, &["health", "--config", FILE]).0, Some(0));

    // After a kill the files are still there, and in nobody's way.
    server.kill();
    assert!(public.exists() && admin.exists());
    let (code, text) = say(&scratch, &["health", "--config", FILE]);
    assert!(code == Some(1) && text.contains("cannot connect to unix:admin.sock"), "{text}");
    let (mut server, _) = start(&scratch);
    assert_eq!(say(&scratch, &["health", "--config", FILE]).0, Some(0));
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    assert!(!public.exists() && !admin.exists());
}

#[test]
fn metrics_listener_shows_metrics_and_nothing_else() {
    let scratch = Scratch::new("operations");
    scratch.write(FILE, CONFIG);
    let (_server, _) = start(&scratch);
    let address = collectors_address(&scratch);
    let ask = |request: &str| ask(connect(address).unwrap(), request);
    let answer = ask("GET /metrics");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("vestibule_build_info"));
    for path in ["GET /v1/stats", "GET /healthz", "GET /v1/status", "POST /v1/drain", "GET /"] {
        assert!(ask(path).starts_with("HTTP/1.1 404 "), "{path}");
    }
    assert!(ask("POST /metrics").starts_with("HTTP/1.1 405 "));
}
