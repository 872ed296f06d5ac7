//! A recipe as it is stored and sent, and the limits of its fields.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::ingredient::{Base, Ingredient};
use crate::time::UnixTime;

/// The longest title, in characters.
pub const MAX_TITLE_CHARS: usize = 200;
/// The longest yield, in characters.
pub const MAX_YIELD_CHARS: usize = 200;
/// The longest description, in characters: longer than a chat message, so that a pasted text fits.
pub const MAX_DESCRIPTION_CHARS: usize = 20_000;
/// The most tags of a recipe.
pub const MAX_TAGS: usize = 50;
/// The longest tag, in characters.
pub const MAX_TAG_CHARS: usize = 100;
/// The most ingredients of a recipe.
pub const MAX_INGREDIENTS: usize = 200;
/// The longest ingredient line, in characters.
pub const MAX_INGREDIENT_CHARS: usize = 500;
/// The most steps of a recipe.
pub const MAX_STEPS: usize = 200;
/// The longest step, in characters.
pub const MAX_STEP_CHARS: usize = 5_000;
/// The longest preparation or cooking time, in minutes: 60 days, for cured or fermented food.
pub const MAX_MINUTES: u32 = 86_400;
/// The largest recipe as JSON, in bytes. Each update sends the whole recipe to the room.
pub const MAX_RECIPE_BYTES: usize = 64 * 1024;

/// A recipe. Its JSON is the `recipe_data` of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// The recipe's id, which is also the room's name.
    pub id: String,
    /// The title, never empty.
    pub title: String,
    /// How much it makes, as text: `4 servings`. Empty if unknown.
    #[serde(rename = "yield", default)]
    pub yields: String,
    /// What a scaled yield was made from. `None` if the yield is as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yield_base: Option<Base>,
    /// Free text. May be empty.
    #[serde(default)]
    pub description: String,
    /// The preparation time in minutes, if known.
    #[serde(default)]
    pub prep_time_minutes: Option<u32>,
    /// The cooking time in minutes, if known.
    #[serde(default)]
    pub cook_time_minutes: Option<u32>,
    /// The time from the beginning to the end in minutes, if the recipe says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_time_minutes: Option<u32>,
    /// Tags for searching.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The ingredient lines and headings, in their order.
    #[serde(default)]
    pub ingredients: Vec<Ingredient>,
    /// The steps, in their order.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// When the recipe was created: RFC 3339, in UTC.
    pub created_at: String,
    /// When the recipe was last changed: RFC 3339, in UTC.
    pub updated_at: String,
}

/// One step of a recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The step's number, from 1 without gaps.
    pub order: u32,
    /// The instruction.
    pub text: String,
}

/// The content of a recipe, without its id and times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// The title. It may be empty here, but not in a [`Recipe`].
    pub title: String,
    /// How much it makes, as text.
    pub yields: String,
    /// Free text.
    pub description: String,
    /// The preparation time in minutes.
    pub prep_time_minutes: Option<u32>,
    /// The cooking time in minutes.
    pub cook_time_minutes: Option<u32>,
    /// The time from the beginning to the end in minutes.
    pub total_time_minutes: Option<u32>,
    /// Tags for searching.
    pub tags: Vec<String>,
    /// The ingredient lines and headings, in their order.
    pub ingredients: Vec<Ingredient>,
    /// The texts of the steps, in their order.
    pub steps: Vec<String>,
}

/// The first field of a draft that breaks its limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftError {
    /// The field's path in JSON, such as `ingredients[3].text`.
    pub field: Cow<'static, str>,
    /// What the field must be, such as `a text of 1 to 200 characters`.
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
    /// Creates a recipe from a draft.
    ///
    /// # Errors
    /// The first limit that it would break.
    pub fn new(id: impl Into<String>, draft: Draft, now: UnixTime) -> Result<Self, DraftError> {
        let now = now.to_rfc3339().to_string();
        Self::with(id.into(), now.clone(), now, draft)
    }

    /// This recipe with its content replaced by a draft. Id and creation time stay.
    ///
    /// # Errors
    /// The first limit that it would break.
    pub fn replaced_by(&self, draft: Draft, now: UnixTime) -> Result<Self, DraftError> {
        Self::with(self.id.clone(), self.created_at.clone(), now.to_rfc3339().to_string(), draft)
    }

    /// Takes from `before` what lines and yield were scaled from, where they read as they did there.
    pub(super) fn keep_bases(&mut self, before: &Self) {
        if self.yields == before.yields {
            self.yield_base.clone_from(&before.yield_base);
        }
        for line in &mut self.ingredients {
            if let Some(same) = before.ingredients.iter().find(|it| it.text == line.text) {
                line.clone_from(same);
            }
        }
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
            yield_base: None,
            description: draft.description,
            prep_time_minutes: draft.prep_time_minutes,
            cook_time_minutes: draft.cook_time_minutes,
            total_time_minutes: draft.total_time_minutes,
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

    /// Checks every limit.
    ///
    /// # Errors
    /// The first limit that the recipe breaks.
    pub fn check(&self) -> Result<(), DraftError> {
        chars("title", &self.title, 1, MAX_TITLE_CHARS)?;
        chars("yield", &self.yields, 0, MAX_YIELD_CHARS)?;
        chars("description", &self.description, 0, MAX_DESCRIPTION_CHARS)?;
        let times = [
            ("prep_time_minutes", self.prep_time_minutes),
            ("cook_time_minutes", self.cook_time_minutes),
            ("total_time_minutes", self.total_time_minutes),
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

    /// Puts each ingredient into the group of the heading above it.
    fn group_ingredients(&mut self) {
        let mut group = "";
        for ingredient in &mut self.ingredients {
            ingredient.group.clear();
            if ingredient.is_heading() {
                group = ingredient.text.trim_end_matches(':').trim_end();
            } else {
                ingredient.group.push_str(group);
            }
        }
    }

    /// Numbers the steps from 1, and groups the ingredients.
    pub(super) fn number_steps(&mut self) {
        self.group_ingredients();
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
