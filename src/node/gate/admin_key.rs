//! The admin listener's key.

use std::fmt;

use subtle::ConstantTimeEq;

/// The key that calls must show (RFC 6750).
#[derive(Clone)]
pub(crate) struct AdminKey(Box<str>);

impl AdminKey {
    /// `None` for an empty text: there is no key.
    pub(crate) fn new(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// Is it this key? How long that takes tells its length, and nothing else.
    pub(crate) fn is(&self, shown: &[u8]) -> bool {
        shown.ct_eq(self.0.as_bytes()).into()
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
    }
}
