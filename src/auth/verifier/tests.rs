use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use super::*;
use crate::config::AuthIssuer;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);

fn config() -> Auth {
    Auth { secret: SECRET.to_owned(), ..Auth::default() }
}

fn claim(which: &'static str) -> Option<TokenError> {
    Some(TokenError::Claim { which })
}

fn signed(header: &str, claims: &str) -> String {
    signed_with(SECRET, header, claims)
}

fn signed_with(secret: &str, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(secret.as_bytes());
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &key, jsonwebtoken::Algorithm::HS256);
    format!("{message}.{}", signature.unwrap())
}

fn verify_with(config: &Auth, claims: &str) -> Result<Principal, TokenError> {
    Verifier::new(config).unwrap().verify(&signed(r#"{"alg":"HS256"}"#, claims), NOW)
}

fn verify(claims: &str) -> Result<Principal, TokenError> {
    verify_with(&config(), claims)
}

#[test]
fn a_good_token_says_who_and_until_when() {
    let claims = r#"{"sub":"alice","exp":1800000060,"jti":"j1","role":{"x":[1]}}"#;
    let principal = verify(claims).unwrap();
    assert_eq!(principal.user, "alice");
    assert_eq!(principal.expires_at, UnixTime::from_millis(1_800_000_060_000));
    assert_eq!(principal.token_id.as_deref(), Some("j1"));
    assert_eq!(principal.claims, claims);
}

#[test]
fn token_of_bad_form_key_or_algorithm_is_refused() {
    let verifier = Verifier::new(&config()).unwrap();
    let claims = r#"{"sub":"alice","exp":1800000060}"#;
    let good = signed(r#"{"alg":"HS256"}"#, claims);
    assert!(verifier.verify(&good, NOW).is_ok());
    let other_key = signed_with("another secret of 32 bytes, or so", r#"{"alg":"HS256"}"#, claims);
    let (unsigned, _) = good.rsplit_once('.').unwrap();
    let none = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), "e30");
    use TokenError::{BadAlgorithm, BadSignature, Malformed};
    for (token, error) in [
        ("", Malformed),
        ("a.b", Malformed),
        ("a.b.c", Malformed),
        ("a.b.c.d", Malformed),
        ("...", Malformed),
        (unsigned, Malformed),
        (&format!("{unsigned}."), BadSignature),
        (&format!("{good}.x"), Malformed),
        (&format!("{good}="), BadSignature),
        (&good.replacen('.', "..", 1), Malformed),
        (&none, BadAlgorithm),
        (&other_key, BadSignature),
        (&signed(r#"{"alg":"none"}"#, claims), BadAlgorithm),
        (&signed(r#"{"alg":"hs256"}"#, claims), BadAlgorithm),
        (&signed(r#"{"alg":"HS512"}"#, claims), BadAlgorithm),
        (&signed(r#"{"alg":"RS256"}"#, claims), BadAlgorithm),
        (&signed(r#"{"alg":"HS256","crit":["exp"]}"#, claims), Malformed),
        (&signed(r#"{}"#, claims), Malformed),
        (&signed("nope", claims), Malformed),
    ] {
        assert_eq!(verifier.verify(token, NOW), Err(error), "{token}");
    }
}

#[test]
fn the_dates_are_judged_by_the_given_now() {
    let config = Auth { leeway: crate::config::Length::from_secs(0), ..config() };
    let with = |claims: &str| verify_with(&config, &format!(r#"{{"sub":"a",{claims}}}"#)).err();
    assert_eq!(with(r#""exp":1800000001"#), None);
    assert_eq!(with(r#""exp":1800000000.5"#), None);
    assert_eq!(with(r#""exp":1800000000"#), Some(TokenError::Expired));
    assert_eq!(with(r#""exp":-5"#), Some(TokenError::Expired));
    assert_eq!(with(r#""exp":253402300799"#), None);
    for exp in ["253402300800", "1e300", r#""1800000060""#, "null", "true", "[1]", "{}"] {
        let exp = format!(r#""exp":{exp}"#);
        assert_eq!(with(&exp), claim("exp"), "{exp}");
    }
    assert_eq!(with(r#""x":1"#), claim("exp"));
    assert_eq!(with(r#""exp":1800000060,"nbf":1800000000"#), None);
    let early = with(r#""exp":1800000060,"nbf":1800000001"#);
    assert_eq!(early, Some(TokenError::NotYet));
    let no_date = with(r#""exp":1800000060,"nbf":"x""#);
    assert_eq!(no_date, claim("nbf"));
    assert_eq!(with(r#""exp":1800000060,"iat":[]"#), claim("iat"));
    // Both are wrong: the expiry is looked at first.
    assert_eq!(with(r#""exp":5,"nbf":1800000001"#), Some(TokenError::Expired));
}

#[test]
fn clocks_may_differ_by_30_seconds_by_default() {
    let with = |claims: &str| verify(&format!(r#"{{"sub":"a",{claims}}}"#)).err();
    assert_eq!(with(r#""exp":1799999971"#), None);
    assert_eq!(with(r#""exp":1799999970"#), Some(TokenError::Expired));
    assert_eq!(with(r#""exp":1800000900,"nbf":1800000030,"iat":1800000030"#), None);
    assert_eq!(with(r#""exp":1800000900,"nbf":1800000031"#), Some(TokenError::NotYet));
    // RFC 7519, section 4.1.6, asks for no check of this one.
    assert_eq!(with(r#""exp":1800000900,"iat":1800000800"#), None);
}

#[test]
fn the_leeway_is_given_to_both_dates() {
    let config = Auth { leeway: crate::config::Length::from_secs(10), ..config() };
    let with = |claims: &str| verify_with(&config, claims).err();
    assert_eq!(with(r#"{"sub":"a","exp":1799999991}"#), None);
    assert_eq!(with(r#"{"sub":"a","exp":1799999990}"#), Some(TokenError::Expired));
    assert_eq!(with(r#"{"sub":"a","exp":1800000060,"nbf":1800000010}"#), None);
}

#[test]
fn issuer_audience_and_subject_must_be_as_configured() {
    let config = Auth { issuer: "us".into(), audience: "chat".into(), ..config() };
    let with =
        |claims: &str| verify_with(&config, &format!(r#"{{"exp":1800000060,{claims}}}"#)).err();
    assert_eq!(with(r#""sub":"a","iss":"us","aud":"chat""#), None);
    assert_eq!(with(r#""sub":"a","iss":"us","aud":["x",{},"chat"]"#), None);
    for (claims, which) in [
        (r#""sub":"a","iss":"us""#, "aud"),
        (r#""sub":"a","aud":"chat""#, "iss"),
        (r#""sub":"a","iss":"them","aud":"chat""#, "iss"),
        (r#""sub":"a","iss":"us","aud":["x"]"#, "aud"),
        (r#""iss":"us","aud":"chat""#, "sub"),
        (r#""sub":7,"iss":"us","aud":"chat""#, "sub"),
        (r#""sub":"","iss":"us","aud":"chat""#, "sub"),
        (r#""sub":"a\u0000b","iss":"us","aud":"chat""#, "sub"),
        (&format!(r#""sub":"{}","iss":"us","aud":"chat""#, "é".repeat(257)), "sub"),
    ] {
        assert_eq!(with(claims), claim(which), "{claims}");
    }
    assert_eq!(with(&format!(r#""sub":"{}","iss":"us","aud":"chat""#, "é".repeat(256))), None);
}

#[test]
fn claims_that_are_no_object_are_an_invalid_payload() {
    for claims in ["", "[]", "7", "nope", r#"{"exp":"#] {
        assert_eq!(verify(claims).err(), Some(TokenError::BadClaims), "{claims}");
    }
}

#[test]
fn of_a_claim_given_twice_the_last_counts() {
    let principal = verify(r#"{"sub":"a","exp":5,"sub":"b","exp":1800000060}"#).unwrap();
    assert_eq!(principal.user, "b");
}

#[test]
fn a_weak_key_is_refused_at_the_start() {
    let short = Auth { secret: "short".into(), ..Auth::default() };
    let needs_more = Auth { algorithms: vec!["HS512".into(), "HS256".into()], ..config() };
    let fault = KeyError::ShortSecret { bytes: 32, needed: 64 };
    assert_eq!(Verifier::new(&needs_more).err(), Some(fault));
    assert_eq!(Verifier::new(&short).err(), Some(KeyError::ShortSecret { bytes: 5, needed: 32 }));
    let none = Auth { algorithms: vec!["none".into()], ..config() };
    assert_eq!(Verifier::new(&none).err(), Some(KeyError::UnknownAlgorithm("none".into())));
}

#[test]
fn the_key_is_not_in_the_debug_form() {
    assert!(!format!("{:?}", Verifier::new(&config()).unwrap()).contains("0123"));
}

#[test]
fn a_token_that_may_live_too_long_is_unfit() {
    let config = Auth { max_token_life: crate::config::Length::from_secs(3_600), ..config() };
    let judge = |claims: &str| verify_with(&config, claims).map(|principal| principal.user);
    let exp = 1_800_000_060;
    let with_iat = |iat: u64| judge(&format!(r#"{{"sub":"a","exp":{exp},"iat":{iat}}}"#));
    assert!(with_iat(exp - 3_600).is_ok());
    // One of the issuer's clock, which is ahead.
    assert!(with_iat(exp + 1).is_ok());
    assert_eq!(with_iat(exp - 3_601), Err(TokenError::LivesTooLong));
    let silent = judge(r#"{"sub":"a","exp":1800000060}"#);
    assert_eq!(silent, Err(TokenError::LivesTooLong));
    // What is wrong with every token is told as always.
    let expired = judge(r#"{"sub":"a","exp":1700000000,"iat":1}"#);
    assert_eq!(expired, Err(TokenError::Expired));
}

#[test]
fn only_own_accounts_tokens_are_issued_here() {
    let issued = |config: &Auth, secret: &str, claims: &Value| {
        let token = signed_with(secret, r#"{"alg":"HS256"}"#, &claims.to_string());
        Verifier::new(config).unwrap().verify(&token, NOW).unwrap().issued_here
    };
    let own = json!({
        "sub": "ann", "iat": 1_800_000_000, "exp": 1_800_000_060,
        "vestibule_session": "s1", "vestibule_issued_ms": 1_800_000_000_250_u64,
    });
    assert_eq!(issued(&config(), SECRET, &own), Some(UnixTime::from_millis(1_800_000_000_250)));
    for (claim, value) in [
        ("vestibule_session", json!(null)),
        ("vestibule_session", json!(7)),
        ("vestibule_issued_ms", json!(1_800_000_001_000_u64)),
        ("vestibule_issued_ms", json!("1800000000250")),
        ("iat", json!(1_799_999_999)),
    ] {
        let mut other = own.clone();
        other[claim] = value;
        assert_eq!(issued(&config(), SECRET, &other), None, "{other}");
    }
    // Another issuer says it of its own tokens.
    let secret = "another secret of 32 bytes, or so";
    let partner = AuthIssuer {
        issuer: vec!["https://partner.example".to_owned()],
        algorithms: vec!["HS256".to_owned()],
        secret: secret.to_owned(),
        ..AuthIssuer::default()
    };
    let config = Auth { issuers: vec![partner], ..config() };
    let mut claims = own;
    claims["iss"] = json!("https://partner.example");
    assert_eq!(issued(&config, secret, &claims), None);
}
