//! What an operator does to a user: sessions ended, an account locked, a fresh token asked for.

use crate::config::counted;
use crate::id::{ConnId, Slot};
use crate::node::Node;
use crate::node::app::{OrderFault, OrderKind, OrderResult, Reply, UserOrder};
use crate::node::connections::session::Phase;
use crate::node::gate::operator::OperatorEvent;
use crate::node::http::refusal::Refusal;
use crate::node::work::orders::{Asker, ConfirmedBy, Part, Revocation, RevocationStore};
use crate::node::work::port::{Action, Command, Outcome, Payer, StoreError, Work};
use crate::node::work::questions::{NewQuestion, QuestionKind};
use crate::node::work::ticket::{StartFlag, Ticket};
use crate::protocol::{CloseReason, MAX_USER_CHARS};
use crate::time::{Instant, Now, UnixTime};

impl Node {
    /// Has `store` keep the revocations from here on.
    pub fn keep_revocations(&mut self, store: Box<dyn RevocationStore>) {
        self.work.orders.store = Some(store);
    }

    /// A revocation that was stored by an earlier process, or elsewhere, holds from here on.
    pub fn restore_revocation(&mut self, now: Now, user: &str, at: UnixTime) {
        let hash = self.cx.hash(&[user]);
        self.gate.tokens.revocations.revoke_by_other(now, hash, at);
    }

    /// How many users are remembered whose older tokens are refused.
    #[must_use]
    pub fn revoked_users(&self) -> usize {
        self.gate.tokens.revocations.len()
    }

    /// Closes every connection of `user` with 1008 `Session revoked`, and says how many there were.
    ///
    /// Tokens that were issued before are refused from here on, however long they live. The
    /// application ends what else lets the user come back, and the revocation is stored, both
    /// later: [`Node::order`] tells when. O(connections of that user).
    pub fn disconnect(&mut self, now: Now, user: &str) -> usize {
        self.cx.now = now;
        self.begin_order(OrderKind::Disconnect, user, Asker::Nobody).1
    }

    /// Carries an order out. `done` is told how many connections were closed, when the application
    /// has done its part and the revocation is stored, in a cluster by its engine too; or which part failed.
    /// No user has a name of more than 256 characters.
    pub fn order(
        &mut self,
        now: Now,
        kind: OrderKind,
        user: &str,
        done: impl FnOnce(Result<usize, OrderFault>) + Send + 'static,
    ) {
        self.cx.now = now;
        self.begin_order(kind, user, Asker::Program(Box::new(done)));
    }

    /// Sends `auth_required` with the reason `requested` to every connection of `user` that is not
    /// asked already, and says how many that were. O(connections of that user).
    pub fn require_auth(&mut self, now: Now, user: &str) -> usize {
        self.cx.now = now;
        self.ask_user_for_auth(user)
    }

    /// Closes a connection that is not the admin listener's. 0: it is not there, or closing already.
    pub(crate) fn close_connection(&mut self, now: Now, id: ConnId) -> usize {
        self.cx.now = now;
        let Some(connection) = self.connections.find(id).filter(|it| !it.is_admin()) else {
            return 0;
        };
        if matches!(connection.session.phase(), Phase::Handshaking | Phase::Closing) {
            return 0;
        }
        self.close(id.slot(), CloseReason::Disconnected);
        self.enforce_budgets();
        1
    }

    /// Closes the connections in `room`, and says how many there were. O(connections in it).
    pub(crate) fn close_room(&mut self, now: Now, room: &str) -> usize {
        self.cx.now = now;
        let members: Vec<Slot> = self.rooms.rooms.members(room).collect();
        for &slot in &members {
            self.close(slot, CloseReason::Disconnected);
        }
        self.enforce_budgets();
        members.len()
    }

    /// Asks every connection of `user` for a fresh token that is not asked already. How many were.
    pub(crate) fn ask_user_for_auth(&mut self, user: &str) -> usize {
        let now = self.cx.now.monotonic;
        let members: Vec<Slot> = self.rooms.users.members(user).collect();
        let asked = members.into_iter().filter(|&slot| {
            let policy = &self.cx.policy;
            let asked = self.connections.edit(policy, slot, |it, _| it.require_auth(now));
            asked.unwrap_or(false)
        });
        asked.count()
    }

    /// The time of `slot` is over, and what it asked for is not done: it is told so.
    pub(crate) fn answer_in_time(&mut self, slot: Slot) {
        let Some(open) = self.work.orders.of_operator(self.connections.id_of(slot)) else {
            return self.refuse(slot, Refusal::BackendTimeout);
        };
        let is_in_force = open.application.is_some();
        self.tell_in_time(slot, OperatorEvent::OrderOverdue { is_in_force });
    }

