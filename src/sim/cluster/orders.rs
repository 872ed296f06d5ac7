//! What operators have ordered, and what has become of it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::time::{Instant, UnixTime};

/// Where it is noted whether an order was carried out.
pub(super) type OrderResultSlot = Arc<Mutex<Option<bool>>>;

/// An operator's order.
#[derive(Debug)]
struct RevocationOrder {
    user: String,
    /// Tokens that were issued until then are refused.
    at: UnixTime,
    /// How often the engine had lost its memory when it was given.
    losses: u64,
    result: OrderResultSlot,
    confirmed_at: Option<Instant>,
    is_over: bool,
}

/// All orders.
#[derive(Debug, Default)]
pub(super) struct RevocationRecord {
    orders: Vec<RevocationOrder>,
}

impl RevocationRecord {
    /// An operator has ended the sessions of `user`, and waits for the `result`.
    pub(super) fn add(&mut self, user: &str, at: UnixTime, losses: u64, result: OrderResultSlot) {
        let (confirmed_at, is_over) = (None, false);
        let user = user.to_owned();
        self.orders.push(RevocationOrder { user, at, losses, result, confirmed_at, is_over });
    }

    /// Until when tokens of this user were revoked that somebody may have heard of.
    pub(super) fn last_of(&self, user: &str) -> Option<UnixTime> {
        self.orders.iter().rfind(|order| order.user == user).map(|order| order.at)
    }

    /// Notes which orders are confirmed by now: how many are new.
    pub(super) fn look(&mut self, now: Instant) -> u64 {
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

    /// Was an order confirmed that the engine has kept?
    pub(super) fn is_kept(&self, losses: u64) -> bool {
        self.orders.iter().any(|order| order.confirmed_at.is_some() && order.losses == losses)
    }

    /// When an order was confirmed that refuses a token of `user` from `issued`, if the engine has
    /// kept it.
    pub(super) fn confirmed(&self, user: &str, issued: UnixTime, losses: u64) -> Option<Instant> {
        let orders = self.orders.iter();
        let is_it = |order: &&RevocationOrder| {
            order.user == user && issued <= order.at && order.losses == losses
        };
        orders.filter(is_it).filter_map(|order| order.confirmed_at).min()
    }
}
