//! Recipes in JSON: JSON-LD with the terms of schema.org (<https://schema.org/Recipe>), as cooking
//! sites have them in their pages, and our own exports.
//!
//! What sites write varies: one text or a list of them, a text or an object with one. All of it is
//! read; what cannot be is left out. The work is linear in the text.

use std::collections::BTreeSet;

use serde_json::Value;

use super::builder::{DraftBuilder, one_line};
use super::duration::duration;
use super::markup;
use super::outcome::{ReadError, ReadRecipe};
use super::text::meta::Fact;
use super::text::{numbered, numbered_steps, sentences};
use crate::recipes::recipe::{
    Draft, MAX_INGREDIENT_CHARS, MAX_STEP_CHARS, MAX_TITLE_CHARS, MAX_YIELD_CHARS,
};

/// How deep a recipe may be in lists and graphs, and a step in lists and sections.
pub(super) const DEPTH: usize = 8;

/// Parses the content of a script. Sites leave line breaks in texts, which JSON does not allow.
pub(super) fn parse(script: &str) -> Option<Value> {
    let script = script.trim().trim_start_matches("<!--").trim_end_matches("-->").trim();
    let script = script.trim_start_matches("//<![CDATA[").trim_end_matches("//]]>").trim();
    serde_json::from_str(script).ok().or_else(|| {
        let plain = script.replace(|c: char| c.is_control(), " ");
        serde_json::from_str(plain.trim_end_matches(';')).ok()
    })
}

/// Reads the first recipe of a document, or an export of one.
pub(super) fn read_document(json: &Value) -> Result<ReadRecipe, ReadError> {
    if let Some(recipe) = find(json) {
        return Ok(read(recipe));
    }
    let fields = json.as_object().filter(|fields| fields.contains_key("title"));
    let fields = fields.ok_or(ReadError::NoRecipe("this JSON"))?;
    let draft = Draft::of(fields).map_err(ReadError::Invalid)?;
    Ok(ReadRecipe { draft, unread: Vec::new() })
}

/// The first recipe in a document.
fn find(json: &Value) -> Option<&Value> {
    find_within(json, DEPTH)
}

fn find_within(json: &Value, depth: usize) -> Option<&Value> {
    let depth = depth.checked_sub(1)?;
    match json {
        Value::Array(items) => items.iter().find_map(|item| find_within(item, depth)),
        Value::Object(_) if is_recipe(json) => Some(json),
        Value::Object(fields) => {
            let inner = ["@graph", "mainEntity", "mainEntityOfPage", "itemListElement", "item"];
            inner.iter().filter_map(|name| fields.get(*name)).find_map(|it| find_within(it, depth))
        }
        _ => None,
    }
}

fn is_recipe(object: &Value) -> bool {
    let is = |kind: &Value| {
        let name = kind.as_str().unwrap_or_default();
        name.rsplit(['/', ':']).next() == Some("Recipe")
    };
    match object.get("@type") {
        Some(Value::Array(kinds)) => kinds.iter().any(is),
        Some(kind) => is(kind),
        // Programs write the same fields without a type.
        None => {
            ["recipeIngredient", "recipeInstructions"].iter().all(|it| object.get(it).is_some())
        }
    }
}

/// Reads a recipe. Fields that it does not have are empty.
fn read(recipe: &Value) -> ReadRecipe {
    let mut builder = DraftBuilder::default();
    let first = |name: &str| texts(recipe.get(name)).into_iter().next().unwrap_or_default();
    builder.draft.title = cut(&first("name"), MAX_TITLE_CHARS, "title", &mut builder);
    let yields = cut(&yields(recipe), MAX_YIELD_CHARS, "yield", &mut builder);
    builder.draft.yields = yields;
    texts(recipe.get("description")).into_iter().for_each(|text| builder.note(text));
    for (name, fact) in [
        ("prepTime", Fact::Prep as fn(u32) -> Fact),
        ("cookTime", Fact::Cook),
        ("totalTime", Fact::Total),
    ] {
        match minutes(recipe, name) {
            Some(minutes) => builder.fact(fact(minutes)),
            None => builder.note(unread_time(recipe, name)),
        }
    }
    tags(recipe, &mut builder);
    let lines = recipe.get("recipeIngredient").or_else(|| recipe.get("ingredients"));
    for line in texts(lines) {
        let line = cut(&line, MAX_INGREDIENT_CHARS, "ingredient", &mut builder);
        builder.ingredient(&line);
    }
    steps(recipe, &mut builder);
    builder.finish()
}

/// The most telling of what it yields: sites give `["4", "4 servings"]`.
fn yields(recipe: &Value) -> String {
    let value = recipe.get("recipeYield").or_else(|| recipe.get("yield"));
    let mut yields = texts(value);
    if let Some(unit) = value.and_then(|value| value.get("unitText")).and_then(Value::as_str) {
        yields.iter_mut().for_each(|text| *text = format!("{text} {unit}"));
    }
    yields.sort_by_key(|text| !text.contains(char::is_alphabetic));
    yields.into_iter().next().unwrap_or_default()
}

