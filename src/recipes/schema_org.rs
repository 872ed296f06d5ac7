//! Recipes in JSON-LD with the terms of schema.org (<https://schema.org/Recipe>), as cooking sites have
//! them in their pages.
//!
//! What sites write varies: one text or a list of them, a text or an object with one. All of it is
//! read; what cannot be is left out. The work is linear in the text.

use serde_json::{Map, Value, json};

use super::ingredient::Ingredient;
use super::recipe::{
    Draft, MAX_INGREDIENT_CHARS, MAX_MINUTES, MAX_STEP_CHARS, MAX_TAG_CHARS, MAX_TAGS,
    MAX_TITLE_CHARS, MAX_YIELD_CHARS, Recipe,
};

pub(super) const CONTEXT: &str = "https://schema.org";

/// How deep a recipe may be in lists and graphs, and a step in lists and sections.
const DEPTH: usize = 8;

/// The first recipe in a document.
pub(super) fn find(json: &Value) -> Option<&Value> {
    find_within(json, DEPTH)
}

fn find_within(json: &Value, depth: usize) -> Option<&Value> {
    let depth = depth.checked_sub(1)?;
    match json {
        Value::Array(items) => items.iter().find_map(|item| find_within(item, depth)),
        Value::Object(_) if is_recipe(json) => Some(json),
        Value::Object(fields) => {
            let inner = ["@graph", "mainEntity", "mainEntityOfPage"];
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
        None => false,
    }
}

/// Reads a recipe. Fields that it does not have are empty.
pub(super) fn read(recipe: &Value) -> Draft {
    let first = |name: &str, most: usize| {
        let texts = texts(recipe.get(name));
        texts.into_iter().next().map_or_else(String::new, |text| cut(&text, most))
    };
    let lines = recipe.get("recipeIngredient").or_else(|| recipe.get("ingredients"));
    let ingredients = texts(lines)
        .iter()
        .map(|line| Ingredient::parse(&cut(line, MAX_INGREDIENT_CHARS)))
        .collect();
    let mut steps = Vec::new();
    read_steps(recipe.get("recipeInstructions"), DEPTH, &mut steps);
    Draft {
        title: first("name", MAX_TITLE_CHARS),
        yields: cut(&yields(recipe), MAX_YIELD_CHARS),
        description: texts(recipe.get("description")).join("\n"),
        prep_time_minutes: minutes(recipe, "prepTime"),
        cook_time_minutes: minutes(recipe, "cookTime"),
        tags: tags(recipe),
        ingredients,
        steps,
    }
}

/// The most telling of what it yields: sites give `["4", "4 servings"]`.
fn yields(recipe: &Value) -> String {
    let mut yields = texts(recipe.get("recipeYield").or_else(|| recipe.get("yield")));
    yields.sort_by_key(|text| !text.contains(char::is_alphabetic));
    yields.into_iter().next().unwrap_or_default()
}

fn tags(recipe: &Value) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for name in ["keywords", "recipeCategory", "recipeCuisine"] {
        for text in texts(recipe.get(name)) {
            for tag in text.split(',').map(|tag| cut(tag, MAX_TAG_CHARS)) {
                let is_new = tags.iter().all(|other| other.to_lowercase() != tag.to_lowercase());
                if is_new && !tag.is_empty() && tags.len() < MAX_TAGS {
                    tags.push(tag);
                }
            }
        }
    }
    tags
}

/// Texts, steps with a text or a name, and sections of them.
fn read_steps(value: Option<&Value>, depth: usize, steps: &mut Vec<String>) {
    let (Some(value), Some(depth)) = (value, depth.checked_sub(1)) else { return };
    match value {
        Value::Array(items) => {
            items.iter().for_each(|item| read_steps(Some(item), depth, steps));
        }
        Value::Object(fields) => match fields.get("itemListElement") {
            Some(inner) => read_steps(Some(inner), depth, steps),
            None => {
                let text = fields.get("text").or_else(|| fields.get("name"));
                read_steps(text.filter(|text| text.is_string()), depth, steps);
            }
        },
        Value::String(text) => {
            let lines = plain(text);
            let lines = lines.lines().map(|line| cut(line, MAX_STEP_CHARS));
            steps.extend(lines.filter(|line| !line.is_empty()));
        }
        _ => {}
    }
}

