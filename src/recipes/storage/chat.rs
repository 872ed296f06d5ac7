//! Joins and messages in the database.
//!
//! A message, its change, its answer and what the room is told of it are one write. So a message that is
//! repeated after a restart is done and published once: its answer is stored exactly if its change is. An
//! id that is reused with different content is refused.

use std::borrow::Cow;
use std::mem;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::access::{TokenState, TokenUser};
use super::bounds::Bounds;
use super::history;
use super::member_changes;
use super::members::{self, Accessible, RecipeRole};
use super::new_message::{NewMessage, REPEATED_WITHIN};
use super::publications;
use super::recipes::{self, Stored};
use super::schema::{millis, signed};
use super::unanswered::{self, UnansweredId};
use crate::node::AppEvent;
use crate::node::app::{Admission, Answer, Json, PublishRefusal, RoomMessage, Update};
use crate::protocol::{ErrorCode, KeptJsonObject, Position, UpdateSource};
use crate::recipes::assistant::{AssistantReply, Pasted, answer_read};
use crate::recipes::command::ChatCommand;
use crate::recipes::proposal::{Proposal, answer_proposal, is_understood};
use crate::recipes::recipe::Recipe;
use crate::time::UnixTime;

const WELCOME: &str = "Connected to recipe chat. How can I help you with this recipe?";
const UNDONE: &str = "Took the last change back.";
const NOTHING_TO_UNDO: &str = "There is no change left to take back.";
const REDONE: &str = "Did again what was taken back.";
const NOTHING_TO_REDO: &str = "There is nothing to do again: nothing was taken back, or the recipe \
    was changed since.";
const TOO_LARGE: &str = "The recipe would grow too large with that, so nothing was changed.";

const TOO_MUCH: &str = "You store as much as one user may on this server, so this message is not \
    stored and nothing has changed. `Undo` gives some back.";

/// The most bytes of an `Undo` that is let through at the quota. The recipe that it deletes has more, with
/// those of the answer.
const LONGEST_UNDO: usize = 64;

const OWNER_TOO_MUCH: &str = "The owner of this recipe stores as much as one user may on this \
    server, so this message is not stored and nothing has changed.";
const READ_ONLY: &str = "You may read this recipe and chat about it, but not change it, so nothing \
    has changed. Its owner can make you an editor.";

/// An id that was used within [`REPEATED_WITHIN`] and among this many of the room's messages is no id for
/// another message.
const REPEATED_AMONG: usize = 32;

/// Admits the room's owner and members with the room's state, and denies other users. A re-authentication omits
/// the history, as its answer does not carry it. A client that goes on behind `position` gets what it has
/// missed instead of both, which takes no more than they may.
pub(crate) fn join(
    database: &Connection,
    (room, user): (&str, &TokenUser),
    (reauth, position): (bool, Option<Position>),
    now: UnixTime,
    bounds: &Bounds,
) -> rusqlite::Result<Admission> {
    // Bytes of the envelope, the session and the field names.
    const ENVELOPE: usize = 2 << 10;
    match user.access(database)? {
        TokenState::Granted => {}
        TokenState::Locked => return Ok(Admission::Deny),
        TokenState::Ended => return Ok(Admission::Revoked),
    }
    let Some(Accessible { stored, .. }) = members::find(database, room, &user.id, now)? else {
        return Ok(Admission::Deny);
    };
    let most = bounds.acknowledgement.saturating_sub(ENVELOPE);
    let (tail, is_known) = if bounds.publishes {
        publications::tail(database, stored.key, position, most)?
    } else {
        (None, false)
    };
    let tail = tail.map(Box::new);
    if is_known {
        return Ok(Admission::Admit(Arc::new(Update { tail, ..Update::default() })));
    }
    let recipe_data = Json::new(&stored.recipe).ok();
    let taken = ENVELOPE + recipe_data.as_ref().map_or(0, |recipe| recipe.as_str().len());
    let room_left = bounds.acknowledgement.saturating_sub(taken);
    let count = if reauth { 0 } else { bounds.history };
    let history = history::last(database, stored.key, count, room_left)?;
    let content = WELCOME.into();
    let update = Update { content, recipe_data, history, tail, ..Update::default() };
    Ok(Admission::Admit(Arc::new(update)))
}

/// The outcome of a chat message.
pub(crate) enum ChatOutcome {
    Answer(Answer),
    /// The id was used for a message with different content.
    UsedId,
    /// An operator's word is not published.
    NotPublished(PublishRefusal),
    /// The rules do not understand the message: the model is to be asked, and then this again.
    AskModel(Box<RoomContext>),
}

/// What the model is told of a room.
#[derive(Debug)]
pub(crate) struct RoomContext {
    pub(crate) recipe: Recipe,
    /// The last messages and their answers, the oldest first.
    pub(crate) turns: Vec<(String, String)>,
}

