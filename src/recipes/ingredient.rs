//! An ingredient line: its amount, and scaling it.
//!
//! The text is authoritative; `quantity` and `unit` are parsed from it, for programs. A scaled line
//! keeps the line that it was made from and the exact factor, so that roundings never add up. A line
//! with a number that the parser does not understand is not scaled.

use serde::{Deserialize, Serialize};

use super::convert::{self, UnitSystem};
use super::densities::Density;
use super::line::Line;
use super::ratio::Ratio;
use super::scan::from;
use super::{units, words};

/// One line of the list of ingredients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ingredient {
    /// The whole line: `2-3 cloves garlic, minced`.
    pub text: String,
    /// The number in the line, or the lower end of a range. `None` if it has none.
    #[serde(default)]
    pub quantity: Option<serde_json::Number>,
    /// The unit in the line. A weight, a volume or a spoon of English has one short name, as in `g`,
    /// `cup`, `tbsp`; other units are in the singular. `None` if the line has none.
    #[serde(default)]
    pub unit: Option<String>,
    /// What the amount measures, without preparation: `garlic`. Empty in a heading.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What the line says beside the first amount and the name: `minced`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The heading above the line: `For the sauce`. Empty if there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// What a scaled line was made from. `None` if the line is as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
}

/// A text as it was written, and what has become of its amounts since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The text as it was written.
    pub text: String,
    /// The exact factor by which they were multiplied.
    pub factor: Ratio,
    /// The units that they are shown in. `None`: as they were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<UnitSystem>,
}

