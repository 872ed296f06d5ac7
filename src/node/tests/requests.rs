//! HTTP requests that the application serves.

use std::sync::{Arc, Mutex};

use super::*;
use crate::auth::Evidence;
use crate::node::app::{Answer, Incoming, Reply, Update};
use crate::{Request, Response};

/// Serves `/v1/…`; notes what it was asked, and answers as it is told to.
struct Desk {
    asked: Arc<Mutex<Vec<String>>>,
    tickets: Arc<Mutex<Vec<Ticket>>>,
    mode: Mode,
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Now,
    Later,
    Held,
    Refuse,
}

impl App for Desk {
    fn on_message(&mut self, _: &Incoming<'_>) -> Reply<Answer> {
        Reply::Now(Ok(Update::text("")))
    }

    fn serves(&self, path: &str) -> bool {
        path.starts_with("/v1/")
    }

    fn on_request(&mut self, request: &Request<'_>) -> Reply<Response> {
        let body = String::from_utf8_lossy(request.body);
        let Request { method, path, query, user, .. } = request;
        let note = format!("{method:?} {path} {query} {} {body}", user.unwrap_or("-"));
        self.asked.lock().unwrap().push(note);
        self.tickets.lock().unwrap().push(request.ticket);
        let good = Response::json(201, &json!({ "length": request.body.len() }));
        match self.mode {
            Mode::Now => Reply::Now(good),
            Mode::Later => Reply::later(move || good),
            Mode::Held => Reply::Held,
            Mode::Refuse => Reply::Now(
                Response::error(401, "invalid_credentials", "No").charging(Evidence::Forged),
            ),
        }
    }
}

struct Office {
    world: World,
    asked: Arc<Mutex<Vec<String>>>,
    tickets: Arc<Mutex<Vec<Ticket>>>,
}

fn office(mode: Mode, change: impl FnOnce(&mut Config)) -> Office {
    let (asked, tickets) = (Arc::default(), Arc::default());
    let desk = Desk { asked: Arc::clone(&asked), tickets: Arc::clone(&tickets), mode };
    let mut config = Config::default();
    change(&mut config);
    Office { world: World::with_app(config, Box::new(desk)), asked, tickets }
}

fn post(path: &str, lines: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n{lines}\r\n{body}")
}

impl Office {
    fn send(&mut self, request: &str) -> (ConnId, String) {
        let id = self.world.accept();
        self.world.bytes(id, request.as_bytes());
        (id, self.world.raw(id))
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().drain(..).collect()
    }
}

#[test]
fn a_request_is_asked_once_however_its_bytes_are_cut() {
    let request = post("/v1/recipes?x=1", "", "{\"title\":\"Soup\"}");
    for piece in [1, 2, 7, 50, 1_000] {
        let mut office = office(Mode::Now, |_| {});
        let id = office.world.accept();
        for part in request.as_bytes().chunks(piece) {
            office.world.bytes(id, part);
        }
        assert_eq!(office.asked(), ["Post /v1/recipes x=1 - {\"title\":\"Soup\"}"]);
        let answer = office.world.raw(id);
        assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
        assert!(answer.ends_with("{\"length\":16}"), "{answer}");
        assert_eq!(office.world.finished, [id]);
    }
}

#[test]
fn what_is_not_served_is_not_asked() {
    let mut office = office(Mode::Now, |_| {});
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 404),
        (post("/elsewhere", "", "x"), 404),
        (post("/v1/chat/soup", "", "x"), 400),
        (post("/v1/x", "Content-Length: 70000\r\n", ""), 400),
        ("POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n".to_owned(), 413),
        ("POST /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(), 411),
    ] {
        let (_, answer) = office.send(&request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request} {answer}");
    }
    assert_eq!(office.asked(), Vec::<String>::new());
}

