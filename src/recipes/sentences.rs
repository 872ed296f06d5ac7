//! Several commands in one message: "remove the carrots and add 2 leeks".

use super::command::{ChatCommand, bare};

/// Longer messages are one command.
const MAX_BYTES: usize = 500;
/// The most commands of a message.
const MAX_COMMANDS: usize = 8;

/// The commands of a message that has several. `None` when it has one, or a part is no command.
pub(super) fn sentences(content: &str) -> Option<Vec<ChatCommand<'_>>> {
    if content.len() > MAX_BYTES {
        return None;
    }
    let mut commands = Vec::new();
    let mut rest = content;
    while let Some((head, tail)) = split(rest) {
        commands.push(parse(head, commands.last())?);
        rest = tail;
    }
    commands.push(parse(rest, commands.last())?);
    let is_several = (2..=MAX_COMMANDS).contains(&commands.len());
    let (last, others) = commands.split_last()?;
    (is_several && others.iter().all(is_joinable) && is_last(last)).then_some(commands)
}

/// Parses a part. After "replace butter with oil", "cream with milk" is a command too, and after
/// "change carrots to 4", "onions to 3".
fn parse<'a>(part: &'a str, last: Option<&ChatCommand<'_>>) -> Option<ChatCommand<'a>> {
    ChatCommand::parse(part).or_else(|| {
        let is_after = matches!(last, Some(ChatCommand::Replace { .. }));
        let mut joints = [" with ", " to ", " by ", " for "].iter();
        let (old, new) = joints.find_map(|joint| part.split_once(joint)).filter(|_| is_after)?;
        let (old, new) = (old.trim(), new.trim());
        Some(ChatCommand::Replace { old, new })
    })
}

/// The first command of a text and the others. Both are whole.
fn split(text: &str) -> Option<(&str, &str)> {
    let mut places: Vec<(usize, usize)> = JOINTS
        .iter()
        .flat_map(|joint| text.match_indices(joint).map(|(at, joint)| (at, joint.len())))
        .collect();
    places.sort_by_key(|(at, length)| (*at, usize::MAX - length));
    places.into_iter().take(2 * MAX_COMMANDS).find_map(|(at, length)| {
        let (head, tail) = (text.get(..at)?, text.get(at + length..)?);
        let is_command = |text| ChatCommand::parse(text).is_some_and(|c| is_joinable(&c));
        let is_next = |text| ChatCommand::parse(text).is_some_and(|c| is_last(&c));
        // "Half and half" are not two commands.
        let is_verb = |text: &str| {
            let is_bare =
                ["double", "triple", "halve", "undo", "redo"].iter().any(|w| text.starts_with(w));
            // "One and a half times the recipe" is one command.
            let is_rest = ["a half", "a quarter", "a third"].iter().any(|part| {
                let behind = text.strip_prefix(part);
                behind.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
            });
            let is_long = is_bare || text.trim().contains(' ');
            let is_said = text.starts_with(char::is_alphabetic) && !has_no_verb(text.trim());
            is_said && is_long && !is_rest
        };
        let head_command = parse(head, None);
        // "Use 2 tsp salt and 3 carrots"
        let is_amount = matches!(head_command, Some(ChatCommand::SetAmount(_)))
            && tail.starts_with(|c: char| c.is_ascii_digit());
        let is_next = is_next(tail) || {
            let command = parse(tail, head_command.as_ref());
            command.is_some_and(|command| is_last(&command))
        };
        ((is_verb(tail) || is_amount) && is_command(head) && is_next).then_some((head, tail))
    })
}

/// Whether a text is an ingredient with its amount, and no command with a verb.
fn has_no_verb(text: &str) -> bool {
    let bare = bare(text);
    bare.is_some() && bare == ChatCommand::parse(text)
}

/// Whether it may be the last of several commands. Its text goes to the end of the message.
fn is_last(command: &ChatCommand<'_>) -> bool {
    let is_text = matches!(
        command,
        ChatCommand::AddStep { .. }
            | ChatCommand::ReplaceStep(..)
            | ChatCommand::SetDescription(_)
            // Nothing is done then, and the answer says so.
            | ChatCommand::Undo
            | ChatCommand::Redo
    );
    // "I'm allergic to nuts, remove them" is one command.
    let is_back = matches!(command, ChatCommand::RemoveIngredient("them" | "those" | "these"));
    (is_text || is_joinable(command)) && !is_back
}

/// Whether other commands may follow it. Text that is kept as it is would hold them.
fn is_joinable(command: &ChatCommand<'_>) -> bool {
    !matches!(
        command,
        ChatCommand::Extract(_)
            | ChatCommand::AddStep { .. }
            | ChatCommand::ReplaceStep(..)
            | ChatCommand::SetDescription(_)
            | ChatCommand::Undo
            | ChatCommand::Redo
            | ChatCommand::Help
            | ChatCommand::DeleteRecipe
            | ChatCommand::ShowStep(_)
            | ChatCommand::Show(_)
            | ChatCommand::HowMuch(_)
            | ChatCommand::Unfinished(_)
    )
}

const JOINTS: &[&str] = &[" and then ", ", then ", ", and ", " and ", "; ", ". ", ", ", "\n"];
