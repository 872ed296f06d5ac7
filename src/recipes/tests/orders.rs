//! What an operator orders about an account.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::accounts::{error_of, fault, tokens};
use super::*;
use crate::node::app::{Invite, OrderFault, OrderKind, OrderResult, UserOrder};

impl TestApp {
    fn order(&mut self, kind: OrderKind, user: &str) -> OrderResult {
        let (ticket, now) = (self.ticket(), self.now);
        match self.app.on_order(&UserOrder { ticket, now, user, kind, up_to: None }) {
            Reply::Now(result) => result,
            Reply::Held => match self.next() {
                Outcome::Order(result) => result,
                other => panic!("{other:?}"),
            },
            Reply::Later(_) => panic!("nothing is left to the workers"),
        }
    }
}

impl TestApp {
    fn invite(&mut self, email: Option<&str>, days: u64) -> Response {
        let (ticket, now) = (self.ticket(), self.now);
        let valid = Duration::from_secs(days * 86_400);
        let invite = Invite { ticket, start: &self.start, now, email, valid };
        match self.app.on_invite(&invite) {
            Reply::Now(response) => response,
            Reply::Held => match self.next() {
                Outcome::Response(response) => response,
                other => panic!("{other:?}"),
            },
            Reply::Later(_) => panic!("nothing is left to the workers"),
        }
    }

    fn sign_up_with(&mut self, email: &str, code: &str) -> (u16, Option<String>) {
        let sent = json!({ "email": email, "password": "correct horse", "invitation": code });
        let answer = self.post("/v1/auth/signup", None, &sent);
        (answer.status, body(&answer)["error"].as_str().map(str::to_owned))
    }
}

#[test]
fn sessions_that_began_after_an_order_stay() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let user = body(&test.sign_up("ann@example.com"))["user"]["id"].as_str().unwrap().to_owned();
    let at = test.now;
    test.now = UnixTime::from_millis(at.as_millis() + 1);
    assert_eq!(test.sign_in("ann@example.com", "correct horse").status, 200);
    let (ticket, now, kind) = (test.ticket(), test.now, OrderKind::Disconnect);
    let order = UserOrder { ticket, now, user: &user, kind, up_to: Some(at) };
    assert!(matches!(test.app.on_order(&order), Reply::Held));
    assert!(matches!(test.next(), Outcome::Order(Ok(()))));
    let database = rusqlite::Connection::open(scratch.path().join("recipes.db")).unwrap();
    let left: i64 =
        database.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 1);
}

/// A commit that fails while the flag is set.
fn breakable_commit() -> (Arc<AtomicBool>, Commit) {
    let (is_broken, mut commit) = (Arc::new(AtomicBool::new(false)), by_statement());
    let flag = Arc::clone(&is_broken);
    let commit: Commit = Box::new(move |database| {
        if flag.load(Ordering::SeqCst) {
            return Err(rusqlite::Error::InvalidQuery);
        }
        commit(database)
    });
    (is_broken, commit)
}

impl TestApp {
    /// Another node has ended the sessions of this user.
    fn order_of_another_node(&mut self, user: &str) -> Reply<OrderResult> {
        let (ticket, now, kind) = (Ticket::UNASKED, self.now, OrderKind::Disconnect);
        self.app.on_order(&UserOrder { ticket, now, user, kind, up_to: Some(now) })
    }

    fn reading(&self, name: &str) -> f64 {
        let readings = self.app.probe().unwrap()();
        readings.iter().find(|it| it.name() == name).and_then(|it| it.value(&[])).unwrap()
    }
}

#[test]
fn orders_of_other_nodes_wait_without_a_bound_at_0() {
    let scratch = ScratchDir::new();
    let (is_broken, commit) = breakable_commit();
    let mut config = config(&scratch);
    config.limits.revocations = 0;
    let mut test = TestApp::open_with(&config, commit);
    is_broken.store(true, Ordering::SeqCst);
    for user in ["ann", "bob"] {
        assert!(matches!(test.order_of_another_node(user), Reply::Held), "{user}");
    }
    let refused = "vestibule_recipes_session_ends_refused_total";
    assert_eq!(test.reading(refused), 0.0);
    config.limits.revocations = 1;
    test.app.on_reload(&config);
    assert!(matches!(test.order_of_another_node("eve"), Reply::Now(Err(_))));
    assert_eq!(test.reading(refused), 1.0);
}

