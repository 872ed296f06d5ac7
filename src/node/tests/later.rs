//! Applications that answer later, or never.

use std::sync::{Arc, Mutex};

use super::*;
use crate::node::app::{Admission, Answer, Incoming, Join, Left, Reply, Update};
use crate::protocol::ErrorCode;

/// Answers by the content: `now`, `work`, `panic`; whatever else is held.
#[derive(Default)]
struct Slow {
    joins_later: bool,
    seen: Arc<Mutex<Vec<(String, Ticket)>>>,
}

impl App for Slow {
    fn on_join(&mut self, join: &Join<'_>) -> Reply<Admission> {
        if self.joins_later || join.room == "later" {
            self.seen.lock().unwrap().push((format!("join {}", join.reauth), join.ticket));
            return Reply::Held;
        }
        match join.room {
            "denied" => Admission::Deny.into(),
            _ => Admission::Admit(Update::text("in")).into(),
        }
    }

    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        let content = message.content.to_owned();
        match message.content {
            "now" => Ok(Update::text("now")).into(),
            "work" => Reply::later(move || Ok(Update::text(content))),
            _ => {
                self.seen.lock().unwrap().push((content, message.ticket));
                Reply::Held
            }
        }
    }

    fn on_leave(&mut self, left: &Left<'_>) {
        let ticket = Ticket { index: 0, serial: 0 };
        self.seen.lock().unwrap().push((format!("{} left", left.user), ticket));
    }
}

pub(super) type Asked = Arc<Mutex<Vec<(String, Ticket)>>>;

fn world() -> (World, Asked) {
    world_with(|_| {})
}

pub(super) fn world_with(change: impl FnOnce(&mut Config)) -> (World, Asked) {
    let mut config = Config::default();
    change(&mut config);
    config.auth.reauth_spread = crate::config::Length::from_secs(0);
    let app = Slow::default();
    let asked = Arc::clone(&app.seen);
    (World::with_app(config, Box::new(app)), asked)
}

/// A world whose application is asked about every join, and answers when the test does.
pub(super) fn slow_world() -> (World, Asked) {
    world()
}

/// The tickets of all joins that the application was asked for, in order.
pub(super) fn tickets(asked: &Asked) -> Vec<Ticket> {
    let asked = asked.lock().unwrap();
    asked.iter().filter(|(what, _)| what.starts_with("join")).map(|(_, ticket)| *ticket).collect()
}

pub(super) fn ticket(asked: &Asked, what: &str) -> Ticket {
    let asked = asked.lock().unwrap();
    asked.iter().rev().find(|(seen, _)| seen == what).unwrap_or_else(|| panic!("{asked:?}")).1
}

pub(super) fn answer(world: &mut World, ticket: Ticket, content: &str) {
    let outcome = Outcome::Message(Ok(Update::text(content.to_owned())));
    world.node.handle_completion(world.now, Completion { ticket, outcome });
    world.settle();
}

pub(super) fn admit(world: &mut World, ticket: Ticket) {
    join(world, ticket, Admission::Admit(Update::text("in")));
}

pub(super) fn deny(world: &mut World, ticket: Ticket) {
    join(world, ticket, Admission::Deny);
}

fn join(world: &mut World, ticket: Ticket, admission: Admission) {
    let outcome = Outcome::Join(admission);
    world.node.handle_completion(world.now, Completion { ticket, outcome });
    world.settle();
}

pub(super) fn contents(seen: &[Seen]) -> Vec<String> {
    seen.iter()
        .map(|seen| match seen {
            Seen::Message(message) => {
                let payload = &message["payload"];
                payload["content"].as_str().or(payload["error"].as_str()).unwrap().to_owned()
            }
            other => format!("{other:?}"),
        })
        .collect()
}

#[test]
fn answers_come_in_the_order_of_the_messages() {
    let (mut world, asked) = world();
    let id = world.connected("soup", "alice");
    world.chat(id, "held");
    world.chat(id, "now");
    world.bytes(id, &text("nope"));
    world.chat(id, "work");
    assert_eq!(world.see(id), []);
    let held = ticket(&asked, "held");
    answer(&mut world, held, "first");
    let work = world.commands.pop().unwrap();
    assert_eq!(contents(&world.see(id)), ["first", "now", "invalid_json"]);
    world.node.handle_completion(world.now, work.run());
    world.settle();
    assert_eq!(contents(&world.see(id)), ["work"]);
    answer(&mut world, held, "twice");
    assert_eq!(world.see(id), []);
    assert_eq!(world.node.metrics().late_completions, 1);
}

