//! Sizes of one item, which scaling does not change: "400g", "28-ounce", "150g/5½oz", "9-inch".

use super::quantity::Quantity;
use super::ratio::Ratio;
use super::scan::{from, noun, unit, word};
use super::units::{self, UnitKind};
use super::words;

/// A size in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct ItemSize {
    pub(super) end: usize,
    /// Whether a number is joined to its unit with a hyphen: "28-ounce".
    pub(super) is_dashed: bool,
    /// Whether it is a length.
    pub(super) is_length: bool,
}

/// Parses the weights, volumes or lengths at `start`, joined by slashes or hyphens.
pub(super) fn parse(text: &str, start: usize) -> Option<ItemSize> {
    if let Some(end) = percent(text, start) {
        return Some(ItemSize {
            end,
            is_dashed: from(text, end).starts_with('-'),
            is_length: true,
        });
    }
    let mut size = measure(text, start)?;
    for _ in 0..4 {
        let next = JOINTS.iter().find_map(|joint| {
            from(text, size.end).starts_with(joint).then_some(size.end + joint.len())
        });
        let next = next
            .and_then(|at| measure(text, at))
            .filter(|next| next.is_length == size.is_length && (size.is_dashed || !next.is_dashed));
        let Some(next) = next else { break };
        size.end = next.end;
    }
    Some(size)
}

/// One number and its unit, or a sum such as "3lb 8oz".
fn measure(text: &str, start: usize) -> Option<ItemSize> {
    let rest = from(text, start);
    let at = start + Quantity::parse(rest)?.end();
    let joint = ["-", "‑", " "].iter().find(|joint| from(text, at).starts_with(**joint));
    let is_dashed = joint.is_some_and(|joint| *joint != " ");
    let begin = at + joint.map_or(0, |joint| joint.len());
    if from(text, begin).starts_with(char::is_whitespace) {
        return None;
    }
    // "2in pieces", and not "2 in a bowl".
    let inch = word(text, begin);
    let glued_inch = (joint.is_none() && inch.0 == "in").then(|| inch.1 - begin);
    if let Some(length) = length_unit(from(text, begin)).or(glued_inch) {
        let next = times_length(text, begin + length);
        return Some(ItemSize { end: next.unwrap_or(begin + length), is_dashed, is_length: true });
    }
    let (named, kind) = unit(text, begin).or_else(|| {
        // "28-ounce-can" is not a unit to `unit`.
        let (name, end) = word(text, begin);
        Some((begin..end, units::unit(name)?)).filter(|_| is_dashed)
    })?;
    let mut end = named.end;
    if !kind.is_measure() {
        return None;
    }
    if from(text, end).starts_with(". ") || from(text, end).starts_with(".)") {
        end += 1;
    }
    let large = text.get(named).and_then(units::size);
    if let Some(next) =
        from(text, end).strip_prefix(' ').and_then(|_| Quantity::parse(from(text, end + 1)))
        && let Some((other, _)) = unit(text, end + 1 + next.end())
        && let Some(((family, large), (same, small))) =
            large.zip(text.get(other.clone()).and_then(units::size))
        && family == same
        && small < large
    {
        end = other.end;
    }
    Some(ItemSize { end, is_dashed, is_length: false })
}

/// The end of " x 5 cm" behind a length.
fn times_length(text: &str, end: usize) -> Option<usize> {
    let sign =
        [" x ", "x", " × ", "×", " by "].iter().find(|s| from(text, end).starts_with(**s))?;
    let at = end + sign.len();
    let at = at + Quantity::parse(from(text, at))?.end();
    let at = at + from(text, at).len() - from(text, at).trim_start_matches([' ', '-']).len();
    Some(at + length_unit(from(text, at))?)
}

/// The length in bytes of the unit of length that `text` begins with.
fn length_unit(text: &str) -> Option<usize> {
    if let Some(sign) = text.chars().next().filter(|c| matches!(c, '"' | '″' | '”')) {
        return Some(sign.len_utf8());
    }
    let (name, end) = word(text, 0);
    let is_abbreviated = name == "in" && from(text, end).starts_with(['.', '-', ')']);
    (LENGTHS.contains(&&*name.to_lowercase()) || is_abbreviated).then_some(end)
}

/// The name and the end of the unit of length behind a number, unless a hyphen joins them.
pub(super) fn length_behind(text: &str, at: usize) -> Option<(&'static str, usize)> {
    let begin = text.len() - from(text, at).trim_start_matches(' ').len();
    let end = begin + length_unit(from(text, begin))?;
    let is_apart = from(text, end).is_empty() || from(text, end).starts_with(' ');
    let name = text.get(begin..end)?.to_lowercase();
    let unit = match &*name {
        "cm" | "mm" => ["cm", "mm"].into_iter().find(|unit| *unit == name)?,
        "\"" | "″" | "”" | "inch" | "inches" => "inch",
        _ => return None,
    };
    is_apart.then_some((unit, end))
}

/// The end of "20 x 30 cm".
pub(super) fn area(text: &str, start: usize) -> Option<usize> {
    let end = start + Quantity::parse(from(text, start))?.end();
    times_length(text, end)
}

/// The end of "20 x 30 cm", which is not twenty of 30 cm, unlike "2 x 30 cm".
fn area_of_one(text: &str, start: usize) -> Option<usize> {
    let first = Quantity::parse(from(text, start))?.low.value;
    area(text, start).filter(|_| first > Ratio::whole(9))
}

