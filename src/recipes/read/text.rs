//! Reads a recipe as people write it: with or without headings, numbered or not, on many lines or on
//! one.
//!
//! Every line is a heading, facts about the recipe (yield, times, tags), an ingredient, a step, or
//! something else. The latter goes to the description. The work is linear in the text.

mod emphasis;
mod furniture;
mod head;
pub(super) mod headings;
mod inline;
mod judge;
mod lines;
mod look;
pub(super) mod meta;
mod table;
mod verbs;

use self::furniture::is_furniture;
use self::headings::Section;
pub(super) use self::headings::is_heading_of;
pub(super) use self::inline::sentences;
use self::inline::{amounts, amounts_in_prose, listed};
use self::judge::{behind_own_number, heading, is_bare_group, is_group, is_signature};
use self::lines::{LineMark, PastedLine, is_step_label, lines};
pub(super) use self::lines::{numbered, numbered_steps};
use self::meta::{bare_time, counted, facts, is_label, is_time_label};
use self::verbs::begins_step;
use super::builder::{DraftBuilder, fits};
use super::outcome::ReadRecipe;
use crate::recipes::ingredient::Ingredient;
use crate::recipes::line::plain;
use crate::recipes::recipe::{MAX_INGREDIENT_CHARS, MAX_INGREDIENTS, MAX_STEPS};

/// Reads a recipe. Fields that the text does not mention are as `builder` has them, or empty.
pub(super) fn read(text: &str, builder: DraftBuilder) -> ReadRecipe {
    let lines = lines(text);
    let mut reader = RecipeReader::new(&lines, builder);
    for (index, line) in lines.iter().enumerate() {
        reader.line(line, lines.get(index + 1));
    }
    reader.finish()
}

/// Extracts the ingredients of a list on one line: `2 eggs, 1 cup flour and salt`.
#[must_use]
pub fn extract_list(text: &str) -> Vec<Ingredient> {
    let parts = listed(text);
    if amounts(&parts) < 2 {
        return vec![Ingredient::parse(text)];
    }
    parts.iter().map(|part| Ingredient::parse(part)).collect()
}

struct RecipeReader {
    builder: DraftBuilder,
    section: Section,
    /// Whether a heading began the section, rather than the look of its lines.
    is_named: bool,
    /// Whether the text has a heading for ingredients, and one for steps.
    names_ingredients: bool,
    names_steps: bool,
    /// Whether any line looks like an ingredient.
    has_amounts: bool,
    /// Whether each ingredient has a line of its own, so that commas do not part ingredients.
    has_own_lines: bool,
    /// A group heading such as "For the sauce:", until its first step.
    group: String,
    /// A label such as "Prep time" whose value is on the next line.
    label: String,
    /// An amount such as "2 cups" whose ingredient is on the next line.
    half: String,
    /// Whether the last step had a number, so that a line without one continues it.
    is_numbered: bool,
}

impl RecipeReader {
    fn new(lines: &[PastedLine], builder: DraftBuilder) -> Self {
        let names = |section| {
            lines.iter().any(|line| heading(line).is_some_and(|(found, _)| found == section))
        };
        let is_one = |line: &&PastedLine| {
            line.is_ingredient() && sentences(&line.text).len() < 2 && line.listed().is_none()
        };
        let own_lines = lines.iter().filter(is_one).take(2).count();
        Self {
            builder,
            section: Section::Head,
            is_named: false,
            names_ingredients: names(Section::Ingredients),
            names_steps: names(Section::Steps),
            has_amounts: own_lines > 0,
            has_own_lines: own_lines > 1,
            group: String::new(),
            label: String::new(),
            half: String::new(),
            is_numbered: false,
        }
    }

    fn line(&mut self, line: &PastedLine, next: Option<&PastedLine>) {
        if is_furniture(&line.text) {
            return self.builder.chrome(&line.text);
        }
        // "Preparo" above "30 min" is no heading.
        let is_timed = || next.is_some_and(|next| bare_time(&next.text).is_some());
        let is_label_here = is_time_label(&line.text) && is_timed();
        if let Some((section, rest)) = heading(line).filter(|_| !is_label_here) {
            self.enter(section, &rest, line);
            return;
        }
        let is_early = self.section == Section::Head
            || (self.section == Section::Ingredients && self.builder.draft.ingredients.is_empty())
            || (self.section == Section::Steps && self.builder.draft.steps.is_empty());
        let label = std::mem::take(&mut self.label);
        let is_label = is_label(&line.text) || is_label_here;
        if is_early && label.is_empty() && is_label && next.is_some() {
            self.label.clone_from(&line.text);
            return;
        }
        let text = match &*label {
            "" => line.text.clone(),
            label => format!("{}: {}", label.trim_end_matches([':', '：']), line.text),
        };
        let is_strict =
            !is_early || line.mark == LineMark::Number || self.section == Section::Steps;
        if self.section != Section::Notes
            && let Some(facts) = facts(&plain(&text), is_strict)
        {
            facts.into_iter().for_each(|fact| self.builder.fact(fact));
            return;
        }
        if self.section == Section::Head && self.head_facts(&text, !label.is_empty()) {
            return;
        }
        self.builder.note(label);
        self.begin_labelled_steps(line, next);
        match self.section {
            Section::Head => self.head(line, next),
            // A heading behind a table or a list that nothing named.
            Section::Ingredients if self.is_late_title(line, next) => {
                line.text.clone_into(&mut self.builder.draft.title);
            }
            Section::Ingredients if self.is_named && is_bare_group(line, next) => {
                self.flush();
                self.builder.group(&line.text);
            }
            Section::Ingredients => self.ingredient_line(line),
            Section::Steps => self.step_line(line),
            Section::Notes => self.builder.note(&*line.text),
        }
    }

