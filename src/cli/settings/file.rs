//! The configuration file, in TOML, with the line of everything that is wrong.

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::layers::{Layers, SettingOrigin};
use crate::cli::small_file::bytes_of;

/// Sets what the file at `path` holds.
pub(super) fn read(path: &Path, layers: &mut Layers) {
    let text = bytes_of(path).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|_| io::Error::from(ErrorKind::InvalidData))
    });
    match text {
        Ok(text) => parse(&path.display().to_string(), &text, layers),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            let path = path.display();
            layers.faults.push(format!("the configuration file {path} is not UTF-8 text"));
        }
        Err(error) => layers
            .faults
            .push(format!("cannot read the configuration file {}: {error}", path.display())),
    }
}

/// Sets what `text` holds. `name` is how faults call it.
pub(super) fn parse(name: &str, text: &str, layers: &mut Layers) {
    let at = |span: Range<usize>| format!("{name}:{}", line_of(text, span.start));
    let (spans, mut errors) = DeTable::parse_recoverable(text);
    errors.sort_by_key(|error| error.span().map(|span| span.start));
    // What is behind a syntax error would only be a guess: no more faults are drawn from it.
    for error in &errors {
        let place = error.span().map_or_else(|| name.to_owned(), at);
        // Its message alone: the error as a whole would quote the line, and a secret with it.
        layers.faults.push(format!("{place}: {}", first_line(error.message())));
    }
    if !errors.is_empty() {
        return;
    }
    let values = match text.parse::<Table>() {
        Ok(values) => values,
        Err(error) => {
            let place = error.span().map_or_else(|| name.to_owned(), at);
            layers.faults.push(format!("{place}: {}", first_line(error.message())));
            return;
        }
    };
    let mut found = Vec::new();
    walk("", spans.get_ref(), values, layers, &mut found);
    found.sort_by_key(|found| found.start);
    for found in found {
        found.apply(at(found.start..found.start), layers);
    }
}

/// What stands at one key.
struct Found {
    path: String,
    start: usize,
    what: What,
}

enum What {
    Set(Value),
    NoTable,
    Unknown,
}

impl Found {
    fn apply(&self, place: String, layers: &mut Layers) {
        let path = &self.path;
        let problem = match &self.what {
            What::Set(value) => return layers.set(path, value.clone(), SettingOrigin::File(place)),
            What::NoTable => format!("`{path}` is a section: write [{path}] and its keys below it"),
            What::Unknown => format!("unknown key `{path}`{}", layers.hint(path)),
        };
        layers.faults.push(format!("{place}: {problem}"));
    }
}

fn walk(
    prefix: &str,
    spans: &DeTable<'_>,
    mut values: Table,
    layers: &Layers,
    found: &mut Vec<Found>,
) {
    for (key, span_value) in spans {
        let Some(value) = values.remove(key.get_ref().as_ref()) else { continue };
        let path = format!("{prefix}{}", key.get_ref());
        let start = key.span().start;
        let what = match (value, span_value.get_ref()) {
            (Value::Table(inner), DeValue::Table(spans)) if layers.has_section(&path) => {
                walk(&format!("{path}."), spans, inner, layers, found);
                continue;
            }
            (value, _) if layers.known.contains_key(&path) => What::Set(value),
            _ if layers.has_section(&path) => What::NoTable,
            _ => What::Unknown,
        };
        found.push(Found { path, start, what });
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
