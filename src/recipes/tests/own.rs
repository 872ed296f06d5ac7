//! What users see of their accounts, and do with them.

use serde_json::{Value, json};

use super::accounts::{claims, error_of, fault, tokens};
use super::deletion::copies;
use super::*;
use crate::node::app::PasswordReset;

const EMAIL: &str = "ann@example.com";
const PASSWORD: &str = "correct horse";

/// A signed-in client: the user, and the tokens.
struct SignedIn {
    user: String,
    claims: String,
    refresh: String,
}

impl SignedIn {
    fn of(response: &Response) -> Self {
        let (access, refresh) = tokens(response);
        let claims = claims(&access);
        let user = claims["sub"].as_str().unwrap().to_owned();
        Self { user, claims: claims.to_string(), refresh }
    }
}

impl TestApp {
    /// A request with the token of this client.
    fn as_client(
        &mut self,
        client: &SignedIn,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Response {
        self.claims = Some(client.claims.clone());
        let response = self.request(method, path, Some(&client.user), body);
        self.claims = None;
        response
    }

    fn two_clients(&mut self) -> (SignedIn, SignedIn) {
        let first = SignedIn::of(&self.sign_up(EMAIL));
        (first, SignedIn::of(&self.sign_in(EMAIL, PASSWORD)))
    }

    /// Whether the client's session has ended, for requests, joins and refreshes alike.
    fn is_ended(&mut self, client: &SignedIn, room: &str) -> bool {
        let listed = self.as_client(client, Method::Get, "/v1/recipes", &Value::Null).status;
        self.claims = Some(client.claims.clone());
        let joined = self.join(room, &client.user);
        self.claims = None;
        let is_revoked = matches!(joined, Admission::Revoked);
        assert_eq!((listed, is_revoked), if is_revoked { (401, true) } else { (200, false) });
        is_revoked
    }
}

#[test]
fn account_is_shown_to_its_user() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let signed_up = test.sign_up(EMAIL);
    let client = SignedIn::of(&signed_up);
    let me = test.as_client(&client, Method::Get, "/v1/auth/me", &Value::Null);
    assert_eq!((me.status, &body(&me)), (200, &body(&signed_up)["user"]));
    test.recipe(&client.user, "Soup");
    let export = test.as_client(&client, Method::Get, "/v1/auth/me/export?limit=1", &Value::Null);
    let export = body(&export);
    assert_eq!(export["user"], body(&me));
    assert_eq!(export["sessions"][0]["is_current"], true);
    assert_eq!((&export["recipes"][0]["title"], export.get("next")), (&json!("Soup"), None));
    // A user of another issuer's.
    for path in ["/v1/auth/me", "/v1/auth/me/export"] {
        assert_eq!(error_of(&test.get(path, "alice")), fault(404, "not_found"));
        assert_eq!(test.request(Method::Get, path, None, &Value::Null).status, 401);
    }
    assert_eq!(body(&test.get("/v1/auth/sessions", "alice")), json!({ "sessions": [] }));
}

