//! Messages that are sent again: which are done, when, and what their senders are told.

use crate::node::work::questions::QuestionKind;
use std::sync::{Arc, Mutex};

use super::*;
use crate::node::app::{Answer, Incoming, Join, Reply, Update};
use crate::protocol::ErrorCode;

const USED: &str = "this id was used for another message";

/// What the application was asked: the content, the ticket, and a clone of the flag where the
/// content says so.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Question>>>);

type Question = (String, Ticket, Option<StartFlag>);

/// Answers by the first word: `now`; `work` by a worker; `flagged` is held with its flag, and
/// everything else without one. What `changes` the recipe is told to the room.
struct Slow {
    asked: Log,
    /// What workers have done.
    done: Arc<Mutex<Vec<String>>>,
}

impl App for Slow {
    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        let content = message.content.to_owned();
        let keeps = content.starts_with("flagged").then(|| message.start.clone());
        self.asked.0.lock().unwrap().push((content.clone(), message.ticket, keeps));
        let update = said(&content);
        match content.split(' ').next() {
            Some("now") => Reply::Now(Ok(update)),
            Some("work") => {
                let done = Arc::clone(&self.done);
                Reply::later(move || {
                    done.lock().unwrap().push(content);
                    Ok(update)
                })
            }
            _ => Reply::Held,
        }
    }

    fn serves(&self, path: &str) -> bool {
        path == "/work"
    }

    fn on_request(&mut self, _: &Request<'_>) -> Reply<Response> {
        let done = Arc::clone(&self.done);
        Reply::later(move || {
            done.lock().unwrap().push("request".to_owned());
            Response::not_found()
        })
    }

    fn on_join(&mut self, join: &Join<'_>) -> Reply<app::Admission> {
        let admission = app::Admission::Admit(Update::text("in"));
        if join.room != "later" {
            return Reply::Now(admission);
        }
        let done = Arc::clone(&self.done);
        Reply::later(move || {
            done.lock().unwrap().push("join".to_owned());
            admission
        })
    }
}

fn said(content: &str) -> Arc<Update> {
    let broadcast = content.contains("changes");
    Arc::new(Update { content: format!("did: {content}").into(), broadcast, ..Update::default() })
}

pub(super) struct Scene {
    pub(super) world: World,
    asked: Log,
    done: Arc<Mutex<Vec<String>>>,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.auth.reauth_spread = crate::config::Length::from_secs(0);
        config.limits.ping = crate::config::Length::from_secs(0);
        change(&mut config);
        let (asked, done) = (Log::default(), Arc::default());
        let app = Slow { asked: asked.clone(), done: Arc::clone(&done) };
        Self { world: World::with_app(config, Box::new(app)), asked, done }
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.0.lock().unwrap().iter().map(|(content, ..)| content.clone()).collect()
    }

    pub(super) fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }

    /// Sends a message under an id.
    pub(super) fn send(&mut self, from: ConnId, id: &str, content: &str) {
        let message = envelope("chat_message", id, json!({ "content": content }));
        self.world.bytes(from, &text(&message));
    }

    /// What `id` was told: the content, or the error's code and text.
    pub(super) fn told(&mut self, id: ConnId) -> Vec<(String, String)> {
        let told = |seen: Seen| match seen {
            Seen::Message(message) => {
                let payload = &message["payload"];
                let id = payload["request_id"].as_str().unwrap_or("-").to_owned();
                let what = match payload["content"].as_str() {
                    Some(content) => content.to_owned(),
                    None => format!("{}: {}", payload["error"], payload["message"]),
                };
                (id, what.replace('"', ""))
            }
            other => panic!("{other:?}"),
        };
        self.world.see(id).into_iter().map(told).collect()
    }

    /// The application answers the question that was asked with this content.
    pub(super) fn answer(&mut self, content: &str) {
        let ticket = {
            let asked = self.asked.0.lock().unwrap();
            asked.iter().rev().find(|(seen, ..)| seen == content).unwrap().1
        };
        let outcome = Outcome::Message(Ok(said(content)));
        self.complete(Completion { ticket, outcome });
    }

    pub(super) fn complete(&mut self, done: Completion) {
        self.world.node.handle_completion(self.world.now, done);
        self.world.settle();
    }

    /// Does whoever kept the flag of this message begin with it?
    pub(super) fn begins(&self, content: &str) -> bool {
        let asked = self.asked.0.lock().unwrap();
        let (.., start) = asked.iter().rev().find(|(seen, ..)| seen == content).unwrap();
        start.as_ref().unwrap().begin()
    }

    /// A worker takes the oldest command.
    pub(super) fn work(&mut self) {
        let done = self.world.commands.remove(0).run();
        self.complete(done);
    }
}

