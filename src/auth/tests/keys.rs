//! Which keys are read from what, and which of them a token is checked with.

use super::*;

const ASYMMETRIC: [&str; 9] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
const PAIRS: [Pair; 4] = [Pair::Rsa, Pair::P256, Pair::P384, Pair::Ed25519];

#[test]
fn every_algorithm_verifies_with_pem_jwks_or_secret() {
    for pair in PAIRS {
        for name in ASYMMETRIC {
            let algorithm: Algorithm = name.parse().unwrap();
            if algorithm.family() != pair.algorithm().family()
                || (pair == Pair::P256 && name == "ES384")
                || (pair == Pair::P384 && name == "ES256")
            {
                continue;
            }
            let header = json!({"alg": name}).to_string();
            let token = signed(&pair.signer(), algorithm, &header, GOOD);
            assert!(is_good(&with_pem(&[name], pair.public()), &token), "{name} {pair:?}");
            assert!(is_good(&with_jwks(&[name], &[pair.jwk(&json!({}))]), &token), "{name}");
        }
    }
    for name in ["HS256", "HS384", "HS512"] {
        let algorithm: Algorithm = name.parse().unwrap();
        let token = secret_token(SECRET, algorithm, &json!({"alg": name}));
        let keys = KeySet::from_secret(SECRET.as_bytes(), &algorithms(&[name])).unwrap();
        assert!(is_good(&verifier(&[name], keys), &token), "{name}");
    }
}

#[test]
fn public_keys_are_read_as_openssl_writes_them() {
    let read = |pem: &str| KeySet::from_pem(pem, &algorithms(&ASYMMETRIC));
    let all: String = PAIRS.iter().map(|pair| format!("a comment\n{}", pair.public())).collect();
    assert_eq!(read(&all).unwrap().len(), 4);
    let windows = Pair::Rsa.public().replace('\n', "\r\n");
    assert_eq!(read(&windows).unwrap().len(), 1);
    let token = Pair::Rsa.token(&json!({"alg": "RS256"}), GOOD);
    assert!(is_good(&with_pem(&["RS256"], fixture!("rsa_pkcs1")), &token));
}

/// The header, claims and signature of a token that `openssl dgst -sha512 -sign` has made with the
/// private half of `p521`: jsonwebtoken has no P-521.
const ES512: [&str; 3] = [
    "eyJhbGciOiJFUzUxMiJ9",
    "eyJzdWIiOiJhbGljZSIsImV4cCI6MTgwMDAwMDA2MH0",
    "AdHABnfyy5R6_5VIFDU8zBaqaVUzyUoEne4vuQ3pVip6v8pjGDGPei0ECOq9u800DcMOalFFWpuYQVfHQRw9OU5a\
     ARQnOuzzyvmfujp3SS1grL8a_fgkhZfAJ8GTKogmDnKisCY-M3gZA3aBt1FuqKi8d-ns0wvA3C5YkICo_EtsLWV_",
];
/// The same signature as DER, which is not the form of a token.
const ES512_DER: &str = "MIGIAkIB0cAGd_LLlHr_lUgUNTzMFqppVTPJSgSd7i-5DelWKnq_ymMYMY96LQQI6r27zTQNww5qUUVam5hBV8dB\
     HD05TloCQgEUJzrs88r5n7o6d0ktYKy_Gv34JIWXwCfBkyqIJg5yorAmPjN4GQN2gbdRbqiovHfp7NMLwNwuWJCA\
     qPxLbC1lfw";

