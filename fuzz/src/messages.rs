//! The client's messages: our one-pass parser beside one that reads a whole tree first.

use serde_json::{Value, json};
use vestibule::protocol::{
    self, ClientMessage, MAX_CONTENT_CHARS, MAX_DATA_DEPTH, MAX_ID_CHARS, MalformedMessage, Memo,
    MessageFault, Position, ResumeFrom, Wants,
};
use vestibule::time::is_date_time;

/// The input is the text of one frame.
///
/// # Panics
/// When the two disagree, or when a message does not survive being written and read again.
pub fn messages(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parsed = protocol::parse(text);
    assert_eq!(parsed, protocol::parse_by_serde(text), "{text:?}");
    // serde_json has keys of its own, which a tree cannot hold.
    if let Ok(tree) = serde_json::from_str::<Value>(text)
        && !text.contains("$serde_json")
    {
        assert_eq!(without_data(&parsed), judge(&tree), "{text:?}");
    }
    if let Ok(message) = &parsed {
        let again = write(message).to_string();
        let again = protocol::parse(&again);
        assert_eq!(without_data(&again), without_data(&parsed), "{text:?}");
    }
    old(text, &parsed);
}

/// An old client is given what it lacks, and nothing else is read otherwise.
fn old(text: &str, parsed: &protocol::Parsed<'_>) {
    let old = protocol::parse_old(text, || "given".to_owned());
    if matches!(parsed, Ok(ClientMessage::Ping { .. })) {
        assert_eq!(old, Ok(ClientMessage::Unknown), "an old client's heartbeat: {text:?}");
    } else if parsed.is_ok() {
        assert_eq!(&old, parsed, "{text:?}");
    } else {
        let is_auth = matches!(old, Ok(ClientMessage::Auth { .. }));
        assert!(!is_auth, "an auth keeps every check: {text:?}");
    }
}

/// The data is compared by its text, which a tree does not have.
fn without_data<'a>(parsed: &protocol::Parsed<'a>) -> protocol::Parsed<'a> {
    let mut parsed = parsed.clone();
    if let Ok(ClientMessage::Chat { data, .. }) = &mut parsed {
        *data = None;
    }
    parsed
}

fn depth(tree: &Value) -> usize {
    match tree {
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// What the protocol says of a message, from its tree: slow, and easy to see through.
fn judge(tree: &Value) -> protocol::Parsed<'_> {
    let id = tree["id"].as_str().filter(|id| (1..=MAX_ID_CHARS).contains(&id.chars().count()));
    let fault =
        |envelope, fault| Err(MalformedMessage::Field { id: id.map(Into::into), envelope, fault });
    if !tree.is_object() {
        return fault(true, MessageFault::Object);
    }
    let Some(kind) = tree["type"].as_str() else {
        return fault(true, MessageFault::Type);
    };
    if kind == "ping" && tree.get("id").is_none() {
        return Ok(ClientMessage::Ping { id: None });
    }
    let Some(sure_id) = id else {
        return fault(true, MessageFault::Id);
    };
    if kind == "ping" {
        return Ok(ClientMessage::Ping { id: Some(sure_id.into()) });
    }
    if !tree["timestamp"].as_str().is_some_and(is_date_time) {
        return fault(true, MessageFault::Timestamp);
    }
    if !tree["payload"].is_object() {
        return fault(true, MessageFault::Payload);
    }
    let text = |field| tree["payload"][field].as_str().filter(|text| !text.is_empty());
    match (kind, text("content")) {
        ("auth", _) => {
            let payload = &tree["payload"];
            let resume = match payload["resume"].as_object() {
                None => ResumeFrom::Unsupported,
                Some(fields) => match fields.get("position").and_then(Value::as_str) {
                    None => ResumeFrom::Now,
                    Some(text) => {
                        Position::parse(text).map_or(ResumeFrom::Now, ResumeFrom::Position)
                    }
                },
            };
            let memo = payload["resume"]["memo"].as_str().and_then(Memo::parse);
            let wants = Wants { presence: payload["presence"] == json!(true), resume, memo };
            let token = text("token").map(Into::into);
            Ok(ClientMessage::Auth { id: sure_id.into(), token, wants })
        }
        ("chat_message", Some(content)) if content.chars().count() <= MAX_CONTENT_CHARS => {
            let data = &tree["payload"]["data"];
            let is_missing = tree["payload"].get("data").is_none();
            let is_fit = is_missing || (data.is_object() && depth(data) <= MAX_DATA_DEPTH);
            if !is_fit {
                return fault(false, MessageFault::Data);
            }
            Ok(ClientMessage::Chat { id: sure_id.into(), content: content.into(), data: None })
        }
        ("chat_message", _) => fault(false, MessageFault::Content),
        _ => Ok(ClientMessage::Unknown),
    }
}

/// The message as a client would write it.
fn write(message: &ClientMessage<'_>) -> Value {
    let (kind, id, payload) = match message {
        ClientMessage::Ping { id: None } => return json!({ "type": "ping" }),
        ClientMessage::Ping { id: Some(id) } => ("ping", &**id, json!({})),
        ClientMessage::Auth { id, token, wants } => {
            let mut payload = json!({ "token": token, "presence": wants.presence });
            match wants.resume {
                ResumeFrom::Unsupported => {}
                ResumeFrom::Now => payload["resume"] = json!({}),
                ResumeFrom::Position(position) => {
                    payload["resume"] = json!({ "position": position.to_string() });
                }
            }
            if let Some(memo) = wants.memo {
                payload["resume"]["memo"] = json!(memo);
            }
            ("auth", &**id, payload)
        }
        ClientMessage::Chat { id, content, data: None } => {
            ("chat_message", &**id, json!({ "content": content }))
        }
        ClientMessage::Chat { id, content, data: Some(data) } => {
            let data: Value = serde_json::from_str(data.get()).unwrap_or_default();
            ("chat_message", &**id, json!({ "content": content, "data": data }))
        }
        ClientMessage::Unknown => ("a type of tomorrow", "id", json!({})),
    };
    json!({ "payload": payload, "timestamp": "2026-11-22T10:00:00Z", "id": id, "type": kind })
}
