//! The client's side of the protocol, written without the node's frame code, so that each checks
//! the other.

use serde::Deserialize;

use super::errand::Belongings;
pub(super) use crate::testing::masked;
use crate::time::is_date_time;

/// One thing that a client receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The 101.
    Upgraded,
    /// A complete HTTP response with another status.
    Refused(u16),
    /// A message.
    Message(Message),
    /// A ping.
    Ping,
    /// A pong.
    Pong,
    /// The close frame. The code is 1005 if the frame has none.
    Close(u16, String),
}

/// A message of the server, with the fields that the simulator uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// The acknowledgement of the `auth` with this id. The id is empty for a token in the request.
    Acknowledged { auth: String, told: Option<ReturnTerms> },
    /// The answer to the message with this id: its content or the error's code. `None`: an error
    /// without a known id.
    Answer { to: Option<String>, said: Result<String, String>, position: Option<String> },
    /// A `recipe_update` that answers no message.
    News { content: String, position: Option<String> },
    /// A message of another user.
    Relayed { id: String, user: String, content: String, position: Option<String> },
    /// Who is in the room; `None`: too many.
    Presence { users: Option<Vec<String>>, connections: u64 },
    /// A request for a fresh token.
    AuthRequired,
    /// The connection is about to be closed, and the client comes back after this time.
    GoingAway { after_ms: u64, within_ms: Option<u64> },
}

/// What the first acknowledgement says to a client that supports resuming.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReturnTerms {
    pub(super) resumed: bool,
    pub(super) missed: u64,
    pub(super) kept: Belongings,
    pub(super) within_ms: u64,
    /// How many messages had been said in the room by then. The checkers fill it in.
    pub(super) said_before: usize,
}

#[derive(Deserialize)]
struct ReceivedSession {
    resume: Option<ReceivedResume>,
    reconnect: Option<ReceivedReconnect>,
}

#[derive(Deserialize)]
struct ReceivedResume {
    memo: String,
    position: Option<String>,
}

#[derive(Deserialize)]
struct ReceivedReconnect {
    within_ms: u64,
}

#[derive(Deserialize)]
struct Envelope {
    r#type: String,
    id: String,
    timestamp: String,
    payload: ReceivedPayload,
}

#[derive(Deserialize)]
struct ReceivedPayload {
    request_id: Option<String>,
    content: Option<String>,
    user_id: Option<String>,
    session: Option<ReceivedSession>,
    position: Option<String>,
    resumed: Option<bool>,
    missed: Option<u64>,
    reconnect_after_ms: Option<u64>,
    within_ms: Option<u64>,
    error: Option<String>,
    deadline: Option<String>,
    users: Option<Vec<String>>,
    connections: Option<u64>,
}

impl Message {
    fn parse(text: &[u8]) -> Result<Self, String> {
        let wrong = |what: &str| format!("{what} in {}", text.escape_ascii());
        let Envelope { r#type, id, timestamp, payload } =
            serde_json::from_slice(text).map_err(|error| wrong(&error.to_string()))?;
        if id.is_empty() || !is_date_time(&timestamp) {
            return Err(wrong("a bad envelope"));
        }
        let told = told(&payload);
        let ReceivedPayload { request_id, content, user_id, session, error, deadline, .. } =
            payload;
        let position = payload.position;
        match (r#type.as_str(), request_id, content) {
            ("recipe_update", Some(auth), Some(_)) if session.is_some() => {
                Ok(Self::Acknowledged { auth, told })
            }
            ("recipe_update", None, Some(_)) if session.is_some() => {
                Ok(Self::Acknowledged { auth: String::new(), told })
            }
            ("recipe_update", None, Some(content)) => Ok(Self::News { content, position }),
            ("recipe_update", to @ Some(_), Some(content)) => {
                Ok(Self::Answer { to, said: Ok(content), position })
            }
            ("error", to, None) => {
                let error = error.ok_or_else(|| wrong("no error"))?;
                Ok(Self::Answer { to, said: Err(error), position })
            }
            ("chat_message", None, Some(content)) => {
                let user = user_id.ok_or_else(|| wrong("no user_id"))?;
                Ok(Self::Relayed { id, user, content, position })
            }
            ("going_away", None, None) => {
                let after_ms = payload.reconnect_after_ms.ok_or_else(|| wrong("no time"))?;
                Ok(Self::GoingAway { after_ms, within_ms: payload.within_ms })
            }
            ("presence", None, None) => {
                let connections = payload.connections.ok_or_else(|| wrong("no connections"))?;
                Ok(Self::Presence { users: payload.users, connections })
            }
            ("auth_required", None, None) if deadline.is_some() => Ok(Self::AuthRequired),
            _ => Err(wrong("a message of no known form")),
        }
    }
}

fn told(payload: &ReceivedPayload) -> Option<ReturnTerms> {
    let session = payload.session.as_ref()?;
    Some(ReturnTerms {
        resumed: payload.resumed?,
        missed: payload.missed.unwrap_or_default(),
        kept: session.resume.as_ref().map_or_else(Belongings::default, |resume| Belongings {
            position: resume.position.clone(),
            memo: Some(resume.memo.clone()),
        }),
        within_ms: session.reconnect.as_ref().map_or(0, |reconnect| reconnect.within_ms),
        said_before: 0,
    })
}

/// Parses the server's bytes, however they are split.
#[derive(Debug, Default)]
pub(super) struct WireReader {
    kept: Vec<u8>,
    /// How many bytes were parsed.
    taken: u64,
    is_websocket: bool,
    is_over: bool,
}

impl WireReader {
    /// Adds received bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
    }

