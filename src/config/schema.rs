//! The JSON Schema of the configuration file, made from the [keys](super::Key). Editors complete
//! and check TOML by it.

use serde_json::{Map, Value, json};

use super::key::{SectionKeys, paragraph};
use super::{Config, Key, Range};

/// The whole document, each section in its place and each key with its default.
#[must_use]
pub fn document() -> Value {
    // The file is the program's, so its defaults are those that the program begins with.
    let defaults = serde_json::to_value(Config::program_defaults()).unwrap_or_default();
    let [top, sections @ ..] = &Config::SECTIONS;
    let mut properties = properties(top, &defaults);
    for section in sections {
        let keys = self::properties(section, defaults.get(section.name).unwrap_or(&Value::Null));
        properties.insert(section.name.to_owned(), object(section, keys));
    }
    let mut document = object(top, properties);
    add(&mut document, "$schema", json!("http://json-schema.org/draft-07/schema#"));
    add(&mut document, "title", json!("The configuration of Vestibule"));
    document
}

fn object(section: &SectionKeys, properties: Map<String, Value>) -> Value {
    json!({
        "type": "object",
        "description": paragraph(section.text),
        "properties": properties,
        "additionalProperties": false,
    })
}

fn properties(section: &SectionKeys, defaults: &Value) -> Map<String, Value> {
    let named = |key: &Key| (key.name().to_owned(), property(key, defaults.get(key.name())));
    section.keys.iter().map(named).collect()
}

/// The schema of the key's type, narrowed to its range where that is bounds or a choice.
fn property(key: &Key, default: Option<&Value>) -> Value {
    let mut property = (key.schema)();
    let kind = property.get("type").and_then(Value::as_str);
    let (is_number, is_text) = (kind == Some("integer"), kind == Some("string"));
    match Range::parse(key.range) {
        Range::Bounds { or_zero, least, most } if is_number => {
            let least = if or_zero { "0" } else { least };
            add(&mut property, "minimum", json!(least.parse::<u64>().ok()));
            add(&mut property, "maximum", json!(most.parse::<u64>().ok()));
        }
        Range::Choice(choices) if is_text => add(&mut property, "enum", json!(choices)),
        _ => {}
    }
    let text = format!("{}\n\nRange: {}.", key.text(), key.range);
    add(&mut property, "description", json!(text));
    add(&mut property, "default", json!(default));
    property
}

fn add(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}
