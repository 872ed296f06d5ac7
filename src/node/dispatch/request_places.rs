//! Which requests are taken, and which give way.

use std::net::SocketAddr;

use crate::auth::Address;
use crate::id::Slot;
use crate::node::Node;
use crate::node::connections::connection::Connection;
use crate::node::gate::limits::SLOTS_FOR_REFUSALS;
use crate::node::http::message::RequestPlace;
use crate::node::http::refusal::Refusal;
use crate::node::http::request::Http;
use crate::node::planted::Planted;

impl Node {
    /// Is there room for a request, whose head is whole?
    pub(crate) fn take_request(
        &mut self,
        slot: Slot,
        http: &Http,
        client: SocketAddr,
    ) -> Result<(), Refusal> {
        self.connections.begin_request(slot);
        self.connections.set_client(slot, client);
        self.make_room(slot);
        let Self { cx, connections, gate, .. } = self;
        gate.limits.has_room(cx, connections, gate.drain.as_ref(), slot)?;
        cx.metrics.requests += 1;
        self.may_look(slot, http)
    }

    /// The request of `slot` is whole. Where there are more connections, or pending ones, than may be,
    /// because those beyond the bound wait to be refused, others give way until it fits.
    pub(crate) fn make_room(&mut self, slot: Slot) {
        if let Some(address) = self.connections.get(slot).map(Connection::address) {
            self.make_place(address, 1);
        }
    }

    /// Makes a place for a connection of `address`, of which `counted` is there already, 0 or 1. Where
    /// there are too many connections, one gives its place that only waits for its peer, or the oldest
    /// pending one of a heavier address; that one also where too many are pending. False: nobody is
    /// left who would.
    pub(crate) fn make_place(&mut self, address: Address, counted: usize) -> bool {
        // More than that are beyond a bound only after a reload has lowered it.
        for _ in 0..2 * SLOTS_FOR_REFUSALS {
            let policy = &self.cx.policy;
            let has = |count: usize, most: usize| count < most.saturating_add(counted);
            let has_slot = has(self.connections.public(), policy.connections);
            if has_slot && has(self.connections.pending(), policy.pending) {
                return true;
            }
            if !has_slot && let Some(id) = self.connections.closing_to_drop() {
                self.cx.metrics.gave_way += 1;
                self.drop_connection(id.slot());
                self.is_place_given = true;
                continue;
            }
            let more = 1_u64.saturating_sub(counted as u64);
            let Some(id) = self.connections.pending_to_give_way(address, more) else {
                return false;
            };
            self.yield_to_lighter(id);
        }
        false
    }

    /// The request of `slot` is to wait, in this place. Where as many do as may, the oldest there whose
    /// body is not whole gives way, of the address that has most of those.
    pub(crate) fn take_place(&mut self, slot: Slot, place: RequestPlace) -> Result<(), Refusal> {
        if self.connections.is_request_counted(slot) {
            return Ok(());
        }
        let is_refresh = place == RequestPlace::Refresh;
        let (count, most) = match is_refresh {
            true => (self.connections.refreshes(), self.cx.policy.refreshes),
            false => (self.connections.requests(), self.cx.policy.requests),
        };
        if count >= most {
            let is_first_come = self.cx.fault.is(Planted::RequestsFirstCome);
            let oldest = self.connections.request_to_give_way(slot, place);
            let oldest = oldest.filter(|_| !is_first_come);
            let metrics = &mut self.cx.metrics;
            *match (oldest, is_refresh) {
                (Some(_), true) => &mut metrics.refreshes_gave_way,
                (Some(_), false) => &mut metrics.requests_gave_way,
                (None, true) => &mut metrics.refused_refreshes,
                (None, false) => &mut metrics.refused_requests,
            } += 1;
            self.refuse(oldest.ok_or(Refusal::AtCapacity)?, Refusal::AtCapacity);
        }
        self.connections.count_request(slot, place);
        Ok(())
    }

    /// A request that carries credentials is looked at within the allowance of its address.
    pub(crate) fn may_look(&mut self, slot: Slot, http: &Http) -> Result<(), Refusal> {
        let Self { cx, connections, gate, .. } = self;
        if !http.carries_credentials() {
            return Ok(());
        }
        gate.limits.may_attempt_http(cx, connections, slot)
    }
}
