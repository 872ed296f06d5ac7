//! The admin listener's key.

use std::fmt;

use subtle::ConstantTimeEq;

use crate::node::http::message::Response;

/// The key that calls must show (RFC 6750).
#[derive(Clone)]
pub(crate) struct AdminKey(Box<str>);

impl AdminKey {
    /// `None` for an empty text: there is no key.
    pub(crate) fn new(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// Is what a call has shown this key? How long that takes tells its length, and nothing else.
    pub(crate) fn check(&self, shown: Option<&[u8]>) -> Result<(), Response> {
        let (message, challenge) = match shown {
            Some(shown) if shown.ct_eq(self.0.as_bytes()).into() => return Ok(()),
            Some(_) => ("The key is wrong", "Bearer error=\"invalid_token\""),
            None => ("This call needs `Authorization: Bearer` and the key", "Bearer"),
        };
        Err(Response::error(401, "unauthorized", message).with("WWW-Authenticate", challenge))
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
        assert_eq!(key.check(Some(b"correct horse")), Ok(()));
        for wrong in [&b""[..], b"correct hors", b"correct horsf", b"correct horse "] {
            assert_eq!(key.check(Some(wrong)).unwrap_err().status, 401);
        }
        assert_eq!(key.check(None).unwrap_err().status, 401);
        assert_eq!(format!("{key:?}"), "AdminKey");
    }
}
