use super::super::bounds::{MAX_INGREDIENTS, MAX_RECIPE_BYTES, MAX_TITLE_CHARS};
use super::super::recipe::Draft;
use super::*;

const NOW: UnixTime = UnixTime::from_millis(1_795_341_600_000);

fn recipe() -> Recipe {
    let text = "Pancakes\nServes 4\nPrep time: 5 min\nIngredients:\n2 eggs\n1 cup flour\n\
        1 cup almond flour\n1/2 cup milk\n3 tbsp butter, melted\nSalt\nFor the top:\n1 tsp salt\n\
        Directions:\n1. Whisk eggs, flour and 100 ml milk.\n2. Fry in butter.\n3. Serve.";
    Recipe::new("r1", read(text).unwrap().draft, UnixTime::from_millis(0)).unwrap()
}

/// The assistant's text, and the recipe after the message.
fn ask(recipe: &Recipe, content: &str) -> (String, Recipe) {
    match answer(recipe, content, NOW) {
        AssistantReply::Say(said) => (said, recipe.clone()),
        AssistantReply::Change { recipe: changed, content } => {
            assert_eq!(changed.check(), Ok(()));
            assert_eq!((&changed.id, &changed.created_at), (&recipe.id, &recipe.created_at));
            assert_eq!(changed.updated_at, "2026-11-22T10:00:00.000Z");
            let orders: Vec<_> = changed.steps.iter().map(|step| step.order).collect();
            assert_eq!(orders, (1..=changed.steps.len() as u32).collect::<Vec<_>>());
            (content, *changed)
        }
        AssistantReply::Undo | AssistantReply::Redo => panic!("{content} is no change"),
    }
}

fn ingredients(recipe: &Recipe) -> Vec<&str> {
    recipe.ingredients.iter().map(|ingredient| &*ingredient.text).collect()
}

fn steps(recipe: &Recipe) -> Vec<&str> {
    recipe.steps.iter().map(|step| &*step.text).collect()
}

#[test]
fn scaling_changes_yield_and_ingredients_and_says_so() {
    let (said, scaled) = ask(&recipe(), "Scale to 8 servings");
    assert_eq!(said, "Scaled from 4 to 8 servings. Step 1 names amounts, which stay as written.");
    assert_eq!(scaled.yields, "8 servings");
    assert_eq!(
        ingredients(&scaled),
        [
            "4 eggs",
            "2 cups flour",
            "2 cups almond flour",
            "1 cup milk",
            "6 tbsp butter, melted",
            "Salt",
            "For the top:",
            "2 tsp salt",
        ]
    );
    let (_, back) = ask(&scaled, "halve it");
    assert_eq!(ingredients(&back), ingredients(&recipe()));
}

#[test]
fn the_number_in_the_yield_is_what_is_scaled() {
    for (yields, request, said, scaled) in [
        ("Serves 4", "scale for 6", "Scaled from 4 to 6 servings.", "Serves 6"),
        ("12 cookies", "scale to 24 cookies", "Scaled from 12 to 24 cookies.", "24 cookies"),
        ("4 servings", "scale to 1", "Scaled from 4 to 1 serving.", "1 serving"),
        ("1 loaf", "double it", "Scaled from 1 to 2 loaves.", "2 loaves"),
        ("4-6 servings", "scale to 8", "Scaled from 4-6 to 8-12 servings.", "8-12 servings"),
        ("about 2 cups", "halve it", "Scaled from 2 to 1 cup.", "about 1 cup"),
        ("four people", "scale to 2", "Scaled from four to 2 people.", "2 people"),
    ] {
        let mut recipe = recipe();
        recipe.yields = yields.to_owned();
        recipe.steps.clear();
        let (content, changed) = ask(&recipe, request);
        assert_eq!((&*content, &*changed.yields), (said, scaled), "{yields}");
    }
}