/// An attempt may take long, as where the disk hangs.
#[test]
fn retry_of_an_order_is_timed_from_its_failure() {
    let scratch = ScratchDir::new();
    let (is_broken, commit) = breakable_commit();
    let mut test = TestApp::open_with(&config(&scratch), commit);
    // Ends of memberships are due at the start, and would be tried again at the same time.
    test.app.on_deadline(test.now);
    assert!(matches!(test.order_of_another_node("bob"), Reply::Held));
    assert!(matches!(test.next(), Outcome::Order(Ok(()))));
    is_broken.store(true, Ordering::SeqCst);
    assert!(matches!(test.order_of_another_node("ann"), Reply::Held));
    assert!(matches!(test.next(), Outcome::Order(Ok(()))));
    let failed = test.now + Duration::from_secs(5);
    assert!(test.app.next_deadline().is_some_and(|due| due <= failed));
    test.app.on_deadline(failed);
    let retry = failed + Duration::from_secs(1);
    assert_eq!(test.app.next_deadline(), Some(retry));
    assert_eq!(test.reading("vestibule_recipes_session_ends_failures_total"), 1.0);
    is_broken.store(false, Ordering::SeqCst);
    test.app.on_deadline(retry);
    assert!(matches!(test.next(), Outcome::Order(Ok(()))));
    assert_eq!(test.reading("vestibule_recipes_session_ends_waiting"), 0.0);
    assert_eq!(test.reading("vestibule_recipes_session_ends_failures_total"), 1.0);
}

#[test]
fn orders_of_other_nodes_wait_for_the_disk() {
    let scratch = ScratchDir::new();
    let (is_broken, commit) = breakable_commit();
    let mut test = TestApp::open_with(&config(&scratch), commit);
    let users: Vec<String> = ["ann@example.com", "bob@example.com"]
        .iter()
        .map(|email| body(&test.sign_up(email))["user"]["id"].as_str().unwrap().to_owned())
        .collect();
    is_broken.store(true, Ordering::SeqCst);
    let at = test.now;
    for user in users.iter().chain(&users) {
        assert!(matches!(test.order_of_another_node(user), Reply::Held));
    }
    assert!(matches!(test.next(), Outcome::Order(Ok(()))), "nothing is lost");
    test.app.on_deadline(test.now);
    is_broken.store(false, Ordering::SeqCst);
    test.now = at + Duration::from_secs(1);
    assert!(test.app.next_deadline().is_some_and(|due| due <= test.now));
    test.app.on_deadline(test.now);
    assert!(matches!(test.next(), Outcome::Order(Ok(()))), "it is tried again");
    let database = rusqlite::Connection::open(scratch.path().join("recipes.db")).unwrap();
    let left: i64 =
        database.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
    let readings = format!("{:?}", test.app.probe().unwrap()());
    assert!(readings.contains("vestibule_recipes_session_ends_waiting"), "{readings}");
}

#[test]
fn invitation_lets_one_sign_up() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.accounts.signup = "invite".to_owned();
    config.accounts.guesses_per_minute_per_ip = 0;
    let mut test = TestApp::open(&config);
    assert_eq!(error_of(&test.sign_up("ann@example.com")), fault(403, "invitation_required"));
    let invited = test.invite(None, 7);
    assert_eq!(invited.status, 201);
    let code = body(&invited)["invitation"].as_str().unwrap().to_owned();
    let refused = (403, Some("invalid_invitation".to_owned()));
    assert_eq!(test.sign_up_with("ann@example.com", "AbCdEfGhIjKlMnOpQrStUv"), refused);
    assert_eq!(test.sign_up_with("ann@example.com", &code), (201, None));
    assert_eq!(test.sign_up_with("bob@example.com", &code), refused, "used");
    // One for this email alone, which an email that is taken does not use up.
    let invited = body(&test.invite(Some("Bob@Example.com"), 7));
    assert_eq!(invited["email"], "bob@example.com");
    let code = invited["invitation"].as_str().unwrap();
    assert_eq!(test.sign_up_with("eve@example.com", code), refused);
    assert_eq!(test.sign_up_with("bob@example.com", code), (201, None));
    // One that has ended.
    let invited = body(&test.invite(None, 7));
    test.pass(7 * 86_400);
    let code = invited["invitation"].as_str().unwrap();
    assert_eq!(test.sign_up_with("cat@example.com", code), refused);
    assert_eq!(test.sign_in("bob@example.com", "correct horse").status, 200);
}

#[test]
fn ended_invitations_are_deleted_and_others_bounded() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.accounts.signup = "invite".to_owned();
    config.accounts.invitations = 2;
    let mut test = TestApp::open(&config);
    assert_eq!(error_of(&test.invite(Some("no email"), 1)), fault(400, "invalid_field"));
    assert_eq!([1, 2].map(|days| test.invite(None, days).status), [201, 201]);
    assert_eq!(error_of(&test.invite(None, 1)), fault(409, "too_many_invitations"));
    test.pass(86_400);
    assert_eq!(test.invite(None, 1).status, 201);
    assert_eq!(error_of(&test.invite(None, 1)), fault(409, "too_many_invitations"));
}

