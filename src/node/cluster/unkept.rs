//! Answers that the engine has not kept yet.

use hashlink::LinkedHashMap;
use smol_str::SmolStr;

use crate::id::{Seed, SeededState};

/// What they may take together; beyond that the oldest is forgotten. Its message is then asked about
/// again by whoever it is sent to.
pub(crate) const UNKEPT_BYTES: usize = 4 << 20;
/// What one takes beside its text.
const ENTRY_BYTES: usize = 128;

/// Answers that are to be kept by the engine, by the names of their messages.
#[derive(Debug)]
pub(crate) struct UnkeptAnswers {
    by_message: LinkedHashMap<[u8; 16], UnkeptAnswer, SeededState>,
    /// What they take.
    bytes: usize,
    forgotten: u64,
}

#[derive(Debug)]
struct UnkeptAnswer {
    room: SmolStr,
    answer: Box<[u8]>,
    /// The engine was told, and has not replied.
    is_sent: bool,
}

impl UnkeptAnswer {
    fn weight(&self) -> usize {
        ENTRY_BYTES + self.answer.len()
    }
}

impl UnkeptAnswers {
    pub(crate) fn new(seed: &Seed) -> Self {
        let hasher = SeededState::new(&seed.derive("unkept answers"));
        Self { by_message: LinkedHashMap::with_hasher(hasher), bytes: 0, forgotten: 0 }
    }

    pub(crate) fn add(&mut self, room: SmolStr, id: [u8; 16], answer: Box<[u8]>) {
        self.kept(&id);
        let unkept = UnkeptAnswer { room, answer, is_sent: false };
        self.bytes += unkept.weight();
        self.by_message.insert(id, unkept);
        while self.bytes > UNKEPT_BYTES
            && let Some((_, oldest)) = self.by_message.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(oldest.weight());
            self.forgotten += 1;
        }
    }

    /// How many were forgotten because too many waited.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// One that is to be sent to the engine now.
    pub(crate) fn next(&mut self) -> Option<(SmolStr, [u8; 16], Box<[u8]>)> {
        let (id, unkept) = self.by_message.iter_mut().find(|(_, it)| !it.is_sent)?;
        unkept.is_sent = true;
        Some((unkept.room.clone(), *id, unkept.answer.clone()))
    }

    /// The engine has it, or will never take it.
    pub(crate) fn kept(&mut self, id: &[u8; 16]) {
        if let Some(unkept) = self.by_message.remove(id) {
            self.bytes = self.bytes.saturating_sub(unkept.weight());
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unkept_answers_have_a_bound_in_bytes() {
        let mut unkept = UnkeptAnswers::new(&Seed::predictable(1));
        for number in 0..8 {
            unkept.add("soup".into(), [number; 16], vec![0; 1 << 20].into());
        }
        assert!(unkept.bytes <= UNKEPT_BYTES && !unkept.contains(&[0; 16]));
        assert!(unkept.contains(&[7; 16]));
        assert_eq!(unkept.forgotten(), 5);
        for number in 0..8 {
            unkept.kept(&[number; 16]);
        }
        assert_eq!(unkept.bytes, 0);
    }
}
