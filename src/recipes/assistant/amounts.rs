//! Changes of single ingredients.

use super::super::find::{find, replaced_words, words_of};
use super::super::ingredient::Ingredient;
use super::super::line::Line;
use super::super::quantity::NumberForm;
use super::super::ratio::Ratio;
use super::super::recipe::{Recipe, Step};
use super::super::units::Precision;
use super::super::words::is_preparation;
use super::super::written::write;
use super::said::{EditResult, counted};

/// Removes an ingredient, or several: "onions and carrots".
pub(super) fn removed(recipe: &mut Recipe, names: &str) -> EditResult {
    // Of "onions, chopped" the line has every word, of "onions, garlic" it has not.
    if let Some(index) = find(recipe, names).ok().filter(|index| has_all(recipe, *index, names)) {
        return Ok(removed_at(recipe, index));
    }
    let parts = listed_names(names);
    if parts.len() > MAX_REMOVED {
        return Err(format!(
            "I can remove at most {MAX_REMOVED} ingredients at once. Nothing has changed."
        ));
    }
    if parts.len() < 2 {
        return removed_one(recipe, names);
    }
    let mut said = Vec::new();
    for part in parts {
        said.push(removed_one(recipe, part)?);
    }
    Ok(said.join(" "))
}

/// The names of a list: "onions, carrots and the beef".
fn listed_names(names: &str) -> Vec<&str> {
    let parts = names.split(',').flat_map(|part| part.split(" and "));
    let parts = parts.flat_map(|part| part.split(" or "));
    let begin = |part: &'_ str| part.trim_start_matches("and ").trim_start_matches("also ").len();
    let parts = parts.map(str::trim).map(|part| part.get(part.len() - begin(part)..));
    let parts = parts.flatten().map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| part.strip_prefix("the ").unwrap_or(part)).collect()
}

/// Removes an ingredient, or some of it: "carrots", "100 g of beef".
fn removed_one(recipe: &mut Recipe, name: &str) -> EditResult {
    let index = find(recipe, name)?;
    if begins_with_amount(name) && !has_all(recipe, index, name) {
        return less(recipe, index, name);
    }
    Ok(removed_at(recipe, index))
}

/// Whether an ingredient's line has all words of a text.
fn has_all(recipe: &Recipe, index: usize, text: &str) -> bool {
    let words = recipe.ingredients.get(index).map(|found| words_of(&found.text));
    words.is_some_and(|words| words_of(text).iter().all(|word| words.contains(word)))
}

/// Takes away some of an ingredient: "beef", "100 g".
pub(super) fn taken_away(recipe: &mut Recipe, name: &str, amount: &str) -> EditResult {
    let index = find(recipe, name)?;
    less(recipe, index, amount)
}

fn less(recipe: &mut Recipe, index: usize, amount: &str) -> EditResult {
    let Some(old) = recipe.ingredients.get_mut(index) else {
        return Err("That ingredient is gone.".to_owned());
    };
    let (line, taken) = (Line::parse(&old.text), Line::parse(amount));
    let factor = line.amounts.first().zip(taken.amounts.first()).and_then(|(now, less)| {
        let less = less.quantity.low.value.times(taken.units_in(&line)?)?;
        let now = now.quantity.low.value;
        if less <= now { now.minus(less)?.over(now) } else { None }
    });
    if factor.is_some_and(Ratio::is_zero) {
        return Ok(removed_at(recipe, index));
    }
    match factor.and_then(|factor| line.scaled(factor)).filter(|text| *text != old.text) {
        Some(text) => {
            let said = format!("“{}” is now “{text}”.", old.text);
            *old = Ingredient::parse(&text);
            Ok(said)
        }
        None => Err(format!("There is “{}”. Say how much it should be.", old.text)),
    }
}

fn removed_at(recipe: &mut Recipe, index: usize) -> String {
    let gone = recipe.ingredients.remove(index);
    format!("Removed “{}”.{}", gone.text, still_named(recipe, &gone.name()))
}

