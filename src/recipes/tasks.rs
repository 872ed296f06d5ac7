//! Questions of the node, turned into tasks of the storage thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rusqlite::Connection;

use super::completions::{CompletionSink, HttpAnswer};
use super::http;
use super::message_tasks::{MessageDone, MessageTasks, StorageQuestion};
use super::model::Model;
use super::storage::access::{TokenState, TokenUser};
use super::storage::{Busy, Reader, Storage, TaskClass, TaskError, TaskOrigin};
use crate::node::app::{Answer, Reply};
use crate::node::{Completion, Outcome, Payer, Request, Response};
use crate::protocol::ErrorCode;

/// A text up to this length is read on the storage thread: that takes about as long as to store it.
const SHORT_TEXT: usize = 512;

/// Queues tasks, and delivers their outcomes to the driver.
#[derive(Debug)]
pub(super) struct TaskSender {
    pub(super) storage: Storage,
    pub(super) reader: Reader,
    pub(super) completions: CompletionSink,
    /// What is asked about messages that the rules do not understand.
    pub(super) model: Option<Arc<Model>>,
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
        work: impl FnOnce(&Connection, T) -> rusqlite::Result<MessageDone> + Send + 'static,
    ) -> Reply<Answer> {
        let asked = if question.origin.text_bytes <= SHORT_TEXT {
            let work = move |database: &Connection| match read() {
                Ok(text) => work(database, text),
                Err(code) => Ok(MessageDone::refused(code)),
            };
            self.messages().store(question, work)
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
        work: impl FnOnce(&Connection, T) -> rusqlite::Result<MessageDone> + Send + 'static,
    ) -> Result<(), Busy> {
        let messages = self.messages();
        let (ticket, text_bytes) = (question.ticket, question.origin.text_bytes);
        self.reader.submit(question.origin.payer.clone(), text_bytes, move |turn| {
            if question.origin.is_withdrawn() {
                messages.deliver(ticket, Outcome::NotBegun);
                return;
            }
            let is_full = |Busy| ErrorCode::BackendUnavailable;
            let read = || read_safely(read).unwrap_or(Err(ErrorCode::Internal));
            let stored = turn.map_err(is_full).and_then(|()| read()).and_then(|text| {
                let work = move |database: &Connection| work(database, text);
                messages.store(question, work).map_err(is_full)
            });
            if let Err(code) = stored {
                messages.deliver(ticket, Outcome::Message(Err(code)));
            }
        })
    }

    fn messages(&self) -> MessageTasks {
        MessageTasks {
            storage: self.storage.clone(),
            completions: self.completions.clone(),
            model: self.model.clone(),
        }
    }

    /// Runs `work` for an HTTP request of `user`, with what `kind` says of it, and delivers what
    /// `answer` makes of its outcome. A locked account is refused, and a
    /// token whose session has ended.
    pub(super) fn request<T: Send + 'static, A: Into<HttpAnswer>>(
        &self,
        request: &Request<'_>,
        user: &str,
        kind: impl FnOnce(TaskOrigin) -> TaskOrigin,
        work: impl FnOnce(&Connection, &str) -> rusqlite::Result<T> + Send + 'static,
        answer: impl FnOnce(T) -> A + Send + 'static,
    ) -> Reply<Response> {
        let origin = TaskOrigin::new(TaskClass::Content, Payer::user(user)).until(request.start);
        let question = StorageQuestion { ticket: request.ticket, origin: kind(origin) };
        let asked = respond(
            &self.storage,
            &self.completions,
            question,
            TokenUser::new(user, request.claims),
            work,
            |done| answer(done).into(),
        );
        asked.map_or_else(|Busy| Reply::Now(http::busy()), |()| Reply::Held)
    }

    /// [`request`](Self::request) for one whose body is stored. `read` reads it first, on the reader's
    /// thread.
    pub(super) fn read_request<T: Send + 'static>(
        &self,
        request: &Request<'_>,
        user: &str,
        read: impl FnOnce(&[u8]) -> Result<T, Response> + Send + 'static,
        work: impl FnOnce(&Connection, &str, T) -> rusqlite::Result<HttpAnswer> + Send + 'static,
    ) -> Reply<Response> {
        let (storage, completions) = (self.storage.clone(), self.completions.clone());
        let (body, ticket, payer) = (request.body.to_vec(), request.ticket, Payer::user(user));
        let user = TokenUser::new(user, request.claims);
        let origin = TaskOrigin::new(TaskClass::Content, payer.clone())
            .growing()
            .with_text(body.len())
            .until(request.start);
        let asked = self.reader.submit(payer, body.len(), move |turn| {
            let deliver = |outcome| completions.deliver(Completion { ticket, outcome });
            if origin.is_withdrawn() {
                return deliver(Outcome::NotBegun);
            }
            let read =
                || read_safely(|| read(&body)).unwrap_or_else(|| Err(http::internal_error()));
            let stored = turn.map_err(|Busy| http::busy()).and_then(|()| read()).and_then(|text| {
                let work = move |database: &Connection, user: &str| work(database, user, text);
                let question = StorageQuestion { ticket, origin };
                respond(&storage, &completions, question, user, work, |answer| answer)
                    .map_err(|Busy| http::busy())
            });
            if let Err(refusal) = stored {
                deliver(Outcome::Response(refusal));
            }
        });
        asked.map_or_else(|Busy| Reply::Now(http::busy()), |()| Reply::Held)
    }
}

/// Calls `read`. A panic is an answer too: nobody else would give one. What it says is not logged.
fn read_safely<T>(read: impl FnOnce() -> T) -> Option<T> {
    let read = catch_unwind(AssertUnwindSafe(read)).ok();
    if read.is_none() {
        log::error!("the reader of a text panicked");
    }
    read
}

/// Runs `work` on the storage thread for an HTTP request of `user`, and delivers its answer, behind
/// what it has done to a room: whoever has the answer finds that done.
fn respond<T: Send + 'static>(
    storage: &Storage,
    completions: &CompletionSink,
    question: StorageQuestion,
    user: TokenUser,
    work: impl FnOnce(&Connection, &str) -> rusqlite::Result<T> + Send + 'static,
    answer: impl FnOnce(T) -> HttpAnswer + Send + 'static,
) -> Result<(), Busy> {
    let StorageQuestion { ticket, origin } = question;
    let completions = completions.clone();
    let work = move |database: &Connection| {
        Ok(match user.access(database)? {
            TokenState::Granted => Ok(work(database, &user.id)?),
            TokenState::Locked => Err(http::account_locked()),
            TokenState::Ended => Err(http::session_ended()),
        })
    };
    storage.submit(origin, work, move |done| {
        let answered = done.map(|done| done.map_or_else(HttpAnswer::from, answer));
        completions.answer(ticket, answered);
    })
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
        let is_begun = !matches!(done, Err(TaskError::NotBegun | TaskError::Blocked));
        let outcome = if is_begun { outcome(done) } else { Outcome::NotBegun };
        completions.deliver(Completion { ticket, outcome });
    };
    storage.submit(origin, work, answer)
}
