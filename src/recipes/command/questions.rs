//! Questions about the recipe, and commands on its tags and its description.

use super::super::amount::Amount;
use super::super::line::Line;
use super::super::quantity::{Number, NumberForm};
use super::super::ratio::Ratio;
use super::chat_command::{ChatCommand, Scale, Shown};
use super::scale::percent;
use super::steps::which;
use super::synonyms as say;
use super::words::{after, after_any, is_any, skip, split_at_word, value, without_ends};

/// Parses a question, which changes nothing.
pub(super) fn question(text: &str) -> Option<ChatCommand<'_>> {
    if let Some(rest) = after_any(text, &["how much", "how many"]) {
        let name = say::HOW_MUCH_ENDS.iter().filter_map(|end| rest.find(end)).min();
        let name = rest.get(..name.unwrap_or(rest.len()))?.trim_matches(['?', ' ']);
        let is_yield = after_any(name, say::PEOPLE).is_some();
        return Some(match name {
            "" => return None,
            _ if is_yield => ChatCommand::Show(Shown::Yield),
            name => ChatCommand::HowMuch(name),
        });
    }
    if let Some(name) = after_any(text, say::AMOUNT) {
        return Some(ChatCommand::HowMuch(value(name))).filter(|_| !name.is_empty());
    }
    if is_any(text, say::INGREDIENTS) {
        return Some(ChatCommand::Show(Shown::Ingredients));
    }
    if let Some(name) = after_any(text, say::IS_THERE) {
        let name = without_ends(name, say::FROM_IT).unwrap_or(name);
        let name = value(skip(name, &["any", "some", "a", "an", "the", "enough"]));
        let is_name = !name.is_empty() && name.split(' ').count() < 4;
        return is_name.then_some(ChatCommand::HowMuch(name));
    }
    if after(text, "how long").is_some_and(|rest| rest.split(' ').count() < 7) {
        return Some(ChatCommand::Show(Shown::Times));
    }
    if is_any(text, say::WHAT_IS_IN_IT) {
        return Some(ChatCommand::Show(Shown::Ingredients));
    }
    let asked = after_any(text, say::SHOW)?;
    let asked = skip(asked, &["me", "us"]);
    if let Some((at, "")) = which(asked) {
        return Some(ChatCommand::ShowStep(at));
    }
    let asked = skip(asked, &["all the", "the", "all", "my", "whole"]);
    let shown = SHOWN.iter().find(|(names, _)| {
        names.iter().any(|name| {
            after(asked, name)
                .is_some_and(|rest| rest.is_empty() || skip(rest, say::OVER).is_empty())
        })
    });
    shown.map(|(_, shown)| ChatCommand::Show(*shown))
}

/// Parses commands on tags and the description.
pub(super) fn tag(text: &str) -> Option<ChatCommand<'_>> {
    let add = after_any(text, say::ADD_TAG).or_else(|| {
        let rest = after_any(text, say::TAG)?;
        let rest = after_any(rest, say::WHOLE).or_else(|| rest.strip_prefix(':'))?;
        Some(skip(rest, &["as", "with"]))
    });
    let add =
        add.or_else(|| without_ends(after_any(text, &["add", "put", "include"])?, say::AS_TAG));
    if let Some(name) = add {
        return Some(match value(name) {
            "" => ChatCommand::Unfinished("Tag it quick"),
            name => ChatCommand::AddTag(name),
        });
    }
    let remove = after_any(text, say::REMOVE_TAG);
    if let Some(name) = remove.map(value).filter(|name| !name.is_empty()) {
        return Some(ChatCommand::RemoveTag(name));
    }
    let verb = after_any(text, &["set", "change", "update"]);
    let rest = after(skip(verb.unwrap_or(text), &["the", "its"]), "description");
    let said = rest
        .and_then(|rest| rest.strip_prefix(':').or_else(|| after_any(rest, &["to", "is", "as"])));
    let said = said.or_else(|| after_any(text, say::DESCRIBE))?;
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
    let text = skip(text, &["use", "take", "with", "add", "put in", "i want", "make"]);
    let text = skip(text, &["only", "just"]);
    if let Some(command) = percent_more(text) {
        return Some(command);
    }
    let factors = say::FACTORS.iter().filter_map(|(words, over, parts)| {
        Some((after_any(text, words)?, Ratio::new(*over, *parts)?))
    });
    let (rest, factor) = factors.min_by_key(|(rest, _)| rest.len())?;
    let rest = skip(rest, &["of"]);
    let amount = after_any(rest, say::AMOUNT_OF);
    let rest = amount.unwrap_or(rest);
    // "Half an onion" is an amount.
    let named = after_any(rest, &["the", "my"]).or(amount.map(|_| rest));
    let name = value(named?);
    // "Twice the amount" is of everything.
    let is_all = name.is_empty() || is_any(rest, say::WHOLE) || is_any(rest, say::AS_MUCH);
    (!is_all).then_some(ChatCommand::ScaleIngredient { name, factor })
}

