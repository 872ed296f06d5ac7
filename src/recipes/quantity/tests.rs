use proptest::prelude::*;

use super::*;

fn ratio(numerator: u64, denominator: u64) -> Ratio {
    Ratio::new(numerator, denominator).unwrap()
}

#[test]
fn numbers_are_read_as_people_write_them() {
    for (text, numerator, denominator, form) in [
        ("2", 2, 1, Form::Whole),
        ("1/2", 1, 2, Form::Fraction),
        ("3⁄4", 3, 4, Form::Fraction),
        ("1 1/2", 3, 2, Form::Fraction),
        ("1-1/2", 3, 2, Form::Fraction),
        ("1 and 1/2", 3, 2, Form::Fraction),
        ("1½", 3, 2, Form::Glyph),
        ("1 ½", 3, 2, Form::Glyph),
        ("⅔", 2, 3, Form::Glyph),
        ("0.25", 1, 4, Form::Point),
        (".5", 1, 2, Form::Point),
        ("1,5", 3, 2, Form::Comma),
        ("0,125", 1, 8, Form::Comma),
        ("1,000", 1_000, 1, Form::Grouped),
        ("1,250,000", 1_250_000, 1, Form::Grouped),
        ("three", 3, 1, Form::Word),
        ("Twelve", 12, 1, Form::Word),
        ("half a", 1, 2, Form::Word),
        ("one and a half", 3, 2, Form::Word),
    ] {
        let number = Number { value: ratio(numerator, denominator), form, end: text.len() };
        assert_eq!(Number::parse(text), Some(number), "{text}");
        assert_eq!(Number::parse(&format!("{text} cups")), Some(number), "{text} cups");
    }
}

#[test]
fn what_is_no_amount_is_left_as_text() {
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
        (3, 1, Form::Fraction, Grid::Kitchen, "3"),
        (3, 2, Form::Whole, Grid::Kitchen, "1 1/2"),
        (3, 2, Form::Glyph, Grid::Kitchen, "1½"),
        (3, 2, Form::Point, Grid::Kitchen, "1.5"),
        (3, 2, Form::Comma, Grid::Metric, "1,5"),
        (1, 3, Form::Whole, Grid::Kitchen, "1/3"),
        (5, 8, Form::Whole, Grid::Kitchen, "5/8"),
        (5, 8, Form::Whole, Grid::Count, "0.625"),
        (1, 6, Form::Whole, Grid::Kitchen, "0.17"),
        (1_000, 3, Form::Whole, Grid::Fine, "333"),
        (125, 2, Form::Whole, Grid::Fine, "62.5"),
        (100, 3, Form::Whole, Grid::Fine, "33"),
        (10, 3, Form::Whole, Grid::Fine, "3.3"),
        (1, 3, Form::Whole, Grid::Metric, "0.33"),
        (1, 2, Form::Glyph, Grid::Metric, "½"),
        (1, 8, Form::Whole, Grid::Metric, "0.125"),
        (1, 700, Form::Whole, Grid::Kitchen, "0.0014"),
        (12_000, 1, Form::Grouped, Grid::Fine, "12,000"),
        (500, 1, Form::Grouped, Grid::Fine, "500"),
    ] {
        let written = write(ratio(numerator, denominator), form, grid);
        assert_eq!(written.as_deref(), Some(text), "{numerator}/{denominator}");
    }
}

#[test]
fn what_is_too_large_or_reads_as_nothing_is_not_written() {
    assert_eq!(write(Ratio::whole(MAX_QUANTITY + 1), Form::Whole, Grid::Count), None);
    assert_eq!(write(ratio(1, u64::MAX), Form::Whole, Grid::Kitchen), None);
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
    fn what_is_written_is_read_as_it_was(
        whole in 0_u64..2_000,
        over in 0_u64..8,
        parts in prop::sample::select(vec![1_u64, 2, 3, 4, 8]),
        form in prop::sample::select(vec![Form::Fraction, Form::Glyph, Form::Grouped]),
    ) {
        let value = ratio(whole * parts + over % parts, parts);
        prop_assume!(!value.is_zero());
        let text = write(value, form, Grid::Kitchen).unwrap();
        prop_assert_eq!(Quantity::parse(&text).map(|read| read.low.value), Some(value), "{}", text);
    }

    #[test]
    fn any_two_numbers_are_multiplied_or_refused(
        a in any::<u64>(), b in 1..=u64::MAX, c in any::<u64>(), d in 1..=u64::MAX,
    ) {
        let (left, right) = (ratio(a, b), ratio(c, d));
        let _ = (left.times(right), left.over(right), left.plus(right), left.cmp(&right));
        for grid in [Grid::Fine, Grid::Metric, Grid::Kitchen, Grid::Count] {
            let written = write(left, Form::Point, grid);
            prop_assert!(written.is_none_or(|text| text.len() <= 24));
        }
    }
}
