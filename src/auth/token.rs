//! A token's form: a JWS in the compact form (RFC 7515, section 7.1), and its header.
//!
//! Of the header only `alg` and `kid` are used, and only to choose among keys that are there.
//! `jku`, `jwk`, `x5u` and `x5c` name keys of the sender's: they are passed over, and nothing is
//! ever fetched or decoded for them (RFC 8725, sections 3.10 and 3.1).

use std::borrow::Cow;
use std::fmt;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::{DecodeSliceError, Engine as _};
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::keys::MAX_KEY_ID_BYTES;

/// Members of a header, at most; RFC 7515 registers 11. Names are compared with each other, so that
/// none is there twice, and that must not cost much.
const MAX_MEMBERS: usize = 32;
/// Members that most headers have: of these it is remembered without memory that they came.
const USUAL_MEMBERS: [&str; 3] = ["alg", "kid", "typ"];
/// A header of so many bytes is decoded on the stack. Few are longer.
pub(super) const SHORT_HEADER_BYTES: usize = 256;

/// Where the parts of a token are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    pub(super) header: &'a str,
    pub(super) claims: &'a str,
    /// Header and claims with the dot between them: what is signed.
    pub(super) message: &'a str,
    pub(super) signature: &'a str,
}

/// The three parts of `token`; `None` when it has not three.
pub(super) fn parts(token: &str) -> Option<Parts<'_>> {
    let mut dots = memchr::memchr_iter(b'.', token.as_bytes());
    let (Some(first), Some(last), None) = (dots.next(), dots.next(), dots.next()) else {
        return None;
    };
    let (message, signature) = (token.get(..last)?, token.get(last + 1..)?);
    let (header, claims) = (message.get(..first)?, message.get(first + 1..)?);
    Some(Parts { header, claims, message, signature })
}

/// The JSON of the header, in `short` where it fits in there. `None`: it is not in base64url.
pub(super) fn header_json<'a>(
    parts: Parts<'_>,
    short: &'a mut [u8; SHORT_HEADER_BYTES],
) -> Option<Cow<'a, [u8]>> {
    match URL_SAFE_NO_PAD.decode_slice(parts.header, short) {
        Ok(length) => short.get(..length).map(Cow::Borrowed),
        Err(DecodeSliceError::OutputSliceTooSmall) => {
            URL_SAFE_NO_PAD.decode(parts.header).ok().map(Cow::Owned)
        }
        Err(DecodeSliceError::DecodeError(_)) => None,
    }
}

/// What a header says that is looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) algorithm: Cow<'a, str>,
    pub(super) key_id: Option<Cow<'a, str>>,
}

/// The header of this JSON; `None` when it is none, or one that must be refused.
pub(super) fn header(json: &[u8]) -> Option<Header<'_>> {
    serde_json::from_slice(json).ok()
}

/// The headers that the usual libraries write for a shared secret, as they are in their tokens.
const USUAL_HEADERS: [&str; 3] = [
    // {"alg":"HS256","typ":"JWT"}, {"typ":"JWT","alg":"HS256"} and {"alg":"HS256"}
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9",
    "eyJhbGciOiJIUzI1NiJ9",
];

/// The header of this text, if it is one of those that need not be decoded to be known.
pub(super) fn usual_header(text: &str) -> Option<Header<'static>> {
    let is_usual = USUAL_HEADERS.contains(&text);
    is_usual.then_some(Header { algorithm: Cow::Borrowed("HS256"), key_id: None })
}

impl<'de> Deserialize<'de> for Header<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut algorithm, mut key_id) = (None, None);
        let mut members = 0;
        let mut has = [false; USUAL_MEMBERS.len()];
        let mut others: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Text(name)) = map.next_key()? {
            let usual = USUAL_MEMBERS.iter().zip(&mut has).find(|(usual, _)| **usual == name);
            let (is_usual, is_there) = match usual {
                Some((_, has)) => (true, std::mem::replace(has, true)),
                None => (false, others.contains(&name)),
            };
            // RFC 7515, section 4: a name must be there once, or the JWS must be refused.
            if members >= MAX_MEMBERS || is_there {
                return Err(A::Error::custom("a name is there twice, or too many are"));
            }
            match &*name {
                "alg" => algorithm = Some(map.next_value::<Text<'de>>()?.0),
                "kid" => key_id = Some(map.next_value::<Text<'de>>()?.0),
                // RFC 7515, section 4.1.11: who does not understand what is critical must refuse.
                // No extension is understood, and an empty list must not be there.
                "crit" => return Err(A::Error::custom("critical")),
                // RFC 7797: the claims would not be base64url then.
                "b64" if !map.next_value::<bool>()? => return Err(A::Error::custom("b64")),
                "b64" => {}
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            members += 1;
            if !is_usual {
                others.push(name);
            }
        }
        let algorithm = algorithm.ok_or_else(|| A::Error::missing_field("alg"))?;
        if key_id.as_ref().is_some_and(|id| id.len() > MAX_KEY_ID_BYTES) {
            return Err(A::Error::custom("the kid is too long"));
        }
        Ok(Header { algorithm, key_id })
    }
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_headers_say_what_they_decode_to() {
        let sealed = |text| Parts { header: text, claims: "", message: "", signature: "" };
        for text in USUAL_HEADERS {
            let mut short = [0; SHORT_HEADER_BYTES];
            let json = header_json(sealed(text), &mut short).unwrap();
            assert_eq!(usual_header(text), header(&json), "{text}");
        }
        for other in ["", "eyJhbGciOiJIUzI1NiJ", "eyJhbGciOiJub25lIn0", "eyJhbGciOiJIUzI1NiJ9="] {
            assert_eq!(usual_header(other), None);
        }
    }

    #[test]
    fn token_has_two_dots_and_no_more() {
        let split = |token| parts(token).map(|it| (it.header, it.claims, it.message, it.signature));
        assert_eq!(split("a.b.c"), Some(("a", "b", "a.b", "c")));
        assert_eq!(split(".."), Some(("", "", ".", "")));
        assert_eq!(split("é.ü.ß"), Some(("é", "ü", "é.ü", "ß")));
        for other in ["", "a", "a.b", "a.b.c.d", "a.b.c."] {
            assert_eq!(split(other), None, "{other}");
        }
    }
}
