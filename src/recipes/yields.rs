//! How much a recipe makes: servings, pieces, loaves, dozens, a volume or a weight.

use std::sync::LazyLock;

use super::find::words_of;
use super::ingredient::Base;
use super::languages::{self, Phrases};
use super::line::Line;
use super::ratio::Ratio;
use super::scan::word;
use super::units;

/// A yield: the text as it was written, and what it has been multiplied by since.
#[derive(Debug)]
pub(super) struct Yields<'a> {
    text: &'a str,
    factor: Ratio,
    line: Line<'a>,
}

/// What a yield or a request counts.
#[derive(Debug, PartialEq, Eq)]
enum YieldKind {
    /// Servings, portions, people.
    Servings,
    /// A volume or a weight, in multiples of the smallest unit of its family.
    Measure(units::UnitFamily, u64),
    /// Things with a name. The number is 12 for dozens. No words are any things.
    Things(u64, Vec<String>),
}

impl<'a> Yields<'a> {
    /// The yield of a recipe; `base` is what it was scaled from.
    pub(super) fn new(text: &'a str, base: Option<&'a Base>) -> Self {
        let (text, factor) = base.map_or((text, Ratio::ONE), |base| (&*base.text, base.factor));
        Self { text, factor, line: Line::of_yield(text) }
    }

    /// Whether it has a number.
    pub(super) fn is_known(&self) -> bool {
        !self.line.amounts.is_empty()
    }

    /// What to multiply with to make `number` of `what`, and which of the yield's numbers that is.
    /// No words are what the yield counts first. `None` when the yield does not count these.
    pub(super) fn factor_to(&self, number: Ratio, what: &str) -> Option<(Ratio, usize)> {
        let asked = YieldKind::of(what);
        let mut amounts = self.line.amounts.iter().enumerate();
        amounts.find_map(|(index, amount)| {
            let per = match self.kind(index) {
                // Of "2 dozen", 48 are not dozens.
                YieldKind::Things(12, _) if what.is_empty() && number >= Ratio::whole(12) => {
                    Ratio::whole(12)
                }
                _ if what.is_empty() => Ratio::ONE,
                kind => kind.per(&asked)?,
            };
            let now = amount.quantity.low.value.times(self.factor)?.times(per)?;
            Some((number.over(now)?, index))
        })
    }

    /// Twice the first number and what it counts, as an example: "48 cookies".
    pub(super) fn doubled(&self) -> Option<String> {
        let (text, _) = self.scaled(Ratio::whole(2))?;
        let line = Line::of_yield(&text);
        Some(format!("{} {}", line.amount_text(0)?, line.counted(0)).trim_end().to_owned())
    }

    fn kind(&self, index: usize) -> YieldKind {
        let said = self.line.counted(index);
        let before = self.line.said_before(index);
        let is_served = SERVES.has(before);
        let kind = YieldKind::of(said);
        let is_bare = kind == YieldKind::Things(1, Vec::new());
        if is_served || (is_bare && before.is_empty()) { YieldKind::Servings } else { kind }
    }

    /// The yield multiplied, and what it was made from. `None` when it cannot be written.
    pub(super) fn scaled(&self, factor: Ratio) -> Option<(String, Option<Base>)> {
        let factor = self.factor.times(factor)?;
        if factor == Ratio::ONE || !self.line.is_scalable() {
            return Some((self.text.to_owned(), None));
        }
        let base = Base { text: self.text.to_owned(), factor, units: None };
        Some((self.line.scaled(factor)?, Some(base)))
    }
}

impl YieldKind {
    /// The kind of what is said behind a number.
    fn of(said: &str) -> Self {
        let (first, end) = word(said, 0);
        let is_people = |word: &str| PEOPLE.has(word);
        if is_people(first) || said.split([' ', '(', ',']).any(is_people) {
            return Self::Servings;
        }
        let unit = units::phrase(said).and_then(|(length, _)| said.get(..length)).unwrap_or(first);
        if let Some((family, size)) = units::size(unit) {
            return Self::Measure(family, size);
        }
        let (dozen, rest) = match first.to_lowercase().strip_prefix("dozen") {
            Some(_) => (12, said.get(end..).unwrap_or_default()),
            None => (1, said),
        };
        Self::Things(dozen, words_of(rest))
    }