/// What a message has done.
pub(crate) struct ChatDone {
    pub(crate) outcome: ChatOutcome,
    /// Delivered before the answer: who may not be in the room any more does not get it.
    pub(crate) events: Vec<AppEvent>,
}

impl From<Update> for ChatOutcome {
    fn from(update: Update) -> Self {
        Self::Answer(Ok(Arc::new(update)))
    }
}

/// Carries out a message, and stores it with its answer.
pub(crate) fn handle_message(
    database: &Connection,
    message: &mut NewMessage,
    bounds: &Bounds,
) -> rusqlite::Result<ChatDone> {
    let pasted = mem::replace(&mut message.pasted, Pasted::Nothing);
    let proposal = message.proposal.take();
    let mut events = member_changes::forget_ended(database, &message.room, message.now)?;
    let outcome = match members::find(database, &message.room, &message.user, message.now)? {
        Some(found) => {
            let said = (&*message, pasted, proposal);
            let (outcome, published) = handle_of_member(database, &found, said, bounds)?;
            events.extend(published);
            outcome
        }
        None => {
            events.push(member_changes::removal(&message.room, message.user.clone()));
            ChatOutcome::Answer(Err(ErrorCode::Internal))
        }
    };
    Ok(ChatDone { outcome, events })
}

fn handle_of_member(
    database: &Connection,
    Accessible { stored, owner, role }: &Accessible,
    (message, pasted, proposal): (&NewMessage, Pasted, Option<Proposal>),
    bounds: &Bounds,
) -> rusqlite::Result<(ChatOutcome, Vec<AppEvent>)> {
    let (role, mut events) = (*role, Vec::new());
    let newest = newest(database, stored.key)?;
    if let Some(said) = repeated(database, stored, message, (newest, bounds))? {
        return Ok((said, events));
    }
    let known = unanswered::find(database, stored.key, message)?;
    if known == UnansweredId::OtherContent {
        return Ok((ChatOutcome::UsedId, events));
    }
    // The room has what the model was asked about, and what it was asked about before a kill.
    let is_published = known == UnansweredId::Published || proposal.is_some();
    let is_full = recipes::is_at_quota(database, owner, bounds.user_bytes, message.now)?;
    // At the quota, what the room is told is not kept: whoever misses it begins anew.
    let mut bounds = *bounds;
    bounds.keeps_publications &= !is_full;
    let bounds = &bounds;
    // The owner pays for all that is said in the room.
    let is_over = is_full && !is_published;
    if is_over && !gives_back(database, (stored.key, role), &message.content)? {
        let text = if role == RecipeRole::Owner { TOO_MUCH } else { OWNER_TOO_MUCH };
        return Ok((say_only(text).into(), events));
    }
    if !is_published && bounds.publishes {
        events.push(publish_message(database, stored.key, message, bounds)?);
    }
    let (recipe, content) = (&stored.recipe, &message.content);
    let (reply, is_by_model) = match (proposal, bounds.turns) {
        (Some(proposal), _) => answer_proposal(recipe, content, proposal, message.now),
        (None, Some(turns)) if !is_understood(content) => {
            let turns = history::turns(database, stored.key, turns)?;
            let room = RoomContext { recipe: recipe.clone(), turns };
            // The others need not wait for the model.
            unanswered::add(database, stored.key, message)?;
            return Ok((ChatOutcome::AskModel(Box::new(room)), events));
        }
        (None, _) => (answer_read(recipe, content, pasted, message.now), false),
    };
    let mut update = carry_out(database, (stored, role), reply, (message.now, is_full), bounds)?;
    update.source = is_by_model.then_some(UpdateSource::Model);
    store(database, stored.key, message, (newest + 1, &update), bounds)?;
    if is_published {
        unanswered::remove(database, stored.key, message)?;
    }
    if update.broadcast && bounds.publishes {
        let (room, how) = ((stored.key, &*message.room), bounds.publishing(message.now));
        let news = (&update, Some(message.connection));
        events.push(publications::publish_update(database, room, news, how)?);
    }
    Ok((update.into(), events))
}

/// Whether a message takes a change back, which gives more room back than it takes itself.
fn gives_back(
    database: &Connection,
    (recipe, role): (i64, RecipeRole),
    content: &str,
) -> rusqlite::Result<bool> {
    let is_undo = role >= RecipeRole::Editor
        && content.len() <= LONGEST_UNDO
        && ChatCommand::parse(content) == Some(ChatCommand::Undo);
    Ok(is_undo && recipes::can_undo(database, recipe)?)
}

/// Publishes a message to the others in its room.
fn publish_message(
    database: &Connection,
    recipe: i64,
    message: &NewMessage,
    bounds: &Bounds,
) -> rusqlite::Result<AppEvent> {
    let NewMessage { room, user, id, content, now, .. } = message;
    let data = message.data.as_ref().map(KeptJsonObject::get);
    let said = RoomMessage::chat(*now, user, (id, content), data);
    let (said, how) = ((said, Some(message.connection)), bounds.publishing(*now));
    publications::publish(database, (recipe, room), said, how)
}

