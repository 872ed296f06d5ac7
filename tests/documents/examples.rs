//! The examples, talked to by tungstenite's client.

#[expect(dead_code, reason = "its `main` is what `cargo run` starts")]
#[path = "../../examples/echo.rs"]
mod echo;
#[expect(dead_code, reason = "its `main` is what `cargo run` starts")]
#[path = "../../examples/own_loop.rs"]
mod own_loop;

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocket};
use tungstenite::{Error, Message};
use vestibule::testing::logs;

type Client = WebSocket<TcpStream>;

/// Nothing here takes a second; a client that waits for longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// An echo that serves until the process ends.
fn echo() -> Client {
    let mut echo = echo::Echo::bind(anywhere()).unwrap();
    let address = echo.address().unwrap();
    thread::spawn(move || while echo.turn().is_ok() {});
    client(address, "/")
}

fn client(address: SocketAddr, path: &str) -> Client {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    tungstenite::client(format!("ws://{address}{path}"), stream).unwrap().0
}

/// The reason of the close frame that the server sends.
fn closed(client: &mut Client) -> Option<CloseFrame> {
    match client.read().unwrap() {
        Message::Close(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn messages_of_every_size_come_back_as_they_were() {
    let mut client = echo();
    for size in [0, 1, 125, 126, 65_535, 65_536, 3_000_000] {
        let text = Message::text("é".repeat(size / 2));
        client.send(text.clone()).unwrap();
        assert_eq!(client.read().unwrap(), text);
        let binary = Message::binary(vec![0xff; size]);
        client.send(binary.clone()).unwrap();
        assert_eq!(client.read().unwrap(), binary);
    }
}

#[test]
fn a_ping_is_answered_with_its_payload() {
    let mut client = echo();
    client.send(Message::Ping("tick".into())).unwrap();
    assert_eq!(client.read().unwrap(), Message::Pong("tick".into()));
}

#[test]
fn close_frame_is_echoed_and_ends_the_connection() {
    let mut client = echo();
    let reason = CloseFrame { code: CloseCode::Library(4_321), reason: "enough".into() };
    client.close(Some(reason)).unwrap();
    assert_eq!(closed(&mut client).unwrap().code, CloseCode::Library(4_321));
    assert!(matches!(client.read(), Err(Error::ConnectionClosed)));
}

#[test]
fn what_is_not_utf_8_is_closed_with_1007() {
    use std::io::Write as _;
    let mut client = echo();
    // A masked text of two bytes that no character begins with.
    let mut frame = vec![0x81, 0x82, 1, 2, 3, 4];
    frame.extend([0xff ^ 1, 0xfe ^ 2]);
    client.get_mut().write_all(&frame).unwrap();
    assert_eq!(closed(&mut client).unwrap().code, CloseCode::Invalid);
}

#[test]
fn a_loop_of_your_own_serves_a_whole_conversation() {
    let address = own_loop();
    let mut alice = join(address, "alice");
    let mut bob = join(address, "bob");
    say(&mut alice, "m1", "chat_message", &json!({ "content": "hello" }));
    let answer = hear(&mut alice);
    assert_eq!(answer.pointer("/payload/request_id").unwrap(), "m1");
    let heard = hear(&mut bob);
    assert_eq!(heard.pointer("/payload/user_id").unwrap(), "alice");
    alice.close(None).unwrap();
    assert!(alice.read().unwrap().is_close());
    assert!(matches!(alice.read(), Err(Error::ConnectionClosed)));
}

#[test]
fn own_loop_refuses_a_wrong_token_with_its_reason() {
    let mut client = client(own_loop(), "/v1/chat/soup");
    say(&mut client, "a1", "auth", &json!({ "token": "wrong" }));
    assert_eq!(closed(&mut client).unwrap().reason, "Invalid token");
}

/// The loop of the example, on a thread: it cannot be moved there, so it says where it listens.
fn own_loop() -> SocketAddr {
    logs::in_process("examples");
    logs::known(own_loop::SECRET);
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let mut own = own_loop::OwnLoop::bind(anywhere()).unwrap();
        tell.send(own.address().unwrap()).unwrap();
        while own.turn().is_ok() {}
    });
    told.recv_timeout(PATIENCE).unwrap()
}

fn join(address: SocketAddr, user: &str) -> Client {
    let mut client = client(address, "/v1/chat/soup");
    let claims = json!({ "sub": user, "exp": 253_402_300_799_u64 });
    let token = vestibule::testing::token(own_loop::SECRET, &claims);
    say(&mut client, "a1", "auth", &json!({ "token": logs::known(&token) }));
    let acknowledgement = hear(&mut client);
    assert_eq!(acknowledgement.pointer("/payload/session/user_id").unwrap(), user);
    client
}

fn say(client: &mut Client, id: &str, kind: &str, payload: &Value) {
    let timestamp = "2026-11-22T10:00:00.000Z";
    let message = json!({ "type": kind, "id": id, "timestamp": timestamp, "payload": payload });
    client.send(Message::text(message.to_string())).unwrap();
}

fn hear(client: &mut Client) -> Value {
    serde_json::from_str(client.read().unwrap().to_text().unwrap()).unwrap()
}
