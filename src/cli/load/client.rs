//! The parser of the server's output, over bytes, without a socket or a clock.
//!
//! It parses only what the load test needs: the response to the upgrade, frame headers, and the
//! `type` of a message, which it searches for instead of parsing JSON. A read mostly holds whole
//! frames, which are parsed in place; only an incomplete rest is copied.
//!
//! ```text
//! Head ── 101 ──▶ Frames ── close frame, or a broken rule ──▶ Over
//!   └── any other status ─────────────────────────────────────▲
//! ```

use std::mem;

use memchr::memmem;

use super::wire::ACCEPT;

/// Limits of a response head and of a frame: more than a server sends to the load test.
const MAX_HEAD_BYTES: usize = 16 * 1_024;
const MAX_FRAME_BYTES: u64 = 16 * 1_024 * 1_024;

/// A parsed item of the server's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ServerEvent {
    /// Status 101.
    Upgraded,
    /// Another status, with the error code of its JSON body, if it has one.
    Refused { status: u16, code: String },
    /// A message of a client whose script reads it.
    Text(String),
    /// A `recipe_update`. `own` means that it answers this client.
    Update { own: bool },
    /// A `chat_message` of another connection.
    Chat,
    /// An `error`, with its code.
    Error(String),
    /// An `auth_required`.
    AuthRequired,
    /// Another message.
    Unknown,
    /// A ping, to be answered with the same payload.
    Ping(Vec<u8>),
    /// A close frame. Nothing comes after it.
    Close { code: u16, reason: String },
    /// The server broke the protocol. Nothing comes after it.
    Broken(&'static str),
}

/// Parses the output of one connection.
#[derive(Debug, Default)]
pub(super) struct ResponseParser {
    state: ParserState,
    /// The beginning of an incomplete head or frame.
    partial: Vec<u8>,
    /// The event of the first frame of a fragmented message.
    fragment: Option<ServerEvent>,
    /// Messages are [`ServerEvent::Text`].
    keeps_text: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ParserState {
    #[default]
    Head,
    Frames,
    Over,
}

impl ResponseParser {
    /// A parser that hands out the text of messages.
    pub(super) fn keeping_text() -> Self {
        Self { keeps_text: true, ..Self::default() }
    }

    /// Takes the next event from `input`. `None` when all of it is consumed and more is needed.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Option<ServerEvent> {
        loop {
            if self.state == ParserState::Over {
                *input = &[];
                return None;
            }
            let step = if self.partial.is_empty() {
                let step = self.parse(input);
                match &step {
                    Some((_, used)) => *input = input.get(*used..).unwrap_or_default(),
                    None => self.partial.extend_from_slice(mem::take(input)),
                }
                step
            } else {
                self.partial.extend_from_slice(mem::take(input));
                let partial = mem::take(&mut self.partial);
                let step = self.parse(&partial);
                self.partial = partial;
                if let Some((_, used)) = &step {
                    self.partial.drain(..*used);
                }
                step
            };
            let (event, _) = step?;
            if self.partial.is_empty() && self.partial.capacity() > 0 {
                self.partial = Vec::new();
            }
            if event.is_some() {
                return event;
            }
        }
    }

    /// Parses the head or frame that `bytes` begins with. Returns its length, and an event if it
    /// causes one. `None` when it is incomplete.
    fn parse(&mut self, bytes: &[u8]) -> Option<(Option<ServerEvent>, usize)> {
        let step = match self.state {
            ParserState::Head => {
                parse_head(bytes).map(|step| step.map(|(event, n)| (Some(event), n)))
            }
            ParserState::Frames => self.parse_frame(bytes),
            ParserState::Over => return None,
        };
        let step =
            step.unwrap_or_else(|broken| Some((Some(ServerEvent::Broken(broken)), bytes.len())));
        match step {
            Some((Some(ServerEvent::Upgraded), _)) => self.state = ParserState::Frames,
            Some((
                Some(
                    ServerEvent::Refused { .. }
                    | ServerEvent::Close { .. }
                    | ServerEvent::Broken(_),
                ),
                _,
            )) => {
                self.state = ParserState::Over;
            }
            _ => {}
        }
        step
    }

    fn parse_frame(
        &mut self,
        bytes: &[u8],
    ) -> Result<Option<(Option<ServerEvent>, usize)>, &'static str> {
        let Some(ServerFrame { is_final, opcode, payload, used }) = split_frame(bytes)? else {
            return Ok(None);
        };
        let event = match opcode {
            0 => {
                let event = self.fragment.take().ok_or("a continuation of nothing")?;
                self.finish_message(is_final, event)
            }
            1 => {
                if self.fragment.is_some() {
                    return Err("a message inside a message");
                }
                let event = match self.keeps_text {
                    true => ServerEvent::Text(String::from_utf8_lossy(payload).into_owned()),
                    false => classify(payload),
                };
                self.finish_message(is_final, event)
            }
            2 => return Err("a binary frame"),
            8 => Some(parse_close(payload)),
            9 => Some(ServerEvent::Ping(payload.to_vec())),
            10 => None,
            _ => return Err("a reserved opcode"),
        };
        Ok(Some((event, used)))
    }

    fn finish_message(&mut self, is_final: bool, event: ServerEvent) -> Option<ServerEvent> {
        if is_final {
            return Some(event);
        }
        self.fragment = Some(event);
        None
    }
}

