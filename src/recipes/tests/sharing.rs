//! Recipes that several users cook from.

use serde_json::{Value, json};

use super::accounts::{error_of, fault};
use super::deletion::copies;
use super::*;

impl TestApp {
    /// Signs up: the user's id.
    pub(super) fn account(&mut self, email: &str) -> String {
        body(&self.sign_up(email))["user"]["id"].as_str().unwrap().to_owned()
    }

    pub(super) fn share(&mut self, recipe: &str, owner: &str, invited: &Value) -> Response {
        self.post(&format!("/v1/recipes/{recipe}/members"), Some(owner), invited)
    }

    /// Invites by link: the code.
    pub(super) fn link(&mut self, recipe: &str, role: &str) -> String {
        let invited = self.share(recipe, "alice", &json!({ "role": role }));
        assert_eq!(invited.status, 201);
        let code = body(&invited)["code"].as_str().unwrap().to_owned();
        crate::logs::known(&code);
        code
    }

    pub(super) fn redeem(&mut self, code: &str, user: &str) -> Response {
        self.post("/v1/recipes/join", Some(user), &json!({ "code": code }))
    }

    pub(super) fn members(&mut self, recipe: &str, owner: &str) -> Vec<Value> {
        let listed = body(&self.get(&format!("/v1/recipes/{recipe}/members"), owner));
        listed["members"].as_array().unwrap().clone()
    }

    /// Whether `user` is let in, into the room and to the recipe alike.
    pub(super) fn is_member(&mut self, recipe: &str, user: &str) -> bool {
        let read = ["", "/messages", "/export"]
            .map(|part| self.get(&format!("/v1/recipes/{recipe}{part}"), user).status);
        match self.join(recipe, user) {
            Admission::Admit(_) => assert_eq!(read, [200; 3]),
            Admission::Deny => assert_eq!(read, [404; 3]),
            other => panic!("{other:?}"),
        }
        read[0] == 200
    }

    fn patch_any(&mut self, recipe: &str, user: &str, patch: &Value) -> Response {
        self.tags = Some("*".to_owned());
        let path = format!("/v1/recipes/{recipe}");
        let response = self.request(Method::Patch, &path, Some(user), patch);
        self.tags = None;
        response
    }
}

#[test]
fn link_lets_one_user_in_once() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let id = test.recipe("alice", "Soup");
    let code = test.link(&id, "editor");
    assert!(!test.is_member(&id, "bob") && copies(&scratch, &code).0 == 0);
    // The owner's own use leaves it to others.
    let own = body(&test.redeem(&code, "alice"));
    assert_eq!(own, json!({ "recipe_id": id, "role": "owner" }));
    let joined = test.redeem(&format!(" {code}\n"), "bob");
    assert_eq!(joined.status, 200);
    assert_eq!(body(&joined), json!({ "recipe_id": id, "role": "editor" }));
    assert!(test.is_member(&id, "bob"));
    for wrong in [&*code, "", "x"] {
        assert_eq!(error_of(&test.redeem(wrong, "carol")), fault(403, "invalid_invitation"));
    }
    // A second link is not used up by who is in already.
    let second = test.link(&id, "reader");
    assert_eq!(body(&test.redeem(&second, "bob"))["role"], "editor");
    assert_eq!(body(&test.redeem(&second, "carol"))["role"], "reader");
}

#[test]
fn address_is_invited_before_and_after_sign_up() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let owner = test.account("ann@example.com");
    let id = test.recipe(&owner, "Soup");
    let bob = test.account("bob@example.com");
    let invited = [("bob@example.com", "editor"), (" Carol@Example.com ", "reader")]
        .map(|(email, role)| test.share(&id, &owner, &json!({ "email": email, "role": role })));
    // The answers are alike, so nobody finds out which addresses have an account.
    for (response, email) in invited.iter().zip(["bob@example.com", "carol@example.com"]) {
        let sent = body(response);
        assert_eq!((response.status, &sent["email"]), (201, &json!(email)));
        assert!(sent.get("code").is_none() && sent["expires_at"].is_null());
    }
    let listed = test.members(&id, &owner);
    assert!(listed.iter().all(|one| one["user_id"].is_null()) && listed.len() == 2);
    assert!(test.is_member(&id, &bob));
    let carol = test.account("carol@example.com");
    assert!(test.is_member(&id, &carol));
    // Another invitation of the same address changes its role.
    let again = json!({ "email": "bob@example.com", "role": "reader" });
    assert_eq!(body(&test.share(&id, &owner, &again))["id"], listed[0]["id"]);
    let refused = test.patch_any(&id, &bob, &json!({ "title": "Stew" }));
    assert_eq!(error_of(&refused), fault(403, "read_only"));
    let own = json!({ "email": "ann@example.com", "role": "reader" });
    assert_eq!(error_of(&test.share(&id, &owner, &own)), fault(400, "invalid_field"));
}

