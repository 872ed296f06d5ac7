//! From the first visit on.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::peer::{Client, call};
use crate::server::{House, Server};

fn credentials() -> Value {
    json!({ "email": "ann@example.com", "password": "correct horse" })
}

impl Server {
    fn post(&self, path: &str, bearer: Option<&str>, body: &Value) -> (u16, Value) {
        call(self.address, "POST", path, bearer, body).unwrap()
    }

    fn get(&self, path: &str, bearer: &str) -> (u16, Value) {
        call(self.address, "GET", path, Some(bearer), &Value::Null).unwrap()
    }

    fn refresh(&self, token: &Value) -> (u16, Value) {
        self.post("/v1/auth/refresh", None, &json!({ "refresh_token": token }))
    }
}

fn pancakes() -> Value {
    json!({
        "title": "Pancakes",
        "yield": "4 servings",
        "ingredients": [{ "text": "2 eggs" }, { "text": "1/2 cup milk" }],
        "steps": [{ "text": "Mix." }, { "text": "Bake." }],
    })
}

/// What HTTP answers of a recipe, without what differs between its members.
fn of_everybody(recipe: &Value) -> Value {
    let mut recipe = recipe.clone();
    assert_eq!(recipe.as_object_mut().unwrap().remove("role"), Some(json!("owner")));
    recipe
}

#[test]
fn newcomer_finds_the_recipe_after_a_restart() {
    let house = House::new("");
    let server = house.open();
    let (status, account) = server.post("/v1/auth/signup", None, &credentials());
    assert_eq!(status, 201, "{account}");
    let token = account["access_token"].as_str().unwrap();
    let (status, recipe) = server.post("/v1/recipes", Some(token), &pancakes());
    assert_eq!(status, 201, "{recipe}");
    let room = recipe["id"].as_str().unwrap();

    let (mut client, joined) = Client::join(server.connect(), room, token);
    assert_eq!(joined["content"], "Connected to recipe chat. How can I help you with this recipe?");
    assert_eq!(joined["recipe_data"], of_everybody(&recipe));
    assert_eq!(joined["history"], json!([]));
    assert_eq!(joined["session"]["user_id"], account["user"]["id"]);
    let scaled = client.say("Scale to 8 servings");
    assert_eq!(scaled["recipe_data"]["yield"], "8 servings", "{scaled}");
    assert_eq!(scaled["recipe_data"]["ingredients"][0]["text"], "4 eggs");
    drop(client);
    server.stop();

    let server = house.open();
    let (status, account) = server.post("/v1/auth/signin", None, &credentials());
    assert_eq!(status, 200, "{account}");
    let token = account["access_token"].as_str().unwrap();
    let (_, list) = server.get("/v1/recipes", token);
    assert_eq!(list["recipes"][0]["id"], room);
    let (_, found) = server.get(&format!("/v1/recipes/{room}"), token);
    assert_eq!(of_everybody(&found), scaled["recipe_data"]);
    let (mut client, joined) = Client::join(server.connect(), room, token);
    assert_eq!(joined["recipe_data"], scaled["recipe_data"]);
    assert_eq!(joined["history"][0]["content"], "Scale to 8 servings");
    assert_eq!(joined["history"][0]["reply"], scaled["content"]);
    let undone = client.say("Undo");
    assert_eq!(undone["recipe_data"]["ingredients"][0]["text"], "2 eggs");
    server.stop();
}

#[test]
fn both_tabs_see_a_change_that_one_of_them_makes() {
    let house = House::new("");
    let server = house.open();
    let token = house.token("alice");
    let (_, recipe) = server.post("/v1/recipes", Some(&token), &pancakes());
    let room = recipe["id"].as_str().unwrap();
    let (mut one, _) = Client::join(server.connect(), room, &token);
    let (mut other, _) = Client::join(server.connect(), room, &token);
    let renamed = one.say("Rename to Crêpes");
    assert_eq!(other.hear().unwrap()["payload"]["content"], "Rename to Crêpes");
    let news = other.hear().unwrap();
    assert_eq!(news["payload"]["request_id"], Value::Null);
    assert_eq!(news["payload"]["recipe_data"], renamed["recipe_data"]);
}

#[test]
fn a_recipe_is_no_business_of_anybody_else() {
    let house = House::new("");
    let server = house.open();
    let (alice, bob) = (house.token("alice"), house.token("bob"));
    let (_, recipe) = server.post("/v1/recipes", Some(&alice), &pancakes());
    let room = recipe["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/v1/recipes/{room}"), &bob).0, 404);
    assert_eq!(server.get("/v1/recipes", &bob).1, json!({ "recipes": [] }));
    assert_eq!(server.get("/v1/recipes", "no.good.token").0, 401);
    let (status, _) = call(server.address, "GET", "/v1/recipes", None, &Value::Null).unwrap();
    assert_eq!(status, 401);
}

