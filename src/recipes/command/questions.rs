//! Questions about the recipe, and commands on its tags and its description.

use super::super::amount::Amount;
use super::super::line::Line;
use super::super::quantity::Number;
use super::super::ratio::Ratio;
use super::chat_command::{ChatCommand, Shown};
use super::scale::percent;
use super::steps::which;
use super::words::{WHOLE, after, after_any, skip, value};

/// Parses a question, which changes nothing.
pub(super) fn question(text: &str) -> Option<ChatCommand<'_>> {
    if let Some(rest) = after_any(text, &["how much", "how many"]) {
        let name = HOW_MUCH_ENDS.iter().filter_map(|end| rest.find(end)).min();
        let name = rest.get(..name.unwrap_or(rest.len()))?.trim_matches(['?', ' ']);
        let is_yield = ["servings", "people", "portions"].iter().any(|p| after(name, p).is_some());
        return Some(match name {
            "" => return None,
            _ if is_yield => ChatCommand::Show(Shown::Yield),
            name => ChatCommand::HowMuch(name),
        });
    }
    if after_any(text, &["how long does it take", "how long does this take"]).is_some() {
        return Some(ChatCommand::Show(Shown::Times));
    }
    let is_of = ["what's in it", "what’s in it", "what is in it", "what do i need"];
    if is_of.iter().any(|of| text.eq_ignore_ascii_case(of)) {
        return Some(ChatCommand::Show(Shown::Ingredients));
    }
    let asked = after_any(text, SHOW)?;
    let asked = skip(asked, &["me", "us"]);
    if let Some((at, "")) = which(asked) {
        return Some(ChatCommand::ShowStep(at));
    }
    let asked = skip(asked, &["all the", "the", "all", "my", "whole"]);
    let shown = SHOWN.iter().find(|(names, _)| {
        names.iter().any(|name| {
            after(asked, name).is_some_and(|rest| rest.is_empty() || skip(rest, OVER).is_empty())
        })
    });
    shown.map(|(_, shown)| ChatCommand::Show(*shown))
}

/// Parses commands on tags and the description.
pub(super) fn tag(text: &str) -> Option<ChatCommand<'_>> {
    let add = after_any(text, &["add the tag", "add a tag", "add tag", "add the tags", "add tags"])
        .or_else(|| {
            let rest = after_any(text, &["tag", "tags", "label"])?;
            let rest = after_any(rest, WHOLE).or_else(|| rest.strip_prefix(':'))?;
            Some(skip(rest, &["as", "with"]))
        });
    if let Some(name) = add {
        return Some(match value(name) {
            "" => ChatCommand::Unfinished("Tag it quick"),
            name => ChatCommand::AddTag(name),
        });
    }
    let remove = after_any(text, &["remove the tag", "remove tag", "delete the tag", "delete tag"]);
    if let Some(name) = remove.map(value).filter(|name| !name.is_empty()) {
        return Some(ChatCommand::RemoveTag(name));
    }
    let verb = after_any(text, &["set", "change", "update"]);
    let rest = after(skip(verb.unwrap_or(text), &["the", "its"]), "description");
    let said = rest
        .and_then(|rest| rest.strip_prefix(':').or_else(|| after_any(rest, &["to", "is", "as"])));
    let said = said.or_else(|| after_any(text, &["describe it as", "describe this as"]))?;
    Some(match value(said) {
        "" => ChatCommand::Unfinished("Set description to A quick soup"),
        said => ChatCommand::SetDescription(said),
    })
}

/// Parses a command that multiplies one ingredient: "use half the sugar", "double the garlic".
pub(super) fn multiplied(text: &str) -> Option<ChatCommand<'_>> {
    if let Some(command) = changed_by(text) {
        return Some(command);
    }
    let text = skip(text, &["use", "take", "with", "add", "put in"]);
    let (rest, factor) = FACTORS.iter().find_map(|(words, over, parts)| {
        Some((after_any(text, words)?, Ratio::new(*over, *parts)?))
    })?;
    let rest = skip(rest, &["of", "the amount of", "as much", "as many"]);
    // "Half an onion" is an amount.
    let name = value(after_any(rest, &["the", "my"])?);
    (!name.is_empty() && after_any(rest, WHOLE).is_none_or(|rest| !rest.is_empty()))
        .then_some(ChatCommand::ScaleIngredient { name, factor })
}

/// Parses "reduce the cream by half", "increase beef by 20%".
fn changed_by(text: &str) -> Option<ChatCommand<'_>> {
    let is_more = after_any(text, &["increase", "raise"]);
    let rest = is_more.or_else(|| after_any(text, &["reduce", "decrease", "lower", "cut"]))?;
    let (name, by) = rest.rsplit_once(" by ")?;
    let share =
        if by.trim().eq_ignore_ascii_case("half") { Some(Ratio::HALF) } else { percent(by) };
    let factor = if is_more.is_some() { share?.plus(Ratio::ONE) } else { Ratio::ONE.minus(share?) };
    let factor = factor.filter(|factor| !factor.is_zero())?;
    let name = skip(name, &["the amount of", "the"]);
    let is_whole = after_any(rest, WHOLE).is_some() || after_any(name, WHOLE).is_some();
    (!is_whole && !name.is_empty()).then_some(ChatCommand::ScaleIngredient { name, factor })
}

