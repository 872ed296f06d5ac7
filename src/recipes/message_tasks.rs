//! Messages as tasks of the storage thread, and the model between two of them.

use std::sync::Arc;

use rusqlite::Connection;

use super::completions::CompletionSink;
use super::model::{Model, ModelCall, ModelQuestion};
use super::proposal::Proposal;
use super::storage::bounds::Bounds;
use super::storage::chat::{self, ChatDone, ChatOutcome};
use super::storage::new_message::NewMessage;
use super::storage::{Busy, Storage, TaskClass, TaskError, TaskOrigin, WeakStorage};
use crate::node::{AppEvent, Completion, Outcome, Payer, StartFlag, Ticket};
use crate::protocol::ErrorCode;

/// The question that a task answers.
#[derive(Debug)]
pub(super) struct StorageQuestion {
    pub(super) ticket: Ticket,
    pub(super) origin: TaskOrigin,
}

/// What the task of a message has done.
pub(super) enum MessageDone {
    Done(ChatDone),
    /// The model is to be asked, and then there is another task.
    AskModel(Vec<AppEvent>, Box<ModelQuestion>),
}

impl MessageDone {
    /// What a message has done; `bounds` are those with which it was handled.
    pub(super) fn of(done: ChatDone, message: NewMessage, bounds: Bounds) -> Self {
        let ChatDone { outcome, events } = done;
        match outcome {
            ChatOutcome::AskModel(room) => {
                Self::AskModel(events, Box::new(ModelQuestion { message, room, bounds }))
            }
            outcome => Self::Done(ChatDone { outcome, events }),
        }
    }

    /// Nothing but this error.
    pub(super) fn refused(code: ErrorCode) -> Self {
        Self::Done(ChatDone { outcome: ChatOutcome::Answer(Err(code)), events: Vec::new() })
    }
}

/// What the tasks of messages need.
#[derive(Clone)]
pub(super) struct MessageTasks {
    pub(super) storage: Storage,
    pub(super) completions: CompletionSink,
    pub(super) model: Option<Arc<Model>>,
}

impl MessageTasks {
    pub(super) fn deliver(&self, ticket: Ticket, outcome: Outcome) {
        self.completions.deliver(Completion { ticket, outcome });
    }

    /// Runs `work` on the storage thread, unless its asker has given up by then. Its events are
    /// delivered before its answer.
    pub(super) fn store(
        &self,
        question: StorageQuestion,
        work: impl FnOnce(&Connection) -> rusqlite::Result<MessageDone> + Send + 'static,
    ) -> Result<(), Busy> {
        let StorageQuestion { ticket, origin } = question;
        let answer = MessageAnswer {
            completions: self.completions.clone(),
            // What waits for the model must not keep the storage's thread alive.
            storage: self.storage.downgrade(),
            model: self.model.clone(),
            asker: MessageAsker {
                ticket,
                payer: origin.payer.clone(),
                start: origin.start.clone(),
            },
        };
        self.storage.submit(origin, work, move |done| answer.take(done))
    }
}

/// Who waits for the answer to a message.
struct MessageAsker {
    ticket: Ticket,
    payer: Payer,
    start: Option<StartFlag>,
}

/// Takes what a task has done.
struct MessageAnswer {
    completions: CompletionSink,
    storage: WeakStorage,
    model: Option<Arc<Model>>,
    asker: MessageAsker,
}

impl MessageAnswer {
    fn take(self, done: Result<MessageDone, TaskError>) {
        let ticket = self.asker.ticket;
        let outcome = match done {
            Ok(MessageDone::Done(ChatDone { outcome, events })) => {
                self.deliver_events(events);
                answer_of(outcome)
            }
            Ok(MessageDone::AskModel(events, question)) => {
                self.deliver_events(events);
                return self.ask_model(*question);
            }
            Err(TaskError::NotBegun | TaskError::Blocked) => Outcome::NotBegun,
            Err(TaskError::Busy | TaskError::Unavailable) => {
                Outcome::Message(Err(ErrorCode::BackendUnavailable))
            }
            Err(TaskError::Failed) => Outcome::Message(Err(ErrorCode::Internal)),
        };
        self.completions.deliver(Completion { ticket, outcome });
    }

    fn deliver_events(&self, events: Vec<AppEvent>) {
        for event in events {
            let outcome = Outcome::Event(event);
            self.completions.deliver(Completion { ticket: self.asker.ticket, outcome });
        }
    }

    /// Asks the model. Meanwhile nothing of the message is done, and it can be withdrawn.
    fn ask_model(self, question: ModelQuestion) {
        let Some(model) = self.model.clone() else { return };
        let start = self.asker.start.clone();
        start.as_ref().inspect(|start| start.give_back());
        let body = model.body(&question);
        let (user, connection) = (question.message.user.clone(), question.message.connection);
        let answer = {
            let model = Arc::clone(&model);
            move |response: Option<Vec<u8>>| {
                let proposal = response.map_or(Proposal::Unavailable, |it| model.proposal(&it));
                let is_usable = !matches!(proposal, Proposal::Unusable);
                self.carry_out(question, proposal);
                is_usable
            }
        };
        (model.ask)(ModelCall { user, connection, start, body, answer: Box::new(answer) });
    }

    /// Carries out what the model proposes, as a task of its own.
    fn carry_out(self, question: ModelQuestion, proposal: Proposal) {
        let Self { completions, storage, asker: MessageAsker { ticket, payer, start }, .. } = self;
        let ModelQuestion { mut message, bounds, .. } = question;
        message.proposal = Some(proposal);
        let text_bytes = message.content.len();
        let origin = TaskOrigin::new(TaskClass::Content, payer).growing().with_text(text_bytes);
        let origin = match &start {
            Some(start) => origin.until(start),
            None => origin,
        };
        // Without a storage the server has stopped, and nobody waits.
        let Some(storage) = storage.upgrade() else { return };
        let messages = MessageTasks { storage, completions, model: None };
        let work = move |database: &Connection| {
            chat::handle_message(database, &mut message, &bounds).map(MessageDone::Done)
        };
        if let Err(Busy) = messages.store(StorageQuestion { ticket, origin }, work) {
            messages.deliver(ticket, Outcome::Message(Err(ErrorCode::BackendUnavailable)));
        }
    }
}

fn answer_of(outcome: ChatOutcome) -> Outcome {
    match outcome {
        ChatOutcome::Answer(answer) => Outcome::Message(answer),
        ChatOutcome::UsedId => Outcome::UsedId,
        ChatOutcome::NotPublished(refusal) => Outcome::NotPublished(refusal),
        ChatOutcome::AskModel(..) => Outcome::Message(Err(ErrorCode::Internal)),
    }
}
