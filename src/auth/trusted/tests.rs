use serde_json::{Value, json};

use super::*;
use crate::auth::tests::{Pair, jwks};
use crate::auth::{JwksFrom, Verification, Verifier};
use crate::config::RequiredValues;
use crate::time::UnixTime;

const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);
const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn issuer(name: &str, algorithm: &str) -> AuthIssuer {
    AuthIssuer {
        issuer: vec![name.to_owned()],
        algorithms: vec![algorithm.to_owned()],
        jwks_url: "https://keys.example/jwks".to_owned(),
        ..AuthIssuer::default()
    }
}

fn keys(algorithm: &str, pair: Pair, id: &str) -> KeySet {
    let algorithms = Algorithms::new(&[algorithm.to_owned()]).unwrap();
    let set = jwks(&[pair.jwk(&json!({ "kid": id }))]);
    KeySet::from_jwks(&set, &algorithms, JwksFrom::Url).unwrap().0
}

/// A token of `pair` with `kid` `1`, and these claims beside an `exp`.
fn token(pair: Pair, algorithm: &str, mut claims: Value) -> String {
    claims["exp"] = 1_800_000_900.into();
    pair.token(&json!({ "alg": algorithm, "kid": "1" }), &claims.to_string())
}

fn user(verifier: &Verifier, token: &str) -> Result<String, TokenError> {
    verifier.verify(token, NOW).map(|principal| principal.user.to_string())
}

#[test]
fn iss_selects_the_issuer_and_its_keys() {
    let issuers = vec![issuer("a", "EdDSA"), issuer("b", "RS256")];
    let mut verifier = Verifier::new(&Auth { issuers, ..Auth::default() }).unwrap();
    verifier.replace_keys_of(1, keys("EdDSA", Pair::Ed25519, "1"));
    verifier.replace_keys_of(2, keys("RS256", Pair::Rsa, "1"));
    let a = token(Pair::Ed25519, "EdDSA", json!({ "iss": "a", "sub": "alice" }));
    let b = token(Pair::Rsa, "RS256", json!({ "iss": "b", "sub": "bob" }));
    assert_eq!(user(&verifier, &a), Ok("alice".to_owned()));
    assert_eq!(user(&verifier, &b), Ok("bob".to_owned()));
    // The same `kid` is another key, and a key speaks for its own issuer only.
    let forged = token(Pair::Rsa, "RS256", json!({ "iss": "a", "sub": "alice" }));
    assert_eq!(user(&verifier, &forged), Err(TokenError::BadAlgorithm));
    for claims in [json!({ "iss": "c", "sub": "x" }), json!({ "sub": "x" }), json!({ "iss": 7 })] {
        let stranger = token(Pair::Rsa, "RS256", claims);
        assert_eq!(user(&verifier, &stranger), Err(TokenError::UnknownIssuer));
    }
    // An issuer whose keys are not there is asked for its own.
    verifier.replace_keys_of(2, KeySet::default());
    let Ok(Verification::Wanted(wanted)) = verifier.begin(&b) else { panic!("no key is there") };
    assert_eq!((wanted.issuer, wanted.error), (2, TokenError::KeysUnavailable));
    assert_eq!(user(&verifier, &a), Ok("alice".to_owned()));
}

#[test]
fn one_iss_may_move_from_a_secret_to_keys() {
    let old = AuthIssuer { secret: SECRET.to_owned(), ..issuer("s", "HS256") };
    let old = AuthIssuer { jwks_url: String::new(), ..old };
    let issuers = vec![old, issuer("s", "ES256")];
    let mut verifier = Verifier::new(&Auth { issuers, ..Auth::default() }).unwrap();
    verifier.replace_keys_of(2, keys("ES256", Pair::P256, "1"));
    let claims = json!({ "iss": "s", "sub": "alice", "exp": 1_800_000_900 });
    let before = crate::testing::token(SECRET, &claims);
    assert_eq!(user(&verifier, &before), Ok("alice".to_owned()));
    let after = token(Pair::P256, "ES256", claims.clone());
    assert_eq!(user(&verifier, &after), Ok("alice".to_owned()));
    // A public key as the secret opens nothing.
    let forged = crate::testing::token(Pair::P256.public(), &claims);
    assert_eq!(user(&verifier, &forged), Err(TokenError::BadSignature));
}

