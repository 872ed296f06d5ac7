//! Whether a call is one of a node that has the secret.

use std::sync::PoisonError;

use super::ServedCalls;
use super::http::CallRequest;
use crate::time::Now;

/// How far the timestamp of a request may be off, in seconds.
const MAX_SKEW: u64 = 300;

impl ServedCalls {
    /// Is the request one of a node that has the secret, and no old one? The log has the cause, once a
    /// minute.
    pub(super) fn authenticate(
        &mut self,
        now: Now,
        request: &CallRequest<'_>,
    ) -> Result<(), &'static str> {
        let seconds = std::str::from_utf8(request.timestamp).ok().and_then(|it| it.parse().ok());
        let unix = now.unix.as_millis() / 1_000;
        let is_fresh = seconds.is_some_and(|it: u64| unix.abs_diff(it) <= MAX_SKEW);
        let secret = self.secret.read().unwrap_or_else(PoisonError::into_inner);
        let parts = (request.id, request.timestamp);
        let (code, why) = match (secret.verifies(request.signature, parts, request.body), is_fresh)
        {
            (true, true) => return Ok(()),
            (true, false) => ("stale_timestamp", "compare the clocks of both hosts"),
            (false, _) => ("invalid_signature", "do all nodes have the same backend.secret_file?"),
        };
        drop(secret);
        if let Some(count) = self.refusals.count(now.monotonic) {
            log::warn!("recipes.listen: {count} calls were refused, the last one as {code}: {why}");
        }
        Err(code)
    }
}
