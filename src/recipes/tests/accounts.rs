//! Signing up, in and out, and staying signed in.

use serde_json::{Value, json};

use super::*;
use crate::auth::{Evidence, Verifier};

/// Both tokens of an answer.
pub(super) fn tokens(response: &Response) -> (String, String) {
    let body = body(response);
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

impl TestApp {
    pub(super) fn sign_up(&mut self, email: &str) -> Response {
        let credentials = json!({ "email": email, "password": "correct horse" });
        self.post("/v1/auth/signup", None, &credentials)
    }

    pub(super) fn sign_in(&mut self, email: &str, password: &str) -> Response {
        let credentials = json!({ "email": email, "password": password });
        self.post("/v1/auth/signin", None, &credentials)
    }

    pub(super) fn refresh(&mut self, token: &str) -> Response {
        self.post("/v1/auth/refresh", None, &json!({ "refresh_token": token }))
    }
}

pub(super) fn error_of(response: &Response) -> (u16, String) {
    (response.status, body(response)["error"].as_str().unwrap().to_owned())
}

pub(super) fn fault(status: u16, error: &str) -> (u16, String) {
    (status, error.to_owned())
}

pub(super) fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let part = token.split('.').nth(1).unwrap();
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap();
    serde_json::from_slice(&json).unwrap()
}

#[test]
fn sign_up_returns_tokens_the_server_accepts() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.auth.issuer = "us".to_owned();
    config.auth.audience = "chat".to_owned();
    let mut test = TestApp::open(&config);
    let response = test.sign_up(" Ann@Example.com ");
    assert_eq!(response.status, 201);
    let user = &body(&response)["user"];
    assert_eq!(user["email"], "ann@example.com");
    assert_eq!(user["created_at"], test.now.to_rfc3339().as_str());
    let (access, refresh) = tokens(&response);
    let claims = claims(&access);
    assert_eq!(claims["sub"], user["id"]);
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 900);
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("us"), &json!("chat")));
    assert!(claims["jti"].is_string());
    let verifier = Verifier::new(&config.auth).unwrap();
    assert_eq!(verifier.verify(&access, test.now).unwrap().user, user["id"].as_str().unwrap());
    assert_eq!(refresh.len(), 43);
}

#[test]
fn email_case_and_space_name_one_account() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    assert_eq!(test.sign_up("ann@example.com").status, 201);
    assert_eq!(error_of(&test.sign_up("ANN@example.COM")), fault(409, "email_exists"));
    assert_eq!(test.sign_in("Ann@Example.com", "correct horse").status, 200);
}

#[test]
fn wrong_password_and_unknown_email_look_alike() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    test.sign_up("ann@example.com");
    let wrong = test.sign_in("ann@example.com", "correct house");
    assert_eq!(error_of(&wrong), fault(401, "invalid_credentials"));
    assert_eq!(wrong.evidence, None, "guesses do not shut the door of the chat");
    assert_eq!(test.sign_in("bob@example.com", "correct horse"), wrong);
    assert_eq!(test.sign_in("no address", "correct horse"), wrong);
    assert_eq!(test.sign_in("ann@example.com", "short"), wrong);
}

#[test]
fn a_bad_field_is_named() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    for (path, sent, field) in [
        ("signup", json!({ "email": "ann", "password": "correct horse" }), "email"),
        ("signup", json!({ "email": "ann@example.com", "password": "short" }), "password"),
        ("signup", json!({ "email": "ann@example.com" }), "password"),
        ("signup", json!({ "email": "ann@example.com", "password": "password1" }), "password"),
        ("signup", json!({ "email": "ann.lee@x.example", "password": "annlee99" }), "password"),
        ("signin", json!({ "email": 7, "password": "correct horse" }), "email"),
        ("refresh", json!({}), "refresh_token"),
        ("logout", json!({ "refresh_token": null }), "refresh_token"),
        ("signin", json!("text"), "body"),
        ("signin", Value::Null, "body"),
    ] {
        let refused = test.post(&format!("/v1/auth/{path}"), None, &sent);
        assert_eq!(error_of(&refused), fault(400, "invalid_field"));
        let message = body(&refused)["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("`{field}` ")), "{message}");
    }
}

