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
    /// How long a leave waits before the application and those who watch the room hear of it. A user
    /// who is back in the room by then has not left: the new connection takes the place of the lost one.
    /// Leaves that wait take up to a quarter of `limits.history_bytes`; one more than that does not wait,
    /// and neither does the leave of a client that was told not to come back. `0s`: none waits.
    linger: Length = Length::from_secs(10), "`0s` to `1h`", reload;
    /// How long a restart takes from the end of the drain; the time of the last one counts if it is
    /// longer. Clients that can be told when to come back are closed at the end of the drain, and each
    /// has its own moment after this. `0s`: other servers take them at once, so they are closed as all
    /// others are.
    restart: Length = Length::from_secs(1), "`0s` to `366d`", reload;
    /// Whether what rooms have said last is kept in the file `history` of `data` while the server
    /// restarts, so that clients go on where they were. The file contains messages, and can be read
    /// by its owner only. Applications in memory have no use for it.
    persist: bool = true, "`true` or `false`", restart;
}
