//! Lists of a user's recipes, in pages.

use std::borrow::Cow;

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::members::{self, IS_IN_FORCE, MemberView, RecipeAccess, RecipeRole};
use super::recipes::{key_of, unreadable};
use super::schema::millis;
use crate::time::UnixTime;

/// The longest page of a list, in bytes. A page that would be longer ends earlier.
pub(crate) const MAX_LIST_BYTES: usize = 128 << 10;
/// The most bytes of recipes that a page searches: some 800 usual ones, and a few milliseconds. A
/// page that would search more ends earlier, perhaps with no recipe on it.
const MAX_SEARCHED_BYTES: usize = 1 << 20;

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListOrder {
    pub(crate) by: OrderBy,
    pub(crate) is_descending: bool,
}

/// What a list is sorted by. Recipes that are equal in that are sorted by their creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderBy {
    Created,
    Updated,
    Title,
}

impl ListOrder {
    /// The newest first.
    pub(crate) const NEWEST: Self = Self { by: OrderBy::Created, is_descending: true };

    /// Parses `title`, or `-title` for the other direction.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix('-');
        let by = match name.unwrap_or(text) {
            "created" => OrderBy::Created,
            "updated" => OrderBy::Updated,
            "title" => OrderBy::Title,
            _ => return None,
        };
        Some(Self { by, is_descending: name.is_some() })
    }

    /// The statement that selects the recipes that the user `?1` may see at the time `?2`, behind the
    /// one with key `?3`, if there is one. Only what names them: SQLite sorts in memory.
    fn statement(self) -> String {
        let (direction, behind) = if self.is_descending { ("DESC", '<') } else { ("ASC", '>') };
        let (value, order) = match self.by {
            // The index has this order.
            OrderBy::Created => ("NULL", String::new()),
            OrderBy::Title => {
                ("summary ->> '$.title'", format!("value COLLATE NOCASE {direction}, "))
            }
            OrderBy::Updated => ("summary ->> '$.updated_at'", format!("value {direction}, ")),
        };
        let start = match self.by {
            OrderBy::Created => format!("key {behind} ?3"),
            OrderBy::Title | OrderBy::Updated => format!(
                "(({value}) COLLATE NOCASE, key) {behind}
                 (SELECT ({value}) COLLATE NOCASE, key FROM recipes WHERE key = ?3)"
            ),
        };
        format!(
            "SELECT key, id, {value} AS value FROM recipes
             WHERE owner = ?1 AND (?3 IS NULL OR {start})
             UNION ALL
             SELECT key, id, {value} AS value FROM recipes
             WHERE key IN (SELECT recipe FROM members WHERE {IS_IN_FORCE})
             AND owner != ?1 AND (?3 IS NULL OR {start})
             ORDER BY {order}key {direction}"
        )
    }
}

/// What a page shows.
#[derive(Clone, Debug)]
pub(crate) struct ListQuery {
    /// Recipes on the page, at most.
    pub(crate) limit: usize,
    /// The id of the recipe before the page's first one.
    pub(crate) before: Option<String>,
    pub(crate) order: ListOrder,
    /// Words in lower case: a recipe has each of them in its title, a tag or an ingredient.
    pub(crate) words: Vec<String>,
    /// Whether the members of the user's own recipes are listed with them.
    pub(crate) has_members: bool,
}

/// What a list says of a recipe beside its summary.
#[derive(Debug, Serialize)]
struct ListedAccess {
    #[serde(flatten)]
    access: RecipeAccess,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<MemberView>>,
}

