//! Import, export, and the history of the chat.

use serde_json::{Value, json};

use super::accounts::{error_of, fault};
use super::*;

fn text(response: &Response) -> String {
    assert_eq!(response.status, 200);
    String::from_utf8(response.body.to_vec()).unwrap()
}

/// A recipe without its id and times.
fn content(recipe: &Value) -> Value {
    let mut content = recipe.clone();
    for name in ["id", "created_at", "updated_at"] {
        content[name] = Value::Null;
    }
    content
}

fn soup() -> Value {
    json!({
        "title": "Soup", "yield": "4 servings", "description": "Hot *and* good.",
        "prep_time_minutes": 15, "cook_time_minutes": 60, "tags": ["winter"],
        "ingredients": ["2 carrots", "1 l water"], "steps": ["Cut the carrots.", "Boil them."],
    })
}

#[test]
fn exported_recipe_is_imported_again() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let recipe = body(&test.post("/v1/recipes", Some("alice"), &soup()));
    let path = format!("/v1/recipes/{}/export", recipe["id"].as_str().unwrap());
    for (format, media) in [
        ("", "application/json"),
        ("?format=json", "application/json"),
        ("?format=schema.org", "application/ld+json"),
    ] {
        let exported = test.get(&format!("{path}{format}"), "alice");
        assert_eq!(header(&exported, "Content-Type"), Some(media));
        assert!(header(&exported, "Content-Disposition").unwrap().starts_with("attachment"));
        let import = json!({ "text": text(&exported) });
        let imported = test.post("/v1/recipes/import", Some("alice"), &import);
        assert_eq!(imported.status, 201, "{format}");
        assert_eq!(content(&body(&imported)), content(&recipe), "{format}");
    }
    assert_eq!(test.get(&path, "bob").status, 404);
    let refused = test.get(&format!("{path}?format=pdf"), "alice");
    assert_eq!(error_of(&refused), fault(400, "invalid_field"));
}

#[test]
fn markdown_says_what_the_recipe_says() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let recipe = body(&test.post("/v1/recipes", Some("alice"), &soup()));
    let path = format!("/v1/recipes/{}/export?format=markdown", recipe["id"].as_str().unwrap());
    let exported = test.get(&path, "alice");
    assert_eq!(header(&exported, "Content-Type"), Some("text/markdown; charset=utf-8"));
    let expected = "# Soup\n\n- Yield: 4 servings\n- Preparation time: 15 min\n\
                    - Cooking time: 60 min\n- Tags: winter\n\nHot \\*and\\* good.\n\n\
                    ## Ingredients\n\n- 2 carrots\n- 1 l water\n\n\
                    ## Steps\n\n1. Cut the carrots.\n2. Boil them.\n";
    assert_eq!(text(&exported), expected);
}

#[test]
fn pasted_text_is_imported() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let pasted =
        "Pancakes\n\nServes 4\n\nIngredients\n2 eggs\n1/2 cup milk\n\nMethod\n1. Mix.\n2. Fry.";
    let imported = test.post("/v1/recipes/import", Some("alice"), &json!({ "text": pasted }));
    let recipe = body(&imported);
    assert_eq!((imported.status, &recipe["title"]), (201, &json!("Pancakes")));
    assert_eq!(header(&imported, "ETag"), Some("\"1\""));
    assert_eq!(recipe["ingredients"][1]["text"], "1/2 cup milk");
    assert_eq!(recipe["steps"].as_array().unwrap().len(), 2);
    let named = json!({ "text": pasted, "title": "Crêpes" });
    let named = test.post("/v1/recipes/import", Some("alice"), &named);
    assert_eq!(body(&named)["title"], "Crêpes");
}