#[test]
fn full_backlog_stops_reading_until_there_is_room() {
    let (mut world, asked) = world();
    let id = world.connected("soup", "alice");
    let mut bytes = Vec::new();
    for n in 0..25 {
        let content = if n == 0 { "held" } else { "now" };
        bytes.extend(text(&envelope(
            "chat_message",
            &n.to_string(),
            json!({ "content": content }),
        )));
    }
    world.bytes(id, &bytes);
    assert!(!world.node.wants_input(id));
    let held = ticket(&asked, "held");
    answer(&mut world, held, "held");
    assert!(world.node.wants_input(id));
    assert_eq!(world.see(id).len(), 25);
    assert_eq!(world.node.usage().buffered_bytes, 0);
}

#[test]
fn reauthentication_overtakes_waiting_messages() {
    let (mut world, asked) = world();
    let id = world.connected("soup", "alice");
    world.chat(id, "held");
    world.chat(id, "now");
    let token = world.token("alice", 900);
    world.auth(id, &token);
    assert_eq!(contents(&world.see(id)), ["Re-authenticated"]);
    let held = ticket(&asked, "held");
    answer(&mut world, held, "held");
    assert_eq!(contents(&world.see(id)), ["held", "now"]);
}

#[test]
fn the_application_has_5_seconds_for_a_message() {
    let (mut world, asked) = world();
    let id = world.connected("soup", "alice");
    world.chat(id, "held");
    world.chat(id, "now");
    world.seconds(4);
    assert_eq!(world.see(id), []);
    world.seconds(2);
    assert_eq!(contents(&world.see(id)), ["backend_timeout", "now"]);
    let held = ticket(&asked, "held");
    answer(&mut world, held, "too late");
    assert_eq!(world.see(id), []);
    assert_eq!(world.node.metrics().errors(ErrorCode::BackendTimeout), 1);
}

#[test]
fn unanswered_join_closes_and_does_not_spend_the_auth() {
    let (mut world, asked) = world();
    let id = world.authenticating("later");
    let token = world.token("alice", 900);
    let recorded = text(&envelope("auth", "a", json!({ "token": token })));
    world.bytes(id, &recorded);
    world.seconds(6);
    assert_eq!(world.close_reason(id), "Backend unavailable");
    // The failed join has not used its message up.
    let again = world.authenticating("later");
    world.bytes(again, &recorded);
    let join = ticket(&asked, "join false");
    admit(&mut world, join);
    assert_eq!(contents(&world.see(again)), ["in"]);
}

#[test]
fn a_denied_room_closes_and_frees_the_message() {
    let (mut world, _) = world();
    for _ in 0..2 {
        let id = world.authenticating("denied");
        let token = world.token("alice", 900);
        world.bytes(id, &text(&envelope("auth", "a", json!({ "token": token }))));
        assert_eq!(world.close_reason(id), "Recipe not found or access denied");
    }
}

#[test]
fn sixteen_messages_wait_for_join_and_the_next_closes() {
    let (mut world, asked) = world();
    for (count, expected) in [(16, 17), (17, 1)] {
        let id = world.authenticating("later");
        let token = world.token("alice", 900);
        world.auth(id, &token);
        for _ in 0..count {
            world.chat(id, "now");
        }
        let join = ticket(&asked, "join false");
        admit(&mut world, join);
        let seen = world.see(id);
        assert_eq!(seen.len(), expected);
        if count == 17 {
            assert_eq!(seen, [close_frame(CloseReason::RateLimited)]);
        }
    }
}

#[test]
fn refused_or_panicked_work_is_answered_with_an_error() {
    let (mut world, _) = world();
    let id = world.connected("soup", "alice");
    for (outcome, error) in
        [(Outcome::Refused, "backend_unavailable"), (Outcome::Panicked, "internal")]
    {
        world.chat(id, "work");
        let ticket = world.commands.pop().unwrap().ticket;
        world.node.handle_completion(world.now, Completion { ticket, outcome });
        world.settle();
        assert_eq!(contents(&world.see(id)), [error]);
    }
}

#[test]
fn message_resent_during_work_gets_the_same_answer() {
    let (mut world, asked) = world();
    let first = world.connected("soup", "alice");
    let message = text(&envelope("chat_message", "m1", json!({ "content": "held" })));
    world.bytes(first, &message);
    world.node.handle_hangup(world.now, first, Hangup::Reset);
    world.settle();
    let second = world.connected("soup", "alice");
    world.bytes(second, &message);
    let held = ticket(&asked, "held");
    answer(&mut world, held, "the answer");
    assert_eq!(contents(&world.see(second)), ["the answer"]);
    let asked = asked.lock().unwrap();
    assert_eq!(asked.iter().filter(|(what, _)| what == "held").count(), 1);
}

