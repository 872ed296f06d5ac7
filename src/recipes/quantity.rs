//! Quantities as people write them, parsed and scaled exactly, and written back in the same style.
//!
//! `1 1/2`, `1½`, `0.25`, `1,5`, `2-3`, `2 to 3`, `half a`. Arithmetic is checked, on exact
//! fractions of `u64`. A text that would overflow is not parsed as a quantity; scaling that would
//! overflow returns `None`.

use std::sync::LazyLock;

use super::languages::{self, Phrases};
use super::ratio::Ratio;
use super::units::{self, UnitKind};

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
    /// `1.000`, where that is a thousand.
    PointGrouped,
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
            Some('%' | '°' | 'º' | '€' | '$' | '£') => false,
            Some(' ') => !matches!(after, Some('€' | '£')),
            Some('/' | '⁄' | ':' | '.' | ',') => !is_digit(after),
            _ => !is_digit(next),
        };
        let fits = number.value <= Ratio::whole(MAX_QUANTITY) && !number.value.is_zero();
        (ends_well && fits).then_some(number)
    }

    fn word(text: &str) -> Option<Self> {
        let is_cream = |head: &str| head.eq_ignore_ascii_case("half and half");
        if text.get(.."half and half".len()).is_some_and(is_cream) {
            return None;
        }
        let (mut length, mut value) = WORDS.find(text)?;
        // "twenty-four"
        let is_tens = [20, 30, 40, 50, 60, 70, 80, 90].map(Ratio::whole).contains(&value);
        let unit = text.get(length..).and_then(|rest| WORDS.find(rest.strip_prefix('-')?));
        if let Some((end, more)) = unit.filter(|(_, more)| is_tens && *more < Ratio::whole(10)) {
            (length, value) = (length + 1 + end, value.plus(more)?);
        }
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
        if let Some(parted) = Self::grouped(text).or_else(|| Self::decimal(whole, length, rest)) {
            return Some(parted);
        }
        let number = Self { value: Ratio::whole(whole), form: NumberForm::Whole, end: length };
        (length > 0).then(|| number.with_tail(text))
    }

    /// Parses `1,000` and `1.000` where that is a thousand: see [`is_thousands`]. `1'000` and `1 000`
    /// always are.
    fn grouped(text: &str) -> Option<Self> {
        let (mut value, mut end) = digits(text).filter(|(value, end)| *value > 0 && *end <= 3)?;
        let sign = text.get(end..)?.chars().next()?;
        if !matches!(sign, '.' | ',' | '\'' | '’' | ' ') {
            return None;
        }
        let mut groups = 0;
        while let Some((group, 3)) =
            text.get(end..).and_then(|rest| rest.strip_prefix(sign)).and_then(digits)
            // "1 400 g tin" is one tin.
            && (sign != ' ' || group == 0)
        {
            value = value.checked_mul(1_000)?.checked_add(group)?;
            end += sign.len_utf8() + 3;
            groups += 1;
        }
        let is_it = groups > 1 || (groups == 1 && is_thousands(sign, text.get(end..)?));
        let form = match sign {
            ',' => NumberForm::Grouped,
            '.' => NumberForm::PointGrouped,
            _ => NumberForm::Whole,
        };
        is_it.then_some(Self { value: Ratio::whole(value), form, end })
    }

    /// Parses what follows the whole part in `1.5` and `1,5`.
    fn decimal(whole: u64, length: usize, rest: &str) -> Option<Self> {
        let sign = rest.chars().next().filter(|c| matches!(c, '.' | ','))?;
        let places = rest.get(1..)?.bytes().take_while(u8::is_ascii_digit).count();
        if places == 0 || places > MAX_PLACES || (length == 0 && sign == ',') {
            return None;
        }
        let (tail, _) = digits(rest.get(1..)?)?;
        let scale = 10u64.checked_pow(u32::try_from(places).ok()?)?;
        let joined = whole.checked_mul(scale)?.checked_add(tail)?;
        let form = if sign == ',' { NumberForm::Comma } else { NumberForm::Point };
        Some(Self { value: Ratio::new(joined, scale)?, form, end: length + 1 + places })
    }

    /// Adds the fraction that may follow a whole number: `1 1/2`, `1-1/2`, `1½`, `1 and a half`.
    fn with_tail(self, text: &str) -> Self {
        let rest = text.get(self.end..).unwrap_or_default();
        if rest.starts_with(|c: char| c.is_ascii() && !matches!(c, ' ' | '-')) {
            return self;
        }
        let tail = FRACTION_JOINTS
            .iter()
            .find_map(|(joint, figures)| {
                let after = rest.strip_prefix(joint)?;
                let (value, length, form) = glyph(after)
                    .map(|(value, length)| (value, length, NumberForm::Glyph))
                    .or_else(|| {
                        let (value, length) = fraction(after).filter(|_| *figures)?;
                        Some((value, length, NumberForm::Fraction))
                    })?;
                (value < Ratio::ONE).then_some((value, joint.len() + length, form))
            })
            .or_else(|| {
                let behind = rest.strip_prefix(' ')?;
                let length = half(behind)?;
                Some((Ratio::HALF, length + 1, NumberForm::Word))
            })
            .or_else(|| part_in_words(rest));
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
        let high = range_end(rest).and_then(|length| {
            let number = Number::parse(rest.get(length..)?)?;
            (number.value > low.value).then_some((low.end + length, number))
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

/// Whether three digits after a comma or a point are thousands: "1,250 g" and "1.250 g" are, and
/// "1,250 kg" and "1.250 kg" are not. Without a unit a comma parts thousands, and a point does not.
fn is_thousands(sign: char, behind: &str) -> bool {
    if !matches!(sign, '.' | ',') {
        return true;
    }
    // Of a range, the unit is behind its upper end. It is near.
    let end = behind.char_indices().nth(48).map_or(behind.len(), |(end, _)| end);
    let behind = behind.get(..end).unwrap_or_default();
    let rest = behind.trim_start_matches(|c: char| !c.is_alphabetic() && c != '(');
    let rest = rest.strip_prefix("to ").unwrap_or(rest);
    let rest = rest.trim_start_matches(|c: char| !c.is_alphabetic() && c != '(');
    let skipped = behind.len() - rest.len();
    let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
    let name = rest.get(..end).filter(|_| skipped < 24).unwrap_or_default();
    match units::unit(name) {
        Some(UnitKind::Fine) => true,
        Some(UnitKind::Metric) => false,
        Some(UnitKind::Kitchen) => sign == ',' && units::is_english(name),
        Some(UnitKind::Piece | UnitKind::Package) | None => sign == ',',
    }
}

/// Parses the digits that `text` begins with, at most nine.
fn digits(text: &str) -> Option<(u64, usize)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let value = text.get(..length)?.parse().ok().filter(|_| length <= 9)?;
    Some((value, length))
}

fn glyph(text: &str) -> Option<(Ratio, usize)> {
    let first = text.chars().next().filter(|first| !first.is_ascii())?;
    let (_, numerator, denominator) = GLYPHS.iter().find(|(glyph, ..)| *glyph == first)?;
    Some((Ratio::new(*numerator, *denominator)?, first.len_utf8()))
}

/// Parses `3/4`, also with the fraction slash U+2044.
fn fraction(text: &str) -> Option<(Ratio, usize)> {
    let (numerator, length) = digits(text)?;
    let rest = text.get(length..)?;
    let slash = rest.chars().next().filter(|c| matches!(c, '/' | '⁄'))?;
    let (denominator, second) = digits(rest.get(slash.len_utf8()..)?)?;
    // A page's raised figures are copied so: "11/2" is rather 1 1/2.
    let is_glued = numerator > 10 && numerator > denominator && denominator < 10;
    let is_read = denominator <= MAX_DENOMINATOR && !is_glued;
    let value = Ratio::new(numerator, denominator).filter(|_| is_read)?;
    Some((value, length + slash.len_utf8() + second))
}

/// A fraction behind a whole number that is said in words: " and three-quarters", its value and its
/// length. "1 and half a lemon" is no such number.
fn part_in_words(text: &str) -> Option<(Ratio, usize, NumberForm)> {
    let (joint, _) = FRACTION_JOINTS
        .iter()
        .find(|(joint, _)| joint.trim().len() + 1 < joint.len() && text.starts_with(joint))?;
    let behind = text.get(joint.len()..)?;
    let (length, value) = WORDS.find(behind)?;
    let words = behind.get(..length)?;
    let is_part = value < Ratio::ONE && !words.ends_with(" a") && !words.ends_with(" an");
    is_part.then_some((value, joint.len() + length, NumberForm::Word))
}

/// The length of "and a half" at the beginning of a text.
pub(super) fn half(text: &str) -> Option<usize> {
    HALVES.length(text)
}

/// The length of the separator of a range that `text` begins with: " - ", " to ".
fn range_end(text: &str) -> Option<usize> {
    let plain = text.trim_start_matches(' ');
    let space = text.len() - plain.len();
    let word = (space > 0).then(|| RANGES.length(plain));
    let sign = |text: &str| text.starts_with(RANGE_SIGNS).then(|| text.chars().next());
    let end = match (word.flatten(), sign(plain).flatten()) {
        (Some(length), _) => length,
        // "2- to 3"
        (None, Some(sign)) => {
            let behind = plain.strip_prefix(sign)?;
            sign.len_utf8() + if behind.starts_with(" to ") { " to".len() } else { 0 }
        }
        (None, None) => return None,
    };
    let behind = plain.get(end..)?;
    let gap = behind.len() - behind.trim_start_matches(' ').len();
    (space < 3 && gap < 3).then_some(space + end + gap)
}

/// The signs between the ends of a range.
const RANGE_SIGNS: [char; 8] = ['-', '–', '—', '‐', '‑', '−', '~', '〜'];
/// The words between the ends of a range.
static RANGES: LazyLock<Phrases> = LazyLock::new(|| languages::table(|language| language.ranges));
/// What joins a whole number and a fraction, and whether that may have figures: `1½`, but `11/2`.
const FRACTION_JOINTS: [(&str, bool); 10] = [
    ("", false),
    (" ", true),
    ("-", true),
    (" and ", true),
    (" & ", true),
    (" et ", true),
    (" und ", true),
    (" y ", true),
    (" e ", true),
    ("と", true),
];
/// "and a half".
static HALVES: LazyLock<Phrases> = LazyLock::new(|| languages::table(|language| language.halves));
pub(super) const GLYPHS: &[(char, u64, u64)] = &[
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
    ('⅐', 1, 7),
    ('⅑', 1, 9),
    ('⅒', 1, 10),
];
/// Numbers as words.
static WORDS: LazyLock<Phrases<Ratio>> = LazyLock::new(|| {
    let value = |entry: &'static str| {
        let (word, value) = entry.rsplit_once(' ')?;
        let (over, parts) = value.split_once('/').unwrap_or((value, "1"));
        Some((word, Ratio::new(over.parse().ok()?, parts.parse().ok()?)?))
    };
    Phrases::new(languages::all(|language| language.numbers).into_iter().filter_map(value))
});

#[cfg(test)]
mod tests;