    fn is_late_title(&self, line: &PastedLine, next: Option<&PastedLine>) -> bool {
        let is_free = !self.is_named && self.builder.draft.title.is_empty();
        let is_group = next.is_some_and(PastedLine::is_ingredient);
        is_free && line.mark == LineMark::Heading && !is_group && judge::is_title(line)
    }

    /// Begins the section of a heading. The text after the heading is its first line.
    fn enter(&mut self, section: Section, rest: &str, line: &PastedLine) {
        self.flush();
        (self.section, self.is_named, self.is_numbered) = (section, true, false);
        let rest = rest.trim_matches(|c: char| c.is_whitespace() || ":-–()/[]".contains(c));
        if section == Section::Notes {
            self.builder.note(&*line.text);
        } else if let Some(facts) = facts(rest, false) {
            facts.into_iter().for_each(|fact| self.builder.fact(fact));
        } else if let Some(yielded) = counted(rest).filter(|_| section == Section::Ingredients) {
            self.builder.fact(yielded);
        } else {
            // "Ingredients for the sauce: 2 eggs, 1 cup milk"
            let is_for = judge::is_for(rest);
            let (group, rest) =
                if is_for { rest.split_once(':').unwrap_or((rest, "")) } else { ("", rest) };
            if !group.is_empty() {
                self.group_of(&capitalised(group.trim()));
            }
            self.behind_heading(section, rest.trim());
        }
    }

    fn behind_heading(&mut self, section: Section, rest: &str) {
        if rest.is_empty() {
            return;
        }
        match section {
            Section::Ingredients => {
                listed(rest).iter().for_each(|part| self.builder.ingredient(part));
            }
            _ => self.step_line(&PastedLine::new(LineMark::None, rest, true)),
        }
    }

    fn ingredient_line(&mut self, line: &PastedLine) {
        let text = &*line.text;
        let has_amount = line.is_ingredient();
        if is_group(line) {
            self.flush();
            return self.builder.group(text);
        }
        if self.is_step(line, has_amount) {
            self.flush();
            (self.section, self.is_named) = (Section::Steps, false);
            // A heading above the first step is its own, and none of ingredients.
            let heading = self.builder.draft.ingredients.pop_if(|last| last.is_heading());
            self.group = heading.map_or_else(String::new, |heading| heading.text);
            return self.step_line(line);
        }
        if text.is_empty() {
            return;
        }
        if !self.half.is_empty() {
            let half = std::mem::take(&mut self.half);
            return self.builder.ingredient(&format!("{half} {text}"));
        }
        if line.look().is_amount_alone && line.mark == LineMark::None {
            self.half = text.to_owned();
            return;
        }
        // A wrapped line continues the one before.
        let last = self.builder.draft.ingredients.last().map_or("", |last| &last.text);
        let is_open = last.ends_with([',', '-'])
            || OPEN.iter().any(|word| last.ends_with(word))
            || last.matches('(').count() > last.matches(')').count();
        if line.mark == LineMark::None && !line.is_apart && !has_amount && is_open {
            let joined = format!("{last} {text}");
            self.builder.draft.ingredients.pop();
            return self.builder.ingredient(&joined);
        }
        match self.listed(line) {
            None => self.builder.ingredient(text),
            Some(parts) => parts.iter().for_each(|part| self.builder.ingredient(part)),
        }
    }

    /// Whether a line among the ingredients begins the steps.
    fn is_step(&self, line: &PastedLine, has_amount: bool) -> bool {
        let text = &*line.text;
        let count = text.split(' ').count();
        let is_marked = line.mark == LineMark::Bullet;
        let begins = begins_step(text);
        let is_sentence = text.ends_with(['.', '。']);
        !has_amount
            && !self.names_steps_after()
            && (begins && (count > 6 || is_sentence || line.mark == LineMark::Number)
                || sentences(text).len() > 1
                || (!self.is_named && (count > 6 || begins || is_sentence))
                || (!self.is_named && line.is_apart && !is_marked)
                || (line.mark == LineMark::Number && (begins || is_sentence)))
    }

