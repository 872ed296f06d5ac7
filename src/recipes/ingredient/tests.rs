use proptest::prelude::*;

use super::*;

fn scaled(text: &str, numerator: u64, denominator: u64) -> String {
    let factor = Ratio::new(numerator, denominator).unwrap();
    Ingredient::parse(text).scaled(factor).unwrap().text
}

#[test]
fn quantity_unit_and_name_are_read_off_the_text() {
    for (text, quantity, unit, name) in [
        ("2-3 cloves garlic, minced", "2", "clove", "garlic"),
        ("1 (14 oz) can tomatoes", "1", "can", "tomatoes"),
        ("Salt to taste", "", "", "Salt"),
        ("½ cup flour", "0.5", "cup", "flour"),
        ("500g beef", "500", "g", "beef"),
        ("3 eggs", "3", "", "eggs"),
        ("1/3 cup of oil", "0.3333", "cup", "oil"),
        ("2 x 400g tins chopped tomatoes", "2", "tin", "chopped tomatoes"),
        ("2 heaped tbsp cocoa", "2", "tbsp", "cocoa"),
        ("1 Tbsp. olive oil", "1", "tbsp", "olive oil"),
        ("2 fl oz rum", "2", "fl oz", "rum"),
        ("a pinch of salt", "1", "pinch", "salt"),
        ("an onion", "1", "", "onion"),
        ("half an onion, sliced", "0.5", "", "onion"),
        ("Juice of 2 limes", "2", "", "limes"),
        ("about 2 cups rice", "2", "cup", "rice"),
        ("1 cup plus 2 tbsp flour", "1", "cup", "flour"),
        ("Butter 100 g", "100", "g", "Butter"),
        ("Flour: 2 cups", "2", "cup", "Flour"),
        ("Eggs - 2", "2", "", "Eggs"),
        ("1,5 dl cream", "1.5", "dl", "cream"),
        ("2% milk", "", "", "2% milk"),
        ("00 flour", "", "", "00 flour"),
        ("7up", "", "", "7up"),
        ("9x13 pan", "", "", "9x13 pan"),
    ] {
        let read = Ingredient::parse(text);
        let number = read.quantity.as_ref().map(ToString::to_string).unwrap_or_default();
        assert_eq!(
            (&*number, read.unit.as_deref().unwrap_or(""), &*read.name()),
            (quantity, unit, name),
            "{text}"
        );
        assert_eq!(read.text, text);
    }
}

#[test]
fn scaled_line_reads_naturally() {
    for (text, doubled, halved) in [
        ("1 egg", "2 eggs", "1/2 egg"),
        ("2 eggs", "4 eggs", "1 egg"),
        ("2 cloves garlic", "4 cloves garlic", "1 clove garlic"),
        ("2-3 cloves garlic, minced", "4-6 cloves garlic, minced", "1-1 1/2 cloves garlic, minced"),
        ("1 (14 oz) can tomatoes", "2 (14 oz) cans tomatoes", "1/2 (14 oz) can tomatoes"),
        ("2 15 oz cans beans", "4 15 oz cans beans", "1 15 oz can beans"),
        ("½ cup flour", "1 cup flour", "¼ cup flour"),
        ("1½ tsp salt", "3 tsp salt", "¾ tsp salt"),
        ("1 1/2 cups sugar", "3 cups sugar", "3/4 cup sugar"),
        ("1-1/2 cups milk", "3 cups milk", "3/4 cup milk"),
        ("500g beef", "1000g beef", "250g beef"),
        ("1,000 g potatoes", "2,000 g potatoes", "500 g potatoes"),
        ("1,5 dl cream", "3 dl cream", "0,75 dl cream"),
        ("2 to 3 tomatoes", "4 to 6 tomatoes", "1 to 1 1/2 tomatoes"),
        ("1 bay leaf", "2 bay leaves", "1/2 bay leaf"),
        ("2 garlic cloves", "4 garlic cloves", "1 garlic clove"),
        ("a pinch of salt", "2 pinches of salt", "1/2 pinch of salt"),
        ("an onion", "2 onions", "1/2 onion"),
        ("half an onion, sliced", "1 onion, sliced", "1/4 onion, sliced"),
        ("One egg", "2 eggs", "1/2 egg"),
        ("1 lb. beef", "2 lb. beef", "1/2 lb. beef"),
        ("1 CUP MILK", "2 CUPS MILK", "1/2 CUP MILK"),
        ("1 cup(s) water", "2 cup(s) water", "1/2 cup(s) water"),
        ("Juice of 1 lemon", "Juice of 2 lemons", "Juice of 1/2 lemon"),
        ("Flour: 2 cups", "Flour: 4 cups", "Flour: 1 cup"),
        ("1 loaf bread", "2 loaves bread", "1/2 loaf bread"),
        ("2 medium potatoes, peeled", "4 medium potatoes, peeled", "1 medium potato, peeled"),
    ] {
        assert_eq!(scaled(text, 2, 1), doubled);
        assert_eq!(scaled(text, 1, 2), halved);
    }
}

