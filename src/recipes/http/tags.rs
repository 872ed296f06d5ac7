//! Entity tags: which state of a recipe a request is meant for (RFC 9110, section 8.8.3).

/// The tag of a recipe's revision. It is strong: a revision has one JSON.
pub(crate) fn tag_of(revision: i64) -> String {
    format!("\"{revision}\"")
}

/// Whether an `If-None-Match` names this tag (section 13.1.2). The comparison is weak, as a proxy that
/// changed the encoding may have weakened the tag.
pub(crate) fn names(tags: &str, tag: &str) -> bool {
    tags.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

/// Whether an `If-Match` names this tag (section 13.1.1). The comparison is strong: a weak tag does not
/// say which state its client has seen.
pub(crate) fn names_exactly(tags: &str, tag: &str) -> bool {
    tags.split(',').map(str::trim).any(|one| one == "*" || one == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_tag_matches_a_read_and_no_change() {
        let tag = tag_of(7);
        for tags in ["\"7\"", "\"1\", \"7\"", "*", " \"7\" "] {
            assert!(names(tags, &tag) && names_exactly(tags, &tag), "{tags}");
        }
        for tags in ["", "7", "\"77\"", "\"1\"", "\"*\""] {
            assert!(!names(tags, &tag) && !names_exactly(tags, &tag), "{tags}");
        }
        assert!(names("W/\"7\"", &tag) && !names_exactly("W/\"7\"", &tag));
    }
}
