//! Sockets from many addresses of this host, and those who chat over them.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use vestibule::testing::logs::known_of;
pub(crate) use vestibule::testing::{message, upgrade};

use crate::support::client::Client;

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// A socket whose near end is at `from`, and whose buffers are small where `is_small`.
pub(crate) fn connect(to: SocketAddr, from: Ipv4Addr, is_small: bool) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    if is_small {
        socket.set_recv_buffer_size(2_048)?;
        // The far end's buffer grows with its segments: without this the kernel takes megabytes.
        socket.set_tcp_mss(536)?;
    }
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect_timeout(&to.into(), PATIENCE)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One HTTP request: its status, and its JSON.
pub(crate) fn call(
    to: SocketAddr,
    from: Ipv4Addr,
    method: &str,
    path: &str,
    bearer: Option<&str>,
    body: &Value,
) -> io::Result<(u16, Value)> {
    let bearer = bearer.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let head = format!("{method} {path} HTTP/1.1\r\n{}", bearer.unwrap_or_default());
    known_of(body);
    let (status, body) = call_at(to, from, head.trim_end(), &body.to_string())?;
    let body = serde_json::from_str(&body).unwrap_or_default();
    known_of(&body);
    Ok((status, body))
}

/// The same with a head as it is: its status, and its body.
pub(crate) fn call_at(
    to: SocketAddr,
    from: Ipv4Addr,
    head: &str,
    body: &str,
) -> io::Result<(u16, String)> {
    let mut stream = connect(to, from, false)?;
    stream.write_all(with_length(head, body.len()).as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let gone = || io::Error::from(ErrorKind::UnexpectedEof);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(gone)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(gone)?;
    Ok((status, body.to_owned()))
}

/// A request's head whose body has so many bytes.
pub(crate) fn with_length(head: &str, length: usize) -> String {
    let body = match length {
        0 => String::new(),
        _ => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
    };
    format!("{head}\r\nHost: 127.0.0.1\r\n{body}\r\n")
}

/// A client's text frame.
pub(crate) fn text(payload: &str) -> Vec<u8> {
    vestibule::testing::frame(0x81, payload.as_bytes())
}

/// Somebody in a room, over tungstenite: not ours, so that it can contradict ours.
pub(crate) struct Member(Client);

impl Member {
    pub(crate) fn join(to: SocketAddr, from: Ipv4Addr, room: &str, token: &str) -> Self {
        let mut client = Client::upgrade(connect(to, from, false).unwrap(), room);
        let id = client.offer(token);
        let mut member = Self(client);
        member.answer(&id);
        member
    }

    /// Says something; its id.
    pub(crate) fn say(&mut self, content: &str) -> String {
        self.0.say(content)
    }

    /// The answer to the message of this id.
    #[track_caller]
    pub(crate) fn answer(&mut self, id: &str) -> Value {
        self.find(|message| message["payload"]["request_id"] == *id)
    }

    /// The message of this id, as it is relayed.
    #[track_caller]
    pub(crate) fn heard(&mut self, id: &str) -> Value {
        self.find(|message| message["id"] == *id)
    }

    #[track_caller]
    fn find(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.0.hear();
            if is_it(&message) {
                return message;
            }
        }
    }
}
