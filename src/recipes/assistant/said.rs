//! What the assistant's texts are made of.

pub(super) use crate::config::counted;

/// The text that describes a change, or why nothing was changed.
pub(super) type EditResult = Result<String, String>;

/// Minutes in words: "1 hour 20 minutes".
pub(super) fn time_text(minutes: Option<u32>) -> String {
    let minutes = minutes.unwrap_or_default() as usize;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => counted(minutes, "minute"),
        (hours, 0) => counted(hours, "hour"),
        (hours, minutes) => format!("{} {}", counted(hours, "hour"), counted(minutes, "minute")),
    }
}
