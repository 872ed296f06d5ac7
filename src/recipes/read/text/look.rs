//! What a line looks like by its amounts.

use super::inline::{amounts, listed, sentences};
use super::verbs::begins_step;
use crate::recipes::line::Line;
use crate::recipes::read::builder::fits;
use crate::recipes::recipe::MAX_INGREDIENT_CHARS;
use crate::recipes::scan::{from, word};
use crate::recipes::words;

/// What the amounts of a line say about it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LineLook {
    /// Whether it begins or ends with an amount.
    pub(super) is_ingredient: bool,
    /// Whether it is an amount and nothing else.
    pub(super) is_amount_alone: bool,
}

impl LineLook {
    pub(super) fn of(text: &str) -> Self {
        if !fits(text, MAX_INGREDIENT_CHARS) {
            return Self::default();
        }
        let line = Line::parse(text);
        Self { is_ingredient: is_ingredient(text, &line), is_amount_alone: is_amount_alone(&line) }
    }
}

/// Whether a line is "2 cups" or "2 (about 300 g)", and not "1 - 3/4 cups polenta", of which the name
/// is not known either.
fn is_amount_alone(line: &Line<'_>) -> bool {
    let behind = line.amounts.first().map_or("", |first| from(line.text(), first.end));
    let is_behind_name = behind.split(['(', '[']).next().is_some_and(has_letter);
    line.begins_with_amount() && line.name().is_empty() && !(line.is_in_doubt() && is_behind_name)
}

fn has_letter(text: &str) -> bool {
    text.contains(char::is_alphabetic)
}

fn is_ingredient(text: &str, line: &Line<'_>) -> bool {
    let is_leading = line.begins_with_amount();
    if !is_leading && line.amounts.is_empty() {
        return false;
    }
    // "Per serving: 350 kcal, 12 g protein"
    if text.split(|c: char| !c.is_alphabetic()).any(|word| ENERGY.contains(&word)) {
        return false;
    }
    if !is_leading {
        return text.split(' ').count() <= 8 && !begins_step(text) && !text.ends_with('.');
    }
    let (first, _) = word(line.name(), 0);
    let has_unit = line.amounts.iter().any(|amount| amount.unit.is_some());
    !words::is_time(first) && (has_unit || !begins_step(first))
}

/// The ingredients that a text lists. `None` if it is no list of several.
pub(super) fn list(text: &str) -> Option<Vec<String>> {
    let (first, _) = word(text, 0);
    if text.len() > MAX_LIST_BYTES || begins_step(first) || sentences(text).len() > 1 {
        return None;
    }
    let parts = listed(text);
    let amounts = amounts(&parts);
    (amounts >= 2 && amounts * 3 >= parts.len()).then_some(parts)
}

/// Units of energy: of nutrition, and of no ingredient.
const ENERGY: [&str; 5] = ["kcal", "Kcal", "kJ", "kj", "KJ"];
/// A longer line is no list of ingredients.
const MAX_LIST_BYTES: usize = 4_000;
