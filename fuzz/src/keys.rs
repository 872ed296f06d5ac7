//! Keys: whatever an issuer publishes, a set is read or refused, and accounts for every entry.

use vestibule::auth::{Algorithms, JwksFrom, KeyError, KeySet, Skipped};
use vestibule::config::PublishedKind;

/// The input is a JWK set, and a PEM text too.
///
/// # Panics
/// When a set loses an entry, breaks a bound, or depends on a byte order mark; or when a PEM that
/// holds keys is taken for a secret.
pub fn keys(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let names = ["RS256", "PS384", "ES256", "ES384", "EdDSA"].map(str::to_owned);
    let Ok(algorithms) = Algorithms::new(&names) else { return };
    let read = |text: &str| match KeySet::from_jwks(text, &algorithms, JwksFrom::Url) {
        Ok((set, _)) => Ok(set.summary()),
        Err(error) => Err(error),
    };
    let found = read(text);
    match &found {
        Ok(summary) => {
            assert!((1..=64).contains(&summary.usable.len()) && summary.skipped.len() <= 65);
            assert!(summary.usable.iter().all(|key| !key.algorithms.is_empty()));
            let entries = serde_json::from_str::<serde_json::Value>(text);
            // What cannot be read as a whole may still be read entry by entry.
            if let Some(entries) = entries.ok().as_ref().and_then(|set| set["keys"].as_array()) {
                assert_eq!(summary.usable.len() + summary.skipped_count(), entries.len());
            }
        }
        Err(KeyError::NoUsableKey(skipped)) => {
            assert!((1..=65).contains(&skipped.len()));
            assert!(skipped.iter().map(Skipped::count).sum::<usize>() >= skipped.len());
        }
        Err(_) => {}
    }
    if !text.starts_with('\u{feff}') && !matches!(found, Err(KeyError::NoJwks { .. })) {
        assert_eq!(read(&format!("\u{feff}{text}")), found);
    }
    if KeySet::from_pem(text, &algorithms).is_ok() {
        assert_eq!(PublishedKind::of(data), Some(PublishedKind::Pem));
    }
}
