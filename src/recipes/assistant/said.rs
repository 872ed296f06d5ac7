//! What the assistant's texts are made of.

/// The text that describes a change, or why nothing was changed.
pub(super) type EditResult = Result<String, String>;

/// A number of things: "1 step", "2 steps".
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
