//! Logs of rooms as values of JSON, so that clients go on where they were after a restart.
//!
//! ```text
//! {"written_at":1795000000000}
//! {"room":"r1","base":"0.k3JxQ2fA","entries":[{"position":"1.Zq0aB7cD","message":{"type":"chat_message",…}}]}
//! {"rooms":1}
//! ```
//!
//! The last value says that the text is complete: one without it is not used. A line ends behind each, but
//! is no sign of that: what a client or an application wrote may have line ends between its tokens.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::node::connections::frame::{Encoder, payload_of};
use crate::node::rooms::log::RoomLogs;
use crate::protocol::Position;
use crate::time::{Now, UnixTime};

/// How far the clock may have been set back since the logs were written.
const CLOCK_BACK: Duration = Duration::from_secs(5);

/// The first value.
#[derive(Serialize, Deserialize)]
struct HistoryHead {
    /// In milliseconds since 1970.
    written_at: u64,
}

/// A room.
#[derive(Serialize, Deserialize)]
struct StoredLog<'a> {
    #[serde(borrow)]
    room: Cow<'a, str>,
    base: Position,
    #[serde(borrow)]
    entries: Vec<StoredEntry<'a>>,
}

#[derive(Serialize, Deserialize)]
struct StoredEntry<'a> {
    position: Position,
    #[serde(borrow)]
    message: &'a RawValue,
}

/// The last value.
#[derive(Serialize, Deserialize)]
struct HistoryTail {
    rooms: usize,
}

/// Why stored logs are not used: clients are told that they begin anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The text was cut off, or has another form.
    #[error("it is incomplete, or was written by another version")]
    Malformed,
    /// Nobody may go on from there any more.
    #[error("it is older than resume.window")]
    TooOld,
}

/// Writes the logs of all rooms but those that are `left_out`, the stalest first. Returns how many
/// rooms were written.
pub(crate) fn write(
    logs: &RoomLogs,
    at: UnixTime,
    left_out: &dyn Fn(&str) -> bool,
    to: &mut dyn Write,
) -> io::Result<usize> {
    write_line(to, &HistoryHead { written_at: at.as_millis() })?;
    let mut rooms = 0;
    for (room, base, entries) in logs.iter().filter(|(room, ..)| !left_out(room)) {
        let message = |frame| serde_json::from_slice(payload_of(frame)).ok();
        let entries = entries.map(|(position, frame)| {
            Some(StoredEntry { position: *position, message: message(frame)? })
        });
        let Some(entries) = entries.collect() else { continue };
        write_line(to, &StoredLog { room: room.as_str().into(), base, entries })?;
        rooms += 1;
    }
    write_line(to, &HistoryTail { rooms })?;
    Ok(rooms)
}

/// Adds the logs of `text`, each until `window` after it was written, or until somebody comes to its
/// room. Returns how many rooms have one.
pub(crate) fn read(
    logs: &mut RoomLogs,
    now: Now,
    (window, most): (Duration, usize),
    text: &str,
) -> Result<usize, HistoryError> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let mut values = values.map(|value| value.map_err(|_| HistoryError::Malformed));
    let head: HistoryHead = parse(values.next().transpose()?)?;
    let written_at = UnixTime::from_millis(head.written_at);
    let left = window.saturating_sub(now.unix.since(written_at));
    if written_at.since(now.unix) > CLOCK_BACK || left.is_zero() {
        return Err(HistoryError::TooOld);
    }
    let mut values = values.collect::<Result<Vec<_>, _>>()?;
    let tail: HistoryTail = parse(values.pop())?;
    let stored: Vec<StoredLog<'_>> =
        values.into_iter().map(|value| parse(Some(value))).collect::<Result<_, _>>()?;
    if stored.len() != tail.rooms {
        return Err(HistoryError::Malformed);
    }
    let ends_at = now.monotonic + left;
    let mut encoder = Encoder::default();
    for StoredLog { room, base, entries } in stored {
        let frames = entries.into_iter().map(|StoredEntry { position, message }| {
            let frame = encoder.text(|buffer| buffer.extend_from_slice(message.get().as_bytes()));
            (position, Box::from(&*frame))
        });
        if !logs.restore((room.into(), base), frames, (ends_at, most)) {
            return Err(HistoryError::Malformed);
        }
    }
    Ok(logs.len())
}

fn write_line(to: &mut dyn Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *to, line)?;
    to.write_all(b"\n")
}

fn parse<'a, T: Deserialize<'a>>(value: Option<&'a RawValue>) -> Result<T, HistoryError> {
    let read = value.and_then(|value| serde_json::from_str(value.get()).ok());
    read.ok_or(HistoryError::Malformed)
}
