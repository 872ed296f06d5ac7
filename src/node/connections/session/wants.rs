//! What the first `auth` of a connection asked for.

use crate::node::connections::session::Session;
use crate::node::connections::session::flags::Flags;
use crate::protocol::{ResumeFrom, Wants};

impl Session {
    /// What its first `auth` asked for.
    pub(crate) fn set_wants(&mut self, wants: Wants) {
        self.flags.set(Flags::WATCHES_PRESENCE, wants.presence);
        self.flags.set(Flags::RESUMES, wants.resume != ResumeFrom::Unsupported);
    }

    pub(crate) fn watches_presence(&self) -> bool {
        self.flags.has(Flags::WATCHES_PRESENCE)
    }

    /// Its client supports resuming.
    pub(crate) fn supports_resume(&self) -> bool {
        self.flags.has(Flags::RESUMES)
    }
}
