//! A token: from its text to who it speaks for.
//!
//! One iteration verifies one HS256 token: form, signature, dates, claims; ours with `now` given,
//! beside `jsonwebtoken::decode` of the same token with its own checks and the system's clock.
//! `forged` is the same with a signature of another key: what a flood of bad tokens costs.
//! `public` verifies the same claims signed with a private key, as a worker does.
#![expect(clippy::unwrap_used, reason = "a bench that cannot start must say so")]

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use criterion::Criterion;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use vestibule::auth::{Algorithms, KeySet, Verifier};
use vestibule::config::Auth;
use vestibule::testing;
use vestibule::time::UnixTime;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);

/// The text of a file of `tests/fixtures/keys`.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../tests/fixtures/keys/", $name, ".pem"))
    };
}

fn main() {
    let mut c = Criterion::default().configure_from_args();
    let mut group = c.benchmark_group("verify/hs256");
    // Far ahead, so that the system's clock is before it too.
    let claims = json!({ "sub": "6f1c9a50-user", "exp": 4_000_000_000_u64, "iat": 1_700_000_000,
                         "iss": "https://issuer.example", "role": "member" });
    let sign = |secret: &str| testing::token(secret, &claims);
    let (good, forged) = (sign(SECRET), sign("another secret of 32 bytes, or so"));
    let config = Auth { secret: SECRET.to_owned(), ..Auth::default() };
    let verifier = Verifier::new(&config).unwrap();
    group.bench_function("ours", |b| {
        b.iter(|| verifier.verify(black_box(&good), NOW).unwrap());
    });
    let key = DecodingKey::from_secret(SECRET.as_bytes());
    let validation = Validation::new(Algorithm::HS256);
    group.bench_function("jsonwebtoken", |b| {
        b.iter(|| jsonwebtoken::decode::<Value>(black_box(&good), &key, &validation).unwrap());
    });
    group.bench_function("forged", |b| {
        b.iter(|| verifier.verify(black_box(&forged), NOW).unwrap_err());
    });
    group.finish();
    public(&mut c, &claims);
    c.final_summary();
}

fn public(c: &mut Criterion, claims: &Value) {
    let mut group = c.benchmark_group("verify/public");
    for (name, private, public) in [
        ("RS256", fixture!("rsa.private"), fixture!("rsa")),
        ("ES256", fixture!("p256.private"), fixture!("p256")),
        ("EdDSA", fixture!("ed25519.private"), fixture!("ed25519")),
    ] {
        let algorithm: Algorithm = name.parse().unwrap();
        let der = der(private);
        let key = match algorithm {
            Algorithm::RS256 => EncodingKey::from_rsa_der(&der),
            Algorithm::ES256 => EncodingKey::from_ec_der(&der),
            _ => EncodingKey::from_ed_der(&der),
        };
        let token = jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap();
        let names = [name.to_owned()];
        let config = Auth { algorithms: names.to_vec(), ..Auth::default() };
        let mut verifier = Verifier::new(&config).unwrap();
        let algorithms = Algorithms::new(&names).unwrap();
        verifier.replace_keys(KeySet::from_pem(public, &algorithms).unwrap());
        group.bench_function(name, |b| {
            b.iter(|| verifier.verify(black_box(&token), NOW).unwrap());
        });
    }
    group.finish();
}

/// The bytes of a PEM block.
fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}
