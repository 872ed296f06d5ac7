//! Pages of HTML, with a recipe in JSON-LD or without.

use super::bounds::bounded;
use super::builder::DraftBuilder;
use super::markup::HtmlPage;
use super::outcome::ReadRecipe;
use super::{json_ld, text};

/// Reads a page: the recipe of its JSON-LD, or else its text.
pub(super) fn read(markup: &str) -> ReadRecipe {
    let page = HtmlPage::of(markup);
    let recipes = page.scripts.iter().filter_map(|script| json_ld::parse(script));
    if let Some(reading) = recipes.into_iter().find_map(|json| json_ld::read_document(&json).ok()) {
        return reading;
    }
    let mut builder = DraftBuilder::default();
    builder.draft.title = page.title();
    if page.is_skipped {
        builder.skip("menus, forms and scripts of the page");
    }
    let lines = bounded(page.body(), &mut builder).to_owned();
    text::read(&lines, builder)
}
