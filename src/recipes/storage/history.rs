//! The last messages of a room, as a client that joins gets them.

use rusqlite::{Connection, params};
use serde::Serialize;
use serde_json::value::RawValue;

use super::recipes::signed;
use crate::node::app::Json;
use crate::time::{Rfc3339, UnixTime};

/// One message with its answer.
#[derive(Serialize)]
struct HistoryRow<'a> {
    id: &'a str,
    user_id: &'a str,
    content: &'a str,
    timestamp: Rfc3339,
    reply: &'a str,
}

/// The last `count` messages, oldest first, as far back as `max_bytes` of JSON reach.
pub(super) fn last(
    database: &Connection,
    recipe: i64,
    count: usize,
    max_bytes: usize,
) -> rusqlite::Result<Option<Json>> {
    if count == 0 {
        return Ok(None);
    }
    let mut statement = database.prepare_cached(
        "SELECT id, user, content, at, reply FROM messages WHERE recipe = ? ORDER BY n DESC LIMIT ?",
    )?;
    let mut rows = statement.query(params![recipe, signed(count)])?;
    let mut entries: Vec<Box<RawValue>> = Vec::new();
    // The brackets; each entry brings its comma.
    let mut bytes = 2;
    while let Some(row) = rows.next()? {
        let at = UnixTime::from_millis(u64::try_from(row.get::<_, i64>(3)?).unwrap_or_default());
        let entry = HistoryRow {
            id: row.get_ref(0)?.as_str()?,
            user_id: row.get_ref(1)?.as_str()?,
            content: row.get_ref(2)?.as_str()?,
            timestamp: at.to_rfc3339(),
            reply: row.get_ref(4)?.as_str()?,
        };
        // Texts alone: they do not refuse.
        let Ok(entry) = serde_json::value::to_raw_value(&entry) else { continue };
        bytes += entry.get().len() + 1;
        if bytes > max_bytes {
            break;
        }
        entries.push(entry);
    }
    entries.reverse();
    Ok(Json::new(&entries).ok())
}
