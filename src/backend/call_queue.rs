//! The queues in front of the calling threads: a state machine without a clock or a thread.
//!
//! Calls and results go in through `handle_*`, with `now`. After each, the owner drains
//! [`CallQueue::poll_action`], and comes back at [`CallQueue::poll_timeout`].
//!
//! * Calls of one connection are made one at a time and in order. Those behind another call of
//!   their connection wait with the connection, and only the first is in a queue.
//! * Users have equal shares of the callers' time, and none can occupy all callers
//!   ([`CallerShares`]).
//! * Questions (joins and messages, in turn) go before leaves, which nobody waits for.
//! * A call that was never sent, because no connection could be made, is tried again within its
//!   time.
//! * A full queue drops the newest call of the user that has most in it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use smol_str::SmolStr;

use super::breaker::{Breaker, CallEvidence, Permit, Transition};
use super::counts::{CallKind, CallOutcome};
use super::lane::{CallerShares, Lane, QueuedCall, WaitingCall};
use crate::id::ConnId;
use crate::node::StartFlag;
use crate::time::Instant;

/// How long a call that was never sent waits before it is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// A full queue is searched for calls that nobody waits for at most once in this time, as it takes
/// time in proportion to its length.
const SWEEP: Duration = Duration::from_millis(100);

/// What the owner of the queue has to do.
#[derive(Debug)]
pub(super) enum CallAction {
    /// Make this call, within this time limit.
    Send { call: QueuedCall, time_limit: Duration },
    /// Answer this call with the outcome, without making it.
    Skip { call: QueuedCall, outcome: CallOutcome },
}

/// The queues of questions and of leaves, with the circuit breaker in front of them.
#[derive(Debug)]
pub(super) struct CallQueue {
    joins: Lane,
    messages: Lane,
    leaves: Lane,
    /// The connections with a call that waits or is in flight.
    connections: BTreeMap<ConnId, ConnectionCalls>,
    /// Calls that were never sent, with the moments at which they are tried again.
    retries: VecDeque<(Instant, WaitingCall)>,
    /// Questions that are not in flight: at most `limit`, and those that are tried again.
    waiting_questions: usize,
    /// The same for leaves.
    waiting_leaves: usize,
    limit: usize,
    shares: CallerShares,
    timeout: Duration,
    breaker: Breaker,
    actions: VecDeque<CallAction>,
    /// The kind of question that was sent last: the other one is next.
    last: CallKind,
    next_sweep: Instant,
    is_ending: bool,
}

/// What a connection has besides the first of its calls that wait.
#[derive(Debug, Default)]
struct ConnectionCalls {
    in_flight: Option<InFlight>,
    behind: VecDeque<WaitingCall>,
}

#[derive(Debug)]
struct InFlight {
    kind: CallKind,
    user: SmolStr,
    came: Instant,
    began: Instant,
    time_limit: Duration,
    permit: Permit,
}

impl CallQueue {
    /// A queue for the threads of `shares`, of at most `limit` questions and as many leaves. A
    /// question takes at most `timeout`, the wait included.
    pub(super) fn new(shares: CallerShares, limit: usize, timeout: Duration) -> Self {
        Self {
            joins: Lane::new(),
            messages: Lane::new(),
            leaves: Lane::new(),
            connections: BTreeMap::new(),
            retries: VecDeque::new(),
            waiting_questions: 0,
            waiting_leaves: 0,
            limit,
            shares,
            timeout,
            breaker: Breaker::new(timeout),
            actions: VecDeque::new(),
            last: CallKind::Message,
            next_sweep: Instant::START,
            is_ending: false,
        }
    }

    /// Queues a call. One more than the queue takes drops the newest of the user that has most.
    pub(super) fn handle_call(&mut self, now: Instant, call: QueuedCall) {
        let kind = call.kind;
        if self.waiting_questions >= self.limit {
            self.sweep(now);
        }
        if *self.waiting(kind) >= self.limit {
            let Some(shed) = self.shed(kind, &call.user) else {
                let outcome = CallOutcome::QueueFull;
                self.actions.push_back(CallAction::Skip { call, outcome });
                return;
            };
            self.skip(shed.call, CallOutcome::Shed);
        }
        *self.waiting(kind) += 1;
        let waiting = WaitingCall { came: now, call };
        match self.connections.get_mut(&waiting.call.connection) {
            Some(connection) => connection.behind.push_back(waiting),
            None => {
                self.connections.insert(waiting.call.connection, ConnectionCalls::default());
                self.enqueue(waiting);
            }
        }
        self.assign(now);
    }

