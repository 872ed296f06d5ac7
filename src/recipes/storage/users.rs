//! Accounts in the database.

use std::fmt;

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};

use super::schema::millis;
use super::sessions;
use crate::time::UnixTime;

/// An account, without its password hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserAccount {
    /// Its row in the database.
    pub(crate) key: i64,
    /// The `sub` of its access tokens.
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) created_at: UnixTime,
}

/// The hash of a password, with the costs it was computed with, as the configuration may change.
pub(crate) struct PasswordHash {
    pub(crate) salt: Vec<u8>,
    pub(crate) output: Vec<u8>,
    pub(crate) memory_kib: u32,
    pub(crate) iterations: u32,
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// Locks the account with this id and ends its sessions, or unlocks it when `since` is `None`.
/// Returns false when there is no such account.
pub(crate) fn lock(
    database: &Connection,
    id: &str,
    since: Option<UnixTime>,
) -> rusqlite::Result<bool> {
    let is_there = database
        .prepare_cached("UPDATE users SET locked_at = ? WHERE id = ?")?
        .execute(params![since.map(millis), id])?
        > 0;
    if since.is_some() {
        sessions::end_all(database, id)?;
    }
    Ok(is_there)
}

/// Whether the account with this id is locked. Users of an external issuer never are.
pub(crate) fn is_locked(database: &Connection, id: &str) -> rusqlite::Result<bool> {
    database
        .prepare_cached("SELECT 1 FROM users WHERE id = ? AND locked_at IS NOT NULL")?
        .exists([id])
}

/// The account with this email, and its password hash.
pub(crate) fn find(
    database: &Connection,
    email: &str,
) -> rusqlite::Result<Option<(UserAccount, PasswordHash)>> {
    let mut statement = database.prepare_cached(
        "SELECT key, id, email, created_at, salt, hash, memory_kib, iterations
         FROM users WHERE email = ?",
    )?;
    statement
        .query_row([email], |row| {
            let created_at = u64::try_from(row.get::<_, i64>(3)?).unwrap_or_default();
            let user = UserAccount {
                key: row.get(0)?,
                id: row.get(1)?,
                email: row.get(2)?,
                created_at: UnixTime::from_millis(created_at),
            };
            let hash = PasswordHash {
                salt: row.get(4)?,
                output: row.get(5)?,
                memory_kib: row.get(6)?,
                iterations: row.get(7)?,
            };
            Ok((user, hash))
        })
        .optional()
}

/// Whether an account has this email.
pub(crate) fn exists(database: &Connection, email: &str) -> rusqlite::Result<bool> {
    database.prepare_cached("SELECT 1 FROM users WHERE email = ?")?.exists([email])
}

/// Creates an account. `None` when its email has one already.
pub(crate) fn create(
    database: &Connection,
    id: String,
    email: String,
    hash: &PasswordHash,
    now: UnixTime,
) -> rusqlite::Result<Option<UserAccount>> {
    let created = database
        .prepare_cached(
            "INSERT INTO users (id, email, created_at, salt, hash, memory_kib, iterations)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .insert(params![
            id,
            email,
            millis(now),
            hash.salt,
            hash.output,
            hash.memory_kib,
            hash.iterations
        ]);
    match created {
        Ok(key) => Ok(Some(UserAccount { key, id, email, created_at: now })),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => Ok(None),
        Err(error) => Err(error),
    }
}
