//! Invitations in the database: who may sign up where sign-up is by invitation.
//!
//! Only the SHA-256 of a code is stored. A code is used once, and not after its end.

use rusqlite::{Connection, params};

use super::schema::millis;
use super::sessions::TokenHash;
use crate::time::UnixTime;

/// Stores an invitation, for this email or for any. Returns false when there are `most` already.
/// Those that have ended are deleted first.
pub(crate) fn create(
    database: &Connection,
    code: &TokenHash,
    email: Option<&str>,
    (now, expires_at): (UnixTime, UnixTime),
    most: usize,
) -> rusqlite::Result<bool> {
    database
        .prepare_cached("DELETE FROM invitations WHERE expires_at <= ?")?
        .execute([millis(now)])?;
    let count: i64 = database
        .prepare_cached("SELECT count(*) FROM invitations")?
        .query_row([], |row| row.get(0))?;
    if count >= i64::try_from(most).unwrap_or(i64::MAX) {
        return Ok(false);
    }
    database
        .prepare_cached("INSERT INTO invitations (hash, email, expires_at) VALUES (?, ?, ?)")?
        .execute(params![code.0, email, millis(expires_at)])
        .map(|_| true)
}

/// Whether this code invites this email.
pub(crate) fn is_valid(
    database: &Connection,
    code: &TokenHash,
    email: &str,
    now: UnixTime,
) -> rusqlite::Result<bool> {
    database
        .prepare_cached(
            "SELECT 1 FROM invitations
             WHERE hash = ? AND (email IS NULL OR email = ?) AND expires_at > ?",
        )?
        .exists(params![code.0, email, millis(now)])
}

/// Uses the invitation with this code up.
pub(crate) fn delete(database: &Connection, code: &TokenHash) -> rusqlite::Result<()> {
    database.prepare_cached("DELETE FROM invitations WHERE hash = ?")?.execute([code.0]).map(drop)
}
