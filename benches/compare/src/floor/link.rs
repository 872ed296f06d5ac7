//! A connection's state, and the rooms as rings threaded through it.

use std::collections::HashMap;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Descriptors are the index everywhere.
pub(crate) type Index = u32;

/// How far a conversation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The request head is not whole yet.
    Handshaking,
    /// Upgraded; the first text frame counts as its `auth`.
    Pending,
    /// In its room.
    Joined,
}

/// One connection: 32 bytes, and nothing on the heap while it is quiet.
#[derive(Debug)]
pub(crate) struct Link {
    /// The socket; dropping it takes it out of the epoll set.
    pub(crate) socket: OwnedFd,
    /// The state above.
    pub(crate) phase: Phase,
    /// Unfinished input is kept in [`Links::input`].
    pub(crate) has_input: bool,
    /// Unwritten output is kept in [`Links::output`].
    pub(crate) has_output: bool,
    /// When it is closed unless it has joined, in ms since the start. It also tells a deadline's
    /// entry that it still means this connection, and no later one on the same descriptor.
    pub(crate) deadline: u32,
    /// The hash of the path.
    pub(crate) room: u64,
    next: Index,
    previous: Index,
}

/// All connections, by descriptor.
#[derive(Debug, Default)]
pub(crate) struct Links {
    slots: Vec<Option<Link>>,
    /// Any member of each room, as an entry into its ring.
    rooms: HashMap<u64, Index>,
    /// Bytes of unfinished heads and frames.
    pub(crate) input: HashMap<Index, Vec<u8>>,
    /// Bytes that a full socket did not take.
    pub(crate) output: HashMap<Index, Vec<u8>>,
}

impl Links {
    /// Takes in an accepted socket.
    pub(crate) fn insert(&mut self, socket: OwnedFd) {
        let index = index_of(socket.as_raw_fd());
        let slot = usize::try_from(index).unwrap_or(usize::MAX);
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(Link {
                socket,
                phase: Phase::Handshaking,
                has_input: false,
                has_output: false,
                deadline: 0,
                room: 0,
                next: index,
                previous: index,
            });
        }
    }

    /// The connection, if it is still there.
    pub(crate) fn find(&mut self, index: Index) -> Option<&mut Link> {
        self.slots.get_mut(usize::try_from(index).ok()?)?.as_mut()
    }

    /// Lets go of a connection: out of its ring, its bytes forgotten, its socket closed.
    pub(crate) fn remove(&mut self, index: Index) {
        let Some(slot) = usize::try_from(index).ok().and_then(|slot| self.slots.get_mut(slot))
        else {
            return;
        };
        let Some(link) = slot.take() else { return };
        if link.has_input {
            self.input.remove(&index);
        }
        if link.has_output {
            self.output.remove(&index);
        }
        if link.phase == Phase::Joined {
            self.leave(index, &link);
        }
    }

    /// Puts a connection into the ring of its room.
    pub(crate) fn join(&mut self, index: Index) {
        let Some(room) = self.find(index).map(|link| link.room) else { return };
        let head = *self.rooms.entry(room).or_insert(index);
        if head == index {
            return;
        }
        let Some(after) = self.find(head).map(|link| std::mem::replace(&mut link.next, index))
        else {
            return;
        };
        if let Some(link) = self.find(after) {
            link.previous = index;
        }
        if let Some(link) = self.find(index) {
            link.previous = head;
            link.next = after;
        }
    }

    /// The next in the ring; oneself, alone.
    pub(crate) fn after(&mut self, index: Index) -> Option<Index> {
        self.find(index).map(|link| link.next)
    }

    fn leave(&mut self, index: Index, link: &Link) {
        if link.next == index {
            self.rooms.remove(&link.room);
            return;
        }
        if let Some(previous) = self.find(link.previous) {
            previous.next = link.next;
        }
        if let Some(next) = self.find(link.next) {
            next.previous = link.previous;
        }
        if let Some(head) = self.rooms.get_mut(&link.room).filter(|head| **head == index) {
            *head = link.next;
        }
    }
}

/// A descriptor as an index: the kernel hands out none below zero.
pub(crate) fn index_of(fd: RawFd) -> Index {
    u32::try_from(fd).unwrap_or(Index::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    /// Connections in one room, on descriptors that are no sockets.
    fn room_of(count: usize) -> (Links, Vec<Index>) {
        let mut links = Links::default();
        let mut members = Vec::new();
        for _ in 0..count {
            let socket = OwnedFd::from(File::open("/dev/null").unwrap());
            let index = index_of(socket.as_raw_fd());
            links.insert(socket);
            let link = links.find(index).unwrap();
            (link.room, link.phase) = (7, Phase::Joined);
            links.join(index);
            members.push(index);
        }
        (links, members)
    }

    fn others(links: &mut Links, of: Index) -> Vec<Index> {
        let mut seen = Vec::new();
        let mut at = links.after(of).unwrap();
        while at != of {
            seen.push(at);
            at = links.after(at).unwrap();
        }
        seen.sort_unstable();
        seen
    }

    #[test]
    fn everyone_sees_all_others_whoever_leaves() {
        for gone in 0..5 {
            let (mut links, mut members) = room_of(5);
            links.remove(members.remove(gone));
            for &member in &members {
                let mut expected = members.clone();
                expected.retain(|&other| other != member);
                // Descriptors are handed out in any order where other tests run beside.
                expected.sort_unstable();
                assert_eq!(others(&mut links, member), expected);
            }
        }
    }

    #[test]
    fn an_empty_room_is_forgotten() {
        let (mut links, members) = room_of(3);
        members.iter().for_each(|&member| links.remove(member));
        assert!(links.rooms.is_empty());
    }

    #[test]
    fn a_quiet_connection_costs_32_bytes() {
        assert_eq!(size_of::<Option<Link>>(), 32);
    }
}
