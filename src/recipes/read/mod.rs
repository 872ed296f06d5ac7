//! Reads a recipe from a text.
//!
//! ```text
//!  text ──► recognise: which format is it? ──► a format without a reader ──► ReadError
//!                         │
//!                         ▼
//!   reader of the format: json_ld  html  front_matter  recipe_md  cooklang
//!                         meal_master  mastercook  rezkonv  text (everything else)
//!                         │  facts, groups, ingredients, steps, notes
//!                         ▼
//!   DraftBuilder: fields within their limits ──► Reading { draft, unread } ──► Recipe
//!                         │
//!                         └─ Ingredient::parse ──► Line: amounts, name, note
//! ```
//!
//! A reader is a small file with one function from the text to a [`Reading`]. Readers of markup
//! take its structure from a parser (`html5gum`, `pulldown-cmark`, `yaml-rust2`, `serde_json`). The
//! words of all languages are in [`languages`](super::languages).
//!
//! The work is linear in the text, of which at most [`MAX_TEXT_BYTES`] are read as prose. Nothing is
//! recursive but the walk through JSON, which is [`json_ld::DEPTH`] deep at most.

mod builder;
mod cooklang;
mod duration;
mod entities;
mod format;
mod front_matter;
mod html;
mod json_ld;
mod mastercook;
mod meal_master;
mod paragraphs;
mod recipe_md;
mod rezkonv;
mod text;

#[cfg(test)]
mod tests;

use std::fmt;

use self::builder::DraftBuilder;
pub(super) use self::duration::duration;
pub(super) use self::entities::decoded;
use self::format::Format;
pub use self::text::extract_list;
use super::recipe::{Draft, DraftError};

/// The longest text that is read as prose, in bytes: as long as a recipe. Markup around it does not
/// count.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;
/// The most lines that are read: a recipe has at most 200 ingredients and 200 steps.
const MAX_LINES: usize = 1_000;

/// A recipe that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Its content. Fields that the text does not mention are empty, even the title.
    pub draft: Draft,
    /// What was left out or cut, each as a short text: `more than 200 ingredients`.
    pub unread: Vec<String>,
}

/// Why a text was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// It is in a format that has no reader.
    Unsupported(&'static str),
    /// It is in a format that it breaks.
    Malformed(&'static str),
    /// It has no recipe, although its format could hold one.
    NoRecipe(&'static str),
    /// It is an export of a recipe with an invalid field.
    Invalid(DraftError),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(format) => {
                write!(f, "{format} cannot be read; use the recipe's text, or an export as text")
            }
            Self::Malformed(format) => write!(f, "{format} is damaged or incomplete"),
            Self::NoRecipe(format) => write!(f, "{format} does not have a recipe"),
            Self::Invalid(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}

/// Reads the first recipe of a text.
///
/// # Errors
/// The format, if the text is in one that cannot be read.
pub fn read(text: &str) -> Result<Reading, ReadError> {
    let text = text.trim_start_matches('\u{feff}').trim();
    match Format::of(text)? {
        Format::Json(json) => json_ld::read_document(&json),
        Format::Html => Ok(html::read(text)),
        Format::FrontMatter => front_matter::read(text),
        format => Ok(read_as(&format, text, DraftBuilder::default())),
    }
}

/// Reads a text of a format that may follow front matter.
fn read_as(format: &Format, text: &str, mut builder: DraftBuilder) -> Reading {
    let text = bounded(text, &mut builder);
    match format {
        Format::RecipeMd => recipe_md::read(text, builder),
        Format::Cooklang => cooklang::read(text, builder),
        Format::MealMaster => meal_master::read(text, builder),
        Format::MasterCook => mastercook::read(text, builder),
        Format::RezKonv => rezkonv::read(text, builder),
        _ => text::read(&decoded(text), builder),
    }
}

/// The text as far as it is read.
fn bounded<'a>(text: &'a str, builder: &mut DraftBuilder) -> &'a str {
    let mut end = text.len().min(MAX_TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let head = text.get(..end).unwrap_or_default();
    let line_end = head.match_indices('\n').nth(MAX_LINES).map_or(end, |(at, _)| at);
    if line_end < end {
        builder.skip(format!("the text after {MAX_LINES} lines"));
    } else if end < text.len() {
        builder.skip(format!("the text after {} KiB", MAX_TEXT_BYTES >> 10));
    }
    head.get(..line_end).unwrap_or_default()
}
