//! What a session keeps a bit of each for, and its connection too: they have no byte to spare.

use crate::protocol::ReauthReason;

/// Facts that are true or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u16);

impl Flags {
    /// A re-authentication's join is with the application.
    pub(crate) const REJOINING: Self = Self(1);
    /// It has been re-authenticated.
    pub(crate) const RENEWED: Self = Self(1 << 1);
    /// It was authenticated by its request, and not by an `auth` message.
    pub(crate) const OLD_CLIENT: Self = Self(1 << 2);

    /// Its first `auth` asked for the users of its room.
    pub(crate) const WATCHES_PRESENCE: Self = Self(1 << 4);
    /// Its client supports resuming.
    pub(crate) const RESUMES: Self = Self(1 << 5);

    /// It was in the room once, so its token has an end.
    pub(crate) const ADMITTED: Self = Self(1 << 6);

    /// The 101 is not out yet.
    pub(crate) const UPGRADING: Self = Self(1 << 3);

    /// It is asked for its next `auth` as it has been there for long, or (the other) as an operator wants
    /// it; neither: as its token ends.
    const REAUTH_BY_AGE: Self = Self(1 << 7);
    const REAUTH_REQUESTED: Self = Self(1 << 8);

    /// What its connection counts as; none of them: a client's.
    pub(crate) const REQUEST: Self = Self(1 << 9);
    pub(crate) const OPERATOR: Self = Self(1 << 10);
    pub(crate) const COLLECTOR: Self = Self(1 << 11);
    /// A flush of its connection is on the list of actions already.
    pub(crate) const FLUSH_QUEUED: Self = Self(1 << 12);

    pub(crate) const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    pub(crate) const fn set(&mut self, flag: Self, is_true: bool) {
        if is_true {
            self.0 |= flag.0;
        } else {
            self.0 &= !flag.0;
        }
    }

    /// From here on it is asked for its next `auth` for this reason.
    pub(super) fn set_reauth_reason(&mut self, reason: ReauthReason) {
        self.set(Self::REAUTH_BY_AGE, reason == ReauthReason::SessionAge);
        self.set(Self::REAUTH_REQUESTED, reason == ReauthReason::Requested);
    }

    pub(super) const fn reauth_reason(self) -> ReauthReason {
        if self.has(Self::REAUTH_REQUESTED) {
            ReauthReason::Requested
        } else if self.has(Self::REAUTH_BY_AGE) {
            ReauthReason::SessionAge
        } else {
            ReauthReason::TokenExpiring
        }
    }
}
