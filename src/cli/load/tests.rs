//! The scenarios against a server of canned answers, over loopback.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use clap::Parser;
use vestibule::config::{Auth, Config};
use vestibule::id::Seed;
use vestibule::net::Server;
use vestibule::{Access, MemoryApp};

use super::engine::{LoadEngine, Setup};
use super::meter::ResourceMeter;
use super::report::LoadReport;
use super::report::Progress;
use super::target::Sources;
use super::wire::{ACCEPT, Signer, Wire};
use super::*;
use crate::cli::server_address::ServerAddress;

#[derive(Parser)]
struct TestCli {
    #[command(flatten)]
    load: LoadArgs,
}

/// How the server treats each connection.
#[derive(Clone, Copy)]
enum Manner {
    /// As the protocol says.
    Good,
    /// No token is good enough.
    Refuses,
    /// Takes connections, and says nothing.
    Dumb,
    /// Answers the second chat message with an end of the connection.
    Drops,
}

/// Serves until the test's process ends; the port is the system's choice.
fn server(manner: Manner) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream, manner));
        }
    });
    format!("ws://{address}")
}

fn serve(mut stream: impl Read + Write, manner: Manner) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    if let Manner::Dumb = manner {
        let _ = stream.read(&mut [0]);
        return None;
    }
    let answer = format!("HTTP/1.1 101 X\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n");
    stream.write_all(answer.as_bytes()).ok()?;
    let update = br#"{"type":"recipe_update","payload":{"request_id":"x"}}"#;
    for messages in 0.. {
        let said = read_frame(&mut stream)?;
        let (opcode, payload): (u8, &[u8]) = match (said, manner, messages) {
            (8, ..) => (8, b"\x03\xe8"),
            (_, Manner::Refuses, _) => (8, b"\x03\xf0Invalid token"),
            (_, Manner::Drops, 2..) => return None,
            _ => (1, update),
        };
        let frame = [&[0x80 | opcode, payload.len() as u8], payload].concat();
        stream.write_all(&frame).ok()?;
        if opcode == 8 {
            // The client's close frame: it is here, or it is the answer.
            return if said == 8 { None } else { read_frame(&mut stream).map(drop) };
        }
    }
    None
}

fn read_frame(stream: &mut impl Read) -> Option<u8> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).ok()?;
    let mut length = u64::from(head[1] & 0x7f);
    if length == 126 {
        let mut long = [0; 2];
        stream.read_exact(&mut long).ok()?;
        length = u16::from_be_bytes(long).into();
    }
    io::copy(&mut stream.take(length + 4), &mut io::sink()).ok()?;
    Some(head[0] & 0x0f)
}

#[cfg(feature = "tls")]
fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The same over TLS, with rustls' own blocking server.
#[cfg(feature = "tls")]
fn secure_server() -> String {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ServerConfig, ServerConnection, StreamOwned};

    let certificate = CertificateDer::from_pem_file(fixture("p256.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(fixture("p256.key.pem")).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = ServerConfig::builder_with_provider(provider.into());
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = std::sync::Arc::new(builder.with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = ServerConnection::new(config.clone()).unwrap();
            thread::spawn(move || serve(StreamOwned::new(session, stream), Manner::Good));
        }
    });
    format!("wss://127.0.0.1:{port}")
}

/// A real server, whose rooms pass messages on.
fn vestibule() -> String {
    let mut config = Config { listen: vec!["127.0.0.1:0".to_owned()], ..Config::default() };
    config.auth.secret = "\u{7}".repeat(32);
    config.limits.messages_per_minute = 0;
    let app = MemoryApp::new(&config, Access::Open, &Seed::predictable(1));
    let server = Server::bind(&config, Box::new(app)).unwrap();
    let address = server.local_addrs().remove(0);
    thread::spawn(move || server.run().map(drop));
    format!("ws://{address}")
}

fn played(url: &str, words: &str) -> serde_json::Value {
    let words = format!("load {words} --url {url}");
    let LoadArgs { scenario, common } = TestCli::parse_from(words.split_whitespace()).load;
    let target = ServerAddress::parse_any(&common.url).unwrap();
    let tls = target.is_secure.then(|| LoadTls::new(&target, &common).unwrap());
    let needs = scenario.needs(common.concurrency);
    let (now, run) = wall_clock();
    let auth = Auth::default();
    let signer = Signer::new(&auth, &[7; 32]);
    let mut engine = LoadEngine::new(Setup {
        sources: Sources::new(target.address, common.sources, needs.sockets).unwrap(),
        target: target.address,
        tls,
        wire: Wire::new(&target.host, needs.users, &signer, now, run).unwrap(),
        concurrency: common.concurrency,
        timeout: common.timeout.get(),
        progress: Progress::new(),
    })
    .unwrap();
    let meter = ResourceMeter::new(&common.pid).unwrap();
    let measured = play(&scenario, &mut engine, &meter, common.concurrency).unwrap();
    assert!(engine.now().since(vestibule::time::Instant::START) < Duration::from_secs(60));
    let failures = engine.failures().clone();
    let report = LoadReport::new(scenario.name(), url, &measured, failures, engine.auth_required());
    serde_json::to_value(report).unwrap()
}

