//! Steps that are paragraphs, as in the formats of cooking programs.

use super::builder::DraftBuilder;
use super::text::{numbered_steps, sentences};

/// Collects lines into paragraphs, which a blank line ends. Each is a step, or several that are
/// numbered.
#[derive(Debug, Default)]
pub(super) struct Paragraphs {
    open: String,
    steps: Vec<String>,
}

impl Paragraphs {
    /// Takes a line. A blank one ends the paragraph.
    pub(super) fn line(&mut self, line: &str) {
        let line = line.trim();
        if line.is_empty() {
            return self.end();
        }
        if super::text::numbered(line).is_some() {
            self.end();
        }
        if !self.open.is_empty() {
            self.open.push(' ');
        }
        self.open.push_str(line);
    }

    /// Whether there is no line yet.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.steps.is_empty()
    }

    fn end(&mut self) {
        let paragraph = std::mem::take(&mut self.open);
        if !paragraph.is_empty() {
            self.steps.push(paragraph);
        }
    }

    /// Adds the steps. One paragraph alone is taken apart into its sentences.
    pub(super) fn finish(mut self, builder: &mut DraftBuilder) {
        self.end();
        let steps: Vec<&str> = match &*self.steps {
            [one] => match &*numbered_steps(one) {
                [_] => sentences(one),
                several => several.to_vec(),
            },
            several => several.iter().flat_map(|step| numbered_steps(step)).collect(),
        };
        for step in steps {
            builder.step(super::text::numbered(step).unwrap_or(step));
        }
    }
}
