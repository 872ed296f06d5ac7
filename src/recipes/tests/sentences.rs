//! Sentences as people say them, and what they have to bring about.

use super::cases::{Score, cases};
use crate::recipes::{AssistantReply, Draft, Ingredient, Recipe, answer};
use crate::time::UnixTime;

fn recipe() -> Recipe {
    let lines = [
        "500 g beef",
        "2 carrots",
        "2 onions, chopped",
        "30 g butter",
        "100 ml cream",
        "1 tsp salt",
    ];
    let steps =
        ["Brown the beef and the onions in butter.", "Add carrots and cream and simmer.", "Serve."];
    let draft = Draft {
        title: "Pot".to_owned(),
        yields: "4 servings".to_owned(),
        ingredients: lines.into_iter().map(Ingredient::parse).collect(),
        steps: steps.map(str::to_owned).to_vec(),
        ..Draft::default()
    };
    Recipe::new("r1", draft, UnixTime::default()).unwrap()
}

/// What an answer has done.
struct Done {
    said: String,
    recipe: Recipe,
    /// `undo` or `redo`.
    order: &'static str,
}

fn done(before: &Recipe, message: &str) -> Done {
    let (said, recipe, order) = match answer(before, message, UnixTime::default()) {
        AssistantReply::Say(said) => (said, before.clone(), ""),
        AssistantReply::Change { recipe, content } => (content, *recipe, ""),
        AssistantReply::Undo => (String::new(), before.clone(), "undo"),
        AssistantReply::Redo => (String::new(), before.clone(), "redo"),
    };
    Done { said, recipe, order }
}

#[test]
fn at_least_95_percent_of_sentences_are_understood() {
    let before = recipe();
    let mut score = Score::default();
    for case in cases(include_str!("cases/sentences.txt")) {
        let done = done(&before, case[1]);
        let wrong = case[2].split("; ").find(|wanted| !is_so(&before, &done, wanted));
        let lines: Vec<_> = done.recipe.ingredients.iter().map(|one| &*one.text).collect();
        let fault = |wrong| Err(format!("not `{wrong}`: {} {lines:?}", done.said));
        score.count(&case, wrong.map_or(Ok(()), fault));
    }
    score.assert_share(95);
}

fn is_so(before: &Recipe, done: &Done, wanted: &str) -> bool {
    let Done { said, recipe, order } = done;
    let is_same = recipe == before && order.is_empty();
    let (word, value) = wanted.split_once(' ').unwrap_or((wanted, ""));
    let (name, last) = value.rsplit_once(' ').unwrap_or((value, ""));
    let amounts = |name: &str| -> Vec<f64> {
        let named = recipe.ingredients.iter().filter(|one| one.text.contains(name));
        named.filter_map(|one| one.quantity.as_ref()?.as_f64()).collect()
    };
    let is_number = |got: f64| last.parse().is_ok_and(|wanted: f64| (got - wanted).abs() < 0.01);
    let is_listed = recipe.ingredients.iter().any(|one| one.text.contains(value));
    let steps: Vec<String> = recipe.steps.iter().map(|step| step.text.to_lowercase()).collect();
    match word {
        "null" => is_same && !said.is_empty() && said.len() < 330,
        "same" => is_same,
        "undo" | "redo" => *order == word,
        "q" => amounts(name).first().copied().is_some_and(is_number),
        "sum" => is_number(amounts(name).iter().sum()),
        "has" => is_listed,
        "hasnot" => !is_listed,
        "n" => recipe.ingredients.len().to_string() == value,
        "yield" => recipe.yields.split(' ').any(|word| word == value),
        "title" => recipe.title == value,
        "prep" => recipe.prep_time_minutes == value.parse().ok(),
        "cook" => recipe.cook_time_minutes == value.parse().ok(),
        "total" => recipe.total_time_minutes == value.parse().ok(),
        "tag" => recipe.tags.iter().any(|tag| tag == value),
        "desc" => recipe.description.contains(value),
        "steps" => steps.len().to_string() == value,
        "laststep" => steps.last().is_some_and(|step| step.contains(value)),
        "nostep" => !steps.iter().any(|step| step.contains(&value.to_lowercase())),
        "step" => value.split_once(' ').is_some_and(|(number, text)| {
            let step = number.parse().ok().and_then(|number: usize| steps.get(number - 1));
            step.is_some_and(|step| step.contains(&text.to_lowercase()))
        }),
        "ask" | "answer" => said.to_lowercase().contains(&value.to_lowercase()),
        _ => panic!("`{wanted}` is no claim"),
    }
}

