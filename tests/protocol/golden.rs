//! The messages in `tests/fixtures/messages` are what is said on the wire, byte for byte but for
//! white space, and `docs/protocol.md` shows them and no others.
//!
//! Nothing here makes a message: a node on a virtual clock is talked to, and what it says is compared.

mod rooms;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use vestibule::config::Length;
use vestibule::id::{ConnId, Seed};
use vestibule::node::{Action, Hangup};
use vestibule::protocol::{ClientMessage, ErrorCode, Wants, parse};
use vestibule::testing::{envelope, frame, token};
use vestibule::time::{Instant, Now, UnixTime};
use vestibule::{Admission, Answer, App, Config, Incoming, Join, Json, Node, Reply, Update};

const PROTOCOL: &str = include_str!("../../docs/protocol.md");
const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// 2026-11-22T10:00:00.000Z, when the story begins.
const START: UnixTime = UnixTime::from_millis(1_795_341_600_000);

/// Every fixture by its name, as it is written.
fn goldens() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/messages");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn golden(name: &str) -> String {
    goldens().remove(name).unwrap_or_else(|| panic!("there is no fixture {name}"))
}

/// JSON without the white space between its tokens.
fn compact(json: &str) -> String {
    let (mut in_text, mut escaped) = (false, false);
    let keep = |c: &char| {
        let is_kept = in_text || !c.is_whitespace();
        if in_text && !escaped && *c == '\\' {
            escaped = true;
        } else {
            if *c == '"' && !escaped {
                in_text = !in_text;
            }
            escaped = false;
        }
        is_kept
    };
    json.chars().filter(keep).collect()
}

/// A part of a fixture, in its own order of keys, as an application would hand it over.
fn part(name: &str, key: &str) -> Option<Json> {
    let text = compact(&golden(name));
    let (_, rest) = text.split_once(&format!("\"{key}\":"))?;
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    values.next()?.ok()?;
    let length = values.byte_offset();
    Json::parse(rest[..length].to_owned()).ok()
}

/// The recipe chat of the story.
struct Kitchen;

impl App for Kitchen {
    fn on_join(&mut self, _: &Join<'_>) -> Reply<Admission> {
        let name = "server_recipe_update_acknowledgement";
        let update = Update {
            content: "Connected to recipe chat. How can I help you with this recipe?".into(),
            recipe_data: part(name, "recipe_data"),
            history: part(name, "history"),
            ..Update::default()
        };
        Admission::Admit(Arc::new(update)).into()
    }

    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        Reply::Now(match message.content {
            "Scale to 8 servings" => Ok(Arc::new(Update {
                content: "Scaled to 8 servings.".into(),
                recipe_data: part("server_recipe_update_answer", "recipe_data"),
                broadcast: true,
                ..Update::default()
            })),
            "unavailable" => Err(ErrorCode::BackendUnavailable),
            "timeout" => Err(ErrorCode::BackendTimeout),
            "fault" => Err(ErrorCode::Internal),
            "spam" => Ok(Arc::new(Update {
                content: "No links, please.".into(),
                moderation: vestibule::Moderation::Refuse,
                ..Update::default()
            })),
            _ => Ok(Update::text("I can scale, rename, add and remove. Say Help for examples.")),
        })
    }
}

struct World {
    node: Node,
    now: Now,
    joined: Vec<ConnId>,
}

impl World {
    fn new() -> Self {
        let mut config = Config::default();
        config.auth.secret = SECRET.to_owned();
        config.auth.reauth_spread = Length::default();
        config.auth.sunset = "2027-06-01T00:00:00Z".to_owned();
        config.http.allowed_origins = vec!["https://chat.example.com".to_owned()];
        let node = Node::new(&config, &Seed::predictable(1), Box::new(Kitchen)).unwrap();
        Self { node, now: Now { monotonic: Instant::START, unix: START }, joined: Vec::new() }
    }

    /// Goes to the moment `seconds` after the start, and does what is due. All that joined give a
    /// sign of life every 20 seconds, so none is pinged.
    fn at(&mut self, seconds: u64) {
        let end = Duration::from_secs(seconds);
        let mut passed = self.now.monotonic.since(Instant::START);
        while passed < end {
            passed = end.min(passed + Duration::from_secs(20));
            self.now = Now { monotonic: Instant::START + passed, unix: START + passed };
            self.node.handle_timeout(self.now);
            for &id in &self.joined {
                self.node.handle_bytes(self.now, id, &mut frame(0x8a, b""));
            }
        }
    }

    fn accept(&mut self) -> ConnId {
        self.node.handle_accept(self.now, "127.0.0.1:9".parse().unwrap()).unwrap()
    }

    /// Sends bytes, and returns everything that is said to that connection.
    fn exchange(&mut self, id: ConnId, bytes: &[u8]) -> Vec<u8> {
        self.node.handle_bytes(self.now, id, &mut bytes.to_vec());
        self.output(id)
    }

