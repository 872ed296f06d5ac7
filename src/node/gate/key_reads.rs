//! How the reading of each issuer's keys goes.

use std::collections::BTreeMap;

use crate::auth::Verifier;
use crate::node::observe::dependency::Dependency;
use crate::time::{Now, UnixTime};

/// The reads of one issuer's keys.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyReads {
    /// When they were last read.
    pub(crate) read_at: Option<UnixTime>,
    /// Reads that failed, or brought no usable key.
    pub(crate) failed: u64,
    /// The last one did.
    is_failing: bool,
}

impl KeyReads {
    pub(crate) fn succeeded(&mut self, at: UnixTime) {
        (self.read_at, self.is_failing) = (Some(at), false);
    }

    pub(crate) fn failed(&mut self) {
        self.failed = self.failed.saturating_add(1);
        self.is_failing = true;
    }
}

/// The same, by the numbers of the issuers.
pub(crate) type ReadsOfIssuers = BTreeMap<usize, KeyReads>;

/// How the keys are. No token can be judged without any; with those of some issuers, the users of the
/// others wait.
pub(crate) fn dependency(now: Now, verifier: &Verifier, reads: &ReadsOfIssuers) -> Dependency {
    let mut keys = Dependency::working("keys");
    if !verifier.has_keys() {
        return keys.failed("keys_unavailable", "The keys for tokens are not loaded yet");
    }
    for (issuer, name, is_empty) in verifier.issuer_names() {
        let read = reads.get(&issuer).copied().unwrap_or_default();
        if is_empty {
            keys = keys.degraded("keys_missing", format!("No keys of {name} yet"));
        } else if read.is_failing {
            let age = read.read_at.map_or(0, |at| now.unix.since(at).as_secs() / 60);
            let message = format!(
                "The keys of {name} cannot be read again; the last were read {age} min ago"
            );
            keys = keys.degraded("keys_not_renewed", message);
        }
    }
    keys
}
