//! The JSON Schema of the messages, generated from the types on the wire.
//!
//! The server's messages are described by the types that it serialises. Clients' messages are
//! parsed by hand, without copying; here they have owned forms, which tests compare with that
//! parser.
//!
//! The schema is open, like the protocol: unknown fields are ignored.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{
    AuthRequired, ChatMessage, ErrorPayload, GoingAway, MAX_CONTENT_CHARS, MAX_ID_CHARS, Payload,
    Pong, Presence, RecipeUpdate, SUBPROTOCOL, ServerMessage,
};
use crate::time::Rfc3339;

/// The whole document, with one entry of `$defs` for each message and payload, and one for each
/// direction.
#[must_use]
pub fn document() -> Value {
    let mut messages = Messages(SchemaSettings::draft2020_12().for_serialize().into_generator());
    let from_clients = [
        messages.client::<AuthPayload>("Auth", "auth"),
        messages.client::<ChatPayload>("ClientChatMessage", "chat_message"),
        messages.ping(),
    ];
    let from_the_server = [
        messages.server::<AuthRequired>("AuthRequired"),
        messages.server::<ChatMessage<'_>>("ServerChatMessage"),
        messages.server::<RecipeUpdate<'_>>("RecipeUpdate"),
        messages.server::<Pong<'_>>("Pong"),
        messages.server::<Presence<'_>>("Presence"),
        messages.server::<GoingAway>("GoingAway"),
        messages.server::<ErrorPayload<'_>>("ErrorMessage"),
    ];
    let directions = [
        messages.one_of("ClientMessage", "Every message that a client sends.", &from_clients),
        messages.one_of("ServerMessage", "Every message that the server sends.", &from_the_server),
    ];
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("The messages of {SUBPROTOCOL}"),
        "description": "Lengths are counted in Unicode code points. A field that is not named here \
            is passed over.",
        "anyOf": directions,
        "$defs": messages.0.take_definitions(true),
    })
}

/// Collects the definitions.
struct Messages(SchemaGenerator);

impl Messages {
    fn client<P: JsonSchema>(&mut self, name: &str, kind: &str) -> Value {
        let envelope = ClientEnvelope::<P>::json_schema(&mut self.0);
        self.message::<P>(name, kind, envelope)
    }

    /// `ping`, which needs no more than its type.
    fn ping(&mut self) -> Value {
        let schema = json!({
            "type": "object",
            "description": "Asks for a `pong`. All but the type may be left out.",
            "properties": {
                "type": { "type": "string", "const": "ping", "description": "The discriminator." },
                "id": {
                    "type": "string",
                    "description": "The `pong` has it as its `request_id`.",
                    "minLength": 1,
                    "maxLength": MAX_ID_CHARS,
                },
            },
            "required": ["type"],
        });
        self.define("Ping", schema)
    }

    fn server<P: Payload + JsonSchema>(&mut self, name: &str) -> Value {
        let envelope = ServerMessage::<P>::json_schema(&mut self.0);
        self.message::<P>(name, P::TYPE, envelope)
    }

    /// Defines a message: the envelope with a constant `type`, and the description of its payload.
    fn message<P: JsonSchema>(&mut self, name: &str, kind: &str, mut envelope: Schema) -> Value {
        let payload = P::json_schema(&mut self.0);
        envelope.insert("description".to_owned(), json!(payload.get("description")));
        if let Some(field) = envelope.pointer_mut("/properties/type") {
            *field =
                json!({ "type": "string", "const": kind, "description": "The discriminator." });
        }
        self.define(name, envelope.to_value())
    }

    fn one_of(&mut self, name: &str, description: &str, messages: &[Value]) -> Value {
        self.define(name, json!({ "description": description, "oneOf": messages }))
    }

    /// Adds a definition, and returns a reference to it.
    fn define(&mut self, name: &str, schema: Value) -> Value {
        self.0.definitions_mut().insert(name.to_owned(), schema);
        json!({ "$ref": format!("#/$defs/{name}") })
    }
}

/// An RFC 3339 date-time, as far as a pattern can describe it: it accepts a 30 February, which the
/// parser refuses.
const CLIENT_TIME: &str = concat!(
    "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])",
    "[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]+)?",
    "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?$"
);
/// The form in which [`Rfc3339`] writes a date-time.
const SERVER_TIME: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$";

