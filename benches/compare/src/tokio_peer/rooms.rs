//! Rooms: who is in, and the channel into each of them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::Sender;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Messages that may wait for one connection. One that does not keep up is dropped.
pub(crate) const QUEUE: usize = 64;

/// A connection, unique while the process lives.
pub(crate) type Id = u64;

/// All rooms.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    inner: Mutex<HashMap<String, Vec<Member>>>,
}

#[derive(Debug)]
struct Member {
    id: Id,
    sender: Sender<Utf8Bytes>,
}

impl Rooms {
    /// Adds a member.
    pub(crate) fn join(&self, room: &str, id: Id, sender: Sender<Utf8Bytes>) {
        self.lock().entry(room.to_owned()).or_default().push(Member { id, sender });
    }

    /// Removes a member, and the room with the last one.
    pub(crate) fn leave(&self, room: &str, id: Id) {
        let mut rooms = self.lock();
        let Some(members) = rooms.get_mut(room) else { return };
        members.retain(|member| member.id != id);
        if members.is_empty() {
            rooms.remove(room);
        }
    }

    /// Hands a message, serialised once, to all but its sender. A member whose queue is full is
    /// removed: its channel closes, and its task with it.
    pub(crate) fn send_to_others(&self, room: &str, from: Id, text: &Utf8Bytes) {
        if let Some(members) = self.lock().get_mut(room) {
            members
                .retain(|member| member.id == from || member.sender.try_send(text.clone()).is_ok());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Member>>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::channel;

    use super::*;

    #[test]
    fn the_others_hear_it_and_the_sender_does_not() {
        let rooms = Rooms::default();
        let (one, mut first) = channel(QUEUE);
        let (two, mut second) = channel(QUEUE);
        rooms.join("r", 1, one);
        rooms.join("r", 2, two);
        rooms.send_to_others("r", 1, &Utf8Bytes::from_static("hello"));
        assert!(first.try_recv().is_err());
        assert_eq!(second.try_recv().unwrap().as_str(), "hello");
    }

    #[test]
    fn who_does_not_keep_up_loses_the_channel() {
        let rooms = Rooms::default();
        let (sender, receiver) = channel(1);
        rooms.join("r", 1, sender);
        rooms.send_to_others("r", 2, &Utf8Bytes::from_static("one"));
        rooms.send_to_others("r", 2, &Utf8Bytes::from_static("two"));
        assert!(receiver.is_closed());
    }

    #[test]
    fn the_last_one_takes_the_room_along() {
        let rooms = Rooms::default();
        rooms.join("r", 1, channel(1).0);
        rooms.leave("r", 1);
        assert!(rooms.lock().is_empty());
    }
}
