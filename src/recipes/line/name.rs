//! What a line says beside its amounts: the name of the ingredient, and notes.

use std::ops::Range;
use std::sync::LazyLock;

use super::lead_in::lead_in;
use super::roles::{JOINTS, OF, without_about};
use super::{Amount, Line};
use crate::recipes::amount::{is_adjective, optional_plural};
use crate::recipes::languages::{self, Phrases, is_ideographic};
use crate::recipes::scan::{self, from, word};
use crate::recipes::{size, words};

impl Line<'_> {
    /// The name of the ingredient; the whole text when it has no amount.
    pub(crate) fn name(&self) -> &str {
        self.text.get(self.name_range()).unwrap_or_default()
    }

    /// Whether nothing is named behind the amount: "Butter: 100 g", "Butter, 90 g: melted".
    fn is_behind_name(&self, amount: &Amount) -> bool {
        let rest = from(&self.text, amount.end).trim_start_matches(['.', ' ']);
        amount.start > lead_in(&self.text)
            && (rest.is_empty() || rest.starts_with([':', ',', ';', ')', '(', ']']))
    }

    /// Whether the amount is behind the name.
    pub(crate) fn is_name_first(&self) -> bool {
        !self.begins_with_amount() && self.amounts.first().is_some_and(|a| self.is_behind_name(a))
    }

    /// What follows the name: ", chopped".
    pub(crate) fn preparation(&self) -> &str {
        let end = if self.is_name_first() { self.text.len() } else { self.name_range().end };
        from(&self.text, end)
    }

    pub(crate) fn name_start(&self) -> usize {
        if self.amounts.is_empty() {
            return self.only_size().map_or_else(
                || some(&self.text),
                |(_, unit)| self.behind_of(unit.map_or_else(|| self.size_end(), |unit| unit.end)),
            );
        }
        let mut end = self.amounts.first().map_or(0, |amount| amount.end);
        for next in self.amounts.iter().skip(1) {
            // "1 cup plus 2 tablespoons flour" is flour.
            let between =
                self.text.get(end..next.start).unwrap_or_default().trim_matches([' ', '.']);
            if NAMELESS.contains(&between) {
                end = next.end;
            }
        }
        end += optional_plural(from(&self.text, end));
        let mut rest = from(&self.text, end).trim_start_matches(['.', ' ']);
        if rest.starts_with(['(', '['])
            && let Some(close) = rest.find([')', ']'])
        {
            rest = from(rest, close + 1).trim_start();
        }
        self.behind_of(heaped(&self.text, self.text.len() - rest.len()))
    }

    /// The offset behind "of" and "each".
    fn behind_of(&self, start: usize) -> usize {
        let rest = from(&self.text, start).trim_start();
        let of = OF.iter().find_map(|of| languages::begins_bare(rest, of));
        let rest = from(rest, of.unwrap_or_default()).trim_start();
        let each = EACH.iter().find_map(|each| languages::begins_bare(rest, each));
        let rest = from(rest, each.unwrap_or_default()).trim_start();
        self.text.len() - rest.len()
    }

    /// Of a line that means one item without a number, the size and the unit: "400g tin tomatoes".
    pub(crate) fn only_size(&self) -> Option<(Range<usize>, Option<Range<usize>>)> {
        let start = lead_in(&self.text);
        let end = self.size_end();
        let is_length = self.length().is_some();
        if !self.is_one || is_length || end <= start || self.text.contains(" x ") {
            return None;
        }
        let unit = scan::unit(&self.text, end).map(|(unit, _)| unit);
        Some((start..end, unit))
    }

    fn size_end(&self) -> usize {
        size::of_one(&self.text, lead_in(&self.text)).unwrap_or_default()
    }

    /// What the line says beside its first amount and its name: "softened", "about 14 oz".
    pub(crate) fn note(&self) -> String {
        let name = self.name_range();
        let plural = optional_plural(from(&self.text, name.end));
        let name = name.start..name.end + plural;
        let mut known = vec![name];
        match (self.amounts.first(), self.only_size()) {
            (Some(amount), _) => {
                let quantity = amount.start..amount.start + amount.quantity.end();
                let unit = amount.unit.as_ref();
                let unit = unit.map_or(quantity.end..quantity.end, |(at, _)| at.clone());
                let plural = optional_plural(from(&self.text, unit.end));
                known
                    .extend([quantity, unit.start..amount.half_end().unwrap_or(unit.end + plural)]);
            }
            (None, Some((_, unit))) => known.extend(unit),
            (None, None) => {}
        }
        known.sort_by_key(|range| range.start);
        let mut parts = Vec::new();
        let mut done = 0;
        for range in known {
            parts.push(self.text.get(done..range.start).unwrap_or_default());
            done = done.max(range.end);
        }
        parts.push(from(&self.text, done));
        noted(parts)
    }

    /// Where the name is in the text.
    fn name_range(&self) -> Range<usize> {
        let (start, end) = match self.amounts.first() {
            Some(amount) if self.is_behind_name(amount) => {
                let unit = amount.unit.as_ref().map_or(amount.start, |(at, _)| at.start);
                let before = self.text.get(..amount.start.min(unit)).unwrap_or_default();
                let before = before.trim_end_matches([' ', ':', ',', '(', '×', '-', '–', '…']);
                (0, before.strip_suffix(" x").unwrap_or(before).len())
            }
            _ => {
                let start = self.name_start();
                // A further amount is not of the name: "fresh dill or 1 tsp dried".
                let further = self.amounts.iter().skip(1).map(|amount| amount.start);
                let next = further.filter(|next| *next > start).min();
                (start, next.map_or(self.text.len(), |next| before_joint(&self.text, start, next)))
            }
        };
        let whole = self.text.get(start..end).unwrap_or_default();
        let name = whole.get(..name_end(whole)).unwrap_or_default();
        let name = name.split(" - ").next().unwrap_or(name);
        let plain = name.trim_start_matches([' ', '-', '–', '.', '*']);
        let start = start + name.len() - plain.len();
        start..start + plain.trim_end_matches([' ', '-', '–', '.', '*']).len()
    }
}

