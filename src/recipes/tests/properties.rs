//! Lines in every language, made of its own words: scaling changes each amount, or the line is in
//! doubt and named.

use proptest::prelude::*;
use proptest::sample::Index;

use crate::recipes::amount::Amount;
use crate::recipes::languages::{LANGUAGES, Language};
use crate::recipes::line::Line;
use crate::recipes::quantity::Number;
use crate::recipes::ratio::Ratio;
use crate::recipes::unit_kind::UnitKind;
use crate::recipes::units;

/// Forms of a line that are understood in every language. A capital letter stands for:
///
/// - `N` a number, `W` one as a word, `K` a whole one, `H` one of more than twelve; `Q` an article
///   and `O` a unit that mean one;
/// - `S` a number that scaling does not change;
/// - `U` and `V` units, `P` a package, `B` a unit that is written before its number, `T` a time;
/// - `I` an ingredient, `D` an adjective, `F` "of", `A` "about";
/// - `J` a word that joins amounts, `R` one of a range, `E` "and a half".
const PLAIN: [&str; 20] = [
    "N U I",
    "NU I",
    "N U F I",
    "N D U I",
    "K U E F I",
    "Q U I",
    "I, N U",
    "I: N U",
    "I N U",
    "I (N U)",
    "I BN",
    "O I",
    "A N U I",
    "N-H U I",
    "N R H U I",
    "N P (S U) I",
    "K x S U I",
    "N U (N V) I",
    "N U/N V I",
    "N U I J N V I",
];
/// Forms of a line that are understood, or in doubt.
const OTHER: [&str; 36] = [
    "W U I",
    "W I",
    "N I",
    "I N",
    "I (N)",
    "I x N",
    "N-N U I",
    "N – N U I",
    "N R N U I",
    "N U R N V I",
    "N U - N V I",
    "N U J N V I",
    "N U I J N I",
    "N U I (N V)",
    "N U I (A N V)",
    "N U I (N U/N V)",
    "N U/N V/N U I",
    "N U = N V I",
    "N U I, A N V",
    "N U I, N I",
    "N U I, J N V I",
    "N I J N U I",
    "N I, N U I",
    "N I / N U I",
    "N U I + N V I",
    "N U N V I",
    "Q U J W V I",
    "W U I J Q V I",
    "N I J Q I",
    "N P à S U I",
    "N P I (S U)",
    "N I, S cm",
    "N U I (S T)",
    "N U I, S T",
    "N U I (70%)",
    "I, A N R H U",
];
const NUMBERS: [&str; 9] = ["1", "2", "12", "1/2", "1 1/2", "½", "2¼", "1,5", "0.75"];
const WHOLE: [&str; 3] = ["1", "2", "12"];
const HIGH: [&str; 4] = ["20", "13½", "30 1/2", "25,5"];

/// A line, and its numbers when it is doubled.
#[derive(Debug, Default)]
struct Made {
    text: String,
    doubled: Vec<Ratio>,
}

fn entries(list: &'static str) -> Vec<&'static str> {
    list.split('|').map(str::trim).filter(|entry| !entry.is_empty()).collect()
}

fn words(list: &'static str) -> Vec<&'static str> {
    list.split([' ', '/']).filter(|word| !word.is_empty()).collect()
}

/// The units of a language for which `is_meant` holds, unless their word has another sense in one of
/// the other languages: a glass holds jam in German, and measures in Dutch.
fn units_of(language: &Language, is_meant: impl Fn(UnitKind) -> bool) -> Vec<&'static str> {
    let all = language.units.iter().flat_map(|(_, names)| words(names));
    all.filter(|name| units::unit(name).is_some_and(&is_meant)).collect()
}

fn ingredients(language: &Language) -> Vec<&'static str> {
    let mut nouns = words(language.nouns);
    nouns.retain(|noun| Number::parse(noun).is_none());
    if nouns.is_empty() { vec!["玉ねぎ", "小麦粉", "バター"] } else { nouns }
}

fn value(number: &str) -> Ratio {
    Number::parse(number).unwrap().value
}

fn twice(value: Ratio) -> Ratio {
    value.times(Ratio::whole(2)).unwrap()
}