#[test]
fn es512_verifies_only_what_its_key_has_signed() {
    let [header, claims, signature] = ES512;
    let info = der(fixture!("p521"));
    let coordinate = |from: usize| URL_SAFE_NO_PAD.encode(&info[info.len() - from..][..66]);
    let jwk = json!({"kty": "EC", "crv": "P-521", "alg": "ES512", "x": coordinate(132),
        "y": coordinate(66)});
    let token = |claims: &str, signature: &str| format!("{header}.{claims}.{signature}");
    let other_claims = URL_SAFE_NO_PAD.encode(GOOD.replace("alice", "mallory"));
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bytes[100] ^= 1;
    let changed = URL_SAFE_NO_PAD.encode(&bytes);
    let zeros = URL_SAFE_NO_PAD.encode([0; 132]);
    for verifier in [
        with_pem(&["ES256", "ES512"], fixture!("p521")),
        with_jwks(&["ES512"], std::slice::from_ref(&jwk)),
    ] {
        assert!(is_good(&verifier, &token(claims, signature)));
        assert!(!is_good(&verifier, &token(&other_claims, signature)));
        for forged in [&*changed, &zeros, ES512_DER, &signature[..86], ""] {
            assert!(!is_good(&verifier, &token(claims, forged)), "{forged}");
        }
    }
    // The key takes no other algorithm, and no other key takes this one.
    let (list, others) = (["ES256", "ES384", "ES512"], [Pair::P256, Pair::P384]);
    assert!(
        others
            .into_iter()
            .all(|pair| { !is_good(&with_pem(&list, pair.public()), &token(claims, signature)) })
    );
    let mut beside = jwk;
    beside["y"] = beside["x"].clone();
    let error = KeySet::from_jwks(&jwks(&[beside]), &algorithms(&list), JwksFrom::File);
    assert!(error.unwrap_err().to_string().contains("not on its curve"));
}

#[test]
fn what_is_no_fit_public_key_says_what_to_do() {
    let fault =
        |pem: &str| KeySet::from_pem(pem, &algorithms(&ASYMMETRIC)).unwrap_err().to_string();
    let cut = Pair::Rsa.public().replace("-----END PUBLIC KEY-----", "");
    let wrong_end = Pair::Rsa.public().replace("END PUBLIC", "END RSA PUBLIC");
    let no_base64 = Pair::Rsa.public().replace("MII", "M*I");
    for (pem, said) in [
        ("", "no PEM block"),
        (&*cut, "has no end"),
        (&wrong_end, "has no end"),
        (&no_base64, "is not base64"),
        ("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----", "not a whole public key"),
        ("-----BEGIN PUBLIC KEY-----\n\n-----END PUBLIC KEY-----", "not a whole public key"),
        (fixture!("weak_rsa"), "an RSA key of 1024 bits"),
        (fixture!("ed448"), "not supported"),
        (fixture!("p256_compressed"), "not an uncompressed point"),
        (fixture!("certificate"), "openssl x509 -pubkey"),
        (fixture!("rsa.private"), "a private key"),
        (fixture!("p256.private"), "a private key"),
    ] {
        assert!(fault(pem).contains(said), "{said}: {}", fault(pem));
    }
    let not_listed = KeySet::from_pem(Pair::Rsa.public(), &algorithms(&["ES256"])).unwrap_err();
    assert!(not_listed.to_string().contains("auth.algorithms"), "{not_listed}");
}

#[test]
fn truncated_public_key_is_refused_at_every_length() {
    for pair in PAIRS {
        let bytes = der(pair.public());
        for end in 0..bytes.len() {
            let body = STANDARD.encode(&bytes[..end]);
            let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
            assert!(KeySet::from_pem(&pem, &algorithms(&ASYMMETRIC)).is_err(), "{pair:?} {end}");
        }
    }
}

