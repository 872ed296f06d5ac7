//! The amounts in a line of text, and the line with all of them multiplied.

mod each;
mod lead_in;
mod name;
mod plain;
mod roles;
mod said;
mod unscaled;

use std::borrow::Cow;

pub(super) use self::lead_in::lead_in;
pub(super) use self::plain::plain;
use self::roles::{NumberContext, NumberRole};
use super::amount::{Amount, Edit, article, edited, inflected};
use super::languages::evidence::LanguageEvidence;
use super::languages::{self, ENGLISH, FRENCH};
use super::quantity::{Number, NumberForm};
use super::ratio::Ratio;
use super::scan::{self, from};
use super::size;
use super::units::{self, Precision};
use super::words;
use super::written::write;

/// A parsed line. Its first amount is the one that measures the ingredient.
///
/// Every number of the line is one of the amounts, or a number that scaling does not change, such as
/// a size, a percentage or a time. If it is neither, the line is in doubt, and is not scaled.
#[derive(Debug)]
pub(super) struct Line<'a> {
    text: Cow<'a, str>,
    pub(super) amounts: Vec<Amount>,
    /// The line means one item without a number: "8-ounce package".
    is_one: bool,
    is_in_doubt: bool,
}

impl<'a> Line<'a> {
    /// Parses all amounts of an ingredient line. The work is linear in the text.
    pub(super) fn parse(text: &'a str) -> Self {
        Self::read(text, LineKind::Ingredient)
    }

    /// Parses only the amount that the line begins with.
    pub(super) fn begun(text: &'a str) -> Self {
        Self::read(text, LineKind::Beginning)
    }

    /// Parses what a recipe makes: "Serves 4", "2 pizzas (8 slices)". Every number but a size is an
    /// amount.
    pub(super) fn of_yield(text: &'a str) -> Self {
        Self::read(text, LineKind::Yield)
    }

    fn read(text: &'a str, kind: LineKind) -> Self {
        let text = plain(text);
        let mut reader = NumberReader {
            text: &text,
            is_yield: kind == LineKind::Yield,
            ..NumberReader::default()
        };
        let start = lead_in(&text);
        let one = size::of_one(&text, start);
        let is_kept = from(&text, start).starts_with(char::is_numeric)
            && size::area(&text, start).is_none()
            && unscaled::unscaled(&text, start).is_some();
        let first = Amount::parse(&text, start).filter(|_| !is_kept);
        let first = first.or_else(|| Amount::of_one(&text, start));
        match first {
            Some(first) => reader.take(first),
            None => {
                // "une demi-gousse" is half of one that is not known.
                let half = Number::parse(from(&text, start)).filter(|it| !it.value.is_whole());
                let words = half.and_then(|half| text.get(start..start + half.end));
                let is_half = words.is_some_and(|words| {
                    words.contains(' ') && from(&text, start + words.len()).starts_with('-')
                });
                reader.is_in_doubt = is_half;
                reader.done = one.unwrap_or(0);
            }
        }
        if one.is_none() && kind != LineKind::Beginning {
            reader.read();
        }
        let NumberReader { amounts, mut is_in_doubt, .. } = reader;
        if one.is_none() && kind == LineKind::Ingredient {
            let is_read = amounts.first().is_some_and(|first| first.start <= start);
            is_in_doubt |= amounts.first().is_some_and(|first| said::may_be_range(&text, first));
            is_in_doubt |= (!is_read && said::one_at(&text, start))
                || (amounts.is_empty() && said::one_of(&text));
        }
        Self { is_one: one.is_some(), amounts, is_in_doubt, text }
    }

    /// Whether a text contains an amount by weight, volume or spoon.
    pub(super) fn measured_in(text: &str) -> bool {
        let mut was_word = false;
        text.char_indices().any(|(at, next)| {
            let begins = !was_word && next.is_numeric();
            was_word = next.is_alphanumeric() || matches!(next, '.' | ',' | '/');
            begins && Amount::parse(text, at).is_some_and(|amount| amount.is_measure())
        })
    }

