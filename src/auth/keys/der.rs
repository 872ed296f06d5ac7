//! As much of DER (X.690) as a public key and the end of a certificate need: tags, lengths, and what is inside.

/// An INTEGER.
pub(super) const INTEGER: u8 = 0x02;
/// A BIT STRING.
pub(super) const BIT_STRING: u8 = 0x03;
/// A NULL.
pub(super) const NULL: u8 = 0x05;
/// An OBJECT IDENTIFIER.
pub(super) const OBJECT_ID: u8 = 0x06;
/// A SEQUENCE.
pub(crate) const SEQUENCE: u8 = 0x30;

/// What is left to read.
#[derive(Debug)]
pub(crate) struct Der<'a>(pub(crate) &'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next element, if it has this tag and is there whole.
    pub(crate) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        // A length of up to 127 is itself; else it says how many bytes the length has. Four of them
        // are more than any key.
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (found == tag).then_some(content)
    }

    /// The next element, which is a SEQUENCE.
    pub(crate) fn enter(&mut self) -> Option<Self> {
        self.take(SEQUENCE).map(Der)
    }

    /// Nothing is left.
    pub(crate) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}
