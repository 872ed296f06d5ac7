//! Keys that change while the server runs.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::*;
use crate::auth::tests::{Pair, jwks};
use crate::auth::{Algorithms, JwksFrom, KeySet};
use crate::testing::ScratchDir;

/// A file of keys in a directory of its own. At first there is none.
struct KeyFile(ScratchDir);

impl KeyFile {
    fn new() -> Self {
        Self(ScratchDir::new())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("keys.json")
    }

    /// Replaces the file atomically, as a careful operator would.
    fn write(&self, keys: &[Value]) {
        let beside = self.path().with_extension("new");
        fs::write(&beside, jwks(keys)).unwrap();
        fs::rename(&beside, self.path()).unwrap();
    }
}

fn old() -> Value {
    Pair::Ed25519.jwk(&json!({"kid": "old"}))
}

fn new() -> Value {
    Pair::P256.jwk(&json!({"kid": "new"}))
}

fn token(kid: &str) -> String {
    let (pair, algorithm) = match kid {
        "old" => (Pair::Ed25519, "EdDSA"),
        _ => (Pair::P256, "ES256"),
    };
    let claims = json!({"sub": "alice", "exp": 4_000_000_000_u64}).to_string();
    pair.token(&json!({"alg": algorithm, "kid": kid}), &claims)
}

fn config_with(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = config();
    config.auth.secret.clear();
    config.auth.algorithms = vec!["EdDSA".to_owned(), "ES256".to_owned()];
    change(&mut config);
    config
}

fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Retries until a token with `kid` is accepted or refused, as expected.
fn until(server: &Running, kid: &str, is_good: bool) -> Option<Client> {
    let token = token(kid);
    loop {
        match Client::with_token(server.connect(), &token) {
            Ok(client) if is_good => return Some(client),
            Err(reason) if !is_good => {
                assert_eq!(reason, "Invalid token");
                return None;
            }
            _ => {}
        }
    }
}

#[test]
fn changed_key_file_is_reloaded_and_drops_no_client() {
    let file = KeyFile::new();
    file.write(&[old()]);
    let config = config_with(|config| config.auth.jwks_file = path(&file.path()));
    let server = Running::start(&config);
    let mut client = until(&server, "old", true).unwrap();
    assert!(Client::with_token(server.connect(), &token("new")).is_err());
    file.write(&[old(), new()]);
    let mut second = until(&server, "new", true).unwrap();
    assert!(Client::with_token(server.connect(), &token("old")).is_ok());
    file.write(&[new()]);
    until(&server, "old", false);
    // A file that is not a key set, or is missing, changes nothing.
    fs::write(file.path(), "{").unwrap();
    until(&server, "new", true);
    fs::remove_file(file.path()).unwrap();
    until(&server, "new", true);
    for client in [&mut client, &mut second] {
        client.say("still here");
        assert_eq!(client.hear(), "still here");
    }
    server.end((client, second));
}

#[test]
fn a_public_key_is_read_from_its_file() {
    let file = KeyFile::new();
    fs::write(file.path(), Pair::P256.public()).unwrap();
    let server = Running::start(&config_with(|config| {
        config.auth.public_key_file = path(&file.path());
        config.auth.algorithms = vec!["ES256".to_owned()];
    }));
    let client = Client::with_token(server.connect(), &token("new")).unwrap();
    assert!(Client::with_token(server.connect(), &token("old")).is_err());
    server.end(client);
}

#[test]
fn keys_are_replaced_through_the_handle() {
    let file = KeyFile::new();
    file.write(&[old()]);
    let server = Running::start(&config_with(|config| config.auth.jwks_file = path(&file.path())));
    let client = until(&server, "old", true).unwrap();
    let algorithms = Algorithms::new(&["ES256".to_owned()]).unwrap();
    let (keys, _) = KeySet::from_jwks(&jwks(&[new()]), &algorithms, JwksFrom::Url).unwrap();
    server.handle.replace_keys(keys).unwrap();
    let second = until(&server, "new", true);
    server.end((client, second));
}

#[test]
fn server_does_not_start_with_an_unusable_key_file() {
    let missing = KeyFile::new();
    let faulty = KeyFile::new();
    faulty.write(&[json!({"kty": "oct", "k": "AAAA", "kid": "short"})]);
    for (file, said) in [(&missing, "No such file"), (&faulty, "no key of the JWK set")] {
        let config = config_with(|config| config.auth.jwks_file = path(&file.path()));
        let (tell, _told) = mpsc::channel();
        let fault = Server::bind(&config, Box::new(Parrot(tell))).unwrap_err().to_string();
        assert!(fault.starts_with("auth.jwks_file ") && fault.contains(said), "{fault}");
    }
}

#[cfg(feature = "jwks-url")]
#[test]
fn keys_at_an_address_are_fetched_in_the_background() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    let server = Running::start(&config_with(|config| config.auth.jwks_url = url));
    // The server runs, and tells clients to come back while the address does not answer.
    let refused = Client::with_token(server.connect(), &token("old"));
    assert_eq!(refused.err().as_deref(), Some("Keys unavailable"));
    let (mut stream, _) = listener.accept().unwrap();
    let body = jwks(&[old()]);
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).unwrap();
    let client = until(&server, "old", true);
    server.end(client);
}
