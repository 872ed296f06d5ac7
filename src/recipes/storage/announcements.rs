//! What an operator says to a room.

use rusqlite::Connection;

use super::bounds::Bounds;
use super::chat::{ChatDone, ChatOutcome, changed};
use super::publications;
use super::{member_changes, recipes};
use crate::node::app::{Json, PublishRefusal, Update};
use crate::recipes::recipe::{Draft, DraftError};
use crate::time::UnixTime;

/// Tells a room something. With a `draft`, that replaces the room's recipe, as a change that can be
/// undone. Nobody is in a room without a recipe, so nobody is told there. At the owner's quota, what is said
/// is not kept for clients that resume.
pub(crate) fn publish(
    database: &Connection,
    room: &str,
    (said, draft): (Update, Result<Option<Draft>, DraftError>),
    now: UnixTime,
    bounds: &Bounds,
) -> rusqlite::Result<ChatDone> {
    let mut events = member_changes::forget_ended(database, room, now)?;
    let refused =
        |refusal, events| Ok(ChatDone { outcome: ChatOutcome::NotPublished(refusal), events });
    let Some(stored) = recipes::find_any(database, room)? else {
        return match draft {
            Ok(None) => Ok(ChatDone { outcome: said.into(), events }),
            Ok(Some(_)) | Err(_) => refused(PublishRefusal::NoSuchRoom, events),
        };
    };
    let draft = match draft {
        Ok(draft) => draft,
        Err(fault) => return refused(of_field(&fault), events),
    };
    let update = match draft {
        None => said,
        Some(draft) => {
            let recipe = match stored.recipe.replaced_by(draft, now) {
                Ok(recipe) => recipe,
                Err(fault) => return refused(of_field(&fault), events),
            };
            let Some(json) = Json::new(&recipe).ok().filter(|json| bounds.fit(json)) else {
                let why = "`recipe_data` must be a smaller recipe".to_owned();
                return refused(PublishRefusal::InvalidData(why), events);
            };
            recipes::change(database, &stored, &recipe, bounds.undo)?;
            changed(said.content, json)
        }
    };
    if !bounds.publishes {
        // The node tells the room what it is answered.
        return Ok(ChatDone { outcome: update.into(), events });
    }
    let mut how = bounds.publishing(now);
    let owner: String = database
        .prepare_cached("SELECT owner FROM recipes WHERE key = ?")?
        .query_row([stored.key], |row| row.get(0))?;
    how.is_kept &= !recipes::is_at_quota(database, &owner, bounds.user_bytes, now)?;
    events.push(publications::publish_update(database, (stored.key, room), (&update, None), how)?);
    Ok(ChatDone { outcome: update.into(), events })
}

fn of_field(fault: &DraftError) -> PublishRefusal {
    let DraftError { field, must } = fault;
    PublishRefusal::InvalidData(format!("`recipe_data.{field}` must be {must}"))
}
