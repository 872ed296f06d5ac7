//! Looks for a close frame behind one that was refused (RFC 6455, section 7.1.2).
//!
//! The server has sent its close frame and waits for the peer's. The peer may have sent whole frames
//! before it heard of that, the refused one first, and its answer comes behind them. Lengths are all
//! that is read of them; what they carry is passed over.

/// The longest header: 2 bytes, 8 of length, 4 of mask.
const MAX_HEADER: usize = 14;

/// What is kept between reads: 32 bytes, however long the frames are.
#[derive(Debug, Default)]
pub(crate) struct CloseFinder {
    /// Bytes of the present frame's payload that are still to come.
    skip: u64,
    /// The first bytes of a header that is not whole.
    header: [u8; MAX_HEADER],
    header_bytes: usize,
}

impl CloseFinder {
    /// How many frames begin or go on in `bytes`, and is one of them a close frame? O(frames).
    pub(crate) fn find(&mut self, mut bytes: &[u8]) -> (u32, bool) {
        let mut frames = 0;
        loop {
            let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
            self.skip -= passed as u64;
            bytes = bytes.get(passed..).unwrap_or_default();
            if bytes.is_empty() {
                return (frames, false);
            }
            frames += 1;
            let had = self.header_bytes;
            for (place, byte) in self.header.iter_mut().skip(had).zip(bytes) {
                *place = *byte;
                self.header_bytes += 1;
            }
            let known = self.header.get(..self.header_bytes).unwrap_or_default();
            let Some((header_bytes, payload_bytes, is_close)) = parse(known) else {
                return (frames, false);
            };
            if is_close {
                return (frames, true);
            }
            bytes = bytes.get(header_bytes.saturating_sub(had)..).unwrap_or_default();
            (self.skip, self.header_bytes) = (payload_bytes, 0);
        }
    }
}

/// How long the header is, and what it announces; `None`: it is not whole.
fn parse(bytes: &[u8]) -> Option<(usize, u64, bool)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let extended = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let header_bytes = 2 + extended + mask;
    if bytes.len() < header_bytes {
        return None;
    }
    let length = bytes.get(2..2 + extended)?;
    let payload_bytes = match extended {
        0 => u64::from(second & 0x7f),
        _ => length.iter().fold(0, |length, &byte| length << 8 | u64::from(byte)),
    };
    Some((header_bytes, payload_bytes, first & 0x8f == 0x88))
}