#[test]
fn bad_jwk_is_skipped_with_reason_and_rest_is_kept() {
    let good = Pair::Ed25519.jwk(&json!({"kid": "good", "use": "sig", "alg": "EdDSA",
        "key_ops": ["verify"], "x5c": ["?"], "unknown": {"a": 1}}));
    let rsa = |more: Value| Pair::Rsa.jwk(&more);
    let p256 = |more: Value| Pair::P256.jwk(&more);
    let n_of_1024_bits = URL_SAFE_NO_PAD.encode([0xff; 128]);
    let n_of_8200_bits = URL_SAFE_NO_PAD.encode([0xff; 1_025]);
    let ed25519 = |y: u8| {
        let mut key = [0; 32];
        key[0] = y;
        Pair::Ed25519.jwk(&json!({"x": URL_SAFE_NO_PAD.encode(key)}))
    };
    let even = URL_SAFE_NO_PAD.encode([0xfe; 256]);
    let cases = [
        (json!(7), "no object"),
        (json!({}), "`kty`"),
        (json!({"kty": "XYZ"}), "`kty`"),
        (json!({"kty": 1}), "`kty` is not a string"),
        (rsa(json!({"use": "enc"})), "`use`"),
        (rsa(json!({"key_ops": ["encrypt"]})), "`key_ops`"),
        (rsa(json!({"key_ops": "verify"})), "`key_ops`"),
        (rsa(json!({"kid": 7})), "`kid` is not a string"),
        (rsa(json!({"kid": "x".repeat(257)})), "`kid` has more than 256"),
        (rsa(json!({"alg": "ES256"})), "`alg`"),
        (rsa(json!({"alg": "RSA-OAEP"})), "`alg`"),
        (rsa(json!({"alg": "none"})), "`alg`"),
        (rsa(json!({"alg": "RS512"})), "auth.algorithms"),
        (rsa(json!({"n": n_of_1024_bits})), "1024 bits"),
        (rsa(json!({"n": n_of_8200_bits})), "8200 bits"),
        (rsa(json!({"n": even})), "cannot be one"),
        (rsa(json!({"e": "AQ"})), "cannot be one"),
        (rsa(json!({"e": ""})), "cannot be one"),
        (rsa(json!({"n": "a*bc"})), "is not base64url"),
        (rsa(json!({"n": null})), "no `n`"),
        (json!(null), "no object"),
        (rsa(json!({"d": "AQ"})), "a private key"),
        (p256(json!({"crv": "P-521"})), "has not the bytes"),
        (p256(json!({"crv": "secp256k1"})), "`crv`"),
        (p256(json!({"x": URL_SAFE_NO_PAD.encode([7; 32])})), "not on its curve"),
        (p256(json!({"y": URL_SAFE_NO_PAD.encode([0xff; 32])})), "not on its curve"),
        (p256(json!({"crv": "P-384"})), "has not the bytes"),
        (p256(json!({"x": "AA"})), "has not the bytes"),
        (json!({"kty": "EC", "crv": "P-256", "x": "AA"}), "no `y`"),
        (json!({"kty": "OKP", "crv": "X25519", "x": "AA"}), "`crv`"),
        (json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}), "32 bytes"),
        (ed25519(2), "not on its curve"),
        (ed25519(1), "small order"),
        (json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET)}), "a secret"),
    ];
    let mut keys: Vec<_> = cases.iter().map(|(key, _)| key.clone()).collect();
    keys.push(good);
    let list = algorithms(&["RS256", "ES256", "ES384", "EdDSA"]);
    let (set, skipped) = KeySet::from_jwks(&jwks(&keys), &list, JwksFrom::Url).unwrap();
    assert_eq!(set.len(), 1);
    assert_eq!(skipped.len(), cases.len());
    for (place, (skipped, (key, why))) in skipped.iter().zip(&cases).enumerate() {
        let text = skipped.to_string();
        assert!(text.starts_with(&format!("key {}", place + 1)), "{text}");
        assert!(text.contains(why), "{text} for {key}");
    }
}

