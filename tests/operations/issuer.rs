//! Keys at an address, as their issuer really serves them: slowly, not at all, and with a new one
//! before anybody has seen it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use vestibule::testing::logs;

use crate::support::client::Client;
use crate::support::process::connect;
use crate::support::server::Server;

/// The year 2100.
const FAR: u64 = 4_102_444_800;

const SECRET: &str = "a secret that only the servers of this suite have";

/// What the issuer answers.
#[derive(Clone)]
enum Answer {
    /// It hangs up.
    Down,
    /// These keys, after so long.
    Keys(Value, Duration),
}

/// An issuer on loopback.
struct Issuer {
    address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    /// How often it was asked.
    asked: Arc<Mutex<u32>>,
}

impl Issuer {
    fn new(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let issuer = Self { address, answer: Arc::new(Mutex::new(answer)), asked: Arc::default() };
        let (answer, asked) = (Arc::clone(&issuer.answer), Arc::clone(&issuer.asked));
        #[expect(clippy::disallowed_methods, reason = "an issuer that is slow is what is tested")]
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                *asked.lock().unwrap() += 1;
                let answer = answer.lock().unwrap().clone();
                if let Answer::Keys(keys, delay) = answer {
                    thread::sleep(delay);
                    let _ = serve(stream, &json!({ "keys": keys }).to_string());
                }
            }
        });
        issuer
    }

    fn set(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn config(&self) -> String {
        format!(
            "[auth]\nalgorithms = ['EdDSA', 'ES256']\njwks_url = 'http://{}/jwks'\n\
             [limits]\nauth_per_minute_per_user = 0\nauth_per_minute_per_ip = 0\n",
            self.address
        )
    }
}

fn serve(mut stream: TcpStream, body: &str) -> std::io::Result<()> {
    let lines = BufReader::new(stream.try_clone()?).lines();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}

/// The key `old` or `new`, as the issuer publishes it.
pub(super) fn jwk(id: &str) -> Value {
    let pem = match id {
        "old" => include_str!("../fixtures/keys/ed25519.pem"),
        _ => include_str!("../fixtures/keys/p256.pem"),
    };
    let der = der(pem);
    let last =
        |from: usize, to: usize| URL_SAFE_NO_PAD.encode(&der[der.len() - from..der.len() - to]);
    match id {
        "old" => json!({ "kid": id, "kty": "OKP", "crv": "Ed25519", "x": last(32, 0) }),
        _ => json!({ "kid": id, "kty": "EC", "crv": "P-256", "x": last(64, 32), "y": last(32, 0) }),
    }
}

/// A token of `user`, signed with `old` or `new`, and with `kid` as its key id.
fn token(id: &str, kid: &str, user: &str) -> String {
    signed(id, kid, &json!({ "sub": user, "exp": FAR }))
}

/// The same with the key's name as `kid`, of the issuer `iss`.
fn token_of(id: &str, iss: &str, user: &str) -> String {
    signed(id, id, &json!({ "iss": iss, "sub": user, "exp": FAR }))
}

fn signed(id: &str, kid: &str, claims: &Value) -> String {
    let (pem, algorithm) = match id {
        "old" => (include_str!("../fixtures/keys/ed25519.private.pem"), Algorithm::EdDSA),
        _ => (include_str!("../fixtures/keys/p256.private.pem"), Algorithm::ES256),
    };
    let key = match id {
        "old" => EncodingKey::from_ed_der(&der(pem)),
        _ => EncodingKey::from_ec_der(&der(pem)),
    };
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
    let token = jsonwebtoken::encode(&header, claims, &key).unwrap();
    logs::known(&token).to_owned()
}

