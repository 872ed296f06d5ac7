//! Numbers written as cooks write them, in the style in which they were read.

use super::quantity::{GLYPHS, MAX_QUANTITY, NumberForm};
use super::ratio::Ratio;
use super::units::Precision;

/// Writes a number as people do: a whole number, a common fraction where the precision allows it,
/// or a rounded decimal. [`Number`](super::quantity::Number) reads back what is written. `None` when
/// the number is too large, or so small that it would be written as 0.
#[must_use]
pub fn write(value: Ratio, form: NumberForm, grid: Precision) -> Option<String> {
    if value > Ratio::whole(MAX_QUANTITY) {
        return None;
    }
    if let Some(whole) = value.to_whole() {
        return Some(grouped(&whole.to_string(), form));
    }
    let (whole, over, parts) = value.parts();
    let is_decimal = match form {
        NumberForm::Point | NumberForm::Comma | NumberForm::PointGrouped => true,
        NumberForm::Whole | NumberForm::Grouped => {
            matches!(grid, Precision::Fine | Precision::Metric)
        }
        NumberForm::Fraction | NumberForm::Glyph | NumberForm::Word => false,
    };
    let is_common = match grid {
        Precision::Kitchen => matches!(parts, 2 | 3 | 4 | 6 | 8 | 16),
        Precision::Count => matches!(parts, 2 | 3 | 4 | 6 | 8),
        Precision::Fine | Precision::Metric => matches!(parts, 2..=4),
    };
    if is_decimal || !is_common {
        return decimal(value, form, grid);
    }
    let glyph = GLYPHS.iter().find(|(_, n, d)| (*n, *d) == (over, parts));
    Some(match (whole, glyph.filter(|_| form == NumberForm::Glyph)) {
        (0, Some((glyph, ..))) => glyph.to_string(),
        (whole, Some((glyph, ..))) => format!("{whole}{glyph}"),
        (0, None) => format!("{over}/{parts}"),
        (whole, None) => format!("{whole} {over}/{parts}"),
    })
}

/// Writes a decimal: exactly if that is short, else rounded to two or three significant digits.
fn decimal(value: Ratio, form: NumberForm, grid: Precision) -> Option<String> {
    let (_, _, parts) = value.parts();
    let at_least = |number| value >= Ratio::whole(number);
    let exact = match grid {
        Precision::Fine if at_least(10) => 1,
        Precision::Fine if at_least(1) => 2,
        _ => 3,
    };
    let mut places = match grid {
        Precision::Fine if at_least(10) => 0,
        Precision::Fine if at_least(1) => 1,
        Precision::Metric | Precision::Kitchen | Precision::Count if at_least(100) => 0,
        Precision::Kitchen | Precision::Count if at_least(10) => 1,
        _ => 2,
    };
    if 10u64.pow(exact) % parts == 0 {
        places = exact;
    }
    let is_comma = matches!(form, NumberForm::Comma | NumberForm::PointGrouped);
    // Three digits after a comma may be read as thousands.
    if is_comma && grid != Precision::Metric && at_least(1) {
        places = places.min(2);
    }
    let mut digits = value.shifted(places)?;
    // Two digits that count, however small it is.
    while digits < 10 && places < MAX_PLACES && 10u64.pow(places) % parts != 0 {
        places += 1;
        digits = value.shifted(places)?;
    }
    if digits == 0 {
        return None;
    }
    let width = places as usize + 1;
    let text = format!("{digits:0width$}");
    let (whole, tail) = text.split_at_checked(text.len() - places as usize)?;
    let tail = tail.trim_end_matches('0');
    let sign = if is_comma { "," } else { "." };
    Some(if tail.is_empty() { grouped(whole, form) } else { format!("{whole}{sign}{tail}") })
}

/// The digits of a whole number, with signs between its thousands if the form has them.
fn grouped(text: &str, form: NumberForm) -> String {
    let sign = match form {
        NumberForm::Grouped => ',',
        NumberForm::PointGrouped => '.',
        _ => return text.to_owned(),
    };
    let mut written = String::new();
    for (place, digit) in text.chars().enumerate() {
        if place > 0 && (text.len() - place).is_multiple_of(3) {
            written.push(sign);
        }
        written.push(digit);
    }
    written
}

/// The most digits after the separator: as many as are read.
const MAX_PLACES: u32 = 6;

#[cfg(test)]
mod tests;
