//! The bus, for tests that are not in the crate: its decoder beside another one, and its scripts on a
//! real engine.

#[cfg(feature = "sim")]
mod compare;
#[cfg(feature = "sim")]
mod faults;
#[cfg(feature = "sim")]
mod peer;

#[cfg(feature = "sim")]
pub use self::compare::compare_with_model;
#[cfg(feature = "sim")]
pub use self::faults::{
    LEAST_PERMISSIONS, as_a_replica, with_a_killed_connection, with_few_permissions,
    with_least_permissions, with_lost_scripts, with_wrong_password, without_a_password,
    without_memory,
};

use std::time::Duration;

use crate::bus::{
    BusCommand, BusEvent, BusLink, LinkSettings, LogName, RespDecoder, RespToken, SCRIPTS,
};
use crate::id::Seed;
use crate::protocol::Position;
use crate::time::Instant;

/// What the decoder of the bus makes of `bytes` that come in pieces of `piece` bytes, as far as it
/// got: a token is its kind and its value. Then, whether it refused the rest.
#[must_use]
pub fn decode_replies(
    bytes: &[u8],
    piece: usize,
    max_reply: usize,
) -> (Vec<Vec<ReplyToken>>, bool) {
    let mut decoder = RespDecoder::new(max_reply);
    let mut frames = Vec::new();
    for piece in bytes.chunks(piece.max(1)) {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(mut reader)) => {
                    let mut tokens = Vec::new();
                    while let Some(token) = reader.token() {
                        tokens.push(owned(token));
                    }
                    frames.push(tokens);
                }
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

/// One token of a reply. An aggregate is followed by its elements.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplyToken {
    /// A string.
    Text(Vec<u8>),
    /// An error.
    Error(Vec<u8>),
    /// A whole number.
    Integer(i64),
    /// A number, as its bits: what is no number equals itself.
    Double(u64),
    /// True or false.
    Boolean(bool),
    /// Digits of any length.
    BigNumber(Vec<u8>),
    /// Nothing.
    Null,
    /// This many elements follow.
    Array(usize),
    /// This many elements follow.
    Set(usize),
    /// This many elements follow.
    Push(usize),
    /// This many pairs follow.
    Map(usize),
}

fn owned(token: RespToken<'_>) -> ReplyToken {
    match token {
        RespToken::Text(text) => ReplyToken::Text(text.to_vec()),
        RespToken::Error(text) => ReplyToken::Error(text.to_vec()),
        RespToken::Integer(number) => ReplyToken::Integer(number),
        RespToken::Double(number) => ReplyToken::Double(number.to_bits()),
        RespToken::Boolean(value) => ReplyToken::Boolean(value),
        RespToken::BigNumber(digits) => ReplyToken::BigNumber(digits.to_vec()),
        RespToken::Null => ReplyToken::Null,
        RespToken::Array(count) => ReplyToken::Array(count),
        RespToken::Set(count) => ReplyToken::Set(count),
        RespToken::Push(count) => ReplyToken::Push(count),
        RespToken::Map(count) => ReplyToken::Map(count),
    }
}

/// Gives a link that was greeted by a good engine these bytes in pieces, with commands on their way,
/// and lets ten seconds pass.
///
/// # Panics
///
/// When a command is not answered exactly once, or the link does not ask for the next connection.
pub fn feed_link(bytes: &[u8], piece: usize) {
    let mut link = BusLink::new(LinkSettings::default(), &Seed::predictable(1));
    let mut now = Instant::START;
    link.handle_timeout(now);
    link.connected(now);
    link.received(now, &greeting());
    assert!(link.is_up(), "the greeting was refused");
    let commands = commands();
    let count = commands.len() as u64;
    for (to, command) in (0..).zip(commands) {
        link.send(now, to, command, now + Duration::from_secs(1)).unwrap();
    }
    for piece in bytes.chunks(piece.max(1)) {
        link.received(now, piece);
        link.written(link.output().len());
    }
    let mut answered: Vec<u64> = Vec::new();
    let mut connects = 0;
    for _ in 0..200 {
        now = now + Duration::from_millis(50);
        link.handle_timeout(now);
        while let Some(event) = link.poll() {
            match event {
                BusEvent::Reply { to, .. } => answered.push(to),
                BusEvent::Connect { .. } => {
                    connects += 1;
                    link.lost(now, "nobody listens");
                }
                _ => {}
            }
        }
    }
    answered.sort_unstable();
    assert!(answered.into_iter().eq(0..count), "a command was not answered once");
    assert!(connects > 1 && link.in_flight() == (0, 0), "the link does not go on");
}

/// What an engine answers to a link's first words.
fn greeting() -> Vec<u8> {
    let mut bytes = b"%1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n".to_vec();
    for _ in 0..SCRIPTS {
        bytes.extend_from_slice(b"$40\r\n0123456789012345678901234567890123456789\r\n");
    }
    for channel in ["v:{n:node}", "v:{a}", "v:{p:node}"] {
        let length = channel.len();
        let push = format!(">3\r\n$9\r\nsubscribe\r\n${length}\r\n{channel}\r\n:1\r\n");
        bytes.extend_from_slice(push.as_bytes());
    }
    bytes
}

/// One of each kind, so that any reply may be somebody's.
fn commands() -> Vec<BusCommand> {
    let (log, id) = (LogName::Room("r".into()), [1; 16]);
    let frame: Box<[u8]> = b"frame".as_slice().into();
    let (tag, connection, content, asks) = (1, 2, 3, true);
    let payload = frame.clone();
    vec![
        BusCommand::Publish { log: log.clone(), id, content, asks, tag, connection, frame },
        BusCommand::Read { log: log.clone(), head: None, fresh: 1 },
        BusCommand::Break { log: log.clone(), tag, seen_head: Position::new(1, 1) },
        BusCommand::Claim { log: log.clone(), id, from: "n1".into() },
        BusCommand::Answer { log: log.clone(), id, answer: payload.clone() },
        BusCommand::ReadRevocations { after: None },
        BusCommand::Lease { ttl_ms: 1_000, info: payload.clone() },
        BusCommand::Tell { node: None, payload },
        BusCommand::Release { log, id },
        BusCommand::Inspect,
    ]
}
