//! Front matter: a block of YAML between `---` lines before the text.

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

/// Whether a line has a key of YAML.
fn is_field(line: &str) -> bool {
    let key = line.split_once(':').map_or("", |(key, _)| key).trim();
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_- \"'.".contains(c))
}

/// The block of YAML, and the text after it.
fn split(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("---")?.trim_start_matches([' ', '\t', '\r']);
    let block = rest.strip_prefix('\n')?;
    let mut at = 0;
    for line in block.split_inclusive('\n') {
        if matches!(line.trim_end(), "---" | "...") {
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
    let fields = fields(block).ok_or(ReadError::Malformed("the front matter (YAML)"))?;
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
    for _ in 0..MAX_EVENTS {
        match parser.next_token().ok()?.0 {
            Event::StreamEnd => return Some(fields),
            Event::MappingStart(..) => open.push((true, None)),
            Event::SequenceStart(..) => open.push((false, None)),
            Event::MappingEnd | Event::SequenceEnd => {
                open.pop();
                close(&mut open);
            }
            Event::Alias(_) => close(&mut open),
            Event::Scalar(text, ..) => match open.last_mut() {
                Some((true, key @ None)) => *key = Some(text),
                _ => {
                    let keys = open.iter().rev().filter_map(|(_, key)| key.as_deref());
                    let key = keys.take(3).collect::<Vec<_>>().join(" ");
                    match fields.last_mut().filter(|(last, _)| *last == key) {
                        Some((_, values)) => values.push(text),
                        None => fields.push((key, vec![text])),
                    }
                    close(&mut open);
                }
            },
            _ => {}
        }
    }
    None
}

/// Ends the value of the key of a mapping.
fn close(open: &mut [(bool, Option<String>)]) {
    if let Some((true, key)) = open.last_mut() {
        *key = None;
    }
}