    /// How many of `asked` one of these is. `None` when that is not known.
    fn per(&self, asked: &Self) -> Option<Ratio> {
        match (self, asked) {
            (Self::Servings, Self::Servings) => Some(Ratio::ONE),
            (Self::Measure(family, size), Self::Measure(other, asked)) if family == other => {
                Ratio::new(*size, *asked)
            }
            (Self::Things(dozen, words), Self::Things(asked_dozen, asked)) => {
                let is_any = words.is_empty() || asked.is_empty();
                let is_same = is_any || asked.iter().all(|word| words.contains(word));
                Ratio::new(*dozen, *asked_dozen).filter(|_| is_same)
            }
            _ => None,
        }
    }
}

/// What servings are called.
static PEOPLE: LazyLock<Phrases> = LazyLock::new(|| languages::table(|language| language.people));
/// Words before the number of servings.
static SERVES: LazyLock<Phrases> = LazyLock::new(|| languages::table(|language| language.serves));

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(yields: &str, number: u64, what: &str) -> Option<(u64, u64)> {
        let (factor, _) = Yields::new(yields, None).factor_to(Ratio::whole(number), what)?;
        let text = factor.to_string();
        let (over, parts) = text.split_once('/').unwrap();
        Some((over.parse().unwrap(), parts.parse().unwrap()))
    }

    #[test]
    fn yield_is_scaled_to_what_it_counts() {
        for (yields, number, what, expected) in [
            ("4 servings", 6, "people", Some((3, 2))),
            ("Serves 4", 8, "servings", Some((2, 1))),
            ("4", 8, "portions", Some((2, 1))),
            ("24 cookies", 48, "", Some((2, 1))),
            ("24 chocolate chip cookies", 48, "cookies", Some((2, 1))),
            ("24 cookies", 4, "dozen cookies", Some((2, 1))),
            ("24 cookies", 4, "dozen", Some((2, 1))),
            ("2 dozen", 4, "dozen", Some((2, 1))),
            ("2 dozen rolls", 48, "rolls", Some((2, 1))),
            ("1 litre", 500, "ml", Some((1, 2))),
            ("makes 2½ cups", 5, "cups", Some((2, 1))),
            ("2 pizzas (8 slices)", 4, "slices", Some((1, 2))),
            ("2 pizzas, serves 4", 8, "people", Some((2, 1))),
            ("1 (9-inch) pie", 2, "pies", Some((2, 1))),
            ("24 cookies", 8, "servings", None),
            ("24 cookies", 12, "muffins", None),
            ("6 servings", 5, "cookies", None),
            ("2 loaves", 6, "people", None),
            ("1 litre", 10, "servings", None),
            ("2 cups", 500, "ml", None),
            ("a crowd", 8, "servings", None),
            ("", 8, "", None),
        ] {
            assert_eq!(factor(yields, number, what), expected, "{yields} to {number} {what}");
        }
    }

    #[test]
    fn all_numbers_of_a_yield_but_sizes_are_scaled() {
        for (yields, doubled) in [
            ("2 pizzas (8 slices)", "4 pizzas (16 slices)"),
            ("4 servings (1 litre)", "8 servings (2 litres)"),
            ("1 (9-inch) pie", "2 (9-inch) pies"),
            ("12 muffins (50 g each)", "24 muffins (50 g each)"),
            ("1 loaf, 12 slices", "2 loaves, 24 slices"),
            ("Serves 4 as a main, 6 as a starter", "Serves 8 as a main, 12 as a starter"),
            ("4-6 servings", "8-12 servings"),
            ("a crowd", "a crowd"),
        ] {
            let (scaled, _) = Yields::new(yields, None).scaled(Ratio::whole(2)).unwrap();
            assert_eq!(scaled, doubled);
        }
    }
}