#[test]
fn import_that_is_no_recipe_is_refused() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let most = 256 << 10;
    for (import, field) in [
        (json!({}), "text"),
        (json!({ "text": 7 }), "text"),
        (json!({ "text": "" }), "title"),
        (json!({ "text": "{\"recipes\":[]}" }), "text"),
        (json!({ "text": "[1]" }), "text"),
        (json!({ "text": "{\"title\":\"Soup\",\"tags\":7}" }), "tags"),
        (json!({ "text": format!("Soup\n{}", "x".repeat(most)) }), "text"),
        (json!({ "text": "{\"@type\":\"Recipe\"" }), "text"),
        (json!({ "text": "<?xml version=\"1.0\"?><mx2 source=\"MasterCook\">" }), "text"),
    ] {
        let refused = test.post("/v1/recipes/import", Some("alice"), &import);
        assert_eq!(error_of(&refused), fault(400, "invalid_field"));
        let message = body(&refused)["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("`{field}` ")), "{message}");
    }
    assert_eq!(body(&test.get("/v1/recipes", "alice")), json!({ "recipes": [] }));
}

#[test]
fn import_says_what_it_left_out() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let text = format!("Soup\n{}\nIngredients\n2 leeks\nPrint\n", "x ".repeat(15_000));
    let imported = test.post("/v1/recipes/import", Some("alice"), &json!({ "text": text }));
    assert_eq!(imported.status, 201);
    let unread = &body(&imported)["unread"];
    assert_eq!(*unread, json!(["the description after 20000 characters", "“Print”"]));
}

#[test]
fn all_recipes_are_exported_in_pages() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    for number in 0..5 {
        test.recipe("alice", &number.to_string());
        test.recipe("bob", "between");
    }
    for format in ["json", "markdown", "schema.org"] {
        let mut path = format!("/v1/recipes/export?format={format}&limit=2");
        let mut pages = Vec::new();
        loop {
            let page = test.get(&path, "alice");
            pages.push(text(&page));
            let Some(link) = header(&page, "Link") else { break };
            let (next, rel) = link.strip_prefix('<').unwrap().split_once(">; ").unwrap();
            assert_eq!(rel, "rel=\"next\"");
            next.clone_into(&mut path);
        }
        assert_eq!(pages.len(), 3, "{format}");
        match format {
            "json" => {
                let page: Value = serde_json::from_str(&pages[1]).unwrap();
                assert_eq!(page["recipes"][0]["title"], "2");
                assert!(page["next"].is_string());
            }
            "markdown" => assert_eq!(pages[1], "# 2\n\n---\n\n# 1\n"),
            _ => {
                let page: Value = serde_json::from_str(&pages[2]).unwrap();
                assert_eq!(page["@graph"][0]["name"], "0");
            }
        }
    }
    assert_eq!(test.get("/v1/recipes/export?before=none", "alice").status, 400);
}

#[test]
fn whole_history_is_read_in_pages() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let id = test.recipe("alice", "Soup");
    for n in 0..5 {
        test.say(&id, "alice", &format!("m{n}"), &format!("Add {n} eggs"));
    }
    let path = format!("/v1/recipes/{id}/messages");
    let (mut pages, mut before) = (Vec::new(), String::new());
    loop {
        let page = body(&test.get(&format!("{path}?limit=2{before}"), "alice"));
        let messages = page["messages"].as_array().unwrap();
        pages.push(messages.iter().map(|it| it["id"].as_str().unwrap()).collect::<String>());
        let Some(next) = page["next"].as_str() else { break };
        before = format!("&before={next}");
    }
    assert_eq!(pages, ["m3m4", "m1m2", "m0"]);
    let all = body(&test.get(&path, "alice"));
    let history = history_of(&test.seen(&id, "alice"));
    assert_eq!((&all["messages"], all.get("next")), (&json!(history), None));
    assert_eq!(test.get(&path, "bob").status, 404);
    for wrong in ["before=0", "before=x", "limit=201"] {
        assert_eq!(test.get(&format!("{path}?{wrong}"), "alice").status, 400, "{wrong}");
    }
}