/// Parses "20% less sugar", "50 percent more beef".
fn percent_more(text: &str) -> Option<ChatCommand<'_>> {
    let (share, rest) = text.split_once('%').or_else(|| split_at_word(text, "percent"))?;
    let share = Ratio::new(share.trim().parse().ok()?, 100)?;
    let rest = rest.trim_start();
    let factor = match after(rest, "more") {
        Some(_) => Ratio::ONE.plus(share)?,
        None => after(rest, "less").and(Ratio::ONE.minus(share))?,
    };
    let name = value(skip(after_any(rest, &["more", "less"])?, say::NAME_STARTS));
    let name = skip(name, &["of"]);
    if factor.is_zero() {
        return None;
    }
    if name.is_empty() || is_any(name, say::WHOLE) {
        return Some(ChatCommand::Scale(Scale::By(factor)));
    }
    after_any(name, say::WHOLE).is_none().then_some(ChatCommand::ScaleIngredient { name, factor })
}

/// Parses "reduce the cream by half", "increase beef by 20%", "cut the butter in half".
fn changed_by(text: &str) -> Option<ChatCommand<'_>> {
    let is_more = after_any(text, say::MORE);
    let rest = is_more.or_else(|| after_any(text, say::LESS))?;
    let (name, share) = match without_ends(rest, &[" by half", " in half", " in two"]) {
        Some(name) => (name, Ratio::HALF),
        None => {
            let (name, by) = rest.rsplit_once(" by ")?;
            match percent(by) {
                Some(share) => (name, share),
                None => return changed_by_amount(is_more.is_some(), name, by),
            }
        }
    };
    let factor = if is_more.is_some() { share.plus(Ratio::ONE) } else { Ratio::ONE.minus(share) };
    let factor = factor.filter(|factor| !factor.is_zero())?;
    let is_whole = |text| after_any(text, say::WHOLE).is_some_and(str::is_empty);
    let plain = skip(name, say::NAME_STARTS);
    let is_all = is_whole(name) || is_whole(plain) || plain.is_empty();
    (!is_all).then_some(ChatCommand::ScaleIngredient { name: plain, factor })
}

/// Parses "increase the beef by 100 g", "reduce carrots by 1".
fn changed_by_amount<'a>(is_more: bool, name: &'a str, amount: &'a str) -> Option<ChatCommand<'a>> {
    let name = skip(name, say::NAME_STARTS);
    let is_all = after_any(name, say::WHOLE).is_some_and(str::is_empty) || is_other(name);
    if is_all || name.is_empty() || !is_amount(amount) {
        return None;
    }
    Some(match is_more {
        true => ChatCommand::AddMore { name, amount },
        false => ChatCommand::TakeAway { name, amount },
    })
}

/// Parses what is removed of an ingredient: "half of the carrots".
pub(super) fn share_of(text: &str) -> Option<ChatCommand<'_>> {
    let (rest, share) = say::FACTORS.iter().find_map(|(words, over, parts)| {
        Some((after_any(text, words)?, Ratio::new(*over, *parts)?))
    })?;
    let factor = Ratio::ONE.minus(share).filter(|factor| !factor.is_zero())?;
    let name = value(after(skip(rest, &["of"]), "the")?);
    (!name.is_empty()).then_some(ChatCommand::ScaleIngredient { name, factor })
}

/// Parses a command that sets the amount of one ingredient: "make it 700 g of beef", "use 3 eggs".
pub(super) fn amount(text: &str) -> Option<ChatCommand<'_>> {
    let rest = skip(after_any(text, say::USE)?, &["only", "just"]);
    Number::parse(rest).map(|_| ChatCommand::SetAmount(rest))
}

/// Parses "set beef to 700 g", "reduce the salt to 1/2 tsp", "beef: 700 g".
pub(super) fn set_to(text: &str) -> Option<ChatCommand<'_>> {
    let verb = after_any(text, say::SET_TO);
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
        None => {
            let joints = [": ", " = ", " should be "];
            joints.iter().find_map(|joint| text.split_once(joint))?
        }
    };
    let name = skip(name, say::NAME_STARTS).trim();
    // "Bump the beef up to 750 g"
    let name = without_ends(name, &[" up", " down"]).unwrap_or(name);
    let is_whole = after_any(name, say::WHOLE).is_some() || name.is_empty() || is_other(name);
    let is_setting =
        ["yield", "servings", "portions", "number of servings", "prep", "cook", "serves", "makes"];
    let is_time = name.to_lowercase().contains("time") || after_any(name, &is_setting).is_some();
    let command = ChatCommand::Replace { old: name, new: amount.trim() };
    (is_amount(amount) && !is_whole && !is_time).then_some(command)
}