fn converted(line: &str, message: &str) -> (String, String) {
    let draft = Draft {
        title: "Cake".to_owned(),
        ingredients: vec![Ingredient::parse(line)],
        ..Draft::default()
    };
    let before = Recipe::new("r1", draft, UnixTime::default()).unwrap();
    let there = done(&before, message);
    let line = there.recipe.ingredients[0].text.clone();
    let back = done(&there.recipe, "convert back").recipe;
    assert_eq!(back.ingredients, before.ingredients, "{line}");
    (line, there.said)
}

#[test]
fn units_are_converted_with_the_density_named() {
    for (line, metric, weight) in [
        ("2 cups all-purpose flour, sifted", "240 g all-purpose flour, sifted", "flour 120 g"),
        ("1/2 cup packed brown sugar", "105 g packed brown sugar", "brown sugar 213 g"),
        ("3 tbsp butter, melted", "42 g butter, melted", "butter 226 g"),
        ("1 cup milk", "235 ml milk", ""),
        ("1 lb. 4 oz. beef", "565 g beef", ""),
        ("2-3 cups rice flour", "475-710 ml rice flour", ""),
        ("1 quart stock", "945 ml stock", ""),
        ("3 lb potatoes", "1.36 kg potatoes", ""),
        ("1/4 tsp vanilla extract", "1 ml vanilla extract", ""),
        ("1 cup plus 2 tbsp sugar", "200 g plus 25 g sugar", "sugar 198 g"),
        ("1 cup flour (120 g)", "1 cup flour (120 g)", ""),
        ("500 g beef", "500 g beef", ""),
        ("2 eggs", "2 eggs", ""),
        ("1 (14 oz) can tomatoes", "1 (14 oz) can tomatoes", ""),
    ] {
        let (text, said) = converted(line, "convert to metric");
        assert_eq!(text, metric, "{said}");
        assert!(said.contains(weight), "{said}");
        assert_eq!(said.contains("King Arthur"), !weight.is_empty(), "{said}");
    }
    for (line, us) in [
        ("120 g flour", "1 cup flour"),
        ("500 g beef", "1 1/8 lb beef"),
        ("250 ml milk", "1 cup milk"),
        ("1 tsp salt", "1 tsp salt"),
        ("1,5 l Wasser", "6 1/3 cups Wasser"),
        ("30 g butter", "2 tbsp butter"),
    ] {
        assert_eq!(converted(line, "convert to US units").0, us);
    }
}

#[test]
fn converted_recipe_is_scaled_exactly() {
    let mut draft = Draft { title: "Cake".to_owned(), ..Draft::default() };
    draft.yields = "4 servings".to_owned();
    draft.ingredients =
        vec![Ingredient::parse("1/3 cup flour"), Ingredient::parse("1 tsp vanilla")];
    let before = Recipe::new("r1", draft, UnixTime::default()).unwrap();
    let mut recipe = done(&before, "convert to metric").recipe;
    for servings in [7, 3, 1, 12] {
        recipe = done(&recipe, &format!("scale to {servings} servings")).recipe;
    }
    assert_eq!(recipe.ingredients[0].text, "120 g flour");
    assert_eq!(recipe.ingredients[1].text, "15 ml vanilla");
    let stored = serde_json::to_string(&recipe).unwrap();
    recipe = done(&serde_json::from_str(&stored).unwrap(), "scale to 4 servings").recipe;
    assert_eq!(done(&recipe, "convert back").recipe, before);
}

#[test]
fn replacing_names_the_steps_with_the_old_name() {
    let Done { said, recipe, .. } = done(&recipe(), "replace onions with shallots");
    assert_eq!(recipe.ingredients[2].text, "2 shallots, chopped");
    assert!(recipe.steps[0].text.contains("shallots"), "{said}");
    let mut before = recipe.clone();
    before.ingredients = vec![Ingredient::parse("2 red onions, sliced")];
    before.steps[1].text = "Fry the red onion.".to_owned();
    let Done { said, recipe, .. } = done(&before, "replace red onions with leek");
    assert_eq!(recipe.ingredients[0].text, "2 leeks, sliced");
    assert!(said.contains("Step 2 still names it."), "{said}");
}
