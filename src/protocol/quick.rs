//! How the messages of each chat are written: their constant parts are copied, and their texts, too,
//! where they need no escapes. The serialiser writes the same, and everything else.

use serde::Serialize;

use super::plain_text::write_text;
use super::server::{ChatMessage, Payload, RecipeUpdate, SessionInfo, serialise};

impl Payload for ChatMessage<'_> {
    const TYPE: &'static str = "chat_message";

    fn write(&self, buffer: &mut Vec<u8>) {
        let Self { content, user_id, data, position } = self;
        buffer.extend_from_slice(b"{\"content\":");
        write_text(buffer, content);
        buffer.extend_from_slice(b",\"user_id\":");
        write_text(buffer, user_id);
        if let Some(data) = data {
            buffer.extend_from_slice(b",\"data\":");
            buffer.extend_from_slice(data.get().as_bytes());
        }
        write_field(buffer, b",\"position\":", position.as_ref());
        buffer.push(b'}');
    }
}

impl Payload for RecipeUpdate<'_> {
    const TYPE: &'static str = "recipe_update";

    fn write(&self, buffer: &mut Vec<u8>) {
        let Self { request_id, content, recipe_data, session, history, .. } = self;
        let Self { source, position, resumed, missed, .. } = self;
        buffer.extend_from_slice(b"{\"request_id\":");
        match request_id {
            Some(id) => write_text(buffer, id),
            None => buffer.extend_from_slice(b"null"),
        }
        buffer.extend_from_slice(b",\"content\":");
        write_text(buffer, content);
        buffer.extend_from_slice(b",\"recipe_data\":");
        let recipe = recipe_data.map_or("null", |recipe| recipe.get());
        buffer.extend_from_slice(recipe.as_bytes());
        if let Some(session) = session {
            write_session(buffer, session);
        }
        if let Some(history) = history {
            buffer.extend_from_slice(b",\"history\":");
            buffer.extend_from_slice(history.get().as_bytes());
        }
        write_field(buffer, b",\"source\":", source.as_ref());
        write_field(buffer, b",\"position\":", position.as_ref());
        write_field(buffer, b",\"resumed\":", resumed.as_ref());
        write_field(buffer, b",\"missed\":", missed.as_ref());
        buffer.push(b'}');
    }
}

fn write_session(buffer: &mut Vec<u8>, session: &SessionInfo<'_>) {
    let SessionInfo { user_id, expires_at, reauth_at, ping_interval_ms, .. } = session;
    buffer.extend_from_slice(b",\"session\":{\"user_id\":");
    write_text(buffer, user_id);
    buffer.extend_from_slice(b",\"expires_at\":\"");
    buffer.extend_from_slice(&expires_at.0);
    buffer.extend_from_slice(b"\",\"reauth_at\":\"");
    buffer.extend_from_slice(&reauth_at.0);
    write_field(buffer, b"\",\"ping_interval_ms\":", Some(ping_interval_ms));
    write_field(buffer, b",\"resume\":", session.resume.as_ref());
    write_field(buffer, b",\"reconnect\":", session.reconnect.as_ref());
    buffer.push(b'}');
}

/// Appends a field that may be missing: its `name` with what surrounds it, and its value.
fn write_field(buffer: &mut Vec<u8>, name: &[u8], value: Option<&impl Serialize>) {
    if let Some(value) = value {
        buffer.extend_from_slice(name);
        serialise(buffer, value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;
    use crate::id::{MessageIds, Seed};
    use crate::protocol::{
        ClientMessage, Memo, Position, ReconnectInfo, ResumeInfo, ServerMessage, UpdateSource,
        parse,
    };
    use crate::time::UnixTime;

    fn is_as_serde_writes_it(payload: &impl Payload) {
        let mut quick = Vec::new();
        payload.write(&mut quick);
        assert_eq!(String::from_utf8(quick).unwrap(), serde_json::to_string(payload).unwrap());
    }

    fn position() -> impl Strategy<Value = Option<Position>> {
        option::of(
            (any::<u64>(), any::<u64>()).prop_map(|(number, tag)| Position::new(number, tag)),
        )
    }

    proptest! {
        #[test]
        fn chat_is_written_as_serde_writes_it(
            (content, user_id) in (any::<String>(), any::<String>()),
            (position, has_data) in (position(), any::<bool>()),
        ) {
            let text = r#"{"type":"chat_message","id":"m","timestamp":"2026-11-22T10:00:00Z","payload":{"content":"x","data":{"a": "\u00e9"}}}"#;
            let Ok(ClientMessage::Chat { data, .. }) = parse(text) else { panic!("{text}") };
            let data = data.filter(|_| has_data);
            let chat = ChatMessage { content: &content, user_id: &user_id, data, position };
            is_as_serde_writes_it(&chat);
        }

        #[test]
        fn updates_are_written_as_serde_writes_them(
            (content, request_id) in (any::<String>(), option::of(any::<String>())),
            (position, has_recipe, is_of_model) in (position(), any::<bool>(), any::<bool>()),
            (is_first, resumed) in (any::<bool>(), option::of(any::<bool>())),
            (has_history, missed) in (any::<bool>(), option::of(any::<u64>())),
            (user_id, window) in (any::<String>(), option::of(any::<u64>())),
        ) {
            let raw: &RawValue = serde_json::from_str(r#"{"id":"soup", "steps":[]}"#).unwrap();
            let at = UnixTime::from_millis(1_800_000_000_000).to_rfc3339();
            let session = SessionInfo {
                user_id: &user_id,
                expires_at: at,
                reauth_at: at,
                ping_interval_ms: 30_000,
                resume: window.map(|window_ms| ResumeInfo { memo: Memo([7; 48]), position, window_ms }),
                reconnect: missed.map(|within_ms| ReconnectInfo { within_ms }),
            };
            let update = RecipeUpdate {
                request_id: request_id.as_deref(),
                content: &content,
                recipe_data: has_recipe.then_some(raw),
                session: is_first.then_some(session),
                history: has_history.then_some(raw),
                source: is_of_model.then_some(UpdateSource::Model),
                position,
                resumed,
                missed,
            };
            is_as_serde_writes_it(&update);
            let id = MessageIds::new(Seed::predictable(1)).next(UnixTime::default());
            let message = ServerMessage::new(&id, at, update);
            let mut quick = Vec::new();
            message.write(&mut quick);
            assert_eq!(String::from_utf8(quick).unwrap(), serde_json::to_string(&message).unwrap());
        }
    }
}
