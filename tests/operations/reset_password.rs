//! `vestibule reset-password` beside a running server.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use vestibule::testing::logs;

use crate::support::server::Server;

#[test]
fn user_signs_in_with_the_operators_password() {
    let server = Server::start("recipes", "");
    let sign = |path: &str, password: &str| {
        let account = json!({ "email": "ann@example.com", "password": password });
        let (status, answer): (u16, Value) = server.post(path, None, &account);
        (status, answer["access_token"].as_str().unwrap_or_default().to_owned())
    };
    let (status, token) = sign("/v1/auth/signup", "correct horse");
    assert_eq!(status, 201);
    let create =
        |token: &str| server.post("/v1/recipes", Some(token), &json!({ "title": "Soup" })).0;
    assert_eq!(create(&token), 201);
    let admin = server.admin.to_string();
    let done = server.run(&["reset-password", "--admin", &admin, "Ann@example.com"]);
    let [password, told] = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(done.status.code(), Some(0), "{told}");
    assert!(told.contains("a new password for ann@example.com, user "), "{told}");
    let password = password.trim();
    logs::known(password);
    assert_eq!(create(&token), 401);
    assert_eq!(sign("/v1/auth/signin", "correct horse").0, 401);
    let (status, token) = sign("/v1/auth/signin", password);
    assert_eq!((status, create(&token)), (200, 201));
    // Nobody has to wait after an order that ended the sessions.
    let claims = token.split('.').nth(1).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let user = claims["sub"].as_str().unwrap();
    assert_eq!(server.ask(&format!("POST /v1/users/{user}/disconnect"), "").0, 200);
    assert_eq!(create(&token), 401);
    let (status, token) = sign("/v1/auth/signin", password);
    assert_eq!((status, create(&token)), (200, 201));
    let done = server.run(&["reset-password", "--admin", &admin, "eve@example.com"]);
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{told}");
}
