//! Recipes that are changed and copied over HTTP.

use serde_json::{Value, json};

use super::accounts::{error_of, fault};
use super::*;

impl TestApp {
    /// Changes a recipe whose tag is this one.
    fn patch(&mut self, id: &str, user: &str, tag: Option<&str>, patch: &Value) -> Response {
        self.tags = tag.map(str::to_owned);
        let path = format!("/v1/recipes/{id}");
        let response = self.request(Method::Patch, &path, Some(user), patch);
        self.tags = None;
        response
    }
}

#[test]
fn change_is_stored_told_and_undone() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let created =
        test.post("/v1/recipes", Some("alice"), &json!({ "title": "Soup", "tags": ["a"] }));
    assert_eq!(header(&created, "ETag"), Some("\"1\""));
    let id = body(&created)["id"].as_str().unwrap().to_owned();
    test.pass(1);
    let patch = json!({ "title": "Stew", "ingredients": ["2 eggs"] });
    let changed = test.patch(&id, "alice", Some("\"1\""), &patch);
    assert_eq!((changed.status, header(&changed, "ETag")), (200, Some("\"2\"")));
    assert_eq!(test.events_since(), [format!("changed {id}: \"Stew\"")]);
    let recipe = body(&changed);
    assert_eq!((&recipe["title"], &recipe["tags"]), (&json!("Stew"), &json!(["a"])));
    assert_eq!(recipe["ingredients"][0]["quantity"], 2);
    assert_eq!(recipe["updated_at"], test.now.to_rfc3339().as_str());
    let read = test.get(&format!("/v1/recipes/{id}"), "alice");
    assert_eq!((header(&read, "ETag"), body(&read)), (Some("\"2\""), recipe));
    let undone = test.say(&id, "alice", "m", "Undo");
    assert_eq!(recipe_of(&undone)["title"], "Soup");
    let read = test.get(&format!("/v1/recipes/{id}"), "alice");
    assert_eq!(header(&read, "ETag"), Some("\"3\""));
}

#[test]
fn change_of_another_revision_is_refused() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let id = test.recipe("alice", "Soup");
    let patch = json!({ "title": "Stew" });
    let without = test.patch(&id, "alice", None, &patch);
    assert_eq!(error_of(&without), fault(428, "condition_required"));
    test.say(&id, "alice", "m", "Add 2 eggs");
    for tag in ["\"1\"", "W/\"2\"", "2", ""] {
        let other = test.patch(&id, "alice", Some(tag), &patch);
        assert_eq!(error_of(&other), fault(412, "revision_mismatch"), "{tag}");
    }
    for user in ["bob", "alice"] {
        let id = if user == "bob" { &*id } else { "none" };
        assert_eq!(error_of(&test.patch(id, user, Some("*"), &patch)), fault(404, "not_found"));
    }
    assert_eq!(test.events_since(), Vec::<String>::new());
    assert_eq!(test.patch(&id, "alice", Some("\"1\", \"2\""), &patch).status, 200);
    assert_eq!(test.patch(&id, "alice", Some("*"), &json!({ "title": "Pie" })).status, 200);
}

#[test]
fn change_that_changes_nothing_is_no_revision() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let id = test.recipe("alice", "Soup");
    let recipe = body(&test.get(&format!("/v1/recipes/{id}"), "alice"));
    test.pass(1);
    for patch in [json!({}), recipe.clone()] {
        let same = test.patch(&id, "alice", Some("\"1\""), &patch);
        assert_eq!((same.status, header(&same, "ETag")), (200, Some("\"1\"")));
        assert_eq!(body(&same), recipe);
    }
    assert_eq!(test.events_since(), Vec::<String>::new());
}

