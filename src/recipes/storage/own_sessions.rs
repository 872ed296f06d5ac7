//! The sessions of an account, as its user sees and ends them.

use rusqlite::{Connection, params};
use serde::Serialize;

use super::schema::millis;
use crate::time::{Rfc3339, UnixTime};

/// A session of an account.
#[derive(Debug, Serialize)]
pub(crate) struct SessionView {
    pub(crate) id: String,
    /// When its user signed in; `None` for a session of an earlier version.
    created_at: Option<Rfc3339>,
    /// When its tokens were refreshed last.
    last_used_at: Option<Rfc3339>,
    /// Whether the request's token is of this session.
    is_current: bool,
}

/// Which sessions are ended.
#[derive(Clone, Debug)]
pub(crate) enum EndedSessions {
    All,
    /// Those that began up to this time.
    UpTo(UnixTime),
    /// The one with this id.
    One(String),
    /// All but the one with this id.
    Others(String),
}

/// The sessions of the account with this id, the newest first: a hundred at most.
pub(crate) fn list(
    database: &Connection,
    user: &str,
    current: Option<&str>,
) -> rusqlite::Result<Vec<SessionView>> {
    let time = |millis: Option<i64>| {
        let millis = millis.and_then(|millis| u64::try_from(millis).ok());
        millis.map(|millis| UnixTime::from_millis(millis).to_rfc3339())
    };
    let mut statement = database.prepare_cached(
        "SELECT id, created_at, used_at FROM sessions
         WHERE user = (SELECT key FROM users WHERE id = ?) ORDER BY key DESC",
    )?;
    let sessions = statement.query_map([user], |row| {
        let id: String = row.get(0)?;
        let is_current = current == Some(&*id);
        let (created_at, last_used_at) = (time(row.get(1)?), time(row.get(2)?));
        Ok(SessionView { id, created_at, last_used_at, is_current })
    })?;
    sessions.collect()
}

/// Ends sessions of the account with this id, if it exists. Returns how many.
pub(crate) fn end(
    database: &Connection,
    user: &str,
    which: &EndedSessions,
) -> rusqlite::Result<usize> {
    let (one, but, up_to) = match which {
        EndedSessions::All => (None, None, None),
        EndedSessions::UpTo(time) => (None, None, Some(millis(*time))),
        EndedSessions::One(id) => (Some(id), None, None),
        EndedSessions::Others(id) => (None, Some(id), None),
    };
    database
        .prepare_cached(
            "DELETE FROM sessions WHERE user = (SELECT key FROM users WHERE id = ?1)
             AND (?2 IS NULL OR id = ?2) AND (?3 IS NULL OR id != ?3)
             AND (?4 IS NULL OR created_at IS NULL OR created_at <= ?4)",
        )?
        .execute(params![user, one, but, up_to])
}

/// Whether the account with this id has a session with this id.
pub(super) fn exists(database: &Connection, user: &str, session: &str) -> rusqlite::Result<bool> {
    database
        .prepare_cached(
            "SELECT 1 FROM sessions JOIN users ON users.key = user
             WHERE sessions.id = ? AND users.id = ?",
        )?
        .exists([session, user])
}
