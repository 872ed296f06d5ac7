//! Calls whose work goes on, though their callers are gone.

use std::collections::VecDeque;

use crate::node::{AppEvent, Outcome, Ticket};

/// Their rooms, up to a bound: then the oldest are forgotten, and not told of what has changed.
#[derive(Debug)]
pub(super) struct AbandonedCalls {
    calls: VecDeque<(Ticket, String)>,
    most: usize,
}

impl AbandonedCalls {
    pub(super) fn new(most: usize) -> Self {
        Self { calls: VecDeque::new(), most }
    }

    /// Returns whether another one was forgotten for it.
    pub(super) fn add(&mut self, ticket: Ticket, room: String) -> bool {
        let is_full = self.calls.len() >= self.most;
        if is_full {
            self.calls.pop_front();
        }
        self.calls.push_back((ticket, room));
        is_full
    }

    /// A message is answered whose caller is gone. If it has changed the recipe, the room is told of that.
    pub(super) fn answered(&mut self, ticket: Ticket, outcome: Outcome) -> Option<AppEvent> {
        let place = self.calls.iter().position(|(abandoned, _)| *abandoned == ticket)?;
        let (_, room) = self.calls.remove(place)?;
        match outcome {
            Outcome::Message(Ok(update)) if update.broadcast && update.recipe_data.is_some() => {
                Some(AppEvent::RecipeChanged { room, update })
            }
            _ => None,
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }
}