#[test]
fn editor_changes_and_reader_is_refused() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let id = test.recipe("alice", "Soup");
    for (role, user) in [("editor", "bob"), ("reader", "carol")] {
        let code = test.link(&id, role);
        test.redeem(&code, user);
    }
    let added = test.say(&id, "bob", "m1", "Add 2 onions");
    assert!(added.broadcast && recipe_of(&added)["ingredients"][0]["text"] == "2 onions");
    assert_eq!(test.patch_any(&id, "bob", &json!({ "title": "Stew" })).status, 200);
    for (n, content) in ["Add 2 eggs", "Undo", "Rename to Pie"].into_iter().enumerate() {
        let refused = test.say(&id, "carol", &format!("m{n}"), content);
        assert!(refused.content.starts_with("You may read this recipe"), "{content}");
        assert!(refused.recipe_data.is_none() && !refused.broadcast);
    }
    let shown = test.say(&id, "carol", "m9", "How many onions do I need?");
    assert!(shown.content.contains('2'), "{}", shown.content);
    let refused = test.patch_any(&id, "carol", &json!({ "title": "Pie" }));
    assert_eq!(error_of(&refused), fault(403, "read_only"));
    let recipe = body(&test.get(&format!("/v1/recipes/{id}"), "alice"));
    assert_eq!(
        (&recipe["title"], recipe["ingredients"].as_array().unwrap().len()),
        (&json!("Stew"), 1)
    );
    assert_eq!(history_of(&test.seen(&id, "alice")).len(), 5);
}

#[test]
fn recipe_shows_the_role_and_its_change() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let owner = test.account("ann@example.com");
    let id = test.recipe(&owner, "Soup");
    let bob = test.account("bob@example.com");
    let sent = json!({ "email": "bob@example.com", "role": "reader" });
    test.share(&id, &owner, &sent);
    let path = format!("/v1/recipes/{id}");
    let own = test.get(&path, &owner);
    assert_eq!((&body(&own)["role"], body(&own).get("owner")), (&json!("owner"), None));
    let shared = test.get(&path, &bob);
    assert_eq!(body(&shared)["role"], "reader");
    assert_eq!(body(&shared)["owner"], json!({ "id": owner, "email": "ann@example.com" }));
    assert_eq!(body(&shared)["title"], "Soup");

    let tag = header(&shared, "ETag").unwrap().to_owned();
    let member = test.members(&id, &owner)[0]["id"].as_str().unwrap().to_owned();
    let one = format!("{path}/members/{member}");
    let editor = json!({ "role": "editor" });
    for stranger in [&*bob, "eve"] {
        assert_eq!(test.request(Method::Patch, &one, Some(stranger), &editor).status, 404);
    }
    let changed = test.request(Method::Patch, &one, Some(&owner), &editor);
    assert_eq!((changed.status, body(&changed)), (200, test.members(&id, &owner)[0].clone()));
    assert_eq!(body(&changed)["role"], "editor");
    for (path, sent, status) in
        [(format!("{path}/members/none"), &editor, 404), (one, &json!({ "role": "owner" }), 400)]
    {
        assert_eq!(test.request(Method::Patch, &path, Some(&owner), sent).status, status);
    }
    // What was shown to a reader is not what is shown now, and it is the same revision.
    test.tags = Some(tag);
    let now = test.get(&path, &bob);
    assert_eq!((now.status, &body(&now)["role"]), (200, &json!("editor")));
    let sent_back = json!({ "title": "Stew", "role": "reader", "owner": null });
    let changed = test.request(Method::Patch, &path, Some(&bob), &sent_back);
    assert_eq!((changed.status, &body(&changed)["role"]), (200, &json!("editor")));
    test.tags = header(&changed, "ETag").map(str::to_owned);
    assert_eq!(test.get(&path, &bob).status, 304);
    test.tags = None;
}

