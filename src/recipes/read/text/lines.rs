//! The lines of a pasted text, without their bullets, numbers and Markdown.

use std::cell::OnceCell;
use std::sync::LazyLock;

use super::emphasis::unmarked;
use super::inline;
use super::look::{LineLook, list};
use super::table::{self, Columns};
use super::verbs::begins_step;
use crate::recipes::languages::Phrases;
use crate::recipes::scan::{from, word};
use crate::recipes::{units, words};

/// The decoration of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineMark {
    /// No decoration.
    None,
    /// `-`, `*`, `•`, or a checkbox.
    Bullet,
    /// `1.`, `1)`, `Step 1:`.
    Number,
    /// `##`, or a line that is bold as a whole.
    Heading,
}

/// A line that is not blank, without its decoration.
#[derive(Clone, Debug)]
pub(super) struct PastedLine {
    pub(super) mark: LineMark,
    /// The text. It may be empty after a number.
    pub(super) text: String,
    /// Whether a blank line or a rule precedes the line.
    pub(super) is_apart: bool,
    /// What the text looks like, once somebody has asked.
    look: OnceCell<LineLook>,
    /// The ingredients that it lists, likewise.
    listed: OnceCell<Option<Vec<String>>>,
}

impl PastedLine {
    pub(super) fn new(mark: LineMark, text: impl Into<String>, is_apart: bool) -> Self {
        Self { mark, text: text.into(), is_apart, look: OnceCell::new(), listed: OnceCell::new() }
    }

    pub(super) fn look(&self) -> LineLook {
        *self.look.get_or_init(|| LineLook::of(&self.text))
    }

    /// Whether it begins or ends with an amount.
    pub(super) fn is_ingredient(&self) -> bool {
        self.look().is_ingredient
    }

    /// The ingredients that it lists. `None` if it is no list of several.
    pub(super) fn listed(&self) -> Option<&[String]> {
        self.listed.get_or_init(|| list(&self.text)).as_deref()
    }
}

/// The lines of a text. Lines with several headings are split.
pub(super) fn lines(text: &str) -> Vec<PastedLine> {
    let mut lines: Vec<PastedLine> = Vec::new();
    let mut is_apart = false;
    let mut columns: Option<Columns> = None;
    // `\r\n` must not count as an additional blank line, which would separate sections.
    let text = text.replace("\r\n", "\n");
    let mut raws = text.split(BREAKS).peekable();
    while let Some(raw) = raws.next() {
        let raw = tidy(raw);
        let cells = table::cells(&raw);
        if let Some(head) = cells.as_ref().filter(|_| raws.peek().is_some_and(is_separator)) {
            columns = Some(Columns::of(head));
            raws.next();
            continue;
        }
        if let Some((columns, cells)) = columns.as_ref().zip(cells) {
            let text = columns.line(&cells).replace("**", "");
            if !text.is_empty() {
                lines.push(PastedLine::new(LineMark::Bullet, text, is_apart));
                is_apart = false;
            }
            continue;
        }
        columns = None;
        if raw.chars().all(|c| c.is_whitespace() || "-=*_~#".contains(c)) {
            is_apart = true;
            continue;
        }
        for part in inline::at_headings(&raw) {
            let (mark, text) = undecorated(part);
            if !text.is_empty() || mark == LineMark::Number {
                lines.push(PastedLine::new(mark, text, is_apart));
                is_apart = false;
            }
        }
    }
    lines
}

fn is_separator(line: &&str) -> bool {
    table::is_separator(&tidy(line))
}

const BREAKS: [char; 6] = ['\n', '\r', '\u{2028}', '\u{2029}', '\u{b}', '\u{c}'];

/// Removes control and invisible characters, and replaces other white space by spaces.
fn tidy(raw: &str) -> String {
    let is_hidden =
        |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{ad}' | '\u{fe0f}');
    let plain = |c: char| if c.is_whitespace() || c.is_control() { ' ' } else { c };
    let text: String = raw.chars().filter(|c| !is_hidden(*c)).map(plain).collect();
    text.trim().to_owned()
}

