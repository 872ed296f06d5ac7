//! Classification of lines.

use std::sync::LazyLock;

use super::headings::{HEADINGS, Section};
use super::lines::{LineMark, PastedLine};
use super::meta::{facts, is_label};
use super::verbs::begins_step;
use crate::recipes::amount::Amount;
use crate::recipes::languages::{self, Phrases, is_ideographic};
use crate::recipes::line::{Line, plain};
use crate::recipes::scan::from;

/// The section that a heading begins, and the text after the heading.
pub(super) fn heading(line: &PastedLine) -> Option<(Section, String)> {
    if line.mark == LineMark::Number || line.text.len() > MAX_HEADING_LINE {
        return None;
    }
    let text = plain(&line.text);
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let (length, section) = HEADINGS.find(text)?;
    // "【材料】4人分"
    let rest = from(text, length).trim_start_matches(['】', '」', '》', '〉', '］', '＞', '≫']);
    let behind = rest.trim_start();
    if behind.trim_matches(|c: char| !c.is_alphanumeric()).is_empty() {
        return Some((section, String::new()));
    }
    let count = behind.split(' ').count();
    let is_parted = behind.starts_with([':', '(', '[', '/', '|'])
        || ["- ", "– "].iter().any(|sign| behind.starts_with(sign));
    let is_for =
        is_for(behind) && behind.split(':').next().is_some_and(|name| name.split(' ').count() < 6);
    // "How to make tortillas"
    let is_asked = section == Section::Steps
        && HOW.iter().any(|how| from(&text.to_lowercase(), 0).starts_with(how));
    let is_titled = (line.mark == LineMark::Heading || (is_asked && !text.ends_with('.')))
        && count < 7
        && !is_label(text);
    let is_fact = || count < 6 && facts(behind, true).is_some();
    let is_it =
        is_parted || (section == Section::Ingredients && (is_for || is_fact())) || is_titled;
    // "Preparation: 15 minutes" is no heading.
    let is_time = || is_parted && facts(text, false).is_some();
    if !is_it || is_time() {
        return None;
    }
    let kept = if is_parted || is_for || section == Section::Ingredients { rest } else { "" };
    Some((section, kept.to_owned()))
}

/// Whether a line is the heading of a group: "For the sauce:", "## Sauce", "SAUCE".
pub(super) fn is_group(line: &PastedLine) -> bool {
    let text = &*line.text;
    if line.mark == LineMark::Number || text.split(' ').count() > 8 || line.is_ingredient() {
        return false;
    }
    let is_shouted = text.chars().filter(|c| c.is_alphabetic()).count() > 3
        && !text.contains(char::is_lowercase)
        && !text.contains(char::is_numeric);
    let is_for = GROUPS.length(text).is_some() && !text.ends_with('.') && !text.contains(',');
    // Japanese: "〈ソース〉".
    let is_framed = text.starts_with(['〈', '＜', '《', '【', '［', '『'])
        && text.ends_with(['〉', '＞', '》', '】', '］', '』']);
    // "A" above what is mixed as A.
    let is_letter = text.len() == 1 && text.starts_with(|c: char| c.is_ascii_uppercase());
    let is_marked = text.ends_with(':') || is_letter || is_framed || line.mark == LineMark::Heading;
    is_marked || is_for || (is_shouted && line.is_apart)
}

/// Whether a line among the ingredients is the heading of a group and nothing marks it as one: it is
/// a short name behind a blank line, right above an ingredient.
pub(super) fn is_bare_group(line: &PastedLine, next: Option<&PastedLine>) -> bool {
    let text = &*line.text;
    let is_above = next.is_some_and(|next| !next.is_apart && next.is_ingredient());
    let is_short = text.split(' ').count() < 4 && !text.contains([',', '.', '(']);
    line.is_apart
        && is_above
        && is_short
        && line.mark == LineMark::None
        && text.starts_with(char::is_uppercase)
        && !line.is_ingredient()
}

pub(super) fn is_title(line: &PastedLine) -> bool {
    let text = &*line.text;
    let count = text.split(' ').count();
    let is_short = count <= 12 && text.chars().count() <= 120;
    let is_plain = matches!(line.mark, LineMark::None | LineMark::Heading);
    let is_address = text.ends_with(':') && count > 4;
    let is_done = begins_step(text) && (count > 6 || text.ends_with('.'));
    let is_long_sentence = text.ends_with('.') && count > 8;
    // "Hi all,"
    let is_greeting = text.ends_with(',');
    is_short && is_plain && !(is_long_sentence || is_address || is_done || is_greeting)
}

/// Whether a line is a title that begins with a number: "5 Minute Hummus", "3 Bean Chili". Its words
/// have capitals, and something else than a list of ingredients follows.
pub(super) fn is_numbered_title(line: &PastedLine, next: Option<&PastedLine>) -> bool {
    let text = &*line.text;
    let is_plain = matches!(line.mark, LineMark::None | LineMark::Heading);
    if !is_plain || !text.starts_with(|c: char| c.is_ascii_digit()) || text.contains(',') {
        return false;
    }
    let parsed = Line::parse(text);
    let is_measured = parsed.amounts.first().is_some_and(Amount::is_measure);
    let names = text.split([' ', '-']).filter(|name| name.starts_with(char::is_alphabetic));
    let small = ["a", "and", "the", "of", "in", "with", "for", "de", "à", "con", "mit", "und"];
    let mut names = names.filter(|name| !small.contains(name));
    let count = names.clone().count();
    let is_shown = line.mark == LineMark::Heading || next.is_some_and(|next| next.is_apart);
    is_shown
        && !is_measured
        && (2..=8).contains(&count)
        && names.all(|name| name.starts_with(char::is_uppercase))
}

/// What groups of ingredients or steps begin with: "for the sauce".
static GROUPS: LazyLock<Phrases> = LazyLock::new(|| languages::table(|it| it.groups));
/// "Ingredients for the sauce"
static FOR: LazyLock<Phrases> = LazyLock::new(|| languages::table(|it| it.serves));

/// Whether a text begins like a group: "for the sauce".
pub(super) fn is_for(text: &str) -> bool {
    FOR.length(text).is_some()
}

/// What headings of steps begin with that may be followed by a name.
const HOW: [&str; 6] = ["how to ", "cómo ", "como ", "comment ", "come ", "hoe "];
/// A longer line begins no section, whatever it begins with.
const MAX_HEADING_LINE: usize = 4_000;

/// The text behind the number that the next step has: "3- Cuela".
pub(super) fn behind_own_number(text: &str, steps: usize) -> &str {
    let Some(rest) = text.strip_prefix(&(steps + 1).to_string()) else { return text };
    let behind = rest.strip_prefix('-').map(str::trim_start);
    let behind = behind.filter(|rest| rest.starts_with(char::is_uppercase));
    // "1 豚肉は筋を切る。"
    let spaced = rest.strip_prefix([' ', '\u{3000}']).filter(|it| it.starts_with(is_ideographic));
    behind.or(spaced).unwrap_or(text)
}

/// Whether the last line is the name of its writer: "Ann", "LG Sabine".
pub(super) fn is_signature(text: &str) -> bool {
    let is_short = text.split(' ').count() < 3 && text.chars().count() < 24;
    let is_name =
        text.starts_with(char::is_uppercase) && text.chars().all(|c| c.is_alphabetic() || c == ' ');
    is_short && is_name && !begins_step(text)
}
