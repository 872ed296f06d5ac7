//! Sockets that were accepted: which get a slot, and which give theirs to a newer one.

use std::net::SocketAddr;

use crate::auth::Address;
use crate::id::ConnId;
use crate::node::Node;
use crate::node::connections::connection::{Connection, ConnectionKind};
use crate::node::connections::session::Stage;
use crate::node::gate::proxy;
use crate::node::planted::Planted;
use crate::node::work::port::Refused;
use crate::time::Now;

impl Node {
    /// A socket was accepted on a public listener.
    ///
    /// # Errors
    /// [`Refused`]: there is no slot; the driver drops the socket.
    pub fn handle_accept(&mut self, now: Now, peer: SocketAddr) -> Result<ConnId, Refused> {
        self.cx.now = now;
        let Self { cx, connections, gate, .. } = self;
        let mut intake = gate.limits.judge_accept(cx, connections, peer)?;
        if intake.is_beyond && self.make_place(Address::from(peer.ip()), 0) {
            intake.has_room();
        }
        let Self { cx, connections, gate, .. } = self;
        if intake.is_without_slot {
            let Some(id) = gate.refusals.give_way(connections) else {
                cx.metrics.dropped_at_accept += 1;
                return Err(Refused::Full);
            };
            cx.metrics.gave_way += 1;
            self.give_way(id);
        }
        let Self { cx, connections, gate, .. } = self;
        let slot = connections.insert(cx, peer, ConnectionKind::Client);
        if cx.policy.log_access {
            cx.access.begin(slot);
        }
        gate.limits.accepted(cx, connections, &mut gate.refusals, slot, intake);
        Ok(connections.id_of(slot))
    }

    /// A socket was accepted on the admin listener. It counts towards no limit of the public ones.
    /// Where all places are taken, the oldest request that is not whole gives way to it.
    ///
    /// # Errors
    /// [`Refused`]: `admin.connections` requests are being answered; the driver drops the socket.
    pub fn handle_accept_admin(&mut self, now: Now, peer: SocketAddr) -> Result<ConnId, Refused> {
        self.accept_admin(now, peer, ConnectionKind::Operator)
    }

    /// A socket was accepted on the listener that answers `GET /metrics` and nothing else. The same as
    /// for the admin listener, with as many places of its own.
    ///
    /// # Errors
    /// [`Refused`]: they all are being answered; the driver drops the socket.
    pub fn handle_accept_collector(
        &mut self,
        now: Now,
        peer: SocketAddr,
    ) -> Result<ConnId, Refused> {
        self.accept_admin(now, peer, ConnectionKind::Collector)
    }

    fn accept_admin(
        &mut self,
        now: Now,
        peer: SocketAddr,
        kind: ConnectionKind,
    ) -> Result<ConnId, Refused> {
        self.cx.now = now;
        if !self.has_place_for(kind) {
            self.cx.metrics.admin_dropped += 1;
            return Err(Refused::Full);
        }
        let slot = self.connections.insert(&self.cx, peer, kind);
        let id = self.connections.id_of(slot);
        self.operator.places_of(kind).push(id, usize::MAX);
        Ok(id)
    }

    /// In which of so many lists, which are served in turn, the connection waits while it is not
    /// authenticated: that of its address.
    pub(crate) fn turn_list(&self, id: ConnId, lists: u8) -> u8 {
        let address = self.connections.find(id).map(Connection::address);
        let address = address.filter(|_| !self.cx.fault.is(Planted::OneListForAll));
        address.map_or(0, |address| self.cx.list_of(address, lists))
    }

    /// How many of `bytes`, the first of `id`, its proxy says about its client (the PROXY protocol):
    /// where TLS is spoken, it begins behind them. `None`: that is not known before there are more.
    #[must_use]
    pub fn proxy_header_bytes(&self, id: ConnId, bytes: &[u8]) -> Option<usize> {
        if self.connections.find(id).is_none_or(|it| it.stage() != Stage::ProxyHeader) {
            return Some(0);
        }
        match proxy::parse(bytes) {
            Ok(header) => header.map(|header| header.length),
            Err(proxy::Malformed) => Some(bytes.len()),
        }
    }

    /// Is there a place on the listener of this kind, if need be one that another connection gives way
    /// from?
    fn has_place_for(&mut self, kind: ConnectionKind) -> bool {
        let most = self.cx.policy.admin_connections;
        let places = self.operator.places_of(kind);
        if places.len() >= most {
            places.forget_closed(&self.connections);
        }
        // More than one goes where a reload has left less places than there are connections.
        loop {
            let places = self.operator.places_of(kind);
            if places.len() < most {
                return true;
            }
            let Some(id) = places.give_way(&self.connections) else { return false };
            self.cx.metrics.admin_gave_way += 1;
            self.give_way(id);
        }
    }
}