    /// Begins an order: its number, how many connections were closed by now, and the result if there
    /// is one.
    pub(crate) fn begin_order(
        &mut self,
        kind: OrderKind,
        user: &str,
        asker: Asker,
    ) -> (u64, usize, Option<Result<usize, OrderFault>>) {
        if user.chars().count() > MAX_USER_CHARS {
            // Nobody's name: a store need not take, and read again, names of any length.
            let result = Err(OrderFault::NoSuchUser);
            if let Asker::Program(done) = asker {
                done(result.clone());
            }
            return (0, 0, Some(result));
        }
        let (order, given_up) = self.work.orders.open(kind, user, asker);
        if let Some(given_up) = given_up {
            if let (Some(at), None) = (given_up.revoked_at, &given_up.stored) {
                self.mark_lost(&given_up.user, at);
            }
            for ticket in given_up.tickets {
                self.work.questions.close(ticket);
            }
        }
        if kind == OrderKind::Disconnect {
            self.end_sessions(order, user);
        }
        let ticket = self.work.questions.issue();
        let part = Part::Application;
        let question = UserOrder { ticket, now: self.cx.now.unix, user, kind, up_to: None };
        match self.work.app.on_order(&question) {
            Reply::Now(result) => self.part_done(order, part, result),
            Reply::Later(job) => self.await_part(order, ticket, part, Some(Work::Order(job))),
            Reply::Held => self.await_part(order, ticket, part, None),
        }
        let disconnected = self.work.orders.get(order).map_or(0, |open| open.disconnected);
        (order, disconnected, self.work.orders.finish(order).map(|(_, result)| result))
    }

    /// Has the application end the sessions of a user that began up to `at`, when another node of the cluster
    /// was ordered to: only this node's application may have what lets users come back. Nobody waits for it.
    /// One that the application has given up is logged by [`order_unasked_done`](Self::order_unasked_done);
    /// one that it holds and tries again is logged by the application.
    pub(crate) fn end_sessions_of_app(&mut self, user: &str, at: UnixTime) {
        let ticket = Ticket::UNASKED;
        let (now, kind) = (self.cx.now.unix, OrderKind::Disconnect);
        let order = UserOrder { ticket, now, user, kind, up_to: Some(at) };
        match self.work.app.on_order(&order) {
            Reply::Now(result) => self.order_unasked_done(&result),
            Reply::Later(job) => {
                let (work, start) = (Work::Order(job), StartFlag::default());
                let command = Command { ticket, work, payer: Payer::Operator, start };
                self.cx.actions.push_back(Action::Submit(command));
            }
            Reply::Held => {}
        }
    }

    /// The application has carried out an order for which nobody waits, or has given it up: one that it tries
    /// again is not done yet.
    pub(crate) fn order_unasked_done(&mut self, result: &OrderResult) {
        let Err(fault) = result else { return };
        self.cx.metrics.revocations_unstored += 1;
        if let Some(count) = self.work.orders.unstored.count(self.cx.now.monotonic) {
            let orders = counted(count, "order");
            log::error!("{orders} of other nodes to end a user's sessions failed: {fault}");
        }
    }

    /// An answer surely comes, so the question has no end of its own: an application that takes long
    /// does its part all the same, and what follows from it must be done then.
    fn await_part(&mut self, order: u64, ticket: Ticket, part: Part, work: Option<Work>) {
        let (kind, deadline) = (QuestionKind::Order { order, part }, Instant::NEVER);
        let asker = ConnId::from_bits(u64::MAX);
        let payer = Payer::Operator;
        let question = NewQuestion { asker, kind, deadline, cost: 0, payer };
        self.work.open(&mut self.cx, ticket, question, work);
        if let Some(open) = self.work.orders.get_mut(order) {
            open.tickets.push(ticket);
        }
    }

    /// Refuses the user's tokens up to now, closes the connections, and has that stored.
    fn end_sessions(&mut self, order: u64, user: &str) {
        let now = self.cx.now;
        let hash = self.cx.hash(&[user]);
        self.gate.tokens.revocations.revoke(now, hash, now.unix);
        self.rooms.lingering.end(|left| left.user == user);
        let members: Vec<Slot> = self.rooms.users.members(user).collect();
        for &slot in &members {
            self.close(slot, CloseReason::SessionRevoked);
        }
        if let Some(open) = self.work.orders.get_mut(order) {
            open.disconnected = members.len();
            open.revoked_at = Some(now.unix);
        }
        self.store_revocation(order, user, now.unix);
        self.share_end_of_sessions(order, user, members.len());
    }

    /// Has the store keep the revocation of this order.
    fn store_revocation(&mut self, order: u64, user: &str, at: UnixTime) {
        let now = self.cx.now;
        let revocation = Revocation {
            user,
            at,
            capacity: self.gate.tokens.revocations.capacity(),
            over_before: self.gate.tokens.revocations.over_before(now),
        };
        let ticket = self.work.questions.issue();
        let store = self.work.orders.store.as_mut();
        match store.map(|store| store.store(ticket, &revocation)) {
            // A program that runs the node without a store has none to wait for.
            None => self.part_done(order, Part::Store, Ok(())),
            Some(Ok(())) => self.await_part(order, ticket, Part::Store, None),
            Some(Err(error)) => self.stored(order, Part::Store, Err(error)),
        }
    }

