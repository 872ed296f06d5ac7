//! RESP3, as far as the bus uses it: replies and pushes in, commands out.
//!
//! The decoder takes bytes in any pieces and never looks at a byte twice before a frame is whole.
//! A whole frame is handed out as a [`RespReader`], which walks its tokens without a copy. A frame
//! may have `max_reply` bytes, a line 4 KiB, and aggregates may nest 8 deep; beyond that, and at any
//! byte that RESP3 does not allow there, the stream is broken for good. Streamed strings, streamed
//! aggregates and attributes are errors too: no engine sends them to a client that did not ask.

use std::fmt;

/// Aggregates inside each other, at most. The deepest reply that the bus asks for has three.
const MAX_DEPTH: usize = 8;
/// Bytes of a line (a length, a number, a simple string or error) without its end, at most.
const MAX_LINE: usize = 4 << 10;
/// The buffer is moved to its front when this many bytes before it were consumed.
const COMPACT_AT: usize = 64 << 10;

/// One token of a frame. An aggregate is followed by its elements; a map by its keys and values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RespToken<'a> {
    /// A simple or a bulk string; a verbatim string without its format.
    Text(&'a [u8]),
    /// A simple or a bulk error: its code, a space, and words.
    Error(&'a [u8]),
    Integer(i64),
    Double(f64),
    Boolean(bool),
    /// Digits of any length.
    BigNumber(&'a [u8]),
    Null,
    /// This many elements follow.
    Array(usize),
    Set(usize),
    /// Out of order: it answers no command.
    Push(usize),
    /// This many keys follow, each with its value.
    Map(usize),
}

impl RespToken<'_> {
    /// The elements that follow it and belong to it.
    const fn children(&self) -> usize {
        match self {
            Self::Array(count) | Self::Set(count) | Self::Push(count) => *count,
            Self::Map(count) => count.saturating_mul(2),
            _ => 0,
        }
    }
}

/// The stream is not RESP3, or not as the bus uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RespError {
    /// A byte that begins no token.
    UnknownType(u8),
    /// A length or a number that is not one, or is too long.
    BadNumber,
    /// A line that does not end in CR LF, or a string that does not.
    BadEnd,
    /// Longer than `max_reply`, or a line longer than 4 KiB.
    TooLong,
    /// Aggregates nest too deep, or a push is inside of something.
    TooDeep,
}

impl fmt::Display for RespError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownType(byte) => write!(f, "a reply begins with the byte {byte:#04x}"),
            Self::BadNumber => f.write_str("a reply has a malformed number"),
            Self::BadEnd => f.write_str("a reply does not end where it should"),
            Self::TooLong => f.write_str("a reply is too long"),
            Self::TooDeep => f.write_str("a reply is nested too deep"),
        }
    }
}

/// Cuts a stream into frames.
#[derive(Debug)]
pub(crate) struct RespDecoder {
    buffer: Vec<u8>,
    /// Where the frame begins that is read now.
    start: usize,
    /// Its bytes that were looked at.
    scanned: usize,
    /// How many elements are missing of each aggregate that is open, the innermost last.
    open: [usize; MAX_DEPTH],
    depth: usize,
    /// The frame that was handed out last: it is dropped at the next call.
    consumed: usize,
    max_reply: usize,
    broken: Option<RespError>,
}

impl RespDecoder {
    /// A decoder that takes frames of at most `max_reply` bytes.
    pub(crate) const fn new(max_reply: usize) -> Self {
        let (start, scanned, depth, consumed) = (0, 0, 0, 0);
        let open = [0; MAX_DEPTH];
        Self { buffer: Vec::new(), start, scanned, open, depth, consumed, max_reply, broken: None }
    }

