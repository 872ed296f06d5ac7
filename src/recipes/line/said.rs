//! Amounts that are said without a number, and that are not understood: "ein Kohlrabi".

use super::super::amount::{Amount, article, is_vague};
use super::super::languages::evidence::LanguageEvidence;
use super::super::languages::{ENGLISH, is_ideographic};
use super::super::quantity::{Number, NumberForm};
use super::super::scan::{from, word};
use super::super::words;
use super::roles::OF;

/// Whether an article that means one begins the words at `start`. "A little oil" has no amount.
pub(super) fn one_at(text: &str, start: usize) -> bool {
    let length = article(from(text, start));
    length.is_some_and(|length| {
        // "A 酒" is what is mixed as A.
        let (name, _) = word(text, start + length);
        !is_vague(name) && !name.starts_with(is_ideographic)
    })
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

/// Whether an amount may be a fraction or a range: "5/6 foglie", which are five or six leaves, as the
/// plural says outside of English.
pub(super) fn may_be_range(text: &str, amount: &Amount) -> bool {
    let written = text.get(amount.start..amount.start + amount.quantity.end()).unwrap_or_default();
    let parts = written.split_once('/').map(|(one, next)| (one.parse::<u8>(), next.parse::<u8>()));
    let is_next =
        matches!(parts, Some((Ok(one), Ok(next))) if one > 1 && one.checked_add(1) == Some(next));
    if !is_next || amount.is_measure() {
        return false;
    }
    let (name, _) = word(text, amount.start + amount.quantity.end());
    let is_plural = words::inflected(name, false, text).is_some_and(|one| one != name);
    is_plural && !LanguageEvidence::of(name).knows(&ENGLISH)
}

/// Words of German before a place: "in einer Pfanne".
const AT: &[&str] = &["in", "aus", "mit", "auf", "von", "zu", "bei", "nach"];
