use serde_json::json;

use super::*;
use crate::auth::tests::Pair;
use crate::auth::{Algorithms, JwksFrom, KeySet};
use crate::config::{Auth, Length};

const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);

/// A verifier with two known keys, an issuer and an audience.
fn verifier() -> Verifier {
    let config = Auth {
        algorithms: vec!["RS256".to_owned(), "ES256".to_owned()],
        issuer: "https://issuer.example".to_owned(),
        audience: "chat".to_owned(),
        leeway: Length::from_secs(30),
        max_token_life: Length::from_secs(3_600),
        ..Auth::default()
    };
    let mut verifier = Verifier::new(&config).unwrap();
    let algorithms = Algorithms::new(&config.algorithms).unwrap();
    let keys = json!({"keys": [
        Pair::Rsa.jwk(&json!({"kid": "old"})),
        Pair::P256.jwk(&json!({"kid": "new"})),
    ]});
    let (keys, _) = KeySet::from_jwks(&keys.to_string(), &algorithms, JwksFrom::Url).unwrap();
    verifier.replace_keys(keys);
    verifier
}

/// The label and the text for a token.
fn cause(token: &str) -> (&'static str, String) {
    let verifier = verifier();
    let error = verifier.verify(token, NOW).unwrap_err();
    assert!(TokenError::LABELS.contains(&error.label()));
    (error.label(), verifier.explain(token, error, NOW))
}

fn of_header(header: &Value) -> (&'static str, String) {
    cause(&Pair::P256.token(header, "{}"))
}

/// The same for good claims with these in place of some; `null` removes one.
fn of_claims(changes: &Value) -> (&'static str, String) {
    let mut claims = json!({
        "sub": "alice", "iss": "https://issuer.example", "aud": ["web", "chat"],
        "iat": 1_799_999_900, "exp": 1_800_000_600,
    });
    let claims_map = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        claims_map.insert(name.clone(), value.clone());
    }
    claims_map.retain(|_, value| *value != json!("remove"));
    cause(&Pair::P256.token(&json!({"alg": "ES256", "kid": "new"}), &claims.to_string()))
}

#[test]
fn a_claim_is_shown_as_found_and_as_wanted() {
    let table = [
        (
            json!({"exp": 1_799_999_965}),
            "expired",
            "its `exp`, 2027-01-15T07:59:25.000Z, is 35 s past; auth.leeway is 30 s",
        ),
        (
            json!({"nbf": 1_800_000_031}),
            "not_yet",
            "its `nbf`, 2027-01-15T08:00:31.000Z, is 31 s ahead; auth.leeway is 30 s",
        ),
        (json!({"exp": "remove"}), "exp", "its `exp` is missing"),
        (json!({"exp": "1800000600"}), "exp", "its `exp` is a string instead of a number"),
        (
            json!({"exp": 1_800_000_600_000_u64}),
            "exp",
            "its `exp` is 1800000600000, beyond the year 9999: it counts seconds since 1970, not milliseconds",
        ),
        (json!({"nbf": null}), "nbf", "its `nbf` is null instead of a number"),
        (json!({"iat": [1]}), "iat", "its `iat` is an array instead of a number"),
        (
            json!({"iss": "https://issuer.example/"}),
            "iss",
            "its `iss` is \"https://issuer.example/\"; auth.issuer is \"https://issuer.example\"",
        ),
        (
            json!({"iss": "remove"}),
            "iss",
            "its `iss` is missing; auth.issuer is \"https://issuer.example\"",
        ),
        (
            json!({"iss": {"a": 1}}),
            "iss",
            "its `iss` is an object; auth.issuer is \"https://issuer.example\"",
        ),
        (
            json!({"aud": ["web", 5]}),
            "aud",
            "its `aud` is [\"web\", a number]; auth.audience is \"chat\"",
        ),
        (json!({"aud": "Chat"}), "aud", "its `aud` is \"Chat\"; auth.audience is \"chat\""),
        (json!({"sub": 7}), "sub", "its `sub` is a number instead of a string"),
        (json!({"sub": ""}), "sub", "its `sub` is empty"),
        (
            json!({"iat": 1_799_990_000}),
            "lives_too_long",
            "from its `iat` to its `exp` it lives for 10600 s; auth.max_token_life is 3600 s",
        ),
        (
            json!({"iat": "remove"}),
            "lives_too_long",
            "it has no `iat`, which auth.max_token_life needs",
        ),
    ];
    for (changes, label, text) in table {
        assert_eq!(of_claims(&changes), (label, text.to_owned()), "{changes}");
    }
}

