//! Recipes in JSON: JSON-LD with the terms of schema.org (<https://schema.org/Recipe>), as cooking
//! sites have them in their pages, and our own exports.
//!
//! What sites write varies: one text or a list of them, a text or an object with one. All of it is
//! read; what cannot be is left out. The work is linear in the text.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::builder::{DraftBuilder, one_line};
use super::duration::duration;
use super::markup;
use super::outcome::{ReadError, ReadRecipe};
use super::text::meta::{Fact, stated};
use super::text::{numbered, numbered_steps, sentences};
use crate::recipes::recipe::{
    Draft, MAX_INGREDIENT_CHARS, MAX_STEP_CHARS, MAX_TITLE_CHARS, MAX_YIELD_CHARS,
};

/// How deep a recipe may be in lists and graphs, and a step in lists and sections.
pub(super) const DEPTH: usize = 8;

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

/// The first recipe in a document that has ingredients or steps, or else the first one.
fn find(json: &Value) -> Option<&Value> {
    let mut found = Vec::new();
    find_within(json, DEPTH, &mut found);
    let is_filled = |recipe: &&&Value| !is_empty(recipe);
    found.iter().find(is_filled).or(found.first()).copied()
}

fn find_within<'a>(json: &'a Value, depth: usize, found: &mut Vec<&'a Value>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match json {
        Value::Array(items) => items.iter().for_each(|item| find_within(item, depth, found)),
        Value::Object(_) if is_recipe(json) => found.push(json),
        Value::Object(fields) => {
            let inner = ["@graph", "mainEntity", "mainEntityOfPage", "itemListElement", "item"];
            let inner = inner.iter().filter_map(|name| fields.get(*name));
            inner.for_each(|it| find_within(it, depth, found));
        }
        _ => {}
    }
}

/// Whether a recipe has neither ingredients nor steps.
fn is_empty(recipe: &Value) -> bool {
    let is_none = |names: &[&str]| texts(field(recipe, names)).is_empty();
    is_none(INGREDIENTS) && is_none(STEPS)
}

/// The first of these fields that a recipe has.
fn field<'a>(recipe: &'a Value, names: &[&str]) -> Option<&'a Value> {
    let mut values = names.iter().filter_map(|name| recipe.get(*name));
    values.find(|value| !value.is_null())
}

/// The terms of schema.org, and what programs write instead of them.
const INGREDIENTS: &[&str] = &["recipeIngredient", "ingredients", "recipeIngredients"];
const STEPS: &[&str] =
    &["recipeInstructions", "instructions", "directions", "method", "preparation", "steps"];
/// Those that our own exports do not have.
const DIRECTIONS: &[&str] = &["recipeInstructions", "instructions", "directions"];
const TITLES: &[&str] = &["name", "title", "headline"];
const YIELDS: &[&str] = &["recipeYield", "yield", "yields", "servings"];
const PREP_TIMES: &[&str] = &["prepTime", "prep_time", "preptime"];
const COOK_TIMES: &[&str] = &["cookTime", "cook_time", "cooktime", "performTime"];
const TOTAL_TIMES: &[&str] = &["totalTime", "total_time", "totaltime"];

fn is_recipe(object: &Value) -> bool {
    let is = |kind: &Value| {
        let name = kind.as_str().unwrap_or_default();
        name.rsplit(['/', ':']).next() == Some("Recipe")
    };
    match object.get("@type") {
        Some(Value::Array(kinds)) => kinds.iter().any(is),
        Some(kind) => is(kind),
        // Programs write such fields without a type. Our own exports have a title and steps.
        None => {
            let is_named = object.get("name").is_some() || field(object, DIRECTIONS).is_some();
            is_named && [INGREDIENTS, STEPS].iter().all(|names| field(object, names).is_some())
        }
    }
}

