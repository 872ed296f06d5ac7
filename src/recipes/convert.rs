//! Lines with their amounts in other units. Conversions are exact; only what is shown is rounded.

use serde::{Deserialize, Serialize};

use super::amount::{Amount, Edit, edited};
use super::densities::{self, Density};
use super::line::Line;
use super::quantity::NumberForm;
use super::ratio::Ratio;
use super::units::{Precision, UnitFamily};
use super::written::write;

/// Units that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitSystem {
    /// Grams and millilitres.
    Metric,
    /// Cups, spoons, ounces and pounds of the United States.
    Us,
}

/// A line with its amounts in other units.
#[derive(Debug)]
pub(super) struct Converted {
    pub(super) text: String,
    /// The exact number of the first amount.
    pub(super) quantity: Option<Ratio>,
    /// By what a volume became a weight, or the reverse.
    pub(super) density: Option<&'static Density>,
}

/// A unit that amounts are shown in.
#[derive(Clone, Copy)]
struct ShownUnit {
    one: &'static str,
    many: &'static str,
    /// How many of the smallest unit of its family it is.
    size: u64,
    grid: Precision,
}

impl UnitSystem {
    fn has(self, family: UnitFamily) -> bool {
        let is_metric = matches!(family, UnitFamily::Grams | UnitFamily::Millilitres);
        is_metric == (self == Self::Metric)
    }
}

/// Whether a line has an amount that could be in units of `system`, and is not.
pub(super) fn is_foreign(line: &Line<'_>, system: UnitSystem) -> bool {
    let mut families = line.amounts.iter().filter_map(|amount| amount.measured(line.text()));
    let is_own = families.clone().any(|(family, ..)| system.has(family));
    !is_own && families.any(|(family, ..)| !system.has(family))
}

/// The line with every amount multiplied by `factor` and in units of `system`. `None` when none of
/// its amounts is in other units, or one of the line is in these already: "1 cup (120 g) flour".
pub(super) fn converted(line: &Line<'_>, factor: Ratio, system: UnitSystem) -> Option<Converted> {
    if line.is_in_doubt() || !is_foreign(line, system) {
        return None;
    }
    let text = line.text();
    let density = densities::of(line.name());
    let (mut edits, mut quantity, mut used) = (Vec::new(), None, None);
    for (index, amount) in line.amounts.iter().enumerate() {
        // Of "1 cup plus 2 tbsp flour", both are flour.
        let is_of_name = index == 0 || amount.end <= line.name_start();
        let density = density.filter(|_| is_of_name);
        let Some((edit, exact, by)) = changed(amount, text, factor, (system, density))? else {
            edits.extend(amount.edits(text, factor)?);
            continue;
        };
        edits.push(edit);
        quantity = quantity.or(Some(exact).filter(|_| index == 0));
        used = used.or(by);
    }
    Some(Converted { text: edited(text, edits), quantity, density: used })
}