    /// Begins to store revocations again that could not be stored, if that is due.
    pub(crate) fn repeat_unstored(&mut self) {
        if self.work.orders.next_repeat().is_some_and(|at| at <= self.cx.now.monotonic) {
            self.store_unstored();
        }
    }

    /// The store gets a revocation again that it could not store before. When that is stored, it gets the
    /// next one.
    fn store_unstored(&mut self) {
        let now = self.cx.now.monotonic;
        let Some((order, user, at)) = self.work.orders.repeat_unstored(now) else { return };
        self.store_revocation(order, &user, at);
        // A store that does not even take it has answered by now.
        self.work.orders.finish(order);
    }

    /// In a cluster, the engine keeps the revocation, and the other nodes carry it out.
    fn share_end_of_sessions(&mut self, order: u64, user: &str, count: usize) {
        if self.cluster.is_none() {
            return;
        }
        if let Some(open) = self.work.orders.get_mut(order) {
            open.shared = None;
        }
        let ticket = self.work.questions.issue();
        self.await_part(order, ticket, Part::Cluster, None);
        self.share_revocation(ticket, user, count);
    }

    /// The store has stored a revocation, or not.
    fn stored(&mut self, order: u64, part: Part, stored: Result<(), StoreError>) {
        let is_store_working = part == Part::Store && stored.is_ok();
        if part == Part::Store {
            self.note_stored(order, &stored);
        }
        let result = stored.map_err(|error| OrderFault::NotStored(error.to_string()));
        if let Err(fault) = &result {
            self.cx.metrics.revocations_unstored += 1;
            if let Some(count) = self.work.orders.unstored.count(self.cx.now.monotonic) {
                log::error!("{} not stored, the last one: {fault}", counted(count, "revocation"));
            }
        } else {
            self.cx.metrics.revocations_stored += 1;
        }
        self.part_done(order, part, result);
        if is_store_working {
            self.store_unstored();
        }
    }

    /// The store has stored the revocation of this order, or not.
    fn note_stored(&mut self, order: u64, stored: &Result<(), StoreError>) {
        self.work.orders.note_stored(self.cx.now.monotonic, order, stored);
        let Some(open) = self.work.orders.get(order) else { return };
        let Some(at) = open.revoked_at else { return };
        if stored.is_ok() {
            let hash = self.cx.hash(&[&open.user]);
            self.gate.tokens.revocations.set_lost(hash, at, false);
        } else {
            let user = open.user.clone();
            self.mark_lost(&user, at);
        }
    }

    /// The revocation of this user could not be stored: a restart forgets it, unless it is kept to be stored
    /// again.
    fn mark_lost(&mut self, user: &str, at: UnixTime) {
        let is_lost = !self.work.orders.kept.contains(user);
        let hash = self.cx.hash(&[user]);
        self.gate.tokens.revocations.set_lost(hash, at, is_lost);
    }

    /// The store, the cluster or the application has done its part.
    fn part_done(&mut self, order: u64, part: Part, result: OrderResult) {
        let Some(open) = self.work.orders.get_mut(order) else { return };
        match part {
            Part::Store => open.stored = Some(result),
            Part::Cluster => open.shared = Some(result),
            Part::Application => {
                let is_locked = open.kind == OrderKind::Lock && result.is_ok();
                if open.kind == OrderKind::Lock && result.is_err() {
                    // Nothing was done to this user, so nothing is to be stored.
                    open.stored = Some(Ok(()));
                }
                open.application = Some(result);
                if is_locked {
                    let user = open.user.clone();
                    self.end_sessions(order, &user);
                }
            }
        }
    }

    /// What the application, the store or the cluster has answered.
    pub(crate) fn order_answered(&mut self, order: u64, part: Part, outcome: Outcome) {
        match (part, outcome) {
            (Part::Cluster, Outcome::Confirmed { count, nodes, of }) => {
                if let Some(open) = self.work.orders.get_mut(order) {
                    open.disconnected = count;
                    open.nodes = Some(ConfirmedBy { confirmed: nodes, total: of });
                }
                self.stored(order, part, Ok(()));
            }
            (Part::Store | Part::Cluster, Outcome::Stored(stored)) => {
                self.stored(order, part, stored);
            }
            (Part::Store | Part::Cluster, _) => self.stored(order, part, Err(StoreError::Ended)),
            (Part::Application, Outcome::Order(result)) => self.part_done(order, part, result),
            (Part::Application, Outcome::Refused | Outcome::NotBegun | Outcome::Unreached) => {
                self.part_done(order, part, Err(OrderFault::Unavailable));
            }
            (Part::Application, _) => self.part_done(order, part, Err(OrderFault::Failed)),
        }
        let Some((open, result)) = self.work.orders.finish(order) else { return };
        if let Asker::Operator(asker) = open.asker {
            for ticket in open.tickets {
                let event = OperatorEvent::Ordered(open.kind, result.clone(), open.nodes);
                self.tell_later(asker, ticket, event);
            }
        }
    }
}
