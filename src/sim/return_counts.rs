//! What a world of clients that come back counts.

/// What has happened in a world of clients that come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReturnCounts {
    /// How often a client went on where it was.
    pub resumed: u64,
    /// How often a client gave a position and had to begin anew.
    pub not_resumed: u64,
    /// How often a client was told when to come back.
    pub slots: u64,
    /// How often the server was stopped in order and started again.
    pub restarts: u64,
    /// How often it was killed.
    pub kills: u64,
    /// How many rooms' logs went from one process to the next.
    pub rooms_read: u64,
    /// How many tokens were refused.
    pub refused: u64,
    /// How many joins the application was only told of.
    pub told: u64,
    /// How often an operator disconnected a user.
    pub disconnected: u64,
}