    fn output(&mut self, id: ConnId) -> Vec<u8> {
        let mut output = Vec::new();
        loop {
            let mut slices = [IoSlice::new(&[]); 8];
            let filled = self.node.pending_output(id, &mut slices);
            let bytes: Vec<u8> = slices[..filled].iter().flat_map(|s| s.to_vec()).collect();
            if bytes.is_empty() {
                break;
            }
            self.node.consume_output(self.now, id, bytes.len());
            output.extend(bytes);
        }
        while let Some(action) = self.node.poll_action() {
            assert!(!matches!(action, Action::Submit(_)), "the kitchen answers at once");
        }
        output
    }

    /// A connection in the room, and what it was told on its way.
    fn join(&mut self, auth: &str) -> (ConnId, Vec<String>) {
        let id = self.accept();
        let answer = self.exchange(id, UPGRADE.replace('\n', "\r\n").as_bytes());
        assert!(answer.starts_with(b"HTTP/1.1 101 "));
        let told = self.say(id, auth);
        self.joined.push(id);
        (id, told)
    }

    /// Sends one text, and returns the messages that come back.
    fn say(&mut self, id: ConnId, text: &str) -> Vec<String> {
        let bytes = frame(0x81, text.as_bytes());
        messages(&self.exchange(id, &bytes))
    }

    fn chat(&mut self, id: ConnId, message: &str, content: &str) -> Vec<String> {
        self.say(id, &envelope("chat_message", message, json!({ "content": content })))
    }

    fn auth(&self, message: &str, user: &str, life: u64) -> String {
        let exp = self.now.unix.as_millis() / 1_000 + life;
        let token = token(SECRET, &json!({ "sub": user, "exp": exp }));
        envelope("auth", message, json!({ "token": token }))
    }
}

const UPGRADE: &str = "GET /v1/chat/soup HTTP/1.1\nHost: chat.example.com\nUpgrade: websocket\n\
     Connection: Upgrade\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\
     Sec-WebSocket-Version: 13\n\n";

/// The texts in a server's frames.
fn messages(mut bytes: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        let (length, rest) = match second {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            short => (usize::from(*short), rest),
        };
        let (payload, rest) = rest.split_at(length);
        if *first == 0x81 {
            texts.push(String::from_utf8(payload.to_vec()).unwrap());
        }
        bytes = rest;
    }
    texts
}

/// `said` is the fixture of this name. Of an identifier that the server made, only the time that is
/// in it can be foretold.
#[track_caller]
fn assert_golden(name: &str, said: &[String]) {
    let [said] = said else { panic!("{name}: {said:?}") };
    let expected = compact(&golden(name));
    let id_of = |text: &str| {
        let value: Value = serde_json::from_str(text).unwrap();
        value["id"].as_str().unwrap().to_owned()
    };
    let (id, expected_id) = (id_of(said), id_of(&expected));
    assert_eq!(id.get(..15), expected_id.get(..15), "{name}: the time, and version 7");
    assert_eq!(said.replace(&id, &expected_id), expected, "{name}");
}

#[test]
fn a_session_says_what_the_fixtures_say() {
    let mut world = World::new();
    let (alice, told) = world.join(&golden("client_auth"));
    assert_golden("server_recipe_update_acknowledgement", &told);
    let (bob, _) = world.join(&world.auth("auth_1", "bob", 3_600));

    world.at(120);
    let answer = world.say(alice, &golden("client_chat_message"));
    assert_golden("server_recipe_update_answer", &answer);
    let heard = messages(&world.output(bob));
    assert_golden("server_chat_message", &heard[..1]);
    assert_golden("server_recipe_update_news", &heard[1..]);
    world.at(150);
    assert_golden("server_pong", &world.say(alice, &golden("client_ping")));
    world.at(180);
    let answer = world.chat(alice, "msg_2", "Sing");
    assert_golden("server_recipe_update_answer_unchanged", &answer);

    world.at(840);
    assert_golden("server_auth_required_token_expiring", &messages(&world.output(alice)));
    let heard = messages(&world.output(bob));
    assert_golden("server_auth_required_session_age", &heard[1..]);
    world.at(845);
    let renewal = world.auth("auth_2", "alice", 900);
    assert_golden("server_recipe_update_reauthenticated", &world.say(alice, &renewal));

    world.at(850);
    world.say(alice, &compact(&golden("client_chat_message_data")));
    assert_golden("server_chat_message_data", &messages(&world.output(bob)));
}

#[test]
fn errors_say_what_the_fixtures_say() {
    let mut world = World::new();
    let (alice, _) = world.join(&golden("client_auth"));
    world.at(200);
    let id = alice;
    assert_golden("server_error_invalid_json", &world.say(id, "{\"type\":"));
    assert_golden("server_error_invalid_message", &world.chat(id, "msg_3", ""));
    assert_golden("server_error_backend_unavailable", &world.chat(id, "msg_6", "unavailable"));
    assert_golden("server_error_backend_timeout", &world.chat(id, "msg_7", "timeout"));
    assert_golden("server_error_internal", &world.chat(id, "msg_8", "fault"));
    assert_golden("server_error_not_delivered", &world.chat(id, "msg_9", "spam"));
    for n in 4..30 {
        world.chat(id, &format!("more_{n}"), "Sing");
    }
    assert_golden("server_error_rate_limited", &world.chat(id, "msg_5", "Sing"));
}

