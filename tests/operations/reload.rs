//! SIGHUP with connections open.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::support::client::{Client, exchange};
use crate::support::process::{Process, Scratch};
use crate::support::server::{FILE, Server};
use crate::support::{PATIENCE, now, within_patience};
use vestibule::testing::upgrade;

const SECRET: &str = "correct horse battery staple, twice over";

/// A configuration in this mode, with these lines of `[auth]`.
fn config(mode: &str, auth: &str) -> String {
    format!(
        "drain = '1ms'\n[auth]\nmode = '{mode}'\nsecret = '{SECRET}'\n{auth}\n[log]\nfile = 'log'\n\
         level = 'debug'"
    )
}

impl Server {
    /// An old client's upgrade: the status, and the headers.
    fn old_upgrade(&self, token: &str) -> String {
        let line = format!("\r\nAuthorization: Bearer {token}\r\n\r\n");
        let request = upgrade("soup").replacen("\r\n\r\n", &line, 1);
        exchange(self.connect(), request.as_bytes()).0
    }

    /// An old client that is let in by its header.
    fn old_client(&self, user: &str) -> Client {
        let uri = format!("ws://localhost/v1/chat/soup?token={}", self.token(user));
        let mut client = Client::open(self.connect(), &uri);
        let acknowledgement = client.hear();
        assert_eq!(acknowledgement["payload"]["session"]["user_id"], user);
        client
    }
}

fn talk(clients: &mut [Client]) {
    for speaker in 0..clients.len() {
        let id = clients[speaker].say("still here");
        for (listener, client) in clients.iter_mut().enumerate() {
            let heard = client.hear();
            let place =
                if listener == speaker { &heard["payload"]["request_id"] } else { &heard["id"] };
            assert_eq!(*place, *id);
        }
    }
}

#[test]
fn the_mode_goes_back_and_forth_under_live_clients() {
    let mut server = Server::open(&config("message", ""));
    let good = server.token("old");
    let mut clients = vec![server.join("soup", "new")];
    let head = server.old_upgrade(&good);
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("Deprecation: @"), "{head}");

    // Something is wrong with the new version: back to both, at once.
    assert!(server.reload(&config("both", "")).contains("configuration reloaded"));
    clients.push(server.old_client("old"));
    clients.push(server.join("soup", "newer"));
    talk(&mut clients);
    assert!(server.old_upgrade("x.y.z").starts_with("HTTP/1.1 401 "));

    assert!(server.reload(&config("legacy", "")).contains("configuration reloaded"));
    clients.push(server.old_client("older"));
    let head = exchange(server.connect(), upgrade("soup").as_bytes()).0;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    talk(&mut clients);

    // And forth again: who came in by the old way stays.
    assert!(server.reload(&config("both", "")).contains("configuration reloaded"));
    assert!(server.reload(&config("message", "")).contains("configuration reloaded"));
    assert!(server.old_upgrade("x.y.z").starts_with("HTTP/1.1 101 "));
    clients.push(server.join("soup", "newest"));
    talk(&mut clients);
    // Every one of them renews its session as it always could.
    for (client, user) in clients.iter_mut().zip(["new", "old", "newer", "older", "newest"]) {
        client.authenticate(&server.token(user));
    }
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    let log = server.read("log");
    assert_eq!(log.matches("an old client at 127.0.0.1").count(), 1, "{log}");
    assert!(!log.contains(&good) && !log.contains("x.y.z"), "{log}");
}

#[test]
fn a_faulty_file_changes_nothing_and_says_why() {
    let server = Server::open(&config("both", ""));
    let mut clients = vec![server.old_client("old")];
    for (faulty, why) in [
        ("auth = {".to_owned(), "v.toml"),
        // Whoever writes the file in place has emptied it.
        ("# nothing yet\n".to_owned(), "no settings any more"),
        ("#".repeat(2 << 20), "more than 1 MiB"),
        (config("mesage", ""), "mesage"),
        (config("message", "timeout = '0s'"), "auth.timeout"),
        (config("message", "nonsense = 1"), "auth.nonsense"),
        (
            "[auth]\nmode = 'message'\nalgorithms = ['RS256']\npublic_key_file = 'gone.pem'"
                .to_owned(),
            "gone.pem",
        ),
        ("[auth]\nmode = 'message'\nsecret_file = 'gone'".to_owned(), "gone"),
    ] {
        let news = server.reload(&faulty);
        assert!(news.contains("SIGHUP: configuration not reloaded"), "{news}");
        assert!(news.contains(why), "{why}: {news}");
    }
    // Neither the mode nor the key has changed.
    server.write(FILE, &config("both", ""));
    clients.push(server.old_client("other"));
    talk(&mut clients);
}