/// Comes with a good token until it is let in, as a client does that is told to come back. Any other
/// close fails the test.
fn comes(address: SocketAddr, id: &str, user: &str) -> Client<TcpStream> {
    loop {
        let mut client = Client::upgrade(connect(address).unwrap(), "soup");
        client.offer(&token(id, id, user));
        match client.next() {
            tungstenite::Message::Text(_) => return client,
            tungstenite::Message::Close(Some(close)) => {
                assert_eq!(u16::from(close.code), 1013, "{close}");
                assert_eq!(close.reason.as_str(), "Keys unavailable");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// So many clients at once, each with a user of its own. All get in.
fn all_come(address: SocketAddr, id: &'static str, count: usize) -> Vec<Client<TcpStream>> {
    let come = |number: usize| thread::spawn(move || comes(address, id, &format!("u{number}")));
    let clients: Vec<_> = (0..count).map(come).collect();
    clients.into_iter().map(|client| client.join().unwrap()).collect()
}

#[test]
fn nobody_is_lost_while_the_first_keys_come() {
    let keys = || json!([jwk("old")]);
    for delay in [0, 300, 6_000] {
        let issuer = Issuer::new(Answer::Keys(keys(), Duration::from_millis(delay)));
        let server = Server::start("memory-open", &issuer.config());
        assert_eq!(all_come(server.address, "old", 200).len(), 200);
    }
    let issuer = Issuer::new(Answer::Down);
    let server = Server::start("memory-open", &issuer.config());
    assert_eq!(server.ask("GET /readyz", "").0, 503);
    let clients = thread::spawn(move || all_come(server.address, "old", 200).len());
    // Some have come, and have waited.
    while *issuer.asked.lock().unwrap() < 4 {
        thread::yield_now();
    }
    issuer.set(Answer::Keys(keys(), Duration::ZERO));
    assert_eq!(clients.join().unwrap(), 200);
}

#[test]
fn nobody_is_lost_when_a_key_changes_without_notice() {
    let issuer = Issuer::new(Answer::Keys(json!([jwk("old")]), Duration::ZERO));
    let server = Server::start("memory-open", &issuer.config());
    let mut live = comes(server.address, "old", "alice");
    issuer.set(Answer::Keys(json!([jwk("new")]), Duration::from_millis(300)));
    // One makes key ids up all the while.
    let address = server.address;
    for number in 0..5 {
        let mut stranger = Client::upgrade(connect(address).unwrap(), "soup");
        stranger.offer(&token("new", &format!("made up {number}"), "mallory"));
    }
    live.offer(&token("new", "new", "alice"));
    assert_eq!(all_come(address, "new", 50).len(), 50);
    // Others join meanwhile, which a member is not told of.
    assert_eq!(live.hear()["type"], "recipe_update");
}

#[test]
fn kept_keys_serve_while_the_issuer_is_down() {
    let issuer = Issuer::new(Answer::Keys(json!([jwk("old")]), Duration::ZERO));
    let server = Server::start("memory-open", &issuer.config());
    comes(server.address, "old", "alice");
    while !server.keeps("keys-") {
        thread::yield_now();
    }
    issuer.set(Answer::Down);
    let server = server.killed_and_started_again("memory-open");
    assert_eq!(server.ask("GET /readyz", "").0, 200);
    comes(server.address, "old", "alice");
    let (_, metrics) = server.call("GET /metrics", "", "");
    assert!(metrics.contains("\nvestibule_keys{kind=\"Ed\"} 1\n"), "{metrics}");
    // They are as old as they were in the last run.
    assert!(!metrics.contains("\nvestibule_keys_read_timestamp_seconds 0\n"), "{metrics}");
}

#[test]
fn issuers_stand_side_by_side_with_own_tokens() {
    let old = Issuer::new(Answer::Keys(json!([jwk("old")]), Duration::from_millis(300)));
    let new = Issuer::new(Answer::Down);
    let entry = |name: &str, algorithm: &str, issuer: &Issuer| {
        format!(
            "[[auth.issuers]]\nissuer = '{name}'\nalgorithms = '{algorithm}'\nuser_prefix = '{name}:'\n\
             jwks_url = 'http://{}/jwks'\n",
            issuer.address
        )
    };
    let config = format!(
        "[auth]\nsecret = '{SECRET}'\n{}{}",
        entry("old", "EdDSA", &old),
        entry("new", "ES256", &new)
    );
    let server = Server::start("memory-open", &config);
    let enter = |token: &str| {
        let mut client = Client::upgrade(server.connect(), "soup");
        client.authenticate(token)["session"]["user_id"].as_str().unwrap().to_owned()
    };
    // The second issuer is down, which is nothing to the others.
    assert_eq!(enter(&token_of("old", "old", "alice")), "old:alice");
    assert_eq!(enter(&server.token("alice")), "alice");
    let mut waiting = Client::upgrade(server.connect(), "soup");
    waiting.offer(&token_of("new", "new", "alice"));
    new.set(Answer::Keys(json!([jwk("new")]), Duration::ZERO));
    assert_eq!(waiting.hear()["payload"]["session"]["user_id"], "new:alice");
    let mut stranger = Client::upgrade(server.connect(), "soup");
    stranger.offer(&token_of("old", "new", "alice"));
    assert_eq!(stranger.closed(), (1008, "Invalid token".to_owned()));
}