#[test]
fn the_clients_fixtures_are_parsed_to_what_they_say() {
    let token = part("client_auth", "token").unwrap();
    let token = token.as_str().trim_matches('"');
    let auth = golden("client_auth");
    let expected = ClientMessage::Auth {
        id: "auth_1".into(),
        token: Some(Cow::Borrowed(token)),
        wants: Wants::default(),
    };
    assert_eq!(parse(&auth), Ok(expected));
    let (id, content) = ("msg_1".into(), "Scale to 8 servings".into());
    let expected = ClientMessage::Chat { id, content, data: None };
    assert_eq!(parse(&golden("client_chat_message")), Ok(expected));
    let expected = ClientMessage::Ping { id: Some("ping_1".into()) };
    assert_eq!(parse(&golden("client_ping")), Ok(expected));
}

#[test]
fn every_fixture_is_seen_by_a_test_of_this_file() {
    let source = [include_str!("golden.rs"), include_str!("golden/rooms.rs")].concat();
    for name in goldens().keys() {
        assert!(source.contains(&format!("\"{name}\"")), "{name}");
    }
    for code in ErrorCode::ALL {
        golden(&format!("server_error_{}", code.as_str()));
    }
}

/// What stands between the fences of this language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn documentation_shows_every_fixture_and_no_other() {
    let shown = blocks(PROTOCOL, "json");
    let goldens = goldens();
    for (name, text) in &goldens {
        assert!(shown.contains(&text.as_str()), "docs/protocol.md does not show {name}");
    }
    for block in shown {
        assert!(goldens.values().any(|text| text == block), "no fixture says\n{block}");
    }
}

/// Each block of HTTP is a request, an empty line, and the answer to it. In a request, `…` stands for
/// 8 KiB.
#[test]
fn the_documentation_shows_what_is_answered_in_http() {
    let shown = blocks(PROTOCOL, "http");
    let mut statuses = Vec::new();
    for block in shown {
        let (request, answer) = block.split_once("HTTP/1.1 101 ").map_or_else(
            || {
                let at = block.find("\nHTTP/1.1 ").unwrap() + 1;
                (block[..at].to_owned(), block[at..].to_owned())
            },
            |(request, answer)| (request.to_owned(), format!("HTTP/1.1 101 {answer}")),
        );
        let mut world = World::new();
        if answer.starts_with("HTTP/1.1 503") {
            world.node.handle_shutdown(world.now);
        }
        if answer.starts_with("HTTP/1.1 429") {
            // `limits.pending_per_ip` of them.
            assert_eq!((0..256).map(|_| world.accept()).count(), 256);
        }
        let request = request.replace('…', &"x".repeat(8_192)).replace('\n', "\r\n");
        let id = world.accept();
        let said = String::from_utf8(world.exchange(id, request.as_bytes())).unwrap();
        assert_eq!(said.replace("\r\n", "\n").trim_end(), answer.trim_end(), "{request}");
        statuses.push(answer.split(' ').nth(1).unwrap().parse().unwrap());
    }
    for status in [101_u16, 200, 400, 403, 404, 405, 426, 429, 431, 503] {
        assert!(statuses.contains(&status), "there is no example of {status}");
    }
}

/// `14 min`, `90 s`, `1 h`, in seconds.
fn seconds(text: &str) -> u64 {
    let mut words = text.split_whitespace();
    let number: u64 = words.next().unwrap().parse().unwrap();
    match words.next().unwrap() {
        "h" => number * 3_600,
        "min" => number * 60,
        _ => number,
    }
}

/// The rows of the table that begins with this cell.
fn rows<'a>(document: &'a str, first: &str) -> Vec<Vec<&'a str>> {
    let (_, table) = document.split_once(&format!("| {first} |")).unwrap();
    let lines = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn reauthentication_is_timed_as_documented() {
    let rows = rows(PROTOCOL, "token's life");
    assert!(rows.len() > 3);
    for row in rows {
        let [life, interval, _, reason, answer] = row[..] else { panic!("{row:?}") };
        let (life, interval, answer) = (seconds(life), seconds(interval), seconds(answer));
        let mut world = World::new();
        let auth = world.auth("auth_1", "alice", life);
        let (alice, told) = world.join(&auth);
        let told: Value = serde_json::from_str(&told[0]).unwrap();
        let moment = |seconds| (START + Duration::from_secs(seconds)).to_rfc3339().to_string();
        assert_eq!(told["payload"]["session"]["reauth_at"], moment(interval), "{row:?}");
        world.at(interval - 1);
        assert!(world.output(alice).is_empty(), "{row:?}");
        world.at(interval);
        let asked: Value = serde_json::from_str(&messages(&world.output(alice))[0]).unwrap();
        assert_eq!(asked["payload"]["reason"], reason.trim_matches('`'), "{row:?}");
        assert_eq!(asked["payload"]["deadline"], moment(interval + answer), "{row:?}");
    }
}
