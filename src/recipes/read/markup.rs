//! The text of HTML, and the scripts with JSON-LD in it.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};

use super::builder::one_line;
use super::marked_fields::MarkedFields;

/// Whether a text is HTML: it begins with a tag, or has several.
pub(super) fn is_it(text: &str) -> bool {
    let begins = text.strip_prefix('<').is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!' || c == '/')
    });
    let tags = text.match_indices('<').filter(|(at, _)| is_tag(text.get(at + 1..).unwrap_or("")));
    let least = if begins { 1 } else { 3 };
    tags.take(least).count() == least
}

/// Whether a text, which is behind `<`, begins with the name of a tag.
fn is_tag(text: &str) -> bool {
    let name = text.strip_prefix(['/', '!']).unwrap_or(text);
    let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
    let closes = name.get(end..).is_some_and(|rest| rest.starts_with(['>', ' ', '/', '\n', '\t']));
    let name = name.get(..end).unwrap_or_default();
    closes && name.len() < 11 && TAGS.contains(&&*name.to_ascii_lowercase())
}

/// The text of a fragment, with a line break for each of its blocks.
pub(super) fn text_of(markup: &str) -> String {
    if !markup.contains(['<', '&']) {
        return markup.to_owned();
    }
    HtmlPage::of(markup).text
}

/// What is read of a page.
#[derive(Debug, Default)]
pub(super) struct HtmlPage {
    text: String,
    /// The texts of scripts with JSON-LD.
    pub(super) scripts: Vec<String>,
    /// The text of `<title>`, and of the first `<h1>` and where it ends in the text.
    named: String,
    heading: Option<(String, usize)>,
    /// Where the open `<h1>` begins in the text.
    heading_start: Option<usize>,
    /// The element whose content is not read, and how many of its name are open.
    skipped: Option<(Vec<u8>, u32)>,
    pub(super) is_skipped: bool,
    is_script: bool,
    is_title: bool,
    /// The parts that the markup names.
    pub(super) fields: MarkedFields,
    /// What precedes the next text: `- ` in a list.
    prefix: String,
    /// The number of the last item of each open list; none in lists without numbers.
    lists: Vec<Option<u32>>,
}

impl HtmlPage {
    pub(super) fn of(markup: &str) -> Self {
        let mut page = Self::default();
        let mut emitter = DefaultEmitter::default();
        // In a script, `<` begins no tag.
        emitter.naively_switch_states(true);
        for token in Tokenizer::new_with_emitter(markup, emitter).flatten() {
            match token {
                Token::StartTag(tag) => page.start(&tag),
                Token::EndTag(tag) => page.end(&tag.name),
                Token::String(text) => page.push(&String::from_utf8_lossy(&text)),
                Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
            }
        }
        page
    }

    fn start(&mut self, tag: &StartTag<()>) {
        let name: &[u8] = &tag.name;
        if let Some((skipped, open)) = &mut self.skipped {
            *open += u32::from(skipped == name && !tag.self_closing);
            return;
        }
        match name {
            b"script" => {
                let kind = tag.attributes.get(&b"type"[..]);
                let is_json =
                    kind.is_some_and(|kind| kind.to_ascii_lowercase().ends_with(b"ld+json"));
                self.is_script = is_json;
                if is_json {
                    self.scripts.push(String::new());
                } else {
                    self.skip(name);
                }
            }
            b"title" => self.is_title = true,
            b"nav" | b"footer" | b"aside" | b"form" | b"button" | b"style" | b"noscript"
            | b"svg" | b"select" | b"template" | b"iframe" => self.skip(name),
            b"ol" | b"ul" => {
                self.paragraph();
                if self.lists.len() < MAX_DEPTH {
                    self.lists.push(Some(0).filter(|_| name == b"ol"));
                }
            }
            b"li" => self.item(),
            b"h1" => {
                self.paragraph();
                self.heading_start = Some(self.text.len());
            }
            b"h2" | b"h3" | b"h4" | b"h5" | b"h6" => {
                self.paragraph();
                "## ".clone_into(&mut self.prefix);
            }
            b"br" | b"div" | b"tr" | b"dt" => self.line(),
            b"td" | b"th" | b"dd" => self.push(" "),
            b"b" | b"strong" => self.bold(),
            _ if BLOCKS.contains(&name) => self.paragraph(),
            _ => {}
        }
        if self.fields.begin(tag, self.text.len()) {
            self.line();
        }
    }

