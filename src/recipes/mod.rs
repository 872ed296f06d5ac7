//! The embedded recipe chat: recipes, the assistant that edits them, and [`RecipesApp`], which
//! stores them.
//!
//! The assistant is pure: it has no clock, file, thread or database. Where the operator has a language
//! model, it proposes commands for what the assistant does not understand, and nothing else. [`answer`]
//! takes a message and the recipe and returns an [`AssistantReply`], which the storage carries out.
//!
//! | name | purpose |
//! | --- | --- |
//! | [`Recipe`], [`Step`], [`Ingredient`], [`Base`] | a recipe as it is stored and sent |
//! | [`Draft`], [`DraftError`] | a recipe as a client sends it, and its first invalid field |
//! | [`Quantity`], [`Number`], [`Ratio`] | amounts: parsed, scaled and written exactly |
//! | [`read`], [`ReadRecipe`], [`ReadError`] | reads a recipe from a text, whatever its format |
//! | [`ChatCommand`] | a parsed chat message |
//! | [`answer`], [`AssistantReply`] | the assistant's answer to a chat message |
//!
//! The path from a text to a recipe is drawn in `read/mod.rs`. [`RecipesApp`] adds the accounts, the
//! storage thread and the HTTP API.
//!
//! The limits are constants of [`bounds`]. All work is linear in the message and the recipe.

mod accounts;
mod amount;
mod app;
mod assistant;
mod command;
mod completions;
mod convert;
mod counters;
mod deadlines;
mod densities;
mod draft;
mod entities;
mod exchange;
mod export;
mod find;
mod http;
mod ingredient;
mod languages;
mod line;
mod message_tasks;
mod model;
mod openapi;
mod own_requests;
mod page;
mod patch;
mod proposal;
mod quantity;
mod ratio;
mod read;
mod recipe;
mod requests;
mod room_calls;
mod scan;
mod schema_org;
mod sentences;
mod session_ends;
mod sharing;
mod size;
mod storage;
mod tasks;
mod unit_kind;
mod units;
mod words;
mod written;
mod yields;

#[cfg(test)]
mod tests;

pub use app::RecipesApp;
pub use assistant::{AssistantReply, HELP, WELCOME, answer};
pub use command::{ChatCommand, Scale, Shown, StepPosition, StepRef};
pub use completions::CompletionSink;
pub use convert::UnitSystem;
pub use counters::AccountCounters;
pub use ingredient::{Base, Ingredient};
#[cfg(any(test, feature = "testing"))]
pub use model::answer_response;
pub use model::{AskModel, ModelCall};
pub use quantity::{MAX_QUANTITY, Number, NumberForm, Quantity};
pub use ratio::Ratio;
pub use read::{MAX_TEXT_BYTES, ReadError, ReadRecipe, extract_list, read};
pub use recipe::{Draft, DraftError, Recipe, Step};
pub use room_calls::SharedRecipes;
pub use storage::{
    BackupError, DatabaseState, Restored, StorageError, backup as backup_database,
    inspect as inspect_database, restore as restore_database,
};
pub use unit_kind::Precision;
pub use written::write as write_number;

/// The limits of a recipe's fields.
pub mod bounds {
    pub use crate::recipes::recipe::{
        MAX_DESCRIPTION_CHARS, MAX_INGREDIENT_CHARS, MAX_INGREDIENTS, MAX_MINUTES,
        MAX_RECIPE_BYTES, MAX_STEP_CHARS, MAX_STEPS, MAX_TAG_CHARS, MAX_TAGS, MAX_TITLE_CHARS,
        MAX_YIELD_CHARS,
    };
}
