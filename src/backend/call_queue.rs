//! Who is asked next: the queues in front of the callers, without a clock and without a thread.
//!
//! Jobs and completions go in through `handle_*`, with `now`; what is to be done comes out of
//! [`CallQueue::poll_action`], until there is nothing more. Calls for one connection are made one after
//! the other and in their order. Questions go before leaves, which nobody waits for: a crowd that
//! goes away does not hold up who stays.

use std::collections::VecDeque;
use std::time::Duration;

use super::breaker::{Breaker, Permit, Transition};
use super::counts::{CallKind, CallOutcome};
use crate::id::ConnId;
use crate::node::{StartFlag, Ticket};
use crate::time::Instant;

/// Something to say to the backend.
#[derive(Debug)]
pub(super) struct QueuedCall {
    pub(super) kind: CallKind,
    /// Whose question it is; a leave is nobody's.
    pub(super) ticket: Option<Ticket>,
    /// Whether the question may still be asked; a leave is told in any case.
    pub(super) start: Option<StartFlag>,
    pub(super) connection: ConnId,
    pub(super) body: Vec<u8>,
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum CallAction {
    /// Make this call, within this time.
    Send { call: QueuedCall, permit: Permit, time_limit: Duration },
    /// This one is not made.
    Skip { call: QueuedCall, outcome: CallOutcome },
}

/// The queues.
#[derive(Debug)]
pub(super) struct CallQueue {
    /// Each with the moment at which it came: the oldest first.
    questions: VecDeque<(Instant, QueuedCall)>,
    leaves: VecDeque<QueuedCall>,
    /// The connections for which a call is made: at most one for each caller.
    busy: Vec<ConnId>,
    callers: usize,
    timeout: Duration,
    breaker: Breaker,
    actions: VecDeque<CallAction>,
    is_ending: bool,
}

impl CallQueue {
    /// For so many callers, and calls of at most `timeout`.
    pub(super) fn new(callers: usize, timeout: Duration) -> Self {
        Self {
            questions: VecDeque::new(),
            leaves: VecDeque::new(),
            busy: Vec::with_capacity(callers),
            callers,
            timeout,
            breaker: Breaker::new(),
            actions: VecDeque::new(),
            is_ending: false,
        }
    }

    /// There is something to say.
    pub(super) fn handle_call(&mut self, now: Instant, call: QueuedCall) {
        match call.kind {
            CallKind::Join | CallKind::Message => self.questions.push_back((now, call)),
            CallKind::Leave => self.leaves.push_back(call),
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
        permit: Permit,
        is_alive: bool,
    ) -> Option<Transition> {
        if let Some(index) = self.busy.iter().position(|&busy| busy == connection) {
            self.busy.swap_remove(index);
        }
        let transition = self.breaker.record(now, permit, is_alive);
        self.assign(now);
        transition
    }

    /// The server has ended: nobody waits for an answer. Leaves are still told.
    pub(super) fn handle_end(&mut self, now: Instant) {
        self.is_ending = true;
        self.questions.clear();
        self.assign(now);
    }

    /// The next thing to do.
    pub(super) fn poll_action(&mut self) -> Option<CallAction> {
        self.actions.pop_front()
    }

    /// The server has ended, and there is nothing more to tell.
    pub(super) fn is_over(&self) -> bool {
        self.is_ending && self.leaves.is_empty() && self.busy.is_empty() && self.actions.is_empty()
    }

    /// Gives work to free callers, and up on what need not wait. O(n) in what waits for busy
    /// connections, each of which has a join, a message and a leave there at most.
    fn assign(&mut self, now: Instant) {
        let is_late = |(came, _): &(Instant, QueuedCall)| *came + self.timeout <= now;
        while self.questions.front().is_some_and(is_late) {
            let late = self.questions.pop_front();
            self.actions.extend(
                late.map(|(_, call)| CallAction::Skip { call, outcome: CallOutcome::Expired }),
            );
        }
        while self.busy.len() < self.callers && !self.breaker.refuses(now) {
            let Some((call, time_limit)) = self.next(now) else { return };
            // It does not refuse, so it admits.
            let Some(permit) = self.breaker.admit(now) else { return };
            self.busy.push(call.connection);
            self.actions.push_back(CallAction::Send { call, permit, time_limit });
        }
        if self.breaker.refuses(now) {
            let questions = self.questions.drain(..).map(|(_, call)| call);
            let refused = questions.chain(self.leaves.drain(..));
            self.actions.extend(
                refused.map(|call| CallAction::Skip { call, outcome: CallOutcome::Refused }),
            );
        }
    }

    /// The oldest question of a connection that is not busy, or else the oldest such leave. A question
    /// that nobody waits for any more is not asked.
    fn next(&mut self, now: Instant) -> Option<(QueuedCall, Duration)> {
        let Self { questions, leaves, busy, timeout, actions, .. } = self;
        let is_free = |call: &QueuedCall| !busy.contains(&call.connection);
        while let Some(index) = questions.iter().position(|(_, call)| is_free(call)) {
            let Some((came, call)) = questions.remove(index) else { break };
            if call.start.as_ref().is_none_or(StartFlag::begin) {
                return Some((call, (came + *timeout).since(now)));
            }
            actions.push_back(CallAction::Skip { call, outcome: CallOutcome::Expired });
        }
        let index = leaves.iter().position(is_free)?;
        leaves.remove(index).map(|call| (call, *timeout))
    }
}

#[cfg(test)]
mod tests;
