//! A language model behind the chat completions interface, which the recipe chat's assistant asks.
//!
//! Its calls go through a queue, a circuit breaker and threads as those to a backend do: users have
//! equal shares, a full queue drops the newest call of the user that has most in it, and a server
//! that fails is not called. Only the request differs: one `POST`, with a key instead of a signature.

use std::fs;
use std::io;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use smol_str::SmolStr;
use thiserror::Error;
use ureq::Agent;
use ureq::http::HeaderValue;

use super::caller::{keep_alive, send};
use super::contract::{self, BackendResponse, CallError, CallResult};
use super::counts::{CallCounts, CallKind, CallOutcome};
use super::lane::{AnswerCallback, CallAsker, CallerShares, QueuedCall};
use super::service::Service;
use super::threads::{CallPool, QueueEvent, QueueSlots};
use crate::config::{self, counted};
use crate::id::ConnId;
use crate::net::TlsError;
use crate::net::http::{self, ClientTls, PlainHttp};
use crate::node::{Dependency, MinuteThrottle, Reading, StartFlag};
use crate::time::{Instant, UnixTime};

/// Why the assistant's model cannot be called. No text shows a key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The key's file cannot be read.
    #[error("assistant.key_file {path}: {error}")]
    Key {
        /// The file.
        path: String,
        /// What is wrong with it.
        #[source]
        error: io::Error,
    },
    /// The file with certificate authorities cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system gave no thread.
    #[error("cannot start the assistant's threads: {0}")]
    Thread(#[source] io::Error),
}

/// A question to the model, on behalf of a user.
#[derive(Debug)]
pub struct ModelRequest {
    /// Who asks: users have equal shares.
    pub user: String,
    /// Which connection: its questions are asked one at a time.
    pub connection: ConnId,
    /// Whether somebody still waits. While the model is asked, the work has not begun.
    pub start: Option<StartFlag>,
    /// The request's body.
    pub body: Vec<u8>,
}

/// The threads that call the model. They end when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct ModelService(Arc<ModelQueue>);

#[derive(Debug)]
struct ModelQueue {
    events: Sender<QueueEvent>,
    slots: Arc<QueueSlots>,
    counts: Arc<CallCounts>,
    unusable: Arc<Mutex<u64>>,
}

impl Drop for ModelQueue {
    fn drop(&mut self) {
        let _ = self.events.send(QueueEvent::Ended);
    }
}

/// What a model's server is called with.
struct ModelClient {
    agent: Agent,
    url: String,
    /// `Bearer …`; never in a log.
    authorization: Option<HeaderValue>,
    answer_bytes: usize,
}

impl ModelClient {
    fn read(config: &config::Assistant) -> Result<Self, ModelError> {
        let path = &config.key_file;
        let key = match path.as_str() {
            "" => None,
            path => Some(read_key(path)?),
        };
        let tls = ClientTls::load(("assistant.ca_file", &config.ca_file), None)?;
        let agent = http::agent(Some(keep_alive(config.workers)), tls, PlainHttp::Private);
        let answer_bytes = config.answer_bytes.get();
        Ok(Self { agent, url: config.url.clone(), authorization: key, answer_bytes })
    }
}

fn read_key(path: &str) -> Result<HeaderValue, ModelError> {
    let fault = |error| ModelError::Key { path: path.to_owned(), error };
    let text = fs::read_to_string(path).map_err(fault)?;
    let key = text.trim();
    let value = HeaderValue::from_str(&format!("Bearer {key}")).ok();
    let is_one = !key.is_empty() && !key.contains(char::is_whitespace);
    let unfit = || io::Error::new(io::ErrorKind::InvalidData, "it must hold one key, on one line");
    let mut value = value.filter(|_| is_one).ok_or_else(|| fault(unfit()))?;
    value.set_sensitive(true);
    Ok(value)
}

impl ModelService {
    /// Reads the files that the configuration names, and starts no thread.
    ///
    /// # Errors
    /// A file cannot be used. The text names it, and shows no key.
    pub fn inspect(config: &config::Assistant) -> Result<(), ModelError> {
        ModelClient::read(config).map(drop)
    }

    /// Starts the threads.
    ///
    /// # Errors
    /// A file cannot be used, or the system gives no thread.
    pub fn start(config: &config::Assistant) -> Result<Self, ModelError> {
        let client = ModelClient::read(config)?;
        let (events, inbox) = mpsc::channel();
        let slots = Arc::new(QueueSlots::new(config.queue, config.workers));
        let (counts, unusable) = (Arc::new(CallCounts::default()), Arc::default());
        let calls =
            ModelCalls { client, failures: Mutex::default(), unusable: Arc::clone(&unusable) };
        let pool = CallPool {
            service: Arc::new(calls),
            shares: CallerShares::of_one_kind(config.workers),
            queue: config.queue,
            timeout: config.timeout.get(),
            events: events.clone(),
            inbox,
            slots: Arc::clone(&slots),
            counts: Arc::clone(&counts),
        };
        pool.start().map_err(ModelError::Thread)?;
        Ok(Self(Arc::new(ModelQueue { events, slots, counts, unusable })))
    }

