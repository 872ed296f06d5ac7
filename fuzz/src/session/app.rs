//! The in-memory application, with moods.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

use serde_json::json;
use vestibule::config::Config;
use vestibule::id::{ConnId, Seed};
use vestibule::protocol::ErrorCode;
use vestibule::{
    Access, Admission, Answer, App, Incoming, Join, Json, Left, MemoryApp, Reply, Update,
};

use super::Held;

/// Answers as the room, and then the message, begins: `l` later, `h` by a ticket, `d` no, `e` an
/// error, `p` with a change of the recipe; else as the in-memory application.
pub(super) struct Moody {
    inner: MemoryApp,
    held: Held,
    gone: HashSet<ConnId>,
}

impl Moody {
    pub(super) fn new(config: &Config, held: Held) -> Self {
        Self {
            inner: MemoryApp::new(config, Access::Open, &Seed::predictable(1)),
            held,
            gone: HashSet::new(),
        }
    }

    fn hold(&self, ticket: vestibule::node::Ticket, answer: Option<String>) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push((ticket, answer));
    }
}

impl App for Moody {
    fn on_join(&mut self, join: &Join<'_>) -> Reply<Admission> {
        assert!(!self.gone.contains(&join.connection), "a join of one who left");
        match join.room.as_bytes().first() {
            Some(b'l') => Reply::later(|| Admission::Admit(Update::text("in"))),
            Some(b'h') => {
                self.hold(join.ticket, None);
                Reply::Held
            }
            Some(b'd') => Admission::Deny.into(),
            _ => self.inner.on_join(join),
        }
    }

    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        assert!(!self.gone.contains(&message.connection), "a message of one who left");
        // So that a peer can see whether an answer is its own.
        let content = format!("for {} {}", message.user, message.id);
        match message.content.as_bytes().first() {
            Some(b'l') => Reply::later(move || Ok(Update::text(content))),
            Some(b'h') => {
                self.hold(message.ticket, Some(content));
                Reply::Held
            }
            Some(b'e') => Err(ErrorCode::Internal).into(),
            Some(b'p') => {
                let recipe_data = Json::new(&json!({ "title": content })).ok();
                let update = Update {
                    content: content.into(),
                    recipe_data,
                    broadcast: true,
                    ..Update::default()
                };
                Ok(Arc::new(update)).into()
            }
            _ => self.inner.on_message(message),
        }
    }

    fn on_leave(&mut self, left: &Left<'_>) {
        assert!(self.gone.insert(left.connection), "{} left twice", left.connection);
    }
}