/// The end of the percentage at `start`, with the word that is joined to it: "80%-lean".
pub(super) fn percent(text: &str, start: usize) -> Option<usize> {
    let rest = from(text, start);
    let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ','))?;
    let behind = from(rest, digits);
    let sign = behind.strip_prefix(' ').unwrap_or(behind).strip_prefix('%')?;
    Some(text.len() - sign.len()).filter(|_| digits > 0)
}

/// The end of the size of each of several items: " (14 oz)" before a can, " x 400g", " 14-oz".
pub(super) fn each(text: &str, start: usize) -> Option<usize> {
    let times = [" x ", " × ", "x ", "× ", "x", "×", " X ", "X "].iter().find(|times| {
        let rest = from(text, start);
        rest.starts_with(**times) && from(rest, times.len()).starts_with(|c: char| c.is_numeric())
    });
    let at = start + times.map_or(0, |times| times.len());
    let at = text.len() - from(text, at).trim_start().len();
    let rest = from(text, at);
    if rest.starts_with(['(', '[']) {
        return bracketed(text, at);
    }
    let mut size = parse(text, at)?;
    // "2 x 400 g (14 oz) tins"
    let open = from(text, size.end).strip_prefix(' ').filter(|rest| rest.starts_with('('));
    if let Some(end) = open.and_then(|rest| bracketed(text, text.len() - rest.len()))
        && unit(text, end).is_some()
    {
        size.end = end;
    }
    let (name, after) = word(text, size.end);
    let is_package = units::unit(name).is_some_and(|kind| !kind.is_measure());
    // "1 500 g" may be 1,500 g.
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let is_thousand = digits == 3 && from(rest, digits).starts_with(' ') && times.is_none();
    let is_one = if is_thousand {
        is_package
    } else {
        is_package || noun(text, size.end).is_some() || text.len() == after
    };
    let end = if from(text, size.end).starts_with('-') && percent(text, at).is_some() {
        word(text, size.end + 1).1
    } else {
        size.end
    };
    (times.is_some() || size.is_dashed || (is_one && !name.is_empty())).then_some(end)
}

/// The end of a size in brackets that is before what it is the size of: "2 (14 oz) cans".
fn bracketed(text: &str, open: usize) -> Option<usize> {
    let rest = from(text, open);
    let (close, _) = rest.char_indices().take(80).find(|(_, c)| matches!(c, ')' | ']'))?;
    let inside = rest.get(1..close)?;
    let after = open + close + 1;
    let first = inside.trim_start_matches(|c: char| !c.is_numeric());
    let at = open + 1 + inside.len() - first.len();
    let lower = inside.to_lowercase();
    let is_or = ["or ", "plus ", "to "].iter().any(|word| lower.starts_with(word));
    let size = parse(text, at).filter(|_| !is_or)?;
    let is_about = inside.len() > first.len();
    let is_each = lower.contains("each") || lower.contains("per ");
    let is_before = unit(text, after).is_some() || (!is_about && !word(text, after).0.is_empty());
    (is_each || size.is_length || is_before).then_some(after)
}

/// The ends of the number and of the size in "2-15 oz cans", which is no range: several packages, or
/// one of a size that is not near one.
pub(super) fn counted(text: &str, start: usize) -> Option<(usize, usize)> {
    let rest = from(text, start);
    let digits =
        rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| (1..3).contains(digits))?;
    let number: u64 = rest.get(..digits)?.parse().ok()?;
    let behind = from(rest, digits).trim_start_matches(' ');
    let inner = behind.strip_prefix(['-', '–', '—'])?.trim_start_matches(' ');
    let at = text.len() - inner.len();
    let of_one = Quantity::parse(inner).filter(|of_one| of_one.high.is_none())?.low.value;
    let size = parse(text, at).filter(|size| !size.is_length)?;
    let (name, _) = word(text, size.end);
    let is_package = units::unit(name) == Some(UnitKind::Package) && !spoon(text, at);
    let is_plural = words::inflected(name, false, text).is_some_and(|one| one != name);
    let is_far = of_one >= Ratio::whole(number.saturating_mul(4));
    let is_count =
        of_one > Ratio::whole(number) && (is_plural || is_far) && (is_plural == (number > 1));
    (is_package && is_count).then_some((start + digits, size.end))
}

/// The end of the size of the only item, at `start`: "8-ounce package", "400g tin", "5 cm piece".
pub(super) fn of_one(text: &str, start: usize) -> Option<usize> {
    if let Some(end) = area_of_one(text, start) {
        return Some(end);
    }
    if counted(text, start).is_some() {
        return None;
    }
    let size = parse(text, start).filter(|_| percent(text, start).is_none())?;
    let (name, after) = word(text, size.end);
    let (next, _) = word(text, after);
    let is_package = units::unit(name) == Some(UnitKind::Package) && next != "roast";
    let is_spoon = spoon(text, start);
    (size.is_dashed || size.is_length || (is_package && !is_spoon)).then_some(size.end)
}

/// Whether the first unit is a spoon or a cup, which no package is measured with.
fn spoon(text: &str, start: usize) -> bool {
    let Some(quantity) = Quantity::parse(from(text, start)) else { return false };
    let (name, _) = word(text, start + quantity.end());
    units::size(name)
        .is_some_and(|(family, size)| family == units::UnitFamily::Teaspoons && size < 49)
}

/// What joins the sizes of one item.
const JOINTS: &[&str] = &["/", " / ", "|", " | ", "-", " - ", "–", " – ", " to "];
const LENGTHS: &[&str] = &[
    "cm",
    "mm",
    "inch",
    "inches",
    "centimetre",
    "centimetres",
    "centimeter",
    "centimeters",
    "millimetre",
    "millimetres",
    "millimeter",
    "millimeters",
    "zoll",
    "ft",
    "feet",
    "foot",
];
