//! The queues in front of the calling threads: a state machine without a clock or a thread.
//!
//! Calls and results go in through `handle_*`, with `now`. After each, the owner drains
//! [`CallQueue::poll_action`]. Calls of one connection are made one at a time and in order.
//! Questions (joins and messages) go before leaves, which nobody waits for, so a crowd that leaves
//! does not delay the users who stay.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::breaker::{Breaker, Permit, Transition};
use super::counts::{CallKind, CallOutcome};
use crate::id::ConnId;
use crate::node::{StartFlag, Ticket};
use crate::time::Instant;

/// A call that waits for a calling thread.
#[derive(Debug)]
pub(super) struct QueuedCall {
    pub(super) kind: CallKind,
    /// The node's question that the call answers; `None` for a leave.
    pub(super) ticket: Option<Ticket>,
    /// Whether the asker still waits; `None` for a leave, which is made in any case.
    pub(super) start: Option<StartFlag>,
    pub(super) connection: ConnId,
    pub(super) body: Vec<u8>,
}

/// What the owner of the queue has to do.
#[derive(Debug)]
pub(super) enum CallAction {
    /// Make this call, within this time limit.
    Send { call: QueuedCall, permit: Permit, time_limit: Duration },
    /// Answer this call with the outcome, without making it.
    Skip { call: QueuedCall, outcome: CallOutcome },
}

/// The queues of questions and of leaves, with the circuit breaker in front of them.
#[derive(Debug)]
pub(super) struct CallQueue {
    /// Each with its arrival time, the oldest first.
    questions: VecDeque<(Instant, QueuedCall)>,
    leaves: VecDeque<QueuedCall>,
    /// The connections with a call in flight: at most one for each calling thread.
    busy: Vec<ConnId>,
    callers: usize,
    timeout: Duration,
    breaker: Breaker,
    actions: VecDeque<CallAction>,
    is_ending: bool,
}

impl CallQueue {
    /// A queue for `callers` threads, whose calls take at most `timeout`, the wait included.
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

    /// Queues a call.
    pub(super) fn handle_call(&mut self, now: Instant, call: QueuedCall) {
        match call.kind {
            CallKind::Join | CallKind::Message => self.questions.push_back((now, call)),
            CallKind::Leave => self.leaves.push_back(call),
        }
        self.assign(now);
    }

    /// Changes the time limit, also of the calls that wait. Calls in flight keep theirs.
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Records that a call has ended and its thread is free. Returns the breaker's transition, for
    /// the log.
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

    /// The server has stopped: drops the questions, whose askers are gone. Leaves are still made.
    pub(super) fn handle_end(&mut self, now: Instant) {
        self.is_ending = true;
        self.questions.clear();
        self.assign(now);
    }

    /// Returns the next action.
    pub(super) fn poll_action(&mut self) -> Option<CallAction> {
        self.actions.pop_front()
    }

    /// Whether the server has stopped and every leave was made.
    pub(super) fn is_finished(&self) -> bool {
        self.is_ending && self.leaves.is_empty() && self.busy.is_empty() && self.actions.is_empty()
    }

    /// Gives calls to free threads, and skips the calls that are too late or refused. O(n) in the
    /// calls of busy connections, of which each has at most a join, a message and a leave.
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
            // `refuses` was false, so `admit` returns a permit.
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

    /// The oldest question of a connection without a call in flight, or else the oldest such leave.
    /// Questions whose asker has given up are skipped.
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

/// The free slots of the two queues: of questions (joins and messages), and of leaves. The reactor
/// acquires, the dispatcher releases. So the unbounded channel between them has a bound, and the
/// reactor never blocks.
#[derive(Debug)]
pub(super) struct QueueSlots {
    questions: AtomicUsize,
    leaves: AtomicUsize,
}

impl QueueSlots {
    pub(super) fn new(each: usize) -> Self {
        Self { questions: AtomicUsize::new(each), leaves: AtomicUsize::new(each) }
    }

    fn of(&self, kind: CallKind) -> &AtomicUsize {
        match kind {
            CallKind::Join | CallKind::Message => &self.questions,
            CallKind::Leave => &self.leaves,
        }
    }

    pub(super) fn acquire(&self, kind: CallKind) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        self.of(kind).fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }

    pub(super) fn release(&self, kind: CallKind) {
        self.of(kind).fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
