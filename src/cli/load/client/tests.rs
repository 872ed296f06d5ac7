use super::*;

const HEAD: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                    Connection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn server_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(length as u8),
        length @ 126..65_536 => {
            bytes.push(126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}

fn text(json: &str) -> Vec<u8> {
    server_frame(0x81, json.as_bytes())
}

fn events_of<'a>(
    client: &mut ResponseParser,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<ServerEvent> {
    let mut events = Vec::new();
    for mut chunk in chunks {
        while let Some(event) = client.next(&mut chunk) {
            events.push(event);
        }
        assert!(chunk.is_empty());
    }
    events
}

/// The bytes that an upgraded client receives.
fn hears(bytes: &[u8]) -> Vec<ServerEvent> {
    let mut client = ResponseParser::default();
    assert_eq!(events_of(&mut client, [HEAD.as_bytes()]), [ServerEvent::Upgraded]);
    events_of(&mut client, [bytes])
}

fn a_whole_life() -> (Vec<u8>, Vec<ServerEvent>) {
    let long = format!(
        r#"{{"type":"chat_message","payload":{{"content":"{}"}}}}"#,
        r#"\"type\":\"error\" "#.repeat(40)
    );
    let bytes = [
        HEAD.as_bytes().to_vec(),
        text(r#"{"type":"recipe_update","id":"1","payload":{"request_id":"auth_1"}}"#),
        server_frame(0x89, b"are you there"),
        server_frame(0x8a, b""),
        text(&long),
        server_frame(0x01, br#"{"type":"recipe_update","payload":{"request_id":null,"#),
        server_frame(0x89, b""),
        server_frame(0x00, br#""content":"#),
        server_frame(0x80, br#""x"}}"#),
        text(r#"{"type":"error","payload":{"error":"rate_limited"}}"#),
        text(r#"{"type":"auth_required"}"#),
        text(r#"{"type":"news"}"#),
        server_frame(0x88, b"\x03\xf0Token expired"),
        text("what comes after a close is not read"),
    ];
    let events = vec![
        ServerEvent::Upgraded,
        ServerEvent::Update { own: true },
        ServerEvent::Ping(b"are you there".to_vec()),
        ServerEvent::Chat,
        ServerEvent::Ping(Vec::new()),
        ServerEvent::Update { own: false },
        ServerEvent::Error("rate_limited".to_owned()),
        ServerEvent::AuthRequired,
        ServerEvent::Unknown,
        ServerEvent::Close { code: 1_008, reason: "Token expired".to_owned() },
    ];
    (bytes.concat(), events)
}

#[test]
fn session_in_one_read_is_parsed() {
    let (bytes, events) = a_whole_life();
    assert_eq!(events_of(&mut ResponseParser::default(), [&bytes[..]]), events);
}

#[test]
fn session_cut_anywhere_parses_the_same() {
    let (bytes, events) = a_whole_life();
    for at in 0..=bytes.len() {
        let (left, right) = bytes.split_at(at);
        assert_eq!(events_of(&mut ResponseParser::default(), [left, right]), events, "cut at {at}");
    }
}

#[test]
fn session_in_chunks_parses_the_same() {
    let (bytes, events) = a_whole_life();
    for size in 1..40 {
        assert_eq!(
            events_of(&mut ResponseParser::default(), bytes.chunks(size)),
            events,
            "by {size}"
        );
    }
}

#[test]
fn nothing_is_kept_between_whole_frames() {
    let mut client = ResponseParser::default();
    let (bytes, _) = a_whole_life();
    let message = text(r#"{"type":"chat_message"}"#);
    events_of(&mut client, [HEAD.as_bytes(), &message[..5]]);
    assert!(client.partial.capacity() > 0);
    events_of(&mut client, [&message[5..]]);
    assert_eq!(client.partial.capacity(), 0);
    assert!(!bytes.is_empty());
}

#[test]
fn space_and_order_in_the_json_do_not_matter() {
    let spaced = r#"{ "id": "type", "type" : "recipe_update", "payload": { "request_id" : "m" } }"#;
    assert_eq!(hears(&text(spaced)), [ServerEvent::Update { own: true }]);
    let last = r#"{"payload":{"content":"type"},"type":"chat_message"}"#;
    assert_eq!(hears(&text(last)), [ServerEvent::Chat]);
    let null = r#"{"type": "recipe_update", "payload": {"request_id": null}}"#;
    assert_eq!(hears(&text(null)), [ServerEvent::Update { own: false }]);
}

#[test]
fn long_frame_is_complete_only_at_its_end() {
    let message = format!(r#"{{"type":"chat_message","x":"{}"}}"#, "y".repeat(70_000));
    let bytes = text(&message);
    let mut client = ResponseParser::default();
    let events = events_of(&mut client, [HEAD.as_bytes(), &bytes[..65_536], &bytes[65_536..]]);
    assert_eq!(events, [ServerEvent::Upgraded, ServerEvent::Chat]);
}

#[test]
fn refusal_carries_its_code() {
    let full = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 23\r\nRetry-After: 1\r\n\r\n\
                {\"error\":\"at_capacity\"}";
    let refused = ServerEvent::Refused { status: 503, code: "at_capacity".to_owned() };
    for at in 0..=full.len() {
        let (left, right) = full.as_bytes().split_at(at);
        let events = events_of(&mut ResponseParser::default(), [left, right]);
        assert_eq!(events, std::slice::from_ref(&refused), "cut at {at}");
    }
    let bare = events_of(&mut ResponseParser::default(), [&b"HTTP/1.1 404 Not Found\r\n\r\n"[..]]);
    assert_eq!(bare, [ServerEvent::Refused { status: 404, code: String::new() }]);
}

#[test]
fn wrong_accept_value_is_refused() {
    let wrong = HEAD.replace("s3pP", "s3pp");
    let events = events_of(&mut ResponseParser::default(), [wrong.as_bytes()]);
    assert_eq!(events, [ServerEvent::Broken("a wrong Sec-WebSocket-Accept")]);
}

#[test]
fn a_close_without_a_code_is_1005() {
    let closed = ServerEvent::Close { code: 1_005, reason: String::new() };
    assert_eq!(hears(&server_frame(0x88, b"")), [closed]);
}

#[test]
fn framing_error_is_named() {
    let broken: [(&[u8], &str); 7] = [
        (&[0x81, 0x80, 0, 0, 0, 0], "a masked frame"),
        (&[0xc1, 0x00], "a reserved bit in a frame"),
        (&[0x82, 0x00], "a binary frame"),
        (&[0x83, 0x00], "a reserved opcode"),
        (&[0x80, 0x00], "a continuation of nothing"),
        (&[0x01, 0x00, 0x81, 0x00], "a message inside a message"),
        (&[0x81, 0x7f, 0, 0, 0, 1, 0, 0, 0, 0], "a frame over 16 MiB"),
    ];
    for (bytes, what) in broken {
        assert_eq!(hears(bytes), [ServerEvent::Broken(what)]);
    }
    let endless = vec![b'x'; 17_000];
    let events = events_of(&mut ResponseParser::default(), [&b"HTTP/1.1 200 "[..], &endless[..]]);
    assert_eq!(events, [ServerEvent::Broken("a response head over 16 KiB")]);
}
