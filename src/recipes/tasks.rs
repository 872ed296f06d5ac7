//! Questions of the node, turned into tasks of the storage thread.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;

use super::completions::CompletionSink;
use super::http;
use super::storage::chat::ChatOutcome;
use super::storage::{Busy, Reader, Storage, TaskClass, TaskError, TaskOrigin, users};
use crate::node::app::{Answer, Reply};
use crate::node::{Completion, Outcome, Payer, Request, Response, Ticket};
use crate::protocol::ErrorCode;

/// A text up to this length is read on the storage thread: that takes about as long as to store it.
const SHORT_TEXT: usize = 512;

/// Queues tasks, and delivers their outcomes to the driver.
#[derive(Debug)]
pub(super) struct TaskSender {
    pub(super) storage: Storage,
    pub(super) reader: Reader,
    pub(super) completions: CompletionSink,
}

/// The question that a task answers.
#[derive(Debug)]
pub(super) struct StorageQuestion {
    pub(super) ticket: Ticket,
    pub(super) origin: TaskOrigin,
}

impl TaskSender {
    /// Runs `work` on the storage thread, unless its asker has given up by then, and delivers its
    /// outcome to the driver.
    pub(super) fn store<T: Send + 'static>(
        &self,
        question: StorageQuestion,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        outcome: impl FnOnce(Result<T, TaskError>) -> Outcome + Send + 'static,
    ) -> Result<(), Busy> {
        store(&self.storage, &self.completions, question, work, outcome)
    }

    /// [`store`](Self::store) for a chat message or a published update. `read` reads its text first:
    /// a long one on the reader's thread.
    pub(super) fn answer<T: Send + 'static>(
        &self,
        question: StorageQuestion,
        read: impl FnOnce() -> Result<T, ErrorCode> + Send + 'static,
        work: impl FnOnce(&Connection, T) -> rusqlite::Result<ChatOutcome> + Send + 'static,
    ) -> Reply<Answer> {
        let asked = if question.origin.text_bytes <= SHORT_TEXT {
            let work = move |database: &Connection| match read() {
                Ok(text) => work(database, text),
                Err(code) => Ok(ChatOutcome::Answer(Err(code))),
            };
            self.store(question, work, message_outcome)
        } else {
            self.read_and_store(question, read, work)
        };
        match asked {
            Ok(()) => Reply::Held,
            Err(Busy) => Reply::Now(Err(ErrorCode::BackendUnavailable)),
        }
    }

    fn read_and_store<T: Send + 'static>(
        &self,
        question: StorageQuestion,
        read: impl FnOnce() -> Result<T, ErrorCode> + Send + 'static,
        work: impl FnOnce(&Connection, T) -> rusqlite::Result<ChatOutcome> + Send + 'static,
    ) -> Result<(), Busy> {
        let (storage, completions) = (self.storage.clone(), self.completions.clone());
        let (ticket, text_bytes) = (question.ticket, question.origin.text_bytes);
        self.reader.submit(question.origin.payer.clone(), text_bytes, move |turn| {
            if question.origin.is_withdrawn() {
                completions.deliver(Completion { ticket, outcome: Outcome::NotBegun });
                return;
            }
            let is_full = |Busy| ErrorCode::BackendUnavailable;
            // A panic is an answer too: nobody else would give one. What it says is not logged.
            let read = || {
                catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
                    log::error!("the reader of a text panicked");
                    Err(ErrorCode::Internal)
                })
            };
            let stored = turn.map_err(is_full).and_then(|()| read()).and_then(|text| {
                let work = move |database: &Connection| work(database, text);
                store(&storage, &completions, question, work, message_outcome).map_err(is_full)
            });
            if let Err(code) = stored {
                let outcome = Outcome::Message(Err(code));
                completions.deliver(Completion { ticket, outcome });
            }
        })
    }

    /// [`store`](Self::store) for an HTTP request of `user`, which is refused if the account is
    /// locked.
    pub(super) fn request<T: Send + 'static>(
        &self,
        request: &Request<'_>,
        user: &str,
        work: impl FnOnce(&Connection, &str) -> rusqlite::Result<T> + Send + 'static,
        response: impl FnOnce(T) -> Response + Send + 'static,
    ) -> Reply<Response> {
        let origin =
            TaskOrigin::new(TaskClass::Content, Payer::user(user)).reading().until(request.start);
        let user = user.to_owned();
        let work = move |database: &Connection| {
            let is_locked = users::is_locked(database, &user)?;
            if is_locked { Ok(None) } else { work(database, &user).map(Some) }
        };
        let outcome = |done: Result<Option<T>, TaskError>| {
            Outcome::Response(match done {
                Ok(done) => done.map_or_else(http::account_locked, response),
                Err(TaskError::Busy) => http::busy(),
                Err(TaskError::Unavailable) => http::unavailable(),
                Err(_) => http::internal_error(),
            })
        };
        match self.store(StorageQuestion { ticket: request.ticket, origin }, work, outcome) {
            Ok(()) => Reply::Held,
            Err(Busy) => Reply::Now(http::busy()),
        }
    }
}

fn store<T: Send + 'static>(
    storage: &Storage,
    completions: &CompletionSink,
    question: StorageQuestion,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    outcome: impl FnOnce(Result<T, TaskError>) -> Outcome + Send + 'static,
) -> Result<(), Busy> {
    let StorageQuestion { ticket, origin } = question;
    let completions = completions.clone();
    let answer = move |done| {
        let is_begun = !matches!(done, Err(TaskError::NotBegun));
        let outcome = if is_begun { outcome(done) } else { Outcome::NotBegun };
        completions.deliver(Completion { ticket, outcome });
    };
    storage.submit(origin, work, answer)
}

fn message_outcome(done: Result<ChatOutcome, TaskError>) -> Outcome {
    match done {
        Ok(ChatOutcome::Answer(answer)) => Outcome::Message(answer),
        Ok(ChatOutcome::UsedId) => Outcome::UsedId,
        Err(TaskError::Busy | TaskError::Unavailable) => {
            Outcome::Message(Err(ErrorCode::BackendUnavailable))
        }
        Err(_) => Outcome::Message(Err(ErrorCode::Internal)),
    }
}
