//! Clients of the first protocol version: the token is in the request, messages have neither an id
//! nor a timestamp, and heartbeats have no answer.

use super::check::Expect;
use super::client::{Chat, Client, Kind};
use super::engine::Engine;
use super::network::LinkId;
use super::wire;

impl Client {
    /// An upgrade request with a token, sometimes followed by a heartbeat.
    pub(super) fn old_request(&mut self, engine: &mut Engine, link: LinkId) -> Vec<u8> {
        let life = if self.rng.below(4) == 0 { 70 + self.rng.below(100) as i64 } else { 7_200 };
        let token = engine.token(&self.user, life);
        let is_in_query = self.rng.below(2) == 0;
        let mut bytes = wire::old_upgrade(&self.room, &token, is_in_query);
        if let Some(link) = engine.link(link) {
            link.hearing.auths.push_back(String::new());
        }
        if self.rng.below(3) == 0 {
            bytes.extend(self.unknown());
        }
        bytes
    }

    /// Sends a message without an id, sometimes after a heartbeat.
    pub(super) fn send_old_chat(&mut self, engine: &mut Engine, link: LinkId, chat: &Chat) {
        if self.rng.below(3) == 0 {
            let heartbeat = self.unknown();
            engine.send(link, &heartbeat);
        }
        let frame = self.text(&wire::bare_chat(&chat.content));
        engine.expect(link, Expect::Given(chat.content.clone()));
        engine.send(link, &frame);
    }

    /// A message of an unknown type. An old client's has no other fields.
    pub(super) fn unknown(&mut self) -> Vec<u8> {
        let text = match self.kind {
            Kind::Old if self.rng.below(2) == 0 => r#"{"type":"heartbeat"}"#.to_owned(),
            Kind::Old => r#"{"type":"ping","payload":null}"#.to_owned(),
            _ => wire::envelope("typing", &format!("typing-{}", self.number), "since", "now"),
        };
        self.text(&text)
    }
}
