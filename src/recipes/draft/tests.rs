use serde_json::json;

use super::super::recipe::{MAX_RECIPE_BYTES, Recipe};
use super::*;
use crate::time::UnixTime;

fn parse(value: &Value) -> Result<Draft, DraftError> {
    Draft::parse(value.to_string().as_bytes())
}

#[test]
fn a_title_is_enough() {
    let draft = parse(&json!({ "title": "  Soup " })).unwrap();
    assert_eq!(draft, Draft { title: "Soup".to_owned(), ..Draft::default() });
    let nulls = json!({
        "title": "Soup", "yield": null, "description": null, "prep_time_minutes": null,
        "cook_time_minutes": null, "tags": null, "ingredients": null, "steps": null,
        "id": "mine", "created_at": 7,
    });
    assert_eq!(parse(&nulls).unwrap(), draft);
}

#[test]
fn recipe_json_matches_the_protocol() {
    let body = json!({
        "title": "Leek soup",
        "yield": "4 servings",
        "description": "Green.",
        "prep_time_minutes": 10,
        "cook_time_minutes": 25,
        "tags": ["soup"],
        "ingredients": ["1 1/2 cups cream", { "text": "leeks", "quantity": 4, "unit": null }],
        "steps": ["Fry.", { "order": 1.0, "text": "Wash." }],
    });
    let now = UnixTime::from_millis(1_795_341_600_000);
    let recipe = Recipe::new("r1", parse(&body).unwrap(), now).unwrap();
    let json = serde_json::to_value(&recipe).unwrap();
    assert_eq!(
        json,
        json!({
            "id": "r1",
            "title": "Leek soup",
            "yield": "4 servings",
            "description": "Green.",
            "prep_time_minutes": 10,
            "cook_time_minutes": 25,
            "tags": ["soup"],
            "ingredients": [
                { "text": "1 1/2 cups cream", "quantity": 1.5, "unit": "cup", "name": "cream" },
                { "text": "4 leeks", "quantity": 4, "unit": null, "name": "leeks" },
            ],
            "steps": [{ "order": 1, "text": "Fry." }, { "order": 2, "text": "Wash." }],
            "created_at": "2026-11-22T10:00:00.000Z",
            "updated_at": "2026-11-22T10:00:00.000Z",
        })
    );
    assert_eq!(serde_json::from_value::<Recipe>(json.clone()).unwrap(), recipe);
    // What was sent may be taken in again.
    let later = UnixTime::from_millis(1_795_341_660_000);
    let again = recipe.replaced_by(parse(&json).unwrap(), later).unwrap();
    assert_eq!(again, Recipe { updated_at: "2026-11-22T10:01:00.000Z".to_owned(), ..recipe });
}

#[test]
fn quantity_and_unit_precede_a_bare_name() {
    for (item, text) in [
        (json!({ "text": "flour", "quantity": 400, "unit": "g" }), "400 g flour"),
        (json!({ "text": "flour", "quantity": 2.0, "unit": "cups" }), "2 cups flour"),
        (json!({ "text": "flour", "quantity": "1 1/2", "unit": "cups" }), "1 1/2 cups flour"),
        (json!({ "text": "400 g flour", "quantity": 400, "unit": "g" }), "400 g flour"),
        (json!({ "text": "flour", "unit": "g" }), "flour"),
        (json!("3 eggs"), "3 eggs"),
    ] {
        let draft = parse(&json!({ "title": "t", "ingredients": [item] })).unwrap();
        assert_eq!(draft.ingredients[0].text, text);
    }
}

#[test]
fn steps_are_put_in_order() {
    let steps = json!([{ "order": 2, "text": "b" }, { "order": 1, "text": "a" }, "c"]);
    let draft = parse(&json!({ "title": "t", "steps": steps })).unwrap();
    assert_eq!(draft.steps, ["a", "b", "c"]);
}

#[test]
fn a_bad_field_is_named() {
    let long = "x".repeat(20_001);
    let many = vec!["x"; 201];
    for (body, field) in [
        (json!([]), "body"),
        (json!({}), "title"),
        (json!({ "title": "" }), "title"),
        (json!({ "title": "   " }), "title"),
        (json!({ "title": 7 }), "title"),
        (json!({ "title": long }), "title"),
        (json!({ "title": "t", "yield": 4 }), "yield"),
        (json!({ "title": "t", "yield": long }), "yield"),
        (json!({ "title": "t", "description": long }), "description"),
        (json!({ "title": "t", "prep_time_minutes": -1 }), "prep_time_minutes"),
        (json!({ "title": "t", "cook_time_minutes": 1.5 }), "cook_time_minutes"),
        (json!({ "title": "t", "cook_time_minutes": 86_401 }), "cook_time_minutes"),
        (json!({ "title": "t", "tags": "a" }), "tags"),
        (json!({ "title": "t", "tags": many }), "tags"),
        (json!({ "title": "t", "tags": ["a", ""] }), "tags[1]"),
        (json!({ "title": "t", "ingredients": many }), "ingredients"),
        (json!({ "title": "t", "ingredients": [7] }), "ingredients[0].text"),
        (json!({ "title": "t", "ingredients": ["a", { "text": "" }] }), "ingredients[1].text"),
        (json!({ "title": "t", "ingredients": [{ "text": long }] }), "ingredients[0].text"),
        (
            json!({ "title": "t", "ingredients": [{ "text": "a", "quantity": -1 }] }),
            "ingredients[0].quantity",
        ),
        (
            json!({ "title": "t", "ingredients": [{ "text": "a", "unit": 1 }] }),
            "ingredients[0].unit",
        ),
        (json!({ "title": "t", "steps": many }), "steps"),
        (json!({ "title": "t", "steps": [{ "order": 1 }] }), "steps[0].text"),
        (json!({ "title": "t", "steps": [{ "text": "a", "order": "1" }] }), "steps[0].order"),
    ] {
        let fault = parse(&body).unwrap_err();
        assert_eq!(fault.field, field);
        assert!(fault.to_string().starts_with(&format!("`{field}` must be ")), "{fault}");
    }
    assert_eq!(Draft::parse(b"{\"title\":").unwrap_err().field, "body");
    assert_eq!(Draft::parse(b"\xff").unwrap_err().field, "body");
}

#[test]
fn recipe_size_is_limited() {
    let steps = vec!["x".repeat(4_000); 17];
    let draft = parse(&json!({ "title": "t", "steps": steps })).unwrap();
    let fault = Recipe::new("r", draft, UnixTime::default()).unwrap_err();
    assert_eq!(
        fault.to_string(),
        format!("`recipe` must be at most {MAX_RECIPE_BYTES} bytes as JSON")
    );
}

#[test]
fn draft_with_bad_texts_is_refused() {
    let steps = vec![String::new()];
    let draft = Draft { title: "t".to_owned(), steps, ..Draft::default() };
    let fault = Recipe::new("r", draft, UnixTime::default()).unwrap_err();
    assert_eq!(fault.field, "steps[0].text");
    assert_eq!(Recipe::new("r", Draft::default(), UnixTime::default()).unwrap_err().field, "title");
}
