//! Which web pages may call: one verdict, whatever they ask for.

use super::*;
use crate::config::AuthMode;
use crate::node::app::{Answer, Incoming, Reply, Update};
use crate::{Request, Response};

/// Serves `/v1/…`.
struct Served;

impl App for Served {
    fn on_message(&mut self, _: &Incoming<'_>) -> Reply<Answer> {
        Reply::Now(Ok(Update::text("")))
    }

    fn serves(&self, path: &str) -> bool {
        path.starts_with("/v1/")
    }

    fn on_request(&mut self, _: &Request<'_>) -> Reply<Response> {
        Reply::Now(Response::json(200, &json!({})))
    }
}

fn world(origins: &[&str]) -> World {
    let mut config = Config::default();
    config.http.allowed_origins = origins.iter().map(|&origin| origin.to_owned()).collect();
    config.auth.mode = AuthMode::Both;
    World::with_app(config, Box::new(Served))
}

impl World {
    /// The status of an upgrade, an old client's upgrade, a request of the application's and its
    /// preflight, all from this page; and whether it may read the last two.
    fn as_page(&mut self, origin: &str) -> ([u16; 4], [bool; 2]) {
        let line = format!("\r\nOrigin: {origin}\r\n\r\n");
        let token = self.token("alice", 900);
        let requests = [
            upgrade("soup"),
            upgrade(&format!("soup?token={token}")),
            "POST /v1/auth/signin HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "OPTIONS /v1/auth/signin HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        ];
        let answers = requests.map(|request| {
            let id = self.accept();
            self.bytes(id, request.replacen("\r\n\r\n", &line, 1).as_bytes());
            let answer = self.output.remove(&id).unwrap_or_default();
            self.node.handle_hangup(self.now, id, Hangup::Reset);
            self.settle();
            String::from_utf8_lossy(&answer).into_owned()
        });
        let status = |answer: &String| answer.split(' ').nth(1).unwrap().parse().unwrap();
        let may_read = |answer: &String| {
            answer.contains(&format!("\r\nAccess-Control-Allow-Origin: {origin}\r\n"))
        };
        let [_, _, request, preflight] = &answers;
        assert!(!answers[..2].iter().any(may_read));
        let read = [may_read(request), may_read(preflight)];
        (answers.each_ref().map(status), read)
    }
}

#[test]
fn every_entry_point_gives_a_page_the_same_verdict() {
    let mut world = world(&["https://app.example.com", "*.example.org"]);
    for good in ["https://app.example.com", "HTTP://A.B.example.org"] {
        assert_eq!(world.as_page(good), ([101, 101, 200, 204], [true, true]), "{good}");
    }
    for bad in [
        "https://evil.example",
        "https://evil.example#.example.org",
        "https://evil.example?.example.org",
        "https://evil.example\\.example.org",
        "https://evil.example@a.example.org",
        "https://evil.example:443.example.org",
        "https://..example.org",
        "https://a.example.org.",
        "https://app.example.com:443",
        "https://app.example.com\r\nOrigin: https://app.example.com",
        "https://é.example.org",
        "null",
        "",
    ] {
        assert_eq!(world.as_page(bad), ([403, 403, 403, 204], [false, false]), "{bad}");
    }
}

#[test]
fn without_a_list_any_page_connects_and_none_changes() {
    let mut world = world(&[]);
    for page in ["https://evil.example", "null", "https://evil.example#.example.org"] {
        assert_eq!(world.as_page(page), ([101, 101, 403, 204], [false, false]), "{page}");
    }
    // But for the server's own.
    assert_eq!(world.as_page("https://a"), ([101, 101, 200, 204], [false, false]));
}

#[test]
fn no_page_calls_the_admin_listener() {
    let mut world = world(&["https://app.example.com"]);
    for origin in ["https://app.example.com", "null", "", "http://localhost:9090"] {
        let call = format!("GET /readyz HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\r\n");
        let answer = world.call(&call);
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    }
}
