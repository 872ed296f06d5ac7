//! Amounts in a text: a quantity, optionally the size of one item, optionally a unit.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use super::languages::{self, Phrases, is_ideographic};
use super::quantity::{self, Number, NumberForm, Quantity};
use super::ratio::Ratio;
use super::scan::{from, letter_at, noun, unit, word};
use super::size;
use super::units::{self, Precision, UnitFamily, UnitKind};
use super::words;
use super::written::write;

/// An amount in a line. Positions are byte offsets in the line.
#[derive(Debug)]
pub(super) struct Amount {
    pub(super) start: usize,
    pub(super) quantity: Quantity,
    /// The unit and its position.
    pub(super) unit: Option<(Range<usize>, UnitKind)>,
    /// The position of the counted noun, if it is a known one.
    noun: Option<Range<usize>>,
    /// The smaller part of a sum, such as the ounces of "3 lb 6 oz".
    smaller: Option<Smaller>,
    /// "and a half" behind the unit, which is part of the quantity.
    half: Option<Range<usize>>,
    /// The end of the quantity, its size and its unit.
    pub(super) end: usize,
}

/// The second part of "3 lb 6 oz".
#[derive(Debug)]
struct Smaller {
    start: usize,
    number: Number,
    unit: Range<usize>,
    kind: UnitKind,
    /// How many of them are one of the larger unit.
    per: Ratio,
    /// Whether that is so everywhere: a British pint has other fluid ounces than an American one.
    is_carried: bool,
}

/// Sizes of units in teaspoons.
const FLUID_OUNCE: u64 = 6;
const CUP: u64 = 48;

/// A replacement of a part of the line.
pub(super) type Edit = (Range<usize>, String);

impl Amount {
    /// Parses the amount at `start`.
    pub(super) fn parse(text: &str, start: usize) -> Option<Self> {
        let counted = size::counted(text, start);
        let (mut quantity, mut length) = quantity_at(text, start)?;
        if let Some((end, _)) = counted {
            (quantity.high, length) = (None, end - start);
        }
        // "1/2 a lemon", and not the Italian range "1/2 a 1"
        let article = [" a ", " an ", " of a ", " of an "].iter().find(|a| {
            let behind = from(text, start + length).strip_prefix(**a);
            behind.is_some_and(|rest| !rest.starts_with(char::is_numeric))
        });
        let article = article.filter(|_| !quantity.low.value.is_whole());
        let length = length + article.map_or(0, |article| article.len() - 1);
        if quantity.high.is_none() {
            quantity.low.end = length;
        }
        let mut end = start + length;
        // The size of the only item: "400g tin", "8-ounce package".
        if size::of_one(text, start).is_some() {
            return None;
        }
        // "half-and-half", "3½- to 4-pound"
        let is_word = |rest: &str| {
            let behind = rest.strip_prefix(['-', '‑']);
            behind.is_some_and(|rest| rest.starts_with(|c: char| c.is_alphabetic() || c == ' '))
        };
        // "1st batch"
        let is_first = from(text, end).starts_with("st") && text.get(start..end) == Some("1");
        let sized = counted.map(|(_, end)| end).or_else(|| times(text, end));
        if let Some(after) = sized.or_else(|| size::each(text, end)) {
            end = after;
        } else if is_first
            || is_word(from(text, end))
            || (letter_at(text, end) && unit(text, end).is_none())
        {
            return None;
        }
        let mut unit = unit(text, end);
        let mut at = end;
        for _ in 0..2 {
            let (word, after) = word(text, at);
            if unit.is_none() && is_adjective(word) {
                unit = self::unit(text, after);
                at = after;
            }
        }
        let noun = if unit.is_none() { noun(text, end) } else { None };
        let end = unit.as_ref().map_or(end, |(at, _)| at.end);
        let mut amount = Self { start, quantity, unit, noun, smaller: None, half: None, end };
        amount.smaller = amount.smaller(text);
        amount.end = amount.smaller.as_ref().map_or(end, |smaller| smaller.unit.end);
        amount.add_half(text);
        Some(amount)
    }

