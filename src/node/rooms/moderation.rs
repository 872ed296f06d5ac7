//! Messages that the application sees before the others do (`backend.moderate`).
//!
//! ```text
//! message ─▶ asked ─┬─▶ deliver, or deliver changed: a position, the others, the sender's answer
//!                   ├─▶ do not deliver: `not_delivered` for the sender, also when it comes again
//!                   └─▶ no answer in time, or a failure: an error; sent again, it is asked about anew
//! ```
//!
//! A message that waits is kept with its question, which is charged for it. A connection's next message
//! waits for the answer to this one, so a sender's messages are delivered in their order; those of a
//! room in the order of their answers. An answer that comes too late delivers nothing: by then its
//! sender knows that it failed, and has perhaps said something else.

use crate::id::ConnId;
use crate::node::app::{Answer, Moderation, Update};
use crate::node::connections::Connections;
use crate::node::connections::frame::Shared;
use crate::node::context::Cx;
use crate::node::rooms::Rooms;
use crate::node::rooms::deliveries::Delivered;
use crate::node::rooms::held::HeldMessage;
use crate::protocol::{ChatMessage, Position, Said, ServerMessage};

impl Rooms {
    /// Tells a room but its sender of a message, which gets its position now.
    pub(crate) fn deliver_chat(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        (room, user): (&str, &str),
        sender: ConnId,
        said: Said<'_>,
    ) {
        let write = |cx: &mut Cx, position| chat_frame(cx, user, said, position);
        self.publish(cx, connections, room, Some(sender), (Delivered::Chat, write));
    }

    /// The application has answered in time: the message that was `held` is delivered, or not.
    pub(crate) fn deliver_held(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        room: &str,
        sender: ConnId,
        (held, update): (&HeldMessage, &Update),
    ) {
        let said = held.said();
        let said = match &update.moderation {
            Moderation::Deliver => said,
            Moderation::Change(content) => {
                cx.metrics.changed_messages += 1;
                Said { content, ..said }
            }
            Moderation::Refuse => {
                cx.metrics.undelivered_messages += 1;
                return;
            }
        };
        self.deliver_chat(cx, connections, (room, &held.user), sender, said);
    }
}

/// A message as the others get it.
pub(crate) fn chat_frame(
    cx: &mut Cx,
    user: &str,
    said: Said<'_>,
    position: Option<Position>,
) -> Shared {
    let Said { id, content, data } = said;
    let payload = ChatMessage { content, user_id: user, data, position };
    let message = ServerMessage::relayed(id, cx.timestamp(), payload);
    cx.encoder.text(|buffer| message.write(buffer))
}

/// Is this answer to a message one that stays? A failure does not where the message was `held`, or is
/// published by the application: it has not been delivered, and its sender may try again.
pub(crate) fn is_final(cx: &Cx, is_held: bool, answer: &Answer) -> bool {
    answer.is_ok() || !(is_held || cx.policy.app_publishes)
}