fn undecorated(raw: &str) -> (LineMark, String) {
    let mut mark = LineMark::None;
    let mut text = raw.trim();
    loop {
        text = text.trim_start();
        if let Some(rest) = text.strip_prefix('#') {
            (mark, text) = (LineMark::Heading, rest);
        } else if let Some(rest) = text.strip_prefix("> ") {
            text = rest;
        } else if let Some(rest) = picture(text).filter(|_| mark != LineMark::Number) {
            text = rest;
        } else if let Some(rest) = bullet(text) {
            (mark, text) = (LineMark::Bullet, rest);
        } else if let Some(rest) = numbered(text).filter(|_| mark != LineMark::Number) {
            (mark, text) = (LineMark::Number, rest);
        } else {
            break;
        }
    }
    let inner = text.trim_end_matches(':');
    for bold in ["**", "__"] {
        let is_bold = inner.len() > 4
            && inner.starts_with(bold)
            && text.trim_end_matches(':').ends_with(bold)
            || text.starts_with(bold) && text.ends_with(&format!(":{bold}"));
        let is_whole = is_bold && text.matches(bold).count() == 2;
        if is_whole && mark == LineMark::None {
            mark = LineMark::Heading;
        }
    }
    let text = text.replace("**", "").replace("__", "");
    let is_slanted = |c: char| text.len() > 2 && text.starts_with(c) && text.ends_with(c);
    let slanted = ['*', '_'].into_iter().find(|c| is_slanted(*c));
    let text = slanted.map_or(&*text, |c| text.trim_matches(c));
    (mark, unescaped(&unmarked(text.trim())))
}

/// The text without the backslashes of Markdown (CommonMark, section 2.4).
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        let is_escape = c == '\\' && letters.peek().is_some_and(char::is_ascii_punctuation);
        plain.push(if is_escape { letters.next().unwrap_or(c) } else { c });
    }
    plain
}

/// The text after an emoji that decorates the line.
fn picture(text: &str) -> Option<&str> {
    text.strip_prefix(|c| matches!(c, '\u{2300}'..='\u{23ff}' | '\u{2700}'..='\u{2712}' | '\u{2715}'..='\u{2767}' | '\u{1f000}'..='\u{1faff}' | '\u{2b50}' | '\u{2600}'..='\u{260f}' | '\u{2614}'..='\u{26ff}'))
}

fn bullet(text: &str) -> Option<&str> {
    for boxed in ["[ ]", "[x]", "[X]", "[]"] {
        if let Some(rest) = text.strip_prefix(boxed) {
            return Some(rest);
        }
    }
    let first = text.chars().next()?;
    let rest = text.get(first.len_utf8()..)?;
    match first {
        '•' | '・' | '·' | '‣' | '▪' | '◦' | '●' | '○' | '■' | '□' | '▢' | '☐' | '☑' | '✓'
        | '✔' | '►' | '➤' | '→' | '–' | '—' | '⁃' | '∙' => Some(rest),
        '-' if !rest.starts_with('-') => Some(rest),
        '*' | '+' => rest.starts_with(' ').then_some(rest),
        _ => None,
    }
}

