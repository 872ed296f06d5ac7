//! Clients that use little of everything, and check that it is left to them.
//!
//! They come and go. On every other visit such a client sends the last `auth` that was accepted
//! again, which must be refused however many tokens others have had accepted since. On the others it
//! sends its message again, which the [`Ledger`](super::ledger::Ledger) must not see a second time.

use std::time::Duration;

use super::check::Expect;
use super::client::{Chat, Client, State};
use super::engine::Engine;
use super::network::LinkId;
use super::shares::{PAGE, frugal_room};
use super::wire::{self, Message, Seen};
use crate::protocol::CloseReason;

/// How long such a client waits for progress.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it sends the same message: for less than the server remembers it.
const SAME_MESSAGE: Duration = Duration::from_secs(500);

/// The next action: it comes, or has lost its patience.
pub(super) fn wake(client: &mut Client, engine: &mut Engine) {
    match client.link {
        Some(link) => {
            engine.reset(link);
            leave(client, engine);
        }
        None if engine.is_healed => {}
        None => visit(client, engine),
    }
}

fn visit(client: &mut Client, engine: &mut Engine) {
    let link = client.open(engine);
    client.state = State::Upgrading;
    client.visits += 1;
    client.is_told = false;
    client.is_replay = false;
    client.wake_after(engine, PATIENCE);
    if client.visits % 4 == 3 {
        return engine.send(link, &wire::get(PAGE, ""));
    }
    client.room = frugal_room(&client.user);
    let mut bytes = wire::upgrade(&client.room);
    // In the same segment, or once the server has upgraded.
    if client.rng.below(2) == 0 {
        bytes.extend(auth(client, engine, link));
    }
    engine.send(link, &bytes);
}

/// A fresh `auth`, and on every other visit the last one that was accepted.
fn auth(client: &mut Client, engine: &mut Engine, link: LinkId) -> Vec<u8> {
    client.state = State::Authenticating;
    let again = client.accepted.take_if(|_| client.visits.is_multiple_of(2));
    let Some(accepted) = again else { return client.auth(engine, link) };
    client.is_replay = true;
    if let Some(link) = engine.link(link) {
        // If the server acknowledges it, that is reported below.
        link.hearing.auths.push_back(accepted.id.clone());
    }
    let frame = accepted.frame.clone();
    client.auth = Some(accepted);
    frame
}

/// Handles what the server sent.
pub(super) fn hear(client: &mut Client, engine: &mut Engine, link: LinkId, seen: Seen) {
    client.is_told = true;
    match seen {
        Seen::Upgraded if client.state == State::Upgrading => {
            let frame = auth(client, engine, link);
            engine.send(link, &frame);
        }
        Seen::Message(Message::Acknowledged { .. }) => {
            if client.is_replay {
                let user = &client.user;
                engine.fail(format!("an auth of {user} was accepted twice, forgotten for others"));
            }
            client.accepted = client.auth.take();
            client.answered = Some(engine.now.monotonic);
            ask(client, engine, link);
        }
        Seen::Message(Message::Answer { to: Some(id), said, .. }) => {
            let Some(chat) = client.unanswered.pop_front().filter(|chat| chat.id == id) else {
                return;
            };
            // It was sent as soon as the client was in.
            let waited = client.answered.map(|sent| engine.now.monotonic.since(sent));
            engine.judge_frugal_answer(waited.unwrap_or_default(), said.is_err());
            // It counts from the first answer.
            let known = client.last.take().filter(|(known, _)| known.id == id);
            let known = known.unwrap_or((chat, engine.now.monotonic));
            client.last = Some(known).filter(|_| said.is_ok());
            client.begin_close(engine, link);
        }
        Seen::Close(_, text) => {
            let is_upgrading = client.state == State::Upgrading;
            if is_upgrading && text == CloseReason::Overloaded.text() {
                engine.fail(format!("{} gave way to those who have more", client.user));
            }
            if text == CloseReason::AccessDenied.text() && client.answered.is_some() {
                engine.fail(format!("the room of {} was forgotten for others'", client.user));
            }
            engine.end(link);
        }
        Seen::Refused(status @ (429 | 503)) => {
            engine.fail(format!("{} is told {status}, and others have more", client.user));
        }
        _ => {}
    }
}

/// Sends the message that was answered before, if that is remembered, or a new one.
fn ask(client: &mut Client, engine: &mut Engine, link: LinkId) {
    let now = engine.now.monotonic;
    // One that is remembered waits in no queue.
    let known = client.last.as_ref().filter(|_| engine.served.is_none());
    let known = known.filter(|(_, at)| now.since(*at) < SAME_MESSAGE).map(|(chat, _)| chat.clone());
    let chat = known.unwrap_or_else(|| {
        let id = format!("{}-{}", client.user, client.visits);
        let content = format!("{} asks: {id}", client.user);
        Chat { id, content, retries: 0 }
    });
    let frame = client.text(&wire::envelope("chat_message", &chat.id, "content", &chat.content));
    engine.expect(link, Expect::Answer(chat.id.clone()));
    engine.send(link, &frame);
    client.unanswered.push_back(chat);
}

/// Handles the end of its connection.
pub(super) fn ended(client: &mut Client, engine: &mut Engine) {
    if !client.is_told && !engine.is_healed {
        engine.fail(format!("{} was dropped without a word", client.user));
    }
    leave(client, engine);
}

fn leave(client: &mut Client, engine: &mut Engine) {
    client.link = None;
    client.auth = None;
    client.state = State::Away;
    client.unanswered.clear();
    let pause = client.millis(2_000, 15_000);
    client.wake_after(engine, pause);
}
