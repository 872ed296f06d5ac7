//! Scaling a recipe, and saying what was scaled and what was not.

use super::super::command::Scale;
use super::super::line::Line;
use super::super::quantity::NumberForm;
use super::super::ratio::Ratio;
use super::super::recipe::Recipe;
use super::super::units::Precision;
use super::super::written::write;
use super::super::yields::Yields;
use super::said::{EditResult, counted};

/// The largest number of servings, and the largest factor, to scale to.
const MAX_SCALE: u64 = 1_000;
/// How many lines that were left unchanged are named.
const MOST_NAMED: usize = 20;

/// Scales the recipe.
pub(super) fn scaled(recipe: &mut Recipe, scale: Scale<'_>) -> EditResult {
    let range = || format!("I can scale to 1 to {MAX_SCALE} servings, and by as much.");
    let was = recipe.yields.clone();
    let yields = Yields::new(&recipe.yields, recipe.yield_base.as_ref());
    let most = Ratio::whole(MAX_SCALE);
    let (factor, index) = match scale {
        Scale::By(factor) => (Some(factor), 0),
        Scale::To(number, what) => match yields.factor_to(number, what) {
            Some((factor, index)) => {
                // Half a litre is a yield, half a serving is not.
                let is_measured = !matches!(what, "" | "people" | "servings");
                let is_sane = is_measured || (number >= Ratio::ONE && number <= most);
                (Some(factor).filter(|_| is_sane), index)
            }
            None => return Err(unknown(&yields, &was, what)),
        },
    };
    let is_sane =
        |factor: &Ratio| *factor <= most && Ratio::ONE.over(*factor).is_some_and(|f| f <= most);
    let factor = factor.filter(is_sane).ok_or_else(range)?;
    let (text, base) = yields.scaled(factor).ok_or_else(range)?;
    let (count, left) = scale_ingredients(recipe, factor)?;
    let mut said = from_to(&was, &text, index)
        .unwrap_or_else(|| format!("Every amount is multiplied by {}.", number(factor)));
    if factor != Ratio::ONE {
        said.push_str(&left_unchanged(&left));
        if count == 0 && left.is_empty() {
            said.push_str(" No ingredient has an amount, so the ingredients stay as they are.");
        }
        said.push_str(&amounts_in_steps(recipe));
    }
    (recipe.yields, recipe.yield_base) = (text, base);
    Ok(said)
}

/// Whether the recipe's yield does not count this.
pub(super) fn unknown_yield(recipe: &Recipe, number: Ratio, what: &str) -> bool {
    let yields = Yields::new(&recipe.yields, recipe.yield_base.as_ref());
    yields.factor_to(number, what).is_none()
}

/// Scales the ingredients. Returns how many were changed, and the lines that are in doubt.
fn scale_ingredients(recipe: &mut Recipe, factor: Ratio) -> Result<(usize, Vec<String>), String> {
    let (mut count, mut left) = (0, Vec::new());
    for ingredient in &mut recipe.ingredients {
        if ingredient.is_in_doubt() {
            left.push(ingredient.text.clone());
        }
        let scaled = ingredient.scaled(factor).ok_or_else(|| {
            let text = &ingredient.text;
            format!("“{text}” would get an amount that cannot be written. Nothing has changed.")
        })?;
        count += usize::from(scaled != *ingredient);
        *ingredient = scaled;
    }
    Ok((count, left))
}

/// "Scaled from 4 to 8 servings." `None` when the yield has no number.
fn from_to(was: &str, is: &str, index: usize) -> Option<String> {
    let (before, after) = (Line::of_yield(was), Line::of_yield(is));
    let from = before.amount_text(index)?;
    let to = after.amount_text(index)?;
    let counted = after.counted(index).trim_end_matches(['.', ')']);
    let counted = if counted.is_empty() { "servings" } else { counted };
    Some(format!("Scaled from {from} to {to} {counted}."))
}

fn number(factor: Ratio) -> String {
    write(factor, NumberForm::Whole, Precision::Kitchen).unwrap_or_default()
}

/// Asks how much the recipe makes of what was asked for.
fn unknown(yields: &Yields<'_>, text: &str, what: &str) -> String {
    if !yields.is_known() {
        let made = if text.is_empty() {
            "I do not know yet how much this recipe makes.".to_owned()
        } else {
            format!("I do not know how many servings “{text}” is.")
        };
        return format!("{made} Say `Set yield to 4 servings`, and I can scale it.");
    }
    let double = yields.doubled().unwrap_or_default();
    let text = text.trim_end_matches('.');
    let what = match what {
        "" | "people" | "servings" => "servings",
        what => what,
    };
    format!(
        "The yield is “{text}”, and I do not know how many {what} that is. Say `Scale to \
         {double}` or `Double it`, or tell me with `Set yield to 4 {what}`."
    )
}

/// Names the lines that scaling has left unchanged. Of very many, it counts the others.
pub(super) fn left_unchanged(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let named = lines.iter().take(MOST_NAMED).map(|line| format!("“{line}”"));
    let mut named = named.collect::<Vec<_>>().join(", ");
    if let Some(more) = lines.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
        named.push_str(&format!(" and {}", counted(more, "more line")));
    }
    format!(" Left unchanged, as I am not sure of the amounts: {named}. Please check.")
}

/// Names the steps that have amounts, which are not scaled.
pub(super) fn amounts_in_steps(recipe: &Recipe) -> String {
    let steps = recipe.steps.iter().filter(|step| Line::measured_in(&step.text));
    let steps: Vec<String> = steps.map(|step| step.order.to_string()).collect();
    if steps.is_empty() {
        return String::new();
    }
    let (noun, verb) = if steps.len() == 1 { ("Step", "names") } else { ("Steps", "name") };
    format!(" {noun} {} {verb} amounts, which stay as written.", steps.join(", "))
}
