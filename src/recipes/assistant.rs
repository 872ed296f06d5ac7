//! The recipe chat's assistant: carries out commands on a recipe and reports what it did.

mod said;
mod scaling;

use self::said::{EditResult, counted};
use self::scaling::scaled;
use super::command::{ChatCommand, StepPosition, StepRef};
use super::extract::{extract, extract_list, meta};
use super::find::{find, replaced_words, words_of};
use super::ingredient::Ingredient;
use super::quantity::Number;
use super::recipe::{Draft, Recipe, Step};
use crate::time::UnixTime;

/// The assistant's greeting in the answer to a join.
pub const WELCOME: &str = "Connected to recipe chat. How can I help you with this recipe? Say `Help` to see what I can do.";

/// The list of commands.
pub const HELP: &str = "Here is what I can do:
- `Extract recipe from: <pasted text>`
- `Scale to 8 servings`, `Double it`, `Halve it`
- `Rename to Sunday pancakes`
- `Add ingredient 2 eggs`, `Remove ingredient garlic`
- `Replace butter with olive oil`
- `Add step Bake for 20 minutes`, `Add step after 2: Let it rest`
- `Replace step 2 with Stir well`, `Remove step 3`
- `Set yield to 4 servings`, `Set prep time to 15 minutes`, `Set cook time to 1 hour`
- `Undo`";

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
}

/// What a message holds beside its command. To read it takes most of the time of an answer, and does
/// not need the recipe.
#[derive(Debug)]
pub(super) enum Pasted {
    Recipe(Box<Draft>),
    Ingredients(Vec<Ingredient>),
    Nothing,
}

impl Pasted {
    pub(super) fn read(content: &str) -> Self {
        match ChatCommand::parse(content) {
            Some(ChatCommand::Extract(text)) if !is_link(text) => {
                Self::Recipe(Box::new(extract(text)))
            }
            Some(ChatCommand::AddIngredient(text)) => Self::Ingredients(extract_list(text)),
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

/// The same to a message that was read before.
pub(super) fn answer_read(
    recipe: &Recipe,
    content: &str,
    pasted: Pasted,
    now: UnixTime,
) -> AssistantReply {
    let mut new = recipe.clone();
    let said = match ChatCommand::parse(content) {
        None => return AssistantReply::Say(format!("I did not understand that. {HELP}")),
        Some(ChatCommand::Help) => return AssistantReply::Say(HELP.to_owned()),
        Some(ChatCommand::Undo) => return AssistantReply::Undo,
        Some(ChatCommand::Unfinished(example)) => {
            return AssistantReply::Say(format!("I did not quite get that. Try `{example}`."));
        }
        Some(ChatCommand::Extract(_)) => extracted(&mut new, pasted),
        Some(ChatCommand::Scale(scale)) => scaled(&mut new, scale),
        Some(ChatCommand::Rename(title)) => {
            title.clone_into(&mut new.title);
            Ok(format!("Renamed to “{title}”."))
        }
        Some(ChatCommand::SetYield(text)) => {
            let is_bare = Number::parse(text).is_some_and(|number| number.end == text.len());
            let text = if is_bare { format!("{text} servings") } else { text.to_owned() };
            (new.yields, new.yield_base) = (text, None);
            Ok(format!("The yield is now {}. The amounts stay as they are.", new.yields))
        }
        Some(ChatCommand::SetPrepTime(text)) => timed(text)
            .map(|minutes| new.prep_time_minutes = Some(minutes))
            .map(|()| format!("The prep time is now {}.", time_text(new.prep_time_minutes))),
        Some(ChatCommand::SetCookTime(text)) => timed(text)
            .map(|minutes| new.cook_time_minutes = Some(minutes))
            .map(|()| format!("The cook time is now {}.", time_text(new.cook_time_minutes))),
        Some(ChatCommand::AddIngredient(_)) => Ok(added(&mut new, pasted)),
        Some(ChatCommand::RemoveIngredient(name)) => removed(&mut new, name),
        Some(ChatCommand::Replace { old, new: text }) => replaced(&mut new, old, text),
        Some(ChatCommand::AddStep { text, place }) => added_step(&mut new, text, place),
        Some(ChatCommand::RemoveStep(at)) => removed_step(&mut new, at),
        Some(ChatCommand::ReplaceStep(at, text)) => replaced_step(&mut new, at, text),
    };
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

fn extracted(recipe: &mut Recipe, pasted: Pasted) -> EditResult {
    let Pasted::Recipe(draft) = pasted else {
        return Err("I cannot open links. Paste the text of the recipe itself, as in `Extract \
            recipe from: <pasted text>`."
            .to_owned());
    };
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
    recipe.tags = draft.tags;
    recipe.ingredients = draft.ingredients;
    recipe.steps = draft.steps.into_iter().map(|text| Step { order: 0, text }).collect();
    let made =
        if recipe.yields.is_empty() { String::new() } else { format!(", {}", recipe.yields) };
    let title = &recipe.title;
    Ok(format!("Extracted “{title}”: {ingredients}, {steps}{made}. `Undo` takes it back."))
}

fn timed(text: &str) -> Result<u32, String> {
    match meta::duration(text, true) {
        Some((minutes, length)) if length == text.len() => Ok(minutes),
        _ => Err("I need a time such as `15 minutes` or `1 hour 20 minutes`.".to_owned()),
    }
}

fn time_text(minutes: Option<u32>) -> String {
    let minutes = minutes.unwrap_or_default() as usize;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => counted(minutes, "minute"),
        (hours, 0) => counted(hours, "hour"),
        (hours, minutes) => format!("{} {}", counted(hours, "hour"), counted(minutes, "minute")),
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

fn removed(recipe: &mut Recipe, name: &str) -> EditResult {
    let index = find(recipe, name)?;
    let gone = recipe.ingredients.remove(index);
    let named: Vec<String> = naming(recipe, &gone.name());
    let mut said = format!("Removed “{}”.", gone.text);
    if !named.is_empty() {
        let noun = if named.len() == 1 { "Step" } else { "Steps" };
        let verb = if named.len() == 1 { "names" } else { "name" };
        said.push_str(&format!(" {noun} {} still {verb} it.", named.join(", ")));
    }
    Ok(said)
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

fn replaced(recipe: &mut Recipe, old: &str, new: &str) -> EditResult {
    let (found, name) = (find(recipe, old), Ingredient::parse(new));
    let name = name.name();
    let in_steps = if name.is_empty() { new } else { &*name };
    let mut steps = 0;
    for step in &mut recipe.steps {
        if let Some(text) = replaced_words(&step.text, old, in_steps)? {
            step.text = text;
            steps += 1;
        }
    }
    let in_steps = match steps {
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
    let renamed = ingredient.renamed(new);
    let said = format!("“{}” is now “{}”.{in_steps}", ingredient.text, renamed.text);
    *ingredient = renamed;
    Ok(said)
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

fn added_step(recipe: &mut Recipe, text: &str, place: Option<StepPosition>) -> EditResult {
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

fn removed_step(recipe: &mut Recipe, at: StepRef) -> EditResult {
    let index = index(recipe, at)?;
    let gone = recipe.steps.remove(index);
    Ok(format!("Removed step {}: “{}”", index + 1, gone.text))
}

fn replaced_step(recipe: &mut Recipe, at: StepRef, text: &str) -> EditResult {
    let index = index(recipe, at)?;
    if let Some(step) = recipe.steps.get_mut(index) {
        text.clone_into(&mut step.text);
    }
    Ok(format!("Step {} is now: “{text}”", index + 1))
}

#[cfg(test)]
mod tests;
