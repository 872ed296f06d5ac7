//! Escaping of untrusted text for one line of a terminal or a log.

use std::fmt::{self, Write};

use vestibule::config::Log;

const LINE_BYTES: usize = Log::LINE_BYTES;

/// `text` on one line: control characters escaped, cut at [`LINE_BYTES`].
pub(super) fn one_line(text: &str) -> String {
    let mut line = BoundedLine::default();
    // The error of a full line only stops the formatting early.
    let _ = line.write_str(text);
    line.text
}

/// Collects formatted text, escapes characters that could forge or hide a line, and stops at
/// [`LINE_BYTES`].
///
/// The limit applies while formatting, so a megabyte from a client is never copied here.
#[derive(Debug, Default)]
pub(super) struct BoundedLine {
    pub(super) text: String,
    is_cut: bool,
}

impl Write for BoundedLine {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.is_cut || self.text.len() + 12 > LINE_BYTES {
                if !self.is_cut {
                    self.text.push('…');
                    self.is_cut = true;
                }
                return Err(fmt::Error);
            }
            if can_forge(character) {
                self.text.extend(character.escape_default());
            } else {
                self.text.push(character);
            }
        }
        Ok(())
    }
}

/// Whether a character can forge or hide a line: control characters, the Unicode line separators,
/// and characters that change the direction of text.
fn can_forge(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(one_line("a\r\nb\u{1b}[31m\u{7f}\0"), "a\\r\\nb\\u{1b}[31m\\u{7f}\\u{0}");
        assert_eq!(one_line("a\u{2028}b\u{202e}c\u{85}"), "a\\u{2028}b\\u{202e}c\\u{85}");
        assert_eq!(one_line("Grüße, 世界 🎉"), "Grüße, 世界 🎉");
    }

    #[test]
    fn long_line_is_cut_between_characters() {
        let cut = one_line(&"€".repeat(10_000));
        assert!(cut.len() <= LINE_BYTES && cut.ends_with('…'));
        assert!(cut.len() > LINE_BYTES - 20);
        let exact = "x".repeat(LINE_BYTES - 12);
        assert_eq!(one_line(&exact), exact);
    }
}
