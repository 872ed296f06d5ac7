//! Values that others may have, and that are therefore no secrets; and what in a secret is likely
//! to be a mistake.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// What a value is if it is a key of a pair, a certificate or a key set, instead of a secret.
/// Everybody may know a public key, and whoever knows the HMAC secret can sign (RFC 8725, section
/// 2.1). Its text says so, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishedKind {
    /// PEM: a key or a certificate.
    Pem,
    /// A PGP block.
    Pgp,
    /// An SSH public key.
    Ssh,
    /// A key or a certificate in DER.
    Der,
    /// A JWK or a JWK set.
    Jwk,
}

impl fmt::Display for PublishedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Pem => "PEM, a key or a certificate",
            Self::Pgp => "a PGP block",
            Self::Ssh => "an SSH public key",
            Self::Der => "a key or a certificate in DER or base64",
            Self::Jwk => "a JWK or a JWK set",
        };
        write!(
            f,
            "the secret holds {kind}: others may have that, and could sign with it. Name the \
             public key in auth.public_key_file or auth.jwks_file, and its algorithm in \
             auth.algorithms"
        )
    }
}

impl PublishedKind {
    /// The kind of this value, as it is, or in base64 or hexadecimal. `None`: it may be a secret.
    ///
    /// A random secret of 32 bytes is taken for one of these once in 2^30 times.
    #[must_use]
    pub fn of(value: &[u8]) -> Option<Self> {
        let plain = trimmed(value);
        Self::of_plain(plain).or_else(|| {
            let decoded = [from_base64(plain), from_hex(plain)];
            decoded.into_iter().flatten().find_map(|value| Self::of_plain(trimmed(&value)))
        })
    }

    fn of_plain(value: &[u8]) -> Option<Self> {
        let holds = |text: &str| value.windows(text.len()).any(|it| it == text.as_bytes());
        // RFC 4253, section 6.6: how the key begins in base64, whatever is in front of it.
        const SSH_BLOBS: [&str; 5] = [
            "AAAAB3NzaC1yc2",
            "AAAAC3NzaC1lZDI1NTE5",
            "AAAAE2VjZHNhLXNoYTIt",
            "AAAAGnNrLXNzaC1lZDI1NTE5",
            "AAAAInNrLWVjZHNhLXNoYTIt",
        ];
        const SSH_NAMES: [&str; 4] = ["ssh-rsa ", "ssh-ed25519 ", "ecdsa-sha2-", "sk-"];
        let is_named = SSH_NAMES.iter().any(|name| value.starts_with(name.as_bytes()));
        let is_json = value.first().is_some_and(|first| b"{[".contains(first));
        if holds("-----BEGIN PGP ") {
            Some(Self::Pgp)
        } else if holds("-----BEGIN ") {
            Some(Self::Pem)
        } else if (is_named && holds(" AAAA"))
            || SSH_BLOBS.iter().any(|blob| holds(blob))
            || holds("---- BEGIN SSH2 ")
        {
            Some(Self::Ssh)
        } else if is_json && (holds("\"kty\"") || holds("\"keys\"")) {
            Some(Self::Jwk)
        } else {
            begins_as_der(value).then_some(Self::Der)
        }
    }
}

/// Without a byte order mark and blanks in front.
fn trimmed(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii_start();
    value.strip_prefix("\u{feff}".as_bytes()).unwrap_or(value).trim_ascii()
}

/// The bytes of base64 or base64url, in one line or several, up to the padding.
fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut text: Vec<u8> = text
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace())
        .take_while(|byte| **byte != b'=')
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    // What does not fill a group is at most two bytes at the end, which decide nothing.
    text.truncate(text.len() - text.len() % 4);
    STANDARD_NO_PAD.decode(text).ok()
}

/// The bytes of hexadecimal, with or without colons.
fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != b':');
    let digits: Option<Vec<u32>> = digits.map(|byte| char::from(*byte).to_digit(16)).collect();
    let (pairs, _) = digits.as_deref()?.as_chunks::<2>();
    pairs.iter().map(|[high, low]| u8::try_from(high << 4 | low).ok()).collect()
}

/// Does this begin as a key or a certificate in DER does: `SubjectPublicKeyInfo` (RFC 5280), a
/// certificate, PKCS #1, PKCS #7, PKCS #8 or SEC 1?
fn begins_as_der(value: &[u8]) -> bool {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    let Some((whole, content)) = der_header(value, SEQUENCE) else { return false };
    if content.starts_with(&[0x06, 0x09, 0x2a, 0x86, 0x48]) {
        return true;
    }
    if let Some((inner, content)) = der_header(content, SEQUENCE) {
        let is_first = |start: &[u8]| content.starts_with(start);
        // An algorithm's identifier is 3 to 9 bytes; a certificate begins with its version.
        let names_algorithm = content.first() == Some(&0x06)
            && content.get(1).is_some_and(|length| (3..=10).contains(length));
        return inner < whole && (names_algorithm || is_first(&[0xa0, 3, INTEGER, 1]));
    }
    match der_header(content, INTEGER) {
        // A private key's version, in front of an algorithm, a number or the key.
        Some((1, [0..=3, SEQUENCE | INTEGER | 0x04, ..])) => true,
        // An RSA modulus: its first bit is set, so that a zero stands before it.
        Some((65.., [0, 0x80..=0xff, ..])) => true,
        _ => false,
    }
}

/// The length of the element's content and what comes after its header, if it has this tag.
fn der_header(bytes: &[u8], tag: u8) -> Option<(usize, &[u8])> {
    match bytes {
        [first, length @ ..=0x7f, rest @ ..] if *first == tag => Some((usize::from(*length), rest)),
        [first, 0x81, length @ 0x80..=0xff, rest @ ..] if *first == tag => {
            Some((usize::from(*length), rest))
        }
        [first, 0x82, high @ 1..=0xff, low, rest @ ..] if *first == tag => {
            Some((usize::from(u16::from_be_bytes([*high, *low])), rest))
        }
        _ => None,
    }
}

/// What in this secret is likely to be a mistake, though its bytes are the key as they are.
#[must_use]
pub fn secret_warning(secret: &str) -> Option<String> {
    let (marked, text) = match secret.strip_prefix('\u{feff}') {
        Some(text) => (true, text),
        None => (false, secret),
    };
    let blank = |c: char| c.is_whitespace() || c.is_control();
    let found = [
        (marked, "begins with a byte order mark"),
        (text.starts_with(blank), "begins with a blank"),
        (text.ends_with(blank), "ends with a blank or another line end"),
        (text.trim_matches(blank).contains(['\n', '\r']), "has several lines"),
    ];
    let found: Vec<_> = found.into_iter().filter(|(is_so, _)| *is_so).map(|(_, it)| it).collect();
    (!found.is_empty()).then(|| {
        format!(
            "the secret {}, which is part of the key: remove it, unless the tokens are signed with \
             it too",
            found.join(" and ")
        )
    })
}

#[cfg(test)]
mod tests;
