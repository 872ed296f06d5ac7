//! JWK sets as issuers really publish them, what a set tells of itself, and public values that are
//! given as secrets.

use super::*;
use crate::config::PublishedKind;

const PAIRS: [Pair; 4] = [Pair::Rsa, Pair::P256, Pair::P384, Pair::Ed25519];
const LIST: [&str; 4] = ["RS256", "ES256", "ES384", "EdDSA"];

/// The bytes of a member of a JWK.
fn member(jwk: &Value, name: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap()
}

#[test]
fn null_members_and_base64_of_any_form_are_taken() {
    let nulls = json!({"kid": null, "use": null, "alg": null, "key_ops": null, "d": null});
    for pair in PAIRS {
        let token = pair.token(&json!({"alg": pair.algorithm()}), GOOD);
        let mut jwk = pair.jwk(&nulls);
        assert!(is_good(&with_jwks(&LIST, &[jwk.clone()]), &token), "{pair:?}");
        for name in ["n", "e", "x", "y"] {
            if jwk.get(name).is_some() {
                jwk[name] = STANDARD.encode(member(&jwk, name)).into();
            }
        }
        assert!(is_good(&with_jwks(&LIST, &[jwk]), &token), "{pair:?}");
    }
    // 62 and 63, and a padding.
    let secret = [[0xfb, 0xff].as_slice(), &[0xbf; 38]].concat();
    let token = {
        let key = EncodingKey::from_secret(&secret);
        signed(&key, Algorithm::HS256, &json!({"alg": "HS256"}).to_string(), GOOD)
    };
    let url = URL_SAFE_NO_PAD.encode(&secret);
    let plain = STANDARD.encode(&secret);
    assert!(plain.contains('+') && plain.contains('/') && plain.ends_with('='));
    for k in [&url, &format!("{url}=="), &plain, plain.trim_end_matches('=')] {
        let text = jwks(&[json!({"kty": "oct", "k": k})]);
        let (keys, _) = KeySet::from_jwks(&text, &algorithms(&["HS256"]), JwksFrom::File).unwrap();
        assert!(is_good(&verifier(&["HS256"], keys), &token), "{k}");
    }
}

#[test]
fn ed25519_is_eddsa_in_key_token_and_configuration() {
    for listed in ["EdDSA", "Ed25519"] {
        for own in ["EdDSA", "Ed25519"] {
            let verifier = with_jwks(&[listed], &[Pair::Ed25519.jwk(&json!({"alg": own}))]);
            for header in ["EdDSA", "Ed25519"] {
                let token = Pair::Ed25519.token(&json!({"alg": header}), GOOD);
                assert!(is_good(&verifier, &token), "{listed} {own} {header}");
            }
            for header in ["Ed448", "ed25519", "ES256"] {
                let token = Pair::Ed25519.token(&json!({"alg": header}), GOOD);
                assert!(!is_good(&verifier, &token), "{header}");
            }
        }
    }
    let p256 = jwks(&[Pair::P256.jwk(&json!({"alg": "Ed25519"}))]);
    assert!(KeySet::from_jwks(&p256, &algorithms(&LIST), JwksFrom::Url).is_err());
}

#[test]
fn one_entry_that_is_unreadable_loses_no_other() {
    let good = Pair::Ed25519.jwk(&json!({"kid": "good"})).to_string();
    let deep = format!("{{\"kid\":\"deep\",\"x\":{}{}}}", "[".repeat(500), "]".repeat(500));
    for odd in ["1e999", r#"{"kid":"\ud800"}"#, &deep, "null", "[]", "\"\"", "{\"kty\":null}"] {
        for text in [
            format!("{{\"keys\":[{odd},{good}]}}"),
            format!("\u{feff}{{\"x\":{odd},\"keys\":[{good},{odd}]}}"),
        ] {
            let read = KeySet::from_jwks(&text, &algorithms(&LIST), JwksFrom::Url);
            let (set, skipped) = read.unwrap_or_else(|error| panic!("{odd}: {error}"));
            assert_eq!((set.len(), skipped.len()), (1, 1), "{odd}");
        }
    }
}

#[test]
fn a_point_beside_its_curve_is_refused_at_load() {
    for pair in [Pair::P256, Pair::P384, Pair::Ed25519] {
        let whole = der(pair.public());
        let length = match pair {
            Pair::P256 => 64,
            Pair::P384 => 96,
            _ => 32,
        };
        let start = whole.len() - length;
        let mut refused = 0;
        for bit in 0..length * 8 {
            let mut bytes = whole.clone();
            bytes[start + bit / 8] ^= 1 << (bit % 8);
            let body = STANDARD.encode(&bytes);
            let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
            if let Err(error) = KeySet::from_pem(&pem, &algorithms(&LIST)) {
                assert_eq!(error, KeyError::Unusable(KeyFault::NotOnCurve));
                refused += 1;
            }
        }
        // Every second y is one of Ed25519.
        let expected = if pair == Pair::Ed25519 { 96..160 } else { length * 8..length * 8 + 1 };
        assert!(expected.contains(&refused), "{pair:?}: {refused}");
    }
}

