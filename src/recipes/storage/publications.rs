//! What rooms are told: each publication has its position, and is stored in the transaction of what it
//! tells of. So nobody sees what is not stored, and clients resume from here, also after a kill.
//!
//! Of each room the last 64 messages and 64 KiB are kept, for three days. The first row of a room has no
//! message: it is where the others begin. Every recipe has one from its creation on, so a client can resume
//! in a room in which nothing was said. Times only decide what is dropped early: with a clock that is
//! wrong, clients begin anew, and miss nothing.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::schema::{millis, signed};
use crate::id::{ConnId, MessageIds, Seed};
use crate::node::AppEvent;
use crate::node::app::{RoomMessage, RoomPublication, RoomTail, Update};
use crate::protocol::Position;
use crate::time::UnixTime;

/// Messages that are kept of a room, as the node's log of a room keeps them.
const MESSAGES: i64 = 64;
/// What they may take, with [`ROW_BYTES`] for each. So they fit into the node's log, where each is a frame
/// with its position.
const ROOM_BYTES: usize = 64 << 10;
const ROW_BYTES: usize = 64;
/// How long a message is kept, in milliseconds.
const KEPT_FOR: u64 = 3 * 24 * 3_600_000;
/// Rooms whose old messages are dropped when something is published.
const TIDIED: usize = 2;

/// How a publication is stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Publishing {
    pub(super) now: UnixTime,
    /// Whether its text is kept for clients that resume.
    pub(super) is_kept: bool,
}

/// Stores `message` behind what the room was told last. The event delivers it to all but `except`.
pub(super) fn publish(
    database: &Connection,
    (recipe, room): (i64, &str),
    (message, except): (RoomMessage, Option<ConnId>),
    how: Publishing,
) -> rusqlite::Result<AppEvent> {
    let (follows, total) = match head(database, recipe)? {
        Some(head) => head,
        None => begin(database, recipe)?,
    };
    let bytes = message.as_str().len().saturating_add(ROW_BYTES);
    let kept = Some(message.as_str()).filter(|_| how.is_kept && bytes <= ROOM_BYTES);
    let n = number(follows).saturating_add(1);
    let total = total.saturating_add(signed(kept.map_or(0, |_| bytes)));
    let tag: i64 = database
        .prepare_cached(
            "INSERT INTO publications (recipe, n, tag, at, total, message)
             VALUES (?, ?, random() & 281474976710655, ?, ?, ?) RETURNING tag",
        )?
        .query_row(params![recipe, n, millis(how.now), total, kept], |row| row.get(0))?;
    match kept {
        Some(_) => drop_oldest(database, recipe, (n, total))?,
        // Whoever stands before it begins anew.
        None => begin_at(database, recipe, n)?,
    }
    forget_old(database, how.now, TIDIED)?;
    let (room, position) = (room.to_owned(), position(n, tag));
    Ok(AppEvent::Published(RoomPublication { room, follows, position, message, except }))
}

/// [`publish`] for an update that everybody gets.
pub(super) fn publish_update(
    database: &Connection,
    room: (i64, &str),
    (update, except): (&Update, Option<ConnId>),
    how: Publishing,
) -> rusqlite::Result<AppEvent> {
    let random: [u8; 16] =
        database.prepare_cached("SELECT randomblob(16)")?.query_row([], |row| row.get(0))?;
    let id = MessageIds::new(Seed::new(random)).next(how.now);
    publish(database, room, (update.message(how.now, &id), except), how)
}

