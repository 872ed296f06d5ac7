//! Who else than its owner may see or change a recipe.
//!
//! An invitation to an address is in force for whoever has an account with it, now or later. So the
//! inviter cannot find out which addresses have one. An invitation by link is for whoever uses its code
//! first; only the SHA-256 of the code is stored. What has ended is treated as missing.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Serialize, Serializer};

use super::recipes::{self, Stored};
use super::schema::millis;
use super::sessions::TokenHash;
use crate::time::{Rfc3339, UnixTime};

/// What a user may do with a recipe. A later one may do all that an earlier one may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RecipeRole {
    /// May read and chat.
    Reader,
    /// May change it too.
    Editor,
    /// May delete and share it too.
    Owner,
}

impl RecipeRole {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Editor => "editor",
            Self::Owner => "owner",
        }
    }

    fn serialize_name<S: Serializer>(role: &Self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(role.name())
    }

    pub(super) const fn of_member(is_editor: bool) -> Self {
        if is_editor { Self::Editor } else { Self::Reader }
    }
}

/// What a user may do with a recipe, as answers show it.
#[derive(Debug, Serialize)]
pub(crate) struct RecipeAccess {
    #[serde(serialize_with = "RecipeRole::serialize_name")]
    pub(crate) role: RecipeRole,
    /// Of a recipe that is shared with the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<OwnerView>,
}

/// Who shares a recipe.
#[derive(Debug, Serialize)]
struct OwnerView {
    id: String,
    /// `None` for a user without an account here.
    email: Option<String>,
}

impl RecipeAccess {
    /// To a recipe of the user's own.
    pub(crate) const OWN: Self = Self { role: RecipeRole::Owner, owner: None };

    /// To a recipe of `owner`.
    pub(crate) fn new(
        database: &Connection,
        role: RecipeRole,
        owner: String,
    ) -> rusqlite::Result<Self> {
        if role == RecipeRole::Owner {
            return Ok(Self::OWN);
        }
        let email = database
            .prepare_cached("SELECT email FROM users WHERE id = ?")?
            .query_row([&owner], |row| row.get(0))
            .optional()?;
        Ok(Self { role, owner: Some(OwnerView { id: owner, email }) })
    }
}

/// Of a row of `members`, whether it lets the user `?1` in at the time `?2`.
pub(super) const IS_IN_FORCE: &str = "(expires_at IS NULL OR expires_at > ?2)
    AND (user = ?1 OR email = (SELECT email FROM users WHERE id = ?1))";

/// A recipe that a user may see.
#[derive(Debug)]
pub(crate) struct Accessible {
    pub(crate) stored: Stored,
    /// The `sub` of its owner.
    pub(crate) owner: String,
    pub(crate) role: RecipeRole,
}

/// The recipe with this id, if `user` may see it. Another one is treated as missing.
pub(crate) fn find(
    database: &Connection,
    id: &str,
    user: &str,
    now: UnixTime,
) -> rusqlite::Result<Option<Accessible>> {
    let Some((_, owner, role)) = access(database, id, user, now)? else { return Ok(None) };
    let stored = recipes::find_any(database, id)?;
    Ok(stored.map(|stored| Accessible { stored, owner, role }))
}

/// The key and the owner of the recipe with this id, and what `user` may do with it, if anything.
pub(crate) fn access(
    database: &Connection,
    id: &str,
    user: &str,
    now: UnixTime,
) -> rusqlite::Result<Option<(i64, String, RecipeRole)>> {
    let found: Option<(i64, String)> = database
        .prepare_cached("SELECT key, owner FROM recipes WHERE id = ?")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((key, owner)) = found else { return Ok(None) };
    if owner == user {
        return Ok(Some((key, owner, RecipeRole::Owner)));
    }
    let is_editor: Option<bool> = database
        .prepare_cached(&format!(
            "SELECT max(is_editor) FROM members WHERE recipe = ?3 AND {IS_IN_FORCE}"
        ))?
        .query_row(params![user, millis(now), key], |row| row.get(0))?;
    Ok(is_editor.map(|is_editor| (key, owner, RecipeRole::of_member(is_editor))))
}

/// Uses a code for `user`: the id of its recipe, and what the user may do with it now. A code for a
/// recipe that the user may see already stays unused. `None` when it invites nobody.
pub(crate) fn redeem(
    database: &Connection,
    code: &TokenHash,
    user: &str,
    now: UnixTime,
) -> rusqlite::Result<Option<(String, RecipeRole)>> {
    let found: Option<(i64, String, bool)> = database
        .prepare_cached(
            "SELECT members.key, recipes.id, is_editor
             FROM members JOIN recipes ON recipes.key = recipe
             WHERE code = ? AND (expires_at IS NULL OR expires_at > ?)",
        )?
        .query_row(params![code.0, millis(now)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((member, recipe, is_editor)) = found else { return Ok(None) };
    if let Some((_, _, role)) = access(database, &recipe, user, now)? {
        return Ok(Some((recipe, role)));
    }
    database
        .prepare_cached("UPDATE members SET user = ?, code = NULL WHERE key = ?")?
        .execute(params![user, member])?;
    Ok(Some((recipe, RecipeRole::of_member(is_editor))))
}

/// The user that a row of `members` is in force for, if there is one.
pub(super) const GUEST: &str =
    "coalesce(user, (SELECT id FROM users WHERE users.email = members.email))";

/// A member or an open invitation, as the owner sees it.
#[derive(Debug, Serialize)]
pub(crate) struct MemberView {
    pub(super) id: String,
    role: &'static str,
    /// The address that is invited, or of the account that has used the link.
    email: Option<String>,
    /// The user that has used the link, or that has the address and has said something in the room:
    /// before that, the owner does not find out whether the address has an account.
    user_id: Option<String>,
    created_at: Rfc3339,
    expires_at: Option<Rfc3339>,
}

/// The members and open invitations of a recipe of `owner`. `None` when it is not the owner's.
pub(crate) fn list(
    database: &Connection,
    (id, owner): (&str, &str),
    now: UnixTime,
) -> rusqlite::Result<Option<Vec<MemberView>>> {
    let Some(recipe) = recipes::key_of(database, id, owner)? else { return Ok(None) };
    of_recipe(database, recipe, now).map(Some)
}

/// The members and open invitations of a recipe.
pub(super) fn of_recipe(
    database: &Connection,
    recipe: i64,
    now: UnixTime,
) -> rusqlite::Result<Vec<MemberView>> {
    let time =
        |millis: i64| UnixTime::from_millis(u64::try_from(millis).unwrap_or_default()).to_rfc3339();
    let mut statement = database.prepare_cached(
        "WITH speakers AS MATERIALIZED (SELECT DISTINCT user FROM messages WHERE recipe = ?1)
         SELECT members.id, is_editor, coalesce(members.email, users.email),
             coalesce(user, (
                 SELECT id FROM users AS invited
                 WHERE invited.email = members.email AND id IN speakers)),
             members.created_at, expires_at
         FROM members LEFT JOIN users ON users.id = user
         WHERE recipe = ?1 AND (expires_at IS NULL OR expires_at > ?2) ORDER BY members.key",
    )?;
    let members = statement.query_map(params![recipe, millis(now)], |row| {
        Ok(MemberView {
            id: row.get(0)?,
            role: RecipeRole::of_member(row.get(1)?).name(),
            email: row.get(2)?,
            user_id: row.get(3)?,
            created_at: time(row.get(4)?),
            expires_at: row.get::<_, Option<i64>>(5)?.map(time),
        })
    })?;
    members.collect()
}
