//! Pages of HTML, with a recipe in JSON-LD or without.

use super::bounds::bounded;
use super::builder::DraftBuilder;
use super::markup::HtmlPage;
use super::outcome::ReadRecipe;
use super::{json_ld, lenient_json, text};

/// Reads a page: the recipe of its JSON-LD, or of its microdata, or else its text.
pub(super) fn read(markup: &str) -> ReadRecipe {
    let page = HtmlPage::of(markup);
    let scripts = page.scripts.iter().filter_map(|script| lenient_json::parse(script));
    let recipes = scripts.chain(page.fields.recipe());
    let readings = recipes.filter_map(|json| json_ld::read_document(&json).ok());
    // Programs that a site has turned off leave a recipe without ingredients and steps.
    let is_filled = |reading: &ReadRecipe| {
        !(reading.draft.ingredients.is_empty() && reading.draft.steps.is_empty())
    };
    if let Some(reading) = readings.into_iter().find(is_filled) {
        return reading;
    }
    let mut builder = DraftBuilder::default();
    let (title, text) = match page.card() {
        Some(card) if card.starts_with("## ") => (String::new(), card),
        card => (page.title(), card.unwrap_or_else(|| page.body())),
    };
    builder.draft.title = title;
    if page.is_skipped {
        builder.skip("menus, forms and scripts of the page");
    }
    let lines = bounded(text, &mut builder).to_owned();
    text::read(&lines, builder)
}