#[test]
fn two_tabs_refresh_at_once_and_stay_signed_in() {
    let house = House::new("");
    let server = house.open();
    let (_, account) = server.post("/v1/auth/signup", None, &credentials());
    let token = &account["refresh_token"];
    let refreshed = std::thread::scope(|scope| {
        let tabs = [(); 2].map(|()| scope.spawn(|| server.refresh(token)));
        tabs.map(|tab| tab.join().unwrap())
    });
    let [(first, one), (second, other)] = refreshed;
    assert_eq!((first, second), (200, 200), "{one} {other}");
    assert_eq!(one["refresh_token"], other["refresh_token"]);
    let access = one["access_token"].as_str().unwrap();
    assert_eq!(server.get("/v1/recipes", access).0, 200);
    assert_eq!(server.refresh(&one["refresh_token"]).0, 200);
}

#[test]
fn sign_out_and_wrong_password_are_as_documented() {
    let house = House::new("");
    let server = house.open();
    let (_, account) = server.post("/v1/auth/signup", None, &credentials());
    assert_eq!(server.post("/v1/auth/signup", None, &credentials()).0, 409);
    let wrong = json!({ "email": "ann@example.com", "password": "wrong horse" });
    let (status, refused) = server.post("/v1/auth/signin", None, &wrong);
    assert_eq!((status, &refused["error"]), (401, &json!("invalid_credentials")));
    let token = json!({ "refresh_token": account["refresh_token"] });
    assert_eq!(server.post("/v1/auth/logout", None, &token), (200, json!({})));
    let (status, refused) = server.refresh(&account["refresh_token"]);
    assert_eq!((status, &refused["error"]), (401, &json!("invalid_token")));
}

#[test]
fn new_signing_secret_signs_nobody_out() {
    let house = House::new("");
    let server = house.open();
    let (_, account) = server.post("/v1/auth/signup", None, &credentials());
    let old = account["access_token"].as_str().unwrap();
    let secret = "a signing secret of only this test";
    house.configure(&format!("{}[auth]\nsecret = '{secret}'\n", house.config()));
    server.signal(Signal::HUP);
    // Until it is taken up, the old token is good.
    while server.get("/v1/recipes", old).0 == 200 {}
    let (status, refreshed) = server.refresh(&account["refresh_token"]);
    assert_eq!(status, 200, "{refreshed}");
    let new = refreshed["access_token"].as_str().unwrap();
    assert_eq!(server.get("/v1/recipes", new).0, 200);
}

#[test]
fn backup_of_a_running_server_is_complete() {
    let house = House::new("");
    let server = house.open();
    let token = house.token("alice");
    let (_, recipe) = server.post("/v1/recipes", Some(&token), &pancakes());
    let room = recipe["id"].as_str().unwrap();
    let (mut client, _) = Client::join(server.connect(), room, &token);
    let scaled = client.say("Scale to 8 servings");
    house.back_up();
    client.say("Undo");
    drop(client);
    server.stop();

    house.restore();
    let server = house.open();
    let (_, restored) = server.get(&format!("/v1/recipes/{room}"), &token);
    assert_eq!(of_everybody(&restored), scaled["recipe_data"]);
}

#[test]
fn a_newer_database_stops_the_start_with_what_to_do() {
    let house = House::new("");
    house.open().stop();
    house.database().pragma_update(None, "user_version", 99).unwrap();
    let (code, said) = house.fails();
    assert_eq!(code, Some(1));
    assert!(said.contains("recipes.db was written by a newer Vestibule"), "{said}");
}

#[test]
fn secrets_are_not_in_the_log() {
    let house = House::new("[backend]\ntimeout = '60s'\n");
    let server = house.open();
    let (_, account) = server.post("/v1/auth/signup", None, &credentials());
    let (_, refreshed) = server.refresh(&account["refresh_token"]);
    let wrong = json!({ "email": "ann@example.com", "password": "wrong horse" });
    server.post("/v1/auth/signin", None, &wrong);
    server.stop();
    let log = house.log();
    for secret in [&account["access_token"], &account["refresh_token"], &refreshed["refresh_token"]]
    {
        assert!(!log.contains(secret.as_str().unwrap()));
    }
    assert!(!log.contains("horse"));
}
