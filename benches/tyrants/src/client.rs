//! The clients of both sides: a WebSocket with tungstenite's frames, and single HTTP requests, from
//! any address of the loopback network.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use tungstenite::handshake::HandshakeError;
use tungstenite::{Error, Message, WebSocket};
use vestibule::testing::{envelope, logs, message};

use crate::arrival::{Stream, unmeasured};

/// Longer than any time-out of the server.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a blocked read looks whether it is to stop.
const POLL: Duration = Duration::from_millis(100);

/// Why an operation did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The answer is a refusal.
    Refused(String),
    /// The connection has ended.
    Closed(String),
    /// No answer in time, or the server says that its own time ran out.
    Late,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => f.write_str(why),
            Self::Closed(why) => write!(f, "closed: {why}"),
            Self::Late => f.write_str("no answer in time"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::Late,
            _ => Self::Closed(error.to_string()),
        }
    }
}

/// What an operation gives.
pub(crate) type Outcome<T = ()> = Result<T, Fault>;

/// From where a client connects, and what ends its waiting.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) server: SocketAddr,
    pub(crate) from: Ipv4Addr,
    pub(crate) stop: Arc<AtomicBool>,
}

impl Origin {
    /// The same, from another address.
    pub(crate) fn at(&self, from: Ipv4Addr) -> Self {
        Self { from, ..self.clone() }
    }

    /// Connects.
    ///
    /// # Errors
    /// Those of the system calls.
    pub(crate) fn connect(&self) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((self.from, 0)).into())?;
        socket.set_tcp_nodelay(true)?;
        socket.set_read_timeout(Some(POLL))?;
        socket.connect_timeout(&self.server.into(), PATIENCE)?;
        Ok(socket.into())
    }

    /// One request with a JSON body, if there is one.
    fn request(&self, request: &str, token: Option<&str>, body: Option<&Value>) -> Vec<u8> {
        let bearer = token.map_or_else(String::new, |it| format!("Authorization: Bearer {it}\r\n"));
        if let Some(body) = body {
            logs::known_of(body);
        }
        let body = body.map_or_else(String::new, Value::to_string);
        let content = match body.len() {
            0 => String::new(),
            length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
        };
        let server = self.server;
        format!("{request} HTTP/1.1\r\nHost: {server}\r\n{bearer}{content}\r\n{body}").into_bytes()
    }

    /// Sends one request: the status and the body of the answer.
    ///
    /// # Errors
    /// No answer. A status is no error.
    pub(crate) fn call(
        &self,
        request: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Outcome<Answer> {
        let request = self.request(request, token, body);
        let mut stream = Stream::new(self.connect()?)?;
        // A client that is refused early may not come to its last byte.
        let _ = stream.write_all(&request);
        let (mut bytes, mut piece) = (Vec::new(), [0; 16 * 1_024]);
        let mut waiting = Waiting::new(&self.stop);
        while !is_whole(&bytes) {
            match stream.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => bytes.extend_from_slice(piece.get(..count).unwrap_or_default()),
                Err(error) => waiting.check(error)?,
            }
        }
        let answer = Answer::parse(&bytes);
        let answer = answer.ok_or_else(|| Fault::Closed("no whole answer".to_owned()))?;
        logs::known_of(&answer.json);
        Ok(answer)
    }

    /// A request that an attacker sends again and again.
    pub(crate) fn prepare(
        &self,
        request: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Prepared {
        let bytes = self.request(request, token, body);
        Prepared { origin: self.clone(), bytes, piece: vec![0; 64 * 1_024] }
    }

    /// The same, where 2xx alone is a success.
    ///
    /// # Errors
    /// The status and its code, too.
    pub(crate) fn expect(
        &self,
        request: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Outcome<Answer> {
        let answer = self.call(request, token, body)?;
        match answer.status {
            200..=299 => Ok(answer),
            504 => Err(Fault::Late),
            status => Err(Fault::Refused(format!("{status} {}", answer.code()))),
        }
    }
}

/// A request whose bytes are made once, and whose answer is dropped as it comes: it costs the host as
/// little as it can.
#[derive(Debug)]
pub(crate) struct Prepared {
    origin: Origin,
    bytes: Vec<u8>,
    piece: Vec<u8>,
}

impl Prepared {
    /// Sends it, and takes the whole answer from the socket.
    ///
    /// # Errors
    /// No answer, or another status than 2xx.
    pub(crate) fn send(&mut self) -> Outcome {
        let mut stream = self.origin.connect()?;
        let _ = stream.write_all(&self.bytes);
        let mut waiting = Waiting::new(&self.origin.stop);
        let (mut read, mut is_success) = (0, false);
        loop {
            match stream.read(&mut self.piece) {
                Ok(0) if read == 0 => return Err(Fault::Closed("no answer".to_owned())),
                Ok(0) if is_success => return Ok(()),
                Ok(0) => return Err(Fault::Refused("not 2xx".to_owned())),
                Ok(count) => {
                    is_success |= read == 0 && self.piece.starts_with(b"HTTP/1.1 2");
                    read += count;
                }
                Err(error) => waiting.check(error)?,
            }
        }
    }
}

/// Is this an answer with all of its body?
fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default());
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    // Without a length, it ends with its connection.
    let length = length.and_then(|length| length.parse::<usize>().ok());
    length.is_some_and(|length| bytes.len() >= end + 4 + length)
}