#[test]
fn a_recipe_without_a_number_says_how_to_set_it() {
    let mut recipe = recipe();
    for yields in ["", "a crowd"] {
        recipe.yields = yields.to_owned();
        let (said, same) = ask(&recipe, "Scale to 8 servings");
        assert!(said.contains("`Set yield to 4 servings`"), "{said}");
        assert_eq!(same, recipe);
        // A factor needs no yield.
        let (said, doubled) = ask(&recipe, "double it");
        assert!(said.starts_with("Every amount is multiplied by 2."), "{said}");
        assert_eq!(doubled.ingredients[0].text, "4 eggs");
    }
    let (said, set) = ask(&recipe, "Set yield to 6");
    assert_eq!(said, "The yield is now 6 servings. The amounts stay as they are.");
    assert_eq!(set.yields, "6 servings");
}

#[test]
fn scaling_is_bounded() {
    for request in ["scale to 1001", "scale by 2000", "scale by 0.0001", "scale to 0.5 servings"] {
        let (said, same) = ask(&recipe(), request);
        assert!(same == recipe(), "{request}: {said}");
    }
    let mut much = recipe();
    much.ingredients.push(Ingredient::parse("900000000 g flour"));
    let (said, same) = ask(&much, "double it");
    assert!(said.contains("900000000 g flour") && same == much, "{said}");
    let (said, _) = ask(&recipe(), "scale to 4");
    assert_eq!(said, "It is like that already: nothing has changed.");
}

#[test]
fn ingredients_are_found_by_name() {
    for (request, said) in [
        ("Remove ingredient eggs", "Removed “2 eggs”. Step 1 still names it."),
        ("remove EGG", "Removed “2 eggs”. Step 1 still names it."),
        ("remove flour", "Removed “1 cup flour”. Step 1 still names it."),
        ("remove almond", "Removed “1 cup almond flour”."),
        ("remove 1 tsp salt", "Removed “1 tsp salt”."),
        (
            "remove cup",
            "Which one? “cup” may be “1 cup flour” or “1 cup almond flour” or “1/2 cup milk”.",
        ),
        ("remove salt", "Removed “Salt”."),
        ("remove garlic", "I found no ingredient “garlic” in this recipe."),
        ("remove the top", "I found no ingredient “top” in this recipe."),
    ] {
        assert_eq!(ask(&recipe(), request).0, said, "{request}");
    }
    let mut twice = recipe();
    twice.ingredients.push(Ingredient::parse("2 eggs"));
    let (_, once) = ask(&twice, "remove eggs");
    assert_eq!(once.ingredients.len(), twice.ingredients.len() - 1);
}

#[test]
fn ingredients_are_added_one_or_several() {
    let (said, one) = ask(&recipe(), "Add ingredient 2 tsp sugar");
    assert_eq!((&*said, one.ingredients.len()), ("Added “2 tsp sugar”.", 9));
    let (said, more) = ask(&recipe(), "add ingredients: 1 cup berries, 2 tbsp honey and 1 lemon");
    assert_eq!((&*said, more.ingredients.len()), ("Added 3 ingredients.", 11));
    assert_eq!(more.ingredients[10].text, "1 lemon");
}

#[test]
fn ingredient_with_several_numbers_is_added_as_one() {
    for line in [
        "1 and 1/2 cups lentils",
        "between 4 and 6 figs",
        "1 cup minus 1 tbsp rice flour",
        "2 bis 3 Möhren",
        "1 cup and 2 tbsp honey",
        "1 strip orange peel, 5 cm long",
    ] {
        let (said, added) = ask(&recipe(), &format!("Add ingredient {line}"));
        assert_eq!(ingredients(&added).last(), Some(&line), "{said}");
        assert_eq!(added.ingredients.len(), recipe().ingredients.len() + 1, "{said}");
    }
    let (_, decoded) = ask(&recipe(), "Add ingredient 1&nbsp;cup dates");
    assert_eq!(ingredients(&decoded).last(), Some(&"1\u{a0}cup dates"));
    for (list, last) in [
        ("2 eggs, 1 and 1/2 cups flour and 3 leeks", ["2 eggs", "1 and 1/2 cups flour", "3 leeks"]),
        ("2 bis 3 Möhren, 1 Zwiebel, 4 Eier", ["2 bis 3 Möhren", "1 Zwiebel", "4 Eier"]),
    ] {
        let (said, added) = ask(&recipe(), &format!("Add ingredients: {list}"));
        assert!(ingredients(&added).ends_with(&last), "{said} {:?}", ingredients(&added));
    }
}

