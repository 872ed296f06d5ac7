//! Joins and messages as tasks: those of this node's connections, and those that other nodes of a cluster
//! ask about.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::assistant::Pasted;
use super::completions::CompletionSink;
use super::message_tasks::{MessageDone, StorageQuestion};
use super::storage::access::TokenUser;
use super::storage::bounds::Bounds;
use super::storage::chat;
use super::storage::new_message::NewMessage;
use super::storage::{Busy, TaskClass, TaskOrigin};
use super::tasks::TaskSender;
use crate::node::app::{Admission, Answer, App, Incoming, Join, Reply};
use crate::node::{Outcome, Payer};
use crate::protocol::KeptJsonObject;

/// What joins and messages need.
pub(super) struct RoomCalls<'a> {
    pub(super) tasks: &'a TaskSender,
    pub(super) bounds: Bounds,
}

impl RoomCalls<'_> {
    pub(super) fn join(&self, join: &Join<'_>) -> Reply<Admission> {
        let room = join.room.to_owned();
        let user = TokenUser::new(join.user, Some(join.claims));
        let (stands, now, bounds) = ((join.reauth, join.position), join.now, self.bounds);
        let origin =
            TaskOrigin::new(TaskClass::Access, Payer::user(join.user)).reading().until(join.start);
        let question = StorageQuestion { ticket: join.ticket, origin };
        let asked = self.tasks.store(
            question,
            move |database| chat::join(database, (&room, &user), stands, now, &bounds),
            |done| Outcome::Join(done.unwrap_or(Admission::Unavailable)),
        );
        match asked {
            Ok(()) => Reply::Held,
            Err(Busy) => Reply::Now(Admission::Unavailable),
        }
    }

    pub(super) fn message(&self, message: &Incoming<'_>) -> Reply<Answer> {
        let said = NewMessage {
            room: message.room.to_owned(),
            user: message.user.to_owned(),
            id: message.id.to_owned(),
            content: message.content.to_owned(),
            data: message.data.map(KeptJsonObject::from),
            pasted: Pasted::Nothing,
            proposal: None,
            connection: message.connection,
            now: message.now,
        };
        let bounds = self.bounds;
        let data = message.data.map_or(0, |data| data.get().len());
        let text_bytes = message.content.len().saturating_add(data);
        let origin = TaskOrigin::new(TaskClass::Content, Payer::user(message.user))
            .growing()
            .with_text(text_bytes)
            .until(message.start);
        let question = StorageQuestion { ticket: message.ticket, origin };
        let read = move || {
            let pasted = Pasted::read(&said.content);
            Ok(NewMessage { pasted, ..said })
        };
        self.tasks.answer(question, read, move |database, mut said| {
            let done = chat::handle_message(database, &mut said, &bounds)?;
            Ok(MessageDone::of(done, said, bounds))
        })
    }
}

/// The recipe chat as other nodes of a cluster ask it: joins and messages, in the same queues as those of
/// this node, by user.
pub struct SharedRecipes {
    tasks: TaskSender,
    bounds: SharedBounds,
}

/// A reload changes them.
pub(super) type SharedBounds = Arc<Mutex<Bounds>>;

impl fmt::Debug for SharedRecipes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRecipes").finish_non_exhaustive()
    }
}

impl SharedRecipes {
    pub(super) fn new(tasks: &TaskSender, bounds: SharedBounds) -> (Self, CompletionSink) {
        let completions = CompletionSink::beside(&tasks.completions);
        let tasks = TaskSender {
            storage: tasks.storage.clone(),
            reader: tasks.reader.clone(),
            completions: completions.clone(),
            model: tasks.model.as_ref().map(Arc::clone),
        };
        (Self { tasks, bounds }, completions)
    }

    fn room_calls(&self) -> RoomCalls<'_> {
        let bounds = *self.bounds.lock().unwrap_or_else(PoisonError::into_inner);
        RoomCalls { tasks: &self.tasks, bounds }
    }
}

impl App for SharedRecipes {
    fn on_join(&mut self, join: &Join<'_>) -> Reply<Admission> {
        self.room_calls().join(join)
    }

    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        self.room_calls().message(message)
    }
}