#[test]
fn only_the_owner_shares_and_deletes() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let id = test.recipe("alice", "Soup");
    let code = test.link(&id, "editor");
    test.redeem(&code, "bob");
    let member = test.members(&id, "alice")[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/recipes/{id}/members");
    for user in ["bob", "eve"] {
        let invited = test.share(&id, user, &json!({ "role": "reader" }));
        assert_eq!(error_of(&invited), fault(404, "not_found"));
        assert_eq!(test.get(&path, user).status, 404);
        assert_eq!(test.delete(&format!("{path}/{member}"), user).status, 404);
        assert_eq!(test.delete(&format!("/v1/recipes/{id}"), user).status, 404);
    }
    for (sent, field) in [
        (json!({}), "role"),
        (json!({ "role": "owner" }), "role"),
        (json!({ "role": "reader", "email": "bob" }), "email"),
        (json!({ "role": "reader", "valid_seconds": 0 }), "valid_seconds"),
        (json!({ "role": "reader", "valid_seconds": "1" }), "valid_seconds"),
    ] {
        let refused = body(&test.share(&id, "alice", &sent));
        assert!(refused["message"].as_str().unwrap().starts_with(&format!("`{field}`")));
    }
    assert!(test.is_member(&id, "bob"));
}

#[test]
fn removed_member_is_out_at_once() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let id = test.recipe("alice", "Soup");
    for user in ["bob", "carol"] {
        let code = test.link(&id, "editor");
        test.redeem(&code, user);
    }
    let open = test.link(&id, "reader");
    let path = format!("/v1/recipes/{id}/members");
    let ids: Vec<_> =
        test.members(&id, "alice").iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(test.delete(&format!("{path}/{}", ids[0]), "alice").status, 204);
    assert_eq!(test.events_since(), [format!("removed bob from {id}")]);
    assert!(!test.is_member(&id, "bob"));
    // What was on its way meanwhile is not done.
    assert_eq!(test.send(&id, "bob", "m", "Add 2 eggs"), None);
    assert!(test.answer().is_err());
    assert_eq!(test.events_since(), [format!("removed bob from {id}")]);
    // A member leaves.
    assert_eq!(test.delete(&format!("{path}/me"), "carol").status, 204);
    assert_eq!(test.events_since(), [format!("removed carol from {id}")]);
    assert!(!test.is_member(&id, "carol"));
    // An open invitation.
    assert_eq!(test.delete(&format!("{path}/{}", ids[2]), "alice").status, 204);
    assert_eq!(test.redeem(&open, "bob").status, 403);
    assert_eq!(test.events_since(), Vec::<String>::new());
    for id in [&ids[0], "me"] {
        assert_eq!(test.delete(&format!("{path}/{id}"), "alice").status, 404);
    }
    assert_eq!(test.members(&id, "alice"), Vec::<Value>::new());
}

#[test]
fn shared_recipe_is_in_the_list_of_its_guest() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let (ann, bob) = (test.account("ann@example.com"), test.account("bob@example.com"));
    for (n, title) in ["d", "b", "c"].into_iter().enumerate() {
        let id = test.recipe(&ann, title);
        let sent = json!({ "email": "bob@example.com", "role": "reader" });
        test.share(&id, &ann, &sent);
        test.recipe(&bob, &n.to_string());
        test.pass(1);
    }
    test.recipe(&ann, "hidden");
    for (sort, expected) in [("created", "d0b1c2"), ("-title", "dcb210"), ("-updated", "2c1b0d")] {
        let (mut titles, mut before) = (String::new(), String::new());
        loop {
            let page = body(&test.get(&format!("/v1/recipes?limit=2&sort={sort}{before}"), &bob));
            for one in page["recipes"].as_array().unwrap() {
                let title = one["title"].as_str().unwrap();
                titles.push_str(title);
                let is_own = title.parse::<u8>().is_ok();
                assert_eq!(one["role"], if is_own { "owner" } else { "reader" });
                let owner = json!({ "id": ann, "email": "ann@example.com" });
                assert_eq!(one.get("owner"), (!is_own).then_some(&owner));
            }
            let Some(next) = page["next"].as_str() else { break };
            before = format!("&before={next}");
        }
        assert_eq!(titles, expected, "{sort}");
    }
    let found = body(&test.get("/v1/recipes?q=b", &bob));
    assert_eq!(found["recipes"].as_array().unwrap().len(), 1);
}

