//! Identities: which connection, which message; and the seeded randomness they are made from.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::str::FromStr;

use siphasher::sip::SipHasher13;
use siphasher::sip128::{self, Hasher128};

use crate::time::UnixTime;

/// A connection's place in the node's tables. It is used again when its connection is gone: what
/// outlives a call keeps a [`ConnId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot(u32);

impl Slot {
    pub(crate) const fn new(index: u32) -> Self {
        Self(index)
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Which connection: a slot of the slab, and the generation of what lives in it.
///
/// A slot is used again after its connection is gone, a generation is not (before 2³² accepts have
/// passed), so a late completion or a stale event can never reach a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId {
    index: u32,
    generation: u32,
}

impl ConnId {
    /// The connection of `generation` in slot `index`.
    #[must_use]
    pub const fn new(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    /// The slot in the slab.
    #[must_use]
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// The slot, for the node's own tables.
    pub(crate) const fn slot(self) -> Slot {
        Slot(self.index)
    }

    /// Which of the slot's successive connections.
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.generation
    }

    /// Both halves in one number, for a poller's token.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// Appends its text to `buffer`: the same as the formatter writes, for a tenth of the instructions.
    pub(crate) fn write(self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&hex_digits(self.generation));
        buffer.push(b'-');
        let zeros = self.index.leading_zeros() as usize / 4;
        buffer.extend(hex_digits(self.index).into_iter().skip(zeros.min(2)));
    }

    /// The inverse of [`ConnId::to_bits`].
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self { index: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// `generation-index`, in hexadecimal: short enough for a log line, unique in a node's life.
impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:06x}", self.generation, self.index)
    }
}

/// The inverse of the above, and of nothing else: one connection has one name.
impl FromStr for ConnId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let (generation, index) = text.split_once('-').ok_or(MalformedId)?;
        let number = |digits| u32::from_str_radix(digits, 16).map_err(|_| MalformedId);
        let id = Self { index: number(index)?, generation: number(generation)? };
        if id.to_string() == text { Ok(id) } else { Err(MalformedId) }
    }
}

/// The text is not the name of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedId;

impl fmt::Display for MalformedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the id of a connection, such as 0000002a-000007")
    }
}

impl std::error::Error for MalformedId {}

/// Seeded pseudo-random numbers: the same seed gives the same run.
///
/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014): for
/// spreads and identifiers, never for keys.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator that will repeat itself for the same `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 when `bound` is 0. Biased by less than `bound` / 2⁶⁴.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }
}

/// The secret of a node: 128 bits of the operating system's entropy, from which each use derives a
/// key of its own by a label.
///
/// A derived key tells nothing about the seed, nor about a key of another label: SipHash-2-4 is a
/// pseudorandom function (Aumasson, Bernstein, 2012). So a value that is shown, such as a message's
/// id, cannot be used to compute one that is not.
#[derive(Clone)]
pub struct Seed([u8; 16]);

impl Seed {
    /// These 16 bytes. Take them from the operating system: `vestibule::net::seed` does.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A seed that anybody can compute: for tests, benchmarks and the simulator, which repeats
    /// itself by it.
    #[must_use]
    pub fn predictable(number: u64) -> Self {
        Self(u128::from(number).to_le_bytes())
    }

    /// The seed of one use. Each use has a label that no other has.
    #[must_use]
    pub fn derive(&self, label: &str) -> Self {
        let mut hasher = sip128::SipHasher24::new_with_key(&self.0);
        hasher.write(label.as_bytes());
        Self(hasher.finish128().as_bytes())
    }

    /// The seed itself, for a use that needs a key.
    pub(crate) fn bytes(&self) -> [u8; 16] {
        self.0
    }

    /// A generator for this use: for spreads and delays, never for what must stay hidden.
    #[must_use]
    pub fn rng(&self) -> Rng {
        Rng::new(u128::from_le_bytes(self.0) as u64)
    }
}

/// Shows nothing: it is a secret.
impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// Identifiers for the messages the server sends: UUIDv7 (RFC 9562, section 5.7).
///
/// Their random bits are SipHash-2-4 of a counter, under a key of their own: from any number of
/// identifiers nobody can compute another one, or anything else of the node.
#[derive(Debug)]
pub struct MessageIds {
    key: Seed,
    count: u64,
}

