//! How a line says that an amount is that of each item, or of all: "(150 g each)", "4 filetti da 150 g",
//! "1 kg in total".

use super::super::scan::word;
use super::super::words;

/// Whether the text behind an amount, up to the next sign, says that it is of each item.
pub(super) fn is_in(part: &str) -> bool {
    let mut at = 0;
    loop {
        let (name, end) = word(part, at);
        if name.is_empty() {
            // A sign is no word.
            match part.get(end..).and_then(|rest| rest.chars().next()) {
                Some(sign) => at = end + sign.len_utf8(),
                None => return false,
            }
            continue;
        }
        let name = name.to_lowercase();
        if EACH.contains(&&*name) || (name == "per" && !is_purpose(part, end)) {
            return true;
        }
        at = end;
    }
}

/// Whether the text right behind an amount says so.
pub(super) fn is_behind(after: &str) -> bool {
    let plain = after.trim_start_matches('(');
    let (name, end) = word(plain, 0);
    let is_per = name == "per" && !is_purpose(plain, end);
    EACH.contains(&name) || is_per || plain.starts_with("a piece")
}

/// Whether the text right behind an amount says that it is that of each of several ingredients: "of
/// each", "each walnuts and pecans".
pub(super) fn is_of_ingredients(after: &str) -> bool {
    let each = after.strip_prefix("each ").filter(|rest| rest.starts_with(char::is_alphabetic));
    after.starts_with("of each") || each.is_some()
}

/// Whether the text behind an amount leads to the size of one item: "2 Dosen à 400 g", "2 latas de
/// 400 g". That "2 à 400 g" is a range is for others to say.
pub(super) fn is_size_behind(text: &str, is_named: bool) -> bool {
    let (head, last) = text.trim().rsplit_once(' ').unwrap_or(("", text.trim()));
    SIZE.contains(&last) && (is_named || !head.is_empty())
}

/// Whether the Italian "per" at `end` says what something is for: "per la teglia", "per guarnire".
fn is_purpose(text: &str, end: usize) -> bool {
    let (next, _) = word(text, end);
    let next = next.to_lowercase();
    let is_verb =
        ["are", "ere", "ire", "zione", "tura"].iter().any(|ending| next.ends_with(ending));
    ["la", "il", "lo", "le", "gli", "i", "l", "un", "una", "uno"].contains(&&*next)
        || (is_verb && !words::is_countable(&next))
}

/// Whether an amount is said to be that of all items together.
pub(super) fn is_total(before: &str, after: &str) -> bool {
    let is_said = |text: &str| TOTAL.iter().any(|total| text.contains(total));
    is_said(before) || TOTAL.iter().any(|total| after.starts_with(total)) || is_ended(after)
}

/// Whether "in total" ends the text before the next comma.
fn is_ended(after: &str) -> bool {
    let part = after.split([',', ';', ')']).next().unwrap_or_default();
    part.split(' ').any(|word| word == "total" || word == "altogether")
}

/// Words that say so behind an amount.
const EACH: &[&str] = &[
    "each", "ea", "apiece", "chacun", "chacune", "cada", "ciascuno", "ciascuna", "cadauno",
    "jeweils", "je", "pro", "styck", "vardera", "elk",
];
/// Words that say so before an amount: "(je 400 g)".
pub(super) const BEFORE: &[&str] = &["each", "je", "jeweils", "cada", "à", "vardera", "elk"];
/// Words between items and the size of one. In Dutch, "of" joins amounts.
const SIZE: &[&str] = &["à", "de", "da", "di", "van", "von", "på", "om"];
/// Words that say that an amount is that of all items together.
const TOTAL: &[&str] = &["in total", "total", "altogether", "insgesamt"];
