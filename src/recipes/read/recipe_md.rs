//! RecipeMD (<https://recipemd.org/specification.html>): Markdown with a rule before the ingredients
//! and one before the steps.
//!
//! ```text
//! # Cucumber Yoghurt
//! *sauce, vegan*
//! **4 Servings, 350 g**
//! ---
//! - *1* cucumber
//! ---
//! Grate the cucumber.
//! ```

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::builder::{DraftBuilder, one_line};
use super::outcome::ReadRecipe;
use super::text::is_heading_of;

/// Whether a text has a title, and between rules a list without the heading "Ingredients".
pub(super) fn is_it(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    let (first, second) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    // A title may be underlined (CommonMark, section 4.3).
    let is_underlined = second.len() > 1 && second.bytes().all(|c| c == b'=');
    if !(first.starts_with("# ") || (is_underlined && !first.is_empty())) {
        return false;
    }
    let list = std::iter::once(second)
        .chain(lines)
        .skip_while(|line| !is_rule(line))
        .skip_while(|line| is_rule(line));
    let list: Vec<&str> =
        list.take_while(|line| !is_rule(line)).filter(|it| !it.is_empty()).collect();
    let is_item = |line: &&&str| line.starts_with(['-', '*', '+']);
    let names = |line: &&str| is_heading_of(line.trim_start_matches(['#', ' '])).is_some();
    list.iter().filter(is_item).count() * 2 >= list.len().max(1) && !list.iter().any(names)
}

fn is_rule(line: &str) -> bool {
    line.len() > 2 && ["-", "*", "_"].iter().any(|sign| line.replace(sign, "").trim().is_empty())
}

/// Where a recipe is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum MarkdownPart {
    #[default]
    Head,
    Ingredients,
    Steps,
}

/// Reads a recipe.
pub(super) fn read(text: &str, builder: DraftBuilder) -> ReadRecipe {
    let mut reader = RecipeMd { builder, ..RecipeMd::default() };
    for event in Parser::new_ext(text, Options::empty()) {
        reader.event(event);
    }
    reader.block_end();
    reader.builder.finish()
}

#[derive(Default)]
struct RecipeMd {
    builder: DraftBuilder,
    part: MarkdownPart,
    /// The text of the block that is read, and how much of it is emphasised or strong.
    block: String,
    emphasised: usize,
    strong: usize,
    /// Where the open emphasis begins in the block.
    start: usize,
    is_heading: bool,
    /// The name of a group of steps, until its first step.
    group: String,
}

impl RecipeMd {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Rule => {
                self.block_end();
                self.part = match self.part {
                    MarkdownPart::Head => MarkdownPart::Ingredients,
                    _ => MarkdownPart::Steps,
                };
            }
            Event::Start(Tag::Heading { .. }) => {
                self.block_end();
                self.is_heading = true;
            }
            Event::Start(Tag::Paragraph | Tag::Item | Tag::List(_)) => self.block_end(),
            Event::Start(Tag::Emphasis | Tag::Strong) => self.start = self.block.len(),
            Event::End(TagEnd::Emphasis) => {
                self.emphasised += self.block.len().saturating_sub(self.start);
            }
            Event::End(TagEnd::Strong) => {
                self.strong += self.block.len().saturating_sub(self.start);
            }
            Event::End(
                TagEnd::Heading(_) | TagEnd::Paragraph | TagEnd::Item | TagEnd::CodeBlock,
            ) => {
                self.block_end();
            }
            Event::Text(text) | Event::Code(text) => self.block.push_str(&text),
            Event::Html(text) | Event::InlineHtml(text) => self.block.push_str(&text),
            Event::SoftBreak | Event::HardBreak => self.block.push(' '),
            _ => {}
        }
    }

    /// Takes the block that ends.
    fn block_end(&mut self) {
        let length = self.block.trim().len();
        let text = one_line(&std::mem::take(&mut self.block));
        let is_heading = std::mem::take(&mut self.is_heading);
        let is_emphasised = std::mem::take(&mut self.emphasised) >= length;
        let is_strong = std::mem::take(&mut self.strong) >= length;
        if text.is_empty() {
            return;
        }
        match self.part {
            MarkdownPart::Head if is_heading && self.builder.draft.title.is_empty() => {
                self.builder.draft.title = text;
            }
            MarkdownPart::Head if is_emphasised => {
                text.split(',').for_each(|tag| self.builder.tag(tag.to_owned()));
            }
            MarkdownPart::Head if is_strong && self.builder.draft.yields.is_empty() => {
                self.builder.draft.yields = text;
            }
            MarkdownPart::Head => self.builder.note(text),
            MarkdownPart::Ingredients if is_heading => self.builder.group(&text),
            MarkdownPart::Ingredients => self.builder.ingredient(&text),
            MarkdownPart::Steps if is_heading => self.group = text,
            MarkdownPart::Steps => {
                let group = std::mem::take(&mut self.group);
                let is_named = !group.is_empty();
                self.builder.step(&if is_named { format!("{group}: {text}") } else { text });
            }
        }
    }
}
