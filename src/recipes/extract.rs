//! Extraction of a recipe from pasted text: with or without headings, numbered or not, on many
//! lines or on one.
//!
//! Every line is a heading, facts about the recipe (yield, times, tags), an ingredient, a step, or
//! something else. The latter goes to the description, so no text is lost. The work is linear in
//! the text.

mod head;
mod inline;
mod judge;
mod lines;
pub(super) mod meta;
mod verbs;

use self::inline::{amounts, amounts_in_prose, listed, sentences};
use self::judge::{Section, heading, is_amount_alone, is_group, is_ingredient, is_list};
use self::lines::{LineMark, PastedLine, lines, numbered_steps};
use self::meta::{Fact, facts, is_label};
use self::verbs::begins_step;
use super::ingredient::Ingredient;
use super::recipe::{
    Draft, MAX_INGREDIENT_CHARS, MAX_INGREDIENTS, MAX_STEP_CHARS, MAX_STEPS, MAX_TAG_CHARS,
    MAX_TAGS, MAX_TITLE_CHARS, MAX_YIELD_CHARS,
};

/// Extracts a recipe from a text. Fields that the text does not mention are empty, even the title.
#[must_use]
pub fn extract(text: &str) -> Draft {
    let lines = lines(text);
    let mut reader = RecipeReader::new(&lines);
    for line in &lines {
        reader.line(line);
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
    draft: Draft,
    section: Section,
    /// Whether a heading began the section, rather than the look of its lines.
    is_named: bool,
    /// Whether the text has a heading for ingredients, and one for steps.
    names_ingredients: bool,
    names_steps: bool,
    /// Whether any line looks like an ingredient.
    has_amounts: bool,
    /// A group heading such as "For the sauce:", until its first step.
    group: String,
    /// A label such as "Prep time" whose value is on the next line.
    label: String,
    /// An amount such as "2 cups" whose ingredient is on the next line.
    half: String,
    /// Whether the last step had a number, so that a line without one continues it.
    is_numbered: bool,
    notes: Vec<String>,
}

impl RecipeReader {
    fn new(lines: &[PastedLine]) -> Self {
        let names = |section| {
            lines.iter().any(|line| heading(line).is_some_and(|(found, _)| found == section))
        };
        Self {
            draft: Draft::default(),
            section: Section::Head,
            is_named: false,
            names_ingredients: names(Section::Ingredients),
            names_steps: names(Section::Steps),
            has_amounts: lines.iter().any(|line| {
                is_ingredient(&line.text) && sentences(&line.text).len() < 2 && !is_list(&line.text)
            }),
            group: String::new(),
            label: String::new(),
            half: String::new(),
            is_numbered: false,
            notes: Vec::new(),
        }
    }

    fn line(&mut self, line: &PastedLine) {
        if let Some((section, rest)) = heading(line) {
            self.enter(section, rest, line);
            return;
        }
        let is_early = self.section == Section::Head
            || (self.section == Section::Ingredients && self.draft.ingredients.is_empty());
        let label = std::mem::take(&mut self.label);
        if is_early && label.is_empty() && is_label(&line.text) {
            self.label.clone_from(&line.text);
            return;
        }
        let text = match &*label {
            "" => line.text.clone(),
            label => format!("{}: {}", label.trim_end_matches(':'), line.text),
        };
        if self.section != Section::Notes
            && let Some(facts) = facts(&text, !is_early || line.mark == LineMark::Number)
        {
            facts.into_iter().for_each(|fact| self.fact(fact));
            return;
        }
        self.notes.extend(Some(label).filter(|label| !label.is_empty()));
        match self.section {
            Section::Head => self.head(line),
            Section::Ingredients => self.ingredient_line(line),
            Section::Steps => self.step_line(line),
            Section::Notes => self.notes.push(line.text.clone()),
        }
    }

    /// Begins the section of a heading. The text after the heading is its first line.
    fn enter(&mut self, section: Section, rest: &str, line: &PastedLine) {
        self.flush();
        (self.section, self.is_named, self.is_numbered) = (section, true, false);
        let rest = rest.trim_matches(|c: char| c.is_whitespace() || ":-–()".contains(c));
        if section == Section::Notes {
            self.notes.push(line.text.clone());
        } else if let Some(facts) = facts(rest, false) {
            facts.into_iter().for_each(|fact| self.fact(fact));
        } else {
            // "Ingredients for the sauce: 2 eggs, 1 cup milk"
            let (group, rest) = match rest.strip_prefix("for ").or(rest.strip_prefix("For ")) {
                Some(named) => named.split_once(':').unwrap_or((named, "")),
                None => ("", rest),
            };
            if !group.is_empty() {
                self.group_of(&format!("For {}", group.trim()));
            }
            self.behind_heading(section, rest.trim());
        }
    }

    fn behind_heading(&mut self, section: Section, rest: &str) {
        if rest.is_empty() {
            return;
        }
        match section {
            Section::Ingredients => listed(rest).iter().for_each(|part| self.ingredient(part)),
            _ => self.step_line(&PastedLine {
                mark: LineMark::None,
                text: rest.into(),
                is_apart: true,
            }),
        }
    }

    fn fact(&mut self, fact: Fact) {
        let draft = &mut self.draft;
        match fact {
            Fact::Yield(text) if draft.yields.is_empty() && fits(&text, MAX_YIELD_CHARS) => {
                draft.yields = text;
            }
            Fact::Prep(minutes) if draft.prep_time_minutes.is_none() => {
                draft.prep_time_minutes = Some(minutes);
            }
            Fact::Cook(minutes) if draft.cook_time_minutes.is_none() => {
                draft.cook_time_minutes = Some(minutes);
            }
            Fact::Title(text) if draft.title.is_empty() && fits(&text, MAX_TITLE_CHARS) => {
                draft.title = text;
            }
            Fact::Tags(tags) => {
                let (short, long): (Vec<_>, Vec<_>) =
                    tags.into_iter().partition(|tag| fits(tag, MAX_TAG_CHARS));
                self.notes.extend(long);
                let is_new = |tag: &String| !draft.tags.contains(tag);
                let new: Vec<_> = short.into_iter().filter(is_new).collect();
                draft.tags.extend(new);
                let room = draft.tags.len().min(MAX_TAGS);
                self.notes.extend(draft.tags.drain(room..));
            }
            Fact::Prep(minutes) => self.notes.push(format!("Prep: {minutes} minutes")),
            Fact::Cook(minutes) => self.notes.push(format!("Cook: {minutes} minutes")),
            Fact::Yield(text) | Fact::Title(text) | Fact::Other(text) => self.notes.push(text),
        }
    }

    fn ingredient_line(&mut self, line: &PastedLine) {
        let text = &*line.text;
        let has_amount = is_ingredient(text);
        if is_group(line) {
            self.flush();
            return self.ingredient_heading(text);
        }
        let count = text.split(' ').count();
        let is_marked = line.mark == LineMark::Bullet;
        let is_step = !has_amount
            && !self.names_steps_after()
            && (begins_step(text)
                && (count > 6 || text.ends_with('.') || line.mark == LineMark::Number)
                || sentences(text).len() > 1
                || (!self.is_named && (count > 6 || begins_step(text) || text.ends_with('.')))
                || (!self.is_named && line.is_apart && !is_marked)
                || (line.mark == LineMark::Number && begins_step(text)));
        if is_step {
            self.flush();
            (self.section, self.is_named) = (Section::Steps, false);
            return self.step_line(line);
        }
        if text.is_empty() {
            return;
        }
        if !self.half.is_empty() {
            let half = std::mem::take(&mut self.half);
            return self.ingredient(&format!("{half} {text}"));
        }
        if is_amount_alone(text) && line.mark == LineMark::None {
            self.half = text.to_owned();
            return;
        }
        // A wrapped line continues the one before.
        let last = self.draft.ingredients.last().map_or("", |last| &last.text);
        let is_open = last.ends_with([',', '-'])
            || OPEN.iter().any(|word| last.ends_with(word))
            || last.matches('(').count() > last.matches(')').count();
        if line.mark == LineMark::None && !line.is_apart && !has_amount && is_open {
            let joined = format!("{last} {text}");
            self.draft.ingredients.pop();
            return self.ingredient(&joined);
        }
        if is_list(text) {
            listed(text).iter().for_each(|part| self.ingredient(part));
        } else {
            self.ingredient(text);
        }
    }

    /// Whether the heading of the steps is still to come, so that nothing before it is a step.
    fn names_steps_after(&self) -> bool {
        self.names_steps && self.draft.steps.is_empty()
    }

    fn step_line(&mut self, line: &PastedLine) {
        let text = &*line.text;
        if is_group(line) {
            self.flush();
            self.group = text.to_owned();
            return;
        }
        let has_amount = is_ingredient(text) && line.mark != LineMark::Number;
        let is_short = sentences(text).len() < 2 && !text.ends_with('.');
        if has_amount && is_short && (!self.is_named || !self.group.is_empty()) {
            let group = std::mem::take(&mut self.group);
            self.section = Section::Ingredients;
            if !group.is_empty() {
                self.ingredient_heading(&group);
            }
            return self.ingredient_line(line);
        }
        if text.is_empty() || text.parse::<u16>().is_ok() {
            self.is_numbered = true;
            return;
        }
        let last = self.draft.steps.last().map_or("", |last| last);
        let is_wrapped =
            text.starts_with(char::is_lowercase) && !last.ends_with(['.', '!', '?', ':']);
        let goes_on = line.mark == LineMark::None
            && !line.is_apart
            && !last.is_empty()
            && self.group.is_empty()
            && is_wrapped;
        if goes_on && let Some(last) = self.draft.steps.last_mut() {
            last.push(' ');
            last.push_str(text);
            return;
        }
        let marked =
            if line.mark == LineMark::Number { format!("1. {text}") } else { text.to_owned() };
        for step in numbered_steps(&marked) {
            self.step(step.strip_prefix("1. ").unwrap_or(step));
        }
        self.is_numbered = line.mark == LineMark::Number;
    }

    fn ingredient(&mut self, text: &str) {
        let is_full = self.draft.ingredients.len() >= MAX_INGREDIENTS;
        if is_full || !fits(text, MAX_INGREDIENT_CHARS) {
            self.notes.push(text.to_owned());
        } else if !text.trim().is_empty() {
            self.draft.ingredients.push(Ingredient::parse(text));
        }
    }

    fn ingredient_heading(&mut self, text: &str) {
        let text = text.trim_end_matches(':').trim();
        self.ingredient(&format!("{text}:"));
    }

    fn group_of(&mut self, text: &str) {
        match self.section {
            Section::Ingredients => self.ingredient_heading(text),
            _ => {
                self.flush();
                self.group = text.to_owned();
            }
        }
    }

    fn step(&mut self, text: &str) {
        let group = std::mem::take(&mut self.group);
        let group = group.trim_end_matches(':');
        let text = if group.is_empty() { text.to_owned() } else { format!("{group}: {text}") };
        if self.draft.steps.len() >= MAX_STEPS || !fits(&text, MAX_STEP_CHARS) {
            self.notes.push(text);
        } else {
            self.draft.steps.push(text);
        }
    }

    /// Keeps a label or an amount whose next line never came.
    fn flush(&mut self) {
        let label = std::mem::take(&mut self.label);
        self.notes.extend(Some(label).filter(|label| !label.is_empty()));
        let half = std::mem::take(&mut self.half);
        if !half.is_empty() {
            self.ingredient(&half);
        }
        let group = std::mem::take(&mut self.group);
        if !group.is_empty() {
            self.notes.push(group);
        }
    }

    fn finish(mut self) -> Draft {
        self.flush();
        if let [only] = &*self.draft.steps {
            let parts: Vec<String> = sentences(only).into_iter().map(str::to_owned).collect();
            if parts.len() <= MAX_STEPS {
                self.draft.steps = parts;
            }
        }
        if self.draft.ingredients.is_empty() {
            let named = amounts_in_prose(&self.draft.steps.join(" "));
            let fitting = named.iter().filter(|line| fits(line, MAX_INGREDIENT_CHARS));
            self.draft.ingredients =
                fitting.take(MAX_INGREDIENTS).map(|line| Ingredient::parse(line)).collect();
        }
        // Without a heading, an amount, a number or a verb, the text is not a recipe.
        let is_said = self.names_ingredients || self.names_steps || self.is_numbered;
        let is_done = |step: &String| begins_step(step);
        if !is_said && self.draft.ingredients.is_empty() && !self.draft.steps.iter().any(is_done) {
            self.notes.append(&mut self.draft.steps);
        }
        // Joined steps may be too long.
        let (short, long): (Vec<_>, Vec<_>) =
            self.draft.steps.into_iter().partition(|step| fits(step, MAX_STEP_CHARS));
        self.draft.steps = short;
        self.notes.extend(long);
        self.draft.description = self.notes.join("\n");
        self.draft
    }
}

/// A line that ends with one of these words continues on the next line.
const OPEN: &[&str] = &[" into", " and", " or", " with", " of", " in", " for", " to", " the", " a"];

fn fits(text: &str, most: usize) -> bool {
    text.len() <= most || text.chars().count() <= most
}

#[cfg(test)]
mod tests;
