//! Email addresses in a canonical form, in which they are compared.

/// The longest address that mail can be sent to (RFC 5321, section 4.5.3.1.3, without brackets).
const MAX_BYTES: usize = 254;
/// The longest part before the `@` (section 4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;
/// The longest label of a domain (RFC 1035, section 2.3.4).
const MAX_LABEL_BYTES: usize = 63;

/// An address in lower case, without surrounding space. `Ann@Example.com` and `ann@example.com` are
/// one account, as mail servers deliver both to one mailbox.
///
/// The form is RFC 5321's, without quoted names and address literals. Only ASCII is accepted:
/// browsers encode international domains in ASCII (RFC 5891), and two addresses that look the same
/// must not be two accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Email(String);

impl Email {
    /// Validates an address.
    ///
    /// # Errors
    /// The problem, as a text for people that does not quote the address.
    pub(super) fn new(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.len() > MAX_BYTES {
            return Err("must have at most 254 characters");
        }
        match text.rsplit_once('@') {
            Some((local, domain)) if is_local(local) && is_domain(domain) => {
                Ok(Self(text.to_ascii_lowercase()))
            }
            _ => Err("must be an address such as ann@example.com"),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Atoms between dots (RFC 5322, section 3.2.3).
fn is_local(text: &str) -> bool {
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    text.len() <= MAX_LOCAL_BYTES && text.split('.').all(is_atom)
}

/// Labels between dots. A single label such as `localhost` is allowed, for development.
fn is_domain(text: &str) -> bool {
    text.split('.').all(|label| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn email_ignores_case_and_surrounding_space() {
        let email = Email::new("  Ann.O'Hara+Soup@Mail.Example.COM\n").unwrap();
        assert_eq!(email.as_str(), "ann.o'hara+soup@mail.example.com");
    }

    #[test]
    fn malformed_email_is_refused() {
        for good in ["a@b", "a.b@c-d.example", "1@2.3", "x@xn--bcher-kva.example"] {
            assert!(Email::new(good).is_ok(), "{good}");
        }
        let long_local = format!("{}@b.example", "a".repeat(65));
        let long_label = format!("a@{}", "b".repeat(64));
        let long = format!("a@{}", ["b"; 127].join("."));
        for bad in [
            "",
            "@",
            "a",
            "a@",
            "@b",
            "a@@b",
            "a b@c",
            ".a@b",
            "a.@b",
            "a..b@c",
            "a@b.",
            "a@.b",
            "a@b..c",
            "a@-b",
            "a@b-",
            "a@b_c",
            "a@b c",
            "\"a\"@b",
            "a@[127.0.0.1]",
            "ä@b",
            "a@ä",
            "a@b\0",
            "a\r\n@b",
            &long_local,
            &long_label,
            &long,
        ] {
            assert!(Email::new(bad).is_err(), "{bad}");
        }
    }
}
