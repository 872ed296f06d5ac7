//! The parser of commands to the assistant, in the many ways in which people phrase them.
//!
//! Case, polite words and a final full stop are ignored. The parser does not know the recipe:
//! whether there is a step 7 is checked later. What people say for the same thing is in `synonyms`.

mod amount_words;
mod chat_command;
mod exchange;
mod field_words;
mod ingredient_words;
mod questions;
mod scale;
mod steps;
mod synonyms;
mod typos;
mod words;

pub use self::chat_command::{ChatCommand, Scale, Shown, StepPosition, StepRef};
use self::exchange::{is_in_step, replace};
use self::questions::{amount, more, multiplied, question, set_to, share_of, tag};
pub(super) use self::questions::{bare, is_amount};
use self::scale::scale;
use self::steps::step;
pub(super) use self::steps::{StepEnd, end_steps, step_numbers};
use self::synonyms as say;
pub(super) use self::typos::corrected;
use self::words::{after, after_any, is_any, skip, value, without_ends};
use super::convert::UnitSystem;
use super::quantity::Number;

impl<'a> ChatCommand<'a> {
    /// Parses a message. `None` when it is not a command.
    #[must_use]
    pub fn parse(content: &'a str) -> Option<Self> {
        if content.trim() == "?" {
            return Some(Self::Help);
        }
        // Before the polite words: "just for me" is one person.
        if let Some(command) = simple(without_marks(content.trim())) {
            return Some(command);
        }
        let asked = after_politeness(content.trim());
        if let Some(command) = extract(asked) {
            return Some(command);
        }
        let asked = before_politeness(asked);
        // The full stop of a step belongs to the step.
        let plain = without_marks(asked);
        step(asked)
            .or_else(|| simple(plain))
            .or_else(|| convert(plain))
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
            .or_else(|| bare(plain))
    }
}

fn without_marks(text: &str) -> &str {
    text.trim_end_matches(['.', '!', '?', ' ', ','])
}

/// Removes polite words such as "please" at the beginning.
fn after_politeness(mut text: &str) -> &str {
    while let Some(rest) = after_any(text, say::POLITE) {
        text = rest.trim_start_matches([',', '!', '.', ' ']);
    }
    text
}

