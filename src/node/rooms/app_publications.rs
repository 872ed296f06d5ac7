//! What an application has stored and published (`App::stores_publications`): it gives the positions, and
//! the logs of rooms follow it.
//!
//! ```text
//! message ─▶ asked ─▶ stored, with its position ─▶ Published ─▶ the log, everybody but its sender
//!                                                └▶ the answer, behind it
//! join ──────▶ asked ─▶ where the room stands ────▶ the log begins there, if there is none
//! ```
//!
//! What is stored is delivered in the order in which it was stored, and so are the answers to joins. So a
//! log that is there ends where the room stands. If it does not, something was not delivered, which is a
//! fault of ours: the log begins anew with what is stored, and the room's connections are closed, so that
//! their clients resume from what is stored.
//!
//! Only a log shows that. A room has none where the operator wants none (`limits.history_bytes` is 0), where
//! others have taken its place, and until a client that supports resuming joins. What is lost there is not
//! noticed here; a client with positions finds it when it comes back, from what is stored.

use smol_str::SmolStr;

use super::chat::waits_for;
use super::deliveries::Delivered;
use super::log::Missed;
use crate::id::ConnId;
use crate::node::app::{RoomMessage, RoomPublication, RoomTail};
use crate::node::connections::Connections;
use crate::node::connections::frame::{Encoder, Shared};
use crate::node::context::Cx;
use crate::node::rooms::Rooms;
use crate::node::work::ticket::Ticket;
use crate::protocol::Position;

impl Rooms {
    /// Hands what was stored to everybody in its room but the connection that is excepted, or begins to.
    /// For how many it is.
    pub(crate) fn deliver_publication(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        (stored, ticket): (&RoomPublication, Ticket),
    ) -> usize {
        let RoomPublication { room, position, message, .. } = stored;
        let is_chat = message.is_chat();
        // A sender that was told that it takes too long hears of the change like the others.
        let awaits_answer = |id: &ConnId| is_chat || waits_for(connections, *id, ticket);
        let except = stored.except.filter(awaits_answer);
        let kind = if is_chat { Delivered::Chat } else { Delivered::Update };
        let frame = frame_of(&mut cx.encoder, message, *position);
        self.distribute(cx, connections, room, except, (Some(*position), frame, kind))
    }

    /// Does what was stored not follow what its room was told last? The log begins anew with it then.
    pub(crate) fn breaks_log(&mut self, stored: &RoomPublication) -> bool {
        let head = self.logs.head(&stored.room);
        let is_break = head.is_some_and(|head| head != stored.follows);
        if is_break {
            self.logs.begin_anew(&stored.room, stored.follows);
        }
        is_break
    }

    /// A room whose members may have missed something.
    pub(crate) fn next_broken(&mut self) -> Option<SmolStr> {
        self.broken.pop()
    }

    /// A client is about to join `room`, which stands where `tail` ends: the log has all of it from here
    /// on. What the client has missed that has got the messages up to `seen`, if `tail` has it.
    pub(crate) fn take_tail(
        &mut self,
        cx: &mut Cx,
        room: &SmolStr,
        (tail, seen): (&RoomTail, Option<Position>),
    ) -> Option<Missed> {
        let frames = tail.messages.iter().map(|(position, message)| {
            (*position, Box::from(&*frame_of(&mut cx.encoder, message, *position)))
        });
        let frames: Vec<(Position, Box<[u8]>)> = frames.collect();
        let missed = seen.filter(|seen| *seen == tail.base).map(|_| Missed {
            count: frames.len(),
            frames: frames.iter().flat_map(|(_, frame)| frame).copied().collect(),
        });
        let head = self.logs.head(room);
        let is_current = head == Some(tail.head()) && self.logs.knows(room, tail.base);
        let most = self.log_bytes(&cx.policy);
        if !is_current && most > 0 {
            if head.is_some_and(|head| head != tail.head()) {
                self.broken.push(room.clone());
            }
            let bounds = (cx.now.monotonic + cx.policy.resume_window, most);
            self.logs.restore((room.clone(), tail.base), frames, bounds);
        }
        missed
    }
}

/// The frame of a message, with its position at the end of its payload.
fn frame_of(encoder: &mut Encoder, message: &RoomMessage, position: Position) -> Shared {
    let text = message.as_str();
    encoder.text(|buffer| {
        buffer.extend_from_slice(text.strip_suffix("}}").unwrap_or(text).as_bytes());
        buffer.extend_from_slice(format!(",\"position\":\"{position}\"}}}}").as_bytes());
    })
}
