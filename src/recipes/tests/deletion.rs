//! Recipes that are deleted for good.

use serde_json::{Value, json};

use super::accounts::{error_of, fault};
use super::*;

impl TestApp {
    pub(super) fn delete(&mut self, path: &str, user: &str) -> Response {
        self.request(Method::Delete, path, Some(user), &Value::Null)
    }
}

/// How often the word is in the database and in its log, and the length of the log.
pub(super) fn copies(scratch: &ScratchDir, word: &str) -> (usize, usize) {
    let read = |name| std::fs::read(scratch.path().join(name)).unwrap();
    let (database, log) = (read("recipes.db"), read("recipes.db-wal"));
    let count = |bytes: &[u8]| memchr::memmem::find_iter(bytes, word.as_bytes()).count();
    (count(&database) + count(&log), log.len())
}

#[test]
fn deleted_recipe_is_gone_and_its_room_closed() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let (id, other) = (test.recipe("alice", "Soup"), test.recipe("alice", "Stew"));
    test.say(&id, "alice", "m1", "Add 2 onions");
    let path = format!("/v1/recipes/{id}");
    let foreign = test.delete(&path, "bob");
    assert_eq!(foreign, test.delete("/v1/recipes/none", "bob"));
    assert_eq!((error_of(&foreign), test.events_since()), (fault(404, "not_found"), vec![]));
    let deleted = test.delete(&path, "alice");
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    assert_eq!(test.events_since(), [format!("deleted {id}")]);
    assert_eq!(test.get(&path, "alice").status, 404);
    assert_eq!(test.delete(&path, "alice").status, 404);
    assert!(matches!(test.join(&id, "alice"), Admission::Deny));
    let list = body(&test.get("/v1/recipes", "alice"));
    assert_eq!(
        (list["recipes"].as_array().unwrap().len(), &list["recipes"][0]["id"]),
        (1, &json!(other))
    );
}

#[test]
fn nothing_of_a_deleted_recipe_is_on_disk() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    test.recipe("alice", "Stew");
    let id = test.recipe("alice", "Zwetschgenknödel");
    for n in 0..60 {
        let content = format!("Add {n} zwetschgen");
        test.say(&id, "alice", &format!("m{n}"), &content);
        test.recipe("bob", &format!("Between {n}"));
    }
    for word in ["wetschgen", &*id] {
        assert!(copies(&scratch, word).0 > 100, "{word}");
    }
    assert_eq!(test.delete(&format!("/v1/recipes/{id}"), "alice").status, 204);
    // The log is emptied within a second, between two requests.
    while copies(&scratch, "").1 > 0 {
        test.get("/v1/recipes", "alice");
    }
    for word in ["wetschgen", &*id] {
        assert_eq!(copies(&scratch, word).0, 0, "{word}");
    }
}

#[test]
fn deletion_gives_room_back_to_its_user() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.recipes.per_user = 1;
    let mut test = TestApp::open(&config);
    let id = test.recipe("alice", "Soup");
    let refused = test.post("/v1/recipes", Some("alice"), &json!({ "title": "Pie" }));
    assert_eq!(error_of(&refused), fault(409, "too_many_recipes"));
    assert_eq!(test.delete(&format!("/v1/recipes/{id}"), "alice").status, 204);
    test.recipe("alice", "Pie");
}