/// Where the room stands; and, if it is known what came behind `position` and that takes no more than
/// `max_bytes`, the messages from there on. The second part says whether it is.
pub(super) fn tail(
    database: &Connection,
    recipe: i64,
    position: Option<Position>,
    max_bytes: usize,
) -> rusqlite::Result<(Option<RoomTail>, bool)> {
    let Some((head, total)) = head(database, recipe)? else { return Ok((None, false)) };
    let stands_at = Some(RoomTail::at(head));
    let Some(position) = position.filter(|position| *position != head) else {
        return Ok((stands_at, position.is_some()));
    };
    let before: Option<(i64, i64)> = database
        .prepare_cached("SELECT tag, total FROM publications WHERE recipe = ? AND n = ?")?
        .query_row([recipe, number(position)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let is_known = before.is_some_and(|(tag, before)| {
        let bytes = total.saturating_sub(before);
        tag.cast_unsigned() == position.tag() && bytes <= signed(max_bytes)
    });
    let messages = if is_known { behind(database, recipe, position)? } else { None };
    Ok(match messages {
        Some(messages) => (Some(RoomTail { base: position, messages }), true),
        None => (stands_at, false),
    })
}

/// The messages behind `position`. `None`: one of them is not there, or cannot be read.
fn behind(
    database: &Connection,
    recipe: i64,
    position: Position,
) -> rusqlite::Result<Option<Vec<(Position, RoomMessage)>>> {
    let mut statement = database.prepare_cached(
        "SELECT n, tag, message FROM publications WHERE recipe = ? AND n > ? ORDER BY n",
    )?;
    let mut rows = statement.query([recipe, number(position)])?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        let text: Option<String> = row.get(2)?;
        let Some(message) = text.and_then(RoomMessage::parse) else { return Ok(None) };
        messages.push((self::position(row.get(0)?, row.get(1)?), message));
    }
    Ok(Some(messages))
}

/// Drops messages that are older than three days, of up to `most` rooms. Returns whether none is left.
pub(super) fn forget_old(
    database: &Connection,
    now: UnixTime,
    most: usize,
) -> rusqlite::Result<bool> {
    let old = millis(now).saturating_sub_unsigned(KEPT_FOR);
    for _ in 0..most {
        let oldest: Option<i64> = database
            .prepare_cached(
                "SELECT recipe FROM publications WHERE message IS NOT NULL AND at < ?
                 ORDER BY at LIMIT 1",
            )?
            .query_row([old], |row| row.get(0))
            .optional()?;
        let Some(recipe) = oldest else { return Ok(true) };
        forget_of(database, recipe, old)?;
    }
    Ok(false)
}

/// The same of rooms of `owner`, up to eight. Returns whether there were any.
pub(super) fn forget_old_of(
    database: &Connection,
    owner: &str,
    now: UnixTime,
) -> rusqlite::Result<bool> {
    let old = millis(now).saturating_sub_unsigned(KEPT_FOR);
    // By age: few are too old, and an owner may have many rooms.
    let rooms: Vec<i64> = database
        .prepare_cached(
            "SELECT DISTINCT recipe FROM publications INDEXED BY publications_by_age
             JOIN recipes ON key = recipe
             WHERE message IS NOT NULL AND at < ? AND owner = ? LIMIT 8",
        )?
        .query_map(params![old, owner], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for recipe in &rooms {
        forget_of(database, *recipe, old)?;
    }
    Ok(!rooms.is_empty())
}

/// Drops the messages of a room up to the last one before `old`.
fn forget_of(database: &Connection, recipe: i64, old: i64) -> rusqlite::Result<()> {
    let newest: Option<i64> = database
        .prepare_cached("SELECT max(n) FROM publications WHERE recipe = ? AND at < ?")?
        .query_row([recipe, old], |row| row.get(0))?;
    newest.map_or(Ok(()), |newest| begin_at(database, recipe, newest))
}

/// Drops the messages of all rooms. Each room stays where it stands.
pub(crate) fn forget_all(database: &Connection) -> rusqlite::Result<()> {
    database.execute_batch(
        "DELETE FROM publications AS old WHERE EXISTS
             (SELECT 1 FROM publications WHERE recipe = old.recipe AND n > old.n);
         UPDATE publications SET message = NULL WHERE message IS NOT NULL;",
    )
}

/// Drops what all rooms were told, and where they stand. In a cluster the engine gives the positions: a
/// client that has one from before must not be taken, later, for one that has missed nothing.
pub(crate) fn begin_all_anew(database: &Connection) -> rusqlite::Result<()> {
    database.execute("DELETE FROM publications", []).map(drop)
}

/// The position of the room's newest publication, and what its messages up to there take.
fn head(database: &Connection, recipe: i64) -> rusqlite::Result<Option<(Position, i64)>> {
    database
        .prepare_cached(
            "SELECT n, tag, total FROM publications WHERE recipe = ? ORDER BY n DESC LIMIT 1",
        )?
        .query_row([recipe], |row| Ok((position(row.get(0)?, row.get(1)?), row.get(2)?)))
        .optional()
}

/// The first row of a room that has none.
fn begin(database: &Connection, recipe: i64) -> rusqlite::Result<(Position, i64)> {
    let tag = database
        .prepare_cached(
            "INSERT INTO publications (recipe, n, tag, at, total, message)
             VALUES (?, 0, random() & 281474976710655, 0, 0, NULL) RETURNING tag",
        )?
        .query_row([recipe], |row| row.get(0))?;
    Ok((position(0, tag), 0))
}

/// Drops the first messages, until the others are within the bounds.
fn drop_oldest(
    database: &Connection,
    recipe: i64,
    (newest, total): (i64, i64),
) -> rusqlite::Result<()> {
    let mut oldest = database
        .prepare_cached("SELECT n, total FROM publications WHERE recipe = ? ORDER BY n LIMIT 1")?;
    loop {
        let (first, before): (i64, i64) =
            oldest.query_row([recipe], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let is_within = newest.saturating_sub(first) <= MESSAGES
            && total.saturating_sub(before) <= signed(ROOM_BYTES);
        if is_within || first >= newest {
            return Ok(());
        }
        begin_at(database, recipe, first.saturating_add(1))?;
    }
}

/// The room's messages begin behind the publication `n`.
fn begin_at(database: &Connection, recipe: i64, n: i64) -> rusqlite::Result<()> {
    database
        .prepare_cached("DELETE FROM publications WHERE recipe = ? AND n < ?")?
        .execute([recipe, n])?;
    database
        .prepare_cached(
            "UPDATE publications SET message = NULL
             WHERE recipe = ? AND n = ? AND message IS NOT NULL",
        )?
        .execute([recipe, n])
        .map(drop)
}

fn position(n: i64, tag: i64) -> Position {
    Position::new(n.cast_unsigned(), tag.cast_unsigned())
}

/// The number of a position, where the database can have it.
fn number(position: Position) -> i64 {
    i64::try_from(position.number()).unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::storage::schema;
    use crate::testing::ScratchDir;

    const HOUR: u64 = 3_600_000;

    fn database(scratch: &ScratchDir) -> Connection {
        let database = schema::open(scratch.path()).unwrap();
        database
            .execute_batch(
                "INSERT INTO recipes (key, id, owner, body, summary)
                 VALUES (1, 'soup', 'ann', '', ''), (2, 'stew', 'ann', '', '');",
            )
            .unwrap();
        database
    }

    fn tell(database: &Connection, recipe: i64, at: u64, content: &str) -> RoomPublication {
        let how = Publishing { now: UnixTime::from_millis(at), is_kept: true };
        let message = RoomMessage::chat(how.now, "ann", ("m", content), None);
        match publish(database, (recipe, "soup"), (message, None), how).unwrap() {
            AppEvent::Published(told) => told,
            other => panic!("{other:?}"),
        }
    }

    /// How many messages are known behind this position; `None`: that is not known.
    fn count_behind(database: &Connection, recipe: i64, position: Position) -> Option<usize> {
        let (tail, is_known) = tail(database, recipe, Some(position), ROOM_BYTES).unwrap();
        is_known.then(|| tail.unwrap().messages.len())
    }

    #[test]
    fn publications_follow_each_other() {
        let scratch = ScratchDir::new();
        let database = database(&scratch);
        let told: Vec<_> = (0..3).map(|n| tell(&database, 1, n, "hello")).collect();
        assert_eq!(told[0].follows.number(), 0);
        assert!(told.windows(2).all(|two| two[1].follows == two[0].position));
        let (tail, is_known) = tail(&database, 1, Some(told[0].follows), ROOM_BYTES).unwrap();
        let expected = told.iter().map(|it| (it.position, it.message.clone())).collect();
        let base = told[0].follows;
        assert_eq!((tail, is_known), (Some(RoomTail { base, messages: expected }), true));
        assert_eq!(count_behind(&database, 1, told[2].position), Some(0));
        let other = Position::new(1, told[0].position.tag() ^ 1);
        for unknown in [other, Position::new(4, 1), Position::new(u64::MAX, 1)] {
            assert_eq!(count_behind(&database, 1, unknown), None, "{unknown}");
        }
        assert_eq!(count_behind(&database, 2, told[0].follows), None, "of another room");
    }

    #[test]
    fn room_keeps_64_messages_and_64_kib() {
        let scratch = ScratchDir::new();
        let database = database(&scratch);
        let told: Vec<_> = (0..70).map(|n| tell(&database, 1, n, "hello")).collect();
        assert_eq!(count_behind(&database, 1, told[5].position), Some(64));
        assert_eq!(count_behind(&database, 1, told[4].position), None);
        let long = "x".repeat(20_000);
        let told: Vec<_> = (0..5).map(|n| tell(&database, 1, n, &long)).collect();
        assert_eq!(count_behind(&database, 1, told[1].position), Some(3));
        assert_eq!(count_behind(&database, 1, told[0].position), None);
        // An answer has less room than that.
        let (_, is_known) = tail(&database, 1, Some(told[1].position), 60_000).unwrap();
        assert!(!is_known);
        let huge = tell(&database, 1, 9, &"x".repeat(70_000));
        assert_eq!(count_behind(&database, 1, told[4].position), None);
        assert_eq!(count_behind(&database, 1, huge.position), Some(0));
        assert_eq!(tell(&database, 1, 9, "next").follows, huge.position);
        assert_eq!(count_behind(&database, 1, huge.position), Some(1));
    }

    #[test]
    fn old_messages_of_quiet_rooms_are_dropped() {
        let scratch = ScratchDir::new();
        let database = database(&scratch);
        let start = 1_000 * HOUR;
        let quiet: Vec<_> = (0..3).map(|n| tell(&database, 2, start + n, "hello")).collect();
        tell(&database, 1, start + 71 * HOUR, "hello");
        assert_eq!(count_behind(&database, 2, quiet[0].follows), Some(3));
        tell(&database, 1, start + 73 * HOUR, "hello");
        let texts = database
            .query_row("SELECT count(message) FROM publications WHERE recipe = 2", [], |row| {
                row.get::<_, i64>(0)
            })
            .unwrap();
        assert_eq!((texts, count_behind(&database, 2, quiet[1].position)), (0, None));
        // Whoever has got all of it goes on.
        assert_eq!(count_behind(&database, 2, quiet[2].position), Some(0));
        // A clock that is far ahead or back loses no position.
        let ahead = tell(&database, 2, start + 9_999 * HOUR, "from the future");
        let back = tell(&database, 2, 5, "from the past");
        assert_eq!((ahead.follows, back.follows), (quiet[2].position, ahead.position));
        assert!(matches!(count_behind(&database, 2, back.position), Some(0)));
    }
}
