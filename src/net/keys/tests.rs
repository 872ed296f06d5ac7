//! Fetches from a local HTTP server.

mod discovery;
mod tls;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::fetch::Fetcher;
use super::*;
use crate::auth::tests::{Pair, jwks};
use crate::id::Rng;
use crate::node::Fetched;

/// A timeout that a busy machine does not reach.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An HTTP server that answers each request with the next of these responses, and reports it.
fn serve(answers: Vec<Vec<u8>>) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (address, serve_on(listener, answers))
}

fn serve_on(listener: TcpListener, answers: Vec<Vec<u8>>) -> Receiver<String> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            respond(stream, &answer, &tell);
        }
    });
    told
}

fn respond(mut stream: TcpStream, answer: &[u8], tell: &Sender<String>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        request.extend(byte);
    }
    let _ = tell.send(String::from_utf8(request).unwrap());
    // A client that has read enough hangs up.
    let _ = stream.write_all(answer);
}

fn ok(head: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{head}\r\n{body}").into_bytes()
}

fn keys() -> String {
    jwks(&[Pair::Ed25519.jwk(&json!({"kid": "k"}))])
}

fn fetcher(address: SocketAddr) -> Fetcher {
    fetcher_at(&format!("http://{address}/jwks?x=1"), TIMEOUT)
}

fn fetcher_at(url: &str, timeout: Duration) -> Fetcher {
    let auth = Auth { jwks_url: url.to_owned(), ..Auth::default() };
    Fetcher::with_timeout(&auth, Rng::new(1), timeout).unwrap()
}

const NOW: Instant = Instant::from_micros(7_000_000_000);

fn wait(fetcher: &Fetcher) -> u64 {
    fetcher.next().since(NOW).as_secs()
}

fn news(fetcher: &mut Fetcher) -> Option<String> {
    fetcher.look(NOW).map(Result::unwrap)
}

#[test]
fn fetched_keys_are_kept_for_the_answers_max_age() {
    let body = keys();
    let fresh = ok("Cache-Control: public, max-age=300\r\n", &body);
    let (address, told) = serve(vec![fresh.clone(), fresh, ok("", "{}")]);
    let mut fetcher = fetcher(address);
    assert_eq!(fetcher.next(), Instant::START);
    assert_eq!(news(&mut fetcher), Some(body));
    assert!(told.recv().unwrap().starts_with("GET /jwks?x=1 HTTP/1.1\r\n"));
    assert_eq!(wait(&fetcher), 300);
    assert_eq!(news(&mut fetcher), None, "the same again is no news");
    assert_eq!(news(&mut fetcher), Some("{}".to_owned()));
    assert_eq!(wait(&fetcher), 600);
}

#[test]
fn freshness_of_keys_is_in_their_head() {
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let cases = [
        ("Cache-Control: max-age=600\r\nAge: 500\r\n".to_owned(), 100),
        ("Cache-Control: public\r\nCache-Control: s-maxage=120\r\n".to_owned(), 120),
        (format!("{date}Expires: Sun, 06 Nov 1994 08:54:37 GMT\r\n"), 300),
        (format!("{date}Expires: 0\r\n"), 60),
        ("Cache-Control: max-age=600\r\nAge: 9999\r\n".to_owned(), 60),
        ("Cache-Control: no-store, max-age=600\r\n".to_owned(), 60),
        ("Age: 500\r\n".to_owned(), 600),
    ];
    let answers = cases.iter().map(|(head, _)| ok(head, "{}")).collect();
    let (address, _told) = serve(answers);
    let mut fetcher = fetcher(address);
    for (head, is) in cases {
        fetcher.look(NOW).transpose().unwrap();
        assert_eq!(wait(&fetcher), is, "{head}");
    }
}

#[test]
fn same_fault_is_reported_once_a_minute() {
    let algorithms = Algorithms::new(&["EdDSA".to_owned()]).unwrap();
    let mut reader = KeyReader::new("a test".to_owned(), algorithms, JwksFrom::Url);
    let mut reported_at = |seconds| {
        let now = NOW + Duration::from_secs(seconds);
        assert!(reader.take(now, Ok("{\"keys\":[]}".to_owned())).is_none());
        reader.fault.as_ref().map(|(_, at)| at.since(NOW).as_secs())
    };
    let reported = [0, 2, 4, 59, 60, 62, 119, 121].map(&mut reported_at);
    assert_eq!(reported, [0, 0, 0, 0, 60, 60, 60, 121].map(Some));
}

