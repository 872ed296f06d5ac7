//! The deterministic core: the whole server but its sockets.
//!
//! Bytes, completions and `now` go in; bytes, deadlines and commands come out. A [`Node`] reads no
//! clock, socket, file or environment, and knows no thread, so a test can run its 14 minutes in
//! microseconds, the simulator can run it from a seed, and a program can put it into its own loop.
//!
//! # The contract of a driver
//!
//! * In: [`handle_accept`](Node::handle_accept) and
//!   [`handle_accept_admin`](Node::handle_accept_admin), [`handle_bytes`](Node::handle_bytes),
//!   [`handle_hangup`](Node::handle_hangup), [`handle_timeout`](Node::handle_timeout) or
//!   [`handle_deadlines`](Node::handle_deadlines),
//!   [`handle_completion`](Node::handle_completion), [`handle_shutdown`](Node::handle_shutdown).
//! * Out: after any of these, [`poll_action`](Node::poll_action) until it is `None`, and
//!   [`poll_timeout`](Node::poll_timeout) for when to come back. Mutate, then drain.
//! * A `poll_timeout` that is past means that something is left which is cut into steps, such as a
//!   message to a large room: read, write and serve the others, and then come back.
//! * With an admin listener: [`admin::answer`](crate::admin::answer) after each `handle_*`, before the
//!   next one.
//! * `now` never goes back. Every call with the id of a connection that is gone does nothing.
//!
//! # Its owners
//!
//! ```text
//!                        dispatch          what one owner has decided becomes calls on others
//!                   ┌───────┼────────┐
//!        gate ──▶ rooms ──▶ work ──▶ connections ──▶ context
//! ```
//!
//! An owner is a plain struct: only its own module touches its fields. Its methods take the context
//! (`Cx`) and the owners below it, and return what is to be done elsewhere.

pub mod app;
mod cluster;
mod connections;
mod context;
mod dispatch;
mod gate;
mod http;
mod observe;
pub(crate) mod planted;
mod policy;
mod rooms;
mod work;

use std::fmt;

#[cfg(feature = "net")]
pub(crate) use self::cluster::{
    SESSION_TOKEN_BYTES, room_states::ROOM_STATE_BYTES, unkept::UNKEPT_BYTES,
};
#[cfg(feature = "net")]
pub(crate) use self::connections::connection::CONNECTION_BYTES;
#[cfg(feature = "net")]
pub(crate) use self::connections::pending::PENDING_ADDRESS_BYTES;
// For the benches, the fuzzer and the clients of the tests, which see the crate from outside.
#[cfg(feature = "net")]
pub(crate) use self::cluster::lists::CLUSTER_LIST_BYTES;
#[doc(hidden)]
pub use self::connections::frame::{Decoder, Encoder, Frame, Shared};
pub use self::connections::session::Phase;
#[doc(hidden)]
pub use self::connections::wheel::{TICK_MICROS, Wheel};
#[cfg(feature = "net")]
pub(crate) use self::gate::users_elsewhere::USER_ELSEWHERE_BYTES;
#[cfg(feature = "net")]
pub(crate) use self::http::client_details::CLIENT_DETAILS_BYTES;
pub use self::http::message::{Method, Request, RequestPlace, Response};
#[cfg(any(feature = "net", feature = "recipes"))]
pub(crate) use self::observe::MinuteThrottle;
#[cfg(feature = "net")]
pub(crate) use self::observe::close_history::{END_BYTES, ENDS_A_TOKEN_FAULT, TOKEN_FAULT_BYTES};
pub use self::observe::dependency::{
    Dependency, DependencyCheck, DependencyFault, DependencyState,
};
pub use self::observe::metrics::{AuthEnd, Call, Histogram, Legacy, Metrics, REFUSAL_STATUSES};
pub use self::observe::process_metrics::{Probe, Reading};
pub use self::observe::usage::Usage;
#[cfg(feature = "net")]
pub(crate) use self::rooms::answers::{
    LIFETIME as ANSWER_LIFETIME, MessageFilter, remembered_answer_bytes,
};
pub use self::rooms::stored_logs::HistoryError;
#[cfg(feature = "net")]
pub(crate) use self::rooms::{claims::CLAIMS_BYTES, watched::Watched};
pub use self::work::events::AppEvent;
#[cfg(feature = "net")]
pub(crate) use self::work::idempotency::IDEMPOTENCY_KEY_BYTES;
pub use self::work::keys::{Fetched, KeyNews, KeyRequest};
pub(crate) use self::work::orders::{ConfirmedBy, NotShared};
pub use self::work::orders::{Revocation, RevocationStore};
#[cfg(any(feature = "net", feature = "recipes"))]
pub(crate) use self::work::port::Payer;
pub use self::work::port::{
    Action, BusInput, BusOrder, Command, Completion, Hangup, Outcome, Refused, StoreError, Work,
};
pub(crate) use self::work::publication::{MAX_TARGETS, PublishError, PublishTarget, Published};
#[cfg(any(feature = "net", feature = "recipes"))]
pub(crate) use self::work::questions::QUESTION_BYTES;
pub use self::work::ticket::{StartFlag, Ticket};

