//! The table of remembered messages, which are found by their numbers.
//!
//! A place that is empty is a message of no kind, and links to the next such. So the table needs no tag
//! and no alignment but the message's own: a `Slab` would take 24 bytes for the 20 of a message.

use super::message::{NONE, RememberedMessage, StateKind};

/// Messages by number. A number is used again when its message was removed.
#[derive(Debug)]
pub(super) struct MessageTable {
    places: Vec<RememberedMessage>,
    /// The empty place that is filled next; `NONE`: there is none.
    empty: u32,
    len: usize,
}

impl MessageTable {
    /// No messages, and places reserved for so many.
    pub(super) fn with_capacity(messages: usize) -> Self {
        Self { places: Vec::with_capacity(messages), empty: NONE, len: 0 }
    }

    /// How many messages there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Gives back the number of the new message.
    pub(super) fn insert(&mut self, message: RememberedMessage) -> u32 {
        self.len += 1;
        let number = self.empty;
        let Some(place) = self.places.get_mut(number as usize) else {
            self.places.push(message);
            return (self.places.len() - 1) as u32;
        };
        self.empty = std::mem::replace(place, message).newer;
        number
    }

    pub(super) fn get(&self, number: u32) -> Option<&RememberedMessage> {
        self.places.get(number as usize).filter(|it| it.kind != StateKind::Empty)
    }

    /// The message of a number that is known to have one.
    #[expect(clippy::indexing_slicing, reason = "numbers are this table's own, never a peer's")]
    pub(super) fn at(&mut self, number: u32) -> &mut RememberedMessage {
        let place = &mut self.places[number as usize];
        debug_assert!(place.kind != StateKind::Empty, "an empty place links to another one");
        place
    }

    /// `None`: it is not there.
    pub(super) fn try_remove(&mut self, number: u32) -> Option<RememberedMessage> {
        let place = self.places.get_mut(number as usize);
        let place = place.filter(|it| it.kind != StateKind::Empty)?;
        let removed = std::mem::replace(place, RememberedMessage::empty(self.empty));
        self.empty = number;
        self.len -= 1;
        Some(removed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::message::MessageKey;
    use super::*;

    fn message(id: u64) -> RememberedMessage {
        let key = MessageKey { user: 0, member: 0, id, content: 7 };
        RememberedMessage::new(key, 0, (StateKind::NotDone, 0))
    }

    proptest! {
        #[test]
        fn message_table_is_a_map_by_number(
            steps in prop::collection::vec(prop::option::of(0..12_u32), 0..200)
        ) {
            let mut table = MessageTable::with_capacity(0);
            let mut model = BTreeMap::new();
            let mut most = 0;
            for (id, step) in (0..).zip(steps) {
                match step {
                    None => prop_assert_eq!(model.insert(table.insert(message(id)), id), None),
                    Some(number) => {
                        let removed = table.try_remove(number).map(|it| it.id());
                        prop_assert_eq!(removed, model.remove(&number));
                    }
                }
                most = most.max(model.len());
                prop_assert_eq!(table.len(), model.len());
                prop_assert!(table.places.len() <= most, "places are used again");
                for number in 0..12 {
                    let found = table.get(number).map(|it| it.id());
                    prop_assert_eq!(found, model.get(&number).copied());
                }
            }
        }
    }
}
