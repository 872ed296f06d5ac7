//! The keys that tokens are checked with, and which of them a token may be checked with.
//!
//! The algorithm is pinned by the key (RFC 8725, section 3.1): what a key takes is fixed when it is
//! read, from its type, its curve, its own `alg` and the configured list. What a token's header
//! says is compared with that, never believed.
//!
//! A set belongs to one issuer, which a token selects by its `iss` before a key is looked up. So within
//! the set a key is known by its `kid` alone.

mod algorithm;
mod curve;
pub(crate) mod der;
pub(super) mod jwks;
mod material;
mod pem;
pub(super) mod summary;

use std::fmt;
use std::sync::Arc;

pub(super) use self::algorithm::Algorithm;
use self::algorithm::PreparedKey;
use self::material::Material;
use super::error::KeyError;
use super::fault::{KeyFault, Skipped};

/// The longest `kid` that is looked at, in bytes: of a token, and of a key.
pub(super) const MAX_KEY_ID_BYTES: usize = 256;
/// Keys in a set; what a JWKS holds beyond that is skipped.
pub(super) const MAX_KEYS: usize = 64;
/// Keys that one token is tried with, at most: what a forged one can cost.
pub(super) const MAX_TRIED: usize = 4;

/// The signature algorithms that are taken: of secrets, or of public keys, never of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Algorithms(Vec<Algorithm>);

impl Algorithms {
    /// The algorithms of these names.
    ///
    /// # Errors
    /// [`KeyError`] when there is none, one is not supported, or HMAC and others are mixed: a public
    /// key, which everybody has, must never be taken for a secret (RFC 8725, section 2.1).
    pub fn new(names: &[String]) -> Result<Self, KeyError> {
        let mut algorithms = Vec::new();
        for name in names {
            let parsed = Algorithm::named(name);
            let parsed = parsed.ok_or_else(|| KeyError::UnknownAlgorithm(name.clone()))?;
            if !algorithms.contains(&parsed) {
                algorithms.push(parsed);
            }
        }
        let secrets = algorithms.iter().filter(|algorithm| algorithm.is_hmac()).count();
        match secrets {
            _ if algorithms.is_empty() => Err(KeyError::NoAlgorithm),
            0 => Ok(Self(algorithms)),
            all if all == algorithms.len() => Ok(Self(algorithms)),
            _ => Err(KeyError::MixedAlgorithms),
        }
    }

    /// Are these signatures made with a secret that the server holds too?
    #[must_use]
    pub fn are_hmac(&self) -> bool {
        self.0.iter().all(|algorithm| algorithm.is_hmac())
    }

    /// The names of them.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(|algorithm| algorithm.name()).collect()
    }

    /// The one of this name, if it is taken.
    pub(super) fn named(&self, name: &str) -> Option<Algorithm> {
        let parsed = Algorithm::named(name)?;
        self.0.contains(&parsed).then_some(parsed)
    }
}

/// One key, and what it takes.
pub(super) struct VerificationKey {
    id: Option<String>,
    /// Never empty.
    takes: Vec<Algorithm>,
    prepared: PreparedKey,
    /// What tells it from other keys.
    thumbprint: [u8; 32],
}

/// The key itself is not shown: it may be a secret.
impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKey")
            .field("id", &self.id)
            .field("takes", &self.takes)
            .finish_non_exhaustive()
    }
}

impl VerificationKey {
    /// A key of this material. `own` is the one algorithm that it is made for, where it says so.
    fn new(
        material: Material,
        id: Option<String>,
        own: Option<&str>,
        algorithms: &Algorithms,
    ) -> Result<Self, KeyFault> {
        let possible = material.algorithms()?;
        let own = match own.map(Algorithm::named) {
            Some(Some(own)) if possible.contains(&own) => Some(own),
            Some(_) => return Err(KeyFault::BadAlgorithm { key: material.name() }),
            None => None,
        };
        let fits = |one: &Algorithm| possible.contains(one) && own.is_none_or(|own| own == *one);
        let takes: Vec<_> = algorithms.0.iter().copied().filter(fits).collect();
        if takes.is_empty() {
            return Err(KeyFault::NoAlgorithm { key: material.name() });
        }
        let thumbprint = material.thumbprint();
        Ok(Self { id, takes, prepared: material.prepare(), thumbprint })
    }

    /// Has this key made the signature? In base64url, as it is in the token.
    pub(super) fn verifies(&self, signature: &str, message: &[u8], algorithm: Algorithm) -> bool {
        self.prepared.verifies(signature, message, algorithm)
    }

