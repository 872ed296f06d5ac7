//! Sign-ins in the database: each is a session, the family of refresh tokens that descend from it.
//!
//! A token is used once, and its use makes its successor. Used again within [`GRACE`] it gives the
//! same successor again: two tabs that refresh at once, or a client whose answer was lost, are no
//! thieves. Used again later, somebody has a copy, and nobody can tell who is who: the session ends
//! (RFC 9700, section 4.14.2).

use rusqlite::{Connection, OptionalExtension as _, params};

use super::chat::millis;
use crate::recipes::accounts::TokenHash;
use crate::time::UnixTime;

/// How long after its use, in milliseconds, a refresh token is answered with the same successor.
const GRACE: i64 = 10_000;
/// Sessions of one account; a new one ends the oldest beyond.
const MAX_SESSIONS: i64 = 100;
/// Tokens of one session that have not expired: with one every 15 minutes, those of 42 days. None of
/// them is ever forgotten, or a thief could have one forgotten by using the next ones up; so a session
/// that goes through more of them has ended.
const MAX_TOKENS: i64 = crate::config::check::MAX_REFRESHES as i64;
/// Sessions and tokens that have expired and leave with each sign-in.
const LEAVE_AT_ONCE: i64 = 16;

/// Begins a session for the account at `user`, with its first refresh token. False: it is locked.
pub(in crate::recipes) fn begin(
    database: &Connection,
    user: i64,
    token: &TokenHash,
    now: UnixTime,
    expires_at: UnixTime,
) -> rusqlite::Result<bool> {
    forget_expired(database, millis(now))?;
    // Asked here and not with the password: it may be locked while that is hashed.
    let is_locked = database
        .prepare_cached("SELECT 1 FROM users WHERE key = ? AND locked_at IS NOT NULL")?
        .exists([user])?;
    if is_locked {
        return Ok(false);
    }
    let session =
        database.prepare_cached("INSERT INTO sessions (user) VALUES (?)")?.insert([user])?;
    insert(database, token, session, 1, expires_at)?;
    database
        .prepare_cached(
            "DELETE FROM sessions WHERE user = ?1 AND key <= (
                 SELECT key FROM sessions WHERE user = ?1 ORDER BY key DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute([user, MAX_SESSIONS])
        .map(|_| true)
}

/// Ends every session of the account of this id, if there is one.
pub(in crate::recipes) fn end_all(database: &Connection, id: &str) -> rusqlite::Result<()> {
    database
        .prepare_cached("DELETE FROM sessions WHERE user = (SELECT key FROM users WHERE id = ?)")?
        .execute([id])
        .map(drop)
}

/// What became of a refresh token that was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::recipes) enum RefreshResult {
    /// Its successor is good, for the account of this id.
    Accepted(String),
    /// It was never given out, or has expired, or its session has ended.
    Unknown,
    /// It had been used before: the session of the account of this id has ended.
    Reused(String),
    /// Its session went through too many of them: it has ended, of the account of this id.
    TooMany(String),
}

/// Uses the refresh token of this hash. `successor` is derived from the token, so that it is the
/// same when it is used twice.
pub(in crate::recipes) fn refresh(
    database: &Connection,
    token: &TokenHash,
    successor: &TokenHash,
    now: UnixTime,
    expires_at: UnixTime,
) -> rusqlite::Result<RefreshResult> {
    struct Found {
        session: i64,
        n: i64,
        used_at: Option<i64>,
        user_id: String,
    }
    let now = millis(now);
    let found = database
        .prepare_cached(
            "SELECT session, n, used_at, users.id
             FROM refresh_tokens JOIN sessions ON sessions.key = session
             JOIN users ON users.key = sessions.user
             WHERE refresh_tokens.hash = ? AND expires_at > ? AND locked_at IS NULL",
        )?
        .query_row(params![token.as_bytes(), now], |row| {
            Ok(Found {
                session: row.get(0)?,
                n: row.get(1)?,
                used_at: row.get(2)?,
                user_id: row.get(3)?,
            })
        })
        .optional()?;
    let Some(found) = found else { return Ok(RefreshResult::Unknown) };
    match found.used_at {
        Some(used_at) if now.saturating_sub(used_at) > GRACE => {
            end(database, found.session)?;
            Ok(RefreshResult::Reused(found.user_id))
        }
        // Under another signing secret the successor would be another one, which was never stored.
        Some(_) if !exists(database, successor)? => Ok(RefreshResult::Unknown),
        Some(_) => Ok(RefreshResult::Accepted(found.user_id)),
        None if found.n - oldest(database, found.session, now)? >= MAX_TOKENS => {
            end(database, found.session)?;
            Ok(RefreshResult::TooMany(found.user_id))
        }
        None => {
            database
                .prepare_cached("UPDATE refresh_tokens SET used_at = ? WHERE hash = ?")?
                .execute(params![now, token.as_bytes()])?;
            insert(database, successor, found.session, found.n + 1, expires_at)?;
            forget_old(database, found.session, now)?;
            Ok(RefreshResult::Accepted(found.user_id))
        }
    }
}

/// Ends the session that the token of this hash belongs to, if there is one.
pub(in crate::recipes) fn log_out(
    database: &Connection,
    token: &TokenHash,
) -> rusqlite::Result<()> {
    database
        .prepare_cached(
            "DELETE FROM sessions
             WHERE key = (SELECT session FROM refresh_tokens WHERE hash = ?)",
        )?
        .execute([token.as_bytes()])
        .map(drop)
}

/// Forgets a few tokens of a session that have expired: more than come in.
fn forget_old(database: &Connection, session: i64, now: i64) -> rusqlite::Result<()> {
    database
        .prepare_cached(
            "DELETE FROM refresh_tokens WHERE session = ?1 AND expires_at <= ?2 AND n IN (
                 SELECT n FROM refresh_tokens WHERE session = ?1 ORDER BY n LIMIT 4)",
        )?
        .execute([session, now])
        .map(drop)
}

/// Forgets a few sessions that nobody came back to, and a few expired tokens of those that live.
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

/// The number of the session's oldest token that has not expired.
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
        .execute(params![token.as_bytes(), session, n, millis(expires_at)])
        .map(drop)
}

fn exists(database: &Connection, token: &TokenHash) -> rusqlite::Result<bool> {
    database
        .prepare_cached("SELECT 1 FROM refresh_tokens WHERE hash = ?")?
        .exists([token.as_bytes()])
}
