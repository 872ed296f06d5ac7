//! The files of TLS to the outside: judged before the server starts, and at SIGHUP.

use std::fs;

use crate::server::{self, Server, scratch};
use crate::stub::{Act, Stub, ok};
use crate::support::process::{FILE, Scratch};

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/tls/{name}.pem", env!("CARGO_MANIFEST_DIR"))
}

const BACKEND: &str = "[backend]\nurl = 'https://localhost:1'\n";
const KEYS: &str = "[auth]\nalgorithms = ['ES256']\njwks_url = 'https://localhost:1'\n";

/// What `vestibule check` says to this configuration, and whether it has no fault.
fn check(scratch: &Scratch, config: &str) -> (bool, String) {
    scratch.write(FILE, config);
    said(server::run(scratch, &["check", "--offline", "--config", FILE]))
}

fn said(done: std::process::Output) -> (bool, String) {
    let text = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap());
    (done.status.success(), text.concat())
}

#[test]
fn check_names_a_faulty_certificate_file() {
    let scratch = scratch();
    scratch.write("empty", "");
    scratch.write("broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for (section, key) in
        [(BACKEND, "ca_file"), (KEYS, "jwks_ca_file"), (BACKEND, "client_certificate")]
    {
        let key_too = |key: &str| match key {
            "client_certificate" => format!("client_key = '{}'", fixture("client.key")),
            _ => String::new(),
        };
        for file in ["missing", "empty", "broken"] {
            let (is_right, text) =
                check(&scratch, &format!("{section}{key} = '{file}'\n{}", key_too(key)));
            assert!(!is_right && text.contains(&format!(".{key} {file}: ")), "{key}: {text}");
        }
        let file = fixture("client");
        let (is_right, text) =
            check(&scratch, &format!("{section}{key} = '{file}'\n{}", key_too(key)));
        assert!(is_right, "{key}: {text}");
    }
}

#[test]
fn check_finds_the_key_of_another_certificate() {
    let scratch = scratch();
    let secret = fs::read_to_string(fixture("client.key")).unwrap();
    let secret = secret.lines().nth(1).unwrap();
    let with = |key: &str| {
        let files = [fixture("client"), fixture(key)];
        let [certificate, key] = files;
        format!("{BACKEND}client_certificate = '{certificate}'\nclient_key = '{key}'")
    };
    let (is_right, text) = check(&scratch, &with("other.key"));
    assert!(!is_right && text.contains("backend.client_key "), "{text}");
    assert!(text.contains("not the key of the certificate in "), "{text}");
    let (is_right, text) = check(&scratch, &with("client.key"));
    assert!(is_right && !text.contains(secret), "{text}");
    let (is_right, text) = check(&scratch, &format!("{BACKEND}client_key = 'k'"));
    assert!(!is_right && text.contains("backend.client_certificate: none, but "), "{text}");
}

#[test]
fn ssl_cert_file_is_read_where_no_file_is_named() {
    let scratch = scratch();
    for (config, is_used) in [
        (BACKEND.to_owned(), true),
        (KEYS.to_owned(), true),
        (format!("{BACKEND}ca_file = '{}'", fixture("ca")), false),
        (BACKEND.replace("https", "http"), false),
        (String::new(), false),
    ] {
        scratch.write(FILE, &config);
        let mut command = scratch.unlimited(&["check", "--config", FILE]);
        let (is_right, text) = said(scratch.run(command.env("SSL_CERT_FILE", "missing")));
        assert_eq!(is_right, !is_used, "{config}: {text}");
        assert_eq!(text.contains("ca_file missing: No such file"), is_used, "{text}");
    }
}

#[test]
fn faulty_certificate_file_at_sighup_changes_nothing() {
    let stub = Stub::start(|_| Act::Send(ok("Hello.", None)));
    let server = Server::start(&stub.url(), "");
    let reloaded = |backend: &str, news: &str| {
        server.reload(backend);
        // Each join takes a while, and shows that clients notice nothing.
        while !server.log().contains(news) {
            server.join("soup", "alice");
        }
    };
    reloaded("ca_file = 'missing'", "SIGHUP: configuration not reloaded");
    let log = server.log();
    let fault = log.lines().find(|line| line.contains("backend.ca_file missing: No such file"));
    assert!(fault.is_some_and(|it| it.contains("SIGHUP: ") && it.contains(".toml:")), "{log}");
    reloaded(&format!("ca_file = '{}'", fixture("ca")), "SIGHUP: configuration reloaded");
    server.join("soup", "alice");
}
