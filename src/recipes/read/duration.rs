//! Durations as people and programs write them.

use std::sync::LazyLock;

use crate::recipes::languages::{self, Phrases, begins};
use crate::recipes::line::lead_in;
use crate::recipes::quantity::Quantity;
use crate::recipes::ratio::Ratio;
use crate::recipes::recipe::MAX_MINUTES;
use crate::recipes::scan::{from, word};

/// Parses the duration that `text` begins with: `1 hr 20 min`, `1h20`, `1 1/2 hours`, `1:30`,
/// `PT15M`, `30 mins to 1 hour`, `less than 30 mins`, `1時間半`.
///
/// Returns minutes, of a range its upper end, and the length in bytes. With `is_bare`, a bare number
/// means minutes, and `1:30` hours and minutes.
pub(crate) fn duration(text: &str, is_bare: bool) -> Option<(u32, usize)> {
    let start = vague(text);
    let text = from(text, start);
    let (mut minutes, mut end) =
        iso(text).or_else(|| clock(text).filter(|_| is_bare)).or_else(|| sum(text, is_bare))?;
    // "30 mins to 1 hour"
    if let Some(begin) = range(from(text, end)).map(|length| end + length)
        && let Some((upper, length)) = sum(from(text, begin), false)
        && upper > minutes
    {
        (minutes, end) = (upper, begin + length);
    }
    let minutes = u32::try_from(minutes).ok().filter(|minutes| *minutes <= MAX_MINUTES)?;
    Some((minutes, start + end))
}

/// The length of "about" and "less than" at the beginning of a text.
fn vague(text: &str) -> usize {
    let start = if text.starts_with('(') { 0 } else { lead_in(text) };
    let rest = from(text, start);
    let length = VAGUE.iter().find_map(|word| begins(rest, word)).unwrap_or_default();
    let rest = from(rest, length);
    start + length + rest.len() - rest.trim_start().len()
}

/// The length of what is between the ends of a range.
fn range(text: &str) -> Option<usize> {
    let plain = text.trim_start();
    let length = ["to", "–", "-", "bis", "à", "a", "tot", "till", "〜", "~", "or"]
        .iter()
        .find_map(|joint| begins(plain, joint).or_else(|| plain.starts_with(joint).then_some(1)))?;
    let behind = from(plain, length);
    Some(text.len() - behind.trim_start().len())
}

/// Hours and minutes, one behind the other.
fn sum(text: &str, is_bare: bool) -> Option<(u64, usize)> {
    let (mut minutes, mut end) = (0_u64, 0);
    let mut last = None;
    loop {
        let begin = end + joint(from(text, end), end > 0);
        // "1h05"
        let zero = usize::from(last == Some(60) && from(text, begin).starts_with('0'));
        let found = number(from(text, begin + zero)).map(|(it, length)| (it, length + zero));
        let Some((quantity, length)) = found else { break };
        let (unit, after) = word(text, begin + length);
        let after = after + usize::from(from(text, after).starts_with('.') && !unit.is_empty());
        let (factor, is_named) = match per(unit) {
            Some(factor) => (factor, true),
            // "1h20"
            None if last == Some(60) => (1, false),
            None if is_bare && last.is_none() => (1, false),
            None => break,
        };
        // Programs write a unit for the eye and one to be read aloud: "15 minutes mins".
        let (again, behind) = word(text, after);
        let is_again = per(again).is_some_and(|again| is_named && again == factor);
        let after = if is_again { behind } else { after };
        // A number of hours and fewer minutes, and not two durations.
        if last.is_some_and(|last| last <= factor) {
            break;
        }
        end = if is_named { after } else { begin + length };
        last = Some(factor);
        let product = quantity.times(Ratio::whole(factor))?;
        minutes = minutes.checked_add(product.to_f64().round() as u64)?;
        if unit.ends_with('半') {
            minutes += 30;
        }
        let half = HALVES.length(from(text, end).trim_start());
        if let Some(length) = half.filter(|_| factor == 60) {
            end += from(text, end).len() - from(text, end).trim_start().len() + length;
            minutes += 30;
        }
        if !is_named {
            break;
        }
    }
    last.map(|_| (minutes, end))
}

/// The length of the space, and of "and", before the next part of a sum.
fn joint(text: &str, is_further: bool) -> usize {
    let plain = text.trim_start();
    let joint = JOINTS.iter().find(|joint| is_further && plain.starts_with(**joint));
    let behind = from(plain, joint.map_or(0, |joint| joint.len()));
    text.len() - behind.trim_start().len()
}

/// A number, of a range its upper end, or an article, and its length.
fn number(text: &str) -> Option<(Ratio, usize)> {
    if let Some(quantity) = Quantity::parse(text) {
        return Some((quantity.top(), quantity.end()));
    }
    let length = ARTICLES.length(text)?;
    let (unit, _) = word(text, length);
    per(unit).map(|_| (Ratio::ONE, length))
}

