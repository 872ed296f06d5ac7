//! `wss://`: the same protocol under TLS, with the clients that people have.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustix::process::Signal;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use serde_json::Value;
use tungstenite::Message;

use crate::client::{Client, exchange};
use crate::server::Server;

const SECRET: &str = "correct horse battery staple, twice over";

/// A file of the fixtures.
fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A configuration with this certificate, and with these lines in front.
fn config(cert_file: &str, key_file: &str, lines: &str) -> String {
    format!(
        "drain = '1ms'\n{lines}\n[auth]\nsecret = '{SECRET}'\n[tls]\ncert_file = '{cert_file}'\n\
         key_file = '{key_file}'\n[log]\nfile = 'log'\nlevel = 'debug'"
    )
}

fn with_lines(lines: &str) -> String {
    config(&fixture("p256.pem"), &fixture("p256.key.pem"), lines)
}

type Secured = StreamOwned<ClientConnection, TcpStream>;

/// TLS over this socket, with a server that shows this certificate.
fn secure(stream: TcpStream, certificate: &str) -> Secured {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(fixture(certificate)).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let offers = builder.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(offers), name).unwrap(), stream)
}

impl Server {
    /// A client in `room`, over TLS.
    fn join_over_tls(&self, room: &str, user: &str) -> Client<Secured> {
        let stream = secure(self.connect(), "p256.pem");
        let mut client = Client::open(stream, &format!("ws://localhost/v1/chat/{room}"));
        client.authenticate(&self.token(user));
        client
    }

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

/// Says it and is answered; its id.
fn told<S: std::io::Read + std::io::Write>(speaker: &mut Client<S>, content: &str) -> String {
    let id = speaker.say(content);
    assert_eq!(speaker.hear()["payload"]["request_id"], *id);
    id
}

/// One says something, and both hear what they should.
fn talk<A: std::io::Read + std::io::Write>(speaker: &mut Client<A>, listener: &mut Client<A>) {
    let id = told(speaker, "still here");
    assert_eq!(listener.hear()["id"], *id);
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
fn a_long_message_comes_and_goes_in_many_records() {
    let server = Server::open(&with_lines(""));
    let (mut alice, mut bob) =
        (server.join_over_tls("soup", "alice"), server.join_over_tls("soup", "bob"));
    let long = "\u{65e5}".repeat(16_000);
    told(&mut alice, &long);
    assert_eq!(bob.hear()["payload"]["content"], long);
}

#[test]
fn openssl_speaks_both_versions_and_resumes_its_session() {
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
fn who_does_not_finish_the_handshake_is_dropped_in_time() {
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
fn a_new_certificate_is_shown_to_new_connections_and_drops_nobody() {
    let server = Server::open(&with_lines(""));
    let (mut alice, mut bob) =
        (server.join_over_tls("soup", "alice"), server.join_over_tls("soup", "bob"));
    let other = (fixture("other.pem"), fixture("other.key.pem"));
    let wrong = config(&other.0, &fixture("p256.key.pem"), "");
    assert!(server.reload(&wrong).contains("not the key of the certificate in"));
    talk(&mut alice, &mut bob);
    assert!(server.reload(&config(&other.0, &other.1, "")).contains("is taken up"));
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
    assert!(server.reload(&without).contains("tls.cert_file has changed too, and waits"));
    talk(&mut alice, &mut bob);
}

#[test]
fn a_slow_reader_is_closed_and_the_others_are_not_held_up() {
    let server = Server::open(&with_lines("limits.outbound_bytes = '128KiB'"));
    let (mut alice, mut bob) =
        (server.join_over_tls("soup", "alice"), server.join_over_tls("soup", "bob"));
    let slow = server.join_over_tls("soup", "carol");
    let long = "\u{65e5}".repeat(16_000);
    // Until the kernel's buffers and the outbox are full.
    for _ in 0..800 {
        let id = told(&mut alice, &long);
        assert_eq!(bob.hear()["id"], *id);
        let (_, room) = server.call("GET /v1/rooms/soup", "", "");
        if !room.contains("carol") {
            drop(slow);
            return talk(&mut bob, &mut alice);
        }
    }
    panic!("carol is still there");
}

#[test]
fn who_pauses_hears_everything_in_the_end_without_saying_a_word() {
    let server = Server::open(&with_lines("limits.outbound_bytes = '32MiB'"));
    let (mut alice, mut carol) =
        (server.join_over_tls("soup", "alice"), server.join_over_tls("soup", "carol"));
    let long = "\u{65e5}".repeat(16_000);
    // Some 14 MB: more than the kernel takes for a socket that nobody reads.
    let said: Vec<_> = (0..300).map(|_| told(&mut alice, &long)).collect();
    for id in said {
        assert_eq!(carol.hear()["id"], *id);
    }
    talk(&mut carol, &mut alice);
}

#[test]
fn a_slow_reader_gets_whole_messages_and_is_told_why_it_is_closed() {
    let server = Server::open(&with_lines("limits.outbound_bytes = '128KiB'"));
    let (mut alice, mut carol) =
        (server.join_over_tls("soup", "alice"), server.join_over_tls("soup", "carol"));
    // Short ones, so that one record has several: what is sealed is not dropped, and nothing is cut.
    let short = "\u{65e5}".repeat(700);
    let mut said = Vec::new();
    while server.call("GET /v1/rooms/soup", "", "").1.contains("carol") {
        for _ in 0..10 {
            said.push(told(&mut alice, &short));
        }
    }
    let mut heard = 0;
    let close = loop {
        match carol.next() {
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(message["id"], *said[heard]);
                heard += 1;
            }
            Message::Close(close) => break close.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1013, "Slow consumer"));
    assert!(heard < said.len());
}

#[test]
fn a_proxy_says_whom_it_was_called_by_before_tls_begins() {
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

#[test]
fn an_idle_connection_over_tls_takes_at_most_8_kib() {
    const CLIENTS: usize = 600;
    let server = Server::open(&with_lines("limits.connections = 2000"));
    let clients = |count: usize, name: &str| -> Vec<_> {
        let client = |n| server.join_over_tls(&format!("{name}{n}"), "alice");
        (0..count).map(client).collect()
    };
    // What is there once: shared buffers, a worker's stack, tables' first pages.
    let first = clients(50, "first");
    let before = server.memory("VmRSS");
    let held = clients(CLIENTS, "room");
    let each = (server.memory("VmRSS") - before) / CLIENTS;
    println!("{each} bytes each");
    assert!(each <= 8 * 1_024, "{each} bytes each");
    drop((first, held));
}

#[test]
fn unfinished_records_are_within_the_budget_of_strangers() {
    let lines = "limits.pending_input_total = '1MiB'\nlimits.pending_per_ip = 0";
    let server = Server::open(&with_lines(lines));
    let (mut alice, mut bob) =
        (server.join_over_tls("soup", "alice"), server.join_over_tls("soup", "bob"));
    let before = server.memory("VmHWM");
    // A ClientHello of 16,380 bytes, of which 16,000 are there: 16 MB in all.
    let mut unfinished = b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc".to_vec();
    unfinished.resize(16_000, 0);
    let mut held = Vec::new();
    for _ in 0..20 {
        for _ in 0..50 {
            let mut stream = server.connect();
            // Who is dropped meanwhile has made room for others.
            let _ = stream.write_all(&unfinished);
            held.push(stream);
        }
        talk(&mut alice, &mut bob);
        talk(&mut bob, &mut alice);
    }
    let grown = server.memory("VmHWM") - before;
    assert!(grown <= 6 << 20, "{grown} bytes");
    let (_, counted) = server.call("GET /metrics", "", "");
    let shed = "vestibule_limit_hits_total{limit=\"pending_input_total\"} ";
    let shed = counted.lines().find_map(|line| line.strip_prefix(shed)).unwrap();
    assert!(shed.parse::<u32>().unwrap() > 900, "{shed}");
}