#[test]
fn faulty_key_answer_is_a_fault_and_is_retried() {
    let status = |line: &str| format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n").into_bytes();
    let redirect =
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
            .to_vec();
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec();
    let cases = [
        (status("404 Not Found"), "404"),
        (status("500 Oops"), "500"),
        (status("204 No Content"), "204"),
        (redirect, "redirects are not followed"),
        (cut, ""),
        (b"what?\r\n\r\n".to_vec(), ""),
        (Vec::new(), ""),
        (ok("", &"x".repeat(MAX_BYTES + 1)), ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xff".to_vec(), ""),
    ];
    let (address, _told) = serve(cases.iter().map(|(answer, _)| answer.clone()).collect());
    let mut fetcher = fetcher(address);
    for (round, (_, said)) in cases.iter().enumerate() {
        let fault = fetcher.look(NOW).unwrap().unwrap_err().to_string();
        assert!(fault.contains(said), "{fault}");
        assert!(fetcher.next() > NOW && wait(&fetcher) <= 1 << round, "{round}");
    }
    // The server is gone.
    assert!(fetcher.look(NOW).unwrap().is_err());
}

const MAX_BYTES: usize = crate::auth::MAX_JWKS_BYTES;

#[test]
fn answer_without_keys_is_fetched_again_soon() {
    let fresh = "Cache-Control: max-age=3600\r\n";
    let empty = ok(fresh, "{\"keys\":[]}");
    let none = ok(fresh, "");
    let (address, _told) = serve(vec![none.clone(), none, empty, ok(fresh, &keys())]);
    let algorithms = Algorithms::new(&["EdDSA".to_owned()]).unwrap();
    let reader = KeyReader::new("a test".to_owned(), algorithms, JwksFrom::Url);
    let mut watch = Watch { issuer: 0, reader, source: KeySource::Url(fetcher(address)) };
    for _ in 0..3 {
        assert!(matches!(watch.look(NOW), Fetched::Nothing));
        assert!(watch.source.next().since(NOW).as_secs() <= 2);
    }
    assert!(matches!(watch.look(NOW), Fetched::Keys(keys) if keys.len() == 1));
    assert_eq!(watch.source.next().since(NOW).as_secs(), 3_600);
}

#[test]
fn an_answer_that_never_ends_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (done, wait) = mpsc::channel::<()>();
    let slow = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{").unwrap();
        let _ = wait.recv();
    });
    let timeout = Duration::from_millis(100);
    let mut fetcher = fetcher_at(&format!("http://{address}/"), timeout);
    assert!(fetcher.look(NOW).unwrap().is_err());
    drop(done);
    slow.join().unwrap();
}

#[test]
fn a_body_without_a_length_is_cut_at_its_bound() {
    let mut endless = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    endless.resize(endless.len() + 4 * MAX_BYTES, b' ');
    let (address, _told) = serve(vec![endless]);
    assert!(fetcher(address).look(NOW).unwrap().is_err());
}

#[test]
fn same_keys_are_news_again_after_a_faulty_answer() {
    let (address, _told) = serve(vec![ok("", &keys()), ok("", "<html>"), ok("", &keys())]);
    let mut fetcher = fetcher(address);
    let algorithms = Algorithms::new(&["EdDSA".to_owned()]).unwrap();
    let mut reader = KeyReader::new("a test".to_owned(), algorithms, JwksFrom::Url);
    let mut look =
        || fetcher.look(NOW).and_then(|found| reader.take(NOW, found)).map(|set| set.len());
    assert_eq!([look(), look(), look(), look()], [Some(1), None, Some(1), None]);
}

#[test]
fn unchanged_file_is_reported_without_a_request() {
    let path = std::env::temp_dir().join(format!("vestibule-unchanged-{}", std::process::id()));
    std::fs::write(&path, keys()).unwrap();
    let jwks_file = path.display().to_string();
    let auth = Auth { jwks_file, algorithms: vec!["EdDSA".to_owned()], ..Auth::default() };
    let mut opened = open(&auth, WaitForKeys::No).unwrap();
    assert_eq!(opened.sets.len(), 1);
    let (tell, told) = mpsc::channel();
    let watch =
        opened.watches.pop().unwrap().start(move |_, news| tell.send(news).is_ok()).unwrap();
    let news = told.recv().unwrap();
    assert!(matches!(news.fetched, Fetched::Unchanged), "{news:?}");
    drop(watch);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn reload_keeps_the_keys_of_an_address_that_is_down() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let auth = Auth {
        algorithms: vec!["EdDSA".to_owned()],
        jwks_url: format!("http://{closed}/keys"),
        jwks_allow_http: true,
        ..Auth::default()
    };
    let mut running = Verifier::new(&auth).unwrap();
    let algorithms = Algorithms::new(&auth.algorithms).unwrap();
    running.replace_keys(KeySet::from_jwks(&keys(), &algorithms, JwksFrom::Url).unwrap().0);
    let (mut verifier, watches) = reopen(&auth, &auth).unwrap();
    assert_eq!((verifier.has_keys(), watches.len()), (false, 1));
    assert_eq!(verifier.take_unread(&running), [(0, 0)]);
    assert!(verifier.has_keys());
    // An address that is new has to answer.
    let error = reopen(&auth, &Auth::default()).unwrap_err();
    assert!(error.to_string().contains(&auth.jwks_url), "{error}");
}
