//! The little of HTTP and RFC 6455 that canned answers need, and the answers.

/// The upgrade's answer. The load test always sends the key of RFC 6455, section 1.3, so that its
/// accept value can be written here.
pub(crate) const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    X-Connection-Id: 0123456789abcdef\r\n\r\n";

const WELCOME: &str = concat!(
    r#"{"type":"recipe_update","id":"019abcde-0000-7000-8000-000000000001","#,
    r#""timestamp":"2026-11-22T10:00:00.000Z","payload":{"request_id":"auth_1","#,
    r#""content":"Connected to recipe chat. How can I help you with this recipe?","#,
    r#""recipe_data":{"id":"r1","title":"Tomato soup","servings":4,"ingredients":"#,
    r#"[{"name":"tomatoes","amount":800,"unit":"g"},{"name":"onion","amount":1,"unit":""}],"#,
    r#""steps":["Chop.","Simmer for 20 minutes.","Blend."]},"session":{"user_id":"u1","#,
    r#""expires_at":"2026-11-22T10:15:00.000Z","reauth_at":"2026-11-22T10:14:00.000Z"}}}"#
);

const REPLY: &str = concat!(
    r#"{"type":"recipe_update","id":"019abcde-0000-7000-8000-000000000002","#,
    r#""timestamp":"2026-11-22T10:00:01.000Z","payload":{"request_id":"msg_1","#,
    r#""content":"Noted. The recipe serves eight now, with twice of everything.","#,
    r#""recipe_data":null}}"#
);

const CHAT: &str = concat!(
    r#"{"type":"chat_message","id":"msg_1","timestamp":"2026-11-22T10:00:01.000Z","#,
    r#""payload":{"content":"Scale this recipe to eight servings, please, and tell me how long "#,
    r#"it has to simmer then.","user_id":"u1"}}"#
);

/// Close frame 1008 `Authentication timeout`.
pub(crate) const TIMED_OUT: &[u8] = b"\x88\x18\x03\xf0Authentication timeout";

/// Close frame 1000 without a reason.
pub(crate) const CLOSED: &[u8] = b"\x88\x02\x03\xe8";

/// The canned frames, framed once: no server frame carries a mask.
#[derive(Debug)]
pub(crate) struct Canned {
    /// The acknowledgement of the first text frame.
    pub(crate) welcome: Vec<u8>,
    /// The sender's answer to every later one.
    pub(crate) reply: Vec<u8>,
    /// What the others in the room see of it.
    pub(crate) chat: Vec<u8>,
}

impl Canned {
    /// Frames the three texts.
    pub(crate) fn new() -> Self {
        Self { welcome: text(WELCOME), reply: text(REPLY), chat: text(CHAT) }
    }
}

/// An unmasked text frame. The texts above fit the 16-bit length, and none the 7-bit one.
fn text(payload: &str) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let mut frame = vec![0x81, 126];
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(payload.as_bytes());
    frame
}

/// What the floor tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Answered.
    Text,
    /// Answered with a close frame.
    Close,
    /// Read over: binary, ping, pong.
    Other,
}

/// Takes a whole frame off the front of `bytes`; `None` while it is not all there.
pub(crate) fn take(bytes: &[u8]) -> Option<(Kind, &[u8])> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match second & 0x7f {
        126 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::try_from(u64::from_be_bytes(*length)).unwrap_or(usize::MAX), rest)
        }
        short => (usize::from(short), rest),
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let rest = rest.get(length.checked_add(mask)?..)?;
    let kind = match first & 0x0f {
        1 => Kind::Text,
        8 => Kind::Close,
        _ => Kind::Other,
    };
    Some((kind, rest))
}

/// Takes a whole request head off the front of `bytes`, and hashes its path; `None` while it is
/// not all there.
pub(crate) fn take_head(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let path = bytes.split(|&byte| byte == b' ').nth(1)?;
    Some((fnv1a(path), bytes.get(end + 4..)?))
}

/// FNV-1a, 64 bits: two rooms of a load test meet once in 10^11 runs.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked client frame of `length` bytes.
    fn masked(opcode: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![0x80 | opcode];
        match length {
            0..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
            126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend(u64::try_from(length).unwrap().to_be_bytes());
            }
        }
        frame.extend(vec![0; 4 + length]);
        frame
    }

    #[test]
    fn a_frame_is_taken_whole_at_each_form_of_its_length() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let mut bytes = masked(1, length);
            bytes.push(0x88);
            assert_eq!(take(&bytes), Some((Kind::Text, &[0x88][..])), "{length}");
        }
    }

    #[test]
    fn an_unfinished_frame_waits() {
        let bytes = masked(8, 130);
        for cut in 0..bytes.len() {
            assert_eq!(take(&bytes[..cut]), None, "{cut}");
        }
        assert_eq!(take(&bytes), Some((Kind::Close, &[][..])));
    }

    #[test]
    fn a_length_beyond_memory_waits_instead_of_wrapping() {
        let mut bytes = vec![0x81, 0xff];
        bytes.extend([0xff; 12]);
        assert_eq!(take(&bytes), None);
    }

    #[test]
    fn a_head_gives_its_path_and_what_came_behind_it() {
        let one = b"GET /v1/chat/a HTTP/1.1\r\nHost: x\r\n\r\n\x81";
        let two = b"GET /v1/chat/b HTTP/1.1\r\nHost: x\r\n\r\n";
        let (room, rest) = take_head(one).unwrap();
        assert_eq!(rest, b"\x81");
        assert_ne!(room, take_head(two).unwrap().0);
        assert_eq!(take_head(&one[..one.len() - 2]), None);
    }

    #[test]
    fn canned_frames_are_of_realistic_size_and_hold_json() {
        let canned = Canned::new();
        for (frame, from, to) in
            [(&canned.welcome, 450, 650), (&canned.reply, 220, 280), (&canned.chat, 190, 250)]
        {
            assert!((from..to).contains(&frame.len()), "{}", frame.len());
            assert!(serde_json::from_slice::<serde_json::Value>(&frame[4..]).is_ok());
            assert_eq!(take(frame), Some((Kind::Text, &[][..])));
        }
        assert_eq!(take(TIMED_OUT), Some((Kind::Close, &[][..])));
        assert_eq!(take(CLOSED), Some((Kind::Close, &[][..])));
    }
}
