//! What a set of keys holds, for people and for metrics.

use std::fmt;

use jsonwebtoken::AlgorithmFamily;

use super::{Algorithm, KeySet, VerificationKey};
use crate::auth::fault::Skipped;
use crate::config::check::ALGORITHMS;

/// The kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyKind {
    /// HMAC secrets.
    Hs,
    /// RSA, for RS and PS.
    Rs,
    /// ECDSA.
    Es,
    /// Ed25519.
    Ed,
}

impl KeyKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Hs, Self::Rs, Self::Es, Self::Ed];

    /// `HS`, `RS`, `ES` or `Ed`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Hs => "HS",
            Self::Rs => "RS",
            Self::Es => "ES",
            Self::Ed => "Ed",
        }
    }
}

/// A key that tokens are checked with. Its text is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsableKey {
    /// Its `kid`. `None`: it is tried with tokens whose `kid` no key has, and those without one.
    pub id: Option<String>,
    /// Its kind.
    pub kind: KeyKind,
    /// The algorithms of `auth.algorithms` that it is used with.
    pub algorithms: Vec<&'static str>,
}

impl fmt::Display for UsableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Some(id) => write!(f, "kid {id:?}: ")?,
            None => f.write_str("without kid: ")?,
        }
        f.write_str(&self.algorithms.join(", "))
    }
}

/// The keys of a set: those that are used, at most 64, and those that are skipped, at most 65.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySummary {
    /// The keys in use, in the order of the set.
    pub usable: Vec<UsableKey>,
    /// The keys that are skipped, each with the reason. The last may stand for several
    /// ([`Skipped::count`]).
    pub skipped: Vec<Skipped>,
}

impl KeySummary {
    /// How many keys of this kind are in use.
    #[must_use]
    pub fn count(&self, kind: KeyKind) -> usize {
        self.usable.iter().filter(|key| key.kind == kind).count()
    }

    /// How many keys are skipped.
    #[must_use]
    pub fn skipped_count(&self) -> usize {
        self.skipped.iter().map(Skipped::count).sum()
    }
}

/// One line: `3 keys (2 RS, 1 ES), 1 skipped`.
impl fmt::Display for KeySummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = KeyKind::ALL.map(|kind| (self.count(kind), kind.label()));
        let kinds = counts.iter().filter(|(count, _)| *count > 0);
        let kinds: Vec<_> = kinds.map(|(count, label)| format!("{count} {label}")).collect();
        match self.usable.len() {
            0 => f.write_str("no key")?,
            1 => write!(f, "1 key ({})", kinds.join(", "))?,
            several => write!(f, "{several} keys ({})", kinds.join(", "))?,
        }
        match self.skipped_count() {
            0 => Ok(()),
            skipped => write!(f, ", {skipped} skipped"),
        }
    }
}

impl KeySet {
    /// How many keys of this kind there are.
    pub(crate) fn count(&self, kind: KeyKind) -> usize {
        self.keys.iter().filter(|key| kind_of(key) == kind).count()
    }

    /// The keys that are used, and those that are skipped with the reason.
    #[must_use]
    pub fn summary(&self) -> KeySummary {
        let usable = self.keys.iter().map(|key| usable(key)).collect();
        KeySummary { usable, skipped: self.skipped.to_vec() }
    }
}

fn kind_of(key: &VerificationKey) -> KeyKind {
    match key.takes.first().map(|first| first.family()) {
        None | Some(AlgorithmFamily::Hmac) => KeyKind::Hs,
        Some(AlgorithmFamily::Rsa) => KeyKind::Rs,
        Some(AlgorithmFamily::Ec) => KeyKind::Es,
        Some(AlgorithmFamily::Ed) => KeyKind::Ed,
    }
}

fn usable(key: &VerificationKey) -> UsableKey {
    let name =
        |one: &Algorithm| ALGORITHMS.into_iter().find(|it| Algorithm::named(it) == Some(*one));
    let algorithms = key.takes.iter().filter_map(name).collect();
    UsableKey { id: key.id.clone(), kind: kind_of(key), algorithms }
}
