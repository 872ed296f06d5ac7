//! One call over HTTP: signed, sent, and its answer read within its bounds. Blocks.

use std::io::Read as _;
use std::time::Duration;

use ureq::Agent;

use super::contract::{BackendResponse, CallError, MAX_ANSWER};
use super::counts::CallKind;
use super::signature::SigningSecret;
use crate::config;
use crate::net::http;
use crate::time::UnixTime;

/// Connections are not used again after this long: less than the 5 seconds after which common
/// servers close theirs, so that a request does not meet a close on its way.
const KEEP_ALIVE: Duration = Duration::from_secs(4);
/// How much of an answer is read whose status says all, so that its connection can be used again.
const REST: u64 = 16 << 10;

/// Whom to call, and as whom. Shared by all threads that call.
#[derive(Debug)]
pub(super) struct BackendClient {
    agent: Agent,
    /// Without a slash at its end.
    url: String,
    secret: Option<SigningSecret>,
}

impl BackendClient {
    pub(super) fn new(config: &config::Backend, secret: Option<SigningSecret>) -> Self {
        let keep_alive = http::KeepAlive { connections: config.workers, age: KEEP_ALIVE };
        Self {
            agent: http::agent(config.timeout.get(), Some(keep_alive)),
            url: config.url.trim_end_matches('/').to_owned(),
            secret,
        }
    }
}

impl BackendClient {
    /// Makes a call, and reads its answer, within `time_limit`.
    pub(super) fn call(
        &self,
        kind: CallKind,
        body: &[u8],
        id: &str,
        now: UnixTime,
        time_limit: Duration,
    ) -> Result<BackendResponse, CallError> {
        let seconds = now.as_millis() / 1_000;
        let mut request = self
            .agent
            .post(format!("{}/{}", self.url, kind.label()))
            .header("Accept", "application/json")
            .header("Content-Type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string());
        if let Some(secret) = &self.secret {
            request = request.header("webhook-signature", secret.sign(id, seconds, body));
        }
        let request = request.config().timeout_global(Some(time_limit)).build();
        let response = request.send(body).map_err(call_error)?;
        let status = response.status().as_u16();
        let mut reader = response.into_body().into_reader();
        if status != 200 || kind == CallKind::Leave {
            // Nobody waits for it: if it breaks off, then its connection is closed.
            let _ = std::io::copy(&mut reader.take(REST), &mut std::io::sink());
            return Ok(BackendResponse { status, body: Some(Vec::new()) });
        }
        let mut body = Vec::new();
        let read = reader.by_ref().take(MAX_ANSWER as u64 + 1).read_to_end(&mut body);
        read.map_err(|error| call_error(error.into()))?;
        Ok(BackendResponse { status, body: (body.len() <= MAX_ANSWER).then_some(body) })
    }
}

fn call_error(error: ureq::Error) -> CallError {
    match error {
        ureq::Error::Timeout(_) => CallError::TimedOut,
        error => CallError::Broken(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
