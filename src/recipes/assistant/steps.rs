//! Changes of steps.

use super::super::command::{StepEnd, StepPosition, StepRef, end_steps, step_numbers};
use super::super::recipe::{Recipe, Step};
use super::said::{EditResult, counted};

/// The index of a step, or the answer when there is no such step.
fn index(recipe: &Recipe, at: StepRef) -> Result<usize, String> {
    let count = recipe.steps.len();
    let number = match at {
        StepRef::Number(number) => usize::try_from(number).unwrap_or(usize::MAX),
        StepRef::Last => count,
    };
    if (1..=count).contains(&number) {
        return Ok(number - 1);
    }
    Err(match count {
        0 => "This recipe has no steps yet. Say `Add step Bake for 20 minutes`.".to_owned(),
        1 => format!("There is no step {number}: this recipe has one step."),
        count => format!("There is no step {number}: this recipe has steps 1 to {count}."),
    })
}

pub(super) fn added_step(
    recipe: &mut Recipe,
    text: &str,
    place: Option<StepPosition>,
) -> EditResult {
    let count = recipe.steps.len();
    let at = match place {
        None => count,
        // One past the last step is a valid position to insert at.
        Some(StepPosition::Before(StepRef::Number(number))) if number == count as u64 + 1 => count,
        Some(StepPosition::Before(at)) => index(recipe, at)?,
        Some(StepPosition::After(at)) => index(recipe, at)? + 1,
    };
    recipe.steps.insert(at.min(count), Step { order: 0, text: text.to_owned() });
    Ok(format!("Added step {}: “{text}”", at + 1))
}

pub(super) fn removed_step(recipe: &mut Recipe, at: StepRef) -> EditResult {
    let index = index(recipe, at)?;
    let gone = recipe.steps.remove(index);
    Ok(format!("Removed step {}: “{}”", index + 1, gone.text))
}

/// Removes the steps of a list, all or none: "2 and 3".
pub(super) fn removed_steps(recipe: &mut Recipe, list: &str) -> EditResult {
    let count = recipe.steps.len() as u64;
    let mut numbers = match end_steps(list) {
        Some((StepEnd::First, number)) => (1..=number).collect(),
        Some((StepEnd::Last, number)) if number <= count => (count - number + 1..=count).collect(),
        Some((StepEnd::Last, _)) => {
            return Err(format!("There are only {}.", counted(recipe.steps.len(), "step")));
        }
        None => step_numbers(list).unwrap_or_default(),
    };
    numbers.sort_unstable();
    numbers.dedup();
    let at: Vec<usize> = numbers
        .iter()
        .map(|number| index(recipe, StepRef::Number(*number)))
        .collect::<Result<_, _>>()?;
    at.into_iter().rev().for_each(|at| drop(recipe.steps.remove(at)));
    let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
    Ok(format!("Removed steps {}.", numbers.join(", ")))
}

pub(super) fn replaced_step(recipe: &mut Recipe, at: StepRef, text: &str) -> EditResult {
    let index = index(recipe, at)?;
    if let Some(step) = recipe.steps.get_mut(index) {
        text.clone_into(&mut step.text);
    }
    Ok(format!("Step {} is now: “{text}”", index + 1))
}

/// Moves a step. The place is one among the steps as they are numbered before.
pub(super) fn moved_step(recipe: &mut Recipe, at: StepRef, place: StepPosition) -> EditResult {
    let from = index(recipe, at)?;
    let to = match place {
        StepPosition::Before(StepRef::Number(number)) => {
            // "Move step 1 to 3" makes it the third.
            index(recipe, StepRef::Number(number))?
        }
        StepPosition::Before(at) => {
            let before = index(recipe, at)?;
            if before > from { before - 1 } else { before }
        }
        StepPosition::After(at) => {
            let after = index(recipe, at)?;
            if after < from { after + 1 } else { after }
        }
    };
    let step = recipe.steps.remove(from);
    recipe.steps.insert(to.min(recipe.steps.len()), step);
    Ok(format!("Step {} is now step {}.", from + 1, to + 1))
}

/// Exchanges two steps.
pub(super) fn swapped_steps(recipe: &mut Recipe, one: StepRef, other: StepRef) -> EditResult {
    let (one, other) = (index(recipe, one)?, index(recipe, other)?);
    recipe.steps.swap(one, other);
    Ok(format!("Steps {} and {} have changed places.", one + 1, other + 1))
}

/// Shows a step.
pub(super) fn step_text(recipe: &Recipe, at: StepRef) -> String {
    let index = match index(recipe, at) {
        Ok(index) => index,
        Err(fault) => return fault,
    };
    let step = recipe.steps.get(index);
    step.map_or_else(String::new, |step| format!("{}. {}", step.order, step.text))
}
