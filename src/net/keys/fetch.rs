//! Fetches keys from an address, in one thread, so never twice at once.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use ureq::Agent;

use super::freshness::CacheFields;
use super::kept::KeptKeys;
use super::plan::Plan;
use crate::auth::MAX_JWKS_BYTES;
use crate::id::Rng;
use crate::net::error::KeySourceError;
use crate::net::http;
use crate::time::{Instant, UnixTime};

/// The timeout of a fetch, from name resolution to the last byte.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Fetches keys from one address, when the plan says so.
pub(super) struct Fetcher {
    agent: Agent,
    url: String,
    plan: Plan,
    /// The last text: the same text again is not a change.
    last: String,
    kept: Option<KeptKeys>,
    /// The last text is not kept yet, or not since it was fetched again.
    is_unkept: bool,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl Fetcher {
    pub(super) fn new(url: &str, rng: Rng) -> Self {
        Self::with_timeout(url, rng, TIMEOUT)
    }

    pub(super) fn with_timeout(url: &str, rng: Rng, timeout: Duration) -> Self {
        Self {
            agent: http::agent(timeout, None),
            url: url.to_owned(),
            plan: Plan::new(rng),
            last: String::new(),
            kept: None,
            is_unkept: false,
        }
    }

    /// Keeps the last usable keys, if they were fetched since, in `directory` if one is given now.
    pub(super) fn keep(&mut self, directory: Option<&Path>, now: UnixTime) {
        if let Some(directory) = directory {
            self.kept = Some(KeptKeys::new(directory, &self.url));
        }
        if let Some(kept) = self.kept.as_ref().filter(|_| self.is_unkept && !self.last.is_empty()) {
            self.is_unkept = false;
            if let Err(error) = kept.write(now, &self.last) {
                log::warn!("The keys of auth.jwks_url cannot be kept for the next start: {error}");
            }
        }
    }

    pub(super) fn next(&self) -> Instant {
        self.plan.next()
    }

    pub(super) fn ask(&mut self, at: Instant) {
        self.plan.asked(at);
    }

    /// Fetches. `None`: the text has not changed. A text is to be [judged](Self::judged).
    pub(super) fn look(&mut self, now: Instant) -> Option<Result<String, KeySourceError>> {
        match self.fetch() {
            Ok((text, freshness)) => {
                self.plan.answered(now, freshness);
                self.is_unkept = true;
                (text != self.last).then(|| {
                    self.last.clone_from(&text);
                    Ok(text)
                })
            }
            Err(fault) => {
                self.plan.failed(now);
                // After a fault the same text is reported, because the fault is over.
                self.last.clear();
                Some(Err(fault))
            }
        }
    }

    /// What the last look has found, at `now`, holds usable keys, or it does not.
    pub(super) fn judged(&mut self, now: Instant, is_usable: bool) {
        if is_usable {
            self.plan.accepted();
        } else {
            self.plan.failed(now);
            self.last.clear();
        }
    }

    /// The text at the address, and how long it is fresh.
    fn fetch(&self) -> Result<(String, Option<Duration>), KeySourceError> {
        let request = self.agent.get(&self.url).header("Accept", "application/json");
        let fetch = |error: ureq::Error| KeySourceError::Fetch(http::take_apart(error).1.into());
        let mut response = request.call().map_err(fetch)?;
        let status = response.status();
        if status.is_redirection() {
            return Err(KeySourceError::Redirect(status.as_u16()));
        }
        if status.as_u16() != 200 {
            return Err(KeySourceError::Status(status.as_u16()));
        }
        let values = |name: &str| {
            let fields = response.headers().get_all(name).into_iter();
            fields.filter_map(|field| field.to_str().ok()).collect::<Vec<_>>()
        };
        let first = |name: &str| values(name).first().copied().unwrap_or_default();
        let freshness = CacheFields {
            cache_control: &values("cache-control").join(","),
            age: first("age"),
            expires: first("expires"),
            date: first("date"),
        }
        .freshness();
        let body = response.body_mut().with_config().limit(MAX_JWKS_BYTES as u64);
        let text = body.read_to_string().map_err(fetch)?;
        Ok((text, freshness))
    }
}
