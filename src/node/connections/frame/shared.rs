//! A frame's memory: shared by those it is for, and used again for another when it is out.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Frames that are kept to be used again, in the pool that they come back to and in the encoder each:
/// as many as a turn writes in small rooms.
const SPARES: usize = 128;
/// Longer ones are not kept, so that all of them take at most 128 KiB in each place.
const SPARE_BYTES: usize = 1_024;

/// A server's frame, ready for the wire. It carries no mask (RFC 6455, section 5.1), so it is the
/// same for everybody: framed once, shared by reference count.
#[derive(Clone)]
pub struct Shared(Arc<FrameBuffer>);

impl Shared {
    /// Does nobody else hold it?
    pub(crate) fn is_unique(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// The bytes of memory that are there for its own, which may be more than it has.
    pub(crate) fn capacity(&self) -> usize {
        self.0.bytes.capacity()
    }

    /// Its memory. `None`: somebody else holds it.
    pub(super) fn buffer_mut(&mut self) -> Option<&mut FrameBuffer> {
        Arc::get_mut(&mut self.0)
    }
}

impl Deref for Shared {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl From<Vec<u8>> for Shared {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(FrameBuffer { bytes, start: 0 }))
    }
}

impl From<&[u8]> for Shared {
    fn from(bytes: &[u8]) -> Self {
        Self::from(bytes.to_vec())
    }
}

/// Shows none of its bytes, which may be somebody's message.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared({} bytes)", self.len())
    }
}

/// The bytes of a frame, behind room for a longer header than it has.
#[derive(Default)]
pub(super) struct FrameBuffer {
    bytes: Vec<u8>,
    start: u8,
}

impl FrameBuffer {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(usize::from(self.start)..).unwrap_or_default()
    }

    /// Its memory, without anything in it.
    pub(super) fn clear(&mut self) -> &mut Vec<u8> {
        self.start = 0;
        self.bytes.clear();
        &mut self.bytes
    }

    /// Is most of its memory unused? A reader is charged for the bytes of a frame that waits for it, so
    /// they are not to be much less than what it takes.
    pub(super) fn is_sparse(&self) -> bool {
        self.bytes.capacity() > 8 * self.bytes().len() + 128
    }

    /// A long frame takes no more memory than it has bytes: a buffer that grew for it may have twice as
    /// much.
    pub(super) fn shrink_long(&mut self) {
        if self.bytes.capacity() > SPARE_BYTES {
            self.bytes.shrink_to_fit();
        }
    }

    /// The frame begins there.
    pub(super) fn set_start(&mut self, start: usize) {
        self.start = start as u8;
    }
}

/// Shows none of its bytes.
impl fmt::Debug for FrameBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameBuffer({} bytes)", self.bytes().len())
    }
}

/// Frames that are out and that nobody holds: the memory of others.
#[derive(Debug, Default)]
pub(crate) struct SpareFrames(Vec<Shared>);

impl SpareFrames {
    /// Keeps `frame`, unless somebody else holds it, it is long, or there are enough.
    pub(crate) fn keep(&mut self, frame: Shared) {
        if self.0.len() < SPARES && frame.is_unique() && frame.capacity() <= SPARE_BYTES {
            self.0.push(frame);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Shared> {
        self.0.pop()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::connections::frame::Encoder;

    fn made(encoder: &mut Encoder, text: &str) -> Shared {
        encoder.text(|buffer| buffer.extend_from_slice(text.as_bytes()))
    }

    #[test]
    fn frame_in_used_memory_is_as_in_new() {
        for length in [0, 1, 125, 126, 300, 1_000, 70_000] {
            for before in [0, 125, 126, 1_000] {
                let [text, other] = [("b", length), ("a", before)].map(|(it, n)| it.repeat(n));
                let (mut encoder, mut spares) = (Encoder::default(), SpareFrames::default());
                let frame = made(&mut encoder, &other);
                let at = Arc::as_ptr(&frame.0);
                spares.keep(frame);
                encoder.take_spares(&mut spares);
                let again = made(&mut encoder, &text);
                let is_sparse = before > 8 * (length + 4) + 128;
                assert_eq!(at == Arc::as_ptr(&again.0), !is_sparse, "its memory was used again");
                assert_eq!(*again, *made(&mut Encoder::default(), &text));
                assert!(again.capacity() <= SPARE_BYTES.max(length + 10));
                spares.keep(again);
                encoder.take_spares(&mut spares);
                let raw = encoder.raw(|buffer| buffer.extend_from_slice(text.as_bytes()));
                assert_eq!(*raw, *text.as_bytes());
            }
        }
    }

    #[test]
    fn frame_that_somebody_holds_is_not_reused() {
        let (mut encoder, mut spares) = (Encoder::default(), SpareFrames::default());
        let frame = made(&mut encoder, "mine");
        spares.keep(frame.clone());
        assert!(spares.is_empty());
        encoder.take_spares(&mut spares);
        let other = made(&mut encoder, "other");
        assert_eq!((&frame[2..], &other[2..]), (b"mine".as_slice(), b"other".as_slice()));
    }

    #[test]
    fn spare_memory_has_a_bound() {
        let mut spares = SpareFrames::default();
        spares.keep(Shared::from(vec![0; SPARE_BYTES + 1]));
        assert!(spares.is_empty());
        (0..2 * SPARES).for_each(|_| spares.keep(Shared::from(vec![0; SPARE_BYTES])));
        assert_eq!(spares.0.len(), SPARES);
    }
}
