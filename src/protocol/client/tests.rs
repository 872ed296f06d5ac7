use proptest::prelude::*;

use super::old::parse_old;
use super::*;

fn message(fields: &str) -> String {
    format!(r#"{{"timestamp":"2026-11-22T10:00:00.000Z",{fields}}}"#)
}

#[track_caller]
fn fault(text: &str) -> &'static str {
    match parse(text) {
        Err(MalformedMessage::Field { fault, .. }) => fault.text(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn chat_message_borrows_from_its_text() {
    let text = message(r#""type":"chat_message","id":"m1","payload":{"content":"hi"}"#);
    let Ok(ClientMessage::Chat {
        id: Cow::Borrowed("m1"),
        content: Cow::Borrowed("hi"),
        data: None,
    }) = parse(&text)
    else {
        panic!("{:?}", parse(&text))
    };
}

#[test]
fn data_of_a_chat_message_is_kept_as_written() {
    let chat = |data: &str| {
        let payload = format!(r#"{{"data":{data},"content":"hi"}}"#);
        message(&format!(r#""type":"chat_message","id":"m1","payload":{payload}"#))
    };
    for data in ["{}", r#"{ "a": [1.0, "\u00e9"] }"#] {
        match parse(&chat(data)) {
            Ok(ClientMessage::Chat { data: Some(found), .. }) => assert_eq!(found.get(), data),
            other => panic!("{other:?}"),
        }
    }
    for data in ["null", "[]", "1", r#""{}""#, r#"{"a":"\ud800"}"#] {
        assert!(fault(&chat(data)).contains("`payload.data`"), "{data}");
    }
    // Of other types it is not known.
    let ping = message(r#""type":"tomorrow","id":"m1","payload":{"data":7}"#);
    assert_eq!(parse(&ping), Ok(ClientMessage::Unknown));
}

#[test]
fn key_order_is_free_and_the_last_duplicate_wins() {
    let text = r#"{"payload":{"token":1,"token":"a.b.c","x":[{}]},"id":"x","id":"a1",
        "\u0074ype":"auth","more":null,"timestamp":"2026-11-22T10:00:00"}"#;
    let token = Some(Cow::Borrowed("a.b.c"));
    let auth = ClientMessage::Auth { id: "a1".into(), token, wants: Wants::default() };
    assert_eq!(parse(text), Ok(auth));
}

#[test]
fn unusable_token_is_not_an_envelope_error() {
    for payload in [r#"{}"#, r#"{"token":""}"#, r#"{"token":null}"#, r#"{"token":[1]}"#] {
        let text = message(&format!(r#""type":"auth","id":"a","payload":{payload}"#));
        let auth = ClientMessage::Auth { id: "a".into(), token: None, wants: Wants::default() };
        assert_eq!(parse(&text), Ok(auth));
    }
}

#[test]
fn text_that_is_not_json_is_reported() {
    for text in ["", "{", "nope", r#"{"type":"auth"} x"#, "{\"a\":\"\u{1}\"}"] {
        assert_eq!(parse(text), Err(MalformedMessage::Json), "{text}");
    }
}

#[test]
fn the_field_at_fault_is_named() {
    assert!(fault("[]").contains("object"));
    assert!(fault("null").contains("object"));
    assert!(fault("7").contains("object"));
    assert!(fault(r#"{"id":"a"}"#).contains("`type`"));
    assert!(fault(r#"{"type":"auth"}"#).contains("`id`"));
    assert!(fault(r#"{"type":"auth","id":""}"#).contains("`id`"));
    assert!(fault(r#"{"type":"auth","id":"a"}"#).contains("`timestamp`"));
    assert!(fault(r#"{"type":"auth","id":"a","timestamp":"now"}"#).contains("`timestamp`"));
    assert!(fault(&message(r#""type":"auth","id":"a","payload":"x""#)).contains("`payload`"));
    assert!(fault(&message(r#""type":"chat_message","id":"a","payload":{}"#)).contains("content"));
}

#[test]
fn lengths_are_counted_in_code_points() {
    let chat = |id: &str, content: &str| {
        parse(&message(&format!(
            r#""type":"chat_message","id":"{id}","payload":{{"content":"{content}"}}"#
        )))
        .is_ok()
    };
    assert!(chat(&"é".repeat(128), &"é".repeat(16_384)));
    assert!(!chat(&"é".repeat(129), "x"));
    assert!(!chat("a", &"é".repeat(16_385)));
}

#[test]
fn an_unknown_type_needs_a_whole_envelope() {
    let whole = message(r#""type":"recipe_update","id":"a","payload":{}"#);
    assert_eq!(parse(&whole), Ok(ClientMessage::Unknown));
    for fields in [r#""type":"wave""#, r#""type":"wave","id":"a""#, r#""type":"wave","payload":{}"#]
    {
        assert!(parse(&message(fields)).is_err(), "{fields}");
    }
}

#[test]
fn a_ping_needs_only_its_type() {
    let ping = |id: Option<&'static str>| Ok(ClientMessage::Ping { id: id.map(Into::into) });
    assert_eq!(parse(r#"{"type":"ping"}"#), ping(None));
    assert_eq!(parse(r#"{"id":"p","type":"ping"}"#), ping(Some("p")));
    assert_eq!(parse(r#"{"type":"ping","id":"p","timestamp":7,"payload":[]}"#), ping(Some("p")));
    for id in [r#""""#, "7", "null", "{}"] {
        let text = format!(r#"{{"type":"ping","id":{id}}}"#);
        assert_eq!(MessageFault::of(&parse(&text)), Some(MessageFault::Id), "{text}");
    }
}

#[test]
fn deep_nesting_is_an_error_not_a_crash() {
    let open = "[".repeat(100_000);
    assert_eq!(parse(&open), Err(MalformedMessage::Json));
    let text = message(&format!(r#""type":"auth","id":"a","payload":{{}},"x":{open}"#));
    assert_eq!(parse(&text), Err(MalformedMessage::Json));
    assert_eq!(parse(&"{\"a\":".repeat(100_000)), Err(MalformedMessage::Json));
}

#[test]
fn a_token_is_not_in_the_debug_form() {
    let text = message(r#""type":"auth","id":"a","payload":{"token":"s3cret"}"#);
    assert!(!format!("{:?}", parse(&text)).contains("s3cret"));
}

fn chat(id: &str, content: &str) -> String {
    message(&format!(r#""type":"chat_message","id":"{id}","payload":{{"content":"{content}"}}"#))
}

/// The id of a message that has a lone surrogate.
#[track_caller]
fn id_of(text: &str) -> Option<String> {
    match parse(text) {
        Err(MalformedMessage::Field { id, envelope: true, .. }) => id.map(Cow::into_owned),
        other => panic!("{other:?}"),
    }
}

#[test]
fn half_a_surrogate_pair_is_an_invalid_message() {
    for content in [r"\ud800", r"a\uDC00b", r"\ud83d\ud83d\ude00", r"\ude00\ud83d"] {
        assert_eq!(id_of(&chat("m1", content)).as_deref(), Some("m1"), "{content}");
    }
    assert_eq!(id_of(&chat(r"m\ufffd1", r"\ud800")).as_deref(), Some("m\u{fffd}1"));
    assert_eq!(id_of(&message(r#""id":"m1","\udfff":1"#)).as_deref(), Some("m1"));
    for nameless in [chat(r"m\ud800", "x"), chat("", r"\ud800"), r#""\ud800""#.to_owned()] {
        assert_eq!(id_of(&nameless), None, "{nameless}");
    }
    // A pair is a character.
    assert!(parse(&chat("m1", r"\ud83d\ude00")).is_ok());
    // The rule is one for fields that count and for those that are ignored or overwritten.
    for id in [r#"m1","more":"\ud800"#, r#"\ud800","id":"m1"#, r#"m1","\ud800":"x"#] {
        let text = chat(id, "x");
        assert_eq!(id_of(&text).as_deref(), Some("m1"), "{id}");
        assert_eq!(parse_old(&text, || "given".to_owned()), parse(&text), "{id}");
    }
    let ignored = message(r#""type":"wave","id":"m1","payload":{"a":[{"b":"\udead"}]}"#);
    assert_eq!(id_of(&ignored).as_deref(), Some("m1"));
    let cut = chat("m1", r"\ud800");
    for text in [cut.trim_end_matches('}'), r#"{"a":"\ud800\x"}"#, r"\ud800"] {
        assert_eq!(parse(text), Err(MalformedMessage::Json), "{text}");
    }
}

proptest! {
    /// What is taken is what a JSON parser takes that reads every string.
    #[test]
    fn a_taken_message_is_unicode_json(
        (key, id, value) in (escapes(), escapes(), escapes()), place in 0..4_usize,
    ) {
        let more = match place {
            0 => format!(r#""x{key}":"{value}""#),
            1 => format!(r#""id":"{id}","id":"m2""#),
            2 => format!(r#""content":"{value}""#),
            _ => format!(r#""x":[{{"{key}":["{value}"]}}]"#),
        };
        let text = message(&format!(
            r#""type":"chat_message","id":"m1",{more},"payload":{{"content":"x",{more}}}"#
        ));
        let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
        let is_empty = place == 2 && value.is_empty();
        prop_assert_eq!(parse(&text).is_ok(), is_json && !is_empty, "{}", text);
    }
}

/// A string's inside: characters, and halves of surrogate pairs.
fn escapes() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["a", r"\ud83d", r"\ude00", r"\u0041", "\u{e9}"]);
    prop::collection::vec(part, 0..4).prop_map(|parts| parts.concat())
}

/// Is this text read without the JSON parser?
fn is_plain(text: &str) -> bool {
    read_plain(text).is_some()
}

#[test]
fn messages_as_clients_write_them_are_plain() {
    let chat = |id: &str, content: &str| {
        format!(
            r#"{{"type":"chat_message","id":"{id}","timestamp":"2026-11-22T10:00:00.000Z","payload":{{"content":"{content}"}}}}"#
        )
    };
    let auth = |token: &str| {
        format!(
            r#"{{"type":"auth","id":"a","timestamp":"2026-11-22T10:00:00Z","payload":{{"token":"{token}"}}}}"#
        )
    };
    for text in [
        chat("m1", "hello"),
        chat("m1", "gr\u{fc}\u{df}e \u{1f375}"),
        chat(&"\u{e9}".repeat(128), &"\u{e9}".repeat(16_384)),
        auth("x.y.z"),
        message(r#""payload":{"content":"hello"},"id":"m","type":"chat_message""#),
    ] {
        assert!(is_plain(&text) && parse(&text).is_ok(), "{text}");
    }
    for text in [
        chat("m1", r"a\nb"),
        chat("m1", "a\nb"),
        chat("m1", "hello") + "\n",
        chat("m1", "hello").replace("10:00", "25:00"),
        chat("m1", ""),
        chat("", "hello"),
        chat(&"m".repeat(129), "hello"),
        chat("m1", &"\u{e9}".repeat(16_385)),
        auth(""),
        chat("m1", "hello").replace(r#""id":"m1""#, r#""id":"m1","id":"m2""#),
        chat("m1", "hello").replace("{\"type", "{\"payload\":{\"token\":\"x\"},\"type"),
        chat("m1", "hello").replace("content", "token"),
        r#"{"type":"ping",}"#.to_owned(),
        "{}".to_owned(),
        String::new(),
    ] {
        assert!(!is_plain(&text), "{text}");
    }
}

/// Pieces that messages are made of, and some that they are not.
const PIECES: [&str; 30] = [
    "{",
    "}",
    "{",
    "}",
    ":",
    ",",
    "\"",
    "\\",
    " ",
    "\n",
    "\u{0}",
    "\u{7f}",
    "\u{e9}",
    "[",
    "]",
    "null",
    "1",
    "\"type\":",
    "\"id\":",
    "\"timestamp\":",
    "\"payload\":{",
    "\"content\":",
    "\"token\":",
    "\"chat_message\"",
    "\"auth\"",
    "\"ping\"",
    "\"m1\"",
    "\"2026-11-22T10:00:00Z\"",
    "\\u00e9",
    "\\ud83c",
];

fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(PIECES.as_slice())
}

proptest! {
    #[test]
    fn pieces_are_read_as_by_serde(pieces in prop::collection::vec(piece(), 0..24)) {
        let text = pieces.concat();
        prop_assert_eq!(parse(&text), parse_by_serde(&text));
    }

    #[test]
    fn changed_messages_are_read_as_by_serde(
        kind in prop::sample::select(vec!["chat_message", "auth", "ping", "other"]),
        field in prop::sample::select(vec!["content", "token", "data", "resume"]),
        (id, said) in (any::<String>(), any::<String>()),
        (place, cut, piece) in (any::<prop::sample::Index>(), 0_usize..3, piece()),
    ) {
        let whole = format!(
            r#"{{"type":"{kind}","id":"{id}","timestamp":"2026-11-22T10:00:00Z","payload":{{"{field}":"{said}"}}}}"#
        );
        prop_assert_eq!(parse(&whole), parse_by_serde(&whole));
        let chars: Vec<char> = whole.chars().collect();
        let place = place.index(chars.len());
        let behind = chars.iter().skip(place + cut);
        let changed: String = chars.iter().take(place).copied().chain(piece.chars()).chain(behind.copied()).collect();
        prop_assert_eq!(parse(&changed), parse_by_serde(&changed));
    }
}