    /// Whether there is a number of which it is not clear what it means, so that the line cannot be
    /// scaled.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.is_in_doubt
    }

    /// The length that a line begins with, if it has no amount: `1" ginger` is an inch of it. With it
    /// come the name of its unit and its end. That of a piece is a size: "5 cm piece".
    pub(super) fn length(&self) -> Option<(Ratio, &'static str, usize)> {
        let start = lead_in(&self.text);
        let number = Number::parse(from(&self.text, start)).filter(|_| self.amounts.is_empty())?;
        let (unit, end) = size::length_behind(&self.text, start + number.end)?;
        let is_size = scan::unit(&self.text, end).is_some();
        (!is_size && !from(&self.text, end).trim().is_empty()).then_some((number.value, unit, end))
    }

    /// Whether scaling changes the line.
    pub(super) fn is_scalable(&self) -> bool {
        !self.is_in_doubt && (self.is_one || !self.amounts.is_empty())
    }

    /// The line, with the characters that keyboards have.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The unit of an amount, as written.
    pub(super) fn unit_text(&self, index: usize) -> Option<&str> {
        let (at, _) = self.amounts.get(index)?.unit.as_ref()?;
        self.text.get(at.clone())
    }

    /// The name for programs of the unit of an amount.
    pub(super) fn unit_name(&self, index: usize) -> Option<String> {
        let written = self.unit_text(index)?;
        // "1 cc de sel" is a small spoon, and "200cc" are millilitres: nothing is converted by it.
        if written.eq_ignore_ascii_case("cc") {
            let is_french = LanguageEvidence::of(&self.text).is_rather(&FRENCH, &ENGLISH);
            return Some(if is_french { "cc" } else { "ml" }.to_owned());
        }
        let one = inflected(written, false, &self.text);
        Some(units::name(one.as_deref().unwrap_or(written)))
    }

    /// The quantity of an amount, as written.
    pub(super) fn amount_text(&self, index: usize) -> Option<&str> {
        let amount = self.amounts.get(index)?;
        self.text.get(amount.start..amount.start + amount.quantity.end())
    }

    /// What an amount counts, up to the next sign: "cookies" of "24 cookies, small".
    pub(super) fn counted(&self, index: usize) -> &str {
        let Some(amount) = self.amounts.get(index) else { return "" };
        let start = amount.unit.as_ref().map_or(amount.end, |(at, _)| at.start);
        let rest = from(&self.text, start);
        let end = rest.find([',', '(', ')', ';', '|', '/']).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default().trim()
    }

    /// The word before an amount, without "about".
    pub(super) fn said_before(&self, index: usize) -> &str {
        let start = self.amounts.get(index).map_or(0, |amount| amount.start);
        let before = self.text.get(..start).unwrap_or_default();
        let before = roles::without_about(before).trim_end_matches([':', ' ']);
        before.rsplit([' ', ',', '(']).next().unwrap_or_default()
    }

    /// Whether the line begins with its amount.
    pub(super) fn begins_with_amount(&self) -> bool {
        let first = self.amounts.first();
        self.is_one || first.is_some_and(|amount| amount.start <= lead_in(&self.text))
    }

    /// How much of the other line's first unit is one of this line's. `None` when that is not known.
    pub(super) fn units_in(&self, other: &Line<'_>) -> Option<Ratio> {
        let (Some(mine), Some(now)) = (self.unit_text(0), other.unit_text(0)) else {
            let is_counted = other.amounts.first().is_some_and(|amount| !amount.is_measure());
            return (self.unit_text(0).is_none() && is_counted).then_some(Ratio::ONE);
        };
        if words::folded(mine) == words::folded(now) {
            return Some(Ratio::ONE);
        }
        let ((family, mine), (same, now)) = (units::size(mine)?, units::size(now)?);
        Ratio::new(mine, now).filter(|_| family == same)
    }

    /// The first amount, as written.
    pub(super) fn first_text(&self) -> &str {
        let Some(amount) = self.amounts.first() else { return "" };
        self.text.get(amount.start..amount.end).unwrap_or_default()
    }

    /// The text with every amount multiplied; unchanged if the line is in doubt. `None` when an
    /// amount cannot be written.
    pub(super) fn scaled(&self, factor: Ratio) -> Option<String> {
        if factor == Ratio::ONE || self.is_in_doubt {
            return Some(self.text.clone().into_owned());
        }
        if self.is_one {
            let times = write(factor, NumberForm::Whole, Precision::Count)?;
            // "20 x 30 cm sheet"
            let sign = if self.text.contains(" x ") { '×' } else { 'x' };
            return Some(format!("{times} {sign} {}", self.text));
        }
        let mut edits: Vec<Edit> = Vec::new();
        for amount in &self.amounts {
            edits.extend(amount.edits(&self.text, factor)?);
        }
        Some(edited(&self.text, edits))
    }
}

/// What is read of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LineKind {
    /// All of an ingredient.
    Ingredient,
    /// The amount that an ingredient begins with.
    Beginning,
    /// All of a yield.
    Yield,
}

/// Finds the numbers of a line, one after the other.
#[derive(Default)]
struct NumberReader<'a> {
    text: &'a str,
    /// Whether the line is a yield, and no ingredient.
    is_yield: bool,
    amounts: Vec<Amount>,
    is_in_doubt: bool,
    /// The end of the last number that was understood.
    done: usize,
    /// The end of the last number that is the size of an item.
    size_end: usize,
}

