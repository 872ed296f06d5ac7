use super::super::ratio::Ratio;
use super::*;

fn to(number: u64, what: &'static str) -> Option<ChatCommand<'static>> {
    Some(ChatCommand::Scale(Scale::To(Ratio::whole(number), what)))
}

fn by(numerator: u64, denominator: u64) -> Option<ChatCommand<'static>> {
    Some(ChatCommand::Scale(Scale::By(Ratio::new(numerator, denominator).unwrap())))
}

fn at(number: u64) -> StepRef {
    StepRef::Number(number)
}

#[test]
fn scaling_has_many_phrasings() {
    for (text, number, what) in [
        ("Scale to 8 servings", 8, "servings"),
        ("scale to 8 servings.", 8, "servings"),
        ("SCALE TO 8 SERVINGS!", 8, "SERVINGS"),
        ("Please scale to 8 servings", 8, "servings"),
        ("scale for 8", 8, "people"),
        ("scale it to 8 people, please", 8, "people"),
        ("Could you scale the recipe up to 8 servings?", 8, "servings"),
        ("scale to eight", 8, ""),
        ("scale 8", 8, ""),
        ("make it for 8", 8, "people"),
        ("make this serve 8", 8, "people"),
        ("make it 8 servings", 8, "servings"),
        ("adjust the recipe to 8 portions thanks", 8, "portions"),
        ("reduce to 2 servings", 2, "servings"),
        ("scale to 48 cookies", 48, "cookies"),
        ("make 36", 36, ""),
        ("make 36 cookies", 36, "cookies"),
        ("scale to 4 dozen cookies", 4, "dozen cookies"),
        ("scale to 500 ml", 500, "ml"),
        ("I need this for 8", 8, "people"),
        ("for 10 people", 10, "people"),
        ("serves 8", 8, "servings"),
        ("it should serve 8", 8, "servings"),
        ("change servings to 6", 6, "servings"),
        ("set servings to 6", 6, "servings"),
        ("8 portions please", 8, "people"),
    ] {
        assert_eq!(ChatCommand::parse(text), to(number, what), "{text}");
    }
    for (text, factor) in [
        ("double it", by(2, 1)),
        ("Double", by(2, 1)),
        ("double the recipe please", by(2, 1)),
        ("triple everything", by(3, 1)),
        ("halve it", by(1, 2)),
        ("half the recipe", by(1, 2)),
        ("scale by 1.5", by(3, 2)),
        ("scale by 1/3", by(1, 3)),
        ("scale by a factor of 2", by(2, 1)),
        ("scale by half", by(1, 2)),
        ("scale x3", by(3, 1)),
        ("scale 3x", by(3, 1)),
        ("x3 please", by(3, 1)),
        ("3x", by(3, 1)),
        ("3x the recipe", by(3, 1)),
        ("times 3", by(3, 1)),
        ("multiply by 3", by(3, 1)),
        ("multiply everything by 1.5", by(3, 2)),
        ("make half of it", by(1, 2)),
        ("make half", by(1, 2)),
        ("make a double batch", by(2, 1)),
        ("make twice as much", by(2, 1)),
        ("cut it in half", by(1, 2)),
        ("could you triple the recipe?", by(3, 1)),
        ("scale up by 50%", by(3, 2)),
        ("increase by 50 percent", by(3, 2)),
        ("scale down by 25%", by(3, 4)),
        ("reduce it by 25%", by(3, 4)),
        ("scale to 50%", by(1, 2)),
    ] {
        assert_eq!(ChatCommand::parse(text), factor, "{text}");
    }
}

#[test]
fn title_yield_and_times_are_set() {
    for (text, command) in [
        ("Rename to Sunday Pancakes", ChatCommand::Rename("Sunday Pancakes")),
        ("rename it to “Sunday Pancakes”.", ChatCommand::Rename("Sunday Pancakes")),
        ("rename the recipe to Ham to Go", ChatCommand::Rename("Ham to Go")),
        ("Rename Pancakes to Crêpes", ChatCommand::Rename("Crêpes")),
        ("call it Crêpes", ChatCommand::Rename("Crêpes")),
        ("change the title to Crêpes", ChatCommand::Rename("Crêpes")),
        ("Set yield to 4 servings", ChatCommand::SetYield("4 servings")),
        ("yield: 12 cookies", ChatCommand::SetYield("12 cookies")),
        ("it makes 12 cookies", ChatCommand::SetYield("12 cookies")),
        ("set the prep time to 15 min", ChatCommand::SetPrepTime("15 min")),
        ("set cook time to 1 hr 20 min", ChatCommand::SetCookTime("1 hr 20 min")),
    ] {
        assert_eq!(ChatCommand::parse(text), Some(command), "{text}");
    }
}

