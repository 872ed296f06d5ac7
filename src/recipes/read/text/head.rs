//! The lines before the first heading, and texts without headings.

use super::RecipeReader;
use super::headings::Section;
use super::inline::sentences;
use super::judge::{is_for, is_group, is_numbered_title, is_title};
use super::lines::{LineMark, PastedLine};
use super::look::list;
use super::meta::{
    Fact, bare_time, facts, mixed_facts, title_for_people, title_with_facts, title_with_yield,
};
use super::verbs::begins_step;
use crate::recipes::line::plain;

impl RecipeReader {
    /// Reads a line before the first section.
    pub(super) fn head(&mut self, line: &PastedLine, next: Option<&PastedLine>) {
        let text = &*line.text;
        let count = sentences(text).len();
        let is_sectioned = self.names_ingredients || self.names_steps || self.has_amounts;
        let has_title = !self.builder.draft.title.is_empty();
        if !has_title
            && line.mark != LineMark::Bullet
            && self.builder.draft.ingredients.is_empty()
            && let Some((title, fact)) = title_with_yield(text)
        {
            title.clone_into(&mut self.builder.draft.title);
            return self.builder.fact(fact);
        }
        let is_first = self.builder.draft.ingredients.is_empty() && line.mark != LineMark::Bullet;
        if is_first && let Some((title, facts)) = title_with_facts(text) {
            if has_title {
                self.builder.note(title);
            } else {
                title.clone_into(&mut self.builder.draft.title);
            }
            return facts.into_iter().for_each(|fact| self.builder.fact(fact));
        }
        if is_first
            && !has_title
            && let Some((title, fact)) = title_for_people(text)
        {
            title.clone_into(&mut self.builder.draft.title);
            return self.builder.fact(fact);
        }
        let is_address = text.ends_with(':') && text.split(' ').count() > 4 && !is_for(text);
        if !has_title && is_numbered_title(line, next) {
            self.title(text);
        } else if is_group(line) && has_title && !self.names_ingredients && !is_address {
            self.section = Section::Ingredients;
            self.ingredient_line(line);
        } else if (line.listed().is_some() && !self.names_ingredients)
            || (count > 1 && (!is_sectioned || self.is_title_with_facts(text)))
        {
            self.prose(text);
        } else if line.mark == LineMark::Number && !line.is_ingredient() && !self.names_steps {
            self.section = Section::Steps;
            self.step_line(line);
        } else if line.is_ingredient() && count < 2 && !self.names_ingredients {
            self.section = Section::Ingredients;
            self.ingredient_line(line);
        } else if !has_title && is_title(line) {
            self.title(text);
        } else if is_sectioned && !(begins_step(text) && self.begins_unnamed()) {
            self.builder.note(text);
        } else {
            self.section = Section::Steps;
            self.step_line(line);
        }
    }

    /// Takes the facts of a line that has others, or is a duration. Returns whether it was one.
    pub(super) fn head_facts(&mut self, text: &str, has_label: bool) -> bool {
        let text = &*plain(text);
        let has_title = !self.builder.draft.title.is_empty();
        if let Some((facts, mut others)) = mixed_facts(text).filter(|_| !has_label) {
            facts.into_iter().for_each(|fact| self.builder.fact(fact));
            // "Dal Tadka | Serves 4 | 35 min"
            let is_title = others.first().is_some_and(|first| text.starts_with(&**first));
            if is_title && !has_title {
                self.builder.draft.title = others.remove(0);
            }
            others.into_iter().for_each(|other| self.builder.note(other));
            return true;
        }
        let minutes = bare_time(text).filter(|_| has_title);
        minutes.into_iter().for_each(|minutes| self.builder.fact(Fact::Total(minutes)));
        minutes.is_some()
    }

    /// Begins the steps where "Étape 1" is alone behind the ingredients, and no heading is.
    pub(super) fn begin_labelled_steps(&mut self, line: &PastedLine, next: Option<&PastedLine>) {
        let is_mark = line.mark == LineMark::Number && line.text.is_empty();
        let is_step = is_mark && next.is_some_and(|next| !next.is_ingredient());
        let has_ingredients = !self.builder.draft.ingredients.is_empty();
        if is_step && self.section == Section::Ingredients && has_ingredients {
            self.flush();
            (self.section, self.is_named) = (Section::Steps, false);
        }
    }

    /// Reads a title, which may hold facts: "Omelette (serves 1)", "Omelette - serves 1".
    fn title(&mut self, text: &str) {
        let text = text.trim_end_matches([':', '.', '!']).trim();
        for sign in [" - ", " – ", " — ", " (", "（", " | ", ", "] {
            if let Some((title, rest)) = text.rsplit_once(sign)
                && let Some(facts) = facts(rest.trim_end_matches([')', '）']), false)
            {
                self.builder.draft.title = title.trim().to_owned();
                return facts.into_iter().for_each(|fact| self.builder.fact(fact));
            }
        }
        self.builder.draft.title = text.to_owned();
    }

    /// Whether a line is a title followed by facts, such as "Pancakes. Serves 4."
    fn is_title_with_facts(&self, text: &str) -> bool {
        let mut parts = sentences(text).into_iter().skip(1);
        self.builder.draft.title.is_empty() && parts.all(|part| facts(part, true).is_some())
    }

    /// Whether steps may begin without a heading.
    fn begins_unnamed(&self) -> bool {
        !self.names_steps && !self.has_amounts && !self.names_ingredients
    }

    /// Reads a paragraph: its lists are ingredients, its other sentences are steps.
    fn prose(&mut self, text: &str) {
        let parts = sentences(text);
        for (index, sentence) in parts.iter().enumerate() {
            let (head, rest) = sentence.split_once(": ").unwrap_or(("", sentence));
            let plain = PastedLine::new(LineMark::None, *sentence, false);
            let is_first = index == 0 && self.builder.draft.title.is_empty();
            if let Some(facts) = facts(sentence, true) {
                facts.into_iter().for_each(|fact| self.builder.fact(fact));
            } else if let Some(listed) = list(rest) {
                if is_first && !head.is_empty() {
                    self.builder.draft.title = head.to_owned();
                } else if !head.is_empty() {
                    self.builder.group(head);
                }
                listed.iter().for_each(|part| self.builder.ingredient(part));
            } else if is_first && parts.len() > 1 && is_title(&plain) && sentence.len() <= 60 {
                self.title(sentence);
            } else {
                self.section = Section::Steps;
                self.step(sentence);
            }
        }
    }
}
