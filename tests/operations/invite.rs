//! `vestibule invite` beside a running server.

use serde_json::{Value, json};
use vestibule::testing::logs;

use crate::support::server::Server;

#[test]
fn invited_person_signs_up_once() {
    let server = Server::start("recipes", "[accounts]\nsignup = 'invite'\n");
    let sign_up = |email: &str, code: Option<&str>| {
        let mut account = json!({ "email": email, "password": "correct horse" });
        if let Some(code) = code {
            account["invitation"] = code.into();
        }
        let (status, answer) = server.post("/v1/auth/signup", None, &account);
        (status, answer["error"].as_str().map(str::to_owned))
    };
    let refused = |error: &str| (403, Some(error.to_owned()));
    assert_eq!(sign_up("ann@example.com", None), refused("invitation_required"));
    let admin = server.admin.to_string();
    let invite = ["invite", "--admin", &admin, "--email", "Ann@example.com", "--valid", "2h"];
    let done = server.run(&invite);
    let [code, told] = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(done.status.code(), Some(0), "{told}");
    assert!(told.contains("an invitation for ann@example.com, valid once, until "), "{told}");
    let code = code.trim();
    logs::known(code);
    assert_eq!(sign_up("eve@example.com", Some(code)), refused("invalid_invitation"));
    assert_eq!(sign_up("ann@example.com", Some(code)), (201, None));
    assert_eq!(sign_up("ann@example.com", Some(code)), refused("invalid_invitation"));
    let (status, answer): (u16, Value) = server.ask("POST /v1/invitations", r#"{"email":"x"}"#);
    assert_eq!((status, &answer["error"]), (400, &"invalid_field".into()));
}
