//! Where a connection stands, from its first byte to its last. [`Phase`] is what others see of it.
//!
//! ```text
//! ProxyHeader ─▶ Head ─▶ Body ─▶ Checking ─▶ Asked ─▶ Responding ─▶ Lingering ─▶ Dropped
//!                  └───────────────┤ 101                                            ▲
//!            Authenticating ◀──────┘                                             Ending
//!                  └─▶ Joining ─▶ Connected ◀─▶ Reauthenticating ─▶ CloseSent ───▶──┤
//!                                                                       └─▶ Discarding
//! ```
//!
//! A stage may be passed over, and each may be the last one before the end.

use crate::node::connections::session::phase::Phase;

/// Where a connection stands. In the order of a life: a stage from `Responding` on is never left for
/// one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Its proxy has not said yet whom it was called by (the PROXY protocol).
    ProxyHeader,
    /// The head of its request is not whole.
    Head,
    /// The body of its request is not.
    Body,
    /// The token of its request is checked.
    Checking,
    /// The application has its request.
    Asked,
    /// A WebSocket that has not authenticated yet.
    Authenticating,
    /// The user is known, and the application is asked for the room.
    Joining,
    /// In the room.
    Connected,
    /// In the room, and asked for a fresh token.
    Reauthenticating,
    /// The answer to its request is queued. What it sends is passed over from here on.
    Responding,
    /// The answer is out and the write side shut down; the peer may still be sending.
    Lingering,
    /// The close frame is queued, and the peer's awaited.
    CloseSent,
    /// The same, but its bytes cannot be understood, or need not be: only a close frame is looked for.
    Discarding,
    /// The TCP connection ends when everything is written. What it sends is passed over.
    Ending,
    /// The driver is told to drop the socket; nothing reaches it any more.
    Dropped,
}

impl Stage {
    /// What others see of it.
    pub(crate) const fn phase(self) -> Phase {
        match self {
            Self::ProxyHeader | Self::Head | Self::Body | Self::Checking | Self::Asked => {
                Phase::Handshaking
            }
            Self::Authenticating => Phase::Authenticating,
            Self::Joining => Phase::Joining,
            Self::Connected => Phase::Connected,
            Self::Reauthenticating => Phase::Reauthenticating,
            Self::Responding | Self::Lingering => Phase::Closing,
            Self::CloseSent | Self::Discarding | Self::Ending | Self::Dropped => Phase::Closing,
        }
    }

    /// Nothing more is read: its request is whole, and its answer awaited.
    pub(crate) const fn awaits_answer(self) -> bool {
        matches!(self, Self::Checking | Self::Asked)
    }

    /// What it sends are frames, and each is looked at.
    pub(crate) const fn takes_frames(self) -> bool {
        match self {
            Self::Authenticating | Self::Joining | Self::Connected => true,
            Self::Reauthenticating | Self::CloseSent => true,
            Self::ProxyHeader | Self::Head | Self::Body | Self::Checking | Self::Asked => false,
            Self::Responding | Self::Lingering => false,
            Self::Discarding | Self::Ending | Self::Dropped => false,
        }
    }
}
