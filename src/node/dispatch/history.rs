//! What rooms have said, and who has left them, over a restart.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::ConnId;
use crate::node::Node;
use crate::node::gate::drain::Drain;
use crate::node::gate::governor::Capacity;
use crate::node::rooms::lingering::Leave;
use crate::node::rooms::stored_logs::{self, HistoryError};
use crate::protocol::CloseReason;
use crate::time::{Now, UnixTime};

/// Leaves that an earlier process has left behind come to their end one after the other, so that an
/// application is not called for thousands of them at once.
const BETWEEN_LEAVES_MICROS: u64 = 1_000;

/// The first line, before the leaves and the logs.
#[derive(Serialize, Deserialize)]
struct ProcessLine {
    #[serde(flatten)]
    capacity: Capacity,
    /// Since when there was no server for its clients, as their slots are counted, in milliseconds since
    /// 1970. Its end comes later: a third of a second for 10,000 connections.
    #[serde(alias = "ended_at")]
    away_since: u64,
    /// How many were told to go together then.
    #[serde(default)]
    told: usize,
    /// The generation of the last connection: those of the next process are named differently.
    #[serde(default)]
    generation: u32,
    /// How many lines of leaves follow.
    #[serde(default)]
    leaves: usize,
}

/// The line of a leave that lingers.
#[derive(Serialize, Deserialize)]
struct LeaveLine<'a> {
    #[serde(borrow)]
    left: Cow<'a, str>,
    #[serde(borrow)]
    room: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
}

impl Node {
    /// Writes the last messages of all rooms, the leaves that linger, and the measured capacity, so that
    /// clients go on where they were once [`Node::read_history`] has read them in the next process. To be
    /// called when nothing is handled any more; if it fails, the application has to be told of the
    /// leaves, by [`Node::report_leaves`]. Left out is each room whose next message may be on its way:
    /// what it says would be missing; and all rooms where the application stores what they are told.
    /// Returns how many rooms were written.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write_history(&self, now: Now, to: &mut dyn Write) -> io::Result<usize> {
        let drain = self.gate.drain.as_ref();
        let away_since = drain.map_or(now.monotonic, |drain| drain.away_since(now.monotonic));
        let line = ProcessLine {
            capacity: self.gate.governor.capacity(),
            away_since: now.unix_when(away_since).as_millis(),
            told: drain.map_or(0, Drain::leave_together),
            generation: self.connections.last_generation(),
            leaves: self.rooms.lingering.len(),
        };
        write_line(to, &line)?;
        for Leave { connection, room, user, reason } in self.rooms.lingering.iter() {
            let line = LeaveLine {
                left: connection.to_string().into(),
                room: room.as_str().into(),
                user: user.as_str().into(),
                reason: reason.map(|reason| reason.label().into()),
            };
            write_line(to, &line)?;
        }
        let concerned = self.work.questions.concerned_rooms();
        let is_left_out = |room: &str| {
            self.cx.policy.app_publishes
                || concerned.as_ref().is_none_or(|concerned| concerned.contains(room))
        };
        stored_logs::write(&self.rooms.logs, now.unix, &is_left_out, to)
    }

    /// Goes on with the messages that an earlier process wrote by [`Node::write_history`], if that is
    /// no longer ago than `resume.window`. Whoever calls it has to see to it that no messages were
    /// published since by anybody else: clients would not hear of them. Leaves that lingered linger
    /// again, however old they are. To be called before the first connection comes. Returns how many
    /// rooms have messages.
    ///
    /// # Errors
    /// See [`HistoryError`]. Clients of rooms that were not read begin anew.
    pub fn read_history(&mut self, now: Now, text: &str) -> Result<usize, HistoryError> {
        self.cx.now = now;
        let (first, mut text) = text.split_once('\n').ok_or(HistoryError::Malformed)?;
        let ProcessLine { capacity, away_since, told, generation, leaves } =
            serde_json::from_str(first).map_err(|_| HistoryError::Malformed)?;
        let away = now.unix.since(UnixTime::from_millis(away_since));
        self.gate.governor.restore(capacity, (away, told));
        self.connections.begin_after(generation);
        for number in 0..leaves {
            let (line, rest) = text.split_once('\n').ok_or(HistoryError::Malformed)?;
            let line = serde_json::from_str(line).map_err(|_| HistoryError::Malformed)?;
            self.restore_leave(&line, number as u64);
            text = rest;
        }
        if self.cx.policy.app_publishes {
            // The application knows better: it may have stored more since.
            return Ok(0);
        }
        let policy = &self.cx.policy;
        let bounds = (policy.resume_window, self.rooms.log_bytes(policy));
        stored_logs::read(&mut self.rooms.logs, now, bounds, text)
    }

    /// This leave lingers from now on.
    fn restore_leave(&mut self, line: &LeaveLine<'_>, number: u64) {
        let Ok(connection) = line.left.parse::<ConnId>() else { return };
        let is_it =
            |reason: &&CloseReason| line.reason.as_ref().is_some_and(|it| it == reason.label());
        let reason = CloseReason::ALL.iter().find(is_it).copied();
        let (room, user) = (line.room.as_ref().into(), line.user.as_ref().into());
        let after = Duration::from_micros(number * BETWEEN_LEAVES_MICROS);
        self.linger(Leave { connection, room, user, reason }, after);
    }
}

fn write_line(to: &mut dyn Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *to, line)?;
    to.write_all(b"\n")
}
