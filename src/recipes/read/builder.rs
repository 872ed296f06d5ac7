//! Builds a draft from what a reader finds, within a recipe's limits.

use std::collections::BTreeMap;

use super::outcome::ReadRecipe;
use super::text::meta::Fact;
use crate::recipes::ingredient::Ingredient;
use crate::recipes::recipe::{
    Draft, MAX_DESCRIPTION_CHARS, MAX_INGREDIENT_CHARS, MAX_INGREDIENTS, MAX_STEP_CHARS, MAX_STEPS,
    MAX_TAG_CHARS, MAX_TAGS, MAX_TITLE_CHARS, MAX_YIELD_CHARS,
};

/// A draft that is being read. What does not fit its field becomes a note, and what does not fit the
/// notes is counted as unread.
#[derive(Debug, Default)]
pub(super) struct DraftBuilder {
    pub(super) draft: Draft,
    /// The lines of the description.
    notes: Vec<String>,
    /// How often a limit was exceeded, by its text.
    exceeded: BTreeMap<String, usize>,
    /// Lines that are no part of the recipe.
    chrome: Vec<String>,
}

impl DraftBuilder {
    /// Takes a fact. The first of a kind has the field, another one becomes a note.
    pub(super) fn fact(&mut self, fact: Fact) {
        let draft = &mut self.draft;
        match fact {
            Fact::Yield(text) if draft.yields.is_empty() && fits(&text, MAX_YIELD_CHARS) => {
                draft.yields = text;
            }
            Fact::Prep(minutes) if draft.prep_time_minutes.is_none() => {
                draft.prep_time_minutes = Some(minutes);
            }
            // "Voorbereidingstijd: 20 minuten, bereidingstijd: 90 minuten"
            Fact::Cook(minutes) | Fact::Prep(minutes) if draft.cook_time_minutes.is_none() => {
                draft.cook_time_minutes = Some(minutes);
            }
            Fact::Total(minutes) if draft.total_time_minutes.is_none() => {
                draft.total_time_minutes = Some(minutes);
            }
            Fact::Title(text) if draft.title.is_empty() && fits(&text, MAX_TITLE_CHARS) => {
                draft.title = text;
            }
            Fact::Tags(tags) => tags.into_iter().for_each(|tag| self.tag(tag)),
            Fact::Prep(minutes) => self.note(format!("Prep: {minutes} minutes")),
            Fact::Cook(minutes) => self.note(format!("Cook: {minutes} minutes")),
            Fact::Total(minutes) => self.note(format!("Total: {minutes} minutes")),
            Fact::Yield(text) | Fact::Title(text) | Fact::Other(text) => self.note(text),
        }
    }

    pub(super) fn tag(&mut self, tag: String) {
        let tag = one_line(&tag);
        let folded = tag.to_lowercase();
        if tag.is_empty() || self.draft.tags.iter().any(|other| other.to_lowercase() == folded) {
            return;
        }
        if self.draft.tags.len() >= MAX_TAGS {
            self.exceed(format!("more than {MAX_TAGS} tags"), tag);
        } else if !fits(&tag, MAX_TAG_CHARS) {
            self.exceed(format!("tags of more than {MAX_TAG_CHARS} characters"), tag);
        } else {
            self.draft.tags.push(tag);
        }
    }

    pub(super) fn ingredient(&mut self, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        if self.draft.ingredients.len() >= MAX_INGREDIENTS {
            self.exceed(format!("more than {MAX_INGREDIENTS} ingredients"), text.to_owned());
        } else if !fits(text, MAX_INGREDIENT_CHARS) {
            let limit = format!("ingredients of more than {MAX_INGREDIENT_CHARS} characters");
            self.exceed(limit, text.to_owned());
        } else {
            self.draft.ingredients.push(Ingredient::parse(text));
        }
    }

    /// A heading among the ingredients.
    pub(super) fn group(&mut self, name: &str) {
        let name = name.trim().trim_end_matches([':', '：']).trim_end();
        if !name.is_empty() {
            self.ingredient(&format!("{name}:"));
        }
    }

    pub(super) fn step(&mut self, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        if self.draft.steps.len() >= MAX_STEPS {
            self.exceed(format!("more than {MAX_STEPS} steps"), text.to_owned());
        } else if !fits(text, MAX_STEP_CHARS) {
            let limit = format!("steps of more than {MAX_STEP_CHARS} characters");
            self.exceed(limit, text.to_owned());
        } else {
            self.draft.steps.push(text.to_owned());
        }
    }

    /// A line of the description.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !text.trim().is_empty() {
            self.notes.push(text);
        }
    }

    /// A line that is no part of the recipe, such as a button of the page.
    pub(super) fn chrome(&mut self, text: &str) {
        self.chrome.push(text.to_owned());
    }

    /// Says that something was not read, such as a part of the text.
    pub(super) fn skip(&mut self, what: impl Into<String>) {
        *self.exceeded.entry(what.into()).or_default() += 1;
    }

    fn exceed(&mut self, limit: String, text: String) {
        self.skip(limit);
        self.note(text);
    }

    /// The draft, and what of the text is not in it.
    pub(super) fn finish(mut self) -> ReadRecipe {
        // A step may have grown while it was read.
        let (short, long): (Vec<_>, Vec<_>) = std::mem::take(&mut self.draft.steps)
            .into_iter()
            .partition(|step| fits(step, MAX_STEP_CHARS));
        self.draft.steps = short;
        for step in long {
            self.exceed(format!("steps of more than {MAX_STEP_CHARS} characters"), step);
        }
        if !fits(&self.draft.title, MAX_TITLE_CHARS) {
            let title = std::mem::take(&mut self.draft.title);
            self.skip(format!("a title of more than {MAX_TITLE_CHARS} characters"));
            self.notes.insert(0, title);
        }
        let description = self.notes.join("\n");
        self.draft.description = description.chars().take(MAX_DESCRIPTION_CHARS).collect();
        if self.draft.description.len() < description.len() {
            self.skip(format!("the description after {MAX_DESCRIPTION_CHARS} characters"));
        }
        let mut unread: Vec<String> = self.exceeded.into_keys().collect();
        unread.extend(self.chrome.into_iter().map(|line| format!("“{line}”")));
        ReadRecipe { draft: self.draft, unread }
    }
}

/// Whether a text is at most `most` characters long.
pub(super) fn fits(text: &str, most: usize) -> bool {
    text.len() <= most || text.chars().count() <= most
}

/// The text with single spaces only.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
