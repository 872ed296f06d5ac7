//! `docs/messages.schema.json` is what the types say, the parser agrees with it, and
//! `docs/asyncapi.yaml` names all of it. So is what is written from the configuration's types.
//!
//! `VESTIBULE_WRITE_SCHEMA=1` writes them anew. That the schema takes the golden messages, and of
//! `tests/fixtures/message_variants.json` just those that are right, is tested in `client/test`,
//! where there is a validator anyway.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers fail the test")]

mod configuration;
mod openapi;

use std::path::Path;

use serde_json::Value;
use vestibule::protocol::{ClientMessage, CloseReason, ErrorCode, Reconnect, parse, schema};

const ASYNCAPI: &str = include_str!("../../docs/asyncapi.yaml");
const VARIANTS: &str = include_str!("../fixtures/message_variants.json");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Fails unless the file at `path` is `said`; writes it where that is asked for.
#[track_caller]
fn assert_written(path: &str, said: &str) {
    let file = root().join(path);
    if std::env::var("VESTIBULE_WRITE_SCHEMA").is_ok_and(|value| value == "1") {
        std::fs::write(&file, said).unwrap();
    }
    let written = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        written == said,
        "{path} is not what the types say: write it anew with \
         `VESTIBULE_WRITE_SCHEMA=1 cargo test --features schema --test schema`, and where it is \
         about messages, client/src/messages.ts with `npm run types`"
    );
}

fn golden(name: &str) -> Value {
    let path = root().join("tests/fixtures/messages").join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The names of the messages of both directions.
fn messages() -> Vec<String> {
    let document = schema::document();
    let directions = ["ClientMessage", "ServerMessage"].map(|name| &document["$defs"][name]);
    let references = directions.iter().flat_map(|direction| direction["oneOf"].as_array().unwrap());
    let names = references.map(|reference| reference["$ref"].as_str().unwrap());
    names.map(|name| name.rsplit('/').next().unwrap().to_owned()).collect()
}

#[test]
fn the_schema_in_the_documents_is_what_the_types_say() {
    let mut said = serde_json::to_string_pretty(&schema::document()).unwrap();
    said.push('\n');
    assert_written("docs/messages.schema.json", &said);
}

#[test]
fn every_message_and_every_part_of_one_is_described() {
    let document = schema::document();
    let definitions = document["$defs"].as_object().unwrap();
    for (name, definition) in definitions {
        assert!(definition["description"].is_string(), "{name}");
        for (field, property) in definition["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{name}.{field}");
        }
    }
    assert_eq!(messages().len(), 10);
    for code in ErrorCode::ALL {
        let codes = definitions["ErrorCode"].to_string();
        assert!(codes.contains(&format!("\"{}\"", code.as_str())), "{code:?}");
    }
}

/// Puts, replaces or takes away the field that a JSON pointer names.
fn change(message: &mut Value, variant: &Value) {
    let (parent, key) = variant["at"].as_str().unwrap().rsplit_once('/').unwrap();
    let parent = message.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if let Some(repeat) = variant.get("repeat") {
        let (text, times) = (repeat[0].as_str().unwrap(), repeat[1].as_u64().unwrap());
        parent.insert(key.to_owned(), text.repeat(usize::try_from(times).unwrap()).into());
    } else if let Some(value) = variant.get("value") {
        parent.insert(key.to_owned(), value.clone());
    } else {
        parent.remove(key).unwrap();
    }
}

#[test]
fn the_parser_takes_and_refuses_what_the_schema_does() {
    let variants: Vec<Value> = serde_json::from_str(VARIANTS).unwrap();
    let (mut taken, mut refused) = (0, 0);
    for variant in &variants {
        let name = variant["of"].as_str().unwrap();
        let mut message = golden(name);
        change(&mut message, variant);
        if name.starts_with("client_") {
            let text = message.to_string();
            let is_taken = match parse(&text) {
                Ok(ClientMessage::Auth { token, .. }) => token.is_some(),
                Ok(ClientMessage::Chat { .. } | ClientMessage::Ping { .. }) => true,
                Ok(ClientMessage::Unknown) | Err(_) => false,
            };
            assert_eq!(is_taken, variant["ok"], "{variant}");
            *if is_taken { &mut taken } else { &mut refused } += 1;
        }
    }
    assert!(taken >= 5 && refused >= 15, "{taken} were taken, {refused} refused");
}

#[test]
fn the_asyncapi_document_names_every_message() {
    for name in messages() {
        let reference = format!("$ref: './messages.schema.json#/$defs/{name}'");
        assert!(ASYNCAPI.contains(&reference), "there is no {reference}");
    }
}

/// The advice of the close table, in words.
fn advice(reconnect: Reconnect) -> &'static str {
    match reconnect {
        Reconnect::No => "no",
        Reconnect::Yes => "yes",
        Reconnect::WithBackOff => "yes, with back-off",
        Reconnect::AfterRefresh => "yes, after a refresh",
        Reconnect::OnceAfterRefresh => "once, after a refresh",
        Reconnect::AfterAMinute => "yes, after a minute",
    }
}

#[test]
fn asyncapi_lists_every_close_reason_with_its_code() {
    let rows = ASYNCAPI.lines().map(str::trim).filter(|line| line.starts_with("| 1"));
    let written: Vec<&str> = rows.collect();
    assert_eq!(written.len(), CloseReason::ALL.len());
    for (&reason, row) in CloseReason::ALL.iter().zip(written) {
        let text = match reason.text() {
            "" => "empty".to_owned(),
            text => format!("`{text}`"),
        };
        let begin = format!("| {} | {text} | {} |", reason.code(), advice(reason.reconnect()));
        assert!(row.starts_with(&begin), "{row}\nshould begin with\n{begin}");
    }
}
