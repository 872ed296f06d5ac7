//! Recipes over HTTP.

use serde_json::{Value, json};

use super::*;

#[test]
fn owner_creates_reads_and_lists_a_recipe() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let draft = json!({ "title": "Soup", "yield": "4", "tags": ["hot"], "unknown": 1 });
    let created = test.post("/v1/recipes", Some("alice"), &draft);
    assert_eq!(created.status, 201);
    let recipe = body(&created);
    let id = recipe["id"].as_str().unwrap();
    assert_eq!(header(&created, "Location"), Some(&*format!("/v1/recipes/{id}")));
    assert_eq!((&recipe["title"], &recipe["yield"]), (&json!("Soup"), &json!("4")));
    assert_eq!(recipe["created_at"], test.now.to_rfc3339().as_str());
    let read = test.get(&format!("/v1/recipes/{id}"), "alice");
    assert_eq!((read.status, body(&read)), (200, recipe.clone()));
    let list = body(&test.get("/v1/recipes", "alice"));
    assert_eq!(list["recipes"][0]["id"], id);
    assert_eq!(list["recipes"][0]["tags"], json!(["hot"]));
    assert_eq!(list.get("next"), None);
}

#[test]
fn foreign_recipe_is_answered_like_a_missing_one() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let id = test.recipe("alice", "Soup");
    let theirs = test.get(&format!("/v1/recipes/{id}"), "bob");
    let none = test.get("/v1/recipes/none", "bob");
    assert_eq!(theirs.status, 404);
    assert_eq!(theirs, none);
    assert_eq!(body(&test.get("/v1/recipes", "bob")), json!({ "recipes": [] }));
    let before = test.get(&format!("/v1/recipes?before={id}"), "bob");
    assert_eq!(before.status, 400);
}

#[test]
fn recipes_require_a_token() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    for (method, path) in [(Method::Get, "/v1/recipes"), (Method::Post, "/v1/recipes")] {
        let refused = test.request(method, path, None, &json!({ "title": "Soup" }));
        assert_eq!(refused.status, 401);
        assert_eq!(body(&refused)["error"], "invalid_token");
    }
}

#[test]
fn wrong_method_is_answered_with_allow() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    for (method, path, allow) in [
        (Method::Delete, "/v1/recipes", "GET, HEAD, POST"),
        (Method::Post, "/v1/recipes/x", "GET, HEAD, PATCH, DELETE"),
        (Method::Get, "/v1/recipes/x/duplicate", "POST"),
        (Method::Get, "/v1/auth/signin", "POST"),
    ] {
        let refused = test.request(method, path, Some("alice"), &Value::Null);
        assert_eq!((refused.status, header(&refused, "Allow")), (405, Some(allow)), "{path}");
    }
}

#[test]
fn invalid_recipe_names_its_field() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    for (draft, field) in [
        (json!({}), "title"),
        (json!({ "title": "Soup", "tags": 7 }), "tags"),
        (json!({ "title": "Soup", "steps": [{ "text": 1 }] }), "steps[0].text"),
        (json!([]), "body"),
    ] {
        let refused = test.post("/v1/recipes", Some("alice"), &draft);
        assert_eq!(refused.status, 400);
        let message = body(&refused)["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("`{field}` ")), "{message}");
    }
    assert_eq!(body(&test.get("/v1/recipes", "alice")), json!({ "recipes": [] }));
}

#[test]
fn recipes_per_user_are_limited() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.recipes.per_user = 2;
    let mut test = TestApp::open(&config);
    test.recipe("alice", "Soup");
    test.recipe("alice", "Stew");
    let refused = test.post("/v1/recipes", Some("alice"), &json!({ "title": "Pie" }));
    assert_eq!((refused.status, &body(&refused)["error"]), (409, &json!("too_many_recipes")));
    test.recipe("bob", "Pie");
}

#[test]
fn public_keys_disable_accounts_not_recipes() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.auth.secret.clear();
    config.auth.algorithms = vec!["RS256".to_owned()];
    let mut test = TestApp::open(&config);
    assert!(!test.app.serves("/v1/auth/signin"));
    test.recipe("https://accounts.example.com|7", "Soup");
}

#[test]
fn exact_amounts_survive_a_restart() {
    let scratch = ScratchDir::new();
    let config = config(&scratch);
    let mut test = TestApp::open(&config);
    let room = test.recipe("alice", "Soup");
    test.say(&room, "alice", "m1", "Add ingredient 100 g flour");
    let third = recipe_of(&test.say(&room, "alice", "m2", "Scale by 1/3"));
    let line = |recipe: &Value| recipe["ingredients"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(line(&third)["text"], "33 g flour");
    assert_eq!(line(&third)["base"], json!({ "text": "100 g flour", "factor": "1/3" }));
    drop(test);
    let mut test = TestApp::open(&config);
    let whole = recipe_of(&test.say(&room, "alice", "m3", "Scale by 3"));
    assert_eq!(
        line(&whole),
        json!({ "text": "100 g flour", "quantity": 100, "unit": "g", "name": "flour" })
    );
}
