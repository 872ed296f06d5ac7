//! The sockets of the connections, by the node's index, and the turn's state of each.

use super::schedule::Class;
use crate::id::ConnId;

/// The ready list that a connection waits on. A list may still have an older entry for it; entries
/// that do not agree with this field are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queued {
    Nowhere,
    On(Class),
}

impl Queued {
    /// Should a connection with this state be added to the list of `class`? A pending connection
    /// moves to another list; the other two lists are served soon enough.
    pub(super) fn moves_to(self, class: Class) -> bool {
        match self {
            Self::Nowhere => true,
            Self::On(Class::Pending) => class != Class::Pending,
            Self::On(Class::Authenticated | Class::Ending) => false,
        }
    }
}

/// What became of the last write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stall {
    /// It wrote everything.
    No,
    /// It was short: the socket is full, and the poller watches for when it is writable.
    Full,
    /// The socket is writable again. An ending connection waits for its turn to write on.
    Over,
}

/// Facts about a socket that are true or not, in a byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts(u8);

impl Facts {
    /// There may be input to read, which edge-triggered polling will not report again.
    pub(super) const READY: Self = Self(1);
    /// The poller has reported an end or a reset, so a short read is not the last one.
    pub(super) const HANGUP: Self = Self(1 << 1);
    /// The poller has reported that the connection is broken.
    pub(super) const BROKEN: Self = Self(1 << 2);
    /// The end was read, and the node has been told.
    pub(super) const ENDED: Self = Self(1 << 3);
    /// Output waits until more input is read.
    pub(super) const WRITES_AFTER_READ: Self = Self(1 << 4);
}

/// One connection.
#[derive(Debug)]
pub(super) struct SocketSlot<S> {
    pub(super) socket: S,
    generation: u32,
    /// The ready list that it is on. It is added once, however many events come.
    pub(super) queued: Queued,
    facts: Facts,
    /// Whether the last write was short.
    pub(super) stall: Stall,
    /// If not 0, a deadline has come. It is checked after this many reads, or after the read that
    /// empties the socket.
    pub(super) reads_until_judged: u8,
}

impl<S> SocketSlot<S> {
    /// Is this known of it?
    pub(super) fn has(&self, fact: Facts) -> bool {
        self.facts.0 & fact.0 != 0
    }

    pub(super) fn set(&mut self, fact: Facts, is_true: bool) {
        if is_true {
            self.facts.0 |= fact.0;
        } else {
            self.facts.0 &= !fact.0;
        }
    }
}

/// The slots of all connections: 12 bytes each for sockets of 4, the empty ones included.
#[derive(Debug)]
pub(super) struct Slots<S>(Vec<Option<SocketSlot<S>>>);

impl<S> Slots<S> {
    /// No connections, and space for `slots`. Like the node's tables, this one is never moved to
    /// grow.
    pub(super) fn with_capacity(slots: usize) -> Self {
        Self(Vec::with_capacity(slots))
    }

    /// Puts `socket` into the slot of `id`. The slot is empty, because the node reuses a slot only
    /// after `Close` for its old connection.
    pub(super) fn insert(&mut self, id: ConnId, socket: S) {
        if self.0.len() <= id.index() {
            self.0.resize_with(id.index() + 1, || None);
        }
        let Some(slot) = self.0.get_mut(id.index()) else { return };
        *slot = Some(SocketSlot {
            socket,
            generation: id.generation(),
            queued: Queued::Nowhere,
            facts: Facts::default(),
            stall: Stall::No,
            reads_until_judged: 0,
        });
    }

    /// The slot of `id`, if its connection still exists.
    pub(super) fn find(&mut self, id: ConnId) -> Option<&mut SocketSlot<S>> {
        let slot = self.0.get_mut(id.index())?.as_mut()?;
        (slot.generation == id.generation()).then_some(slot)
    }

    pub(super) fn remove(&mut self, id: ConnId) {
        if self.find(id).is_some()
            && let Some(slot) = self.0.get_mut(id.index())
        {
            *slot = None;
        }
    }

    /// The ids of all connections.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn ids(&self) -> impl Iterator<Item = ConnId> {
        let id = |(index, slot): (usize, &Option<SocketSlot<S>>)| {
            let slot = slot.as_ref()?;
            Some(ConnId::new(u32::try_from(index).ok()?, slot.generation))
        };
        self.0.iter().enumerate().filter_map(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_takes_12_bytes() {
        assert_eq!(size_of::<Option<SocketSlot<std::os::fd::OwnedFd>>>(), 12);
    }

    #[test]
    fn an_old_generation_finds_nothing_and_closes_nothing() {
        let (old, new) = (ConnId::new(3, 1), ConnId::new(3, 2));
        let mut slots = Slots::with_capacity(0);
        slots.insert(old, "old");
        slots.remove(old);
        assert!(slots.find(old).is_none());
        slots.insert(new, "new");
        slots.remove(old);
        assert!(slots.find(old).is_none());
        assert_eq!(slots.find(new).unwrap().socket, "new");
        assert!(slots.find(ConnId::new(9, 1)).is_none());
        assert!(slots.ids().eq([new]));
    }
}
