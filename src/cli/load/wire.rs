//! The clients' bytes, built before the measurement.
//!
//! Sending a message costs at most a copy of its prebuilt frame: the JSON is written and masked
//! once. All frames have the same mask. RFC 6455, section 5.3 requires an unpredictable one, to
//! protect proxies that take attacker-chosen bytes for HTTP. The load test chooses its own bytes,
//! and the server unmasks as with any other key.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use vestibule::config::Auth;
use vestibule::time::UnixTime;

/// The sample nonce of RFC 6455, section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The `Sec-WebSocket-Accept` that answers [`KEY`].
pub(super) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const MASK: [u8; 4] = [0x5a, 0xc3, 0x19, 0x77];
/// The lifetime of tokens: longer than any run.
const TOKEN_SECONDS: u64 = 15 * 60;
const CONTENT: &str = "Scale to 8 servings";
/// The placeholder in a template for digits that are written later.
const BLANK: &str = "0000000000";

/// A frame's opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Text = 1,
    Close = 8,
    Pong = 10,
}

/// The prebuilt bytes of one run.
#[derive(Debug)]
pub(super) struct Wire {
    /// `auth` frames by user.
    auth: Vec<Box<[u8]>>,
    request: Vec<u8>,
    /// The offset of the room's digits in `request`.
    room_at: usize,
    chat: Vec<u8>,
    /// The length of the frame header of `chat`, including the mask.
    chat_head: usize,
    /// The offset of the digits of the message's id in `chat`.
    serial_at: usize,
    serial: u64,
    close: Vec<u8>,
}

#[derive(Serialize)]
struct TokenClaims<'a> {
    sub: &'a str,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    iss: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    aud: &'a str,
}

/// Signs the users' tokens.
pub(super) struct Signer<'a> {
    key: EncodingKey,
    issuer: &'a str,
    audience: &'a str,
    token_seconds: u64,
}

impl<'a> Signer<'a> {
    /// Signs with HS256, for a server with this configuration.
    pub(super) fn new(auth: &'a Auth, secret: &[u8]) -> Self {
        let key = EncodingKey::from_secret(secret);
        let token_seconds = match auth.max_token_life.get().as_secs() {
            0 => TOKEN_SECONDS,
            longest => TOKEN_SECONDS.min(longest),
        };
        Self { key, issuer: &auth.issuer, audience: &auth.audience, token_seconds }
    }

    /// A token of this user.
    pub(super) fn token(&self, user: u32, now: UnixTime) -> Result<String, String> {
        let seconds = now.as_millis() / 1_000;
        let sub = format!("load-{:07}", u64::from(user) + 1);
        let claims = TokenClaims {
            sub: &sub,
            iat: seconds,
            exp: seconds + self.token_seconds,
            iss: self.issuer,
            aud: self.audience,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.key)
            .map_err(|error| format!("cannot sign tokens: {error}"))
    }
}

impl Wire {
    /// Signs a token for each of `users` and builds the frames.
    ///
    /// `run` makes the message ids differ from those of earlier runs, which the server may
    /// remember.
    pub(super) fn new(
        host: &str,
        users: u32,
        signer: &Signer<'_>,
        now: UnixTime,
        run: u64,
    ) -> Result<Self, String> {
        let stamp = now.to_rfc3339();
        let auth = (0..users)
            .map(|user| auth_frame(user, signer, now, run).map(Vec::into_boxed_slice))
            .collect::<Result<_, _>>()?;
        let request = format!(
            "GET /v1/chat/r{room} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n",
            room = &BLANK[..7],
        );
        let prefix = format!(r#"{{"type":"chat_message","id":"msg_{run:x}_"#);
        let chat = format!(
            r#"{prefix}{BLANK}","timestamp":"{stamp}","payload":{{"content":"{CONTENT}"}}}}"#
        );
        let chat_frame = frame(Opcode::Text, chat.as_bytes());
        let chat_head = chat_frame.len() - chat.len();
        Ok(Self {
            auth,
            request: request.into_bytes(),
            room_at: "GET /v1/chat/r".len(),
            serial_at: chat_head + prefix.len(),
            chat_head,
            chat: chat_frame,
            serial: 0,
            close: frame(Opcode::Close, &1_000_u16.to_be_bytes()),
        })
    }

    /// The upgrade request for a room.
    pub(super) fn upgrade(&mut self, room: u32) -> &[u8] {
        if let Some(digits) = self.request.get_mut(self.room_at..self.room_at + 7) {
            write_digits(digits, u64::from(room));
        }
        &self.request
    }

    /// The user's `auth` message; `None` for a user without a token.
    pub(super) fn auth(&self, user: u32) -> Option<&[u8]> {
        self.auth.get(usize::try_from(user).ok()?).map(|frame| &**frame)
    }

    /// The next chat message, with a fresh id.
    pub(super) fn chat(&mut self) -> &[u8] {
        self.serial += 1;
        if let Some(digits) = self.chat.get_mut(self.serial_at..self.serial_at + BLANK.len()) {
            write_digits(digits, self.serial);
            mask(digits, self.serial_at - self.chat_head);
        }
        &self.chat
    }

    /// Close 1000.
    pub(super) fn close(&self) -> &[u8] {
        &self.close
    }
}

fn auth_frame(user: u32, signer: &Signer<'_>, now: UnixTime, run: u64) -> Result<Vec<u8>, String> {
    let number = u64::from(user) + 1;
    let token = signer.token(user, now)?;
    let stamp = now.to_rfc3339();
    let text = format!(
        r#"{{"type":"auth","id":"auth_{run:x}_{number}","timestamp":"{stamp}","payload":{{"token":"{token}"}}}}"#
    );
    Ok(frame(Opcode::Text, text.as_bytes()))
}

/// A whole masked frame (RFC 6455, section 5.2), its length in the shortest form.
pub(super) fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    const MASKED: u8 = 0x80;
    let mut bytes = Vec::with_capacity(payload.len() + 14);
    bytes.push(0x80 | opcode as u8);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..=125), _) => bytes.push(MASKED | length),
        (_, Ok(length)) => {
            bytes.push(MASKED | 126);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            bytes.push(MASKED | 127);
            bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&MASK);
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    if let Some(payload) = bytes.get_mut(start..) {
        mask(payload, 0);
    }
    bytes
}

