//! Which values are no secrets, and what is told about those that are.

use super::*;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// The text of a file of `tests/fixtures/keys`.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keys/", $name, ".pem"))
    };
}

/// Every kind of file that openssl writes.
const PEMS: [&str; 15] = [
    fixture!("certificate"),
    fixture!("ed25519"),
    fixture!("ed25519.private"),
    fixture!("ed448"),
    fixture!("other_rsa.private"),
    fixture!("p256"),
    fixture!("p256.private"),
    fixture!("p256_compressed"),
    fixture!("p384"),
    fixture!("p384.private"),
    fixture!("p521"),
    fixture!("rsa"),
    fixture!("rsa.private"),
    fixture!("rsa_pkcs1"),
    fixture!("weak_rsa"),
];

#[test]
fn every_form_of_a_key_or_certificate_is_found() {
    for pem in PEMS {
        assert_eq!(PublishedKind::of(pem.as_bytes()), Some(PublishedKind::Pem), "{pem}");
        let body: Vec<_> = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(body.concat()).unwrap();
        let hex: Vec<_> = der.iter().map(|byte| format!("{byte:02X}")).collect();
        let forms = [
            der.clone(),
            body.concat().into_bytes(),
            body.join("\r\n").into_bytes(),
            format!("\u{feff} {}\n\n", body.concat()).into_bytes(),
            body.concat().trim_end_matches('=').into(),
            URL_SAFE_NO_PAD.encode(&der).into_bytes(),
            hex.concat().to_lowercase().into_bytes(),
            hex.join(":").into_bytes(),
        ];
        for (place, form) in forms.into_iter().enumerate() {
            assert_eq!(PublishedKind::of(&form), Some(PublishedKind::Der), "{place} of {pem}");
        }
        let start = &body.concat()[..40];
        assert_eq!(PublishedKind::of(start.as_bytes()), Some(PublishedKind::Der), "{start}");
        for encoded in [STANDARD.encode(pem), URL_SAFE_NO_PAD.encode(format!("\u{feff}\n{pem}"))] {
            assert_eq!(PublishedKind::of(encoded.as_bytes()), Some(PublishedKind::Pem), "{pem}");
        }
    }
}

#[test]
fn published_text_is_found_whatever_is_around_it() {
    use PublishedKind::*;
    const RSA: &str = "AAAAB3NzaC1yc2EAAAADAQABAAABgQC7";
    for (value, kind) in [
        ("-----BEGIN CERTIFICATE-----\nMIIB".to_owned(), Pem),
        ("Bag Attributes\n-----BEGIN RSA PRIVATE KEY-----\nMIIB".to_owned(), Pem),
        ("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQEN".to_owned(), Pgp),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA".to_owned(), Ssh),
        ("ssh-ed25519 AAAAxyz me@host".to_owned(), Ssh),
        (format!("  ssh-rsa {RSA} me@host\n"), Ssh),
        (format!("command=\"ls\",no-pty ssh-rsa {RSA}"), Ssh),
        (RSA.to_owned(), Ssh),
        ("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY".to_owned(), Ssh),
        ("\u{feff}{ \"keys\": [] }".to_owned(), Jwk),
        (" \r\n\t{\n \"keys\" : [] }".to_owned(), Jwk),
        ("\r\n\u{feff} {\"kty\":\"RSA\"}".to_owned(), Jwk),
        ("[{\"kty\":\"RSA\"}]".to_owned(), Jwk),
    ] {
        assert_eq!(PublishedKind::of(value.as_bytes()), Some(kind), "{value}");
        let encoded = STANDARD.encode(&value);
        assert_eq!(PublishedKind::of(encoded.as_bytes()), Some(kind), "{value}");
        assert!(!kind.to_string().contains("MIIB") && kind.to_string().contains("public key"));
    }
}

#[test]
fn a_secret_is_taken_for_nothing_else() {
    let binary: Vec<u8> = (0..=255).collect();
    for secret in [
        &b""[..],
        b"0",
        b"=",
        b"A",
        b"{\"a secret\": with any character}",
        b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        b"sk-live-AAAA0123456789abcdef0123456789",
        b"MIIBIjANBgkq is how a key begins, and this does not go on so",
        b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        b"\x30\x80\x30",
        b"\x30\x82\x01",
        b"\x30\x03\x02\x01\x09",
        &[0x30; 64],
        &[b'M'; 64],
        &binary,
    ] {
        assert_eq!(PublishedKind::of(secret), None, "{secret:?}");
        assert_eq!(PublishedKind::of(STANDARD.encode(secret).as_bytes()), None, "{secret:?}");
    }
    // Many more, of a generator that repeats itself.
    let mut state = 1_u64;
    let mut secret = [0_u8; 32];
    for _ in 0..1 << 15 {
        for byte in &mut secret {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (state >> 56) as u8;
        }
        let text = URL_SAFE_NO_PAD.encode(secret);
        assert_eq!((PublishedKind::of(&secret), PublishedKind::of(text.as_bytes())), (None, None));
    }
}

#[test]
fn blanks_marks_and_lines_of_a_secret_are_told() {
    for (secret, told) in [
        ("0123", None),
        ("01 23", None),
        ("\u{feff}0123", Some("begins with a byte order mark,")),
        (" 0123", Some("begins with a blank,")),
        ("\u{feff}\t0123", Some("begins with a byte order mark and begins with a blank,")),
        ("0123 ", Some("ends with a blank or another line end,")),
        ("0123\u{a0}", Some("ends with a blank or another line end,")),
        ("0123\n", Some("ends with a blank or another line end,")),
        ("0123\0", Some("ends with a blank or another line end,")),
        ("01\n23", Some("has several lines,")),
        ("01\r23\r\n", Some("ends with a blank or another line end and has several lines,")),
    ] {
        let warning = secret_warning(secret);
        assert_eq!(warning.is_some(), told.is_some(), "{secret:?}");
        let warning = warning.unwrap_or_default();
        assert!(warning.contains(told.unwrap_or_default()), "{secret:?}: {warning}");
        assert!(!warning.contains("01"), "{warning}");
    }
}