    /// The next complete thing, and the offset of its end in the stream.
    ///
    /// # Errors
    /// A client could not parse the bytes.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Seen)>, String> {
        if self.is_over && !self.kept.is_empty() {
            return Err("bytes after the server's last word".to_owned());
        }
        let next = if self.is_websocket { frame(&self.kept)? } else { head(&self.kept)? };
        let Some((length, seen)) = next else { return Ok(None) };
        self.kept.drain(..length);
        self.taken += length as u64;
        match seen {
            Seen::Upgraded => self.is_websocket = true,
            Seen::Refused(_) | Seen::Close(..) => self.is_over = true,
            _ => {}
        }
        Ok(Some((self.taken, seen)))
    }
}

fn head(bytes: &[u8]) -> Result<Option<(usize, Seen)>, String> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default());
    let wrong = || format!("an HTTP answer of no known form: {text}");
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    let status: u16 = status.and_then(|status| status.parse().ok()).ok_or_else(wrong)?;
    if status == 101 {
        return Ok(Some((end, Seen::Upgraded)));
    }
    let length = text.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let length: usize = length.and_then(|length| length.parse().ok()).ok_or_else(wrong)?;
    let whole = end + length;
    Ok((bytes.len() >= whole).then_some((whole, Seen::Refused(status))))
}

fn frame(bytes: &[u8]) -> Result<Option<(usize, Seen)>, String> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let (header, length, rest) = match (second, rest) {
        (126, [a, b, rest @ ..]) => (4, u64::from(u16::from_be_bytes([*a, *b])), rest),
        (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
            (10, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest)
        }
        (126 | 127, _) => return Ok(None),
        (short, rest) if *short < 126 => (2, u64::from(*short), rest),
        _ => return Err("a masked frame".to_owned()),
    };
    if (header == 4 && length < 126) || (header == 10 && length < 0x1_0000) {
        return Err("a length in a longer form than needed".to_owned());
    }
    let length = usize::try_from(length).map_err(|_| "a frame of a silly length".to_owned())?;
    let Some(payload) = rest.get(..length) else { return Ok(None) };
    let seen = match (first, payload) {
        (0x81, text) => Seen::Message(Message::parse(text)?),
        (0x88, []) => Seen::Close(1005, String::new()),
        (0x88, [high, low, reason @ ..]) => {
            let reason = String::from_utf8(reason.to_vec()).map_err(|e| e.to_string())?;
            Seen::Close(u16::from_be_bytes([*high, *low]), reason)
        }
        (0x89, _) => Seen::Ping,
        (0x8a, _) => Seen::Pong,
        _ => return Err(format!("a frame that starts with {first:#x}")),
    };
    Ok(Some((header + length, seen)))
}

