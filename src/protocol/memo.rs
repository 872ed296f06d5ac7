//! What a client brings along when it comes back, so that work is not done again.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Serialize, Serializer};

/// A memo: text that only the server that gave it can have made. It stands beside a token and never
/// for one. Clients do not look into it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Memo(pub(crate) [u8; Self::BYTES]);

impl Memo {
    /// What it takes.
    pub const BYTES: usize = 48;

    /// The memo of this text. `None`: it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; Self::BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (length == Self::BYTES).then_some(Self(bytes))
    }
}

/// The memo is not shown: it saves whoever has it work, beside a token.
impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo")
    }
}

impl Serialize for Memo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memo_is_read_as_it_is_written_and_not_shown() {
        let memo = Memo(std::array::from_fn(|at| at as u8));
        let text = serde_json::to_value(memo).unwrap();
        let text = text.as_str().unwrap();
        assert_eq!((text.len(), Memo::parse(text)), (64, Some(memo)));
        assert_eq!(format!("{memo:?}"), "Memo");
        for other in ["", "AAAA", &text[1..], &format!("{text}A"), &text.replace('A', "+")] {
            assert_eq!(Memo::parse(other), None, "{other}");
        }
    }
}
