//! What an operator says to a room.

use rusqlite::Connection;

use super::bounds::Bounds;
use super::chat::{ChatDone, ChatOutcome, changed};
use super::publications;
use super::{member_changes, recipes};
use crate::node::app::{Json, Update};
use crate::protocol::ErrorCode;
use crate::recipes::recipe::Draft;
use crate::time::UnixTime;

/// Tells a room something. With a `draft`, that replaces the room's recipe, as a change that can be
/// undone. Nobody is in a room without a recipe, so nobody is told there. At the owner's quota, what is said
/// is not kept for clients that resume.
pub(crate) fn publish(
    database: &Connection,
    room: &str,
    (said, draft): (Update, Option<Draft>),
    now: UnixTime,
    bounds: &Bounds,
) -> rusqlite::Result<ChatDone> {
    let mut events = member_changes::forget_ended(database, room, now)?;
    let Some(stored) = recipes::find_any(database, room)? else {
        let is_told = draft.is_none().then(|| said.into());
        let outcome = is_told.ok_or(ErrorCode::InvalidMessage);
        return Ok(ChatDone { outcome: ChatOutcome::Answer(outcome), events });
    };
    let update = match draft {
        None => said,
        Some(draft) => {
            let recipe = stored.recipe.replaced_by(draft, now).ok();
            let json = recipe.as_ref().and_then(|recipe| Json::new(recipe).ok());
            match recipe.zip(json.filter(|json| bounds.fit(json))) {
                Some((recipe, json)) => {
                    recipes::change(database, &stored, &recipe, bounds.undo)?;
                    changed(said.content, json)
                }
                None => {
                    let outcome = ChatOutcome::Answer(Err(ErrorCode::InvalidMessage));
                    return Ok(ChatDone { outcome, events });
                }
            }
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
