//! `docs/openapi.json`, which the server shows, is `docs/openapi.yaml` as JSON.

use serde_json::{Map, Value};
use yaml_rust2::{Yaml, YamlLoader};

use crate::assert_written;

const OPENAPI: &str = include_str!("../../docs/openapi.yaml");

fn json(yaml: &Yaml) -> Value {
    assert!(!matches!(yaml, Yaml::Alias(_) | Yaml::BadValue), "{yaml:?}");
    match yaml {
        Yaml::String(text) => text.as_str().into(),
        Yaml::Integer(number) => (*number).into(),
        Yaml::Real(text) => text.parse::<f64>().unwrap().into(),
        Yaml::Boolean(flag) => (*flag).into(),
        Yaml::Array(items) => items.iter().map(json).collect(),
        Yaml::Hash(fields) => {
            let fields = fields.iter();
            let fields =
                fields.map(|(name, value)| (name.as_str().unwrap().to_owned(), json(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        _ => Value::Null,
    }
}

/// What a reference in the document refers to.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn served_description_is_the_document() {
    let documents = YamlLoader::load_from_str(OPENAPI).unwrap();
    let document = json(&documents[0]);
    assert_eq!(document["openapi"], "3.1.0");
    assert_written("docs/openapi.json", &format!("{document}\n"));
}

#[test]
fn every_reference_of_the_description_is_there() {
    let documents = YamlLoader::load_from_str(OPENAPI).unwrap();
    let document = json(&documents[0]);
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100);
    for reference in found {
        let path = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(path).is_some(), "{reference}");
    }
}
