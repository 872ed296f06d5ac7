//! The recipe chat's assistant: carries out commands on a recipe and reports what it did.

mod adding;
mod amounts;
mod converting;
mod questions;
mod said;
mod scaling;
mod steps;

use self::adding::ingredients;
use self::amounts::{more, multiplied, removed, replaced, set_amount, taken_away};
use self::converting::converted;
pub(super) use self::questions::guesses;
use self::questions::{how_much, shown_text};
use self::said::{EditResult, counted, time_text};
use self::scaling::{scaled, unknown_yield};
use self::steps::{
    added_step, moved_step, removed_step, removed_steps, replaced_step, step_text, swapped_steps,
};
use super::command::{ChatCommand, Scale, corrected};
use super::find::find;
use super::ingredient::Ingredient;
use super::quantity::Number;
use super::ratio::Ratio;
use super::read::{ReadError, ReadRecipe, duration, read};
use super::recipe::{MAX_TAGS, Recipe, Step};
use super::sentences::sentences;
use crate::time::UnixTime;

/// The assistant's greeting in the answer to a join.
pub const WELCOME: &str = "Connected to recipe chat. How can I help you with this recipe? Say `Help` to see what I can do.";

/// The list of commands.
pub const HELP: &str = "Here is what I can do:
- `Extract recipe from: <pasted text>`
- `Scale to 8 servings`, `Make it for 6`, `Double it`, `Scale up by 50%`
- `Rename to Sunday pancakes`
- `Add ingredient 2 eggs`, `Remove ingredient garlic`
- `Replace butter with olive oil`, `Change carrots to 4`, `Use half the sugar`
- `Add step Bake for 20 minutes`, `Add step after 2: Let it rest`
- `Replace step 2 with Stir well`, `Remove step 3`
- `Set yield to 4 servings`, `Set prep time to 15 minutes`, `Set cook time to 1 hour`, `Set total time to 2 hours`
- `Convert to metric`, `Convert to US units`, `Convert back`
- `How much butter do I need?`, `Show the ingredients`
- `Undo`, `Redo`
Several may be in one message: `Double it and add garlic`.";

/// The answer to who wants to delete the recipe.
const DELETE: &str = "A recipe is deleted in the list of recipes, by its owner, and not in its chat. \
    To take out an ingredient, say `Remove garlic`.";

/// The assistant's answer to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssistantReply {
    /// A text, without a change.
    Say(String),
    /// A changed recipe, which keeps its limits.
    Change {
        /// The whole new recipe.
        recipe: Box<Recipe>,
        /// The text that describes the change.
        content: String,
    },
    /// A request to revert the last change. The storage, which keeps the versions, carries it out.
    Undo,
    /// A request to do again what `Undo` reverted.
    Redo,
}

/// What a message holds beside its command. To read it takes most of the time of an answer, and does
/// not need the recipe.
#[derive(Debug)]
pub(super) enum Pasted {
    Recipe(Box<Result<ReadRecipe, ReadError>>),
    Ingredients(Vec<Ingredient>),
    Nothing,
}

impl Pasted {
    pub(super) fn read(content: &str) -> Self {
        match ChatCommand::parse(content) {
            Some(ChatCommand::Extract(text)) if !is_link(text) => {
                Self::Recipe(Box::new(read(text)))
            }
            Some(ChatCommand::AddIngredient(text)) => Self::Ingredients(ingredients(text)),
            _ => Self::Nothing,
        }
    }
}

fn is_link(text: &str) -> bool {
    text.starts_with("http") && !text.contains(char::is_whitespace)
}

/// Answers a message in the room of a recipe. The work is linear in the recipe and the message.
#[must_use]
pub fn answer(recipe: &Recipe, content: &str, now: UnixTime) -> AssistantReply {
    answer_read(recipe, content, Pasted::read(content), now)
}

/// A message as it was meant, where it is not understood as it was typed.
fn as_meant(content: &str) -> Option<String> {
    if sentences(content).is_some() || ChatCommand::parse(content).is_some_and(is_whole) {
        return None;
    }
    let meant = corrected(content)?.into_owned();
    let is_understood =
        sentences(&meant).is_some() || ChatCommand::parse(&meant).is_some_and(is_whole);
    is_understood.then_some(meant)
}

fn is_whole(command: ChatCommand<'_>) -> bool {
    !matches!(command, ChatCommand::Unfinished(_))
}

/// The same to a message that was read before.
pub(super) fn answer_read(
    recipe: &Recipe,
    content: &str,
    pasted: Pasted,
    now: UnixTime,
) -> AssistantReply {
    if let Some(meant) = as_meant(content) {
        let pasted = Pasted::read(&meant);
        return answer_read(recipe, &meant, pasted, now);
    }
    let mut new = recipe.clone();
    let said = match (sentences(content), ChatCommand::parse(content)) {
        (Some(commands), _) => all(&mut new, commands),
        (None, Some(ChatCommand::Undo)) => return AssistantReply::Undo,
        (None, Some(ChatCommand::Redo)) => return AssistantReply::Redo,
        (None, Some(command)) => carried_out(&mut new, command, pasted),
        (None, None) => Err(guesses(recipe, content)),
    };
    finished(recipe, new, said, now)
}

