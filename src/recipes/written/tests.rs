use proptest::prelude::*;

use super::super::languages::LANGUAGES;
use super::super::quantity::Number;
use super::*;

fn ratio(numerator: u64, denominator: u64) -> Ratio {
    Ratio::new(numerator, denominator).unwrap()
}

#[test]
fn numbers_are_written_in_the_form_they_had() {
    for (numerator, denominator, form, grid, text) in [
        (3, 1, NumberForm::Fraction, Precision::Kitchen, "3"),
        (3, 2, NumberForm::Whole, Precision::Kitchen, "1 1/2"),
        (3, 2, NumberForm::Glyph, Precision::Kitchen, "1½"),
        (3, 2, NumberForm::Point, Precision::Kitchen, "1.5"),
        (3, 2, NumberForm::Comma, Precision::Metric, "1,5"),
        (1, 3, NumberForm::Whole, Precision::Kitchen, "1/3"),
        (5, 8, NumberForm::Whole, Precision::Kitchen, "5/8"),
        (5, 8, NumberForm::Whole, Precision::Count, "5/8"),
        (3, 16, NumberForm::Whole, Precision::Count, "0.19"),
        (1, 6, NumberForm::Whole, Precision::Kitchen, "1/6"),
        (1, 7, NumberForm::Whole, Precision::Kitchen, "0.14"),
        (7, 8, NumberForm::Glyph, Precision::Kitchen, "⅞"),
        (1, 16, NumberForm::Glyph, Precision::Kitchen, "1/16"),
        (1_000, 3, NumberForm::Whole, Precision::Fine, "333"),
        (125, 2, NumberForm::Whole, Precision::Fine, "62.5"),
        (100, 3, NumberForm::Whole, Precision::Fine, "33"),
        (10, 3, NumberForm::Whole, Precision::Fine, "3.3"),
        (1, 3, NumberForm::Whole, Precision::Metric, "0.33"),
        (1, 2, NumberForm::Glyph, Precision::Metric, "½"),
        (1, 8, NumberForm::Whole, Precision::Metric, "0.125"),
        (1, 700, NumberForm::Whole, Precision::Kitchen, "0.0014"),
        (12_000, 1, NumberForm::Grouped, Precision::Fine, "12,000"),
        (500, 1, NumberForm::Grouped, Precision::Fine, "500"),
        (2_000, 1, NumberForm::PointGrouped, Precision::Fine, "2.000"),
        (125, 2, NumberForm::PointGrouped, Precision::Fine, "62,5"),
        (21, 8, NumberForm::Comma, Precision::Metric, "2,625"),
        (21, 8, NumberForm::Comma, Precision::Count, "2,63"),
    ] {
        let written = write(ratio(numerator, denominator), form, grid);
        assert_eq!(written.as_deref(), Some(text), "{numerator}/{denominator}");
    }
}

#[test]
fn too_large_or_zero_numbers_are_not_written() {
    assert_eq!(write(Ratio::whole(MAX_QUANTITY + 1), NumberForm::Whole, Precision::Count), None);
    assert_eq!(write(ratio(1, u64::MAX), NumberForm::Whole, Precision::Kitchen), None);
}

fn any_form() -> impl Strategy<Value = NumberForm> {
    prop::sample::select(vec![
        NumberForm::Whole,
        NumberForm::Grouped,
        NumberForm::PointGrouped,
        NumberForm::Fraction,
        NumberForm::Glyph,
        NumberForm::Point,
        NumberForm::Comma,
        NumberForm::Word,
    ])
}

/// The grids, each with a unit that has it.
const GRIDS: [(Precision, &str); 5] = [
    (Precision::Fine, "g"),
    (Precision::Metric, "kg"),
    (Precision::Kitchen, "EL"),
    (Precision::Count, "cloves"),
    (Precision::Count, "eggs"),
];

/// Every unit of every language with its grid, and things that are counted.
fn units() -> Vec<(Precision, &'static str)> {
    let units = LANGUAGES.iter().flat_map(|language| language.units);
    let names =
        units.flat_map(|(kind, names)| names.split([' ', '/']).map(|name| (kind.grid(), name)));
    names.chain(GRIDS).collect()
}

proptest! {
    /// What is written is read back as the same number, as far as it was not rounded; and what was
    /// rounded is within 5 % of it.
    #[test]
    fn written_number_is_read_back(
        numerator in 1_u64..3_000_000,
        denominator in prop::sample::select(vec![1_u64, 2, 3, 4, 6, 7, 8, 10, 16, 25, 100, 1_000]),
        form in any_form(),
        (grid, unit) in prop::sample::select(units()),
    ) {
        // What has signs between its thousands has a unit for which they are that.
        let form = match (form, grid) {
            (NumberForm::PointGrouped, Precision::Fine) => form,
            (NumberForm::Grouped, Precision::Fine | Precision::Count) => form,
            (NumberForm::PointGrouped | NumberForm::Grouped, _) => NumberForm::Whole,
            _ => form,
        };
        let value = ratio(numerator, denominator);
        let text = write(value, form, grid).unwrap();
        let read = Number::parse(&format!("{text} {unit}")).map(|read| read.value);
        let off = read.map(|read| (read.to_f64() / value.to_f64() - 1.0).abs());
        prop_assert!(off.is_some_and(|off| off < 0.05), "{} {}: {:?}", text, unit, read);
        // What was read is written as the same text again.
        let again = read.and_then(|read| write(read, form, grid));
        prop_assert_eq!(again, Some(text));
    }

    #[test]
    fn any_number_is_written_shortly_or_not(
        numerator in any::<u64>(), denominator in 1..=u64::MAX, form in any_form(),
    ) {
        for (grid, _) in GRIDS {
            let written = write(ratio(numerator, denominator), form, grid);
            prop_assert!(written.is_none_or(|text| text.len() <= 26));
        }
    }
}
