//! Lists of recipes: pages, order and search.

use serde_json::{Value, json};

use super::accounts::{error_of, fault};
use super::*;

impl TestApp {
    /// The titles of all pages of the list, a page after the other.
    fn titles(&mut self, query: &str) -> Vec<String> {
        let (mut pages, mut before) = (Vec::new(), String::new());
        loop {
            let page = body(&self.get(&format!("/v1/recipes?limit=2&{query}{before}"), "alice"));
            let recipes = page["recipes"].as_array().unwrap().iter();
            pages.push(recipes.map(|one| one["title"].as_str().unwrap()).collect());
            let Some(next) = page["next"].as_str() else { return pages };
            before = format!("&before={next}");
        }
    }
}

#[test]
fn list_is_paged_newest_first() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    for number in 0..5 {
        test.recipe("alice", &number.to_string());
        test.recipe("bob", "between");
    }
    assert_eq!(test.titles(""), ["43", "21", "0"]);
}

#[test]
fn page_ends_before_its_size_limit() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let tags: Vec<_> = (0..50).map(|n| format!("{n:0>100}")).collect();
    for _ in 0..40 {
        test.post("/v1/recipes", Some("alice"), &json!({ "title": "Soup", "tags": tags }));
    }
    let page = test.get("/v1/recipes", "alice");
    assert!(page.body.len() < 140 << 10, "{}", page.body.len());
    let count = body(&page)["recipes"].as_array().unwrap().len();
    assert!((10..40).contains(&count) && body(&page)["next"].is_string(), "{count}");
}

#[test]
fn list_is_sorted_as_it_is_asked() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let mut ids = Vec::new();
    for title in ["b", "C", "a", "B", "d"] {
        ids.push(test.recipe("alice", title));
        test.recipe("bob", "0");
        test.pass(1);
    }
    test.say(&ids[1], "alice", "m", "Add 2 eggs");
    for (order, pages) in [
        ("-created", ["dB", "aC", "b"]),
        ("created", ["bC", "aB", "d"]),
        ("title", ["ab", "BC", "d"]),
        ("-title", ["dC", "Bb", "a"]),
        ("updated", ["ba", "Bd", "C"]),
        ("-updated", ["Cd", "Ba", "b"]),
    ] {
        assert_eq!(test.titles(&format!("sort={order}")), pages, "{order}");
    }
}

#[test]
fn search_finds_title_tag_and_ingredient() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    for draft in [
        json!({ "title": "Linsensuppe", "tags": ["Vegan"], "ingredients": ["200 g Möhren"] }),
        json!({ "title": "Pie", "description": "title vegan", "ingredients": ["2 eggs"] }),
        json!({ "title": "Stew \"of\" roots", "tags": ["vegan"], "ingredients": ["MÖHREN"] }),
    ] {
        assert_eq!(test.post("/v1/recipes", Some("alice"), &draft).status, 201);
    }
    for (search, found) in [
        ("linsen", vec!["Linsensuppe"]),
        ("M%C3%96HREN", vec!["Stew \"of\" rootsLinsensuppe"]),
        ("vegan+pie", vec![""]),
        ("vegan+m%C3%B6hren+200", vec!["Linsensuppe"]),
        ("%22of%22", vec!["Stew \"of\" roots"]),
        ("title", vec![""]),
        ("+", vec!["Stew \"of\" rootsPie", "Linsensuppe"]),
    ] {
        assert_eq!(test.titles(&format!("q={search}")), found, "{search}");
    }
}

#[test]
fn search_of_much_text_is_cut_into_pages() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let text = "x".repeat(19_000);
    for n in 0..70 {
        let draft = json!({ "title": format!("{n}"), "description": text });
        assert_eq!(test.post("/v1/recipes", Some("alice"), &draft).status, 201);
    }
    // Some 54 of them are searched for a page.
    assert_eq!(test.titles("q=69&sort=created"), ["", "69"]);
    assert_eq!(
        test.titles("q=3&sort=created"),
        ["313", "2330", "3132", "3334", "3536", "3738", "3943", "5363", ""]
    );
}

#[test]
fn unknown_parameter_is_refused_on_every_path() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let id = test.recipe("alice", "Soup");
    let recipe = format!("/v1/recipes/{id}");
    for (method, path) in [
        (Method::Get, "/v1/recipes"),
        (Method::Post, "/v1/recipes"),
        (Method::Get, &*recipe),
        (Method::Patch, &*recipe),
        (Method::Delete, &*recipe),
        (Method::Post, &*format!("{recipe}/duplicate")),
        (Method::Post, "/v1/auth/signup"),
        (Method::Post, "/v1/auth/logout"),
    ] {
        let refused = test.request(method, &format!("{path}?page=2"), Some("alice"), &Value::Null);
        assert_eq!(error_of(&refused), fault(400, "invalid_field"), "{path}");
        let message = body(&refused)["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("`page` "), "{message}");
    }
    assert_eq!(test.get(&recipe, "alice").status, 200);
}