    pub(super) fn has_id(&self) -> bool {
        self.id.is_some()
    }

    /// A hash of the key itself.
    pub(super) fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }
}

/// Keys by `kid`. Cheap to clone; built away from the node, and replaced as a whole.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<Arc<VerificationKey>>,
    /// What a JWK set held beside them.
    skipped: Arc<[Skipped]>,
}

impl KeySet {
    /// The one key that is this secret.
    ///
    /// # Errors
    /// [`KeyError`] when it is shorter than the longest hash of `algorithms` (RFC 7518, section
    /// 3.2), or a value that others may have, such as a public key.
    pub fn from_secret(secret: &[u8], algorithms: &Algorithms) -> Result<Self, KeyError> {
        let material = Material::secret(secret)?;
        let needed = algorithms.0.iter().map(|one| material::hash_bytes(*one)).max().unwrap_or(0);
        if secret.len() < needed {
            return Err(KeyError::ShortSecret { bytes: secret.len(), needed });
        }
        let mut set = Self::default();
        set.add(VerificationKey::new(material, None, None, algorithms)?)?;
        Ok(set)
    }

    /// Every public key of a PEM text: RSA, P-256, P-384, P-521 and Ed25519, as `openssl pkey -pubout`
    /// writes them. They have no `kid`: a token's `kid` is then not looked at.
    ///
    /// # Errors
    /// [`KeyError`] when one of them cannot be used, or there is none, or there are more than 4 of
    /// one algorithm: no token is tried with more.
    pub fn from_pem(text: &str, algorithms: &Algorithms) -> Result<Self, KeyError> {
        if algorithms.are_hmac() {
            return Err(KeyError::PublicKeyForHmac);
        }
        let mut set = Self::default();
        for material in pem::public_keys(text)? {
            set.add(VerificationKey::new(material, None, None, algorithms)?)?;
        }
        Ok(set)
    }

    /// Adds a key, if there may be a token that is tried with it.
    fn add(&mut self, key: VerificationKey) -> Result<(), KeyFault> {
        if self.keys.len() >= MAX_KEYS {
            return Err(KeyFault::TooManyKeys { most: MAX_KEYS });
        }
        let is_alike = |other: &&Arc<VerificationKey>| {
            other.id == key.id && other.takes.iter().any(|one| key.takes.contains(one))
        };
        if self.keys.iter().filter(is_alike).count() >= MAX_TRIED {
            return Err(KeyFault::TooManyAlike { most: MAX_TRIED });
        }
        self.keys.push(Arc::new(key));
        Ok(())
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Is there none, so that no token can be judged?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The `kid` of each key, where it has one, and the names of the algorithms that it takes.
    pub(super) fn described(&self) -> Vec<(Option<&str>, String)> {
        let takes = |key: &VerificationKey| Algorithms(key.takes.clone()).names().join("/");
        self.keys.iter().map(|key| (key.id.as_deref(), takes(key))).collect()
    }

    /// The keys to try a token with that names this algorithm and `kid`, at most [`MAX_TRIED`].
    ///
    /// A `kid` is compared, nothing else: it is no path and no query (RFC 8725, section 3.10). A
    /// key without one takes any; but where a key has the very `kid`, no other is tried. For a token
    /// without one, the keys without one come first.
    pub(super) fn select(&self, algorithm: Algorithm, id: Option<&str>) -> SelectedKeys<'_> {
        let taking = || self.keys.iter().filter(|key| key.takes.contains(&algorithm));
        let Some(id) = id else {
            let without = taking().filter(|key| key.id.is_none());
            return first_of(without.chain(taking().filter(|key| key.has_id())));
        };
        let has = |key: &&Arc<VerificationKey>| key.id.as_deref() == Some(id);
        let wanted = if self.keys.iter().any(|key| has(&key)) { Some(id) } else { None };
        first_of(taking().filter(|key| key.id.as_deref() == wanted))
    }
}

/// Keys to try a token with, in their order.
pub(super) type SelectedKeys<'a> = [Option<&'a Arc<VerificationKey>>; MAX_TRIED];

fn first_of<'a>(keys: impl Iterator<Item = &'a Arc<VerificationKey>>) -> SelectedKeys<'a> {
    let mut first = [None; MAX_TRIED];
    first.iter_mut().zip(keys).for_each(|(place, key)| *place = Some(key));
    first
}
