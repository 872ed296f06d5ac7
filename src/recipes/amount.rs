//! Amounts in a text: a quantity, optionally the size of one item, optionally a unit.

use std::ops::Range;

use super::quantity::{Number, NumberForm, Precision, Quantity, write};
use super::ratio::Ratio;
use super::words::{self, UnitKind};

/// An amount in a line. Positions are byte offsets in the line.
#[derive(Debug)]
pub(super) struct Amount {
    pub(super) start: usize,
    pub(super) quantity: Quantity,
    /// The unit and its position.
    pub(super) unit: Option<(Range<usize>, UnitKind)>,
    /// The position of the counted noun, if it is a known one.
    noun: Option<Range<usize>>,
    /// The end of the quantity, its size and its unit.
    pub(super) end: usize,
}

impl Amount {
    /// Parses the amount at `start`.
    pub(super) fn parse(text: &str, start: usize) -> Option<Self> {
        let (mut quantity, length) = quantity(text, start)?;
        // "1/2 a lemon"
        let article = [" a ", " an "].iter().find(|a| from(text, start + length).starts_with(**a));
        let length = length + article.map_or(0, |article| article.len() - 1);
        if quantity.high.is_none() {
            quantity.low.end = length;
        }
        let mut end = start + length;
        let glued = letter_at(text, end);
        if from(text, end).starts_with(['-', '‑']) && letter_at(text, end + 1) {
            return None;
        }
        if let Some(after) = size(text, end) {
            end = after;
        } else if glued && unit(text, end).is_none() {
            return None;
        }
        let mut unit = unit(text, end);
        if unit.is_none() {
            let (word, after) = word(text, end);
            let follows = ADJECTIVES.contains(&&*word.to_lowercase());
            unit = follows.then(|| self::unit(text, after)).flatten();
        }
        let noun = if unit.is_none() { noun(text, end) } else { None };
        let end = unit.as_ref().map_or(end, |(at, _)| at.end);
        Some(Self { start, quantity, unit, noun, end })
    }

    fn kind(&self) -> Option<UnitKind> {
        self.unit.as_ref().map(|(_, kind)| *kind)
    }

    pub(super) fn is_measure(&self) -> bool {
        self.kind().is_some_and(UnitKind::is_measure)
    }

    pub(super) fn is_counted(&self) -> bool {
        self.noun.is_some()
    }

    /// The replacements in the line when the amount is multiplied by `factor`. `None` when a number
    /// cannot be written.
    pub(super) fn edits(&self, text: &str, factor: Ratio) -> Option<Vec<(Range<usize>, String)>> {
        let grid = self.kind().map_or(Precision::Count, UnitKind::grid);
        let mut edits = Vec::new();
        let mut number = |start: usize, number: Number| {
            let new = number.value.times(factor)?;
            edits.push((start..start + number.end, write(new, number.form, grid)?));
            Some(new)
        };
        let low = number(self.start, self.quantity.low)?;
        let top = match self.quantity.high {
            Some((start, high)) => number(self.start + start, high)?,
            None => low,
        };
        let (was_many, is_many) = (self.quantity.top() > Ratio::ONE, top > Ratio::ONE);
        let word = self.unit.as_ref().map(|(at, _)| at).or(self.noun.as_ref());
        if let Some(at) = word.filter(|_| was_many != is_many)
            && let Some(word) = text.get(at.clone())
            && !from(text, at.end).starts_with("(s)")
            && let Some(inflected) = words::inflected(word, is_many)
        {
            edits.push((at.clone(), inflected));
        }
        Some(edits)
    }
}

/// The quantity at `start` and its length. "A" means 1 before a unit, or before a single noun.
fn quantity(text: &str, start: usize) -> Option<(Quantity, usize)> {
    let rest = from(text, start);
    if let Some(quantity) = Quantity::parse(rest) {
        return Some((quantity, quantity.end()));
    }
    let length = ["a ", "an ", "A ", "An "].iter().find(|a| rest.starts_with(**a))?.len() - 1;
    let (first, after) = word(text, start + length);
    let is_unit = unit(text, start + length).is_some()
        || (ADJECTIVES.contains(&first) && unit(text, after).is_some());
    let is_alone = words::is_countable(first)
        && from(text, after)
            .trim_start()
            .chars()
            .next()
            .is_none_or(|c| matches!(c, ',' | '(' | '.'));
    let low = Number { value: Ratio::ONE, form: NumberForm::Word, end: length };
    (is_unit || is_alone).then_some((Quantity { low, high: None }, length))
}

