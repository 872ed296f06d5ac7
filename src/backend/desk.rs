//! Who is asked next: the queues in front of the callers, without a clock and without a thread.
//!
//! Jobs and completions go in through `handle_*`, with `now`; what is to be done comes out of
//! [`Desk::poll_order`], until there is nothing more. Calls for one connection are made one after
//! the other and in their order. Questions go before leaves, which nobody waits for: a crowd that
//! goes away does not hold up who stays.

use std::collections::VecDeque;
use std::time::Duration;

use super::breaker::{Breaker, Change, Pass};
use super::counts::{Call, Fate};
use crate::id::ConnId;
use crate::node::{StartFlag, Ticket};
use crate::time::Instant;

/// Something to say to the backend.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) call: Call,
    /// Whose question it is; a leave is nobody's.
    pub(super) ticket: Option<Ticket>,
    /// Whether the question may still be asked; a leave is told in any case.
    pub(super) start: Option<StartFlag>,
    pub(super) connection: ConnId,
    pub(super) body: Vec<u8>,
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Order {
    /// Make this call, within this time.
    Call { job: Job, pass: Pass, patience: Duration },
    /// This one is not made.
    GiveUp { job: Job, fate: Fate },
}

/// The queues.
#[derive(Debug)]
pub(super) struct Desk {
    /// Each with the moment at which it came: the oldest first.
    questions: VecDeque<(Instant, Job)>,
    leaves: VecDeque<Job>,
    /// The connections for which a call is made: at most one for each caller.
    busy: Vec<ConnId>,
    callers: usize,
    timeout: Duration,
    breaker: Breaker,
    orders: VecDeque<Order>,
    is_ending: bool,
}

impl Desk {
    /// For so many callers, and calls of at most `timeout`.
    pub(super) fn new(callers: usize, timeout: Duration) -> Self {
        Self {
            questions: VecDeque::new(),
            leaves: VecDeque::new(),
            busy: Vec::with_capacity(callers),
            callers,
            timeout,
            breaker: Breaker::new(),
            orders: VecDeque::new(),
            is_ending: false,
        }
    }

    /// There is something to say.
    pub(super) fn handle_job(&mut self, now: Instant, job: Job) {
        match job.call {
            Call::Join | Call::Message => self.questions.push_back((now, job)),
            Call::Leave => self.leaves.push_back(job),
        }
        self.assign(now);
    }

    /// Calls have this much time from here on, those that wait too.
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// A caller is free again. What that has changed is for the log.
    pub(super) fn handle_done(
        &mut self,
        now: Instant,
        connection: ConnId,
        pass: Pass,
        is_alive: bool,
    ) -> Option<Change> {
        if let Some(place) = self.busy.iter().position(|&busy| busy == connection) {
            self.busy.swap_remove(place);
        }
        let change = self.breaker.record(now, pass, is_alive);
        self.assign(now);
        change
    }

    /// The server has ended: nobody waits for an answer. Leaves are still told.
    pub(super) fn handle_end(&mut self, now: Instant) {
        self.is_ending = true;
        self.questions.clear();
        self.assign(now);
    }

    /// The next thing to do.
    pub(super) fn poll_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// The server has ended, and there is nothing more to tell.
    pub(super) fn is_over(&self) -> bool {
        self.is_ending && self.leaves.is_empty() && self.busy.is_empty() && self.orders.is_empty()
    }

    /// Gives work to free callers, and up on what need not wait. O(n) in what waits for busy
    /// connections, each of which has a join, a message and a leave there at most.
    fn assign(&mut self, now: Instant) {
        let is_late = |(came, _): &(Instant, Job)| *came + self.timeout <= now;
        while self.questions.front().is_some_and(is_late) {
            let late = self.questions.pop_front();
            self.orders.extend(late.map(|(_, job)| Order::GiveUp { job, fate: Fate::Expired }));
        }
        while self.busy.len() < self.callers && !self.breaker.refuses(now) {
            let Some((job, patience)) = self.next(now) else { return };
            // It does not refuse, so it admits.
            let Some(pass) = self.breaker.admit(now) else { return };
            self.busy.push(job.connection);
            self.orders.push_back(Order::Call { job, pass, patience });
        }
        if self.breaker.refuses(now) {
            let questions = self.questions.drain(..).map(|(_, job)| job);
            let refused = questions.chain(self.leaves.drain(..));
            self.orders.extend(refused.map(|job| Order::GiveUp { job, fate: Fate::Refused }));
        }
    }

    /// The oldest question of a connection that is not busy, or else the oldest such leave. A question
    /// that nobody waits for any more is not asked.
    fn next(&mut self, now: Instant) -> Option<(Job, Duration)> {
        let Self { questions, leaves, busy, timeout, orders, .. } = self;
        let is_free = |job: &Job| !busy.contains(&job.connection);
        while let Some(place) = questions.iter().position(|(_, job)| is_free(job)) {
            let Some((came, job)) = questions.remove(place) else { break };
            if job.start.as_ref().is_none_or(StartFlag::begin) {
                return Some((job, (came + *timeout).since(now)));
            }
            orders.push_back(Order::GiveUp { job, fate: Fate::Expired });
        }
        let place = leaves.iter().position(is_free)?;
        leaves.remove(place).map(|job| (job, *timeout))
    }
}

#[cfg(test)]
mod tests;
