//! Facts about the whole recipe in a pasted text: yield, times, tags.

use super::super::quantity::Quantity;
use super::super::ratio::Ratio;
use super::super::recipe::MAX_MINUTES;
use super::super::scan::{from, word};

/// One fact about the recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    /// The yield as it is stored.
    Yield(String),
    /// Minutes; of a range, the upper end.
    Prep(u32),
    Cook(u32),
    Title(String),
    Tags(Vec<String>),
    /// A fact without a field of its own, kept as text.
    Other(String),
}

/// The facts of a line that holds nothing else. `is_strict` is for lines that may be steps: then
/// "Cook 20 min" is a step, and "Cook time: 20 min" is a fact.
pub(super) fn facts(line: &str, is_strict: bool) -> Option<Vec<Fact>> {
    let mut found = Vec::new();
    let mut rest = line.trim();
    // Longer lines are prose, in which the search for facts would not be linear.
    if rest.len() > 500 {
        return None;
    }
    while !rest.is_empty() {
        let (mut facts, length) = fact(rest, is_strict)?;
        found.append(&mut facts);
        rest = from(rest, length.max(1))
            .trim_start_matches([' ', '|', '•', '·', ',', ';', '.', '/', '-', '–', ')']);
    }
    (!found.is_empty()).then_some(found)
}

/// Whether the line is only a label, whose value is on the next line.
pub(super) fn is_label(text: &str) -> bool {
    let name = text.trim_end_matches(':').trim_end().to_lowercase();
    let is_time = TIMES.iter().any(|(_, labels)| labels.contains(&&*name) && name.contains("time"));
    is_time || (name != "for" && YIELDS.contains(&&*name)) || TAGS.contains(&&*name)
}

/// The fact that `text` begins with, and its length in bytes.
fn fact(text: &str, is_strict: bool) -> Option<(Vec<Fact>, usize)> {
    let found = labelled_text(text)
        .or_else(|| time(text, is_strict))
        .or_else(|| yielded(text, is_strict))
        .map(|(fact, length)| (vec![fact], length));
    found.or_else(|| {
        let inner = text.strip_prefix('(')?;
        let close = inner.find(')')?;
        Some((facts(inner.get(..close)?, is_strict)?, close + 2))
    })
}

/// The text after a label and its colon, and whether there was a colon.
fn label<'a>(text: &'a str, labels: &[&str]) -> Option<(&'a str, bool)> {
    let name = labels
        .iter()
        .find(|name| text.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name)))?;
    let rest = text.get(name.len()..)?;
    if rest.starts_with(char::is_alphanumeric) {
        return None;
    }
    let after = rest.trim_start();
    let parted = after.strip_prefix([':', '=']).or_else(|| after.strip_prefix("- "));
    Some((
        parted.or_else(|| after.strip_prefix("– ")).unwrap_or(after).trim_start(),
        parted.is_some(),
    ))
}

/// Parses the facts that extend to the end of the line: tags and a title.
fn labelled_text(text: &str) -> Option<(Fact, usize)> {
    let colon = |labels| label(text, labels).filter(|(value, parted)| *parted && !value.is_empty());
    if let Some((value, _)) = colon(TAGS) {
        let tags = value.split([',', ';', '#']).map(|tag| tag.trim().trim_end_matches('.'));
        let tags: Vec<_> = tags.filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
        return Some((Fact::Tags(tags), text.len()));
    }
    if let Some((value, _)) = colon(&["recipe name", "title", "recipe", "name"]) {
        return Some((Fact::Title(value.to_owned()), text.len()));
    }
    if let Some((value, _)) = colon(&["description", "about", "summary"]) {
        return Some((Fact::Other(value.to_owned()), text.len()));
    }
    colon(OTHERS).map(|_| (Fact::Other(text.to_owned()), text.len()))
}

