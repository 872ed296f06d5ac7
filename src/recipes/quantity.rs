//! Quantities as people write them, parsed and scaled exactly, and written back in the same style.
//!
//! `1 1/2`, `1½`, `0.25`, `1,5`, `2-3`, `2 to 3`, `half a`. Arithmetic is checked, on exact
//! fractions of `u64`. A text that would overflow is not parsed as a quantity; scaling that would
//! overflow returns `None`.

use super::ratio::Ratio;

/// The largest number that is parsed as a quantity or that scaling may return.
pub const MAX_QUANTITY: u64 = 1_000_000_000;
/// The most digits after the decimal separator. A number with more is treated as text.
const MAX_PLACES: usize = 6;
/// The largest denominator that is parsed.
const MAX_DENOMINATOR: u64 = 1_000;

/// The style in which a number was written, and in which its scaled value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberForm {
    /// `2`
    Whole,
    /// `1,000`
    Grouped,
    /// `1 1/2`
    Fraction,
    /// `1½`
    Glyph,
    /// `1.5`
    Point,
    /// `1,5`
    Comma,
    /// `one`, `half a`
    Word,
}

/// The precision with which amounts of a unit are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Grams, millilitres: few decimals.
    Fine,
    /// Kilograms, litres: decimals.
    Metric,
    /// Cups, spoons, ounces: halves, thirds, quarters, eighths.
    TestApp,
    /// Eggs, cloves, cans: halves, thirds, quarters.
    Count,
}

/// A number that a text begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// The exact value.
    pub value: Ratio,
    /// The style in which it was written.
    pub form: NumberForm,
    /// Its length in the text, in bytes.
    pub end: usize,
}

impl Number {
    /// Parses the number that `text` begins with. Percentages, degrees, clock times and numbers
    /// that are too long or too large return `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number = Self::word(text).or_else(|| Self::figures(text))?;
        let mut rest = text.get(number.end..)?.chars();
        let (next, after) = (rest.next(), rest.next());
        let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let ends_well = match next {
            Some('%' | '°' | 'º') => false,
            Some('/' | '⁄' | ':' | '.' | ',') => !is_digit(after),
            _ => !is_digit(next),
        };
        let fits = number.value <= Ratio::whole(MAX_QUANTITY) && !number.value.is_zero();
        (ends_well && fits).then_some(number)
    }

    fn word(text: &str) -> Option<Self> {
        let (value, length) = WORDS.iter().find_map(|(word, value)| {
            let head = text.get(..word.len())?;
            let ends = text.get(word.len()..)?.chars().next().is_none_or(|c| !c.is_alphanumeric());
            (head.eq_ignore_ascii_case(word) && ends).then_some((*value, word.len()))
        })?;
        let number = Self { value, form: NumberForm::Word, end: length };
        Some(if value.is_whole() { number.with_tail(text) } else { number })
    }

    fn figures(text: &str) -> Option<Self> {
        if let Some((value, end)) = glyph(text) {
            return Some(Self { value, form: NumberForm::Glyph, end });
        }
        let (whole, length) = digits(text).unwrap_or((0, 0));
        let rest = text.get(length..)?;
        if length > 1 && text.starts_with('0') {
            return None;
        }
        if let Some((value, end)) = fraction(text) {
            return Some(Self { value, form: NumberForm::Fraction, end });
        }
        if let Some(decimal) = Self::decimal(whole, length, rest) {
            return Some(decimal);
        }
        let number = Self { value: Ratio::whole(whole), form: NumberForm::Whole, end: length };
        (length > 0).then(|| number.with_tail(text))
    }

    /// Parses what follows the whole part in `1.5`, `1,5` and `1,000`.
    fn decimal(whole: u64, length: usize, rest: &str) -> Option<Self> {
        let sign = rest.chars().next().filter(|c| matches!(c, '.' | ','))?;
        let places = rest.get(1..)?.bytes().take_while(u8::is_ascii_digit).count();
        if places == 0 || places > MAX_PLACES || (length == 0 && sign == ',') {
            return None;
        }
        let (tail, _) = digits(rest.get(1..)?)?;
        let scale = 10u64.checked_pow(u32::try_from(places).ok()?)?;
        let end = length + 1 + places;
        let joined = whole.checked_mul(scale)?.checked_add(tail)?;
        if sign == ',' && places == 3 && whole > 0 && length <= 3 {
            let more = rest.get(1 + places..)?;
            return match Self::decimal(joined, 3, more) {
                Some(longer) if longer.form == NumberForm::Grouped => {
                    Some(Self { end: end - 3 + longer.end, ..longer })
                }
                _ => Some(Self { value: Ratio::whole(joined), form: NumberForm::Grouped, end }),
            };
        }
        let form = if sign == ',' { NumberForm::Comma } else { NumberForm::Point };
        Some(Self { value: Ratio::new(joined, scale)?, form, end })
    }

    /// Adds the fraction that may follow a whole number: `1 1/2`, `1-1/2`, `1½`, `1 and a half`.
    fn with_tail(self, text: &str) -> Self {
        let rest = text.get(self.end..).unwrap_or_default();
        let tail = [("", false), (" ", true), ("-", true), (" and ", true), (" & ", true)]
            .iter()
            .find_map(|(joint, figures)| {
                let after = rest.strip_prefix(joint)?;
                let (value, length, form) = glyph(after)
                    .map(|(value, length)| (value, length, NumberForm::Glyph))
                    .or_else(|| {
                        let (value, length) = fraction(after).filter(|_| *figures)?;
                        Some((value, length, NumberForm::Fraction))
                    })
                    .or_else(|| {
                        let is_half = after.starts_with("a half") && *joint == " and ";
                        is_half.then_some((Ratio::HALF, "a half".len(), NumberForm::Word))
                    })?;
                (value < Ratio::ONE).then_some((value, joint.len() + length, form))
            });
        let with = |(value, length, form)| {
            Some(Self { value: self.value.plus(value)?, form, end: self.end + length })
        };
        tail.and_then(with).unwrap_or(self)
    }
}

