//! The limits of an address: how many connections may be pending, and how many tokens be tried. And
//! the limit of a user: how many tokens are accepted.
//!
//! A pending connection is counted from its accept until it is authenticated or over. What is over
//! the bound is refused in HTTP as long as the address holds no more than a few beyond it, and
//! dropped from there on. Authenticated connections are never counted, so nothing here can touch them.

use std::net::SocketAddr;
use std::time::Duration;

use crate::auth::{Address, AddressLimiter, Evidence, TokenError};
use crate::config::Config;
use crate::id::Slot;
use crate::node::connections::Connections;
use crate::node::connections::connection::Connection;
use crate::node::connections::session::Stage;
use crate::node::context::Cx;
use crate::node::gate::drain::Drain;
use crate::node::gate::forwarded;
use crate::node::gate::places::Places;
use crate::node::http::refusal::Refusal;
use crate::node::work::port::Refused;
use crate::node::work::questions::RequestPayer;
use crate::shares::Allowances;

/// Slots beyond the bound on connections: whoever gets one is answered `503` instead of silence.
pub(crate) const SLOTS_FOR_REFUSALS: usize = 64;
/// When a refused client may come again: pending connections are over in some 5 seconds.
const PENDING_RETRY_SECONDS: u32 = 5;

/// An answer in HTTP costs a point for each of so many bytes, beside that of its request.
const BYTES_A_POINT: usize = 16 << 10;
/// What a request has told a room, which everybody there has to read, costs a point for each of so many.
/// So a user's requests tell it 600 KiB a minute.
const TOLD_BYTES_A_POINT: usize = 1 << 10;
/// The most points that one answer costs, and that a debt can be.
const MAX_POINTS_OF_ANSWER: u32 = 60;

/// How a socket on a public listener is taken in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Intake {
    /// It is beyond the bounds, and gets a slot only to be refused.
    pub(crate) is_beyond: bool,
    /// Not even such a slot is free, unless another connection gives way.
    pub(crate) is_without_slot: bool,
    is_proxy: bool,
}

impl Intake {
    /// Another connection has given way.
    pub(crate) fn has_room(&mut self) {
        (self.is_beyond, self.is_without_slot) = (false, false);
    }
}

/// What an address may do: how many pending connections it may have, which
/// [`Connections`](crate::node::connections::Connections) counts, and how many tokens it may try.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) attempts: AddressLimiter,
    /// Accepted tokens of users, by the users' keys.
    pub(crate) user_attempts: Allowances<u64>,
    /// Requests of users, and of addresses whose requests carry no token.
    pub(crate) user_requests: Allowances<u64>,
    pub(crate) address_requests: Allowances<Address>,
}

/// Which tokens are charged to their address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charge {
    /// Each, as an `auth` is.
    Each,
    /// Those that are forged: a page asks often.
    Forged,
}

/// Of how many addresses other nodes are told; 0: the server is alone.
fn shared_addresses(config: &Config) -> usize {
    if config.cluster.is_on() { config.cluster.forged_addresses } else { 0 }
}

impl Limits {
    pub(crate) fn new(config: &Config) -> Self {
        let limits = &config.limits;
        let mut attempts = AddressLimiter::new(limits.auth_per_minute_per_ip, limits.addresses);
        attempts.share(shared_addresses(config));
        Self {
            attempts,
            user_attempts: Allowances::new(limits.auth_per_minute_per_user, limits.users),
            user_requests: Allowances::new(limits.requests_per_minute_per_user, limits.users),
            address_requests: Allowances::new(limits.requests_per_minute_per_ip, limits.addresses),
        }
    }

    /// Users whose allowance was forgotten early.
    pub(crate) fn user_evictions(&self) -> u64 {
        self.user_attempts.evictions() + self.user_requests.evictions()
    }

    /// The same of addresses.
    pub(crate) fn address_evictions(&self) -> u64 {
        self.attempts.evictions() + self.address_requests.evictions()
    }

    /// From here on goes by `config`.
    pub(crate) fn reconfigure(&mut self, config: &Config) {
        let limits = &config.limits;
        self.attempts.set_allowance(limits.auth_per_minute_per_ip, limits.addresses);
        self.attempts.share(shared_addresses(config));
        self.user_attempts.set_allowance(limits.auth_per_minute_per_user, limits.users);
        self.user_requests.set_allowance(limits.requests_per_minute_per_user, limits.users);
        self.address_requests.set_allowance(limits.requests_per_minute_per_ip, limits.addresses);
    }