/// The end of the size of each item: " (14 oz)", " x 400g", " 14-oz", " 15 oz" before a can.
fn size(text: &str, start: usize) -> Option<usize> {
    let mut at = start;
    let skip = |at: usize| text.len() - from(text, at).trim_start().len();
    let times = [" x ", " × ", "x ", "× ", "x", "×"];
    let is_times = times.iter().find(|times| {
        let rest = from(text, start);
        rest.starts_with(**times) && from(rest, times.len()).starts_with(|c: char| c.is_numeric())
    });
    at += is_times.map_or(0, |times| times.len());
    at = skip(at);
    let rest = from(text, at);
    if rest.starts_with('(') {
        let (close, _) = rest.char_indices().take(80).find(|(_, c)| *c == ')')?;
        let is_size = rest.get(1..close)?.contains(|c: char| c.is_numeric());
        let after = at + close + 1;
        return (is_size && unit(text, after).is_some()).then_some(after);
    }
    let length = Quantity::parse(rest)?.end();
    let behind = from(rest, length);
    let dash = usize::from(behind.starts_with('-'));
    let spaces = skip(at + length + dash) - (at + length + dash);
    let (measure, after) = word(text, at + length + dash);
    let is_measure = words::unit(measure).is_some_and(UnitKind::is_measure) || measure == "inch";
    let counts = is_times.is_some() || dash == 1 || unit(text, after).is_some();
    (is_measure && counts && spaces <= 1).then_some(after)
}

/// The unit at `start`, after spaces.
fn unit(text: &str, start: usize) -> Option<(Range<usize>, UnitKind)> {
    let (first, end) = word(text, start);
    let (second, second_end) = word(text, end);
    let begin = end - first.len();
    let both = text.get(begin..second_end).filter(|_| !second.is_empty());
    let found = both
        .filter(|both| both.matches(' ').count() == 1)
        .and_then(|both| Some((begin..second_end, words::unit(both)?)))
        .or_else(|| Some((begin..end, words::unit(first)?)))?;
    let joined = from(text, found.0.end).starts_with(['-', '\'', '’']);
    (!joined).then_some(found)
}

/// The position of the counted noun after `start`: the last known one before a stop word.
fn noun(text: &str, start: usize) -> Option<Range<usize>> {
    let mut found = None;
    let mut at = start;
    for _ in 0..6 {
        let (word, end) = word(text, at);
        if word.is_empty() || STOPS.contains(&&*word.to_lowercase()) {
            break;
        }
        if words::is_countable(word) {
            found = Some(end - word.len()..end);
        }
        at = end;
        if from(text, at).starts_with([',', '(', ';', ':', '.']) {
            break;
        }
        if from(text, at).starts_with(['-', '\'', '’', '/', '&']) {
            found = None;
            at += from(text, at).chars().next().map_or(1, char::len_utf8);
        }
    }
    found
}

/// The word at `start`, after spaces, and its end.
pub(super) fn word(text: &str, start: usize) -> (&str, usize) {
    let rest = from(text, start).trim_start();
    let length = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
    (rest.get(..length).unwrap_or_default(), text.len() - rest.len() + length)
}

pub(super) fn from(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or_default()
}

pub(super) fn letter_at(text: &str, at: usize) -> bool {
    from(text, at).starts_with(char::is_alphabetic)
}

/// Words that may stand between a quantity and its unit.
const ADJECTIVES: &[&str] = &[
    "large", "medium", "small", "big", "heaped", "heaping", "level", "scant", "generous", "good",
    "rounded", "packed", "fat", "thick", "thin", "fresh", "whole", "full",
];
const STOPS: &[&str] = &[
    "of", "for", "with", "in", "from", "or", "and", "to", "plus", "without", "such", "like", "as",
    "per", "each", "at", "cut", "if", "about", "on",
];