/// Parses an ingredient with its new amount, without a verb: "600 g beef", "beef 600 g".
pub(crate) fn bare(text: &str) -> Option<ChatCommand<'_>> {
    let is_short = text.split(' ').count() <= 6 && !text.contains(['\n', ':', '?', '%']);
    if !is_short {
        return None;
    }
    let is_word = Number::parse(text)
        .is_some_and(|number| number.form == NumberForm::Word && number.value.is_whole());
    if text.starts_with(|c: char| c.is_numeric()) || is_word {
        let line = Line::parse(text);
        let name = line.name();
        let is_known = line.amounts.first().is_some_and(|it| it.unit.is_some() || it.is_counted());
        let is_people = after_any(name, say::PEOPLE).is_some();
        let is_one = is_known && !name.is_empty() && !is_people && !is_other(name);
        return is_one.then_some(ChatCommand::SetAmount(text));
    }
    let at = text.find(|c: char| c.is_numeric())?;
    let (name, amount) = text.split_at_checked(at)?;
    let name = value(name);
    let is_name = name.split(' ').count() <= 3
        && name.chars().all(|c| c.is_alphabetic() || " -'’".contains(c))
        && !is_other(name)
        && after_any(name, SETTINGS).is_none();
    let is_measured = Line::parse(amount).amounts.first().is_some_and(|it| it.unit.is_some());
    let is_one = is_name && is_measured && is_amount(amount);
    is_one.then_some(ChatCommand::Replace { old: name, new: amount })
}

/// Words before an amount that is not one of an ingredient.
const SETTINGS: &[&str] = &[
    "yield", "yields", "servings", "portions", "prep", "cook", "serves", "makes", "for", "about",
    "bake", "boil", "simmer", "wait", "rest", "heat", "page", "version", "time", "add", "to",
];

/// Whether a text is an amount and nothing else: "700 g", "a pinch".
pub(crate) fn is_amount(text: &str) -> bool {
    let line = Line::parse(text);
    line.begins_with_amount() && line.name().is_empty()
}

/// Parses "add another carrot", "2 more eggs", "add 50 g more butter".
pub(super) fn more(text: &str) -> Option<ChatCommand<'_>> {
    let rest = after_any(text, &["add", "put in", "use", "take"]).unwrap_or(text);
    if let Some(command) = more_behind(rest) {
        return Some(command);
    }
    let (amount, name) = match after_any(rest, say::ANOTHER) {
        Some(name) => match Amount::parse(name, 0) {
            // "Another 100 g of beef"
            Some(amount) => name.split_at_checked(amount.end)?,
            None => ("1", name),
        },
        None => {
            let amount = Amount::parse(rest, 0)?;
            let (amount, rest) = rest.split_at_checked(amount.end)?;
            let rest = rest.trim_start();
            if let Some(name) = after_any(rest, &["less", "fewer"]) {
                let name = skip(name, &["of"]);
                let is_one = !name.is_empty() && !is_other(name);
                return is_one.then_some(ChatCommand::TakeAway { name, amount });
            }
            if let Some(name) = without_ends(rest, &[" less", " fewer"]) {
                let is_one = !name.is_empty() && !is_other(name);
                return is_one.then_some(ChatCommand::TakeAway { name, amount });
            }
            let name = after_any(rest, &["more", "extra", "additional"]);
            (amount, name.or_else(|| without_ends(rest, &[" more"]))?)
        }
    };
    let name = skip(name.trim(), &["of"]);
    (!name.is_empty() && !is_other(name)).then_some(ChatCommand::AddMore { name, amount })
}

/// Parses "more butter: 20 g", "less cream, 50 ml less".
fn more_behind(text: &str) -> Option<ChatCommand<'_>> {
    let is_more = after(text, "more");
    let (name, amount) = is_more.or_else(|| after(text, "less"))?.split_once([':', ','])?;
    let amount = amount.trim();
    let amount = without_ends(amount, &[" more", " less"]).unwrap_or(amount);
    if !is_amount(amount) || is_other(name) || name.trim().is_empty() {
        return None;
    }
    let name = name.trim();
    Some(match is_more {
        Some(_) => ChatCommand::AddMore { name, amount },
        None => ChatCommand::TakeAway { name, amount },
    })
}

/// Whether something else than an ingredient is added.
fn is_other(name: &str) -> bool {
    after_any(name, &["step", "steps", "ingredient", "ingredients", "tag", "instruction"]).is_some()
}

/// The names of the parts of a recipe.
const SHOWN: &[(&[&str], Shown)] = &[
    (say::INGREDIENTS, Shown::Ingredients),
    (say::STEPS, Shown::Steps),
    (&["recipe", "everything"], Shown::Recipe),
    (say::YIELD, Shown::Yield),
    (say::TIMES, Shown::Times),
];