/// A number, or a range of two, that a text begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// The number, or the lower end of the range.
    pub low: Number,
    /// The byte offset of the range's upper end, and its number.
    pub high: Option<(usize, Number)>,
}

impl Quantity {
    /// Parses the quantity that `text` begins with.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let low = Number::parse(text)?;
        let rest = text.get(low.end..)?;
        let high = RANGES.iter().find_map(|joint| {
            let number = Number::parse(rest.strip_prefix(joint)?)?;
            (number.value > low.value).then_some((low.end + joint.len(), number))
        });
        Some(Self { low, high })
    }

    /// Its length in the text, in bytes.
    #[must_use]
    pub fn end(&self) -> usize {
        self.high.map_or(self.low.end, |(start, number)| start + number.end)
    }

    /// The number, or the upper end of a range: it decides between singular and plural.
    #[must_use]
    pub fn top(&self) -> Ratio {
        self.high.map_or(self.low.value, |(_, number)| number.value)
    }
}

/// Writes a number as people do: a whole number, a common fraction where the precision allows it,
/// or a rounded decimal. `None` when it is too large, or so small that it would be written as 0.
#[must_use]
pub fn write(value: Ratio, form: NumberForm, grid: Precision) -> Option<String> {
    if value > Ratio::whole(MAX_QUANTITY) {
        return None;
    }
    if let Some(whole) = value.to_whole() {
        return Some(if form == NumberForm::Grouped { grouped(whole) } else { whole.to_string() });
    }
    let (whole, over, parts) = value.parts();
    let is_fraction = match grid {
        _ if matches!(form, NumberForm::Point | NumberForm::Comma) => false,
        Precision::Fine | Precision::Metric
            if matches!(form, NumberForm::Whole | NumberForm::Grouped) =>
        {
            false
        }
        Precision::TestApp => matches!(parts, 2 | 3 | 4 | 8),
        Precision::Fine | Precision::Metric | Precision::Count => matches!(parts, 2..=4),
    };
    if !is_fraction {
        return decimal(value, form, grid);
    }
    let glyph = GLYPHS.iter().find(|(_, n, d)| (*n, *d) == (over, parts));
    Some(match (whole, glyph.filter(|_| form == NumberForm::Glyph)) {
        (0, Some((glyph, ..))) => glyph.to_string(),
        (whole, Some((glyph, ..))) => format!("{whole}{glyph}"),
        (0, None) => format!("{over}/{parts}"),
        (whole, None) => format!("{whole} {over}/{parts}"),
    })
}

