//! The commands that change steps.

use super::super::quantity::Number;
use super::super::recipe::MAX_STEPS;
use super::super::scan::word;
use super::super::words;
use super::chat_command::{ChatCommand, StepPosition, StepRef};
use super::synonyms as say;
use super::words::{after, after_any, is_any, skip, value, without_end};

/// Parses a command that changes steps.
pub(super) fn step(text: &str) -> Option<ChatCommand<'_>> {
    if let Some(rest) = after_any(text, say::ADD) {
        // "Insert after step 2: Season"
        if let Some(command) = placed_step(rest) {
            return Some(command);
        }
        let ends = [(say::FIRST_STEP, Some(FIRST)), (say::LAST_STEP, None)];
        for (names, place) in ends {
            if let Some(text) = after_any(rest, names).map(value).filter(|text| !text.is_empty()) {
                return Some(ChatCommand::AddStep { text, place });
            }
        }
        if let Some(said) = after_any(rest, &["to the steps", "to the instructions", "to steps"]) {
            return Some(added_step(said));
        }
        let rest = after_any(skip(rest, say::NEW), say::STEP)?;
        return Some(added_step(rest));
    }
    if let Some(rest) = after_any(text, say::ONE_MORE_STEP)
        && let Some(text) = rest.strip_prefix(':').map(value).filter(|text| !text.is_empty())
    {
        return Some(ChatCommand::AddStep { text, place: None });
    }
    if let Some(rest) = after_any(text, say::REMOVE) {
        let plain = rest.trim_end_matches(['.', '!', '?']);
        let several = after_any(skip(plain, &["the"]), &["steps", "step"]);
        if let Some(list) = several.filter(|list| step_numbers(list).is_some_and(|n| n.len() > 1)) {
            return Some(ChatCommand::RemoveSteps(list));
        }
        if end_steps(plain).is_some() {
            return Some(ChatCommand::RemoveSteps(plain));
        }
        return match which(plain) {
            Some((at, "")) => Some(ChatCommand::RemoveStep(at)),
            None if after_any(plain, &["step", "the step"]).is_none() => None,
            _ => Some(ChatCommand::Unfinished("Remove step 2")),
        };
    }
    if let Some(rest) = after_any(text, &["move", "put", "bring"]) {
        let is_move = after(text, "move").is_some();
        let command = moved(rest.trim_end_matches(['.', '!', '?']));
        return command.filter(|it| is_move || matches!(it, ChatCommand::MoveStep(..)));
    }
    if let Some(rest) = after_any(text, &["swap", "exchange", "switch"]) {
        let (first, rest) = which(rest)?;
        let rest = after_any(rest, &["and", "with"])?;
        let (second, _) = which(rest).or_else(|| number(rest))?;
        return Some(ChatCommand::SwapSteps(first, second));
    }
    said_step(text).or_else(|| placed_step(text)).or_else(|| edited_step(text))
}

/// "Step 3 should be Serve", "step 3: Serve", "step 2 is not needed".
fn said_step(text: &str) -> Option<ChatCommand<'_>> {
    let (at, rest) = which(text)?;
    if after_any(rest.trim_end_matches(['.', '!']), say::NOT_NEEDED).is_some_and(str::is_empty) {
        return Some(ChatCommand::RemoveStep(at));
    }
    let new = rest.strip_prefix(':').or_else(|| after_any(rest, say::STEP_SHOULD_SAY))?;
    let new = value(new);
    (!new.is_empty()).then_some(ChatCommand::ReplaceStep(at, new))
}

/// "At the end sprinkle parsley over it", "after step 1, rest it", "first, heat the pan".
fn placed_step(text: &str) -> Option<ChatCommand<'_>> {
    let (place, rest) = if let Some(rest) = after_any(text, say::AT_THE_END) {
        (None, rest)
    } else if let Some(rest) = after_any(text, say::AT_THE_START) {
        (Some(FIRST), rest)
    } else if let Some(rest) = after(text, "between") {
        let (at, rest) = which(rest)?;
        let rest = after(rest, "and")?;
        let (_, rest) = which(rest).or_else(|| number(rest))?;
        (Some(StepPosition::After(at)), rest)
    } else {
        let is_after = after(text, "after");
        let (at, rest) = which(is_after.or_else(|| after(text, "before"))?)?;
        let make = if is_after.is_some() { StepPosition::After } else { StepPosition::Before };
        (Some(make(at)), rest)
    };
    let is_parted = rest.starts_with(':');
    let rest = value(rest.trim_start_matches([',', ':', ' ']));
    let said = after(rest, "add").and_then(|rest| rest.strip_prefix(':')).map(value);
    let text = said.unwrap_or(rest);
    let is_step = said.is_some() || is_parted || words::begins_step(word(text, 0).0);
    (is_step && !text.is_empty()).then_some(ChatCommand::AddStep { text, place })
}

