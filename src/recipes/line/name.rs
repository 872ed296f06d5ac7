//! What a line says beside its amounts: the name of the ingredient, and notes.

use super::lead_in::lead_in;
use super::roles::OF;
use super::{Amount, Line};
use crate::recipes::languages;
use crate::recipes::scan::from;

impl Line<'_> {
    /// The name of the ingredient; the whole text when it has no amount.
    pub(crate) fn name(&self) -> &str {
        let rest = match self.amounts.first() {
            Some(amount) if self.is_behind_name(amount) => {
                let unit = amount.unit.as_ref().map_or(amount.start, |(at, _)| at.start);
                let before = self.text.get(..amount.start.min(unit)).unwrap_or_default();
                let before = before.trim_end_matches([' ', ':', ',', '(', '×', '-', '–']);
                before.strip_suffix(" x").unwrap_or(before)
            }
            _ => from(&self.text, self.name_start()),
        };
        let end = rest.find([',', '(', ';', ':', '[']).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        name.split(" - ").next().unwrap_or(name).trim_matches([' ', '-', '–', '.', '*'])
    }

    /// Whether nothing is named behind the amount: "Butter: 100 g", "Butter, 90 g: melted".
    fn is_behind_name(&self, amount: &Amount) -> bool {
        let rest = from(&self.text, amount.end).trim_start_matches(['.', ' ']);
        amount.start > lead_in(&self.text)
            && (rest.is_empty() || rest.starts_with([':', ',', ';', ')', '(', ']']))
    }

    /// Whether the amount is behind the name.
    pub(crate) fn is_name_first(&self) -> bool {
        !self.begins_with_amount() && self.amounts.first().is_some_and(|a| self.is_behind_name(a))
    }

    /// What follows the name: ", chopped".
    pub(crate) fn preparation(&self) -> &str {
        let start = if self.is_name_first() { self.text.len() } else { self.name_start() };
        let rest = from(&self.text, start);
        let parts = [",", "(", ";", " - "].iter().filter_map(|part| rest.find(part)).min();
        let before = rest.get(..parts.unwrap_or(rest.len())).unwrap_or_default();
        from(rest, before.trim_end().len())
    }

    pub(crate) fn name_start(&self) -> usize {
        let mut end = self.amounts.first().map_or(0, |amount| amount.end);
        for next in self.amounts.iter().skip(1) {
            // "1 cup plus 2 tablespoons flour" is flour.
            let between =
                self.text.get(end..next.start).unwrap_or_default().trim_matches([' ', '.']);
            if NAMELESS.contains(&between) {
                end = next.end;
            }
        }
        let mut rest = from(&self.text, end);
        rest = rest.trim_start_matches(['.', ' ']);
        if rest.starts_with(['(', '['])
            && let Some(close) = rest.find([')', ']'])
        {
            rest = from(rest, close + 1).trim_start();
        }
        let of = OF.iter().find_map(|of| languages::begins_bare(rest, of));
        rest = from(rest, of.unwrap_or_default()).trim_start();
        self.text.len() - rest.len()
    }

    /// What the line says beside its first amount and its name: "softened", "about 14 oz".
    pub(crate) fn note(&self) -> String {
        let name = self.name_range();
        let Some(amount) = self.amounts.first() else {
            return noted([from(&self.text, name.end)]);
        };
        let quantity = amount.start..amount.start + amount.quantity.end();
        let unit = amount.unit.as_ref().map_or(quantity.end..quantity.end, |(at, _)| at.clone());
        let unit = unit.start..amount.half_end().unwrap_or(unit.end);
        let mut known = [quantity, unit, name];
        known.sort_by_key(|range| range.start);
        let mut parts = Vec::new();
        let mut done = 0;
        for range in known {
            parts.push(self.text.get(done..range.start).unwrap_or_default());
            done = done.max(range.end);
        }
        parts.push(from(&self.text, done));
        noted(parts)
    }

    /// Where the name is in the text.
    fn name_range(&self) -> std::ops::Range<usize> {
        let name = self.name();
        let begins = if self.is_name_first() { 0 } else { self.name_start() };
        let start = from(&self.text, begins).find(name).map_or(begins, |at| begins + at);
        start..start + name.len()
    }
}

/// The parts of a note, without the signs and words that join them to the rest.
fn noted<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let plain = |part: &'a str| {
        let part = part.trim_matches(|c: char| c.is_whitespace() || SIGNS.contains(c));
        let part = ["x ", "a "].iter().find_map(|sign| part.strip_prefix(sign)).unwrap_or(part);
        let is_vague = ABOUT.iter().any(|word| languages::is_word(part, word));
        let is_of = OF.iter().any(|of| part.eq_ignore_ascii_case(of));
        Some(part).filter(|part| !part.is_empty() && *part != "x" && !is_of && !is_vague)
    };
    let note = parts.into_iter().filter_map(plain).collect::<Vec<_>>().join(", ");
    without_open_brackets(note)
}

/// The note without brackets of which the other one is in what was taken away.
fn without_open_brackets(note: String) -> String {
    if !note.contains(['(', ')']) {
        return note;
    }
    let (mut plain, mut open) = (String::with_capacity(note.len()), Vec::new());
    for c in note.chars() {
        match c {
            '(' => open.push(plain.len()),
            ')' if open.pop().is_none() => continue,
            _ => {}
        }
        plain.push(c);
    }
    for at in open.into_iter().rev() {
        plain.remove(at);
    }
    plain
}

const SIGNS: &str = ",;:()[]/|.-–×*";
const ABOUT: [&str; 7] = ["about", "approximately", "approx", "roughly", "around", "ca", "circa"];
/// What may be between two amounts of one ingredient.
const NAMELESS: &[&str] =
    &["plus", "+", "/", "|", "or", "and", "minus", "less", "=", "-", "–", "to", "und", "et"];
