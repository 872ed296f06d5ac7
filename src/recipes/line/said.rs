//! Amounts that are said without a number, and that are not understood: "ein Kohlrabi".

use super::super::amount::{article, is_vague};
use super::super::quantity::{Number, NumberForm};
use super::super::scan::{from, word};
use super::roles::OF;

/// Whether an article that means one begins the words at `start`. "A little oil" has no amount.
pub(super) fn one_at(text: &str, start: usize) -> bool {
    let length = article(from(text, start));
    length.is_some_and(|length| !is_vague(word(text, start + length).0))
}

/// Whether there is one of something, or a part of it: "le jus d'un citron", "zumo de medio limón",
/// "Saft einer Zitrone".
pub(super) fn one_of(text: &str) -> bool {
    let is_said = |at: usize| {
        let rest = from(text, at);
        let number = Number::parse(rest).filter(|number| number.form == NumberForm::Word);
        number.is_some() || one_at(text, at)
    };
    let mut before = String::new();
    let mut at = 0;
    while !from(text, at).is_empty() {
        let (name, end) = word(text, at);
        let begin = end - name.len();
        let is_genitive = ["einer", "eines"].contains(&name) && !AT.contains(&&*before);
        let is_of = OF.iter().any(|of| of.trim_end_matches(['\'', '’']) == before);
        if !before.is_empty() && (is_genitive || (is_of && is_said(begin))) {
            return true;
        }
        // Signs are no words, and an apostrophe ends one.
        let sign = from(text, end).chars().next();
        if !name.is_empty() {
            before = name.to_lowercase();
        } else if sign.is_some_and(|sign| !matches!(sign, ' ' | '\'' | '’')) {
            before.clear();
        }
        at = if name.is_empty() { end + sign.map_or(1, char::len_utf8) } else { end };
    }
    false
}

/// Words of German before a place: "in einer Pfanne".
const AT: &[&str] = &["in", "aus", "mit", "auf", "von", "zu", "bei", "nach"];
