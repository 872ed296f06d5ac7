//! Calls to a server of the test's own, on loopback.

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use super::super::breaker::CallEvidence;
use super::super::contract::interpret;
use super::super::counts::CallOutcome;
use super::*;
use crate::backend::client_tls;
use crate::net::http::tests as tls;
use crate::testing::read_request;

/// Long enough for a busy machine, where nothing is to time out.
const PATIENCE: Duration = Duration::from_secs(20);

/// Enough for a server that never answers a TLS handshake.
const TLS_TIME: Duration = Duration::from_millis(500);

/// One request as it came.
struct Heard {
    /// Which of the connections it came on.
    connection: usize,
    head: String,
    body: String,
}

/// A server that gives each request the next of these answers, on as many connections as come, and
/// tells what it heard. An empty answer ends the connection.
fn serve(answers: Vec<Vec<u8>>) -> (SocketAddr, mpsc::Receiver<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut answers = answers.into_iter().peekable();
        for connection in 0.. {
            if answers.peek().is_none() {
                return;
            }
            let (mut stream, _) = listener.accept().unwrap();
            while let Some(received) = hear(&mut stream, connection) {
                let _ = tell.send(received);
                let answer = answers.next().unwrap_or_default();
                if answer.is_empty() || stream.write_all(&answer).is_err() {
                    break;
                }
            }
        }
    });
    (address, told)
}

fn hear(stream: &mut TcpStream, connection: usize) -> Option<Heard> {
    let (head, body) = read_request(&mut BufReader::with_capacity(1, stream))?;
    Some(Heard { connection, head, body })
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn client(address: SocketAddr, secret: Option<&str>) -> BackendClient {
    let url = format!("http://{address}/app/");
    let config = config::Backend { url, ..config::Backend::default() };
    let secret = secret.map(|text| SigningSecret::parse(text).unwrap());
    BackendClient::new(&config, secret, client_tls(&config).unwrap())
}

fn call(client: &BackendClient, kind: CallKind) -> (CallOutcome, CallEvidence) {
    let received = client.call(kind, b"{}", "msg_1", UnixTime::from_millis(5_999), PATIENCE);
    let result = interpret(kind, received, false);
    (result.outcome, result.evidence)
}

#[test]
fn calls_are_signed_posts_on_a_kept_connection() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let not_found = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno".to_vec();
    let (address, told) = serve(vec![ok("{\"content\":\"x\"}"), not_found, ok("")]);
    let client = client(address, Some(secret));
    assert_eq!(call(&client, CallKind::Message), (CallOutcome::Answered, CallEvidence::Works));
    assert_eq!(call(&client, CallKind::Join), (CallOutcome::Denied, CallEvidence::Works));
    assert_eq!(call(&client, CallKind::Leave), (CallOutcome::Answered, CallEvidence::Works));
    let received: Vec<Heard> = told.iter().take(3).collect();
    for (received, path) in received.iter().zip(["message", "join", "leave"]) {
        assert_eq!((received.connection, received.body.as_str()), (0, "{}"));
        assert!(received.head.starts_with(&format!("POST /app/{path} HTTP/1.1\r\n")));
        let signature = SigningSecret::parse(secret).unwrap().sign("msg_1", 5, b"{}");
        for field in [
            "webhook-id: msg_1".to_owned(),
            "webhook-timestamp: 5".to_owned(),
            format!("webhook-signature: {signature}"),
            "content-type: application/json".to_owned(),
        ] {
            assert!(received.head.contains(&format!("\r\n{field}\r\n")), "{}", received.head);
        }
    }
}

#[test]
fn request_without_secret_is_unsigned() {
    let (address, told) = serve(vec![ok("")]);
    call(&client(address, None), CallKind::Leave);
    assert!(!told.recv().unwrap().head.contains("webhook-signature"));
}

#[test]
fn malformed_answer_fails_the_call() {
    let status = |line: &str| format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n").into_bytes();
    let mut endless = b"HTTP/1.1 200 OK\r\n\r\n{\"content\":\"".to_vec();
    endless.resize(endless.len() + 2 * MAX_ANSWER, b'x');
    let redirect = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\n\
        Content-Length: 0\r\n\r\n";
    let cases = [
        status("500 Oops"),
        redirect.to_vec(),
        Vec::new(),
        b"what?\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"content\":".to_vec(),
        ok("<html>"),
        ok(&format!("{{\"content\":\"{}\"}}", "x".repeat(MAX_ANSWER))),
        endless,
    ];
    for (index, answer) in cases.into_iter().enumerate() {
        let (address, told) = serve(vec![answer]);
        let client = client(address, None);
        // An answer that was cut short looks like one that hangs, until the server goes: here it
        // waits for another request.
        let time_limit = if index == 4 { Duration::from_millis(200) } else { PATIENCE };
        let received =
            client.call(CallKind::Message, b"{}", "msg_1", UnixTime::default(), time_limit);
        let result = interpret(CallKind::Message, received, false);
        let (outcome, says) = if index == 4 {
            (CallOutcome::TimedOut, CallEvidence::TimedOut)
        } else {
            (CallOutcome::Failed, CallEvidence::Fails)
        };
        assert_eq!((result.outcome, result.evidence), (outcome, says), "{index}: {:?}", result.why);
        assert_eq!(told.recv().unwrap().head.split(' ').nth(1), Some("/app/message"));
    }
}

