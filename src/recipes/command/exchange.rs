//! The commands that put one ingredient in the place of another.

use super::super::quantity::Number;
use super::chat_command::ChatCommand;
use super::questions::is_amount;
use super::synonyms as say;
use super::words::{after, after_any, is_any, skip, split_at_word, value, without_ends};

pub(super) fn replace(text: &str) -> Option<ChatCommand<'_>> {
    if begins_in_step(text) {
        return Some(ChatCommand::Unfinished("Replace step 2 with Bake for 20 minutes"));
    }
    let unfinished = Some(ChatCommand::Unfinished("Replace butter with olive oil"));
    if let Some(command) = instead(text) {
        return Some(command);
    }
    // "beef -> lentils", and not "4 -> 6"
    let arrow = ["->", "→", "=>"].iter().find_map(|sign| text.split_once(sign));
    if let Some((old, new)) = arrow.filter(|(old, _)| old.starts_with(char::is_alphabetic)) {
        return both(old.trim_end(), new);
    }
    let (verb, rest) =
        say::EXCHANGE.iter().filter_map(|verb| Some((*verb, after(text, verb)?))).next()?;
    let joints: &[&str] = match verb {
        "change" | "turn" => &["to", "into"],
        "switch" => &["to", "with", "for"],
        _ => &["with", "for", "by"],
    };
    let Some((joint, (old, new))) =
        joints.iter().find_map(|joint| Some((*joint, split_at_word(rest, joint)?)))
    else {
        // "Change it", "switch that" and "turn up the heat" are no exchange.
        return unfinished.filter(|_| !matches!(verb, "turn" | "switch"));
    };
    // "Substitute olive oil for butter" puts in the oil.
    if matches!(verb, "substitute" | "sub" | "sub in") && joint == "for" {
        return both(new, old).or(unfinished);
    }
    both(old, new).or(unfinished)
}

/// Parses "use oil instead of butter", "oil instead of butter", "instead of butter use oil", "use 4
/// carrots instead of 2".
fn instead(text: &str) -> Option<ChatCommand<'_>> {
    if let Some(rest) = after_any(text, say::INSTEAD_OF) {
        let (old, new) = split_at_word(rest, "use").or_else(|| split_at_word(rest, "take"))?;
        return both(old.trim_end_matches([',', ' ']), new);
    }
    // "I'm out of cream, use milk"
    if let Some(rest) = after_any(text, say::OUT_OF)
        && let Some((old, new)) = rest.split_once(", ")
        && let Some(new) = after_any(skip(new, &["so", "please", "let's"]), &["use", "take"])
    {
        return both(old, without_ends(new, &[" instead"]).unwrap_or(new));
    }
    if let Some(command) = rather(text) {
        return Some(command);
    }
    let rest = skip(text, say::NEW_ONE);
    let found = say::INSTEAD_OF.iter().find_map(|joint| split_at_word(rest, joint));
    let (new, old) = found.or_else(|| {
        // "Use 3 onions, not 2"
        let (new, old) = rest.split_once(", not ")?;
        is_amount(old).then_some((new, old))
    })?;
    if after_any(rest, say::QUESTION).is_some() {
        return None;
    }
    if is_amount(old) {
        return Number::parse(new).map(|_| ChatCommand::SetAmount(new));
    }
    let unfinished = ChatCommand::Unfinished("Replace butter with olive oil");
    both(old, new).or(Some(unfinished))
}

/// Parses "no butter, use oil", "not beef but lamb", "use lamb, not beef", "I prefer lamb to beef".
fn rather(text: &str) -> Option<ChatCommand<'_>> {
    if let Some(rest) = after_any(text, say::NOT) {
        let (old, new) = say::BUT.iter().find_map(|joint| rest.split_once(joint))?;
        let new = skip(new, &["use", "take"]);
        return (!new.contains(',')).then(|| both(old, new)).flatten();
    }
    if let Some(rest) = after_any(text, say::RATHER) {
        let joints = [" than ", " to ", " over "];
        let (new, old) = joints.iter().find_map(|joint| rest.split_once(joint))?;
        return both(old, new);
    }
    let (new, old) = after_any(text, &["use", "take"])?.split_once(" not ")?;
    let new = new.trim_end_matches([',', ' ']).trim_end_matches(" and");
    (!is_amount(old)).then(|| both(old, new)).flatten()
}

/// Whether a text begins with a step: "in step 1 replace butter with oil".
fn begins_in_step(text: &str) -> bool {
    let rest = after_any(text, &["in step", "in the step", "at step"]);
    rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether a text ends with a step: "2 eggs to step 1". What belongs into a step is its text.
pub(super) fn is_in_step(text: &str) -> bool {
    let places = [" to step ", " in step ", " into step ", " to the step "];
    let lower = text.to_lowercase();
    let behind = |place| lower.rsplit_once(place).map(|(_, rest): (&str, &str)| rest);
    places.into_iter().filter_map(behind).any(|rest| rest.split(' ').count() == 1)
}

fn both<'a>(old: &'a str, new: &'a str) -> Option<ChatCommand<'a>> {
    let old = value(skip(old, say::NAME_STARTS));
    let new = value(new);
    if is_any(new, &["none", "nothing", "zero", "0"]) {
        return (!old.is_empty()).then_some(ChatCommand::RemoveIngredient(old));
    }
    if is_in_step(new) {
        return Some(ChatCommand::Unfinished("Replace step 2 with Bake for 20 minutes"));
    }
    (!old.is_empty() && !new.is_empty()).then_some(ChatCommand::Replace { old, new })
}
