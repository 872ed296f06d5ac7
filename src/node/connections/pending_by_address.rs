//! Pending connections by address, and the rooms that they have asked for.

use std::net::SocketAddr;

use smol_str::SmolStr;

use super::Connections;
use super::pending::{PendingEntry, PendingNumber, WantedRoom};
use crate::auth::Address;
use crate::id::{ConnId, Slot};
use crate::node::app::JoinClient;
use crate::node::http::client_details::ClientDetails;

/// Pending connections by address.
impl Connections {
    /// Has this address at least so many pending connections? Asks for those of all first, which needs no
    /// hash of the address.
    pub(crate) fn has_pending(&self, address: Address, at_least: usize) -> bool {
        let table = &self.pending.by_address;
        table.len() >= at_least && table.weight_of(address.to_bits()) as usize >= at_least
    }

    /// Addresses with pending connections.
    pub(crate) fn pending_addresses(&self) -> usize {
        self.pending.by_address.holders()
    }

    /// The oldest pending connection of the address that has most of them, if that is more than
    /// `address` would have with so many `more`.
    pub(crate) fn pending_to_give_way(&self, address: Address, more: u64) -> Option<ConnId> {
        let place = self.pending.by_address.heavier_than(address.to_bits(), more)?;
        Some(self.id_of(self.pending.entries.get(place as usize)?.slot))
    }

    /// Counts `slot` as pending, unless it is counted.
    pub(crate) fn count_pending(&mut self, slot: Slot) {
        if !self.is_counted_pending(slot)
            && let Some(place) = self.pending_place(slot)
            && let Some(connection) = self.arena.get(slot.index())
        {
            self.pending.by_address.insert(place, connection.address().to_bits(), 1);
        }
    }

    /// A proxy says that `slot` comes from `client`: it is counted there.
    pub(crate) fn set_client(&mut self, slot: Slot, client: SocketAddr) {
        if !self.is_counted_pending(slot)
            && let Some(connection) = self.arena.get_mut(slot.index())
        {
            connection.set_peer(client);
            self.count_pending(slot);
        }
    }

    /// `slot` is authenticated, or over.
    pub(super) fn uncount_pending(&mut self, slot: Slot) {
        if let Some(number) = self.get(slot).and_then(|connection| connection.pending) {
            self.pending.by_address.remove(number.place(), 1);
            self.tidy_pending(slot);
        }
    }

    fn is_counted_pending(&self, slot: Slot) -> bool {
        let number = self.get(slot).and_then(|connection| connection.pending);
        number.is_some_and(|number| self.pending.by_address.contains(number.place()))
    }

    /// The place of `slot` in the table, which it gets if it has none.
    fn pending_place(&mut self, slot: Slot) -> Option<u32> {
        let connection = self.arena.get_mut(slot.index())?;
        let entries = &mut self.pending.entries;
        let new = || PendingNumber::new(entries.insert(PendingEntry { slot, wanted: None }));
        Some(connection.pending.get_or_insert_with(new).place())
    }

    /// Gives the place of `slot` back when nothing is there any more.
    fn tidy_pending(&mut self, slot: Slot) {
        if let Some(connection) = self.arena.get_mut(slot.index())
            && let Some(number) = connection.pending
            && !self.pending.by_address.contains(number.place())
            && let Some(entry) = self.pending.entries.get(number.place() as usize)
            && entry.wanted.is_none()
        {
            self.pending.entries.remove(number.place() as usize);
            connection.pending = None;
        }
    }
}

/// The rooms that pending connections have asked for.
impl Connections {
    /// `slot` asks for this room.
    pub(crate) fn want(&mut self, slot: Slot, room: SmolStr, details: Option<ClientDetails>) {
        if let Some(place) = self.pending_place(slot)
            && let Some(entry) = self.pending.entries.get_mut(place as usize)
        {
            entry.wanted = Some(WantedRoom::new(room, details));
        }
    }

    /// The room that `slot` has asked for, until it is joined.
    fn wanted(&self, slot: Slot) -> Option<&WantedRoom> {
        let number = self.get(slot)?.pending?;
        self.pending.entries.get(number.place() as usize)?.wanted.as_ref()
    }

    /// Its name.
    pub(crate) fn wanted_name(&self, slot: Slot) -> Option<&SmolStr> {
        self.wanted(slot).map(WantedRoom::name)
    }

    /// `slot` wants it no longer: it is joined, or the connection ends.
    pub(crate) fn take_wanted(&mut self, slot: Slot) -> Option<WantedRoom> {
        let number = self.get(slot)?.pending?;
        let wanted = self.pending.entries.get_mut(number.place() as usize)?.wanted.take();
        self.tidy_pending(slot);
        wanted
    }

    /// What is known of the client of `slot`, beside its token.
    pub(crate) fn client(&self, slot: Slot) -> Option<JoinClient<'_>> {
        let details = self.wanted(slot).and_then(WantedRoom::details);
        Some(ClientDetails::client(self.get(slot)?.peer().ip(), details))
    }
}
