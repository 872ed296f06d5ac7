//! RFC 8725 (JSON Web Token Best Current Practices), point by point. Each test is named in
//! `docs/security.md`.

use super::*;

/// A verifier with an RSA key, and what a token of that key with this header is to it.
fn rsa_with(header: &Value) -> bool {
    let verifier = with_jwks(&["RS256"], &[Pair::Rsa.jwk(&json!({"kid": "k"}))]);
    is_good(&verifier, &Pair::Rsa.token(header, GOOD))
}

fn hmac_with(header: &str) -> bool {
    let keys = KeySet::from_secret(SECRET.as_bytes(), &algorithms(&["HS256"])).unwrap();
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    is_good(&verifier(&["HS256"], keys), &signed(&key, Algorithm::HS256, header, GOOD))
}

#[test]
fn unsigned_token_is_refused_in_any_spelling_of_none() {
    let verifier = with_pem(&["RS256"], Pair::Rsa.public());
    let claims = URL_SAFE_NO_PAD.encode(GOOD);
    for none in ["none", "None", "NONE", "nOnE", "", "RS256", " none"] {
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": none}).to_string());
        for end in [".", "", ".AA", ".e30", "..", ".."] {
            assert!(!is_good(&verifier, &format!("{header}.{claims}{end}")), "{none}");
        }
        assert!(none == "RS256" || !rsa_with(&json!({"alg": none})), "{none}");
    }
    let fault = Algorithms::new(&names(&["none"])).unwrap_err();
    assert_eq!(fault, KeyError::UnknownAlgorithm("none".to_owned()));
}

#[test]
fn a_public_key_is_never_taken_for_a_secret() {
    let pem = Pair::Rsa.public();
    let verifier = with_pem(&["RS256"], pem);
    let bytes = der(pem);
    for secret in [pem.as_bytes(), pem.trim().as_bytes(), &bytes, b""] {
        let key = EncodingKey::from_secret(secret);
        for header in [r#"{"alg":"HS256"}"#, r#"{"alg":"RS256"}"#] {
            assert!(!is_good(&verifier, &signed(&key, Algorithm::HS256, header, GOOD)));
        }
    }
    let mixed = Algorithms::new(&names(&["RS256", "HS256"])).unwrap_err();
    assert_eq!(mixed, KeyError::MixedAlgorithms);
    let fault = KeySet::from_pem(pem, &algorithms(&["HS256"])).unwrap_err();
    assert_eq!(fault, KeyError::PublicKeyForHmac);
}

#[test]
fn the_algorithm_is_pinned_by_the_list_and_by_the_key() {
    let rs256 = Pair::Rsa.token(&json!({"alg": "RS256"}), GOOD);
    let header = r#"{"alg":"PS256"}"#;
    let ps256 = signed(&Pair::Rsa.signer(), Algorithm::PS256, header, GOOD);
    let both = |verifier: &Verifier| (is_good(verifier, &rs256), is_good(verifier, &ps256));
    assert_eq!(both(&with_pem(&["RS256", "PS256"], Pair::Rsa.public())), (true, true));
    assert_eq!(both(&with_pem(&["PS256"], Pair::Rsa.public())), (false, true));
    let own = [Pair::Rsa.jwk(&json!({"alg": "RS256"}))];
    assert_eq!(both(&with_jwks(&["RS256", "PS256"], &own)), (true, false));
    // What is signed one way and says another.
    let lies = signed(&Pair::Rsa.signer(), Algorithm::PS256, r#"{"alg":"RS256"}"#, GOOD);
    assert!(!is_good(&with_pem(&["RS256", "PS256"], Pair::Rsa.public()), &lies));
}

#[test]
fn token_verifies_only_with_key_of_its_type_and_curve() {
    let list = ["RS256", "ES256", "ES384", "EdDSA"];
    let pairs = [Pair::Rsa, Pair::P256, Pair::P384, Pair::Ed25519];
    for key in pairs {
        let verifier = with_jwks(&list, &[key.jwk(&json!({"kid": "k"}))]);
        for signer in pairs {
            for name in list {
                let token = signer.token(&json!({"alg": name, "kid": "k"}), GOOD);
                let is_right = key == signer && name == format!("{:?}", signer.algorithm());
                assert_eq!(is_good(&verifier, &token), is_right, "{key:?} {signer:?} {name}");
            }
        }
    }
}

#[test]
fn ecdsa_signature_must_be_raw_r_and_s_of_full_length() {
    let verifier = with_pem(&["ES256"], Pair::P256.public());
    let token = Pair::P256.token(&json!({"alg": "ES256"}), GOOD);
    assert!(is_good(&verifier, &token));
    let (message, signature) = token.rsplit_once('.').unwrap();
    let raw = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert_eq!(raw.len(), 64);
    let (r, s) = raw.split_at(32);
    let integer = |number: &[u8]| [&[2, 33, 0], number].concat();
    let der = [&[0x30, 70], &*integer(r), &*integer(s)].concat();
    let swapped = [s, r].concat();
    let long = [&raw[..], &[0]].concat();
    // "Psychic signatures": zeros are a signature of nothing.
    for forged in [&der[..], &swapped, &long, &raw[..63], r, &[], &[0; 64], &[0xff; 64]] {
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(forged));
        assert!(!is_good(&verifier, &token), "{forged:?}");
    }
}