#[test]
fn body_of_another_type_is_415() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    test.sign_up("ann@example.com");
    for wrong in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("")] {
        test.content_type = wrong;
        let refused = test.sign_in("ann@example.com", "correct horse");
        assert_eq!(error_of(&refused), fault(415, "unsupported_media_type"));
        let refused = test.post("/v1/recipes", Some("ann"), &json!({ "title": "Soup" }));
        assert_eq!(error_of(&refused), fault(415, "unsupported_media_type"));
        assert_eq!(test.get("/v1/recipes", "ann").status, 200);
    }
    for good in ["application/json", "Application/JSON; charset=utf-8"] {
        test.content_type = Some(good);
        assert_eq!(test.sign_in("ann@example.com", "correct horse").status, 200);
    }
}

#[test]
fn refresh_token_is_single_use() {
    let scratch = ScratchDir::new();
    let config = config(&scratch);
    let mut test = TestApp::open(&config);
    let (_, mut token) = tokens(&test.sign_up("ann@example.com"));
    let mut seen = vec![token.clone()];
    for _ in 0..3 {
        test.pass(900);
        let response = test.refresh(&token);
        assert_eq!(response.status, 200);
        let (access, next) = tokens(&response);
        let verifier = Verifier::new(&config.auth).unwrap();
        assert!(verifier.verify(&access, test.now).is_ok());
        assert!(!seen.contains(&next));
        seen.push(next.clone());
        token = next;
    }
}

#[test]
fn concurrent_refreshes_get_the_same_token() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let (_, token) = tokens(&test.sign_up("ann@example.com"));
    let (_, first) = tokens(&test.refresh(&token));
    test.pass(10);
    let (_, second) = tokens(&test.refresh(&token));
    assert_eq!(first, second);
    assert_eq!(test.refresh(&first).status, 200);
}

#[test]
fn reused_refresh_token_ends_its_session_only() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.limits.auth_per_minute_per_user = 0;
    let mut test = TestApp::open(&config);
    let (_, stolen) = tokens(&test.sign_up("ann@example.com"));
    let (_, other) = tokens(&test.sign_in("ann@example.com", "correct horse"));
    let (_, good) = tokens(&test.refresh(&stolen));
    test.pass(11);
    let refused = test.refresh(&stolen);
    assert_eq!(error_of(&refused), fault(401, "invalid_token"));
    assert_eq!(refused.evidence, Some(Evidence::Honest));
    assert_eq!(error_of(&test.refresh(&good)), fault(401, "invalid_token"));
    assert_eq!(test.refresh(&other).status, 200);
}

/// Each refresh stores a token, also on a full disk.
#[test]
fn an_account_has_60_refreshes_a_minute() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let (_, first) = tokens(&test.sign_up("ann@example.com"));
    let (_, second) = tokens(&test.sign_in("ann@example.com", "correct horse"));
    let mut sessions = [first, second];
    for round in 0..60 {
        let newest = &mut sessions[round % 2];
        *newest = tokens(&test.refresh(newest)).1;
    }
    let refused = test.refresh(&sessions[0]);
    assert_eq!(error_of(&refused), fault(429, "too_many_requests"));
    assert!(refused.headers.iter().any(|line| line.0 == "Retry-After" && line.1 == "1"));
    // Others have their own, and the token that was refused is good when time has passed.
    let (_, others) = tokens(&test.sign_up("bob@example.com"));
    assert_eq!(test.refresh(&others).status, 200);
    test.at = test.at + Duration::from_secs(1);
    assert_eq!(test.refresh(&sessions[0]).status, 200);
    assert_eq!(test.refresh(&sessions[1]).status, 429);
    let readings = test.app.probe().unwrap()();
    let name = "vestibule_storage_refreshes_refused_total";
    let counted = readings.iter().find(|it| it.name() == name);
    assert_eq!(counted.and_then(|it| it.value(&[])).map(|it| it as u64), Some(2));
}

