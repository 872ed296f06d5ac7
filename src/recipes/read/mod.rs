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
//!   DraftBuilder: fields within their limits ──► ReadRecipe { draft, unread } ──► Recipe
//!                         │
//!                         └─ Ingredient::parse ──► Line: amounts, name, note
//! ```
//!
//! A reader is a small file with one function from the text to a [`ReadRecipe`]. Readers of markup
//! take its structure from a parser (`html5gum`, `pulldown-cmark`, `yaml-rust2`, `serde_json`). The
//! words of all languages are in [`languages`](super::languages).
//!
//! The work is linear in the text, of which at most [`MAX_TEXT_BYTES`] are read as prose. Nothing is
//! recursive but the walk through JSON, which is [`json_ld::DEPTH`] deep at most.

mod bounds;
mod builder;
mod cooklang;
mod duration;
mod format;
mod front_matter;
mod html;
mod json_ld;
mod lenient_json;
mod marked_fields;
mod markup;
mod mastercook;
mod meal_master;
mod outcome;
mod paragraphs;
mod recipe_md;
mod rezkonv;
mod text;

#[cfg(test)]
mod tests;

pub use self::bounds::MAX_TEXT_BYTES;
use self::bounds::bounded;
use self::builder::DraftBuilder;
pub(super) use self::duration::duration;
use self::format::SourceFormat;
pub use self::outcome::{ReadError, ReadRecipe};
pub use self::text::extract_list;
use super::entities;

/// Reads the first recipe of a text.
///
/// # Errors
/// The format, if the text is in one that cannot be read.
pub fn read(text: &str) -> Result<ReadRecipe, ReadError> {
    let text = text.trim_start_matches('\u{feff}').trim();
    match SourceFormat::of(text)? {
        SourceFormat::Json(json) => json_ld::read_document(&json),
        SourceFormat::Html => Ok(html::read(text)),
        SourceFormat::FrontMatter => {
            let (builder, body) = front_matter::read(text)?;
            Ok(read_as(&SourceFormat::of_body(body), body, builder))
        }
        format => Ok(read_as(&format, text, DraftBuilder::default())),
    }
}

/// Reads a text of a format that may follow front matter.
fn read_as(format: &SourceFormat, text: &str, mut builder: DraftBuilder) -> ReadRecipe {
    let text = bounded(text, &mut builder);
    match format {
        SourceFormat::RecipeMd => recipe_md::read(text, builder),
        SourceFormat::Cooklang => cooklang::read(text, builder),
        SourceFormat::MealMaster => meal_master::read(text, builder),
        SourceFormat::MasterCook => mastercook::read(text, builder),
        SourceFormat::RezKonv => rezkonv::read(text, builder),
        _ => text::read(&entities::decoded(text), builder),
    }
}