    /// The ingredients that a line lists. Where each has a line of its own, two amounts are those of
    /// one.
    fn listed<'a>(&self, line: &'a PastedLine) -> Option<&'a [String]> {
        if self.has_own_lines && line.mark != LineMark::None {
            return None;
        }
        let parts = line.listed()?;
        (!self.has_own_lines || amounts(parts) >= 3).then_some(parts)
    }

    /// Whether the heading of the steps is still to come, so that nothing before it is a step.
    fn names_steps_after(&self) -> bool {
        self.names_steps && self.builder.draft.steps.is_empty()
    }

    fn step_line(&mut self, line: &PastedLine) {
        let text = &*line.text;
        if is_group(line) {
            self.flush();
            self.group = text.to_owned();
            return;
        }
        let has_amount = line.is_ingredient() && line.mark != LineMark::Number;
        let is_short = sentences(text).len() < 2 && !text.ends_with(['.', '。']);
        if has_amount && is_short && (!self.is_named || !self.group.is_empty()) {
            let group = std::mem::take(&mut self.group);
            self.section = Section::Ingredients;
            self.builder.group(&group);
            return self.ingredient_line(line);
        }
        if text.is_empty() || text.parse::<u16>().is_ok() || is_step_label(text) {
            self.is_numbered = true;
            return;
        }
        let last = self.builder.draft.steps.last().map_or("", |last| last);
        // Of a text without capitals, every line is a step.
        let first = self.builder.draft.steps.first().map_or("", |first| first);
        let is_wrapped = text.starts_with(char::is_lowercase)
            && !first.starts_with(char::is_lowercase)
            && !last.ends_with(['.', '!', '?', ':', '。']);
        let goes_on = line.mark == LineMark::None
            && !line.is_apart
            && !last.is_empty()
            && self.group.is_empty()
            && is_wrapped;
        if goes_on && let Some(last) = self.builder.draft.steps.last_mut() {
            last.push(' ');
            last.push_str(text);
            return;
        }
        let text = behind_own_number(text, self.builder.draft.steps.len());
        let marked =
            if line.mark == LineMark::Number { format!("1. {text}") } else { text.to_owned() };
        for step in numbered_steps(&marked) {
            self.step(step.strip_prefix("1. ").unwrap_or(step));
        }
        self.is_numbered = line.mark == LineMark::Number;
    }

    fn group_of(&mut self, text: &str) {
        match self.section {
            Section::Ingredients => self.builder.group(text),
            _ => {
                self.flush();
                self.group = text.to_owned();
            }
        }
    }

    fn step(&mut self, text: &str) {
        let group = std::mem::take(&mut self.group);
        let group = group.trim_end_matches([':', '：']);
        let text = match group {
            "" => text.to_owned(),
            sentence if sentence.ends_with('.') => format!("{sentence} {text}"),
            name => format!("{name}: {text}"),
        };
        self.builder.step(&text);
    }

    /// Keeps a label or an amount whose next line never came.
    fn flush(&mut self) {
        self.builder.note(std::mem::take(&mut self.label));
        self.builder.ingredient(&std::mem::take(&mut self.half));
        self.builder.note(std::mem::take(&mut self.group));
    }

    fn finish(mut self) -> ReadRecipe {
        self.flush();
        if let Some(last) = self.builder.draft.steps.pop_if(|last| is_signature(last)) {
            self.builder.note(last);
        }
        let draft = &mut self.builder.draft;
        if let [only] = &*draft.steps {
            let parts: Vec<String> = sentences(only).into_iter().map(str::to_owned).collect();
            if parts.len() <= MAX_STEPS {
                draft.steps = parts;
            }
        }
        if draft.ingredients.is_empty() {
            let named = amounts_in_prose(&draft.steps.join(" "));
            let fitting = named.iter().filter(|line| fits(line, MAX_INGREDIENT_CHARS));
            draft.ingredients =
                fitting.take(MAX_INGREDIENTS).map(|line| Ingredient::parse(line)).collect();
        }
        // Without a heading, an amount, a number or a verb, the text is not a recipe.
        let is_said = self.names_ingredients || self.names_steps || self.is_numbered;
        let is_done = |step: &String| begins_step(step);
        if !is_said && draft.ingredients.is_empty() && !draft.steps.iter().any(is_done) {
            let lines = std::mem::take(&mut draft.steps);
            lines.into_iter().for_each(|line| self.builder.note(line));
        }
        self.builder.finish()
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// A line that ends with one of these words continues on the next line.
const OPEN: &[&str] = &[" into", " and", " or", " with", " of", " in", " for", " to", " the", " a"];

#[cfg(test)]
mod tests;
