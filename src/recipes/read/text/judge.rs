//! Classification of lines.

use std::sync::LazyLock;

use super::headings::{HEADINGS, Section};
use super::inline::{amounts, listed, sentences};
use super::lines::{LineMark, PastedLine};
use super::meta::{facts, is_label};
use super::verbs::begins_step;
use crate::recipes::amount::Amount;
use crate::recipes::languages::{self, begins};
use crate::recipes::line::{Line, plain};
use crate::recipes::read::builder::fits;
use crate::recipes::recipe::MAX_INGREDIENT_CHARS;
use crate::recipes::scan::{from, word};
use crate::recipes::words;

/// The section that a heading begins, and the text after the heading.
pub(super) fn heading(line: &PastedLine) -> Option<(Section, String)> {
    if line.mark == LineMark::Number || line.text.len() > MAX_HEADING_LINE {
        return None;
    }
    let text = plain(&line.text);
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let (section, length) =
        HEADINGS.iter().find_map(|(section, name)| Some((*section, begins(text, name)?)))?;
    let rest = from(text, length);
    let behind = rest.trim_start();
    if behind.trim_matches(|c: char| !c.is_alphanumeric()).is_empty() {
        return Some((section, String::new()));
    }
    let count = behind.split(' ').count();
    let is_parted = behind.starts_with([':', '(', '[', '/', '|'])
        || ["- ", "– "].iter().any(|sign| behind.starts_with(sign));
    let is_for =
        is_for(behind) && behind.split(':').next().is_some_and(|name| name.split(' ').count() < 6);
    let is_titled = line.mark == LineMark::Heading && count < 7 && !is_label(text);
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
    if line.mark == LineMark::Number || text.split(' ').count() > 8 || is_ingredient(text) {
        return false;
    }
    let is_shouted = text.chars().filter(|c| c.is_alphabetic()).count() > 3
        && !text.contains(char::is_lowercase)
        && !text.contains(char::is_numeric);
    let lower = text.to_lowercase();
    let is_for = GROUPS.iter().any(|words| begins(&lower, words).is_some())
        && !text.ends_with('.')
        && !text.contains(',');
    text.ends_with(':') || line.mark == LineMark::Heading || is_for || (is_shouted && line.is_apart)
}

/// Whether a line among the ingredients is the heading of a group and nothing marks it as one: it is
/// a short name behind a blank line, right above an ingredient.
pub(super) fn is_bare_group(line: &PastedLine, next: Option<&PastedLine>) -> bool {
    let text = &*line.text;
    let is_above = next.is_some_and(|next| !next.is_apart && is_ingredient(&next.text));
    let is_short = text.split(' ').count() < 4 && !text.contains([',', '.', '(']);
    line.is_apart
        && is_above
        && is_short
        && line.mark == LineMark::None
        && text.starts_with(char::is_uppercase)
        && !is_ingredient(text)
}

pub(super) fn is_title(line: &PastedLine) -> bool {
    let text = &*line.text;
    let count = text.split(' ').count();
    let is_short = count <= 12 && text.chars().count() <= 120;
    let is_plain = matches!(line.mark, LineMark::None | LineMark::Heading);
    let is_address = text.ends_with(':') && count > 4;
    let is_done = begins_step(text) && (count > 6 || text.ends_with('.'));
    let is_long_sentence = text.ends_with('.') && count > 8;
    is_short && is_plain && !(is_long_sentence || is_address || is_done)
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

/// Whether a line begins or ends with an amount.
pub(super) fn is_ingredient(text: &str) -> bool {
    if !fits(text, MAX_INGREDIENT_CHARS) {
        return false;
    }
    let line = Line::parse(text);
    let is_leading = line.begins_with_amount();
    if !is_leading && line.amounts.is_empty() {
        return false;
    }
    if !is_leading {
        return text.split(' ').count() <= 8 && !begins_step(text) && !text.ends_with('.');
    }
    let (first, _) = word(line.name(), 0);
    let has_unit = line.amounts.iter().any(|amount| amount.unit.is_some());
    !words::is_time(first) && (has_unit || !begins_step(first))
}

pub(super) fn is_amount_alone(text: &str) -> bool {
    let line = Line::parse(text);
    line.begins_with_amount() && line.name().is_empty()
}

/// Whether a line lists several ingredients.
pub(super) fn is_list(text: &str) -> bool {
    if text.len() > MAX_LIST_BYTES {
        return false;
    }
    let (first, _) = word(text, 0);
    if begins_step(first) {
        return false;
    }
    if sentences(text).len() > 1 {
        return false;
    }
    let parts = listed(text);
    let amounts = amounts(&parts);
    amounts >= 2 && amounts * 3 >= parts.len()
}

/// What groups of ingredients or steps begin with: "for the sauce".
static GROUPS: LazyLock<Vec<&'static str>> = LazyLock::new(|| languages::all(|it| it.groups));
/// "Ingredients for the sauce"
static FOR: LazyLock<Vec<&'static str>> = LazyLock::new(|| languages::all(|it| it.serves));

/// Whether a text begins like a group: "for the sauce".
pub(super) fn is_for(text: &str) -> bool {
    FOR.iter().any(|word| begins(text, word).is_some())
}

/// A longer line is no list of ingredients.
const MAX_LIST_BYTES: usize = 4_000;
/// A longer line begins no section, whatever it begins with.
const MAX_HEADING_LINE: usize = 4_000;