#[test]
fn late_resent_message_waits_for_its_own_answer() {
    let (mut world, asked) = world();
    let first = world.connected("soup", "alice");
    let message = text(&envelope("chat_message", "m1", json!({ "content": "held" })));
    world.bytes(first, &message);
    world.node.handle_hangup(world.now, first, Hangup::Reset);
    world.settle();
    world.seconds(7);
    let bob = world.connected("stew", "bob");
    world.chat(bob, "bob's first");
    let carol = world.connected("cake", "carol");
    world.chat(carol, "carol's");
    let second = world.connected("soup", "alice");
    world.bytes(second, &message);
    let carols = ticket(&asked, "carol's");
    answer(&mut world, carols, "for carol alone");
    assert_eq!(contents(&world.see(carol)), ["for carol alone"]);
    // Hers had begun when its time was over, as far as anybody knows: it is still waited for.
    assert_eq!(world.see(second), []);
    let held = ticket(&asked, "held");
    answer(&mut world, held, "hers");
    assert_eq!(contents(&world.see(second)), ["hers"]);
}

#[test]
fn the_application_is_told_who_left_once() {
    let (mut world, asked) = world();
    let id = world.connected("soup", "alice");
    world.bytes(id, &frame(0x88, &1000_u16.to_be_bytes()));
    let pending = world.authenticating("soup");
    world.node.handle_hangup(world.now, pending, Hangup::Reset);
    world.settle();
    assert_eq!(asked.lock().unwrap().len(), 0);
    world.seconds(11);
    let asked = asked.lock().unwrap();
    assert_eq!(asked.iter().filter(|(what, _)| what == "alice left").count(), 1);
    assert_eq!(asked.len(), 1);
}

#[test]
fn reauthentication_under_way_does_not_stop_chat() {
    let (mut world, asked) = world();
    let id = world.authenticating("later");
    let token = world.token("alice", 900);
    world.auth(id, &token);
    let join = ticket(&asked, "join false");
    admit(&mut world, join);
    world.see(id);
    world.auth(id, &token);
    world.auth(id, &token);
    world.chat(id, "now");
    assert_eq!(contents(&world.see(id)), ["now"]);
    for _ in 0..2 {
        let join = ticket(&asked, "join true");
        admit(&mut world, join);
        assert_eq!(contents(&world.see(id)), ["Re-authenticated"]);
    }
}

#[test]
fn many_answers_at_once_do_not_make_a_slow_consumer() {
    let mut config = Config::default();
    config.limits.outbound_bytes = crate::config::Size::kib(4);
    let mut world = World::with_app(config, Box::new(Slow::default()));
    let id = world.connected("soup", "alice");
    let chats = |n: usize, content: &str| {
        text(&envelope("chat_message", &n.to_string(), json!({ "content": content })))
    };
    // More answers in one read than the outbox holds, and nothing is written meanwhile.
    let bytes: Vec<u8> = (0..30).flat_map(|n| chats(n, "now")).collect();
    world.room.insert(id, 0);
    world.bytes(id, &bytes);
    assert!(!world.node.wants_input(id));
    assert_eq!(world.node.metrics().slow_consumers, 0);
    world.room.remove(&id);
    world.flush(id);
    world.settle();
    assert_eq!(contents(&world.see(id)), vec!["now"; 30]);
    assert!(world.node.wants_input(id));
    world.bytes(id, &chats(31, "now"));
    assert_eq!(world.see(id).len(), 1);
    assert_eq!(world.node.usage().buffered_bytes, 0);
}

#[test]
fn long_answer_after_a_short_one_is_no_slow_consumer() {
    let mut config = Config::default();
    config.limits.outbound_bytes = crate::config::Size::kib(4);
    let app = Slow::default();
    let asked = Arc::clone(&app.seen);
    let mut world = World::with_app(config, Box::new(app));
    let id = world.connected("soup", "alice");
    world.room.insert(id, 0);
    world.chat(id, "now");
    world.chat(id, "held");
    let held = ticket(&asked, "held");
    let long = "long ".repeat(10_000);
    answer(&mut world, held, &long);
    world.room.remove(&id);
    world.flush(id);
    world.settle();
    assert_eq!(contents(&world.see(id)), ["now", &long]);
}

#[test]
fn newcomer_hears_what_is_said_before_its_answer() {
    let (mut world, asked) = slow_world();
    let knock = |world: &mut World, user: &str, supports_resume: bool| {
        let id = world.authenticating("later");
        let token = world.token(user, 900);
        let token = crate::logs::known(&token);
        let payload = if supports_resume {
            json!({ "token": token, "resume": {} })
        } else {
            json!({ "token": token })
        };
        world.say(id, "auth", payload);
        id
    };
    let bob = knock(&mut world, "bob", false);
    let alice = knock(&mut world, "alice", true);
    let joins = tickets(&asked);
    // The application has answered both, and its answer to the second comes late.
    admit(&mut world, joins[0]);
    world.chat(bob, "now");
    admit(&mut world, joins[1]);
    let seen = world.see(alice);
    let [Seen::Message(first), Seen::Message(news)] = &*seen else { panic!("{seen:?}") };
    assert_eq!(first["payload"]["resumed"], false);
    assert_eq!(news["payload"]["content"], "now");
}