/// The minutes of one of a unit.
fn per(unit: &str) -> Option<u64> {
    UNITS.whole(unit)
}

/// Parses `1:30` and `01:30:00`.
fn clock(text: &str) -> Option<(u64, usize)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(text.len());
    let mut parts = text.get(..end)?.split(':');
    let hours: u64 = parts.next()?.parse().ok().filter(|hours| *hours < 1_000)?;
    let minutes = parts.next().filter(|minutes| minutes.len() == 2)?;
    let minutes: u64 = minutes.parse().ok().filter(|minutes| *minutes < 60)?;
    if parts.next().is_some_and(|seconds| seconds.len() != 2) || parts.next().is_some() {
        return None;
    }
    let (unit, after) = word(text, end);
    let end = if per(unit) == Some(60) { after } else { end };
    Some((hours * 60 + minutes, end))
}

/// Parses `PT1H30M` (ISO 8601), without months and years.
fn iso(text: &str) -> Option<(u64, usize)> {
    let period = text.strip_prefix(['P', 'p'])?;
    let end = period.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.'));
    let period = period.get(..end.unwrap_or(period.len()))?;
    let (mut total, mut number, mut is_time) = (None, String::new(), false);
    for c in period.chars() {
        let unit = match c.to_ascii_uppercase() {
            '0'..='9' | '.' => {
                number.push(c);
                continue;
            }
            'T' if !is_time => {
                is_time = true;
                continue;
            }
            'W' if !is_time => 7.0 * 24.0 * 60.0,
            'D' if !is_time => 24.0 * 60.0,
            'H' if is_time => 60.0,
            'M' if is_time => 1.0,
            'S' if is_time => 1.0 / 60.0,
            _ => return None,
        };
        total = Some(total.unwrap_or(0.0) + number.parse::<f64>().ok()? * unit);
        number.clear();
    }
    let most = f64::from(MAX_MINUTES);
    let total = total.filter(|total| number.is_empty() && *total <= most)?;
    Some((total.round() as u64, 1 + period.len()))
}

const VAGUE: [&str; 6] = ["under", "over", "max.", "max", "maximum", "within"];
const JOINTS: [&str; 8] = ["and ", "& ", ", ", "und ", "et ", "y ", "e ", "en "];
/// The units of time, with the minutes of each.
static UNITS: LazyLock<Phrases<u64>> = LazyLock::new(|| {
    let units = [
        (languages::all(|it| it.minutes), 1),
        (languages::all(|it| it.hours), 60),
        (languages::all(|it| it.days), 24 * 60),
    ];
    let named = |(names, minutes): (Vec<_>, _)| names.into_iter().map(move |it| (it, minutes));
    Phrases::new(units.into_iter().flat_map(named))
});
static HALVES: LazyLock<Phrases> = LazyLock::new(|| languages::table(|it| it.halves));
static ARTICLES: LazyLock<Phrases> = LazyLock::new(|| languages::table(|it| it.articles));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed_in_every_form() {
        for (text, minutes) in [
            ("15 min", 15),
            ("1 hr 20 min", 80),
            ("1h20", 80),
            ("1h05", 65),
            ("1 h 30", 90),
            ("1½ hours", 90),
            ("1 1/2 hrs", 90),
            ("an hour", 60),
            ("1 hour and 5 minutes", 65),
            ("half an hour", 30),
            ("1:30", 90),
            ("00:45", 45),
            ("PT15M", 15),
            ("PT1H30M", 90),
            ("P1DT2H", 1_560),
            ("30 mins to 1 hour", 60),
            ("20-25 minutes", 25),
            ("less than 30 mins", 30),
            ("about 1 hour", 60),
            ("1 Std. 20 Min.", 80),
            ("anderthalb Stunden", 90),
            ("eine halbe Stunde", 30),
            ("1 heure 15", 75),
            ("1 hora y media", 90),
            ("1 ora e 20 minuti", 80),
            ("anderhalf uur", 90),
            ("2 timmar", 120),
            ("1時間30分", 90),
            ("1時間半", 90),
            ("約20分", 20),
            ("10-15 minutes", 15),
            ("2 days", 2_880),
            ("45", 45),
        ] {
            assert_eq!(duration(text, true), Some((minutes, text.len())), "{text}");
        }
        assert_eq!(duration("45", false), None);
        // A word that is no unit is not swallowed.
        assert_eq!(duration("45 mountains", true), Some((45, 2)));
        for text in ["overnight", "soon", "", "4 eggs of 2 hens", "P1Y", "99999999 hours"] {
            assert!(duration(text, true).is_none_or(|(_, end)| end < text.len()), "{text}");
        }
    }
}