#[test]
fn ended_session_is_refused_everywhere() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let (first, second) = test.two_clients();
    let other = SignedIn::of(&test.sign_up("bob@example.com"));
    let room = test.recipe(&first.user, "Soup");
    test.pass(60);
    assert_eq!(test.refresh(&second.refresh).status, 200);
    let list = test.as_client(&first, Method::Get, "/v1/auth/sessions", &Value::Null);
    let list = body(&list)["sessions"].as_array().unwrap().clone();
    let current: Vec<_> = list.iter().map(|it| it["is_current"].as_bool().unwrap()).collect();
    assert_eq!(current, [false, true]);
    assert_eq!(list[0]["last_used_at"], test.now.to_rfc3339().as_str());
    assert!(list[0]["created_at"].as_str() < list[0]["last_used_at"].as_str());
    let path = format!("/v1/auth/sessions/{}", list[0]["id"].as_str().unwrap());
    let foreign = test.as_client(&other, Method::Delete, &path, &Value::Null);
    assert_eq!(error_of(&foreign), fault(404, "not_found"));
    assert!(!test.is_ended(&second, &room));
    assert_eq!(test.as_client(&first, Method::Delete, &path, &Value::Null).status, 204);
    assert_eq!(test.events_since(), [format!("session of {}", first.user)]);
    assert!(test.is_ended(&second, &room) && !test.is_ended(&first, &room));
    assert_eq!(test.as_client(&first, Method::Delete, &path, &Value::Null).status, 404);
    assert_eq!(test.as_client(&second, Method::Get, "/v1/auth/me", &Value::Null).status, 401);
    // All of them.
    let all = test.as_client(&first, Method::Delete, "/v1/auth/sessions", &Value::Null);
    assert!(all.status == 204 && test.is_ended(&first, &room));
    assert_eq!(test.refresh(&first.refresh).status, 401);
    assert_eq!(test.refresh(&other.refresh).status, 200);
}

#[test]
fn sign_out_and_theft_end_the_session_at_once() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let (first, second) = test.two_clients();
    let room = test.recipe(&first.user, "Soup");
    test.post("/v1/auth/logout", None, &json!({ "refresh_token": first.refresh }));
    assert_eq!(test.events_since(), [format!("session of {}", first.user)]);
    assert!(test.is_ended(&first, &room) && !test.is_ended(&second, &room));
    test.post("/v1/auth/logout", None, &json!({ "refresh_token": first.refresh }));
    assert_eq!(test.events_since(), Vec::<String>::new());
    test.refresh(&second.refresh);
    test.pass(11);
    assert_eq!(test.refresh(&second.refresh).status, 401);
    assert_eq!(test.events_since(), [format!("session of {}", first.user)]);
    assert!(test.is_ended(&second, &room));
}

#[test]
fn token_without_a_session_is_taken_as_before() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let room = test.recipe("alice", "Soup");
    for claims in
        [r#"{"sub":"alice","sid":"x"}"#, r#"{"vestibule_session":null}"#, "vestibule_session"]
    {
        test.claims = Some(claims.to_owned());
        assert_eq!(test.get("/v1/recipes", "alice").status, 200);
        assert!(matches!(test.join(&room, "alice"), Admission::Admit(_)));
    }
    test.claims = Some(r#"{"vestibule_session":"x"}"#.to_owned());
    assert!(matches!(test.join(&room, "alice"), Admission::Revoked));
}

#[test]
fn new_password_ends_the_other_sessions() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let (first, second) = test.two_clients();
    let room = test.recipe(&first.user, "Soup");
    let path = "/v1/auth/password";
    let new = "battery staple";
    for (sent, refusal) in [
        (json!({ "password": "wrong horse", "new_password": new }), (403, "invalid_credentials")),
        (json!({ "password": "short", "new_password": new }), (403, "invalid_credentials")),
        (json!({ "password": PASSWORD, "new_password": "short" }), (400, "invalid_field")),
        (json!({ "password": PASSWORD, "new_password": "password1" }), (400, "invalid_field")),
        (json!({ "new_password": new }), (400, "invalid_field")),
    ] {
        let refused = test.as_client(&first, Method::Post, path, &sent);
        assert_eq!(error_of(&refused), fault(refusal.0, refusal.1));
    }
    assert_eq!(test.events_since(), Vec::<String>::new());
    let sent = json!({ "password": PASSWORD, "new_password": new });
    assert_eq!(test.as_client(&first, Method::Post, path, &sent).status, 204);
    assert_eq!(test.events_since(), [format!("session of {}", first.user)]);
    assert!(test.is_ended(&second, &room) && !test.is_ended(&first, &room));
    assert_eq!(test.sign_in(EMAIL, PASSWORD).status, 401);
    assert_eq!(test.sign_in(EMAIL, new).status, 200);
    let ended = test.as_client(&second, Method::Post, path, &sent);
    assert_eq!(error_of(&ended), fault(401, "invalid_token"));
}