pub(super) fn pair(id: &str, what: &str) -> (String, String) {
    (id.to_owned(), what.to_owned())
}

pub(super) fn timeout(id: &str) -> (String, String) {
    pair(id, &format!("backend_timeout: {}", ErrorCode::BackendTimeout.message()))
}

fn used(id: &str) -> (String, String) {
    pair(id, &format!("invalid_message: {USED}"))
}

#[test]
fn an_id_with_other_content_is_refused() {
    let mut scene = Scene::new();
    let alice = scene.world.connected("soup", "alice");
    let tab = scene.world.connected("soup", "alice");
    scene.send(alice, "m1", "now one");
    scene.world.see(tab);
    scene.send(alice, "m1", "now two");
    scene.send(tab, "m1", "now three");
    scene.send(alice, "m1", "now one");
    let first = pair("m1", "did: now one");
    assert_eq!(scene.told(alice), [first.clone(), used("m1"), first]);
    assert_eq!(scene.told(tab), [used("m1")]);
    assert_eq!(scene.asked(), ["now one"]);
    assert_eq!(scene.world.node.metrics().reused_ids, 2);
    // In another room, or of another user, it is another id.
    let bob = scene.world.connected("soup", "bob");
    scene.send(bob, "m1", "now four");
    assert_eq!(scene.told(bob), [pair("m1", "did: now four")]);
}

/// A client that was cut off sends what was not answered again, and need not have used its minute up then.
#[test]
fn message_sent_again_pays_for_its_length_once() {
    let mut scene = Scene::new();
    let [alice, _bob] = ["alice", "bob"].map(|user| scene.world.connected("soup", user));
    let long = format!("now changes {}", "x".repeat(10_000));
    // 3 parts, and as many for the answer, which the room gets, too: 2 for 10 kB of each.
    scene.send(alice, "m1", &long);
    for _ in 0..20 {
        scene.send(alice, "m1", &long);
    }
    assert!(scene.told(alice).iter().all(|(_, what)| *what == format!("did: {long}")));
    let left = (0..6).filter(|n| {
        scene.send(alice, &format!("short {n}"), "now");
        scene.told(alice) == [pair(&format!("short {n}"), "did: now")]
    });
    assert_eq!(left.count(), 30 - 5 - 20);
    // Refused for its length, a message takes nothing.
    scene.world.seconds(4);
    for _ in 0..2 {
        scene.send(alice, "m2", &long);
        assert!(scene.told(alice)[0].1.starts_with("rate_limited"));
    }
    scene.world.seconds(2);
    scene.send(alice, "m2", &long);
    assert_eq!(scene.told(alice), [pair("m2", &format!("did: {long}"))]);
}

/// The room is told all the same.
#[test]
fn sender_that_has_gone_pays_for_its_answer() {
    for has_tab in [false, true] {
        let mut scene = Scene::new();
        let [alice, bob] = ["alice", "bob"].map(|user| scene.world.connected("soup", user));
        if has_tab {
            scene.world.connected("stew", "alice");
        }
        let long = format!("held changes {}", "x".repeat(10_000));
        scene.send(alice, "m1", &long);
        scene.world.node.handle_hangup(scene.world.now, alice, Hangup::Reset);
        scene.world.settle();
        scene.world.see(bob);
        scene.answer(&long);
        assert_eq!(scene.told(bob), [pair("-", &format!("did: {long}"))]);
        let alice = scene.world.connected("soup", "alice");
        scene.world.see(alice);
        let left = (0..30).filter(|n| {
            scene.send(alice, &format!("short {n}"), "now");
            scene.told(alice) == [pair(&format!("short {n}"), "did: now")]
        });
        // 3 for the message, and 2 for its answer.
        assert_eq!(left.count(), 30 - 3 - 2);
    }
}