#[test]
fn a_storm_counts_every_authentication() {
    let report = played(&server(Manner::Good), "storm --connections 40 --concurrency 7");
    assert_eq!(report["operations"], 40, "{report}");
    assert_eq!(report["failed"], 0, "{report}");
}

#[test]
fn chat_stops_after_its_operations() {
    let report = played(&server(Manner::Good), "chat --connections 5 --operations 203");
    assert_eq!(report["operations"], 203, "{report}");
    assert_eq!(report["failed"], 0, "{report}");
}

#[test]
fn idle_reports_memory_per_connection() {
    let words = format!("idle --connections 20 --warm 2 --hold 10ms --pid {}", std::process::id());
    let report = played(&server(Manner::Good), &words);
    assert_eq!(report["failed"], 0, "{report}");
    assert!(report["server"]["rss_bytes_per_connection"].is_u64(), "{report}");
    assert!(report["server"]["hold_cpu_us"].is_u64(), "{report}");
}

#[test]
fn mixed_reports_quiet_and_storm_latency() {
    let words = "mixed --connections 4 --rate 200 --silent 3 --storm 30 --quiet 100ms";
    let report = played(&server(Manner::Good), words);
    assert_eq!(report["failed"], 0, "{report}");
    assert!(report["quiet_latency_us"]["p50"].as_u64() > Some(0), "{report}");
    assert!(report["operations"].as_u64() >= Some(30), "{report}");
}

#[test]
fn fanout_measures_others_before_and_during_it() {
    let words = "fanout --connections 9 --duration 50ms --others 3 --rate 300 --quiet 100ms";
    let report = played(&vestibule(), words);
    assert_eq!(report["failed"], 0, "{report}");
    assert_eq!(report["connections"], 12, "{report}");
    assert!(report["operations"].as_u64() >= Some(8), "{report}");
    assert!(report["quiet_latency_us"]["p50"].as_u64() > Some(0), "{report}");
    assert!(report["others_latency_us"]["p50"].as_u64() > Some(0), "{report}");
}

#[test]
fn surge_counts_every_socket() {
    let words = "surge --pairs 3 --rate 200 --sockets 30 --quiet 100ms";
    let report = played(&server(Manner::Good), words);
    assert_eq!(report["failed"], 0, "{report}");
    assert_eq!(report["connections"], 36, "{report}");
    assert!(report["quiet_latency_us"]["p50"].as_u64() > Some(0), "{report}");
    assert!(report["latency_us"]["p50"].as_u64() > Some(0), "{report}");
    assert!(report["operations"].as_u64() > Some(30), "{report}");
}

#[cfg(feature = "tls")]
#[test]
fn every_scenario_works_over_tls() {
    let url = secure_server();
    let trust = format!("--ca-file {}", fixture("p256.pem"));
    for (words, operations) in [
        (format!("storm --connections 30 --concurrency 7 {trust}"), 30),
        (format!("chat --connections 5 --operations 203 {trust}"), 203),
        ("storm --connections 5 --insecure".to_owned(), 5),
        (format!("storm --connections 20 --concurrency 3 --resume {trust}"), 20),
    ] {
        let report = played(&url, &words);
        assert_eq!(report["operations"], operations, "{report}");
        assert_eq!(report["failed"], 0, "{report}");
    }
}

#[cfg(feature = "tls")]
#[test]
fn server_with_another_certificate_is_a_failure() {
    let words = format!("storm --connections 3 --ca-file {}", fixture("other.pem"));
    let report = played(&secure_server(), &words);
    assert_eq!(report["failed"], 3, "{report}");
    let words = "load storm --url wss://127.0.0.1:1".split(' ');
    let LoadArgs { common, .. } = TestCli::parse_from(words).load;
    let target = ServerAddress::parse_any(&common.url).unwrap();
    let fault = LoadTls::new(&target, &common).unwrap_err();
    assert!(fault.contains("--ca-file"), "{fault}");
}

#[test]
fn connections_come_from_several_sources() {
    let report = played(&server(Manner::Good), "storm --connections 20 --sources 3");
    assert_eq!(report["failed"], 0, "{report}");
}

#[test]
fn refused_token_is_counted_by_its_reason() {
    let report = played(&server(Manner::Refuses), "storm --connections 9");
    assert_eq!(report["operations"], 0, "{report}");
    assert_eq!(report["failures"]["1008 Invalid token"], 9, "{report}");
}

#[test]
fn dropped_connection_is_a_failure() {
    let report = played(&server(Manner::Drops), "chat --connections 3 --operations 100");
    assert_eq!(report["failed"], 3, "{report}");
}

#[test]
fn silent_server_ends_the_test_in_time() {
    let report = played(&server(Manner::Dumb), "storm --connections 3 --timeout 100ms");
    assert_eq!(report["failures"]["not done within --timeout (100ms)"], 3, "{report}");
}

#[test]
fn absent_server_is_a_failure() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let report = played(&format!("ws://{address}"), "idle --connections 3");
    assert_eq!(report["failed"], 3, "{report}");
}
