//! What a message has in the known places, before anything of it is judged.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::key::KeySeed;
use super::wants::{self, Wants};
use crate::protocol::limits::MAX_ID_CHARS;

/// Reads any JSON value by its parser. `None`: it is not an object.
pub(super) fn read_root<'de, D: Deserializer<'de>>(
    json: D,
) -> Result<Option<RawEnvelope<'de>>, D::Error> {
    json.deserialize_any(RootVisitor)
}

/// A field as it was found. Of a value that is not a string, only that is known.
#[derive(Default)]
pub(super) enum Field<'a> {
    #[default]
    Missing,
    Other,
    Text(Cow<'a, str>),
}

impl<'a> Field<'a> {
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn usable_id(self) -> Option<Cow<'a, str>> {
        self.text().filter(|id| !id.is_empty() && fits(id, MAX_ID_CHARS))
    }
}

/// A message.
#[derive(Default)]
pub(super) struct RawEnvelope<'a> {
    pub(super) kind: Field<'a>,
    pub(super) id: Field<'a>,
    pub(super) timestamp: Field<'a>,
    pub(super) payload: Option<RawPayload<'a>>,
}

/// Its payload: what any type has in it.
#[derive(Default)]
pub(super) struct RawPayload<'a> {
    pub(super) token: Field<'a>,
    pub(super) wants: Wants,
    pub(super) content: Field<'a>,
    pub(super) data: Option<&'a RawValue>,
}

/// Whether the text has at most `max_chars` code points. Counts them only when the byte length does
/// not decide it.
pub(super) fn fits(text: &str, max_chars: usize) -> bool {
    text.len() <= max_chars || text.chars().count() <= max_chars
}

/// Implements the visitor methods for all kinds of JSON values that a visitor does not handle
/// itself: they become `$other`.
macro_rules! other_values {
    ($other:expr; $($method:ident($kind:ty)),*) => {
        $(fn $method<E>(self, _: $kind) -> Result<Self::Value, E> { Ok($other) })*
        fn visit_unit<E>(self) -> Result<Self::Value, E> { Ok($other) }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok($other)
        }
    };
}

struct RootVisitor;

impl<'de> Visitor<'de> for RootVisitor {
    type Value = Option<RawEnvelope<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    other_values!(None; visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut envelope = RawEnvelope::default();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            match &*key {
                "type" => envelope.kind = map.next_value_seed(FieldSeed)?,
                "id" => envelope.id = map.next_value_seed(FieldSeed)?,
                "timestamp" => envelope.timestamp = map.next_value_seed(FieldSeed)?,
                "payload" => envelope.payload = map.next_value_seed(PayloadSeed)?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Some(envelope))
    }
}

struct FieldSeed;

impl<'de> DeserializeSeed<'de> for FieldSeed {
    type Value = Field<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FieldSeed {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    other_values!(Field::Other; visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64));

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Other)
    }
}

struct PayloadSeed;

impl<'de> DeserializeSeed<'de> for PayloadSeed {
    type Value = Option<RawPayload<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PayloadSeed {
    type Value = Option<RawPayload<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    other_values!(None; visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut payload = RawPayload::default();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            match &*key {
                "token" => payload.token = map.next_value_seed(FieldSeed)?,
                "presence" => payload.wants.presence = wants::presence(map.next_value()?),
                "resume" => {
                    let wants = &mut payload.wants;
                    (wants.resume, wants.memo) = wants::resume(map.next_value()?);
                }
                "content" => payload.content = map.next_value_seed(FieldSeed)?,
                "data" => payload.data = Some(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Some(payload))
    }
}
