//! The limits of an address: how many connections may be pending, and how many tokens be tried.
//!
//! A pending connection is counted from its accept until it is authenticated or over. What is over
//! the bound is refused in HTTP as long as the address holds no more than a few beyond it, and
//! dropped from there on. Who is in is never counted, so nothing here can touch the authenticated.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::auth::{Address, Evidence, TokenError};
use crate::id::ConnId;
use crate::node::connections::connection::Connection;
use crate::node::gate::identity::Charge;
use crate::node::gate::proxy;
use crate::node::http::refusal::Refusal;
use crate::node::observe::close_history::{Ending, Unanswered};
use crate::node::{Node, SLOTS_FOR_REFUSALS};
use crate::time::Now;

/// When a refused client may come again: pending connections are over in some 5 seconds.
const PENDING_RETRY_SECONDS: u32 = 5;

/// How many connections of each address are pending.
///
/// Only addresses that have some are in it, so it is bounded by `limits.pending`: at most some 32
/// bytes for each.
#[derive(Debug, Default)]
pub(crate) struct PendingTable(BTreeMap<Address, u32>);

impl PendingTable {
    pub(crate) fn count(&self, address: Address) -> usize {
        self.0.get(&address).map_or(0, |&count| count as usize)
    }

    fn add(&mut self, address: Address) {
        *self.0.entry(address).or_default() += 1;
    }

    fn remove(&mut self, address: Address) {
        let Some(count) = self.0.get_mut(&address) else {
            debug_assert!(false, "what is removed was added");
            return;
        };
        *count -= 1;
        if *count == 0 {
            self.0.remove(&address);
        }
    }

    /// Addresses in it.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Node {
    /// Does `address` hold so many pending connections that not even a refusal is due?
    pub(crate) fn holds_too_many(&self, address: Address) -> bool {
        let most = self.policy.pending_per_ip.saturating_add(SLOTS_FOR_REFUSALS);
        self.pending_by_address.count(address) >= most
    }

    /// Counts `index` as pending, unless it is counted.
    pub(crate) fn count_pending(&mut self, index: usize) {
        if let Some(connection) = self.connections.get_mut(index)
            && !std::mem::replace(&mut connection.is_counted, true)
        {
            self.pending_by_address.add(connection.address());
        }
    }

    /// `index` is authenticated, or over.
    pub(crate) fn uncount_pending(&mut self, index: usize) {
        if let Some(connection) = self.connections.get_mut(index)
            && std::mem::take(&mut connection.is_counted)
        {
            self.pending_by_address.remove(connection.address());
        }
    }

    /// `index` is a proxy's: with the PROXY protocol it says first whom it was called by.
    pub(crate) fn expect_client(&mut self, index: usize) {
        if let Some(connection) = self.connections.get_mut(index) {
            connection.awaits_client = self.policy.proxy_protocol;
        }
    }

    /// How many of `bytes`, the first of `id`, its proxy says about its client (the PROXY protocol):
    /// where TLS is spoken, it begins behind them. `None`: that is not known before there are more.
    #[must_use]
    pub fn proxy_header_bytes(&self, id: ConnId, bytes: &[u8]) -> Option<usize> {
        if !self.find(id).is_some_and(|connection| connection.awaits_client) {
            return Some(0);
        }
        match proxy::parse(bytes) {
            Ok(header) => header.map(|header| header.length),
            Err(proxy::Malformed) => Some(bytes.len()),
        }
    }

    /// `index` comes from `client`, and is counted there.
    pub(crate) fn client_is(&mut self, index: usize, client: SocketAddr) {
        if let Some(connection) = self.connections.get_mut(index)
            && !connection.is_counted
        {
            connection.set_peer(client);
            self.count_pending(index);
        }
    }

