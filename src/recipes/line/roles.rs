//! What a number of a line means: an amount, something that scaling does not change, or neither.

use std::sync::LazyLock;

use super::super::amount::{Amount, is_adjective};
use super::super::languages::evidence::LanguageEvidence;
use super::super::languages::{self, DUTCH, ENGLISH};
use super::super::ratio::Ratio;
use super::super::scan::{from, near, word};
use super::super::size;
use super::super::units::{self, UnitKind};
use super::each;
use super::unscaled::{digits, is_compound};

/// What scaling does with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberRole {
    /// It is multiplied.
    Scaled,
    /// It stays: a size, a number of pieces to cut into.
    Kept,
    /// It is not clear what it means.
    Doubt,
}

/// The surroundings of a number.
pub(super) struct NumberContext<'a> {
    pub(super) text: &'a str,
    /// The amounts before it.
    pub(super) amounts: &'a [Amount],
    /// The end of the last number before it.
    pub(super) done: usize,
    /// Whether that number was the size of an item.
    pub(super) is_after_size: bool,
    /// Whether the line is a yield.
    pub(super) is_yield: bool,
    /// Where the number is.
    pub(super) at: usize,
    /// The bracket in which it is.
    pub(super) bracket: Option<usize>,
}

/// How an amount is joined to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joint {
    /// "plus", "minus", "or", "and".
    Word,
    /// "450g/1lb".
    Slash,
    /// "250 g - 300 g".
    Range,
}

