//! The amounts in a line of text, and the line with all of them multiplied.

use super::amount::{Amount, from, letter_at, word};
use super::quantity::{NumberForm, Precision, Quantity, write};
use super::ratio::Ratio;
use super::words;

/// A parsed line. Its first amount is the one that measures the ingredient.
#[derive(Debug)]
pub(super) struct Line<'a> {
    text: &'a str,
    pub(super) amounts: Vec<Amount>,
    /// The line means one item without a number: "8-ounce package", "Pinch of nutmeg".
    is_one: bool,
}

impl<'a> Line<'a> {
    /// Parses all amounts of an ingredient line. The work is linear in the text.
    pub(super) fn parse(text: &'a str) -> Self {
        let start = lead_in(text);
        let mut line = Self { text, amounts: Vec::new(), is_one: false };
        match Amount::parse(text, start) {
            Some(first) => line.amounts = more(text, first),
            None if is_sized(text) || is_one(text) => line.is_one = true,
            None => line.amounts.extend(trailing(text)),
        }
        line
    }

    /// Parses only the first amount, anywhere in a text, as in "Serves 4".
    pub(super) fn found_in(text: &'a str) -> Self {
        let mut was_word = false;
        let place = text.char_indices().find(|(at, c)| {
            let begins = !was_word;
            was_word = c.is_alphanumeric();
            begins && c.is_alphanumeric() && Amount::parse(text, *at).is_some()
        });
        let amounts = place.and_then(|(at, _)| Amount::parse(text, at)).into_iter().collect();
        Self { text, amounts, is_one: false }
    }

    /// Whether a text contains an amount by weight, volume or spoon.
    pub(super) fn measured_in(text: &str) -> bool {
        !measures(text, 0, text.len()).is_empty()
    }

    /// The unit of an amount, as written.
    pub(super) fn unit_text(&self, index: usize) -> Option<&'a str> {
        let (at, _) = self.amounts.get(index)?.unit.as_ref()?;
        self.text.get(at.clone())
    }

    /// The quantity of an amount, as written.
    pub(super) fn amount_text(&self, index: usize) -> Option<&'a str> {
        let amount = self.amounts.get(index)?;
        self.text.get(amount.start..amount.start + amount.quantity.end())
    }

    /// Whether the line begins with its amount.
    pub(super) fn begins_with_amount(&self) -> bool {
        self.is_one || self.amounts.first().is_some_and(|amount| amount.start <= lead_in(self.text))
    }

    /// The name of the ingredient; the whole text when it has no amount.
    pub(super) fn name(&self) -> &'a str {
        let rest = match self.amounts.first() {
            // "Butter: 100 g"
            Some(amount) if amount.end >= self.text.trim_end().len() && amount.start > 0 => {
                self.text.get(..amount.start).unwrap_or_default()
            }
            _ => from(self.text, self.name_start()),
        };
        let end = rest.find([',', '(', ';', ':']).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        name.split(" - ").next().unwrap_or(name).trim_matches([' ', '-', '–', '.', '*'])
    }

    pub(super) fn name_start(&self) -> usize {
        let mut end = self.amounts.first().map_or(0, |amount| amount.end);
        for next in self.amounts.iter().skip(1) {
            // "1 cup plus 2 tablespoons flour" is flour.
            let between =
                self.text.get(end..next.start).unwrap_or_default().trim_matches([' ', '.']);
            if ["plus", "+", "/", "or", "and"].contains(&between) {
                end = next.end;
            }
        }
        let mut rest = from(self.text, end);
        rest = rest.trim_start_matches(['.', ' ']);
        if rest.starts_with('(')
            && let Some(close) = rest.find(')')
        {
            rest = from(rest, close + 1).trim_start();
        }
        rest = rest.strip_prefix("of ").unwrap_or(rest).trim_start();
        self.text.len() - rest.len()
    }

    /// The text with every amount multiplied. `None` when one cannot be written.
    pub(super) fn scaled(&self, factor: Ratio) -> Option<String> {
        if factor == Ratio::ONE {
            return Some(self.text.to_owned());
        }
        if self.is_one {
            return Some(format!(
                "{} × {}",
                write(factor, NumberForm::Whole, Precision::Count)?,
                self.text
            ));
        }
        let mut edits = Vec::new();
        for amount in &self.amounts {
            edits.extend(amount.edits(self.text, factor)?);
        }
        edits.sort_by_key(|(at, _)| at.start);
        let (mut scaled, mut done) = (String::new(), 0);
        for (at, new) in edits {
            scaled.push_str(self.text.get(done..at.start).unwrap_or_default());
            scaled.push_str(&new);
            done = at.end;
        }
        scaled.push_str(from(self.text, done));
        Some(scaled)
    }
}

