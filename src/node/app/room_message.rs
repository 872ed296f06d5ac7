//! What an application tells a room that stores its publications, and where a room stands.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::id::ConnId;
use crate::protocol::{ChatMessage, JsonObject, Payload, Position, ServerMessage};
use crate::time::UnixTime;

/// What the text of a chat message begins with.
const CHAT: &str = "{\"type\":\"chat_message\",";
/// What every text ends with: its payload, and itself.
const END: &str = "}}";

/// A message as everybody in its room gets it, but for its position: a `chat_message`, or a
/// `recipe_update` whose `request_id` is null.
#[derive(Clone, PartialEq, Eq)]
pub struct RoomMessage(Box<str>);

impl RoomMessage {
    /// What `user` has said under this id.
    #[must_use]
    pub fn chat(
        now: UnixTime,
        user: &str,
        (id, content): (&str, &str),
        data: Option<JsonObject<'_>>,
    ) -> Self {
        let payload = ChatMessage { content, user_id: user, data, position: None };
        Self::new(&ServerMessage::relayed(id, now.to_rfc3339(), payload))
    }

    pub(crate) fn new<P: Payload>(message: &ServerMessage<'_, P>) -> Self {
        let mut text = Vec::new();
        message.write(&mut text);
        // JSON of texts is text.
        Self(String::from_utf8(text).unwrap_or_default().into())
    }

    /// Takes a message as it was stored. `None`: it is none.
    #[must_use]
    pub fn parse(text: String) -> Option<Self> {
        #[derive(Deserialize)]
        struct Parts<'a> {
            #[serde(borrow, rename = "type")]
            kind: &'a RawValue,
            #[serde(borrow)]
            payload: &'a RawValue,
        }
        let Parts { kind, payload } = serde_json::from_str(&text).ok()?;
        let is_known = ["\"chat_message\"", "\"recipe_update\""].contains(&kind.get());
        let is_last = text.ends_with(END) && payload.get().len() > END.len();
        (is_known && is_last).then(|| Self(text.into()))
    }

    /// Its text: JSON.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Is it a chat message?
    pub(crate) fn is_chat(&self) -> bool {
        self.0.starts_with(CHAT)
    }
}

/// A message may be anybody's: it is not shown.
impl fmt::Debug for RoomMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoomMessage({} bytes)", self.0.len())
    }
}

/// A message that an application has stored and published.
#[derive(Clone, Debug)]
pub struct RoomPublication {
    /// The recipe's id.
    pub room: String,
    /// The position before it.
    pub follows: Position,
    /// Its own: the next number, and a tag that was drawn for it.
    pub position: Position,
    /// What everybody in the room gets.
    pub message: RoomMessage,
    /// The connection that does not get it: of whoever has said it, or gets the same as an answer.
    pub except: Option<ConnId>,
}

/// The last messages of a room, up to where it stands when a client is admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomTail {
    /// The position before the first of these: [`Join::position`](super::Join::position), where the
    /// application knows what came behind it. Otherwise the room's last one, and there are no messages.
    pub base: Position,
    /// At most 64, the oldest first: each follows the one before it.
    pub messages: Vec<(Position, RoomMessage)>,
}

impl RoomTail {
    /// A room that stands at this position.
    #[must_use]
    pub const fn at(position: Position) -> Self {
        Self { base: position, messages: Vec::new() }
    }

    /// Where the room stands.
    #[must_use]
    pub fn head(&self) -> Position {
        self.messages.last().map_or(self.base, |(position, _)| *position)
    }

    pub(crate) fn weight(&self) -> usize {
        let texts: usize = self.messages.iter().map(|(_, message)| message.0.len()).sum();
        size_of::<Self>() + texts + self.messages.len() * size_of::<(Position, RoomMessage)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_read_as_it_was_stored() {
        let now = UnixTime::from_millis(1_795_341_600_000);
        let said = RoomMessage::chat(now, "alice", ("m\"1", "}}"), None);
        assert!(said.is_chat());
        assert_eq!(RoomMessage::parse(said.as_str().to_owned()), Some(said));
        for text in ["", "{}", "{\"type\":\"chat_message\",\"payload\":7}", "{\"payload\":{}}"] {
            assert_eq!(RoomMessage::parse(text.to_owned()), None, "{text}");
        }
    }
}
