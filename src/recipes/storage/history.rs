//! The messages of a room: the last ones for a join, and all of them in pages.

use rusqlite::{Connection, params};
use serde::Serialize;
use serde_json::value::RawValue;

use super::members;
use super::schema::signed;
use crate::node::app::Json;
use crate::protocol::UpdateSource;
use crate::time::{Rfc3339, UnixTime};

/// A message with its answer.
#[derive(Serialize)]
struct HistoryRow<'a> {
    id: &'a str,
    user_id: &'a str,
    content: &'a str,
    timestamp: Rfc3339,
    reply: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<UpdateSource>,
}

/// Some messages, the oldest first.
#[derive(Debug, Serialize)]
pub(crate) struct MessagePage {
    messages: Vec<Box<RawValue>>,
    /// The `before` of the page with the messages before these; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The last `count` messages, as many as fit into `max_bytes` of JSON.
pub(super) fn last(
    database: &Connection,
    recipe: i64,
    count: usize,
    max_bytes: usize,
) -> rusqlite::Result<Option<Json>> {
    if count == 0 {
        return Ok(None);
    }
    let page = read(database, recipe, i64::MAX, (count, 0), max_bytes)?;
    Ok(Json::new(&page.messages).ok())
}

/// The last `count` messages before the one with number `before`, as many as fit into `max_bytes`,
/// and one at least. `None` when `user` may not see the recipe.
pub(crate) fn page(
    database: &Connection,
    (id, user, now): (&str, &str, UnixTime),
    before: i64,
    count: usize,
    max_bytes: usize,
) -> rusqlite::Result<Option<MessagePage>> {
    let Some((recipe, ..)) = members::access(database, id, user, now)? else { return Ok(None) };
    read(database, recipe, before, (count, 1), max_bytes).map(Some)
}

/// At least so many messages if there are any, and at most so many.
fn read(
    database: &Connection,
    recipe: i64,
    before: i64,
    (most, least): (usize, usize),
    max_bytes: usize,
) -> rusqlite::Result<MessagePage> {
    let mut statement = database.prepare_cached(
        "SELECT id, user, content, at, reply, n, by_model FROM messages
         WHERE recipe = ? AND n < ? ORDER BY n DESC LIMIT ?",
    )?;
    // One row more than the page has shows whether there is a next one.
    let mut rows = statement.query(params![recipe, before, signed(most) + 1])?;
    let mut messages: Vec<Box<RawValue>> = Vec::new();
    let (mut first, mut next) = (before, None);
    // The brackets. Each entry adds a comma.
    let mut bytes = 2;
    while let Some(row) = rows.next()? {
        let at = UnixTime::from_millis(u64::try_from(row.get::<_, i64>(3)?).unwrap_or_default());
        let entry = HistoryRow {
            id: row.get_ref(0)?.as_str()?,
            user_id: row.get_ref(1)?.as_str()?,
            content: row.get_ref(2)?.as_str()?,
            timestamp: at.to_rfc3339(),
            reply: row.get_ref(4)?.as_str()?,
            source: row.get::<_, bool>(6)?.then_some(UpdateSource::Model),
        };
        // Serialising strings does not fail.
        let Ok(entry) = serde_json::value::to_raw_value(&entry) else { continue };
        bytes += entry.get().len() + 1;
        if messages.len() == most || (bytes > max_bytes && messages.len() >= least) {
            next = Some(first.to_string());
            break;
        }
        messages.push(entry);
        first = row.get(5)?;
    }
    messages.reverse();
    Ok(MessagePage { messages, next })
}

/// The last `count` messages and their replies, the oldest first. Of a long text, the beginning.
pub(super) fn turns(
    database: &Connection,
    recipe: i64,
    count: usize,
) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = database.prepare_cached(
        "SELECT substr(content, 1, ?3), substr(reply, 1, ?3) FROM messages
         WHERE recipe = ?1 ORDER BY n DESC LIMIT ?2",
    )?;
    let rows = statement
        .query_map(params![recipe, signed(count), signed(MAX_TURN_CHARS)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let mut turns = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    turns.reverse();
    Ok(turns)
}

/// What a model is told of an earlier message, at most.
pub(crate) const MAX_TURN_CHARS: usize = 1_000;
