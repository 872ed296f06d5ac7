//! Classification of lines.

use super::super::line::Line;
use super::super::scan::word;
use super::super::words;
use super::inline::{amounts, listed, sentences};
use super::lines::{LineMark, PastedLine};
use super::verbs::begins_step;

/// The section of the recipe that the current line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// Before the first section: title, facts, description.
    Head,
    Ingredients,
    Steps,
    Notes,
}

/// The section that a heading begins, and the text after the heading.
pub(super) fn heading(line: &PastedLine) -> Option<(Section, &str)> {
    let text = line.text.trim_start_matches(|c: char| !c.is_alphanumeric());
    HEADINGS.iter().find_map(|(section, names)| {
        names.iter().find_map(|name| {
            let head = text.get(..name.len())?;
            let rest = text.get(name.len()..)?;
            let plain = rest.trim_start();
            let is_end = plain.trim_matches(|c: char| !c.is_alphanumeric()).is_empty();
            let is_parted = plain.starts_with([':', '(']) || plain.starts_with("- ");
            let is_for = plain.starts_with("for ")
                && plain.split(':').next().is_some_and(|name| name.split(' ').count() < 6);
            let is_it = is_end || is_parted || (is_for && *section == Section::Ingredients);
            (head.eq_ignore_ascii_case(name) && is_it && line.mark != LineMark::Number)
                .then_some((*section, if is_end { "" } else { rest }))
        })
    })
}

/// Whether a line is the heading of a group: "For the sauce:", "## Sauce", "SAUCE".
pub(super) fn is_group(line: &PastedLine) -> bool {
    let text = &*line.text;
    if line.mark == LineMark::Number || is_ingredient(text) || text.split(' ').count() > 8 {
        return false;
    }
    let is_shouted = text.chars().filter(|c| c.is_alphabetic()).count() > 3
        && !text.contains(char::is_lowercase)
        && !text.contains(char::is_numeric);
    let lower = text.to_lowercase();
    let is_for = lower.starts_with("for the ") && !text.ends_with('.') && !text.contains(',');
    text.ends_with(':') || line.mark == LineMark::Heading || is_for || (is_shouted && line.is_apart)
}

pub(super) fn is_title(line: &PastedLine) -> bool {
    let text = &*line.text;
    let count = text.split(' ').count();
    let is_short = count <= 12 && text.chars().count() <= 120;
    let is_plain = matches!(line.mark, LineMark::None | LineMark::Heading);
    let is_address = text.ends_with(':') && count > 4;
    let is_furniture = FURNITURE.contains(&&*text.to_lowercase());
    let is_done = begins_step(text) && (count > 6 || text.ends_with('.'));
    let is_long_sentence = text.ends_with('.') && count > 8;
    is_short && is_plain && !(is_long_sentence || is_address || is_furniture || is_done)
}

/// Whether a line begins or ends with an amount.
pub(super) fn is_ingredient(text: &str) -> bool {
    let line = Line::parse(text);
    let is_leading = line.begins_with_amount();
    if !is_leading && line.amounts.is_empty() {
        return false;
    }
    if !is_leading {
        return text.split(' ').count() <= 8 && !begins_step(text) && !text.ends_with('.');
    }
    let (first, _) = word(line.name(), 0);
    let has_unit = line.amounts.iter().any(|amount| amount.unit.is_some());
    !words::is_time(first) && (has_unit || !begins_step(first))
}

pub(super) fn is_amount_alone(text: &str) -> bool {
    let line = Line::parse(text);
    line.begins_with_amount() && line.name().is_empty()
}

/// Whether a line lists several ingredients.
pub(super) fn is_list(text: &str) -> bool {
    let (first, _) = word(text, 0);
    if begins_step(first) {
        return false;
    }
    if sentences(text).len() > 1 {
        return false;
    }
    let parts = listed(text);
    let amounts = amounts(&parts);
    amounts >= 2 && amounts * 3 >= parts.len()
}

/// Labels of buttons and links on web pages with recipes, which are not titles.
const FURNITURE: &[&str] = &[
    "jump to recipe",
    "jump to video",
    "print",
    "print recipe",
    "pin",
    "pin recipe",
    "save",
    "share",
    "rate",
    "rate this recipe",
    "recipe",
    "save recipe",
    "rate recipe",
    "email",
    "facebook",
];

/// Of two headings with a common beginning, the longer comes first.
const HEADINGS: &[(Section, &[&str])] = &[
    (
        Section::Ingredients,
        &[
            "ingredients list",
            "ingredients",
            "ingredient list",
            "ingredient",
            "what you'll need",
            "what you’ll need",
            "what you need",
            "you will need",
            "you'll need",
            "you’ll need",
            "shopping list",
            "zutaten",
            "ingrédients",
            "ingredientes",
            "ingredienti",
        ],
    ),
    (
        Section::Steps,
        &[
            "cooking instructions",
            "cooking directions",
            "cooking method",
            "directions",
            "direction",
            "instructions",
            "instruction",
            "method of preparation",
            "method",
            "preparation steps",
            "preparation",
            "procedure",
            "steps",
            "how to make it",
            "how to make",
            "what to do",
            "zubereitung",
            "préparation",
            "preparación",
            "preparazione",
            "procedimento",
        ],
    ),
    (
        Section::Notes,
        &[
            "notes",
            "note",
            "recipe notes",
            "cook's notes",
            "cook's note",
            "chef's notes",
            "chef's note",
            "tips",
            "tip",
            "nutrition facts",
            "nutritional information",
            "nutrition information",
            "nutrition",
            "storage",
            "variations",
            "variation",
            "equipment",
            "serving suggestions",
            "serving suggestion",
            "to store",
            "make ahead",
        ],
    ),
];