    /// Queues a question, and calls `answer` with the body of its response on a thread of the
    /// service; at once, with `None`, if the queue is full. Never blocks.
    pub fn ask(
        &self,
        question: ModelRequest,
        answer: impl FnOnce(Option<Vec<u8>>) -> bool + Send + 'static,
    ) {
        let ModelRequest { user, connection, start, body } = question;
        let (kind, user) = (CallKind::Message, SmolStr::new(user));
        if !self.0.slots.acquire(kind) {
            self.0.counts.count(kind, CallOutcome::QueueFull);
            answer(None);
            return;
        }
        let asker = CallAsker::Application(AnswerCallback(Box::new(answer)));
        let call = QueuedCall { kind, asker, start, user, connection, body };
        if let Err(mpsc::SendError(QueueEvent::Queued(call))) =
            self.0.events.send(QueueEvent::Queued(call))
            && let CallAsker::Application(AnswerCallback(answer)) = call.asker
        {
            answer(None);
        }
    }

    /// How the model is. While its circuit breaker is open, the recipe chat goes on without it.
    #[must_use]
    pub fn dependency(&self) -> Dependency {
        let assistant = Dependency::working("assistant");
        if !self.0.counts.is_open() {
            return assistant;
        }
        let why = self.0.counts.last_failure().unwrap_or_else(|| "unknown".to_owned());
        let reason = format!("Calls to the assistant's model fail, the last one: {why}");
        assistant.degraded("assistant_unavailable", reason)
    }

    /// What a collector of metrics is told.
    #[must_use]
    pub fn readings(&self) -> Vec<Reading> {
        let counts = &self.0.counts;
        let unusable = *self.0.unusable.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = CallOutcome::ALL.iter().map(|&outcome| {
            (vec![outcome.label().into()], counts.calls(CallKind::Message, outcome) as f64)
        });
        vec![
            Reading::new(
                "vestibule_assistant_circuit_open",
                "Whether the circuit breaker is open: the assistant's model is not asked.",
                f64::from(u8::from(counts.is_open())),
            ),
            Reading::new(
                "vestibule_assistant_circuit_opened_total",
                "Openings of the circuit breaker, failed probes included.",
                counts.breaker_opens() as f64,
            ),
            Reading::by(
                "vestibule_assistant_calls_total",
                "Calls of the assistant's model, by how they ended or why they were not made.",
                &["outcome"],
                calls.collect(),
            ),
            Reading::new(
                "vestibule_assistant_unusable_answers_total",
                "Answers of the assistant's model that were no list of commands.",
                unusable as f64,
            ),
        ]
    }
}

/// The model's server, as a service.
struct ModelCalls {
    client: ModelClient,
    failures: Mutex<MinuteThrottle>,
    unusable: Arc<Mutex<u64>>,
}

impl ModelCalls {
    /// One line a minute. What the model or a user said is not in it.
    fn tell(&self, now: Instant, why: &str) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = failures.count(now) {
            let questions = counted(count, "question");
            log::warn!("{questions} to the assistant's model without an answer, the last: {why}");
        }
    }
}

impl Service for ModelCalls {
    fn name(&self) -> &'static str {
        "assistant's model"
    }

    fn send(
        &self,
        call: &QueuedCall,
        _: &str,
        _: UnixTime,
        time_limit: Duration,
    ) -> Result<BackendResponse, CallError> {
        // To ask changes nothing, so whoever gives up meanwhile may take the message back.
        call.start.as_ref().inspect(|start| start.give_back());
        let ModelClient { agent, url, authorization, answer_bytes } = &self.client;
        let mut request = agent
            .post(url)
            .header("Accept", "application/json")
            .header("Content-Type", "application/json");
        if let Some(authorization) = authorization {
            request = request.header("Authorization", authorization.clone());
        }
        send(request, &call.body, Some(*answer_bytes), time_limit)
    }

    fn interpret(&self, _: CallKind, received: Result<BackendResponse, CallError>) -> CallResult {
        contract::interpret_model(received)
    }

    fn answer(&self, now: Instant, call: QueuedCall, result: CallResult) {
        let CallAsker::Application(AnswerCallback(answer)) = call.asker else { return };
        let is_there = result.body.is_some();
        if !is_there {
            self.tell(now, result.why.as_deref().unwrap_or(result.outcome.label()));
        }
        if !answer(result.body) && is_there {
            *self.unusable.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            self.tell(now, "the answer is not a list of commands");
        }
    }
}

#[cfg(test)]
mod tests;
