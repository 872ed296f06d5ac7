//! Sessions in the database. Each sign-in begins one: the family of refresh tokens that descend
//! from it.
//!
//! A token is single-use, and its use creates its successor. A second use within [`GRACE`] returns
//! the same successor: it comes from two tabs that refresh at once, or from a client that lost the
//! answer. A later use means that the token was copied, and as the server cannot tell the thief
//! from the owner, it ends the session (RFC 9700, section 4.14.2).

use std::fmt;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::schema::millis;
use crate::time::UnixTime;

/// How long after its first use a refresh token returns the same successor, in milliseconds.
const GRACE: i64 = 10_000;
/// The most sessions of one account. A new one beyond it ends the oldest.
const MAX_SESSIONS: i64 = 100;
/// The most unexpired tokens of one session: at one every 15 minutes, those of 42 days. None of
/// them is deleted early, or a thief could use up later tokens until the stolen one is forgotten.
/// So a session that needs more is ended.
const MAX_TOKENS: i64 = crate::config::check::MAX_REFRESHES as i64;
/// How many expired sessions, and how many expired tokens, each sign-in deletes.
const LEAVE_AT_ONCE: i64 = 16;

/// The SHA-256 of a refresh token. It needs no salt, as the token is random and cannot be guessed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenHash(pub(crate) [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// Begins a session of the account with key `user`, with its id and its first refresh token. Returns
/// false when the account is locked.
pub(crate) fn begin(
    database: &Connection,
    user: i64,
    (id, token): (&str, &TokenHash),
    now: UnixTime,
    expires_at: UnixTime,
) -> rusqlite::Result<bool> {
    forget_expired(database, millis(now))?;
    // Checked here, not with the password: the account may be locked while the password is hashed.
    let is_locked = database
        .prepare_cached("SELECT 1 FROM users WHERE key = ? AND locked_at IS NOT NULL")?
        .exists([user])?;
    if is_locked {
        return Ok(false);
    }
    let session = database
        .prepare_cached(
            "INSERT INTO sessions (user, id, created_at, used_at) VALUES (?, ?, ?3, ?3)",
        )?
        .insert(params![user, id, millis(now)])?;
    insert(database, token, session, 1, expires_at)?;
    database
        .prepare_cached(
            "DELETE FROM sessions WHERE user = ?1 AND key <= (
                 SELECT key FROM sessions WHERE user = ?1 ORDER BY key DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute([user, MAX_SESSIONS])
        .map(|_| true)
}

/// The result of using a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RefreshResult {
    /// The successor is valid. Holds the account's id, and the session's.
    Accepted(String, String),
    /// The token was never issued, or has expired, or its session has ended.
    Unknown,
    /// The token was used before, so its session was ended. Holds the account's id.
    Reused(String),
    /// The account has refreshed too often: after how long it may again.
    TooOften(Duration),
    /// The session had too many unexpired tokens, so it was ended. Holds the account's id.
    TooMany(String),
}

/// Uses the refresh token with this hash. `successor` is derived from the token, so that both uses
/// within the grace give the same one. `charge` is asked before it is stored, with the account's key.
pub(crate) fn refresh(
    database: &Connection,
    token: &TokenHash,
    successor: &TokenHash,
    (now, expires_at): (UnixTime, UnixTime),
    charge: impl FnOnce(i64) -> Result<(), Duration>,
) -> rusqlite::Result<RefreshResult> {
    struct TokenRow {
        session: i64,
        user: i64,
        n: i64,
        used_at: Option<i64>,
        user_id: String,
        id: String,
    }
    let now = millis(now);
    let found = database
        .prepare_cached(
            "SELECT session, n, refresh_tokens.used_at, users.id, sessions.id, users.key
             FROM refresh_tokens JOIN sessions ON sessions.key = session
             JOIN users ON users.key = sessions.user
             WHERE refresh_tokens.hash = ? AND expires_at > ? AND locked_at IS NULL",
        )?
        .query_row(params![token.0, now], |row| {
            Ok(TokenRow {
                session: row.get(0)?,
                n: row.get(1)?,
                used_at: row.get(2)?,
                user_id: row.get(3)?,
                id: row.get(4)?,
                user: row.get(5)?,
            })
        })
        .optional()?;
    let Some(found) = found else { return Ok(RefreshResult::Unknown) };
    match found.used_at {
        Some(used_at) if now.saturating_sub(used_at) > GRACE => {
            end(database, found.session)?;
            Ok(RefreshResult::Reused(found.user_id))
        }
        // After a change of the signing secret another successor is derived, which was never
        // stored.
        Some(_) if !exists(database, successor)? => Ok(RefreshResult::Unknown),
        Some(_) => Ok(RefreshResult::Accepted(found.user_id, found.id)),
        None if found.n - oldest(database, found.session, now)? >= MAX_TOKENS => {
            end(database, found.session)?;
            Ok(RefreshResult::TooMany(found.user_id))
        }
        None => {
            if let Err(wait) = charge(found.user) {
                return Ok(RefreshResult::TooOften(wait));
            }
            database
                .prepare_cached("UPDATE refresh_tokens SET used_at = ? WHERE hash = ?")?
                .execute(params![now, token.0])?;
            insert(database, successor, found.session, found.n + 1, expires_at)?;
            database
                .prepare_cached("UPDATE sessions SET used_at = ? WHERE key = ?")?
                .execute([now, found.session])?;
            forget_old(database, found.session, now)?;
            Ok(RefreshResult::Accepted(found.user_id, found.id))
        }
    }
}

