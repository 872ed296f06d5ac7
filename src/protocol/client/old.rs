//! The parser for clients of the first protocol version, which authenticate in the upgrade request.

use super::raw::Field;
use super::{ClientMessage, Parsed, read, require_unicode, validate};

/// Parses one text frame of an old client, one that its upgrade request authenticated.
///
/// In the first version the server assigned the id and the time of a chat message, so these clients
/// send neither: `supply_id` generates a missing `id`. Fields that are present are validated as for
/// other clients. A message of an unknown type, such as a heartbeat, needs only its `type`.
///
/// # Errors
/// As [`parse`](super::parse). An `auth` is validated in full: its id is needed for the answer and
/// for the check against replays.
pub fn parse_old(text: &str, supply_id: impl FnOnce() -> String) -> Parsed<'_> {
    let mut envelope = read(text)?;
    let kind = if let Field::Text(kind) = &envelope.kind { Some(&**kind) } else { None };
    match kind {
        Some("chat_message") => {
            if let Field::Missing = envelope.id {
                envelope.id = Field::Text(supply_id().into());
            }
            if let Field::Missing = envelope.timestamp {
                envelope.timestamp = Field::Text(SUPPLIED_TIME.into());
            }
        }
        None | Some("auth") => {}
        Some(_) => return require_unicode(text, ClientMessage::Unknown),
    }
    validate(envelope).and_then(|message| require_unicode(text, message))
}

/// The placeholder for a time that an old client did not send. A client's time is only validated,
/// never used, so this value has no effect.
const SUPPLIED_TIME: &str = "1970-01-01T00:00:00Z";

#[cfg(test)]
mod tests {
    use super::super::{MessageFault, parse};
    use super::*;

    fn message(fields: &str) -> String {
        format!(r#"{{"timestamp":"2026-11-22T10:00:00.000Z",{fields}}}"#)
    }

    #[test]
    fn old_client_message_gets_id_and_time() {
        let old = |text: &str| match parse_old(text, || "given".to_owned()) {
            Ok(ClientMessage::Chat { id, content, .. }) => (id.into_owned(), content.into_owned()),
            other => panic!("{other:?}"),
        };
        let bare = r#"{"type":"chat_message","payload":{"content":"hi"}}"#;
        assert_eq!(old(bare), ("given".to_owned(), "hi".to_owned()));
        let with_id = r#"{"type":"chat_message","id":"m","payload":{"content":"hi"},"x":1}"#;
        assert_eq!(old(with_id), ("m".to_owned(), "hi".to_owned()));
        let whole = message(r#""type":"chat_message","id":"m","payload":{"content":"hi"}"#);
        assert_eq!(old(&whole), ("m".to_owned(), "hi".to_owned()));
        // A new client's missing fields are not supplied.
        assert_eq!(MessageFault::of(&parse(bare)), Some(MessageFault::Id));
        assert_eq!(MessageFault::of(&parse(with_id)), Some(MessageFault::Timestamp));
    }

    #[test]
    fn old_client_fields_are_still_validated() {
        let fault = |text: &str| MessageFault::of(&parse_old(text, || "given".to_owned()));
        let cases = [
            ("nope", MessageFault::Json),
            ("[]", MessageFault::Object),
            (r#"{"payload":{"content":"hi"}}"#, MessageFault::Type),
            (r#"{"type":7,"payload":{"content":"hi"}}"#, MessageFault::Type),
            (r#"{"type":"chat_message","id":"","payload":{"content":"hi"}}"#, MessageFault::Id),
            (r#"{"type":"chat_message","id":null,"payload":{"content":"hi"}}"#, MessageFault::Id),
            (
                r#"{"type":"chat_message","timestamp":"now","payload":{"content":"hi"}}"#,
                MessageFault::Timestamp,
            ),
            (r#"{"type":"chat_message"}"#, MessageFault::Payload),
            (r#"{"type":"chat_message","payload":{}}"#, MessageFault::Content),
            (r#"{"type":"auth","payload":{"token":"t"}}"#, MessageFault::Id),
            (r#"{"type":"auth","id":"a","payload":{"token":"t"}}"#, MessageFault::Timestamp),
        ];
        for (text, expected) in cases {
            assert_eq!(fault(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn old_client_heartbeat_needs_only_its_type() {
        for text in [r#"{"type":"ping"}"#, r#"{"type":"heartbeat","id":7,"payload":[]}"#] {
            assert_eq!(parse_old(text, || unreachable!()), Ok(ClientMessage::Unknown), "{text}");
        }
    }
}
