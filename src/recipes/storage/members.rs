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
use crate::node::AppEvent;
use crate::time::{Rfc3339, UnixTime};

/// The most recipes that are shared with one address. Others cannot fill its user's list beyond that.
const MAX_SHARED: usize = 1_000;

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

/// Who is invited, and to what.
#[derive(Clone, Debug)]
pub(crate) struct NewMember {
    pub(crate) id: String,
    pub(crate) role: RecipeRole,
    pub(crate) invited: Invited,
    pub(crate) now: UnixTime,
    pub(crate) expires_at: Option<UnixTime>,
}

#[derive(Clone, Debug)]
pub(crate) enum Invited {
    Email(String),
    Code(TokenHash),
}

/// The outcome of an invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InviteOutcome {
    /// Holds the id: of the earlier membership if the address had one, which is changed.
    Done(String),
    /// The recipe is not the user's.
    Missing,
    /// The address is the owner's own.
    Own,
    /// The recipe has as many members and invitations as it may have, or the address has.
    TooMany,
}

/// Invites to a recipe of `owner`, which may have `most` members and open invitations. The caller has
/// forgotten those that have ended.
pub(crate) fn invite(
    database: &Connection,
    (recipe, owner): (&str, &str),
    new: NewMember,
    most: usize,
) -> rusqlite::Result<InviteOutcome> {
    let Some(recipe) = recipes::key_of(database, recipe, owner)? else {
        return Ok(InviteOutcome::Missing);
    };
    let (is_editor, expires_at) = (new.role >= RecipeRole::Editor, new.expires_at.map(millis));
    let (email, code) = match new.invited {
        Invited::Email(email) => (Some(email), None),
        Invited::Code(code) => (None, Some(code.0)),
    };
    if let Some(email) = &email {
        let is_own = database
            .prepare_cached("SELECT 1 FROM users WHERE id = ? AND email = ?")?
            .exists([owner, email])?;
        if is_own {
            return Ok(InviteOutcome::Own);
        }
        let changed: Option<String> = database
            .prepare_cached(
                "UPDATE members SET is_editor = ?3, expires_at = ?4 WHERE recipe = ?1
                 AND (email = ?2 OR user = (SELECT id FROM users WHERE email = ?2)) RETURNING id",
            )?
            .query_row(params![recipe, email, is_editor, expires_at], |row| row.get(0))
            .optional()?;
        if let Some(id) = changed {
            return Ok(InviteOutcome::Done(id));
        }
    }
    let count = |sql: &str, value: &dyn rusqlite::ToSql| -> rusqlite::Result<usize> {
        let count: i64 = database.prepare_cached(sql)?.query_row([value], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    };
    if count("SELECT count(*) FROM members WHERE recipe = ?", &recipe)? >= most
        || count("SELECT count(*) FROM members WHERE email = ?", &email)? >= MAX_SHARED
    {
        return Ok(InviteOutcome::TooMany);
    }
    database
        .prepare_cached(
            "INSERT INTO members (id, recipe, is_editor, email, code, created_at, expires_at)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![new.id, recipe, is_editor, email, code, millis(new.now), expires_at])?;
    Ok(InviteOutcome::Done(new.id))
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

/// Changes the role of a member or an invitation of a recipe of `owner`. `None` when there is none such.
pub(crate) fn set_role(
    database: &Connection,
    (recipe, owner): (&str, &str),
    member: &str,
    role: RecipeRole,
    now: UnixTime,
) -> rusqlite::Result<Option<MemberView>> {
    let Some(recipe) = recipes::key_of(database, recipe, owner)? else { return Ok(None) };
    database
        .prepare_cached("UPDATE members SET is_editor = ? WHERE recipe = ? AND id = ?")?
        .execute(params![role >= RecipeRole::Editor, recipe, member])?;
    let members = of_recipe(database, recipe, now)?;
    Ok(members.into_iter().find(|it| it.id == member))
}

/// Which membership is removed.
#[derive(Clone, Debug)]
pub(crate) enum Removed {
    /// The one with this id, by the owner.
    One(String),
    /// The user's own.
    Own,
}

/// Removes a membership or an invitation: who has lost access by that, if anybody. `None` when there
/// is none such.
pub(crate) fn remove(
    database: &Connection,
    (recipe, user): (&str, &str),
    removed: &Removed,
    now: UnixTime,
) -> rusqlite::Result<Option<Option<String>>> {
    let Some((key, _, role)) = access(database, recipe, user, now)? else { return Ok(None) };
    match removed {
        Removed::One(id) if role == RecipeRole::Owner => {
            let removed: Option<Option<String>> = database
                .prepare_cached(&format!(
                    "DELETE FROM members WHERE recipe = ? AND id = ? RETURNING {GUEST}"
                ))?
                .query_row(params![key, id], |row| row.get(0))
                .optional()?;
            let Some(Some(guest)) = removed else { return Ok(removed) };
            let has_access = access(database, recipe, &guest, now)?.is_some();
            Ok(Some(Some(guest).filter(|_| !has_access)))
        }
        Removed::One(_) => Ok(None),
        Removed::Own => {
            let count = database
                .prepare_cached(
                    "DELETE FROM members WHERE recipe = ?1
                     AND (user = ?2 OR email = (SELECT email FROM users WHERE id = ?2))",
                )?
                .execute(params![key, user])?;
            Ok((count > 0).then(|| Some(user.to_owned())))
        }
    }
}

/// Deletes what has ended of a recipe. The events close the connections of the members.
pub(crate) fn forget_ended(
    database: &Connection,
    room: &str,
    now: UnixTime,
) -> rusqlite::Result<Vec<AppEvent>> {
    let mut statement = database.prepare_cached(&format!(
        "DELETE FROM members WHERE recipe = (SELECT key FROM recipes WHERE id = ?)
         AND expires_at <= ? RETURNING {GUEST}"
    ))?;
    let guests = statement.query_map(params![room, millis(now)], |row| row.get(0))?;
    let guests: Vec<Option<String>> = guests.collect::<Result<_, _>>()?;
    let mut events = Vec::new();
    for guest in guests.into_iter().flatten() {
        // Another membership may still let the guest in.
        if access(database, room, &guest, now)?.is_none() {
            events.push(removal(room, guest));
        }
    }
    Ok(events)
}

/// `user` may not be in the room any more.
pub(crate) fn removal(room: &str, user: impl Into<String>) -> AppEvent {
    AppEvent::MemberRemoved { room: room.to_owned(), user: user.into() }
}

/// The user that a row of `members` is in force for, if there is one.
const GUEST: &str = "coalesce(user, (SELECT id FROM users WHERE users.email = members.email))";

/// A member or an open invitation, as the owner sees it.
#[derive(Debug, Serialize)]
pub(crate) struct MemberView {
    id: String,
    role: &'static str,
    /// The address that is invited, or of the account that has used the link.
    email: Option<String>,
    /// The user that has used the link. Not shown for an address.
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
        "SELECT members.id, is_editor, coalesce(members.email, users.email), user,
             members.created_at, expires_at
         FROM members LEFT JOIN users ON users.id = user
         WHERE recipe = ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY members.key",
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