// For the layer above, which answers operators.
pub(crate) use self::cluster::control::ClusterOrder;
pub(crate) use self::cluster::lists::{ClusterList, ListKey, ListKind, ListedBy, MAX_LISTED};
pub(crate) use self::connections::connection::peer_text;
pub(crate) use self::gate::admin_key::{AdminKeys, KeyScope};
pub(crate) use self::gate::operator::{OperatorCall, OperatorEvent};
pub(crate) use self::gate::upgrade::{decode_room, hex};
pub(crate) use self::http::refusal::Refusal;
pub(crate) use self::http::respond::health;
pub(crate) use self::observe::close_history::{Account, ClosedConnection, Ending, Unanswered, cut};
pub(crate) use self::observe::family::{Family, FamilyKind, Labels, Samples};
pub(crate) use self::observe::view::Standing;
pub(crate) use self::rooms::groups::GroupPage;
pub(crate) use self::work::questions::CollectedForm;
pub(crate) use crate::config::{UNIX_PEER, is_unix_peer};

use self::app::App;
use self::cluster::ClusterMember;
use self::connections::Connections;
use self::context::Cx;
use self::gate::operator::OperatorState;
use self::gate::{Gate, drain::Drain};
use self::observe::view::View;
use self::policy::Policy;
use self::rooms::Rooms;
use self::work::Workload;
use crate::auth::KeyError;
use crate::config::Config;
use crate::id::{ConnId, Seed};
use crate::time::{Instant, Now};

/// Frames that cost as much as one unit of pending work, some 10 µs: 0.25 µs each were measured.
const FRAMES_PER_UNIT: u32 = 32;

/// The server, but its sockets.
pub struct Node {
    cx: Cx,
    connections: Connections,
    work: Workload,
    rooms: Rooms,
    gate: Gate,
    operator: OperatorState,
    /// `None`: the server is alone.
    cluster: Option<Box<ClusterMember>>,
    /// Frames that the bytes at hand have held so far.
    frames: u32,
    /// A socket has given its place to another, and the driver does not know yet.
    is_place_given: bool,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("connections", &self.connections.len())
            .field("rooms", &self.rooms.rooms.len())
            .field("users", &self.rooms.users.len())
            .finish_non_exhaustive()
    }
}

