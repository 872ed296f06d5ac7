//! Access to a shared recipe that changes or ends while its guest is connected.

use serde_json::{Value, json};

use super::*;

/// Bob may edit alice's soup for a minute: his user id, and the recipe's.
fn invite_bob(test: &mut TestApp) -> (String, String) {
    let bob = test.account("bob@example.com");
    let id = test.recipe("alice", "Soup");
    let sent = json!({ "email": "bob@example.com", "role": "editor", "valid_seconds": 60 });
    assert_eq!(test.share(&id, "alice", &sent).status, 201);
    (bob, id)
}

#[test]
fn ended_membership_lets_nobody_in() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let (bob, id) = invite_bob(&mut test);
    let open = test.share(&id, "alice", &json!({ "role": "reader", "valid_seconds": 60 }));
    let open = body(&open)["code"].as_str().unwrap().to_owned();
    test.pass(59);
    assert!(test.is_member(&id, &bob));
    test.pass(1);
    assert!(!test.is_member(&id, &bob));
    assert_eq!(test.members(&id, "alice"), Vec::<Value>::new());
    assert_eq!(test.redeem(&open, "carol").status, 403);
    // Who is still connected is closed with the next message, before its answer.
    test.say(&id, "alice", "m", "Add 2 eggs");
    assert_eq!(test.events_since(), [format!("removed {bob} from {id}")]);
}

#[test]
fn guest_is_told_of_another_role_at_once() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let bob = test.account("bob@example.com");
    let id = test.recipe("alice", "Soup");
    let sent = json!({ "email": "bob@example.com", "role": "reader" });
    test.share(&id, "alice", &sent);
    let code = test.link(&id, "reader");
    let listed = test.members(&id, "alice");
    let paths = listed
        .iter()
        .map(|one| format!("/v1/recipes/{id}/members/{}", one["id"].as_str().unwrap()))
        .collect::<Vec<_>>();
    assert_eq!(test.events_since(), Vec::<String>::new());
    let may = |content: &str| format!("told {bob} in {id}: {content}");
    let (editor, reader) = (
        may("You may change this recipe now."),
        may("You may read this recipe and chat about it now, but not change it."),
    );
    let set = |test: &mut TestApp, path: &str, role: &str| {
        let role = json!({ "role": role });
        assert_eq!(test.request(Method::Patch, path, Some("alice"), &role).status, 200);
        test.events_since()
    };
    assert_eq!(set(&mut test, &paths[0], "editor"), [&*editor]);
    assert_eq!(set(&mut test, &paths[0], "editor"), Vec::<String>::new());
    // An invitation that nobody has used.
    assert_eq!(set(&mut test, &paths[1], "editor"), Vec::<String>::new());
    // The same by a second invitation of the address.
    test.share(&id, "alice", &sent);
    assert_eq!(test.events_since(), [&*reader]);
    // A second membership gives more, and takes it along.
    test.redeem(&code, "carol");
    assert_eq!(set(&mut test, &paths[1], "reader").len(), 1);
}

#[test]
fn access_that_ends_is_closed_at_that_time() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let due = |test: &mut TestApp| {
        assert!(test.app.deadlines.ends.get().unwrap() <= test.now);
        test.app.on_deadline(test.now);
        // What is asked next is answered behind it.
        test.get("/v1/recipes", "alice");
        test.events_since()
    };
    assert_eq!(due(&mut test), Vec::<String>::new());
    assert_eq!(test.app.deadlines.ends.get(), None);
    let ids = ["Soup", "Stew"].map(|title| test.recipe("alice", title));
    let guests = ["bob", "carol"].map(|name| test.account(&format!("{name}@example.com")));
    for (n, (id, name)) in ids.iter().zip(["bob", "carol"]).enumerate() {
        let email = format!("{name}@example.com");
        let sent = json!({ "email": email, "role": "editor", "valid_seconds": 60 - 10 * n });
        test.share(id, "alice", &sent);
    }
    let start = test.now;
    assert_eq!(test.app.deadlines.ends.get(), Some(start + Duration::from_secs(50)));
    test.pass(50);
    assert_eq!(due(&mut test), [format!("removed {} from {}", guests[1], ids[1])]);
    assert_eq!(test.app.deadlines.ends.get(), Some(start + Duration::from_secs(60)));
    // The owner gives more time: nobody is closed.
    let more = json!({ "email": "bob@example.com", "role": "editor", "valid_seconds": 60 });
    test.share(&ids[0], "alice", &more);
    test.pass(10);
    assert_eq!(due(&mut test), Vec::<String>::new());
    assert!(test.is_member(&ids[0], &guests[0]));
    assert_eq!(test.app.deadlines.ends.get(), Some(start + Duration::from_secs(110)));
}

#[test]
fn owner_learns_who_speaks_by_an_address() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let bob = test.account("bob@example.com");
    let id = test.recipe("alice", "Soup");
    test.share(&id, "alice", &json!({ "email": "bob@example.com", "role": "reader" }));
    // Before that, nobody finds out whether the address has an account.
    assert!(test.is_member(&id, &bob));
    assert!(test.members(&id, "alice")[0]["user_id"].is_null());
    test.say(&id, &bob, "m", "How many eggs?");
    let listed = test.members(&id, "alice");
    assert_eq!(
        (&listed[0]["user_id"], &listed[0]["email"]),
        (&json!(bob), &json!("bob@example.com"))
    );
}

#[test]
fn other_membership_that_ends_closes_no_guest() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let (bob, id) = invite_bob(&mut test);
    let code = test.link(&id, "reader");
    test.pass(60);
    assert_eq!(test.redeem(&code, &bob).status, 200);
    test.say(&id, "alice", "m", "Add 2 eggs");
    let told = "You may read this recipe and chat about it now, but not change it.";
    assert_eq!(test.events_since(), [format!("told {bob} in {id}: {told}")]);
    assert!(test.is_member(&id, &bob));
    assert_eq!(test.members(&id, "alice").len(), 1);
}
