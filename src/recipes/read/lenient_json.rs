//! JSON as sites write it: with commas before a closing bracket, line breaks in texts, comments around
//! it, and escapes that JSON does not have.

use serde_json::Value;

/// Parses a JSON text, and one with such faults. The work is linear in the text.
pub(super) fn parse(text: &str) -> Option<Value> {
    let text = text.trim();
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&repaired(text)).ok())
}

fn repaired(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let behind = rest.get(next.len_utf8()..).unwrap_or_default();
        if let Some(after) = comment(rest) {
            rest = after;
            continue;
        }
        rest = match next {
            '"' => string(behind, &mut written),
            ']' | '}' => {
                let end = written.trim_end().len();
                if written.get(..end).is_some_and(|head| head.ends_with(',')) {
                    written.truncate(end - 1);
                }
                written.push(next);
                behind
            }
            ';' => behind,
            _ => {
                written.push(next);
                behind
            }
        };
    }
    written
}

/// The text behind a comment, or a mark of one, that a text outside of strings begins with.
fn comment(text: &str) -> Option<&str> {
    if let Some(mark) = MARKS.iter().find(|mark| text.starts_with(**mark)) {
        return text.get(mark.len()..);
    }
    if let Some(inner) = text.strip_prefix("/*") {
        return Some(inner.split_once("*/").map_or("", |(_, behind)| behind));
    }
    let inner = text.strip_prefix("//")?;
    // "//<![CDATA[" may be followed by the JSON on the same line.
    if inner.trim_start_matches(' ').starts_with(['<', ']']) {
        return Some(inner);
    }
    Some(inner.find('\n').and_then(|end| inner.get(end..)).unwrap_or_default())
}

/// Writes a string whose first quotation mark has been read. Returns the text behind it.
fn string<'a>(text: &'a str, written: &mut String) -> &'a str {
    written.push('"');
    let mut letters = text.char_indices();
    while let Some((at, c)) = letters.next() {
        match c {
            '"' => {
                written.push('"');
                return text.get(at + 1..).unwrap_or_default();
            }
            '\\' => match letters.next() {
                Some((_, escaped)) if ESCAPES.contains(escaped) => written.extend(['\\', escaped]),
                Some((_, other)) => written.push(other),
                None => {}
            },
            // A line break that ends a sentence parts steps; another one wraps a line.
            '\n' if written.ends_with(['.', '!', '?', ':', ';', '>']) => written.push_str("\\n"),
            _ if c.is_control() => written.push(' '),
            _ => written.push(c),
        }
    }
    ""
}

/// The characters that JSON has behind a backslash.
const ESCAPES: &str = "\"\\/bfnrtu";
/// What surrounds JSON in pages.
const MARKS: [&str; 4] = ["<![CDATA[", "]]>", "<!--", "-->"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_sites_are_mended() {
        for (text, wanted) in [
            (r#"{"a": [1, 2,], }"#, r#"{"a":[1,2]}"#),
            ("{\"a\": \"Fry.\nAdd\tit\nnow.\"};", r#"{"a":"Fry.\nAdd it now."}"#),
            (r#"{"a": "Mom\'s, ]"}"#, r#"{"a":"Mom's, ]"}"#),
            ("/* <![CDATA[ */ {\"a\": \"/* b */\"} /* ]]> */", r#"{"a":"/* b */"}"#),
            ("<!-- {\"a\": \"http://b\"} -->", r#"{"a":"http://b"}"#),
            ("//<![CDATA[\n{\"a\": 1}\n//]]>", r#"{"a":1}"#),
            ("// the recipe\n{\"a\": 1}", r#"{"a":1}"#),
        ] {
            assert_eq!(parse(text).map(|json| json.to_string()).as_deref(), Some(wanted));
        }
        for text in ["", "[ ] 2 eggs", "{\"a\": ", "{\"a\": \"1 9\" pie\"}"] {
            assert_eq!(parse(text), None);
        }
    }
}