    /// How is a socket from `peer` taken in?
    ///
    /// # Errors
    /// [`Refused::Address`]: not at all, as its address has too many pending connections.
    pub(crate) fn judge_accept(
        &self,
        cx: &mut Cx,
        connections: &Connections,
        peer: SocketAddr,
    ) -> Result<Intake, Refused> {
        // A proxy's sockets are its clients', and not counted before they are known.
        let is_proxy = forwarded::is_trusted(peer.ip(), &cx.policy.trusted_proxies);
        if !is_proxy && holds_too_many(cx, connections, Address::from(peer.ip())) {
            cx.metrics.dropped_by_address += 1;
            return Err(Refused::Address);
        }
        let beyond = |beyond: usize| {
            connections.public() >= cx.policy.connections.saturating_add(beyond)
                || connections.pending() >= cx.policy.pending.saturating_add(beyond)
        };
        let is_without_slot = beyond(SLOTS_FOR_REFUSALS);
        Ok(Intake { is_beyond: beyond(0), is_without_slot, is_proxy })
    }

    /// The socket has got a slot.
    pub(crate) fn accepted(
        &self,
        cx: &mut Cx,
        connections: &mut Connections,
        refusals: &mut Places,
        slot: Slot,
        intake: Intake,
    ) {
        if intake.is_beyond {
            // Of each of the two bounds there are as many slots.
            refusals.push(connections.id_of(slot), 2 * SLOTS_FOR_REFUSALS);
        }
        if !intake.is_proxy {
            connections.count_pending(slot);
        } else if cx.policy.proxy_protocol
            && let Some(connection) = connections.get_mut(slot)
        {
            connection.session.set_stage(Stage::ProxyHeader);
        }
        cx.metrics.accepted += 1;
    }

    /// Is there room for one more, of this address and in all?
    pub(crate) fn has_room(
        &self,
        cx: &mut Cx,
        connections: &Connections,
        drain: Option<&Drain>,
        slot: Slot,
    ) -> Result<(), Refusal> {
        let is_full = connections.public() > cx.policy.connections
            || connections.pending() > cx.policy.pending;
        cx.metrics.refused_full += u64::from(is_full);
        let Some(connection) = connections.get(slot) else { return Ok(()) };
        // Connections from before a drain are let through: they may not be able to come again.
        let is_late = drain.is_some_and(|drain| !drain.found(connection.generation));
        if is_full || is_late {
            return Err(Refusal::AtCapacity);
        }
        let beyond = cx.policy.pending_per_ip.saturating_add(1);
        if connections.has_pending(connection.address(), beyond) {
            cx.metrics.refused_pending += 1;
            return Err(Refusal::TooManyRequests(PENDING_RETRY_SECONDS));
        }
        Ok(())
    }

    /// May the request of `slot` be looked at, as far as its address is concerned?
    pub(crate) fn may_attempt_http(
        &mut self,
        cx: &mut Cx,
        connections: &Connections,
        slot: Slot,
    ) -> Result<(), Refusal> {
        if self.may_attempt(cx, connections, slot) {
            Ok(())
        } else {
            Err(self.too_many_attempts(cx, connections, slot))
        }
    }

    /// With how long the address of `slot` has to wait.
    pub(crate) fn too_many_attempts(
        &mut self,
        cx: &Cx,
        connections: &Connections,
        slot: Slot,
    ) -> Refusal {
        let address = connections.get(slot).map(Connection::address);
        let look = address.map(|address| self.attempts.look(cx.now.monotonic, address));
        let wait = look.and_then(Result::err).unwrap_or_default();
        Refusal::TooManyRequests(whole_seconds(wait).max(1))
    }

    /// May what `slot` has sent be looked at?
    pub(crate) fn may_attempt(
        &mut self,
        cx: &mut Cx,
        connections: &Connections,
        slot: Slot,
    ) -> bool {
        let Some(connection) = connections.get(slot) else { return false };
        let may = self.attempts.look(cx.now.monotonic, connection.address()).is_ok();
        cx.metrics.refused_attempts += u64::from(!may);
        may
    }

