//! Parsing of the draft that a client sends. Only the title is required.

use serde_json::{Map, Value};

use super::ingredient::Ingredient;
use super::recipe::{
    Draft, DraftError, MAX_DESCRIPTION_CHARS, MAX_INGREDIENT_CHARS, MAX_INGREDIENTS, MAX_MINUTES,
    MAX_STEP_CHARS, MAX_STEPS, MAX_TAG_CHARS, MAX_TAGS, MAX_TITLE_CHARS, MAX_YIELD_CHARS,
};

impl Draft {
    /// Parses a JSON object. Unknown fields are ignored; `null` counts as missing.
    ///
    /// An ingredient is an object or a text. If an object's text has no amount, its `quantity` and
    /// `unit` are put before it. A step is an object or a text; steps are sorted by `order`.
    ///
    /// # Errors
    /// The first invalid field.
    pub fn parse(json: &[u8]) -> Result<Self, DraftError> {
        let value = serde_json::from_slice(json).unwrap_or(Value::Null);
        let Value::Object(fields) = value else {
            return Err(DraftError::new("body", "a JSON object"));
        };
        Self::of(&fields)
    }

    /// [`parse`](Self::parse) for fields that are parsed already.
    pub(super) fn of(fields: &Map<String, Value>) -> Result<Self, DraftError> {
        let title = text(fields, "title", MAX_TITLE_CHARS)?;
        if title.is_empty() {
            return Err(DraftError::new("title", text_of(1, MAX_TITLE_CHARS)));
        }
        Ok(Self {
            title,
            yields: text(fields, "yield", MAX_YIELD_CHARS)?,
            description: text(fields, "description", MAX_DESCRIPTION_CHARS)?,
            prep_time_minutes: minutes(fields, "prep_time_minutes")?,
            cook_time_minutes: minutes(fields, "cook_time_minutes")?,
            total_time_minutes: minutes(fields, "total_time_minutes")?,
            tags: tags(fields)?,
            ingredients: ingredients(fields)?,
            steps: steps(fields)?,
        })
    }
}

fn text_of(least: usize, most: usize) -> String {
    format!("a text of {least} to {most} characters")
}

/// The field's text, trimmed; empty when it is missing.
fn text(
    fields: &Map<String, Value>,
    name: &'static str,
    most: usize,
) -> Result<String, DraftError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) if fits(text, most) => Ok(text.trim().to_owned()),
        Some(_) => Err(DraftError::new(name, text_of(usize::from(name == "title"), most))),
    }
}

fn fits(text: &str, most: usize) -> bool {
    text.len() <= most || text.chars().count() <= most
}

fn minutes(fields: &Map<String, Value>, name: &'static str) -> Result<Option<u32>, DraftError> {
    let fault = || DraftError::new(name, format!("a number of 0 to {MAX_MINUTES}"));
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let number = whole(value).and_then(|number| u32::try_from(number).ok());
            number.filter(|minutes| *minutes <= MAX_MINUTES).map(Some).ok_or_else(fault)
        }
    }
}

/// A whole number that is not negative, in whichever form JSON has it: 2.0 is 2.
fn whole(value: &Value) -> Option<u64> {
    /// Beyond that, not every whole number is a number of JSON as most read it (RFC 8259, section 6).
    const MOST: f64 = 9_007_199_254_740_991.0;
    let number = || value.as_f64().filter(|it| it.fract() == 0.0 && (0.0..=MOST).contains(it));
    value.as_u64().or_else(|| number().map(|number| number as u64))
}

fn list<'a>(
    fields: &'a Map<String, Value>,
    name: &'static str,
    most: usize,
) -> Result<&'a [Value], DraftError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) if items.len() <= most => Ok(items),
        Some(_) => Err(DraftError::new(name, format!("a list of at most {most}"))),
    }
}

fn tags(fields: &Map<String, Value>) -> Result<Vec<String>, DraftError> {
    let tag = |(index, value): (usize, &Value)| {
        item_text(value, MAX_TAG_CHARS)
            .ok_or_else(|| DraftError::new(format!("tags[{index}]"), text_of(1, MAX_TAG_CHARS)))
    };
    list(fields, "tags", MAX_TAGS)?.iter().enumerate().map(tag).collect()
}

fn item_text(value: &Value, most: usize) -> Option<String> {
    let text = value.as_str()?.trim();
    (!text.is_empty() && fits(text, most)).then(|| text.to_owned())
}

fn ingredients(fields: &Map<String, Value>) -> Result<Vec<Ingredient>, DraftError> {
    let items = list(fields, "ingredients", MAX_INGREDIENTS)?;
    items.iter().enumerate().map(|(index, item)| ingredient(index, item)).collect()
}

fn ingredient(index: usize, item: &Value) -> Result<Ingredient, DraftError> {
    let name = |part: &str| format!("ingredients[{index}].{part}");
    let written = item.get("text").unwrap_or(item);
    let text = item_text(written, MAX_INGREDIENT_CHARS)
        .ok_or_else(|| DraftError::new(name("text"), text_of(1, MAX_INGREDIENT_CHARS)))?;
    let quantity = match item.get("quantity") {
        None | Some(Value::Null) => String::new(),
        Some(Value::Number(number)) if number.as_f64().is_some_and(|n| n >= 0.0) => {
            // As JSON has it: 2.0 is 2.
            let text = number.to_string();
            text.strip_suffix(".0").unwrap_or(&text).to_owned()
        }
        Some(Value::String(text)) if fits(text, MAX_TAG_CHARS) => text.trim().to_owned(),
        Some(_) => return Err(DraftError::new(name("quantity"), "a number, a text or null")),
    };
    let unit = match item.get("unit") {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) if fits(text, MAX_TAG_CHARS) => text.trim(),
        Some(_) => return Err(DraftError::new(name("unit"), "a text or null")),
    };
    let read = Ingredient::parse(&text);
    if read.quantity.is_some() || quantity.is_empty() {
        return Ok(read);
    }
    let parts = [&*quantity, unit, &*text];
    let line = parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ");
    if !fits(&line, MAX_INGREDIENT_CHARS) {
        return Err(DraftError::new(name("text"), text_of(1, MAX_INGREDIENT_CHARS)));
    }
    Ok(Ingredient::parse(&line))
}

fn steps(fields: &Map<String, Value>) -> Result<Vec<String>, DraftError> {
    let mut steps = Vec::new();
    for (index, item) in list(fields, "steps", MAX_STEPS)?.iter().enumerate() {
        let name = |part: &str| format!("steps[{index}].{part}");
        let text = item_text(item.get("text").unwrap_or(item), MAX_STEP_CHARS)
            .ok_or_else(|| DraftError::new(name("text"), text_of(1, MAX_STEP_CHARS)))?;
        let order = match item.get("order") {
            None | Some(Value::Null) => index as u64 + 1,
            Some(order) => {
                whole(order).ok_or_else(|| DraftError::new(name("order"), "a whole number"))?
            }
        };
        steps.push((order, text));
    }
    // Stable: who has the same number stays in the order of the list.
    steps.sort_by_key(|(order, _)| *order);
    Ok(steps.into_iter().map(|(_, text)| text).collect())
}

#[cfg(test)]
mod tests;
