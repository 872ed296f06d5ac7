//! Recipes in the database: create, find, change, undo and delete.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;

use super::publications;
use super::schema::signed;
use crate::recipes::recipe::Recipe;
use crate::time::UnixTime;

/// A recipe, and what its row has beside it.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) key: i64,
    /// How often it was changed, from 1.
    pub(crate) revision: i64,
    pub(crate) recipe: Recipe,
}

impl Stored {
    /// Of the columns `key`, `revision` and `body`.
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let recipe = parse(&row.get::<_, String>(2)?)?;
        Ok(Self { key: row.get(0)?, revision: row.get(1)?, recipe })
    }
}

/// The key of the recipe with this id, if it is `owner`'s.
pub(super) fn key_of(
    database: &Connection,
    id: &str,
    owner: &str,
) -> rusqlite::Result<Option<i64>> {
    database
        .prepare_cached("SELECT key FROM recipes WHERE id = ? AND owner = ?")?
        .query_row([id, owner], |row| row.get(0))
        .optional()
}

/// The recipe with this id, of any owner.
pub(crate) fn find_any(database: &Connection, id: &str) -> rusqlite::Result<Option<Stored>> {
    database
        .prepare_cached("SELECT key, revision, body FROM recipes WHERE id = ?")?
        .query_row([id], Stored::of)
        .optional()
}

/// Why a recipe was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CreateFault {
    /// Its owner has as many as a user may have.
    TooMany,
    /// Its owner stores as much as a user may.
    TooMuch,
}

/// Whether `owner` stores `max` bytes or more (0 means unlimited), when what is too old is dropped.
pub(crate) fn is_at_quota(
    database: &Connection,
    owner: &str,
    max: usize,
    now: UnixTime,
) -> rusqlite::Result<bool> {
    if max == 0 {
        return Ok(false);
    }
    let is_reached = || {
        database
            .prepare_cached("SELECT 1 FROM usage WHERE owner = ? AND bytes >= ?")?
            .exists(params![owner, signed(max)])
    };
    if !is_reached()? {
        return Ok(false);
    }
    let has_less = publications::forget_old_of(database, owner, now)?;
    Ok(!has_less || is_reached()?)
}

/// Stores a new recipe, unless `owner` already has `max` (0 means unlimited), or stores `max_bytes`.
pub(crate) fn create(
    database: &Connection,
    recipe: &Recipe,
    owner: &str,
    (max, max_bytes): (usize, usize),
    now: UnixTime,
) -> rusqlite::Result<Result<(), CreateFault>> {
    if is_at_quota(database, owner, max_bytes, now)? {
        return Ok(Err(CreateFault::TooMuch));
    }
    if max > 0 {
        let mut count = database.prepare_cached("SELECT count(*) FROM recipes WHERE owner = ?")?;
        let count: i64 = count.query_row([owner], |row| row.get(0))?;
        if usize::try_from(count).is_ok_and(|count| count >= max) {
            return Ok(Err(CreateFault::TooMany));
        }
    }
    database
        .prepare_cached("INSERT INTO recipes (id, owner, body, summary) VALUES (?, ?, ?, ?)")?
        .execute(params![recipe.id, owner, body(recipe)?, summary(recipe)?])?;
    Ok(Ok(()))
}

/// Deletes the recipe with this id, with all that belongs to it, if it is `owner`'s. Returns false
/// when it is not.
pub(crate) fn delete(database: &Connection, id: &str, owner: &str) -> rusqlite::Result<bool> {
    database
        .prepare_cached("DELETE FROM recipes WHERE id = ? AND owner = ?")?
        .execute([id, owner])
        .map(|count| count > 0)
}

/// Replaces `before` by `recipe`. [`undo`] can revert it. Versions from more than `depth` changes
/// ago are deleted.
pub(crate) fn change(
    database: &Connection,
    before: &Stored,
    recipe: &Recipe,
    depth: usize,
) -> rusqlite::Result<()> {
    // What was undone before another change cannot be done again.
    database
        .prepare_cached("DELETE FROM versions WHERE recipe = ? AND undone = 1")?
        .execute([before.key])?;
    if depth > 0 {
        database
            .prepare_cached(
                "INSERT INTO versions (recipe, n, body)
                 SELECT key, (SELECT coalesce(max(n), 0) + 1 FROM versions WHERE recipe = key), body
                 FROM recipes WHERE key = ?",
            )?
            .execute([before.key])?;
    }
    database
        .prepare_cached(
            "DELETE FROM versions WHERE recipe = ?1
             AND n <= (SELECT max(n) FROM versions WHERE recipe = ?1) - ?2",
        )?
        .execute(params![before.key, signed(depth)])?;
    replace(database, before.key, recipe)
}