/// The end of the name that a text begins with.
fn name_end(text: &str) -> usize {
    let end = first_sign(text);
    let name = text.get(..end).unwrap_or_default();
    let starts = name.char_indices().filter(|(at, c)| *c == ' ' || (*at > 0 && is_ideographic(*c)));
    for (at, c) in starts {
        let rest = from(name, at + if c == ' ' { 1 } else { 0 });
        let head = name.get(..at).unwrap_or_default();
        if PURPOSES.length(rest).is_some() && !head.trim().is_empty() {
            return at;
        }
        // "Kidneybohnen à 400 g", "saumon de 150 g"
        if rest.starts_with(|c: char| c.is_ascii_digit()) && size::parse(rest, 0).is_some() {
            return before_joint(name, 0, at);
        }
    }
    end
}

/// Where a comma, a bracket or a colon ends the name that a text begins with. A comma between its
/// adjectives does not: "boneless, skinless chicken".
fn first_sign(text: &str) -> usize {
    let mut end = 0;
    loop {
        let rest = from(text, end);
        let Some(at) = rest.find([',', '(', ';', ':', '[']) else { return text.len() };
        let head = rest.get(..at).unwrap_or_default();
        let behind = from(rest, at + 1);
        let next = behind.split([',', '(', ';', ':']).next().unwrap_or_default();
        let is_comma = from(rest, at).starts_with(',');
        if !is_comma || end > MAX_ADJECTIVES || !is_described(head) || is_described(next) {
            return end + at;
        }
        end += at + 1;
    }
}

/// Whether all words of a text describe a thing, and none names it: "boneless", "large".
fn is_described(text: &str) -> bool {
    let mut names = text.split(' ').filter(|name| !name.is_empty()).peekable();
    let is_one = |name: &str| {
        let ends = ["less", "free"].iter().any(|end| name.len() > end.len() && name.ends_with(end));
        let is_past = words::is_preparation(name) && !words::is_countable(name);
        ends || is_past || is_adjective(name) || ADJECTIVES.contains(&name)
    };
    names.peek().is_none() || names.all(is_one)
}

/// The end of the text before a number, without the words that join it to the name.
fn before_joint(text: &str, start: usize, next: usize) -> usize {
    let before = text.get(start..next).unwrap_or_default();
    let plain =
        without_about(before).trim_end_matches([' ', '(', '[', ',', ';', '+', '/', '&', '|']);
    let (head, last) = plain.rsplit_once(' ').unwrap_or(("", plain));
    let lower = last.to_lowercase();
    let is_joint = JOINTS.contains(&&*lower) || OF.contains(&&*lower) || SIZES.contains(&&*lower);
    let name = if is_joint && !head.is_empty() { head } else { plain };
    start + name.trim_end_matches([' ', ',', ';']).len()
}