struct ServerFrame<'a> {
    is_final: bool,
    opcode: u8,
    payload: &'a [u8],
    used: usize,
}

/// Splits off a frame (RFC 6455, section 5.2). `None` when it is incomplete.
fn split_frame(bytes: &[u8]) -> Result<Option<ServerFrame<'_>>, &'static str> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err("a reserved bit in a frame");
    }
    if second & 0x80 != 0 {
        return Err("a masked frame");
    }
    let length = match second {
        126 => rest.first_chunk().map(|length| (u64::from(u16::from_be_bytes(*length)), 4)),
        127 => rest.first_chunk().map(|length| (u64::from_be_bytes(*length), 10)),
        length => Some((u64::from(*length), 2)),
    };
    let Some((length, head)) = length else { return Ok(None) };
    if length > MAX_FRAME_BYTES {
        return Err("a frame over 16 MiB");
    }
    let used = head + usize::try_from(length).map_err(|_| "a frame over 16 MiB")?;
    Ok(bytes.get(head..used).map(|payload| ServerFrame {
        is_final: first & 0x80 != 0,
        opcode: first & 0x0f,
        payload,
        used,
    }))
}

/// Parses a close frame. An empty one gets 1005, the code for "no code" (RFC 6455, section 7.1.5).
fn parse_close(payload: &[u8]) -> ServerEvent {
    match payload.split_first_chunk() {
        Some((code, reason)) => ServerEvent::Close {
            code: u16::from_be_bytes(*code),
            reason: String::from_utf8_lossy(reason).into_owned(),
        },
        None => ServerEvent::Close { code: 1_005, reason: String::new() },
    }
}

/// Classifies a message by its `type`, which is usually its first field.
fn classify(message: &[u8]) -> ServerEvent {
    match member(message, b"\"type\"") {
        Some(value) if value.starts_with(b"\"recipe_update\"") => {
            let request = member(message, b"\"request_id\"");
            ServerEvent::Update { own: request.is_some_and(|id| id.starts_with(b"\"")) }
        }
        Some(value) if value.starts_with(b"\"chat_message\"") => ServerEvent::Chat,
        Some(value) if value.starts_with(b"\"error\"") => ServerEvent::Error(error_code(message)),
        Some(value) if value.starts_with(b"\"auth_required\"") => ServerEvent::AuthRequired,
        _ => ServerEvent::Unknown,
    }
}

/// The text after the first member with this quoted name. Strings cannot match, as quotes inside
/// them are escaped.
fn member<'a>(message: &'a [u8], quoted: &[u8]) -> Option<&'a [u8]> {
    let mut rest = message;
    loop {
        let at = memmem::find(rest, quoted)?;
        rest = rest.get(at + quoted.len()..)?;
        if let Some(value) = rest.trim_ascii_start().strip_prefix(b":") {
            return Some(value.trim_ascii_start());
        }
    }
}

/// The code of an `error` message.
fn error_code(message: &[u8]) -> String {
    let code = serde_json::from_slice::<serde_json::Value>(message)
        .ok()
        .and_then(|value| value.pointer("/payload/error")?.as_str().map(str::to_owned));
    code.unwrap_or_else(|| "without a code".to_owned())
}

/// Parses the response to the upgrade, with the whole body of a refusal.
fn parse_head(bytes: &[u8]) -> Result<Option<(ServerEvent, usize)>, &'static str> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let used = match response.parse(bytes) {
        Ok(httparse::Status::Complete(used)) => used,
        Ok(httparse::Status::Partial) if bytes.len() > MAX_HEAD_BYTES => {
            return Err("a response head over 16 KiB");
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err("not an HTTP response"),
    };
    let header = |name: &str| {
        let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| header.value.trim_ascii())
    };
    let status = response.code.unwrap_or_default();
    if status == 101 {
        // RFC 6455, section 4.1: the client MUST fail the connection on a wrong accept value.
        return if header("Sec-WebSocket-Accept") == Some(ACCEPT.as_bytes()) {
            Ok(Some((ServerEvent::Upgraded, used)))
        } else {
            Err("a wrong Sec-WebSocket-Accept")
        };
    }
    let length = header("Content-Length")
        .and_then(|value| std::str::from_utf8(value).ok()?.parse::<usize>().ok())
        .unwrap_or_default()
        .min(MAX_HEAD_BYTES);
    let Some(body) = bytes.get(used..used + length) else { return Ok(None) };
    let code = serde_json::from_slice::<serde_json::Value>(body)
        .ok()
        .and_then(|value| value.get("error")?.as_str().map(str::to_owned));
    Ok(Some((ServerEvent::Refused { status, code: code.unwrap_or_default() }, used + length)))
}

#[cfg(test)]
mod tests;
