//! The secret: required where it must be, judged before the server starts, and never shown.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::server::{self, Server, scratch};
use crate::stub::{Act, Stub, ok};
use crate::support::process::Scratch;

const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What `vestibule` says to this `[backend]`: its exit code, and both outputs.
fn run(scratch: &Scratch, command: &str, backend: &str) -> (Option<i32>, String) {
    scratch.write("v.toml", &format!("[backend]\n{backend}\n"));
    let done = server::run(scratch, &[command, "--config", "v.toml"]);
    let said = [done.stdout, done.stderr].map(|said| String::from_utf8(said).unwrap());
    (done.status.code(), said.concat())
}

#[test]
fn remote_backend_needs_a_readable_secret() {
    let scratch = scratch();
    let url = "url = 'https://example.com'";
    scratch.write("good", &format!("whsec_{KEY}\n"));
    scratch.write("bad", &format!("{KEY}\n"));
    for command in ["check", "serve"] {
        let (code, said) = run(&scratch, command, url);
        assert_eq!(code, Some(1));
        assert!(said.starts_with("error: backend.secret_file: is required, "), "{said}");
        for (file, fault) in [("missing", "No such file"), ("bad", "must begin with `whsec_`")] {
            let (code, said) = run(&scratch, command, &format!("{url}\nsecret_file = '{file}'"));
            assert_eq!(code, Some(1));
            assert!(said.contains(&format!("backend.secret_file {file}: ")), "{said}");
            assert!(said.contains(fault) && !said.contains(KEY), "{said}");
        }
    }
    let mode = |mode| {
        let path = scratch.path().join("good");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        run(&scratch, "check", &format!("{url}\nsecret_file = 'good'"))
    };
    let (code, said) = mode(0o644);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("other users can read or write good: run `chmod 600 good`"), "{said}");
    let (code, said) = mode(0o600);
    assert!(code == Some(0) && !said.contains("chmod") && !said.contains(KEY), "{said}");
}

#[test]
fn the_secret_is_not_in_the_log() {
    let scratch = scratch();
    scratch.write("secret", &format!("whsec_{KEY}\n"));
    let stub = Stub::start(|_| Act::Send(ok("Hello.", None)));
    let server = Server::start_in(scratch, &stub.url(), "secret_file = 'secret'");
    server.join("soup", "alice");
    let log = server.end();
    assert!(log.contains("forwarded to the backend at http://") && !log.contains(KEY), "{log}");
}

/// What the next join of a client is signed with.
fn signatures(server: &Server, stub: &Stub) -> usize {
    server.join("soup", "alice");
    loop {
        let call = stub.next();
        if call.kind == "join" {
            return call.signatures();
        }
    }
}

#[test]
fn another_secret_signs_after_sighup() {
    let scratch = scratch();
    let old = format!("whsec_{KEY}\n");
    scratch.write("secret", &old);
    let stub = Stub::start(|_| Act::Send(ok("Hello.", None)));
    let settings = "secret_file = 'secret'";
    let server = Server::start_in(scratch, &stub.url(), settings);
    assert_eq!(signatures(&server, &stub), 1);
    // What has been said before is not heard again.
    let reloaded = |secret: &str, news: &str| {
        let told = server.log().matches(news).count();
        server.write("secret", secret);
        server.reload(settings);
        while server.log().matches(news).count() == told {
            signatures(&server, &stub);
        }
    };
    let new = format!("whsec_{}\n", KEY.to_lowercase());
    reloaded(&format!("{new}{old}"), "SIGHUP: configuration reloaded");
    assert_eq!(signatures(&server, &stub), 2);
    reloaded("hush-hush\n", "SIGHUP: configuration not reloaded");
    assert_eq!(signatures(&server, &stub), 2);
    reloaded(&new, "SIGHUP: configuration reloaded");
    assert_eq!(signatures(&server, &stub), 1);
    let log = server.end();
    assert!(!log.contains("hush") && !log.contains(KEY) && !log.contains(&KEY.to_lowercase()));
}