#[test]
fn bad_bearer_token_never_reaches_the_application() {
    let mut office = office(Mode::Now, |_| {});
    let token = office.world.token("alice", 900);
    let expired = office.world.sign(&json!({ "sub": "alice", "exp": 5 }));
    let get = |token: &str| {
        format!("GET /v1/recipes HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n")
    };
    let (_, answer) = office.send(&get(&token));
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(office.asked(), ["Get /v1/recipes  alice "]);
    let (_, answer) = office.send(&get(&expired));
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("Token expired"), "{answer}");
    let (_, answer) = office.send(&get("a.b.c"));
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("Invalid token"), "{answer}");
    assert_eq!(office.asked(), Vec::<String>::new());
}

#[test]
fn an_answer_may_come_from_a_worker_or_by_its_ticket() {
    let mut office = office(Mode::Later, |_| {});
    let (id, answer) = office.send(&post("/v1/x", "", "hello"));
    assert_eq!(answer, "");
    assert!(!office.world.node.wants_input(id));
    let done = office.world.commands.remove(0).run();
    office.world.node.handle_completion(office.world.now, done);
    office.world.settle();
    assert!(office.world.raw(id).ends_with("{\"length\":5}"));
    assert!(office.world.node.wants_input(id));

    let mut office = self::office(Mode::Held, |_| {});
    let (id, _) = office.send(&post("/v1/x", "", "hello"));
    let ticket = office.tickets.lock().unwrap()[0];
    let outcome = Outcome::Response(Response::not_found());
    office.world.node.handle_completion(office.world.now, Completion { ticket, outcome });
    office.world.settle();
    assert!(office.world.raw(id).starts_with("HTTP/1.1 404 "));
}

#[test]
fn silent_application_is_a_504_after_5_seconds() {
    let mut office = office(Mode::Held, |_| {});
    let (id, _) = office.send(&post("/v1/x", "", "hello"));
    office.world.seconds(4);
    assert_eq!(office.world.raw(id), "");
    office.world.seconds(1);
    assert!(office.world.raw(id).starts_with("HTTP/1.1 504 Gateway Timeout\r\n"));
    let ticket = office.tickets.lock().unwrap()[0];
    let outcome = Outcome::Response(Response::not_found());
    office.world.node.handle_completion(office.world.now, Completion { ticket, outcome });
    office.world.settle();
    assert_eq!(office.world.raw(id), "");
    office.world.seconds(2);
    office.world.assert_nothing_is_left();
}

