//! Answers that the engine has not kept yet.

use hashlink::LinkedHashMap;
use smol_str::SmolStr;

use crate::id::{Seed, SeededState};

/// How many there may be; beyond that the oldest is forgotten. Its message is then asked about again
/// by whoever it is sent to.
const MAX_ANSWERS: usize = 1_024;

/// Answers that are to be kept by the engine, by the names of their messages.
#[derive(Debug)]
pub(crate) struct UnkeptAnswers {
    by_message: LinkedHashMap<[u8; 16], UnkeptAnswer, SeededState>,
}

#[derive(Debug)]
struct UnkeptAnswer {
    room: SmolStr,
    answer: Box<[u8]>,
    /// The engine was told, and has not replied.
    is_sent: bool,
}

impl UnkeptAnswers {
    pub(crate) fn new(seed: &Seed) -> Self {
        let hasher = SeededState::new(&seed.derive("unkept answers"));
        Self { by_message: LinkedHashMap::with_hasher(hasher) }
    }

    pub(crate) fn add(&mut self, room: SmolStr, id: [u8; 16], answer: Box<[u8]>) {
        self.by_message.insert(id, UnkeptAnswer { room, answer, is_sent: false });
        if self.by_message.len() > MAX_ANSWERS {
            self.by_message.pop_front();
        }
    }

    /// One that is to be sent to the engine now.
    pub(crate) fn next(&mut self) -> Option<(SmolStr, [u8; 16], Box<[u8]>)> {
        let (id, unkept) = self.by_message.iter_mut().find(|(_, it)| !it.is_sent)?;
        unkept.is_sent = true;
        Some((unkept.room.clone(), *id, unkept.answer.clone()))
    }

    /// The engine has it, or will never take it.
    pub(crate) fn kept(&mut self, id: &[u8; 16]) {
        self.by_message.remove(id);
    }

    /// The engine has not taken it: it is sent again.
    pub(crate) fn failed(&mut self, id: &[u8; 16]) {
        if let Some(unkept) = self.by_message.get_mut(id) {
            unkept.is_sent = false;
        }
    }

    pub(crate) fn contains(&self, id: &[u8; 16]) -> bool {
        self.by_message.contains_key(id)
    }
}