#[test]
fn an_id_with_other_data_is_refused() {
    let mut scene = Scene::new();
    let alice = scene.world.connected("soup", "alice");
    let mut send = |payload| {
        scene.world.bytes(alice, &text(&envelope("chat_message", "m1", payload)));
    };
    send(json!({ "content": "now one", "data": { "step": 1 } }));
    send(json!({ "content": "now one", "data": { "step": 2 } }));
    send(json!({ "content": "now one" }));
    send(json!({ "content": "now one", "data": { "step": 1 } }));
    let first = pair("m1", "did: now one");
    assert_eq!(scene.told(alice), [first.clone(), used("m1"), used("m1"), first]);
    assert_eq!(scene.asked(), ["now one"]);
}

#[test]
fn other_content_is_refused_while_the_first_is_asked() {
    let mut scene = Scene::new();
    let [alice, tab] = ["alice"; 2].map(|user| scene.world.connected("soup", user));
    scene.send(alice, "m1", "held one");
    scene.world.see(tab);
    scene.send(tab, "m1", "held two");
    assert_eq!(scene.told(tab), [used("m1")]);
    scene.send(tab, "m1", "held one");
    assert_eq!(scene.told(tab), []);
    scene.answer("held one");
    assert_eq!(scene.told(alice), [pair("m1", "did: held one")]);
    assert_eq!(scene.told(tab), [pair("m1", "did: held one")]);
    // And when its time was over.
    scene.send(alice, "m2", "work one");
    scene.world.see(tab);
    scene.world.seconds(5);
    scene.send(tab, "m2", "work two");
    assert_eq!(scene.told(alice), [timeout("m2")]);
    assert_eq!(scene.told(tab), [used("m2")]);
    assert_eq!(scene.asked(), ["held one", "work one"]);
}

#[test]
fn ids_used_again_and_again_close_the_connection() {
    let mut scene = Scene::with(|config| config.limits.messages_per_minute = 0);
    let alice = scene.world.connected("soup", "alice");
    scene.send(alice, "m1", "now");
    scene.world.see(alice);
    for _ in 0..30 {
        scene.send(alice, "m1", "now what");
        assert_eq!(scene.told(alice), [used("m1")]);
    }
    scene.send(alice, "m1", "now what");
    assert_eq!(scene.world.close_reason(alice), "Rate limit exceeded");
}

#[test]
fn an_application_that_knows_the_id_is_believed() {
    let mut scene = Scene::new();
    let alice = scene.world.connected("soup", "alice");
    scene.send(alice, "m1", "held other");
    let ticket = scene.asked.0.lock().unwrap()[0].1;
    scene.complete(Completion { ticket, outcome: Outcome::UsedId });
    assert_eq!(scene.told(alice), [used("m1")]);
    // What the id stands for is the application's to know.
    scene.send(alice, "m1", "held first");
    scene.answer("held first");
    assert_eq!(scene.told(alice), [pair("m1", "did: held first")]);
    scene.send(alice, "m1", "held other");
    assert_eq!(scene.told(alice), [used("m1")]);
    assert_eq!(scene.asked().len(), 2);
}

#[test]
fn every_sender_of_one_id_is_answered() {
    let mut scene = Scene::new();
    let tabs = ["alice"; 5].map(|user| scene.world.connected("soup", user));
    for tab in tabs {
        scene.send(tab, "m1", "held");
        scene.send(tab, "m1", "held");
    }
    scene.answer("held");
    for tab in tabs {
        assert_eq!(scene.told(tab).last(), Some(&pair("m1", "did: held")), "{tab}");
    }
    assert_eq!(scene.asked().len(), 1);
}

#[test]
fn who_waits_for_an_id_is_counted_once() {
    let mut scene = Scene::new();
    let alice = scene.world.connected("soup", "alice");
    scene.send(alice, "m1", "held");
    // Connections that are gone wait for nothing, however many there were.
    for _ in 0..50 {
        let tab = scene.world.connected("soup", "alice");
        scene.send(tab, "m1", "held");
        scene.world.node.handle_hangup(scene.world.now, tab, Hangup::Reset);
        scene.world.settle();
    }
    let ticket = scene.asked.0.lock().unwrap()[0].1;
    let question = scene.world.node.work.questions.find(ticket).unwrap();
    assert!(matches!(&question.kind, QuestionKind::Message { also, .. } if also.len() <= 1));
}