impl JsonSchema for Rfc3339 {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Rfc3339".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time", "pattern": SERVER_TIME })
    }
}

/// The owned form of a client's message.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[cfg_attr(not(test), expect(dead_code, reason = "it is only described"))]
struct ClientEnvelope<P> {
    #[schemars(rename = "type")]
    #[cfg_attr(test, serde(rename = "type"))]
    kind: String,
    /// Unique within its sender. Each `auth` needs a fresh one; a chat message that is sent again
    /// keeps its own.
    #[schemars(length(min = 1, max = MAX_ID_CHARS))]
    id: String,
    /// An RFC 3339 date-time, whose offset may be left out. It is checked for its form, never used.
    #[schemars(regex(pattern = CLIENT_TIME))]
    timestamp: String,
    /// What is said.
    payload: P,
}

/// Who it is: the first message on a connection, and the answer to `auth_required`.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[cfg_attr(not(test), expect(dead_code, reason = "it is only described"))]
struct AuthPayload {
    /// A JWT in the compact form.
    #[schemars(length(min = 1))]
    token: String,
    /// In the first `auth` of a connection, true: the server sends `presence` messages.
    #[schemars(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    presence: Option<bool>,
    /// In the first `auth` of a connection, an object: the client supports resuming.
    #[schemars(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ResumeRequest")]
    resume: Option<ResumeRequest>,
}

/// A client that supports resuming, and where it stands.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[cfg_attr(not(test), expect(dead_code, reason = "it is only described"))]
struct ResumeRequest {
    /// The last position that it has got, when it comes back.
    #[schemars(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    position: Option<String>,
    /// The last memo that it has got, when it comes back.
    #[schemars(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    memo: Option<String>,
}

/// What a user says in the room.
#[derive(JsonSchema)]
#[schemars(rename = "ClientChatMessagePayload")]
#[cfg_attr(test, derive(serde::Deserialize))]
#[cfg_attr(not(test), expect(dead_code, reason = "it is only described"))]
struct ChatPayload {
    /// 1 to 16,384 characters.
    #[schemars(length(min = 1, max = MAX_CONTENT_CHARS))]
    content: String,
    /// Any object, nested at most 32 deep; it is forwarded as it is.
    #[schemars(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "serde_json::Map<String, Value>")]
    data: Option<serde_json::Map<String, Value>>,
}

#[cfg(test)]
mod tests {
    use super::super::{ClientMessage, Position, ResumeFrom, Wants, parse};
    use super::*;
    use crate::time::is_date_time;

    const AUTH: &str = include_str!("../../tests/fixtures/messages/client_auth.json");
    const CHAT: &str = include_str!("../../tests/fixtures/messages/client_chat_message.json");

    #[test]
    fn owned_forms_agree_with_the_parser() {
        let auth: ClientEnvelope<AuthPayload> = serde_json::from_str(AUTH).unwrap();
        let AuthPayload { token, presence, resume } = auth.payload;
        let resume = match resume {
            None => ResumeFrom::Unsupported,
            Some(ResumeRequest { position, memo }) => {
                assert_eq!(memo, None);
                position
                    .and_then(|text| Position::parse(&text))
                    .map_or(ResumeFrom::Now, ResumeFrom::Position)
            }
        };
        let wants = Wants { presence: presence == Some(true), resume, memo: None };
        let read = ClientMessage::Auth { id: auth.id.into(), token: Some(token.into()), wants };
        assert!(parse(AUTH) == Ok(read));
        let chat: ClientEnvelope<ChatPayload> = serde_json::from_str(CHAT).unwrap();
        assert_eq!(chat.payload.data, None);
        let (id, content) = (chat.id.into(), chat.payload.content.into());
        let read = ClientMessage::Chat { id, content, data: None };
        assert_eq!(parse(CHAT), Ok(read));
        assert_eq!([auth.kind, chat.kind], ["auth", "chat_message"]);
        assert!([auth.timestamp, chat.timestamp].iter().all(|time| is_date_time(time)));
    }
}
