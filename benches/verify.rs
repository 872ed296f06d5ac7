//! A token: from its text to who it speaks for.
//!
//! One iteration verifies one HS256 token: form, signature, dates, claims; ours with `now` given,
//! beside `jsonwebtoken::decode` of the same token with its own checks and the system's clock.
//! `forged` is the same with a signature of another key: what a flood of bad tokens costs.
#![expect(clippy::unwrap_used, reason = "a bench that cannot start must say so")]

use std::hint::black_box;

use criterion::Criterion;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use vestibule::auth::Verifier;
use vestibule::config::Auth;
use vestibule::time::UnixTime;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);

fn main() {
    let mut c = Criterion::default().configure_from_args();
    let mut group = c.benchmark_group("verify/hs256");
    // Far ahead, so that the system's clock is before it too.
    let claims = json!({ "sub": "6f1c9a50-user", "exp": 4_000_000_000_u64, "iat": 1_700_000_000,
                         "iss": "https://issuer.example", "role": "member" });
    let sign = |secret: &str| {
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
    };
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
    c.final_summary();
}