    /// Parses an amount whose unit is before its number: "大さじ2".
    pub(super) fn with_unit_before(text: &str, start: usize) -> Option<Self> {
        let (length, kind) = units::before(text.get(..start)?)?;
        let quantity = Quantity::parse(from(text, start))?;
        let unit = Some((start - length..start, kind));
        let end = start + quantity.end();
        // "大さじ1杯"
        let end = end + if from(text, end).starts_with('杯') { '杯'.len_utf8() } else { 0 };
        let mut amount = Self { start, quantity, unit, noun: None, smaller: None, half: None, end };
        amount.add_half(text);
        Some(amount)
    }

    /// One of a unit that has no number: "Pinch of nutmeg".
    pub(super) fn of_one(text: &str, start: usize) -> Option<Self> {
        let (mut first, mut end) = word(text, start);
        // "small handful of mint"
        if units::unit(first).is_none() && is_adjective(first) {
            (first, end) = word(text, end);
        }
        let kind = units::unit(first)?;
        let is_single = words::inflected(first, true, text).is_none_or(|many| many != first);
        let is_of = from(text, end).starts_with(" of ") && is_single;
        // "heaped tbsp cocoa"
        let before = text.get(..start).unwrap_or_default();
        let is_heaped = is_single && before.split(' ').any(is_adjective);
        let is_said = ONES.contains(&&*first.to_lowercase()) || is_heaped;
        // "taza y media de arroz"
        let behind = from(text, end).strip_prefix(' ');
        let is_half = is_single && behind.and_then(quantity::half).is_some();
        let is_one = (is_said || is_half) && behind.is_some();
        let low = Number { value: Ratio::ONE, form: NumberForm::Word, end: 0 };
        let unit = Some((end - first.len()..end, kind));
        let quantity = Quantity { low, high: None };
        let mut amount = Self { start, quantity, unit, noun: None, smaller: None, half: None, end };
        amount.add_half(text);
        (is_of || is_one).then_some(amount)
    }

    /// Adds the half that is said behind the unit: "2 cups and a half of milk".
    fn add_half(&mut self, text: &str) {
        let low = self.quantity.low.value;
        let is_plain = self.unit.is_some() && self.smaller.is_none() && low.is_whole();
        let rest = from(text, self.end);
        // Japanese has no space there: "1カップ半".
        let behind = rest.trim_start_matches(' ');
        let is_apart = behind.len() + 1 == rest.len() || rest.starts_with(is_ideographic);
        let length = quantity::half(behind).filter(|_| is_plain && is_apart);
        // "1 tsp salt", "1 bunch and a half lemon".
        let end = length.map(|length| text.len() - behind.len() + length);
        // "1 cup and a half teaspoon"
        let is_alone = |end: usize| noun(text, end).is_none() && unit(text, end).is_none();
        let end = end.filter(|end| self.quantity.high.is_none() && is_alone(*end));
        if let Some((end, value)) = end.zip(low.plus(Ratio::HALF)) {
            self.half = Some(self.end..end);
            self.quantity.low.value = value;
            self.end = end;
        }
    }

    fn smaller(&self, text: &str) -> Option<Smaller> {
        let (at, _) = self.unit.as_ref().filter(|_| self.quantity.high.is_none())?;
        let rest = from(text, at.end);
        let start = text.len() - rest.strip_prefix('.').unwrap_or(rest).trim_start().len();
        let number = Number::parse(from(text, start))?;
        let (unit, kind) = unit(text, start + number.end)?;
        let (family, large) = units::size(text.get(at.clone())?)?;
        let (other, small) = units::size(text.get(unit.clone())?)?;
        let per = Ratio::new(large, small).filter(|per| family == other && *per > Ratio::ONE)?;
        let is_carried = !(small == FLUID_OUNCE && large > CUP);
        Some(Smaller { start, number, unit, kind, per, is_carried })
    }

    /// The end of "and a half" behind the unit.
    pub(super) fn half_end(&self) -> Option<usize> {
        self.half.as_ref().map(|half| half.end)
    }

    fn kind(&self) -> Option<UnitKind> {
        self.unit.as_ref().map(|(_, kind)| *kind)
    }

    pub(super) fn is_measure(&self) -> bool {
        self.kind().is_some_and(UnitKind::is_measure)
    }

    pub(super) fn is_package(&self) -> bool {
        self.kind() == Some(UnitKind::Package)
    }

    pub(super) fn is_counted(&self) -> bool {
        self.noun.is_some()
    }

    /// Whether it is a sum of two units.
    pub(super) fn is_sum(&self) -> bool {
        self.smaller.is_some()
    }

