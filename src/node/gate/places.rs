//! Small tables of sockets, and which of them gives way when its table is full.
//!
//! There are two: the places of the admin listener (`admin.connections`), and the slots beyond the
//! bound on connections, of which each is good for one refusal. Whoever needs a place sends its
//! request with the connection, so a socket that has not done so for as long as it took to fill the
//! table again is not worth more than the one that comes now. Without this rule, as many silent sockets
//! as there are places keep everybody out until their deadlines, and can come again.

use std::collections::{BTreeMap, VecDeque};

use crate::auth::Address;
use crate::id::ConnId;
use crate::node::connections::Connections;
use crate::node::connections::connection::Connection;
use crate::node::connections::moment::CoarseDelta;
use crate::node::connections::session::Stage;

/// The connections that hold the places of one table, in the order in which they were accepted.
#[derive(Debug, Default)]
pub(crate) struct Places(VecDeque<ConnId>);

impl Places {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// `id` has a place. Beyond `most` the oldest is not known as one that could give way any more.
    pub(crate) fn push(&mut self, id: ConnId, most: usize) {
        self.0.push_back(id);
        let excess = self.0.len().saturating_sub(most);
        self.0.drain(..excess);
    }

    /// `id` is gone, or has given way. O(places).
    pub(crate) fn remove(&mut self, id: ConnId) {
        self.0.retain(|&other| other != id);
    }

    /// Takes out the connection whose place costs least to give away, where there is one.
    pub(crate) fn give_way(&mut self, connections: &Connections) -> Option<ConnId> {
        let first = self.first_to_go(connections)?;
        self.remove(first);
        Some(first)
    }

    /// Forgets those that are over and only wait for the driver.
    pub(crate) fn forget_closed(&mut self, connections: &Connections) {
        self.0.retain(|&id| connections.find(id).is_some());
    }

    /// The place that costs least to give away, and of those the oldest of the address that holds
    /// most: an address that fills the table does so at its own cost. O(places).
    fn first_to_go(&self, connections: &Connections) -> Option<ConnId> {
        let mut held: BTreeMap<Address, usize> = BTreeMap::new();
        let known = self.0.iter().filter_map(|&id| Some((id, connections.find(id)?)));
        for (_, connection) in known.clone() {
            *held.entry(connection.address()).or_default() += 1;
        }
        let candidates = known.filter_map(|(id, connection)| {
            let weight = held.get(&connection.address()).copied().unwrap_or(0);
            Some((Loss::of(connection)?, std::cmp::Reverse(weight), id))
        });
        // Of equal ones the first: the oldest.
        candidates.min_by_key(|&(loss, weight, _)| (loss, weight)).map(|(_, _, id)| id)
    }
}

/// What is lost with a connection in HTTP. The least comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Loss {
    /// Its answer is with the kernel: what is left is a socket that the peer has not closed.
    Nothing,
    /// A request that is not whole.
    Request,
    /// An answer that the peer has not read, as far as the kernel has room for it.
    Answer,
}

impl Loss {
    /// `None`: the connection keeps its place, as its request is being answered, or has made a
    /// WebSocket of it.
    fn of(connection: &Connection) -> Option<Self> {
        if connection.upgraded != CoarseDelta::NOT_YET {
            return None;
        }
        match connection.stage() {
            Stage::ProxyHeader | Stage::Head | Stage::Body => Some(Self::Request),
            Stage::Lingering => Some(Self::Nothing),
            // One that was not tried yet says nothing about its reader.
            Stage::Responding | Stage::Ending if !connection.is_flush_queued() => {
                Some(Self::Answer)
            }
            _ => None,
        }
    }
}
