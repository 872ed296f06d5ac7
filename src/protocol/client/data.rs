//! `payload.data` of a chat message: an embedder's own object, which is forwarded as it is.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::protocol::limits::MAX_DATA_DEPTH;
use crate::protocol::surrogates::replace_lone;

/// A JSON object, as its sender wrote it.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub struct JsonObject<'a>(&'a RawValue);

impl<'a> JsonObject<'a> {
    /// `None` if the value cannot be forwarded.
    pub(super) fn new(value: &'a RawValue) -> Option<Self> {
        is_forwardable(value).then_some(Self(value))
    }

    /// The object that this text is.
    #[cfg(any(test, feature = "backend"))]
    pub(crate) fn of_text(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok().and_then(Self::new)
    }

    /// Its text.
    #[must_use]
    pub fn get(self) -> &'a str {
        self.0.get()
    }
}

/// A JSON object that is kept after its message.
#[derive(Debug)]
pub(crate) struct KeptJsonObject(Box<RawValue>);

impl From<JsonObject<'_>> for KeptJsonObject {
    fn from(object: JsonObject<'_>) -> Self {
        Self(object.0.to_owned())
    }
}

impl KeptJsonObject {
    pub(crate) fn get(&self) -> JsonObject<'_> {
        JsonObject(&self.0)
    }
}

/// An accepted chat message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said<'a> {
    /// The message's id, as its sender chose it.
    pub id: &'a str,
    /// 1 to 16,384 characters.
    pub content: &'a str,
    /// What the embedder's own clients have to say beside it.
    pub data: Option<JsonObject<'a>>,
}

/// Two objects are equal when their texts are.
impl PartialEq for JsonObject<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for JsonObject<'_> {}

/// Is this an object that every client can read?
pub(crate) fn is_forwardable(value: &RawValue) -> bool {
    value.get().starts_with('{') && is_readable(value)
}

/// Is this an array that every client can read?
#[cfg(feature = "backend")]
pub(crate) fn is_forwardable_array(value: &RawValue) -> bool {
    value.get().starts_with('[') && is_readable(value)
}

/// Can every client read this value? Not if it is nested deeper than [`MAX_DATA_DEPTH`], has a number beyond
/// those of a double (RFC 7493, section 2.2), or a string with half of a surrogate pair: the JSON parsers of
/// some receivers refuse those, and with them the whole message. Linear in the text.
fn is_readable(value: &RawValue) -> bool {
    let text = value.get();
    is_shallow_and_finite(text) && replace_lone(text, "").is_none()
}

/// Are no more than [`MAX_DATA_DEPTH`] objects and arrays of a valid JSON text in each other, and all of its
/// numbers finite?
fn is_shallow_and_finite(text: &str) -> bool {
    let mut depth = 0_usize;
    let (mut in_string, mut is_escaped) = (false, false);
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'-' | b'0'..=b'9' => {
                let number = number_at(text, at);
                if !is_finite(number) {
                    return false;
                }
                // Behind its first byte, which is taken.
                for _ in 1..number.len() {
                    bytes.next();
                }
            }
            _ => {}
        }
        if depth > MAX_DATA_DEPTH {
            return false;
        }
    }
    true
}

/// The number that begins there.
fn number_at(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or_default();
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E');
    rest.get(..rest.bytes().take_while(|byte| is_part(byte)).count()).unwrap_or_default()
}

/// Only a long number, or one with an exponent, can be more than a double holds.
fn is_finite(number: &str) -> bool {
    let may_be_large = number.len() > 300 || number.contains(['e', 'E']);
    !may_be_large || number.parse().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_accepted(text: &str) -> bool {
        let value: &RawValue = serde_json::from_str(text).unwrap();
        JsonObject::new(value).is_some()
    }

    #[test]
    fn only_objects_are_data() {
        for text in ["{}", r#"{"a":[1,null,"}"],"b":{}}"#, r#"{"a":"\ud83c\udf75"}"#] {
            assert!(is_accepted(text), "{text}");
        }
        for text in ["[]", "null", "7", r#""{}""#, r#"{"a":"\ud83c"}"#, r#"{"\udf75":1}"#] {
            assert!(!is_accepted(text), "{text}");
        }
    }

    #[test]
    fn every_number_of_data_fits_a_double() {
        let (most, more) = ("9".repeat(308), "9".repeat(309));
        for number in ["0", "-1.5", "1e308", "1E+308", "-1e-999", "123456789012345678901", &most] {
            assert!(
                is_accepted(&format!(r#"{{"a":[{number},{number}],"b":{number}}}"#)),
                "{number}"
            );
        }
        for number in ["1e309", "-1E999", "0.1e+310", &more] {
            assert!(!is_accepted(&format!(r#"{{"a":[1,{number}]}}"#)), "{number}");
            assert!(is_accepted(&format!(r#"{{"{number}":"{number}"}}"#)), "{number}");
        }
    }

    #[test]
    fn data_is_nested_32_deep_at_most() {
        let nested = |depth: usize| {
            let inner = depth - 1;
            format!(r#"{{"a":{}"[{{\"["{}}}"#, "[".repeat(inner), "]".repeat(inner))
        };
        assert!(is_accepted(&nested(32)));
        assert!(!is_accepted(&nested(33)));
        assert!(is_accepted(&format!(r#"{{"a":"{}"}}"#, "[".repeat(100))));
    }
}
