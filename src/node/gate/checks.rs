//! Signature checks that take long: one for a connection, a few at once, on the driver's workers.
//!
//! While its `auth` is checked a connection stays in the phase it is in, and so does its deadline.
//! Few are submitted at once, so that a storm of new connections leaves the workers' queue to the
//! work of the application; the others wait here, the authenticated first, and the addresses in turn.
//! One that finds no room in the queue waits too: when a completion comes, there is some.
//!
//! A pending connection's round is that of the one submitted last, and one more for each that its address has
//! waiting already. So the first of an address that comes now is behind the first of every other
//! address, and before their second, however many these have.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::auth::{Address, Evidence, SignatureCheck};
use crate::id::{ConnId, Seed, Slot};
use crate::node::connections::Connections;
use crate::node::connections::waiting::{CheckTurn, PendingAuth, PendingCheck};
use crate::node::context::Cx;
use crate::node::gate::limits::Limits;
use crate::node::work::Workload;
use crate::node::work::port::{Completion, Outcome, Payer, Work};
use crate::node::work::questions::{NewQuestion, QuestionKind};
use crate::shares::Holdings;
use crate::time::Instant;

/// Whose turn is when. At most one place for each connection: who leaves gives it up.
#[derive(Debug)]
pub(crate) struct Checks {
    waiting: BTreeMap<CheckTurn, ConnId>,
    by_address: Holdings,
    /// The round of the check that was submitted last.
    round: u64,
    last_serial: u64,
    submitted: usize,
    /// How many are submitted at once.
    limit: usize,
}

impl Checks {
    pub(crate) fn new(seed: &Seed, limit: usize) -> Self {
        let by_address = Holdings::new(&seed.derive("signature checks"), 0);
        Self { waiting: BTreeMap::new(), by_address, round: 0, last_serial: 0, submitted: 0, limit }
    }

    /// From here on so many are submitted at once.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }
}

impl Checks {
    /// Puts the check of this `auth` where its turn will come.
    pub(crate) fn push(
        &mut self,
        connections: &mut Connections,
        slot: Slot,
        request_id: Option<&str>,
        check: SignatureCheck,
        serial: Option<u64>,
    ) {
        let asker = connections.id_of(slot);
        let Some(connection) = connections.get_mut(slot) else { return };
        self.last_serial += 1;
        let is_pending = !connection.session.phase().is_authenticated();
        let address = connection.address();
        // The authenticated are few, and come first anyway.
        let waiting = self.by_address.weight_of(address.to_bits());
        let round = if is_pending { self.round + waiting } else { 0 };
        let turn = (is_pending, round, self.last_serial);
        let request_id = request_id.map(SmolStr::new);
        let pending = PendingCheck { request_id, check, turn, ticket: None, serial };
        connection.waiting.get_or_insert_default().set_auth(PendingAuth::Check(pending));
        self.wait(turn, asker, address);
    }

    fn wait(&mut self, turn: CheckTurn, asker: ConnId, address: Address) {
        self.waiting.insert(turn, asker);
        if turn.0 {
            self.by_address.insert(asker.slot().index() as u32, address.to_bits(), 1);
        }
    }

    /// The connection is over: a check that waits is not done, one that is submitted is in vain.
    pub(crate) fn forget(&mut self, slot: Slot, pending: &PendingCheck) {
        if self.waiting.remove(&pending.turn).is_some() {
            self.by_address.remove(slot.index() as u32, 1);
        }
    }

    /// Does a token wait for its check?
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Submits those that are next, as long as there are not too many. O(log n) for each.
    ///
    /// Where an address was shut meanwhile, its check is not submitted: that is what is returned, and
    /// is to be turned away. So a forger that sends many at once is held to its allowance, and to
    /// what was submitted before the first came back.
    pub(crate) fn submit(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        work: &mut Workload,
        limits: &mut Limits,
    ) -> Option<Slot> {
        while self.submitted < self.limit {
            let ((is_pending, round, _), asker) = self.waiting.pop_first()?;
            self.by_address.remove(asker.slot().index() as u32, 1);
            self.round = self.round.max(round);
            if is_pending && !limits.may_attempt(cx, connections, asker.slot()) {
                return Some(asker.slot());
            }
            let Some(connection) = connections.get_mut(asker.slot()) else { continue };
            let address = connection.address();
            let auth = connection.waiting.as_mut().map(|waiting| &mut waiting.auth);
            let Some(PendingAuth::Check(pending)) = auth else {
                debug_assert!(false, "a connection that ends gives its place up");
                continue;
            };
            let ticket = work.questions.issue();
            pending.ticket = Some(ticket);
            let check = Work::Verify(pending.check.clone());
            self.submitted += 1;
            cx.metrics.signature_checks += 1;
            // Whatever the worker's time, its completion comes; the connection has its own deadline.
            let (kind, deadline) = (QuestionKind::Check { address }, Instant::NEVER);
            let payer = Payer::Address(address);
            let question = NewQuestion { asker, kind, deadline, cost: 0, payer };
            work.open(cx, ticket, question, Some(check));
        }
        None
    }

    /// A check has come back. `None`: nobody waits for it, or it has to be submitted again.
    pub(crate) fn take(
        &mut self,
        cx: &mut Cx,
        connections: &mut Connections,
        limits: &mut Limits,
        (asker, address): (ConnId, Address),
        done: &Completion,
    ) -> Option<PendingCheck> {
        self.submitted = self.submitted.saturating_sub(1);
        let waiting = connections.find_mut(asker).and_then(|it| it.waiting.as_mut());
        let taken = waiting.and_then(|it| Some((it.take_check(done.ticket)?, it)));
        let Some((mut pending, waiting)) = taken else {
            cx.metrics.late_completions += 1;
            // The look at the token was made all the same, so it costs what it has shown: a client
            // that hangs up before its forged token is refused is charged like one that waits.
            if let Outcome::Verified(checked) = &done.outcome {
                let evidence = Evidence::of(checked.as_ref().err().copied());
                limits.attempts.charge(cx.now.monotonic, address, evidence);
            }
            return None;
        };
        if matches!(done.outcome, Outcome::Refused) {
            // Its place is still the first of those that were not done.
            pending.ticket = None;
            self.wait(pending.turn, asker, address);
            waiting.set_auth(PendingAuth::Check(pending));
            return None;
        }
        connections.weigh_input(asker.slot());
        Some(pending)
    }
}
