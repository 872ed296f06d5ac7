//! Clients over a restart of the process.

use std::fs;

use serde_json::{Value, json};

use crate::peer::{Client, call};
use crate::server::{House, Server};

/// A recipe's room.
fn make_room(server: &Server, token: &str) -> String {
    let recipe = json!({ "title": "Soup" });
    let (status, recipe) =
        call(server.address, "POST", "/v1/recipes", Some(token), &recipe).unwrap();
    assert_eq!(status, 201);
    recipe["id"].as_str().unwrap().to_owned()
}

fn position(joined: &Value) -> &Value {
    &joined["session"]["resume"]["position"]
}

#[test]
fn clients_go_on_after_a_stop_and_after_a_kill() {
    let house = House::new("");
    let server = house.open();
    let token = house.token("alice");
    let room = make_room(&server, &token);
    let (mut one, told) = Client::come_back(server.connect(), &room, &token, None);
    let (mut other, _) = Client::join(server.connect(), &room, &token);
    let before = position(&told).clone();
    other.say("Rename to Stew");
    // The question, and the recipe that has changed.
    assert_eq!(one.hear().unwrap()["type"], "chat_message");
    let last = one.hear().unwrap()["payload"]["position"].clone();
    assert!(last.is_string());
    server.stop();
    let away = one.hear().unwrap();
    assert_eq!(
        (&away["type"], &away["payload"]["reconnect_after_ms"]),
        (&json!("going_away"), &json!(1250))
    );

    let server = house.open();
    let (mut behind, told) = Client::come_back(server.connect(), &room, &token, Some(&before));
    assert_eq!((&told["resumed"], &told["missed"]), (&json!(true), &json!(2)));
    assert_eq!(behind.hear().unwrap()["type"], "chat_message");
    assert_eq!(behind.hear().unwrap()["payload"]["recipe_data"]["title"], "Stew");
    let (_, told) = Client::come_back(server.connect(), &room, &token, Some(&last));
    assert_eq!((&told["resumed"], &told["missed"]), (&json!(true), &json!(0)));
    server.kill();

    let server = house.open();
    let (mut behind, told) = Client::come_back(server.connect(), &room, &token, Some(&before));
    assert_eq!((&told["resumed"], &told["missed"]), (&json!(true), &json!(2)));
    assert_eq!(behind.hear().unwrap()["payload"]["content"], "Rename to Stew");
    assert_eq!(behind.hear().unwrap()["payload"]["position"], last);
    let (_, told) = Client::come_back(server.connect(), &room, &token, Some(&last));
    assert_eq!((&told["resumed"], &told["recipe_data"]), (&json!(true), &Value::Null));
    // One that nobody was given.
    let (_, told) = Client::come_back(server.connect(), &room, &token, Some(&json!("1.AAAAAAAA")));
    assert_eq!((&told["resumed"], &told["recipe_data"]["title"]), (&json!(false), &json!("Stew")));
    server.stop();
}

#[test]
fn quiet_room_goes_on_after_a_kill() {
    let house = House::new("");
    let server = house.open();
    let token = house.token("alice");
    let room = make_room(&server, &token);
    let (_, told) = Client::come_back(server.connect(), &room, &token, None);
    server.kill();
    let server = house.open();
    let (_, told) = Client::come_back(server.connect(), &room, &token, Some(position(&told)));
    assert_eq!((&told["resumed"], &told["missed"]), (&json!(true), &json!(0)));
    server.stop();
}

#[test]
fn nothing_is_kept_where_the_configuration_forbids_it() {
    let house = House::new("[resume]\npersist = false\n");
    let history = house.data("history");
    fs::create_dir_all(history.parent().unwrap()).unwrap();
    fs::write(&history, "vestibule history 1 written by somebody\n").unwrap();
    let server = house.open();
    let token = house.token("alice");
    let room = make_room(&server, &token);
    let (mut client, told) = Client::come_back(server.connect(), &room, &token, None);
    client.say("hello");
    server.stop();
    assert!(!history.exists());
    let server = house.open();
    let (_, told) = Client::come_back(server.connect(), &room, &token, Some(position(&told)));
    assert_eq!(told["resumed"], false);
    server.stop();
}
