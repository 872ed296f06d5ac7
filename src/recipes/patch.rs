//! A change of a recipe as a client sends it: a JSON merge patch (RFC 7396).

use serde_json::{Map, Value};

use super::recipe::{Draft, DraftError, Recipe};

/// The fields that a client may change.
const FIELDS: [&str; 9] = [
    "title",
    "yield",
    "description",
    "prep_time_minutes",
    "cook_time_minutes",
    "total_time_minutes",
    "tags",
    "ingredients",
    "steps",
];
/// The fields that the server sets. A recipe may be sent back with them; they are not changed.
const KEPT: [&str; 5] = ["id", "created_at", "updated_at", "role", "owner"];

/// The fields that change. Whatever is not named stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecipePatch {
    fields: Vec<&'static str>,
    draft: Draft,
}

impl RecipePatch {
    /// Parses a JSON object. `null` empties a field.
    ///
    /// # Errors
    /// The first invalid field; also one that no recipe has, as its change would be lost.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, DraftError> {
        let value = serde_json::from_slice(json).unwrap_or(Value::Null);
        let Value::Object(mut fields) = value else {
            return Err(DraftError::new("body", "a JSON object"));
        };
        if let Some(unknown) = fields.keys().find(|name| !is_known(name)) {
            let name: String = unknown.chars().take(100).collect();
            return Err(DraftError::new(name, "a field of a recipe"));
        }
        let named = FIELDS.into_iter().filter(|name| fields.contains_key(*name)).collect();
        let draft = Draft::of(with_title(&mut fields))?;
        Ok(Self { fields: named, draft })
    }

    /// The recipe's content with the changes.
    pub(crate) fn apply(self, recipe: &Recipe) -> Draft {
        let Self { fields, draft } = self;
        let is_kept = |name: &str| !fields.contains(&name);
        let mut changed = draft;
        if is_kept("title") {
            changed.title.clone_from(&recipe.title);
        }
        if is_kept("yield") {
            changed.yields.clone_from(&recipe.yields);
        }
        if is_kept("description") {
            changed.description.clone_from(&recipe.description);
        }
        if is_kept("prep_time_minutes") {
            changed.prep_time_minutes = recipe.prep_time_minutes;
        }
        if is_kept("cook_time_minutes") {
            changed.cook_time_minutes = recipe.cook_time_minutes;
        }
        if is_kept("total_time_minutes") {
            changed.total_time_minutes = recipe.total_time_minutes;
        }
        if is_kept("tags") {
            changed.tags.clone_from(&recipe.tags);
        }
        if is_kept("ingredients") {
            changed.ingredients.clone_from(&recipe.ingredients);
        }
        if is_kept("steps") {
            changed.steps = recipe.steps.iter().map(|step| step.text.clone()).collect();
        }
        changed
    }
}

fn is_known(name: &str) -> bool {
    FIELDS.contains(&name) || KEPT.contains(&name)
}

/// A draft needs a title, which a change may not have.
fn with_title(fields: &mut Map<String, Value>) -> &Map<String, Value> {
    fields.entry("title").or_insert_with(|| "-".into());
    fields
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::time::UnixTime;

    fn recipe() -> Recipe {
        let json = json!({
            "title": "Soup", "yield": "4", "description": "Hot.", "prep_time_minutes": 5,
            "cook_time_minutes": 9, "tags": ["hot"], "ingredients": ["2 eggs", "salt"],
            "steps": ["Boil.", "Eat."],
        });
        let draft = Draft::parse(json.to_string().as_bytes()).unwrap();
        Recipe::new("a", draft, UnixTime::default()).unwrap()
    }

    fn patched(patch: Value) -> Result<Recipe, DraftError> {
        let patch = RecipePatch::parse(patch.to_string().as_bytes())?;
        recipe().replaced_by(patch.apply(&recipe()), UnixTime::default())
    }

    #[test]
    fn only_named_fields_change() {
        assert_eq!(patched(json!({})).unwrap(), recipe());
        let all = serde_json::to_value(recipe()).unwrap();
        assert_eq!(patched(all.clone()).unwrap(), recipe());
        for (name, value) in [
            ("title", json!("Stew")),
            ("yield", json!("6")),
            ("description", json!("")),
            ("prep_time_minutes", json!(7)),
            ("cook_time_minutes", Value::Null),
            ("tags", json!([])),
            (
                "ingredients",
                json!([{ "text": "3 eggs", "quantity": 3, "unit": null, "name": "eggs" }]),
            ),
            ("steps", json!([{ "order": 1, "text": "Fry." }])),
        ] {
            let mut expected = all.clone();
            expected[name] = value.clone();
            let changed = patched(json!({ name: value })).unwrap();
            assert_eq!(serde_json::to_value(changed).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn patch_that_would_be_lost_is_refused() {
        for (patch, field) in [
            (json!({ "titel": "Stew" }), "titel"),
            (json!({ "title": null }), "title"),
            (json!({ "title": " " }), "title"),
            (json!({ "tags": 7 }), "tags"),
            (json!([]), "body"),
        ] {
            assert_eq!(patched(patch).unwrap_err().field, field);
        }
    }
}
