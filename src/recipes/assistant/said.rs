//! What the assistant's texts are made of.

/// The text that describes a change, or why nothing was changed.
pub(super) type EditResult = Result<String, String>;

/// A number of things: "1 step", "2 steps".
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Minutes in words: "1 hour 20 minutes".
pub(super) fn time_text(minutes: Option<u32>) -> String {
    let minutes = minutes.unwrap_or_default() as usize;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => counted(minutes, "minute"),
        (hours, 0) => counted(hours, "hour"),
        (hours, minutes) => format!("{} {}", counted(hours, "hour"), counted(minutes, "minute")),
    }
}