#[test]
fn invalid_change_names_its_field() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let id = test.recipe("alice", "Soup");
    for (patch, field) in [
        (json!({ "titel": "Stew" }), "titel"),
        (json!({ "title": "" }), "title"),
        (json!({ "steps": [{ "text": 1 }] }), "steps[0].text"),
        (json!({ "description": "x".repeat(20_001) }), "description"),
        (Value::Null, "body"),
    ] {
        let refused = test.patch(&id, "alice", Some("*"), &patch);
        assert_eq!(error_of(&refused), fault(400, "invalid_field"));
        let message = body(&refused)["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("`{field}` ")), "{message}");
    }
    test.content_type = Some("application/merge-patch+json");
    assert_eq!(test.patch(&id, "alice", Some("*"), &json!({ "title": "Pie" })).status, 200);
    assert_eq!(test.post("/v1/recipes", Some("alice"), &json!({ "title": "Pie" })).status, 415);
}

#[test]
fn known_revision_is_answered_with_304() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let path = format!("/v1/recipes/{}", test.recipe("alice", "Soup"));
    test.tags = Some("W/\"1\"".to_owned());
    let known = test.get(&path, "alice");
    assert_eq!((known.status, known.body.len(), header(&known, "ETag")), (304, 0, Some("\"1\"")));
    assert_eq!(test.get(&path, "bob").status, 404);
    test.tags = Some("\"2\"".to_owned());
    assert_eq!(test.get(&path, "alice").status, 200);
}

#[test]
fn copy_is_a_recipe_of_its_own() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.recipes.per_user = 3;
    let mut test = TestApp::open(&config);
    let id = test.recipe("alice", "Soup");
    test.say(&id, "alice", "m", "Add 2 eggs");
    test.pass(1);
    let path = format!("/v1/recipes/{id}/duplicate");
    let copied = test.post(&path, Some("alice"), &Value::Null);
    let copy = body(&copied);
    assert_eq!((copied.status, header(&copied, "ETag")), (201, Some("\"1\"")));
    let location = format!("/v1/recipes/{}", copy["id"].as_str().unwrap());
    assert_eq!(header(&copied, "Location"), Some(&*location));
    assert_eq!(
        (&copy["title"], &copy["ingredients"][0]["text"]),
        (&json!("Soup"), &json!("2 eggs"))
    );
    assert_eq!(copy["created_at"], test.now.to_rfc3339().as_str());
    let seen = test.seen(copy["id"].as_str().unwrap(), "alice");
    assert_eq!(history_of(&seen), Vec::<Value>::new());
    let renamed = test.post(&path, Some("alice"), &json!({ "title": "Soup for six" }));
    assert_eq!(body(&renamed)["title"], "Soup for six");
    let refused = test.post(&path, Some("alice"), &Value::Null);
    assert_eq!(error_of(&refused), fault(409, "too_many_recipes"));
    assert_eq!(error_of(&test.post(&path, Some("bob"), &Value::Null)), fault(404, "not_found"));
}

#[test]
fn unchanged_lines_keep_what_they_were_scaled_from() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let soup = json!({ "title": "Soup", "yield": "3 servings",
        "ingredients": ["100 g flour", "1 egg"] });
    let id =
        body(&test.post("/v1/recipes", Some("alice"), &soup))["id"].as_str().unwrap().to_owned();
    let scaled = recipe_of(&test.say(&id, "alice", "m1", "Scale to 1 serving"));
    let flour = scaled["ingredients"][0]["text"].as_str().unwrap().to_owned();
    assert!(scaled["yield_base"].is_object() && scaled["ingredients"][0]["base"].is_object());
    let lines = json!({ "ingredients": [flour, "2 eggs"] });
    let changed = body(&test.patch(&id, "alice", Some("*"), &lines));
    assert_eq!(changed["ingredients"][0], scaled["ingredients"][0]);
    assert_eq!(changed["yield_base"], scaled["yield_base"]);
    assert!(changed["ingredients"][1].get("base").is_none());
    let back = recipe_of(&test.say(&id, "alice", "m2", "Scale to 3 servings"));
    assert_eq!(back["ingredients"][0]["text"], "100 g flour");
    let copy = body(&test.post(&format!("/v1/recipes/{id}/duplicate"), Some("alice"), &json!({})));
    assert_eq!(copy["yield_base"], back["yield_base"]);
}
