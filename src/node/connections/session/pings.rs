//! The server's pings to one connection: how many are unanswered, in a byte.

/// What is known of the pings that were sent.
///
/// Anything that the peer sends shows that it is alive, so it answers all of them. Only a pong that
/// was asked for is free, though: any other one is charged like a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pings(u8);

/// The last one is queued, and not written yet.
const UNWRITTEN: u8 = 0x80;
/// A pong is due for one of them.
const PONG_OWED: u8 = 0x40;
const COUNT: u8 = 0x3f;

impl Pings {
    /// How many were sent since the peer was heard last.
    pub(crate) fn unanswered(self) -> u8 {
        self.0 & COUNT
    }

    /// One more is queued.
    pub(crate) fn queue(&mut self) {
        self.0 = (self.unanswered() + 1).min(COUNT) | UNWRITTEN | PONG_OWED;
    }

    /// A ping is queued to see whether the peer is there, whatever its silence: its pong is free.
    pub(crate) fn owe_pong(&mut self) {
        self.0 |= PONG_OWED;
    }

    /// All that was queued is written. True: a ping was among it.
    pub(crate) fn write(&mut self) -> bool {
        let was_unwritten = self.0 & UNWRITTEN != 0;
        self.0 &= !UNWRITTEN;
        was_unwritten
    }

    /// The peer has sent something.
    pub(crate) fn answer(&mut self) {
        self.0 &= PONG_OWED;
    }

    /// A pong came. True: it answers a ping.
    pub(crate) fn take_pong(&mut self) -> bool {
        let is_owed = self.0 & PONG_OWED != 0;
        self.0 &= !PONG_OWED;
        is_owed
    }
}
