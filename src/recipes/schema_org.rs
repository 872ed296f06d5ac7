//! Writes recipes as JSON-LD with the terms of schema.org (<https://schema.org/Recipe>).

use serde_json::{Map, Value, json};

use super::recipe::Recipe;

pub(super) const CONTEXT: &str = "https://schema.org";

/// Writes a recipe, without its context.
pub(super) fn write(recipe: &Recipe) -> Map<String, Value> {
    let steps = recipe.steps.iter().map(|step| json!({ "@type": "HowToStep", "text": step.text }));
    let lines = recipe.ingredients.iter().map(|ingredient| &ingredient.text);
    let minutes = |minutes: Option<u32>| minutes.map(|minutes| json!(format!("PT{minutes}M")));
    let text = |text: &String| Some(json!(text)).filter(|_| !text.is_empty());
    let fields = [
        ("@type", Some(json!("Recipe"))),
        ("identifier", text(&recipe.id)),
        ("name", text(&recipe.title)),
        ("description", text(&recipe.description)),
        ("recipeYield", text(&recipe.yields)),
        ("prepTime", minutes(recipe.prep_time_minutes)),
        ("cookTime", minutes(recipe.cook_time_minutes)),
        ("totalTime", minutes(recipe.total_time_minutes)),
        ("keywords", Some(json!(recipe.tags)).filter(|_| !recipe.tags.is_empty())),
        ("recipeIngredient", Some(json!(lines.collect::<Vec<_>>()))),
        ("recipeInstructions", Some(json!(steps.collect::<Vec<_>>()))),
        ("dateCreated", text(&recipe.created_at)),
        ("dateModified", text(&recipe.updated_at)),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    fields.collect()
}
