//! Facts about the whole recipe in a pasted text: yield, times, tags.

use std::sync::LazyLock;

use super::super::duration::duration;
use crate::recipes::languages::{self, Phrases, is_word};
use crate::recipes::line::{lead_in, plain};
use crate::recipes::quantity::Quantity;
use crate::recipes::scan::{from, word};

/// One fact about the recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// The yield as it is stored.
    Yield(String),
    /// Minutes; of a range, the upper end.
    Prep(u32),
    Cook(u32),
    Total(u32),
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
        // "15 minutes (plus 1 hour chilling)"
        if !found.is_empty()
            && ["(", "plus ", "+ "].iter().any(|more| rest.starts_with(more))
            && fact(rest, is_strict).is_none()
        {
            found.push(Fact::Other(rest.trim_matches(['(', ')', ' ']).to_owned()));
            break;
        }
        let (mut facts, length) = fact(rest, is_strict)?;
        found.append(&mut facts);
        rest = from(rest, length.max(1))
            .trim_start_matches([' ', '|', '•', '·', ',', ';', '.', '/', '-', '–', ')']);
    }
    (!found.is_empty()).then_some(found)
}

/// The facts of a line with signs between its parts, of which others are none: "By Ann | 4 servings |
/// 15 min". With them come the other parts.
pub(super) fn mixed_facts(line: &str) -> Option<(Vec<Fact>, Vec<String>)> {
    if line.len() > 500 {
        return None;
    }
    let (mut found, mut others) = (Vec::new(), Vec::new());
    for part in line.split(['|', '•', '·']).map(str::trim).filter(|part| !part.is_empty()) {
        let timed = timed(part).or_else(|| bare_time(part).map(Fact::Total));
        match facts(part, false).or_else(|| timed.map(|fact| vec![fact])) {
            Some(facts) => found.extend(facts),
            None => others.push(part.to_owned()),
        }
    }
    let count = found.len() + others.len();
    let is_short = others.iter().all(|other| other.chars().count() < 30);
    let is_mostly = others.len() <= found.len() || (count > 2 && is_short);
    (count > 1 && !found.is_empty() && is_mostly).then_some((found, others))
}

/// The minutes of a text that is a duration and nothing else: "Under 45 min".
pub(super) fn bare_time(text: &str) -> Option<u32> {
    let text = text.trim().trim_end_matches('.');
    let (minutes, end) = duration(text, false)?;
    (end >= text.len()).then_some(minutes)
}

/// A time whose label is behind it: "30 min. prep".
fn timed(text: &str) -> Option<Fact> {
    let (minutes, end) = duration(text, false)?;
    match LABELS.times.whole(from(text, end).trim_matches(['.', ' ']))? {
        TimeKind::Prep => Some(Fact::Prep(minutes)),
        TimeKind::Cook => Some(Fact::Cook(minutes)),
        TimeKind::Total => Some(Fact::Total(minutes)),
        TimeKind::Other => None,
    }
}

/// What a recipe makes, behind the heading of its ingredients: "para 30 croquetas".
pub(super) fn counted(text: &str) -> Option<Fact> {
    let rest = from(text, SERVES.length(text)?).trim_start();
    let quantity = Quantity::parse(from(rest, lead_in(rest)))?;
    let (_, behind) = rest.split_at_checked(lead_in(rest) + quantity.end())?;
    let is_short = (1..4).contains(&behind.split_whitespace().count());
    (is_short && !behind.contains([',', ':'])).then(|| Fact::Yield(rest.to_owned()))
}

/// Whether a line is the label of a time, also where that is a heading of steps: "Preparo".
pub(super) fn is_time_label(text: &str) -> bool {
    LABELS.times.whole(text.trim_end_matches([':', ' '])).is_some()
}

/// A title with facts in brackets behind it: "Lemon bars (makes 16)", "親子丼（2人分）調理時間15分".
pub(super) fn title_with_facts(text: &str) -> Option<(&str, Vec<Fact>)> {
    let open = text.find(['(', '（'])?;
    let (title, rest) = text.split_at_checked(open)?;
    let title = title.trim();
    let is_title = title.starts_with(char::is_alphabetic)
        && title.chars().count() <= 80
        && !title.contains(|c: char| c.is_numeric() || c == ':');
    let rest = plain(rest);
    let facts = facts(&rest, false).filter(|_| is_title)?;
    Some((title, facts))
}

