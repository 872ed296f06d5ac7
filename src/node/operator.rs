//! What an operator may do to a user: end the sessions, or ask for a fresh token.

use super::Node;
use crate::protocol::CloseReason;
use crate::time::Now;

impl Node {
    /// Closes every connection of `user` with 1008 `Session revoked`, and says how many there were.
    ///
    /// A token that was issued before stays refused for as long as one in use then could live: up to
    /// the last expiry among the closed sessions, and at least as long as a session goes between
    /// two checks. O(connections of that user).
    pub fn disconnect(&mut self, now: Now, user: &str) -> usize {
        let members: Vec<usize> = self.users.members(user).collect();
        let session_age = self.policy.reauth_after + self.policy.reauth_grace;
        let mut until = now.unix + session_age.max(self.policy.reauth_before_expiry);
        for &index in &members {
            if let Some(connection) = self.connections.get(index)
                && let Some(token_end) = connection.token_end()
            {
                until = until.max(now.unix_at(token_end));
            }
        }
        let hash = self.hash(&[user]);
        self.revocations.revoke(now.unix, hash, until);
        for &index in &members {
            self.close(now, index, CloseReason::SessionRevoked);
        }
        members.len()
    }

    /// Sends `auth_required` with the reason `requested` to every connection of `user` that is not
    /// asked already, and says how many that were. O(connections of that user).
    pub fn require_auth(&mut self, now: Now, user: &str) -> usize {
        let members: Vec<usize> = self.users.members(user).collect();
        let asked = members.into_iter().filter(|&index| {
            self.with_session(index, |session, _| session.require_auth(now.monotonic))
                .unwrap_or(false)
        });
        asked.count()
    }
}
