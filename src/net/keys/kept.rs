//! The last keys that were fetched, in a file: a server that starts while its issuer cannot be
//! reached checks tokens with them.
//!
//! The file is a JWK set with two more members: where it is from, and when it was fetched. Only what a
//! public key consists of is written. Whoever can write to the directory decides which tokens are
//! good, so it belongs to the server, like the generated signing key in it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::auth::MAX_JWKS_BYTES;
use crate::time::UnixTime;

/// What a public key consists of (RFC 7517, RFC 7518, RFC 8037).
const PUBLIC: [&str; 10] = ["kty", "use", "key_ops", "alg", "kid", "crv", "x", "y", "n", "e"];
/// The longest part of a file's name that is taken from the address.
const NAME_CHARS: usize = 100;

/// The file of one address.
#[derive(Debug)]
pub(super) struct KeptKeys {
    path: PathBuf,
    url: String,
}

#[derive(Deserialize, Serialize)]
struct Content {
    url: String,
    /// Seconds since 1970.
    fetched_at: u64,
    keys: Vec<Map<String, Value>>,
}

impl KeptKeys {
    /// The file for the keys at `url`, in `directory`.
    pub(super) fn new(directory: &Path, url: &str) -> Self {
        let plain = |char: char| if char.is_ascii_alphanumeric() { char } else { '_' };
        let name: String = url.chars().map(plain).take(NAME_CHARS).collect();
        // Of two addresses that are written alike, each has a file of its own.
        let mut hasher = DefaultHasher::new();
        url.hash(&mut hasher);
        let file = format!("keys-{name}-{:016x}.json", hasher.finish());
        Self { path: directory.join(file), url: url.to_owned() }
    }

    /// The JWK set in the file and when it was fetched, if it is from this address and at most
    /// `longest` old.
    pub(super) fn read(
        &self,
        now: UnixTime,
        longest: Duration,
    ) -> io::Result<Option<(UnixTime, String)>> {
        let mut text = String::new();
        let limit = 2 * MAX_JWKS_BYTES as u64;
        match File::open(&self.path).and_then(|file| file.take(limit).read_to_string(&mut text)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        let content: Content = serde_json::from_str(&text)?;
        let fetched_at = UnixTime::from_millis(content.fetched_at.saturating_mul(1_000));
        let is_good = content.url == self.url && now.since(fetched_at) <= longest;
        Ok(is_good.then_some((fetched_at, text)))
    }

    /// Writes the public keys of the JWK set `text`, fetched at `now`. The file is replaced as a whole.
    pub(super) fn write(&self, now: UnixTime, text: &str) -> io::Result<()> {
        #[derive(Deserialize)]
        struct Jwks {
            keys: Vec<Value>,
        }
        let read: Jwks = serde_json::from_str(text.trim_start_matches('\u{feff}'))?;
        let public = |key: Value| {
            let Value::Object(mut key) = key else { return None };
            key.retain(|name, _| PUBLIC.contains(&name.as_str()));
            (key.get("kty").and_then(Value::as_str) != Some("oct")).then_some(key)
        };
        let keys = read.keys.into_iter().filter_map(public).collect();
        let fetched_at = now.as_millis() / 1_000;
        let content = serde_json::to_vec(&Content { url: self.url.clone(), fetched_at, keys })?;
        if let Some(directory) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        // Each writer its own, where several share the directory or the address.
        static LAST: AtomicU64 = AtomicU64::new(0);
        let (process, writer) = (std::process::id(), LAST.fetch_add(1, Ordering::Relaxed));
        let beside = self.path.with_extension(format!("{process}.{writer}.new"));
        let mut options = OpenOptions::new();
        let written = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|mut file| file.write_all(&content).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&beside, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn public_keys_are_kept_for_their_address_for_a_day() {
        let directory = std::env::temp_dir().join(format!("vestibule-kept-{}", std::process::id()));
        let kept = KeptKeys::new(&directory, "https://issuer.example/keys?a=b");
        assert_eq!(kept.read(NOW, DAY).unwrap(), None);
        let jwks = r#"{"keys": [
            {"kty": "OKP", "crv": "Ed25519", "x": "abc", "kid": "a", "d": "private", "x5c": []},
            {"kty": "oct", "k": "secret"}, null, 7]}"#;
        kept.write(NOW, jwks).unwrap();
        let (fetched_at, text) = kept.read(NOW + DAY, DAY).unwrap().unwrap();
        assert_eq!(fetched_at, NOW);
        assert!(text.contains(r#""keys":[{"crv":"Ed25519","kid":"a","kty":"OKP","x":"abc"}]"#));
        assert!(!text.contains("private") && !text.contains("secret"), "{text}");
        let later = NOW + DAY + Duration::from_secs(1);
        assert_eq!(kept.read(later, DAY).unwrap(), None);
        let other = KeptKeys { path: kept.path.clone(), url: "https://other.example".to_owned() };
        assert_eq!(other.read(NOW, DAY).unwrap(), None);
        fs::write(&kept.path, "broken").unwrap();
        assert!(kept.read(NOW, DAY).is_err());
        fs::remove_dir_all(directory).unwrap();
    }
}