/// A title with the number of people behind it: "Pannenkoeken voor 4", "Pasta e fagioli x 4".
pub(super) fn title_for_people(text: &str) -> Option<(&str, Fact)> {
    let (head, number) = text.trim_end_matches(['.', ':']).rsplit_once(' ')?;
    number.parse::<u8>().ok().filter(|number| *number > 0)?;
    let (title, joint) = head.rsplit_once(' ')?;
    let is_times = matches!(joint, "x" | "×");
    let is_joint = is_times || SERVES.has(joint);
    let is_title = title.starts_with(char::is_alphabetic)
        && !title.contains(|c: char| c.is_numeric() || c == ':');
    let people = if is_times { format!("{number} servings") } else { format!("{joint} {number}") };
    (is_joint && is_title).then_some((title, Fact::Yield(people)))
}

static SERVES: LazyLock<Phrases> = LazyLock::new(|| languages::table(|it| it.serves));

/// A title with a yield behind it, without a sign between them: "Chicken Soup 4 Servings", "親子丼 2人前".
pub(super) fn title_with_yield(text: &str) -> Option<(&str, Fact)> {
    let spaces = text.rmatch_indices(' ').map(|(at, _)| at).take(3);
    spaces.into_iter().find_map(|at| {
        let (title, rest) = text.split_at_checked(at)?;
        let title = title.trim_end_matches([' ', '.', ',', ':', '-', '–']);
        let (fact, length) = yielded(rest.trim_start(), false)?;
        let is_title = title.starts_with(char::is_alphabetic)
            && !title.contains(|c: char| c.is_numeric() || c == ':');
        // A number alone may be of the title: "Curry 2".
        let is_named = rest.contains(char::is_alphabetic);
        (is_title && is_named && length == rest.trim_start().len()).then_some((title, fact))
    })
}

/// The fact that a label and its value are, as formats with fields have them.
pub(crate) fn labelled(label: &str, value: &str) -> Option<Fact> {
    let line = format!("{}: {}", label.trim().trim_end_matches(':'), value.trim());
    facts(&line, false).and_then(|facts| facts.into_iter().next())
}

/// The fact that a text states, and nothing else.
pub(crate) fn stated(text: &str) -> Option<Fact> {
    let mut facts = facts(text, false)?;
    facts.pop().filter(|_| facts.is_empty())
}

/// Whether the line is only a label, whose value is on the next line.
pub(super) fn is_label(text: &str) -> bool {
    let name = text.trim_end_matches([':', '：']).trim_end();
    let is_time = LABELS.times.whole(name).is_some();
    let is_verb = ["cook", "bake", "prep", "time", "total"].iter().any(|verb| is_word(name, verb));
    let is_yield = LABELS.yields.has(name) && !LABELS.before_people.has(name);
    (is_time && (!is_verb || text.ends_with(':'))) || is_yield || LABELS.tags.has(name)
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
fn label<'a>(text: &'a str, labels: &Phrases) -> Option<(&'a str, bool)> {
    Some(behind_label(text, labels.length(text)?))
}

fn behind_label(text: &str, length: usize) -> (&str, bool) {
    let after = from(text, length).trim_start();
    let after = after.strip_prefix(['.', '(']).filter(|_| after.starts_with(".:")).unwrap_or(after);
    let parted = after.strip_prefix([':', '=', '：', '…']).or_else(|| after.strip_prefix("- "));
    let value = parted.or_else(|| after.strip_prefix("– ")).unwrap_or(after);
    (value.trim_start(), parted.is_some())
}