#[test]
fn ingredients_are_added_removed_and_replaced() {
    let replace = |old, new| ChatCommand::Replace { old, new };
    for (text, command) in [
        ("Add ingredient 2 eggs", ChatCommand::AddIngredient("2 eggs")),
        ("add an ingredient: 2 eggs, please", ChatCommand::AddIngredient("2 eggs")),
        ("add 2 cups flour", ChatCommand::AddIngredient("2 cups flour")),
        ("add salt to the ingredients", ChatCommand::AddIngredient("salt")),
        ("add ingredients: 2 eggs, 1 cup milk", ChatCommand::AddIngredient("2 eggs, 1 cup milk")),
        ("Remove ingredient garlic", ChatCommand::RemoveIngredient("garlic")),
        ("delete the garlic", ChatCommand::RemoveIngredient("garlic")),
        ("leave out “red onion”", ChatCommand::RemoveIngredient("red onion")),
        ("Replace butter with olive oil", replace("butter", "olive oil")),
        ("swap the butter for olive oil!", replace("butter", "olive oil")),
        ("substitute butter with olive oil", replace("butter", "olive oil")),
        ("substitute olive oil for butter", replace("butter", "olive oil")),
        ("use olive oil instead of butter", replace("butter", "olive oil")),
        ("change butter to olive oil", replace("butter", "olive oil")),
    ] {
        assert_eq!(ChatCommand::parse(text), Some(command), "{text}");
    }
}

#[test]
fn steps_are_added_removed_and_replaced() {
    let add = |text, place| ChatCommand::AddStep { text, place };
    for (text, command) in [
        ("Add step Bake for 20 minutes.", add("Bake for 20 minutes.", None)),
        ("add a step: Bake at 350", add("Bake at 350", None)),
        ("Add step Rest after 2", add("Rest", Some(StepPosition::After(at(2))))),
        ("add step Rest after step 2.", add("Rest", Some(StepPosition::After(at(2))))),
        ("Add step after 2: Rest", add("Rest", Some(StepPosition::After(at(2))))),
        (
            "add step before the last step: Rest",
            add("Rest", Some(StepPosition::Before(StepRef::Last))),
        ),
        ("add step at 3: Rest", add("Rest", Some(StepPosition::Before(at(3))))),
        ("add step 3: Rest", add("Rest", Some(StepPosition::Before(at(3))))),
        ("Remove step 3", ChatCommand::RemoveStep(at(3))),
        ("please delete step three", ChatCommand::RemoveStep(at(3))),
        ("remove the third step.", ChatCommand::RemoveStep(at(3))),
        ("remove the last step", ChatCommand::RemoveStep(StepRef::Last)),
        ("Replace step 2 with Stir well.", ChatCommand::ReplaceStep(at(2), "Stir well.")),
        ("change step 2 to Stir", ChatCommand::ReplaceStep(at(2), "Stir")),
    ] {
        assert_eq!(ChatCommand::parse(text), Some(command), "{text}");
    }
}

#[test]
fn extraction_keeps_the_pasted_text() {
    for (text, pasted) in [
        ("Extract recipe from: Soup\n1 leek, please", "Soup\n1 leek, please"),
        ("extract the recipe from Soup", "Soup"),
        ("EXTRACT RECIPE:\nSoup\n", "Soup"),
        ("Please extract this recipe: Soup", "Soup"),
        ("import recipe: Soup", "Soup"),
    ] {
        assert_eq!(ChatCommand::parse(text), Some(ChatCommand::Extract(pasted)), "{text}");
    }
}

#[test]
fn undo_and_help_are_understood() {
    for text in ["Undo", "undo that, please", "Take it back!", "undo the last change."] {
        assert_eq!(ChatCommand::parse(text), Some(ChatCommand::Undo), "{text}");
    }
    for text in ["Help", "?", "help!", "What can you do?"] {
        assert_eq!(ChatCommand::parse(text), Some(ChatCommand::Help), "{text}");
    }
}

#[test]
fn incomplete_request_is_answered_with_an_example() {
    for text in [
        "scale",
        "scale to many",
        "scale by",
        "rename",
        "rename to",
        "add",
        "add more salt",
        "add ingredient",
        "add step",
        "remove",
        "remove ingredient",
        "remove step 2 and more",
        "replace butter",
        "replace butter with",
        "replace step 2 with",
        "set yield",
        "extract recipe from:",
    ] {
        let command = ChatCommand::parse(text);
        assert!(matches!(command, Some(ChatCommand::Unfinished(_))), "{text}: {command:?}");
    }
}

#[test]
fn shown_examples_are_understood() {
    for text in [
        "remove",
        "replace x",
        "add step",
        "add ingredient",
        "scale to",
        "rename to",
        "set yield",
        "set prep time",
        "set cook time",
        "replace step 1 with",
        "remove step 1 2",
    ] {
        let Some(ChatCommand::Unfinished(example)) = ChatCommand::parse(text) else {
            panic!("{text} is whole");
        };
        let command = ChatCommand::parse(example);
        assert!(!matches!(command, None | Some(ChatCommand::Unfinished(_))), "{example}");
    }
}

#[test]
fn small_talk_is_not_a_command() {
    for text in [
        "",
        "hello",
        "What is this?",
        "double garlic bread sounds nice",
        "scaleto 8",
        "this is nice",
        "makes sense",
        "extract juice",
        "stepladder",
    ] {
        assert_eq!(ChatCommand::parse(text), None, "{text}");
    }
}
