//! Fetches keys from an address, in one thread, so never twice at once.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use ureq::Agent;

use super::discovery::Discovery;
use super::freshness::CacheFields;
use super::kept::KeptKeys;
use super::plan::Plan;
use crate::auth::MAX_JWKS_BYTES;
use crate::config::Auth;
use crate::id::Rng;
use crate::net::error::{KeySourceError, TlsError};
use crate::net::http::{self, ClientTls, PlainHttp};
use crate::time::{Instant, UnixTime};

/// The timeout of a request, from name resolution to the last byte.
/// How long after keys were kept the same ones are kept again, with a new date.
const KEEP_AGAIN: Duration = Duration::from_secs(600);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Fetches keys from one address, when the plan says so.
pub(super) struct Fetcher {
    agent: Agent,
    timeout: Duration,
    auth: Box<Auth>,
    plan: Plan,
    /// The foreign issuer that was reported last.
    foreign_issuer: Option<String>,
    /// The last text: the same text again is not a change. `None`: the next one is.
    last: Option<String>,
    kept: Option<KeptKeys>,
    /// The last text is not kept yet, or not since it was fetched again.
    is_unkept: bool,
    /// When it was kept last.
    kept_at: Option<UnixTime>,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl Fetcher {
    /// # Errors
    /// The file of `auth.jwks_ca_file` cannot be used.
    pub(super) fn new(auth: &Auth, rng: Rng) -> Result<Self, TlsError> {
        Self::with_timeout(auth, rng, TIMEOUT)
    }

    pub(super) fn with_timeout(auth: &Auth, rng: Rng, timeout: Duration) -> Result<Self, TlsError> {
        Ok(Self {
            agent: http::agent(None, client_tls(auth)?, PlainHttp::Private),
            timeout,
            auth: Box::new(auth.clone()),
            plan: Plan::new(rng),
            foreign_issuer: None,
            last: None,
            kept: None,
            is_unkept: false,
            kept_at: None,
        })
    }

    /// Keeps the last usable keys, if they were fetched since, in `directory` if one is given now.
    pub(super) fn keep(&mut self, directory: Option<&Path>, now: UnixTime) {
        if let Some(directory) = directory {
            self.kept = Some(KeptKeys::new(directory, &self.auth.jwks_url));
        }
        let (Some(kept), Some(text)) = (&self.kept, &self.last) else { return };
        let is_old = self.kept_at.is_none_or(|at| now.since(at) >= KEEP_AGAIN);
        if !self.is_unkept || !is_old {
            return;
        }
        // Also after a fault, which is then not told again at each fetch.
        (self.is_unkept, self.kept_at) = (false, Some(now));
        if let Err(error) = kept.write(now, text) {
            log::warn!("The keys of auth.jwks_url cannot be kept for the next start: {error}");
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
                (self.last.as_ref() != Some(&text)).then(|| {
                    self.last = Some(text.clone());
                    self.kept_at = None;
                    Ok(text)
                })
            }
            Err(fault) => {
                self.plan.failed(now);
                // After a fault the same text is reported, because the fault is over.
                self.last = None;
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
            self.last = None;
        }
    }

    /// The set at the address, or where the discovery document there says, and how long it is fresh.
    fn fetch(&mut self) -> Result<(String, Option<Duration>), KeySourceError> {
        let found = self.get(&self.auth.jwks_url)?;
        let Some(discovery) = Discovery::parse(&found.0) else { return Ok(found) };
        discovery.check(&self.auth)?;
        self.report_issuer(discovery.foreign_issuer(&self.auth));
        let found = self.get(&discovery.jwks_uri)?;
        if Discovery::parse(&found.0).is_some() {
            return Err(KeySourceError::DiscoveryChain);
        }
        Ok(found)
    }

    fn report_issuer(&mut self, foreign: Option<String>) {
        if let Some(issuer) = &foreign
            && self.foreign_issuer != foreign
        {
            let Auth { jwks_url, issuer: wanted, .. } = &*self.auth;
            log::warn!(
                "auth.jwks_url {jwks_url}: its issuer is {issuer}, but auth.issuer is {wanted}: its \
                 tokens will be refused"
            );
        }
        self.foreign_issuer = foreign;
    }

    /// The text at an address, and how long it is fresh.
    fn get(&self, url: &str) -> Result<(String, Option<Duration>), KeySourceError> {
        let request = self.agent.get(url).header("Accept", "application/json");
        let request = request.config().timeout_global(Some(self.timeout)).build();
        let fetch =
            |error: ureq::Error| KeySourceError::Fetch(http::cause(http::take_apart(error).1));
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

/// The authorities that are trusted for `auth.jwks_url`. Blocks while it reads their file.
pub(super) fn client_tls(auth: &Auth) -> Result<ClientTls, TlsError> {
    ClientTls::load(("auth.jwks_ca_file", &auth.jwks_ca_file), None)
}
