//! The commands that change steps.

use super::super::quantity::Number;
use super::super::scan::word;
use super::super::words;
use super::chat_command::{ChatCommand, StepPosition, StepRef};
use super::words::{ADD, REMOVE, after, after_any, skip, value};

/// Parses a command that changes steps.
pub(super) fn step(text: &str) -> Option<ChatCommand<'_>> {
    if let Some(rest) = after_any(text, ADD) {
        let rest = skip(rest, &["a new", "a", "new", "another", "the", "one more"]);
        let rest = after_any(rest, &["step", "instruction", "direction", "steps"])?;
        return Some(added_step(rest));
    }
    if let Some(rest) = after_any(text, REMOVE) {
        let plain = rest.trim_end_matches(['.', '!', '?']);
        return match which(plain) {
            Some((at, "")) => Some(ChatCommand::RemoveStep(at)),
            None if after_any(plain, &["step", "the step"]).is_none() => None,
            _ => Some(ChatCommand::Unfinished("Remove step 2")),
        };
    }
    if let Some(rest) = after(text, "move") {
        return moved(rest.trim_end_matches(['.', '!', '?']));
    }
    if let Some(rest) = after_any(text, &["swap", "exchange", "switch"]) {
        let (first, rest) = which(rest)?;
        let rest = after_any(rest, &["and", "with"])?;
        let (second, _) = which(rest).or_else(|| number(rest))?;
        return Some(ChatCommand::SwapSteps(first, second));
    }
    if let Some((at, rest)) = which(text) {
        let new = value(after_any(rest, &["should be", "should say", "should read", "is now"])?);
        return (!new.is_empty()).then_some(ChatCommand::ReplaceStep(at, new));
    }
    // "At the end sprinkle parsley over it"
    let last = ["at the end", "finally", "lastly", "as a last step", "as the last step"];
    if let Some(rest) = after_any(text, &last) {
        let text = value(rest.trim_start_matches([',', ':', ' ']));
        return words::begins_step(word(text, 0).0)
            .then_some(ChatCommand::AddStep { text, place: None });
    }
    let rest = after_any(text, &["replace", "change", "edit", "rewrite", "update"])?;
    let (at, rest) = which(rest)?;
    let new =
        value(after_any(rest, &["with", "to", "by", "so it says"]).or(rest.strip_prefix(':'))?);
    Some(match new {
        "" => ChatCommand::Unfinished("Replace step 2 with Bake for 20 minutes"),
        new => ChatCommand::ReplaceStep(at, new),
    })
}

/// "Move step 3 to the top", "move step 1 after step 2".
fn moved(rest: &str) -> Option<ChatCommand<'_>> {
    let (from, rest) = which(rest)?;
    let to = skip(rest, &["to"]);
    let end = |words: &[&str]| after_any(to, words).is_some_and(str::is_empty);
    let place = if end(&["the top", "the beginning", "the start", "the front", "top", "first"]) {
        StepPosition::Before(StepRef::Number(1))
    } else if end(&["the end", "the bottom", "the last place", "end", "bottom", "last"]) {
        StepPosition::After(StepRef::Last)
    } else {
        let at = |rest| Some(which(rest).or_else(|| number(rest))?.0);
        let found = after_any(to, &["after", "behind"])
            .and_then(at)
            .map(StepPosition::After)
            .or_else(|| after(to, "before").and_then(at).map(before))
            .or_else(|| {
                after_any(to, &["position", "place"]).and_then(at).map(StepPosition::Before)
            })
            .or_else(|| at(to).map(StepPosition::Before));
        let Some(place) = found else {
            return Some(ChatCommand::Unfinished("Move step 3 to the top"));
        };
        place
    };
    Some(ChatCommand::MoveStep(from, place))
}

/// The place before a step, wherever the moved one comes from.
fn before(at: StepRef) -> StepPosition {
    match at {
        StepRef::Number(number) if number > 1 => StepPosition::After(StepRef::Number(number - 1)),
        at => StepPosition::Before(at),
    }
}

fn added_step(rest: &str) -> ChatCommand<'_> {
    let placed = |text: &'_ str| {
        let (make, rest): (fn(StepRef) -> StepPosition, &str) = [
            ("after", StepPosition::After as fn(StepRef) -> StepPosition),
            ("before", StepPosition::Before),
            ("at position", StepPosition::Before),
            ("at", StepPosition::Before),
            ("as", StepPosition::Before),
        ]
        .iter()
        .find_map(|(word, make)| Some((*make, after(text, word)?)))?;
        let (at, behind) = which(rest).or_else(|| number(rest))?;
        Some((make(at), rest.len() - behind.len() + text.len() - rest.len()))
    };
    let numbered = number(rest).filter(|(_, behind)| behind.starts_with(':'));
    let (place, text) = match (placed(rest), numbered) {
        (Some((place, length)), _) => (Some(place), rest.get(length..).unwrap_or_default()),
        (None, Some((at, behind))) => (Some(StepPosition::Before(at)), behind),
        (None, None) => {
            // "… after step 2" at the end; "bake at 350" names no place.
            let plain = rest.trim_end_matches(['.', '!', '?']);
            let tail = [" after ", " before ", " at step ", " at position ", " as step "]
                .iter()
                .filter_map(|joint| plain.rfind(joint))
                .max();
            let found = tail.and_then(|at| {
                let (place, length) = placed(plain.get(at + 1..)?)?;
                (at + 1 + length == plain.len()).then_some((place, at))
            });
            match found {
                Some((place, at)) => (Some(place), rest.get(..at).unwrap_or_default()),
                None => (None, rest),
            }
        }
    };
    match value(text.trim_start_matches([',', ' '])) {
        "" => ChatCommand::Unfinished("Add step Bake for 20 minutes"),
        text => ChatCommand::AddStep { text, place },
    }
}

/// Parses "step 2", "the last step" or "the second step". Returns the rest of the text, too.
pub(super) fn which(text: &str) -> Option<(StepRef, &str)> {
    let text = skip(text, &["the"]);
    if let Some(rest) = after_any(text, &["last step", "final step", "step last"]) {
        return Some((StepRef::Last, rest));
    }
    let ordinal = (1..).zip(ORDINALS).find_map(|(number, names)| {
        let rest = after_any(text, names)?;
        Some((StepRef::Number(number), after(rest, "step")?))
    });
    ordinal.or_else(|| number(after_any(text, &["step number", "step", "steps"])?))
}

fn number(text: &str) -> Option<(StepRef, &str)> {
    let text = text.strip_prefix('#').unwrap_or(text);
    let number = Number::parse(text)?;
    let behind = text.get(number.end..)?;
    let ends = !behind.starts_with(char::is_alphanumeric);
    Some((StepRef::Number(number.value.to_whole().filter(|_| ends)?), behind.trim_start()))
}

const ORDINALS: &[&[&str]] = &[
    &["first", "1st"],
    &["second", "2nd"],
    &["third", "3rd"],
    &["fourth", "4th"],
    &["fifth", "5th"],
    &["sixth", "6th"],
    &["seventh", "7th"],
    &["eighth", "8th"],
    &["ninth", "9th"],
    &["tenth", "10th"],
];