/// Names the steps that still mention an ingredient that is gone.
fn still_named(recipe: &Recipe, name: &str) -> String {
    let named = naming(recipe, name);
    let (noun, verb) = if named.len() == 1 { ("Step", "names") } else { ("Steps", "name") };
    match named.is_empty() {
        true => String::new(),
        false => format!(" {noun} {} still {verb} it.", named.join(", ")),
    }
}

/// The numbers of the steps that mention a name.
fn naming(recipe: &Recipe, name: &str) -> Vec<String> {
    let name = words_of(name);
    let says = |step: &&Step| {
        let words = words_of(&step.text);
        !name.is_empty() && words.windows(name.len()).any(|window| window == name)
    };
    recipe.steps.iter().filter(says).map(|step| step.order.to_string()).collect()
}

/// Replaces an ingredient and its mentions in the steps, or sets its amount: "carrots" by "4".
pub(super) fn replaced(recipe: &mut Recipe, old: &str, new: &str) -> EditResult {
    let found = find(recipe, old);
    let name = Line::parse(new).name().to_owned();
    if let Ok(index) = found
        && begins_with_amount(new)
        && (name.is_empty() || is_name_of(recipe, index, &name))
    {
        return with_amount(recipe, index, new);
    }
    if let Ok(index) = found
        && let Some(ingredient) = recipe.ingredients.get_mut(index)
        && let Some(text) = prepared_anew(ingredient, old, new)?
    {
        let said = format!("“{}” is now “{text}”.", ingredient.text);
        *ingredient = Ingredient::parse(&text);
        return Ok(said);
    }
    // "Half of the butter", but "2 carrots" are all of them.
    if let Ok(index) = found
        && begins_with_amount(old)
        && !has_all(recipe, index, old)
    {
        let all = recipe.ingredients.get(index).map(Ingredient::name).unwrap_or_default();
        return Err(format!("I can only replace all of it. Say `Replace {all} with {new}`."));
    }
    let in_steps = if name.is_empty() { new } else { &*name };
    let mut steps = 0;
    for step in &mut recipe.steps {
        if let Some(text) = replaced_words(&step.text, old, in_steps)? {
            step.text = text;
            steps += 1;
        }
    }
    let changed = match steps {
        0 => String::new(),
        _ => format!(" Changed in {} too.", counted(steps, "step")),
    };
    let index = match found {
        Ok(index) => index,
        Err(_) if steps > 0 && naming_none(recipe, old) => {
            return Ok(format!("Replaced “{old}” with “{new}” in {}.", counted(steps, "step")));
        }
        Err(fault) => return Err(fault),
    };
    let Some(ingredient) = recipe.ingredients.get_mut(index) else {
        return Err("That ingredient is gone.".to_owned());
    };
    let (was, renamed) = (ingredient.name(), ingredient.renamed(new));
    let said = format!("“{}” is now “{}”.{changed}", ingredient.text, renamed.text);
    *ingredient = renamed;
    let is_other = words_of(&was).iter().all(|word| !words_of(new).contains(word));
    let still = if is_other { still_named(recipe, &was) } else { String::new() };
    Ok(format!("{said}{still}"))
}

/// The line with another preparation: "onions sliced instead of chopped". `None` if the old text is of
/// the ingredient's name, or the new one is no preparation.
fn prepared_anew(ingredient: &Ingredient, old: &str, new: &str) -> Result<Option<String>, String> {
    let name = words_of(&ingredient.name());
    if words_of(old).iter().any(|word| name.contains(word)) {
        return Ok(None);
    }
    let said = new.split(' ').skip_while(|word| words_of(word).iter().all(|it| name.contains(it)));
    let way: Vec<&str> = said.collect();
    let is_way = !way.is_empty() && way.iter().all(|word| is_preparation(word));
    if !is_way {
        return Ok(None);
    }
    replaced_words(&ingredient.text, old, &way.join(" "))
}

fn begins_with_amount(text: &str) -> bool {
    let line = Line::parse(text);
    line.begins_with_amount() && !line.amounts.is_empty()
}

/// Whether an ingredient has this name: "beef" and "2 carrots" are the same as "carrot".
fn is_name_of(recipe: &Recipe, index: usize, name: &str) -> bool {
    let ingredient = recipe.ingredients.get(index);
    ingredient.is_some_and(|ingredient| words_of(&ingredient.name()) == words_of(name))
}

