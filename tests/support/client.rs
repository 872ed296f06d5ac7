//! A client that blocks, with tungstenite's frames: not ours, so that it can contradict ours.

use std::io::{BufRead as _, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use tungstenite::{Error, Message, WebSocket};

use vestibule::testing::logs::{known, known_in};
use vestibule::testing::message;

/// A WebSocket of the protocol.
pub(crate) struct Client<S = TcpStream>(WebSocket<S>);

impl Client {
    /// Upgrades, and says nothing yet.
    pub(crate) fn upgrade(stream: TcpStream, room: &str) -> Self {
        Self::open(stream, &format!("ws://localhost/v1/chat/{room}"))
    }

    /// The socket, for bytes that tungstenite would not send.
    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        self.0.get_mut()
    }

    /// Sends these bytes. An error is taken as what it is: the server has had enough of them.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        let _ = self.stream().write_all(bytes);
    }
}

impl<S: Read + Write> Client<S> {
    /// Upgrades with whatever is in `uri`, and says nothing yet.
    pub(crate) fn open(stream: S, uri: &str) -> Self {
        known_in(uri.as_bytes());
        let (socket, _) = tungstenite::client(uri, stream).unwrap();
        Self(socket)
    }

    /// The same, or nothing from a server that is not there or does not want it.
    pub(crate) fn try_open(stream: S, uri: &str) -> Option<Self> {
        tungstenite::client(uri, stream).ok().map(|(socket, _)| Self(socket))
    }

    /// Sends a message of this text, to a server that may be gone.
    pub(crate) fn try_send(&mut self, text: String) -> tungstenite::Result<()> {
        self.0.send(Message::text(text))
    }

    /// The next message or close; `None`: nothing within the socket's time-out, or something that
    /// nobody waits for.
    pub(crate) fn poll(&mut self) -> tungstenite::Result<Option<Message>> {
        match self.read() {
            Ok(message @ (Message::Text(_) | Message::Close(_))) => Ok(Some(message)),
            Ok(_) => Ok(None),
            Err(Error::Io(error))
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Sends an `auth`; its id.
    pub(crate) fn offer(&mut self, token: &str) -> String {
        self.send("auth", &json!({ "token": known(token) }))
    }

    /// Authenticates; the acknowledgement's payload.
    pub(crate) fn authenticate(&mut self, token: &str) -> Value {
        let id = self.offer(token);
        let answer = self.hear();
        assert_eq!(answer["payload"]["request_id"], *id, "{answer}");
        answer["payload"].clone()
    }

    /// Sends a chat message; its id.
    pub(crate) fn say(&mut self, content: &str) -> String {
        self.send("chat_message", &json!({ "content": content }))
    }

    fn send(&mut self, kind: &str, payload: &Value) -> String {
        let (id, text) = message(kind, payload);
        self.0.send(Message::text(text)).unwrap();
        id
    }

    /// The next message.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> Value {
        match self.next() {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The close that comes next.
    #[track_caller]
    pub(crate) fn close(&mut self) -> (u16, String) {
        match self.next() {
            Message::Close(Some(close)) => (close.code.into(), close.reason.to_string()),
            other => panic!("{other:?}"),
        }
    }

    /// The same; it is answered, and then the connection has ended in order.
    #[track_caller]
    pub(crate) fn closed(&mut self) -> (u16, String) {
        let close = self.close();
        assert!(matches!(self.read(), Err(Error::ConnectionClosed)));
        close
    }

    /// Whatever comes next but pings.
    pub(crate) fn next(&mut self) -> Message {
        loop {
            match self.read().unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// A read with a time-out is cut short by whatever stops the process for a moment, and is not
    /// taken up again by itself (signal(7)).
    fn read(&mut self) -> tungstenite::Result<Message> {
        loop {
            match self.0.read() {
                Err(Error::Io(error)) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

/// Sends `request` and reads the answer: its head and, where a length is told, its body.
pub(crate) fn exchange(stream: TcpStream, request: &[u8]) -> (String, String) {
    known_in(request);
    // Who is refused early may not come to its last byte.
    let _ = (&stream).write_all(request);
    let mut lines = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(lines.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    lines.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}