/// The texts of a text, a number, an object with a name or a value, or a list of these.
fn texts(value: Option<&Value>) -> Vec<String> {
    let items = match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    let text = |item: &Value| match item {
        Value::String(text) => Some(plain(text)),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(fields) => {
            let inner = ["text", "name", "value"].iter().find_map(|name| fields.get(*name));
            inner.and_then(Value::as_str).map(plain)
        }
        _ => None,
    };
    let texts = items.iter().filter_map(text).map(|text| text.trim().to_owned());
    texts.filter(|text| !text.is_empty()).collect()
}

/// The minutes of a duration, `PT1H30M` (ISO 8601), without months and years.
fn minutes(recipe: &Value, name: &str) -> Option<u32> {
    let text = recipe.get(name)?.as_str()?.trim().strip_prefix('P')?;
    let (mut total, mut number, mut is_time) = (None, String::new(), false);
    for c in text.chars() {
        let unit = match c {
            '0'..='9' | '.' => {
                number.push(c);
                continue;
            }
            'T' => {
                is_time = true;
                continue;
            }
            'W' if !is_time => 7.0 * 24.0 * 60.0,
            'D' if !is_time => 24.0 * 60.0,
            'H' if is_time => 60.0,
            'M' if is_time => 1.0,
            'S' if is_time => 1.0 / 60.0,
            _ => return None,
        };
        total = Some(total.unwrap_or(0.0) + number.parse::<f64>().ok()? * unit);
        number.clear();
    }
    let most = f64::from(MAX_MINUTES);
    total.filter(|total| number.is_empty() && *total <= most).map(|total| total.round() as u32)
}

/// The text without the tags and the usual references of HTML, which some sites leave in.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        plain.push_str(before);
        let is_tag = tag.chars().nth(1).is_some_and(|c| c.is_ascii_alphabetic() || c == '/');
        match tag.find('>').filter(|_| is_tag) {
            Some(end) => {
                let name = tag.get(1..end).unwrap_or_default();
                let is_break = ["br", "/p", "/li", "/div"].iter().any(|it| name.starts_with(it));
                plain.push(if is_break { '\n' } else { ' ' });
                rest = tag.get(end + 1..).unwrap_or_default();
            }
            None => {
                plain.push('<');
                rest = tag.get(1..).unwrap_or_default();
            }
        }
    }
    plain.push_str(rest);
    for (reference, text) in REFERENCES {
        if plain.contains('&') {
            plain = plain.replace(reference, text);
        }
    }
    plain
}

/// The last one is that of the others' first letter.
const REFERENCES: &[(&str, &str)] = &[
    ("&nbsp;", " "),
    ("&#160;", " "),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&#34;", "\""),
    ("&apos;", "'"),
    ("&#39;", "'"),
    ("&#039;", "'"),
    ("&#8217;", "\u{2019}"),
    ("&frac12;", "½"),
    ("&frac14;", "¼"),
    ("&frac34;", "¾"),
    ("&deg;", "°"),
    ("&amp;", "&"),
];

/// The text on one line, as far as `most` characters.
fn cut(text: &str, most: usize) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(most).collect::<String>().trim_end().to_owned()
}

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
        ("keywords", Some(json!(recipe.tags)).filter(|_| !recipe.tags.is_empty())),
        ("recipeIngredient", Some(json!(lines.collect::<Vec<_>>()))),
        ("recipeInstructions", Some(json!(steps.collect::<Vec<_>>()))),
        ("dateCreated", text(&recipe.created_at)),
        ("dateModified", text(&recipe.updated_at)),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    fields.collect()
}

#[cfg(test)]
mod tests;
