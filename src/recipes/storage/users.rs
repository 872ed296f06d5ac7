//! Accounts in the database.

use std::fmt;

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};
use serde::Serialize;

use super::own_sessions::{self, EndedSessions};
use super::schema::millis;
use super::schema::signed;
use crate::time::{Rfc3339, UnixTime};

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

/// What a user is told of the account.
#[derive(Debug, Serialize)]
pub(crate) struct AccountView<'a> {
    id: &'a str,
    email: &'a str,
    created_at: Rfc3339,
}

impl UserAccount {
    pub(crate) fn view(&self) -> AccountView<'_> {
        let created_at = self.created_at.to_rfc3339();
        AccountView { id: &self.id, email: &self.email, created_at }
    }
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
        own_sessions::end(database, id, &EndedSessions::All)?;
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
    find_by(database, "email", email)
}

/// The account with this id, and its password hash.
pub(crate) fn of_id(
    database: &Connection,
    id: &str,
) -> rusqlite::Result<Option<(UserAccount, PasswordHash)>> {
    find_by(database, "id", id)
}

fn find_by(
    database: &Connection,
    column: &str,
    value: &str,
) -> rusqlite::Result<Option<(UserAccount, PasswordHash)>> {
    let mut statement = database.prepare_cached(&format!(
        "SELECT key, id, email, created_at, salt, hash, memory_kib, iterations
         FROM users WHERE {column} = ?"
    ))?;
    statement
        .query_row([value], |row| {
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

/// Gives the account with this key another password.
pub(crate) fn set_password(
    database: &Connection,
    key: i64,
    hash: &PasswordHash,
) -> rusqlite::Result<()> {
    database
        .prepare_cached(
            "UPDATE users SET salt = ?, hash = ?, memory_kib = ?, iterations = ? WHERE key = ?",
        )?
        .execute(params![hash.salt, hash.output, hash.memory_kib, hash.iterations, key])
        .map(drop)
}

/// Deletes up to `most` recipes of the account with this id, and once none is left, the account itself.
/// Returns the ids of the recipes, and whether the account is gone.
pub(crate) fn erase(
    database: &Connection,
    id: &str,
    most: usize,
) -> rusqlite::Result<(Vec<String>, bool)> {
    let mut recipes = database.prepare_cached(
        "DELETE FROM recipes WHERE key IN (SELECT key FROM recipes WHERE owner = ? LIMIT ?)
         RETURNING id",
    )?;
    let rooms: Result<Vec<String>, _> =
        recipes.query_map(params![id, signed(most)], |row| row.get(0))?.collect();
    let rooms = rooms?;
    if rooms.len() >= most {
        return Ok((rooms, false));
    }
    for statement in [
        "DELETE FROM usage WHERE owner = ?",
        "DELETE FROM members WHERE user = ?1 OR email = (SELECT email FROM users WHERE id = ?1)",
        "DELETE FROM invitations WHERE email = (SELECT email FROM users WHERE id = ?)",
        // With its sessions and their tokens.
        "DELETE FROM users WHERE id = ?",
    ] {
        database.prepare_cached(statement)?.execute([id])?;
    }
    Ok((rooms, true))
}
