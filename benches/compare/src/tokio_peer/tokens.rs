//! Tokens: HS256 by jsonwebtoken, on AWS-LC as Vestibule's.

use std::fmt;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;

/// Who may come in.
pub(crate) struct Tokens {
    key: DecodingKey,
    validation: Validation,
}

/// What is read of a token.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    /// The user.
    pub(crate) sub: String,
    /// When it ends, in seconds of unix time.
    pub(crate) exp: i64,
}

impl Tokens {
    /// Takes the secret.
    pub(crate) fn new(secret: &str) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.validate_aud = false;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "sub"]);
        Self { key: DecodingKey::from_secret(secret.as_bytes()), validation }
    }

    /// Checks a token.
    ///
    /// # Errors
    /// The reason of the close frame.
    pub(crate) fn check(&self, token: &str) -> Result<Claims, &'static str> {
        match decode::<Claims>(token, &self.key, &self.validation) {
            Ok(token) => Ok(token.claims),
            Err(error) => Err(match error.kind() {
                ErrorKind::ExpiredSignature => "Token expired",
                ErrorKind::ImmatureSignature => "Token not yet valid",
                ErrorKind::MissingRequiredClaim(_) | ErrorKind::Json(_) => "Invalid token payload",
                _ => "Invalid token",
            }),
        }
    }
}

/// Keys do not belong into logs.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &str = "a secret of thirty-two bytes, yes";

    fn token(claims: &Value) -> String {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
    }

    #[test]
    fn a_good_token_names_its_user() {
        let good = token(&json!({ "sub": "u1", "exp": 4_000_000_000_i64 }));
        assert_eq!(Tokens::new(SECRET).check(&good).unwrap().sub, "u1");
    }

    #[test]
    fn each_refusal_has_its_reason() {
        let good = token(&json!({ "sub": "u1", "exp": 4_000_000_000_i64 }));
        let old = token(&json!({ "sub": "u1", "exp": 1 }));
        let nobody = token(&json!({ "exp": 4_000_000_000_i64 }));
        let tokens = Tokens::new(SECRET);
        assert_eq!(tokens.check(&old).unwrap_err(), "Token expired");
        assert_eq!(tokens.check(&nobody).unwrap_err(), "Invalid token payload");
        assert_eq!(tokens.check("x.y.z").unwrap_err(), "Invalid token");
        assert_eq!(Tokens::new("another").check(&good).unwrap_err(), "Invalid token");
    }
}
