//! The commands that scale a recipe.

use super::super::quantity::{Number, NumberForm};
use super::super::ratio::Ratio;
use super::chat_command::{ChatCommand, Scale};
use super::synonyms as say;
use super::words::{after, after_any, is_any, skip, without_ends};

const UNFINISHED: ChatCommand<'static> = ChatCommand::Unfinished("Scale to 8 servings");

/// Parses a command that scales a recipe.
pub(super) fn scale(text: &str) -> Option<ChatCommand<'_>> {
    // "Make it for 12 instead of 4"
    let old = text.rsplit_once(" instead of ");
    let text = old.filter(|(_, old)| Number::parse(old).is_some()).map_or(text, |(new, _)| new);
    if let Some(rest) = after(text, "from").and_then(after_origin) {
        return scale(rest);
    }
    if let Some(scale) = arrow(text) {
        return Some(ChatCommand::Scale(scale));
    }
    let scale = multiple(text).map(Scale::By).or_else(|| servings(text)).or_else(|| needed(text));
    if let Some(scale) = scale {
        return Some(ChatCommand::Scale(scale));
    }
    let (rest, is_sure) = match after_any(text, say::SCALE) {
        Some(rest) => (rest, true),
        None => (after_any(text, say::MAKE)?, false),
    };
    let is_made = after_any(text, &["make", "back to", "go back to"]).is_some();
    let is_more = after(text, "increase").is_some();
    let is_less = after_any(text, &["reduce", "decrease"]).is_some();
    let object = after_any(rest, say::WHOLE);
    let rest = skip(skip(object.unwrap_or(rest), &["back"]), &["enough"]);
    let rest = after(rest, "from").and_then(after_origin).unwrap_or(rest);
    let (rest, is_more, is_less) = match (after(rest, "up"), after(rest, "down")) {
        (Some(rest), _) => (rest, true, false),
        (_, Some(rest)) => (rest, false, true),
        _ => (rest, is_more, is_less),
    };
    if let Some(rest) = after(rest, "by").or_else(|| rest.strip_prefix(['x', '×'])) {
        let rest = skip(rest, &["a factor of", "factor"]).trim_start();
        let factor = factor_by(rest, is_more, is_less);
        let factor = factor.filter(|factor| !factor.is_zero());
        let by = factor.map(|factor| ChatCommand::Scale(Scale::By(factor)));
        return by.or(is_sure.then_some(UNFINISHED));
    }
    let (to, is_for) = match after_any(rest, say::FOR) {
        Some(rest) => (Some(rest), true),
        None => (after_any(rest, &["to make", "into", "to"]), false),
    };
    let target = to.unwrap_or(rest);
    if let Some(share) = percent(target).filter(|_| is_sure) {
        return Some(ChatCommand::Scale(Scale::By(share)));
    }
    if let Some(people) = dozens(target, is_for) {
        return Some(ChatCommand::Scale(people));
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

/// The factor of "by 50%", "by half", "by a factor of 2".
fn factor_by(rest: &str, is_more: bool, is_less: bool) -> Option<Ratio> {
    if let Some(share) = percent(rest) {
        return match (is_more, is_less) {
            (true, _) => share.plus(Ratio::ONE),
            (_, true) => Ratio::ONE.minus(share),
            _ => Some(share),
        };
    }
    let value = Number::parse(rest)?.value;
    // "Increase by half", "reduce by a third", "reduce by a factor of 2"
    match (value < Ratio::ONE, is_more, is_less) {
        (true, true, _) => value.plus(Ratio::ONE),
        (true, _, true) => Ratio::ONE.minus(value),
        (false, _, true) => Ratio::ONE.over(value),
        _ => Some(value),
    }
}

/// "4 people -> 6". Of "4 -> 6" it is not said what it counts.
fn arrow(text: &str) -> Option<Scale<'_>> {
    let (old, new) = ["->", "→", "=>"].iter().find_map(|sign| text.split_once(sign))?;
    let what = |text| -> Option<(Number, &str)> {
        let text: &str = text;
        let number = Number::parse(text)?;
        Some((number, text.get(number.end..)?.trim()))
    };
    let ((_, old), (to, new)) = (what(old.trim())?, what(new.trim())?);
    let is_said = is_people(old) && (new.is_empty() || is_people(new));
    is_said.then_some(Scale::To(to.value, "people"))
}

/// "8 servings" of "from 4 to 8 servings".
fn after_origin(text: &str) -> Option<&str> {
    let (from, to) = text.split_once(" to ")?;
    Number::parse(from).map(|_| to)
}

