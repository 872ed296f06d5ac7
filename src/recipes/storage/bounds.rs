//! The limits of what rooms store and send.

use super::list::MAX_LIST_BYTES;
use super::publications::Publishing;
use crate::config::{BACKEND_ANSWER_BYTES, Config, LEAST_RECIPE_BYTES};
use crate::node::app::Json;
use crate::time::UnixTime;

/// What an answer has beside a recipe and its history, and the text of the answer.
const ENVELOPE_BYTES: usize = 128 << 10;

/// The limits of what a room stores and sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Messages in the history that a join returns.
    pub(super) history: usize,
    /// Messages that are stored. 0 means unlimited.
    pub(super) messages: usize,
    /// Changes that can be undone.
    pub(super) undo: usize,
    /// The longest answer to a join, in bytes.
    pub(super) acknowledgement: usize,
    /// The longest recipe as JSON, in bytes.
    recipe: usize,
    /// What one user stores, in bytes. 0 means unlimited.
    pub(crate) user_bytes: usize,
    /// Messages that the assistant's model is told. `None`: there is no model.
    pub(crate) turns: Option<usize>,
    /// Whether clients resume from what rooms were told: `resume.persist`, and `limits.history_bytes`.
    pub(crate) keeps_publications: bool,
    /// Whether the application publishes what rooms are told, with positions of its own. In a cluster the
    /// nodes do, and the engine gives the positions.
    pub(crate) publishes: bool,
    persists: bool,
}

impl Bounds {
    /// Limits an acknowledgement to half of `limits.outbound_bytes`, and a recipe to half of that,
    /// but never below what a small recipe needs.
    pub(crate) fn new(config: &Config) -> Self {
        let (history, messages) = (config.recipes.history, config.recipes.messages);
        let undo = config.recipes.undo;
        let user_bytes = config.recipes.bytes_per_user.get();
        let mut bounds = Self {
            history,
            messages,
            undo,
            acknowledgement: 0,
            recipe: 0,
            user_bytes,
            turns: None,
            keeps_publications: false,
            publishes: !config.cluster.is_on(),
            persists: config.resume.persist,
        };
        bounds.reload(config);
        bounds
    }

    /// Applies changed limits.
    pub(crate) fn reload(&mut self, config: &Config) {
        self.keeps_publications =
            self.publishes && self.persists && config.limits.history_bytes.get() > 0;
        self.acknowledgement = config.longest_acknowledgement();
        if !self.publishes {
            // Other nodes read no longer answer than this, with its envelope.
            self.acknowledgement = self.acknowledgement.min(BACKEND_ANSWER_BYTES - ENVELOPE_BYTES);
        }
        self.recipe = (self.acknowledgement / 2).max(LEAST_RECIPE_BYTES);
    }

    /// The longest page of a list, in bytes.
    pub(crate) fn list(&self) -> usize {
        self.acknowledgement.min(MAX_LIST_BYTES)
    }

    /// How something is published now.
    pub(super) fn publishing(&self, now: UnixTime) -> Publishing {
        Publishing { now, is_kept: self.keeps_publications }
    }

    /// Whether this recipe is small enough.
    pub(crate) fn fit(&self, recipe: &Json) -> bool {
        recipe.as_str().len() <= self.recipe
    }
}