#[test]
fn stolen_refresh_token_is_never_forgotten() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.limits.auth_per_minute_per_user = 0;
    let mut test = TestApp::open(&config);
    let (_, stolen) = tokens(&test.sign_up("ann@example.com"));
    let mut newest = stolen.clone();
    let mut refreshed = 0;
    // The thief uses it, and its successors as fast as it can.
    let end = loop {
        let response = test.refresh(&newest);
        if response.status != 200 {
            break response;
        }
        newest = tokens(&response).1;
        refreshed += 1;
        assert!(refreshed <= 4_096);
    };
    // There is an end, and nobody is signed in behind it.
    assert_eq!(error_of(&end), fault(401, "invalid_token"));
    assert_eq!(refreshed, 4_096);
    for token in [&stolen, &newest] {
        assert_eq!(test.refresh(token).status, 401);
    }
}

#[test]
fn expired_sessions_are_deleted() {
    let scratch = ScratchDir::new();
    let config = config(&scratch);
    let mut test = TestApp::open(&config);
    test.sign_up("ann@example.com");
    for _ in 0..20 {
        test.sign_in("ann@example.com", "correct horse");
    }
    test.pass(31 * 86_400);
    test.sign_in("ann@example.com", "correct horse");
    let (_, last) = tokens(&test.sign_in("ann@example.com", "correct horse"));
    assert_eq!(test.refresh(&last).status, 200);
    drop(test);
    let database = rusqlite::Connection::open(scratch.path().join("recipes.db")).unwrap();
    let count = |table| {
        let sql = format!("SELECT count(*) FROM {table}");
        database.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!((count("sessions"), count("refresh_tokens")), (2, 3));
}

#[test]
fn refresh_token_expires() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let (_, token) = tokens(&test.sign_up("ann@example.com"));
    test.pass(30 * 86_400);
    assert_eq!(error_of(&test.refresh(&token)), fault(401, "invalid_token"));
}

#[test]
fn successor_needs_the_same_signing_secret() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    let mut test = TestApp::open(&config);
    let (_, token) = tokens(&test.sign_up("ann@example.com"));
    let (_, next) = tokens(&test.refresh(&token));
    drop(test);
    config.auth.secret = SECRET.replace('0', "x");
    let mut test = TestApp::open(&config);
    assert_eq!(error_of(&test.refresh(&token)), fault(401, "invalid_token"));
    assert_eq!(test.refresh(&next).status, 200, "who was signed in stays so");
}

#[test]
fn new_signing_secret_is_applied_on_reload() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    let mut test = TestApp::open(&config);
    let (_, token) = tokens(&test.sign_up("ann@example.com"));
    config.auth.secret = SECRET.replace('0', "x");
    test.app.on_reload(&config);
    let (access, _) = tokens(&test.refresh(&token));
    let verifier = Verifier::new(&config.auth).unwrap();
    assert!(verifier.verify(&access, test.now).is_ok());
    config.auth.secret.clear();
    test.app.on_reload(&config);
    assert!(!test.app.serves("/v1/auth/signin"));
}

#[test]
fn sign_out_ends_the_session() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let (_, token) = tokens(&test.sign_up("ann@example.com"));
    let (_, next) = tokens(&test.refresh(&token));
    for sent in [&*token, "no token", &*token] {
        let response = test.post("/v1/auth/logout", None, &json!({ "refresh_token": sent }));
        assert_eq!((response.status, body(&response)), (200, json!({})));
    }
    assert_eq!(test.refresh(&next).status, 401);
}

#[test]
fn session_101_ends_the_oldest_of_the_account() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let (_, oldest) = tokens(&test.sign_up("ann@example.com"));
    let (_, second) = tokens(&test.sign_in("ann@example.com", "correct horse"));
    for _ in 0..99 {
        // As fast as the account's allowance of hashes refills.
        test.pass(2);
        test.sign_in("ann@example.com", "correct horse");
    }
    assert_eq!(test.refresh(&oldest).status, 401);
    assert_eq!(test.refresh(&second).status, 200);
}

#[test]
fn secrets_are_not_in_the_database_or_debug_form() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    let (access, refresh) = tokens(&test.sign_up("ann@example.com"));
    let (_, next) = tokens(&test.refresh(&refresh));
    let mut stored = Vec::new();
    for file in std::fs::read_dir(scratch.path()).unwrap() {
        stored.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let has = |text: &str| stored.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("ann@example.com"), "the database was not found");
    for secret in ["correct horse", SECRET, &access, &refresh, &next] {
        assert!(!has(secret));
        assert!(!format!("{:?}", test.app).contains(secret));
    }
}
