//! Questions to a server of the test's own, on loopback.

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender};
use std::thread;

use super::*;
use crate::config::{Assistant, Length, Size};
use crate::testing::read_request;

/// Long enough for a busy machine, where nothing is to time out.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request as it came, and the channel for its response.
struct Heard {
    head: String,
    body: String,
    respond: Sender<Vec<u8>>,
}

/// A server that tells what it hears, and responds when the test says so.
fn server() -> (SocketAddr, Receiver<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, heard) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, tell) = (stream.unwrap(), tell.clone());
            thread::spawn(move || {
                while let Some((head, body)) = hear(&mut stream) {
                    let (respond, response) = mpsc::channel();
                    let is_told = tell.send(Heard { head, body, respond }).is_ok();
                    let Ok(response) = response.recv() else { return };
                    if !is_told || stream.write_all(&response).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, heard)
}

fn hear(stream: &mut TcpStream) -> Option<(String, String)> {
    read_request(&mut BufReader::with_capacity(1, stream))
}

fn ok(body: &str) -> Vec<u8> {
    status("200 OK", body)
}

fn status(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn config(address: SocketAddr) -> Assistant {
    let url = format!("http://{address}/v1/chat/completions");
    Assistant { url, timeout: Length::from_secs(60), ..Assistant::default() }
}

/// Asks for `user`, on a connection of this number. The answer comes through the channel.
fn ask(service: &ModelService, user: &str, connection: u32) -> Receiver<Option<String>> {
    let (sender, answer) = mpsc::channel();
    let question = ModelRequest {
        user: user.to_owned(),
        connection: ConnId::new(connection, 0),
        start: Some(StartFlag::default()),
        body: user.as_bytes().to_vec(),
    };
    service.ask(question, move |body| {
        let text = body.map(|body| String::from_utf8(body).unwrap());
        let is_usable = text.as_deref() != Some("unusable");
        let _ = sender.send(text);
        is_usable
    });
    answer
}

fn answer(answer: &Receiver<Option<String>>) -> Option<String> {
    answer.recv_timeout(PATIENCE).unwrap()
}

/// The number of this name.
fn reading(service: &ModelService, name: &str) -> f64 {
    let readings = service.readings().into_iter();
    let named = readings.filter(|it| it.name().trim_start_matches("vestibule_assistant_") == name);
    named.map(|it| it.value(&[]).unwrap()).sum()
}

/// How many calls had this outcome.
fn calls(service: &ModelService, outcome: &str) -> f64 {
    let mut readings = service.readings().into_iter();
    let calls = readings.find(|it| it.name() == "vestibule_assistant_calls_total");
    calls.and_then(|it| it.value(&[outcome])).unwrap()
}

#[test]
fn key_is_sent_to_the_url_and_is_in_no_debug_form() {
    let (address, heard) = server();
    let path = std::env::temp_dir().join(format!("vestibule-model-key-{}", std::process::id()));
    fs::write(&path, "sk-very-secret-key\n").unwrap();
    crate::logs::known("sk-very-secret-key");
    let mut config = config(address);
    path.to_str().unwrap().clone_into(&mut config.key_file);
    let service = ModelService::start(&config).unwrap();
    let client = ModelClient::read(&config).unwrap();
    let shown = format!("{service:?} {:?} {config:?}", client.authorization);
    assert!(!shown.contains("very-secret"), "{shown}");
    let answered = ask(&service, "alice", 1);
    let Heard { head, body, respond } = heard.recv_timeout(PATIENCE).unwrap();
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    let head = head.to_lowercase();
    assert!(head.contains("authorization: bearer sk-very-secret-key\r\n"), "{head}");
    assert_eq!(body, "alice");
    respond.send(ok("{}")).unwrap();
    assert_eq!(answer(&answered).as_deref(), Some("{}"));
    for wrong in ["", "two keys", "one\ntwo"] {
        fs::write(&path, wrong).unwrap();
        let fault = ModelService::inspect(&config).unwrap_err().to_string();
        assert!(fault.starts_with("assistant.key_file ") && fault.ends_with("on one line"));
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(ModelService::start(&config), Err(ModelError::Key { .. })));
}

#[test]
fn faulty_responses_are_no_answer_and_are_counted() {
    let (address, heard) = server();
    let mut config = config(address);
    (config.answer_bytes, config.workers) = (Size::kib(1), 1);
    let service = ModelService::start(&config).unwrap();
    let huge = ok(&"x".repeat(2_000));
    for response in [
        status("500 Internal Server Error", "{}"),
        status("401 Unauthorized", "{}"),
        huge,
        b"\x16\x03\x01\r\n\r\n".to_vec(),
        ok("unusable"),
    ] {
        let answered = ask(&service, "alice", 1);
        heard.recv_timeout(PATIENCE).unwrap().respond.send(response.clone()).unwrap();
        let is_unusable = response.ends_with(b"unusable");
        assert_eq!(answer(&answered).is_some(), is_unusable);
    }
    // The one thread has counted the last one when it answers another.
    let answered = ask(&service, "alice", 1);
    heard.recv_timeout(PATIENCE).unwrap().respond.send(ok("{}")).unwrap();
    assert!(answer(&answered).is_some());
    assert_eq!((calls(&service, "failed"), calls(&service, "answered")), (4.0, 2.0));
    assert_eq!(reading(&service, "unusable_answers_total"), 1.0);
}

#[test]
fn slow_model_is_given_up_after_its_time() {
    let (address, heard) = server();
    let config = Assistant { timeout: Length::from_millis(50), ..config(address) };
    let service = ModelService::start(&config).unwrap();
    let answered = ask(&service, "alice", 1);
    let held = heard.recv_timeout(PATIENCE);
    assert_eq!(answer(&answered), None);
    assert_eq!(calls(&service, "timed_out") + calls(&service, "expired"), 1.0);
    drop(held);
}

#[test]
fn one_user_cannot_occupy_the_queue_of_the_model() {
    let (address, heard) = server();
    let config = Assistant { workers: 2, queue: 4, ..config(address) };
    let service = ModelService::start(&config).unwrap();
    // One is asked, four wait, and nothing is answered yet.
    let tyrant: Vec<_> = (0..5).map(|n| ask(&service, "mallory", n)).collect();
    let first = heard.recv_timeout(PATIENCE).unwrap();
    assert_eq!(first.body, "mallory");
    // Another user has the other thread at once, and in the full queue a place.
    let alice = ask(&service, "alice", 10);
    let second = heard.recv_timeout(PATIENCE).unwrap();
    assert_eq!(second.body, "alice");
    let bob = ask(&service, "bob", 20);
    assert_eq!(answer(&tyrant[4]), None, "the newest of the heaviest");
    second.respond.send(ok("{}")).unwrap();
    assert!(answer(&alice).is_some());
    let third = heard.recv_timeout(PATIENCE).unwrap();
    assert_eq!(third.body, "bob", "users take turns");
    third.respond.send(ok("{}")).unwrap();
    assert!(answer(&bob).is_some());
    assert_eq!(calls(&service, "shed") + calls(&service, "queue_full"), 1.0);
}

#[test]
fn dead_model_opens_the_circuit_breaker() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = config(listener.local_addr().unwrap());
    drop(listener);
    let service = ModelService::start(&config).unwrap();
    let answered = ask(&service, "alice", 1);
    assert_eq!(answer(&answered), None, "after two seconds, not sixty");
    assert_eq!(reading(&service, "circuit_open"), 1.0);
    assert_eq!(calls(&service, "refused"), 1.0);
    let told = service.dependency();
    assert_eq!(told.name, "assistant");
    let [fault] = &*told.faults else { panic!("{told:?}") };
    assert_eq!((fault.code, fault.stops_clients), ("assistant_unavailable", false));
    assert!(fault.message.starts_with("Calls to the assistant's model fail"), "{fault:?}");
}
