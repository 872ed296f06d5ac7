//! Meal-Master: columns of amounts, units and names, two of them side by side or one.
//!
//! ```text
//! MMMMM----- Recipe via Meal-Master (tm) v8.05
//!       Title: Cornbread
//!  Categories: Breads, Corn
//!       Yield: 8 servings
//!
//!       1 c  Cornmeal                      1/4 c  Butter; melted
//! ```

use std::borrow::Cow;

use super::builder::{DraftBuilder, one_line};
use super::outcome::ReadRecipe;
use super::paragraphs::Paragraphs;
use super::text::meta::labelled;
use crate::recipes::quantity::Number;

/// Whether a text has the first line of a Meal-Master recipe.
pub(super) fn is_it(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).take(40);
    lines.any(|line| begins(line) && line.to_lowercase().contains("meal-master"))
}

fn begins(line: &str) -> bool {
    line.starts_with("MMMMM") || line.starts_with("-----")
}

/// Reads the first recipe.
pub(super) fn read(text: &str, mut builder: DraftBuilder) -> ReadRecipe {
    let is_head = |line: &&str| begins(line.trim()) && line.to_lowercase().contains("meal-master");
    let mut lines = text.lines().skip_while(|line| !is_head(line)).skip(1);
    let mut list = AmountColumns::default();
    let mut steps = Paragraphs::default();
    let mut is_step = false;
    for line in lines.by_ref() {
        let plain = line.trim();
        if begins(plain) {
            let name = plain.trim_start_matches("MMMMM").trim_matches(['-', ' ']);
            if name.is_empty() {
                break;
            }
            if is_step {
                steps.line("");
            } else {
                list.flush(&mut builder);
                builder.group(name);
            }
        } else if is_step && is_origin(plain) {
            builder.note(plain);
        } else if is_step {
            steps.line(plain);
        } else if let Some((label, value)) = header(plain, &list, &builder) {
            match labelled(label, value) {
                Some(fact) => builder.fact(fact),
                None => builder.note(plain),
            }
        } else if !list.take(line) && !plain.is_empty() {
            list.flush(&mut builder);
            is_step = true;
            steps.line(plain);
        }
    }
    list.flush(&mut builder);
    if lines.any(|line| is_head(&line)) {
        builder.skip("recipes after the first");
    }
    steps.finish(&mut builder);
    builder.finish()
}

/// Whether a line among the steps says where the recipe is from.
fn is_origin(line: &str) -> bool {
    let label = line.split_once(':').map(|(label, _)| label.trim().to_lowercase());
    label.is_some_and(|label| ORIGINS.contains(&&*label))
}

const ORIGINS: &[&str] = &[
    "from",
    "source",
    "recipe by",
    "recipe from",
    "posted by",
    "posted to",
    "typed by",
    "typed for you by",
    "submitted by",
    "formatted by",
    "mm format by",
    "per serving",
];

/// The label and value of a line before the ingredients.
fn header<'a>(
    line: &'a str,
    list: &AmountColumns,
    builder: &DraftBuilder,
) -> Option<(&'a str, &'a str)> {
    let is_early = list.is_empty() && builder.draft.ingredients.is_empty();
    let (label, value) = line.split_once(':').filter(|_| is_early)?;
    let is_label = ["title", "categories", "yield", "servings", "preparation", "cooking"];
    is_label.iter().any(|name| label.to_lowercase().starts_with(name)).then_some((label, value))
}

/// The ingredients of the left column come before those of the right one.
#[derive(Debug, Default)]
struct AmountColumns {
    left: Vec<String>,
    right: Vec<String>,
}

impl AmountColumns {
    fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Takes a line if it is one of ingredients.
    fn take(&mut self, line: &str) -> bool {
        let line = in_place(line);
        let (left, right) = halves(&line);
        let Some(right) = right.filter(|right| is_cell(right)) else {
            return push(&mut self.left, &line);
        };
        if left.trim().is_empty() && !self.right.is_empty() {
            // Only the right column goes on.
            return push(&mut self.right, &right);
        }
        if is_cell(&left) {
            return push(&mut self.left, &left) && push(&mut self.right, &right);
        }
        push(&mut self.left, &line)
    }

