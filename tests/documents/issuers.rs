//! Each configuration of docs/issuers.md takes the tokens of its provider, and no others: alone,
//! and beside all others.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use vestibule::auth::{Algorithms, JwksFrom, KeySet, TokenError, TokenSigner, Verifier};
use vestibule::config::{AuthIssuer, Config};
use vestibule::testing::logs;
use vestibule::time::UnixTime;

use super::tokens::{Key, TOKENS, Token};

const DOCUMENT: &str = include_str!("../../docs/issuers.md");

/// The section about `[auth]` itself, which is no provider.
const EMBEDDED: &str = "The recipe chat with other issuers";

/// When the tokens were issued.
const ISSUED: u64 = 1_800_000_000;

const PROVIDERS_SECRET: &str = "a secret that this provider and the server share";
const OWN_SECRET: &str = "a secret that only the server of this suite has";

/// The headings of the third level, each with its configuration.
fn sections() -> Vec<(&'static str, String)> {
    let section = |text: &'static str| {
        let (heading, rest) = text.split_once('\n').unwrap();
        let blocks = rest.split("```toml\n").skip(1);
        (heading, blocks.map(|block| block.split("```").next().unwrap()).collect())
    };
    DOCUMENT.split("\n### ").skip(1).map(section).collect()
}

/// What is in the document for these headings, with secrets in the place of their files.
fn config(is_wanted: impl Fn(&str) -> bool) -> Config {
    let text: String = sections()
        .into_iter()
        .filter(|(heading, _)| is_wanted(heading))
        .map(|(_, block)| block)
        .collect();
    let mut config: Config = toml::from_str(&text).unwrap();
    assert_eq!(config.faults(), [], "{text}");
    if !std::mem::take(&mut config.auth.secret_file).is_empty() {
        config.auth.secret = logs::known(OWN_SECRET).to_owned();
    }
    for issuer in &mut config.auth.issuers {
        if !std::mem::take(&mut issuer.secret_file).is_empty() {
            issuer.secret = logs::known(PROVIDERS_SECRET).to_owned();
        }
    }
    config
}

/// A verifier that has fetched the keys of each provider.
fn verifier(config: &Config) -> Verifier {
    let mut verifier = Verifier::new(&config.auth).unwrap();
    for (at, issuer) in config.auth.issuers.iter().enumerate() {
        if !issuer.jwks_url.is_empty() {
            verifier.replace_keys_of(at + 1, published(issuer));
        }
    }
    verifier
}

/// What this issuer's address answers.
fn published(issuer: &AuthIssuer) -> KeySet {
    let keys = TOKENS.iter().filter(|token| token.is_of(issuer)).map(Token::jwk);
    let keys: Vec<Value> = keys.collect();
    let algorithms = Algorithms::new(&issuer.algorithms).unwrap();
    let text = json!({ "keys": keys }).to_string();
    let (keys, skipped) = KeySet::from_jwks(&text, &algorithms, JwksFrom::Url).unwrap();
    assert!(skipped.is_empty(), "{:?}: {skipped:?}", issuer.issuer);
    keys
}

/// For each token, a verifier of its provider alone, and one of all providers.
fn each_alone_and_together(check: impl Fn(&Token, &Verifier)) {
    let together = verifier(&config(|_| true));
    for token in &TOKENS {
        check(token, &verifier(&config(|heading| heading == token.provider)));
        check(token, &together);
    }
}

fn user(verifier: &Verifier, token: &str) -> Result<String, TokenError> {
    let now = UnixTime::from_millis((ISSUED + 1) * 1_000);
    Ok(verifier.verify(token, now)?.user.to_string())
}

fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}

impl Key {
    fn sign(self, message: &str) -> String {
        let rsa = |pem| (Algorithm::RS256, EncodingKey::from_rsa_der(&der(pem)));
        let secret = |secret: &str| {
            (Algorithm::HS256, EncodingKey::from_secret(logs::known(secret).as_bytes()))
        };
        let (algorithm, key) = match self {
            Self::Rsa => rsa(include_str!("../fixtures/keys/rsa.private.pem")),
            Self::OtherRsa => rsa(include_str!("../fixtures/keys/other_rsa.private.pem")),
            Self::P256 => {
                let pem = include_str!("../fixtures/keys/p256.private.pem");
                (Algorithm::ES256, EncodingKey::from_ec_der(&der(pem)))
            }
            Self::Secret => secret(PROVIDERS_SECRET),
            Self::OwnSecret => secret(OWN_SECRET),
        };
        jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).unwrap()
    }

    /// One of another provider that can sign with the same algorithm; or that has another one.
    fn other(self) -> Self {
        match self {
            Self::Rsa | Self::P256 => Self::OtherRsa,
            Self::OtherRsa => Self::Rsa,
            Self::Secret | Self::OwnSecret => Self::OwnSecret,
        }
    }
}

impl Token {
    fn header(&self) -> Value {
        serde_json::from_str(self.header).unwrap()
    }

    fn claims(&self) -> Value {
        serde_json::from_str(self.claims).unwrap()
    }

    fn claim(&self, name: &str) -> String {
        self.claims()[name].as_str().unwrap().to_owned()
    }

    fn alg(&self) -> String {
        self.header()["alg"].as_str().unwrap().to_owned()
    }

    fn is_of(&self, issuer: &AuthIssuer) -> bool {
        issuer.issuer.contains(&self.claim("iss")) && issuer.algorithms.contains(&self.alg())
    }