/// The reply that brings a changed recipe, if it is different and keeps its limits.
pub(super) fn finished(
    recipe: &Recipe,
    mut new: Recipe,
    said: EditResult,
    now: UnixTime,
) -> AssistantReply {
    let content = match said {
        Ok(content) => content,
        Err(fault) => return AssistantReply::Say(fault),
    };
    new.number_steps();
    if new == *recipe {
        return AssistantReply::Say("It is like that already: nothing has changed.".to_owned());
    }
    new.updated_at = now.to_rfc3339().to_string();
    match new.check() {
        Ok(()) => AssistantReply::Change { recipe: Box::new(new), content },
        Err(fault) => {
            AssistantReply::Say(format!("That does not fit: {fault}. Nothing has changed."))
        }
    }
}

/// Carries out several commands, all or none.
pub(super) fn all(recipe: &mut Recipe, commands: Vec<ChatCommand<'_>>) -> EditResult {
    let mut said = Vec::new();
    for command in commands {
        let pasted = match command {
            ChatCommand::AddIngredient(text) => Pasted::Ingredients(ingredients(text)),
            _ => Pasted::Nothing,
        };
        let done = carried_out(recipe, command, pasted);
        said.push(done.map_err(|fault| format!("Nothing has changed. {fault}"))?);
        recipe.number_steps();
    }
    Ok(said.join(" "))
}

/// Carries out one command. An error is an answer without a change.
pub(super) fn carried_out(
    recipe: &mut Recipe,
    command: ChatCommand<'_>,
    pasted: Pasted,
) -> EditResult {
    match command {
        ChatCommand::Help => Err(HELP.to_owned()),
        ChatCommand::Undo => Err("Say `Undo` alone.".to_owned()),
        ChatCommand::Redo => Err("Say `Redo` alone.".to_owned()),
        ChatCommand::DeleteRecipe => Err(DELETE.to_owned()),
        ChatCommand::Convert(units) => converted(recipe, units),
        ChatCommand::Unfinished(example) => {
            Err(format!("I did not quite get that. Try `{example}`."))
        }
        ChatCommand::Show(shown) => Err(shown_text(recipe, shown)),
        ChatCommand::ShowStep(at) => Err(step_text(recipe, at)),
        ChatCommand::HowMuch(name) => Err(how_much(recipe, name)),
        ChatCommand::Extract(_) => extracted(recipe, pasted),
        ChatCommand::Scale(Scale::To(number, what)) => scaled_to(recipe, number, what),
        ChatCommand::Scale(scale) => scaled(recipe, scale),
        ChatCommand::ScaleIngredient { name, factor } => multiplied(recipe, name, factor),
        ChatCommand::SetAmount(text) => set_amount(recipe, text),
        ChatCommand::AddMore { name, amount } => more(recipe, name, amount),
        ChatCommand::TakeAway { name, amount } => taken_away(recipe, name, amount),
        ChatCommand::AddIngredient(_) => Ok(added(recipe, pasted)),
        ChatCommand::RemoveIngredient(name) => removed(recipe, name),
        ChatCommand::Replace { old, new } => replaced(recipe, old, new),
        ChatCommand::AddStep { text, place } => added_step(recipe, text, place),
        ChatCommand::RemoveStep(at) => removed_step(recipe, at),
        ChatCommand::RemoveSteps(list) => removed_steps(recipe, list),
        ChatCommand::MoveStep(at, place) => moved_step(recipe, at, place),
        ChatCommand::SwapSteps(one, other) => swapped_steps(recipe, one, other),
        ChatCommand::ReplaceStep(at, text) => replaced_step(recipe, at, text),
        command => set(recipe, command),
    }
}

