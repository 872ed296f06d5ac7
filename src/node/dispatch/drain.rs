//! The drain, and a configuration that changes while connections are open.

use std::time::Duration;

use crate::auth::Verifier;
use crate::config::Config;
use crate::id::{ConnId, Slot};
use crate::node::Node;
use crate::node::dispatch::deadlines::TIMERS_A_CALL;
use crate::node::gate::drain::{Drain, DrainExit};
use crate::node::observe::access::AccessBytes;
use crate::node::policy::Policy;
use crate::time::Now;

impl Node {
    /// Begins the drain: from here on new connections are answered `503`, and those that are open are
    /// closed with 1001 at a random moment of the configured length, so that they do not all come
    /// back at once. One whose message the application is asked about at that moment has its answer first,
    /// within that length. Clients that support resuming are told when to come back, and closed when all
    /// others are gone. Requests that are on their way are waited for, each until its own deadline: an
    /// upgrade is taken and closed with 1001 at once, as a page is not told of a `503`. A second
    /// call changes nothing, but for a drain of another length that an operator began: see
    /// [`Node::drain`].
    pub fn handle_shutdown(&mut self, now: Now) {
        self.drain(now, self.cx.policy.drain);
    }

    /// The same within `length`. A drain that is under way is never slowed down: a connection whose
    /// turn would come later than that has a new one within it. Answers how many connections are
    /// waited for. O(n log n) in the connections.
    pub fn drain(&mut self, now: Now, length: Duration) -> usize {
        self.cx.now = now;
        self.begin_drain(length)
    }

    pub(crate) fn begin_drain(&mut self, length: Duration) -> usize {
        let Self { cx, connections, gate, .. } = self;
        let tells_slots = !cx.policy.restart.is_zero();
        let drain = gate.drain.get_or_insert_with(|| Drain::begin(connections, tells_slots));
        drain.shorten(cx.now.monotonic, length, &mut gate.rng);
        drain.remaining()
    }

    /// Is a drain under way, whoever began it?
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.gate.drain.is_some()
    }

    /// After [`Node::handle_shutdown`]: is every connection gone that was there then?
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.gate.drain.as_ref().is_some_and(|drain| drain.remaining() == 0)
    }

    /// From here on the node goes by `config`, and checks tokens with `verifier`. No connection is
    /// dropped: deadlines that run stay as they are, and a bound that has become narrower is for
    /// connections that come next. O(connections).
    pub fn reconfigure(&mut self, now: Now, config: &Config, verifier: Verifier) {
        self.cx.now = now;
        self.gate.reconfigure(now, config, verifier);
        self.rooms.answers.set_max_weight(config.limits.answer_bytes.get());
        self.rooms.departed.set_allowance(0, config.limits.users);
        // There may be more places for a user.
        self.gate.user_limit.free_all();
        self.cx.history.set_capacity(config.limits.recent_ends);
        let old = std::mem::replace(&mut self.cx.policy, Policy::new(config));
        // Listeners begin and cease to speak TLS with the next start only; so does a cluster.
        self.cx.policy.speaks_tls = old.speaks_tls;
        self.cx.policy.is_cluster = old.is_cluster;
        self.cx.policy.set_app_publishes(old.app_publishes);
        if !self.cx.policy.log_access {
            // When it is turned on again, other connections have these slots.
            self.cx.access = AccessBytes::default();
        }
        self.work.app.on_reload(config);
        let slots: Vec<Slot> = self.connections.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.connections.arm(&self.cx.policy, slot);
            // A connection that was not read from may have room now, and nothing else would say so.
            if self.connections.get(slot).is_some_and(|connection| connection.is_full(&old)) {
                self.resume(slot, true);
            }
        }
        self.submit_checks();
        self.enforce_budgets();
    }

    /// Closes those that the drain's schedule names up to now, as many as a call may: those that are
    /// left are due at once. A drain of no length names everybody.
    ///
    /// A client counts the time to its slot from when it hears of it. If thousands were told in one go, and
    /// the driver wrote that ever faster, they would come closer together than their slots are. So no more
    /// are told than the driver has written to.
    pub(crate) fn drain_due(&mut self) {
        let Self { cx, connections, gate, .. } = self;
        let Some(drain) = &mut gate.drain else { return };
        let unwritten = drain.count_unwritten(cx.now.monotonic, |id| connections.awaits_write(id));
        for _ in unwritten..TIMERS_A_CALL {
            let Self { cx, connections, gate, .. } = self;
            let owes_answer = |id| connections.owes_answer(id);
            let drain = gate.drain.as_mut();
            let due = drain.and_then(|drain| drain.pop_due(cx.now.monotonic, owes_answer));
            let Some(id) = due else { return };
            if self.connections.find(id).is_some() {
                self.close_in_turn(id);
            }
        }
    }

    /// Closes a connection whose turn came while its message was with the application, now that it has
    /// the answer. False: it was not waited for, or goes with those that are told when to come back.
    pub(crate) fn close_answered(&mut self, id: ConnId) -> bool {
        let leaves = self.gate.drain.as_mut().and_then(|drain| drain.settle(id));
        if leaves != Some(DrainExit::Answered) || self.connections.find(id).is_none() {
            return false;
        }
        self.close_in_turn(id);
        true
    }
}
