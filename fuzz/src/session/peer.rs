//! A client's view of one connection: every byte it gets is understood, and judged.

use serde_json::Value;
use vestibule::id::ConnId;

pub(super) struct Peer {
    pub(super) id: ConnId,
    /// Bytes that it still reads; `None`: whatever comes.
    pub(super) room: Option<usize>,
    /// The driver was told to drop the socket.
    pub(super) is_gone: bool,
    /// Whom it said it was.
    pub(super) users: Vec<String>,
    /// All that it was sent.
    pub(super) everything: Vec<u8>,
    /// So much of it is understood.
    seen: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Head,
    Frames,
    /// After a close frame, or after an answer in HTTP.
    Over,
}

impl Peer {
    pub(super) fn new(id: ConnId) -> Self {
        Self {
            id,
            room: None,
            is_gone: false,
            users: Vec::new(),
            everything: Vec::new(),
            seen: 0,
            state: State::Head,
        }
    }

    pub(super) fn read(&mut self, bytes: &[u8]) {
        assert!(!self.is_gone, "{} is written to after its end", self.id);
        self.everything.extend_from_slice(bytes);
        while self.next().is_some() {}
        let is_quiet = self.state != State::Over || self.seen == self.everything.len();
        assert!(is_quiet, "{} is sent something after its end", self.id);
    }

    /// Takes a head or a frame, if it is whole.
    fn next(&mut self) -> Option<()> {
        let rest = self.everything.get(self.seen..)?;
        match self.state {
            State::Over => return None,
            State::Head => {
                let end = rest.windows(4).position(|window| window == b"\r\n\r\n")?;
                let is_upgrade = rest.starts_with(b"HTTP/1.1 101 ");
                assert!(rest.starts_with(b"HTTP/1.1 "), "{rest:?}");
                let body = String::from_utf8_lossy(rest.get(end + 4..)?).into_owned();
                if is_upgrade {
                    self.state = State::Frames;
                    self.seen += end + 4;
                } else if serde_json::from_str::<Value>(&body).is_ok() {
                    self.state = State::Over;
                    self.seen = self.everything.len();
                } else {
                    return None;
                }
            }
            State::Frames => {
                let (first, second) = (*rest.first()?, *rest.get(1)?);
                let (header, length) = match second {
                    126 => (4, usize::from(u16::from_be_bytes(*rest.get(2..)?.first_chunk()?))),
                    127 => (10, u64::from_be_bytes(*rest.get(2..)?.first_chunk()?) as usize),
                    short => (2, usize::from(short)),
                };
                let payload = rest.get(header..)?.get(..length)?;
                match first {
                    0x81 => self.judge(payload),
                    0x88 => {
                        let code = payload.first_chunk().copied().map(u16::from_be_bytes);
                        assert!(code.is_none_or(|code| (1_000..5_000).contains(&code)), "{code:?}");
                        assert!(str::from_utf8(payload.get(2..).unwrap_or_default()).is_ok());
                        self.state = State::Over;
                    }
                    other => assert!(matches!(other, 0x89 | 0x8a) && length <= 125, "{other:x}"),
                }
                self.seen += header + length;
            }
        }
        Some(())
    }

    /// A message of the protocol's; an answer that names a user or a message is for this one.
    fn judge(&self, payload: &[u8]) {
        let message: Value = serde_json::from_slice(payload).unwrap_or_default();
        let kind = message["type"].as_str().unwrap_or_default();
        let known = ["auth_required", "recipe_update", "error", "chat_message"].contains(&kind);
        assert!(known && message["payload"].is_object(), "{message}");
        let payload = &message["payload"];
        let content = payload["content"].as_str().unwrap_or_default();
        if kind == "recipe_update"
            && let Some(request) = payload["request_id"].as_str()
            && let Some(addressee) = content.strip_prefix("for ")
        {
            let is_ours = self.users.iter().any(|user| addressee == format!("{user} {request}"));
            assert!(is_ours, "{:?} is sent {message}", self.users);
        }
    }
}
