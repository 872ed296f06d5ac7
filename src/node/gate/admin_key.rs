//! The admin listener's key.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};

/// The key that calls must show (RFC 6750); two while one takes the other's place.
#[derive(Clone)]
pub(crate) struct AdminKey(Box<[Box<str>]>);

impl AdminKey {
    /// A key a line. `None` for an empty text: there is no key.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let keys: Box<[Box<str>]> = text.lines().map(Box::from).collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// Is it one of these keys? How long that takes tells their lengths, and nothing else.
    pub(crate) fn is(&self, shown: &[u8]) -> bool {
        let compared = self.0.iter().map(|key| shown.ct_eq(key.as_bytes()));
        compared.fold(Choice::from(0), |any, is_it| any | is_it).into()
    }
}

impl fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_key_is_the_key() {
        let key = AdminKey::new("correct horse").unwrap();
        assert!(key.is(b"correct horse"));
        for wrong in [&b""[..], b"correct hors", b"correct horsf", b"correct horse "] {
            assert!(!key.is(wrong));
        }
        assert_eq!(format!("{key:?}"), "AdminKey");
        assert!(AdminKey::new("").is_none());
    }

    #[test]
    fn two_keys_are_good_during_a_rotation() {
        let keys = AdminKey::new("correct horse\nbattery staple").unwrap();
        assert!(keys.is(b"correct horse") && keys.is(b"battery staple"));
        for wrong in [&b""[..], b"correct horse\nbattery staple", b"battery"] {
            assert!(!keys.is(wrong));
        }
    }
}