/// The values of the figures of a text, in their order.
fn numbers(text: &str) -> Vec<Ratio> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let number = text.get(at..).filter(|_| next.is_numeric()).and_then(Number::parse);
        found.extend(number.map(|number| number.value));
        at += number.map_or(next.len_utf8(), |number| number.end);
    }
    found
}

/// A line of a form, of the words that the choices pick. `None` where the language has no such word.
fn made(
    form: &str,
    language: &'static Language,
    mut choose: impl FnMut(usize) -> usize,
) -> Option<Made> {
    let mut made = Made::default();
    let mut pick = |list: &[&'static str]| list.get(choose(list.len().max(1))).copied();
    for letter in form.chars() {
        let word = match letter {
            'N' | 'S' => pick(&NUMBERS)?,
            'K' => pick(&WHOLE)?,
            'H' => pick(&HIGH)?,
            'W' => pick(&entries(language.numbers))?,
            'Q' => pick(&entries(language.articles))?,
            'O' => pick(&entries(language.ones))?,
            'U' | 'V' => pick(&units_of(language, UnitKind::is_measure))?,
            'P' => pick(&units_of(language, |kind| kind == UnitKind::Package))?,
            'B' => pick(&entries(language.leading))?,
            'T' => pick(&entries(language.minutes))?,
            'I' => pick(&ingredients(language))?,
            'D' => pick(&entries(language.adjectives))?,
            'F' => pick(&entries(language.of))?,
            'A' => pick(&entries(language.about))?,
            'J' => pick(&entries(language.joints))?,
            'R' => pick(&entries(language.ranges))?,
            'E' => pick(&entries(language.halves))?,
            other => {
                made.text.push(other);
                continue;
            }
        };
        match letter {
            'N' | 'K' | 'H' => made.doubled.push(twice(value(word))),
            'S' => made.doubled.push(value(word)),
            'Q' | 'O' => made.doubled.push(Ratio::whole(2)),
            'E' => {
                let whole = made.doubled.pop()?;
                made.doubled.push(whole.plus(Ratio::ONE)?);
            }
            'W' => {
                let (name, worth) = word.rsplit_once(' ')?;
                made.text.push_str(name);
                made.doubled.push(twice(value(worth)));
                continue;
            }
            _ => {}
        }
        made.text.push_str(word);
    }
    Some(made)
}

/// The first amount of a line in its smallest unit: "1 lb 8 oz" is 24 ounces.
fn total(line: &Line<'_>, times: impl Fn(Ratio) -> Ratio) -> Option<Ratio> {
    let (_, value, _) = line.amounts.first()?.measured(line.text())?;
    Some(times(value))
}

/// What is wrong with the line when it is doubled. A line in doubt is as it was, and named.
fn fault(made: &Made, is_plain: bool) -> Option<String> {
    let line = Line::parse(&made.text);
    let doubled = line.scaled(Ratio::whole(2))?;
    if line.is_in_doubt() {
        let is_right = !is_plain && doubled == made.text;
        return (!is_right).then(|| format!("{:?} is in doubt", made.text));
    }
    if line.amounts.iter().any(Amount::is_sum) {
        let is_right = total(&line, twice) == total(&Line::parse(&doubled), |value| value);
        return (!is_right).then(|| format!("{:?} became {doubled:?}", made.text));
    }
    let found = numbers(&doubled);
    // "1-1/2" and "1 ½" are one number.
    let joined: Vec<_> = numbers(&made.text).into_iter().map(twice).collect();
    let is_joined = joined.len() < made.doubled.len() && found == joined;
    let is_right = found == made.doubled || is_joined;
    (!is_right).then(|| format!("{:?} became {doubled:?}", made.text))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_number_is_scaled_or_its_line_in_doubt(
        form in 0..PLAIN.len() + OTHER.len(),
        language in 0..LANGUAGES.len(),
        seeds in prop::collection::vec(any::<Index>(), 12),
    ) {
        let plain = PLAIN.get(form).copied();
        let form = plain.unwrap_or_else(|| OTHER[form - PLAIN.len()]);
        let mut seeds = seeds.into_iter();
        let choose = |length| seeds.next().map_or(0, |seed| seed.index(length));
        let line = made(form, LANGUAGES[language], choose);
        prop_assert_eq!(line.and_then(|line| fault(&line, plain.is_some())), None);
    }
}