    /// Takes bytes as they come. What it keeps is bounded by `max_reply` and the longest `bytes`, if
    /// all frames are taken out in between.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.drop_consumed();
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        } else if self.start >= COMPACT_AT {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Forgets everything: the next bytes are another connection's. Gives the memory back.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.max_reply);
    }

    /// The next whole frame, if there is one.
    ///
    /// # Errors
    ///
    /// [`RespError`], at each call from then on.
    pub(crate) fn next_frame(&mut self) -> Result<Option<RespReader<'_>>, RespError> {
        self.drop_consumed();
        if let Some(error) = self.broken {
            return Err(error);
        }
        match self.scan() {
            Ok(true) => {
                self.consumed = self.scanned;
                let frame = self.buffer.get(self.start..self.start + self.scanned);
                Ok(frame.map(|rest| RespReader { rest }))
            }
            Ok(false) => Ok(None),
            Err(error) => {
                self.broken = Some(error);
                Err(error)
            }
        }
    }

    fn drop_consumed(&mut self) {
        if self.consumed > 0 {
            self.start += std::mem::take(&mut self.consumed);
            self.scanned = 0;
        }
    }

    /// Looks at tokens until the frame is whole: has it ended?
    fn scan(&mut self) -> Result<bool, RespError> {
        loop {
            let rest = self.buffer.get(self.start + self.scanned..).unwrap_or_default();
            let left = self.max_reply.saturating_sub(self.scanned);
            let Some((token, length)) = token(rest, left)? else { return Ok(false) };
            if length > left {
                return Err(RespError::TooLong);
            }
            if matches!(token, RespToken::Push(_)) && self.depth > 0 {
                return Err(RespError::TooDeep);
            }
            self.scanned += length;
            if self.close(token.children())? {
                return Ok(true);
            }
        }
    }

    /// Counts a token with this many children: is the frame whole with it?
    fn close(&mut self, children: usize) -> Result<bool, RespError> {
        if children > 0 {
            *self.open.get_mut(self.depth).ok_or(RespError::TooDeep)? = children;
            self.depth += 1;
            return Ok(false);
        }
        while let Some(open) = self.depth.checked_sub(1).and_then(|at| self.open.get_mut(at)) {
            *open -= 1;
            if *open > 0 {
                return Ok(false);
            }
            self.depth -= 1;
        }
        Ok(true)
    }
}

/// Walks the tokens of one whole frame.
#[derive(Clone, Debug)]
pub(crate) struct RespReader<'a> {
    rest: &'a [u8],
}

