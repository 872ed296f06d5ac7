//! Changes of who may see or change a recipe, and what connected members notice of them.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::members::{self, GUEST, MemberView, RecipeRole, access};
use super::recipes;
use super::schema::millis;
use super::sessions::TokenHash;
use crate::node::AppEvent;
use crate::node::app::Update;
use crate::time::UnixTime;

/// The most recipes that are shared with one address. Others cannot fill its user's list beyond that; and
/// each owner has at most half of what the other owners leave, so that one of them, who may own as many
/// recipes as that by default, does not keep all others from sharing.
const MAX_SHARED: usize = 2_000;

/// The most memberships that are forgotten in one task.
const MAX_FORGOTTEN: i64 = 64;

const IS_READER: &str = "You may read this recipe and chat about it now, but not change it.";
const IS_EDITOR: &str = "You may change this recipe now.";

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
#[derive(Debug)]
pub(crate) enum InviteOutcome {
    /// Holds the id: of the earlier membership if the address had one, which is changed. The event tells
    /// its member.
    Done(String, Option<AppEvent>),
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
    (room, owner): (&str, &str),
    new: NewMember,
    most: usize,
) -> rusqlite::Result<InviteOutcome> {
    let Some(recipe) = recipes::key_of(database, room, owner)? else {
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
        let known: Option<String> = database
            .prepare_cached(
                "SELECT id FROM members WHERE recipe = ?1
                 AND (email = ?2 OR user = (SELECT id FROM users WHERE email = ?2))",
            )?
            .query_row(params![recipe, email], |row| row.get(0))
            .optional()?;
        if let Some(id) = known {
            let guest = Guest::find(database, (recipe, room), &id, new.now)?;
            database
                .prepare_cached("UPDATE members SET is_editor = ?, expires_at = ? WHERE id = ?")?
                .execute(params![is_editor, expires_at, id])?;
            return Ok(InviteOutcome::Done(id, Guest::event(guest, database, room, new.now)?));
        }
    }
    let count: i64 = database
        .prepare_cached("SELECT count(*) FROM members WHERE recipe = ?")?
        .query_row([recipe], |row| row.get(0))?;
    if usize::try_from(count).is_ok_and(|count| count >= most) {
        return Ok(InviteOutcome::TooMany);
    }
    if let Some(email) = &email
        && !may_share(database, owner, email)?
    {
        return Ok(InviteOutcome::TooMany);
    }
    database
        .prepare_cached(
            "INSERT INTO members (id, recipe, is_editor, email, code, created_at, expires_at)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![new.id, recipe, is_editor, email, code, millis(new.now), expires_at])?;
    Ok(InviteOutcome::Done(new.id, None))
}

/// Whether `owner` may share one more recipe with this address.
fn may_share(database: &Connection, owner: &str, email: &str) -> rusqlite::Result<bool> {
    let (all, own): (i64, i64) = database
        .prepare_cached(
            "SELECT count(*), coalesce(sum(owner = ?1), 0)
             FROM members JOIN recipes ON recipes.key = recipe WHERE email = ?2",
        )?
        .query_row([owner, email], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let [all, own] = [all, own].map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    let left_by_others = MAX_SHARED.saturating_sub(all.saturating_sub(own));
    Ok(own < left_by_others / 2)
}

/// Changes the role of a member or an invitation of a recipe of `owner`. The event tells the member.
/// `None` when there is none such.
pub(crate) fn set_role(
    database: &Connection,
    (room, owner): (&str, &str),
    member: &str,
    role: RecipeRole,
    now: UnixTime,
) -> rusqlite::Result<Option<(MemberView, Option<AppEvent>)>> {
    let Some(recipe) = recipes::key_of(database, room, owner)? else { return Ok(None) };
    let guest = Guest::find(database, (recipe, room), member, now)?;
    database
        .prepare_cached("UPDATE members SET is_editor = ? WHERE recipe = ? AND id = ?")?
        .execute(params![role >= RecipeRole::Editor, recipe, member])?;
    let listed = members::of_recipe(database, recipe, now)?;
    let Some(view) = listed.into_iter().find(|it| it.id == member) else { return Ok(None) };
    Ok(Some((view, Guest::event(guest, database, room, now)?)))
}

/// Which membership is removed.
#[derive(Clone, Debug)]
pub(crate) enum Removed {
    /// The one with this id, by the owner.
    One(String),
    /// The user's own.
    Own,
}

/// Removes a membership or an invitation. The event closes the connections of who has lost access by
/// that. `None` when there is none such.
pub(crate) fn remove(
    database: &Connection,
    (room, user): (&str, &str),
    removed: &Removed,
    now: UnixTime,
) -> rusqlite::Result<Option<Option<AppEvent>>> {
    let Some((recipe, _, role)) = access(database, room, user, now)? else { return Ok(None) };
    match removed {
        Removed::One(id) if role == RecipeRole::Owner => {
            let guest = Guest::find(database, (recipe, room), id, now)?;
            let count = database
                .prepare_cached("DELETE FROM members WHERE recipe = ? AND id = ?")?
                .execute(params![recipe, id])?;
            let event = Guest::event(guest, database, room, now)?;
            Ok((count > 0).then_some(event))
        }
        Removed::One(_) => Ok(None),
        Removed::Own => {
            let count = database
                .prepare_cached(
                    "DELETE FROM members WHERE recipe = ?1
                     AND (user = ?2 OR email = (SELECT email FROM users WHERE id = ?2))",
                )?
                .execute(params![recipe, user])?;
            Ok((count > 0).then(|| Some(removal(room, user))))
        }
    }
}

/// Who a membership is in force for, and what that user might do before it changes.
struct Guest {
    user: String,
    before: Option<RecipeRole>,
}

impl Guest {
    fn find(
        database: &Connection,
        (recipe, room): (i64, &str),
        member: &str,
        now: UnixTime,
    ) -> rusqlite::Result<Option<Self>> {
        let user: Option<Option<String>> = database
            .prepare_cached(&format!("SELECT {GUEST} FROM members WHERE recipe = ? AND id = ?"))?
            .query_row(params![recipe, member], |row| row.get(0))
            .optional()?;
        let Some(user) = user.flatten() else { return Ok(None) };
        let before = access(database, room, &user, now)?.map(|(.., role)| role);
        Ok(Some(Self { user, before }))
    }

    /// What the guest notices of what was changed since. Another membership may still let the guest in.
    fn event(
        guest: Option<Self>,
        database: &Connection,
        room: &str,
        now: UnixTime,
    ) -> rusqlite::Result<Option<AppEvent>> {
        let Some(Self { user, before }) = guest else { return Ok(None) };
        let after = access(database, room, &user, now)?.map(|(.., role)| role);
        Ok(match (before, after) {
            (_, None) => Some(removal(room, user)),
            (Some(before), Some(after)) if before != after => {
                let content = if after == RecipeRole::Reader { IS_READER } else { IS_EDITOR };
                let update = Update { content: Cow::Borrowed(content), ..Update::default() };
                let (room, update) = (room.to_owned(), Arc::new(update));
                Some(AppEvent::AccessChanged { room, user, update })
            }
            _ => None,
        })
    }
}

/// `user` may not be in the room any more.
pub(crate) fn removal(room: &str, user: impl Into<String>) -> AppEvent {
    AppEvent::MemberRemoved { room: room.to_owned(), user: user.into() }
}

/// Deletes what has ended of a recipe. The events close the connections of the members.
pub(crate) fn forget_ended(
    database: &Connection,
    room: &str,
    now: UnixTime,
) -> rusqlite::Result<Vec<AppEvent>> {
    let mut statement = database.prepare_cached(&format!(
        "DELETE FROM members WHERE recipe = (SELECT key FROM recipes WHERE id = ?)
         AND expires_at <= ? RETURNING is_editor, {GUEST}"
    ))?;
    let ended = statement
        .query_map(params![room, millis(now)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(bool, Option<String>)>>>()?;
    let mut events = Vec::new();
    for (is_editor, user) in ended {
        let before = Some(RecipeRole::of_member(is_editor));
        let guest = user.map(|user| Guest { user, before });
        // Who may do more than by what has ended notices nothing.
        let event = Guest::event(guest, database, room, now)?;
        events.extend(event.filter(|event| is_editor || is_removal(event)));
    }
    Ok(events)
}

fn is_removal(event: &AppEvent) -> bool {
    matches!(event, AppEvent::MemberRemoved { .. })
}

/// Deletes what has ended of all recipes, a part of it in one task. What is left is due at once.
pub(crate) fn forget_due(
    database: &Connection,
    now: UnixTime,
    next: &NextEnd,
) -> rusqlite::Result<Vec<AppEvent>> {
    let mut rooms: Vec<String> = database
        .prepare_cached(
            "SELECT (SELECT id FROM recipes WHERE recipes.key = recipe) FROM members
             WHERE expires_at <= ? ORDER BY expires_at LIMIT ?",
        )?
        .query_map(params![millis(now), MAX_FORGOTTEN], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    rooms.sort_unstable();
    rooms.dedup();
    let mut events = Vec::new();
    for room in rooms {
        events.extend(forget_ended(database, &room, now)?);
    }
    next.set(next_end(database)?);
    Ok(events)
}

/// When the next membership or invitation ends.
fn next_end(database: &Connection) -> rusqlite::Result<Option<UnixTime>> {
    let millis: Option<i64> = database
        .prepare_cached("SELECT min(expires_at) FROM members WHERE expires_at IS NOT NULL")?
        .query_row([], |row| row.get(0))?;
    Ok(millis.map(|millis| UnixTime::from_millis(u64::try_from(millis).unwrap_or_default())))
}

/// When the next membership ends, by tasks that may not be stored. So it may be too early, and is never
/// too late for longer than [`NextEnd::RETRY`].
/// At first something is due, so that the database is read.
#[derive(Debug, Default)]
pub(crate) struct NextEnd(AtomicU64);

impl NextEnd {
    const NEVER: u64 = u64::MAX;
    /// What could not be forgotten is tried again after this time.
    pub(crate) const RETRY: Duration = Duration::from_secs(1);

    pub(crate) fn get(&self) -> Option<UnixTime> {
        let millis = self.0.load(Ordering::Acquire);
        (millis != Self::NEVER).then(|| UnixTime::from_millis(millis))
    }

    /// Nothing ends before this.
    pub(crate) fn set(&self, end: Option<UnixTime>) {
        self.0.store(end.map_or(Self::NEVER, UnixTime::as_millis), Ordering::Release);
    }

    /// Something ends then.
    pub(crate) fn add(&self, end: UnixTime) {
        self.0.fetch_min(end.as_millis(), Ordering::AcqRel);
    }

    /// What has ended is being forgotten. Should that fail, it is due again soon.
    pub(crate) fn begin(&self, now: UnixTime) {
        self.set(Some(now + Self::RETRY));
    }
}
