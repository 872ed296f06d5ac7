//! The parser of commands to the assistant, in the many ways in which people phrase them.
//!
//! Case, polite words and a final full stop are ignored. The parser does not know the recipe:
//! whether there is a step 7 is checked later.

mod chat_command;
mod questions;
mod scale;
mod steps;
mod words;

pub use self::chat_command::{ChatCommand, Scale, Shown, StepPosition, StepRef};
use self::questions::{amount, is_amount, more, multiplied, question, set_to, tag};
use self::scale::scale;
use self::steps::step;
use self::words::{
    ADD, HELP, POLITE, REDO, REMOVE, UNDO, WHOLE, after, after_any, skip, value, without_end,
};
use super::quantity::Number;

impl<'a> ChatCommand<'a> {
    /// Parses a message. `None` when it is not a command.
    #[must_use]
    pub fn parse(content: &'a str) -> Option<Self> {
        if content.trim() == "?" {
            return Some(Self::Help);
        }
        let asked = after_politeness(content.trim());
        if let Some(command) = extract(asked) {
            return Some(command);
        }
        let asked = before_politeness(asked);
        // The full stop of a step belongs to the step.
        let plain = asked.trim_end_matches(['.', '!', '?', ' ', ',']);
        step(asked)
            .or_else(|| simple(plain))
            .or_else(|| tag(plain))
            .or_else(|| more(plain))
            .or_else(|| multiplied(plain))
            .or_else(|| set_to(plain))
            .or_else(|| scale(plain))
            .or_else(|| set(plain))
            .or_else(|| replace(plain))
            .or_else(|| remove(plain))
            .or_else(|| add(plain))
            .or_else(|| amount(plain))
            .or_else(|| question(plain))
    }
}

/// Removes polite words such as "please" at the beginning.
fn after_politeness(mut text: &str) -> &str {
    while let Some(rest) = after_any(text, POLITE) {
        text = rest.trim_start_matches([',', '!', '.', ' ']);
    }
    text
}

/// Removes polite words such as "please" at the end.
fn before_politeness(mut text: &str) -> &str {
    loop {
        let plain = text.trim_end_matches(['.', '!', '?', ' ', ',']);
        let polite = ["please", "thanks", "thank you", "pls", "for me", "thx"].iter();
        let shorter = polite.clone().find_map(|word| {
            let at = plain.len().checked_sub(word.len())?;
            let head = plain.get(..at)?;
            let is_word = head.is_empty() || head.ends_with([' ', ',']);
            (is_word && plain.get(at..)?.eq_ignore_ascii_case(word)).then_some(head)
        });
        match shorter {
            Some(head) => text = head.trim_end_matches([' ', ',']),
            None => return text.trim_end(),
        }
    }
}

fn extract(text: &str) -> Option<ChatCommand<'_>> {
    let rest = after_any(text, &["extract", "import", "parse"])?;
    let rest = skip(rest, &["the", "a", "this", "my"]);
    let named = after(rest, "recipe");
    let rest = skip(named.unwrap_or(rest), &["from", "out of", "in"]);
    let rest = skip(rest, &["this", "the following", "text"]);
    let pasted = rest.strip_prefix([':', '-']).unwrap_or(rest).trim();
    if pasted.is_empty() {
        return Some(ChatCommand::Unfinished("Extract recipe from: <the pasted text>"));
    }
    let is_pasted = named.is_some() || rest.starts_with(':') || rest.contains('\n');
    is_pasted.then_some(ChatCommand::Extract(pasted))
}

fn simple(text: &str) -> Option<ChatCommand<'_>> {
    let is_one_of = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_one_of(UNDO) {
        Some(ChatCommand::Undo)
    } else if is_one_of(REDO) {
        Some(ChatCommand::Redo)
    } else if is_one_of(HELP) {
        Some(ChatCommand::Help)
    } else {
        None
    }
}

