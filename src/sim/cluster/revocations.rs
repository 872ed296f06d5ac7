//! Users whose sessions an operator has ended, and what follows from that.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::process::NodePlace;
use super::stage::Stage;
use crate::node::app::OrderKind;
use crate::time::{Instant, UnixTime};

/// How long a node that is in touch with the engine has for a revocation: its lease, and a bound.
const CARRIED_OUT: Duration = Duration::from_secs(20);

/// An operator's order.
#[derive(Debug)]
struct RevocationOrder {
    user: String,
    /// Tokens that were issued until then are refused.
    at: UnixTime,
    /// How often the engine had lost its memory when it was given.
    losses: u64,
    result: Arc<Mutex<Option<bool>>>,
    confirmed_at: Option<Instant>,
    is_over: bool,
}

/// All orders.
#[derive(Debug, Default)]
pub(super) struct RevocationRecord {
    orders: Vec<RevocationOrder>,
}

impl RevocationRecord {
    /// Until when tokens of this user were revoked that somebody may have heard of.
    pub(super) fn last_of(&self, user: &str) -> Option<UnixTime> {
        self.orders.iter().rfind(|order| order.user == user).map(|order| order.at)
    }

    /// Notes which orders are confirmed by now: how many are new.
    fn look(&mut self, now: Instant) -> u64 {
        let mut count = 0;
        for order in self.orders.iter_mut().filter(|order| !order.is_over) {
            let result = *order.result.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(is_done) = result {
                order.is_over = true;
                order.confirmed_at = is_done.then_some(now);
                count += u64::from(is_done);
            }
        }
        count
    }

    /// When an order was confirmed that refuses a token of `user` from `issued`, if the engine has
    /// kept it.
    fn confirmed(&self, user: &str, issued: UnixTime, losses: u64) -> Option<Instant> {
        let orders = self.orders.iter();
        let is_it = |order: &&RevocationOrder| {
            order.user == user && issued <= order.at && order.losses == losses
        };
        orders.filter(is_it).filter_map(|order| order.confirmed_at).min()
    }
}

/// An operator ends the sessions of `user` at this node.
pub(super) fn disconnect(stage: &mut Stage, place: &mut NodePlace, user: &str) {
    let Some(node) = &mut place.node else { return };
    let result: Arc<Mutex<Option<bool>>> = Arc::default();
    let told = Arc::clone(&result);
    node.order(stage.now, OrderKind::Disconnect, user, move |done| {
        *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(done.is_ok());
    });
    let name = &place.name;
    stage.note(|| format!("{name} disconnects {user}"));
    stage.revocations.orders.push(RevocationOrder {
        user: user.to_owned(),
        at: stage.now.unix,
        losses: stage.losses,
        result,
        confirmed_at: None,
        is_over: false,
    });
}

/// Notes what was confirmed.
pub(super) fn look(stage: &mut Stage) {
    stage.counted.revoked += stage.revocations.look(stage.now.monotonic);
}

/// `user` is connected at `place` with a token from `issued`. `is_new`: it was just let in.
pub(super) fn judge(
    stage: &mut Stage,
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
