//! Finds the ingredient that a user names, as loosely as is safe.

use super::ingredient::Ingredient;
use super::recipe::{MAX_STEP_CHARS, Recipe};
pub(super) use super::words::words_of;

/// Longer names are not searched for.
const MAX_NAME_BYTES: usize = 500;
/// How many candidates are listed when a name is ambiguous.
const MAX_LISTED: usize = 5;

/// The index of the ingredient called `name`. Matches its text, its name, words of its name, words
/// of its text, in this order, ignoring case and number (singular or plural).
///
/// # Errors
/// The assistant's answer when there is none, or when several different ones match.
pub(super) fn find(recipe: &Recipe, name: &str) -> Result<usize, String> {
    if name.len() > MAX_NAME_BYTES {
        return Err("I found no ingredient of so long a name in this recipe.".to_owned());
    }
    let asked = words_of(name);
    let plain = words_of(&Ingredient::parse(name).name());
    let has_all = |text: &str, wanted: &[String]| {
        let words = words_of(text);
        !wanted.is_empty() && wanted.iter().all(|word| words.contains(word))
    };
    let is_called = |tier: usize, ingredient: &Ingredient| match tier {
        0 => words_of(&ingredient.text) == asked,
        1 => words_of(&ingredient.name()) == plain,
        2 => has_all(&ingredient.name(), &plain),
        _ => has_all(&ingredient.text, &asked),
    };
    for tier in 0..4 {
        let found: Vec<(usize, &Ingredient)> = recipe
            .ingredients
            .iter()
            .enumerate()
            .filter(|(_, ingredient)| !ingredient.is_heading() && !asked.is_empty())
            .filter(|(_, ingredient)| is_called(tier, ingredient))
            .collect();
        let Some((first, ingredient)) = found.first() else { continue };
        if found.iter().all(|(_, other)| other.text == ingredient.text) {
            return Ok(*first);
        }
        let listed: Vec<String> = found
            .iter()
            .take(MAX_LISTED)
            .map(|(_, ingredient)| format!("“{}”", ingredient.text))
            .collect();
        return Err(format!("Which one? “{name}” may be {}.", listed.join(" or ")));
    }
    if recipe.ingredients.is_empty() {
        return Err("This recipe has no ingredients yet. Say `Add ingredient 2 eggs`.".to_owned());
    }
    Err(format!("I found no ingredient “{name}” in this recipe."))
}

/// Replaces each whole-word `old` in a text, ignoring case. `None` when it does not occur.
///
/// # Errors
/// The assistant's answer when the text would become too long.
pub(super) fn replaced_words(text: &str, old: &str, new: &str) -> Result<Option<String>, String> {
    if old.is_empty() || old.len() > MAX_NAME_BYTES {
        return Ok(None);
    }
    let (mut written, mut done) = (String::new(), 0);
    let mut was_word = false;
    for (at, c) in text.char_indices() {
        let begins = !was_word && at >= done;
        was_word = c.is_alphanumeric();
        let end = at + old.len();
        let is_here = begins
            && text.get(at..end).is_some_and(|here| here.eq_ignore_ascii_case(old))
            && !text.get(end..).is_some_and(|rest| rest.starts_with(char::is_alphanumeric));
        if !is_here {
            continue;
        }
        written.push_str(text.get(done..at).unwrap_or_default());
        let mut letters = new.chars();
        match letters.next().filter(|_| c.is_uppercase()) {
            Some(first) => written.extend(first.to_uppercase().chain(letters)),
            None => written.push_str(new),
        }
        done = end;
        if written.len() > MAX_STEP_CHARS * 4 {
            return Err("A step would become too long. Nothing has changed.".to_owned());
        }
    }
    written.push_str(text.get(done..).unwrap_or_default());
    Ok((done > 0).then_some(written))
}
