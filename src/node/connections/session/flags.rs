//! What a session keeps a bit of each for: it has no byte to spare.

/// Facts that are true or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u8);

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

    /// The 101 is not out yet.
    pub(crate) const UPGRADING: Self = Self(1 << 3);

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
}
