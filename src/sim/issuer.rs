//! An issuer whose keys the node has to fetch: it answers late or not at all, and changes its key
//! without notice.
//!
//! What a fetch brings is what was published when it began, which is the worst that a node may rely
//! on: a token that came before the fetch began was signed with a key that is in it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::engine::{Engine, MailboxItem, TimedEvent};
use crate::auth::{Algorithms, JwksFrom, KeySet};
use crate::config::Auth;
use crate::node::{Fetched, KeyNews, KeyRequest};
use crate::time::Instant;

/// The shortest time between the beginnings of two fetches.
const BETWEEN: Duration = Duration::from_secs(1);
/// How long keys are fresh that nobody asks for.
const FRESH: Duration = Duration::from_secs(600);

/// The issuer, and the fetch that is under way.
#[derive(Debug, Default)]
pub(super) struct Issuer {
    /// The key's `kid`.
    pub(super) key_id: String,
    secret: String,
    /// The last request.
    asked: u64,
    last: Option<Instant>,
    fetching: Option<KeyNews>,
}

impl Issuer {
    /// The issuer of a world whose keys are fetched.
    pub(super) fn of(auth: &Auth) -> Option<Self> {
        let mut issuer = (!auth.jwks_file.is_empty()).then(Self::default)?;
        issuer.publish(&auth.secret, 0);
        Some(issuer)
    }

    /// From here on this key is the one that is published.
    pub(super) fn publish(&mut self, secret: &str, number: u64) {
        self.key_id = format!("key {number}");
        secret.clone_into(&mut self.secret);
    }

    /// The published keys.
    pub(super) fn keys(&self) -> Option<KeySet> {
        let k = URL_SAFE_NO_PAD.encode(&self.secret);
        let key = serde_json::json!({ "kty": "oct", "kid": self.key_id, "k": k });
        let jwks = serde_json::json!({ "keys": [key] }).to_string();
        let algorithms = Algorithms::new(&["HS256".to_owned()]).ok()?;
        KeySet::from_jwks(&jwks, &algorithms, JwksFrom::File).ok().map(|(keys, _)| keys)
    }
}

impl Engine {
    /// The node asks for keys.
    pub(super) fn ask_issuer(&mut self, request: KeyRequest) {
        let now = self.now.monotonic;
        let Some(issuer) = &mut self.issuer else { return };
        issuer.asked = request.serial;
        let soonest = issuer.last.map_or(now, |last| last + BETWEEN);
        self.at(soonest.max(now + request.after), TimedEvent::Fetch);
    }

    /// A fetch begins, if none is under way and the last one is long enough ago.
    pub(super) fn begin_fetch(&mut self) {
        let now = self.now.monotonic;
        let fails = !self.is_healed && self.rng.below(3) > 0;
        let millis = match self.rng.below(if self.is_healed { 1 } else { 4 }) {
            0..3 => self.rng.below(1_000),
            _ => 1_000 + self.rng.below(5_000),
        };
        let Some(issuer) = &mut self.issuer else { return };
        if issuer.fetching.is_some() || issuer.last.is_some_and(|last| now < last + BETWEEN) {
            return;
        }
        issuer.last = Some(now);
        let fetched = match issuer.keys() {
            Some(keys) if !fails => Fetched::Keys(keys),
            _ => Fetched::Nothing,
        };
        issuer.fetching = Some(KeyNews { answers: issuer.asked, fetched });
        self.at(now + Duration::from_millis(millis), TimedEvent::Fetched);
    }

    /// A fetch is over. The next one begins soon if it failed, or somebody has asked meanwhile.
    pub(super) fn end_fetch(&mut self) {
        let now = self.now.monotonic;
        let Some(issuer) = &mut self.issuer else { return };
        let Some(news) = issuer.fetching.take() else { return };
        let is_over = news.answers == issuer.asked && !matches!(news.fetched, Fetched::Nothing);
        self.mail.push_back(MailboxItem::Keys(news));
        self.at(now + if is_over { FRESH } else { BETWEEN }, TimedEvent::Fetch);
    }
}
