//! HTTP as its standards have it, on both listeners.

use super::*;
use crate::config::{Length, Size};
use crate::node::app::{Answer, Incoming, Reply, Update};
use crate::{Request, Response};

/// Serves `/page` and `/v1/…`.
struct Served;

impl App for Served {
    fn on_message(&mut self, _: &Incoming<'_>) -> Reply<Answer> {
        Reply::Now(Ok(Update::text("")))
    }

    fn serves(&self, path: &str) -> bool {
        path == "/page" || path.starts_with("/v1/")
    }

    fn body_bytes(&self, path: &str) -> Option<usize> {
        (path == "/v1/long").then_some(200_000)
    }

    fn on_request(&mut self, request: &Request<'_>) -> Reply<Response> {
        Reply::Now(match request.path {
            "/page" => Response::new(200, "text/html", &b"<title>Soup</title>"[..]),
            _ => Response::json(200, &json!({ "query": request.query })),
        })
    }
}

/// Its last field is what a handshake asks for.
const HANDSHAKE: &str = "Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

fn world(change: impl FnOnce(&mut Config)) -> World {
    let mut config = Config::default();
    change(&mut config);
    World::with_app(config, Box::new(Served))
}

impl World {
    fn http(&mut self, request: &str) -> String {
        self.http_from("127.0.0.1", request)
    }

    fn http_from(&mut self, ip: &str, request: &str) -> String {
        let id = self.accept_from(ip);
        self.bytes(id, request.as_bytes());
        let answer = self.raw(id);
        self.node.handle_hangup(self.now, id, Hangup::Reset);
        self.settle();
        answer
    }

    fn status(&mut self, request: &str) -> u16 {
        let answer = self.http(request);
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }
}

fn request(start: &str, lines: &str) -> String {
    format!("{start} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n")
}

/// What stands in front of the body, and the body.
fn parts(answer: &str) -> (&str, &str) {
    answer.split_once("\r\n\r\n").unwrap()
}

fn lines<'a>(answer: &'a str, name: &str) -> Vec<&'a str> {
    let lines = parts(answer).0.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

#[test]
fn one_path_takes_a_longer_body_that_fits() {
    let status = |world: &mut World, path: &str, length: usize| {
        world.status(&request(&format!("POST {path}"), &format!("Content-Length: {length}\r\n")))
    };
    let mut roomy = world(|_| {});
    // 0: it is accepted, and the body is awaited.
    for (path, length, expected) in [
        ("/v1/long", 200_000, 0),
        ("/v1/long", 200_001, 413),
        ("/v1/short", 65_536, 0),
        ("/v1/short", 65_537, 413),
    ] {
        assert_eq!(status(&mut roomy, path, length), expected, "{path} {length}");
    }
    // A quarter of the budget, without the head; but never less than what is configured.
    let mut narrow = world(|config| config.limits.work_total = Size::kib(4 * 108));
    assert_eq!(status(&mut narrow, "/v1/long", 100 << 10), 0);
    assert_eq!(status(&mut narrow, "/v1/long", (100 << 10) + 1), 413);
}

