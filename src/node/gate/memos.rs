//! Memos: what a client that comes back need not have done again.
//!
//! A memo is no credential. It comes with a token, whose claims are judged as always, and says two
//! things, each by an HMAC under a key of the hour in which it was given:
//!
//! ```text
//! given, admitted │ this signature was checked, with these keys │ this user was admitted to this room
//!   8       8     │                    16                       │                 16
//! ```
//!
//! There is nothing in it to be read but two moments. What the HMACs are about comes with the token and
//! the request again, so a memo of another token, user or room fits nothing, and is as if there were
//! none. Keys come from a secret that all nodes share, so they need no exchange.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::auth::SignatureDigest;
use crate::config::Config;
use crate::id::Seed;
use crate::node::connections::waiting::ClaimsDigest;
use crate::node::planted::{Fault, Planted};
use crate::protocol::Memo;
use crate::time::UnixTime;

/// For how many hours a memo is of use: the one in which it was given, and those after it.
const HOURS: u64 = 3;
const HOUR_MS: u64 = 3_600_000;
/// Claims that say when and by which token, and not who the user is.
const OF_THE_TOKEN: [&str; 4] = ["exp", "iat", "jti", "nbf"];

/// What a client was admitted with, and to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admitted<'a> {
    pub(crate) room: &'a str,
    pub(crate) user: &'a str,
    pub(crate) claims: &'a ClaimsDigest,
}

/// What gives memos and reads them.
pub(crate) struct Memos {
    secret: [u8; 32],
    /// For a configuration without a secret: it goes with the process.
    own: [u8; 32],
    /// The keys of the last hours that were asked for.
    keys: BTreeMap<u64, Hmac<Sha256>>,
    pub(crate) fault: Fault,
}

/// The secret is not shown.
impl fmt::Debug for Memos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memos").finish_non_exhaustive()
    }
}

impl Memos {
    /// By the secret of `config`, or, where that has none, by one that goes with the process.
    pub(crate) fn new(config: &Config, seed: &Seed) -> Self {
        let own = Sha256::digest(seed.derive("memos").bytes()).into();
        let mut memos = Self { secret: own, own, keys: BTreeMap::new(), fault: Fault::default() };
        memos.reconfigure(config);
        memos
    }

    /// From here on by the secret of `config`, if it has one: memos of another one are of no use.
    pub(crate) fn reconfigure(&mut self, config: &Config) {
        self.secret =
            config.shared_secret().map_or(self.own, |secret| Sha256::digest(secret).into());
        self.keys.clear();
    }

    /// A memo of now. `signature`: what was checked; `None`: that is checked again for less than a memo
    /// costs. `at`: when the application admitted the user.
    pub(crate) fn give(
        &mut self,
        now: UnixTime,
        signature: Option<&SignatureDigest>,
        (admitted, at): (Admitted<'_>, UnixTime),
    ) -> Memo {
        let (given, at) = (now.as_millis(), at.as_millis());
        let signature = signature.and_then(|signature| self.signature_tag(given, signature));
        let join = self.join_tag((given, at), admitted).unwrap_or_default();
        let (given, at) = (given.to_be_bytes(), at.to_be_bytes());
        let parts = [&given[..], &at, &signature.unwrap_or_default(), &join];
        let mut memo = [0; Memo::BYTES];
        memo.iter_mut().zip(parts.concat()).for_each(|(to, byte)| *to = byte);
        Memo(memo)
    }

    /// Was this signature checked when the memo was given?
    pub(crate) fn knows_signature(
        &mut self,
        now: UnixTime,
        memo: &Memo,
        signature: &SignatureDigest,
    ) -> bool {
        let Some(MemoParts { given, signature: tag, .. }) = parts(memo, now) else { return false };
        let known = self.signature_tag(given, signature);
        known.is_some_and(|known| known.ct_eq(&tag).into())
    }

    /// When the application admitted this user to this room, within `trusted` of now; `None`: the memo
    /// does not say so.
    pub(crate) fn admitted_at(
        &mut self,
        now: UnixTime,
        memo: &Memo,
        admitted: Admitted<'_>,
        trusted: Duration,
    ) -> Option<UnixTime> {
        let MemoParts { given, admitted_at, join, .. } = parts(memo, now)?;
        let at = UnixTime::from_millis(admitted_at);
        let known = self.join_tag((given, admitted_at), admitted)?;
        let is_it = bool::from(known.ct_eq(&join)) || self.fault.is(Planted::MemoUnread);
        (is_it && at <= now && now.since(at) < trusted).then_some(at)
    }

    fn signature_tag(&mut self, given: u64, signature: &SignatureDigest) -> Option<[u8; 16]> {
        let given_at = given.to_be_bytes();
        self.tag(given, &[b"signature", &given_at, signature.bytes()])
    }

    fn join_tag(&mut self, (given, at): (u64, u64), admitted: Admitted<'_>) -> Option<[u8; 16]> {
        let Admitted { room, user, claims } = admitted;
        let (given_at, at) = (given.to_be_bytes(), at.to_be_bytes());
        self.tag(given, &[b"join", &given_at, &at, room.as_bytes(), user.as_bytes(), claims])
    }

    /// Each part with its length, so that no two lists of parts are one text.
    fn tag(&mut self, given: u64, parts: &[&[u8]]) -> Option<[u8; 16]> {
        let mut mac = self.key(given / HOUR_MS)?.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let whole = mac.finalize().into_bytes();
        whole.first_chunk().copied()
    }

    fn key(&mut self, hour: u64) -> Option<&Hmac<Sha256>> {
        if !self.keys.contains_key(&hour) {
            // A key of any length is taken.
            let mut of_hour = Hmac::<Sha256>::new_from_slice(&self.secret).ok()?;
            of_hour.update(b"vestibule memo 1");
            of_hour.update(&hour.to_be_bytes());
            let key = Hmac::new_from_slice(&of_hour.finalize().into_bytes()).ok()?;
            if self.keys.len() as u64 >= HOURS {
                self.keys.clear();
            }
            self.keys.insert(hour, key);
        }
        self.keys.get(&hour)
    }
}

/// The claims, whatever their order, without those that every token has others of.
pub(crate) fn digest_of(claims: &str) -> ClaimsDigest {
    let parsed: BTreeMap<String, &RawValue> = serde_json::from_str(claims).unwrap_or_default();
    let mut digest = Sha256::new();
    for (name, value) in parsed.iter().filter(|(name, _)| !OF_THE_TOKEN.contains(&name.as_str())) {
        for text in [name.as_str(), value.get()] {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text.as_bytes());
        }
    }
    digest.finalize().into()
}

struct MemoParts {
    given: u64,
    admitted_at: u64,
    signature: [u8; 16],
    join: [u8; 16],
}

/// The parts of a memo that may still be used at `now`.
fn parts(memo: &Memo, now: UnixTime) -> Option<MemoParts> {
    let (given, rest) = memo.0.split_first_chunk::<8>()?;
    let (admitted_at, rest) = rest.split_first_chunk::<8>()?;
    let (signature, rest) = rest.split_first_chunk::<16>()?;
    let (given, admitted_at) = (u64::from_be_bytes(*given), u64::from_be_bytes(*admitted_at));
    let now = now.as_millis();
    let is_of_use = given <= now && now / HOUR_MS - given / HOUR_MS < HOURS;
    let join = *rest.first_chunk::<16>()?;
    is_of_use.then_some(MemoParts { given, admitted_at, signature: *signature, join })
}

#[cfg(test)]
mod tests;