/// Parses the commands that set title, yield and times.
fn set(text: &str) -> Option<ChatCommand<'_>> {
    if let Some(rest) = after_any(text, &["rename", "retitle"]) {
        let rest = skip(rest, WHOLE);
        let (_, late) = rest.split_once(" to ").unwrap_or(("", rest));
        let title = value(after_any(rest, &["to", "as"]).unwrap_or(late));
        return Some(match title {
            "" | "to" => ChatCommand::Unfinished("Rename to Sunday pancakes"),
            title => ChatCommand::Rename(title),
        });
    }
    if let Some(rest) = after_any(text, NAME_IT) {
        return Some(ChatCommand::Rename(value(rest))).filter(|_| !rest.is_empty());
    }
    let verb = after_any(text, &["set", "change", "update", "make"]);
    let rest = skip(verb.unwrap_or(text), &["the", "its"]);
    for (names, make, example) in SETTINGS {
        let Some(rest) = after_any(rest, names) else { continue };
        let parted = rest
            .strip_prefix([':', '='])
            .or_else(|| after_any(rest, &["to", "is", "as", "should be"]));
        // "Cook time 45 minutes"
        let is_time = names.iter().any(|name| name.ends_with("time"))
            && rest.starts_with(|c: char| c.is_ascii_digit());
        let is_said = parted.is_some() || is_time || (verb.is_some() && !rest.is_empty());
        let given = value(parted.unwrap_or(rest));
        if is_said && !given.is_empty() {
            return Some(make(given));
        }
        return verb.map(|_| ChatCommand::Unfinished(example));
    }
    if let Some(time) = takes(text) {
        return Some(time);
    }
    let serves = after_any(text, &["it makes", "it yields", "makes", "yields"])?;
    Number::parse(serves).map(|_| ChatCommand::SetYield(serves))
}

/// "It takes 20 minutes to prepare", "prep takes 20 minutes".
fn takes(text: &str) -> Option<ChatCommand<'_>> {
    let make = |what: &str| -> Option<for<'a> fn(&'a str) -> ChatCommand<'a>> {
        if after_any(what, &["prep", "prepare", "preparation", "preparing"]).is_some() {
            Some(|text| ChatCommand::SetPrepTime(text))
        } else if after_any(what, &["cook", "bake", "cooking", "baking", "roast"]).is_some() {
            Some(|text| ChatCommand::SetCookTime(text))
        } else {
            None
        }
    };
    if let Some(time) = after_any(text, &["it cooks for", "it bakes for", "it roasts for"]) {
        return Some(ChatCommand::SetCookTime(time));
    }
    if let Some(rest) = after_any(text, &["it takes", "this takes", "takes", "it needs"]) {
        let (time, what) = rest.rsplit_once(" to ").or_else(|| rest.rsplit_once(" of "))?;
        return Some(make(what)?(value(time)));
    }
    let (what, time) = text.split_once(" takes ")?;
    Some(make(what)?(value(time)))
}

fn replace(text: &str) -> Option<ChatCommand<'_>> {
    let unfinished = Some(ChatCommand::Unfinished("Replace butter with olive oil"));
    if let Some(rest) = after(text, "use")
        && let Some((new, old)) = split_at_word(rest, "instead of")
    {
        return both(old, new).or(unfinished);
    }
    let verbs = ["replace", "swap out", "swap", "exchange", "substitute", "change"];
    let (verb, rest) = verbs.iter().find_map(|verb| Some((*verb, after(text, verb)?)))?;
    let joints: &[&str] = match verb {
        "change" => &["to", "into"],
        _ => &["with", "for", "by"],
    };
    let Some((joint, (old, new))) =
        joints.iter().find_map(|joint| Some((*joint, split_at_word(rest, joint)?)))
    else {
        return unfinished;
    };
    // "Substitute olive oil for butter" puts in the oil.
    if verb == "substitute" && joint == "for" {
        return both(new, old).or(unfinished);
    }
    both(old, new).or(unfinished)
}

