//! Answers to questions, and to what is not understood.

use super::super::command::Shown;
use super::super::find::{find, words_of};
use super::super::ingredient::Ingredient;
use super::super::line::Line;
use super::super::ratio::Ratio;
use super::super::recipe::Recipe;
use super::said::time_text;

/// Shows a part of the recipe.
pub(super) fn shown_text(recipe: &Recipe, shown: Shown) -> String {
    match shown {
        Shown::Ingredients => ingredients(recipe),
        Shown::Steps => steps(recipe),
        Shown::Yield if recipe.yields.is_empty() => {
            "I do not know how much it makes. Say `Set yield to 4 servings`.".to_owned()
        }
        Shown::Yield => format!("It makes: {}.", recipe.yields),
        Shown::Times => times(recipe),
        Shown::Recipe => format!("{}\n{}\n{}", recipe.title, ingredients(recipe), steps(recipe)),
    }
}

fn ingredients(recipe: &Recipe) -> String {
    let lines = recipe.ingredients.iter().map(|ingredient| format!("- {}", ingredient.text));
    let lines = lines.collect::<Vec<_>>().join("\n");
    if lines.is_empty() { "There are no ingredients yet.".to_owned() } else { lines }
}

fn steps(recipe: &Recipe) -> String {
    let lines = recipe.steps.iter().map(|step| format!("{}. {}", step.order, step.text));
    let lines = lines.collect::<Vec<_>>().join("\n");
    if lines.is_empty() { "There are no steps yet.".to_owned() } else { lines }
}

fn times(recipe: &Recipe) -> String {
    let time = |name: &str, minutes: Option<u32>| {
        let known = minutes.map(|_| format!("{name}: {}.", time_text(minutes)));
        known.unwrap_or_else(|| format!("{name}: not known."))
    };
    let (prep, cook) = (recipe.prep_time_minutes, recipe.cook_time_minutes);
    let total = recipe.total_time_minutes;
    let total = total.map_or_else(String::new, |_| format!(" {}", time("In all", total)));
    format!("{} {}{total}", time("Preparation", prep), time("Cooking", cook))
}

/// Tells the amount of an ingredient.
pub(super) fn how_much(recipe: &Recipe, name: &str) -> String {
    match find(recipe, name).map(|index| recipe.ingredients.get(index)) {
        Ok(Some(ingredient)) => format!("{}.", ingredient.text),
        Ok(None) => "That ingredient is gone.".to_owned(),
        Err(fault) => fault,
    }
}

/// The answer to what is not understood, with three commands that may have been meant.
pub(crate) fn guesses(recipe: &Recipe, content: &str) -> String {
    // Only its beginning is looked at, however long it is.
    let end = content.char_indices().nth(200).map_or(content.len(), |(at, _)| at);
    let said = words_of(content.get(..end).unwrap_or_default());
    let is_named = |ingredient: &&Ingredient| {
        let name = words_of(&ingredient.name());
        !name.is_empty() && name.iter().all(|word| said.contains(word))
    };
    let named = recipe.ingredients.iter().filter(|one| !one.is_heading()).find(is_named);
    let guesses = match named {
        Some(ingredient) => {
            let name = ingredient.name();
            let twice = ingredient.scaled(Ratio::whole(2));
            let twice = twice.map(|twice| Line::parse(&twice.text).first_text().to_owned());
            let amount = twice.filter(|twice| !twice.is_empty());
            let amount = amount.unwrap_or_else(|| "2 tsp".to_owned());
            format!("`Change {name} to {amount}`, `Replace {name} with …` or `Remove {name}`")
        }
        None if said.iter().any(|word| word == "step") => {
            "`Add step Let it rest`, `Replace step 2 with …` or `Remove step 2`".to_owned()
        }
        None => "`Scale to 8 servings`, `Add 2 eggs` or `Replace butter with oil`".to_owned(),
    };
    format!(
        "I did not understand that; I can only change this recipe. Did you mean {guesses}? \
         `Help` lists what I can do."
    )
}
