//! `[resume]`: clients that come back.

use std::fmt;

use super::units::Length;

section! {
    /// `[resume]`: what a client gets that comes back.
    pub struct Resume at resume:

    /// How long the last messages of a room are kept once its last user has left. A client that
    /// is back within this time gets what it has missed. A longer time bridges longer journeys, and
    /// keeps more rooms in `limits.history_bytes`.
    window: Length = Length::from_secs(120), "`1ms` to `366d`", reload;
    /// How long a leave waits before it is reported to the application and in presence. A user
    /// who is back in the room by then has not left: the new connection takes the place of the lost one.
    /// Leaves that wait take up to a quarter of `limits.history_bytes`; one more than that does not
    /// wait, and neither does the leave of a client that must not come back, nor one from rooms
    /// in memory (`--app`). `0s`: none waits.
    linger: Length = Length::from_secs(10), "`0s` to `1h`", reload;
    /// How long a restart takes from the end of the drain; the time of the last one counts if it is
    /// longer. Clients that can be told when to come back are closed at the end of the drain, and each
    /// has its own moment, the first after 1.25 times this. `0s`: other servers take them at once,
    /// so they are closed as all others are.
    restart: Length = Length::from_secs(1), "`0s` to `366d`", reload;
    /// With `true`, the last messages of rooms are kept in the file `history` of `data` while the
    /// server restarts, so that clients resume. The file contains messages, and can be read
    /// by its owner only. Applications in memory have no use for it. The recipe chat keeps these messages
    /// in its database instead, for three days, so that clients resume also after a crash; with `false`
    /// it keeps none.
    persist: bool = true, "`true` or `false`", restart;
    /// How long a client that resumes is admitted again without waiting for the application, counted
    /// from the last time that the application admitted it. The application is notified and may still
    /// refuse; the connection is then closed. Until then, a user whom it would refuse by now is in the
    /// room. `0s`: the application is asked each time.
    trust_join: Length = Length::from_secs(0), "`0s` to `1h`", reload;
    /// File with a secret, of at least 32 random bytes, by which clients show what was checked before,
    /// and by which TLS sessions are resumed after a restart. Servers that share their clients need
    /// the same. Empty: it is derived from `auth.secret` or the file of `backend.secret_file`; without
    /// either, what clients show is of use until the server restarts.
    secret_file: String = String::new(), "empty, or a path", reload;

    beside {
        /// What the file holds: put here by whoever reads files, and never written. Empty: nothing.
        #[serde(skip)]
        secret: Vec<u8>,
    }
}

/// The secret is masked: a configuration may be logged, a secret never.
impl fmt::Debug for Resume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resume")
            .field("window", &self.window)
            .field("linger", &self.linger)
            .field("restart", &self.restart)
            .field("persist", &self.persist)
            .field("trust_join", &self.trust_join)
            .field("secret_file", &self.secret_file)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resume_secret_is_hidden_in_debug_output() {
        let resume = Resume { secret: b"hush-hush".to_vec(), ..Resume::default() };
        let debug = format!("{resume:?}");
        assert!(!debug.contains("hush") && !debug.contains("104"), "{debug}");
    }
}
