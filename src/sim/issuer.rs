//! An issuer whose keys the node has to fetch: it answers late or not at all, and changes its key
//! without notice.
//!
//! What a fetch brings is what was published when it began, which is the worst that a node may rely
//! on: a token that came before the fetch began was signed with a key that is in it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::auth::{Algorithms, JwksFrom, KeySet};
use crate::config::Auth;
use crate::node::KeyNews;
use crate::time::Instant;

/// The issuer, and the fetch that is under way.
#[derive(Debug, Default)]
pub(super) struct Issuer {
    /// The key's `kid`.
    pub(super) key_id: String,
    secret: String,
    /// The last request.
    pub(super) asked: u64,
    pub(super) last: Option<Instant>,
    pub(super) fetching: Option<KeyNews>,
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
