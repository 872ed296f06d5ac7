//! What a server takes from its manager, and what it tells it.

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

use rustix::process::Signal;

use super::manager::{Manager, exchange};
use crate::support::PATIENCE;
use crate::support::process::{FILE, Scratch};

#[test]
fn a_server_serves_on_the_sockets_that_it_is_given() {
    // Nothing of this is listened on.
    let manager = Manager::new("listen = '127.0.0.1:1'\n[admin]\nlisten = '127.0.0.1:2'\n");
    // Whoever comes before the process is there waits for it, and is not refused.
    let mut early = manager.connect();
    early.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut server = manager.start();
    let mut answer = String::new();
    early.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(manager.call("GET /readyz", ""), (200, r#"{"status":"ready"}"#.to_owned()));
    let not_for_clients = exchange(manager.connect(), "GET /readyz HTTP/1.1\r\nHost: a\r\n", "");
    assert_eq!(not_for_clients.0, 404);
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    let log = manager.read("log");
    for line in [
        &format!("using {}, inherited from the service manager", manager.address),
        "ignoring listen = `127.0.0.1:1`: inherited sockets are used instead",
        "ignoring admin.listen = `127.0.0.1:2`: inherited sockets are used instead",
    ] {
        assert!(log.contains(line), "{line} is not in\n{log}");
    }
}

/// The files are the manager's: the server neither removes them nor changes their modes.
#[test]
fn inherited_unix_sockets_serve_across_a_restart() {
    let directory = Scratch::new("restart");
    let path = |name: &str| directory.path().join(name);
    let bind = |name: &str| {
        let socket = UnixListener::bind(path(name)).unwrap();
        fs::set_permissions(path(name), Permissions::from_mode(0o666)).unwrap();
        OwnedFd::from(socket)
    };
    let config = "listen = '127.0.0.1:1'\ndrain = '0s'\n[http]\ntrusted_proxies = ['unix']\n";
    let manager = Manager::with_sockets(config, bind("http.sock"), bind("admin.sock"));
    let ask = |name: &str, request: &str| {
        let stream = UnixStream::connect(path(name)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        exchange(stream, &format!("{request} HTTP/1.1\r\nHost: localhost\r\n"), "").0
    };
    for _ in 0..2 {
        let mut server = manager.start();
        // Nobody waits for the start: the sockets listen.
        assert_eq!(ask("http.sock", "GET /healthz"), 200);
        assert_eq!(ask("http.sock", "GET /v1/stats"), 404, "that is not for clients");
        assert_eq!(ask("admin.sock", "GET /v1/stats"), 200);
        server.signal(Signal::TERM);
        assert_eq!(server.exit_code(), Some(0));
        assert_eq!(path("http.sock").metadata().unwrap().mode() & 0o777, 0o666);
    }
    let log = manager.read("log");
    let admin = path("admin.sock");
    for line in [
        &format!("using unix:{}, inherited from", path("http.sock").display()),
        &format!("every user of this host can operate the server by {}", admin.display()),
        "ignoring listen = `127.0.0.1:1`",
    ] {
        assert!(log.contains(line), "{line} is not in\n{log}");
    }
}

#[test]
fn unusable_socket_is_named_with_advice() {
    let socket = UnixDatagram::unbound().unwrap();
    let manager = Manager::with_socket("", socket.into());
    assert_eq!(manager.start().exit_code(), Some(1));
    let said = manager.read("stderr");
    let start = "error: inherited socket 0 (LISTEN_FDS), named `http`, is not a stream socket";
    assert!(said.starts_with(start), "{said}");
}

/// Only a process that runs writes the file again.
#[test]
fn start_that_fails_late_leaves_the_history() {
    let scratch = Scratch::new("restart");
    let written = "vestibule history 1 written by 5b3f0c1d9a2e4f60\n";
    scratch
        .write(FILE, "[auth]\nsecret = '0123456789abcdef0123456789abcdef'\n[admin]\nlisten = ''\n");
    fs::create_dir(scratch.path().join("vestibule-data")).unwrap();
    scratch.write("vestibule-data/history", written);
    let mut command = scratch.unlimited(&["--config", FILE, "--listen", "127.0.0.1:0"]);
    // The watchdog is the last that is started.
    command.env("WATCHDOG_USEC", "soon");
    let done = scratch.run(&mut command);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.code() == Some(1) && said.contains("WATCHDOG_USEC"), "{said}");
    assert_eq!(scratch.read("vestibule-data/history"), written);
}

#[test]
fn a_manager_is_told_of_every_step() {
    let manager = Manager::new("drain = '0s'\n");
    let mut server = manager.start();
    assert_eq!(manager.hear(), "READY=1\nSTATUS=serving");
    // Twice: it goes on.
    for _ in 0..2 {
        assert_eq!(manager.hear_anything(), "WATCHDOG=1\nSTATUS=0 connections");
    }
    server.signal(Signal::HUP);
    assert!(manager.hear().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(manager.hear(), "READY=1\nSTATUS=reloaded");
    manager.configure("nonsense = 1\n");
    server.signal(Signal::HUP);
    assert!(manager.hear().starts_with("RELOADING=1\n"));
    assert_eq!(manager.hear(), "READY=1\nSTATUS=reload failed: see the log");
    server.signal(Signal::TERM);
    let told = manager.hear();
    assert_eq!(told, "STOPPING=1\nSTATUS=draining for 0ns\nEXTEND_TIMEOUT_USEC=25000000");
    assert_eq!(server.exit_code(), Some(0));
}
