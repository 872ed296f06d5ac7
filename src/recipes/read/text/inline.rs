//! Splits lines that hold several things: headings, lists, sentences.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::headings::heading_names;
use crate::recipes::amount::Amount;
use crate::recipes::languages::{self, Phrases};
use crate::recipes::line::Line;
use crate::recipes::scan::{from, word};
use crate::recipes::{size, units, words};

/// Splits a line where a heading with a colon begins inside it.
pub(super) fn at_headings(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (colon, _) in line.match_indices(':') {
        let before = line.get(..colon).unwrap_or_default();
        let names = last_two(before).and_then(|last| INNER.get(&last));
        let length = names.and_then(|names| names.iter().find_map(|name| ending(before, name)));
        let Some(length) = length else { continue };
        let at = colon - length;
        let head = line.get(start..at).unwrap_or_default();
        let plain = head.trim_end_matches([' ', '*', '_', '#']);
        let is_capital = from(line, at).starts_with(char::is_uppercase);
        let is_parted = plain.ends_with(['.', ';', ',', '|', ')', '!', '–', '•']);
        // "Zutaten für 4 Portionen:" has one heading.
        let label = from(before, at);
        let is_counted = plain.ends_with(|c: char| c.is_ascii_digit()) && PEOPLE.has(label);
        if !plain.is_empty() && !is_counted && (is_capital || is_parted) {
            // The heading's decoration belongs to it.
            let cut = start + plain.len();
            let part = line.get(start..cut).unwrap_or_default();
            parts.push(part.trim_end_matches(['|', '•']).trim_start());
            start = cut;
        }
    }
    parts.push(from(line, start).trim_start_matches([';', ',', '|', ' ']));
    parts
}

fn ends_with(text: &str, name: &str) -> bool {
    let Some(start) = text.len().checked_sub(name.len()) else { return false };
    let is_it = text.get(start..).is_some_and(|tail| tail.eq_ignore_ascii_case(name));
    let before = text.get(..start).and_then(|head| head.chars().next_back());
    is_it && before.is_none_or(|c| !c.is_alphanumeric() && c != '-')
}

/// The length of `name` at the end of a text, regardless of case, from the beginning of a word.
fn ending(text: &str, name: &str) -> Option<usize> {
    // Another case may have another length, but not another number of characters.
    let last = name.chars().next_back()?;
    let is_last = |c: char| c == last || c.to_lowercase().eq([last]);
    text.chars().next_back().filter(|c| is_last(*c))?;
    let (start, _) = text.char_indices().rev().nth(name.chars().count().checked_sub(1)?)?;
    let is_it = languages::is_word(text.get(start..)?, name);
    let before = text.get(..start).and_then(|head| head.chars().next_back());
    let is_apart = before.is_none_or(|c| !c.is_alphanumeric() && c != '-');
    (is_it && is_apart).then_some(text.len() - start)
}

/// Splits a text into sentences, at `.`, `!` or `?` before a space and a capital or a digit.
pub(crate) fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    let (mut word_length, mut is_digit, mut has_space) = (0, false, false);
    while let Some((at, c)) = letters.next() {
        has_space |= c == ' ' && at > start + 1;
        let is_number = is_digit && has_space;
        let is_end = matches!(c, '.' | '!' | '?') && (word_length > 1 || is_number);
        is_digit = c.is_ascii_digit();
        word_length = if c.is_alphanumeric() || c == ')' { word_length + 1 } else { 0 };
        if !is_end || !letters.peek().is_some_and(|(_, next)| next.is_whitespace()) {
            continue;
        }
        let head = text.get(start..at).unwrap_or_default();
        let is_short_for = ["approx", "vs", "e.g", "i.e", "ca", "no", "tbsp", "tsp", "oz", "lb"]
            .iter()
            .any(|short| ends_with(head, short));
        let rest = from(text, at + 1).trim_start();
        let begins =
            rest.starts_with(|c: char| c.is_uppercase() || (c.is_numeric() && !is_short_for));
        if begins && !(is_short_for && c == '.' && rest.starts_with(|c: char| c.is_numeric())) {
            sentences.push(text.get(start..=at).unwrap_or_default().trim());
            (start, has_space) = (at + 1, false);
        }
    }
    sentences.push(from(text, start).trim());
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

/// Splits a list of ingredients on one line: at bullets, semicolons, commas, or before amounts.
pub(super) fn listed(text: &str) -> Vec<String> {
    let text = text.trim().trim_end_matches('.');
    for sign in ['•', '·', ';', '|', '▢'] {
        if text.contains(sign) {
            return kept(text.split(sign));
        }
    }
    if let Some(rest) = text.strip_prefix("- ").filter(|rest| rest.contains(" - ")) {
        return kept(rest.split(" - "));
    }
    let mut parts: Vec<String> = Vec::new();
    for part in at_commas(text) {
        let begins = begins_ingredient(part) || begins_name(part);
        match parts.last_mut() {
            Some(last) if !begins => {
                last.push_str(", ");
                last.push_str(part);
            }
            _ => parts.extend(at_quantities(part)),
        }
    }
    parts
}

/// The number of parts that begin with an amount.
pub(super) fn amounts(parts: &[String]) -> usize {
    parts.iter().filter(|part| begins_ingredient(part)).count()
}

