//! How much of a text is read.

use super::builder::DraftBuilder;

/// The longest text that is read as prose, in bytes: as long as a recipe. Markup around it does not
/// count.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;
/// The most lines that are read: a recipe has at most 200 ingredients and 200 steps.
const MAX_LINES: usize = 1_000;

/// The text as far as it is read.
pub(super) fn bounded<'a>(text: &'a str, builder: &mut DraftBuilder) -> &'a str {
    let mut end = text.len().min(MAX_TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let head = text.get(..end).unwrap_or_default();
    let line_end = head.match_indices('\n').nth(MAX_LINES).map_or(end, |(at, _)| at);
    if line_end < end {
        builder.skip(format!("the text after {MAX_LINES} lines"));
    } else if end < text.len() {
        builder.skip(format!("the text after {} KiB", MAX_TEXT_BYTES >> 10));
    }
    head.get(..line_end).unwrap_or_default()
}
