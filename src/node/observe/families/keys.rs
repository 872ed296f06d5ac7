//! The keys that tokens are checked with, and the tokens that wait for them.

use crate::auth::KeyKind;
use crate::node::gate::key_reads::KeyReads;
use crate::node::observe::family::{Family, Numbers, by, counter, gauge, level, total};
use crate::node::observe::view::View;

impl<'a> View<'a> {
    pub(crate) fn key_families(&self) -> Vec<Family<'a>> {
        let (metrics, tokens) = (&self.cx.metrics, &self.gate.tokens);
        let verifier = &tokens.verifier;
        let count = |kind: KeyKind| {
            let counts = verifier.keys().map(|(_, keys)| keys.count(kind) as u64);
            (kind.label(), counts.sum())
        };
        // A secret is read at the start and on a reload only, so its age is no sign of a fault.
        let renewable: Vec<usize> = verifier.renewable().collect();
        let by_issuer = |number: fn(KeyReads) -> u64| -> Numbers {
            let of = |(issuer, name, _): (usize, String, bool)| {
                let reads = tokens.key_reads.get(&issuer).filter(|_| renewable.contains(&issuer));
                (vec![name.into()], number(reads.copied().unwrap_or_default()) as f64)
            };
            verifier.issuer_names().map(of).collect()
        };
        vec![
            gauge(
                "vestibule_keys",
                "Keys that tokens are checked with, by what they verify.",
                &["kind"],
                by(KeyKind::ALL.map(count)),
            ),
            gauge(
                "vestibule_keys_read_timestamp_seconds",
                "When the keys of an issuer were last read, in seconds since 1970; or 0.",
                &["issuer"],
                by_issuer(|reads| reads.read_at.map_or(0, |at| at.as_millis() / 1_000)),
            ),
            counter(
                "vestibule_key_fetches_failed_total",
                "Reads of an issuer's jwks_url or jwks_file that failed or brought no usable key.",
                &["issuer"],
                by_issuer(|reads| reads.failed),
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