#[test]
fn package_size_is_not_scaled() {
    for (text, doubled) in [
        ("1 cup (240 ml) milk", "2 cups (480 ml) milk"),
        ("1 cup plus 2 tablespoons flour", "2 cups plus 4 tablespoons flour"),
        ("500 g / 1 lb beef", "1000 g / 2 lb beef"),
        ("1 large egg or 2 small", "2 large eggs or 4 small"),
        ("1 chicken breast (about 6 oz)", "2 chicken breasts (about 12 oz)"),
        ("2 chicken breasts (6 oz each)", "4 chicken breasts (6 oz each)"),
        ("1 can (400 ml) coconut milk", "2 cans (400 ml) coconut milk"),
        ("2 x 400g tins tomatoes", "4 x 400g tins tomatoes"),
        ("8-ounce package cream cheese", "2 x 8-ounce package cream cheese"),
        ("1-inch piece ginger", "2 x 1-inch piece ginger"),
        ("Pinch of nutmeg", "2 pinches of nutmeg"),
        ("1 onion, cut into 2 or 3 pieces", "2 onions, cut into 2 or 3 pieces"),
    ] {
        assert_eq!(scaled(text, 2, 1), doubled);
    }
}

#[test]
fn odd_fractions_become_measurable_decimals() {
    assert_eq!(scaled("1000 g flour", 1, 3), "333 g flour");
    assert_eq!(scaled("1 kg flour", 1, 3), "0.33 kg flour");
    assert_eq!(scaled("1 cup oil", 1, 3), "1/3 cup oil");
    assert_eq!(scaled("1 cup oil", 1, 8), "1/8 cup oil");
    assert_eq!(scaled("1 cup oil", 1, 7), "0.14 cup oil");
    assert_eq!(scaled("3 eggs", 1, 7), "0.43 egg");
}

#[test]
fn line_without_an_amount_is_unchanged() {
    for text in
        ["Salt to taste", "2% milk", "Freshly ground pepper", "For the sauce:", "00 flour", ""]
    {
        assert_eq!(scaled(text, 7, 3), text);
    }
    // Words that are not known are not bent.
    assert_eq!(scaled("1 Zucchino", 2, 1), "2 Zucchino");
}

#[test]
fn unwritable_amount_is_refused() {
    let much = Ingredient::parse("999999999 g salt");
    assert_eq!(much.scaled(Ratio::whole(1_000)), None);
    let little = Ingredient::parse("0.000001 g salt");
    assert_eq!(little.scaled(Ratio::new(1, 1_000_000_000).unwrap()), None);
}

#[test]
fn renaming_keeps_the_amount_and_the_preparation() {
    for (text, name, renamed) in [
        ("2 tbsp butter, softened", "olive oil", "2 tbsp olive oil, softened"),
        ("3 cloves garlic, minced", "shallots", "3 cloves shallots, minced"),
        ("2 onions, chopped", "shallots, sliced", "2 shallots, sliced"),
        ("2 lemons", "lime", "2 limes"),
        ("Juice of 1 lemon", "lime", "Juice of 1 lime"),
        ("1 (14 oz) can tomatoes", "pumpkin puree", "1 (14 oz) can pumpkin puree"),
        ("Butter: 100 g", "Margarine", "Margarine: 100 g"),
        ("salt", "soy sauce", "soy sauce"),
        ("2 eggs", "1 banana", "1 banana"),
    ] {
        assert_eq!(Ingredient::parse(text).renamed(name).text, renamed);
    }
}

