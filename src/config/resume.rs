//! `[resume]`: clients that come back.

use super::units::Length;

section! {
    /// `[resume]`: what a client gets that comes back.
    #[derive(Debug)]
    pub struct Resume at resume:

    /// How long the last messages of a room are kept once its last member has left. A client that
    /// is back within this time gets what it has missed. A longer time bridges longer journeys, and
    /// keeps more rooms in `limits.history_bytes`.
    window: Length = Length::from_secs(120), "`1ms` to `366d`", reload;
}
