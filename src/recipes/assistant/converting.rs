//! Changing the units, and saying by what.

use super::super::convert::{UnitSystem, is_foreign};
use super::super::densities::SOURCE;
use super::super::line::Line;
use super::super::recipe::Recipe;
use super::said::{EditResult, counted};
use super::scaling::{amounts_in_steps, left_unchanged};

/// Shows all amounts in these units; `None`: in those in which they were written.
pub(super) fn converted(recipe: &mut Recipe, units: Option<UnitSystem>) -> EditResult {
    let (mut count, mut left, mut weights) = (0, Vec::new(), Vec::new());
    for ingredient in &mut recipe.ingredients {
        let line = Line::parse(&ingredient.text);
        if ingredient.is_in_doubt() {
            left.push(ingredient.text.clone());
            continue;
        }
        let is_foreign = units.is_some_and(|system| is_foreign(&line, system));
        let Some((changed, density)) = ingredient.in_units(units) else {
            left.push(ingredient.text.clone());
            continue;
        };
        if changed.text == ingredient.text && is_foreign {
            left.push(ingredient.text.clone());
        }
        count += usize::from(changed.text != ingredient.text);
        weights.extend(density.map(|density| density.text()));
        *ingredient = changed;
    }
    let Some(system) = units else {
        return Ok("The amounts are back in the units in which they were written.".to_owned());
    };
    let (name, measures) = match system {
        UnitSystem::Metric => ("metric", "millilitres"),
        UnitSystem::Us => ("US", "ounces"),
    };
    if count == 0 {
        let left = left_unchanged(&left);
        return Err(format!("No amount is in other units than {name} ones.{left}"));
    }
    weights.sort();
    weights.dedup();
    let mut said = format!("Converted {} to {name} units.", counted(count, "line"));
    if !weights.is_empty() {
        let weights = weights.join(", ");
        said.push_str(&format!(" A cup was taken to weigh: {weights} ({SOURCE})."));
    }
    if weights.len() < count {
        said.push_str(&format!(" What has no such weight is in {measures}."));
    }
    said.push_str(&left_unchanged(&left));
    said.push_str(&amounts_in_steps(recipe));
    said.push_str(" `Convert back` shows it as it was written.");
    Ok(said)
}
