//! Which logs are wanted, and which of them the engine has confirmed.
//!
//! Batches have at most 1,000 names, and one is on its way at a time: a hundred thousand rooms after
//! a restart of the engine do not hold up anything else.

use std::collections::VecDeque;

use hashlink::LinkedHashMap;

use crate::bus::entry::LogName;
use crate::id::{Seed, SeededState};

/// Names in one command.
const BATCH: usize = 1_000;

/// How far a wanted log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SubscriptionState {
    Queued,
    Sent,
    Confirmed,
}

#[derive(Debug)]
pub(super) struct Subscriptions {
    wanted: LinkedHashMap<LogName, SubscriptionState, SeededState>,
    /// Some may not be wanted any more, or be there twice.
    queue: VecDeque<LogName>,
    /// What was sent and is not wanted any more.
    drops: VecDeque<LogName>,
    is_batch_out: bool,
}

impl Subscriptions {
    pub(super) fn new(seed: &Seed) -> Self {
        Self {
            wanted: LinkedHashMap::with_hasher(SeededState::new(&seed.derive("subscriptions"))),
            queue: VecDeque::new(),
            drops: VecDeque::new(),
            is_batch_out: false,
        }
    }

    /// Wants a log. Rooms that somebody enters now go before those of a reconnection.
    pub(super) fn want(&mut self, log: LogName) {
        if !self.wanted.contains_key(&log) {
            self.queue.push_front(log.clone());
            self.wanted.insert(log, SubscriptionState::Queued);
        }
    }

    pub(super) fn unwant(&mut self, log: &LogName) {
        if let Some(progress) = self.wanted.remove(log)
            && progress != SubscriptionState::Queued
        {
            self.drops.push_back(log.clone());
        }
    }

    /// The engine has refused a subscription: it is wanted again when somebody says so.
    pub(super) fn refused(&mut self, log: &LogName) {
        self.wanted.remove(log);
    }

    /// The connection is gone, and with it all subscriptions.
    pub(super) fn reset(&mut self) {
        self.drops.clear();
        self.queue.clear();
        self.is_batch_out = false;
        for (log, progress) in &mut self.wanted {
            *progress = SubscriptionState::Queued;
            self.queue.push_back(log.clone());
        }
    }

    /// The next logs to unsubscribe from. They go before the next batch: a log may be in both.
    pub(super) fn next_drops(&mut self) -> Vec<LogName> {
        self.drops.drain(..self.drops.len().min(BATCH)).collect()
    }

    /// The next logs to subscribe to, unless a batch is out or something is to be dropped first.
    pub(super) fn next_batch(&mut self) -> Vec<LogName> {
        let mut batch = Vec::new();
        while !self.is_batch_out && self.drops.is_empty() && batch.len() < BATCH {
            let Some(log) = self.queue.pop_front() else { break };
            if let Some(progress @ SubscriptionState::Queued) = self.wanted.get_mut(&log) {
                *progress = SubscriptionState::Sent;
                batch.push(log);
            }
        }
        self.is_batch_out |= !batch.is_empty();
        batch
    }

    /// The engine has confirmed a log: is it wanted (still)?
    pub(super) fn confirm(&mut self, log: &LogName) -> bool {
        match self.wanted.get_mut(log) {
            Some(progress @ SubscriptionState::Sent) => {
                *progress = SubscriptionState::Confirmed;
                true
            }
            _ => false,
        }
    }

    pub(super) fn end_batch(&mut self) {
        self.is_batch_out = false;
    }

    /// How many logs are wanted, and how many of them are not confirmed.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn counts(&self) -> (usize, usize) {
        let confirmed =
            self.wanted.values().filter(|p| **p == SubscriptionState::Confirmed).count();
        (self.wanted.len(), self.wanted.len() - confirmed)
    }
}