impl Ingredient {
    /// Parses a line. Control characters become spaces.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        let text = line.trim().replace(char::is_control, " ");
        let parsed = Line::parse(&text);
        let (quantity, mut unit) = match (parsed.amounts.first(), parsed.only_size()) {
            (Some(amount), _) => (number(amount.quantity.low.value), parsed.unit_name(0)),
            // "400g tin tomatoes" is one tin.
            (None, Some((_, unit))) => {
                let unit = unit.and_then(|unit| text_of_unit(&parsed, unit));
                (number(Ratio::ONE), unit)
            }
            (None, None) => (
                parsed.length().and_then(|(value, ..)| number(value)),
                parsed.length().map(|(_, unit, _)| unit.to_owned()),
            ),
        };
        let is_heading = text.ends_with(':') && quantity.is_none();
        let (mut name, note) = if is_heading {
            (String::new(), String::new())
        } else {
            match parsed.length() {
                Some((.., end)) => {
                    let rest = Line::parse(from(&text, end));
                    (rest.name().to_owned(), rest.note())
                }
                None => (parsed.name().to_owned(), parsed.note()),
            }
        };
        // "2 fillets" have no other name.
        let is_counted = parsed.amounts.first().is_some_and(|amount| !amount.is_measure());
        if name.is_empty()
            && is_counted
            && let Some(counted) = parsed.unit_text(0)
        {
            counted.clone_into(&mut name);
            unit = None;
        }
        Self { text, quantity, unit, name, note, group: String::new(), base: None }
    }

    /// The line with every amount multiplied by `factor`. A line without an amount is unchanged, and
    /// so is one that [cannot be scaled](Self::is_in_doubt).
    ///
    /// `None` when an amount becomes too large or too small to write.
    #[must_use]
    pub fn scaled(&self, factor: Ratio) -> Option<Self> {
        let (text, factor, units) = match &self.base {
            Some(base) => (&base.text, base.factor.times(factor)?, base.units),
            None => (&self.text, factor, None),
        };
        if !Line::parse(text).is_scalable() {
            return Some(self.clone());
        }
        Self::of_base(text, factor, units).map(|(scaled, _)| scaled.in_group_of(self))
    }

    /// The line in units of this system; `None`: in those in which it was written. With it comes the
    /// density by which a volume became a weight.
    pub(super) fn in_units(
        &self,
        units: Option<UnitSystem>,
    ) -> Option<(Self, Option<&'static Density>)> {
        let (text, factor) = match &self.base {
            Some(base) => (&base.text, base.factor),
            None => (&self.text, Ratio::ONE),
        };
        let (converted, density) = Self::of_base(text, factor, units)?;
        Some((converted.in_group_of(self), density))
    }

    fn in_group_of(mut self, other: &Self) -> Self {
        self.group.clone_from(&other.group);
        self
    }

    /// A text with its amounts multiplied, and in other units.
    fn of_base(
        text: &str,
        factor: Ratio,
        units: Option<UnitSystem>,
    ) -> Option<(Self, Option<&'static Density>)> {
        let line = Line::parse(text);
        let base = |units| Some(Base { text: text.to_owned(), factor, units });
        if let Some(done) = units.and_then(|system| convert::converted(&line, factor, system)) {
            let mut converted = Self::parse(&done.text);
            converted.quantity = done.quantity.map_or(converted.quantity, number);
            converted.base = base(units);
            return Some((converted, done.density));
        }
        if factor == Ratio::ONE {
            return Some((Self::parse(text), None));
        }
        let mut scaled = Self::parse(&line.scaled(factor)?);
        // The exact number, and not the one that was rounded for the text.
        if let Some(amount) = line.amounts.first().filter(|amount| !amount.is_sum()) {
            scaled.quantity = number(amount.quantity.low.value.times(factor)?);
        }
        scaled.base = base(None);
        Some((scaled, None))
    }

    /// Whether the line has a number of which it is not clear what it means, so that scaling leaves
    /// the line unchanged.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.base.is_none() && Line::parse(&self.text).is_in_doubt()
    }

    /// The name, without amount and preparation: `garlic`.
    #[must_use]
    pub fn name(&self) -> String {
        Line::parse(&self.text).name().to_owned()
    }

    /// The same amount of another ingredient, prepared in the same way. If `name` has an amount
    /// itself, it replaces amount and name.
    #[must_use]
    pub fn renamed(&self, name: &str) -> Self {
        let (line, other) = (Line::parse(&self.text), Line::parse(name));
        let has_own = name.contains([',', '(']);
        let preparation = if has_own { "" } else { line.preparation() };
        let Some(amount) = line.amounts.first().filter(|_| other.amounts.is_empty()) else {
            return Self::parse(&format!("{name}{preparation}"));
        };
        if line.is_name_first() {
            // "Butter: 100 g"
            let rest = from(&self.text, line.name().len());
            return Self::parse(&format!("{name}{rest}"));
        }
        let (head, last) = name.rsplit_once(' ').map_or(("", name), |(head, last)| (head, last));
        let many = amount.unit.is_none() && amount.quantity.top() > Ratio::ONE;
        let last =
            words::inflected(last, true, name).filter(|_| many).unwrap_or_else(|| last.to_owned());
        let space = if head.is_empty() { "" } else { " " };
        let measure = self.text.get(..line.name_start()).unwrap_or_default().trim_end();
        Self::parse(&format!("{measure} {head}{space}{last}{preparation}"))
    }

    /// The line with another amount, as in "650 g". If the line has an amount in the same unit, its
    /// other amounts change in the same proportion. `None` when `amount` is none.
    #[must_use]
    pub fn with_amount(&self, amount: &str) -> Option<Self> {
        let (line, new) = (Line::parse(&self.text), Line::parse(amount));
        let to = new.amounts.first()?;
        let factor = line.amounts.first().and_then(|now| {
            let unit = new.units_in(&line)?;
            let is_one = !(to.quantity.high.is_some() || now.quantity.high.is_some());
            let is_plain = is_one && !(to.is_sum() || now.is_sum() || line.is_in_doubt());
            to.quantity.low.value.times(unit)?.over(now.quantity.low.value).filter(|_| is_plain)
        });
        if let Some(text) = factor.and_then(|factor| line.scaled(factor)) {
            return Some(Self::parse(&text));
        }
        let written = new.first_text();
        let text = match line.amounts.first() {
            Some(now) if line.is_name_first() => {
                let (head, tail) = (self.text.get(..now.start)?, from(&self.text, now.end));
                format!("{head}{written}{tail}")
            }
            _ => format!("{written} {}", from(&self.text, line.name_start())),
        };
        Some(Self::parse(&text))
    }

    /// Whether the line is a heading among the ingredients, such as `For the sauce:`.
    #[must_use]
    pub fn is_heading(&self) -> bool {
        self.text.ends_with(':') && self.quantity.is_none()
    }
}

/// The name for programs of a unit in a line.
fn text_of_unit(line: &Line<'_>, unit: std::ops::Range<usize>) -> Option<String> {
    line.text().get(unit).map(units::name)
}

fn number(value: Ratio) -> Option<serde_json::Number> {
    match value.to_whole() {
        Some(whole) => Some(whole.into()),
        None => {
            let rounded = (value.to_f64() * 10_000.0).round() / 10_000.0;
            let value = if rounded > 0.0 { rounded } else { value.to_f64() };
            serde_json::Number::from_f64(value)
        }
    }
}

#[cfg(test)]
mod tests;
