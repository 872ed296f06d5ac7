//! The admin listener by bytes: calls, and what they are answered.

mod calls;
mod counters;
mod ends;
mod publish;
mod state;

use serde_json::{Value, json};

use crate::config::Config;
use crate::id::ConnId;
use crate::node::tests::{SECRET, Seen, World, text};
use crate::node::{Completion, Hangup, Outcome, Phase, REFUSAL_STATUSES, Ticket};
use crate::testing::{envelope, frame, upgrade};
use crate::time::UnixTime;

const KEY: &str = "0123456789abcdef0123456789abcdef";

impl World {
    pub(super) fn guarded() -> Self {
        Self::with(|config| config.admin.key = KEY.to_owned())
    }

    pub(crate) fn call(&mut self, text: &str) -> String {
        let id = self.operator();
        self.bytes(id, text.as_bytes());
        let answer = self.raw(id);
        self.node.handle_hangup(self.now, id, Hangup::Eof);
        self.settle();
        answer
    }

    pub(crate) fn operator(&mut self) -> ConnId {
        let peer = "127.0.0.1:9".parse().unwrap();
        self.node.handle_accept_admin(self.now, peer).unwrap()
    }

    pub(crate) fn get(&mut self, path: &str) -> (u16, Value) {
        split(&self.call(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")))
    }

    pub(super) fn post(&mut self, path: &str, body: &str) -> (u16, Value) {
        split(&self.call(&post(path, "", body)))
    }
}

pub(crate) fn post(path: &str, lines: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost:9090\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{lines}\r\n{body}"
    )
}

/// The status and the JSON of an answer.
#[track_caller]
pub(crate) fn split(answer: &str) -> (u16, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("\r\nContent-Type: application/json"), "{head}");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}
