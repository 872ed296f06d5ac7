//! JSON-LD as sites have it.

use serde_json::json;

use super::*;
use crate::recipes::recipe::Recipe;
use crate::recipes::schema_org::write;
use crate::time::UnixTime;

fn read_one(recipe: &Value) -> Draft {
    read(find(recipe).unwrap()).draft
}

#[test]
fn recipe_of_a_site_is_read() {
    let page = json!([{ "@context": "https://schema.org", "@graph": [
        { "@type": "WebPage", "name": "Not this" },
        {
            "@type": ["Recipe", "NewsArticle"],
            "name": "Mac &amp; Cheese",
            "description": "<p>Easy &ndash; and <b>good</b>.</p>",
            "recipeYield": ["4", "4 servings"],
            "prepTime": "PT15M", "cookTime": "P0DT1H30M", "totalTime": "PT1H45M",
            "keywords": "pasta, Cheese ,quick",
            "recipeCategory": ["Dinner", "cheese"],
            "recipeCuisine": "American",
            "recipeIngredient": ["1&frac12; cups  macaroni", "salt"],
            "recipeInstructions": [
                { "@type": "HowToSection", "name": "Sauce", "itemListElement": [
                    { "@type": "HowToStep", "name": "Melt", "text": "Melt the butter.<br>Stir." },
                ] },
                "Mix.",
                { "@type": "HowToStep", "name": "Bake." },
                7,
            ],
        },
    ] }]);
    let draft = read_one(&page);
    assert_eq!((&*draft.title, &*draft.yields), ("Mac & Cheese", "4 servings"));
    assert_eq!(draft.description, "Easy – and good.");
    assert_eq!((draft.prep_time_minutes, draft.cook_time_minutes), (Some(15), Some(90)));
    assert_eq!(draft.tags, ["pasta", "Cheese", "quick", "Dinner", "American"]);
    let lines: Vec<_> = draft.ingredients.iter().map(|it| &*it.text).collect();
    assert_eq!(lines, ["1½ cups macaroni", "salt"]);
    assert_eq!(draft.steps, ["Sauce: Melt the butter.", "Stir.", "Mix.", "Bake."]);
}

#[test]
fn steps_in_one_text_are_its_lines() {
    let recipe = json!({
        "@type": "http://schema.org/Recipe", "name": "Tea", "recipeYield": 2,
        "ingredients": "1 bag", "recipeInstructions": "Boil.\n\n<p>Wait &lt; 5 min.</p>",
    });
    let draft = read_one(&recipe);
    assert_eq!(
        (draft.steps, &*draft.yields),
        (vec!["Boil.".into(), "Wait < 5 min.".to_owned()], "2")
    );
    assert_eq!(draft.ingredients.len(), 1);
}

#[test]
fn durations_without_months_are_read() {
    for (text, expected) in [
        ("PT20M", Some(20)),
        ("P1DT2H", Some(1_560)),
        ("PT1.5H", Some(90)),
        ("P2W", Some(20_160)),
        ("PT90S", Some(2)),
        ("PT0M", Some(0)),
        ("P60D", Some(86_400)),
        ("P61D", None),
        ("P1M", None),
        ("PT", None),
        ("PT5", None),
        ("PTM", None),
        ("P1H", None),
        ("PT1..5H", None),
        ("20 minutes", Some(20)),
        ("20", Some(20)),
        ("", None),
    ] {
        assert_eq!(minutes(text, false), expected, "{text}");
    }
}

#[test]
fn what_is_no_recipe_is_not_found() {
    let mut deep = json!({ "@type": "Recipe" });
    for _ in 0..100 {
        deep = json!([deep]);
    }
    for none in [json!({}), json!([]), json!({ "@type": "RecipeBook" }), json!("Recipe"), deep] {
        assert_eq!(find(&none), None);
    }
    assert_eq!(read(&json!({ "@type": "Recipe", "name": 7.5, "keywords": {} })).draft.title, "7.5");
}

#[test]
fn written_recipe_is_read_again() {
    let json = json!({
        "title": "Soup <3 & more", "yield": "4", "description": "Hot.\nVery.",
        "prep_time_minutes": 5, "cook_time_minutes": 600, "tags": ["a", "b c"],
        "ingredients": ["For the base:", "2 eggs"], "steps": ["Boil.", "Eat."],
    });
    let draft = Draft::parse(json.to_string().as_bytes()).unwrap();
    let recipe = Recipe::new("a", draft.clone(), UnixTime::default()).unwrap();
    assert_eq!(read_one(&Value::Object(write(&recipe))), draft);
}