#[test]
fn replacing_keeps_the_amount_and_tells_the_steps() {
    let (said, changed) = ask(&recipe(), "Replace butter with olive oil");
    assert_eq!(
        said,
        "“3 tbsp butter, melted” is now “3 tbsp olive oil, melted”. Changed in 1 step too."
    );
    assert_eq!(changed.steps[1].text, "Fry in olive oil.");
    let (said, changed) = ask(&recipe(), "Replace eggs with 1 banana");
    assert_eq!(said, "“2 eggs” is now “1 banana”. Changed in 1 step too.");
    assert_eq!(changed.steps[0].text, "Whisk banana, flour and 100 ml milk.");
    let (said, _) = ask(&recipe(), "replace fry with bake");
    assert_eq!(said, "Replaced “fry” with “bake” in 1 step.");
    let (said, same) = ask(&recipe(), "replace cup with can");
    assert!(said.starts_with("Which one?") && same == recipe(), "{said}");
}

#[test]
fn steps_are_put_where_they_belong() {
    for (request, expected) in [
        ("Add step Eat.", vec!["W", "F", "S", "Eat."]),
        ("Add step Rest after 1", vec!["W", "Rest", "F", "S"]),
        ("add step before 1: Rest", vec!["Rest", "W", "F", "S"]),
        ("add step 4: Rest", vec!["W", "F", "S", "Rest"]),
        ("add step after the last step: Rest", vec!["W", "F", "S", "Rest"]),
        ("Remove step 2", vec!["W", "S"]),
        ("remove the last step", vec!["W", "F"]),
        ("Replace step 2 with Bake.", vec!["W", "Bake.", "S"]),
    ] {
        let mut recipe = recipe();
        for (step, text) in recipe.steps.iter_mut().zip(["W", "F", "S"]) {
            step.text = text.to_owned();
        }
        assert_eq!(steps(&ask(&recipe, request).1), expected, "{request}");
    }
    let (said, _) = ask(&recipe(), "Remove step 7");
    assert_eq!(said, "There is no step 7: this recipe has steps 1 to 3.");
    let (said, _) = ask(&recipe(), "Remove step 0");
    assert!(said.contains("Remove step 2"), "{said}");
}

#[test]
fn extraction_replaces_all_but_the_identity() {
    let (said, new) = ask(
        &recipe(),
        "Extract recipe from: Tea\nServes 2\n2 tea bags\n500 ml water\n\nSteep for 4 minutes.",
    );
    assert_eq!(said, "Extracted “Tea”: 2 ingredients, 1 step, 2 servings. `Undo` takes it back.");
    assert_eq!((new.prep_time_minutes, new.steps.len(), &*new.yields), (None, 1, "2 servings"));
    // The title stays where the text has none.
    let (_, new) = ask(&recipe(), "Extract recipe from: 2 tea bags\n500 ml water");
    assert_eq!(new.title, "Pancakes");
    for paste in ["hello there", "https://example.com/pancakes"] {
        let (_, same) = ask(&recipe(), &format!("Extract recipe from: {paste}"));
        assert_eq!(same, recipe());
    }
}