/// Reads a recipe. Fields that it does not have are empty.
fn read(recipe: &Value) -> ReadRecipe {
    let mut builder = DraftBuilder::default();
    let title = texts(field(recipe, TITLES)).into_iter().next().unwrap_or_default();
    builder.draft.title = cut(&title, MAX_TITLE_CHARS, "title", &mut builder);
    let yields = cut(&yields(recipe), MAX_YIELD_CHARS, "yield", &mut builder);
    builder.draft.yields = yields;
    texts(recipe.get("description")).into_iter().for_each(|text| builder.note(text));
    for (names, fact) in [
        (PREP_TIMES, Fact::Prep as fn(u32) -> Fact),
        (COOK_TIMES, Fact::Cook),
        (TOTAL_TIMES, Fact::Total),
    ] {
        let Some(text) = texts(field(recipe, names)).into_iter().next() else { continue };
        match minutes(&text, field(recipe, names).is_some_and(Value::is_number)) {
            Some(minutes) => builder.fact(fact(minutes)),
            None => builder.note(format!("{}: {text}", names.first().unwrap_or(&""))),
        }
    }
    tags(recipe, &mut builder);
    let list = field(recipe, INGREDIENTS);
    let is_text = list.is_some_and(Value::is_string);
    for text in texts(list) {
        // One text has a line for each.
        let lines = if is_text { text.lines().collect() } else { vec![&*text] };
        for line in lines {
            let line = cut(line, MAX_INGREDIENT_CHARS, "ingredient", &mut builder);
            builder.ingredient(&line);
        }
    }
    steps(recipe, &mut builder);
    builder.finish()
}

/// The most telling of what it yields: sites give `["4", "4 servings"]`.
fn yields(recipe: &Value) -> String {
    let value = field(recipe, YIELDS);
    let mut yields = texts(value);
    if let Some(unit) = value.and_then(|value| value.get("unitText")).and_then(Value::as_str) {
        yields.iter_mut().for_each(|text| *text = format!("{text} {unit}"));
    }
    yields.sort_by_key(|text| !text.contains(char::is_alphabetic));
    let text = yields.into_iter().next().unwrap_or_default();
    // "Serves: 4 people"
    match stated(&text) {
        Some(Fact::Yield(plain)) => plain,
        _ => text,
    }
}

fn tags(recipe: &Value, builder: &mut DraftBuilder) {
    let mut known = BTreeSet::new();
    for name in ["keywords", "recipeCategory", "recipeCuisine", "tags", "categories"] {
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
    let value = field(recipe, STEPS);
    read_steps(value, DEPTH, "", &mut steps);
    let is_text = value.is_some_and(Value::is_string);
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
                let text = ["text", "name", "instruction"].iter().find_map(|it| fields.get(*it));
                read_steps(text.filter(|text| text.is_string()), depth, section, steps);
            }
        },
        Value::String(text) => {
            let lines = plain_text(text);
            let lines = lines.lines().map(undecorated).filter(|line| !line.is_empty());
            for (index, line) in lines.enumerate() {
                let section = one_line(&plain_text(section));
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
        let text = plain_text(text);
        text.lines().map(undecorated).collect::<Vec<_>>().join("\n").trim().to_owned()
    };
    let text = |item: &Value| match item {
        Value::String(text) => Some(plain(text)),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(fields) => {
            let names = ["text", "display", "originalText"];
            let is_composed = !names.iter().any(|name| fields.contains_key(*name));
            if let Some(line) = composed(fields).filter(|_| is_composed) {
                return Some(line);
            }
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

/// The line of an ingredient that programs write as an object: `{"amount": 2, "unit": {"name": "g"},
/// "food": "salt"}`.
fn composed(fields: &Map<String, Value>) -> Option<String> {
    let text = |names: &[&str]| {
        let value = names.iter().find_map(|name| fields.get(*name))?;
        let value = value.get("name").unwrap_or(value);
        let text = value.as_str().map(plain_text);
        text.or_else(|| value.as_f64().filter(|it| *it != 0.0).map(|number| number.to_string()))
    };
    let amount = text(&["amount", "quantity", "qty"])?;
    let name = text(&["food", "ingredient", "item", "name"])?;
    let unit = text(&["unit", "measure"]).unwrap_or_default();
    let note = text(&["note", "notes", "preparation"]).filter(|note| !note.is_empty());
    let note = note.map_or_else(String::new, |note| format!(", {note}"));
    Some(one_line(&format!("{amount} {unit} {name}{note}")))
}

/// The text of a fragment of HTML. Sites encode it up to twice.
fn plain_text(text: &str) -> String {
    let plain = markup::text_of(text);
    let is_encoded = plain != text && (plain.contains('&') || markup::is_it(&plain));
    if is_encoded { markup::text_of(&plain) } else { plain }
}

/// The minutes of a duration: `PT1H30M`, or what people write.
fn minutes(text: &str, is_number: bool) -> Option<u32> {
    let (minutes, end) = duration(text, is_number || text.bytes().all(|b| b.is_ascii_digit()))?;
    Some(minutes).filter(|_| end == text.len())
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
