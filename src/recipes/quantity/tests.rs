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
        ("1.250.000", 1_250_000, 1, NumberForm::PointGrouped),
        ("1'500", 1_500, 1, NumberForm::Whole),
        ("2 000", 2_000, 1, NumberForm::Whole),
        ("three quarters of a", 3, 4, NumberForm::Word),
        ("two and a half", 5, 2, NumberForm::Word),
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
fn unit_tells_thousands_from_decimals() {
    for (text, numerator, denominator) in [
        ("1,250 g", 1_250, 1),
        ("1.250 g", 1_250, 1),
        ("1.000-1.500 g", 1_000, 1),
        ("1,000 to 1,500 ml", 1_000, 1),
        ("1,250 kg", 5, 4),
        ("1.250 kg", 5, 4),
        ("2,625 kg Quark", 21, 8),
        ("1,125 EL", 9, 8),
        ("1.125 cups", 9, 8),
        ("1,000 cups", 1_000, 1),
        ("0.125 g", 1, 8),
        ("0,125 g", 1, 8),
        ("1,000", 1_000, 1),
        ("1.125", 9, 8),
        ("1,25 g", 5, 4),
    ] {
        let value = Number::parse(text).unwrap().value;
        assert_eq!(value, ratio(numerator, denominator), "{text}");
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
        "1,50 €",
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
        ("2- to 3", 2, 3),
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
    fn any_two_numbers_are_multiplied_or_refused(
        a in any::<u64>(), b in 1..=u64::MAX, c in any::<u64>(), d in 1..=u64::MAX,
    ) {
        let (left, right) = (ratio(a, b), ratio(c, d));
        let _ = (left.times(right), left.over(right), left.plus(right), left.cmp(&right));
        let _ = left.minus(right);
        prop_assert_eq!(left.to_string().parse(), Ok(left));
    }
}
