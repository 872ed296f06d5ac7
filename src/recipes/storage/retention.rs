//! Drops what is kept for some days, where nobody writes.

use rusqlite::Connection;

use super::{publications, unanswered};
use crate::time::UnixTime;

/// Rooms whose old messages are dropped in one task: each has up to 64.
const ROOMS: usize = 8;

/// Drops a part of what is older than it may be. Returns whether nothing of that is left.
pub(crate) fn forget_old(database: &Connection, now: UnixTime) -> rusqlite::Result<bool> {
    let is_over = publications::forget_old(database, now, ROOMS)?;
    Ok(unanswered::forget_old(database, now)? && is_over)
}
