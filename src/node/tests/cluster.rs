//! Several nodes in virtual time, over an engine in memory.

mod calls;
mod faults;
mod lists;
mod moderation;
mod orders;
mod owner;
mod presence;
mod reads;
mod user_limit;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::bus::model::ModelEngine;
use crate::node::app::{Answer, Incoming, Moderation, Reply, Update};
use crate::node::work::port::{BusInput, BusOrder};
use crate::protocol::ErrorCode;

/// An application that counts what it is asked, and answers at once; `Change …` is for the room,
/// `Refuse …` is not to be delivered, `Fail …` fails as the first question, and `later` is left to a
/// worker.
pub(super) struct CountingApp(pub(super) Arc<AtomicUsize>);

impl App for CountingApp {
    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        let asked = Arc::clone(&self.0);
        let broadcast = message.content.starts_with("Change");
        let fails = message.content.starts_with("Fail");
        let moderation = if message.content.starts_with("Refuse") {
            Moderation::Refuse
        } else {
            Moderation::Deliver
        };
        let answer = move || {
            let number = asked.fetch_add(1, Ordering::Relaxed) + 1;
            if fails && number == 1 {
                return Err(ErrorCode::BackendUnavailable);
            }
            let content = format!("Answer {number}").into();
            Ok(Arc::new(Update { content, broadcast, moderation, ..Update::default() }))
        };
        match message.content {
            "later" => Reply::later(answer),
            _ => Reply::Now(answer()),
        }
    }
}

/// The nodes, and their engine.
pub(super) struct ClusterWorld {
    pub(super) engine: ModelEngine,
    pub(super) nodes: Vec<World>,
    /// The engine's name of each node's connection.
    pub(super) links: Vec<Option<u64>>,
    /// Nodes that cannot reach the engine.
    pub(super) cut: Vec<bool>,
    pub(super) asked: Arc<AtomicUsize>,
}

impl ClusterWorld {
    pub(super) fn new(count: usize) -> Self {
        let mut cluster = Self {
            engine: ModelEngine::new(),
            nodes: Vec::new(),
            links: Vec::new(),
            cut: Vec::new(),
            asked: Arc::default(),
        };
        for _ in 0..count {
            cluster.add(|_| {});
        }
        cluster.seconds(1);
        cluster
    }

    /// Starts another node.
    pub(super) fn add(&mut self, change: impl FnOnce(&mut Config)) -> usize {
        let asked = Arc::clone(&self.asked);
        self.add_with(change, move || Box::new(CountingApp(Arc::clone(&asked))))
    }

    /// The same with this application.
    pub(super) fn add_with(
        &mut self,
        change: impl FnOnce(&mut Config),
        app: impl Fn() -> Box<dyn App>,
    ) -> usize {
        let index = self.nodes.len();
        let mut config = Config::default();
        config.auth.reauth_spread = crate::config::Length::from_secs(0);
        config.cluster.url = "redis://127.0.0.1".to_owned();
        config.cluster.name = format!("n{index}");
        change(&mut config);
        config.auth.secret = SECRET.to_owned();
        let mut world = World::with_app(config.clone(), app());
        world.node = Node::new(&config, &Seed::predictable(100 + index as u64), app()).unwrap();
        if let Some(other) = self.nodes.first() {
            world.now = other.now;
        }
        self.nodes.push(world);
        self.links.push(None);
        self.cut.push(false);
        index
    }

    /// Carries bytes between nodes and engine until there are none.
    pub(super) fn pump(&mut self) {
        while (0..self.nodes.len()).map(|index| self.carry(index)).filter(|moved| *moved).count()
            > 0
        {}
    }

    fn carry(&mut self, index: usize) -> bool {
        let (world, link) = (&mut self.nodes[index], &mut self.links[index]);
        let mut has_moved = false;
        while let Some(order) = world.node.poll_bus() {
            has_moved = true;
            if let Some(id) = link.take() {
                self.engine.disconnect(id);
            }
            match order {
                BusOrder::Disconnect => {}
                BusOrder::Connect { .. } if self.cut[index] => {
                    world.node.handle_bus(world.now, BusInput::Lost("connection refused"));
                }
                BusOrder::Connect { .. } => {
                    *link = Some(self.engine.connect());
                    world.node.handle_bus(world.now, BusInput::Connected);
                }
            }
        }
        let Some(id) = *link else {
            world.settle();
            return has_moved;
        };
        let output = world.node.bus_output().to_vec();
        if !output.is_empty() {
            has_moved = true;
            world.node.consume_bus_output(output.len());
            self.engine.receive(world.now.unix, id, &output);
        }
        let input = self.engine.take_output(id);
        if !input.is_empty() {
            has_moved = true;
            world.node.handle_bus(world.now, BusInput::Bytes(&input));
        }
        if self.engine.is_closed(id) {
            has_moved = true;
            *link = None;
            world.node.handle_bus(world.now, BusInput::Lost("closed"));
        }
        world.settle();
        has_moved
    }

