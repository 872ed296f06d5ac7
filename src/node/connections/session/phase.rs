//! The phases of a connection's life, in the order of the drawing in [`session`](super).

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The request head is not whole.
    Handshaking,
    /// A WebSocket that has not authenticated yet.
    Authenticating,
    /// The user is known, and the application is asked for the room.
    Joining,
    /// In the room.
    Connected,
    /// In the room, and asked for a fresh token.
    Reauthenticating,
    /// Our last frame is queued; the peer may still be sending.
    Closing,
}

impl Phase {
    /// Every phase, in the order of a life.
    pub const ALL: [Self; 6] = [
        Self::Handshaking,
        Self::Authenticating,
        Self::Joining,
        Self::Connected,
        Self::Reauthenticating,
        Self::Closing,
    ];

    /// Its name among the labels of the metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handshaking => "handshaking",
            Self::Authenticating => "authenticating",
            Self::Joining => "joining",
            Self::Connected => "connected",
            Self::Reauthenticating => "reauthenticating",
            Self::Closing => "closing",
        }
    }

    /// In the room.
    #[must_use]
    pub const fn is_authenticated(self) -> bool {
        matches!(self, Self::Connected | Self::Reauthenticating)
    }

    /// Not yet in the room: counted against the bound on pending connections.
    #[must_use]
    pub const fn is_pending(self) -> bool {
        matches!(self, Self::Handshaking | Self::Authenticating | Self::Joining)
    }
}