impl NumberContext<'_> {
    /// Whether a word joins what is here to the amount before.
    pub(super) fn is_after_joint(&self) -> bool {
        self.joint() == Some(Joint::Word)
    }

    /// What the number means. `None` is a number that is no amount.
    pub(super) fn role(&self, amount: Option<&Amount>) -> NumberRole {
        let before = self.before();
        // "#10 can"
        let is_can_size = || {
            units::unit(word(self.text, digits(self.text, self.at)).0) == Some(UnitKind::Package)
        };
        if ends_with_word(&before, LABELS) || (before.ends_with('#') && is_can_size()) {
            return NumberRole::Kept;
        }
        if self.is_yield
            && let Some(amount) = amount
        {
            let of_each = self.of_each(amount);
            return of_each.unwrap_or(NumberRole::Scaled);
        }
        if ends_with_word(&before, INTO) {
            // "cut into 8 wedges", and not "divided into 1 cup and 2 tbsp".
            let is_measure = amount.is_some_and(Amount::is_measure);
            return if is_measure { NumberRole::Doubt } else { NumberRole::Kept };
        }
        let Some(amount) = amount else {
            // "1 chicken, 3-pound" and "100 g, from a 400 g tin": the size of each.
            let is_dashed = size::parse(self.text, self.at).is_some_and(|size| size.is_dashed);
            let is_of_one = size::of_one(self.text, self.at).is_some()
                && (is_dashed || ends_with_word(&before, &["a", "an"]));
            let is_part = is_of_one && self.joint().is_none() || is_compound(self.text, self.at);
            let is_kept = is_part && !self.amounts.is_empty();
            return if is_kept { NumberRole::Kept } else { NumberRole::Doubt };
        };
        let Some(first) = self.amounts.first() else {
            return self.first(&before, amount);
        };
        let after = near(self.text, amount.end).trim_start_matches(['.', ' ']).to_lowercase();
        // "1 cup nuts (1/2 cup each almonds and pecans)"
        let is_listed = self.bracket.is_some_and(|open| self.done <= open)
            && (before.trim().is_empty() || JOINTS.contains(&before.trim()));
        if is_listed && first.is_measure() && each::is_of_ingredients(&after) {
            return NumberRole::Scaled;
        }
        // "(16/20 count)"
        if ["count", "ct"].contains(&word(&after, 0).0) {
            return NumberRole::Kept;
        }
        // "4 fillets, each about 180 g"
        let is_apart = before.trim_start().starts_with(',')
            || self.bracket.is_some_and(|open| self.done <= open);
        let is_of_each = is_apart && ends_with_word(without_about(&before), each::BEFORE);
        if each::is_behind(&after) || is_of_each {
            return NumberRole::Kept;
        }
        if self.bracket.is_some() {
            self.bracketed(&before, amount)
        } else {
            self.further(&before, first, amount, &after)
        }
    }

    /// The text between the last number, or the bracket, and this one, in lower case.
    fn before(&self) -> String {
        let start = self.bracket.map_or(0, |open| open + 1).max(self.done);
        let before = self.text.get(start..self.at).unwrap_or_default();
        // Only its end counts, however long it is.
        let skipped = before.char_indices().rev().nth(59).map_or(0, |(at, _)| at);
        from(before, skipped).to_lowercase()
    }

    fn joint(&self) -> Option<Joint> {
        let before = self.before();
        let plain = without_about(&before);
        if is_of_joint(plain) || ends_with_word(plain, &JOINTS) || plain.ends_with(['+', '&']) {
            Some(Joint::Word)
        } else if plain.ends_with(['/', '|', '=']) {
            Some(Joint::Slash)
        } else if RANGES.contains(&before.trim()) {
            Some(Joint::Range)
        } else {
            None
        }
    }

    /// The first number of a line that does not begin with it.
    fn first(&self, before: &str, amount: &Amount) -> NumberRole {
        let plain = without_about(before);
        let rest = from(self.text, amount.end).trim_matches([' ', '.', ')', ',', ']']);
        let is_parted = plain.ends_with([':', ',', '-', '–', '—', '(', '[', ';']);
        // "Eggs 2"
        let is_last = rest.is_empty() && !plain.is_empty() && !amount.is_counted();
        // "Eggs (2)"
        let is_alone = self.bracket.is_some()
            && plain.is_empty()
            && from(self.text, amount.end).starts_with(')');
        let is_sure = amount.unit.is_some() || is_parted || is_last || is_alone;
        let begins_with_unit = units::unit(word(self.text, 0).0).is_some();
        // "A tin of 400 g" does not say how many grams are needed.
        let is_of = ends_with_word(plain, &OF);
        let is_scaled = if is_of {
            !(amount.is_measure() && begins_with_unit)
        } else {
            !ends_with_word(plain, PREPOSITIONS) && (is_sure || times_before(self.text, self.at))
        };
        if is_scaled { NumberRole::Scaled } else { NumberRole::Doubt }
    }

    /// A number behind the first amount, outside brackets.
    fn further(&self, before: &str, first: &Amount, amount: &Amount, after: &str) -> NumberRole {
        let last = self.amounts.last().unwrap_or(first);
        let plain = without_about(before);
        // "2 uien of 200 g" is Dutch, in which that is "or". Of "2 fillets of 200 g" it is not sure
        // whether that is all or each.
        if ends_with_word(plain, &["of"])
            && LanguageEvidence::of(self.text).is_rather(&DUTCH, &ENGLISH)
        {
            return NumberRole::Scaled;
        }
        // "2 packs of 200 g tofu"
        let is_size = each::is_size_behind(plain, last.unit.is_some())
            || (last.is_package() && ends_with_word(plain, &["of"]));
        if is_size && amount.is_measure() && !last.is_measure() {
            return NumberRole::Kept;
        }
        match self.joint() {
            Some(Joint::Word) => return NumberRole::Scaled,
            Some(Joint::Slash) => {
                let is_alike = amount.unit.is_some() == last.unit.is_some();
                return if is_alike { NumberRole::Scaled } else { NumberRole::Doubt };
            }
            Some(Joint::Range) => {
                let is_alike = amount.is_measure() && last.is_measure();
                return if is_alike { NumberRole::Scaled } else { NumberRole::Doubt };
            }
            None => {}
        }
        let plain = without_about(before);
        let is_parted = plain.ends_with([',', ';', '–', '-', ':']);
        let is_about = plain.len() < before.trim_end().len();
        // A weight of one item is that of all items too.
        let is_weight = amount.is_measure() && !first.is_package();
        let is_scaled = each::is_total(before, after)
            || (is_parted
                && amount.unit.is_some()
                && (first.is_measure() || (is_weight && (is_about || is_one(first)))));
        if is_scaled { NumberRole::Scaled } else { NumberRole::Doubt }
    }

    /// A number in brackets: the same amount in another unit, or the size of each item.
    fn bracketed(&self, before: &str, amount: &Amount) -> NumberRole {
        let open = self.bracket.unwrap_or_default();
        let inside = near(self.text, open + 1);
        let close = inside.find([')', ']']).unwrap_or(inside.len());
        let inside = inside.get(..close).unwrap_or_default().to_lowercase();
        if let Some(role) = self.of_each(amount) {
            return role;
        }
        // What is joined to an amount in the same bracket means the same.
        let last = self.amounts.last();
        let is_listed = [",", ";"].contains(&before.trim());
        if (self.joint().is_some() || is_listed) && last.is_some_and(|last| last.start > open) {
            return NumberRole::Scaled;
        }
        if (self.joint().is_some() || is_listed) && self.done > open {
            let is_joined =
                is_listed || ["/", "|", "=", "-", "–", "to", "or"].contains(&before.trim());
            return if self.is_after_size && is_joined {
                NumberRole::Kept
            } else {
                NumberRole::Doubt
            };
        }
        let plain = without_about(before).trim();
        let is_about = plain.len() < before.trim().len();
        if JOINTS.contains(&plain)
            || ["from", "="].contains(&plain)
            || each::is_total(plain, &inside)
        {
            return NumberRole::Scaled;
        }
        let (name, _) = word(self.text, amount.end);
        let is_named = amount.unit.is_some() || amount.is_counted() || is_adjective(name);
        let is_count = is_about && last.is_some_and(Amount::is_measure);
        let Some(last) = last.filter(|_| plain.is_empty() && (is_named || is_count)) else {
            return NumberRole::Doubt;
        };
        // Japanese says "1個50g" for the weight of each.
        let is_japanese = amount.is_measure() && self.text.contains(is_kana);
        if last.is_measure() || is_stick(self.text, last) || (is_japanese && !last.is_package()) {
            NumberRole::Scaled
        } else if last.is_package() {
            // Of one can, the size and the total are the same.
            if is_about && !is_one(last) { NumberRole::Doubt } else { NumberRole::Kept }
        } else if is_about || is_one(last) {
            NumberRole::Scaled
        } else {
            NumberRole::Doubt
        }
    }
}

