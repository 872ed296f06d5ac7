//! The headings of a recipe's sections, in every language.

use std::sync::LazyLock;

use crate::recipes::languages;

/// The section of the recipe that the current line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// Before the first section: title, facts, description.
    Head,
    Ingredients,
    Steps,
    Notes,
}

/// The headings in every language. Of two with a common beginning, the longer comes first.
pub(super) static HEADINGS: LazyLock<Vec<(Section, &'static str)>> = LazyLock::new(|| {
    let sections = [
        (Section::Ingredients, languages::all(|it| it.ingredients)),
        (Section::Steps, languages::all(|it| it.steps)),
        (Section::Notes, languages::all(|it| it.notes)),
    ];
    let names = |(section, names): (Section, Vec<&'static str>)| {
        names.into_iter().map(move |name| (section, name))
    };
    let mut headings: Vec<_> = sections.into_iter().flat_map(names).collect();
    headings.sort_by_key(|(_, name)| std::cmp::Reverse(name.len()));
    headings
});

/// The section of which a text is the heading, and nothing else.
pub(crate) fn is_heading_of(text: &str) -> Option<Section> {
    let name = text.trim().trim_end_matches([':', '：']);
    HEADINGS.iter().find(|(_, heading)| languages::is_word(name, heading)).map(|(it, _)| *it)
}

/// The names of the headings.
pub(super) fn heading_names() -> impl Iterator<Item = &'static str> {
    HEADINGS.iter().map(|(_, name)| *name)
}
