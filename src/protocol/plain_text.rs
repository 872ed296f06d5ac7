//! JSON strings without escapes: most of all strings, and the same bytes in JSON as in memory.

use serde::{Serialize, Serializer};

use crate::id::MessageId;

/// The id of a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum IdText<'a> {
    /// One that the server made, which never needs escapes.
    Own(&'a MessageId),
    /// One that a client made.
    Given(&'a str),
}

impl IdText<'_> {
    /// Appends the id as a JSON string.
    pub(super) fn write(self, buffer: &mut Vec<u8>) {
        match self {
            Self::Own(id) => {
                buffer.push(b'"');
                buffer.extend_from_slice(&id.0);
                buffer.push(b'"');
            }
            Self::Given(id) => write_text(buffer, id),
        }
    }
}

impl Serialize for IdText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Own(id) => id.serialize(serializer),
            Self::Given(id) => id.serialize(serializer),
        }
    }
}

/// How many bytes from the start on stand for themselves in a JSON string: up to the first quote,
/// backslash or control character.
pub(super) fn plain_prefix(bytes: &[u8]) -> usize {
    if bytes.len() < 2 * BLOCK { prefix_by_words(bytes) } else { prefix_by_blocks(bytes) }
}

/// Bytes that are looked at together in long texts: the compiler does it with vectors.
const BLOCK: usize = 32;

fn prefix_by_blocks(bytes: &[u8]) -> usize {
    let is_all_plain = |block: &&[u8; BLOCK]| {
        // No early end, and no branch.
        let special = block.iter().fold(0, |special, &byte| {
            special | u8::from(byte < 0x20) | u8::from(byte == b'"') | u8::from(byte == b'\\')
        });
        special == 0
    };
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let start = BLOCK * blocks.iter().take_while(is_all_plain).count();
    start + prefix_by_words(bytes.get(start..).unwrap_or_default())
}

/// Eight at a time. The last eight begin before the end of those in front of them, so that no byte is
/// looked at alone where there are eight.
fn prefix_by_words(bytes: &[u8]) -> usize {
    let Some(last) = bytes.last_chunk::<8>() else {
        // What is missing is closing quotes, where the prefix ends at the latest.
        let mut word = [b'"'; 8];
        word.iter_mut().zip(bytes).for_each(|(place, &byte)| *place = byte);
        return marks(u64::from_le_bytes(word)).trailing_zeros() as usize / 8;
    };
    let (words, _) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return index * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    let marks = marks(u64::from_le_bytes(*last));
    bytes.len() - 8 + marks.trailing_zeros() as usize / 8
}

/// Has none of these bytes to be escaped? Only that, and not where, so sixteen are looked at together:
/// there is no early end, and the last sixteen begin before the end of those in front of them.
fn is_all_plain(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk::<16>() else {
        return plain_prefix(bytes) == bytes.len();
    };
    let mut special = [0; 16];
    let (blocks, _) = bytes.as_chunks::<16>();
    for block in blocks.iter().chain([last]) {
        for (mark, &byte) in special.iter_mut().zip(block) {
            *mark |= u8::from(!is_plain(byte));
        }
    }
    u128::from_ne_bytes(special) == 0
}

fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\'
}

/// The high bit of each byte that is not plain; the lowest of them is right. One above it may be
/// marked for nothing, as a subtraction borrows from the byte that follows.
fn marks(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let is_zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let is_control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = is_zero(word ^ (ONES * b'"' as u64));
    let backslash = is_zero(word ^ (ONES * b'\\' as u64));
    (is_control | quote | backslash) & HIGH
}

/// Appends `text` as a JSON string: as it is where nothing in it needs an escape, otherwise as the
/// serialiser has it.
pub(super) fn write_text(buffer: &mut Vec<u8>, text: &str) {
    if is_all_plain(text.as_bytes()) {
        buffer.reserve(text.len() + 2);
        buffer.push(b'"');
        buffer.extend_from_slice(text.as_bytes());
        buffer.push(b'"');
    } else {
        let written = serde_json::to_writer(buffer, text);
        debug_assert!(written.is_ok(), "a text always serialises");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_prefix_ends_at_each_special_byte() {
        for byte in 0..=u8::MAX {
            for length in 0..70 {
                for other in [b'x', b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xff] {
                    let mut bytes = vec![other; length];
                    bytes.push(byte);
                    bytes.extend([b'"'; 9]);
                    let end = if is_plain(byte) { length + 1 } else { length };
                    assert_eq!(plain_prefix(&bytes), end, "{byte:#x} behind {length}");
                    bytes.truncate(length + 1);
                    assert_eq!(is_all_plain(&bytes), is_plain(byte), "{byte:#x} behind {length}");
                    bytes.rotate_left(length / 2);
                    assert_eq!(is_all_plain(&bytes), is_plain(byte), "{byte:#x} within {length}");
                }
            }
        }
        assert_eq!(plain_prefix(b""), 0);
    }

    proptest! {
        #[test]
        fn plain_prefix_is_that_of_single_bytes(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
            let end = bytes.iter().position(|&byte| !is_plain(byte)).unwrap_or(bytes.len());
            prop_assert_eq!(plain_prefix(&bytes), end);
        }

        #[test]
        fn texts_are_written_as_serde_writes_them(text in any::<String>()) {
            let mut buffer = Vec::new();
            write_text(&mut buffer, &text);
            prop_assert_eq!(buffer, serde_json::to_vec(&text).unwrap());
        }
    }
}
