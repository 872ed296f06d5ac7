//! The recipe chat from outside: pasted recipes of every form, and what always holds.
//!
//! `tests/fixtures/recipes` has a paste and, beside it, the recipe that it is read as.
#![expect(clippy::expect_used, reason = "a test's helpers fail the test")]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use vestibule::recipes::{AssistantReply, Draft, Ingredient, Recipe, answer, read};
use vestibule::time::UnixTime;

/// The draft of a paste, which is empty if its format cannot be read.
fn draft_of(text: &str) -> Draft {
    read(text).map(|reading| reading.draft).unwrap_or_default()
}

/// The recipe of a paste, as the fixtures have it.
fn recipe_of(text: &str) -> Recipe {
    let mut draft = draft_of(text);
    if draft.title.is_empty() {
        draft.title = "Untitled".to_owned();
    }
    Recipe::new("recipe", draft, UnixTime::default()).expect("a paste fits into a recipe")
}

fn pastes() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recipes");
    let entries = std::fs::read_dir(folder).expect("the fixtures are there").flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    paths
}

/// Everything that a draft holds.
fn kept(draft: &Draft) -> String {
    let ingredients = draft.ingredients.iter().map(|ingredient| &ingredient.text);
    let texts = [&draft.title, &draft.yields, &draft.description].into_iter();
    let lists = draft.tags.iter().chain(ingredients).chain(&draft.steps);
    texts.chain(lists).map(String::as_str).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_form_of_paste_is_read_as_its_recipe() {
    let pastes = pastes();
    assert!(pastes.len() >= 50, "only {} pastes", pastes.len());
    for path in pastes {
        let text = std::fs::read_to_string(&path).expect("a paste is text");
        let expected =
            std::fs::read_to_string(path.with_extension("json")).expect("it has a recipe");
        let expected: serde_json::Value = serde_json::from_str(&expected).expect("it is JSON");
        let found = serde_json::to_value(recipe_of(&text)).expect("a recipe is JSON");
        assert_eq!(found, expected, "{}", path.display());
    }
}

#[test]
fn line_ends_and_space_around_do_not_matter() {
    for path in pastes() {
        let text = std::fs::read_to_string(&path).expect("a paste is text").replace("\r\n", "\n");
        let expected = recipe_of(&text);
        assert_eq!(recipe_of(&text.replace('\n', "\r\n")), expected, "{}", path.display());
        assert_eq!(recipe_of(&text.replace('\n', "  \n")), expected, "{}", path.display());
        assert_eq!(recipe_of(&format!("\n\n  {text}\n\n")), expected, "{}", path.display());
    }
}

#[test]
fn every_paste_can_be_sent_as_a_message() {
    let now = UnixTime::default();
    for path in pastes().iter().filter(|path| !path.ends_with("not_a_recipe.txt")) {
        let text = std::fs::read_to_string(path).expect("a paste is text");
        let draft = Draft { title: "Untitled".to_owned(), ..Draft::default() };
        let empty = Recipe::new("recipe", draft, now).expect("a title is enough");
        let message = format!("Extract recipe from: {text}");
        let AssistantReply::Change { recipe, .. } = answer(&empty, &message, now) else {
            panic!("{} changes nothing", path.display());
        };
        assert_eq!(*recipe, recipe_of(&text), "{}", path.display());
    }
}

/// If the work grew with the square of the text, this would not end in a day.
#[test]
fn long_texts_of_one_pattern_are_read_in_linear_time() {
    let patterns = [
        "(",
        "1 ",
        "1/",
        "1-",
        "x1",
        "a:",
        "1. ",
        "- ",
        "• ",
        ", ",
        "½",
        "**",
        "# ",
        "\n",
        " ",
        "A. ",
        "1 (",
        "a, ",
        "1 a,\n",
        "(\n",
        "salt\n",
        "1 cup\n",
        "1) 2) ",
        "For the a:\n",
        "Ingredients:",
        "4 servings ",
        " or 1 cup",
        "1 to ",
        "ß",
        "aaaa",
        "Step 1\n",
    ];
    for pattern in patterns {
        let text = pattern.repeat(50_000 / pattern.len());
        let _ = draft_of(&text);
        let _ = draft_of(&format!("Ingredients:\n{text}"));
        let _ = Ingredient::parse(&text).name();
    }
}

/// A line with words that are nobody's heading: `kw7a`, `kw7b`, each number once.
fn line(number: usize, shape: usize) -> String {
    let (a, b) = (format!("kw{number}a"), format!("kw{number}b"));
    match shape {
        0 => format!("2 cups {a}, {b}"),
        1 => format!("- 1 {a} ({b})"),
        2 => format!("{}. Mix {a} with {b}.", number + 1),
        3 => format!("{a} {b}"),
        4 => format!("Serves 4 {a} and {b}"),
        5 => format!("Prep time: 10 min {a} {b}"),
        6 => format!("For the {a} {b}:"),
        7 => format!("**{a}** _{b}_"),
        8 => format!("Ingredients: 2 {a}, 1 cup {b}"),
        9 => format!("Directions ({a}): {b}"),
        10 => format!("Notes: {a} {b}"),
        11 => format!("Tags: {a}, {b}"),
        12 => format!("## {a}: {b}"),
        13 => format!("Stir {a}. Then {b}. Serve."),
        14 => format!("{a} | Makes 12 {b}"),
        15 => format!("500 g\n{a},\n{b}"),
        16 => format!("{a} 200 g, {b}"),
        17 => format!("Title: {a} {b}"),
        18 => format!("Step {}: {a}\n{b}", number + 1),
        19 => format!("Cook {a} 1 hr 20 min; {b}"),
        20 => format!("1 {a}; 2 tsp {b}"),
        21 => format!("{a}: 3 {b}, 2 eggs, 1 cup milk."),
        22 => format!("Total time: {a} (serves 4 {b})"),
        23 => format!("Description: {a}\nServings\n{b}"),
        24 => "Ingredients".to_owned(),
        25 => "Method:".to_owned(),
        _ => String::new(),
    }
}

proptest! {
    #[test]
    fn no_word_of_a_paste_is_lost(shapes in prop::collection::vec(0_usize..28, 1..24)) {
        let lines: Vec<_> = shapes.iter().enumerate().map(|(at, shape)| line(at, *shape)).collect();
        let text = lines.join("\n");
        let kept = kept(&draft_of(&text));
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.starts_with("kw")) {
            prop_assert!(kept.contains(word), "{word} is lost of\n{text}\nkept:\n{kept}");
        }
    }

    #[test]
    fn ingredients_are_kept_to_the_letter(
        lines in prop::collection::vec("[1-9]{1,2} (cups|g|large|tbsp)? ?[a-zß]{4,9}( [a-z]{4,8})?(, [a-z]{5,8}ed)?", 1..30),
    ) {
        let text = format!("Ingredients:\n{}\nDirections:\nEnjoy it all.", lines.join("\n"));
        let found: Vec<_> = draft_of(&text).ingredients.into_iter().map(|one| one.text).collect();
        prop_assert_eq!(found, lines);
    }

    #[test]
    fn any_text_becomes_a_draft_that_fits(text in "(\\PC{0,12}|\n|1\\. |- |Ingredients:|[0-9] cups? ){0,40}") {
        let recipe = recipe_of(&text);
        prop_assert_eq!(recipe.check(), Ok(()));
    }

    #[test]
    fn any_message_is_answered(content in "(please |add |remove |step |ingredient |scale |to |by |replace |with |[0-9]{0,5} |after |undo|\\PC{0,8}| ){0,10}") {
        let recipe = recipe_of("Soup\nServes 4\n2 eggs\n1 cup milk\n\nMix. Bake.");
        match answer(&recipe, &content, UnixTime::default()) {
            AssistantReply::Say(said) => prop_assert!(!said.is_empty()),
            AssistantReply::Change { recipe: changed, .. } => prop_assert_eq!(changed.check(), Ok(())),
            AssistantReply::Undo | AssistantReply::Redo => {}
        }
    }
}