/// Writes a decimal: exactly if that is short, else rounded to two or three significant digits.
fn decimal(value: Ratio, form: NumberForm, grid: Precision) -> Option<String> {
    let (_, _, parts) = value.parts();
    let exact = if grid == Precision::Fine { 1 } else { 3 };
    let at_least = |number| value >= Ratio::whole(number);
    let mut places = match grid {
        Precision::Fine if at_least(10) => 0,
        Precision::Fine if at_least(1) => 1,
        Precision::Metric | Precision::TestApp | Precision::Count if at_least(100) => 0,
        Precision::TestApp | Precision::Count if at_least(10) => 1,
        _ => 2,
    };
    if 10u64.pow(exact) % parts == 0 {
        places = exact;
    }
    let mut digits = value.shifted(places)?;
    // Two digits that count, however small it is.
    while digits < 10 && places < 9 && 10u64.pow(places) % parts != 0 {
        places += 1;
        digits = value.shifted(places)?;
    }
    if digits == 0 {
        return None;
    }
    let width = places as usize + 1;
    let text = format!("{digits:0width$}");
    let (whole, tail) = text.split_at_checked(text.len() - places as usize)?;
    let tail = tail.trim_end_matches('0');
    let sign = if form == NumberForm::Comma { "," } else { "." };
    Some(if tail.is_empty() { whole.to_owned() } else { format!("{whole}{sign}{tail}") })
}

fn grouped(number: u64) -> String {
    let text = number.to_string();
    let mut written = String::new();
    for (place, digit) in text.chars().enumerate() {
        if place > 0 && (text.len() - place).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

/// Parses the digits that `text` begins with, at most nine.
fn digits(text: &str) -> Option<(u64, usize)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let value = text.get(..length)?.parse().ok().filter(|_| length <= 9)?;
    Some((value, length))
}

fn glyph(text: &str) -> Option<(Ratio, usize)> {
    let first = text.chars().next()?;
    let (_, numerator, denominator) = GLYPHS.iter().find(|(glyph, ..)| *glyph == first)?;
    Some((Ratio::new(*numerator, *denominator)?, first.len_utf8()))
}

/// Parses `3/4`, also with the fraction slash U+2044.
fn fraction(text: &str) -> Option<(Ratio, usize)> {
    let (numerator, length) = digits(text)?;
    let rest = text.get(length..)?;
    let slash = rest.chars().next().filter(|c| matches!(c, '/' | '⁄'))?;
    let (denominator, second) = digits(rest.get(slash.len_utf8()..)?)?;
    let value = Ratio::new(numerator, denominator).filter(|_| denominator <= MAX_DENOMINATOR)?;
    Some((value, length + slash.len_utf8() + second))
}

/// The separators of a range.
const RANGES: &[&str] =
    &["-", "–", "—", " - ", " – ", " — ", " to ", " or ", "- ", "– ", " -", " –", "‐", "‑", "−"];
const GLYPHS: &[(char, u64, u64)] = &[
    ('½', 1, 2),
    ('⅓', 1, 3),
    ('⅔', 2, 3),
    ('¼', 1, 4),
    ('¾', 3, 4),
    ('⅛', 1, 8),
    ('⅜', 3, 8),
    ('⅝', 5, 8),
    ('⅞', 7, 8),
    ('⅕', 1, 5),
    ('⅖', 2, 5),
    ('⅗', 3, 5),
    ('⅘', 4, 5),
    ('⅙', 1, 6),
    ('⅚', 5, 6),
];
/// Of two words with a common beginning, the longer comes first.
const WORDS: &[(&str, Ratio)] = &[
    ("half an", Ratio::HALF),
    ("half a", Ratio::HALF),
    ("half", Ratio::HALF),
    ("one", Ratio::ONE),
    ("two", Ratio::whole(2)),
    ("three", Ratio::whole(3)),
    ("four", Ratio::whole(4)),
    ("five", Ratio::whole(5)),
    ("six", Ratio::whole(6)),
    ("seven", Ratio::whole(7)),
    ("eight", Ratio::whole(8)),
    ("nine", Ratio::whole(9)),
    ("ten", Ratio::whole(10)),
    ("eleven", Ratio::whole(11)),
    ("twelve", Ratio::whole(12)),
];

#[cfg(test)]
mod tests;