fn time(text: &str, is_strict: bool) -> Option<(Fact, usize)> {
    let (kind, labels) = TIMES.iter().find(|(_, labels)| label(text, labels).is_some())?;
    let (value, parted) = label(text, labels)?;
    let labelled = text.get(..text.len() - value.len())?.to_lowercase();
    if !parted && (is_strict || *kind == TimeKind::Other) && !labelled.contains("time") {
        return None;
    }
    let value = value.strip_prefix("about ").or_else(|| value.strip_prefix("~")).unwrap_or(value);
    let length = text.len() - value.len();
    let Some((minutes, taken)) = duration(value, parted) else {
        // "Prep time: overnight" is kept as it is.
        return parted.then(|| (Fact::Other(text.to_owned()), text.len()));
    };
    let is_done = !from(value, taken).starts_with(char::is_alphanumeric);
    let rest = from(value, taken).trim_start();
    let is_alone = parted || labelled.contains("time") || !rest.starts_with(char::is_lowercase);
    let fact = match kind {
        TimeKind::Prep => Fact::Prep(minutes),
        TimeKind::Cook => Fact::Cook(minutes),
        TimeKind::Other => Fact::Other(text.get(..length + taken)?.trim().to_owned()),
    };
    (is_done && is_alone).then_some((fact, length + taken))
}

/// Parses the duration that `text` begins with: `1 hr 20 min`, `1h20`, `90 minutes`, `1 1/2 hours`.
/// Returns minutes, of a range its upper end, and the length in bytes. With `is_bare`, a bare
/// number means minutes.
pub(crate) fn duration(text: &str, is_bare: bool) -> Option<(u32, usize)> {
    let (mut minutes, mut end) = (Some(0), 0);
    let mut last = None;
    loop {
        let begin = end + (from(text, end).len() - from(text, end).trim_start().len());
        let joint =
            ["and ", "& ", ", "].iter().find(|joint| from(text, begin).starts_with(**joint));
        let begin = begin + joint.filter(|_| end > 0).map_or(0, |joint| joint.len());
        let Some(quantity) = Quantity::parse(from(text, begin)) else { break };
        let (unit, after) = word(text, begin + quantity.end());
        let after = after + usize::from(from(text, after).starts_with('.'));
        let (factor, is_named) = match &*unit.to_lowercase() {
            "h" | "hr" | "hrs" | "hour" | "hours" | "std" => (60, true),
            "m" | "min" | "mins" | "minute" | "minutes" => (1, true),
            "d" | "day" | "days" => (24 * 60, true),
            // "1h20"
            _ if last == Some(60) => (1, false),
            _ if is_bare && last.is_none() => (1, false),
            _ => break,
        };
        end = if is_named { after } else { begin + quantity.end() };
        last = Some(factor);
        let length = quantity.top().times(Ratio::whole(factor));
        minutes = minutes.zip(length).map(|(sum, length)| sum + length.to_f64().round() as u64);
        if !is_named {
            break;
        }
    }
    let minutes = u32::try_from(minutes?).ok().filter(|minutes| *minutes <= MAX_MINUTES)?;
    last.map(|_| (minutes, end))
}

