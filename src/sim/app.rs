//! An application that answers at once, from a worker, from outside, late, or never.

use std::sync::{Arc, Mutex, PoisonError};

use super::shares::{FRUGAL, PAGE, REFRESH};
use crate::id::Rng;
use crate::node::app::{Admission, Answer, App, Incoming, Join, Json, Reply, Update};
use crate::node::{Outcome, Request, RequestPlace, Response, StartFlag, Ticket};
use crate::protocol::ErrorCode;

/// The room that nobody may join.
pub(super) const CLOSED_ROOM: &str = "closed";

/// State that the world and its application share.
#[derive(Debug, Default)]
pub(super) struct AppControl {
    /// Faults are over: every answer arrives, and arrives soon.
    pub(super) is_healed: bool,
    /// Questions that will be answered from outside.
    pub(super) held: Vec<Held>,
    /// Messages wait in a queue of the world's.
    pub(super) is_served: bool,
    /// Those that are new, each with the user that sent it.
    pub(super) asked: Vec<(String, Held)>,
}

/// A question that will be answered from outside.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) ticket: Ticket,
    /// `None`: the node is not told when the work begins.
    pub(super) start: Option<StartFlag>,
    pub(super) outcome: Outcome,
}

/// [`AppControl`], shared between the application inside the node and the world.
pub(super) type SharedAppControl = Arc<Mutex<AppControl>>;

/// The simulator's own application.
#[derive(Debug)]
pub(super) struct RandomApp {
    rng: Rng,
    control: SharedAppControl,
}

impl RandomApp {
    pub(super) fn new(seed: u64, control: SharedAppControl) -> Self {
        Self { rng: Rng::new(seed), control }
    }

    fn reply<T: Clone + Send + 'static>(
        &mut self,
        ticket: Ticket,
        start: &StartFlag,
        answer: T,
        outcome: fn(T) -> Outcome,
    ) -> Reply<T> {
        match self.rng.below(10) {
            0..6 => Reply::Now(answer),
            6..8 => Reply::later(move || answer),
            _ => {
                let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
                let start = (self.rng.below(3) != 0).then(|| start.clone());
                control.held.push(Held { ticket, start, outcome: outcome(answer) });
                Reply::Held
            }
        }
    }

    fn is_served(&self) -> bool {
        self.control.lock().unwrap_or_else(PoisonError::into_inner).is_served
    }

    fn is_unlucky(&mut self, one_in: u64) -> bool {
        let is_healed = self.control.lock().unwrap_or_else(PoisonError::into_inner).is_healed;
        self.rng.below(one_in) == 0 && !is_healed
    }
}

impl App for RandomApp {
    fn on_join(&mut self, join: &Join<'_>) -> Reply<Admission> {
        let admission = if join.room == CLOSED_ROOM {
            Admission::Deny
        } else if self.is_unlucky(20) {
            Admission::Unavailable
        } else {
            let recipe = Json::new(&serde_json::json!({ "id": join.room })).ok();
            let content = format!("welcome to {}", join.room);
            Admission::Admit(Arc::new(Update {
                content: content.into(),
                recipe_data: recipe,
                ..Update::default()
            }))
        };
        if self.is_served() {
            return Reply::Now(admission);
        }
        self.reply(join.ticket, join.start, admission, Outcome::Join)
    }

    fn serves(&self, path: &str) -> bool {
        path == PAGE || path == REFRESH
    }

    fn request_place(&self, path: &str) -> RequestPlace {
        if path == REFRESH { RequestPlace::Refresh } else { RequestPlace::Ordinary }
    }

    fn on_request(&mut self, _: &Request<'_>) -> Reply<Response> {
        Reply::Now(Response::new(200, "text/html", b"<p>soup".as_slice()))
    }

    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        if self.is_served() {
            let content = format!("{} {} {}", message.room, message.user, message.id);
            let answer = Ok(Arc::new(Update { content: content.into(), ..Update::default() }));
            let (ticket, start) = (message.ticket, Some(message.start.clone()));
            let held = Held { ticket, start, outcome: Outcome::Message(answer) };
            let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
            control.asked.push((message.user.to_owned(), held));
            return Reply::Held;
        }
        let answer = if self.is_unlucky(30) {
            Err(ErrorCode::BackendUnavailable)
        } else {
            let broadcast = self.rng.below(4) == 0;
            // Some answers are long, so that they fill the queues of slow readers.
            let length = if self.rng.below(8) == 0 { self.rng.below(3_000) as usize } else { 1 };
            let length = if message.user.starts_with(FRUGAL) { 1 } else { length };
            let filling = "soup ".repeat(length);
            let content = format!("{} {} {}: {filling}", message.room, message.user, message.id);
            Ok(Arc::new(Update { content: content.into(), broadcast, ..Update::default() }))
        };
        self.reply(message.ticket, message.start, answer, Outcome::Message)
    }
}
