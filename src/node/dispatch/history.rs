//! What rooms have said, over a restart.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::node::Node;
use crate::node::rooms::stored_logs::{self, HistoryError};
use crate::time::{Now, UnixTime};

/// The first line, before the logs.
#[derive(Serialize, Deserialize)]
struct CapacityLine {
    capacity_per_second: u64,
    /// In milliseconds since 1970.
    ended_at: u64,
}

impl Node {
    /// Writes the last messages of all rooms and the measured capacity, so that clients go on where they
    /// were once [`Node::read_history`] has read them in the next process. To be called when nothing is
    /// handled any more. Left out is each room whose next message may be on its way: what it says would be
    /// missing. Returns how many rooms were written.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write_history(&self, now: Now, to: &mut dyn Write) -> io::Result<usize> {
        let capacity_per_second = self.gate.governor.capacity_per_second();
        let ended_at = now.unix.as_millis();
        let line = CapacityLine { capacity_per_second, ended_at };
        serde_json::to_writer(&mut *to, &line)?;
        to.write_all(b"\n")?;
        let concerned = self.work.questions.concerned_rooms();
        let is_left_out =
            |room: &str| concerned.as_ref().is_none_or(|concerned| concerned.contains(room));
        stored_logs::write(&self.rooms.logs, now.unix, &is_left_out, to)
    }

    /// Goes on with the messages that an earlier process wrote by [`Node::write_history`], if that is
    /// no longer ago than `resume.window`. Whoever calls it has to see to it that no messages were
    /// published since by anybody else: clients would not hear of them. Returns how many rooms have
    /// messages.
    ///
    /// # Errors
    /// See [`HistoryError`]. Clients of rooms that were not read begin anew.
    pub fn read_history(&mut self, now: Now, text: &str) -> Result<usize, HistoryError> {
        let (first, text) = text.split_once('\n').ok_or(HistoryError::Malformed)?;
        let CapacityLine { capacity_per_second, ended_at } =
            serde_json::from_str(first).map_err(|_| HistoryError::Malformed)?;
        let away = now.unix.since(UnixTime::from_millis(ended_at));
        self.gate.governor.restore(capacity_per_second, away);
        let policy = &self.cx.policy;
        let bounds = (policy.resume_window, policy.history_bytes);
        stored_logs::read(&mut self.rooms.logs, now, bounds, text)
    }
}