/// Parses a yield: "Serves 4", "Yield: 6 servings", "Makes 12 cookies", "4 servings".
fn yielded(text: &str, is_strict: bool) -> Option<(Fact, usize)> {
    let (value, parted, named) = match label(text, YIELDS) {
        Some((value, parted)) => (value, parted, true),
        None => (text, false, false),
    };
    let start = text.len() - value.len();
    let end = value.find(['|', '•', '·', ';', ')', '(']).unwrap_or(value.len());
    let value = value.get(..end)?;
    let end = [", ", ". ", "   ", " - ", " – "].iter().filter_map(|part| value.find(part)).min();
    let value = value.get(..end.unwrap_or(value.len()))?;
    // The next label may follow without a separator.
    let value = value.get(..next_label(value).unwrap_or(value.len()))?.trim_end();
    let plain = value.trim_end_matches('.');
    let about = [
        "about ",
        "approximately ",
        "approx. ",
        "around ",
        "up to ",
        "~",
        "a dozen ",
        "one dozen ",
    ];
    let number = about.iter().find_map(|a| plain.strip_prefix(a)).unwrap_or(plain);
    let quantity = Quantity::parse(number);
    let is_short = plain.chars().count() <= 80 && plain.split(' ').count() <= 9;
    let head = text.get(..start)?.to_lowercase();
    let is_serving = ["serv", "feed", "portion", "for"].iter().any(|word| head.starts_with(word));
    let unit = quantity.map(|quantity| word(number, quantity.end()).0.to_lowercase());
    let is_for_people = unit.as_ref().is_some_and(|unit| PEOPLE.contains(&&**unit));
    let is_yield = is_short
        && match (named, quantity) {
            (true, _) if head.starts_with("for") => is_for_people && !is_strict,
            (true, Some(_)) => true,
            (true, None) => (parted && !plain.is_empty()) || number.len() < plain.len(),
            (false, Some(quantity)) => {
                is_for_people && word(number, quantity.end()).1 == number.len()
            }
            (false, None) => false,
        };
    if !is_yield {
        return None;
    }
    let is_bare = quantity.is_some_and(|quantity| quantity.end() == number.len());
    let kept = if is_bare && (is_serving || head.starts_with("yield")) {
        format!("{plain} serving{}", if plain == "1" { "" } else { "s" })
    } else if is_bare && named {
        format!("{}{plain}", text.get(..start)?)
    } else {
        plain.to_owned()
    };
    Some((Fact::Yield(kept), start + value.len()))
}

/// The offset of the next label in a value, if there is one.
fn next_label(value: &str) -> Option<usize> {
    let labels = TIMES.iter().flat_map(|(_, labels)| *labels).chain(YIELDS);
    let labels: Vec<&str> =
        labels.copied().filter(|name| *name != "for" && name.len() > 3).collect();
    let starts = value.match_indices(' ').map(|(at, _)| at + 1);
    let mut starts = starts.take(12);
    starts.find(|at| {
        from(value, *at).starts_with(char::is_uppercase)
            && label(from(value, *at), &labels).is_some()
    })
}

/// The field that a duration belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimeKind {
    Prep,
    Cook,
    Other,
}

/// Of two labels with a common beginning, the longer comes first.
const TIMES: &[(TimeKind, &[&str])] = &[
    (
        TimeKind::Prep,
        &[
            "preparation time",
            "prep time",
            "prep. time",
            "preptime",
            "prep",
            "active time",
            "hands-on time",
            "preparation",
            "vorbereitungszeit",
        ],
    ),
    (
        TimeKind::Cook,
        &[
            "cooking time",
            "cook time",
            "cooktime",
            "cook",
            "baking time",
            "bake time",
            "cooking",
            "baking",
            "bake",
        ],
    ),
    (
        TimeKind::Other,
        &[
            "total time",
            "total",
            "ready in",
            "chill time",
            "chilling time",
            "rest time",
            "resting time",
            "additional time",
            "marinating time",
            "rising time",
            "inactive time",
            "time",
        ],
    ),
];
const YIELDS: &[&str] = &[
    "number of servings",
    "recipe yield",
    "recipe makes",
    "recipe serves",
    "this recipe makes",
    "servings",
    "serving",
    "serves",
    "serve",
    "yields",
    "yield",
    "makes",
    "feeds",
    "portions",
    "portionen",
    "for",
];
const PEOPLE: &[&str] =
    &["servings", "serving", "portions", "portion", "people", "persons", "person"];
const TAGS: &[&str] =
    &["tags", "tag", "keywords", "keyword", "categories", "category", "cuisine", "course", "diet"];
const OTHERS: &[&str] = &[
    "author",
    "source",
    "by",
    "from",
    "difficulty",
    "skill level",
    "calories",
    "level",
    "equipment",
    "oven temperature",
    "rating",
    "cost",
];
