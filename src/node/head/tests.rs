use super::*;

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

fn parse_with<'a>(text: &'a str, origins: &[&str]) -> Result<Option<(Asked<'a>, usize)>, Refusal> {
    let origins: Vec<_> = origins.iter().map(|&origin| origin.to_owned()).collect();
    let origins = Origins::new(&origins);
    let rules = Rules { max_bytes: 8_192, max_body_bytes: 1_000, origins: &origins, proxies: &[] };
    parse(text.as_bytes(), rules, PEER, |path| path.starts_with("/v1/recipes"))
}

fn room(text: &str) -> Result<String, Refusal> {
    match parse_with(text, &[])? {
        Some((Asked::Upgrade(upgrade), _)) => Ok(upgrade.room.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_upgrade_gives_its_room_and_accept_key() {
    let text = head("/v1/chat/soup%2D7?token=x", "Sec-WebSocket-Protocol: a, recipe-chat.v2\r\n");
    let with_frames = format!("{text}frames");
    let upgrade = Asked::Upgrade(Upgrade {
        room: "soup-7".into(),
        accept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".into(),
        subprotocol: true,
        client: PEER,
        credential: Credential::Token { kind: crate::node::Legacy::Query, token: "x".into() },
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
    let asked = Asked::Health { is_head: false };
    assert_eq!(parse_with(health, &[]), Ok(Some((asked, health.len()))));
    let head = health.replacen("GET", "HEAD", 1);
    let asked = Asked::Health { is_head: true };
    assert_eq!(parse_with(&head, &[]), Ok(Some((asked, head.len()))));
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
fn served<'a>(text: &'a str, origins: &[&str]) -> Result<Http<'a>, Refusal> {
    match parse_with(text, origins)? {
        Some((Asked::Http(http), _)) => Ok(http),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_of_the_applications_is_read_with_its_body_and_token() {
    let text = "POST /v1/recipes?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nAuthorization: \
                bearer  x.y.z\r\nExpect: 100-continue\r\nOrigin: https://a.example\r\n\r\n";
    let http = served(text, &[]).unwrap();
    let expected = Http {
        method: Method::Post,
        is_head: false,
        path: "/v1/recipes",
        query: "a=b",
        bearer: Some("x.y.z"),
        if_none_match: None,
        origin: None,
        body_length: 12,
        expects_continue: true,
        client: PEER,
    };
    assert_eq!(http, expected);
    assert!(!format!("{http:?}").contains("x.y.z"));
    let allowed = served(text, &["https://a.example"]).unwrap();
    assert_eq!(allowed.origin, Some("https://a.example"));
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
    let origin = |origins: &[&str]| match parse_with(text, origins) {
        Ok(Some((Asked::Preflight { origin }, _))) => origin.map(str::to_owned),
        other => panic!("{other:?}"),
    };
    assert_eq!(origin(&["https://a.example"]).as_deref(), Some("https://a.example"));
    assert_eq!(origin(&[]), None);
}