    fn end(&mut self, name: &[u8]) {
        if let Some((skipped, open)) = &mut self.skipped {
            if skipped == name {
                *open -= 1;
                if *open == 0 {
                    self.skipped = None;
                }
            }
            return;
        }
        if self.fields.end(name, &self.text) {
            self.line();
        }
        match name {
            b"script" => self.is_script = false,
            b"title" => self.is_title = false,
            b"ol" | b"ul" => {
                self.lists.pop();
                self.paragraph();
            }
            b"h1" => {
                let start = self.heading_start.take();
                let heading = start.and_then(|start| self.text.get(start..)).map(one_line);
                if let Some(heading) = heading.filter(|it| !it.is_empty() && self.heading.is_none())
                {
                    self.heading = Some((heading, self.text.len()));
                }
                self.paragraph();
            }
            b"dt" => self.push(": "),
            b"b" | b"strong" => self.bold(),
            b"li" | b"div" | b"tr" | b"dd" => self.line(),
            _ if BLOCKS.contains(&name) || name.starts_with(b"h") => self.paragraph(),
            _ => {}
        }
    }

    fn skip(&mut self, name: &[u8]) {
        self.skipped = Some((name.to_vec(), 1));
        self.is_skipped |= !matches!(name, b"style" | b"svg");
    }

    fn push(&mut self, text: &str) {
        if self.skipped.is_some() {
            return;
        }
        if self.is_script {
            if let Some(script) = self.scripts.last_mut() {
                script.push_str(text);
            }
            return;
        }
        if self.is_title {
            return self.named.push_str(text);
        }
        if !self.prefix.is_empty() && !text.trim().is_empty() {
            self.text.push_str(&std::mem::take(&mut self.prefix));
        }
        for c in text.chars() {
            if !c.is_whitespace() || c == '\u{a0}' {
                self.text.push(c);
            } else if !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
                self.text.push(' ');
            }
        }
    }

    /// Begins a line, unless nothing but its prefix is on the last one.
    fn line(&mut self) {
        if self.prefix.is_empty() && !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// Begins a line behind a blank one.
    fn paragraph(&mut self) {
        if self.prefix.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return;
        }
        self.prefix.clear();
        self.line();
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    fn item(&mut self) {
        self.prefix.clear();
        self.line();
        self.prefix = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number = number.saturating_add(1);
                format!("{number}. ")
            }
            _ => "- ".to_owned(),
        };
    }

    /// Marks bold text, which may be a heading.
    fn bold(&mut self) {
        let is_heading = self.prefix.starts_with('#') || self.heading_start.is_some();
        if !is_heading && !self.is_title && !self.is_script {
            self.text.push_str(&std::mem::take(&mut self.prefix));
            self.text.push_str("**");
        }
    }

    /// The heading of the page, or its name without that of the site.
    pub(super) fn title(&self) -> String {
        let named = || one_line(&self.named);
        let heading = self.heading.as_ref().map(|(heading, _)| heading.replace("**", ""));
        heading.unwrap_or_else(|| {
            let named = named();
            let parts = [" | ", " - ", " – ", " — ", " :: "];
            let end = parts.iter().filter_map(|part| named.find(part)).min();
            named.get(..end.unwrap_or(named.len())).unwrap_or_default().to_owned()
        })
    }

    /// The text of the recipe, if the page has it in a card.
    pub(super) fn card(&self) -> Option<&str> {
        let (start, end) = self.fields.card()?;
        self.text.get(start..end).map(str::trim).filter(|text| text.len() > MIN_CARD_BYTES)
    }

    /// The text behind the heading.
    pub(super) fn body(&self) -> &str {
        let start = self.heading.as_ref().map_or(0, |(_, end)| *end);
        let behind = self.text.get(start..).unwrap_or_default();
        if behind.trim().is_empty() { &self.text } else { behind }
    }
}

/// A shorter card has no recipe in it.
const MIN_CARD_BYTES: usize = 80;
/// The most lists that are open at once; deeper ones have no numbers.
const MAX_DEPTH: usize = 64;
/// Elements that begin and end a paragraph.
const BLOCKS: &[&[u8]] = &[
    b"p",
    b"section",
    b"article",
    b"header",
    b"main",
    b"table",
    b"blockquote",
    b"figure",
    b"dl",
    b"hr",
    b"body",
    b"fieldset",
    b"details",
    b"summary",
    b"pre",
    b"address",
    b"figcaption",
];
/// Tags by which HTML is recognised.
const TAGS: &[&str] = &[
    "html", "head", "body", "script", "doctype", "div", "span", "p", "br", "ul", "ol", "li", "h1",
    "h2", "h3", "h4", "table", "tr", "td", "th", "article", "section", "main", "header", "b",
    "strong", "em", "i", "a", "img", "meta", "title", "dl", "dt", "dd", "figure", "nav", "link",
    "style", "u", "font", "center",
];
