//! Users whose sessions an operator has ended, and what follows from that.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::orders::OrderResultSlot;
use super::process::NodePlace;
use super::stage::ClusterStage;
use crate::node::app::OrderKind;
use crate::time::UnixTime;

/// How long a node that is in touch with the engine has for a revocation: its lease, and a bound.
const CARRIED_OUT: Duration = Duration::from_secs(20);
/// `auth.leeway`, and the second that `iat` is rounded to.
const LEEWAY: Duration = Duration::from_secs(31);

/// An operator ends the sessions of `user` at this node.
pub(super) fn disconnect(stage: &mut ClusterStage, place: &mut NodePlace, user: &str) {
    let Some(node) = &mut place.node else { return };
    let result = OrderResultSlot::default();
    let told = Arc::clone(&result);
    node.order(stage.now, OrderKind::Disconnect, user, move |done| {
        *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(done.is_ok());
    });
    let name = &place.name;
    stage.note(|| format!("{name} disconnects {user}"));
    let (at, losses) = (stage.now.unix, stage.losses);
    stage.revocations.add(user, at, losses, result);
}

/// Notes what was confirmed.
pub(super) fn look(stage: &mut ClusterStage) {
    stage.counted.revoked += stage.revocations.look(stage.now.monotonic);
}

/// `user` is connected at `place` with a token from `issued`. `is_new`: it was just let in.
pub(super) fn judge(
    stage: &mut ClusterStage,
    place: &NodePlace,
    (user, issued): (&str, UnixTime),
    is_new: bool,
) {
    let (now, process) = (stage.now.monotonic, place.process);
    let Some(confirmed) = stage.revocations.confirmed(user, issued, stage.losses) else { return };
    if stage.is_split || place.is_stopped(now) {
        return;
    }
    let name = &place.name;
    if is_new && place.started > confirmed {
        stage.fail(format!("G4: {name} lets {user} in, as it has not read revocations"));
        return;
    }
    let Some(since) = stage.contacts.in_touch_since(process, now) else { return };
    if since.max(confirmed) + CARRIED_OUT < now {
        let done = if is_new { "is let in at" } else { "is still connected to" };
        stage.fail(format!("G4: {user} {done} {name}, and was disconnected {confirmed:?}"));
    }
}

/// The client of this number is closed as the sessions of `user` were ended; `issued` is when the token was
/// that this connection was let in with, if it was.
///
/// # Errors
/// They were not, or before that token.
pub(super) fn excuse(
    stage: &ClusterStage,
    (number, user): (usize, &str),
    issued: Option<UnixTime>,
) -> Result<(), String> {
    match stage.revocations.last_of(user) {
        None => Err(format!("G4: client {number} is disconnected, and nobody has asked for it")),
        Some(at) if issued.is_some_and(|issued| issued > at + LEEWAY) => Err(format!(
            "G4: client {number} is disconnected with a token that is newer than {at:?}"
        )),
        Some(_) => Ok(()),
    }
}
