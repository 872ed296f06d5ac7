//! The keys that tokens are checked with, and the tokens that wait for them.

use crate::auth::KeyKind;
use crate::node::observe::family::{Family, by, gauge, level, total};
use crate::node::observe::view::View;

impl<'a> View<'a> {
    pub(crate) fn key_families(&self) -> Vec<Family<'a>> {
        let (metrics, tokens) = (&self.cx.metrics, &self.gate.tokens);
        let verifier = &tokens.verifier;
        let count = |kind: KeyKind| {
            let counts = verifier.keys().map(|(_, keys)| keys.count(kind) as u64);
            (kind.label(), counts.sum())
        };
        // Other keys are read at the start and on a reload only, so their age is no sign of a fault.
        let read_at = |issuer| tokens.keys_read_at.get(&issuer).map_or(0, |it| it.as_millis());
        let read_at = verifier.renewable().map(read_at).min().unwrap_or(0);
        vec![
            gauge(
                "vestibule_keys",
                "Keys that tokens are checked with, by what they verify.",
                &["kind"],
                by(KeyKind::ALL.map(count)),
            ),
            level(
                "vestibule_keys_read_timestamp_seconds",
                "When the keys of the issuer that is behind most were last read, in seconds since 1970; or 0.",
                read_at / 1_000,
            ),
            total(
                "vestibule_key_fetches_failed_total",
                "Reads of auth.jwks_url or auth.jwks_file that failed or brought no usable key.",
                metrics.failed_key_fetches,
            ),
            total(
                "vestibule_unknown_keys_total",
                "Tokens that were refused as the key that they name is not there.",
                metrics.unknown_keys,
            ),
            level(
                "vestibule_auths_waiting_for_keys",
                "Tokens that wait at this moment until their key is fetched.",
                tokens.key_waits.len() as u64,
            ),
        ]
    }
}