/// Parses a command that sets the amount of one ingredient: "make it 700 g of beef", "use 3 eggs".
pub(super) fn amount(text: &str) -> Option<ChatCommand<'_>> {
    let verbs =
        ["make it", "make that", "use", "take", "i have", "i only have", "i need", "we need"];
    let rest = skip(after_any(text, &verbs)?, &["only", "just"]);
    Number::parse(rest).map(|_| ChatCommand::SetAmount(rest))
}

/// Parses "set beef to 700 g", "reduce the salt to 1/2 tsp", "beef: 700 g".
pub(super) fn set_to(text: &str) -> Option<ChatCommand<'_>> {
    let verbs = ["set", "update", "increase", "reduce", "decrease", "raise", "lower", "make"];
    let verb = after_any(text, &verbs);
    let (name, amount) = match verb {
        Some(rest) => rest.split_once(" to ").or_else(|| {
            // "Make the beef 700 g"
            let rest = after(text, "make").and_then(|rest| after(rest, "the"))?;
            let at = rest
                .match_indices(' ')
                .find(|(at, _)| rest.get(at + 1..).is_some_and(is_amount))?
                .0;
            Some((rest.get(..at)?, rest.get(at + 1..)?))
        })?,
        None => text.split_once(": ")?,
    };
    let name = skip(name, &["the amount of", "the"]).trim();
    let is_whole = after_any(name, WHOLE).is_some() || name.is_empty() || is_other(name);
    let is_setting =
        ["yield", "servings", "portions", "number of servings", "prep", "cook", "serves", "makes"];
    let is_time = name.to_lowercase().contains("time") || after_any(name, &is_setting).is_some();
    let command = ChatCommand::Replace { old: name, new: amount.trim() };
    (is_amount(amount) && !is_whole && !is_time).then_some(command)
}

/// Whether a text is an amount and nothing else: "700 g", "a pinch".
pub(super) fn is_amount(text: &str) -> bool {
    let line = Line::parse(text);
    line.begins_with_amount() && line.name().is_empty()
}

/// Parses "add another carrot", "2 more eggs", "add 50 g more butter".
pub(super) fn more(text: &str) -> Option<ChatCommand<'_>> {
    let rest = after_any(text, &["add", "put in", "use", "take"]).unwrap_or(text);
    let another = ["another", "one more", "an extra", "an additional"];
    let (amount, name) = match after_any(rest, &another) {
        Some(name) => match Amount::parse(name, 0) {
            // "Another 100 g of beef"
            Some(amount) => name.split_at_checked(amount.end)?,
            None => ("1", name),
        },
        None => {
            let amount = Amount::parse(rest, 0)?;
            let (amount, rest) = rest.split_at_checked(amount.end)?;
            (amount, after_any(rest.trim_start(), &["more", "extra", "additional"])?)
        }
    };
    let name = skip(name.trim(), &["of"]);
    (!name.is_empty() && !is_other(name)).then_some(ChatCommand::AddMore { name, amount })
}

/// Whether something else than an ingredient is added.
fn is_other(name: &str) -> bool {
    after_any(name, &["step", "steps", "ingredient", "ingredients", "tag", "instruction"]).is_some()
}

const HOW_MUCH_ENDS: &[&str] =
    &[" do ", " is ", " are ", " does ", " should ", " goes ", " go ", " in ", " for "];
const SHOW: &[&str] = &[
    "show", "list", "read", "print", "tell me", "give me", "what are", "what is", "display", "view",
];
const OVER: &[&str] = &["please", "again", "in it", "of this", "for this", "of it", "for it"];
const SHOWN: &[(&[&str], Shown)] = &[
    (&["ingredients", "ingredient list", "shopping list"], Shown::Ingredients),
    (&["steps", "instructions", "directions", "method"], Shown::Steps),
    (&["recipe", "everything"], Shown::Recipe),
    (&["yield", "servings", "number of servings"], Shown::Yield),
    (&["times", "prep time", "cook time", "cooking time"], Shown::Times),
];
/// The words and the factor, as a fraction.
const FACTORS: &[(&[&str], u64, u64)] = &[
    (&["double", "twice"], 2, 1),
    (&["triple", "three times"], 3, 1),
    (&["half", "halve"], 1, 2),
    (&["a third of", "a third"], 1, 3),
    (&["a quarter of", "a quarter"], 1, 4),
];