fn kept<'a>(parts: impl Iterator<Item = &'a str>) -> Vec<String> {
    parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn begins_ingredient(part: &str) -> bool {
    let line = Line::begun(part);
    let name = line.name();
    let (first, _) = word(name, 0);
    // "3 cm cubes" is how the one before is cut.
    let is_length = size::parse(part, 0).is_some_and(|size| size.is_length);
    line.begins_with_amount()
        && !name.is_empty()
        && !is_length
        && !words::is_preparation(first)
        && !words::is_time(first)
}

fn begins_name(part: &str) -> bool {
    let (first, _) = word(part, 0);
    !first.is_empty() && !words::is_preparation(first) && part.split(' ').count() <= 6
}

/// Splits at commas outside numbers and parentheses.
fn at_commas(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0_u32);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 && !from(text, at + 1).starts_with(|c: char| c.is_ascii_digit()) => {
                parts.push(text.get(start..at).unwrap_or_default().trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(from(text, start).trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// Splits before each new amount: "2 eggs and 1 cup milk", "2 eggs 1 cup flour".
fn at_quantities(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut last = "";
    let mut depth = 0_u32;
    for (at, piece) in pieces(text) {
        let begins = piece.starts_with(|c: char| c.is_numeric())
            && depth == 0
            && at > start
            && last.chars().all(char::is_alphabetic)
            && !JOINERS.contains(&&*last.to_lowercase())
            && units::unit(last).is_none()
            && begins_ingredient(head(from(text, at)));
        depth += u32::try_from(piece.matches('(').count()).unwrap_or(0);
        depth = depth.saturating_sub(u32::try_from(piece.matches(')').count()).unwrap_or(0));
        // "1 and 1/2 cups", "between 4 and 6 figs"
        let is_part = begins && {
            let before = text.get(start..at).unwrap_or_default().trim();
            is_amount(before.strip_suffix(" and").unwrap_or(before))
        };
        if begins && !is_part {
            let head = text.get(start..at).unwrap_or_default().trim();
            parts.push(head.strip_suffix(" and").unwrap_or(head).to_owned());
            start = at;
        }
        last = piece;
    }
    let rest = from(text, start).trim();
    parts.push(rest.strip_prefix("and ").unwrap_or(rest).to_owned());
    parts.retain(|part| !part.is_empty());
    parts
}

/// Whether a text is an amount and nothing else.
fn is_amount(text: &str) -> bool {
    let line = Line::begun(head(text));
    line.begins_with_amount() && line.name().is_empty()
}

/// The beginning of a text, so that repeated parsing of it stays linear.
fn head(text: &str) -> &str {
    let end = text.char_indices().nth(80).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

/// The words of a text with their byte offsets.
fn pieces(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split(' ').map(move |piece| {
        let start = at;
        at += piece.len() + 1;
        (start, piece)
    })
}

/// The ingredients that prose mentions with an amount: "mix 2 cups of flour with 1 egg" has two.
pub(super) fn amounts_in_prose(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (start, piece) in pieces(text) {
        if !piece.starts_with(|c: char| c.is_numeric()) {
            continue;
        }
        let Some(amount) = Amount::parse(text, start) else { continue };
        if !(amount.unit.is_some() || amount.is_counted()) {
            continue;
        }
        let mut end = amount.end;
        let mut names = 0;
        for (place, name) in pieces(from(text, end)).skip_while(|(_, name)| name.is_empty()).take(6)
        {
            let (letters, _) = word(name, 0);
            let is_stop = letters.is_empty()
                || PROSE_STOPS.contains(&&*letters.to_lowercase())
                || (names > 0 && words::is_preparation(letters) && letters.ends_with("ly"));
            if is_stop && !(names == 0 && letters == "of") {
                break;
            }
            names += usize::from(letters != "of");
            let plain = name.trim_end_matches(['.', ',', ';', ':', '!', '?', ')']);
            end = amount.end + place + plain.len();
            if plain.len() < name.len() {
                break;
            }
        }
        let line = text.get(start..end).unwrap_or_default().trim();
        if names > 0 && !found.iter().any(|other| other == line) && found.len() < 200 {
            found.push(line.to_owned());
        }
    }
    found
}

/// Headings and labels at which a line is split, by their last two characters, the longest first.
static INNER: LazyLock<BTreeMap<[char; 2], Vec<&'static str>>> = LazyLock::new(|| {
    let labels = [
        languages::all(|it| it.prep),
        languages::all(|it| it.cook),
        languages::all(|it| it.total),
        languages::all(|it| it.yields),
    ];
    let mut names: Vec<_> = heading_names().chain(labels.concat()).collect();
    names.retain(|name| name.len() > 4);
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let mut index: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for name in names {
        if let Some(last) = last_two(name) {
            index.entry(last).or_default().push(name);
        }
    }
    index
});

/// The last two characters of a text, in lower case.
fn last_two(text: &str) -> Option<[char; 2]> {
    let mut letters = text.chars().rev().filter_map(|c| c.to_lowercase().next());
    Some([letters.next()?, letters.next()?])
}

static PEOPLE: LazyLock<Phrases> = LazyLock::new(|| languages::table(|it| it.people));
/// The number behind these belongs to the ingredient before.
const JOINERS: &[&str] = &[
    "of", "plus", "minus", "less", "to", "or", "about", "x", "cut", "into", "in", "size", "approx",
    "bis", "oder", "bzw", "à", "a", "ou", "hasta", "o", "u", "oppure", "até", "tot", "till",
    "eller",
];
const PROSE_STOPS: &[&str] = &[
    "and", "with", "in", "into", "to", "until", "for", "then", "over", "on", "at", "or", "from",
    "per", "if", "plus", "while", "together", "before", "after", "as", "each", "is", "are", "more",
    "through", "using", "by", "up", "down", "left", "aside", "wide", "long", "thick", "deep",
    "apart", "high",
];
