//! A backend that is as bad as the attacker's messages ask for, and good to everybody else.

use std::collections::HashMap;
use std::io::{BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use vestibule::testing::read_call;

/// A message that is answered with 500, as is the leave of a user of this name.
pub(crate) const POISON: &str = "poison";
/// A message that takes the backend 2 seconds.
pub(crate) const SLOW: &str = "slow";
/// A message whose answer is large.
pub(crate) const LARGE: &str = "large";
const SLOW_TIME: Duration = Duration::from_secs(2);
const LARGE_BYTES: usize = 16 * 1_024;

/// A backend that listens until it is dropped.
#[derive(Debug)]
pub(crate) struct Stub {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How often each message was executed, by its id.
    executed: Mutex<HashMap<String, u32>>,
    is_over: AtomicBool,
}

impl Stub {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// Those of the system calls.
    pub(crate) fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let stub = Self { address: listener.local_addr()?, state: Arc::default() };
        let state = Arc::clone(&stub.state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if state.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let state = Arc::clone(&state);
                // Ends when the server closes the connection.
                thread::spawn(move || serve(&stream, &state));
            }
        });
        Ok(stub)
    }

    /// For `--backend`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often the message with this id was executed.
    pub(crate) fn executed(&self, id: &str) -> u32 {
        let executed = self.state.executed.lock().unwrap_or_else(PoisonError::into_inner);
        executed.get(id).copied().unwrap_or(0)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Relaxed);
        // It wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(mut stream: &TcpStream, state: &State) {
    let mut reader = BufReader::new(stream);
    while let Some((kind, body, _)) = read_call(&mut reader) {
        if stream.write_all(&answer(&kind, &body, state)).is_err() {
            return;
        }
    }
}

fn answer(kind: &str, body: &Value, state: &State) -> Vec<u8> {
    let text = |pointer| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    if kind == "message" {
        let mut executed = state.executed.lock().unwrap_or_else(PoisonError::into_inner);
        *executed.entry(text("/message/id").to_owned()).or_default() += 1;
    }
    let is_poison = match kind {
        "leave" => text("/user/id") == POISON,
        _ => text("/message/content") == POISON,
    };
    if is_poison {
        return b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n".to_vec();
    }
    let content = match text("/message/content") {
        LARGE => "x".repeat(LARGE_BYTES),
        SLOW => {
            thread::sleep(SLOW_TIME);
            "done".to_owned()
        }
        _ => "done".to_owned(),
    };
    let body = json!({ "content": content }).to_string();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
