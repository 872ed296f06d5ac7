//! A message of a cluster: its question is opened before it is published, and the application is asked
//! when it is.

use crate::id::Slot;
use crate::node::connections::Connections;
use crate::node::connections::frame::payload_of;
use crate::node::context::Cx;
use crate::node::rooms::Rooms;
use crate::node::rooms::chat::{Addressed, await_answer};
use crate::node::rooms::held::{HeldMessage, SharedMessage, Unpublished};
use crate::node::rooms::moderation::chat_frame;
use crate::node::work::Workload;
use crate::node::work::port::Payer;
use crate::node::work::questions::{NewQuestion, QuestionKind, cost};
use crate::node::work::ticket::Ticket;
use crate::protocol::Said;

impl Rooms {
    /// Opens the question of a message that is to be published under this id, of this content, or is to be
    /// kept from the others until the application has answered (`backend.moderate`).
    pub(crate) fn open_unpublished(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        work: &mut Workload,
        slot: Slot,
        (addressed, said): (Addressed, Said<'_>),
        (id, content): ([u8; 16], u64),
    ) -> Ticket {
        let Addressed { user, room, key } = addressed;
        let asker = connections.id_of(slot);
        let ticket = work.questions.issue();
        let text: Option<Box<[u8]>> =
            (!cx.policy.moderate).then(|| payload_of(&chat_frame(cx, &user, said, None)).into());
        let held = HeldMessage::new(&user, said);
        let bytes = room.len() + held.text_bytes() + text.as_ref().map_or(0, |text| text.len());
        let claims = self.claims.of(slot).map(Box::from);
        let start = work.questions.start().clone();
        let unpublished = Unpublished { held, claims, start, content, text };
        let shared = SharedMessage { id, unpublished: Some(Box::new(unpublished)) };
        let kind = QuestionKind::Message {
            key,
            also: Vec::new(),
            user: user.clone(),
            room,
            held: None,
            shared: Some(Box::new(shared)),
        };
        let deadline = cx.now.monotonic + cx.policy.answer_timeout;
        let cost = cost(bytes);
        let payer = Payer::User(user);
        let question = NewQuestion { asker, kind, deadline, cost, payer };
        work.open(cx, ticket, question, None);
        self.answers.asked(cx.now.monotonic, key, ticket);
        await_answer(cx, connections, slot, ticket, said.id);
        ticket
    }
}