/// Sets one field of the recipe.
fn set(recipe: &mut Recipe, command: ChatCommand<'_>) -> EditResult {
    match command {
        ChatCommand::Rename(title) => {
            title.clone_into(&mut recipe.title);
            Ok(format!("Renamed to “{title}”."))
        }
        ChatCommand::SetYield(text) => {
            let is_bare = Number::parse(text).is_some_and(|number| number.end == text.len());
            let text = if is_bare { format!("{text} servings") } else { text.to_owned() };
            (recipe.yields, recipe.yield_base) = (text, None);
            Ok(format!("The yield is now {}. The amounts stay as they are.", recipe.yields))
        }
        ChatCommand::SetPrepTime(text) => timed(text)
            .map(|minutes| recipe.prep_time_minutes = Some(minutes))
            .map(|()| format!("The prep time is now {}.", time_text(recipe.prep_time_minutes))),
        ChatCommand::SetCookTime(text) => timed(text)
            .map(|minutes| recipe.cook_time_minutes = Some(minutes))
            .map(|()| format!("The cook time is now {}.", time_text(recipe.cook_time_minutes))),
        ChatCommand::SetTotalTime(text) => timed(text)
            .map(|minutes| recipe.total_time_minutes = Some(minutes))
            .map(|()| format!("The total time is now {}.", time_text(recipe.total_time_minutes))),
        ChatCommand::SetDescription(text) => {
            text.clone_into(&mut recipe.description);
            Ok("The description is changed.".to_owned())
        }
        ChatCommand::AddTag(names) => {
            let parts = names.split(',').flat_map(|part| part.split(" and ")).map(str::trim);
            for name in parts.filter(|name| !name.is_empty()) {
                // One beyond the bound is refused with all others, which are not looked through then.
                if recipe.tags.len() <= MAX_TAGS && !recipe.tags.iter().any(|tag| tag == name) {
                    recipe.tags.push(name.to_owned());
                }
            }
            Ok(format!("Tagged “{names}”."))
        }
        ChatCommand::RemoveTag(name) => {
            let count = recipe.tags.len();
            recipe.tags.retain(|tag| !tag.eq_ignore_ascii_case(name));
            let is_gone = recipe.tags.len() < count;
            let said = if is_gone { Ok } else { Err };
            said(format!(
                "{} the tag “{name}”.",
                if is_gone { "Removed" } else { "I did not find" }
            ))
        }
        _ => Err("I cannot do that.".to_owned()),
    }
}

fn extracted(recipe: &mut Recipe, pasted: Pasted) -> EditResult {
    let Pasted::Recipe(reading) = pasted else {
        return Err("I cannot open links. Paste the text of the recipe itself, as in `Extract \
            recipe from: <pasted text>`."
            .to_owned());
    };
    let ReadRecipe { draft, unread } =
        reading.map_err(|fault| format!("Nothing has changed: {fault}."))?;
    if draft.ingredients.is_empty() && draft.steps.is_empty() {
        return Err(
            "I found neither ingredients nor steps in that text, so nothing has changed. A \
            line such as `2 eggs` or a heading such as `Ingredients:` helps me."
                .to_owned(),
        );
    }
    let is_one = |ingredient: &&Ingredient| !ingredient.is_heading();
    let count = draft.ingredients.iter().filter(is_one).count();
    let (ingredients, steps) = (counted(count, "ingredient"), counted(draft.steps.len(), "step"));
    if !draft.title.is_empty() {
        recipe.title = draft.title;
    }
    (recipe.yields, recipe.yield_base) = (draft.yields, None);
    recipe.description = draft.description;
    recipe.prep_time_minutes = draft.prep_time_minutes;
    recipe.cook_time_minutes = draft.cook_time_minutes;
    recipe.total_time_minutes = draft.total_time_minutes;
    recipe.tags = draft.tags;
    recipe.ingredients = draft.ingredients;
    recipe.steps = draft.steps.into_iter().map(|text| Step { order: 0, text }).collect();
    let made =
        if recipe.yields.is_empty() { String::new() } else { format!(", {}", recipe.yields) };
    let title = &recipe.title;
    let unread = said_unread(&unread);
    Ok(format!("Extracted “{title}”: {ingredients}, {steps}{made}.{unread} `Undo` takes it back."))
}

/// A sentence that names what was not read: the first few things, and how many others.
fn said_unread(unread: &[String]) -> String {
    const NAMED: usize = 3;
    let named: Vec<&str> = unread.iter().take(NAMED).map(String::as_str).collect();
    let others = unread.len().saturating_sub(NAMED);
    match named.join(", ") {
        named if named.is_empty() => named,
        named if others == 0 => format!(" Not read: {named}."),
        named => format!(" Not read: {named}, and {others} more."),
    }
}

fn timed(text: &str) -> Result<u32, String> {
    match duration(text, true) {
        Some((minutes, length)) if length == text.len() => Ok(minutes),
        _ => Err("I need a time such as `15 minutes` or `1 hour 20 minutes`.".to_owned()),
    }
}

fn added(recipe: &mut Recipe, pasted: Pasted) -> String {
    let Pasted::Ingredients(mut new) = pasted else { return "Added nothing.".to_owned() };
    let said = match &*new {
        [one] => format!("Added “{}”.", one.text),
        several => format!("Added {}.", counted(several.len(), "ingredient")),
    };
    recipe.ingredients.append(&mut new);
    said
}

/// Scales to a yield, or sets the amount of an ingredient: "make it 3 eggs".
fn scaled_to(recipe: &mut Recipe, number: Ratio, what: &str) -> EditResult {
    let is_ingredient = !what.is_empty()
        && unknown_yield(recipe, number, what)
        && find(recipe, what).is_ok()
        && !recipe.ingredients.is_empty();
    if is_ingredient {
        return set_amount(recipe, &format!("{} {what}", amounts::written(number)));
    }
    scaled(recipe, Scale::To(number, what))
}

#[cfg(test)]
mod tests;