/// Whether [`undo`] has something to revert.
pub(crate) fn can_undo(database: &Connection, key: i64) -> rusqlite::Result<bool> {
    database.prepare_cached("SELECT 1 FROM versions WHERE recipe = ? AND undone = 0")?.exists([key])
}

/// Reverts the last change, and returns the recipe, updated `now`. `None` when no change is left.
/// [`redo`] can do it again, unless the change is not `kept`.
pub(crate) fn undo(
    database: &Connection,
    key: i64,
    is_kept: bool,
    now: UnixTime,
) -> rusqlite::Result<Option<Recipe>> {
    let newest: Option<(i64, String)> = database
        .prepare_cached(
            "SELECT n, body FROM versions WHERE recipe = ? AND undone = 0 ORDER BY n DESC LIMIT 1",
        )?
        .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((n, body)) = newest else { return Ok(None) };
    if is_kept {
        exchange(database, (key, n), &body, now).map(Some)
    } else {
        database
            .prepare_cached("DELETE FROM versions WHERE recipe = ? AND n >= ?")?
            .execute(params![key, n])?;
        let recipe = Recipe { updated_at: now.to_rfc3339().to_string(), ..parse(&body)? };
        replace(database, key, &recipe)?;
        Ok(Some(recipe))
    }
}

/// Does again what [`undo`] reverted last. `None` when there is nothing, or when the recipe was
/// changed since.
pub(crate) fn redo(
    database: &Connection,
    key: i64,
    now: UnixTime,
) -> rusqlite::Result<Option<Recipe>> {
    let oldest: Option<(i64, String)> = database
        .prepare_cached(
            "SELECT n, body FROM versions WHERE recipe = ? AND undone = 1 ORDER BY n LIMIT 1",
        )?
        .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((n, body)) = oldest else { return Ok(None) };
    exchange(database, (key, n), &body, now).map(Some)
}

/// Exchanges a recipe and one of its versions.
fn exchange(
    database: &Connection,
    (key, n): (i64, i64),
    body: &str,
    now: UnixTime,
) -> rusqlite::Result<Recipe> {
    database
        .prepare_cached(
            "UPDATE versions SET undone = 1 - undone, body = (SELECT body FROM recipes WHERE key = ?1)
             WHERE recipe = ?1 AND n = ?2",
        )?
        .execute([key, n])?;
    let recipe = Recipe { updated_at: now.to_rfc3339().to_string(), ..parse(body)? };
    replace(database, key, &recipe)?;
    Ok(recipe)
}

fn replace(database: &Connection, key: i64, recipe: &Recipe) -> rusqlite::Result<()> {
    database
        .prepare_cached(
            "UPDATE recipes SET body = ?, summary = ?, revision = revision + 1 WHERE key = ?",
        )?
        .execute(params![body(recipe)?, summary(recipe)?, key])
        .map(drop)
}

/// The summary of a recipe that lists show, as JSON.
fn summary(recipe: &Recipe) -> rusqlite::Result<String> {
    #[derive(Serialize)]
    struct Summary<'a> {
        id: &'a str,
        title: &'a str,
        #[serde(rename = "yield")]
        yields: &'a str,
        prep_time_minutes: Option<u32>,
        cook_time_minutes: Option<u32>,
        tags: &'a [String],
        created_at: &'a str,
        updated_at: &'a str,
    }
    serde_json::to_string(&Summary {
        id: &recipe.id,
        title: &recipe.title,
        yields: &recipe.yields,
        prep_time_minutes: recipe.prep_time_minutes,
        cook_time_minutes: recipe.cook_time_minutes,
        tags: &recipe.tags,
        created_at: &recipe.created_at,
        updated_at: &recipe.updated_at,
    })
    .map_err(unwritable)
}

fn body(recipe: &Recipe) -> rusqlite::Result<String> {
    serde_json::to_string(recipe).map_err(unwritable)
}

fn parse(body: &str) -> rusqlite::Result<Recipe> {
    serde_json::from_str(body).map_err(unreadable)
}

fn unwritable(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

pub(super) fn unreadable(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
}
