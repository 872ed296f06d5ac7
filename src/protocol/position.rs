//! Where in a room's messages a client stands.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The bits of a tag.
const TAG: u64 = (1 << 48) - 1;

/// The place of a message in its room: a number, and a tag that was drawn when the message was
/// published. Two histories of a room may have the same number, but not the same tag. To clients it
/// is opaque text, `NUMBER.TAG`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    number: u64,
    tag: u64,
}

impl Position {
    /// The position of this number, with 48 of these random bits.
    #[must_use]
    pub const fn new(number: u64, random: u64) -> Self {
        Self { number, tag: random & TAG }
    }

    /// How many positions are before it.
    pub(crate) const fn number(self) -> u64 {
        self.number
    }

    /// Its 48 random bits.
    pub(crate) const fn tag(self) -> u64 {
        self.tag
    }

    /// The position behind this one.
    #[must_use]
    pub const fn next(self, random: u64) -> Self {
        Self::new(self.number.wrapping_add(1), random)
    }

    /// How many positions this one is behind `other`; `None` if it is before it.
    #[must_use]
    pub const fn distance_from(self, other: Self) -> Option<u64> {
        self.number.checked_sub(other.number)
    }

    /// Reads a position as it was written; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (number, tag) = text.split_once('.')?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|_| is_number)?;
        let mut bytes = [0; 8];
        let read = URL_SAFE_NO_PAD.decode_slice(tag, bytes.get_mut(2..)?).ok()?;
        (read == 6).then(|| Self { number, tag: u64::from_be_bytes(bytes) })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, _, tag @ ..] = self.tag.to_be_bytes();
        let mut text = [0; 8];
        let length = URL_SAFE_NO_PAD.encode_slice(tag, &mut text).unwrap_or(0);
        let text = text.get(..length).and_then(|text| std::str::from_utf8(text).ok());
        write!(f, "{}.{}", self.number, text.unwrap_or_default())
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        Self::parse(text).ok_or_else(|| de::Error::custom("no position"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn position_is_read_as_it_was_written(number: u64, random: u64) {
            let position = Position::new(number, random);
            prop_assert_eq!(Position::parse(&position.to_string()), Some(position));
        }

        #[test]
        fn any_text_is_a_position_or_none(text in "\\PC{0,40}") {
            if let Some(position) = Position::parse(&text) {
                prop_assert_eq!(Position::parse(&position.to_string()), Some(position));
            }
        }
    }

    #[test]
    fn text_of_another_form_is_no_position() {
        for text in ["", ".", "1", "1.", ".AAAAAAAA", "+1.AAAAAAAA", "1.AAAAAAA", "1.AAAAAAAAA"] {
            assert_eq!(Position::parse(text), None, "{text}");
        }
        assert_eq!(Position::parse("7.AAAAAAAA"), Some(Position::new(7, 0)));
    }
}
