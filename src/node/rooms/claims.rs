//! The claims that messages carry: of each connection those of `backend.claims` that its token has.
//!
//! They are taken out of a token when it is accepted, and count from when the application has admitted
//! it: those of a renewal that is refused never do.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::id::Slot;
use crate::node::policy::Policy;

/// What those of a connection take beside their text: their places in trees that may be half full. Those of
/// a renewal are there twice for a moment.
#[cfg(feature = "net")]
pub(crate) const CLAIMS_BYTES: usize = 96;

/// Nothing, unless `backend.claims` names some; then at most `backend.claims_bytes` a connection. Trees,
/// which never stop to grow as a whole.
#[derive(Debug, Default)]
pub(crate) struct KeptClaims {
    admitted: BTreeMap<usize, Box<str>>,
    /// Those of tokens for which the application is being asked.
    offered: BTreeMap<usize, Box<str>>,
}

impl KeptClaims {
    /// The application is asked whether `slot` may come in, or stay, with these.
    pub(crate) fn offer(&mut self, slot: Slot, claims: Option<Box<str>>) {
        if let Some(claims) = claims {
            self.offered.insert(slot.index(), claims);
        }
    }

    /// The application has admitted `slot` with what was offered last.
    pub(crate) fn admit(&mut self, slot: Slot) {
        if let Some(claims) = self.offered.remove(&slot.index()) {
            self.admitted.insert(slot.index(), claims);
        }
    }

    /// `slot` is gone.
    pub(crate) fn forget(&mut self, slot: Slot) {
        self.admitted.remove(&slot.index());
        self.offered.remove(&slot.index());
    }

    /// Are none kept?
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.admitted.is_empty() && self.offered.is_empty()
    }

    /// The claims of `slot`, as a JSON object.
    pub(crate) fn of(&self, slot: Slot) -> Option<&str> {
        self.admitted.get(&slot.index()).map(|claims| &**claims)
    }
}

/// Of the `claims` of a token those that messages carry, as a JSON object in the order of the
/// configuration. One that does not fit is left out whole.
pub(crate) fn kept_claims(policy: &Policy, claims: &str) -> Option<Box<str>> {
    if policy.claims.is_empty() {
        return None;
    }
    let all: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(claims).unwrap_or_default();
    let mut kept = String::from("{");
    for name in &policy.claims {
        let Some(value) = all.get(name.as_str()) else { continue };
        let comma = if kept.len() > 1 { "," } else { "" };
        let name = serde_json::to_string(name).unwrap_or_default();
        if kept.len() + comma.len() + name.len() + value.get().len() + 2 <= policy.claims_bytes {
            kept.extend([comma, &name, ":", value.get()]);
        }
    }
    kept.push('}');
    Some(kept.into_boxed_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn kept(names: &[&str], bytes: usize, claims: &str) -> Option<String> {
        let mut policy = Policy::new(&Config::default());
        policy.claims = names.iter().map(|&name| name.to_owned()).collect();
        policy.claims_bytes = bytes;
        kept_claims(&policy, claims).map(String::from)
    }

    #[test]
    fn named_claims_are_kept_as_they_were_signed() {
        let claims = r#"{"sub":"a","role":["cook", 1.0],"big":12345678901234567890,"a\"b":null}"#;
        assert_eq!(kept(&[], 100, claims), None);
        assert_eq!(kept(&["none"], 100, claims).unwrap(), "{}");
        let all = kept(&["big", "role", "a\"b"], 100, claims).unwrap();
        assert_eq!(all, r#"{"big":12345678901234567890,"role":["cook", 1.0],"a\"b":null}"#);
    }

    #[test]
    fn a_claim_that_does_not_fit_is_left_out() {
        let claims = r#"{"a":1,"long":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","b":2}"#;
        assert_eq!(kept(&["a", "long", "b"], 20, claims).unwrap(), r#"{"a":1,"b":2}"#);
        for bytes in 2..80 {
            assert!(kept(&["a", "long", "b"], bytes, claims).unwrap().len() <= bytes, "{bytes}");
        }
    }
}
