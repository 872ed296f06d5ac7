//! What a command asks for.

use super::super::ratio::Ratio;

/// A parsed command. Its texts are the sender's, without surrounding space and quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatCommand<'a> {
    /// Extract a recipe from this text.
    Extract(&'a str),
    /// Multiply every amount of an ingredient.
    Scale(Scale<'a>),
    /// Set the title.
    Rename(&'a str),
    /// Set the yield.
    SetYield(&'a str),
    /// Set the preparation time.
    SetPrepTime(&'a str),
    /// Set the cooking time.
    SetCookTime(&'a str),
    /// Add one or several ingredients.
    AddIngredient(&'a str),
    /// Remove the ingredient with this name.
    RemoveIngredient(&'a str),
    /// Replace an ingredient, and its mentions in the steps.
    Replace {
        /// The name to replace.
        old: &'a str,
        /// The new name, or a whole line with an amount.
        new: &'a str,
    },
    /// Add a step.
    AddStep {
        /// The instruction.
        text: &'a str,
        /// The position; at the end if `None`.
        place: Option<StepPosition>,
    },
    /// Remove a step.
    RemoveStep(StepRef),
    /// Replace the text of a step.
    ReplaceStep(StepRef, &'a str),
    /// Revert the last change.
    Undo,
    /// List the commands.
    Help,
    /// An incomplete command, with an example of a complete one.
    Unfinished(&'static str),
}

/// How to scale a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale<'a> {
    /// To this number of servings, cookies, litres. An empty text is whatever the recipe makes.
    To(Ratio, &'a str),
    /// By this factor.
    By(Ratio),
}

/// A reference to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepRef {
    /// The step with this number, from 1.
    Number(u64),
    /// The last step.
    Last,
}

/// Where a new step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepPosition {
    /// After this step.
    After(StepRef),
    /// Before this step, taking over its number.
    Before(StepRef),
}
