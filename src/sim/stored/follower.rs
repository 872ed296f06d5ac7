//! A client that resumes, says again what was not answered, and knows what it has to hear next.

use super::store::SharedStore;
use crate::id::{ConnId, Rng};
use crate::sim::errand::Belongings;
use crate::sim::wire::{self, Message, Seen, WireReader};

/// A client in one room.
#[derive(Debug)]
pub(super) struct StoredFollower {
    pub(super) user: String,
    pub(super) room: String,
    /// `None`: it is away.
    pub(super) id: Option<ConnId>,
    pub(super) is_inside: bool,
    /// What has come for it, and it has not read.
    pub(super) unread: Vec<u8>,
    reader: WireReader,
    own: Belongings,
    /// Up to which place of its room it has heard everything.
    place: Option<usize>,
    /// Missed messages that follow.
    owed: u64,
    /// The message that is not answered.
    pub(super) open: Option<String>,
    count: u64,
    rng: Rng,
}

impl StoredFollower {
    pub(super) fn new(number: usize, rooms: usize, seed: u64) -> Self {
        Self {
            user: format!("user-{number}"),
            room: format!("room-{}", number % rooms.max(1)),
            id: None,
            is_inside: false,
            unread: Vec::new(),
            reader: WireReader::default(),
            own: Belongings::default(),
            place: None,
            owed: 0,
            open: None,
            count: 0,
            rng: Rng::new(seed),
        }
    }

    /// It has this connection: what it sends first.
    pub(super) fn connected(&mut self, id: ConnId, token: &str) -> Vec<u8> {
        (self.id, self.is_inside, self.reader) = (Some(id), false, WireReader::default());
        self.unread.clear();
        self.owed = 0;
        let auth = wire::resuming_auth("auth", token, &self.own);
        [wire::upgrade(&self.room), self.masked(&auth)].concat()
    }

    pub(super) fn lost(&mut self) {
        (self.id, self.is_inside) = (None, false);
    }

    /// What it says, or says again. `None`: it cannot, or waits for an answer.
    pub(super) fn say(&mut self, is_again: bool) -> Option<Vec<u8>> {
        if !self.is_inside || self.open.is_some() != is_again {
            return None;
        }
        if !is_again {
            self.count += 1;
            self.open = Some(format!("{}-{}", self.user, self.count));
        }
        let id = self.open.clone()?;
        let text = wire::envelope("chat_message", &id, "content", &format!("says {id}"));
        Some(self.masked(&text))
    }

    fn masked(&mut self, text: &str) -> Vec<u8> {
        wire::masked(0x81, text.as_bytes(), self.rng.next_u64() as u32)
    }

    /// Reads up to `most` bytes. What it answers.
    ///
    /// # Errors
    /// It has missed a message, or hears one twice or that is not stored.
    pub(super) fn read(&mut self, most: usize, store: &SharedStore) -> Result<Vec<u8>, String> {
        let mut answers = Vec::new();
        let rest = self.unread.split_off(most.min(self.unread.len()));
        let bytes = std::mem::replace(&mut self.unread, rest);
        self.reader.push(&bytes);
        while let Some((_, seen)) = self.reader.next()? {
            let heard = self.hear(seen, store, &mut answers);
            heard.map_err(|what| format!("{}: {what}", self.user))?;
        }
        Ok(answers)
    }

    fn hear(
        &mut self,
        seen: Seen,
        store: &SharedStore,
        answers: &mut Vec<u8>,
    ) -> Result<(), String> {
        match seen {
            Seen::Message(Message::Acknowledged { told: Some(told), .. }) => {
                self.is_inside = true;
                let was_known = self.id.is_some_and(|id| store.lock().known.contains(&id));
                if was_known && !told.resumed {
                    return Err("begins anew, though its position is stored".to_owned());
                }
                self.own.memo = told.kept.memo;
                let position = told.kept.position.ok_or("is not told where its room stands")?;
                let place = self.place_of(&position, store)?;
                if told.resumed && self.place != Some(place) {
                    return Err(format!("goes on at {place}, and is at {:?}", self.place));
                }
                (self.place, self.owed) = (Some(place), told.missed);
                self.own.position = Some(position);
                if let Some(again) = self.say(true) {
                    answers.extend(again);
                }
                Ok(())
            }
            Seen::Message(Message::Relayed { id, position, .. }) => {
                let position = position.ok_or("hears a message without a position")?;
                let place = self.place_of(&position, store)?;
                if self.place.is_some_and(|before| place <= before) {
                    return Err(format!("hears {id} twice"));
                }
                self.owed = self.owed.saturating_sub(1);
                self.hears_up_to(place - 1, store)?;
                (self.place, self.own.position) = (Some(place), Some(position));
                Ok(())
            }
            Seen::Message(Message::Answer { to, said, position }) => {
                // An error may be over: it is said again.
                if said.is_ok() && to == self.open {
                    self.open = None;
                } else if said.is_err()
                    && let Some(again) = self.say(true)
                {
                    answers.extend(again);
                }
                let Some(position) = position else { return Ok(()) };
                let place = self.place_of(&position, store)?;
                self.hears_up_to(place, store)?;
                (self.place, self.own.position) = (Some(place), Some(position));
                Ok(())
            }
            Seen::Ping => {
                answers.extend(wire::masked(0x8a, &[], self.rng.next_u64() as u32));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn place_of(&self, position: &str, store: &SharedStore) -> Result<usize, String> {
        let place = store.lock().place_of(&self.room, position);
        place.ok_or_else(|| format!("is told {position}, which is not stored"))
    }

    /// Up to this place, it has not heard only what it has said itself.
    fn hears_up_to(&self, place: usize, store: &SharedStore) -> Result<(), String> {
        let Some(before) = self.place else { return Ok(()) };
        let between = store.lock().said_between(&self.room, before, place);
        match between.into_iter().find(|(user, _)| *user != self.user) {
            Some((_, id)) => Err(format!("has not heard {id}")),
            None => Ok(()),
        }
    }

    /// Everything has come: it is inside, its messages are answered, and it has heard all.
    ///
    /// # Errors
    /// The text says what is missing.
    pub(super) fn judge(&self, store: &SharedStore) -> Result<(), String> {
        let Self { user, is_inside, open, owed, .. } = self;
        if !is_inside || open.is_some() || *owed > 0 {
            return Err(format!("{user} did not get through: {is_inside} {open:?} {owed}"));
        }
        let length = store.lock().length(&self.room);
        self.hears_up_to(length, store).map_err(|what| format!("in the end {user} {what}"))
    }
}