    /// The amount in the smallest unit of its family, and the upper end of a range.
    pub(super) fn measured(&self, text: &str) -> Option<(UnitFamily, Ratio, Option<Ratio>)> {
        let (at, _) = self.unit.as_ref()?;
        let (family, size) = units::size(text.get(at.clone())?)?;
        let size = Ratio::whole(size);
        let mut low = self.quantity.low.value.times(size)?;
        if let Some(smaller) = &self.smaller {
            low = low.plus(smaller.number.value.times(size.over(smaller.per)?)?)?;
        }
        let high = match self.quantity.high {
            Some((_, high)) => Some(high.value.times(size)?),
            None => None,
        };
        Some((family, low, high))
    }

    /// Where the amount is in the line, its unit and the unit's full stop included.
    pub(super) fn whole_range(&self, text: &str) -> Range<usize> {
        let unit = self.unit.as_ref().map_or(self.start, |(at, _)| at.start);
        let stop = usize::from(self.unit.is_some() && from(text, self.end).starts_with('.'));
        self.start.min(unit)..self.end + stop
    }

    /// The replacements in the line when the amount is multiplied by `factor`. `None` when a number
    /// cannot be written.
    pub(super) fn edits(&self, text: &str, factor: Ratio) -> Option<Vec<Edit>> {
        if let Some(smaller) = &self.smaller {
            return Some(vec![self.sum(text, smaller, factor)?]);
        }
        let grid = self.kind().map_or(Precision::Count, UnitKind::grid);
        let mut edits = Vec::new();
        let mut number = |start: usize, number: Number| {
            let new = number.value.times(factor)?;
            // "Pinch of nutmeg" has no number yet.
            let space = if number.end == 0 { " " } else { "" };
            let written = write(new, number.form, grid)?;
            edits.push((start..start + number.end, format!("{written}{space}")));
            Some(new)
        };
        let low = number(self.start, self.quantity.low)?;
        let top = match self.quantity.high {
            Some((start, high)) => number(self.start + start, high)?,
            None => low,
        };
        let is_many = top > Ratio::ONE;
        let is_bare = self.quantity.low.end == 0;
        // "1 cup and a half" has the unit in the singular.
        // Some languages have the singular up to two: "1 1/2 xícara".
        let two = Ratio::whole(2);
        let is_changed = self.half.is_some()
            || is_many != (self.quantity.top() > Ratio::ONE)
            || (top >= two && self.quantity.top() < two);
        let word = self.unit.as_ref().map(|(at, _)| at).or(self.noun.as_ref());
        if let Some(at) = word.filter(|_| is_bare || is_changed)
            && let Some(word) = text.get(at.clone())
            && optional_plural(from(text, at.end)) == 0
            && let Some(inflected) = inflected(word, is_many, text)
        {
            let inflected = if is_bare { inflected.to_lowercase() } else { inflected };
            edits.push((at.clone(), inflected));
        }
        edits.extend(self.half.clone().map(|half| (half, String::new())));
        Some(edits)
    }

    /// "3 lb 6 oz" multiplied: as many of the larger unit as are whole, and the rest.
    fn sum(&self, text: &str, smaller: &Smaller, factor: Ratio) -> Option<Edit> {
        let (at, kind) = self.unit.as_ref()?;
        let large = self.quantity.low;
        let (whole, rest) = if smaller.is_carried {
            let total = large.value.times(smaller.per)?.plus(smaller.number.value)?;
            let total = total.times(factor)?;
            let (whole, ..) = total.over(smaller.per)?.parts();
            let whole = Ratio::whole(whole);
            (whole, total.minus(whole.times(smaller.per)?)?)
        } else {
            (large.value.times(factor)?, smaller.number.value.times(factor)?)
        };
        let written = |value: Ratio, number: Number, start: usize, unit: &Range<usize>, kind| {
            let number_text = write(value, number.form, UnitKind::grid(kind))?;
            let space = text.get(start + number.end..unit.start)?;
            let word = text.get(unit.clone())?;
            let word = inflected(word, value > Ratio::ONE, text).unwrap_or_else(|| word.to_owned());
            Some(format!("{number_text}{space}{word}"))
        };
        let mut sum = String::new();
        if !whole.is_zero() {
            sum = written(whole, large, self.start, at, *kind)?;
            if !rest.is_zero() {
                sum.push_str(text.get(at.end..smaller.start)?);
            }
        }
        if !rest.is_zero() || whole.is_zero() {
            let (number, unit) = (smaller.number, &smaller.unit);
            sum.push_str(&written(rest, number, smaller.start, unit, smaller.kind)?);
        }
        Some((self.start..smaller.unit.end, sum))
    }
}

