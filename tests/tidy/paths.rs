//! The paths that Rust code names: `use` trees expanded, and `a::b::c` wherever it stands.

/// Code without comments and without its tests at the end.
pub(crate) fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut code = String::new();
    for line in text.lines() {
        let comment = line
            .match_indices("//")
            .map(|(at, _)| at)
            .find(|&at| !line[..at].ends_with(':') && line[..at].matches('"').count() % 2 == 0);
        code.push_str(&line[..comment.unwrap_or(line.len())]);
        code.push('\n');
    }
    code
}

/// Every path of at least two segments in `code`.
pub(crate) fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("::") {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let first = rest[..at].rfind(|c| !is_name(c)).map_or(0, |before| before + 1);
        let end = tree(&rest[first..], "", &mut found);
        rest = &rest[first + end.max(at + 2 - first)..];
    }
    found
}

/// Expands the tree at the start of `text`, and says where it ends.
fn tree(text: &str, prefix: &str, found: &mut Vec<String>) -> usize {
    let length = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let path = format!("{prefix}{}", &text[..length]);
    let Some(below) = text[length..].strip_prefix("::") else {
        if path.contains("::") && length > 0 {
            found.push(path);
        }
        return length;
    };
    let at = length + 2;
    let prefix = format!("{path}::");
    if !below.starts_with('{') {
        if !below.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            found.push(prefix); // A glob, or a turbofish.
            return at;
        }
        return at + tree(below, &prefix, found);
    }
    let mut place = at + 1;
    while place < text.len() {
        match text.as_bytes()[place] {
            b'}' => return place + 1,
            byte if byte.is_ascii_alphanumeric() || byte == b'_' => {
                place += tree(&text[place..], &prefix, found).max(1);
            }
            _ => place += 1,
        }
    }
    place
}

#[test]
fn trees_are_expanded_and_comments_are_no_code() {
    let text = "use a::{b::{C, d}, e};\n/// See x::y.\nfn f() { g::h(\"http://i\"); j::k::<L>() }\n\
         #[cfg(test)]\nmod tests {\nuse m::n;\n}";
    assert_eq!(paths(&code(text)), ["a::b::C", "a::b::d", "a::e", "g::h", "j::k::"]);
    assert_eq!(paths("use crate::time::*;"), ["crate::time::"]);
    assert_eq!(paths("use a::{self, B as C};"), ["a::self", "a::B", "a::as", "a::C"]);
}
