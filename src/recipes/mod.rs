//! The embedded recipe chat: what it knows of recipes, and [`RecipesApp`], which keeps them.
//!
//! Its own knowledge is what a recipe is, how it is read out of text, and what its assistant
//! understands and answers.
//!
//! Pure: no clock, file, thread or database. A message and the recipe go into [`answer`], a
//! [`AssistantReply`] comes out; who stores recipes carries it out. Nothing here needs a language model.
//!
//! | name | is |
//! | --- | --- |
//! | [`Recipe`], [`Step`], [`Ingredient`] | what is stored and sent, with its bounds |
//! | [`Draft`], [`DraftError`] | what a client sends to make one, and which field is wrong in it |
//! | [`Quantity`], [`Number`], [`Ratio`] | amounts, read, scaled and written as people do |
//! | [`extract`] | a recipe out of pasted text |
//! | [`ChatCommand`] | what is asked for |
//! | [`answer`], [`AssistantReply`] | what is done about it |
//!
//! Around it are the accounts, the storage thread and HTTP, put together in [`RecipesApp`].
//!
//! Every bound is a constant of [`bounds`]. Work is linear in the message and the recipe.

mod accounts;
mod amount;
mod app;
mod assistant;
mod command;
mod draft;
mod extract;
mod find;
mod http;
mod ingredient;
mod line;
mod page;
mod quantity;
mod ratio;
mod recipe;
mod storage;
mod words;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock};

pub use app::RecipesApp;
pub use assistant::{AssistantReply, HELP, WELCOME, answer};
pub use command::{ChatCommand, Scale, StepPosition, StepRef};
pub use extract::{extract, extract_list};
pub use ingredient::Ingredient;
pub use quantity::{MAX_QUANTITY, Number, NumberForm, Precision, Quantity, write as write_number};
pub use ratio::Ratio;
pub use recipe::{Draft, DraftError, Recipe, Step};

use crate::node::Completion;

/// The most that a recipe holds.
pub mod bounds {
    pub use crate::recipes::recipe::{
        MAX_DESCRIPTION_CHARS, MAX_INGREDIENT_CHARS, MAX_INGREDIENTS, MAX_MINUTES,
        MAX_RECIPE_BYTES, MAX_STEP_CHARS, MAX_STEPS, MAX_TAG_CHARS, MAX_TAGS, MAX_TITLE_CHARS,
        MAX_YIELD_CHARS,
    };
}

type Deliver = Box<dyn Fn(Completion) + Send + Sync>;

/// Where the application's threads leave their answers.
///
/// The driver is made with the application, so the way to it is known only afterwards: open the
/// application, make the server, then [`connect`](Answers::connect) the two.
#[derive(Clone, Default)]
pub struct CompletionSink(Arc<OnceLock<Deliver>>);

impl fmt::Debug for CompletionSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Answers").field(&self.0.get().is_some()).finish()
    }
}

impl CompletionSink {
    /// From here on answers go to `deliver`, which may block while the driver is behind: that holds
    /// the database back, and with it the queue in front of it. Must be called before the server
    /// runs; the first call counts.
    pub fn connect(&self, deliver: impl Fn(Completion) + Send + Sync + 'static) {
        // A second driver for one application would answer strangers.
        let _ = self.0.set(Box::new(deliver));
    }

    /// Nobody asks before there is a driver, so nothing is lost before it is connected.
    fn deliver(&self, done: Completion) {
        match self.0.get() {
            Some(deliver) => deliver(done),
            None => log::error!("an answer was dropped: `CompletionSink::connect` was not called"),
        }
    }
}
