//! What an operator orders about an account.

use serde_json::json;

use super::accounts::{error_of, fault, tokens};
use super::*;
use crate::node::app::{OrderFault, OrderKind, OrderResult, UserOrder};

impl TestApp {
    fn order(&mut self, kind: OrderKind, user: &str) -> OrderResult {
        let (ticket, now) = (self.ticket(), self.now);
        match self.app.on_order(&UserOrder { ticket, now, user, kind }) {
            Reply::Now(result) => result,
            Reply::Held => match self.next() {
                Outcome::Order(result) => result,
                other => panic!("{other:?}"),
            },
            Reply::Later(_) => panic!("nothing is left to the workers"),
        }
    }
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
    let lock = UserOrder { ticket, now, user: &user, kind: OrderKind::Lock };
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