    /// Charges a request to its user, or to its address where it carries no token.
    ///
    /// # Errors
    /// The allowance does not reach so far: when to come again.
    pub(crate) fn charge_request(
        &mut self,
        cx: &mut Cx,
        payer: RequestPayer,
    ) -> Result<(), Refusal> {
        let now = cx.now.monotonic;
        let charged = match payer.user {
            Some(user) => self.user_requests.charge(now, user, 1),
            None => self.address_requests.charge(now, payer.address, 1),
        };
        charged.map_err(|wait| {
            cx.metrics.refused_request_rate += 1;
            Refusal::RequestRate(whole_seconds(wait).max(1))
        })
    }

    /// Charges the answer to a request by its length: it is known only now, and was made all the
    /// same.
    pub(crate) fn charge_answer(&mut self, cx: &Cx, payer: RequestPayer, bytes: usize) {
        self.force(cx, payer, bytes / BYTES_A_POINT);
    }

    /// Charges a request for what it has told a room, in the same way.
    pub(crate) fn charge_told(&mut self, cx: &Cx, payer: RequestPayer, bytes: usize) {
        self.force(cx, payer, bytes / TOLD_BYTES_A_POINT);
    }

    fn force(&mut self, cx: &Cx, payer: RequestPayer, points: usize) {
        let (now, points) = (cx.now.monotonic, u32::try_from(points));
        let points = points.unwrap_or(u32::MAX).min(MAX_POINTS_OF_ANSWER);
        match payer.user {
            Some(user) => self.user_requests.force(now, user, points, MAX_POINTS_OF_ANSWER),
            None => {
                self.address_requests.force(now, payer.address, points, MAX_POINTS_OF_ANSWER);
            }
        }
    }

    /// Charges the address of `slot` for a token that waits for its key although its signature was
    /// checked: as for an honest one, until it turns out to be forged. False: the allowance is used
    /// up. Who is authenticated waits once, and pays nothing.
    pub(crate) fn charge_wait(&mut self, cx: &Cx, connections: &Connections, slot: Slot) -> bool {
        let Some(connection) = connections.get(slot) else { return false };
        connection.session.phase().is_authenticated()
            || self.attempts.charge(cx.now.monotonic, connection.address(), Evidence::Honest)
    }

    /// Charges `user` for an accepted token. False: the allowance does not reach so far.
    pub(crate) fn charge_user(&mut self, cx: &mut Cx, user: &str) -> bool {
        if !self.user_attempts.is_limited() {
            return true;
        }
        let is_within = self.user_attempts.charge(cx.now.monotonic, cx.user_key(user), 1).is_ok();
        cx.metrics.refused_user_attempts += u64::from(!is_within);
        is_within
    }

    /// Charges the address of `slot` for what the look at its token has shown: that it is refused
    /// for this, or (`None`) taken. False: the allowance is used up, and the client is told that, not
    /// what is wrong with its token.
    ///
    /// A signed token keeps its reason: a tab whose token has expired can then fetch a new one at
    /// once, however many others come from its address. So does a re-authentication: an
    /// authenticated client is not judged by what else comes from its address.
    #[must_use]
    pub(crate) fn charge(
        &mut self,
        cx: &mut Cx,
        connections: &Connections,
        slot: Slot,
        charge: Charge,
        refused: Option<TokenError>,
    ) -> bool {
        let evidence = Evidence::of(refused);
        let Some(connection) = connections.get(slot) else { return true };
        if charge == Charge::Forged && evidence == Evidence::Honest {
            return true;
        }
        let is_first = connection.session.phase().is_pending();
        let is_within = self.attempts.charge(cx.now.monotonic, connection.address(), evidence);
        let keeps_reason = is_within || !is_first || refused.is_none_or(TokenError::is_signed);
        cx.metrics.refused_attempts += u64::from(!keeps_reason);
        keeps_reason
    }
}

/// Does `address` hold so many pending connections that not even a refusal is due?
pub(crate) fn holds_too_many(cx: &Cx, connections: &Connections, address: Address) -> bool {
    let most = cx.policy.pending_per_ip.saturating_add(SLOTS_FOR_REFUSALS);
    connections.has_pending(address, most)
}

/// Rounded up: a client that waits so long is looked at.
fn whole_seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX)
}