fn both<'a>(old: &'a str, new: &'a str) -> Option<ChatCommand<'a>> {
    let old = value(skip(old, &["the amount of", "the ingredient", "ingredient", "the", "all"]));
    let new = value(new);
    (!old.is_empty() && !new.is_empty()).then_some(ChatCommand::Replace { old, new })
}

/// Splits a text at the first occurrence of a whole word.
fn split_at_word<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let mut places = text.match_indices(' ').map(|(at, _)| at);
    places.find_map(|at| Some((text.get(..at)?, after(text.get(at + 1..)?, word)?)))
}

fn remove(text: &str) -> Option<ChatCommand<'_>> {
    let out = after_any(text, &["leave", "take"]).and_then(|rest| without_end(rest, " out"));
    let rest = after_any(text, REMOVE).or(out)?;
    let rest = skip(rest, &["the ingredients", "the ingredient", "ingredients", "ingredient"]);
    let name = value(skip(rest, &["the", "all the", "all"]));
    Some(match name {
        "" => ChatCommand::Unfinished("Remove ingredient garlic"),
        name => ChatCommand::RemoveIngredient(name),
    })
}

fn add(text: &str) -> Option<ChatCommand<'_>> {
    let rest = after_any(text, ADD)?;
    let plain = skip(rest, &["a new", "an", "a", "new", "another", "the", "these", "more"]);
    if let Some(named) = after_any(plain, &["ingredients", "ingredient"]) {
        return Some(match value(named) {
            "" => ChatCommand::Unfinished("Add ingredient 2 eggs"),
            given => ChatCommand::AddIngredient(given),
        });
    }
    let tails = [
        " to the ingredients",
        " to ingredients",
        " as an ingredient",
        " to the ingredient list",
        " to it",
        " to the recipe",
        " as well",
        " too",
    ];
    let last =
        [" as the last step", " as a last step", " as a step", " to the steps", " at the end"];
    if let Some(text) = last.iter().find_map(|tail| without_end(rest, tail)).map(value) {
        return Some(ChatCommand::AddStep { text, place: None }).filter(|_| !text.is_empty());
    }
    let head = tails.iter().find_map(|tail| without_end(rest, tail));
    let given = value(skip(head.unwrap_or(rest), &["some", "also"]));
    Some(match given {
        // "more salt" and "it" do not say what to add.
        given
            if !given.is_empty()
                && !is_amount(given)
                && after_any(given, &["more", "it", "less"]).is_none() =>
        {
            ChatCommand::AddIngredient(given)
        }
        _ => ChatCommand::Unfinished("Add ingredient 2 eggs` or `Add step Bake for 20 minutes"),
    })
}

const NAME_IT: &[&str] = &[
    "call it",
    "call this recipe",
    "call this",
    "call the recipe",
    "name it",
    "name this recipe",
    "name the recipe",
];
/// The names of a setting, the command that sets it, and an example.
type Setting = (&'static [&'static str], for<'a> fn(&'a str) -> ChatCommand<'a>, &'static str);
const SETTINGS: &[Setting] = &[
    (
        &["recipe title", "title", "name"],
        |text| ChatCommand::Rename(text),
        "Rename to Sunday pancakes",
    ),
    (
        &["yield", "servings", "portions", "number of servings"],
        |text| ChatCommand::SetYield(text),
        "Set yield to 4 servings",
    ),
    (
        &["prep time", "preparation time", "preparation", "prep"],
        |text| ChatCommand::SetPrepTime(text),
        "Set prep time to 15 minutes",
    ),
    (
        &["cook time", "cooking time", "baking time", "bake time"],
        |text| ChatCommand::SetCookTime(text),
        "Set cook time to 1 hour 20 minutes",
    ),
];

#[cfg(test)]
mod tests;