/// The text after `1.`, `1)`, `(1)`, `1 -` or `Step 1:`.
pub(crate) fn numbered(text: &str) -> Option<&str> {
    let named = STEP_LABELS.length(text);
    let is_open = text.starts_with('(');
    let rest = match named {
        Some(length) => {
            let behind = text.get(length..)?;
            let is_glued = behind.starts_with(|c: char| c.is_ascii_digit());
            let behind = if is_glued { behind } else { behind.strip_prefix([' ', '#'])? };
            behind.trim_start_matches(['#', ' '])
        }
        None => text.strip_prefix('(').unwrap_or(text),
    };
    // "①Mix"
    if let Some(rest) = rest.strip_prefix(|c| matches!(c, '①'..='⑳' | '❶'..='❿')) {
        return Some(rest);
    }
    if let Some(rest) = full_width_number(text) {
        return Some(rest);
    }
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    if length == 0 || length > 3 {
        return None;
    }
    let rest = rest.get(length..)?;
    if let Some(rest) = rest.strip_prefix('\u{20e3}') {
        return Some(rest);
    }
    let sign = rest.chars().next();
    match sign {
        None if named.is_some() => Some(rest),
        Some(')') => rest.get(1..),
        Some(sign @ ('．' | '、' | '）')) => rest.strip_prefix(sign),
        // "1- Mezclar", and not "1- 15 oz can".
        Some('-') if !is_open && is_verb(rest.get(1..)?) => rest.get(1..),
        // "1º Mezclar"
        Some('º' | 'ª') if !is_open => Some(rest.trim_start_matches(['º', 'ª', '.'])),
        Some('.') if !is_open => {
            let rest = rest.get(1..)?.trim_start_matches(['º', 'ª']);
            (!rest.starts_with(|c: char| c.is_ascii_digit())).then_some(rest)
        }
        Some(':' | '-' | '–' | ' ') if named.is_some() => {
            Some(rest.trim_start_matches([' ', ':', '-', '–', '.', ')']))
        }
        Some(':') if !is_open => rest.strip_prefix(": "),
        // "1 Mix", but not "1 Pinch".
        Some(' ') if !is_open && length < 3 => is_verb(rest).then_some(rest),
        _ => None,
    }
}

/// Whether a text begins with a verb, and with nothing that is counted.
fn is_verb(text: &str) -> bool {
    let (first, _) = word(text, 0);
    first.starts_with(char::is_uppercase)
        && begins_step(text.trim_start())
        && units::unit(first).is_none()
        && !words::is_countable(first)
}

/// The text after a number in full-width digits: "１．切る". "１．５カップ" has no such number.
fn full_width_number(text: &str) -> Option<&str> {
    let is_digit = |c: char| matches!(c, '０'..='９');
    let digits = text.trim_start_matches('（').trim_start_matches(is_digit);
    let count = text.chars().take(4).filter(|c| is_digit(*c)).count();
    let rest = digits.strip_prefix(['．', '.', '、', '）', ')', '：'])?;
    let is_number = text.starts_with(|c| is_digit(c) || c == '（') && count > 0;
    (is_number && digits.len() < text.len() && !rest.starts_with(is_digit)).then_some(rest)
}

/// Words before the number of a step.
static STEP_LABELS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::listed([
        "step",
        "schritt",
        "étape",
        "etape",
        "paso",
        "passo",
        "passaggio",
        "stap",
        "steg",
        "手順",
        "ステップ",
    ])
});

/// Whether a line only says that a step begins: "Step 2", "Schritt 2", "Étape 1 :".
pub(super) fn is_step_label(text: &str) -> bool {
    let rest = STEP_LABELS.length(text).and_then(|length| text.get(length..)).unwrap_or("-");
    rest.contains(|c: char| c.is_ascii_digit())
        && rest.chars().all(|c| c.is_ascii_digit() || " :.)#/".contains(c))
}

/// Splits numbered steps on one line: `1. Mix 2. Bake`, `Step 1: Mix Step 2: Bake`. A line without
/// at least two consecutive numbers is one step.
pub(crate) fn numbered_steps(text: &str) -> Vec<&str> {
    let mut steps = Vec::new();
    let (mut start, mut next) = (0, 1_u32);
    let mut is_at_word = true;
    for (at, c) in text.char_indices() {
        let begins = is_at_word && (c.is_ascii_digit() || matches!(c, 'S' | 's' | '('));
        is_at_word = c.is_whitespace();
        if !begins {
            continue;
        }
        let rest = from(text, at);
        let Some(behind) = numbered(rest) else { continue };
        let mark = rest.get(..rest.len() - behind.len()).unwrap_or_default();
        let digits: String = mark.chars().filter(char::is_ascii_digit).collect();
        if digits.parse() == Ok(next) && (behind.starts_with(' ') || mark.len() > 4) {
            steps.push(text.get(start..at).unwrap_or_default().trim());
            start = text.len() - behind.len();
            next += 1;
        }
    }
    if next < 3 {
        return vec![text];
    }
    steps.push(from(text, start).trim());
    steps.retain(|step| !step.is_empty());
    steps
}
