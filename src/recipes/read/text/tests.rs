use super::inline::{amounts_in_prose, at_headings};
use super::lines::{numbered, numbered_steps};
use super::meta::Fact;
use super::*;
use crate::recipes::recipe::Draft;

fn read_text(text: &str) -> Draft {
    read(text, DraftBuilder::default()).draft
}

fn texts(text: &str) -> Vec<String> {
    extract_list(text).into_iter().map(|ingredient| ingredient.text).collect()
}

#[test]
fn lists_on_one_line_are_taken_apart() {
    for (list, parts) in [
        ("2 eggs, 1 cup flour, salt", vec!["2 eggs", "1 cup flour", "salt"]),
        ("2 eggs and 1 cup milk", vec!["2 eggs", "1 cup milk"]),
        ("2 eggs; 1 cup milk; salt", vec!["2 eggs", "1 cup milk", "salt"]),
        ("2 eggs • 1 cup milk", vec!["2 eggs", "1 cup milk"]),
        ("- 2 eggs - 1 cup milk", vec!["2 eggs", "1 cup milk"]),
        ("2 eggs 1 cup flour 1 pinch salt", vec!["2 eggs", "1 cup flour", "1 pinch salt"]),
        ("1 onion, chopped, 2 eggs, beaten", vec!["1 onion, chopped", "2 eggs, beaten"]),
        ("1 can (14 oz, drained) beans, 2 limes", vec!["1 can (14 oz, drained) beans", "2 limes"]),
        ("1,5 dl cream, 2 eggs", vec!["1,5 dl cream", "2 eggs"]),
        // One ingredient, however many commas.
        ("1 onion, peeled, finely chopped", vec!["1 onion, peeled, finely chopped"]),
        ("1 cup butter, 2 sticks", vec!["1 cup butter, 2 sticks"]),
    ] {
        assert_eq!(texts(list), parts);
    }
}

#[test]
fn sentences_end_before_a_capital_or_a_number() {
    for (text, parts) in [
        ("Mix. Bake. Eat!", vec!["Mix.", "Bake.", "Eat!"]),
        ("Bake at 350 deg. until brown.", vec!["Bake at 350 deg. until brown."]),
        ("Add approx. 2 cups. Stir.", vec!["Add approx. 2 cups.", "Stir."]),
        ("Add 1.5 cups. 2 eggs next.", vec!["Add 1.5 cups.", "2 eggs next."]),
        ("No end", vec!["No end"]),
    ] {
        assert_eq!(sentences(text), parts);
    }
}

#[test]
fn numbers_in_order_part_steps() {
    assert_eq!(numbered_steps("1. Mix 2. Bake 3. Eat"), ["Mix", "Bake", "Eat"]);
    assert_eq!(numbered_steps("1) Mix 2) Bake"), ["Mix", "Bake"]);
    assert_eq!(numbered_steps("Step 1: Mix Step 2: Bake"), ["Mix", "Bake"]);
    assert_eq!(numbered_steps("Add 1. 5 cups"), ["Add 1. 5 cups"]);
    assert_eq!(numbered_steps("1. Mix 3. Bake"), ["1. Mix 3. Bake"]);
}

#[test]
fn line_numbers_are_not_amounts() {
    for (text, rest) in [
        ("1. Mix", Some(" Mix")),
        ("12) Mix", Some(" Mix")),
        ("(3) Mix", Some(" Mix")),
        ("1.Mix", Some("Mix")),
        ("Step 4: Mix", Some("Mix")),
        ("STEP 4 - Mix", Some("Mix")),
        ("Step 4", Some("")),
        ("1 Mix flour", Some(" Mix flour")),
        ("1.5 cups", None),
        ("2 cups", None),
        ("1 Pinch salt", None),
        ("2-3 eggs", None),
        ("1234. Mix", None),
        ("Stepwise", None),
    ] {
        assert_eq!(numbered(text), rest, "{text}");
    }
}

#[test]
fn headings_inside_a_line_split_it() {
    assert_eq!(
        at_headings("Tea. Serves: 2 Ingredients: 1 leaf. Directions: Steep."),
        ["Tea.", "Serves: 2", "Ingredients: 1 leaf.", "Directions: Steep."]
    );
    // A word of a sentence is no heading.
    assert_eq!(at_headings("use this method: stir"), ["use this method: stir"]);
    assert_eq!(at_headings("Ingredients:"), ["Ingredients:"]);
}