#[test]
fn guesses_at_a_confirmation_are_bounded() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let client = SignedIn::of(&test.sign_up(EMAIL));
    let sent = json!({ "password": "wrong horse" });
    let guess =
        |test: &mut TestApp| test.as_client(&client, Method::Delete, "/v1/auth/me", &sent).status;
    // The last one is kept for who has not tried.
    for _ in 0..9 {
        assert_eq!(guess(&mut test), 403);
    }
    assert_eq!(guess(&mut test), 429);
    // The sign-in has its own allowance, as a guesser with a stolen token must not shut it.
    assert_eq!(test.sign_in(EMAIL, PASSWORD).status, 200);
}

#[test]
fn deleted_account_leaves_nothing() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let client = SignedIn::of(&test.sign_up(EMAIL));
    let mut rooms: Vec<_> =
        (0..40).map(|n| test.recipe(&client.user, &format!("Zwetschgen {n}"))).collect();
    test.say(&rooms[0], &client.user, "m", "Add 2 zwetschgen");
    let kept = test.recipe("bob", "Soup");
    let delete = |test: &mut TestApp, password: &str| {
        let sent = json!({ "password": password });
        test.as_client(&client, Method::Delete, "/v1/auth/me", &sent)
    };
    assert_eq!(error_of(&delete(&mut test, "wrong horse")), fault(403, "invalid_credentials"));
    assert_eq!(delete(&mut test, PASSWORD).status, 204);
    let mut expected: Vec<_> = rooms.drain(..).map(|room| format!("deleted {room}")).collect();
    expected.push(format!("session of {}", client.user));
    let mut events = test.events_since();
    assert_eq!(events.last(), expected.last());
    events.sort();
    expected.sort();
    assert_eq!(events, expected);
    assert!(test.is_ended(&client, &kept));
    assert_eq!(test.refresh(&client.refresh).status, 401);
    assert_eq!(test.sign_in(EMAIL, PASSWORD).status, 401);
    while copies(&scratch, "").1 > 0 {
        test.get("/v1/recipes", "bob");
    }
    for word in [EMAIL, &*client.user, "wetschgen"] {
        assert_eq!(copies(&scratch, word).0, 0, "{word}");
    }
    let again = SignedIn::of(&test.sign_up(EMAIL));
    assert_eq!(body(&test.get("/v1/recipes", &again.user)), json!({ "recipes": [] }));
    assert_eq!(test.get(&format!("/v1/recipes/{kept}"), "bob").status, 200);
}

#[test]
fn operator_resets_a_forgotten_password() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let (first, _) = test.two_clients();
    let room = test.recipe(&first.user, "Soup");
    let reset = |test: &mut TestApp, email: &str| {
        let (ticket, now, at, client) = (test.ticket(), test.now, test.at, test.client);
        let start = &test.start;
        let reset = PasswordReset { ticket, start, now, at, client, email };
        match test.app.on_password_reset(&reset) {
            Reply::Now(response) => response,
            Reply::Held => match test.next() {
                Outcome::Response(response) => response,
                other => panic!("{other:?}"),
            },
            Reply::Later(_) => panic!("nothing is left to the workers"),
        }
    };
    assert_eq!(error_of(&reset(&mut test, "eve@example.com")), fault(404, "no_such_user"));
    assert_eq!(error_of(&reset(&mut test, "no email")), fault(400, "invalid_field"));
    let done = reset(&mut test, "Ann@Example.com");
    assert_eq!((done.status, &body(&done)["user_id"]), (200, &json!(first.user)));
    assert_eq!(test.events_since(), [format!("session of {}", first.user)]);
    assert!(test.is_ended(&first, &room));
    assert_eq!(test.sign_in(EMAIL, PASSWORD).status, 401);
    let password = body(&done)["password"].as_str().unwrap().to_owned();
    crate::logs::known(&password);
    assert_eq!(test.sign_in(EMAIL, &password).status, 200);
}
