//! What one client has heard since it began anew: every message of its room, once and in order.

use std::collections::BTreeMap;

use super::facts::{EntryFact, LogFacts};
use crate::protocol::Position;
use crate::time::Instant;

/// What a client has heard.
#[derive(Debug)]
pub(super) struct Chain {
    room: usize,
    /// Where it is: all before that it has heard.
    pub(super) at: Option<Position>,
    /// When it was told that it begins anew.
    pub(super) since: Instant,
    /// What it has heard, and how often the engine had lost its memory when that was published.
    heard: BTreeMap<(Option<String>, String), u64>,
}

impl Chain {
    pub(super) fn new(room: usize, at: Option<Position>, since: Instant) -> Self {
        Self { room, at, since, heard: BTreeMap::new() }
    }

    /// The client hears something, over the connection `own`.
    ///
    /// # Errors
    /// It is not what comes next.
    pub(super) fn hear(
        &mut self,
        facts: &LogFacts,
        own: Option<(u64, u64)>,
        (user, content, position): (Option<&str>, &str, Position),
    ) -> Result<(), String> {
        let room = self.room;
        let Some(fact) = facts.at(room, position) else {
            return Err(format!("G6: {content} is at {position}, where nothing was published"));
        };
        if fact.content != content || fact.user.as_deref() != user {
            return Err(format!("G1: {content} is at {position}, where {} is", fact.content));
        }
        self.go_to(facts, own, position, false)?;
        let name = (user.map(str::to_owned), content.to_owned());
        match self.heard.insert(name, fact.losses) {
            Some(losses) if losses == fact.losses && user.is_some() => {
                Err(format!("G2: {content} comes twice, at {position} the second time"))
            }
            _ => Ok(()),
        }
    }

    /// The client is told that it is at `position`, by an answer.
    pub(super) fn told(
        &mut self,
        facts: &LogFacts,
        own: Option<(u64, u64)>,
        position: Position,
    ) -> Result<(), String> {
        if self.at == Some(position) {
            return Ok(());
        }
        if facts.at(self.room, position).is_none() && self.at.is_none() {
            self.at = Some(position);
            return Ok(());
        }
        self.go_to(facts, own, position, true)
    }

    fn go_to(
        &mut self,
        facts: &LogFacts,
        own: Option<(u64, u64)>,
        position: Position,
        with_last: bool,
    ) -> Result<(), String> {
        let path = match self.at {
            None => facts.since(self.room, self.since, position),
            Some(at) => {
                facts.between(self.room, at, position).filter(|path| !path.is_empty()).ok_or_else(
                    || format!("G2: is at {at}, and {position} comes, which does not follow"),
                )?
            }
        };
        let is_skipped = |fact: &&&EntryFact| with_last || fact.position != position;
        for fact in path.iter().filter(is_skipped) {
            may_skip(fact, own)?;
        }
        self.at = Some(position);
        Ok(())
    }

    /// All that was published is heard by now.
    ///
    /// # Errors
    /// Something is missing.
    pub(super) fn judge(&self, facts: &LogFacts, own: Option<(u64, u64)>) -> Result<(), String> {
        let Some(head) = facts.head(self.room) else { return Ok(()) };
        let path = match self.at {
            None => facts.since(self.room, self.since, head),
            Some(at) => facts.between(self.room, at, head).ok_or_else(|| {
                format!("G2: is at {at} in the end, which does not lead to {head}")
            })?,
        };
        path.into_iter().try_for_each(|fact| may_skip(fact, own))
    }

    /// Does it have all up to this entry, or is it on another branch?
    pub(super) fn has(&self, facts: &LogFacts, own: Option<(u64, u64)>, entry: Position) -> bool {
        let Some(at) = self.at else { return true };
        match facts.between(self.room, at, entry) {
            Some(path) => path.into_iter().all(|fact| may_skip(fact, own).is_ok()),
            None => true,
        }
    }
}

fn may_skip(fact: &EntryFact, own: Option<(u64, u64)>) -> Result<(), String> {
    let EntryFact { content, position, .. } = fact;
    if fact.is_break {
        return Err(format!("G2: a break at {position} is passed over"));
    }
    if own == Some(fact.origin) {
        return Ok(());
    }
    Err(format!("G2: {content} at {position} is missing"))
}