    /// Bytes of a proxy that speaks the PROXY protocol. One that does not send what it must is
    /// dropped without an answer: nobody knows whom it would be for.
    pub(crate) fn on_proxy_header(&mut self, now: Now, index: usize, bytes: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let mut kept = connection.decoder.take_kept();
        kept.extend_from_slice(bytes);
        let header = match proxy::parse(&kept) {
            Ok(Some(header)) => header,
            Ok(None) => return connection.decoder.keep(kept),
            Err(proxy::Malformed) => {
                self.metrics.bad_proxy_headers += 1;
                log::debug!(connection:% = self.id_of(index); "no PROXY header");
                self.note_end(now, index, Ending::Dropped(Unanswered::BadProxyHeader));
                return self.drop_connection(now, index);
            }
        };
        connection.awaits_client = false;
        let client = header.client.unwrap_or_else(|| connection.peer());
        if header.client.is_some() && self.holds_too_many(Address::from(client.ip())) {
            self.metrics.dropped_by_address += 1;
            self.note_end(now, index, Ending::Dropped(Unanswered::Address));
            return self.drop_connection(now, index);
        }
        self.client_is(index, client);
        match kept.get_mut(header.length..) {
            Some(rest) if !rest.is_empty() => self.on_head(now, index, rest),
            _ => {}
        }
    }

    /// Is there room for one more, of this address and in all?
    pub(crate) fn has_room(&mut self, index: usize) -> Result<(), Refusal> {
        let is_full = self.public_connections() > self.policy.connections
            || self.pending() > self.policy.pending;
        self.metrics.refused_full += u64::from(is_full);
        // Who was there when a drain began is let through: it may not be able to come again.
        let generation = self.connections.get(index).map_or(0, |connection| connection.generation);
        let is_late = self.drain.as_ref().is_some_and(|drain| !drain.found(generation));
        if is_full || is_late {
            return Err(Refusal::AtCapacity);
        }
        self.address_has_room(index)
    }

    /// Does the address of `index` hold no more pending connections than it may?
    fn address_has_room(&mut self, index: usize) -> Result<(), Refusal> {
        let Some(connection) = self.connections.get(index) else { return Ok(()) };
        if self.pending_by_address.count(connection.address()) > self.policy.pending_per_ip {
            self.metrics.refused_pending += 1;
            return Err(Refusal::TooManyRequests(PENDING_RETRY_SECONDS));
        }
        Ok(())
    }

    /// May the request of `index` be looked at, as far as its address is concerned?
    pub(crate) fn may_attempt_http(&mut self, now: Now, index: usize) -> Result<(), Refusal> {
        if self.may_attempt(now, index) { Ok(()) } else { Err(self.too_many_attempts(now, index)) }
    }

    /// With how long the address of `index` has to wait.
    pub(crate) fn too_many_attempts(&mut self, now: Now, index: usize) -> Refusal {
        let address = self.connections.get(index).map(Connection::address);
        let look = address.map(|address| self.limiter.look(now.monotonic, address));
        let wait = look.and_then(Result::err).unwrap_or_default();
        Refusal::TooManyRequests(whole_seconds(wait).max(1))
    }

    /// May what `index` has sent be looked at?
    pub(crate) fn may_attempt(&mut self, now: Now, index: usize) -> bool {
        let Some(connection) = self.connections.get(index) else { return false };
        let may = self.limiter.look(now.monotonic, connection.address()).is_ok();
        if !may {
            self.metrics.refused_attempts += 1;
        }
        may
    }

    /// Charges the address of `index` for what the look at its token has shown: that it is refused
    /// for this, or (`None`) taken. False: the allowance is used up, and the client is told that, not
    /// what is wrong with its token.
    ///
    /// A signed token keeps its reason: a tab whose token has expired can then fetch a new one at
    /// once, however many others come from its address. So does a re-authentication: an
    /// authenticated client is not judged by what else comes from its address.
    #[must_use]
    pub(crate) fn charge(
        &mut self,
        now: Now,
        index: usize,
        charge: Charge,
        refused: Option<TokenError>,
    ) -> bool {
        if let Some(error) = refused {
            log::debug!(connection:% = self.id_of(index); "token refused: {error}");
        }
        let evidence = Evidence::of(refused);
        let Some(connection) = self.connections.get(index) else { return true };
        if charge == Charge::Forged && evidence == Evidence::Honest {
            return true;
        }
        let is_first = connection.session.phase().is_pending();
        let is_within = self.limiter.charge(now.monotonic, connection.address(), evidence);
        let is_told = is_within || !is_first || refused.is_none_or(TokenError::is_signed);
        self.metrics.refused_attempts += u64::from(!is_told);
        is_told
    }
}

/// Rounded up: who waits so long finds the door open.
fn whole_seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX)
}