    /// Cuts a node's connection to the engine. It cannot connect again until it is mended.
    pub(super) fn cut(&mut self, index: usize) {
        self.cut[index] = true;
        if let Some(id) = self.links[index].take() {
            self.engine.disconnect(id);
            let world = &mut self.nodes[index];
            world.node.handle_bus(world.now, BusInput::Lost("reset"));
        }
        self.pump();
    }

    pub(super) fn mend(&mut self, index: usize) {
        self.cut[index] = false;
    }

    /// Time passes for all nodes alike.
    pub(super) fn seconds(&mut self, seconds: u64) {
        self.millis(1_000 * seconds);
    }

    pub(super) fn millis(&mut self, millis: u64) {
        for _ in 0..millis.div_ceil(10) {
            for world in &mut self.nodes {
                world.advance(Duration::from_millis(10));
                world.node.handle_timeout(world.now);
                world.settle();
            }
            let now = self.nodes.first().map(|world| world.now.unix);
            self.engine.go_on(now.unwrap_or_default());
            self.pump();
        }
    }

    /// A connection in its room.
    pub(super) fn connected(&mut self, node: usize, room: &str, user: &str) -> ConnId {
        let (id, seen) = self.resumed(node, (room, user), json!({}));
        assert_eq!(seen["type"], "recipe_update", "{seen}");
        id
    }

    /// The same, which says from where it goes on. With it comes its first message.
    pub(super) fn resumed(
        &mut self,
        node: usize,
        (room, user): (&str, &str),
        resume: Value,
    ) -> (ConnId, Value) {
        let world = &mut self.nodes[node];
        let id = world.authenticating(room);
        let token = world.token(user, 900);
        world.say(id, "auth", json!({ "token": crate::logs::known(&token), "resume": resume }));
        self.pump();
        let seen = self.see(node, id);
        (id, seen.first().cloned().unwrap_or_default())
    }

    /// Says something, and returns the message's id.
    pub(super) fn chat(&mut self, node: usize, id: ConnId, content: &str) -> String {
        self.nodes[node].messages += 100 * (node as u64 + 1);
        let message = self.nodes[node].chat(id, content);
        self.pump();
        message
    }

    /// Says something under an id.
    pub(super) fn chat_as(&mut self, node: usize, id: ConnId, (name, content): (&str, &str)) {
        let message = envelope("chat_message", name, json!({ "content": content }));
        self.nodes[node].bytes(id, &text(&message));
        self.pump();
    }

    /// The messages that a client has got.
    pub(super) fn see(&mut self, node: usize, id: ConnId) -> Vec<Value> {
        let seen = self.nodes[node].see(id);
        let message = |seen| match seen {
            Seen::Message(message) => Some(message),
            Seen::Close(code, reason) => Some(json!({ "close": code, "reason": reason })),
            _ => None,
        };
        seen.into_iter().filter_map(message).collect()
    }

