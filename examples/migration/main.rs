//! Sends one message: TOKEN=… TOKEN_IN=header|query|message cargo run --example migration
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "that is what it is for")]

use std::env;
use std::hash::{BuildHasher as _, RandomState};
use std::process::ExitCode;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::handshake::client::Request;
use tungstenite::http::header::AUTHORIZATION;
use tungstenite::{Error, Message, connect};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let recipe = arguments.next().unwrap_or_else(|| "soup".to_owned());
    let server = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:8080".to_owned());
    // The flag. It is set from outside, so undoing the switch needs no release.
    let token_in = env::var("TOKEN_IN").unwrap_or_else(|_| "header".to_owned());
    match chat(&format!("{server}/v1/chat/{recipe}"), &token_in) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            match why.downcast_ref() {
                Some(Error::Http(answer)) => eprintln!("refused: {}", answer.status().as_u16()),
                _ => eprintln!("{why}"),
            }
            ExitCode::FAILURE
        }
    }
}

/// In production: from your issuer, each time.
fn fresh_token() -> Fallible<String> {
    Ok(env::var("TOKEN")?)
}

/// What old clients send: the server generates its id and time.
fn bare(kind: &str, payload: Value) -> Value {
    json!({ "type": kind, "payload": payload })
}

/// What new clients send, also in answer to `auth_required`.
fn whole(kind: &str, payload: Value) -> Value {
    let id = format!("{:016x}", RandomState::new().hash_one(kind));
    // The server checks its form only. Yours is from the crate that tells the time elsewhere.
    json!({ "type": kind, "id": id, "timestamp": "2026-01-01T00:00:00Z", "payload": payload })
}

/// The old ways have the token in the request.
fn request(url: &str, token_in: &str) -> Fallible<Request> {
    if token_in == "query" {
        return Ok(format!("{url}?token={}", fresh_token()?).into_client_request()?);
    }
    let mut request = url.into_client_request()?;
    if token_in == "header" {
        let value = format!("Bearer {}", fresh_token()?).parse()?;
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    Ok(request)
}

fn chat(url: &str, token_in: &str) -> Fallible<()> {
    let (mut socket, _) = connect(request(url, token_in)?)?;
    let auth = || Fallible::Ok(whole("auth", json!({ "token": fresh_token()? })));
    let content = json!({ "content": "Hello" });
    let hello = if token_in == "message" {
        socket.send(Message::text(auth()?.to_string()))?; // The new way.
        whole("chat_message", content)
    } else {
        // The old ways. The heartbeat is one of many, which are not answered.
        socket.send(Message::text(json!({ "type": "heartbeat" }).to_string()))?;
        bare("chat_message", content)
    };
    socket.send(Message::text(hello.to_string()))?;
    loop {
        let text = match socket.read()? {
            Message::Text(text) => text,
            Message::Close(Some(end)) => {
                return Err(format!("closed: {} {}", u16::from(end.code), end.reason).into());
            }
            _ => continue, // Pings are answered by `read`.
        };
        let received: Value = serde_json::from_str(&text)?;
        let field = |path: &str| received.pointer(path).and_then(Value::as_str);
        match field("/type") {
            // Both ways: 14 minutes later.
            Some("auth_required") => socket.send(Message::text(auth()?.to_string()))?,
            // The message was refused, and the connection goes on.
            Some("error") => {
                let code = field("/payload/error").unwrap_or_default();
                return Err(format!("error: {code}").into());
            }
            Some("recipe_update") => {
                let request_id = field("/payload/request_id");
                let is_mine = |id| hello.get("id").is_none_or(|own| own.as_str() == Some(id));
                if let Some(user) = field("/payload/session/user_id") {
                    println!("joined as {user}");
                } else if request_id.is_some_and(is_mine) {
                    println!("answered: {}", field("/payload/content").unwrap_or_default());
                    return Ok(());
                }
            }
            _ => {}
        }
    }
}