/// "Change step 3 to Serve", "edit step 3: Serve".
fn edited_step(text: &str) -> Option<ChatCommand<'_>> {
    let rest = after_any(text, say::EDIT_STEP)?;
    let is_made = after(text, "make").is_some();
    let (at, rest) = which(rest)?;
    let new = after_any(rest, say::STEP_SAYS).or(rest.strip_prefix(':'));
    let new = value(new.or(is_made.then_some(rest))?);
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
    let place = if end(say::TOP) {
        FIRST
    } else if end(say::BOTTOM) {
        StepPosition::After(StepRef::Last)
    } else if let Some(place) = beside(from, to) {
        place
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

/// One place up or down.
fn beside(from: StepRef, to: &str) -> Option<StepPosition> {
    let StepRef::Number(from) = from else { return None };
    let one = without_end(to, " one").or_else(|| without_end(to, " by one")).unwrap_or(to);
    let to = match one.trim() {
        "up" => from.checked_sub(1).filter(|to| *to > 0)?,
        "down" => from.checked_add(1)?,
        _ => return None,
    };
    Some(StepPosition::Before(StepRef::Number(to)))
}

/// The place before a step, wherever the moved one comes from.
fn before(at: StepRef) -> StepPosition {
    match at {
        StepRef::Number(number) if number > 1 => StepPosition::After(StepRef::Number(number - 1)),
        at => StepPosition::Before(at),
    }
}

fn added_step(rest: &str) -> ChatCommand<'_> {
    let (rest, is_last) = match after_any(rest, say::AT_THE_END) {
        Some(said) if said.starts_with(':') => (said, true),
        _ => (rest, false),
    };
    let placed = |text: &'_ str| {
        if let Some(behind) = after(text, "between") {
            let (at, behind) = which(behind).or_else(|| number(behind))?;
            let behind = after(behind, "and")?;
            let (_, behind) = which(behind).or_else(|| number(behind))?;
            return Some((StepPosition::After(at), text.len() - behind.len()));
        }
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
    let numbered = number(rest).filter(|(_, behind)| behind.starts_with(':') && !is_last);
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
    ordinal.or_else(|| number(after_any(text, &["step number", "step no.", "step", "steps"])?))
}

/// An end of the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepEnd {
    /// The first ones.
    First,
    /// The last ones.
    Last,
}

/// Parses "the last two steps": at which end, and how many.
pub(crate) fn end_steps(text: &str) -> Option<(StepEnd, u64)> {
    let text = skip(text, &["the"]);
    let (end, rest) = match after(text, "first") {
        Some(rest) => (StepEnd::First, rest),
        None => (StepEnd::Last, after_any(text, &["last", "final"])?),
    };
    let number = Number::parse(rest)?;
    let is_steps = is_any(rest.get(number.end..)?.trim(), &["steps", "step"]);
    let count = number.value.to_whole().filter(|count| is_steps && *count <= MAX_STEPS as u64)?;
    Some((end, count))
}

/// The numbers of steps in a list: "2 and 3", "2, 3 and 5", "2-4".
pub(crate) fn step_numbers(list: &str) -> Option<Vec<u64>> {
    let ends = ["-", "–", " to ", " through "].iter().find_map(|joint| list.split_once(joint));
    if let Some((first, last)) = ends {
        let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        let is_range = first < last && last - first < MAX_STEPS as u64;
        return is_range.then(|| (first..=last).collect());
    }
    let is_joined = list.contains([',', '&']) || list.contains(" and ");
    if !is_joined {
        return None;
    }
    let words = list.split([',', ' ', '&']).filter(|word| !word.is_empty());
    let words = words.filter(|word| !is_any(word, &["and", "step", "steps"]));
    words.map(|word| word.parse().ok()).collect()
}

fn number(text: &str) -> Option<(StepRef, &str)> {
    let text = text.strip_prefix('#').unwrap_or(text);
    let number = Number::parse(text)?;
    let behind = text.get(number.end..)?;
    let ends = !behind.starts_with(char::is_alphanumeric);
    Some((StepRef::Number(number.value.to_whole().filter(|_| ends)?), behind.trim_start()))
}

const FIRST: StepPosition = StepPosition::Before(StepRef::Number(1));
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
