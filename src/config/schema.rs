//! The JSON Schema of the configuration file, made from the types: editors complete and check TOML
//! by it, and the tables of `docs/configuration.md` are written from it.
//!
//! A key's text is its field's documentation. That ends with a paragraph `Range: …`, and where its
//! words are bounds or a choice, the schema narrows to them.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::{Config, Length, Network, Size};

/// The whole document, each section in its place and each key with its default.
#[must_use]
pub fn document() -> Value {
    // What editors for TOML read; they follow no references well.
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>();
    schema.insert("title".to_owned(), json!("The configuration of Vestibule"));
    if let Some(object) = schema.as_object_mut() {
        finish(object);
    }
    let mut document = schema.to_value();
    // The file is the program's, so its defaults are those that the program begins with.
    let admin = &Config::program_defaults().admin;
    if let Some(default) = document.pointer_mut("/properties/admin/properties/listen/default") {
        *default = json!(admin.listen);
    }
    document
}

/// A text, or a list of texts.
pub(super) fn one_or_many(_: &mut SchemaGenerator) -> Schema {
    let text = json!({ "type": "string" });
    json_schema!({ "anyOf": [text, { "type": "array", "items": text }] })
}

/// Unwraps the texts, and narrows every key to its range. A section has no default of its own.
fn finish(schema: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        let paragraphs = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
        *text = paragraphs.collect::<Vec<_>>().join("\n\n");
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().filter_map(Value::as_object_mut).for_each(finish);
        schema.remove("default");
    } else {
        narrow(schema);
    }
}

fn narrow(key: &mut Map<String, Value>) {
    let description = key.get("description").and_then(Value::as_str);
    let range = description.and_then(|text| text.rsplit_once("\n\nRange: "));
    let Some((_, range)) = range.map(|(text, range)| (text, range.to_owned())) else { return };
    match key.get("type").and_then(Value::as_str) {
        Some("integer") => {
            let mut words = range.split(' ');
            let mut bound = || words.next().and_then(|word| word.parse::<u64>().ok());
            if let Some(least) = bound() {
                key.insert("minimum".to_owned(), json!(least));
                if words.next() == Some("to")
                    && let Some(most) = words.next().and_then(|word| word.parse::<u64>().ok())
                {
                    key.insert("maximum".to_owned(), json!(most));
                }
            }
        }
        Some("string") => {
            let choices = range.trim_end_matches('.').split(", ");
            let choices = choices.map(|word| word.strip_prefix('`')?.strip_suffix('`'));
            let choices = choices.map(|word| word.filter(|word| !word.contains('`')));
            if let Some(choices) = choices.collect::<Option<Vec<_>>>() {
                key.insert("enum".to_owned(), json!(choices));
            }
        }
        _ => {}
    }
}

impl JsonSchema for Length {
    fn schema_name() -> Cow<'static, str> {
        "Length".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^\\s*[0-9]+\\s*(ms|s|m|h|d)\\s*$" })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let written = "^\\s*[0-9]+\\s*(B|KiB|MiB|GiB)?\\s*$";
        json_schema!({
            "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": written }]
        })
    }
}

impl JsonSchema for Network {
    fn schema_name() -> Cow<'static, str> {
        "Network".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}
