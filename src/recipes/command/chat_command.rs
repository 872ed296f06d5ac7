//! What a command asks for.

use super::super::convert::UnitSystem;
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
    /// Sets the time from the beginning to the end.
    SetTotalTime(&'a str),
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
    /// Set the amount of an ingredient: `700 g of beef`.
    SetAmount(&'a str),
    /// Multiply the amount of one ingredient.
    ScaleIngredient {
        /// The ingredient's name.
        name: &'a str,
        /// The factor.
        factor: Ratio,
    },
    /// Add more of an ingredient, or the ingredient.
    AddMore {
        /// The ingredient's name.
        name: &'a str,
        /// How much more: `100 g`.
        amount: &'a str,
    },
    /// Take away some of an ingredient.
    TakeAway {
        /// The ingredient's name.
        name: &'a str,
        /// How much less: `100 g`.
        amount: &'a str,
    },
    /// Add tags, separated by commas.
    AddTag(&'a str),
    /// Remove a tag.
    RemoveTag(&'a str),
    /// Set the description.
    SetDescription(&'a str),
    /// Show a part of the recipe.
    Show(Shown),
    /// Show a step.
    ShowStep(StepRef),
    /// Tell the amount of an ingredient.
    HowMuch(&'a str),
    /// Add a step.
    AddStep {
        /// The instruction.
        text: &'a str,
        /// The position; at the end if `None`.
        place: Option<StepPosition>,
    },
    /// Remove a step.
    RemoveStep(StepRef),
    /// Remove several steps: `2 and 3`, `2-4`.
    RemoveSteps(&'a str),
    /// Move a step.
    MoveStep(StepRef, StepPosition),
    /// Exchange two steps.
    SwapSteps(StepRef, StepRef),
    /// Replace the text of a step.
    ReplaceStep(StepRef, &'a str),
    /// Revert the last change.
    Undo,
    /// Do again what the last `Undo` reverted.
    Redo,
    /// Show all amounts in these units; `None`: as they were written.
    Convert(Option<UnitSystem>),
    /// Delete the recipe, which the chat cannot do.
    DeleteRecipe,
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

/// A part of the recipe that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Everything.
    Recipe,
    /// The ingredients.
    Ingredients,
    /// The steps.
    Steps,
    /// How much it makes.
    Yield,
    /// The preparation and cooking times.
    Times,
}
