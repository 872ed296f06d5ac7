//! The claims of a token, as they were found: judged later, each fault in its place of the order.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use crate::time::UnixTime;

/// The registered claims that are looked at; of a name given twice the last counts.
#[derive(Default)]
pub(super) struct Claims<'a> {
    pub(super) issuer: Claim<'a>,
    pub(super) subject: Claim<'a>,
    pub(super) audience: Claim<'a>,
    pub(super) expires: Claim<'a>,
    pub(super) not_before: Claim<'a>,
    pub(super) issued: Claim<'a>,
    pub(super) token_id: Claim<'a>,
    pub(super) issued_here: Claim<'a>,
    pub(super) session: Claim<'a>,
}

/// The claim of tokens that this server issues itself: the milliseconds since 1970 at which it did, by its
/// own clock. `iat` has whole seconds.
pub(crate) const ISSUED_CLAIM: &str = "vestibule_issued_ms";

/// The claim of the tokens of own accounts that names their session. Not `sid`: other issuers have
/// sessions of their own.
pub(crate) const SESSION_CLAIM: &str = "vestibule_session";

/// A claim as it was found: judged later, so that each fault has its place in the order.
#[derive(Default)]
pub(super) enum Claim<'a> {
    #[default]
    Missing,
    Text(Cow<'a, str>),
    Number(f64),
    List(Vec<Cow<'a, str>>),
    Other,
}

impl Claim<'_> {
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn names(&self, audience: &str) -> bool {
        match self {
            Self::Text(one) => one == audience,
            Self::List(many) => many.iter().any(|one| one == audience),
            _ => false,
        }
    }

    /// A NumericDate (RFC 7519, section 2) that this calendar has; one before 1970 is long past.
    pub(super) fn required(&self) -> Option<UnixTime> {
        let Self::Number(seconds) = *self else { return None };
        let last = UnixTime::MAX.as_millis() / 1_000;
        // A float casts to an integer saturating: what is negative becomes 0.
        (seconds <= last as f64).then(|| UnixTime::from_millis((seconds * 1_000.0) as u64))
    }

    /// The same, or not there. `None` when it is there and no date.
    pub(super) fn optional(&self) -> Option<Option<UnixTime>> {
        if matches!(self, Self::Missing) { Some(None) } else { self.required().map(Some) }
    }
}

impl Claims<'_> {
    /// When this server has issued the token, if it is one of its own accounts: those have a session. The
    /// moment must be in the second of `iat`. Only for tokens that are signed with the server's own secret.
    pub(super) fn issued_here(&self) -> Option<UnixTime> {
        self.session.text()?;
        let (Claim::Number(millis), Some(issued)) = (&self.issued_here, self.issued.required())
        else {
            return None;
        };
        let moment = UnixTime::from_millis(*millis as u64);
        (moment.as_millis() / 1_000 == issued.as_millis() / 1_000).then_some(moment)
    }
}

impl<'de> Deserialize<'de> for Claims<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ClaimsVisitor)
    }
}

struct ClaimsVisitor;

impl<'de> Visitor<'de> for ClaimsVisitor {
    type Value = Claims<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut claims = Claims::default();
        while let Some(name) = map.next_key::<Name<'de>>()? {
            let claim = match &*name.0 {
                "iss" => &mut claims.issuer,
                "sub" => &mut claims.subject,
                "aud" => &mut claims.audience,
                "exp" => &mut claims.expires,
                "nbf" => &mut claims.not_before,
                "iat" => &mut claims.issued,
                "jti" => &mut claims.token_id,
                ISSUED_CLAIM => &mut claims.issued_here,
                SESSION_CLAIM => &mut claims.session,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *claim = map.next_value()?;
        }
        Ok(claims)
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Claim<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ClaimVisitor)
    }
}

struct ClaimVisitor;

impl<'de> Visitor<'de> for ClaimVisitor {
    type Value = Claim<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Claim::Other)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Claim::Other)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Claim::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Claim::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Claim::Number(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Claim::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Claim::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(element) = seq.next_element::<Element<'de>>()? {
            texts.extend(element.0);
        }
        Ok(Claim::List(texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Claim::Other)
    }
}

/// An element of a list: kept when it is text. Its own type, so that lists do not nest in memory.
struct Element<'a>(Option<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Element<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Claim::deserialize(deserializer)? {
            Claim::Text(text) => Some(text),
            _ => None,
        }))
    }
}