/// The answer to an HTTP request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Seconds of `Retry-After`.
    pub(crate) retry_after: Option<u64>,
    /// The body, where it is JSON.
    pub(crate) json: Value,
    /// The body, where it is a text.
    pub(crate) text: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let (head, body) = bytes.split_at_checked(end + 4)?;
        let head = String::from_utf8_lossy(head);
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let retry_after = head.lines().find_map(|line| line.strip_prefix("Retry-After: "));
        Some(Self {
            status,
            retry_after: retry_after.and_then(|seconds| seconds.parse().ok()),
            json: serde_json::from_slice(body).unwrap_or_default(),
            text: String::from_utf8_lossy(body).into_owned(),
        })
    }

    /// The code of a refusal.
    pub(crate) fn code(&self) -> &str {
        self.field("error").unwrap_or_default()
    }

    /// A text of the JSON.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.json.get(name)?.as_str()
    }
}

/// Until when an answer is waited for.
struct Waiting<'a> {
    until: Instant,
    stop: &'a AtomicBool,
}

impl<'a> Waiting<'a> {
    fn new(stop: &'a AtomicBool) -> Self {
        Self { until: Instant::now() + PATIENCE, stop }
    }

    /// Whether a read that ended with this error is to be taken up again.
    fn check(&mut self, error: io::Error) -> Outcome {
        match error.kind() {
            ErrorKind::Interrupted => Ok(()),
            ErrorKind::WouldBlock | ErrorKind::TimedOut
                if Instant::now() < self.until && !self.stop.load(Ordering::Relaxed) =>
            {
                Ok(())
            }
            _ => Err(error.into()),
        }
    }
}

/// A client in a room.
#[derive(Debug)]
pub(crate) struct Chat {
    socket: WebSocket<Stream>,
    stop: Arc<AtomicBool>,
}

impl Chat {
    /// Upgrades and authenticates.
    ///
    /// # Errors
    /// It is refused.
    pub(crate) fn join(origin: &Origin, room: &str, token: &str) -> Outcome<Self> {
        let mut chat = Self::upgrade(origin, room)?;
        let (id, text) = message("auth", &json!({ "token": token }));
        chat.exchange(&id, text)?;
        Ok(chat)
    }

    /// Upgrades, and says nothing yet.
    ///
    /// # Errors
    /// It is refused.
    pub(crate) fn upgrade(origin: &Origin, room: &str) -> Outcome<Self> {
        let uri = format!("ws://{}/v1/chat/{room}", origin.server);
        let mut waiting = Waiting::new(&origin.stop);
        let mut handshake = tungstenite::client(uri, Stream::new(origin.connect()?)?);
        loop {
            match handshake {
                Ok((socket, _)) => return Ok(Self { socket, stop: Arc::clone(&origin.stop) }),
                Err(HandshakeError::Interrupted(half)) => {
                    waiting.check(ErrorKind::WouldBlock.into())?;
                    handshake = half.handshake();
                }
                Err(HandshakeError::Failure(error)) => return Err(refusal(error)),
            }
        }
    }

    /// Sends an `auth` with this id, and waits for its acknowledgement.
    ///
    /// # Errors
    /// It is refused.
    pub(crate) fn authenticate(&mut self, id: &str, token: &str) -> Outcome {
        let text = envelope("auth", id, json!({ "token": token }));
        self.exchange(id, text).map(drop)
    }

    /// Says something, and waits for the answer.
    ///
    /// # Errors
    /// An `error` answers it, or the connection ends.
    pub(crate) fn say(&mut self, content: &str) -> Outcome {
        let (id, text) = message("chat_message", &json!({ "content": content }));
        self.exchange(&id, text).map(drop)
    }

    /// Says something under this id: the answer's text.
    ///
    /// # Errors
    /// As [`Self::say`].
    pub(crate) fn say_as(&mut self, id: &str, content: &str) -> Outcome<String> {
        let answer =
            self.exchange(id, envelope("chat_message", id, json!({ "content": content })))?;
        Ok(text_at(&answer, "/payload/content").to_owned())
    }

    /// Ends the connection as a client should. It is no part of what is measured.
    pub(crate) fn leave(self) {
        unmeasured(|| self.end());
    }

    fn end(mut self) {
        let _ = self.socket.close(None);
        let mut waiting = Waiting::new(&self.stop);
        loop {
            match self.socket.read() {
                Ok(_) => {}
                Err(Error::Io(error)) if waiting.check(io::Error::from(error.kind())).is_ok() => {}
                Err(_) => return,
            }
        }
    }

    /// Sends a message, and waits for what answers it.
    fn exchange(&mut self, id: &str, text: String) -> Outcome<Value> {
        self.socket.send(Message::text(text)).map_err(refusal)?;
        let mut waiting = Waiting::new(&self.stop);
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
                    if text_at(&answer, "/payload/request_id") == id {
                        return judged(answer);
                    }
                }
                Ok(Message::Close(close)) => {
                    let why = close.map_or_else(String::new, |it| it.reason.to_string());
                    return Err(Fault::Closed(why));
                }
                Ok(_) => {}
                Err(Error::Io(error)) => waiting.check(error)?,
                Err(error) => return Err(refusal(error)),
            }
        }
    }
}

/// An `error` is a refusal, unless it is about time.
fn judged(answer: Value) -> Outcome<Value> {
    match text_at(&answer, "/type") {
        "error" => match text_at(&answer, "/payload/error") {
            "backend_timeout" => Err(Fault::Late),
            code => Err(Fault::Refused(code.to_owned())),
        },
        _ => Ok(answer),
    }
}

fn text_at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn refusal(error: Error) -> Fault {
    match error {
        Error::Io(error) => error.into(),
        Error::Http(response) => Fault::Refused(response.status().to_string()),
        error => Fault::Closed(error.to_string()),
    }
}