/// The offset of the name in a text without an amount: behind "a few sprigs of", "etwas".
fn some(text: &str) -> usize {
    let Some(length) = SOME.length(text) else { return 0 };
    let mut end = length;
    if let Some((unit, _)) = scan::unit(text, end) {
        let rest = from(text, unit.end).trim_start();
        let of = OF.iter().find_map(|of| languages::begins_bare(rest, of)).unwrap_or_default();
        let named = from(rest, of).trim_start();
        if !named.is_empty() {
            end = text.len() - named.len();
        }
    }
    let rest = from(text, end).trim_start();
    if rest.is_empty() { 0 } else { text.len() - rest.len() }
}

/// The offset behind a word that says how full a spoon is, from `start`: "2 EL, gehäuft Mehl", "2
/// cucchiai colmi di farina".
fn heaped(text: &str, start: usize) -> usize {
    let begin = text.len() - from(text, start).trim_start_matches([',', ' ']).len();
    let (name, end) = word(text, begin);
    let lower = name.to_lowercase();
    let stop = usize::from(from(text, end).starts_with('.'));
    let is_last = from(text, end + stop).trim().is_empty();
    if HEAPED.contains(&&*lower) && !is_last { end + stop } else { start }
}

/// The parts of a note, without the signs and words that join them to the rest.
fn noted<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let plain = |part: &'a str| {
        let part = part.trim_matches(|c: char| c.is_whitespace() || SIGNS.contains(c));
        let open = part.rfind('(').is_some_and(|open| !from(part, open).contains(')'));
        let part = part.trim_start_matches([')', ']']).trim_start_matches([' ', ',']);
        // A bracket at the end belongs to the one that it closes.
        let part = if open { part } else { part.trim_end_matches([')', ']']) };
        let part = part.strip_prefix("x ").unwrap_or(part);
        let part = part.strip_prefix("a ").filter(|rest| is_adjective(rest)).unwrap_or(part);
        let is_vague = ABOUT.iter().any(|word| languages::is_word(part, word));
        let is_of = OF.iter().any(|of| part.eq_ignore_ascii_case(of));
        Some(part).filter(|part| !part.is_empty() && *part != "x" && !is_of && !is_vague)
    };
    let note = parts.into_iter().filter_map(plain).collect::<Vec<_>>().join(", ");
    without_open_brackets(note)
}

/// The note with every open bracket closed at its end, and without brackets that nothing opened.
fn without_open_brackets(note: String) -> String {
    if !note.contains(['(', ')']) {
        return note;
    }
    let (mut plain, mut open) = (String::with_capacity(note.len()), 0);
    for c in note.chars() {
        match c {
            '(' => open += 1,
            ')' if open == 0 => continue,
            ')' => open -= 1,
            _ => {}
        }
        plain.push(c);
    }
    plain.push_str(&")".repeat(open));
    plain
}

const SIGNS: &str = ",;:()[]/|.-–×*…";
const ABOUT: [&str; 7] = ["about", "approximately", "approx", "roughly", "around", "ca", "circa"];
/// What may be between two amounts of one ingredient.
const NAMELESS: &[&str] =
    &["plus", "+", "/", "|", "or", "and", "minus", "less", "=", "-", "–", "to", "und", "et"];
/// Words between a name and its size.
const SIZES: [&str; 8] = ["à", "da", "von", "van", "på", "x", "om", "je"];
/// "1 tsp each cumin and coriander"
const EACH: [&str; 3] = ["each", "je", "jeweils"];
/// Words that describe a thing and have no ending that says so.
const ADJECTIVES: [&str; 14] = [
    "ripe", "lean", "raw", "dry", "cold", "warm", "hot", "soft", "firm", "sweet", "organic",
    "fresh", "plain", "mild",
];
/// How far from its beginning adjectives of a name are looked for.
const MAX_ADJECTIVES: usize = 60;
/// How full a spoon is.
const HEAPED: [&str; 19] = [
    "gehäuft",
    "gehäufte",
    "gehäufter",
    "gestrichen",
    "gestrichene",
    "gestr",
    "geh",
    "heaped",
    "heaping",
    "level",
    "colmi",
    "colmo",
    "rasi",
    "raso",
    "rases",
    "bombées",
    "rasas",
    "colmadas",
    "rågade",
];
static PURPOSES: LazyLock<Phrases> = LazyLock::new(|| languages::table(|it| it.purposes));
static SOME: LazyLock<Phrases> = LazyLock::new(|| languages::table(|it| it.some));