/// RFC 8032 has the curve; which of its first y are on it is computed elsewhere.
#[test]
fn ed25519_points_are_those_of_the_curve() {
    let fault = |key: [u8; 32]| {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(key)});
        let read = KeySet::from_jwks(&jwks(&[jwk]), &algorithms(&["EdDSA"]), JwksFrom::Url);
        match read {
            Ok(_) => None,
            Err(KeyError::NoUsableKey(skipped)) => Some(skipped[0].reason().label()),
            Err(other) => panic!("{other}"),
        }
    };
    let (on, off, small) = (None, Some("not_on_curve"), Some("weak_ed25519"));
    let firsts = [small, small, off, on, on, on, on, off, off, on, on, off, off, off];
    for (y, expected) in (0..).zip(firsts) {
        for sign in [0, 0x80] {
            let mut key = [0; 32];
            (key[0], key[31]) = (y, sign);
            assert_eq!(fault(key), expected, "{y}");
        }
    }
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    assert_eq!(fault(minus_one), small);
    // The numbers from the prime on are no y.
    for first in 0xed..=0xff {
        minus_one[0] = first;
        assert_eq!(fault(minus_one), off, "{first}");
    }
    for order_8 in [
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    ] {
        let digits: Vec<_> =
            order_8.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
        let bytes: Vec<_> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        assert_eq!(fault(bytes.try_into().unwrap()), small);
    }
}

#[test]
fn a_set_lists_its_keys_and_what_it_skipped() {
    let keys = [
        Pair::Rsa.jwk(&json!({"kid": "r"})),
        Pair::P256.jwk(&json!({"kid": "a\n", "alg": "ES256"})),
        Pair::Ed25519.jwk(&json!({})),
        Pair::P384.jwk(&json!({"kid": "enc", "use": "enc"})),
    ];
    let list = algorithms(&["PS256", "RS256", "ES256", "ES384", "Ed25519"]);
    let (set, _) = KeySet::from_jwks(&jwks(&keys), &list, JwksFrom::Url).unwrap();
    let summary = set.clone().summary();
    let lines: Vec<_> = summary.usable.iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["kid \"r\": PS256, RS256", "kid \"a\\n\": ES256", "without kid: EdDSA"]);
    let counts = KeyKind::ALL.map(|kind| (kind.label(), summary.count(kind)));
    assert_eq!(counts, [("HS", 0), ("RS", 1), ("ES", 1), ("Ed", 1)]);
    assert_eq!((summary.skipped.len(), summary.skipped_count()), (1, 1));
    assert_eq!(summary.to_string(), "3 keys (1 RS, 1 ES, 1 Ed), 1 skipped");
    assert_eq!(KeySet::default().summary().to_string(), "no key");
    let skipped = &summary.skipped[0];
    assert_eq!((skipped.place(), skipped.key_id()), (4, Some("enc")));
    assert_eq!(skipped.reason().label(), "bad_use");
    let secret = KeySet::from_secret(SECRET.as_bytes(), &algorithms(&["HS512"])).unwrap();
    assert_eq!(secret.summary().usable[0].to_string(), "without kid: HS512");
    assert_eq!(secret.summary().to_string(), "1 key (1 HS)");
}

#[test]
fn a_long_list_of_odd_keys_is_cut_and_counted() {
    let mut keys = vec![json!(null); MAX_ENTRIES - 1];
    keys.push(Pair::Rsa.jwk(&json!({})));
    keys.extend([Pair::Rsa.jwk(&json!({})), json!(null)]);
    let (set, skipped) =
        KeySet::from_jwks(&jwks(&keys), &algorithms(&LIST), JwksFrom::Url).unwrap();
    assert_eq!((set.len(), skipped.len()), (1, MAX_REASONS + 1));
    assert_eq!(set.summary().skipped_count(), MAX_ENTRIES + 1);
    assert!(
        skipped[MAX_REASONS].to_string().ends_with("it and 960 after it cannot be used either")
    );
}

#[test]
fn a_public_value_is_refused_wherever_a_secret_is() {
    let list = algorithms(&["HS256"]);
    let body = STANDARD.encode(der(Pair::P256.public()));
    for (value, kind) in [
        (Pair::Rsa.public().to_owned(), PublishedKind::Pem),
        (body, PublishedKind::Der),
        (jwks(&[Pair::Rsa.jwk(&json!({}))]), PublishedKind::Jwk),
    ] {
        let fault = KeyError::Unusable(KeyFault::PublishedValue(kind));
        let auth = Auth { secret: value.clone(), ..Auth::default() };
        assert_eq!(Verifier::new(&auth).err(), Some(fault.clone()));
        assert!(TokenSigner::new(&auth).is_none());
        assert_eq!(KeySet::from_secret(value.as_bytes(), &list).err(), Some(fault.clone()));
        let sentence = crate::config::check::secret_problem(&value, &auth.algorithms);
        assert_eq!(sentence, Some(fault.to_string()));
        let text = jwks(&[json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(&value)})]);
        let set = KeySet::from_jwks(&text, &list, JwksFrom::File).unwrap_err();
        assert!(set.to_string().contains(&fault.to_string()), "{set}");
    }
    let short = KeySet::from_secret(b"short", &list).unwrap_err().to_string();
    assert_eq!(crate::config::check::secret_problem("short", &names(&["HS256"])), Some(short));
}

/// Every cut of a set, and every one of its bytes changed: nothing panics, and no fault shows more
/// than a line.
#[test]
fn damaged_sets_are_read_or_refused() {
    let keys: Vec<_> =
        PAIRS.iter().map(|pair| pair.jwk(&json!({"kid": "k", "use": null}))).collect();
    let text = jwks(&keys);
    let list = algorithms(&LIST);
    let check = |text: &str| match KeySet::from_jwks(text, &list, JwksFrom::Url) {
        Ok((set, skipped)) => assert!((1..=4).contains(&(set.len() + skipped.len()))),
        Err(error) => assert!(error.to_string().len() < 1_000, "{error}"),
    };
    for place in 0..text.len() {
        check(&text[..place]);
        for new in ["\"", "0", "}", "]", ",", "\\", "=", "null"] {
            check(&format!("{}{new}{}", &text[..place], &text[place + 1..]));
        }
    }
}