    fn flush(&mut self, builder: &mut DraftBuilder) {
        for line in self.left.drain(..).chain(self.right.drain(..)) {
            builder.ingredient(&line);
        }
    }
}

/// The line with its columns where they belong: copied texts have lost or won a space or two.
fn in_place(line: &str) -> Cow<'_, str> {
    let left: String = line.chars().take(RIGHT - 1).collect();
    if is_cell(&left) {
        return Cow::Borrowed(line);
    }
    let lost = (1..=MOST_MOVED).map(|spaces| format!("{}{line}", " ".repeat(spaces)));
    let won = (1..=MOST_MOVED).filter_map(|spaces| {
        let rest = line.strip_prefix(&*" ".repeat(spaces))?;
        Some(rest.to_owned())
    });
    let mut moved = lost.chain(won);
    moved.find(|line| is_cell(line)).map_or(Cow::Borrowed(line), Cow::Owned)
}

/// The columns of a line, which begin at its first and at about its 42nd character.
fn halves(line: &str) -> (String, Option<String>) {
    let part = |at: usize| -> (String, String) {
        (line.chars().take(at).collect(), line.chars().skip(at).collect())
    };
    let places = [0, 1, 2].into_iter().flat_map(|moved| [RIGHT - moved, RIGHT + moved]);
    let is_two = |(left, right): &(String, String)| left.ends_with(' ') && is_cell(right);
    let found = places.map(part).find(is_two).or_else(|| parted(line));
    let (left, right) = found.unwrap_or_else(|| part(RIGHT));
    (left, Some(right).filter(|right| !right.trim().is_empty()))
}

/// The columns of a line whose right one begins elsewhere: behind a gap, with an amount and a unit.
fn parted(line: &str) -> Option<(String, String)> {
    let (left, right) = line.trim_end().rsplit_once("    ")?;
    let is_amount = |c: &char| c.is_ascii_digit() || "/.".contains(*c);
    let missing = 7_usize.checked_sub(right.chars().take_while(is_amount).count())?;
    let right = format!("{}{right}", " ".repeat(missing));
    (missing < 7 && is_cell(&right) && is_cell(left)).then(|| (left.to_owned(), right))
}

/// Whether a text has the columns of an amount, a unit and a name.
fn is_cell(text: &str) -> bool {
    let letters: Vec<char> = text.chars().take(NAME + 1).collect();
    let is_amount = |c: &char| c.is_ascii_digit() || " ./-".contains(*c);
    let is = |at: usize, test: fn(char) -> bool| letters.get(at).is_some_and(|c| test(*c));
    letters.len() > NAME
        && letters.iter().take(7).all(is_amount)
        && is(7, |c| c == ' ')
        && is(8, |c| c == ' ' || c.is_alphabetic())
        && is(10, |c| c == ' ')
        && is(NAME, |c| !c.is_whitespace())
}

/// Adds an ingredient, or continues the last one with what is behind a hyphen.
fn push(lines: &mut Vec<String>, cell: &str) -> bool {
    let plain = one_line(cell);
    let name: String = cell.chars().skip(NAME).collect();
    let is_blank = cell.chars().take(NAME).all(char::is_whitespace);
    if let Some(more) = plain.strip_prefix('-').filter(|_| is_blank)
        && let Some(last) = lines.last_mut()
    {
        last.push(' ');
        last.push_str(more.trim_start_matches('-').trim_start());
        return true;
    }
    let is_it = is_cell(cell) && !name.trim().is_empty();
    // Without the spaces at its beginning, a line has no columns.
    let is_loose = !cell.starts_with("  ") && Number::parse(&plain).is_some();
    if is_it || is_loose {
        lines.push(plain);
    }
    is_it || is_loose
}

/// How many spaces a copied line may have lost or won.
const MOST_MOVED: usize = 2;
/// Where the name of an ingredient begins, and the right column.
const NAME: usize = 11;
const RIGHT: usize = 41;