/// Removes polite words such as "please" at the end.
fn before_politeness(mut text: &str) -> &str {
    loop {
        let plain = without_marks(text);
        let shorter = say::POLITE_ENDS.iter().find_map(|word| {
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

/// Parses a message that is one of few texts.
fn simple(text: &str) -> Option<ChatCommand<'_>> {
    if is_any(text, say::UNDO) {
        return Some(ChatCommand::Undo);
    }
    if is_any(text, say::REDO) {
        return Some(ChatCommand::Redo);
    }
    if is_any(text, say::HELP) {
        return Some(ChatCommand::Help);
    }
    let (verbs, ends) = say::PARTED_REMOVE;
    let away = after_any(text, verbs).and_then(|rest| without_ends(rest, ends));
    let removed = away.or_else(|| after_any(text, say::REMOVE));
    if removed.is_some_and(|what| is_any(what, say::RECIPE)) {
        return Some(ChatCommand::DeleteRecipe);
    }
    let (_, meant) = say::PHRASES.iter().find(|(phrases, _)| is_any(text, phrases))?;
    ChatCommand::parse(meant)
}

/// Parses "convert it to metric", "in US units", "convert back".
fn convert(text: &str) -> Option<ChatCommand<'_>> {
    let verb = after_any(text, say::CONVERT);
    let rest = skip(skip(verb.unwrap_or(text), say::WHOLE), say::MEASURES);
    let (rest, is_back) = match after(rest, "back") {
        Some(rest) => (rest, verb.is_some()),
        None => (rest, false),
    };
    let system = skip(rest, &["to", "into", "in", "using", "with"]);
    let system = skip(system, &["the"]);
    let has = |names: &[&str]| is_any(system, names);
    let to = if has(say::METRIC) {
        Some(UnitSystem::Metric)
    } else if has(say::US) {
        Some(UnitSystem::Us)
    } else if has(say::ORIGINAL) || (is_back && system.is_empty()) {
        None
    } else {
        return None;
    };
    Some(ChatCommand::Convert(to))
}

/// Parses the commands that set title, yield and times.
fn set(text: &str) -> Option<ChatCommand<'_>> {
    if let Some(rest) = after_any(text, &["rename", "retitle"]) {
        let object = after_any(rest, say::WHOLE);
        let rest = object.unwrap_or(rest);
        let (_, late) = rest.split_once(" to ").unwrap_or(("", rest));
        let title = value(after_any(rest, &["to", "as"]).unwrap_or(late));
        return Some(match title {
            "" | "to" => ChatCommand::Unfinished("Rename to Sunday pancakes"),
            title => ChatCommand::Rename(title),
        });
    }
    if let Some(rest) = after_any(text, say::NAME_IT) {
        return Some(ChatCommand::Rename(value(rest))).filter(|_| !rest.is_empty());
    }
    let verb = after_any(text, say::SET);
    let rest = skip(verb.unwrap_or(text), &["the", "its", "new", "a new", "the new"]);
    for (names, make, example) in SETTINGS {
        let Some(rest) = after_any(rest, names) else { continue };
        let parted = rest.strip_prefix([':', '=']).or_else(|| after_any(rest, say::IS));
        // "Cook time 45 minutes"
        let is_time = names.iter().any(|name| name.ends_with("time"))
            && rest.starts_with(|c: char| c.is_ascii_digit());
        let is_said = parted.is_some() || is_time || (verb.is_some() && !rest.is_empty());
        let given = value(parted.unwrap_or(rest));
        // "Change the title from Pot to Stew"
        let given =
            after(given, "from").and_then(|it| it.rsplit_once(" to ")).map_or(given, |(_, to)| to);
        if is_said && !given.is_empty() {
            return Some(make(given));
        }
        if verb.is_some() {
            return Some(ChatCommand::Unfinished(example));
        }
    }
    if let Some(time) = takes(text) {
        return Some(time);
    }
    let makes = ["it makes", "it yields", "this makes", "this yields", "makes", "yields", "yield"];
    let serves = after_any(text, &makes)?;
    Number::parse(serves).map(|_| ChatCommand::SetYield(serves))
}

/// "It takes 20 minutes to prepare", "prep takes 20 minutes".
fn takes(text: &str) -> Option<ChatCommand<'_>> {
    let make = |what: &str| -> Option<for<'a> fn(&'a str) -> ChatCommand<'a>> {
        if after_any(what, say::PREPARES).is_some() {
            Some(|text| ChatCommand::SetPrepTime(text))
        } else if after_any(what, say::COOKS).is_some() {
            Some(|text| ChatCommand::SetCookTime(text))
        } else {
            None
        }
    };
    let is_time = |time: &&str| time.split(' ').any(|word| is_any(word, say::TIME));
    if let Some(time) = after_any(text, say::COOKS_FOR).filter(is_time) {
        return Some(ChatCommand::SetCookTime(time));
    }
    if let Some(rest) = after_any(text, say::TAKES) {
        if let Some(time) = without_ends(rest, &[" in total", " altogether", " in all"]) {
            return Some(ChatCommand::SetTotalTime(time));
        }
        let (time, what) = rest.rsplit_once(" to ").or_else(|| rest.rsplit_once(" of "))?;
        return Some(make(what)?(value(time)));
    }
    let (what, time) = text.split_once(" takes ")?;
    if after_any(what, say::WHOLE).is_some_and(str::is_empty) {
        return Some(ChatCommand::SetTotalTime(value(time))).filter(|_| is_time(&time));
    }
    Some(make(what)?(value(time)))
}

fn remove(text: &str) -> Option<ChatCommand<'_>> {
    let (verbs, ends) = say::PARTED_REMOVE;
    let out = after_any(text, verbs).and_then(|rest| without_ends(rest, ends));
    let rest = out.or_else(|| after_any(text, say::REMOVE))?;
    let rest = without_ends(rest, say::FROM_IT).unwrap_or(rest);
    if let Some(command) = share_of(rest) {
        return Some(command);
    }
    let rest = skip(rest, say::NAME_STARTS);
    let name = value(skip(rest, &["the", "all the", "all"]));
    Some(match name {
        "" => ChatCommand::Unfinished("Remove ingredient garlic"),
        name => ChatCommand::RemoveIngredient(name),
    })
}

