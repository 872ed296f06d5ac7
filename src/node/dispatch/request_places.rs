//! Which requests are taken, and which give way.

use std::net::SocketAddr;

use crate::id::Slot;
use crate::node::Node;
use crate::node::connections::connection::Connection;
use crate::node::http::refusal::Refusal;
use crate::node::http::request::Http;

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
    /// because those beyond the bound wait to be refused, the oldest pending ones of heavier addresses
    /// give way until it fits.
    pub(crate) fn make_room(&mut self, slot: Slot) {
        let Some(address) = self.connections.get(slot).map(Connection::address) else { return };
        let (connections, policy) = (&self.connections, &self.cx.policy);
        let pending = connections.pending().saturating_sub(policy.pending);
        let all = connections.public().saturating_sub(policy.connections);
        for _ in 0..pending.max(all) {
            let Some(id) = self.connections.pending_to_give_way(address, 0) else { return };
            self.yield_to_lighter(id);
        }
    }

    /// The request of `slot` is to wait. Where as many do as may, the oldest whose body is not whole
    /// gives way, of the address that has most of those.
    pub(crate) fn take_place(&mut self, slot: Slot) -> Result<(), Refusal> {
        if self.connections.is_request_counted(slot) {
            return Ok(());
        }
        if self.connections.requests() >= self.cx.policy.requests {
            let Some(oldest) = self.connections.request_to_give_way(slot) else {
                self.cx.metrics.refused_requests += 1;
                return Err(Refusal::AtCapacity);
            };
            self.cx.metrics.requests_gave_way += 1;
            self.refuse(oldest, Refusal::AtCapacity);
        }
        self.connections.count_request(slot);
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