/// Parses the facts that extend to the end of the line: tags and a title.
fn labelled_text(text: &str) -> Option<(Fact, usize)> {
    let colon = |labels: &Phrases| {
        label(text, labels).filter(|(value, parted)| *parted && !value.is_empty())
    };
    if let Some((value, _)) = colon(&LABELS.tags) {
        let value = value.trim_matches(['[', ']']);
        let tags = value.split([',', ';', '#', '、']).map(|tag| tag.trim().trim_end_matches('.'));
        let tags = tags.map(|tag| tag.trim_matches(['"', '\'']));
        let tags: Vec<_> = tags.filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
        return Some((Fact::Tags(tags), text.len()));
    }
    if let Some((value, _)) = colon(&LABELS.titles) {
        // "Subject: Fwd: Lemon bars"
        let mut title = value;
        while let Some(rest) = REPLIES.iter().find_map(|reply| title.strip_prefix(reply)) {
            title = rest.trim_start();
        }
        return Some((Fact::Title(title.to_owned()), text.len()));
    }
    if let Some((value, _)) = colon(&LABELS.abouts) {
        return Some((Fact::Other(value.to_owned()), text.len()));
    }
    colon(&LABELS.others).map(|_| (Fact::Other(text.to_owned()), text.len()))
}

fn time(text: &str, is_strict: bool) -> Option<(Fact, usize)> {
    let (name, kind) = LABELS.times.find(text)?;
    let (value, parted) = behind_label(text, name);
    let labelled = text.get(..name)?.to_lowercase();
    // "Time", "Vorbereitungszeit", "temps de cuisson": no verb begins a step with these.
    let is_noun = TIME_WORDS.iter().any(|word| labelled.contains(word));
    if !parted && (is_strict || kind == TimeKind::Other) && !is_noun {
        return None;
    }
    let length = text.len() - value.len();
    let Some((minutes, taken)) = duration(value, parted || is_noun) else {
        // "Prep time: overnight" is kept as it is.
        return parted.then(|| (Fact::Other(text.to_owned()), text.len()));
    };
    let is_done = !from(value, taken).starts_with(char::is_alphanumeric);
    let rest = from(value, taken).trim_start();
    let is_alone = parted || is_noun || !rest.starts_with(char::is_lowercase);
    let fact = match kind {
        TimeKind::Prep => Fact::Prep(minutes),
        TimeKind::Cook => Fact::Cook(minutes),
        TimeKind::Total => Fact::Total(minutes),
        TimeKind::Other => Fact::Other(text.get(..length + taken)?.trim().to_owned()),
    };
    (is_done && is_alone).then_some((fact, length + taken))
}

/// Parses a yield: "Serves 4", "Yield: 6 servings", "Makes 12 cookies", "4 servings".
fn yielded(text: &str, is_strict: bool) -> Option<(Fact, usize)> {
    let (value, parted, named) = match label(text, &LABELS.yields) {
        Some((value, parted)) => (value, parted, true),
        None => (text, false, false),
    };
    let start = text.len() - value.len();
    let value = value.get(..yield_end(value))?.trim_end();
    let plain = value.trim_end_matches('.');
    let number = from(plain, lead_in(plain));
    let number = ["a dozen ", "one dozen "].iter().find_map(|a| number.strip_prefix(a));
    let number = number.unwrap_or_else(|| from(plain, lead_in(plain)));
    let quantity = Quantity::parse(number);
    let is_short = plain.chars().count() <= 80 && plain.split(' ').count() <= 9;
    let head = text.get(..start)?;
    let name = head.trim_end_matches([' ', ':', '：', '=', '-', '–']);
    let (unit, unit_end) = quantity.map_or(("", 0), |quantity| word(number, quantity.end()));
    let is_for_people = LABELS.people.has(unit);
    let is_last = from(number, unit_end).trim_matches(['.', ' ']).is_empty();
    // "Ca 40 st"
    let is_pieces = !is_strict && is_last && PIECES.contains(&&*unit.to_lowercase());
    let is_before_people = LABELS.before_people.has(name);
    let is_yield = is_short
        && match (named, quantity) {
            (true, _) if is_before_people => (is_for_people || is_pieces) && !is_strict,
            (true, Some(_)) => true,
            (true, None) => (parted && !plain.is_empty()) || number.len() < plain.len(),
            (false, Some(_)) => (is_for_people || is_pieces) && is_last,
            (false, None) => false,
        };
    if !is_yield {
        return None;
    }
    let is_bare = quantity.is_some_and(|quantity| quantity.end() == number.len());
    let kept = if is_bare { bare_yield(name, head, plain) } else { plain.to_owned() };
    Some((Fact::Yield(kept), start + value.len()))
}

