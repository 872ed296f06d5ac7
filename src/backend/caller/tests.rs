//! Calls to a server of the test's own, on loopback.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use super::super::contract::rule;
use super::super::counts::Fate;
use super::*;

/// Long enough for a busy machine, where nothing is to time out.
const PATIENCE: Duration = Duration::from_secs(20);

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
            while let Some(heard) = hear(&mut stream, connection) {
                let _ = tell.send(heard);
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
    let mut reader = BufReader::with_capacity(1, stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.to_lowercase().split_once("content-length: ")?.1.lines().next()?.parse();
    let mut body = vec![0; length.ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Heard { connection, head, body: String::from_utf8(body).ok()? })
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn peer(address: SocketAddr, secret: Option<&str>) -> Peer {
    let url = format!("http://{address}/app/");
    let config = config::Backend { url, ..config::Backend::default() };
    Peer::new(&config, secret.map(|text| Secret::parse(text).unwrap()))
}

fn call(peer: &Peer, call: Call) -> (Fate, bool) {
    let heard = peer.call(call, b"{}", "msg_1", UnixTime::from_millis(5_999), PATIENCE);
    let ruling = rule(call, heard);
    (ruling.fate, ruling.is_alive)
}

#[test]
fn a_call_is_a_signed_post_and_the_next_comes_on_the_same_connection() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let not_found = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno".to_vec();
    let (address, told) = serve(vec![ok("{\"content\":\"x\"}"), not_found, ok("")]);
    let peer = peer(address, Some(secret));
    assert_eq!(call(&peer, Call::Message), (Fate::Answered, true));
    assert_eq!(call(&peer, Call::Join), (Fate::Denied, true));
    assert_eq!(call(&peer, Call::Leave), (Fate::Answered, true));
    let heard: Vec<Heard> = told.iter().take(3).collect();
    for (heard, path) in heard.iter().zip(["message", "join", "leave"]) {
        assert_eq!((heard.connection, heard.body.as_str()), (0, "{}"));
        assert!(heard.head.starts_with(&format!("POST /app/{path} HTTP/1.1\r\n")));
        let signature = Secret::parse(secret).unwrap().sign("msg_1", 5, b"{}");
        for field in [
            "webhook-id: msg_1".to_owned(),
            "webhook-timestamp: 5".to_owned(),
            format!("webhook-signature: {signature}"),
            "content-type: application/json".to_owned(),
        ] {
            assert!(heard.head.contains(&format!("\r\n{field}\r\n")), "{}", heard.head);
        }
    }
}

#[test]
fn without_a_secret_there_is_no_signature() {
    let (address, told) = serve(vec![ok("")]);
    call(&peer(address, None), Call::Leave);
    assert!(!told.recv().unwrap().head.contains("webhook-signature"));
}

#[test]
fn whatever_is_no_answer_is_a_failure_and_the_next_call_is_made_anew() {
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
    for (place, answer) in cases.into_iter().enumerate() {
        let (address, told) = serve(vec![answer]);
        let peer = peer(address, None);
        // An answer that was cut short looks like one that hangs, until the server goes: here it
        // waits for another request.
        let patience = if place == 4 { Duration::from_millis(200) } else { PATIENCE };
        let heard = peer.call(Call::Message, b"{}", "msg_1", UnixTime::default(), patience);
        let ruling = rule(Call::Message, heard);
        let fate = if place == 4 { Fate::TimedOut } else { Fate::Failed };
        assert_eq!((ruling.fate, ruling.is_alive), (fate, false), "{place}: {:?}", ruling.why);
        assert_eq!(told.recv().unwrap().head.split(' ').nth(1), Some("/app/message"));
    }
}

#[test]
fn who_is_not_there_or_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = peer(listener.local_addr().unwrap(), None);
    let patience = Duration::from_millis(50);
    let heard = silent.call(Call::Join, b"{}", "msg_1", UnixTime::default(), patience);
    assert!(matches!(heard, Err(Fault::TimedOut)));
    let closed = peer(listener.local_addr().unwrap(), None);
    drop(listener);
    assert_eq!(call(&closed, Call::Join), (Fate::Failed, false));
}