#[test]
fn an_answer_to_head_is_that_to_get_without_its_body() {
    let mut world = world(|config| config.limits.connections = 40);
    let large = format!("X: {}\r\n", "x".repeat(8_192));
    for (path, more) in [
        ("/healthz", ""),
        ("/page", ""),
        ("/v1/x", ""),
        ("/nothing", ""),
        ("/healthz", "Host: again\r\n"),
        ("/healthz", "no colon\r\n"),
        ("/healthz", "Content-Length: 5\r\n"),
        ("/v1/x", "Content-Length: 5\r\n"),
        ("/v1/x", "Transfer-Encoding: chunked\r\n"),
        ("/v1/x", "Authorization: Bearer a.b.c\r\n"),
        ("http://u@a/", ""),
        ("/healthz", large.as_str()),
    ] {
        let get = world.http(&request(&format!("GET {path}"), more));
        let head = world.http(&request(&format!("HEAD {path}"), more));
        let (told, body) = parts(&get);
        assert!(!body.is_empty() && lines(&get, "content-length") == [body.len().to_string()]);
        assert_eq!(parts(&head), (told, ""), "{path} {more}");
    }
    // The chat takes GET alone, so these two are not the same answer.
    let head = world.http(&request("HEAD /v1/chat/soup", ""));
    assert!(head.starts_with("HTTP/1.1 405 ") && head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!(lines(&head, "content-length"), ["62"]);
}

#[test]
fn a_refused_head_has_no_body_however_it_is_refused() {
    let mut world = world(|config| config.limits.pending_input_total = Size::kib(1));
    // It is not whole when what all have sent is too much.
    let id = world.accept();
    let half = format!("\r\nHEAD /page HTTP/1.1\r\nX: {}", "x".repeat(2_000));
    world.bytes(id, half.as_bytes());
    let answer = world.raw(id);
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("\r\n\r\n"), "{answer}");
    let answer = world.call("HEAD /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 404 ") && answer.ends_with("\r\n\r\n"), "{answer}");
    let answer = world.call("HEAD / HTTP/1.1\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn pipelined_request_does_not_change_first_answer() {
    let mut world = world(|_| {});
    let (get, head) = (request("GET /page", ""), request("HEAD /page", ""));
    let answer = world.http(&format!("{get}{head}"));
    assert!(answer.ends_with("</title>"), "{answer}");
    let answer = world.http(&format!("{head}{get}"));
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn http_1_0_is_answered_where_it_asks() {
    let mut world = world(|_| {});
    for (start, status) in [
        ("GET /healthz", 200),
        ("HEAD /healthz", 200),
        ("GET /page", 200),
        ("HEAD /page", 200),
        ("GET http://a/page", 200),
        ("OPTIONS /page", 204),
        ("GET /nothing", 404),
        ("POST /v1/x", 400),
        ("GET /v1/chat/soup", 400),
    ] {
        let answer = world.http(&format!("{start} HTTP/1.0\r\n\r\n"));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{start}: {answer}");
        assert_eq!(lines(&answer, "connection"), ["close"]);
    }
    let upgrade = format!("GET /v1/chat/soup HTTP/1.0\r\n{HANDSHAKE}\r\n");
    assert_eq!(world.status(&upgrade), 400);
    assert_eq!(world.status(&upgrade.replacen("1.0", "1.1", 1)), 101);
}

#[test]
fn http_1_0_reads_the_admin_listener_and_no_more() {
    let mut world = World::new();
    let ask = |world: &mut World, start: &str, lines: &str| {
        let answer = world.call(&format!("{start} HTTP/1.0\r\n{lines}\r\n"));
        assert_eq!(self::lines(&answer, "connection"), ["close"]);
        answer.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    for path in ["/healthz", "/readyz", "/v1/stats", "/metrics"] {
        assert_eq!(ask(&mut world, &format!("GET {path}"), ""), 200, "{path}");
        assert_eq!(ask(&mut world, &format!("HEAD {path}"), ""), 200, "{path}");
    }
    assert_eq!(ask(&mut world, "GET /readyz", "Host: evil.example\r\n"), 403);
    assert_eq!(ask(&mut world, "GET /readyz", "Host: a b\r\n"), 400);
    let json = "Content-Type: application/json\r\nContent-Length: 0\r\n";
    assert_eq!(ask(&mut world, "POST /v1/drain", json), 400);
    assert!(!world.node.is_draining());
    // Whoever is not on this host is refused, Host or none.
    let peer = "192.0.2.1:9".parse().unwrap();
    let stranger = world.node.handle_accept_admin(world.now, peer).unwrap();
    world.bytes(stranger, b"GET /readyz HTTP/1.0\r\n\r\n");
    assert!(world.raw(stranger).starts_with("HTTP/1.1 403 "));
}

#[test]
fn an_absolute_target_replaces_the_host() {
    let mut world = world(|_| {});
    assert_eq!(world.status(&request("GET http://chat.example.com/healthz", "")), 200);
    assert_eq!(world.status(&request("GET http://chat.example.com/page?x", "")), 200);
    let upgrade = format!("GET http://a/v1/chat/soup HTTP/1.1\r\n{HANDSHAKE}\r\n");
    assert_eq!(world.status(&upgrade), 101);
    let answer = world.http(&request("GET http://a/v1/x?y=/z", ""));
    assert!(answer.ends_with("{\"query\":\"y=/z\"}"), "{answer}");
    // A page that was made to lead here is told by the name in its target, not by its Host.
    for (target, host, status) in [
        ("http://localhost:9090/readyz", "evil.example", 200),
        ("http://evil.example/readyz", "localhost", 403),
        ("/readyz", "localhost", 200),
    ] {
        let call = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let answer = world.call(&call);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {answer}");
    }
}

#[test]
fn an_unknown_path_is_told_whatever_is_sent_to_it() {
    let mut world = World::new();
    for lines in
        ["Content-Length: 2\r\n", "Content-Length: 70000\r\n", "Transfer-Encoding: chunked\r\n"]
    {
        assert_eq!(world.status(&request("POST /nothing", lines)), 404, "{lines}");
        let answer = world.call(&request("POST /nothing", lines));
        assert!(answer.starts_with("HTTP/1.1 404 "), "{lines}: {answer}");
    }
}

#[test]
fn every_answer_varies_by_origin_and_is_not_sniffed() {
    let mut world = world(|config| {
        config.http.allowed_origins = vec!["https://app.example".to_owned()];
    });
    for origin in ["", "Origin: https://app.example\r\n", "Origin: https://evil.example\r\n"] {
        for start in [
            "GET /healthz",
            "GET /page",
            "HEAD /page",
            "POST /v1/x",
            "OPTIONS /v1/x",
            "TRACE /v1/x",
            "GET /nothing",
            "GET /v1/chat/soup",
            "GET /v1/chat/..",
            "GET http://u@a/",
        ] {
            for answer in [world.http(&request(start, origin)), world.call(&request(start, origin))]
            {
                assert_eq!(lines(&answer, "vary"), ["Origin"], "{start} {origin}");
                assert_eq!(lines(&answer, "x-content-type-options"), ["nosniff"], "{start}");
                assert!(lines(&answer, "strict-transport-security").is_empty());
            }
        }
    }
}

#[test]
fn browsers_are_told_to_stay_with_tls_over_tls_only() {
    let hsts = |answer: &str| lines(answer, "strict-transport-security").join("|");
    let page = request("GET /page", "");
    let mut plain = world(|_| {});
    assert_eq!(hsts(&plain.http(&page)), "");

    let with_tls = |config: &mut Config| {
        config.tls.cert_file = "c.pem".to_owned();
        config.tls.key_file = "k.pem".to_owned();
    };
    let mut secure = world(with_tls);
    for start in ["GET /page", "HEAD /page", "GET /healthz", "GET /nothing", "GET http://u@a/"] {
        assert_eq!(hsts(&secure.http(&request(start, ""))), "max-age=31536000", "{start}");
    }
    assert_eq!(hsts(&secure.call(&request("GET /healthz", ""))), "");
    let mut brief = world(|config| {
        with_tls(config);
        config.http.hsts = Length::from_secs(0);
    });
    assert_eq!(hsts(&brief.http(&page)), "max-age=0");
}

#[test]
fn a_trusted_proxy_says_whether_its_client_speaks_tls() {
    let mut world = world(|config| {
        config.http.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    });
    for (ip, line, is_told) in [
        ("10.0.0.1", "X-Forwarded-Proto: https", true),
        ("10.0.0.1", "X-Forwarded-Proto: http, HTTPS", true),
        ("10.0.0.1", "Forwarded: for=192.0.2.1;proto=https", true),
        ("10.0.0.1", "Forwarded: for=192.0.2.1, for=192.0.2.2;Proto=\"https\"", true),
        ("10.0.0.1", "X-Forwarded-Proto: https, http", false),
        ("10.0.0.1", "Forwarded: for=192.0.2.1;proto=http", false),
        ("10.0.0.1", "X-Forwarded-For: 192.0.2.1", false),
        ("192.0.2.1", "X-Forwarded-Proto: https", false),
        ("192.0.2.1", "Forwarded: proto=https", false),
    ] {
        let answer = world.http_from(ip, &request("GET /page", &format!("{line}\r\n")));
        let told = lines(&answer, "strict-transport-security");
        assert_eq!(!told.is_empty(), is_told, "{ip} {line}");
    }
}

#[test]
fn half_a_surrogate_pair_is_told_by_its_request_id() {
    let mut world = World::new();
    let alice = world.connected("soup", "alice");
    let message = envelope("chat_message", "m1", json!({ "content": "@" })).replace('@', "\\ud800");
    world.bytes(alice, &text(&message));
    let told = world.message(alice);
    assert_eq!(told["payload"]["error"], "invalid_message");
    assert_eq!(told["payload"]["request_id"], "m1");
}