#[test]
fn a_form_or_key_fault_is_shown_as_found() {
    let known = "known: \"old\" (RS256), \"new\" (ES256)";
    let unknown = format!("no key is there for its `alg` \"ES256\" and `kid` \"2027\"; {known}");
    assert_eq!(of_header(&json!({"alg": "ES256", "kid": "2027"})), ("unknown_key", unknown));
    let other = format!("no key is there for its `alg` \"ES256\" and `kid` \"old\"; {known}");
    assert_eq!(of_header(&json!({"alg": "ES256", "kid": "old"})), ("unknown_key", other));
    let none = "its `alg` is \"none\"; auth.algorithms allows RS256, ES256".to_owned();
    assert_eq!(of_header(&json!({"alg": "none"})), ("bad_algorithm", none));
    let (label, text) = of_header(&json!({"kid": "new"}));
    assert_eq!(label, "malformed");
    assert!(text.starts_with("its header is refused: missing field `alg`"), "{text}");
    let parts = "it has 2 parts instead of 3".to_owned();
    assert_eq!(cause("a.b"), ("malformed", parts));
    assert_eq!(cause("").1, "it has 1 part instead of 3, and is empty");
    assert_eq!(cause("!.e30.x").1, "its header is not base64url without padding");
}

#[test]
fn a_forged_signature_is_named_and_not_shown() {
    let good = Pair::P256.token(&json!({"alg": "ES256", "kid": "new"}), "{}");
    let other = Pair::P256.token(&json!({"alg": "ES256", "kid": "new"}), "[]");
    let signature = other.rsplit('.').next().unwrap();
    let (message, _) = good.rsplit_once('.').unwrap();
    let (label, text) = cause(&format!("{message}.{signature}"));
    assert_eq!(label, "bad_signature");
    assert!(text.contains("`kid` \"new\"") && !text.contains(signature), "{text}");
}

/// Whoever sends a token chooses its values: no line break, no terminal's escape, no long text.
#[test]
fn values_of_a_token_are_cut_and_escaped() {
    let value = format!("\u{1b}[2J\n\u{202e}{}", "x".repeat(5_000));
    let (_, text) = of_claims(&json!({"iss": value}));
    assert!(text.starts_with("its `iss` is \"\\u{1b}[2J\\n\\u{202e}xxx"), "{text}");
    let texts = [
        text,
        of_claims(&json!({"aud": vec![value.clone(); 50]})).1,
        of_claims(&json!({"sub": value})).1,
        of_header(&json!({"alg": value})).1,
        of_header(&json!({"alg": "ES256", "kid": "\u{7}".repeat(256)})).1,
    ];
    for text in texts {
        assert!(text.len() <= MAX_CAUSE_BYTES, "{text}");
        assert!(text.contains('…') && !text.contains(char::is_control), "{text}");
        assert!(!text.contains(&"x".repeat(MAX_VALUE_CHARS + 1)), "{text}");
    }
}

#[test]
fn a_summary_shows_what_the_server_looks_at() {
    let claims = r#"{"sub":"alice","exp":1800000060,"aud":["a"],"secret":"x","jti":null}"#;
    let token = Pair::P256.token(&json!({"alg": "ES256", "kid": "new", "typ": "JWT"}), claims);
    let expected = [
        ("alg", "\"ES256\""),
        ("kid", "\"new\""),
        ("sub", "\"alice\""),
        ("aud", "[\"a\"]"),
        ("exp", "1800000060 (2027-01-15T08:01:00.000Z)"),
        ("jti", "null"),
    ];
    assert_eq!(token_summary(&token), expected.map(|(name, text)| (name, text.to_owned())));
    assert!(token_summary("no token").is_empty());
}
