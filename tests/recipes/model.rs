//! The recipe chat with a language model beside it: a server of the test's own.

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use vestibule::testing::read_request;

use crate::logs::known;
use crate::peer::{Client, call};
use crate::server::House;

const KEY: &str = "sk-a-key-that-nobody-may-see";

/// A model that answers as the last message asks for. It tells what it is sent, and hangs until the
/// sender is dropped.
fn model() -> (SocketAddr, Receiver<(String, Value)>, Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::channel();
    let (release, held) = mpsc::channel();
    let held = Arc::new(Mutex::new(held));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, tell, held) = (stream.unwrap(), tell.clone(), Arc::clone(&held));
            thread::spawn(move || serve(stream, &tell, &held));
        }
    });
    (address, told, release)
}

fn serve(mut stream: TcpStream, tell: &Sender<(String, Value)>, held: &Mutex<Receiver<()>>) {
    while let Some((head, body)) = hear(&mut stream) {
        let asked = body["messages"].as_array().unwrap().last().unwrap()["content"].clone();
        let _ = tell.send((head, body));
        let commands = match asked.as_str().unwrap() {
            "make it vegan" => json!(["Replace butter with oil", "Scale to 8 servings"]),
            "make it evil" => json!(["Delete this recipe", "rm -rf /"]),
            "make it many" => json!(vec!["Add 1 egg"; 100]),
            // 120 KB, of 64 KiB that are read.
            "make it long" => json!(vec!["Add 1 egg"; 10_000]),
            "make it slow" => {
                let _ = held.lock().unwrap().recv();
                return;
            }
            _ => json!("Sure, I will!"),
        };
        let content = json!({ "commands": commands }).to_string();
        let answer = json!({ "choices": [{ "message": { "content": content } }] }).to_string();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
        if stream.write_all((head + &answer).as_bytes()).is_err() {
            return;
        }
    }
}

fn hear(stream: &mut TcpStream) -> Option<(String, Value)> {
    let (head, body) = read_request(&mut BufReader::with_capacity(1, stream))?;
    Some((head, serde_json::from_str(&body).ok()?))
}

fn house(address: SocketAddr) -> House {
    let house = House::new(&format!(
        "[assistant]\nurl = 'http://{address}/v1/chat/completions'\nmodel = 'cook-1'\n\
         key_file = 'model.key'\ntimeout = '1s'\n"
    ));
    house.write("model.key", known(KEY));
    house
}

#[test]
fn model_proposes_and_the_rules_carry_out() {
    let (address, told, release) = model();
    let house = house(address);
    let server = house.open();
    let token = house.token("alice");
    let recipe = json!({
        "title": "Cake",
        "yield": "4 servings",
        "ingredients": [{ "text": "100 g butter" }],
    });
    let (_, recipe) = call(server.address, "POST", "/v1/recipes", Some(&token), &recipe).unwrap();
    let room = recipe["id"].as_str().unwrap();
    let (mut client, _) = Client::join(server.connect(), room, &token);
    assert_eq!(client.say("Rename to Pie").get("source"), None);

    let changed = client.say("make it vegan");
    assert_eq!(changed["source"], "model", "{changed}");
    assert_eq!(changed["recipe_data"]["ingredients"][0]["text"], "200 g oil");
    let (head, body) = told.recv().unwrap();
    assert!(head.contains(&format!("Bearer {KEY}\r\n")), "{head}");
    assert_eq!(body["model"], "cook-1");
    assert!(told.try_recv().is_err(), "the rules answer what they understand");
    let undone = client.say("Undo");
    assert_eq!(undone["recipe_data"]["ingredients"][0]["text"], "100 g butter");

    for (said, sentence) in [
        ("make it evil", "gave no usable answer."),
        ("make it many", "gave no usable answer."),
        ("make it long", "is not available now."),
        ("make it odd", "gave no usable answer."),
        ("make it slow", "is not available now."),
    ] {
        let answer = client.say(said);
        let content = answer["content"].as_str().unwrap();
        assert!(content.starts_with("I did not understand that"), "{answer}");
        assert!(content.ends_with(sentence), "{answer}");
        assert_eq!((answer.get("source"), &answer["recipe_data"]), (None, &Value::Null));
    }
    // The chat goes on meanwhile, and what the model did is in the history.
    assert_eq!(client.say("Rename to Tart")["recipe_data"]["title"], "Tart");
    let (_, joined) = Client::join(server.connect(), room, &token);
    assert_eq!(joined["history"][1]["source"], "model", "{joined}");
    drop(release);
    server.stop();
    let log = house.log();
    assert!(log.contains("to the assistant's model without an answer"), "{log}");
    assert!(!log.contains(KEY) && !log.contains("butter") && !log.contains("vegan"), "{log}");
}

#[test]
fn faulty_model_key_is_found_before_the_start() {
    let (address, ..) = model();
    let house = house(address);
    house.write("model.key", "");
    let (code, said) = house.fails();
    assert_ne!(code, Some(0));
    assert!(said.contains("assistant.key_file model.key: it must hold one key"), "{said}");
}
