//! Answers in HTTP, refusals among them: how they are written, and what follows.

use crate::node::Node;
use crate::node::connections::connection::Afterwards;
use crate::node::connections::frame::Shared;
use crate::node::http::message::{Form, Response};
use crate::node::http::refusal::Refusal;
use crate::node::observe::close_history::Ending;
use crate::time::Now;

/// The answer to `/healthz`.
pub(crate) fn health() -> Response {
    Response::new(200, "application/json", &br#"{"status":"ok"}"#[..])
}

/// The answer to a preflight (the Fetch standard, section 3.2.2).
pub(crate) fn preflight(is_allowed: bool) -> Response {
    let response = Response { status: 204, headers: Vec::new(), ..Response::not_found() };
    if !is_allowed {
        return response;
    }
    response
        .with("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
        .with("Access-Control-Allow-Headers", "Authorization, Content-Type")
        .with("Access-Control-Max-Age", "600")
}

impl Node {
    /// Whatever is answered to the request of `index` is written in this form.
    pub(crate) fn set_form(&mut self, index: usize, form: Form) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        // Most requests ask for nothing special, and nothing is kept for them.
        if form != Form::default() {
            connection.waiting.get_or_insert_default().form = Some(form);
        }
    }

    /// The form in which `index` is answered: what its request has set, or what can be told of one
    /// that is not whole.
    fn take_form(&mut self, index: usize) -> Form {
        let Some(connection) = self.connections.get_mut(index) else { return Form::default() };
        let Some(waiting) = &mut connection.waiting else {
            return Form::of_unread(&connection.decoder.take_kept());
        };
        // What is kept behind a request that was read is another, which is not answered.
        waiting.form.take().unwrap_or_default()
    }

    /// Writes `response` to whoever may read it; then the connection ends.
    pub(crate) fn write_response(&mut self, now: Now, index: usize, response: &Response) {
        let form = self.take_form(index);
        let is_admin = self.connections.get(index).is_some_and(|c| c.is_admin);
        let is_secure = !is_admin && (self.policy.speaks_tls || form.is_https);
        let secure_seconds = is_secure.then_some(self.policy.hsts_seconds);
        self.respond(now, index, &response.to_bytes(&form, secure_seconds));
        if self.connections.get(index).is_some_and(|c| c.is_request || c.is_admin) {
            let read_by = now.monotonic + self.policy.response_timeout;
            self.with_session(index, |session, _| session.ends_by(read_by));
        }
    }

    /// Answers in HTTP; then the connection ends.
    fn respond(&mut self, now: Now, index: usize, response: &[u8]) {
        self.say_goodbye(now, index, Shared::from(response), None);
        if let Some(connection) = self.connections.get_mut(index) {
            connection.is_deaf = true;
        }
        self.end_when_written(now, index, Afterwards::Finish);
    }

    /// Refuses a request.
    pub(crate) fn refuse(&mut self, now: Now, index: usize, refusal: Refusal) {
        if self.connections.get(index).is_some_and(|connection| !connection.is_admin) {
            self.metrics.count_refusal(refusal.status());
        }
        log::debug!(connection:% = self.id_of(index); "refused: {}", refusal.status());
        self.note_end(now, index, Ending::Refused(refusal));
        self.write_response(now, index, &refusal.response());
    }
}