#[test]
fn work_that_is_refused_or_panics_is_told() {
    for (outcome, status) in [(Outcome::Refused, 503), (Outcome::Panicked, 500)] {
        let mut office = office(Mode::Later, |_| {});
        let (id, _) = office.send(&post("/v1/x", "", "hello"));
        let ticket = office.world.commands.remove(0).ticket;
        office.world.node.handle_completion(office.world.now, Completion { ticket, outcome });
        office.world.settle();
        let answer = office.world.raw(id);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}

#[test]
fn a_slow_body_has_the_deadline_of_its_head() {
    let mut office = office(Mode::Now, |_| {});
    let (id, _) = office.send("POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx");
    office.world.seconds(4);
    office.world.bytes(id, b"y");
    assert_eq!(office.world.closed, []);
    office.world.seconds(1);
    assert_eq!(office.world.closed, [id]);
    office.world.assert_nothing_is_left();
}

#[test]
fn requests_over_the_bound_get_503_until_one_ends() {
    let mut office = office(Mode::Held, |config| config.http.requests = 2);
    let ids: Vec<_> = (0..2).map(|_| office.send(&post("/v1/x", "", "a")).0).collect();
    let (third, answer) = office.send(&post("/v1/x", "", "a"));
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(office.world.node.metrics().refused_requests, 1);
    // A WebSocket is no request.
    office.world.authenticating("soup");
    for id in [ids[0], third] {
        office.world.node.handle_hangup(office.world.now, id, Hangup::Reset);
    }
    office.world.settle();
    let (_, answer) = office.send(&post("/v1/x", "", "a"));
    assert_eq!(answer, "");
}

#[test]
fn a_wrong_password_is_charged_as_a_forged_token_is() {
    let mut office = office(Mode::Refuse, |_| {});
    let statuses: Vec<_> = (0..20)
        .map(|_| office.send(&post("/v1/auth/signin", "", "{}")).1)
        .map(|answer| answer.split(' ').nth(1).unwrap().to_owned())
        .collect();
    let (looked_at, refused) = statuses.split_at(13);
    assert!(looked_at.iter().all(|status| status == "401"), "{statuses:?}");
    assert!(refused.iter().all(|status| status == "429"), "{statuses:?}");
    assert_eq!(office.asked().len(), 13);
}

#[test]
fn allowed_origin_reads_answers_and_others_get_403() {
    let origin = "https://chat.example.com";
    let mut office =
        office(Mode::Now, |config| config.http.allowed_origins = vec![origin.to_owned()]);
    let allow = format!("\r\nAccess-Control-Allow-Origin: {origin}\r\n");
    let line = format!("Origin: {origin}\r\n");
    let (_, answer) = office.send(&post("/v1/x", &line, "a"));
    assert!(answer.contains(&allow), "{answer}");
    let (_, answer) =
        office.send(&post("/v1/x", &format!("{line}Authorization: Bearer x\r\n"), ""));
    assert!(answer.contains(" 401 ") && answer.contains(&allow), "{answer}");
    // Hiding the answer is not enough: a page could sign its visitors in, or guess at passwords from
    // their addresses, without reading it.
    office.asked();
    let (_, answer) = office.send(&post("/v1/x", "Origin: https://evil.example\r\n", "a"));
    assert!(answer.contains(" 403 ") && !answer.contains("Access-Control"), "{answer}");
    assert_eq!(office.asked(), Vec::<String>::new());
    let preflight = format!("OPTIONS /v1/x HTTP/1.1\r\nHost: a\r\n{line}\r\n");
    let (_, answer) = office.send(&preflight);
    assert!(answer.starts_with("HTTP/1.1 204 ") && answer.contains(&allow), "{answer}");
}

#[test]
fn who_waits_for_a_word_before_the_body_gets_it_once() {
    let mut office = office(Mode::Now, |_| {});
    let head =
        "POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    let (id, answer) = office.send(head);
    assert_eq!(answer, "HTTP/1.1 100 Continue\r\n\r\n");
    office.world.bytes(id, b"a");
    assert_eq!(office.world.raw(id), "");
    office.world.bytes(id, b"b");
    assert!(office.world.raw(id).ends_with("{\"length\":2}"));
}

#[test]
fn an_answer_that_is_read_slowly_has_its_time() {
    let mut office = office(Mode::Now, |_| {});
    let id = office.world.accept();
    office.world.room.insert(id, 10);
    office.world.bytes(id, post("/v1/x", "", "a").as_bytes());
    office.world.seconds(9);
    assert_eq!(office.world.closed, []);
    office.world.seconds(1);
    assert_eq!(office.world.closed, [id]);
}

#[test]
fn a_draining_node_takes_no_requests() {
    let mut office = office(Mode::Now, |_| {});
    office.world.node.handle_shutdown(office.world.now);
    let (_, answer) = office.send(&post("/v1/x", "", "a"));
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[test]
fn request_begun_before_a_drain_is_answered() {
    let mut office =
        office(Mode::Held, |config| config.drain = crate::config::Length::from_secs(0));
    let request = post("/v1/x", "", "a");
    let (asked, _) = office.send(&request);
    let half = office.world.accept();
    office.world.bytes(half, &request.as_bytes()[..20]);
    office.world.node.handle_shutdown(office.world.now);
    office.world.seconds(1);
    office.world.bytes(half, &request.as_bytes()[20..]);
    for id in [asked, half] {
        let ticket = office.tickets.lock().unwrap().remove(0);
        let outcome = Outcome::Response(Response::json(200, &json!({})));
        office.world.node.handle_completion(office.world.now, Completion { ticket, outcome });
        office.world.settle();
        assert!(office.world.raw(id).starts_with("HTTP/1.1 200 "));
        office.world.node.handle_hangup(office.world.now, id, Hangup::Eof);
        office.world.settle();
    }
    assert!(office.world.node.is_drained());
}

#[test]
fn client_that_leaves_before_its_answer_is_charged() {
    let mut office = office(Mode::Held, |_| {});
    for _ in 0..13 {
        let (id, _) = office.send(&post("/v1/auth/signin", "", "{}"));
        office.world.node.handle_hangup(office.world.now, id, Hangup::Reset);
        let ticket = office.tickets.lock().unwrap().pop().unwrap();
        let response = Response::not_found().charging(Evidence::Forged);
        let outcome = Outcome::Response(response);
        office.world.node.handle_completion(office.world.now, Completion { ticket, outcome });
        office.world.settle();
    }
    let (_, answer) = office.send(&post("/v1/auth/signin", "", "{}"));
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
}

#[test]
fn an_answer_that_is_out_holds_no_requests_place() {
    let mut office = office(Mode::Now, |config| config.http.requests = 2);
    // Nobody of them closes, and all are answered.
    for _ in 0..10 {
        let (_, answer) = office.send(&post("/v1/x", "", "a"));
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    }
}

#[test]
fn shut_address_gets_429_before_its_request_body() {
    let mut office = office(Mode::Refuse, |_| {});
    for _ in 0..13 {
        office.send(&post("/v1/auth/signin", "", "{}"));
    }
    let (_, answer) = office.send("POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
}

#[test]
fn body_that_comes_later_changes_nothing_of_the_head() {
    let origin = "https://chat.example.com";
    let mut office = office(Mode::Now, |config| {
        config.http.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        config.http.allowed_origins = vec![origin.to_owned()];
    });
    let lines = format!("Origin: {origin}\r\nX-Forwarded-For: 192.0.2.7\r\n");
    let request = post("/v1/x", &format!("{lines}X-Forwarded-Proto: https\r\n"), "soup");
    for cut in [0, 1, 4] {
        let id = office.world.accept_from("10.0.0.1");
        let (start, rest) = request.as_bytes().split_at(request.len() - cut);
        office.world.bytes(id, start);
        office.world.bytes(id, rest);
        let answer = office.world.raw(id);
        assert!(answer.contains("Strict-Transport-Security: "), "{cut} {answer}");
        assert!(answer.contains(&format!("Allow-Origin: {origin}\r\n")), "{cut} {answer}");
    }
}

#[test]
fn address_that_is_shut_before_the_body_gets_429() {
    let mut office = office(Mode::Refuse, |_| {});
    let request = post("/v1/auth/signin", "", "{}");
    let (head, body) = request.as_bytes().split_at(request.len() - 2);
    let half = office.world.accept();
    office.world.bytes(half, head);
    for _ in 0..13 {
        office.send(&request);
    }
    office.asked();
    office.world.bytes(half, body);
    assert!(office.world.raw(half).starts_with("HTTP/1.1 429 "));
    assert_eq!(office.asked(), Vec::<String>::new());
}

#[test]
fn request_goes_on_when_its_token_is_checked() {
    let mut office = office(Mode::Now, |config| config.auth.algorithms = vec!["EdDSA".to_owned()]);
    office.world.node.replace_keys(UnixTime::default(), checks::keys(&["old"]));
    let token = office.world.signed("old", "alice", 900);
    let bearer = format!("Authorization: Bearer {token}\r\n");
    for (token, expected) in [(bearer.clone(), "201"), (bearer.replace("\r\n", "AA\r\n"), "401")] {
        let request = format!("{}behind it", post("/v1/x?a=b", &token, "soup"));
        for cut in [0, 11] {
            let id = office.world.accept();
            let (start, rest) = request.as_bytes().split_at(request.len() - cut);
            office.world.bytes(id, start);
            office.world.bytes(id, rest);
            assert!(!office.world.node.wants_input(id));
            office.world.bytes(id, b"more");
            office.world.work();
            let answer = office.world.raw(id);
            assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{cut} {answer}");
        }
    }
    assert_eq!(office.asked(), ["Post /v1/x a=b alice soup"; 2]);
}
