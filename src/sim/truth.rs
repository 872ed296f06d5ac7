//! What clients have to hear, over several processes.

use std::collections::BTreeMap;

use super::engine::Engine;

/// What was said in each room over all processes, by whom: what the clients have to hear.
#[derive(Debug, Default)]
pub(super) struct Truth {
    rooms: BTreeMap<String, Vec<(usize, String)>>,
    /// How much of it earlier processes have handled.
    before: BTreeMap<String, usize>,
}

impl Truth {
    /// Adds what the server has handled since.
    pub(super) fn follow(&mut self, engine: &Engine, rooms: usize) {
        let ledger = engine.ledger.lock();
        for room in (0..rooms).map(room_name) {
            let before = self.before(&room);
            let said = self.rooms.entry(room.clone()).or_default();
            let news = ledger.said_since(&room, said.len() - before).map(|content| {
                let speaker = content.split('-').next().and_then(|text| text.parse().ok());
                (speaker.unwrap_or(usize::MAX), content.to_owned())
            });
            said.extend(news.collect::<Vec<_>>());
        }
    }

    /// The next process begins.
    pub(super) fn restart(&mut self) {
        self.before = self.rooms.iter().map(|(room, said)| (room.clone(), said.len())).collect();
    }

    /// How much of what was said in `room` earlier processes have handled.
    pub(super) fn before(&self, room: &str) -> usize {
        self.before.get(room).copied().unwrap_or_default()
    }

    /// What was said in `room` from this place on.
    pub(super) fn behind(&self, room: &str, place: usize) -> &[(usize, String)] {
        self.rooms.get(room).and_then(|said| said.get(place..)).unwrap_or_default()
    }
}

pub(super) fn room_name(number: usize) -> String {
    format!("room-{number}")
}

/// Enough of a message to tell it from others.
pub(super) fn start(content: &str) -> &str {
    content.get(..content.len().min(12)).unwrap_or(content)
}