#[test]
fn unclear_time_is_answered_with_an_example() {
    let (said, set) = ask(&recipe(), "Set cook time to 1 hr 20 min");
    assert_eq!(said, "The cook time is now 1 hour 20 minutes.");
    assert_eq!(set.cook_time_minutes, Some(80));
    let (said, same) = ask(&recipe(), "set prep time to ages");
    assert!(said.contains("15 minutes") && same == recipe());
}

#[test]
fn unknown_request_is_answered_with_three_guesses() {
    for (request, guess) in [
        ("hello", "`Scale to 8 servings`"),
        ("what?", "`Add 2 eggs`"),
        ("", "`Help`"),
        ("make me happy", "`Replace butter with oil`"),
        ("is the milk fresh", "`Remove milk`"),
        ("the second step confuses me", "`Remove step 2`"),
    ] {
        let (said, same) = ask(&recipe(), request);
        assert!(said.contains(guess) && same == recipe(), "{request}: {said}");
        assert!(said.len() < 250, "{said}");
    }
    assert_eq!(ask(&recipe(), "Help").0, HELP);
    assert_eq!(answer(&recipe(), "Undo!", NOW), AssistantReply::Undo);
}

#[test]
fn every_command_in_the_help_is_understood() {
    for example in HELP.split('`').skip(1).step_by(2) {
        let (said, _) = match example {
            "Undo" | "Redo" => continue,
            "Extract recipe from: <pasted text>" => ask(&recipe(), "Extract recipe from: 2 eggs"),
            example => ask(&recipe(), example),
        };
        assert!(!said.contains("understand") && !said.contains("Try"), "{example}: {said}");
    }
}

#[test]
fn change_that_breaks_a_limit_is_refused() {
    let (said, same) = ask(&recipe(), &format!("rename to {}", "x".repeat(MAX_TITLE_CHARS + 1)));
    assert!(said.contains("`title`") && same == recipe(), "{said}");
    let mut full = recipe();
    full.ingredients = vec![Ingredient::parse("1 egg"); MAX_INGREDIENTS];
    let (said, same) = ask(&full, "add ingredient 1 egg");
    assert!(said.contains("`ingredients`") && same == full, "{said}");
    let mut large = recipe();
    let text = "ü".repeat(2_400);
    large.steps = (1..=13).map(|order| Step { order, text: text.clone() }).collect();
    assert_eq!(large.check(), Ok(()));
    let (said, same) = ask(&large, &format!("add step {text}"));
    assert!(said.contains(&MAX_RECIPE_BYTES.to_string()) && same == large, "{said}");
}

#[test]
fn an_empty_recipe_answers_every_command() {
    let draft = Draft { title: "New".to_owned(), ..Draft::default() };
    let empty = Recipe::new("r2", draft, NOW).unwrap();
    for request in
        ["double it", "remove eggs", "remove step 1", "remove the last step", "replace a with b"]
    {
        let (said, same) = ask(&empty, request);
        assert!(!said.is_empty() && same.ingredients.is_empty(), "{request}");
    }
}

/// The work for a message is that of a few commands, whatever it lists.
#[test]
fn long_list_of_a_message_is_not_gone_through() {
    let names = |count: usize| (0..count).map(|n| format!("herb{n}")).collect::<Vec<_>>();
    let mut recipe = recipe();
    recipe.ingredients = names(20).iter().map(|name| Ingredient::parse(name)).collect();
    let (said, same) = ask(&recipe, &format!("Remove {}", names(17).join(", ")));
    assert_eq!(said, "I can remove at most 16 ingredients at once. Nothing has changed.");
    assert_eq!(same, recipe);
    let (_, fewer) = ask(&recipe, &format!("Remove {}", names(16).join(", ")));
    assert_eq!(ingredients(&fewer), ["herb16", "herb17", "herb18", "herb19"]);
    let tags = names(2_000).join(",");
    let _ = carried_out(&mut recipe, ChatCommand::AddTag(&tags), Pasted::Nothing);
    assert_eq!(recipe.tags.len(), MAX_TAGS + 1);
}