impl<'a> RespReader<'a> {
    /// The next token; `None` behind the last one.
    pub(crate) fn token(&mut self) -> Option<RespToken<'a>> {
        // It was read once before, without an error.
        let (token, length) = token(self.rest, usize::MAX).ok()??;
        self.rest = self.rest.get(length..)?;
        Some(token)
    }

    /// The next token, if it is a string.
    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        match self.token()? {
            RespToken::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The next token, if it is a whole number that is not negative.
    pub(crate) fn number(&mut self) -> Option<u64> {
        match self.token()? {
            RespToken::Integer(number) => u64::try_from(number).ok(),
            RespToken::Text(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// The next token, if it is a list: how many elements it has.
    pub(crate) fn array(&mut self) -> Option<usize> {
        match self.token()? {
            RespToken::Array(count) => Some(count),
            _ => None,
        }
    }
}

/// The token at the front of `bytes` and its length; `None`: it is not whole. `left` bytes of the
/// frame are allowed.
fn token(bytes: &[u8], left: usize) -> Result<Option<(RespToken<'_>, usize)>, RespError> {
    let Some((&kind, rest)) = bytes.split_first() else { return Ok(None) };
    if !b"+-:$*_,#!=(%~>".contains(&kind) {
        return Err(RespError::UnknownType(kind));
    }
    let Some(line) = line(rest)? else { return Ok(None) };
    let length = line.len() + 3;
    let token = match kind {
        b'+' => RespToken::Text(line),
        b'-' => RespToken::Error(line),
        b':' => RespToken::Integer(integer(line)?),
        b',' => RespToken::Double(double(line)?),
        b'(' => RespToken::BigNumber(big_number(line)?),
        b'_' if line.is_empty() => RespToken::Null,
        b'#' if line == b"t" || line == b"f" => RespToken::Boolean(line == b"t"),
        b'_' | b'#' => return Err(RespError::BadEnd),
        // RESP2's two nulls.
        b'$' | b'*' if line == b"-1" => RespToken::Null,
        b'*' => RespToken::Array(count(line)?),
        b'~' => RespToken::Set(count(line)?),
        b'>' => RespToken::Push(count(line)?),
        b'%' => RespToken::Map(count(line)?),
        _ => return string(kind, bytes, length, count(line)?, left),
    };
    Ok(Some((token, length)))
}

/// A string of `size` bytes behind a head of `head` bytes.
fn string(
    kind: u8,
    bytes: &[u8],
    head: usize,
    size: usize,
    left: usize,
) -> Result<Option<(RespToken<'_>, usize)>, RespError> {
    let end = head.saturating_add(size);
    let length = end.saturating_add(2);
    if length > left {
        return Err(RespError::TooLong);
    }
    let Some(whole) = bytes.get(head..length) else { return Ok(None) };
    let text = whole.strip_suffix(b"\r\n").ok_or(RespError::BadEnd)?;
    let token = match kind {
        b'!' => RespToken::Error(text),
        b'=' if text.starts_with(b"txt:") || text.starts_with(b"mkd:") => {
            RespToken::Text(text.get(4..).unwrap_or_default())
        }
        b'=' => return Err(RespError::BadEnd),
        _ => RespToken::Text(text),
    };
    Ok(Some((token, length)))
}

/// The line at the front, without its end.
fn line(bytes: &[u8]) -> Result<Option<&[u8]>, RespError> {
    let window = bytes.get(..MAX_LINE + 2).unwrap_or(bytes);
    // Nearly every line is a length of few digits.
    let (near, far) = window.split_at(window.len().min(16));
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let at = near.iter().position(is_end);
    let at = at.or_else(|| Some(near.len() + memchr::memchr2(b'\r', b'\n', far)?));
    let Some(at) = at else {
        return if window.len() > MAX_LINE { Err(RespError::TooLong) } else { Ok(None) };
    };
    match window.get(at..at + 2) {
        Some(b"\r\n") => Ok(window.get(..at)),
        None if window.get(at) == Some(&b'\r') => Ok(None),
        _ => Err(RespError::BadEnd),
    }
}

/// How many bytes or elements: digits only.
fn count(line: &[u8]) -> Result<usize, RespError> {
    if line.is_empty() || line.len() > 10 {
        return Err(RespError::BadNumber);
    }
    let value = line.iter().try_fold(0_u64, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0'))
    });
    value.and_then(|value| usize::try_from(value).ok()).ok_or(RespError::BadNumber)
}

fn integer(line: &[u8]) -> Result<i64, RespError> {
    let text = std::str::from_utf8(line).map_err(|_| RespError::BadNumber)?;
    text.parse().map_err(|_| RespError::BadNumber)
}

fn double(line: &[u8]) -> Result<f64, RespError> {
    let text = std::str::from_utf8(line).map_err(|_| RespError::BadNumber)?;
    text.parse().map_err(|_| RespError::BadNumber)
}

fn big_number(line: &[u8]) -> Result<&[u8], RespError> {
    let digits = line.strip_prefix(b"-").unwrap_or(line);
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then_some(line).ok_or(RespError::BadNumber)
}

/// Appends commands to a connection's output.
#[derive(Debug)]
pub(crate) struct CommandWriter<'a>(&'a mut Vec<u8>);

impl<'a> CommandWriter<'a> {
    /// Begins a command of this many words.
    pub(crate) fn new(out: &'a mut Vec<u8>, words: usize) -> Self {
        let mut writer = Self(out);
        writer.head(b'*', words);
        writer
    }

    /// Appends one word.
    pub(crate) fn word(&mut self, word: &[u8]) -> &mut Self {
        self.parts(&[word])
    }

    /// Appends one word that is made of these parts.
    pub(crate) fn parts(&mut self, parts: &[&[u8]]) -> &mut Self {
        self.head(b'$', parts.iter().map(|part| part.len()).sum());
        for part in parts {
            self.0.extend_from_slice(part);
        }
        self.0.extend_from_slice(b"\r\n");
        self
    }

    /// Appends a number as a word.
    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        self.word(Decimal::new(number).as_bytes())
    }

    fn head(&mut self, kind: u8, count: usize) {
        self.0.push(kind);
        self.0.extend_from_slice(Decimal::new(count as u64).as_bytes());
        self.0.extend_from_slice(b"\r\n");
    }
}

/// A number's digits, on the stack.
#[derive(Clone, Copy, Debug)]
struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    fn new(mut number: u64) -> Self {
        let mut digits = [b'0'; 20];
        let mut start = digits.len();
        for place in digits.iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
            start -= 1;
            if number == 0 {
                break;
            }
        }
        Self { digits, start }
    }

    fn as_bytes(&self) -> &[u8] {
        self.digits.get(self.start..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
