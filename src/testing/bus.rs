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
    as_a_replica, with_a_killed_connection, with_few_permissions, with_lost_scripts,
    with_wrong_password, without_memory,
};

use crate::bus::{RespDecoder, RespToken};

/// What the decoder of the bus makes of `bytes` that come in pieces of `piece` bytes, as far as it
/// got: a token is its kind and its value. Then, whether it refused the rest.
#[must_use]
pub fn decode_replies(bytes: &[u8], piece: usize, max_reply: usize) -> (Vec<Vec<Token>>, bool) {
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
pub enum Token {
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

fn owned(token: RespToken<'_>) -> Token {
    match token {
        RespToken::Text(text) => Token::Text(text.to_vec()),
        RespToken::Error(text) => Token::Error(text.to_vec()),
        RespToken::Integer(number) => Token::Integer(number),
        RespToken::Double(number) => Token::Double(number.to_bits()),
        RespToken::Boolean(value) => Token::Boolean(value),
        RespToken::BigNumber(digits) => Token::BigNumber(digits.to_vec()),
        RespToken::Null => Token::Null,
        RespToken::Array(count) => Token::Array(count),
        RespToken::Set(count) => Token::Set(count),
        RespToken::Push(count) => Token::Push(count),
        RespToken::Map(count) => Token::Map(count),
    }
}