#[test]
fn yield_times_and_tags_are_found() {
    let of = |line| facts(line, false);
    let makes = |text: &str| Fact::Yield(text.to_owned());
    for (line, found) in [
        ("Serves 4", vec![makes("4 servings")]),
        ("Serves: 4-6", vec![makes("4-6 servings")]),
        ("Serves 1", vec![makes("1 serving")]),
        ("Yield: 6 servings", vec![makes("6 servings")]),
        ("Makes 12 cookies", vec![makes("12 cookies")]),
        ("Makes about 2 cups.", vec![makes("about 2 cups")]),
        ("4 servings", vec![makes("4 servings")]),
        ("For 4 people", vec![makes("4 people")]),
        ("(Serves 4)", vec![makes("4 servings")]),
        ("Prep time: 15 min", vec![Fact::Prep(15)]),
        ("Cook 1 hr 20 min", vec![Fact::Cook(80)]),
        ("Prep: 5 min | Cook: 10 min", vec![Fact::Prep(5), Fact::Cook(10)]),
        (
            "Prep 5 min Cook 10 min Serves 2",
            vec![Fact::Prep(5), Fact::Cook(10), makes("2 servings")],
        ),
        ("Tags: a, b", vec![Fact::Tags(vec!["a".to_owned(), "b".to_owned()])]),
        ("Total time: 1 h", vec![Fact::Total(60)]),
    ] {
        assert_eq!(of(line), Some(found), "{line}");
    }
    for line in [
        "Cook the onions",
        "Makes a great snack",
        "4 eggs",
        "For the sauce",
        "Bake 20 minutes until brown",
    ] {
        assert_eq!(of(line), None, "{line}");
    }
    // Among the steps, it is one.
    assert_eq!(facts("Cook 20 min", true), None);
    assert_eq!(facts("Cook time: 20 min", true), Some(vec![Fact::Cook(20)]));
}

#[test]
fn prose_names_its_ingredients() {
    assert_eq!(
        amounts_in_prose("Mix 2 cups of flour with 1 egg, then bake for 20 minutes at 180 C."),
        ["2 cups of flour", "1 egg"]
    );
    assert!(amounts_in_prose("Add 1 cup at a time. Wait 5 minutes.").is_empty());
}

#[test]
fn overlong_text_goes_to_the_description() {
    let long = "very ".repeat(200);
    let draft = read_text(&format!("Soup\nIngredients:\n1 {long}egg\n2 leeks\nSteps:\nMix.\nEat."));
    assert_eq!(draft.ingredients.len(), 1);
    assert!(draft.description.contains(long.trim()));
    let many = "1 egg\n".repeat(250);
    let draft = read_text(&format!("Soup\nIngredients:\n{many}"));
    assert_eq!(draft.ingredients.len(), MAX_INGREDIENTS);
    assert_eq!(draft.description.lines().count(), 50);
}

#[test]
fn line_in_doubt_is_one_ingredient() {
    let head = "Bake\n\nIngredients\n";
    for (lines, read) in [
        ("1 - 3/4 cups polenta\n1 egg", vec!["1 - 3/4 cups polenta", "1 egg"]),
        ("1 cup minus 1 tbsp flour\n1 egg", vec!["1 cup minus 1 tbsp flour", "1 egg"]),
        ("2 bis 3 Möhren\n1 Ei", vec!["2 bis 3 Möhren", "1 Ei"]),
        // An amount above its ingredient.
        ("2 cups\nflour\n1 egg", vec!["2 cups flour", "1 egg"]),
        ("2 (about 300 g)\nonions\n1 egg", vec!["2 (about 300 g) onions", "1 egg"]),
    ] {
        let draft = read_text(&format!("{head}{lines}\n\nMethod\nMix and bake it."));
        let texts: Vec<_> = draft.ingredients.iter().map(|one| &*one.text).collect();
        assert_eq!(texts, read);
    }
}

#[test]
fn heading_above_the_first_step_is_its_own() {
    let text = "# Cake\n\n## Ingredients\n\n- 100 g butter\n- 200 g flour\n\n## Make the crumble.\n\n\
        Rub the butter into the flour.\n\n## Glaze\n\nBrush it with milk.";
    let draft = read_text(text);
    let ingredients: Vec<_> = draft.ingredients.iter().map(|one| &*one.text).collect();
    assert_eq!(ingredients, ["100 g butter", "200 g flour"]);
    let first = "Make the crumble. Rub the butter into the flour.";
    assert_eq!(draft.steps, [first, "Glaze: Brush it with milk."]);
}
