//! Cooklang (<https://cooklang.org/docs/spec>): steps in which ingredients, cookware and timers are
//! marked.
//!
//! ```text
//! >> servings: 2
//! Warm @olive oil{2%tbsp} in a #pan{} and soften @onion{1}(sliced) for ~{8%minutes}.
//! ```

use std::collections::BTreeSet;

use super::builder::{DraftBuilder, one_line};
use super::outcome::ReadRecipe;
use super::text::meta::labelled;
use crate::recipes::scan::from;

/// Whether a text has Cooklang's metadata, or an ingredient with braces.
pub(super) fn is_it(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start();
        let is_metadata = line.strip_prefix(">>").is_some_and(|rest| rest.contains(':'));
        is_metadata || has_component(line)
    })
}

/// Whether a line has a marked ingredient: `@olive oil{2%tbsp}`.
fn has_component(line: &str) -> bool {
    let (head, _) = line.split_once('{').unwrap_or(("", ""));
    let (before, name) = head.rsplit_once('@').unwrap_or(("", ""));
    let is_word = before.ends_with(char::is_alphanumeric);
    !name.is_empty() && !is_word && !name.contains(['.', ',', '}']) && line.contains('}')
}

/// Reads a recipe. A paragraph is a step.
pub(super) fn read(text: &str, builder: DraftBuilder) -> ReadRecipe {
    let text = without_comments(text);
    let mut reader = Cooklang { builder, ..Cooklang::default() };
    for line in text.lines() {
        reader.line(line.trim());
    }
    reader.paragraph_end();
    reader.builder.finish()
}

/// The text without `[- comments -]`, and without `-- comments` to the end of a line.
fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("[-") {
        plain.push_str(before);
        rest = comment.split_once("-]").map_or("", |(_, behind)| behind);
    }
    plain.push_str(rest);
    let lines = plain.lines().map(|line| match line.find("--") {
        // A rule is no comment.
        Some(at) if !line.starts_with("---") => line.get(..at).unwrap_or_default(),
        _ => line,
    });
    // A line that was a comment does not end a paragraph.
    let is_kept = |(line, original): &(&str, &str)| !line.is_empty() || original.trim().is_empty();
    let kept = lines.zip(plain.lines()).filter(is_kept).map(|(line, _)| line);
    kept.collect::<Vec<_>>().join("\n")
}

#[derive(Default)]
struct Cooklang {
    builder: DraftBuilder,
    /// The step that is read.
    step: String,
    /// The name of a section, until its first step.
    section: String,
    /// The same, until its first ingredient.
    group: String,
    /// The names of ingredients that are listed.
    listed: BTreeSet<String>,
}

impl Cooklang {
    fn line(&mut self, line: &str) {
        if line.is_empty() || line.starts_with("---") {
            return self.paragraph_end();
        }
        if let Some(metadata) = line.strip_prefix(">>") {
            return self.metadata(metadata);
        }
        if let Some(note) = line.strip_prefix('>') {
            self.paragraph_end();
            return self.builder.note(note.trim());
        }
        if line.starts_with('=') {
            self.paragraph_end();
            line.trim_matches(['=', ' ']).clone_into(&mut self.section);
            self.section.clone_into(&mut self.group);
            return;
        }
        if !self.step.is_empty() {
            self.step.push(' ');
        }
        let mut rest = line;
        while let Some(at) = rest.find(['@', '#', '~']) {
            let (before, marked) = rest.split_at(at);
            self.step.push_str(before);
            rest = self.component(marked, before.chars().next_back());
        }
        self.step.push_str(rest);
    }

    fn metadata(&mut self, line: &str) {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let key = key.trim().replace(['_', '.'], " ");
        let key = match key.as_str() {
            "time prep" => "prep time",
            "time cook" => "cook time",
            "time required" => "total time",
            key => key,
        };
        // "servings: 2|4" are those that the recipe can be scaled to; the amounts are for the first.
        let is_choice = value.split('|').all(|part| part.trim().parse::<u32>().is_ok());
        let value = if is_choice { value.split('|').next().unwrap_or(value) } else { value };
        match labelled(key, value) {
            Some(fact) => self.builder.fact(fact),
            None => self.builder.note(format!("{key}: {}", value.trim())),
        }
    }