#[test]
fn denial_whose_body_breaks_off_is_a_denial() {
    let cut = |status: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: 50\r\n\r\n{{\"error\":").into_bytes()
    };
    let (kind, time_limit) = (CallKind::Join, Duration::from_millis(200));
    for (status, outcome) in
        [("403 Forbidden", CallOutcome::Denied), ("200 OK", CallOutcome::TimedOut)]
    {
        let (address, _heard) = serve(vec![cut(status)]);
        let client = client(address, None);
        let received = client.call(kind, b"{}", "msg_1", UnixTime::default(), time_limit);
        assert_eq!(interpret(kind, received, false).outcome, outcome);
    }
}

#[test]
fn silent_backend_times_out_and_closed_one_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = client(listener.local_addr().unwrap(), None);
    let time_limit = Duration::from_millis(50);
    let received = silent.call(CallKind::Join, b"{}", "msg_1", UnixTime::default(), time_limit);
    assert!(matches!(received, Err(CallError::TimedOut)));
    let closed = client(listener.local_addr().unwrap(), None);
    drop(listener);
    let unconnected = (CallOutcome::Unconnected, CallEvidence::Unconnected);
    assert_eq!(call(&closed, CallKind::Join), unconnected);
}

/// Nothing was sent where there was no address, no connection, or no TLS.
#[test]
fn call_without_a_connection_was_never_sent() {
    let (address, _told) = serve(vec![b"no TLS here\r\n\r\n".to_vec()]);
    let plain = format!("https://{address}");
    for url in [&*plain, "http://no-such-host.invalid"] {
        let config = config::Backend { url: url.to_owned(), ..config::Backend::default() };
        let client = BackendClient::new(&config, None, client_tls(&config).unwrap());
        let result = client.call(CallKind::Join, b"{}", "msg_1", UnixTime::default(), TLS_TIME);
        assert!(matches!(result, Err(CallError::Unconnected(_))), "{url}: {result:?}");
    }
}

#[test]
fn backend_may_ask_for_a_client_certificate() {
    let answer = ok("{\"content\":\"x\"}");
    let rounds = (0..3).map(|_| (tls::with_client_auth(), answer.clone())).collect();
    let (address, told) = tls::serve(rounds);
    let with = |certificate: &str, key: &str| config::Backend {
        url: format!("https://{address}"),
        ca_file: tls::fixture("ca"),
        client_certificate: certificate.to_owned(),
        client_key: key.to_owned(),
        ..config::Backend::default()
    };
    let without = with("", "");
    let client = BackendClient::new(&without, None, client_tls(&without).unwrap());
    assert_ne!(call(&client, CallKind::Join).0, CallOutcome::Answered);
    assert!(told.recv().unwrap().is_err());
    for (name, is_known) in [("client", true), ("other", false)] {
        let config = with(&tls::fixture(name), &tls::fixture(&format!("{name}.key")));
        client.replace_tls(client_tls(&config).unwrap());
        assert_eq!(call(&client, CallKind::Join).0 == CallOutcome::Answered, is_known, "{name}");
        assert_eq!(told.recv().unwrap().is_ok(), is_known, "{name}");
    }
}

#[test]
fn backend_of_an_unknown_authority_is_not_called() {
    let rounds = ["server", "server"]
        .map(|name| (tls::certificate(name, "server.key"), ok("{\"content\":\"x\"}")));
    let (address, _told) = tls::serve(rounds.into());
    let url = format!("https://{address}");
    let mut config = config::Backend { url, ..config::Backend::default() };
    let client = BackendClient::new(&config, None, client_tls(&config).unwrap());
    let unconnected = (CallOutcome::Unconnected, CallEvidence::Unconnected);
    assert_eq!(call(&client, CallKind::Join), unconnected);
    config.ca_file = tls::fixture("ca");
    client.replace_tls(client_tls(&config).unwrap());
    assert_eq!(call(&client, CallKind::Join), (CallOutcome::Answered, CallEvidence::Works));
}