/// Stores a message with its answer, as the room's message `n`.
fn store(
    database: &Connection,
    recipe: i64,
    message: &NewMessage,
    (n, update): (i64, &Update),
    bounds: &Bounds,
) -> rusqlite::Result<()> {
    database
        .prepare_cached(
            "INSERT INTO messages
                 (recipe, n, user, id, at, content, reply, changed, by_model, digest)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            recipe,
            n,
            message.user,
            message.id,
            millis(message.now),
            message.content,
            update.content,
            update.recipe_data.is_some(),
            update.source.is_some(),
            message.digest()
        ])?;
    if bounds.messages > 0 {
        database
            .prepare_cached("DELETE FROM messages WHERE recipe = ? AND n <= ?")?
            .execute(params![recipe, n.saturating_sub(signed(bounds.messages))])?;
    }
    Ok(())
}

/// The number of the room's newest message.
fn newest(database: &Connection, recipe: i64) -> rusqlite::Result<i64> {
    database
        .prepare_cached("SELECT coalesce(max(n), 0) FROM messages WHERE recipe = ?")?
        .query_row([recipe], |row| row.get(0))
}

/// The answer to a repeated message, however old it is: the stored text, with the current recipe if the
/// message had changed it. Where the nodes publish, it is broadcast again: the first answer may be lost, and a
/// second whole recipe does no harm. An id that was used for another message is refused for a while.
fn repeated(
    database: &Connection,
    stored: &Stored,
    message: &NewMessage,
    (newest, bounds): (i64, &Bounds),
) -> rusqlite::Result<Option<ChatOutcome>> {
    let since = millis(message.now).saturating_sub_unsigned(REPEATED_WITHIN);
    let first: Option<(bool, String, bool, bool)> = database
        .prepare_cached(
            "SELECT CASE WHEN digest IS NULL THEN content = ?1 ELSE digest = ?2 END AS is_same,
                 reply, changed, by_model
             FROM messages WHERE recipe = ?3 AND id = ?4 AND user = ?5
             AND (is_same OR (at > ?6 AND n > ?7)) ORDER BY is_same DESC, n DESC LIMIT 1",
        )?
        .query_row(
            params![
                message.content,
                message.digest(),
                stored.key,
                message.id,
                message.user,
                since,
                newest.saturating_sub(signed(REPEATED_AMONG))
            ],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .optional()?;
    Ok(first.map(|(is_same, reply, changed, by_model)| {
        if !is_same {
            return ChatOutcome::UsedId;
        }
        let recipe_data = if changed { Json::new(&stored.recipe).ok() } else { None };
        let source = by_model.then_some(UpdateSource::Model);
        let broadcast = recipe_data.is_some() && !bounds.publishes;
        let content = Cow::Owned(reply);
        Update { content, recipe_data, source, broadcast, ..Update::default() }.into()
    }))
}

/// Carries out what the assistant wants done. What is undone while the owner's storage `is_full`
/// cannot be done again.
fn carry_out(
    database: &Connection,
    (stored, role): (&Stored, RecipeRole),
    reply: AssistantReply,
    (now, is_full): (UnixTime, bool),
    bounds: &Bounds,
) -> rusqlite::Result<Update> {
    match reply {
        AssistantReply::Change { .. } | AssistantReply::Undo | AssistantReply::Redo
            if role < RecipeRole::Editor =>
        {
            Ok(say_only(READ_ONLY))
        }
        AssistantReply::Say(text) => Ok(say_only(text)),
        AssistantReply::Change { recipe, content } => match Json::new(&recipe) {
            Ok(json) if bounds.fit(&json) => {
                recipes::change(database, stored, &recipe, bounds.undo)?;
                Ok(changed(content, json))
            }
            _ => Ok(say_only(TOO_LARGE)),
        },
        AssistantReply::Undo => {
            let undone = recipes::undo(database, stored.key, !is_full, now)?;
            Ok(restored(undone, UNDONE, NOTHING_TO_UNDO))
        }
        AssistantReply::Redo => {
            let done = recipes::redo(database, stored.key, now)?;
            Ok(restored(done, REDONE, NOTHING_TO_REDO))
        }
    }
}

/// The answer that brings a restored recipe, or says that there is none.
fn restored(recipe: Option<Recipe>, done: &'static str, nothing: &'static str) -> Update {
    let Some(recipe) = recipe else { return say_only(nothing) };
    Json::new(&recipe).map_or_else(|_| say_only(done), |json| changed(done, json))
}

fn say_only(content: impl Into<Cow<'static, str>>) -> Update {
    Update { content: content.into(), ..Update::default() }
}

pub(super) fn changed(content: impl Into<Cow<'static, str>>, recipe: Json) -> Update {
    Update {
        content: content.into(),
        recipe_data: Some(recipe),
        broadcast: true,
        ..Update::default()
    }
}
