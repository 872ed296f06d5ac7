//! One call over HTTP: signed, sent, and its answer read within its bounds. Blocks.

use std::io::Read as _;
use std::time::Duration;

use ureq::Agent;

use super::contract::{Fault, MAX_ANSWER, Response};
use super::counts::Call;
use super::signature::Secret;
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
pub(super) struct Peer {
    agent: Agent,
    /// Without a slash at its end.
    url: String,
    secret: Option<Secret>,
}

impl Peer {
    pub(super) fn new(config: &config::Backend, secret: Option<Secret>) -> Self {
        let keep_alive = http::KeepAlive { connections: config.workers, age: KEEP_ALIVE };
        Self {
            agent: http::agent(config.timeout.get(), Some(keep_alive)),
            url: config.url.trim_end_matches('/').to_owned(),
            secret,
        }
    }
}

impl Peer {
    /// Makes a call, and reads its answer, within `patience`.
    pub(super) fn call(
        &self,
        call: Call,
        body: &[u8],
        id: &str,
        now: UnixTime,
        patience: Duration,
    ) -> Result<Response, Fault> {
        let seconds = now.as_millis() / 1_000;
        let mut request = self
            .agent
            .post(format!("{}/{}", self.url, call.label()))
            .header("Accept", "application/json")
            .header("Content-Type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string());
        if let Some(secret) = &self.secret {
            request = request.header("webhook-signature", secret.sign(id, seconds, body));
        }
        let request = request.config().timeout_global(Some(patience)).build();
        let response = request.send(body).map_err(fault)?;
        let status = response.status().as_u16();
        let mut reader = response.into_body().into_reader();
        if status != 200 || call == Call::Leave {
            // Nobody waits for it: if it breaks off, then its connection is closed.
            let _ = std::io::copy(&mut reader.take(REST), &mut std::io::sink());
            return Ok(Response { status, body: Some(Vec::new()) });
        }
        let mut body = Vec::new();
        let read = reader.by_ref().take(MAX_ANSWER as u64 + 1).read_to_end(&mut body);
        read.map_err(|error| fault(error.into()))?;
        Ok(Response { status, body: (body.len() <= MAX_ANSWER).then_some(body) })
    }
}

fn fault(error: ureq::Error) -> Fault {
    match error {
        ureq::Error::Timeout(_) => Fault::TimedOut,
        error => Fault::Broken(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
