//! Front matter: a block of YAML between `---` lines before the text, or of TOML between `+++` lines.

use yaml_rust2::Event;
use yaml_rust2::parser::Parser;

use super::builder::DraftBuilder;
use super::outcome::ReadError;
use super::text::headings::Section;
use super::text::is_heading_of;
use super::text::meta::labelled;

/// The longest front matter, in bytes.
const MAX_BYTES: usize = 16 * 1024;
/// The most events of the parser that are read: keys, values, beginnings and ends of lists.
const MAX_EVENTS: usize = 4_000;

/// Whether a text begins with front matter.
pub(super) fn is_it(text: &str) -> bool {
    split(text).is_some_and(|(block, _)| block.lines().any(is_field))
}

/// Whether a line has a key of YAML or TOML.
fn is_field(line: &str) -> bool {
    let key = line.split_once([':', '=']).map_or("", |(key, _)| key).trim();
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_- \"'.".contains(c))
}

/// The block between the first two rules, and the text after it.
fn split(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("---").or_else(|| text.strip_prefix(TOML))?;
    let rest = rest.trim_start_matches([' ', '\t', '\r']);
    let block = rest.strip_prefix('\n')?;
    let mut at = 0;
    for line in block.split_inclusive('\n') {
        if matches!(line.trim_end(), "---" | "..." | TOML) {
            return Some((block.get(..at)?, block.get(at + line.len()..)?));
        }
        at += line.len();
    }
    None
}

/// Reads the fields of the block. With them comes the text after it, which has a format of its own.
pub(super) fn read(text: &str) -> Result<(DraftBuilder, &str), ReadError> {
    let (block, body) = split(text).unwrap_or(("", text));
    if block.len() > MAX_BYTES {
        return Err(ReadError::Malformed("front matter of more than 16 KiB"));
    }
    let mut builder = DraftBuilder::default();
    let fields = if text.starts_with(TOML) {
        toml_fields(block)
    } else {
        fields(block).ok_or(ReadError::Malformed("the front matter (YAML)"))?
    };
    for (key, values) in fields {
        take(&key, &values, &mut builder);
    }
    Ok((builder, body.trim()))
}

fn take(key: &str, values: &[String], builder: &mut DraftBuilder) {
    let label = key.replace(['_', '-'], " ");
    let label = match label.to_lowercase().as_str() {
        "preptime" => "prep time".to_owned(),
        "cooktime" => "cook time".to_owned(),
        "totaltime" => "total time".to_owned(),
        "recipeyield" => "yield".to_owned(),
        _ => label,
    };
    match is_heading_of(&label) {
        Some(Section::Ingredients) if !values.is_empty() => {
            return values.iter().for_each(|line| builder.ingredient(line));
        }
        Some(Section::Steps) if !values.is_empty() => {
            return values.iter().for_each(|line| builder.step(line));
        }
        _ => {}
    }
    let value = values.join(", ");
    match labelled(&label, &value) {
        Some(fact) => builder.fact(fact),
        None if value.is_empty() => {}
        None => builder.note(format!("{key}: {value}")),
    }
}

/// The keys of a mapping with their texts, also of mappings in it: `time: {prep: 10 min}` has the key
/// `prep time`. `None` when it is no YAML. References to other values are not followed.
fn fields(block: &str) -> Option<Vec<(String, Vec<String>)>> {
    let mut parser = Parser::new_from_str(block);
    let mut fields: Vec<(String, Vec<String>)> = Vec::new();
    // The open collections: whether it is a mapping, and the key to which the next value belongs.
    let mut open: Vec<(bool, Option<String>)> = Vec::new();
    // How many fields there were before each open mapping.
    let mut begun = Vec::new();
    for _ in 0..MAX_EVENTS {
        match parser.next_token().ok()?.0 {
            Event::StreamEnd => return Some(fields),
            Event::MappingStart(..) => {
                open.push((true, None));
                begun.push(fields.len());
            }
            Event::SequenceStart(..) => open.push((false, None)),
            Event::MappingEnd => {
                open.pop();
                let begin = begun.pop().unwrap_or_default();
                if open.last().is_some_and(|(is_mapping, _)| !is_mapping) {
                    let keys = open.iter().rev().filter_map(|(_, key)| key.as_deref());
                    let key = keys.take(3).collect::<Vec<_>>().join(" ");
                    let line = listed(&fields.split_off(begin.min(fields.len())));
                    push(&mut fields, key, line);
                }
                close(&mut open);
            }
            Event::SequenceEnd => {
                open.pop();
                close(&mut open);
            }
            Event::Alias(_) => close(&mut open),
            Event::Scalar(text, ..) => match open.last_mut() {
                Some((true, key @ None)) => *key = Some(text),
                _ => {
                    let keys = open.iter().rev().filter_map(|(_, key)| key.as_deref());
                    let key = keys.take(3).collect::<Vec<_>>().join(" ");
                    push(&mut fields, key, text);
                    close(&mut open);
                }
            },
            _ => {}
        }
    }
    None
}

fn push(fields: &mut Vec<(String, Vec<String>)>, key: String, text: String) {
    match fields.last_mut().filter(|(last, _)| *last == key) {
        Some((_, values)) => values.push(text),
        None => fields.push((key, vec![text])),
    }
}

/// The line that a mapping in a list stands for: `{name: stock, quantity: 1, unit: l}` is "1 l stock".
fn listed(fields: &[(String, Vec<String>)]) -> String {
    let place = |key: &str| {
        let name = key.split(' ').next().unwrap_or_default().to_lowercase();
        LINE.iter().position(|names| names.contains(&&*name)).unwrap_or(LINE.len())
    };
    let mut sorted: Vec<_> = fields.iter().map(|(key, values)| (place(key), values)).collect();
    sorted.sort_by_key(|(place, _)| *place);
    let mut line = String::new();
    for (place, values) in sorted {
        let joint = if place < LINE.len() { " " } else { ", " };
        line.push_str(if line.is_empty() { "" } else { joint });
        line.push_str(&values.join(", "));
    }
    line
}

/// The fields of TOML, as far as they are texts, numbers and lists of these, each on a line.
fn toml_fields(block: &str) -> Vec<(String, Vec<String>)> {
    let plain = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
    let field = |line: &str| {
        let (key, value) = line.split_once('=')?;
        let inner = value.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let values = match inner {
            Some(list) => list.split(',').map(plain).filter(|text| !text.is_empty()).collect(),
            None => vec![plain(value)],
        };
        Some((key.trim().to_owned(), values))
    };
    block.lines().filter(|line| !line.trim_start().starts_with('#')).filter_map(field).collect()
}

/// The rule around a block of TOML.
const TOML: &str = "+++";
/// The keys of an ingredient, in the order in which a line has them.
const LINE: [&[&str]; 3] =
    [&["amount", "quantity", "qty"], &["unit"], &["name", "item", "ingredient", "food", "text"]];

/// Ends the value of the key of a mapping.
fn close(open: &mut [(bool, Option<String>)]) {
    if let Some((true, key)) = open.last_mut() {
        *key = None;
    }
}