/// The text with its replacements.
pub(super) fn edited(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|(at, _)| at.start);
    let (mut written, mut done) = (String::new(), 0);
    for (at, new) in edits {
        written.push_str(text.get(done..at.start).unwrap_or_default());
        written.push_str(&new);
        done = at.end;
    }
    written.push_str(from(text, done));
    written
}

/// The length of a plural that is in brackets behind a word, or behind a slash: "Zwiebel(n)", "Zehe/n".
pub(super) fn optional_plural(behind: &str) -> usize {
    let endings = ["(s)", "(n)", "(e)", "(en)", "(es)", "(er)", "/n", "/s", "/en"];
    let found = endings.iter().filter(|it| behind.starts_with(**it)).map(|it| it.len()).max();
    let length = found.unwrap_or_default();
    if from(behind, length).starts_with(char::is_alphanumeric) { 0 } else { length }
}

/// The singular or plural of a word, or of the first word of a unit such as "cuillère à soupe".
pub(super) fn inflected(word: &str, many: bool, line: &str) -> Option<String> {
    words::inflected(word, many, line).or_else(|| {
        let (first, rest) = word.split_once(' ')?;
        Some(format!("{} {rest}", words::inflected(first, many, line)?))
    })
}

/// The quantity at `start` and its length. "A" means 1 before a unit, or before a single noun.
fn quantity_at(text: &str, start: usize) -> Option<(Quantity, usize)> {
    let rest = from(text, start);
    if let Some(quantity) = Quantity::parse(rest) {
        return Some((quantity, quantity.end()));
    }
    let length = article(rest)?;
    let (first, after) = word(text, start + length);
    let is_unit = (unit(text, start + length).is_some() && !is_vague(first))
        || (is_adjective(first) && unit(text, after).is_some());
    let is_sized = size::each(text, start + length).is_some();
    // "A large onion, sliced", but not "A chicken dish for busy days".
    let is_noun = noun(text, start + length).is_some_and(|noun| {
        let rest = from(text, noun.end).trim_start();
        let words = text.get(start + length..noun.end).unwrap_or_default().split_whitespace();
        let is_last = rest.is_empty() || rest.starts_with([',', '(', ';']);
        is_last && words.count() <= 3 && !is_vague(first)
    });
    let low = Number { value: Ratio::ONE, form: NumberForm::Word, end: length };
    (is_unit || is_sized || is_noun).then_some((Quantity { low, high: None }, length))
}

/// The length of the article that a text begins with.
pub(super) fn article(text: &str) -> Option<usize> {
    ARTICLES.length(text).filter(|length| from(text, *length).starts_with(' '))
}

/// The end of the sign in "2x peppers" and "2 x peppers".
fn times(text: &str, start: usize) -> Option<usize> {
    ["x ", "× ", "X ", " x ", " × "].iter().find_map(|sign| {
        let rest = from(text, start).strip_prefix(sign)?;
        rest.starts_with(char::is_alphabetic).then_some(start + sign.len() - 1)
    })
}

pub(super) fn is_adjective(word: &str) -> bool {
    units::looked_up(word, |word| ADJECTIVES.contains(word).then_some(())).is_some()
}

/// Words that may stand between a quantity and its unit.
static ADJECTIVES: LazyLock<BTreeSet<&'static str>> =
    LazyLock::new(|| languages::all(|language| language.adjectives).into_iter().collect());
/// Articles that mean one.
static ARTICLES: LazyLock<Phrases> =
    LazyLock::new(|| languages::table(|language| language.articles));
/// Whether a word behind an article makes it no amount: "a few eggs", "ein wenig Salz", "ein paar
/// Blätter"; "ein Paar Würstchen" is two.
pub(super) fn is_vague(word: &str) -> bool {
    let lower = word.to_lowercase();
    word != "Paar" && VAGUE.split(' ').any(|vague| vague == lower)
}

const VAGUE: &str = "few little bit lot touch hint some tad smidgen wenig bisschen paar peu poco po pouco pouquinho beetje weinig lite aning";
/// Units that mean one without a number and without "of".
static ONES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| languages::all(|language| language.ones));