#[test]
fn nobody_signs_up_where_it_is_closed() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    let mut test = TestApp::open(&config);
    test.sign_up("ann@example.com");
    drop(test);
    config.accounts.signup = "closed".to_owned();
    let mut test = TestApp::open(&config);
    assert_eq!(error_of(&test.sign_up("bob@example.com")), fault(403, "signup_closed"));
    assert_eq!(error_of(&test.invite(None, 1)), fault(409, "not_supported"));
    assert_eq!(test.sign_in("ann@example.com", "correct horse").status, 200);
}

#[test]
fn disconnect_revokes_refresh_tokens() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let signed_up = test.sign_up("ann@example.com");
    let user = body(&signed_up)["user"]["id"].as_str().unwrap().to_owned();
    let (_, first) = tokens(&signed_up);
    let (_, second) = tokens(&test.sign_in("ann@example.com", "correct horse"));
    let (_, other) = tokens(&test.sign_up("bob@example.com"));
    let (_, renewed) = tokens(&test.refresh(&first));
    assert_eq!(test.order(OrderKind::Disconnect, &user), Ok(()));
    // The first one was used a moment ago, and would be answered again.
    for token in [&first, &second, &renewed] {
        assert_eq!(error_of(&test.refresh(token)), fault(401, "invalid_token"));
    }
    assert_eq!(test.refresh(&other).status, 200);
    assert_eq!(test.sign_in("ann@example.com", "correct horse").status, 200);
    // A user of another issuer's has no sessions here to end.
    assert_eq!(test.order(OrderKind::Disconnect, "nobody"), Ok(()));
}

#[test]
fn locked_account_is_refused_everywhere() {
    let scratch = ScratchDir::new();
    let config = config(&scratch);
    let mut test = TestApp::open(&config);
    let signed_up = test.sign_up("ann@example.com");
    let user = body(&signed_up)["user"]["id"].as_str().unwrap().to_owned();
    let (_, refresh) = tokens(&signed_up);
    let room = test.recipe(&user, "Soup");
    assert_eq!(test.order(OrderKind::Lock, &user), Ok(()));
    // A restart unlocks nobody.
    drop(test);
    let mut test = TestApp::open(&config);
    let locked = fault(403, "account_locked");
    assert_eq!(error_of(&test.sign_in("ann@example.com", "correct horse")), locked);
    let wrong = test.sign_in("ann@example.com", "correct house");
    assert_eq!(error_of(&wrong), fault(401, "invalid_credentials"));
    assert_eq!(error_of(&test.refresh(&refresh)), fault(401, "invalid_token"));
    // As with a token that is still good, or made by somebody else with the same key.
    assert!(matches!(test.join(&room, &user), Admission::Deny));
    assert_eq!(error_of(&test.get("/v1/recipes", &user)), locked);
    assert_eq!(error_of(&test.get(&format!("/v1/recipes/{room}"), &user)), locked);
    let recipe = json!({ "title": "Pie" });
    assert_eq!(error_of(&test.post("/v1/recipes", Some(&user), &recipe)), locked);
    assert_eq!(test.order(OrderKind::Unlock, &user), Ok(()));
    assert_eq!(test.sign_in("ann@example.com", "correct horse").status, 200);
    assert!(matches!(test.join(&room, &user), Admission::Admit(_)));
    assert_eq!(error_of(&test.refresh(&refresh)), fault(401, "invalid_token"));
}

#[test]
fn account_locked_while_hashing_gets_no_session() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let signed_up = test.sign_up("ann@example.com");
    let user = body(&signed_up)["user"]["id"].as_str().unwrap().to_owned();
    let credentials = json!({ "email": "ann@example.com", "password": "correct horse" });
    assert!(test.ask(Method::Post, "/v1/auth/signin", None, &credentials).is_none());
    // Whichever is first, nobody is signed in behind the lock.
    let (ticket, now) = (test.ticket(), test.now);
    let lock = UserOrder { ticket, now, user: &user, kind: OrderKind::Lock, up_to: None };
    assert!(matches!(test.app.on_order(&lock), Reply::Held));
    let mut refresh = None;
    for _ in 0..2 {
        match test.next() {
            Outcome::Order(result) => assert_eq!(result, Ok(())),
            Outcome::Response(response) if response.status == 200 => {
                refresh = Some(tokens(&response).1);
            }
            Outcome::Response(response) => {
                assert_eq!(error_of(&response), fault(403, "account_locked"));
            }
            other => panic!("{other:?}"),
        }
    }
    if let Some(refresh) = refresh {
        assert_eq!(test.refresh(&refresh).status, 401);
    }
}

#[test]
fn lock_of_an_unknown_user_is_refused() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    let mut test = TestApp::open(&config);
    for kind in [OrderKind::Lock, OrderKind::Unlock] {
        assert_eq!(test.order(kind, "nobody"), Err(OrderFault::NoSuchUser));
    }
    config.auth.secret.clear();
    test.app.on_reload(&config);
    assert_eq!(test.order(OrderKind::Lock, "nobody"), Err(OrderFault::NotSupported));
}