#[test]
fn malformed_or_unusable_jwk_set_is_refused() {
    let list = algorithms(&["RS256"]);
    let weak = Pair::Rsa.jwk(&json!({"n": "AQ", "kid": "w"}));
    for text in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[]}"#,
        &jwks(&[weak]),
        &"[".repeat(100_000),
        &jwks(&[json!("x".repeat(MAX_JWKS_BYTES))]),
        "<html>",
    ] {
        let fault = KeySet::from_jwks(text, &list, JwksFrom::File).unwrap_err().to_string();
        assert!(fault.contains("JWK set"), "{fault}");
        assert!(fault.len() < 300, "{fault}");
    }
}

#[test]
fn a_set_has_64_keys_at_most() {
    let keys: Vec<_> =
        (0..MAX_KEYS + 3).map(|n| Pair::Ed25519.jwk(&json!({"kid": n.to_string()}))).collect();
    let read = KeySet::from_jwks(&jwks(&keys), &algorithms(&["EdDSA"]), JwksFrom::Url);
    let (set, skipped) = read.unwrap();
    assert_eq!((set.len(), skipped.len()), (MAX_KEYS, 3));
}

#[test]
fn hmac_secrets_load_from_file_but_never_from_url() {
    let secret = |id: &str, secret: &str| {
        let k = URL_SAFE_NO_PAD.encode(secret);
        json!({"kty": "oct", "kid": id, "k": k})
    };
    let text = jwks(&[secret("long", SECRET), secret("short", &SECRET[..31])]);
    let list = algorithms(&["HS256", "HS512"]);
    let (keys, skipped) = KeySet::from_jwks(&text, &list, JwksFrom::File).unwrap();
    assert_eq!(skipped.len(), 1);
    let verifier = verifier(&["HS256", "HS512"], keys);
    for (id, good) in [("long", true), ("short", false), ("other", false)] {
        let token = secret_token(SECRET, Algorithm::HS256, &json!({"alg": "HS256", "kid": id}));
        assert_eq!(is_good(&verifier, &token), good, "{id}");
    }
    assert!(KeySet::from_jwks(&text, &list, JwksFrom::Url).is_err());
    let public = algorithms(&["RS256"]);
    assert!(KeySet::from_jwks(&text, &public, JwksFrom::File).is_err());
}

#[test]
fn kid_chooses_the_key_and_without_kid_all_are_tried() {
    let keys = [
        Pair::OtherRsa.jwk(&json!({"kid": "other"})),
        Pair::Rsa.jwk(&json!({"kid": "mine"})),
        Pair::P256.jwk(&json!({"kid": "point"})),
    ];
    let verifier = with_jwks(&["RS256", "ES256"], &keys);
    let with = |header: Value| is_good(&verifier, &Pair::Rsa.token(&header, GOOD));
    assert!(with(json!({"alg": "RS256", "kid": "mine"})));
    assert!(with(json!({"alg": "RS256"})));
    assert!(!with(json!({"alg": "RS256", "kid": "other"})));
    assert!(!with(json!({"alg": "RS256", "kid": "unknown"})));
    assert!(!with(json!({"alg": "RS256", "kid": ""})));
    // Its key is there, and takes no such algorithm.
    assert!(!with(json!({"alg": "RS256", "kid": "point"})));
}

#[test]
fn a_key_without_a_kid_takes_any() {
    let token = Pair::Rsa.token(&json!({"alg": "RS256", "kid": "whatever"}), GOOD);
    assert!(is_good(&with_pem(&["RS256"], Pair::Rsa.public()), &token));
    // But where the very kid is there, it is the one.
    let keys = [Pair::Rsa.jwk(&json!({})), Pair::OtherRsa.jwk(&json!({"kid": "whatever"}))];
    assert!(!is_good(&with_jwks(&["RS256"], &keys), &token));
}