/// Masks or unmasks bytes that begin `offset` bytes into their payload.
fn mask(bytes: &mut [u8], offset: usize) {
    for (byte, key) in bytes.iter_mut().zip(MASK.iter().cycle().skip(offset % 4)) {
        *byte ^= key;
    }
}

/// Writes a number in decimal, with leading zeros, its highest digits cut off where they do not
/// fit.
fn write_digits(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmasked(frame: &[u8]) -> String {
        let head = if frame[1] & 0x7f == 126 { 8 } else { 6 };
        let mut payload = frame[head..].to_vec();
        mask(&mut payload, 0);
        String::from_utf8(payload).unwrap()
    }

    fn wire() -> Wire {
        let now = UnixTime::from_millis(1_795_000_000_000);
        let auth = Auth { issuer: "https://issuer".to_owned(), ..Auth::default() };
        Wire::new("127.0.0.1:8080", 2, &Signer::new(&auth, &[7; 32]), now, 0xbeef).unwrap()
    }

    #[test]
    fn every_chat_message_has_its_own_id() {
        let mut wire = wire();
        for serial in ["0000000001", "0000000002", "0000000003"] {
            let text = unmasked(wire.chat());
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["id"], format!("msg_beef_{serial}"));
            assert_eq!(value["payload"]["content"], CONTENT);
        }
    }

    #[test]
    fn an_auth_message_carries_a_token_for_its_user() {
        let wire = wire();
        let text = unmasked(wire.auth(1).unwrap());
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["id"], "auth_beef_2");
        let mut rules = jsonwebtoken::Validation::new(Algorithm::HS256);
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<serde_json::Value>(
            value["payload"]["token"].as_str().unwrap(),
            &jsonwebtoken::DecodingKey::from_secret(&[7; 32]),
            &rules,
        )
        .unwrap()
        .claims;
        assert_eq!(claims["sub"], "load-0000002");
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 900);
        assert_eq!(claims["iss"], "https://issuer");
        assert!(claims.get("aud").is_none());
        assert!(wire.auth(2).is_none());
    }

    #[test]
    fn the_upgrade_request_names_the_room() {
        let mut wire = wire();
        assert!(wire.upgrade(7).starts_with(b"GET /v1/chat/r0000007 HTTP/1.1\r\n"));
        assert!(wire.upgrade(1_234_567).starts_with(b"GET /v1/chat/r1234567 HTTP/1.1\r\n"));
    }

    #[test]
    fn a_frame_has_the_shortest_length() {
        assert_eq!(frame(Opcode::Text, &[0; 125]).len(), 6 + 125);
        assert_eq!(frame(Opcode::Text, &[0; 126]).len(), 8 + 126);
        assert_eq!(frame(Opcode::Text, &[0; 65_536]).len(), 14 + 65_536);
        assert_eq!(frame(Opcode::Close, &[])[..2], [0x88, 0x80]);
    }
}