fn add(text: &str) -> Option<ChatCommand<'_>> {
    let (verbs, ends) = say::PARTED_ADD;
    if let Some(name) = after_any(text, verbs).and_then(|rest| without_ends(rest, ends)) {
        let name = value(skip(name, &["some"]));
        let is_it = after_any(name, say::WHOLE).is_some_and(str::is_empty);
        return (!name.is_empty() && !is_it).then_some(ChatCommand::AddIngredient(name));
    }
    let named =
        after_any(text, &["new ingredient", "new ingredients", "ingredient", "ingredients"]);
    if let Some(given) = named.and_then(|rest| rest.strip_prefix(':')).map(value) {
        return (!given.is_empty()).then_some(ChatCommand::AddIngredient(given));
    }
    if let Some(rest) = after_any(text, say::ALSO) {
        return Number::parse(rest).map(|_| ChatCommand::AddIngredient(rest));
    }
    // "It needs 1 tsp pepper", and not "20 minutes".
    if let Some(rest) = after_any(text, &["it needs", "this needs", "it could use"])
        && let Some(number) = Number::parse(rest)
    {
        let what = rest.get(number.end..)?.trim();
        let is_time = after_any(what, say::TIME).is_some();
        return (!is_time && !what.is_empty()).then_some(ChatCommand::AddIngredient(rest));
    }
    if let Some(given) = after_any(text, say::ADD).or_else(|| after_any(text, say::MISSING)) {
        return added(given);
    }
    // "garlic too"
    let name = without_ends(text, say::TOO)?;
    let name = value(skip(skip(name, &["we need", "i need", "we have"]), &["some"]));
    let is_name = name.split(' ').count() <= 4 && after_any(name, say::NO_NAMES).is_none();
    (is_name && !name.is_empty()).then_some(ChatCommand::AddIngredient(name))
}

/// Parses what follows "add".
fn added(rest: &str) -> Option<ChatCommand<'_>> {
    let plain = skip(rest, &["a new", "an", "a", "new", "another", "the", "these", "more"]);
    if let Some(named) = after_any(plain, &["ingredients", "ingredient"]) {
        return Some(match value(named) {
            "" => ChatCommand::Unfinished("Add ingredient 2 eggs"),
            given => ChatCommand::AddIngredient(given),
        });
    }
    if let Some(text) = without_ends(rest, say::AS_LAST_STEP).map(value) {
        return Some(ChatCommand::AddStep { text, place: None }).filter(|_| !text.is_empty());
    }
    if is_in_step(rest) {
        return Some(ChatCommand::Unfinished("Replace step 2 with Bake for 20 minutes"));
    }
    let head = without_ends(rest, say::TO_IT);
    let given = value(skip(head.unwrap_or(rest), &["some", "also", "in"]));
    Some(match given {
        // "more salt" and "it" do not say what to add, and a recipe has no notes.
        given
            if !given.is_empty()
                && !is_amount(given)
                && after_any(given, say::NO_INGREDIENTS).is_none() =>
        {
            ChatCommand::AddIngredient(given)
        }
        _ => ChatCommand::Unfinished("Add ingredient 2 eggs` or `Add step Bake for 20 minutes"),
    })
}

/// The names of a setting, the command that sets it, and an example.
type Setting = (&'static [&'static str], for<'a> fn(&'a str) -> ChatCommand<'a>, &'static str);
const SETTINGS: &[Setting] = &[
    (say::TITLE, |text| ChatCommand::Rename(text), "Rename to Sunday pancakes"),
    (say::YIELD, |text| ChatCommand::SetYield(text), "Set yield to 4 servings"),
    (say::PREP_TIME, |text| ChatCommand::SetPrepTime(text), "Set prep time to 15 minutes"),
    (say::COOK_TIME, |text| ChatCommand::SetCookTime(text), "Set cook time to 1 hour 20 minutes"),
    (say::TOTAL_TIME, |text| ChatCommand::SetTotalTime(text), "Set total time to 2 hours"),
];

#[cfg(test)]
mod tests;
