//! Exports of MasterCook as text.
//!
//! ```text
//!                    *  Exported from  MasterCook  *
//!                            Apple Pie
//! Serving Size  : 8    Preparation Time :0:30
//! Categories    : Pies             Desserts
//!
//!   Amount  Measure       Ingredient -- Preparation Method
//! --------  ------------  --------------------------------
//!     1/2  cup           sugar -- sifted
//! ```

use super::builder::{DraftBuilder, one_line};
use super::outcome::ReadRecipe;
use super::paragraphs::Paragraphs;
use super::text::meta::{Fact, labelled};

/// Whether a text is an export of MasterCook.
pub(super) fn is_it(text: &str) -> bool {
    text.lines().take(40).any(is_head)
}

fn is_head(line: &str) -> bool {
    let line = line.trim();
    line.starts_with('*') && one_line(line).to_lowercase().contains("exported from mastercook")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MasterCookPart {
    Head,
    Ingredients,
    /// After an empty line among the ingredients. More of them are indented, and steps are not.
    Gap,
    Steps,
    /// The labels at the end, whose values are on the next line.
    Tail,
}

/// Reads the first recipe.
pub(super) fn read(text: &str, mut builder: DraftBuilder) -> ReadRecipe {
    let mut lines = text.lines().skip_while(|line| !is_head(line)).skip(1);
    let mut part = MasterCookPart::Head;
    let mut steps = Paragraphs::default();
    let mut label = String::new();
    let mut is_apart = true;
    for line in lines.by_ref() {
        let plain = line.trim();
        if is_head(plain) {
            builder.skip("recipes after the first");
            break;
        }
        if part == MasterCookPart::Gap && !plain.is_empty() {
            let is_more = line.starts_with("  ") && !plain.starts_with("- -");
            part = if is_more { MasterCookPart::Ingredients } else { MasterCookPart::Steps };
            is_apart = true;
        }
        match part {
            MasterCookPart::Gap => {}
            MasterCookPart::Head if is_rule(plain) => part = MasterCookPart::Ingredients,
            MasterCookPart::Head if plain.to_lowercase().starts_with("amount ") => {}
            MasterCookPart::Head => head(plain, &mut builder),
            MasterCookPart::Ingredients if plain.is_empty() => {
                if !builder.draft.ingredients.is_empty() {
                    part = MasterCookPart::Gap;
                }
            }
            MasterCookPart::Ingredients => {
                ingredient(plain, std::mem::take(&mut is_apart), &mut builder);
            }
            MasterCookPart::Steps if plain.starts_with("- - -") => part = MasterCookPart::Tail,
            MasterCookPart::Steps if is_tail_label(plain) => {
                part = MasterCookPart::Tail;
                tail(plain, &mut label, &mut builder);
            }
            MasterCookPart::Steps => steps.line(plain),
            MasterCookPart::Tail => tail(plain, &mut label, &mut builder),
        }
    }
    steps.finish(&mut builder);
    builder.finish()
}

/// Whether a line is the rule under the head of the list.
fn is_rule(line: &str) -> bool {
    line.len() > 8 && line.contains(' ') && line.chars().all(|c| c == '-' || c == ' ')
}

/// A line before the ingredients: the title, or labels in columns.
fn head(line: &str, builder: &mut DraftBuilder) {
    let Some((label, value)) = line.split_once(':') else {
        if builder.draft.title.is_empty() && !line.is_empty() {
            builder.draft.title = one_line(line);
        } else {
            builder.note(line);
        }
        return;
    };
    match label.trim().to_lowercase().as_str() {
        "serving size" => {
            // "8    Preparation Time :0:30"
            let (size, rest) = value.trim().split_once("  ").unwrap_or((value.trim(), ""));
            if !size.is_empty() && size != "0" {
                builder.fact(Fact::Yield(format!("{size} servings")));
            }
            if let Some((label, value)) = rest.trim().split_once(':') {
                time(label, value, builder);
            }
        }
        "categories" => {
            let tags = value.split("  ").flat_map(|tag| tag.split(','));
            tags.for_each(|tag| builder.tag(tag.to_owned()));
        }
        "recipe by" if value.trim().is_empty() => {}
        _ => match labelled(label, value) {
            Some(fact) => builder.fact(fact),
            None => builder.note(line),
        },
    }
}

/// A time, where `0:00` is none.
fn time(label: &str, value: &str, builder: &mut DraftBuilder) {
    let value = value.trim().trim_matches('"');
    let is_some = value.contains(|c: char| c.is_ascii_digit() && c != '0');
    if let Some(fact) = labelled(label, value).filter(|_| is_some) {
        builder.fact(fact);
    }
}

/// An ingredient, a heading, or what continues the ingredient before. `is_apart` is a line that
/// begins the list, or follows an empty one.
fn ingredient(line: &str, is_apart: bool, builder: &mut DraftBuilder) {
    let name = line.trim_matches(['*', '-', ' ']);
    if line.starts_with("--")
        && !line.ends_with('-')
        && let Some(last) = builder.draft.ingredients.pop()
    {
        return builder.ingredient(&format!("{} {name}", last.text));
    }
    let is_shouted = name.chars().all(|c| c.is_uppercase() || c == ' ') && !name.is_empty();
    let is_marked = line.starts_with("**") || line.starts_with("--") || line.ends_with(':');
    if is_marked || (is_shouted && is_apart) {
        return builder.group(name);
    }
    builder.ingredient(&one_line(line).replace(" -- ", ", "));
}

fn is_tail_label(line: &str) -> bool {
    let (label, _) = line.split_once(':').unwrap_or(("", ""));
    let label = label.trim().to_lowercase();
    [
        "description",
        "source",
        "yield",
        "start to finish time",
        "t(cook)",
        "t(prep)",
        "notes",
        "note",
        "copyright",
        "cuisine",
        "s(internet address)",
    ]
    .contains(&&*label)
}

/// A line behind the steps.
fn tail(line: &str, label: &mut String, builder: &mut DraftBuilder) {
    if line.is_empty() || line.starts_with("- - -") {
        return;
    }
    let (name, value) = match line.split_once(':').filter(|_| is_tail_label(line)) {
        Some((name, value)) if value.trim().is_empty() => {
            name.clone_into(label);
            return;
        }
        Some((name, value)) => (name.to_owned(), value),
        None => (std::mem::take(label), line),
    };
    let value = value.trim().trim_matches('"');
    match name.trim().to_lowercase().as_str() {
        "start to finish time" => time("total time", value, builder),
        "t(cook)" => time("cook time", value, builder),
        "t(prep)" => time("prep time", value, builder),
        "yield" => {
            builder.draft.yields.clear();
            builder.fact(Fact::Yield(value.to_owned()));
        }
        "" | "description" | "notes" | "note" => builder.note(value),
        "cuisine" => builder.tag(value.to_owned()),
        name => builder.note(format!("{name}: {value}")),
    }
}
