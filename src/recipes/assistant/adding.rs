//! The ingredients of a message that adds some.

use super::super::command::is_amount;
use super::super::entities::decoded;
use super::super::ingredient::Ingredient;
use super::super::line::Line;
use super::super::read::extract_list;
use super::super::scan::word;
use super::super::{size, words};

/// The ingredients of a list: "2 leeks, 100 g peas" and "garlic, salt and pepper".
pub(super) fn ingredients(text: &str) -> Vec<Ingredient> {
    let text = &*decoded(text);
    let listed = extract_list(text);
    // The comma of "1,5 kg" parts nothing.
    let has_decimal = text.as_bytes().windows(3).any(|three| {
        matches!(three, [before, b',', after] if before.is_ascii_digit() && after.is_ascii_digit())
    });
    if has_decimal {
        let parts = text.split(", ").flat_map(at_ands);
        return parts
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(Ingredient::parse)
            .collect();
    }
    let parts: Vec<&str> = text.split([',', ';']).flat_map(at_ands).collect();
    let parts: Vec<&str> =
        parts.iter().map(|part| part.trim().trim_start_matches("and ")).collect();
    // "Garlic, 2 cloves" and "a strip of peel, 5 cm long" are one.
    if parts.iter().skip(1).any(|part| is_amount(part) || is_length(part)) {
        return vec![Ingredient::parse(text)];
    }
    // "Two eggs and a cup of milk"
    let has_amount = |part: &&str| {
        let line = Line::parse(part);
        line.begins_with_amount() && !line.name().is_empty()
    };
    if parts.len() > 1 && parts.iter().all(has_amount) {
        return parts.into_iter().map(Ingredient::parse).collect();
    }
    let is_one = |part: &str| {
        let mut names = part.split(' ').filter(|word| !words::is_preparation(word));
        // "Sweet and sour sauce", "half and half"
        let is_pair =
            ["sweet", "half", "hot", "black"].iter().any(|w| part.eq_ignore_ascii_case(w));
        let count = part.split(' ').count();
        !is_pair && names.next() == part.split(' ').next() && (1..=4).contains(&count)
    };
    if listed.len() > 1 || parts.len() < 2 || !parts.iter().all(|part| is_one(part)) {
        return listed;
    }
    parts.into_iter().map(Ingredient::parse).collect()
}

/// Splits at "and" behind a name. "1 and 1/2 cups", "between 4 and 6 figs" have an amount before it.
fn at_ands(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, and) = (0, " and ");
    for (at, _) in text.match_indices(and) {
        let head = text.get(start..at).unwrap_or_default();
        if head.len() > MAX_AMOUNT_BYTES || !is_amount(head) {
            parts.push(head);
            start = at + and.len();
        }
    }
    parts.extend(text.get(start..));
    parts
}

/// Whether a text only says how long or thick something is: "5 cm long", "1 inch thick".
fn is_length(text: &str) -> bool {
    let size = size::parse(text, 0).filter(|size| size.is_length);
    size.is_some_and(|size| LENGTHS.contains(&word(text, size.end).0))
}

/// A longer text is more than an amount. The bound keeps the work linear in the message.
const MAX_AMOUNT_BYTES: usize = 80;
/// What follows the length in them.
const LENGTHS: [&str; 8] = ["long", "thick", "wide", "deep", "high", "tall", "across", "diameter"];
