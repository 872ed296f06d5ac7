//! Signature checks that take long: one for a connection, a few at once, on the driver's workers.
//!
//! While its `auth` is checked a connection stays in the phase it is in, and so does its deadline.
//! Few are submitted at once, so that a storm of newcomers leaves the workers' queue to the work of
//! the application; the others wait here in their order, members first. One that finds no room in
//! the queue waits too: when a completion comes, there is some.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::auth::{Address, Evidence, KeySet, SignatureCheck};
use crate::id::ConnId;
use crate::node::Node;
use crate::node::connections::session::Phase;
use crate::node::http::refusal::Refusal;
use crate::node::work::port::{Completion, Outcome, Ticket, Work};
use crate::node::work::questions::{Kind, NewQuestion};
use crate::protocol::CloseReason;
use crate::time::{Instant, Now};

/// Whose turn is when. At most one place for each connection: who leaves gives it up.
#[derive(Debug)]
pub(crate) struct Checks {
    waiting: BTreeMap<Place, ConnId>,
    last_place: u64,
    submitted: usize,
    /// How many are submitted at once.
    limit: usize,
}

/// Members come before newcomers, and then in the order of their `auth` messages.
type Place = (bool, u64);

/// An `auth` whose signature is not checked yet.
#[derive(Debug)]
pub(crate) struct PendingCheck {
    /// The `auth` message's id; `None`: the token came with a request.
    request_id: Option<SmolStr>,
    check: SignatureCheck,
    place: Place,
    /// There once it is submitted.
    ticket: Option<Ticket>,
}

impl PendingCheck {
    /// Bytes that are kept for it.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.check.token().len()
    }
}

impl Checks {
    pub(crate) fn new(limit: usize) -> Self {
        Self { waiting: BTreeMap::new(), last_place: 0, submitted: 0, limit }
    }

    /// From here on so many are submitted at once.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The connection is over: a check that waits is not done, one that is submitted is in vain.
    pub(crate) fn forget(&mut self, pending: &PendingCheck) {
        self.waiting.remove(&pending.place);
    }
}

impl Node {
    /// From here on tokens are checked with these keys and no others. Who is in stays: its token
    /// was good when it was checked, and will be asked for anew.
    pub fn replace_keys(&mut self, keys: KeySet) {
        self.verifier.replace_keys(keys);
    }

    /// Puts the check of this `auth` where its turn will come.
    pub(crate) fn check_later(
        &mut self,
        now: Now,
        index: usize,
        id: Option<&str>,
        check: SignatureCheck,
    ) {
        let asker = self.id_of(index);
        let Some(connection) = self.connections.get_mut(index) else { return };
        self.checks.last_place += 1;
        let is_newcomer = !connection.session.phase().is_authenticated();
        let place = (is_newcomer, self.checks.last_place);
        let pending = PendingCheck { request_id: id.map(SmolStr::new), check, place, ticket: None };
        let before = connection.waiting.get_or_insert_default().check.replace(pending);
        debug_assert!(before.is_none(), "one check of a connection is under way at a time");
        self.checks.waiting.insert(place, asker);
        self.submit_checks(now);
    }

    /// Submits who is next, as long as there are not too many. O(log n) for each.
    ///
    /// Whose address was shut meanwhile is not looked at: a forger that sends many at once is held
    /// to its allowance, and to what was submitted before the first came back.
    pub(crate) fn submit_checks(&mut self, now: Now) {
        while self.checks.submitted < self.checks.limit
            && let Some(((is_newcomer, _), asker)) = self.checks.waiting.pop_first()
        {
            if is_newcomer && !self.may_attempt(now, asker.index()) {
                self.turn_away(now, asker.index());
                continue;
            }
            let ticket = self.questions.issue();
            let Some(connection) = self.connections.get_mut(asker.index()) else { continue };
            let address = connection.address();
            let waiting = connection.waiting.as_mut();
            let Some(pending) = waiting.and_then(|waiting| waiting.check.as_mut()) else {
                debug_assert!(false, "a connection that ends gives its place up");
                continue;
            };
            pending.ticket = Some(ticket);
            let work = Work::Verify(pending.check.clone());
            self.checks.submitted += 1;
            self.metrics.signature_checks += 1;
            // Whatever the worker's time, its completion comes; the connection has its own deadline.
            let (kind, deadline) = (Kind::Check { address }, Instant::NEVER);
            let question = NewQuestion { asker, kind, deadline, cost: 0 };
            self.open_question(now, ticket, question, Some(work));
        }
    }

    /// A check has come back.
    pub(crate) fn checked(&mut self, now: Now, asker: ConnId, address: Address, done: Completion) {
        let Completion { ticket, outcome } = done;
        self.checks.submitted = self.checks.submitted.saturating_sub(1);
        let index = asker.index();
        let is_there = self.find(asker).is_some();
        let connection = self.connections.get_mut(index).filter(|_| is_there);
        let waiting = connection.and_then(|connection| connection.waiting.as_mut());
        let check = waiting.map(|waiting| &mut waiting.check);
        let Some(check) = check
            .filter(|check| check.as_ref().is_some_and(|pending| pending.ticket == Some(ticket)))
        else {
            self.metrics.late_completions += 1;
            // The look at the token was made all the same, so it costs what it has shown: a client
            // that hangs up before its forged token is refused is charged like one that waits.
            if let Outcome::Verified(checked) = &outcome {
                let evidence = Evidence::of(checked.as_ref().err().copied());
                self.limiter.charge(now.monotonic, address, evidence);
            }
            return;
        };
        if matches!(outcome, Outcome::Refused) {
            // Its place is still the first of those that were not done.
            if let Some(pending) = check {
                pending.ticket = None;
                self.checks.waiting.insert(pending.place, asker);
            }
            return;
        }
        let Some(PendingCheck { request_id, check, .. }) = check.take() else { return };
        self.weigh_input(index);
        match (outcome, request_id) {
            (Outcome::Verified(checked), None) => self.request_checked(now, index, checked),
            (Outcome::Verified(Ok(signed)), Some(id)) => {
                self.signed(now, index, &id, check.token(), signed);
            }
            (Outcome::Verified(Err(error)), Some(_)) => self.refuse_token(now, index, error),
            (_, None) => {
                self.refuse(now, index, Refusal::Internal);
                self.resume(now, index, true);
            }
            (_, Some(_)) => self.close(now, index, CloseReason::Internal),
        }
    }

    /// The address was shut while the check waited.
    fn turn_away(&mut self, now: Now, index: usize) {
        if self.connections.get(index).is_some_and(|c| c.session.phase() == Phase::Handshaking) {
            let refusal = self.too_many_attempts(now, index);
            self.refuse(now, index, refusal);
            self.resume(now, index, true);
        } else {
            self.close(now, index, CloseReason::TooManyAuthAttempts);
        }
    }
}