#[test]
fn new_amount_changes_the_others_in_proportion() {
    for (text, amount, changed) in [
        ("500 g beef", "650 g", Some("650 g beef")),
        ("500g/1lb 2oz beef, diced", "1 kg", Some("1000g/2lb 4oz beef, diced")),
        ("2 carrots", "4", Some("4 carrots")),
        ("2 carrots, sliced", "1", Some("1 carrot, sliced")),
        ("2 carrots", "300 g", Some("300 g carrots")),
        ("2 cloves garlic", "4", Some("4 cloves garlic")),
        ("1 cup (240 ml) milk", "2 cups", Some("2 cups (480 ml) milk")),
        ("500 g beef", "700 g of beef", Some("700 g beef")),
        ("500 g beef", "2 lb", Some("2 lb beef")),
        ("Butter: 100 g", "50 g", Some("Butter: 50 g")),
        ("Butter: 100 g", "1 stick", Some("Butter: 1 stick")),
        ("salt", "1 tsp", Some("1 tsp salt")),
        ("2-3 carrots", "4", Some("4 carrots")),
        ("500 g beef", "more", None),
    ] {
        let new = Ingredient::parse(text).with_amount(amount);
        assert_eq!(new.map(|new| new.text).as_deref(), changed, "{text} to {amount}");
    }
}

fn clean_line() -> impl Strategy<Value = String> {
    let number = (1_u64..=24, 0_u64..4, prop::bool::ANY).prop_map(|(whole, quarters, is_range)| {
        match (quarters, is_range) {
            (0, true) => format!("{whole}-{}", whole + 1),
            (0, false) => whole.to_string(),
            (1, _) => format!("{whole} 1/4"),
            (2, _) => format!("{whole} 1/2"),
            _ => format!("{whole} 3/4"),
        }
    });
    let one = prop::sample::select(vec![
        "1/3 cup oil",
        "1/8 tsp salt",
        "1 egg",
        "1 clove garlic",
        "2/3 cup milk",
        "1/2 lemon",
        "1 (14 oz) can tomatoes",
        "Salt",
        "2% milk",
        "1 cup (240 ml) milk",
        "0.5 kg flour",
    ]);
    let many = prop::sample::select(vec![
        "tbsp sugar",
        "cups flour",
        "onions, diced",
        "cloves garlic",
        "oz cheese",
        "eggs",
        "bay leaves",
        "cans (400 g) beans",
        "large carrots",
        "slices bread",
    ]);
    prop_oneof![
        one.prop_map(str::to_owned),
        (number, many)
            .prop_map(|(number, name)| format!("{number} {name}"))
            .prop_filter("one is no plural", |line| !line.starts_with("1 ") || line.contains('/')),
        (1_u64..2_000).prop_map(|grams| format!("{grams} g flour")),
    ]
}

proptest! {
    #[test]
    fn scaling_up_and_down_again_gives_the_same_text(line in clean_line(), factor in 1_u64..=12) {
        let factor = Ratio::whole(factor);
        let up = Ingredient::parse(&line).scaled(factor).unwrap();
        let down = up.scaled(Ratio::ONE.over(factor).unwrap()).unwrap();
        prop_assert_eq!(down.text, line, "by way of {}", up.text);
    }

    #[test]
    fn any_line_is_read_and_scaled(
        line in "([0-9½⅓/.,x×() -]{0,6}(cup|g|can|egg|oz|inch|a|or|plus|ß|é|卵)?[ ,(-]?){0,8}",
        numerator in 1_u64..2_000,
        denominator in 1_u64..2_000,
    ) {
        let read = Ingredient::parse(&line);
        let _ = read.name();
        let _ = read.renamed("butter");
        let _ = read.scaled(Ratio::new(numerator, denominator).unwrap());
        prop_assert_eq!(read.text, line.trim());
    }
}