fn tags(recipe: &Value, builder: &mut DraftBuilder) {
    let mut known = BTreeSet::new();
    for name in ["keywords", "recipeCategory", "recipeCuisine"] {
        for text in texts(recipe.get(name)) {
            for tag in text.split(',').map(one_line) {
                // Each is compared with the others once.
                if known.insert(tag.to_lowercase()) {
                    builder.tag(tag);
                }
            }
        }
    }
}

fn steps(recipe: &Value, builder: &mut DraftBuilder) {
    let mut steps = Vec::new();
    read_steps(recipe.get("recipeInstructions"), DEPTH, "", &mut steps);
    let is_text = recipe.get("recipeInstructions").is_some_and(Value::is_string);
    if let [one] = &*steps
        && is_text
    {
        // A text without line breaks has all steps.
        let numbered = numbered_steps(one);
        let parts = if numbered.len() > 1 { numbered } else { sentences(one) };
        steps = parts.into_iter().map(str::to_owned).collect();
    }
    for step in steps {
        let plain = if is_text { numbered(&step).unwrap_or(&step).trim() } else { &step };
        let plain = cut(plain, MAX_STEP_CHARS, "step", builder);
        builder.step(&plain);
    }
}

/// Texts, steps with a text or a name, and sections of them, whose name precedes their first step.
fn read_steps(value: Option<&Value>, depth: usize, section: &str, steps: &mut Vec<String>) {
    let (Some(value), Some(depth)) = (value, depth.checked_sub(1)) else { return };
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let section = if index == 0 { section } else { "" };
                read_steps(Some(item), depth, section, steps);
            }
        }
        Value::Object(fields) => match fields.get("itemListElement") {
            Some(inner) => {
                let name = fields.get("name").and_then(Value::as_str).unwrap_or_default();
                read_steps(Some(inner), depth, name, steps);
            }
            None => {
                let text = fields.get("text").or_else(|| fields.get("name"));
                read_steps(text.filter(|text| text.is_string()), depth, section, steps);
            }
        },
        Value::String(text) => {
            let lines = markup::text_of(text);
            let lines = lines.lines().map(undecorated).filter(|line| !line.is_empty());
            for (index, line) in lines.enumerate() {
                let section = one_line(&markup::text_of(section));
                let section = section.trim_end_matches(':');
                let is_named = index == 0 && !section.is_empty();
                steps.push(if is_named { format!("{section}: {line}") } else { line });
            }
        }
        _ => {}
    }
}

/// A line of a text that had tags, without what stands for them.
fn undecorated(line: &str) -> String {
    let line = one_line(line).replace("**", "");
    let plain = line.strip_prefix("- ").or_else(|| line.strip_prefix("## ")).unwrap_or(&line);
    let plain = numbered(plain).unwrap_or(plain);
    plain.trim().to_owned()
}

/// The texts of a text, a number, an object with a name or a value, or a list of these.
fn texts(value: Option<&Value>) -> Vec<String> {
    let items = match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    let plain = |text: &str| {
        let text = markup::text_of(text);
        text.lines().map(undecorated).collect::<Vec<_>>().join("\n").trim().to_owned()
    };
    let text = |item: &Value| match item {
        Value::String(text) => Some(plain(text)),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(fields) => {
            let names = ["text", "display", "originalText", "name", "value", "note"];
            match names.iter().find_map(|name| fields.get(*name)) {
                Some(Value::Number(number)) => Some(number.to_string()),
                inner => inner.and_then(Value::as_str).map(plain),
            }
        }
        _ => None,
    };
    items.iter().filter_map(text).filter(|text| !text.is_empty()).collect()
}

/// The minutes of a duration: `PT1H30M`, or what people write.
fn minutes(recipe: &Value, name: &str) -> Option<u32> {
    let value = recipe.get(name)?;
    let text = texts(Some(value)).into_iter().next()?;
    let (minutes, end) = duration(&text, value.is_number())?;
    Some(minutes).filter(|_| end == text.len())
}

/// The text of a time that is no duration.
fn unread_time(recipe: &Value, name: &str) -> String {
    let text = texts(recipe.get(name)).into_iter().next().unwrap_or_default();
    if text.is_empty() { text } else { format!("{name}: {text}") }
}

/// The text on one line, as far as `most` characters.
fn cut(text: &str, most: usize, what: &str, builder: &mut DraftBuilder) -> String {
    let text = one_line(text);
    let cut: String = text.chars().take(most).collect();
    if cut.len() < text.len() {
        builder.skip(format!("the end of a {what} after {most} characters"));
    }
    cut.trim_end().to_owned()
}

#[cfg(test)]
mod tests;