impl NumberContext<'_> {
    /// What a number means that is said to be of each item: "(150g/5oz each)".
    fn of_each(&self, amount: &Amount) -> Option<NumberRole> {
        let after = near(self.text, amount.end).trim_start_matches(['.', ' ']);
        let part = after.split([',', ';', ')', ']']).next().unwrap_or_default().to_lowercase();
        let is_of_each = each::is_in(&part);
        let is_joined = part.starts_with(['/', '|', '-', '–']) || part.starts_with("to ");
        let is_alone = is_joined || !part.contains(char::is_numeric);
        is_of_each.then_some(if is_alone { NumberRole::Kept } else { NumberRole::Doubt })
    }
}

/// Whether the number has no beginning that is known: ",5 kg".
pub(super) fn is_cut_off(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default().trim();
    before.ends_with([',', '.', '/']) && !before.contains(char::is_alphanumeric)
}

/// Whether a sign of multiplication is before: "Lemons x 2", "Lemons x2".
pub(super) fn times_before(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default().trim_end();
    [" x", " ×", " X", "(x", "(×"].iter().any(|sign| before.ends_with(sign)) || before == "x"
}

/// Whether a text ends like "and zest of".
fn is_of_joint(text: &str) -> bool {
    let mut words = text.rsplit(' ');
    words.next() == Some("of") && words.take(3).any(|word| word == "+" || JOINTS.contains(&word))
}

fn is_one(amount: &Amount) -> bool {
    amount.quantity.top() == Ratio::ONE
}

fn is_stick(text: &str, amount: &Amount) -> bool {
    let unit = amount.unit.as_ref().and_then(|(at, _)| text.get(at.clone()));
    unit.is_some_and(|unit| unit.to_lowercase().starts_with("stick"))
}

/// The text without "about" at its end.
pub(super) fn without_about(before: &str) -> &str {
    let mut plain = before.trim_end();
    while let Some(about) = ABOUT.iter().find(|about| {
        let head = plain.strip_suffix(**about);
        head.is_some_and(|head| !head.ends_with(char::is_alphabetic))
    }) {
        plain = plain.strip_suffix(about).unwrap_or_default().trim_end();
    }
    plain
}

fn ends_with_word(text: &str, words: &[&str]) -> bool {
    let text = text.trim_end();
    words.iter().any(|word| {
        text.strip_suffix(word).is_some_and(|head| !head.ends_with(char::is_alphanumeric))
    })
}

/// Words that make an amount less exact.
static ABOUT: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut words = languages::all(|language| language.about);
    words.extend(ENGLISH_ABOUT.split(' '));
    words
});
const ENGLISH_ABOUT: &str = "about approx. approx approximately ~ roughly around another extra an \
    scant heaped heaping generous";
/// Words that join an amount to the one before.
pub(super) static JOINTS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| languages::all(|language| language.joints));
/// What is between the ends of a range that both have a unit.
const RANGES: &[&str] =
    &["-", "–", "—", "〜", "~", "to", "bis", "till", "à", "a", "tot", "hasta", "até", "fino a"];
/// What follows counts pieces that are made of the ingredient.
const INTO: &[&str] = &["into", "in", "cut", "halved into"];
/// What follows is a number in a name.
const LABELS: &[&str] = &[
    "type", "typ", "no", "no.", "nr", "nr.", "size", "note", "notes", "step", "recipe", "page",
    "grade", "tipo",
];
/// The number behind these is not an amount of the line.
const PREPOSITIONS: &[&str] =
    &["at", "to", "per", "than", "by", "serves", "every", "for", "makes", "on", "with"];
pub(super) static OF: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut words = languages::all(|language| language.of);
    words.push("from");
    words
});

fn is_kana(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}')
}
