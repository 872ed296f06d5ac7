//! Session tickets that survive a restart, and that every server with the same secret accepts.
//!
//! A ticket is the state of a session, sealed for the server alone. The key of each hour is derived
//! from the secret that memos are signed with, so servers exchange no keys and store none:
//!
//! ```text
//! hour since 1970 │ nonce │ sealed: when it was given, in seconds since 1970 │ state │ tag
//!        8        │  12   │                                          8       │       │ 16
//! ```
//!
//! The hour tells which key it is. The second is sealed: whoever saw it in clear would know at which
//! earlier handshake the ticket was given, and so follow a client from one address to another.
//!
//! Only TLS 1.3 gets such tickets: a resumed session agrees on new keys there (`psk_dhe_ke`, the
//! only mode that rustls speaks), so the secret decrypts no recording. A ticket of TLS 1.2 contains
//! the key of the connection. It is sealed with random keys that the process forgets (those of
//! rustls), and so is every ticket where there is no secret.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use rustls::ProtocolVersion;
use rustls::server::ProducesTickets;
use rustls::time_provider::TimeProvider;
use sha2::{Digest as _, Sha256};

/// How long a ticket is accepted. Clients are told. The tickets of rustls have the same lifetime.
const LIFETIME_SECONDS: u32 = 12 * 3_600;
/// Servers that share a secret may disagree about the time by this much.
const SKEW_SECONDS: u64 = 60;
const HOUR_SECONDS: u64 = 3_600;
/// The keys of all hours whose tickets are accepted: 12 whole ones, and parts of two. An hour's key
/// may seal 2³² tickets with random nonces (NIST SP 800-38D, section 8.3), a million each second.
const MAX_KEYS: usize = 14;

/// What seals and opens the tickets of a server.
pub(super) struct Tickets {
    shared: Mutex<SharedKeys>,
    /// Random keys, which change every six hours and go with the process.
    own: Arc<dyn ProducesTickets>,
    time: Arc<dyn TimeProvider>,
}

#[derive(Default)]
struct SharedKeys {
    /// `None`: there is no secret to derive keys from.
    secret: Option<[u8; 32]>,
    /// The keys of the hours that were asked for.
    of_hours: BTreeMap<u64, Arc<RandomizedNonceKey>>,
}

impl Tickets {
    /// Tickets under `own` keys, until there is a secret.
    pub(super) fn new(own: Arc<dyn ProducesTickets>, time: Arc<dyn TimeProvider>) -> Self {
        Self { shared: Mutex::default(), own, time }
    }

    /// Derives the keys from `secret` from here on. Tickets under keys of another one are ignored.
    pub(super) fn set_secret(&self, secret: Option<&[u8]>) {
        let secret = secret.map(|secret| Sha256::digest(secret).into());
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.secret != secret {
            *shared = SharedKeys { secret, of_hours: BTreeMap::new() };
        }
    }

    fn now(&self) -> Option<u64> {
        self.time.current_time().map(|now| now.as_secs())
    }

    fn key(&self, hour: u64) -> Option<Arc<RandomizedNonceKey>> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = shared.of_hours.get(&hour) {
            return Some(Arc::clone(key));
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(&shared.secret?).ok()?;
        mac.update(b"vestibule tls ticket 1");
        mac.update(&hour.to_be_bytes());
        let key = RandomizedNonceKey::new(&AES_256_GCM, &mac.finalize().into_bytes()).ok()?;
        let key = Arc::new(key);
        shared.of_hours.insert(hour, Arc::clone(&key));
        if shared.of_hours.len() > MAX_KEYS {
            shared.of_hours.pop_first();
        }
        Some(key)
    }

    fn seal(&self, state: &[u8]) -> Option<Vec<u8>> {
        let given = self.now()?;
        let hour = given / HOUR_SECONDS;
        let key = self.key(hour)?;
        let hour = hour.to_be_bytes();
        let mut sealed = [&given.to_be_bytes(), state].concat();
        let nonce = key.seal_in_place_append_tag(Aad::from(hour), &mut sealed).ok()?;
        Some([&hour[..], nonce.as_ref(), &sealed].concat())
    }

    fn open(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (hour_at, rest) = ticket.split_first_chunk::<8>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let (hour, now) = (u64::from_be_bytes(*hour_at), self.now()?);
        let accepted =
            now.saturating_sub(LIFETIME_SECONDS.into())..=now.saturating_add(SKEW_SECONDS);
        // Before a key is derived, so that clients choose no other hours.
        if !(accepted.start() / HOUR_SECONDS..=accepted.end() / HOUR_SECONDS).contains(&hour) {
            return None;
        }
        let key = self.key(hour)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut sealed = sealed.to_vec();
        let opened = key.open_in_place(nonce, Aad::from(*hour_at), &mut sealed).ok()?;
        let (given, state) = opened.split_first_chunk::<8>()?;
        accepted.contains(&u64::from_be_bytes(*given)).then(|| state.to_vec())
    }
}

/// Prints nothing, because it contains keys.
impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME_SECONDS
    }

    fn encrypt(&self, state: &[u8]) -> Option<Vec<u8>> {
        let shared = if is_tls13(state) { self.seal(state) } else { None };
        shared.or_else(|| self.own.encrypt(state))
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.open(ticket).or_else(|| self.own.decrypt(ticket))
    }
}

/// Is this the state of a session of TLS 1.3? rustls writes an optional server name, with a flag
/// and a length in front, and then the version. State of any other form is taken for TLS 1.2,
/// which only costs a full handshake after a restart.
fn is_tls13(state: &[u8]) -> bool {
    let version = match state {
        [0, rest @ ..] => Some(rest),
        [1, length, rest @ ..] => rest.get(usize::from(*length)..),
        _ => None,
    };
    let tls13 = ProtocolVersion::TLSv1_3.to_array();
    version.is_some_and(|version| version.starts_with(&tls13))
}