#[test]
fn a_changed_byte_anywhere_is_refused() {
    let verifier = with_pem(&["EdDSA"], Pair::Ed25519.public());
    let token = Pair::Ed25519.token(&json!({"alg": "EdDSA"}), GOOD);
    assert!(is_good(&verifier, &token));
    for place in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        assert!(!is_good(&verifier, std::str::from_utf8(&bytes).unwrap()), "{place}");
    }
    for changed in [format!("{token}="), format!(" {token}"), token.replace('.', "..")] {
        assert!(!is_good(&verifier, &changed));
    }
}

#[test]
fn a_kid_is_compared_and_nothing_else() {
    assert!(rsa_with(&json!({"alg": "RS256", "kid": "k"})));
    let long = "k".repeat(MAX_KEY_ID_BYTES + 1);
    let huge = "k".repeat(1 << 20);
    for kid in [
        "../../../../dev/null",
        "/etc/passwd",
        "k' OR '1'='1",
        "k\u{0}",
        "K",
        " k",
        "http://127.0.0.1/key",
        &long,
        &huge,
    ] {
        assert!(!rsa_with(&json!({"alg": "RS256", "kid": kid})), "{:.40}", kid);
    }
    for kid in [json!(null), json!(1), json!(["k"]), json!({"k": "k"})] {
        assert!(!rsa_with(&json!({"alg": "RS256", "kid": kid})), "{kid}");
    }
}

#[test]
fn keys_in_a_token_header_are_ignored() {
    // An attacker's key in the header, and a signature by it.
    let attack = json!({"alg": "RS256", "kid": "k", "jwk": Pair::OtherRsa.jwk(&json!({"kid": "k"})),
        "jku": "http://127.0.0.1:1/jwks", "x5u": "http://127.0.0.1:1/x", "x5c": ["AAAA"]});
    let verifier = with_jwks(&["RS256"], &[Pair::Rsa.jwk(&json!({"kid": "k"}))]);
    assert!(!is_good(&verifier, &Pair::OtherRsa.token(&attack, GOOD)));
    // They are no reason to refuse a good token either.
    assert!(is_good(&verifier, &Pair::Rsa.token(&attack, GOOD)));
}

