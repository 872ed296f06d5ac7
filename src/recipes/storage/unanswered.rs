//! Messages that their rooms have, and that are not answered: the model is being asked, or the server was
//! killed meanwhile. If one of them is sent again, it is answered, and its room is not told again.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::new_message::{NewMessage, REPEATED_WITHIN};
use super::schema::{millis, signed};
use crate::time::UnixTime;

/// How many are kept of a user in a room, as many as a client may send again.
const MESSAGES: i64 = 32;

/// How long, in milliseconds.
const KEPT_FOR: u64 = 3 * 24 * 3_600_000;

/// What is known of a message's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnansweredId {
    /// It is not used.
    Unused,
    /// The room has this message.
    Published,
    /// The room has another message with it.
    OtherContent,
}

pub(super) fn find(
    database: &Connection,
    recipe: i64,
    message: &NewMessage,
) -> rusqlite::Result<UnansweredId> {
    let found: Option<([u8; 32], i64)> = database
        .prepare_cached(
            "SELECT digest, at FROM unanswered WHERE recipe = ? AND user = ? AND id = ?",
        )?
        .query_row(params![recipe, message.user, message.id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let since = millis(message.now).saturating_sub_unsigned(REPEATED_WITHIN);
    Ok(match found {
        Some((digest, _)) if digest == message.digest() => UnansweredId::Published,
        Some((_, at)) if at > since => UnansweredId::OtherContent,
        _ => UnansweredId::Unused,
    })
}

/// The room has the message from now on.
pub(super) fn add(
    database: &Connection,
    recipe: i64,
    message: &NewMessage,
) -> rusqlite::Result<()> {
    let NewMessage { user, id, now, .. } = message;
    database
        .prepare_cached(
            "INSERT INTO unanswered VALUES (?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET at = excluded.at, digest = excluded.digest",
        )?
        .execute(params![recipe, user, id, millis(*now), message.digest()])?;
    database
        .prepare_cached(
            "DELETE FROM unanswered WHERE recipe = ?1 AND user = ?2 AND id IN (
                 SELECT id FROM unanswered WHERE recipe = ?1 AND user = ?2 AND id != ?3
                 ORDER BY at DESC LIMIT -1 OFFSET ?4)",
        )?
        .execute(params![recipe, user, id, MESSAGES - 1])
        .map(drop)
}

/// Drops what is older than three days, up to a bound. Returns whether none is left.
pub(super) fn forget_old(database: &Connection, now: UnixTime) -> rusqlite::Result<bool> {
    const MOST: usize = 256;
    let old = millis(now).saturating_sub_unsigned(KEPT_FOR);
    let dropped = database
        .prepare_cached(
            "DELETE FROM unanswered WHERE (recipe, user, id) IN (
                 SELECT recipe, user, id FROM unanswered WHERE at < ? ORDER BY at LIMIT ?)",
        )?
        .execute([old, signed(MOST)])?;
    Ok(dropped < MOST)
}

/// The message is answered.
pub(super) fn remove(
    database: &Connection,
    recipe: i64,
    message: &NewMessage,
) -> rusqlite::Result<()> {
    database
        .prepare_cached("DELETE FROM unanswered WHERE recipe = ? AND user = ? AND id = ?")?
        .execute(params![recipe, message.user, message.id])
        .map(drop)
}