    /// The key, as the provider publishes it.
    fn jwk(&self) -> Value {
        let pem = match self.key {
            Key::Rsa => include_str!("../fixtures/keys/rsa.pem"),
            Key::OtherRsa => include_str!("../fixtures/keys/other_rsa.pem"),
            Key::P256 => include_str!("../fixtures/keys/p256.pem"),
            Key::Secret | Key::OwnSecret => panic!("a secret is not published"),
        };
        let der = der(pem);
        let part = |from: usize, bytes: usize| {
            URL_SAFE_NO_PAD.encode(&der[der.len() - from..der.len() - from + bytes])
        };
        let mut jwk = match self.key {
            Key::P256 => {
                json!({ "kty": "EC", "crv": "P-256", "x": part(64, 32), "y": part(32, 32) })
            }
            // After the modulus is the exponent, which is 5 bytes with its tag.
            _ => json!({ "kty": "RSA", "n": part(5 + 256, 256), "e": part(3, 3) }),
        };
        jwk["kid"] = self.header()["kid"].clone();
        jwk["use"] = json!("sig");
        // Microsoft's keys do not say it.
        if self.provider != "Microsoft Entra ID" {
            jwk["alg"] = json!(self.alg());
        }
        jwk
    }

    fn signed(&self) -> String {
        signed(self.key, self.header, &self.claims().to_string())
    }

    /// With another value of this claim, or without it.
    fn with(&self, claim: &str, value: Option<&str>) -> String {
        let mut claims = self.claims();
        match value {
            Some(value) => claims[claim] = json!(value),
            None => drop(claims.as_object_mut().unwrap().remove(claim)),
        }
        signed(self.key, self.header, &claims.to_string())
    }
}

fn signed(key: Key, header: &str, claims: &str) -> String {
    let message = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    logs::known(&format!("{message}.{}", key.sign(&message))).to_owned()
}

#[test]
fn every_provider_of_the_document_is_tried() {
    let documented: BTreeSet<&str> = sections().into_iter().map(|(heading, _)| heading).collect();
    let tried = TOKENS.iter().map(|token| token.provider).chain([EMBEDDED]).collect();
    assert_eq!(documented, tried);
}

#[test]
fn a_token_of_each_provider_names_its_user() {
    each_alone_and_together(|token, verifier| {
        let found = user(verifier, &token.signed());
        assert_eq!(found.as_deref(), Ok(token.user), "{}", token.provider);
    });
}

#[test]
fn a_token_for_somebody_else_is_refused() {
    each_alone_and_together(|token, verifier| {
        for value in [Some("somebody-else"), Some(""), None] {
            let error = user(verifier, &token.with(token.for_whom, value)).unwrap_err();
            let is_right = matches!(error, TokenError::Claim { which: "aud" | "require" });
            assert!(is_right, "{}: {error:?}", token.provider);
        }
    });
}

#[test]
fn what_is_required_of_a_token_must_be_in_it() {
    let issuers = config(|_| true).auth.issuers;
    each_alone_and_together(|token, verifier| {
        let issuer = issuers.iter().find(|issuer| token.is_of(issuer)).unwrap();
        for claim in issuer.require.keys() {
            for value in [Some("something else"), None] {
                let error = user(verifier, &token.with(claim, value)).unwrap_err();
                let expected = TokenError::Claim { which: "require" };
                assert_eq!(error, expected, "{}: {claim}", token.provider);
            }
        }
    });
}

#[test]
fn a_token_of_another_issuer_is_refused() {
    each_alone_and_together(|token, verifier| {
        let name = token.claim("iss");
        for value in [Some("https://other.example.com"), Some(&*format!("{name}x")), None] {
            let error = user(verifier, &token.with("iss", value)).unwrap_err();
            let is_right =
                matches!(error, TokenError::UnknownIssuer | TokenError::Claim { which: "iss" });
            assert!(is_right, "{}: {error:?}", token.provider);
        }
    });
}

#[test]
fn a_provider_cannot_sign_for_another() {
    each_alone_and_together(|token, verifier| {
        let claims = token.claims().to_string();
        let key = token.key.other();
        let expected = match token.key {
            Key::P256 => TokenError::BadAlgorithm,
            _ => TokenError::BadSignature,
        };
        let mut header = token.header();
        if token.key == Key::P256 {
            header["alg"] = json!("RS256");
        }
        let forged = signed(key, &header.to_string(), &claims);
        assert_eq!(user(verifier, &forged), Err(expected), "{}", token.provider);
        // And as every other provider signs: with its own `kid`.
        for other in TOKENS.iter().filter(|other| other.provider != token.provider) {
            let forged = signed(other.key, other.header, &claims);
            let error = user(verifier, &forged).unwrap_err();
            let is_right = matches!(
                error,
                TokenError::UnknownKey | TokenError::BadAlgorithm | TokenError::BadSignature
            );
            assert!(is_right, "{} for {}: {error:?}", other.provider, token.provider);
        }
    });
}

#[test]
fn the_embedded_chat_stands_beside_providers() {
    let config = config(|_| true);
    assert_eq!(config.auth.issuers.len(), 11);
    let verifier = verifier(&config);
    let signer = TokenSigner::new(&config.auth).unwrap();
    let (now, hour) =
        (UnixTime::from_millis(ISSUED * 1_000), std::time::Duration::from_secs(3_600));
    let token = signer.sign("alice", now, hour, []).unwrap();
    assert_eq!(user(&verifier, logs::known(&token)).as_deref(), Ok("alice"));
    // With the chat's secret, nobody is a user of a provider.
    for issuer in config.auth.issuers.iter().flat_map(|issuer| &issuer.issuer) {
        let forged = signer.sign("alice", now, hour, [("iss".to_owned(), json!(issuer))]).unwrap();
        assert!(user(&verifier, logs::known(&forged)).is_err(), "{issuer}");
    }
}
