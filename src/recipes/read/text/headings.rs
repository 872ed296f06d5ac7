//! The headings of a recipe's sections, in every language.

use std::sync::LazyLock;

use crate::recipes::languages::{self, Phrases};

/// The section of the recipe that the current line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// Before the first section: title, facts, description.
    Head,
    Ingredients,
    Steps,
    Notes,
}

/// The headings in every language.
pub(super) static HEADINGS: LazyLock<Phrases<Section>> = LazyLock::new(|| Phrases::new(headings()));

fn headings() -> impl Iterator<Item = (&'static str, Section)> {
    let sections = [
        (Section::Ingredients, languages::all(|it| it.ingredients)),
        (Section::Steps, languages::all(|it| it.steps)),
        (Section::Notes, languages::all(|it| it.notes)),
    ];
    let names = |(section, names): (Section, Vec<&'static str>)| {
        names.into_iter().map(move |name| (name, section))
    };
    sections.into_iter().flat_map(names)
}

/// The section of which a text is the heading, and nothing else.
pub(crate) fn is_heading_of(text: &str) -> Option<Section> {
    let name = text.trim().trim_end_matches([':', '：']);
    HEADINGS.whole(name)
}

/// The names of the headings.
pub(super) fn heading_names() -> impl Iterator<Item = &'static str> {
    headings().map(|(name, _)| name)
}
