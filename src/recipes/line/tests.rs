use proptest::prelude::*;

use super::*;

const SEVEN: Ratio = Ratio::whole(7);

/// What scaling must do with a number of a test's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Scaled,
    Kept,
}

/// Numbers that are not multiples of each other or of seven.
const NUMBERS: [u64; 6] = [11, 13, 17, 19, 23, 29];

fn part() -> impl Strategy<Value = (&'static str, Fate)> {
    prop::sample::select(vec![
        ("# cups", Fate::Scaled),
        ("# g", Fate::Scaled),
        ("#kg", Fate::Scaled),
        ("# eggs", Fate::Scaled),
        ("# cloves", Fate::Scaled),
        ("# large onions", Fate::Scaled),
        ("#%", Fate::Kept),
        ("# cm", Fate::Kept),
        ("#-inch", Fate::Kept),
        ("# minutes", Fate::Kept),
        ("#°C", Fate::Kept),
        (", # g each", Fate::Kept),
    ])
}

fn joint() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        " ",
        ", ",
        " (",
        ") ",
        "/",
        " / ",
        " | ",
        " - ",
        "; ",
        ": ",
        " plus ",
        " + ",
        " or ",
        " and ",
        " to ",
        " flour ",
        " chopped ",
        ", about ",
        " (about ",
        " of ",
        " minus ",
        " x ",
        " with ",
    ])
}

/// The numbers of a text, one after the other.
fn numbers(text: &str) -> Vec<u64> {
    let digits = text.split(|c: char| !c.is_ascii_digit());
    digits.filter_map(|digits| digits.parse().ok()).collect()
}

proptest! {
    /// Whatever stands where: an amount is scaled and a size is not, or the line is in doubt.
    #[test]
    fn every_number_is_accounted_for(
        parts in prop::collection::vec((part(), joint()), 1..=NUMBERS.len()),
        lead in prop::sample::select(vec!["", "about ", "Sauce: ", "Butter, ", "juice of ", "- "]),
        tail in prop::sample::select(vec!["", " flour", ")", " eggs", " tin", ", sliced"]),
    ) {
        let mut text = lead.to_owned();
        let mut fates = Vec::new();
        let last = parts.len() - 1;
        for (at, ((part, fate), joint)) in parts.into_iter().enumerate() {
            text.push_str(&part.replace('#', &NUMBERS[at].to_string()));
            text.push_str(if at < last { joint } else { tail });
            // "11 g each butter and sugar" is an amount.
            let is_first = part.ends_with("each") && !fates.contains(&Fate::Scaled);
            fates.push(if is_first { Fate::Scaled } else { fate });
        }
        let line = Line::parse(&text);
        let scaled = line.scaled(SEVEN).unwrap();
        if line.is_in_doubt() {
            prop_assert_eq!(scaled, text);
        } else if let Some(same) = scaled.strip_prefix("7 x ").or(scaled.strip_prefix("7 × ")) {
            prop_assert_eq!(same, text);
        } else {
            let expected: Vec<u64> = NUMBERS
                .iter()
                .zip(&fates)
                .map(|(number, fate)| if *fate == Fate::Scaled { number * 7 } else { *number })
                .collect();
            prop_assert_eq!(numbers(&scaled), expected, "{} -> {}", text, scaled);
        }
    }

    /// A stray number is never overlooked.
    #[test]
    fn stray_number_puts_the_line_in_doubt(
        part in prop::sample::select(vec!["31 flour", "31", "#31", "31s", "3 1", "31 or so", "x 31 y"]),
        joint in prop::sample::select(vec![" ", " (", " flour ", ", ", "; ", " flour (chopped "]),
    ) {
        let text = format!("2 cups{joint}{part}");
        let line = Line::parse(&text);
        prop_assert!(line.is_in_doubt(), "{}", text);
        prop_assert_eq!(line.scaled(SEVEN), Some(text));
    }
}

#[test]
fn unclear_line_is_in_doubt() {
    for text in [
        "1 - 3/4 cups flour",
        "4 chicken thighs (600 g)",
        "2 cans tomatoes (about 800 g)",
        "2 eggs 100 g flour",
        "1 250 g farine",
        "10 12 eggs",
        "1/2/2020 wine",
        "99999999999 g flour",
        ",5 kg flour",
        "for 4 people: 200 g pasta",
        "1 pack of 6 sausages",
        "1 cup rice, cooked in 2 cups water",
        "2 onions, one chopped, one sliced",
        "3 tbsp oil (2 for frying, 1 for the dressing)",
    ] {
        assert!(Line::parse(text).is_in_doubt(), "{text}");
    }
}

#[test]
fn number_that_scaling_keeps_is_no_doubt() {
    for text in [
        "1 cup 2% milk",
        "00 flour",
        "500 g 00 flour",
        "flour type 405",
        "1 onion, cut into 8 wedges",
        "200 g beef in 3 cm cubes",
        "2 cups water at 40°C",
        "2 cups water, 40C",
        "12 oz pasta, cooked 8 minutes",
        "2 eggs (size 3)",
        "2 tsp five-spice powder",
        "2 tsp five spice",
        "half-and-half",
        "1 cup half and half",
        "1 can 7up",
        "",
    ] {
        assert!(!Line::parse(text).is_in_doubt(), "{text}");
    }
    assert_eq!(Line::parse("half-and-half").scaled(SEVEN).as_deref(), Some("half-and-half"));
}
