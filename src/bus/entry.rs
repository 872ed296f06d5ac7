//! Entries of a log, and the bytes that they are in the engine's list and in its pushes.
//!
//! ```text
//! version 1 | number 8 | tag 6 | previous tag 6 |  the head: the publish script writes it
//! kind 1 | node's length 1, node | connection 8 | id 16 | frame's length 4, frame | ...
//! ```
//!
//! Numbers are big-endian. Two versions of Vestibule can run side by side: the head is the same in
//! every version, a later one may only append to the end, and an entry of a kind that is not known
//! here still moves the head of its log.

use smol_str::SmolStr;

use crate::protocol::Position;

/// What this version writes.
const VERSION: u8 = 1;
/// The bytes of the head.
#[cfg(test)]
const HEAD_BYTES: usize = 21;

/// Where entries are kept and announced: a room's log, or the one of the cluster itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum LogName {
    /// The room of this id.
    Room(SmolStr),
    /// What all nodes must know: revocations, disconnects, and such.
    Control,
}

/// Who published an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EntryOrigin {
    /// The node's name.
    pub(crate) node: SmolStr,
    /// The connection there, as [`ConnId::to_bits`](crate::id::ConnId::to_bits); 0: none.
    pub(crate) connection: u64,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A message: its frame.
    Message,
    /// What was before cannot be told any more.
    Break,
    /// Something of a later version: it only moves the head.
    Unknown(u8),
}

impl EntryKind {
    const fn to_byte(self) -> u8 {
        match self {
            Self::Message => 0,
            Self::Break => 1,
            Self::Unknown(byte) => byte,
        }
    }

    const fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Message,
            1 => Self::Break,
            _ => Self::Unknown(byte),
        }
    }
}

/// An entry of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogEntry {
    pub(crate) position: Position,
    /// The position of the entry before it, or the log's base.
    pub(crate) previous: Position,
    pub(crate) origin: EntryOrigin,
    pub(crate) kind: EntryKind,
    /// Zeros: it has none.
    pub(crate) id: [u8; 16],
    /// The bytes that members get.
    pub(crate) frame: Box<[u8]>,
}

impl LogEntry {
    /// Reads an entry; `None` if it is not one.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let (position, previous) = decode_head(&mut rest)?;
        let kind = EntryKind::from_byte(*take(&mut rest, 1)?.first()?);
        if let EntryKind::Unknown(_) = kind {
            let (origin, id, frame) = (EntryOrigin::default(), [0; 16], Box::default());
            return Some(Self { position, previous, origin, kind, id, frame });
        }
        let length = usize::from(*take(&mut rest, 1)?.first()?);
        let node = SmolStr::new(std::str::from_utf8(take(&mut rest, length)?).ok()?);
        let connection = u64::from_be_bytes(take(&mut rest, 8)?.try_into().ok()?);
        let id = take(&mut rest, 16)?.try_into().ok()?;
        let length = u32::from_be_bytes(take(&mut rest, 4)?.try_into().ok()?);
        let frame = take(&mut rest, usize::try_from(length).ok()?)?.into();
        let origin = EntryOrigin { node, connection };
        Some(Self { position, previous, origin, kind, id, frame })
    }
}

fn decode_head(rest: &mut &[u8]) -> Option<(Position, Position)> {
    let version = *take(rest, 1)?.first()?;
    let number = u64::from_be_bytes(take(rest, 8)?.try_into().ok()?);
    let tag = read_tag(take(rest, 6)?)?;
    let previous = Position::new(number.checked_sub(1)?, read_tag(take(rest, 6)?)?);
    (version >= VERSION).then_some((Position::new(number, tag), previous))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

/// What the script puts the head before: the version, and all that is behind the head.
#[derive(Debug)]
pub(super) struct EntryBody<'a> {
    pub(super) node: &'a str,
    pub(super) connection: u64,
    pub(super) kind: EntryKind,
    pub(super) id: &'a [u8; 16],
    pub(super) frame: &'a [u8],
}

impl EntryBody<'_> {
    /// The version, to stand before the number.
    pub(super) const VERSION: [u8; 1] = [VERSION];

    /// The bytes behind the head, except the frame, which ends them.
    pub(super) fn to_bytes_before_frame(&self) -> Vec<u8> {
        let node = self.node.as_bytes();
        // The configuration bounds names to 64 bytes.
        let node = node.get(..usize::from(u8::MAX)).unwrap_or(node);
        let mut bytes = Vec::with_capacity(30 + node.len());
        bytes.push(self.kind.to_byte());
        bytes.push(node.len() as u8);
        bytes.extend_from_slice(node);
        bytes.extend_from_slice(&self.connection.to_be_bytes());
        bytes.extend_from_slice(self.id);
        let length = u32::try_from(self.frame.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes
    }
}

/// A tag as the engine keeps it.
pub(super) fn write_tag(tag: u64) -> [u8; 6] {
    let [_, _, tag @ ..] = tag.to_be_bytes();
    tag
}

/// The tag of these six bytes.
pub(super) fn read_tag(bytes: &[u8]) -> Option<u64> {
    let tag: [u8; 6] = bytes.try_into().ok()?;
    let mut wide = [0; 8];
    wide.get_mut(2..)?.copy_from_slice(&tag);
    Some(u64::from_be_bytes(wide))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(entry: &LogEntry) -> Vec<u8> {
        let mut bytes = EntryBody::VERSION.to_vec();
        bytes.extend_from_slice(&entry.position.number().to_be_bytes());
        bytes.extend_from_slice(&write_tag(entry.position.tag()));
        bytes.extend_from_slice(&write_tag(entry.previous.tag()));
        let LogEntry { origin, kind, id, frame, .. } = entry;
        let EntryOrigin { node, connection } = origin;
        let body = EntryBody { node, connection: *connection, kind: *kind, id, frame };
        bytes.extend_from_slice(&body.to_bytes_before_frame());
        bytes.extend_from_slice(frame);
        bytes
    }

    fn entry(kind: EntryKind) -> LogEntry {
        LogEntry {
            position: Position::new(7, 0xfedc_ba98_7654),
            previous: Position::new(6, 1),
            origin: EntryOrigin { node: "a".into(), connection: 1 << 40 },
            kind,
            id: [3; 16],
            frame: b"frame".as_slice().into(),
        }
    }

    #[test]
    fn entry_is_read_as_it_was_written() {
        for kind in [EntryKind::Message, EntryKind::Break] {
            let entry = entry(kind);
            let bytes = encoded(&entry);
            assert_eq!(LogEntry::decode(&bytes), Some(entry.clone()));
            for length in 0..bytes.len() {
                assert_eq!(LogEntry::decode(&bytes[..length]), None);
            }
        }
    }

    #[test]
    fn entry_of_a_later_version_moves_the_head() {
        let mut bytes = encoded(&entry(EntryKind::Message));
        bytes[0] = 2;
        bytes.extend_from_slice(b"more");
        assert_eq!(LogEntry::decode(&bytes), Some(entry(EntryKind::Message)));
        bytes[HEAD_BYTES] = 9;
        let read = LogEntry::decode(&bytes).unwrap();
        assert_eq!((read.kind, read.position.number()), (EntryKind::Unknown(9), 7));
        assert_eq!(read.previous, Position::new(6, 1));
    }

    #[test]
    fn entry_without_a_predecessor_is_none() {
        let mut bytes = encoded(&entry(EntryKind::Message));
        bytes[1..9].copy_from_slice(&0_u64.to_be_bytes());
        assert_eq!(LogEntry::decode(&bytes), None);
        assert_eq!(read_tag(b"short"), None);
    }
}
