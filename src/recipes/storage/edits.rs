//! Recipes that are changed or copied over HTTP.

use std::sync::Arc;

use rusqlite::Connection;

use super::bounds::Bounds;
use super::chat::changed;
use super::members::{self, Accessible, RecipeRole};
use super::publications;
use super::recipes::{self, CreateFault, Stored};
use crate::node::AppEvent;
use crate::node::app::Json;
use crate::recipes::patch::RecipePatch;
use crate::recipes::recipe::{DraftError, Recipe};
use crate::time::UnixTime;

/// What the room is told.
const EDITED: &str = "The recipe was edited.";

/// The outcome of a change.
pub(crate) enum EditOutcome {
    /// The recipe as it is now, and what tells its room, unless nothing is different.
    Done(Box<Accessible>, Option<AppEvent>),
    Missing,
    /// The user may only read the recipe.
    ReadOnly,
    /// The recipe has another revision by now.
    OtherRevision,
    /// The recipe's owner stores as much as a user may.
    TooMuch,
    Invalid(DraftError),
    TooLarge,
}

/// Changes a recipe, as a change that `Undo` takes back, if `is_wanted` says so of its revision.
pub(crate) fn edit(
    database: &Connection,
    (id, user): (&str, &str),
    is_wanted: impl FnOnce(i64) -> bool,
    patch: RecipePatch,
    now: UnixTime,
    bounds: &Bounds,
) -> rusqlite::Result<EditOutcome> {
    let Some(found) = members::find(database, id, user, now)? else {
        return Ok(EditOutcome::Missing);
    };
    let Accessible { stored, owner, role } = &found;
    if *role < RecipeRole::Editor {
        return Ok(EditOutcome::ReadOnly);
    }
    if !is_wanted(stored.revision) {
        return Ok(EditOutcome::OtherRevision);
    }
    let mut recipe = match stored.recipe.replaced_by(patch.apply(&stored.recipe), now) {
        Ok(recipe) => recipe,
        Err(fault) => return Ok(EditOutcome::Invalid(fault)),
    };
    recipe.keep_bases(&stored.recipe);
    if (Recipe { updated_at: stored.recipe.updated_at.clone(), ..recipe.clone() }) == stored.recipe
    {
        return Ok(EditOutcome::Done(Box::new(found), None));
    }
    if recipes::is_at_quota(database, owner, bounds.user_bytes, now)? {
        return Ok(EditOutcome::TooMuch);
    }
    match Json::new(&recipe) {
        Ok(json) if bounds.fit(&json) => {
            recipes::change(database, stored, &recipe, bounds.undo)?;
            let (room, how) = ((stored.key, id), bounds.publishing(now));
            let update = changed(EDITED, json);
            let event = if bounds.publishes {
                publications::publish_update(database, room, (&update, None), how)?
            } else {
                AppEvent::RecipeChanged { room: id.to_owned(), update: Arc::new(update) }
            };
            let stored = Stored { revision: stored.revision + 1, recipe, ..found.stored };
            Ok(EditOutcome::Done(Box::new(Accessible { stored, ..found }), Some(event)))
        }
        _ => Ok(EditOutcome::TooLarge),
    }
}

/// The outcome of a copy.
pub(crate) enum CopyOutcome {
    Done(Box<Recipe>),
    Missing,
    Refused(CreateFault),
    Invalid(DraftError),
}

/// Stores a copy of a recipe that `user` may see, changed by `patch`, as the user's own under the id
/// `new`. Its chat is not copied.
pub(crate) fn duplicate(
    database: &Connection,
    (id, user): (&str, &str),
    new: String,
    patch: RecipePatch,
    now: UnixTime,
    (max, bounds): (usize, &Bounds),
) -> rusqlite::Result<CopyOutcome> {
    let Some(Accessible { stored, .. }) = members::find(database, id, user, now)? else {
        return Ok(CopyOutcome::Missing);
    };
    let mut recipe = match Recipe::new(new, patch.apply(&stored.recipe), now) {
        Ok(recipe) => recipe,
        Err(fault) => return Ok(CopyOutcome::Invalid(fault)),
    };
    recipe.keep_bases(&stored.recipe);
    if !Json::new(&recipe).is_ok_and(|json| bounds.fit(&json)) {
        return Ok(CopyOutcome::Invalid(DraftError::new("body", "a smaller recipe")));
    }
    Ok(match recipes::create(database, &recipe, user, (max, bounds.user_bytes), now)? {
        Ok(()) => CopyOutcome::Done(Box::new(recipe)),
        Err(fault) => CopyOutcome::Refused(fault),
    })
}