/// The end of a yield in a text that goes on.
fn yield_end(value: &str) -> usize {
    let end = value.find(['|', '•', '·', ';', ')', '(']).unwrap_or(value.len());
    let head = value.get(..end).unwrap_or_default();
    let part = [", ", ". ", "   ", " - ", " – "].iter().filter_map(|part| head.find(part)).min();
    let head = value.get(..part.unwrap_or(end)).unwrap_or_default();
    // The next label may follow without a separator.
    next_label(head).unwrap_or(head.len())
}

/// A yield that is only a number, with what it counts.
fn bare_yield(name: &str, head: &str, number: &str) -> String {
    let lower = name.to_lowercase();
    let is_english =
        ["serv", "feed", "portion", "number of serv", "yield", "recipe serves", "this"];
    if is_english.iter().any(|word| lower.starts_with(word)) && !lower.contains("makes") {
        return format!("{number} serving{}", if number == "1" { "" } else { "s" });
    }
    // "Personen: 4", "Nombre de personnes : 8"
    let last = lower.rsplit(' ').next().unwrap_or_default();
    if LABELS.people.has(last) {
        return format!("{number} {last}");
    }
    format!("{head}{number}")
}

/// The offset of the next label in a value, if there is one.
fn next_label(value: &str) -> Option<usize> {
    let is_label = |text: &str| {
        // "4 Portionen" ends with what is a label elsewhere.
        let length = LABELS.inner.length(text);
        length.is_some_and(|length| !from(text, length).trim_matches(['.', ':', ' ']).is_empty())
    };
    let starts = value.match_indices(' ').map(|(at, _)| at + 1);
    let mut starts = starts.take(12);
    starts.find(|at| {
        let rest = from(value, *at);
        rest.starts_with(char::is_uppercase) && is_label(rest)
    })
}

/// The field that a duration belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimeKind {
    Prep,
    Cook,
    Total,
    Other,
}

/// The labels of facts in every language. Of two with a common beginning, the longer comes first.
struct FactLabels {
    times: Phrases<TimeKind>,
    yields: Phrases,
    /// Those of yields that are only one when people follow: "for 4 people".
    before_people: Phrases,
    /// Those of times and yields that may follow a value without a sign between them.
    inner: Phrases,
    people: Phrases,
    titles: Phrases,
    tags: Phrases,
    abouts: Phrases,
    others: Phrases,
}

static LABELS: LazyLock<FactLabels> = LazyLock::new(|| {
    let kinds = [
        (TimeKind::Prep, languages::all(|it| it.prep)),
        (TimeKind::Cook, languages::all(|it| it.cook)),
        (TimeKind::Total, languages::all(|it| it.total)),
        (TimeKind::Other, languages::all(|it| it.times)),
    ];
    let times: Vec<_> = kinds
        .into_iter()
        .flat_map(|(kind, names)| names.into_iter().map(move |it| (it, kind)))
        .collect();
    let inner = times.iter().map(|(name, _)| *name).chain(languages::all(|it| it.yields));
    let is_inner =
        |name: &&str| name.len() > 3 && BEFORE_PEOPLE.split(' ').all(|before| before != *name);
    FactLabels {
        inner: Phrases::listed(inner.filter(is_inner)),
        times: Phrases::new(times),
        yields: languages::table(|it| it.yields),
        before_people: Phrases::listed(BEFORE_PEOPLE.split(' ')),
        people: languages::table(|it| it.people),
        titles: languages::table(|it| it.titles),
        tags: languages::table(|it| it.tags),
        abouts: languages::table(|it| it.abouts),
        others: languages::table(|it| it.others),
    }
});

const REPLIES: [&str; 8] = ["Re:", "RE:", "Fwd:", "FW:", "Fw:", "AW:", "WG:", "TR:"];
const BEFORE_PEOPLE: &str = "for für pour para per voor för ca cirka";
/// What a number counts that is alone in a line.
const PIECES: [&str; 12] = [
    "st", "stk", "stück", "stuks", "pz", "pezzi", "piezas", "unidades", "pièces", "pieces",
    "bitar", "個分",
];
/// What the words for times end with or contain.
const TIME_WORDS: [&str; 9] =
    ["time", "zeit", "temps", "tiempo", "tempo", "tijd", "tid", "durée", "時間"];
