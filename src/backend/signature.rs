//! Signatures of the requests to a backend, by the Standard Webhooks scheme.

use std::path::Path;
use std::{fmt, fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use thiserror::Error;

/// The prefix of a secret in its text form.
const PREFIX: &str = "whsec_";
/// The shortest secret that the scheme allows, in bytes.
const MIN_BYTES: usize = 24;

/// Signatures of one request that are looked at: two are sent while one secret replaces the other.
const MAX_SIGNATURES: usize = 4;

/// Why the secret of a backend cannot be used. No text quotes it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// It does not begin with `whsec_`.
    #[error("the secret must begin with `{PREFIX}`")]
    Prefix,
    /// What follows the prefix is not base64.
    #[error("the text after `{PREFIX}` is not valid base64")]
    Base64,
    /// It has this number of bytes, fewer than the scheme allows.
    #[error("the secret has {0} bytes, at least {MIN_BYTES} are required")]
    Short(usize),
    /// There are more than two.
    #[error("there are more than two lines: one secret, or two in a rotation")]
    TooMany,
    /// Its file cannot be read.
    #[error("{0}")]
    Read(#[source] io::Error),
    /// The file that `backend.secret_file` names holds no usable secret.
    #[error("backend.secret_file {path}: {error}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        #[source]
        error: Box<SecretError>,
    },
}

/// The secret that Vestibule and the backend share; two while one replaces the other. It is never
/// logged.
#[derive(Clone)]
pub struct SigningSecret(Vec<Hmac<Sha256>>);

/// Omits the key: a secret must never be logged.
impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret")
    }
}

impl SigningSecret {
    /// Parses `whsec_` followed by the secret's bytes as base64; or two such lines.
    ///
    /// # Errors
    /// When the form is another one, or a secret is shorter than 24 bytes. The error never quotes
    /// the text.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let mut lines: Vec<&str> = text.lines().collect();
        if lines.is_empty() {
            lines.push("");
        }
        if lines.len() > 2 {
            return Err(SecretError::TooMany);
        }
        lines.into_iter().map(parse_one).collect::<Result<_, _>>().map(Self)
    }

    /// Reads the secret from a file. A final line break is not part of it.
    ///
    /// # Errors
    /// One line that names the file and never quotes its content.
    pub fn read(path: &str) -> Result<Self, SecretError> {
        let text = fs::read_to_string(Path::new(path)).map_err(SecretError::Read);
        text.and_then(|text| Self::parse(text.trim_end_matches(['\r', '\n'])))
            .map_err(|error| SecretError::File { path: path.to_owned(), error: Box::new(error) })
    }

    /// The `webhook-signature` header of a request with this id, time and body: a signature with each
    /// secret, of which the receiver needs to know one.
    pub(super) fn sign(&self, id: &str, unix_seconds: u64, body: &[u8]) -> String {
        let seconds = unix_seconds.to_string();
        let signatures = self.0.iter().map(|mac| {
            let mut mac = mac.clone();
            for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
                mac.update(part);
            }
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }

    /// Is one of the signatures in `header` that of a request with this id, time and body, by one of the
    /// secrets? Compares in constant time. Signatures of other versions are passed over, and so are those
    /// behind the first [`MAX_SIGNATURES`].
    pub(super) fn verifies(
        &self,
        header: &[u8],
        (id, seconds): (&[u8], &[u8]),
        body: &[u8],
    ) -> bool {
        let entries = header.split(|&byte| byte == b' ').take(MAX_SIGNATURES);
        let given: Vec<Vec<u8>> =
            entries.filter_map(|entry| STANDARD.decode(entry.strip_prefix(b"v1,")?).ok()).collect();
        !given.is_empty()
            && self.0.iter().any(|mac| {
                let mut mac = mac.clone();
                for part in [id, b".", seconds, b".", body] {
                    mac.update(part);
                }
                given.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
            })
    }
}

fn parse_one(text: &str) -> Result<Hmac<Sha256>, SecretError> {
    let encoded = text.strip_prefix(PREFIX).ok_or(SecretError::Prefix)?;
    let key =
        STANDARD_NO_PAD.decode(encoded.trim_end_matches('=')).map_err(|_| SecretError::Base64)?;
    if key.len() < MIN_BYTES {
        return Err(SecretError::Short(key.len()));
    }
    // HMAC accepts keys of any length, so this does not fail.
    Hmac::new_from_slice(&key).map_err(|_| SecretError::Short(key.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_matches_the_published_vector() {
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature =
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b"{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn secret_needs_its_prefix_and_24_bytes() {
        let base64 = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAA==";
        for text in [format!("whsec_{base64}"), format!("whsec_{}", base64.trim_end_matches('='))] {
            assert!(SigningSecret::parse(&text).is_ok());
        }
        for text in [base64, "whsec_", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa", "whsec_hush-hush"] {
            let error = SigningSecret::parse(text).unwrap_err().to_string();
            assert!(!error.contains("MfKQ") && !error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn two_secrets_sign_during_a_rotation() {
        let (new, old) =
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX");
        let sign = |text: &str| SigningSecret::parse(text).unwrap().sign("msg_1", 7, b"{}");
        assert_eq!(sign(&format!("{new}\n{old}")), format!("{} {}", sign(new), sign(old)));
        for bad in [format!("{new}\n{old}\n{old}"), format!("{new}\n\n"), format!("{new}\nold")] {
            assert!(SigningSecret::parse(&bad).is_err());
        }
    }

    #[test]
    fn request_verifies_with_either_secret_only() {
        let (new, old) =
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX");
        let secret = |text: &str| SigningSecret::parse(text).unwrap();
        let (body, id) = (b"{}".as_slice(), b"msg_1".as_slice());
        let header = secret(old).sign("msg_1", 7, body);
        let both = secret(&format!("{new}\n{old}"));
        assert!(both.verifies(header.as_bytes(), (id, b"7"), body));
        let in_rotation = both.sign("msg_1", 7, body);
        assert!(secret(new).verifies(in_rotation.as_bytes(), (id, b"7"), body));
        assert!(!secret(new).verifies(header.as_bytes(), (id, b"7"), body));
        for (id, seconds, body) in
            [("msg_2", "7", "{}"), ("msg_1", "8", "{}"), ("msg_1", "7", "{ }")]
        {
            let parts = (id.as_bytes(), seconds.as_bytes());
            assert!(!secret(old).verifies(header.as_bytes(), parts, body.as_bytes()));
        }
        for other in ["", "v1,", "v2,AAAA", "v1,AAAA", "v1a,AAAA"] {
            assert!(!both.verifies(other.as_bytes(), (id, b"7"), body), "{other}");
        }
        let many = format!("{}{header}", "v1,AAAA ".repeat(MAX_SIGNATURES));
        assert!(!both.verifies(many.as_bytes(), (id, b"7"), body));
    }

    #[test]
    fn the_secret_is_not_in_the_debug_form() {
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(format!("{secret:?}"), "SigningSecret");
    }
}