/// The first amount and those that belong to it: "plus 1 tbsp", "/ 8 oz", "(240 ml)".
fn more(text: &str, first: Amount) -> Vec<Amount> {
    let mut at = first.end;
    let (is_measure, is_counted) = (first.is_measure(), first.unit.is_none());
    let mut amounts = vec![first];
    let mut is_described = false;
    while let Some(next) = from(text, at).chars().next() {
        let rest = from(text, at);
        if next == '(' {
            let inside = rest.split(')').next().unwrap_or_default();
            let is_at_unit = text.get(..at).is_some_and(|before| {
                amounts.first().is_some_and(|first| before.trim_end().len() == first.end)
            });
            let is_total =
                ABOUT.iter().any(|about| inside.get(1..).is_some_and(|i| i.starts_with(about)))
                    && !is_at_unit;
            let is_each = inside.contains("each") || inside.contains("per ");
            if !is_each && (is_total || (is_measure && is_at_unit)) {
                amounts.extend(measures(text, at, at + inside.len()));
            }
            at += inside.len().max(1);
            continue;
        }
        is_described |= next == ',';
        let joint = JOINTS.iter().find(|joint| rest.starts_with(**joint));
        if let Some(joint) = joint
            && (!is_described || matches!(*joint, " plus " | " + " | ", plus "))
            && let Some(amount) = Amount::parse(text, at + joint.len())
            && (amount.is_measure() || (*joint == " or " && is_counted) || amount.unit.is_some())
        {
            at = amount.end.max(at + joint.len());
            amounts.push(amount);
            continue;
        }
        at += next.len_utf8();
    }
    amounts
}

/// The measured amounts between two offsets.
fn measures(text: &str, start: usize, end: usize) -> Vec<Amount> {
    let mut found = Vec::new();
    let mut at = start;
    let mut was_word = false;
    while at < end {
        let Some(next) = from(text, at).chars().next() else { break };
        let begins = !was_word && next.is_numeric();
        let amount = if begins { Amount::parse(text, at) } else { None };
        match amount {
            Some(amount) if amount.is_measure() && amount.end <= end => {
                at = amount.end;
                found.push(amount);
                was_word = true;
            }
            _ => {
                was_word = next.is_alphanumeric() || matches!(next, '.' | ',' | '/');
                at += next.len_utf8();
            }
        }
    }
    found
}

/// An amount at the end of the line: "Butter 100 g", "Eggs: 2", "flour - 200g".
fn trailing(text: &str) -> Option<Amount> {
    let place = |(at, c): (usize, char)| {
        let before = text.get(..at)?.chars().next_back()?;
        (c.is_numeric() && matches!(before, ' ' | ':' | '(' | '-' | '–')).then_some(at)
    };
    // Where the last number begins, which may have two parts: "1 1/2", "2 - 3".
    let mut places: Vec<usize> = text.char_indices().filter_map(place).collect();
    places.reverse();
    places.truncate(3);
    places.reverse();
    places.into_iter().find_map(|start| {
        let amount = Amount::parse(text, start)?;
        let rest = from(text, amount.end).trim_matches([' ', '.', ')', ',']);
        let before = text.get(..start)?.trim_end();
        let is_parted = before.ends_with([':', '-', '–', ',']);
        let is_amount = amount.is_measure() || (is_parted && !amount.is_counted());
        (rest.is_empty() && !before.is_empty() && is_amount).then_some(amount)
    })
}

/// The offset of the text after "about" or "juice of".
fn lead_in(text: &str) -> usize {
    let mut at = 0;
    while let Some(words) = LEAD_INS.iter().find(|words| {
        from(text, at).get(..words.len()).is_some_and(|head| head.eq_ignore_ascii_case(words))
    }) {
        at += words.len();
    }
    at
}

/// Whether the text begins with a unit without a number, which means one: "Pinch of nutmeg".
fn is_one(text: &str) -> bool {
    let (first, end) = word(text, 0);
    words::unit(first).is_some_and(|kind| !kind.is_measure())
        && words::inflected(first, true).is_some_and(|many| many != first)
        && from(text, end).starts_with(" of ")
}

/// Whether the text begins with the size of a single item: "8-ounce package".
fn is_sized(text: &str) -> bool {
    let Some(number) = Quantity::parse(text) else { return false };
    let rest = from(text, number.end());
    rest.starts_with(['-', '‑']) && letter_at(rest, '-'.len_utf8())
}

const ABOUT: &[&str] = &["about ", "approx", "~", "ca.", "ca ", "circa ", "roughly "];
const LEAD_INS: &[&str] = &[
    "about ",
    "approximately ",
    "approx. ",
    "approx ",
    "ca. ",
    "ca ",
    "circa ",
    "roughly ",
    "around ",
    "~",
    "the ",
    "juice of ",
    "zest of ",
    "juice and zest of ",
    "zest and juice of ",
    "finely grated ",
    "grated ",
    "rind of ",
    "at least ",
    "another ",
];
/// Words that join another amount of the same ingredient.
const JOINTS: &[&str] = &[", plus ", " plus ", " + ", " or ", " and ", " / ", "/"];
