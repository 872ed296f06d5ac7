//! An application whose calls and answers are written into the ledger.

use super::ledger::SharedLedger;
use crate::node::app::{Admission, Answer, App, Incoming, Join, Left, Reply};
use crate::node::{Request, RequestPlace, Response};

/// An application, and the ledger of its calls.
pub(super) struct WatchedApp {
    pub(super) app: Box<dyn App>,
    pub(super) ledger: SharedLedger,
}

impl App for WatchedApp {
    fn on_join(&mut self, join: &Join<'_>) -> Reply<Admission> {
        self.ledger.lock().ask_to_join(join);
        let reply = self.app.on_join(join);
        if let Reply::Now(admission) = &reply {
            self.ledger.lock().joined(join.ticket, Some(admission));
        }
        reply
    }

    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        self.ledger.lock().ask(message);
        let ticket = message.ticket;
        match self.app.on_message(message) {
            Reply::Now(answer) => {
                let mut ledger = self.ledger.lock();
                ledger.begun(ticket);
                ledger.answered(ticket, &answer);
                Reply::Now(answer)
            }
            Reply::Later(job) => {
                self.ledger.lock().held(ticket, message.start);
                let ledger = self.ledger.clone();
                Reply::later(move || {
                    ledger.lock().begun(ticket);
                    job()
                })
            }
            Reply::Held => {
                if message.start.is_shared() {
                    self.ledger.lock().held(ticket, message.start);
                }
                Reply::Held
            }
        }
    }

    fn lets_leaves_linger(&self) -> bool {
        self.app.lets_leaves_linger()
    }

    fn serves(&self, path: &str) -> bool {
        self.app.serves(path)
    }

    fn request_place(&self, path: &str) -> RequestPlace {
        self.app.request_place(path)
    }

    fn on_request(&mut self, request: &Request<'_>) -> Reply<Response> {
        if let Some(user) = request.user {
            self.ledger.lock().ask_for_page(user);
        }
        self.app.on_request(request)
    }

    fn on_leave(&mut self, left: &Left<'_>) {
        self.ledger.lock().leave(left);
        self.app.on_leave(left);
    }
}
