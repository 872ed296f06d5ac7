use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::config::Origins;

const PEER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 9);
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A good upgrade of `path`, with `more` header lines.
fn head(path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, \
         Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
}

fn parse_with(text: &str, origins: &[&str]) -> Result<Option<(RequestKind, usize)>, Refusal> {
    let origins: Vec<_> = origins.iter().map(|&origin| origin.to_owned()).collect();
    let origins = Origins::new(&origins);
    match read_with(text, &origins)? {
        Some(head) => head.asked.map(|asked| Some((asked, head.length))),
        None => Ok(None),
    }
}

fn read_with(text: &str, origins: &Origins) -> Result<Option<Head>, Refusal> {
    let rules = Rules { max_bytes: 8_192, origins, proxies: &[], client_bytes: 0 };
    parse(text.as_bytes(), rules, PEER, |path| path.starts_with("/v1/recipes").then_some(1_000))
}

/// How the answer to a request is written.
fn form(text: &str, origins: &[&str]) -> ResponseForm {
    let origins: Vec<_> = origins.iter().map(|&origin| origin.to_owned()).collect();
    read_with(text, &Origins::new(&origins)).unwrap().unwrap().form
}

fn room(text: &str) -> Result<String, Refusal> {
    match parse_with(text, &[])? {
        Some((RequestKind::Upgrade(upgrade), _)) => Ok(upgrade.room.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_upgrade_gives_its_room_and_accept_key() {
    let text = head("/v1/chat/soup%2D7?token=x", "Sec-WebSocket-Protocol: a, recipe-chat.v2\r\n");
    let with_frames = format!("{text}frames");
    let upgrade = RequestKind::Upgrade(Upgrade {
        room: "soup-7".into(),
        accept: STANDARD.decode("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=").unwrap().try_into().unwrap(),
        subprotocol: true,
        credential: Credential::Token { kind: crate::node::Legacy::Query, token: "x".into() },
        details: None,
    });
    assert_eq!(parse_with(&with_frames, &[]), Ok(Some((upgrade, text.len()))));
}

#[test]
fn a_head_is_not_judged_before_it_is_whole() {
    let text = head("/v1/chat/soup", "");
    for cut in 0..text.len() {
        assert_eq!(parse_with(&text[..cut], &[]), Ok(None), "{cut}");
        assert!(!may_be_whole(&text.as_bytes()[..cut], 0));
    }
    assert!(may_be_whole(text.as_bytes(), text.len() - 1));
}

#[test]
fn a_head_over_8_kib_is_too_large() {
    let fill = |length: usize| {
        let bare = head("/v1/chat/soup", "X: \r\n").len();
        head("/v1/chat/soup", &format!("X: {}\r\n", "x".repeat(length - bare)))
    };
    assert_eq!(fill(8_192).len(), 8_192);
    assert!(room(&fill(8_192)).is_ok());
    assert_eq!(room(&fill(8_193)), Err(Refusal::HeadersTooLarge));
    assert_eq!(room(&fill(1 << 20)), Err(Refusal::HeadersTooLarge));
    let long_line = format!("GET /{}", "x".repeat(9_000));
    assert_eq!(parse_with(&long_line, &[]), Err(Refusal::HeadersTooLarge));
    assert_eq!(room(&head("/v1/chat/soup", &"a: b\r\n".repeat(65))), Err(Refusal::HeadersTooLarge));
}

#[test]
fn recipe_ids_are_unreserved_characters() {
    let id = |id: &str| room(&head(&format!("/v1/chat/{id}"), ""));
    for good in ["a", "A-z_0.9~", "%61", "...", &"x".repeat(128)] {
        assert!(id(good).is_ok(), "{good}");
    }
    for bad in [".", "..", "%2e", "%2E%2e", "a%2fb", "a%", "a%4", "a%zz", "a+b", "%00", "caf%C3%A9"]
    {
        assert!(matches!(id(bad), Err(Refusal::BadRequest(_))), "{bad}");
    }
    assert!(matches!(id(&"x".repeat(129)), Err(Refusal::BadRequest(_))));
    for nothing in ["/v1/chat/", "/v1/chat", "/v1/chat/a/b", "/v1/chat/a/", "/", "/v2/chat/a"] {
        assert_eq!(room(&head(nothing, "")), Err(Refusal::NotFound), "{nothing}");
    }
}

#[test]
fn what_is_refused_is_refused_in_order() {
    let good = head("/v1/chat/soup", "");
    let with = |from: &str, to: &str| room(&good.replacen(from, to, 1));
    let bad = |result: Result<String, Refusal>| matches!(result, Err(Refusal::BadRequest(_)));
    assert!(bad(with("HTTP/1.1", "HTTP/1.0")));
    assert!(bad(with("HTTP/1.1", "HTTP/2.0")));
    assert!(bad(with("GET /v1", "GET  /v1")));
    assert!(bad(with("Host: localhost\r\n", "")));
    assert!(bad(with("Host: localhost\r\n", "Host: a\r\nHost: b\r\n")));
    assert!(bad(with("Host", "Content-Length: 5\r\nHost")));
    assert!(bad(with("Host", "Transfer-Encoding: chunked\r\nHost")));
    assert!(bad(with(KEY, "c2hvcnQ=")));
    assert!(bad(with(KEY, "not base64 at all, is it")));
    assert!(bad(with("Host", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nHost")));
    assert!(with("Host", "Content-Length: 0\r\nHost").is_ok());
    assert_eq!(with("GET", "POST"), Err(Refusal::MethodNotAllowed));
    assert_eq!(with("Upgrade: websocket", "X: y"), Err(Refusal::UpgradeRequired));
    assert_eq!(with("keep-alive, Upgrade", "close"), Err(Refusal::UpgradeRequired));
    assert_eq!(with("Version: 13", "Version: 8"), Err(Refusal::UnsupportedVersion));
    assert_eq!(with("Sec-WebSocket-Version: 13\r\n", ""), Err(Refusal::UnsupportedVersion));
    let protocol = "Sec-WebSocket-Protocol: recipe-chat.v1\r\n";
    assert_eq!(room(&head("/v1/chat/a", protocol)), Err(Refusal::UnsupportedSubprotocol));
    assert!(room(&head("/v1/chat/a", "Sec-WebSocket-Protocol: ,\r\n")).is_ok());
    // Several faults: the first of the protocol's order is named.
    assert!(bad(room(&head("/v1/chat/..", "").replacen("GET", "POST", 1).replacen(
        "Version: 13",
        "Version: 8",
        1
    ))));
}

#[test]
fn the_health_route_takes_get() {
    let health = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(parse_with(health, &[]), Ok(Some((RequestKind::Health, health.len()))));
    let head = health.replacen("GET", "HEAD", 1);
    assert_eq!(parse_with(&head, &[]), Ok(Some((RequestKind::Health, head.len()))));
    assert!(form(&head, &[]).is_head && !form(health, &[]).is_head);
    assert_eq!(parse_with(&health.replacen("GET", "POST", 1), &[]), Err(Refusal::MethodNotAllowed));
}

#[test]
fn origins_are_exact_or_below_a_domain() {
    let origins = ["https://app.example.com", "*.example.org"];
    let with = |origin: &str| {
        parse_with(&head("/v1/chat/a", &format!("Origin: {origin}\r\n")), &origins).is_ok()
    };
    assert!(parse_with(&head("/v1/chat/a", ""), &origins).is_ok());
    for good in ["https://app.example.com", "HTTPS://App.Example.com", "http://a.b.example.org"] {
        assert!(with(good), "{good}");
    }
    for bad in [
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://example.org",
        "https://evil-example.org",
        "https://a.example.org:8080",
        "https://a.example.org.evil",
        "https://.example.org",
        "null",
        "",
    ] {
        assert!(!with(bad), "{bad}");
    }
}

/// A request of the application's, as far as it was read.
fn served(text: &str, origins: &[&str]) -> Result<Http, Refusal> {
    match parse_with(text, origins)? {
        Some((RequestKind::Http(http), _)) => Ok(http),
        other => panic!("{other:?}"),
    }
}

#[test]
fn http_request_is_read_with_body_length_and_token() {
    let text = "POST /v1/recipes?a=b HTTP/1.1\r\nHost: a.example\r\nContent-Length: 12\r\nAuthorization: \
                bearer  x.y.z\r\nExpect: 100-continue\r\nOrigin: https://a.example\r\n\r\n";
    let http = served(text, &[]).unwrap();
    let expected = Http {
        method: Method::Post,
        path: "/v1/recipes".into(),
        query: "a=b".into(),
        bearer: Some("x.y.z".into()),
        tags: None,
        accepts_gzip: false,
        content_type: None,
        body_length: 12,
        expects_continue: true,
    };
    assert_eq!(http, expected);
    assert!(!format!("{http:?}").contains("x.y.z"));
    assert_eq!(form(text, &[]).origin, None);
    assert_eq!(form(text, &["https://a.example"]).origin.as_deref(), Some("https://a.example"));
    assert_eq!(served(text, &["https://b.example"]), Err(Refusal::OriginNotAllowed));
}

#[test]
fn a_body_has_one_length_within_the_bound() {
    let with = |method: &str, lines: &str| {
        served(&format!("{method} /v1/recipes HTTP/1.1\r\nHost: a\r\n{lines}\r\n"), &[])
            .map(|http| http.body_length)
    };
    assert_eq!(with("POST", ""), Ok(0));
    assert_eq!(with("POST", "Content-Length: 1000\r\n"), Ok(1_000));
    assert_eq!(with("POST", "Content-Length: 5\r\nContent-Length: 5\r\n"), Ok(5));
    assert_eq!(with("POST", "Content-Length: 1001\r\n"), Err(Refusal::BodyTooLarge));
    let huge = "Content-Length: 99999999999999999999999\r\n";
    assert_eq!(with("POST", huge), Err(Refusal::BodyTooLarge));
    assert_eq!(with("POST", "Transfer-Encoding: chunked\r\n"), Err(Refusal::LengthRequired));
    for bad in ["-1", "+1", "1 2", "x", "", "5, 5"] {
        let result = with("POST", &format!("Content-Length: {bad}\r\n"));
        assert!(matches!(result, Err(Refusal::BadRequest(_))), "{bad}");
    }
    let two = "Content-Length: 5\r\nContent-Length: 6\r\n";
    assert!(matches!(with("POST", two), Err(Refusal::BadRequest(_))));
    assert!(matches!(with("GET", "Content-Length: 5\r\n"), Err(Refusal::BadRequest(_))));
    assert_eq!(with("TRACE", ""), Err(Refusal::MethodNotAllowed));
}

#[test]
fn a_preflight_says_which_page_asks() {
    let text = "OPTIONS /v1/recipes HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\n\r\n";
    let is_allowed = |origins: &[&str]| match parse_with(text, origins) {
        Ok(Some((RequestKind::Preflight { is_allowed }, _))) => is_allowed,
        other => panic!("{other:?}"),
    };
    assert!(is_allowed(&["https://a.example"]) && !is_allowed(&["https://b.example"]));
    assert!(!is_allowed(&[]));
}

#[test]
fn an_absolute_target_is_as_good_as_a_path() {
    let asked = |target: &str| {
        let text = head("/v1/chat/soup", "").replacen("/v1/chat/soup", target, 1);
        room(&text)
    };
    for target in [
        "http://localhost/v1/chat/soup",
        "HTTPS://elsewhere.example:443/v1/chat/soup?x=1",
        "http://[::1]/v1/chat/soup",
    ] {
        assert_eq!(asked(target).as_deref(), Ok("soup"), "{target}");
    }
    for nothing in
        ["http://a", "http://a?/v1/chat/soup", "http://a//v1/chat/soup", "ws://a/v1/chat/soup"]
    {
        assert_eq!(asked(nothing), Err(Refusal::NotFound), "{nothing}");
    }
    for bad in ["http://", "http:///v1/chat/soup", "http://u@a/v1/chat/soup"] {
        assert!(matches!(asked(bad), Err(Refusal::BadRequest(_))), "{bad}");
    }
    // It takes the place of a Host, which has to be good all the same.
    let absolute = head("http://a/v1/chat/soup", "");
    assert!(room(&absolute.replacen("Host: localhost", "Host: b", 1)).is_ok());
    assert!(room(&absolute.replacen("Host: localhost", "Host: b c", 1)).is_err());
    assert!(room(&absolute.replacen("Host: localhost\r\n", "", 1)).is_err());
}

#[test]
fn a_bad_host_is_refused_in_every_version() {
    for version in ["1.0", "1.1"] {
        let with = |hosts: &str| {
            let text = format!("GET /healthz HTTP/{version}\r\n{hosts}\r\n");
            parse_with(&text, &[]).map(|_| ())
        };
        assert_eq!(with("Host: a.example:80\r\n"), Ok(()));
        for bad in ["Host: a b\r\n", "Host: u@a\r\n", "Host: a/\r\n", "Host:\r\n", "Host: a:x\r\n"]
        {
            let malformed = Refusal::BadRequest("The Host header is malformed");
            assert_eq!(with(bad), Err(malformed), "{bad}");
        }
        assert!(with("Host: a\r\nHost: a\r\n").is_err());
        assert_eq!(with("").is_ok(), version == "1.0");
    }
}

#[test]
fn http_1_0_asks_and_changes_nothing() {
    let ask = |method: &str, path: &str| {
        let text = format!("{method} {path} HTTP/1.0\r\n\r\n");
        parse_with(&text, &[]).map(|asked| asked.is_some())
    };
    for method in ["GET", "HEAD"] {
        assert_eq!(ask(method, "/healthz"), Ok(true), "{method}");
        assert_eq!(ask(method, "/v1/recipes"), Ok(true), "{method}");
    }
    assert_eq!(ask("OPTIONS", "/v1/recipes"), Ok(true));
    assert_eq!(ask("POST", "/v1/recipes"), Err(NOT_HTTP_1_1));
    assert_eq!(ask("GET", "/v1/chat/soup"), Err(NOT_HTTP_1_1));
    assert_eq!(ask("GET", "/nothing"), Err(Refusal::NotFound));
    assert_eq!(ask("POST", "/nothing"), Err(Refusal::NotFound));
}

#[test]
fn a_path_is_judged_before_a_body() {
    for lines in
        ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: x\r\n"]
    {
        let ask = |path: &str| {
            let text = format!("POST {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
            parse_with(&text, &[]).map(|_| ())
        };
        for nothing in ["/", "/nothing", "/v1/chat/", "/v1/chat/a/b", "/healthz/"] {
            assert_eq!(ask(nothing), Err(Refusal::NotFound), "{nothing} {lines}");
        }
        for own in ["/healthz", "/v1/chat/soup", "/v1/chat/.."] {
            let refusal = Refusal::BadRequest("A body does not belong here");
            assert_eq!(ask(own), Err(refusal), "{own} {lines}");
        }
    }
}
