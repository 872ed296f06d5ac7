//! How the application's threads hand their answers to the driver.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::http;
use super::storage::TaskError;
use crate::node::{AppEvent, Completion, Outcome, Response, Ticket};

type Deliver = Box<dyn Fn(Completion) + Send + Sync>;

/// The channel through which the application's threads return their answers to the driver.
///
/// A server is created with its application, so the channel is connected afterwards: open the
/// application, create the server, then call [`connect`](CompletionSink::connect).
#[derive(Clone, Default)]
pub struct CompletionSink {
    answers: Arc<OnceLock<Deliver>>,
    /// Where events go, if not there, too.
    events: Option<Arc<OnceLock<Deliver>>>,
}

impl fmt::Debug for CompletionSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CompletionSink").field(&self.answers.get().is_some()).finish()
    }
}

impl CompletionSink {
    /// Sends answers to `deliver` from now on. `deliver` may block while the driver is behind: that
    /// is back-pressure on the database and on the queue in front of it. Call it before the server
    /// runs. Only the first call has an effect.
    pub fn connect(&self, deliver: impl Fn(Completion) + Send + Sync + 'static) {
        // With a second driver, answers would reach connections that did not ask.
        let _ = self.answers.set(Box::new(deliver));
    }

    /// Another one, whose events go where those of this one do: what has been done concerns the same
    /// connections, whoever has asked.
    pub(super) fn beside(&self) -> Self {
        Self { answers: Arc::default(), events: Some(Arc::clone(&self.answers)) }
    }

    /// Hands an answer to the driver. Questions come from the driver, so none is answered before it
    /// is connected.
    pub(super) fn deliver(&self, done: Completion) {
        let Completion { ticket, outcome } = done;
        let (sink, done) = match (&self.events, outcome) {
            (Some(events), outcome @ Outcome::Event(_)) => {
                (events, Completion { ticket: Ticket::UNASKED, outcome })
            }
            (_, outcome) => (&self.answers, Completion { ticket, outcome }),
        };
        match sink.get() {
            Some(deliver) => deliver(done),
            None => log::error!("an answer was dropped: `CompletionSink::connect` was not called"),
        }
    }

    /// Hands the answer to an HTTP request to the driver, behind what the request has done: whoever has
    /// the answer finds that done.
    pub(super) fn answer(&self, ticket: Ticket, done: Result<HttpAnswer, TaskError>) {
        let HttpAnswer { response, events } = match done {
            Ok(answer) => answer,
            Err(TaskError::NotBegun) => {
                return self.deliver(Completion { ticket, outcome: Outcome::NotBegun });
            }
            Err(TaskError::Busy) => http::busy().into(),
            Err(TaskError::Blocked | TaskError::Unavailable) => http::unavailable().into(),
            Err(TaskError::Failed) => http::internal_error().into(),
        };
        let outcomes = events.into_iter().map(Outcome::Event);
        for outcome in outcomes.chain([Outcome::Response(response)]) {
            self.deliver(Completion { ticket, outcome });
        }
    }
}

/// The answer to an HTTP request, and what the request has done beside that.
pub(super) struct HttpAnswer {
    pub(super) response: Response,
    pub(super) events: Vec<AppEvent>,
}

impl HttpAnswer {
    /// With an event, if there is one.
    pub(super) fn with(response: Response, event: Option<AppEvent>) -> Self {
        Self { response, events: event.into_iter().collect() }
    }
}

impl From<Response> for HttpAnswer {
    fn from(response: Response) -> Self {
        Self { response, events: Vec::new() }
    }
}
