//! What the threads of a pool call, and how its answers get back.

use std::sync::Arc;
use std::time::Duration;

use super::caller::BackendClient;
use super::contract::{self, BackendResponse, CallError, CallResult};
use super::counts::CallKind;
use super::lane::{CallAsker, QueuedCall};
use crate::net::Handle;
use crate::time::{Instant, UnixTime};

/// What is called: the backend, or the server of a model.
pub(super) trait Service: Send + Sync {
    /// What it is called in the log.
    fn name(&self) -> &'static str;

    /// Makes a call. Blocks, for `time_limit` at most.
    fn send(
        &self,
        call: &QueuedCall,
        id: &str,
        now: UnixTime,
        time_limit: Duration,
    ) -> Result<BackendResponse, CallError>;

    /// What became of a call.
    fn interpret(&self, kind: CallKind, received: Result<BackendResponse, CallError>)
    -> CallResult;

    /// Answers whoever waits for a call, at `now`.
    fn answer(&self, now: Instant, call: QueuedCall, result: CallResult);
}

/// The backend, as a service.
pub(super) struct BackendService {
    pub(super) client: Arc<BackendClient>,
    pub(super) handle: Handle,
    /// The others see a message when the backend has said so.
    pub(super) moderate: bool,
}

impl Service for BackendService {
    fn name(&self) -> &'static str {
        "backend"
    }

    fn send(
        &self,
        call: &QueuedCall,
        id: &str,
        now: UnixTime,
        time_limit: Duration,
    ) -> Result<BackendResponse, CallError> {
        self.client.call(call.kind, &call.body, id, now, time_limit)
    }

    fn interpret(
        &self,
        kind: CallKind,
        received: Result<BackendResponse, CallError>,
    ) -> CallResult {
        contract::interpret(kind, received, self.moderate)
    }

    /// Answers the node's question, if the call has one.
    fn answer(&self, _: Instant, call: QueuedCall, result: CallResult) {
        let outcome = contract::node_outcome(call.kind, result.outcome, result.update);
        if let (CallAsker::Node(ticket), Some(outcome)) = (call.asker, outcome) {
            // If the server has stopped, nobody waits for the answer.
            let _ = self.handle.complete(ticket, outcome);
        }
    }
}