    /// Changes the time limit, also of the calls that wait. Calls in flight keep theirs.
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
        self.breaker.set_timeout(timeout);
    }

    /// Records that a call has ended and its thread is free. Returns the breaker's transition, for
    /// the log.
    pub(super) fn handle_done(
        &mut self,
        now: Instant,
        connection: ConnId,
        evidence: CallEvidence,
    ) -> Option<Transition> {
        let (_, transition) = self.end(now, connection, evidence)?;
        self.advance(connection);
        self.assign(now);
        transition
    }

    /// The same for a call that was never sent, because no connection could be made. It is tried
    /// again if it still has time.
    pub(super) fn handle_unconnected(
        &mut self,
        now: Instant,
        call: QueuedCall,
    ) -> Option<Transition> {
        let (came, transition) = self.end(now, call.connection, CallEvidence::Unconnected)?;
        call.start.as_ref().inspect(|start| start.give_back());
        *self.waiting(call.kind) += 1;
        let is_made = call.kind.is_notice() || !self.is_ending;
        if is_made && now + RETRY < came + self.timeout {
            self.retries.push_back((now + RETRY, WaitingCall { came, call }));
        } else {
            self.skip(call, CallOutcome::Unconnected);
        }
        self.assign(now);
        transition
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.assign(now);
    }

    /// The server has stopped: drops the questions, whose askers are gone. Leaves are still made.
    pub(super) fn handle_end(&mut self, now: Instant) {
        self.is_ending = true;
        let is_question = |waiting: &WaitingCall| !waiting.call.kind.is_notice();
        for connection in self.connections.values_mut() {
            connection.behind.retain(|waiting| !is_question(waiting));
        }
        let retries = std::mem::take(&mut self.retries).into_iter().map(|(_, waiting)| waiting);
        let (dropped, kept): (Vec<_>, Vec<_>) = retries.partition(is_question);
        self.retries = kept.into_iter().map(|waiting| (now, waiting)).collect();
        let waiting = self.joins.waiting.drain().chain(self.messages.waiting.drain());
        let dropped: Vec<ConnId> =
            waiting.chain(dropped).map(|waiting| waiting.call.connection).collect();
        self.waiting_questions = 0;
        for connection in dropped {
            self.advance(connection);
        }
        self.assign(now);
    }

    /// Returns the next action.
    pub(super) fn poll_action(&mut self) -> Option<CallAction> {
        self.actions.pop_front()
    }

    /// When [`CallQueue::handle_timeout`] has something to do, as of `now`.
    pub(super) fn poll_timeout(&self, now: Instant) -> Instant {
        let retry = self.retries.front().map_or(Instant::NEVER, |(at, _)| *at);
        let waits = self.waiting_questions + self.waiting_leaves > 0;
        retry.min(if waits { self.breaker.poll_timeout(now) } else { Instant::NEVER })
    }

    /// Whether the server has stopped and every leave was made.
    pub(super) fn is_finished(&self) -> bool {
        self.is_ending && self.connections.is_empty() && self.actions.is_empty()
    }

    /// Takes a call that has ended out of what is in flight. Gives back when it came.
    fn end(
        &mut self,
        now: Instant,
        connection: ConnId,
        evidence: CallEvidence,
    ) -> Option<(Instant, Option<Transition>)> {
        let ended = self.connections.get_mut(&connection)?.in_flight.take()?;
        let InFlight { kind, user, came, began, time_limit, permit } = ended;
        self.lane(kind).end(&user, now.since(began));
        let evidence = match (kind, evidence) {
            // Nobody waits for leaves, and a backend may well ignore them.
            (CallKind::Leave | CallKind::Return, _) => CallEvidence::Nothing,
            // Most of its time was spent in the queue, which is not the backend's fault.
            (_, CallEvidence::TimedOut) if time_limit < self.timeout / 2 => CallEvidence::Nothing,
            (_, evidence) => evidence,
        };
        let caller = (&user, kind == CallKind::Message);
        Some((came, self.breaker.record(now, permit, caller, evidence)))
    }

    /// Gives calls to free threads, and refuses those for which the breaker has been open too long.
    fn assign(&mut self, now: Instant) {
        while self.retries.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, waiting)) = self.retries.pop_front()
        {
            self.enqueue(waiting);
        }
        while let Some(waiting) = self.next(now) {
            self.send_or_skip(now, waiting);
        }
        if self.breaker.refuses(now) || (self.is_ending && !self.breaker.is_closed()) {
            self.refuse_all();
        }
    }

    /// The next call that may go. Joins and messages take turns; leaves go where there is neither.
    fn next(&mut self, now: Instant) -> Option<WaitingCall> {
        if !self.breaker.is_due(now) {
            return None;
        }
        let kinds = match self.last {
            CallKind::Join => [CallKind::Message, CallKind::Join],
            _ => [CallKind::Join, CallKind::Message],
        };
        let CallerShares { callers, kind: most } = self.shares;
        let in_flight = self.joins.calls() + self.messages.calls() + self.leaves.calls();
        let free = callers.saturating_sub(in_flight);
        for kind in kinds {
            let free = free.min(most.saturating_sub(self.lane(kind).calls()));
            let Self { joins, messages, breaker, .. } = self;
            let lane = if kind == CallKind::Join { joins } else { messages };
            let next = lane.pop(free, |user| breaker.admits(now, user));
            if next.is_some() {
                return next;
            }
        }
        let has_share = CallerShares::allow(self.leaves.calls(), free);
        let may_go = self.breaker.is_closed() && (has_share || (self.is_ending && free > 0));
        if may_go { self.leaves.pop_any() } else { None }
    }

    /// Sends a call, if somebody still waits for it.
    fn send_or_skip(&mut self, now: Instant, waiting: WaitingCall) {
        let is_late = waiting.is_late(now, self.timeout);
        let WaitingCall { came, call } = waiting;
        let (kind, connection) = (call.kind, call.connection);
        if kind == CallKind::Message && self.breaker.pauses(now, &call.user) {
            return self.skip(call, CallOutcome::UserRefused);
        }
        if is_late || !call.start.as_ref().is_none_or(StartFlag::begin) {
            return self.skip(call, CallOutcome::Expired);
        }
        *self.waiting(kind) -= 1;
        let user = call.user.clone();
        self.lane(kind).begin(&user);
        let time_limit = match kind {
            CallKind::Leave | CallKind::Return => self.timeout,
            CallKind::Join | CallKind::Message => (came + self.timeout).since(now),
        };
        let permit = self.breaker.permit(now);
        if !kind.is_notice() {
            self.last = kind;
        }
        let in_flight = InFlight { kind, user, came, began: now, time_limit, permit };
        if let Some(calls) = self.connections.get_mut(&connection) {
            calls.in_flight = Some(in_flight);
        }
        self.actions.push_back(CallAction::Send { call, time_limit });
    }

    /// Drops a call that waited, and lets the next one of its connection into its queue.
    fn skip(&mut self, call: QueuedCall, outcome: CallOutcome) {
        *self.waiting(call.kind) -= 1;
        self.advance(call.connection);
        self.actions.push_back(CallAction::Skip { call, outcome });
    }

    /// The first call of a connection is gone: the next one takes its place.
    fn advance(&mut self, connection: ConnId) {
        let Some(calls) = self.connections.get_mut(&connection) else { return };
        match calls.behind.pop_front() {
            Some(next) => self.enqueue(next),
            None if calls.in_flight.is_some() => {}
            None => {
                self.connections.remove(&connection);
            }
        }
    }

    fn enqueue(&mut self, waiting: WaitingCall) {
        let user = waiting.call.user.clone();
        self.lane(waiting.call.kind).waiting.push(user, waiting);
    }

    /// Refuses every call that waits.
    fn refuse_all(&mut self) {
        let retries = std::mem::take(&mut self.retries).into_iter();
        let mut refused: Vec<WaitingCall> = retries.map(|(_, waiting)| waiting).collect();
        for lane in [&mut self.joins, &mut self.messages, &mut self.leaves] {
            refused.extend(lane.waiting.drain());
        }
        for calls in self.connections.values_mut() {
            refused.extend(calls.behind.drain(..));
        }
        for waiting in refused {
            self.skip(waiting.call, CallOutcome::Refused);
        }
    }

    /// Takes out of the queues what nobody waits for any more.
    fn sweep(&mut self, now: Instant) {
        if now < self.next_sweep {
            return;
        }
        self.next_sweep = now + SWEEP;
        let timeout = self.timeout;
        let is_over = |waiting: &WaitingCall| waiting.is_over(now, timeout);
        let mut over = self.joins.waiting.extract(is_over);
        over.extend(self.messages.waiting.extract(is_over));
        for waiting in over {
            self.skip(waiting.call, CallOutcome::Expired);
        }
    }

    /// Takes the newest call of the user that has most in the queue, if that is more than `user`
    /// will have.
    fn shed(&mut self, kind: CallKind, user: &SmolStr) -> Option<WaitingCall> {
        if kind.is_notice() {
            return self.leaves.waiting.shed(user).map(|(_, shed)| shed);
        }
        let (joins, messages) = (&self.joins.waiting, &self.messages.waiting);
        let length = |user| joins.len_of(user) + messages.len_of(user);
        let heaviest = [joins.heaviest(), messages.heaviest()].into_iter().flatten();
        let heaviest = heaviest.max_by_key(|user| length(user))?.clone();
        if length(&heaviest) <= length(user) + 1 {
            return None;
        }
        let Self { joins, messages, .. } = self;
        messages.waiting.pop_newest(&heaviest).or_else(|| joins.waiting.pop_newest(&heaviest))
    }

    fn lane(&mut self, kind: CallKind) -> &mut Lane {
        match kind {
            CallKind::Join => &mut self.joins,
            CallKind::Message => &mut self.messages,
            CallKind::Leave | CallKind::Return => &mut self.leaves,
        }
    }

    fn waiting(&mut self, kind: CallKind) -> &mut usize {
        match kind {
            CallKind::Join | CallKind::Message => &mut self.waiting_questions,
            CallKind::Leave | CallKind::Return => &mut self.waiting_leaves,
        }
    }
}

#[cfg(test)]
mod tests;
