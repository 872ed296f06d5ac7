//! The command lines of the documents, most of which nobody waits for.

use super::*;

const README: &str = include_str!("../../README.md");
const SECURITY: &str = include_str!("../../../../docs/security.md");

/// The words of a command: what is between quotes is one.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate().flat_map(|(at, part)| {
        let is_quoted = at % 2 == 1;
        if is_quoted { vec![part] } else { part.split_whitespace().collect() }
    });
    parts.map(str::to_owned).collect()
}

/// Every call of the comparison in these documents, from its name on.
fn calls() -> Vec<Vec<String>> {
    let text = [README, SECURITY].concat().replace("\\\n", " ");
    let lines = text.lines().filter_map(|line| {
        let (_, call) = line.split_once("target/release/compare ")?;
        // In a sentence it ends with its mark, in a block at a comment.
        let end = call.find(['#', '`', '…']).unwrap_or(call.len());
        Some(words(&format!("compare {}", &call[..end])))
    });
    lines.collect()
}

#[test]
fn commands_of_the_documents_are_accepted() {
    let calls = calls();
    assert!(calls.len() > 8, "{calls:?}");
    for call in calls {
        let parsed = Arguments::try_parse_from(&call);
        assert!(parsed.is_ok(), "{call:?}: {}", parsed.unwrap_err());
    }
    assert_eq!(words("a --peer 'b=c d' e"), ["a", "--peer", "b=c d", "e"]);
}