#[test]
fn own_tokens_are_taken_beside_those_of_issuers() {
    let auth =
        Auth { secret: SECRET.to_owned(), issuers: vec![issuer("a", "EdDSA")], ..Auth::default() };
    let mut verifier = Verifier::new(&auth).unwrap();
    verifier.replace_keys_of(1, keys("EdDSA", Pair::Ed25519, "1"));
    let claims = |iss: &str| json!({ "iss": iss, "sub": "carol", "exp": 1_800_000_900 });
    let own = |claims: &Value| crate::testing::token(SECRET, claims);
    let bare = json!({ "sub": "carol", "exp": 1_800_000_900 });
    assert_eq!(user(&verifier, &own(&bare)), Ok("carol".to_owned()));
    assert_eq!(user(&verifier, &own(&claims("x"))), Ok("carol".to_owned()));
    // The name of an issuer is its own.
    assert_eq!(user(&verifier, &own(&claims("a"))), Err(TokenError::BadAlgorithm));
}

#[test]
fn users_are_named_and_claims_required_by_issuer() {
    let values = |values: &[&str]| RequiredValues(values.iter().map(|&it| it.to_owned()).collect());
    let mut rules = issuer("a", "EdDSA");
    rules.issuer.push("https://a/".to_owned());
    rules.audience = vec!["one".to_owned(), "two".to_owned()];
    (rules.user_claim, rules.user_prefix) = ("uid".to_owned(), "a:".to_owned());
    rules.require.insert("client_id".to_owned(), values(&["app", "web"]));
    rules.require.insert("email_verified".to_owned(), values(&["true"]));
    let mut verifier = Verifier::new(&Auth { issuers: vec![rules], ..Auth::default() }).unwrap();
    verifier.replace_keys_of(1, keys("EdDSA", Pair::Ed25519, "1"));
    let good = json!({ "iss": "https://a/", "aud": ["x", "two"], "uid": 42, "sub": "no",
        "client_id": "web", "email_verified": true });
    let judged = |change: &dyn Fn(&mut Value)| {
        let mut claims = good.clone();
        change(&mut claims);
        let token = token(Pair::Ed25519, "EdDSA", claims);
        let judged = user(&verifier, &token);
        if let Err(error) = &judged {
            assert!(TokenError::LABELS.contains(&error.label()), "{error}");
        }
        let cause = judged.as_ref().err().map(|error| verifier.explain(&token, *error, NOW));
        (judged, cause.unwrap_or_default())
    };
    let wrong = |which| Err(TokenError::Claim { which });
    assert_eq!(judged(&|_| {}).0, Ok("a:42".to_owned()));
    assert_eq!(judged(&|it| it["uid"] = json!("é")).0, Ok("a:é".to_owned()));
    for uid in [json!(1.5), json!(-1), json!(null), json!(""), json!(["x"]), json!("x".repeat(300))]
    {
        assert_eq!(judged(&|it| it["uid"] = uid.clone()).0, wrong("user_claim"), "{uid}");
    }
    for id in [json!("other"), json!(null), json!({ "web": 1 }), json!([["web"]])] {
        let (judged, cause) = judged(&|it| it["client_id"] = id.clone());
        assert_eq!(judged, wrong("require"), "{id}");
        assert!(cause.contains("client_id") && cause.contains("web"), "{cause}");
    }
    assert_eq!(judged(&|it| it["client_id"] = json!(["x", "app"])).0, Ok("a:42".to_owned()));
    assert_eq!(judged(&|it| it["email_verified"] = json!(false)).0, wrong("require"));
    assert_eq!(judged(&|it| it["iss"] = json!("b")).0, wrong("iss"));
    let (refused, cause) = judged(&|it| it["aud"] = json!("three"));
    assert_eq!(refused, wrong("aud"));
    assert!(cause.contains("three") && cause.contains("two"), "{cause}");
}