    /// Reads what is marked at the beginning of a text. Returns the text after it.
    fn component<'a>(&mut self, text: &'a str, before: Option<char>) -> &'a str {
        let sign = text.chars().next().unwrap_or_default();
        let behind = text.get(1..).unwrap_or_default();
        let mut inner = behind;
        for _ in 0..MAX_MODIFIERS {
            inner = inner.strip_prefix(['&', '?', '+', '-', '@']).unwrap_or(inner);
        }
        let Some(component) =
            Component::parse(inner).filter(|_| before.is_none_or(|c| !c.is_alphanumeric()))
        else {
            self.step.push(sign);
            return behind;
        };
        let quantity = component.quantity();
        match sign {
            '~' => self.step.push_str(if quantity.is_empty() { component.name } else { &quantity }),
            '@' => {
                self.step.push_str(component.name);
                self.ingredient(&component, &quantity);
            }
            _ => self.step.push_str(component.name),
        }
        component.rest
    }

    /// Lists an ingredient once, and again where it has another amount.
    fn ingredient(&mut self, component: &Component<'_>, quantity: &str) {
        let is_new = self.listed.insert(component.name.to_lowercase());
        if !is_new && quantity.is_empty() {
            return;
        }
        let mut line = one_line(&format!("{quantity} {}", component.name));
        if !component.note.is_empty() {
            line = format!("{line}, {}", component.note);
        }
        let group = std::mem::take(&mut self.group);
        if !group.is_empty() {
            self.builder.group(&group);
        }
        self.builder.ingredient(&line);
    }

    fn paragraph_end(&mut self) {
        let step = one_line(&std::mem::take(&mut self.step));
        if step.is_empty() {
            return;
        }
        let section = std::mem::take(&mut self.section);
        let is_named = !section.is_empty();
        self.builder.step(&if is_named { format!("{section}: {step}") } else { step });
    }
}

/// `name{quantity%unit}(note)`, or one word.
struct Component<'a> {
    name: &'a str,
    braces: &'a str,
    note: &'a str,
    rest: &'a str,
}

impl<'a> Component<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let whole = text;
        let text = near(text);
        let after = |rest: &str| from(whole, text.len() - rest.len());
        // A name of several words ends with braces, before any other mark and the end of a sentence.
        let end = text.find(['@', '#', '~', '{', '\n']).unwrap_or(text.len());
        let named = text.get(..end)?;
        if let Some(inner) = text.get(end..)?.strip_prefix('{')
            && let Some((braces, rest)) = inner.split_once('}')
            && !named.contains(['.', ';', '}'])
        {
            let noted = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
            let (note, rest) = noted.unwrap_or(("", rest));
            // `name|alias`
            let name = named.split('|').next().unwrap_or(named).trim();
            return Some(Self { name, braces, note: note.trim(), rest: after(rest) });
        }
        let is_end = |c: char| !(c.is_alphanumeric() || c == '-' || c == '_');
        let end = text.find(is_end).unwrap_or(text.len());
        let name = text.get(..end).filter(|name| !name.is_empty())?;
        Some(Self { name, braces: "", note: "", rest: from(whole, end) })
    }

    /// The amount as people write it: `2 tbsp`.
    fn quantity(&self) -> String {
        let braces = self.braces.trim().trim_start_matches('=');
        let (number, unit) = braces.split_once('%').unwrap_or((braces, ""));
        one_line(&format!("{number} {unit}"))
    }
}

/// The beginning of a text, in which a component ends, so that the search for its end stays short.
fn near(text: &str) -> &str {
    let end = text.char_indices().nth(MAX_COMPONENT).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or_default()
}

/// The longest component, in characters, and the most signs between `@` and a name.
const MAX_COMPONENT: usize = 300;
const MAX_MODIFIERS: usize = 3;
