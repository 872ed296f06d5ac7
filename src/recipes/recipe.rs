//! A recipe, as it is stored and sent, and the bounds that it keeps.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::ingredient::Ingredient;
use crate::time::UnixTime;

/// Characters of a title.
pub const MAX_TITLE_CHARS: usize = 200;
/// Characters of a yield.
pub const MAX_YIELD_CHARS: usize = 200;
/// Characters of a description: a whole chat message, and some more.
pub const MAX_DESCRIPTION_CHARS: usize = 20_000;
/// Tags.
pub const MAX_TAGS: usize = 50;
/// Characters of a tag.
pub const MAX_TAG_CHARS: usize = 100;
/// Ingredients.
pub const MAX_INGREDIENTS: usize = 200;
/// Characters of an ingredient.
pub const MAX_INGREDIENT_CHARS: usize = 500;
/// Steps.
pub const MAX_STEPS: usize = 200;
/// Characters of a step.
pub const MAX_STEP_CHARS: usize = 5_000;
/// Minutes of preparing, and of cooking: 60 days, for what is cured or fermented.
pub const MAX_MINUTES: u32 = 86_400;
/// Bytes of a whole recipe as JSON: what one update carries to everybody in the room.
pub const MAX_RECIPE_BYTES: usize = 64 * 1024;

/// A recipe. Its JSON is the `recipe_data` of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// The room's name.
    pub id: String,
    /// Never empty.
    pub title: String,
    /// How much it makes, as people say it: `4 servings`. Empty when nobody said.
    #[serde(rename = "yield", default)]
    pub yields: String,
    /// What is said about it. Empty when nobody said anything.
    #[serde(default)]
    pub description: String,
    /// Minutes of preparing.
    #[serde(default)]
    pub prep_time_minutes: Option<u32>,
    /// Minutes of cooking.
    #[serde(default)]
    pub cook_time_minutes: Option<u32>,
    /// For finding it.
    #[serde(default)]
    pub tags: Vec<String>,
    /// In the order in which they are read.
    #[serde(default)]
    pub ingredients: Vec<Ingredient>,
    /// In the order in which they are done.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// RFC 3339, in UTC.
    pub created_at: String,
    /// RFC 3339, in UTC.
    pub updated_at: String,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// From 1 on, without gaps.
    pub order: u32,
    /// What is to be done.
    pub text: String,
}

/// What somebody wants a recipe to be: all but its id and its times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// The title; may be empty only until the recipe is made.
    pub title: String,
    /// How much it makes.
    pub yields: String,
    /// What is said about it.
    pub description: String,
    /// Minutes of preparing.
    pub prep_time_minutes: Option<u32>,
    /// Minutes of cooking.
    pub cook_time_minutes: Option<u32>,
    /// For finding it.
    pub tags: Vec<String>,
    /// In their order.
    pub ingredients: Vec<Ingredient>,
    /// In their order.
    pub steps: Vec<String>,
}

/// Which field breaks a bound, and which bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftError {
    /// The field, as it is called in JSON: `ingredients[3].text`.
    pub field: Cow<'static, str>,
    /// What it must be.
    pub must: Cow<'static, str>,
}

impl DraftError {
    pub(super) fn new(
        field: impl Into<Cow<'static, str>>,
        must: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { field: field.into(), must: must.into() }
    }
}

impl fmt::Display for DraftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` must be {}", self.field, self.must)
    }
}

impl std::error::Error for DraftError {}

impl Recipe {
    /// A new recipe.
    ///
    /// # Errors
    /// The first bound that it would break.
    pub fn new(id: impl Into<String>, draft: Draft, now: UnixTime) -> Result<Self, DraftError> {
        let now = now.to_rfc3339().to_string();
        Self::with(id.into(), now.clone(), now, draft)
    }

    /// This recipe with everything replaced by a draft, but its id and when it was made.
    ///
    /// # Errors
    /// The first bound that it would break.
    pub fn replaced_by(&self, draft: Draft, now: UnixTime) -> Result<Self, DraftError> {
        Self::with(self.id.clone(), self.created_at.clone(), now.to_rfc3339().to_string(), draft)
    }

    fn with(
        id: String,
        created: String,
        updated: String,
        draft: Draft,
    ) -> Result<Self, DraftError> {
        let steps = draft.steps.into_iter().map(|text| Step { order: 0, text }).collect();
        let mut recipe = Self {
            id,
            title: draft.title,
            yields: draft.yields,
            description: draft.description,
            prep_time_minutes: draft.prep_time_minutes,
            cook_time_minutes: draft.cook_time_minutes,
            tags: draft.tags,
            ingredients: draft.ingredients,
            steps,
            created_at: created,
            updated_at: updated,
        };
        recipe.number_steps();
        recipe.check()?;
        Ok(recipe)
    }

    /// Does it keep every bound?
    ///
    /// # Errors
    /// The first that it breaks, as a client is told.
    pub fn check(&self) -> Result<(), DraftError> {
        chars("title", &self.title, 1, MAX_TITLE_CHARS)?;
        chars("yield", &self.yields, 0, MAX_YIELD_CHARS)?;
        chars("description", &self.description, 0, MAX_DESCRIPTION_CHARS)?;
        let times = [
            ("prep_time_minutes", self.prep_time_minutes),
            ("cook_time_minutes", self.cook_time_minutes),
        ];
        for (field, time) in times {
            if time.is_some_and(|minutes| minutes > MAX_MINUTES) {
                return Err(DraftError::new(field, format!("a number of 0 to {MAX_MINUTES}")));
            }
        }
        at_most("tags", self.tags.len(), MAX_TAGS)?;
        for (index, tag) in self.tags.iter().enumerate() {
            chars(format!("tags[{index}]"), tag, 1, MAX_TAG_CHARS)?;
        }
        at_most("ingredients", self.ingredients.len(), MAX_INGREDIENTS)?;
        for (index, ingredient) in self.ingredients.iter().enumerate() {
            let field = format!("ingredients[{index}].text");
            chars(field, &ingredient.text, 1, MAX_INGREDIENT_CHARS)?;
        }
        at_most("steps", self.steps.len(), MAX_STEPS)?;
        for (index, step) in self.steps.iter().enumerate() {
            chars(format!("steps[{index}].text"), &step.text, 1, MAX_STEP_CHARS)?;
        }
        let bytes = serde_json::to_string(self).map_or(usize::MAX, |json| json.len());
        if bytes > MAX_RECIPE_BYTES {
            return Err(DraftError::new(
                "recipe",
                format!("at most {MAX_RECIPE_BYTES} bytes as JSON"),
            ));
        }
        Ok(())
    }

    /// Gives the steps their numbers, from 1 on.
    pub(super) fn number_steps(&mut self) {
        for (order, step) in (1..).zip(&mut self.steps) {
            step.order = order;
        }
    }
}

fn chars(
    field: impl Into<Cow<'static, str>>,
    text: &str,
    least: usize,
    most: usize,
) -> Result<(), DraftError> {
    let is_blank = least > 0 && text.trim().is_empty();
    if is_blank || text.len() > most && text.chars().count() > most {
        return Err(DraftError::new(field, format!("a text of {least} to {most} characters")));
    }
    Ok(())
}

fn at_most(field: &'static str, length: usize, most: usize) -> Result<(), DraftError> {
    if length > most {
        return Err(DraftError::new(field, format!("a list of at most {most}")));
    }
    Ok(())
}
