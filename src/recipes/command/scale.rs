//! The commands that scale a recipe.

use super::super::quantity::{Number, NumberForm};
use super::super::ratio::Ratio;
use super::chat_command::{ChatCommand, Scale};
use super::words::{WHOLE, after, after_any, skip};

const UNFINISHED: ChatCommand<'static> = ChatCommand::Unfinished("Scale to 8 servings");

/// Parses a command that scales a recipe.
pub(super) fn scale(text: &str) -> Option<ChatCommand<'_>> {
    let scale = multiple(text).map(Scale::By).or_else(|| servings(text)).or_else(|| needed(text));
    if let Some(scale) = scale {
        return Some(ChatCommand::Scale(scale));
    }
    let (rest, is_sure) = match after_any(text, SURE) {
        Some(rest) => (rest, true),
        None => (after_any(text, &["make", "cook", "prepare", "change", "cut", "turn"])?, false),
    };
    let is_made = after(text, "make").is_some();
    let is_more = after(text, "increase").is_some();
    let is_less = after_any(text, &["reduce", "decrease"]).is_some();
    let object = after_any(rest, WHOLE);
    let rest = object.unwrap_or(rest);
    let (rest, is_more, is_less) = match (after(rest, "up"), after(rest, "down")) {
        (Some(rest), _) => (rest, true, false),
        (_, Some(rest)) => (rest, false, true),
        _ => (rest, is_more, is_less),
    };
    if let Some(rest) = after(rest, "by").or_else(|| rest.strip_prefix(['x', '×'])) {
        let rest = skip(rest, &["a factor of", "factor"]).trim_start();
        let factor = match percent(rest) {
            Some(share) if is_more => share.plus(Ratio::ONE),
            Some(share) if is_less => Ratio::ONE.minus(share),
            share => share.or_else(|| Some(Number::parse(rest)?.value)),
        };
        let factor = factor.filter(|factor| !factor.is_zero());
        let by = factor.map(|factor| ChatCommand::Scale(Scale::By(factor)));
        return by.or(is_sure.then_some(UNFINISHED));
    }
    let (to, is_for) = match after_any(rest, FOR) {
        Some(rest) => (Some(rest), true),
        None => (after_any(rest, &["to make", "into", "to"]), false),
    };
    let target = to.unwrap_or(rest);
    if let Some(share) = percent(target).filter(|_| is_sure) {
        return Some(ChatCommand::Scale(Scale::By(share)));
    }
    let scale = Number::parse(target).and_then(|number| {
        let behind = target.get(number.end..)?.trim();
        let is_half = number.form == NumberForm::Word && number.value < Ratio::ONE;
        let is_times = behind.eq_ignore_ascii_case("x") || behind.eq_ignore_ascii_case("times");
        if is_sure && (is_times || (is_half && behind.is_empty())) {
            return Some(Scale::By(number.value));
        }
        let what = if behind.is_empty() && is_for { "people" } else { behind };
        let is_said = is_sure
            || is_people(what)
            || (object.is_some() && (to.is_some() || is_made))
            || (is_made && number.form != NumberForm::Fraction && !is_half);
        (is_said && is_thing(what)).then_some(Scale::To(number.value, what))
    });
    scale.map(ChatCommand::Scale).or(is_sure.then_some(UNFINISHED))
}

/// "Double it", "3x", "half of it": the factor.
fn multiple(text: &str) -> Option<Ratio> {
    let text = skip(text, &["make", "do", "cook"]);
    let text = skip(text, &["a", "it", "this"]);
    for (words, over, parts) in MULTIPLES {
        let Some(rest) = after_any(text, words) else { continue };
        let rest = skip(skip(rest, &["as much", "as big", "batch", "of", "the batch"]), &["of"]);
        let is_whole = rest.is_empty() || after_any(rest, WHOLE).is_some_and(str::is_empty);
        if is_whole {
            return Ratio::new(*over, *parts);
        }
    }
    if let Some(rest) = after_any(text, &["cut", "divide"]) {
        let rest = skip(rest, WHOLE);
        let is_half = ["in half", "by half", "in two"].iter().any(|h| rest.eq_ignore_ascii_case(h));
        return is_half.then_some(Ratio::HALF);
    }
    // "3x", "x3", "times 3", "multiply by 3"
    let text = skip(text, &["multiply"]);
    let text = skip(text, WHOLE);
    let plain = skip(text, &["by", "times"]);
    let signed = plain.strip_prefix(['x', 'X', '×']);
    let number = Number::parse(signed.unwrap_or(plain).trim_start())?;
    let rest = signed.unwrap_or(plain).trim_start().get(number.end..)?.trim();
    let is_signed = signed.is_some() || plain.len() < text.len();
    let behind = rest.strip_prefix(['x', 'X', '×']);
    let behind = behind.or_else(|| after_any(rest, &["times", "batches", "batch"]));
    let rest = behind.unwrap_or(rest).trim();
    let is_whole = rest.is_empty() || after_any(rest, WHOLE).is_some_and(str::is_empty);
    (is_whole && (is_signed || behind.is_some())).then_some(number.value)
}