#[test]
fn a_fifth_key_alike_is_skipped_with_reason() {
    let read = |keys: &[Value]| {
        KeySet::from_jwks(&jwks(keys), &algorithms(&["RS256", "ES256"]), JwksFrom::Url).unwrap()
    };
    for id in [json!({"kid": "same"}), json!({"kid": null})] {
        let mut keys = vec![Pair::OtherRsa.jwk(&id); MAX_TRIED - 1];
        keys.push(Pair::Rsa.jwk(&id));
        keys.push(Pair::P256.jwk(&id));
        for header in [json!({"alg": "RS256"}), json!({"alg": "RS256", "kid": "same"})] {
            assert!(is_good(
                &with_jwks(&["RS256", "ES256"], &keys),
                &Pair::Rsa.token(&header, GOOD)
            ));
        }
        keys.push(Pair::Rsa.jwk(&id));
        let (set, skipped) = read(&keys);
        assert_eq!((set.len(), skipped.len()), (MAX_TRIED + 1, 1));
        assert_eq!(skipped[0].reason(), &KeyFault::TooManyAlike { most: MAX_TRIED });
        assert_eq!(skipped[0].key_id(), id["kid"].as_str());
    }
    let five = Pair::Rsa.public().repeat(MAX_TRIED + 1);
    let fault = KeySet::from_pem(&five, &algorithms(&["RS256"])).unwrap_err();
    assert_eq!(fault, KeyError::Unusable(KeyFault::TooManyAlike { most: MAX_TRIED }));
}

#[test]
fn keys_without_kid_come_first_for_such_tokens() {
    let mut keys: Vec<_> =
        (0..MAX_TRIED).map(|n| Pair::OtherRsa.jwk(&json!({"kid": n.to_string()}))).collect();
    keys.push(Pair::Rsa.jwk(&json!({})));
    let token = Pair::Rsa.token(&json!({"alg": "RS256"}), GOOD);
    assert!(is_good(&with_jwks(&["RS256"], &keys), &token));
}

#[test]
fn both_keys_are_good_until_the_old_one_is_removed() {
    let old = Pair::OtherRsa.jwk(&json!({"kid": "old"}));
    let new = Pair::Rsa.jwk(&json!({"kid": "new"}));
    let of_old = Pair::OtherRsa.token(&json!({"alg": "RS256", "kid": "old"}), GOOD);
    let of_new = Pair::Rsa.token(&json!({"alg": "RS256", "kid": "new"}), GOOD);
    let both = |keys: &[Value]| {
        let verifier = with_jwks(&["RS256"], keys);
        (is_good(&verifier, &of_old), is_good(&verifier, &of_new))
    };
    assert_eq!(both(std::slice::from_ref(&old)), (true, false));
    assert_eq!(both(&[old, new.clone()]), (true, true));
    assert_eq!(both(&[new]), (false, true));
}

#[test]
fn no_token_can_be_judged_until_keys_arrive() {
    let auth = Auth { algorithms: names(&["EdDSA"]), ..Auth::default() };
    let mut verifier = Verifier::new(&auth).unwrap();
    let token = Pair::Ed25519.token(&json!({"alg": "EdDSA"}), GOOD);
    assert_eq!(verifier.begin(&token).err(), Some(TokenError::KeysUnavailable));
    assert!(!is_good(&verifier, &token));
    let keys = KeySet::from_pem(Pair::Ed25519.public(), &algorithms(&["EdDSA"])).unwrap();
    verifier.replace_keys(keys);
    assert!(is_good(&verifier, &token));
}

#[test]
fn no_key_and_no_token_is_in_the_debug_form() {
    let list = algorithms(&["HS256"]);
    let keys = KeySet::from_secret(SECRET.as_bytes(), &list).unwrap();
    assert!(!format!("{:?}", verifier(&["HS256"], keys)).contains("0123"));
    let verifier = with_pem(&["RS256"], Pair::Rsa.public());
    let token = Pair::Rsa.token(&json!({"alg": "RS256"}), GOOD);
    let begun = verifier.begin(&token);
    assert!(matches!(begun, Ok(Verification::Unchecked(_))));
    assert!(!format!("{begun:?}").contains("eyJ"));
}