type Change = (Edit, Ratio, Option<&'static Density>);

/// The replacement of an amount, its exact number, and the density that was used. The outer `None`:
/// it cannot be written. The inner one: it has no such unit.
#[expect(clippy::option_option, reason = "the documentation tells them apart")]
fn changed(
    amount: &Amount,
    text: &str,
    factor: Ratio,
    (system, density): (UnitSystem, Option<&'static Density>),
) -> Option<Option<Change>> {
    let Some((family, low, high)) = amount.measured(text) else { return Some(None) };
    let (per, target) = smallest(family, density)?;
    let exact = low.times(factor)?.times(per)?;
    let unit = shown_unit(system, target, exact);
    let form = match (system, amount.quantity.low.form) {
        (UnitSystem::Metric, NumberForm::Comma | NumberForm::PointGrouped) => NumberForm::Comma,
        (UnitSystem::Metric, _) => NumberForm::Whole,
        (UnitSystem::Us, _) => NumberForm::Fraction,
    };
    let number = |exact: Ratio| write(rounded(system, unit, exact)?, form, unit.grid);
    let (mut written, mut top) = (number(exact)?, exact);
    if let Some(high) = high {
        top = high.times(factor)?.times(per)?;
        written = format!("{written}-{}", number(top)?);
    }
    let word = if rounded(system, unit, top)? > Ratio::ONE { unit.many } else { unit.one };
    let at = amount.whole_range(text);
    let behind = text.get(at.end..).unwrap_or_default();
    let space = if behind.starts_with(char::is_alphanumeric) { " " } else { "" };
    let shown = exact.over(Ratio::whole(unit.size))?;
    let is_by_weight = matches!(
        (family, target),
        (UnitFamily::Teaspoons, UnitFamily::Grams) | (UnitFamily::Grams, UnitFamily::Teaspoons)
    );
    let edit = (at, format!("{written} {word}{space}"));
    Some(Some((edit, shown, density.filter(|_| is_by_weight))))
}

/// How many of another system's smallest unit one of this family's smallest is, and of which family
/// that is.
fn smallest(family: UnitFamily, density: Option<&Density>) -> Option<(Ratio, UnitFamily)> {
    let by_weight = density.and_then(|density| density.grams_per_teaspoon());
    Some(match (family, by_weight) {
        (UnitFamily::Ounces, _) => (ounce()?, UnitFamily::Grams),
        (UnitFamily::Teaspoons, Some(grams)) => (grams, UnitFamily::Grams),
        (UnitFamily::Teaspoons, None) => (teaspoon()?, UnitFamily::Millilitres),
        (UnitFamily::Grams, Some(grams)) => (Ratio::ONE.over(grams)?, UnitFamily::Teaspoons),
        (UnitFamily::Grams, None) => (Ratio::ONE.over(ounce()?)?, UnitFamily::Ounces),
        (UnitFamily::Millilitres, _) => (Ratio::ONE.over(teaspoon()?)?, UnitFamily::Teaspoons),
    })
}

/// The grams of an ounce: a pound is 453.59237 g.
fn ounce() -> Option<Ratio> {
    Ratio::new(45_359_237, 1_600_000)
}

/// The millilitres of a teaspoon: a gallon is 231 cubic inches, 3,785.411784 ml, and 768 teaspoons.
fn teaspoon() -> Option<Ratio> {
    Ratio::new(157_725_491, 32_000_000)
}

/// The unit for so many of the smallest.
fn shown_unit(system: UnitSystem, family: UnitFamily, exact: Ratio) -> ShownUnit {
    let unit = |one, many, size, grid| ShownUnit { one, many, size, grid };
    let is_least = |least: u64| exact >= Ratio::whole(least);
    match (system, family) {
        // What is rounded to a kilogram is one.
        (UnitSystem::Metric, UnitFamily::Grams) if is_least(998) => {
            unit("kg", "kg", 1_000, Precision::Metric)
        }
        (UnitSystem::Metric, UnitFamily::Grams) => unit("g", "g", 1, Precision::Fine),
        (UnitSystem::Metric, _) if is_least(998) => unit("l", "l", 1_000, Precision::Metric),
        (UnitSystem::Metric, _) => unit("ml", "ml", 1, Precision::Fine),
        (UnitSystem::Us, UnitFamily::Ounces) if is_least(16) => {
            unit("lb", "lb", 16, Precision::Kitchen)
        }
        (UnitSystem::Us, UnitFamily::Ounces) => unit("oz", "oz", 1, Precision::Kitchen),
        (UnitSystem::Us, _) if is_least(12) => unit("cup", "cups", 48, Precision::Kitchen),
        (UnitSystem::Us, _) if is_least(3) => unit("tbsp", "tbsp", 3, Precision::Kitchen),
        (UnitSystem::Us, _) => unit("tsp", "tsp", 1, Precision::Kitchen),
    }
}

/// The number of a unit as cooks measure it: at most a few percent from the exact one.
fn rounded(system: UnitSystem, unit: ShownUnit, exact: Ratio) -> Option<Ratio> {
    let number = exact.over(Ratio::whole(unit.size))?;
    let at_least = |least: u64| number >= Ratio::whole(least);
    let (over, parts) = match (system, unit.one) {
        (UnitSystem::Metric, "kg" | "l") => (1, 100),
        (UnitSystem::Metric, _) if at_least(100) => (5, 1),
        (UnitSystem::Metric, _) if at_least(10) => (1, 1),
        (UnitSystem::Metric, _) if at_least(1) => (1, 2),
        (UnitSystem::Us, "tbsp") => (1, 2),
        (UnitSystem::Us, "oz") if !at_least(4) => (1, 4),
        (UnitSystem::Us, "oz") => (1, 2),
        (UnitSystem::Us, _) if at_least(4) => (1, 4),
        (UnitSystem::Us, _) => (1, 8),
        (UnitSystem::Metric, _) => (1, 20),
    };
    let nearest = |over, parts| -> Option<Ratio> {
        let step = Ratio::new(over, parts)?;
        let count = u64::try_from(number.over(step)?.shifted(0)?).ok()?.max(1);
        step.times(Ratio::whole(count))
    };
    let distance = |it: Ratio| if it > number { it.minus(number) } else { number.minus(it) };
    let first = nearest(over, parts)?;
    let third = nearest(1, 3).filter(|_| unit.one == "cup");
    let is_nearer = |third: &Ratio| distance(*third) < distance(first);
    Some(third.filter(is_nearer).unwrap_or(first))
}