impl NumberReader<'_> {
    fn take(&mut self, amount: Amount) {
        self.done = amount.end;
        self.amounts.push(amount);
    }

    fn read(&mut self) {
        let mut was_word = false;
        let mut bracket = None;
        let mut at = self.done;
        let mut numbers = 0;
        while let Some(next) = from(self.text, at).chars().next() {
            match next {
                '(' | '[' => bracket = Some(at),
                ')' | ']' => bracket = None,
                _ => {}
            }
            let begins = !was_word || roles::times_before(self.text, at);
            // Chinese and Japanese have no space before a number: "玉ねぎ1個".
            was_word = next.is_alphanumeric() && !languages::is_ideographic(next);
            if (next.is_numeric() && (begins || self.is_behind_unit(at)))
                || (begins && is_number_word(self.text, at))
            {
                at = self.number(at, bracket);
                was_word = true;
                numbers += 1;
                if numbers > MAX_NUMBERS {
                    self.is_in_doubt = true;
                    return;
                }
            } else if begins && may_be_amount(self.text, at) && self.is_led_to(at, bracket) {
                // "plus half a lemon", "or a teaspoon", "Garnish: a handful of dill"
                match Amount::parse(self.text, at) {
                    Some(amount) => {
                        at = amount.end;
                        self.take(amount);
                    }
                    None => {
                        // "or an onion if you like"
                        self.is_in_doubt |= scan::noun(self.text, at).is_some()
                            && article(from(self.text, at)).is_some();
                        at += next.len_utf8();
                    }
                }
            } else {
                at += next.len_utf8();
            }
        }
    }

    /// Whether a unit that is written before its number ends at `at`.
    fn is_behind_unit(&self, at: usize) -> bool {
        units::before(self.text.get(..at).unwrap_or_default()).is_some()
    }

    fn context(&self, at: usize, bracket: Option<usize>) -> NumberContext<'_> {
        let is_after_size = self.size_end == self.done;
        NumberContext {
            text: self.text,
            amounts: &self.amounts,
            done: self.done,
            is_after_size,
            is_yield: self.is_yield,
            at,
            bracket,
        }
    }

    /// Whether what is before an article says that an amount follows.
    fn is_led_to(&self, at: usize, bracket: Option<usize>) -> bool {
        let before = self.text.get(..at).unwrap_or_default();
        if self.amounts.is_empty() {
            return !self.is_yield && before.trim_end().ends_with(':');
        }
        self.context(at, bracket).is_after_joint()
    }

    /// Reads the number at `at`. Returns its end.
    fn number(&mut self, at: usize, bracket: Option<usize>) -> usize {
        if let Some(end) = unscaled::unscaled(self.text, at) {
            self.done = end;
            return end;
        }
        let amount =
            Amount::with_unit_before(self.text, at).or_else(|| Amount::parse(self.text, at));
        let role = self.context(at, bracket).role(amount.as_ref());
        let end = match &amount {
            Some(amount) => amount.end,
            None => size::of_one(self.text, at).unwrap_or_else(|| unscaled::digits(self.text, at)),
        };
        match (role, amount) {
            (NumberRole::Scaled, Some(amount)) if !roles::is_cut_off(self.text, at) => {
                self.take(amount)
            }
            (NumberRole::Kept, _) => (self.done, self.size_end) = (end, end),
            _ => {
                self.is_in_doubt = true;
                self.done = end;
            }
        }
        end.max(at + 1)
    }
}

/// The most numbers of a line that are read. With more, the line is in doubt.
const MAX_NUMBERS: usize = 24;

/// Whether a word at `at` may begin an amount: "a", "half".
fn may_be_amount(text: &str, at: usize) -> bool {
    let rest = from(text, at);
    // "1 cup half and half"
    let before = ["half and ", "half & "].iter().filter_map(|half| at.checked_sub(half.len()));
    let is_cream = |start| {
        let halves = scan::near(text, start).to_lowercase();
        halves.starts_with("half and half") || halves.starts_with("half & half")
    };
    if rest.starts_with(['h', 'H']) && before.into_iter().any(is_cream) {
        return false;
    }
    article(rest).is_some() || Number::parse(rest).is_some()
}

/// Whether a word at `at` is a whole number: "two" is, and in "two-day-old" it is not. The Japanese
/// half is a number before a counter, as in "豆腐 半丁".
fn is_number_word(text: &str, at: usize) -> bool {
    let rest = from(text, at);
    let number = Number::parse(rest).filter(|number| number.form == NumberForm::Word);
    number.is_some_and(|number| {
        let behind = from(rest, number.end);
        let is_joined = behind.starts_with(['-', '‑']) && !behind.starts_with("- ");
        let is_half = rest.starts_with('半')
            && (rest.trim_end() == "半分" || scan::unit(text, at + number.end).is_some());
        is_half || (number.value.is_whole() && !is_joined)
    })
}

#[cfg(test)]
mod tests;
