//! What is written for a response, and which heads are recognised.

use super::*;

fn text(response: &Response, form: &ResponseForm, secure_seconds: Option<u64>) -> String {
    let (mut bytes, body) = response.clone().into_bytes(form, secure_seconds);
    bytes.extend(body.unwrap_or_default());
    String::from_utf8(bytes).unwrap()
}

fn lines<'a>(answer: &'a str, name: &str) -> Vec<&'a str> {
    let lines = answer.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

#[test]
fn a_response_ends_where_its_length_says() {
    let response = Response::json(200, &[1, 2]).with("ETag", "\"a\"");
    let expected = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"a\"\r\n\
                    Cache-Control: no-store\r\nVary: Origin\r\n\
                    X-Content-Type-Options: nosniff\r\nContent-Length: 5\r\n\
                    Connection: close\r\n\r\n[1,2]";
    assert_eq!(text(&response, &ResponseForm::default(), None), expected);
    let head = ResponseForm { is_head: true, ..ResponseForm::default() };
    assert_eq!(text(&response, &head, None), expected.strip_suffix("[1,2]").unwrap());
}

#[test]
fn a_long_body_is_written_without_a_copy() {
    let form = ResponseForm::default();
    for (length, is_copied) in [(COPIED_BYTES, true), (COPIED_BYTES + 1, false)] {
        let body = vec![b'x'; length];
        let place = body.as_ptr();
        let (head, rest) = Response::new(200, "text/plain", body).into_bytes(&form, None);
        assert_eq!(rest.as_ref().map(|rest| rest.as_ptr() == place), (!is_copied).then_some(true));
        let length = format!("Content-Length: {length}\r\nConnection: close\r\n\r\n");
        assert!(String::from_utf8(head).unwrap().trim_end_matches('x').ends_with(&length));
    }
    let head = ResponseForm { is_head: true, ..form };
    let (_, rest) = Response::new(200, "text/plain", vec![b'x'; 10_000]).into_bytes(&head, None);
    assert_eq!(rest, None);
}

#[test]
fn a_long_body_waits_without_spare_capacity() {
    let mut body = Vec::with_capacity(4 * COPIED_BYTES);
    body.resize(2 * COPIED_BYTES, b'x');
    let form = ResponseForm::default();
    let (_, rest) = Response::new(200, "text/plain", body).into_bytes(&form, None);
    assert_eq!(rest.map(|rest| rest.capacity()), Some(2 * COPIED_BYTES));
}

#[test]
fn a_page_may_read_what_its_origin_allows() {
    let origin = "https://chat.example.com";
    let form = ResponseForm { origin: Some(origin.into()), ..ResponseForm::default() };
    let text = text(&Response::not_found(), &form, None);
    assert_eq!(lines(&text, "access-control-allow-origin"), [origin]);
    assert_eq!(lines(&text, "access-control-expose-headers"), [EXPOSED]);
    assert_eq!(lines(&text, "vary"), ["Origin"]);
}

#[test]
fn a_line_of_the_answers_own_takes_the_place_of_ours() {
    let own = Response::not_found()
        .with("cache-control", "max-age=60")
        .with("x-content-type-options", "nosniff")
        .with("strict-transport-security", "max-age=1");
    let text = text(&own, &ResponseForm::default(), Some(60));
    assert_eq!(lines(&text, "cache-control"), ["max-age=60"]);
    assert_eq!(lines(&text, "x-content-type-options"), ["nosniff"]);
    assert_eq!(lines(&text, "strict-transport-security"), ["max-age=1"]);
}

#[test]
fn a_body_is_not_in_the_debug_form() {
    let response = Response::json(200, &"hush");
    assert!(!format!("{response:?}").contains("hush"));
}

#[test]
fn what_has_no_body_has_no_length() {
    let response = Response::new(304, "text/plain", &b"x"[..]);
    let text = text(&response, &ResponseForm::default(), None);
    assert!(!text.contains("Content-Length") && text.ends_with("\r\n\r\n"));
}

#[test]
fn a_head_that_cannot_be_read_may_still_be_one() {
    for text in ["HEAD / HTTP/3.0\r\n", "HEAD ", "\r\n\r\nHEAD /x", "\nHEAD \0"] {
        assert!(begins_as_head(text.as_bytes()), "{text}");
    }
    for text in ["", "\r\n", "HEA", "HEADS /", "head / ", " HEAD /", "GET HEAD "] {
        assert!(!begins_as_head(text.as_bytes()), "{text}");
    }
}
