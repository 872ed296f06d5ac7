//! Numbers that are no amounts: percentages, lengths, temperatures, times, and parts of names.

use super::super::quantity::Quantity;
use super::super::scan::{from, noun, word};
use super::super::size;
use super::super::units;
use super::super::words;

/// The end of a number at `at` that no scaling changes: a percentage, a length, a temperature, a
/// time, a part of a name.
pub(super) fn unscaled(text: &str, at: usize) -> Option<usize> {
    if let Some(end) = size::percent(text, at).or_else(|| size::area(text, at)) {
        return Some(end);
    }
    let digits_end = digits(text, at);
    let figures = text.get(at..digits_end)?;
    // "00 flour"
    let is_joined = |c: char| !(c.is_whitespace() || "(\"“'".contains(c));
    let is_apart = !text.get(..at)?.ends_with(is_joined);
    if !figures.is_empty() && figures.bytes().all(|b| b == b'0') && is_apart {
        return Some(digits_end);
    }
    if size::parse(text, at).is_some_and(|size| size.is_length) {
        return size::parse(text, at).map(|size| size.end);
    }
    if is_ratio(figures) {
        return Some(digits_end);
    }
    let mut end = Quantity::parse(from(text, at)).map_or(digits_end, |number| at + number.end());
    // "105-115°F"
    let upper = from(text, end).trim_start_matches([' ', '-', '–']);
    if upper.len() < from(text, end).len() && upper.starts_with(|c: char| c.is_ascii_digit()) {
        let begin = text.len() - upper.len();
        let upper_end = digits(text, begin);
        if from(text, upper_end).trim_start().starts_with(['°', 'º']) {
            end = upper_end;
        }
    }
    let rest = from(text, end).trim_start_matches([' ', '-']);
    if rest.starts_with(['°', 'º']) {
        return Some(text.len() - rest.len());
    }
    let (name, after) = word(text, text.len() - rest.len());
    let lower = name.to_lowercase();
    // "9x13 pan"
    if lower == "x" && from(text, after).starts_with(|c: char| c.is_ascii_digit()) {
        let next = digits(text, after);
        return noun_or_pan(text, next).then_some(next);
    }
    let is_name = NAMES.contains(&&*format!("{figures}{lower}"))
        || (figures.is_empty() && SPICES.contains(&&*lower));
    // "40C", and not "2 C", which is cups.
    let is_hot = matches!(name, "C" | "F") && figures.parse::<u32>().is_ok_and(|n| n >= 30);
    // "食パン（6枚切り）" is cut into six.
    let is_cut = name.contains("切り");
    (words::is_duration(name) || is_name || is_hot || is_cut).then_some(after)
}

/// Whether figures are shares of a whole: "80/20 ground beef".
fn is_ratio(figures: &str) -> bool {
    let parts =
        figures.split_once('/').map(|(one, other)| (one.parse::<u16>(), other.parse::<u16>()));
    matches!(parts, Some((Ok(one), Ok(other))) if one.saturating_add(other) == 100 && one > 9 && other > 0)
}

/// Whether a number is a part of a word that is no unit: "15-bean soup mix", "5 spice".
pub(super) fn is_compound(text: &str, at: usize) -> bool {
    let end = digits(text, at);
    let rest = from(text, end);
    let (name, _) = word(text, end + usize::from(rest.starts_with('-')));
    let is_word = rest.strip_prefix('-').is_some_and(|it| it.starts_with(char::is_alphabetic));
    is_word && end > at && units::unit(name).is_none()
}

/// Whether a pan, dish or tin follows.
fn noun_or_pan(text: &str, at: usize) -> bool {
    let (name, _) = word(text, at);
    ["pan", "dish", "tin", "tray", "baking", "inch", "cm"].contains(&&*name.to_lowercase())
        || noun(text, at).is_some_and(|_| name.eq_ignore_ascii_case("rectangle"))
}

/// The end of the digits, fractions and signs at `at`.
pub(super) fn digits(text: &str, at: usize) -> usize {
    let rest = from(text, at);
    let is_part = |c: char| c.is_numeric() || matches!(c, '.' | ',' | '/' | ':');
    let length = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
    let figures = rest.get(..length).unwrap_or_default().trim_end_matches(['.', ',', '/', ':']);
    at + figures.len()
}

/// "Five spice", "four cheese" are names.
const SPICES: &[&str] = &[
    "spice",
    "spices",
    "bean",
    "beans",
    "cheese",
    "cheeses",
    "grain",
    "grains",
    "peppercorn",
    "épices",
];
/// Names that begin with a number.
const NAMES: &[&str] = &["7up", "5spice"];