#[test]
fn members_and_invitations_are_bounded() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.recipes.members = 2;
    let mut test = TestApp::open(&config);
    let id = test.recipe("alice", "Soup");
    let code = test.link(&id, "reader");
    test.redeem(&code, "bob");
    let short = json!({ "email": "a@b", "role": "reader", "valid_seconds": 1 });
    assert_eq!(test.share(&id, "alice", &short).status, 201);
    let refused = test.share(&id, "alice", &json!({ "role": "reader" }));
    assert_eq!(error_of(&refused), fault(409, "too_many_members"));
    let readings = test.app.probe().unwrap()();
    let counted = readings.iter().find(|it| it.name() == "vestibule_storage_members_refused_total");
    assert_eq!(counted.and_then(|it| it.value(&[])).map(|it| it as u64), Some(1));
    test.pass(1);
    test.link(&id, "reader");
}

#[test]
fn nothing_is_left_of_a_deleted_guest() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let (soup, stew) = (test.recipe("alice", "Soup"), test.recipe("alice", "Stew"));
    let bob = test.account("bob@example.com");
    let sent = json!({ "email": "bob@example.com", "role": "reader" });
    test.share(&soup, "alice", &sent);
    let code = test.link(&stew, "reader");
    test.redeem(&code, &bob);
    let exported = body(&test.get("/v1/auth/me/export", &bob));
    assert_eq!(exported["recipes"][0]["role"], "reader");
    assert_eq!(exported["recipes"][0]["owner"], json!({ "id": "alice", "email": null }));
    let password = json!({ "password": "correct horse" });
    let deleted = test.request(Method::Delete, "/v1/auth/me", Some(&bob), &password);
    assert_eq!(deleted.status, 204);
    for id in [&soup, &stew] {
        assert_eq!(test.members(id, "alice"), Vec::<Value>::new());
    }
    // Whoever has the address next is not let in.
    let next = test.account("bob@example.com");
    assert!(!test.is_member(&soup, &next));
}

#[test]
fn export_of_the_owner_has_the_members() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let (ann, bob) = (test.account("ann@example.com"), test.account("bob@example.com"));
    let id = test.recipe(&ann, "Soup");
    let sent = json!({ "email": "bob@example.com", "role": "editor" });
    test.share(&id, &ann, &sent);
    let exported = body(&test.get("/v1/auth/me/export", &ann));
    assert_eq!(exported["recipes"][0]["members"], json!(test.members(&id, &ann)));
    let exported = body(&test.get("/v1/auth/me/export", &bob));
    assert!(exported["recipes"][0].get("members").is_none());
    assert_eq!(test.delete(&format!("/v1/recipes/{id}"), &ann).status, 204);
    assert_eq!(body(&test.get("/v1/recipes", &bob)), json!({ "recipes": [] }));
}

/// Whoever fills somebody's list leaves room in it for others.
#[test]
fn one_owner_leaves_others_half_of_an_address() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.recipes.members = 1_000;
    let mut test = TestApp::open(&config);
    test.recipe("mallory", "Spam");
    drop(test);
    // As many as a user has recipes by default, without as many calls.
    let database = rusqlite::Connection::open(scratch.path().join("recipes.db")).unwrap();
    database
        .execute_batch(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1000)
             INSERT INTO members (id, recipe, is_editor, email, created_at)
             SELECT 'm' || n, (SELECT key FROM recipes), 0, 'bob@example.com', 0 FROM n",
        )
        .unwrap();
    drop(database);
    let mut test = TestApp::open(&config);
    let bob = json!({ "email": "bob@example.com", "role": "reader" });
    let more = test.recipe("mallory", "More spam");
    assert_eq!(error_of(&test.share(&more, "mallory", &bob)), fault(409, "too_many_members"));
    let elsewhere = json!({ "email": "carol@example.com", "role": "reader" });
    assert_eq!(test.share(&more, "mallory", &elsewhere).status, 201);
    let soup = test.recipe("alice", "Soup");
    assert_eq!(test.share(&soup, "alice", &bob).status, 201);
}
