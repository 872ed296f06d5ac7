//! One HTTP call to the backend: signs, sends, and reads the response within its limits. Blocks.

use std::io::Read as _;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use ureq::typestate::WithBody;
use ureq::{Agent, RequestBuilder};

use super::contract::{BackendResponse, CallError, MAX_ANSWER};
use super::counts::CallKind;
use super::signature::SigningSecret;
use crate::config;
use crate::net::http::{self, ClientTls, KeepAlive, PlainHttp};
use crate::time::UnixTime;

/// An idle connection is not reused after this long. Common servers close theirs after 5 seconds,
/// and a request must not meet that close.
const KEEP_ALIVE: Duration = Duration::from_secs(4);
/// How many bytes are read of a response whose body is not needed, so that its connection can be
/// reused.
const REST: u64 = 16 << 10;

/// The HTTP client of one backend: its URL, secret, TLS and connection pool. All calling threads
/// share it.
#[derive(Debug)]
pub(super) struct BackendClient {
    /// A reload replaces it. Calls in flight keep theirs.
    agent: RwLock<Agent>,
    /// The same. `None`: requests are not signed.
    secret: RwLock<Option<SigningSecret>>,
    /// The most idle connections: one for each calling thread.
    connections: usize,
    /// The base URL, without a trailing slash.
    url: String,
}

impl BackendClient {
    /// A client for the configured URL, which signs its requests if there is a secret.
    pub(super) fn new(
        config: &config::Backend,
        secret: Option<SigningSecret>,
        tls: ClientTls,
    ) -> Self {
        Self {
            agent: RwLock::new(agent(config.workers, tls)),
            connections: config.workers,
            url: config.url.trim_end_matches('/').to_owned(),
            secret: RwLock::new(secret),
        }
    }

    /// Uses `tls` for new connections, and drops the idle ones.
    pub(super) fn replace_tls(&self, tls: ClientTls) {
        let agent = agent(self.connections, tls);
        *self.agent.write().unwrap_or_else(PoisonError::into_inner) = agent;
    }

    /// Signs further requests with `secret`.
    pub(super) fn replace_secret(&self, secret: Option<SigningSecret>) {
        *self.secret.write().unwrap_or_else(PoisonError::into_inner) = secret;
    }

    /// Makes a call and reads its response, both within `time_limit`.
    pub(super) fn call(
        &self,
        kind: CallKind,
        body: &[u8],
        id: &str,
        now: UnixTime,
        time_limit: Duration,
    ) -> Result<BackendResponse, CallError> {
        let seconds = now.as_millis() / 1_000;
        let agent = self.agent.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut request = agent
            .post(format!("{}/{}", self.url, kind.path()))
            .header("Accept", "application/json")
            .header("Content-Type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string());
        let secret = self.secret.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(secret) = secret {
            request = request.header("webhook-signature", secret.sign(id, seconds, body));
        }
        let most = (kind != CallKind::Leave).then_some(MAX_ANSWER);
        send(request, body, most, time_limit)
    }
}

/// Sends a request and reads its response, both within `time_limit`. Of a body that is not needed,
/// `most` is `None`.
pub(super) fn send(
    request: RequestBuilder<WithBody>,
    body: &[u8],
    most: Option<usize>,
    time_limit: Duration,
) -> Result<BackendResponse, CallError> {
    let request = request.config().timeout_global(Some(time_limit)).build();
    let response = request.send(body).map_err(call_error)?;
    let status = response.status().as_u16();
    let mut reader = response.into_body().into_reader();
    let Some(most) = most.filter(|_| matches!(status, 200 | 201 | 403)) else {
        // If reading it fails, the connection is closed.
        let _ = std::io::copy(&mut reader.take(REST), &mut std::io::sink());
        return Ok(BackendResponse { status, body: Some(Vec::new()) });
    };
    let mut body = Vec::new();
    let read = reader.by_ref().take(most as u64 + 1).read_to_end(&mut body);
    match read {
        Ok(_) => {}
        // The join is denied all the same. A body that breaks off is no `session_revoked`, so the client
        // hears that it may not be in the room.
        Err(_) if status == 403 => body.clear(),
        Err(error) => return Err(call_error(error.into())),
    }
    Ok(BackendResponse { status, body: (body.len() <= most).then_some(body) })
}

pub(super) fn keep_alive(connections: usize) -> KeepAlive {
    KeepAlive { connections, age: KEEP_ALIVE }
}

fn agent(connections: usize, tls: ClientTls) -> Agent {
    http::agent(Some(keep_alive(connections)), tls, PlainHttp::Anywhere)
}

fn call_error(error: ureq::Error) -> CallError {
    match http::take_apart(error) {
        (true, error) => CallError::Unconnected(format!("no connection: {}", http::cause(error))),
        (false, ureq::Error::Timeout(_)) => CallError::TimedOut,
        (false, error) => CallError::Broken(http::cause(error).to_string()),
    }
}

#[cfg(test)]
mod tests;
