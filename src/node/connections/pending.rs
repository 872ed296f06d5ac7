//! What pending connections have, each until it is in its room.
//!
//! They have a table with numbers of its own. So it is as long as the most that were pending at once, and
//! what it has for each, 44 bytes, is no cost of a connection that is authenticated.

use std::num::NonZeroU32;

use slab::Slab;
use smol_str::SmolStr;

use crate::id::{Seed, Slot};
use crate::node::http::client_details::ClientDetails;
use crate::shares::Holdings;

/// What an address with pending connections costs.
#[cfg(feature = "net")]
pub(crate) const PENDING_ADDRESS_BYTES: usize = Holdings::HOLDER_BYTES;

/// A place in the table, plus one: so that having none takes no byte more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PendingNumber(NonZeroU32);

impl PendingNumber {
    pub(super) fn new(place: usize) -> Self {
        Self(NonZeroU32::MIN.saturating_add(place as u32))
    }

    pub(super) fn place(self) -> u32 {
        self.0.get() - 1
    }
}

/// The pending connections, and those that have ended and still have the name of their room.
#[derive(Debug)]
pub(super) struct PendingTable {
    pub(super) entries: Slab<PendingEntry>,
    /// Those that count as pending.
    pub(super) by_address: Holdings,
}

#[derive(Debug)]
pub(super) struct PendingEntry {
    pub(super) slot: Slot,
    /// What it has asked for, until it is joined.
    pub(super) wanted: Option<WantedRoom>,
}

impl PendingTable {
    /// Nobody yet, and room for so many.
    pub(super) fn new(seed: &Seed, entries: usize) -> Self {
        Self { entries: Slab::with_capacity(entries), by_address: Holdings::new(seed, entries) }
    }
}

/// A room that a connection has asked for. 24 bytes, with a name of up to 23.
#[derive(Debug)]
pub(crate) enum WantedRoom {
    /// Its name.
    Named(SmolStr),
    /// The same, with what its request said, for the application.
    Detailed(Box<(SmolStr, ClientDetails)>),
}

impl WantedRoom {
    pub(super) fn new(name: SmolStr, details: Option<ClientDetails>) -> Self {
        match details {
            Some(details) => Self::Detailed(Box::new((name, details))),
            None => Self::Named(name),
        }
    }

    pub(crate) fn name(&self) -> &SmolStr {
        match self {
            Self::Named(name) => name,
            Self::Detailed(detailed) => &detailed.0,
        }
    }

    pub(super) fn details(&self) -> Option<&ClientDetails> {
        match self {
            Self::Named(_) => None,
            Self::Detailed(detailed) => Some(&detailed.1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_entry_takes_32_bytes_with_its_room() {
        assert_eq!((size_of::<WantedRoom>(), size_of::<Option<PendingNumber>>()), (24, 4));
        // An Option has a tag exactly where a slab's place has one.
        assert_eq!(size_of::<Option<PendingEntry>>(), 32);
    }
}
