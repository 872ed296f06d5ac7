//! What must never be in a log.

use std::io::Write as _;

use rustix::process::Signal;

use crate::support::client::{Client, exchange};
use crate::support::server::Server;

const SECRET: &str = "correct horse battery staple, twice over";

#[test]
fn no_token_and_no_secret_is_in_the_log() {
    let config = format!(
        "drain = '1ms'\n[auth]\nsecret = '{SECRET}'\n[log]\nlevel = 'trace'\nfile = 'log'\n\
         queue = 65536"
    );
    let mut server = Server::open(&config);
    let good = server.token("alice");
    let (head, signature) = good.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    let other = server.token("bob");
    let foreign = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJub2JvZHkifQ.";

    let mut alice = Client::upgrade(server.connect(), "hall");
    alice.authenticate(&good);
    alice.say(&good);
    alice.hear();
    alice.offer(&other);
    assert_eq!(alice.closed(), (1008, "Subject changed".to_owned()));
    for bad in [&forged, foreign, "hush-hush-no-token"] {
        let mut client = Client::upgrade(server.connect(), "hall");
        client.offer(bad);
        assert_eq!(client.closed(), (1008, "Invalid token".to_owned()));
    }
    let mut not_json = Client::upgrade(server.connect(), "hall");
    not_json.send_raw(&vestibule::testing::frame(0x81, format!("{{{good}").as_bytes()));
    assert_eq!(not_json.closed(), (1008, "Invalid auth message format".to_owned()));

    // Where a token has no business to be.
    let lines = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    for path in ["/v1/chat/hall", "/v1/nothing", "/v1/chat/%zz"] {
        let request = format!(
            "GET {path}?token={good} HTTP/1.1\r\nHost: localhost\r\n\
             Authorization: Bearer {good}\r\n{lines}\r\n"
        );
        let status = if path.ends_with("hall") { "101" } else { "40" };
        let (head, _) = exchange(server.connect(), request.as_bytes());
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
    }
    let mut broken = server.connect();
    write!(broken, "GET /?token={good} HTTP/9.9\r\nAuthorization: {good}\r\n\r\n").unwrap();
    drop(broken);

    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
    let log = server.read("log");
    assert!(log.contains("Subject changed") && log.contains("refused: 404"), "{log}");
    assert!(!log.contains("dropped"), "{log}");
    let parts = [good.as_str(), &forged, &other, foreign].map(|token| token.split('.'));
    let parts = parts.into_iter().flatten().filter(|part| part.len() > 8);
    for secret in parts.chain([SECRET, "hush-hush"]) {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