#[test]
fn token_header_with_crit_b64_or_repeats_is_refused() {
    assert!(hmac_with(r#"{"alg":"HS256","typ":"JWT","cty":"x","b64":true}"#));
    let many: String = (0..40).map(|n| format!(r#","x{n}":1"#)).collect();
    for header in [
        r#"{"alg":"HS256","crit":["exp"]}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":null}"#,
        r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"HS256","b64":false}"#,
        r#"{"alg":"HS256","b64":"false"}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","kid":"a","kid":"b"}"#,
        r#"{"alg":"HS256","x":1,"\u0078":2}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":null}"#,
        r#"{"ALG":"HS256"}"#,
        r#"["HS256"]"#,
        r#""HS256""#,
        &format!(r#"{{"alg":"HS256"{many}}}"#),
        r#"{"alg":"HS256"} x"#,
        "",
    ] {
        assert!(!hmac_with(header), "{header}");
    }
}

#[test]
fn huge_claims_are_read_but_a_deep_aud_is_refused() {
    let verifier = with_pem(&["EdDSA"], Pair::Ed25519.public());
    let of =
        |claims: &str| verifier.verify(&Pair::Ed25519.token(&json!({"alg": "EdDSA"}), claims), NOW);
    let wide = format!(r#"{{"x":"{}","sub":"a","exp":1800000060}}"#, "y".repeat(1 << 20));
    assert!(of(&wide).is_ok());
    let nested = format!("{}{}", "[".repeat(1 << 16), "]".repeat(1 << 16));
    // What is passed over may be as deep as it likes; what is read may not.
    assert!(of(&format!(r#"{{"x":{nested},"sub":"a","exp":1800000060}}"#)).is_ok());
    let deep = of(&format!(r#"{{"aud":{nested},"sub":"a","exp":1800000060}}"#));
    assert_eq!(deep.err(), Some(TokenError::BadClaims));
    let many: String = (0..50_000).map(|_| r#""exp":1,"#).collect();
    let last = format!(r#"{{{many}"sub":"a","exp":1800000060}}"#);
    assert!(of(&last).is_ok(), "of a claim given twice the last counts");
}

#[test]
fn claims_are_utf_8_or_an_invalid_payload() {
    let verifier = with_pem(&["EdDSA"], Pair::Ed25519.public());
    let of = |claims: &[u8]| {
        let key = Pair::Ed25519.signer();
        verifier.verify(&signed(&key, Algorithm::EdDSA, r#"{"alg":"EdDSA"}"#, claims), NOW)
    };
    assert!(of(GOOD.as_bytes()).is_ok());
    let utf_16: Vec<u8> = GOOD.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let latin_1 = b"{\"sub\":\"\xe9\",\"exp\":1800000060}";
    for claims in [&utf_16[..], latin_1, &[0xef, 0xbb, 0xbf], b"\xff"] {
        assert_eq!(of(claims).err(), Some(TokenError::BadClaims));
    }
}

#[test]
fn signed_claims_are_refused_if_expired_when_used() {
    let verifier = with_pem(&["EdDSA"], Pair::Ed25519.public());
    let token = Pair::Ed25519.token(&json!({"alg": "EdDSA"}), GOOD);
    let Ok(Verification::Unchecked(check)) = verifier.begin(&token) else {
        panic!("checked at once")
    };
    let signed = check.run().unwrap();
    assert!(verifier.validate_claims(signed.clone(), NOW).is_ok());
    let later = NOW + std::time::Duration::from_secs(60 + 30);
    let late = verifier.validate_claims(signed, later).unwrap_err();
    assert_eq!((late.error, late.user.as_deref()), (TokenError::Expired, Some("alice")));
}

#[test]
fn weak_keys_are_refused_when_they_are_read() {
    let list = algorithms(&["RS256"]);
    let weak = KeySet::from_pem(fixture!("weak_rsa"), &list).unwrap_err().to_string();
    assert!(weak.contains("1024 bits"), "{weak}");
    for (name, bytes) in [("HS256", 32), ("HS384", 48), ("HS512", 64)] {
        let list = algorithms(&[name]);
        assert!(KeySet::from_secret(&vec![b'x'; bytes], &list).is_ok());
        let fault = KeySet::from_secret(&vec![b'x'; bytes - 1], &list).unwrap_err();
        assert_eq!(fault, KeyError::ShortSecret { bytes: bytes - 1, needed: bytes });
    }
}