impl Node {
    /// A node without connections. The same `seed` and the same calls give the same node; whoever
    /// knows it can compute ids and make tables collide, so a server takes it from the operating
    /// system.
    ///
    /// A `connections` of 0 is no bound here: what the descriptors allow is the driver's to know. Values are
    /// taken as they are: [`Config::faults`] says which of them a server cannot work with.
    ///
    /// # Errors
    /// [`KeyError`] when the configured key cannot be used.
    pub fn new(config: &Config, seed: &Seed, app: Box<dyn App>) -> Result<Self, KeyError> {
        let (policy, limits) = (Policy::new(config).published_by(&*app), &config.limits);
        let slots = policy.reserved_slots();
        let mut operator = OperatorState::default();
        if let Some(probe) = app.probe() {
            operator.probes.add(probe);
        }
        let mut cluster = ClusterMember::new(&config.cluster, config.resume.window.get(), seed);
        if let Some(cluster) = &mut cluster {
            cluster.nodes.is_owner = app.is_owner();
        }
        Ok(Self {
            cx: Cx::new(policy, limits.recent_ends, seed),
            connections: Connections::new(seed, slots),
            work: Workload::new(seed, app),
            rooms: Rooms::new(seed, slots, limits),
            gate: Gate::new(config, seed)?,
            operator,
            cluster: cluster.map(Box::new),
            frames: 0,
            is_place_given: false,
        })
    }

    /// Bytes came. They are unmasked in place; what is left of an unfinished frame is kept.
    ///
    /// Returns how many units of a turn's share it took beyond the first: a read of 4 KiB may hold one
    /// message, or 682 frames without any content.
    pub fn handle_bytes(&mut self, now: Now, id: ConnId, bytes: &mut [u8]) -> u32 {
        self.cx.now = now;
        self.frames = 0;
        if self.connections.find(id).is_some() {
            self.on_bytes(id, bytes);
            if !self.gate.user_limit.is_empty() {
                self.note_sign_of_life(id.slot());
            }
            self.connections.weigh_input(id.slot());
            self.enforce_budgets();
        }
        self.frames / FRAMES_PER_UNIT
    }

    /// The peer is gone, or at least silent for good.
    pub fn handle_hangup(&mut self, now: Now, id: ConnId, why: Hangup) {
        self.cx.now = now;
        self.on_hangup(id, why);
    }

    /// Work that somebody else did is done.
    pub fn handle_completion(&mut self, now: Now, done: Completion) {
        self.cx.now = now;
        self.on_completion(done);
        self.enforce_budgets();
    }

    /// The next thing to do; `None`: nothing more for now.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.is_place_given &= !self.cx.actions.is_empty();
        // Also a connection that ends by an order or a hang-up moves what it holds to another budget.
        if self.cx.actions.is_empty() && (self.should_flush() || self.exceeds_input()) {
            if self.rooms.is_hurried(&self.cx.policy) {
                self.hurry();
            }
            // All was tried by now: a reader that has not taken what is queued is slow.
            self.enforce_budgets();
        }
        let action = self.cx.actions.pop_front()?;
        match &action {
            Action::Flush(id) => self.connections.flush_begins(id.slot()),
            Action::Close(id) => self.free(*id),
            _ => {}
        }
        Some(action)
    }

    /// When to call [`Node::handle_timeout`]; it may be past already. `None`: nothing is armed.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        // What is on its way goes on in the next turn, and is not waited for; nor is what a call between
        // two turns has left to do.
        if !self.rooms.deliveries.is_empty()
            || !self.cx.actions.is_empty()
            || self.gate.tokens.key_waits.has_ready()
        {
            return Some(Instant::START);
        }
        let forged = self.cluster.as_ref().filter(|_| self.gate.limits.attempts.has_forged());
        let next = [
            forged.map(|cluster| cluster.tells_forged_at),
            self.connections.next_deadline(),
            self.work.questions.next(),
            self.gate.drain.as_ref().and_then(Drain::next),
            self.gate.user_limit.next(),
            self.rooms.next_deadline(),
            self.cluster.as_ref().and_then(|cluster| cluster.next()),
            self.work.next_deadline(self.cx.now),
            self.work.orders.next_repeat(),
        ];
        let next = next.map(|next| next.unwrap_or(Instant::NEVER));
        let next = next.into_iter().fold(Instant::NEVER, Instant::min);
        (next != Instant::NEVER).then_some(next)
    }

    pub(crate) fn view(&self) -> View<'_> {
        let Self { cx, connections, work, rooms, gate, cluster, .. } = self;
        View { cx, connections, work, rooms, gate, cluster: cluster.as_deref() }
    }
}

#[cfg(test)]
pub(crate) mod tests;
