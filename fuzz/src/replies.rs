//! The bus's RESP3 decoder beside the crate `redis-protocol`, and the link on whatever an engine says.

use std::collections::{BTreeMap, BTreeSet};

use redis_protocol::resp3::decode::complete::decode;
use redis_protocol::resp3::types::{OwnedFrame, VerbatimStringFormat};
use vestibule::testing::bus::{ReplyToken, decode_replies, feed_link};

/// Bytes of a reply, at most. A line has 4 KiB, so that no reply is refused for its length alone.
const MAX_REPLY: usize = 4_000;

/// The first byte says how the input is cut; the rest is what the engine sends.
///
/// # Panics
/// When the cuts change what is read, when the two disagree on a frame that Vestibule takes, or when
/// the link loses a command.
pub fn replies(data: &[u8]) {
    let Some((cut, bytes)) = data.split_first() else { return };
    let piece = 1 + usize::from(*cut);
    let whole = decode_replies(bytes, bytes.len(), MAX_REPLY);
    assert_eq!(whole, decode_replies(bytes, piece, MAX_REPLY), "the cuts changed what was read");
    compare(bytes, &whole.0);
    feed_link(bytes, piece);
}

/// Compares the frames that Vestibule took with what `redis-protocol` reads at the same places.
///
/// Of what Vestibule refuses nothing is said: it takes less (no streams, no attributes, no RESP3 that
/// nests deeper than 8, no `HELLO` of a client).
///
/// # Panics
/// When one of them differs, in another way than [`is_known`] names.
pub fn compare(bytes: &[u8], frames: &[Vec<ReplyToken>]) {
    let mut rest = bytes;
    for tokens in frames {
        let ours = value(&mut tokens.iter());
        match decode(rest) {
            Ok(Some((frame, length))) if read(&frame) == ours => {
                rest = rest.get(length..).unwrap_or_default();
            }
            theirs if is_known(rest, tokens, &ours) => return drop(theirs),
            theirs => panic!("{theirs:?} for {ours:?} in \"{}\"", rest.escape_ascii()),
        }
    }
}

/// May the two differ?
///
/// - RESP2's null, `$-1` or `*-1`, is one for Vestibule, and nothing for the other.
/// - An error need not be UTF-8 for Vestibule.
/// - A key of a map, and an element of a set, may be a list for Vestibule.
fn is_known(rest: &[u8], tokens: &[ReplyToken], ours: &Value) -> bool {
    let has_old = rest.windows(3).any(|window| matches!(window, [b'$' | b'*', b'-', b'1']));
    ours.has_lists_as_keys()
        || tokens.iter().any(|token| match token {
            ReplyToken::Null => has_old,
            ReplyToken::Error(text) => std::str::from_utf8(text).is_err(),
            _ => false,
        })
}

/// A value in a form that both have: maps and sets without order and repetition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A string.
    Text(Vec<u8>),
    /// An error.
    Error(Vec<u8>),
    /// A whole number.
    Integer(i64),
    /// A number's bits; every NaN is one.
    Double(u64),
    /// True or false.
    Boolean(bool),
    /// Digits.
    BigNumber(Vec<u8>),
    /// Nothing.
    Null,
    /// A list.
    Array(Vec<Value>),
    /// A list out of order.
    Push(Vec<Value>),
    /// A set.
    Set(BTreeSet<Value>),
    /// A map.
    Map(BTreeMap<Value, Value>),
}

impl Value {
    fn is_aggregate(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Push(_) | Self::Set(_) | Self::Map(_))
    }

    fn has_lists_as_keys(&self) -> bool {
        match self {
            Self::Array(list) | Self::Push(list) => list.iter().any(Self::has_lists_as_keys),
            Self::Set(set) => set.iter().any(Self::is_aggregate),
            Self::Map(map) => {
                map.iter().any(|(key, value)| key.is_aggregate() || value.has_lists_as_keys())
            }
            _ => false,
        }
    }
}

/// The value at the front of tokens, which are whole.
fn value<'a>(tokens: &mut impl Iterator<Item = &'a ReplyToken>) -> Value {
    match tokens.next() {
        Some(ReplyToken::Text(text)) => Value::Text(text.clone()),
        Some(ReplyToken::Error(text)) => Value::Error(text.clone()),
        Some(ReplyToken::Integer(number)) => Value::Integer(*number),
        Some(ReplyToken::Double(bits)) => double(f64::from_bits(*bits)),
        Some(ReplyToken::Boolean(value)) => Value::Boolean(*value),
        Some(ReplyToken::BigNumber(digits)) => Value::BigNumber(digits.clone()),
        Some(ReplyToken::Null) | None => Value::Null,
        Some(ReplyToken::Array(count)) => {
            Value::Array((0..*count).map(|_| value(tokens)).collect())
        }
        Some(ReplyToken::Push(count)) => Value::Push((0..*count).map(|_| value(tokens)).collect()),
        Some(ReplyToken::Set(count)) => Value::Set((0..*count).map(|_| value(tokens)).collect()),
        Some(ReplyToken::Map(count)) => {
            Value::Map((0..*count).map(|_| (value(tokens), value(tokens))).collect())
        }
    }
}

/// The same of the other's frame.
fn read(frame: &OwnedFrame) -> Value {
    match frame {
        OwnedFrame::BlobString { data, .. } | OwnedFrame::SimpleString { data, .. } => {
            Value::Text(data.clone())
        }
        OwnedFrame::VerbatimString { data, format, .. } => {
            assert!(matches!(format, VerbatimStringFormat::Text | VerbatimStringFormat::Markdown));
            Value::Text(data.clone())
        }
        OwnedFrame::BlobError { data, .. } => Value::Error(data.clone()),
        OwnedFrame::SimpleError { data, .. } => Value::Error(data.clone().into_bytes()),
        OwnedFrame::Boolean { data, .. } => Value::Boolean(*data),
        OwnedFrame::Null => Value::Null,
        OwnedFrame::Number { data, .. } => Value::Integer(*data),
        OwnedFrame::Double { data, .. } => double(*data),
        OwnedFrame::BigNumber { data, .. } => Value::BigNumber(data.clone()),
        OwnedFrame::Array { data, .. } => Value::Array(data.iter().map(read).collect()),
        OwnedFrame::Push { data, .. } => Value::Push(data.iter().map(read).collect()),
        OwnedFrame::Set { data, .. } => Value::Set(data.iter().map(read).collect()),
        OwnedFrame::Map { data, .. } => {
            Value::Map(data.iter().map(|(key, value)| (read(key), read(value))).collect())
        }
        other => panic!("{other:?} is no reply"),
    }
}

fn double(number: f64) -> Value {
    Value::Double(if number.is_nan() { f64::NAN } else { number }.to_bits())
}