/// An upgrade request for `room`.
pub(super) fn upgrade(room: &str) -> Vec<u8> {
    format!(
        "GET /v1/chat/{room} HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: c2ltdWxhdGVkIGtleSAxNg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}

/// A request for something of the application's. An empty token is left out.
pub(super) fn get(path: &str, token: &str) -> Vec<u8> {
    let bearer = if token.is_empty() { "" } else { "Authorization: Bearer " };
    let end = if token.is_empty() { "" } else { "\r\n" };
    format!("GET {path} HTTP/1.1\r\nHost: sim\r\n{bearer}{token}{end}\r\n").into_bytes()
}

/// An old client's upgrade request for `room`, with its token in the query or in a header.
pub(super) fn old_upgrade(room: &str, token: &str, is_in_query: bool) -> Vec<u8> {
    let (query, header) = if is_in_query {
        (format!("?token={token}"), String::new())
    } else {
        (String::new(), format!("Authorization: Bearer {token}\r\n"))
    };
    let request = String::from_utf8(upgrade(&format!("{room}{query}"))).unwrap_or_default();
    request.replacen("\r\n\r\n", &format!("\r\n{header}\r\n"), 1).into_bytes()
}

/// The text of an old client's chat message, without an id and a timestamp.
pub(super) fn bare_chat(content: &str) -> String {
    serde_json::json!({ "type": "chat_message", "payload": { "content": content } }).to_string()
}

/// The text of a client's message whose payload has one field.
pub(super) fn envelope(kind: &str, id: &str, field: &str, value: &str) -> String {
    serde_json::json!({
        "type": kind, "id": id, "timestamp": "2026-11-22T10:00:00Z", "payload": { field: value },
    })
    .to_string()
}

/// The text of an `auth` of a client that supports resuming.
pub(super) fn resuming_auth(id: &str, token: &str, brings: &Belongings) -> String {
    let Belongings { position, memo } = brings;
    let resume = serde_json::json!({ "position": position, "memo": memo });
    auth(id, &serde_json::json!({ "token": token, "resume": resume }))
}

/// The same of one that also wants to know who is in the room.
pub(super) fn watching_auth(id: &str, token: &str, position: Option<&str>) -> String {
    let resume = serde_json::json!({ "position": position });
    auth(id, &serde_json::json!({ "token": token, "resume": resume, "presence": true }))
}

fn auth(id: &str, payload: &serde_json::Value) -> String {
    serde_json::json!({
        "type": "auth", "id": id, "timestamp": "2026-11-22T10:00:00Z", "payload": payload,
    })
    .to_string()
}

/// Counts a client's frames by their headers, however the bytes are split, from the upgrade's end
/// on.
#[derive(Debug, Default)]
pub(super) struct FrameCount {
    head: Vec<u8>,
    is_upgraded: bool,
    skip: u64,
}

impl FrameCount {
    /// How many frames begin in `bytes`.
    pub(super) fn count(&mut self, bytes: &[u8]) -> u64 {
        let mut frames = 0;
        for &byte in bytes {
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.head.push(byte);
            if !self.is_upgraded {
                self.is_upgraded = self.head.ends_with(b"\r\n\r\n");
                if self.is_upgraded {
                    self.head.clear();
                }
                continue;
            }
            frames += u64::from(self.head.len() == 1);
            let second = self.head.get(1).copied().unwrap_or_default();
            let extended = match second & 0x7f {
                126 => 2,
                127 => 8,
                _ => 0,
            };
            let mask = if second & 0x80 == 0 { 0 } else { 4 };
            if self.head.len() >= 2 + extended + mask {
                let length = self.head.get(2..2 + extended).unwrap_or_default();
                let long = length.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
                self.skip = if extended == 0 { u64::from(second & 0x7f) } else { long };
                self.head.clear();
            }
        }
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<Seen>, String> {
        let mut reader = WireReader::default();
        let mut seen = Vec::new();
        for byte in bytes {
            reader.push(&[*byte]);
            while let Some((_, next)) = reader.next()? {
                seen.push(next);
            }
        }
        Ok(seen)
    }

    #[test]
    fn a_stream_is_read_a_byte_at_a_time() {
        let mut bytes = b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec();
        bytes.extend([0x89, 0, 0x88, 3, 0x03, 0xe8, b'x']);
        let expected = [Seen::Upgraded, Seen::Ping, Seen::Close(1000, "x".to_owned())];
        assert_eq!(read(&bytes).unwrap(), expected);
        bytes.push(0);
        assert!(read(&bytes).unwrap_err().contains("last word"));
    }

    #[test]
    fn what_a_server_must_not_write_is_an_error() {
        let upgraded = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
        for frame in
            [&[0x81, 0x80][..], &[0x82, 0], &[0x81, 126, 0, 1, b'x'], &[0x81, 2, b'{', b'}']]
        {
            assert!(read(&[upgraded, frame].concat()).is_err(), "{frame:?}");
        }
        assert!(read(b"HTTP/2 200\r\n\r\n").is_err());
    }
}
