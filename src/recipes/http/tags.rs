//! Entity tags: which state of a recipe a request is meant for (RFC 9110, section 8.8.3).

use crate::recipes::storage::members::RecipeRole;

/// The tag of a recipe's revision as users with this role see it: their role is part of the JSON. It
/// is strong.
pub(crate) fn tag_of(revision: i64, role: RecipeRole) -> String {
    match role {
        RecipeRole::Owner => format!("\"{revision}\""),
        guest => format!("\"{revision}-{}\"", guest.name()),
    }
}

/// Whether an `If-None-Match` names this tag (section 13.1.2). The comparison is weak, as a proxy that
/// changed the encoding may have weakened the tag.
pub(crate) fn names(tags: &str, tag: &str) -> bool {
    tags.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

/// Whether an `If-Match` names this revision (section 13.1.1), as users with any role see it: a role
/// that has changed is no change of the recipe. The comparison is strong: a weak tag does not say which
/// state its client has seen.
pub(crate) fn names_revision(tags: &str, revision: i64) -> bool {
    let roles = [RecipeRole::Owner, RecipeRole::Editor, RecipeRole::Reader];
    let known = roles.map(|role| tag_of(revision, role));
    tags.split(',').map(str::trim).any(|one| one == "*" || known.iter().any(|tag| tag == one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_tag_matches_a_read_and_no_change() {
        let tag = tag_of(7, RecipeRole::Owner);
        for tags in ["\"7\"", "\"1\", \"7\"", "*", " \"7\" "] {
            assert!(names(tags, &tag) && names_revision(tags, 7), "{tags}");
        }
        for tags in ["", "7", "\"77\"", "\"1\"", "\"*\"", "\"7-\""] {
            assert!(!names(tags, &tag) && !names_revision(tags, 7), "{tags}");
        }
        assert!(names("W/\"7\"", &tag) && !names_revision("W/\"7\"", 7));
    }

    #[test]
    fn tag_of_another_role_matches_changes_only() {
        let (reader, editor) = (tag_of(7, RecipeRole::Reader), tag_of(7, RecipeRole::Editor));
        assert!(!names(&reader, &editor) && !names(&editor, &tag_of(7, RecipeRole::Owner)));
        assert!(names_revision(&reader, 7) && names_revision(&editor, 7));
        assert!(!names_revision(&reader, 8));
    }
}
