//! RezKonv, the German relative of Meal-Master.
//!
//! ```text
//! =====  REZKONV-Rezept  RezkonvSuite v1.4
//!      Titel: Kartoffelsuppe
//! Kategorien: Suppe, Kartoffeln
//!      Menge: 4 Personen
//! ============================== ZUTATEN ==============================
//!    500     Gramm  Kartoffeln
//! ============================== QUELLE ===============================
//!             -- Erfasst *RK* 01.02.2003
//!
//! Die Kartoffeln schälen.
//! =====
//! ```

use super::builder::{DraftBuilder, one_line};
use super::outcome::ReadRecipe;
use super::paragraphs::Paragraphs;
use super::text::meta::labelled;
use crate::recipes::quantity::Number;

/// Whether a text has the first line of a RezKonv recipe.
pub(super) fn is_it(text: &str) -> bool {
    text.lines().take(40).any(is_head)
}

fn is_head(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("=====") && line.to_lowercase().contains("rezkonv")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RezKonvPart {
    Head,
    Ingredients,
    Source,
    Steps,
}

/// Reads the first recipe.
pub(super) fn read(text: &str, mut builder: DraftBuilder) -> ReadRecipe {
    let mut lines = text.lines().skip_while(|line| !is_head(line)).skip(1);
    let mut part = RezKonvPart::Head;
    let mut steps = Paragraphs::default();
    for line in lines.by_ref() {
        let plain = line.trim();
        if plain.starts_with("=====") {
            let name = plain.trim_matches(['=', ' ']);
            match name.to_lowercase().as_str() {
                // The end of the recipe.
                "" => break,
                "zutaten" => part = RezKonvPart::Ingredients,
                "quelle" => part = RezKonvPart::Source,
                "zubereitung" => part = RezKonvPart::Steps,
                _ if part == RezKonvPart::Steps && !steps.is_empty() => steps.line(""),
                _ => {
                    part = RezKonvPart::Ingredients;
                    builder.group(name);
                }
            }
            continue;
        }
        // Without the heading of the ingredients, their first amount begins them.
        if part == RezKonvPart::Head && Number::parse(plain).is_some() {
            part = RezKonvPart::Ingredients;
        }
        match part {
            RezKonvPart::Head => head(plain, &mut builder),
            RezKonvPart::Ingredients if plain.is_empty() => {
                if !builder.draft.ingredients.is_empty() {
                    part = RezKonvPart::Steps;
                }
            }
            RezKonvPart::Ingredients => ingredient(plain, &mut builder),
            RezKonvPart::Source if plain.is_empty() => part = RezKonvPart::Steps,
            RezKonvPart::Source => builder.note(plain.trim_start_matches(['-', ' '])),
            RezKonvPart::Steps => steps.line(plain),
        }
    }
    if lines.any(is_head) {
        builder.skip("recipes after the first");
    }
    steps.finish(&mut builder);
    builder.finish()
}

fn head(line: &str, builder: &mut DraftBuilder) {
    match line.split_once(':').map(|(label, value)| labelled(label, value)) {
        Some(Some(fact)) => builder.fact(fact),
        _ => builder.note(line),
    }
}

/// An ingredient. What is behind hyphens continues the one before.
fn ingredient(line: &str, builder: &mut DraftBuilder) {
    let plain = one_line(line);
    if let Some(more) = plain.strip_prefix('-')
        && let Some(last) = builder.draft.ingredients.pop()
    {
        let more = more.trim_start_matches('-').trim_start();
        return builder.ingredient(&format!("{} {more}", last.text));
    }
    builder.ingredient(&plain);
}