/// "Serves 8", "change servings to 6", "8 portions".
fn servings(text: &str) -> Option<Scale<'_>> {
    let set = after_any(text, &["set", "change", "update", "make", "increase", "reduce"]);
    let rest = skip(set.unwrap_or(text), &["the", "its"]);
    let named = after_any(rest, &["number of servings", "servings", "portions", "serving count"]);
    let rest = match named {
        Some(rest) => {
            let parted = rest.strip_prefix([':', '=']).or_else(|| after_any(rest, &["to", "is"]));
            parted.or(set.and(Some(rest)))?.trim_start()
        }
        None => after_any(text, SERVES)?.trim_start_matches([':', ' ']),
    };
    let number = Number::parse(rest)?;
    let behind = rest.get(number.end..)?.trim();
    (behind.is_empty() || is_people(behind)).then_some(Scale::To(number.value, "servings"))
}

/// "I need this for 8", "for 10 people", "8 servings".
fn needed(text: &str) -> Option<Scale<'_>> {
    let are = after_any(text, &["we are", "we're", "we’re", "there are", "i have"]);
    let need = are.or_else(|| after_any(text, &["i need", "we need", "i want", "we want"]));
    let need = need.or_else(|| after_any(text, &["i only need", "i only want", "we only need"]));
    let rest = skip(need.unwrap_or(text), WHOLE);
    let to = after_any(rest, FOR);
    let target = to.unwrap_or(rest);
    let number = Number::parse(target)?;
    let behind = target.get(number.end..)?.trim();
    let is_for = (to.is_some() || after(text, "we").is_some()) && behind.is_empty();
    (is_for || is_people(skip(behind, &["of us"]))).then_some(Scale::To(number.value, "people"))
}

/// The share of "50%", "50 percent".
pub(super) fn percent(text: &str) -> Option<Ratio> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text.get(..length)?.parse().ok()?;
    let sign = text.get(length..)?.trim();
    let is_percent = sign == "%" || sign.eq_ignore_ascii_case("percent");
    Ratio::new(number, 100).filter(|share| is_percent && !share.is_zero())
}

fn is_people(what: &str) -> bool {
    PEOPLE.iter().any(|people| what.eq_ignore_ascii_case(people))
}

/// Whether it can be what a recipe makes, and is no ingredient: "cookies", but not "g of beef".
fn is_thing(what: &str) -> bool {
    let words = what.split(' ').count();
    words <= 4 && after(what, "of").is_none() && !what.contains(" of ") && !what.contains(',')
}

/// Verbs that always mean to scale.
const SURE: &[&str] =
    &["scale", "rescale", "resize", "adjust", "reduce", "increase", "decrease", "multiply"];
const FOR: &[&str] = &["to serve", "to feed", "for", "serve", "feed"];
const SERVES: &[&str] =
    &["it serves", "it should serve", "this should serve", "serves", "serve", "feeds", "feed"];
const PEOPLE: &[&str] = &[
    "servings", "serving", "people", "portions", "portion", "persons", "person", "guests", "adults",
];
/// The words and the factor, as a fraction.
const MULTIPLES: &[(&[&str], u64, u64)] = &[
    (&["double", "twice"], 2, 1),
    (&["triple", "treble", "three times"], 3, 1),
    (&["quadruple", "four times"], 4, 1),
    (&["halve", "half"], 1, 2),
    (&["a third", "third", "one third"], 1, 3),
    (&["a quarter", "quarter"], 1, 4),
];