impl MessageIds {
    /// Identifiers that differ from those of every node with another `key`.
    #[must_use]
    pub const fn new(key: Seed) -> Self {
        Self { key, count: 0 }
    }

    /// The next one, made at `now`: 48 bits of time, 74 random bits.
    pub fn next(&mut self, now: UnixTime) -> MessageId {
        self.count = self.count.wrapping_add(1);
        let mut hasher = sip128::SipHasher24::new_with_key(&self.key.0);
        hasher.write_u64(self.count);
        let bits = hasher.finish128();
        let high = now.as_millis() << 16 | 0x7000 | bits.h1 >> 52;
        let words = [high >> 32, high, bits.h2 >> 34 | 1 << 31, bits.h2 >> 2];
        let [first, second, third, fourth] = words.map(|bits| hex_digits(bits as u32));
        let mut text = [b'-'; 36];
        text[..8].copy_from_slice(&first);
        text[9..13].copy_from_slice(&second[..4]);
        text[14..18].copy_from_slice(&second[4..]);
        text[19..23].copy_from_slice(&third[..4]);
        text[24..28].copy_from_slice(&third[4..]);
        text[28..].copy_from_slice(&fourth);
        MessageId(text)
    }
}

/// The eight hexadecimal digits of a number, all at once: each becomes a byte of a word.
fn hex_digits(number: u32) -> [u8; 8] {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let mut digits = (u64::from(number) << 16 | u64::from(number)) & 0x0000_ffff_0000_ffff;
    digits = (digits << 8 | digits) & 0x00ff_00ff_00ff_00ff;
    digits = (digits << 4 | digits) & 0x0f0f_0f0f_0f0f_0f0f;
    // 1 in the byte of each that is a letter: with 6 more it does not fit into four bits.
    let letters = (digits + ONES * 6) >> 4 & ONES;
    (digits + ONES * b'0' as u64 + letters * (b'a' - b'9' - 1) as u64).to_be_bytes()
}

/// One identifier, as its 36 characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MessageId(pub(crate) [u8; 36]);

impl MessageId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only hexadecimal digits and dashes are ever written, so this is never the fallback.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for MessageId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// SipHash-1-3 under a secret key, for tables whose keys a peer chooses.
///
/// A peer that does not know the key cannot make entries collide; the same key hashes alike, so the
/// simulator repeats itself. (The standard library's own `RandomState` cannot be given a key.)
#[derive(Clone)]
pub(crate) struct SeededState(SipHasher13);

impl SeededState {
    /// Hashes that only who knows `key` can compute.
    #[must_use]
    pub(crate) fn new(key: &Seed) -> Self {
        Self(SipHasher13::new_with_key(&key.0))
    }

    /// One hash over several texts, each closed off so that `("a", "b")` is not `("ab", "")`.
    #[must_use]
    pub(crate) fn hash_texts(&self, texts: &[&str]) -> u64 {
        let mut gathered = [0; 256];
        if let Some(gathered) = gather(texts, &mut gathered) {
            return self.0.hash(gathered);
        }
        self.hash_each(texts)
    }

    /// The same hash, of texts of any length: of short ones it costs twice as much.
    fn hash_each(&self, texts: &[&str]) -> u64 {
        let mut hasher = self.build_hasher();
        for text in texts {
            hasher.write(text.as_bytes());
            hasher.write_u8(0xff);
        }
        hasher.finish()
    }
}

/// Puts the texts into `buffer`, each closed off. `None`: they do not fit.
fn gather<'a>(texts: &[&str], buffer: &'a mut [u8; 256]) -> Option<&'a [u8]> {
    let mut length = 0;
    for text in texts {
        let end = length + text.len();
        buffer.get_mut(length..end)?.copy_from_slice(text.as_bytes());
        *buffer.get_mut(end)? = 0xff;
        length = end + 1;
    }
    buffer.get(..length)
}

impl BuildHasher for SeededState {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        self.0
    }
}

/// Shows nothing: its key is a secret.
impl fmt::Debug for SeededState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeededState(..)")
    }
}

#[cfg(test)]
mod tests;