#[test]
fn keys_limits_and_origins_change_for_who_comes_next() {
    let server = Server::open(&config("message", ""));
    let mut alice = server.join("soup", "alice");
    let old = server.token("bob");
    let changed = format!(
        "listen = '127.0.0.1:1'\n[auth]\nsecret = '{}'\n[http]\nallowed_origins = \
         ['https://ours.example']\n[limits]\nmessage_bytes = '600'\n[log]\nfile = 'log'\nlevel = 'info'",
        SECRET.to_uppercase()
    );
    let news = server.reload(&changed);
    // The flag names the address, so the file's is not looked at.
    assert!(!news.contains("listen has changed"), "{news}");
    let mut bob = Client::upgrade(server.connect(), "soup");
    bob.offer(&old);
    assert_eq!(bob.close(), (1008, "Invalid token".to_owned()));
    drop(server.join("soup", "bob"));
    let origin = "\r\nOrigin: https://theirs.example\r\n\r\n";
    let request = upgrade("soup").replacen("\r\n\r\n", origin, 1);
    let head = exchange(server.connect(), request.as_bytes()).0;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    // Who was in before is still in, and has the new limit.
    alice.say("hello");
    assert_eq!(alice.hear()["type"], "recipe_update");
    alice.say(&"x".repeat(600));
    assert_eq!(alice.close(), (1009, "Message too large".to_owned()));
    assert!(!server.read("log").split_once("configuration reloaded").unwrap().1.contains("DEBUG"));
}

#[test]
fn what_waits_for_the_next_start_is_named() {
    let server = Server::open(&config("message", ""));
    let news = server.reload(&format!("{}\n[limits]\nworkers = 9", config("message", "")));
    assert!(news.contains("configuration reloaded"), "{news}");
    let news = server.reload(&format!("backlog = 9\n{}", config("message", "")));
    let all = server.read("log");
    assert!(
        news.contains("configuration reloaded") && all.contains("limits.workers has changed"),
        "{all}"
    );
}

#[test]
fn a_renamed_log_file_is_opened_again() {
    let mut server = Server::open(&config("message", ""));
    for (signal, old) in [(Signal::USR1, "log.1"), (Signal::HUP, "log.2")] {
        server.rename("log", old);
        server.signal(signal);
        server.wait_for("log", "");
        // No signal but the last of these ends a server.
        server.signal(Signal::USR2);
        server.wait_for("log", "received SIGUSR2");
    }
    let told = |file: &str| server.read(file).matches("SIGUSR2").count();
    assert_eq!((told("log.1"), told("log.2")), (0, 1));
    server.signal(Signal::XFSZ);
    let mut alice = server.join("soup", "alice");
    talk(std::slice::from_mut(&mut alice));
    server.signal(Signal::QUIT);
    assert_eq!(server.exit_code(), Some(0));
    let log = server.read("log");
    assert!(log.contains("received SIGQUIT: draining") && log.contains("drained"), "{log}");
}

/// Nobody finds what is written to a file that was deleted.
#[test]
fn deleted_log_file_is_created_again_or_reported() {
    let server = Server::open(&config("both", ""));
    let log = server.path().join("log");
    let refused = || exchange(server.connect(), b"GET /nothing HTTP/1.1\r\n\r\n");
    fs::remove_file(&log).unwrap();
    refused();
    server.wait_for("log", "refused");
    fs::remove_file(&log).unwrap();
    fs::create_dir(&log).unwrap();
    refused();
    let degraded = |is: bool| {
        let began = now();
        while (server.ask("GET /readyz", "").1["degraded"][0] == "log_not_written") != is {
            assert!(began.elapsed() < PATIENCE);
        }
    };
    degraded(true);
    let (_, status) = server.ask("GET /v1/status", "");
    assert!(status.to_string().contains("log: Is a directory"), "{status}");
    fs::remove_dir(&log).unwrap();
    refused();
    degraded(false);
    server.wait_for("log", "refused");
}

/// A file on a disk, or of a network, that hangs.
fn hanging_file(path: &Path) {
    let _ = fs::remove_file(path);
    let done = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(done.success());
}

/// Waits until the server reads the file, and goes on to read it until this is dropped.
#[track_caller]
fn await_reader(path: &Path) -> fs::File {
    let path = path.to_owned();
    let open = move || fs::OpenOptions::new().write(true).open(path).unwrap();
    within_patience("a reader of the file", open)
}

#[test]
fn server_whose_reload_hangs_is_stopped_by_a_signal() {
    let mut server = Server::open(&config("both", ""));
    let path = server.path().join(FILE);
    hanging_file(&path);
    server.signal(Signal::HUP);
    let _open = await_reader(&path);
    server.signal(Signal::HUP);
    server.wait_for("log", "still reads its files");
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    // The logs of the directory are kept, and this one would never end.
    fs::remove_file(&path).unwrap();
}

#[test]
fn server_whose_start_hangs_is_stopped_by_a_signal() {
    let scratch = Scratch::new("server");
    let secret = scratch.path().join("secret");
    hanging_file(&secret);
    scratch.write(FILE, "[auth]\nsecret_file = 'secret'\n[log]\nfile = 'log'\n");
    let mut command = scratch.unlimited(&["--config", FILE, "--listen", "127.0.0.1:0"]);
    command.env("VESTIBULE_ADMIN__LISTEN", "");
    let mut server = Process::start(scratch.follow(command.stdout(Stdio::null())));
    let _open = await_reader(&secret);
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    assert!(scratch.read("log").contains("received SIGTERM during the start"));
    fs::remove_file(&secret).unwrap();
}
