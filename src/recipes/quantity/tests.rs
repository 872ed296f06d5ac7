use proptest::prelude::*;

use super::*;

fn ratio(numerator: u64, denominator: u64) -> Ratio {
    Ratio::new(numerator, denominator).unwrap()
}

#[test]
fn numbers_are_read_as_people_write_them() {
    for (text, numerator, denominator, form) in [
        ("2", 2, 1, NumberForm::Whole),
        ("1/2", 1, 2, NumberForm::Fraction),
        ("3⁄4", 3, 4, NumberForm::Fraction),
        ("1 1/2", 3, 2, NumberForm::Fraction),
        ("1-1/2", 3, 2, NumberForm::Fraction),
        ("1 and 1/2", 3, 2, NumberForm::Fraction),
        ("1½", 3, 2, NumberForm::Glyph),
        ("1 ½", 3, 2, NumberForm::Glyph),
        ("⅔", 2, 3, NumberForm::Glyph),
        ("0.25", 1, 4, NumberForm::Point),
        (".5", 1, 2, NumberForm::Point),
        ("1,5", 3, 2, NumberForm::Comma),
        ("0,125", 1, 8, NumberForm::Comma),
        ("1,000", 1_000, 1, NumberForm::Grouped),
        ("1,250,000", 1_250_000, 1, NumberForm::Grouped),
        ("three", 3, 1, NumberForm::Word),
        ("Twelve", 12, 1, NumberForm::Word),
        ("half a", 1, 2, NumberForm::Word),
        ("one and a half", 3, 2, NumberForm::Word),
    ] {
        let number = Number { value: ratio(numerator, denominator), form, end: text.len() };
        assert_eq!(Number::parse(text), Some(number), "{text}");
        assert_eq!(Number::parse(&format!("{text} cups")), Some(number), "{text} cups");
    }
}

#[test]
fn text_that_is_not_an_amount_is_kept() {
    for text in [
        "",
        "flour",
        "0",
        "00",
        "007",
        "2%",
        "350°F",
        "12:30",
        "1/0",
        "1/2/2020",
        "1.2.3",
        "1/1001",
        "0.1234567",
        "1234567890",
        "99999999999999999999999",
        "-1",
        "tenfold",
        "/2",
        ".",
    ] {
        assert_eq!(Number::parse(text), None, "{text}");
    }
}

#[test]
fn ranges_have_two_ends() {
    for (text, low, high) in [
        ("2-3", 2, 3),
        ("2 - 3", 2, 3),
        ("2–3", 2, 3),
        ("2 to 3", 2, 3),
        ("2 or 3", 2, 3),
        ("two to three", 2, 3),
    ] {
        let quantity = Quantity::parse(text).unwrap();
        assert_eq!(quantity.low.value, Ratio::whole(low), "{text}");
        assert_eq!(quantity.top(), Ratio::whole(high), "{text}");
        assert_eq!(quantity.end(), text.len(), "{text}");
    }
    // What goes down is no range.
    assert_eq!(Quantity::parse("3-2").unwrap().high, None);
}

#[test]
fn numbers_are_written_in_the_form_they_had() {
    for (numerator, denominator, form, grid, text) in [
        (3, 1, NumberForm::Fraction, Precision::TestApp, "3"),
        (3, 2, NumberForm::Whole, Precision::TestApp, "1 1/2"),
        (3, 2, NumberForm::Glyph, Precision::TestApp, "1½"),
        (3, 2, NumberForm::Point, Precision::TestApp, "1.5"),
        (3, 2, NumberForm::Comma, Precision::Metric, "1,5"),
        (1, 3, NumberForm::Whole, Precision::TestApp, "1/3"),
        (5, 8, NumberForm::Whole, Precision::TestApp, "5/8"),
        (5, 8, NumberForm::Whole, Precision::Count, "0.625"),
        (1, 6, NumberForm::Whole, Precision::TestApp, "0.17"),
        (1_000, 3, NumberForm::Whole, Precision::Fine, "333"),
        (125, 2, NumberForm::Whole, Precision::Fine, "62.5"),
        (100, 3, NumberForm::Whole, Precision::Fine, "33"),
        (10, 3, NumberForm::Whole, Precision::Fine, "3.3"),
        (1, 3, NumberForm::Whole, Precision::Metric, "0.33"),
        (1, 2, NumberForm::Glyph, Precision::Metric, "½"),
        (1, 8, NumberForm::Whole, Precision::Metric, "0.125"),
        (1, 700, NumberForm::Whole, Precision::TestApp, "0.0014"),
        (12_000, 1, NumberForm::Grouped, Precision::Fine, "12,000"),
        (500, 1, NumberForm::Grouped, Precision::Fine, "500"),
    ] {
        let written = write(ratio(numerator, denominator), form, grid);
        assert_eq!(written.as_deref(), Some(text), "{numerator}/{denominator}");
    }
}

#[test]
fn too_large_or_zero_numbers_are_not_written() {
    assert_eq!(write(Ratio::whole(MAX_QUANTITY + 1), NumberForm::Whole, Precision::Count), None);
    assert_eq!(write(ratio(1, u64::MAX), NumberForm::Whole, Precision::TestApp), None);
}

#[test]
fn arithmetic_that_does_not_fit_has_no_result() {
    let (large, small) = (Ratio::whole(u64::MAX), ratio(1, u64::MAX));
    assert_eq!(large.times(large), None);
    assert_eq!(small.times(small), None);
    assert_eq!(large.over(small), None);
    assert_eq!(large.plus(large), None);
    assert_eq!(large.plus(small), None);
    assert_eq!(large.times(small), Some(Ratio::ONE));
    assert_eq!(Ratio::ONE.over(Ratio::whole(0)), None);
    assert_eq!(Ratio::new(1, 0), None);
    assert!(small < Ratio::ONE && Ratio::ONE < large);
}

proptest! {
    #[test]
    fn no_text_is_too_strange_to_be_read(text in "[0-9/., ½⅓–a-z-]{0,24}") {
        if let Some(quantity) = Quantity::parse(&text) {
            prop_assert!(text.is_char_boundary(quantity.end()));
            prop_assert!(quantity.low.value <= quantity.top());
        }
    }

    #[test]
    fn written_numbers_are_read_back(
        whole in 0_u64..2_000,
        over in 0_u64..8,
        parts in prop::sample::select(vec![1_u64, 2, 3, 4, 8]),
        form in prop::sample::select(vec![NumberForm::Fraction, NumberForm::Glyph, NumberForm::Grouped]),
    ) {
        let value = ratio(whole * parts + over % parts, parts);
        prop_assume!(!value.is_zero());
        let text = write(value, form, Precision::TestApp).unwrap();
        prop_assert_eq!(Quantity::parse(&text).map(|read| read.low.value), Some(value), "{}", text);
    }

    #[test]
    fn any_two_numbers_are_multiplied_or_refused(
        a in any::<u64>(), b in 1..=u64::MAX, c in any::<u64>(), d in 1..=u64::MAX,
    ) {
        let (left, right) = (ratio(a, b), ratio(c, d));
        let _ = (left.times(right), left.over(right), left.plus(right), left.cmp(&right));
        for grid in [Precision::Fine, Precision::Metric, Precision::TestApp, Precision::Count] {
            let written = write(left, NumberForm::Point, grid);
            prop_assert!(written.is_none_or(|text| text.len() <= 24));
        }
    }
}