    /// What was said, as a client has got it.
    pub(super) fn contents(&mut self, node: usize, id: ConnId) -> Vec<String> {
        let content = |message: &Value| message["payload"]["content"].as_str().map(str::to_owned);
        self.see(node, id).iter().filter_map(content).collect()
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[test]
fn a_room_is_one_room_on_all_nodes() {
    let mut cluster = ClusterWorld::new(3);
    let ids: Vec<ConnId> =
        (0..3).map(|node| cluster.connected(node, "soup", &format!("u{node}"))).collect();
    for round in 0..5 {
        for (node, &id) in ids.iter().enumerate() {
            cluster.chat(node, id, &format!("{round}.{node}"));
        }
    }
    let all: Vec<String> =
        (0..5).flat_map(|round| (0..3).map(move |node| format!("{round}.{node}"))).collect();
    for (node, &id) in ids.iter().enumerate() {
        let seen = cluster.see(node, id);
        let said = seen.iter().filter(|message| message["type"] == "chat_message");
        let said: Vec<&str> = said.filter_map(|it| it["payload"]["content"].as_str()).collect();
        let others: Vec<&str> = all
            .iter()
            .map(String::as_str)
            .filter(|content| !content.ends_with(&format!(".{node}")))
            .collect();
        assert_eq!(said, others);
        let answers = seen.iter().filter(|message| !message["payload"]["request_id"].is_null());
        assert_eq!(answers.count(), 5);
    }
    assert_eq!(cluster.asked(), 15);
}

#[test]
fn positions_are_the_same_on_all_nodes() {
    let mut cluster = ClusterWorld::new(2);
    let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "bob"));
    cluster.chat(0, a, "one");
    let answer = cluster.see(0, a).pop().unwrap();
    let message = cluster.see(1, b).pop().unwrap();
    assert_eq!(answer["payload"]["position"], message["payload"]["position"]);
    assert!(message["payload"]["position"].as_str().unwrap().starts_with("1."));
}

#[test]
fn an_update_of_the_room_reaches_all_nodes() {
    let mut cluster = ClusterWorld::new(2);
    let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "bob"));
    let c = cluster.connected(0, "soup", "cat");
    cluster.chat(0, a, "Change it");
    assert_eq!(cluster.contents(0, a), ["Answer 1"]);
    assert_eq!(cluster.contents(0, c), ["Change it", "Answer 1"]);
    assert_eq!(cluster.contents(1, b), ["Change it", "Answer 1"]);
}

#[test]
fn an_id_has_one_answer_on_all_nodes() {
    let mut cluster = ClusterWorld::new(2);
    let (first, second) =
        (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "ann"));
    let listener = cluster.connected(1, "soup", "bob");
    cluster.chat_as(0, first, ("m1", "hello"));
    cluster.chat_as(1, second, ("m1", "hello"));
    assert_eq!(cluster.contents(0, first), ["Answer 1"]);
    assert_eq!(cluster.contents(1, second), ["hello", "Answer 1"]);
    assert_eq!(cluster.contents(1, listener), ["hello"]);
    assert_eq!(cluster.asked(), 1);
    cluster.chat_as(1, second, ("m1", "something else"));
    let refused = cluster.see(1, second).pop().unwrap();
    assert_eq!(refused["payload"]["error"], "invalid_message");
}

#[test]
fn clients_go_on_at_another_node() {
    let mut cluster = ClusterWorld::new(2);
    let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "bob"));
    cluster.chat(0, a, "one");
    let seen = cluster.see(1, b).pop().unwrap();
    let position = seen["payload"]["position"].clone();
    cluster.chat(0, a, "two");
    cluster.chat(0, a, "three");
    // At a node that has never had the room, too.
    let third = cluster.add(|_| {});
    cluster.seconds(1);
    for node in [0, third] {
        let resume = json!({ "position": position });
        let world = &mut cluster.nodes[node];
        let id = world.authenticating("soup");
        let token = world.token("bob", 900);
        world.say(id, "auth", json!({ "token": crate::logs::known(&token), "resume": resume }));
        cluster.pump();
        let seen = cluster.see(node, id);
        assert_eq!(seen[0]["payload"]["resumed"], true, "{seen:?}");
        assert_eq!(seen[0]["payload"]["missed"], 2);
        let missed: Vec<&Value> = seen.iter().skip(1).map(|it| &it["payload"]["content"]).collect();
        assert_eq!(missed, ["two", "three"]);
    }
}

#[test]
fn a_room_that_nobody_is_in_is_not_followed() {
    let mut cluster = ClusterWorld::new(2);
    let a = cluster.connected(0, "soup", "ann");
    let now = cluster.nodes[0].now;
    cluster.nodes[0].node.handle_hangup(now, a, Hangup::Reset);
    let followed =
        |cluster: &ClusterWorld| cluster.nodes[0].node.cluster.as_ref().unwrap().rooms.len();
    assert_eq!(followed(&cluster), 1);
    cluster.seconds(31);
    assert_eq!(followed(&cluster), 0);
    // And again: what was said meanwhile is in its log.
    let b = cluster.connected(1, "soup", "bob");
    cluster.chat(1, b, "one");
    let a = cluster.connected(0, "soup", "ann");
    cluster.chat(1, b, "two");
    assert_eq!(cluster.contents(0, a), ["two"]);
}