/// Ends the session of the token with this hash, if it exists. Returns the id of its account.
pub(crate) fn log_out(
    database: &Connection,
    token: &TokenHash,
) -> rusqlite::Result<Option<String>> {
    database
        .prepare_cached(
            "DELETE FROM sessions
             WHERE key = (SELECT session FROM refresh_tokens WHERE hash = ?)
             RETURNING (SELECT id FROM users WHERE key = user)",
        )?
        .query_row([token.0], |row| row.get(0))
        .optional()
}

/// Deletes a few expired tokens of a session: more than one refresh adds.
fn forget_old(database: &Connection, session: i64, now: i64) -> rusqlite::Result<()> {
    database
        .prepare_cached(
            "DELETE FROM refresh_tokens WHERE session = ?1 AND expires_at <= ?2 AND n IN (
                 SELECT n FROM refresh_tokens WHERE session = ?1 ORDER BY n LIMIT 4)",
        )?
        .execute([session, now])
        .map(drop)
}

/// Deletes a few sessions whose tokens have all expired, and a few expired tokens of other
/// sessions.
fn forget_expired(database: &Connection, now: i64) -> rusqlite::Result<()> {
    database
        .prepare_cached(
            "DELETE FROM sessions WHERE key IN (
                 SELECT session FROM refresh_tokens WHERE expires_at <= ?1
                 ORDER BY expires_at LIMIT ?2)
             AND NOT EXISTS (
                 SELECT 1 FROM refresh_tokens WHERE session = key AND expires_at > ?1)",
        )?
        .execute([now, LEAVE_AT_ONCE])?;
    database
        .prepare_cached(
            "DELETE FROM refresh_tokens WHERE hash IN (
                 SELECT hash FROM refresh_tokens AS old WHERE expires_at <= ?1 AND EXISTS (
                     SELECT 1 FROM refresh_tokens WHERE session = old.session AND expires_at > ?1)
                 ORDER BY expires_at LIMIT ?2)",
        )?
        .execute([now, LEAVE_AT_ONCE])
        .map(drop)
}

/// The number of the session's oldest unexpired token.
fn oldest(database: &Connection, session: i64, now: i64) -> rusqlite::Result<i64> {
    database
        .prepare_cached(
            "SELECT n FROM refresh_tokens WHERE session = ? AND expires_at > ? ORDER BY n LIMIT 1",
        )?
        .query_row([session, now], |row| row.get(0))
}

fn end(database: &Connection, session: i64) -> rusqlite::Result<()> {
    database.prepare_cached("DELETE FROM sessions WHERE key = ?")?.execute([session]).map(drop)
}

fn insert(
    database: &Connection,
    token: &TokenHash,
    session: i64,
    n: i64,
    expires_at: UnixTime,
) -> rusqlite::Result<()> {
    database
        .prepare_cached(
            "INSERT INTO refresh_tokens (hash, session, n, expires_at) VALUES (?, ?, ?, ?)",
        )?
        .execute(params![token.0, session, n, millis(expires_at)])
        .map(drop)
}

fn exists(database: &Connection, token: &TokenHash) -> rusqlite::Result<bool> {
    database.prepare_cached("SELECT 1 FROM refresh_tokens WHERE hash = ?")?.exists([token.0])
}
