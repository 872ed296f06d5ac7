//! Recognises the format of a text.

use serde_json::Value;

use super::outcome::ReadError;
use super::{
    cooklang, front_matter, lenient_json, markup, mastercook, meal_master, recipe_md, rezkonv,
};

/// A format that has a reader.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum SourceFormat {
    Json(Value),
    Html,
    FrontMatter,
    RecipeMd,
    Cooklang,
    MealMaster,
    MasterCook,
    RezKonv,
    /// What people write.
    Text,
}

impl SourceFormat {
    /// The format of a text, which does not begin with white space.
    pub(super) fn of(text: &str) -> Result<Self, ReadError> {
        if let Some(name) = unsupported(text) {
            return Err(ReadError::Unsupported(name));
        }
        if text.starts_with(['{', '[']) {
            match lenient_json::parse(text) {
                Some(json) => return Ok(Self::Json(json)),
                None if looks_like_json(text) => return Err(ReadError::Malformed("JSON")),
                // A text may begin with a bracket.
                None => {}
            }
        }
        Ok(match text {
            _ if meal_master::is_it(text) => Self::MealMaster,
            _ if rezkonv::is_it(text) => Self::RezKonv,
            _ if mastercook::is_it(text) => Self::MasterCook,
            _ if markup::is_it(text) => Self::Html,
            _ if front_matter::is_it(text) => Self::FrontMatter,
            _ => Self::of_body(text),
        })
    }

    /// The format of a text that may follow front matter.
    pub(super) fn of_body(text: &str) -> Self {
        if cooklang::is_it(text) {
            Self::Cooklang
        } else if recipe_md::is_it(text) {
            Self::RecipeMd
        } else {
            Self::Text
        }
    }
}

/// The name of a format that is recognised and has no reader.
fn unsupported(text: &str) -> Option<&'static str> {
    let begins = |beginning: &str| text.starts_with(beginning).then_some(());
    let files = [
        ("%PDF-", "PDF"),
        ("{\\rtf", "RTF"),
        ("PK\u{3}\u{4}", "a ZIP archive"),
        ("\u{1f}\u{fffd}", "a gzip archive"),
        ("\\documentclass", "LaTeX"),
        ("\\begin{", "LaTeX"),
        ("data:", "a data URL"),
        ("BEGIN:VCALENDAR", "iCalendar"),
    ];
    if let Some((_, name)) = files.iter().find(|(beginning, _)| begins(beginning).is_some()) {
        return Some(name);
    }
    if text.contains('\0') {
        return Some("a binary file");
    }
    if text.contains("@@@@@") && text.contains("Now You're Cooking!") {
        return Some("Now You're Cooking!");
    }
    let head = text.get(..text.len().min(2_000)).or_else(|| head(text))?;
    let is_xml = head.starts_with("<?xml") || head.starts_with('<');
    let lower = head.to_lowercase();
    let mut names = XML.iter().filter(|(tag, _)| {
        let mut rest = lower.split('<').skip(1);
        rest.any(|rest| rest.strip_prefix(tag).is_some_and(|it| it.starts_with(['>', ' ', '\n'])))
    });
    names.next().map(|(_, name)| *name).filter(|_| is_xml).or_else(|| {
        let is_page = lower.contains("<html") || lower.contains("<!doctype html");
        (head.starts_with("<?xml") && !is_page).then_some("XML")
    })
}

/// The beginning of a text that has no boundary of characters at 2,000 bytes.
fn head(text: &str) -> Option<&str> {
    (1_990..2_000).rev().find_map(|end| text.get(..end))
}

/// Whether a text that is no JSON was meant to be: it has the names of fields.
fn looks_like_json(text: &str) -> bool {
    let is_field = |name: &str| text.contains(&format!("\"{name}\""));
    let fields = ["@type", "@context", "recipeIngredient", "ingredients", "title", "name"];
    text.contains("\":") && fields.iter().any(|name| is_field(name))
}

/// The first tag of formats in XML.
const XML: &[(&str, &str)] = &[
    ("mx2", "MasterCook XML (mx2)"),
    ("recipeml", "RecipeML"),
    ("gourmetdoc", "Gourmet XML"),
    ("krecipes", "KRecipes XML"),
    ("cookml", "CookML"),
    ("recipebook", "an XML cookbook"),
    ("recipes", "an XML cookbook"),
    ("fdx", "Living Cookbook (fdx)"),
    ("rss", "RSS"),
    ("feed", "Atom"),
    ("svg", "SVG"),
];
