//! `wss://`: the same protocol under TLS, with the clients that people have.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::client::{Client, exchange};
use crate::support::server::Server;
use crate::support::tls::{SECRET, config, fixture, secure, talk, with_lines};
use crate::support::{PATIENCE, now};

impl Server {
    /// What `openssl s_client` shows of a request over a connection with these options.
    fn openssl(&self, options: &[&str]) -> String {
        let (address, authority) = (self.address.to_string(), fixture("p256.pem"));
        let mut client = Command::new("openssl")
            .args(["s_client", "-connect", &address, "-CAfile", &authority, "-ign_eof"])
            .args(["-verify_return_error", "-verify_hostname", "localhost"])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut request = client.stdin.take().unwrap();
        request.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let done = client.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        text(&done.stdout) + &text(&done.stderr)
    }
}

#[test]
fn people_chat_over_tls_and_are_told_of_its_end() {
    let mut server = Server::open(&with_lines(""));
    let (mut alice, mut bob) =
        (server.join_over_tls("soup", "alice"), server.join_over_tls("soup", "bob"));
    talk(&mut alice, &mut bob);
    talk(&mut bob, &mut alice);
    server.signal(Signal::TERM);
    for mut client in [alice, bob] {
        // An end without `close_notify` would be an error of the transport.
        assert_eq!(client.closed(), (1001, "Server shutting down".to_owned()));
    }
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn openssl_speaks_both_versions_and_resumes() {
    let server = Server::open(&with_lines(""));
    for version in ["1.2", "1.3"] {
        let flag = format!("-tls{}", version.replace('.', "_"));
        let session = std::env::temp_dir().join(format!("{}-{version}.session", server.address));
        let session = session.to_str().unwrap();
        let first = server.openssl(&[&flag, "-alpn", "h2,http/1.1", "-sess_out", session]);
        for said in [
            &format!("New, TLSv{version}"),
            "ALPN protocol: http/1.1",
            "Verify return code: 0 (ok)",
            "HTTP/1.1 200 OK",
            r#"{"status":"ok"}"#,
        ] {
            assert!(first.contains(said), "{said}: {first}");
        }
        let again = server.openssl(&[&flag, "-sess_in", session]);
        fs::remove_file(session).unwrap();
        assert!(again.contains(&format!("Reused, TLSv{version}")), "{again}");
        assert!(again.contains("HTTP/1.1 200 OK"), "{again}");
    }
    let refused = server.openssl(&["-alpn", "h2"]);
    assert!(refused.contains("alert no application protocol"), "{refused}");
    let (_, counted) = server.call("GET /metrics", "", "");
    for line in ["full\"} 2\n", "resumed\"} 2\n", "failed\"} 1\n"] {
        let line = format!("vestibule_tls_handshakes_total{{result=\"{line}");
        assert!(counted.contains(&line), "{line}: {counted}");
    }
}

#[test]
fn tls_sessions_are_resumed_after_a_restart() {
    let lines = with_lines("");
    for (version, before) in [("1.3", Server::open(&lines)), ("1.2", Server::open(&lines))] {
        let flag = format!("-tls{}", version.replace('.', "_"));
        let session = std::env::temp_dir().join(format!("{}-kept.session", before.address));
        let session = session.to_str().unwrap();
        before.openssl(&[&flag, "-sess_out", session]);
        drop(before);
        // Another process, with the same secret.
        let after = Server::open(&lines);
        let again = after.openssl(&[&flag, "-sess_in", session]);
        fs::remove_file(session).unwrap();
        // With TLS 1.2 a ticket contains the connection's keys, and ends with the process.
        let is_resumed = if version == "1.3" { "Reused" } else { "New" };
        assert!(again.contains(&format!("{is_resumed}, TLSv{version}")), "{again}");
    }
}

#[test]
fn who_speaks_plain_http_is_told_that_this_is_tls() {
    let server = Server::open(&with_lines(""));
    let (head, body) = exchange(server.connect(), b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
    assert!(body.contains("\"tls_required\""), "{body}");
    let admin = server.admin.to_string();
    let told = server.run(&["explain", "--admin", &admin, "--last", "1", "--json"]).stdout;
    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!(told["ends"][0]["end"]["reason"], "tls", "{told}");
}

#[test]
fn unfinished_handshake_is_dropped_in_time() {
    let server = Server::open(&with_lines("http.header_timeout = '300ms'"));
    // The beginning of a record that says it is 512 bytes long.
    for beginning in [&b""[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"] {
        let mut stream = server.connect();
        stream.write_all(beginning).unwrap();
        // A read with a time-out is cut short by whatever stops the process for a moment.
        let read = loop {
            match stream.read(&mut [0; 100]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        match read {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn new_certificate_is_for_new_connections_alone() {
    let server = Server::open(&with_lines(""));
    let (mut alice, mut bob) =
        (server.join_over_tls("soup", "alice"), server.join_over_tls("soup", "bob"));
    let other = (fixture("other.pem"), fixture("other.key.pem"));
    let wrong = config(&other.0, &fixture("p256.key.pem"), "");
    assert!(server.reload(&wrong).contains("not the key of the certificate in"));
    talk(&mut alice, &mut bob);
    assert!(server.reload(&config(&other.0, &other.1, "")).contains("configuration reloaded"));
    talk(&mut bob, &mut alice);
    let mut renewed = secure(server.connect(), "other.pem");
    renewed.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    renewed.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let mut stale = secure(server.connect(), "p256.pem");
    assert!(
        stale.write_all(b"GET").and_then(|()| stale.flush()).is_err(),
        "its root is the old one"
    );
    // Whether a port speaks TLS at all is no matter of a reload.
    let without = format!("drain = '1ms'\n[auth]\nsecret = '{SECRET}'\n[log]\nfile = 'log'");
    assert!(server.reload(&without).contains("tls.cert_file has changed; it takes effect"));
    talk(&mut alice, &mut bob);
}

#[test]
fn proxy_names_its_client_before_tls_begins() {
    let lines = "http.trusted_proxies = ['127.0.0.1']\nhttp.proxy_protocol = true";
    let mut server = Server::open(&with_lines(lines));
    let client = |pieces: &[&str]| {
        let mut stream = server.connect();
        for piece in pieces {
            stream.write_all(piece.as_bytes()).unwrap();
        }
        let mut client = Client::open(secure(stream, "p256.pem"), "ws://localhost/v1/chat/soup");
        client.offer("no token");
        assert_eq!(client.close().0, 1008);
    };
    client(&["PROXY TCP4 203.0.113.9 127.0.0.1 5000 443\r\n"]);
    client(&["PROXY TCP6 2001:", "db8::9 ::1 5000 443", "\r\n"]);
    let mut without = secure(server.connect(), "p256.pem");
    assert!(without.write_all(b"GET").and_then(|()| without.flush()).is_err());
    // The log is written beside the server: it is whole once the process has ended.
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    let log = server.read("log");
    for address in ["203.0.113.9:5000", "[2001:db8::9]:5000"] {
        assert!(log.contains(address), "{address}: {log}");
    }
}

/// Whatever renews the certificate replaces two files, and tells the server nothing.
#[test]
fn renewed_files_are_found_without_a_signal() {
    let server = Server::open(&with_lines(""));
    let put = |name: &str, from: &str| {
        server.write(name, &fs::read_to_string(fixture(from)).unwrap());
    };
    put("cert.pem", "p256.pem");
    put("key.pem", "p256.key.pem");
    assert!(server.reload(&config("cert.pem", "key.pem", "")).contains("configuration reloaded"));
    let mut alice = server.join_over_tls("soup", "alice");
    let mut bob = server.join_over_tls("soup", "bob");
    put("key.pem", "other.key.pem");
    put("cert.pem", "other.pem");
    let began = now();
    let is_new = || {
        let mut stream = secure(server.connect(), "other.pem");
        stream.write_all(b"GET").and_then(|()| stream.flush()).is_ok()
    };
    while !is_new() {
        assert!(began.elapsed() < PATIENCE, "{}", server.read("log"));
    }
    talk(&mut alice, &mut bob);
    assert!(server.read("log").contains("tls.cert_file has changed"));
    // One that cannot be used is told of, and the other stays.
    put("key.pem", "p256.key.pem");
    let began = now();
    let codes = || server.ask("GET /readyz", "").1["degraded"].to_string();
    while codes() != r#"["certificate_not_renewed"]"# {
        assert!(began.elapsed() < PATIENCE, "{}", codes());
    }
    assert!(is_new());
}

#[test]
fn connect_talks_over_tls() {
    let server = Server::open(&with_lines(""));
    let url = format!("wss://{}", server.address);
    let connect = |trust: &[&str]| {
        let output =
            server.run(&[&["connect", "hall", "--sub", "alice", "--url", &url], trust].concat());
        let [out, err] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
        (output.status.code(), out, err)
    };
    for trust in [&["--ca-file", &fixture("p256.pem")][..], &["--insecure"]] {
        let (code, out, err) = connect(trust);
        assert!(code == Some(0) && out.starts_with("* authenticated as alice"), "{out}{err}");
    }
    for (trust, why) in [
        (
            &["--ca-file", &fixture("other.pem")][..],
            "no trusted authority has signed the certificate",
        ),
        (&[], "--ca-file FILE"),
    ] {
        let (code, out, err) = connect(trust);
        assert!(code == Some(1) && err.contains(why), "{out}{err}");
    }
}

#[test]
fn connect_refuses_trust_for_a_server_without_tls() {
    let server = Server::open("");
    let url = format!("ws://{}", server.address);
    for (option, trust) in
        [("--insecure", &["--insecure"][..]), ("--ca-file", &["--ca-file", &fixture("p256.pem")])]
    {
        let call = ["connect", "hall", "--sub", "alice", "--url", &url];
        let output = server.run(&[&call, trust].concat());
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(err.contains(&format!("error: {option} is for wss://")), "{err}");
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn certificate_of_the_future_is_told_everywhere() {
    let future = config(&fixture("future.pem"), &fixture("server.key.pem"), "");
    let server = Server::open(&future);
    server.wait_for("log", "the certificate is not valid before 2120-01-01T00:00:00.000Z: use one");
    let (status, ready) = server.ask("GET /readyz", "");
    assert_eq!((status, ready["degraded"][0].as_str()), (200, Some("certificate_not_yet_valid")));
    let checked = server.run(&["check"]);
    let told = String::from_utf8(checked.stderr).unwrap();
    assert!(told.contains("the certificate is not valid before"), "{told}");
    assert_eq!(checked.status.code(), Some(0));
}

#[test]
fn expired_certificate_is_told_everywhere() {
    let expired = config(&fixture("expired.pem"), &fixture("server.key.pem"), "");
    let server = Server::open(&expired);
    server.wait_for("log", "the certificate expired at 2021-01-01T00:00:00.000Z: renew it");
    let (status, ready) = server.ask("GET /readyz", "");
    assert_eq!((status, ready["degraded"][0].as_str()), (200, Some("certificate_expired")));
    let (_, counted) = server.call("GET /metrics", "", "");
    assert!(counted.contains("\nvestibule_tls_certificate_not_after_seconds 1609459200\n"));
    let checked = server.run(&["check"]);
    assert!(String::from_utf8(checked.stderr).unwrap().contains("the certificate expired at"));
}