/// "Double it", "3x", "half of it": the factor.
fn multiple(text: &str) -> Option<Ratio> {
    let needed = skip(text, say::NEED);
    let made = skip(needed, &["make", "do", "cook"]);
    if let Some(part) = part(made).filter(|_| made.len() < text.len()) {
        return Some(part);
    }
    let text = skip(made, &["a", "it", "this"]);
    for (words, over, parts) in say::MULTIPLES {
        let Some(rest) = after_any(text, words) else { continue };
        let rest = skip(skip(rest, say::AS_MUCH), &["of"]);
        let is_whole = rest.is_empty() || after_any(rest, say::WHOLE).is_some_and(str::is_empty);
        if is_whole {
            return Ratio::new(*over, *parts);
        }
    }
    if let Some(rest) = after_any(text, &["cut", "divide"]) {
        let rest = skip(rest, say::WHOLE);
        if is_any(rest, &["in half", "by half", "in two"]) {
            return Some(Ratio::HALF);
        }
        // "Divide everything by 3"
        let parts = after(text, "divide").and(after(rest, "by")).and_then(|by| {
            Number::parse(by).filter(|number| by.get(number.end..).is_some_and(str::is_empty))
        });
        return parts.and_then(|number| Ratio::ONE.over(number.value));
    }
    if let Some(share) = percent(text) {
        return Some(share);
    }
    // "3x", "x3", "times 3", "multiply by 3"
    let text = skip(text, &["multiply"]);
    let text = skip(text, say::WHOLE);
    let plain = skip(text, &["by", "times"]);
    let signed = plain.strip_prefix(['x', 'X', '×']);
    let number = Number::parse(signed.unwrap_or(plain).trim_start())?;
    let rest = signed.unwrap_or(plain).trim_start().get(number.end..)?.trim();
    let is_signed = signed.is_some() || plain.len() < text.len();
    let behind = rest.strip_prefix(['x', 'X', '×']);
    let behind = behind.or_else(|| after_any(rest, &["times", "batches", "batch"]));
    let rest = skip(behind.unwrap_or(rest).trim(), say::AS_MUCH);
    let is_whole = rest.is_empty() || after_any(rest, say::WHOLE).is_some_and(str::is_empty);
    (is_whole && (is_signed || behind.is_some())).then_some(number.value)
}

/// A part of the recipe in figures: "1/4 of the recipe", "1/2".
fn part(text: &str) -> Option<Ratio> {
    let number = Number::parse(text).filter(|number| number.value < Ratio::ONE)?;
    let is_figure = matches!(number.form, NumberForm::Fraction | NumberForm::Glyph);
    let rest = skip(text.get(number.end..)?.trim(), &["of"]);
    let is_whole = rest.is_empty() || after_any(rest, say::WHOLE).is_some_and(str::is_empty);
    (is_figure && is_whole).then_some(number.value)
}

/// "Serves 8", "change servings to 6", "8 portions".
fn servings(text: &str) -> Option<Scale<'_>> {
    let set = after_any(text, &["set", "change", "update", "make", "increase", "reduce"]);
    let rest = skip(set.unwrap_or(text), &["the", "its"]);
    let named = after_any(rest, say::SERVINGS);
    let rest = match named {
        Some(rest) => {
            let parted = rest.strip_prefix([':', '=']).or_else(|| after_any(rest, &["to", "is"]));
            let is_number = rest.starts_with(|c: char| c.is_ascii_digit());
            parted.or(set.is_some().then_some(rest)).or(is_number.then_some(rest))?.trim_start()
        }
        None => after_any(text, say::SERVES)?.trim_start_matches([':', ' ']),
    };
    let number = Number::parse(rest)?;
    let behind = rest.get(number.end..)?.trim();
    (behind.is_empty() || is_people(behind)).then_some(Scale::To(number.value, "servings"))
}

/// "I need this for 8", "for 10 people", "8 servings".
fn needed(text: &str) -> Option<Scale<'_>> {
    let are = after_any(text, say::WE_ARE);
    let need = are.or_else(|| after_any(text, say::NEED));
    let rest = skip(skip(need.unwrap_or(text), say::WHOLE), &["only"]);
    let to = after_any(rest, say::FOR);
    let target = to.unwrap_or(rest);
    let target = without_ends(target, say::COMING).unwrap_or(target);
    if let Some(people) = dozens(target, to.is_some()) {
        return Some(people);
    }
    let number = Number::parse(target)?;
    let behind = target.get(number.end..)?.trim();
    let is_for = (to.is_some() || are.is_some()) && behind.is_empty();
    (is_for || is_people(behind)).then_some(Scale::To(number.value, "people"))
}

/// "A dozen people", "two dozen guests", "a dozen cookies". `is_for`: of "for a dozen".
fn dozens(text: &str, is_for: bool) -> Option<Scale<'_>> {
    let article = after_any(text, &["a", "one"]);
    let (count, rest) = match article {
        Some(rest) => (Ratio::ONE, rest),
        None => {
            let number = Number::parse(text)?;
            (number.value, text.get(number.end..)?.trim())
        }
    };
    let what = after(rest, "dozen")?;
    if is_people(what) || (is_for && what.is_empty()) {
        return Some(Scale::To(Ratio::whole(12).times(count)?, "people"));
    }
    (article.is_some() && !is_for && is_thing(what)).then_some(Scale::To(count, rest))
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
    is_any(what, say::PEOPLE)
}

/// Whether it can be what a recipe makes, and is no ingredient: "cookies", but not "g of beef".
fn is_thing(what: &str) -> bool {
    let words = what.split(' ').count();
    let is_time = after_any(what, say::TIME).is_some();
    !is_time
        && words <= 4
        && after(what, "of").is_none()
        && !what.contains(" of ")
        && !what.contains(',')
}