/// One page of a list.
#[derive(Debug, Serialize)]
pub(crate) struct RecipePage {
    /// Their summaries, in the order of the list.
    pub(crate) recipes: Vec<Box<RawValue>>,
    /// The `before` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// A page of the recipes that `user` may see. `None` when `before` does not exist.
pub(crate) fn list(
    database: &Connection,
    user: &str,
    query: &ListQuery,
    now: UnixTime,
    max_bytes: usize,
) -> rusqlite::Result<Option<RecipePage>> {
    let before = match &query.before {
        None => None,
        Some(id) => match members::access(database, id, user, now)? {
            Some((key, ..)) => Some(key),
            None => return Ok(None),
        },
    };
    let is_search = !query.words.is_empty();
    let mut statement = database.prepare_cached(&query.order.statement())?;
    let mut content = database.prepare_cached(if is_search {
        "SELECT summary, body FROM recipes WHERE key = ?"
    } else {
        "SELECT summary, '' FROM recipes WHERE key = ?"
    })?;
    let mut rows = statement.query(params![user, millis(now), before])?;
    let (mut recipes, mut bytes, mut searched, mut last) = (Vec::new(), 0, 0, None);
    // One row more than the page has shows whether there is a next one.
    while let Some(row) = rows.next()? {
        let (summary, body): (String, String) =
            content.query_row([row.get::<_, i64>(0)?], |row| Ok((row.get(0)?, row.get(1)?)))?;
        searched += body.len();
        let is_whole = recipes.len() == query.limit || searched > MAX_SEARCHED_BYTES;
        if is_whole && last.is_some() {
            return Ok(Some(RecipePage { recipes, next: last }));
        }
        let id: String = row.get(1)?;
        if !is_search || has_words(&body, &query.words).map_err(unreadable)? {
            let entry = with_access(database, summary, (&id, user, now), query.has_members)?;
            bytes += entry.get().len();
            if bytes > max_bytes && !recipes.is_empty() {
                return Ok(Some(RecipePage { recipes, next: last }));
            }
            recipes.push(entry);
        }
        last = Some(id);
    }
    Ok(Some(RecipePage { recipes, next: None }))
}

/// The summary of a recipe that `user` may see, with what the user may do with it.
fn with_access(
    database: &Connection,
    summary: String,
    (id, user, now): (&str, &str, UnixTime),
    has_members: bool,
) -> rusqlite::Result<Box<RawValue>> {
    let found = members::access(database, id, user, now)?;
    let Some((key, owner, role)) = found else {
        return RawValue::from_string(summary).map_err(unreadable);
    };
    let is_own = role == RecipeRole::Owner;
    let members = (is_own && has_members).then(|| members::of_recipe(database, key, now));
    let access = RecipeAccess::new(database, role, owner)?;
    let access = ListedAccess { access, members: members.transpose()? };
    let access = serde_json::to_string(&access).map_err(unreadable)?;
    // Two objects become one. Neither is empty, and they have no name in common.
    let head = summary.strip_suffix('}').unwrap_or(&summary);
    let tail = access.strip_prefix('{').unwrap_or(&access);
    RawValue::from_string(format!("{head},{tail}")).map_err(unreadable)
}

/// Whether the recipe has each of these words in its title, a tag or an ingredient.
fn has_words(body: &str, words: &[String]) -> serde_json::Result<bool> {
    #[derive(Deserialize)]
    struct SearchedText<'a> {
        #[serde(borrow)]
        title: Cow<'a, str>,
        #[serde(borrow)]
        tags: Vec<Text<'a>>,
        #[serde(borrow)]
        ingredients: Vec<SearchedLine<'a>>,
    }
    #[derive(Deserialize)]
    struct SearchedLine<'a> {
        #[serde(borrow)]
        text: Cow<'a, str>,
    }
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    let recipe: SearchedText<'_> = serde_json::from_str(body)?;
    let tags = recipe.tags.iter().map(|tag| tag.0.as_ref());
    let lines = recipe.ingredients.iter().map(|line| line.text.as_ref());
    let mut text = recipe.title.to_lowercase();
    for part in tags.chain(lines) {
        text.push('\n');
        text.push_str(&part.to_lowercase());
    }
    Ok(words.iter().all(|word| text.contains(word)))
}

/// Whole recipes of a user's, the newest first, as JSON; and the id of the last one if there are more.
pub(crate) type WholeRecipes = (Vec<String>, Option<String>);

/// At most `limit` recipes behind the one with id `before`, as many as fit into `max_bytes`, and one at
/// least. `None` when `before` does not exist.
pub(crate) fn export(
    database: &Connection,
    owner: &str,
    (limit, before): (usize, Option<&str>),
    max_bytes: usize,
) -> rusqlite::Result<Option<WholeRecipes>> {
    let end = match before {
        None => Some(i64::MAX),
        Some(id) => key_of(database, id, owner)?,
    };
    let Some(end) = end else { return Ok(None) };
    let mut statement = database.prepare_cached(
        "SELECT id, body FROM recipes WHERE owner = ? AND key < ? ORDER BY key DESC",
    )?;
    let mut rows = statement.query(params![owner, end])?;
    let (mut bodies, mut bytes, mut last) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        let body: String = row.get(1)?;
        bytes += body.len();
        if bodies.len() == limit || (bytes > max_bytes && !bodies.is_empty()) {
            return Ok(Some((bodies, last)));
        }
        bodies.push(body);
        last = Some(row.get(0)?);
    }
    Ok(Some((bodies, None)))
}