/// Sets the amount of an ingredient: "700 g of beef".
pub(super) fn set_amount(recipe: &mut Recipe, text: &str) -> EditResult {
    let name = Line::parse(text).name().to_owned();
    if name.is_empty() || !begins_with_amount(text) {
        return Err("Of what? Say `Change beef to 700 g`.".to_owned());
    }
    let fault = |fault| format!("{fault} Say `Add ingredient {text}` to add it.");
    let index = find(recipe, &name).map_err(fault)?;
    with_amount(recipe, index, text)
}

fn with_amount(recipe: &mut Recipe, index: usize, amount: &str) -> EditResult {
    let ingredient = recipe.ingredients.get_mut(index);
    let changed = ingredient.and_then(|old| Some((old.with_amount(amount)?, old)));
    let Some((new, old)) = changed else {
        return Err(format!("“{amount}” is not an amount that I understand."));
    };
    let said = format!("“{}” is now “{}”.", old.text, new.text);
    *old = new;
    Ok(said)
}

/// Multiplies the amount of an ingredient, or of several: "beef and the carrots".
pub(super) fn multiplied(recipe: &mut Recipe, names: &str, factor: Ratio) -> EditResult {
    let is_one = find(recipe, names).is_ok_and(|index| has_all(recipe, index, names));
    let parts = listed_names(names);
    if is_one || parts.len() < 2 {
        return multiplied_one(recipe, names, factor);
    }
    let mut said = Vec::new();
    for part in parts {
        said.push(multiplied_one(recipe, part, factor)?);
    }
    Ok(said.join(" "))
}

fn multiplied_one(recipe: &mut Recipe, name: &str, factor: Ratio) -> EditResult {
    let index = find(recipe, name)?;
    let Some(old) = recipe.ingredients.get_mut(index) else {
        return Err("That ingredient is gone.".to_owned());
    };
    match old.scaled(factor) {
        Some(new) if new != *old => {
            let said = format!("“{}” is now “{}”.", old.text, new.text);
            *old = Ingredient::parse(&new.text);
            Ok(said)
        }
        _ => Err(format!("I am not sure of the amount of “{}”, so nothing has changed.", old.text)),
    }
}

/// Adds more of an ingredient; adds the ingredient if there is none.
pub(super) fn more(recipe: &mut Recipe, name: &str, amount: &str) -> EditResult {
    let found = find(recipe, name).ok().and_then(|index| recipe.ingredients.get_mut(index));
    let Some(old) = found else {
        let new = Ingredient::parse(&format!("{amount} {name}"));
        let said = format!("Added “{}”.", new.text);
        recipe.ingredients.push(new);
        return Ok(said);
    };
    let (line, added) = (Line::parse(&old.text), Line::parse(amount));
    let factor = line.amounts.first().zip(added.amounts.first()).and_then(|(now, added_amount)| {
        let added = added_amount.quantity.low.value.times(added.units_in(&line)?)?;
        let now = now.quantity.low.value;
        now.plus(added)?.over(now)
    });
    match factor.and_then(|factor| line.scaled(factor)).filter(|text| *text != old.text) {
        Some(text) => {
            let said = format!("“{}” is now “{text}”.", old.text);
            *old = Ingredient::parse(&text);
            Ok(said)
        }
        None => Err(format!("There is “{}” already. Say how much it should be.", old.text)),
    }
}

/// A number as it is written before an ingredient.
pub(super) fn written(number: Ratio) -> String {
    write(number, NumberForm::Whole, Precision::Kitchen).unwrap_or_default()
}

/// Whether no ingredient has these words.
fn naming_none(recipe: &Recipe, name: &str) -> bool {
    let name = words_of(name);
    let has = |ingredient: &Ingredient| {
        let words = words_of(&ingredient.text);
        name.iter().all(|word| words.contains(word))
    };
    !recipe.ingredients.iter().any(has)
}

/// Each ingredient of a list is looked for among all of the recipe, and its name in all steps: with more,
/// a message of a few hundred bytes would keep the database waiting for a tenth of a second.
const MAX_REMOVED: usize = 16;
