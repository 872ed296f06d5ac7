//! The admin listener's keys.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};

/// The keys that calls must show (RFC 6750): an operator's, and those of who may only publish.
#[derive(Clone)]
pub(crate) struct AdminKeys {
    operate: KeyLines,
    publish: KeyLines,
}

/// What a key that was shown may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyScope {
    /// Every call.
    Operate,
    /// Calls that publish.
    Publish,
    /// It is none of the keys.
    Nothing,
}

impl AdminKeys {
    /// A key a line in each text. `None` without an operator's key: no call must show one.
    pub(crate) fn new(operate: &str, publish: &str) -> Option<Self> {
        let keys = Self { operate: KeyLines::new(operate), publish: KeyLines::new(publish) };
        (!keys.operate.0.is_empty()).then_some(keys)
    }

    /// How long this takes tells the keys' lengths, and nothing else.
    pub(crate) fn scope_of(&self, shown: &[u8]) -> KeyScope {
        match (self.operate.has(shown), self.publish.has(shown)) {
            (true, _) => KeyScope::Operate,
            (false, true) => KeyScope::Publish,
            (false, false) => KeyScope::Nothing,
        }
    }
}

impl fmt::Debug for AdminKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminKeys")
    }
}

/// One key; two while one takes the other's place; or none.
#[derive(Clone)]
struct KeyLines(Box<[Box<str>]>);

impl KeyLines {
    fn new(text: &str) -> Self {
        Self(text.lines().map(Box::from).collect())
    }

    fn has(&self, shown: &[u8]) -> bool {
        let compared = self.0.iter().map(|key| shown.ct_eq(key.as_bytes()));
        compared.fold(Choice::from(0), |any, is_it| any | is_it).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_key_is_the_key() {
        let keys = AdminKeys::new("correct horse", "").unwrap();
        assert_eq!(keys.scope_of(b"correct horse"), KeyScope::Operate);
        for wrong in [&b""[..], b"correct hors", b"correct horsf", b"correct horse "] {
            assert_eq!(keys.scope_of(wrong), KeyScope::Nothing);
        }
        assert_eq!(format!("{keys:?}"), "AdminKeys");
        assert!(AdminKeys::new("", "").is_none());
        assert!(AdminKeys::new("", "battery staple").is_none());
    }

    #[test]
    fn two_keys_are_good_during_a_rotation() {
        let keys = AdminKeys::new("correct horse\nbattery staple", "new\nold").unwrap();
        for (shown, scope) in [
            (&b"correct horse"[..], KeyScope::Operate),
            (b"battery staple", KeyScope::Operate),
            (b"new", KeyScope::Publish),
            (b"old", KeyScope::Publish),
            (b"", KeyScope::Nothing),
            (b"correct horse\nbattery staple", KeyScope::Nothing),
            (b"battery", KeyScope::Nothing),
        ] {
            assert_eq!(keys.scope_of(shown), scope);
        }
    }
}
