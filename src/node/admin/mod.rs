//! The admin listener: health, counters, and an operator's commands, in HTTP.
//!
//! Its connections are read, bounded and written like those of the public listeners, but they are
//! counted apart: a full server can still be asked why, and told to do something about it. Nothing of
//! the chat is here, and nothing of this is there, but `/healthz`.
//!
//! Whoever gets here is taken for the operator, so the door is narrow: with a key, calls must show it
//! ([`Key`]); without one, they must come from this host and mean it ([`Node::judge_call`]).

mod call;
mod collect;
mod commands;
mod explain;
mod exposition;
mod key;
mod stats;

use std::net::SocketAddr;
use std::time::Duration;

pub(crate) use self::commands::order_response;
pub(crate) use self::key::Key;

use self::call::{Call, Route};
use crate::id::ConnId;
use crate::node::Node;
use crate::node::connections::connection::Connection;
use crate::node::connections::frame::Shared;
use crate::node::gate::places::Places;
use crate::node::http::message::{Form, Response};
use crate::node::http::refusal::Refusal;
use crate::node::http::request::PendingRequest;
use crate::node::observe::process_metrics::Probes;
use crate::node::work::port::Refused;
use crate::time::{Instant, Now};

/// What the node keeps for its admin listener.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// Slots that are taken by its connections, those included that have given way and that the
    /// driver has not closed yet.
    pub(crate) connections: usize,
    pub(crate) places: Places,
    denials: MinuteThrottle,
    pub(crate) probes: Probes,
}

/// What is told in one line a minute, however often it happens.
#[derive(Debug, Default)]
pub(crate) struct MinuteThrottle {
    told: Option<Instant>,
    untold: u64,
}

const BETWEEN_LINES: Duration = Duration::from_secs(60);

impl MinuteThrottle {
    /// One more. How many are to be told now, if any.
    pub(crate) fn count(&mut self, now: Instant) -> Option<u64> {
        self.untold += 1;
        if self.told.is_some_and(|told| now.since(told) < BETWEEN_LINES) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

impl Node {
    /// A socket was accepted on the admin listener. It counts towards no limit of the public ones.
    /// Where all places are taken, the oldest request that is not whole gives way to it.
    ///
    /// # Errors
    /// [`Refused`]: `admin.connections` requests are being answered; the driver drops the socket.
    pub fn handle_accept_admin(&mut self, now: Now, peer: SocketAddr) -> Result<ConnId, Refused> {
        if !self.has_place_for_operator(now) {
            self.metrics.admin_dropped += 1;
            return Err(Refused::Full);
        }
        self.admin.connections += 1;
        let index = self.insert(now, peer);
        if let Some(connection) = self.connections.get_mut(index) {
            connection.is_admin = true;
        }
        let id = self.id_of(index);
        self.admin.places.push(id, usize::MAX);
        Ok(id)
    }

    /// Bytes that may be a whole call.
    pub(crate) fn on_call(&mut self, now: Now, index: usize, bytes: &[u8]) {
        let policy = &self.policy;
        let (call, length) = match call::parse(bytes, policy.header_bytes, policy.body_bytes) {
            Ok(None) => return self.keep(index, bytes.to_vec()),
            Ok(Some(parsed)) => parsed,
            Err(refusal) => {
                self.set_form(index, Form::of_unread(bytes));
                return self.write_response(now, index, &refusal.response());
            }
        };
        self.set_form(index, Form { is_head: call.is_head(), ..Form::default() });
        let Some(connection) = self.connections.get(index) else { return };
        let (route, body_length) = match self.judge_call(connection, &call) {
            Ok(judged) => judged,
            Err(response) => {
                if matches!(response.status, 401 | 403) {
                    self.deny(now, index);
                }
                return self.write_response(now, index, &response);
            }
        };
        let whole = length.saturating_add(body_length);
        let is_new = self.expect_call(index, whole);
        let Some(body) = bytes.get(length..whole) else {
            self.keep(index, bytes.to_vec());
            if is_new && call.expects_continue {
                self.send(now, index, Shared::from(&b"HTTP/1.1 100 Continue\r\n\r\n"[..]));
            }
            return;
        };
        self.metrics.admin_calls += 1;
        if let Some(response) = self.carry_out_call(now, index, &route, body) {
            self.write_response(now, index, &response);
        }
    }

    /// Notes what is known of a call. True: nothing was before.
    fn expect_call(&mut self, index: usize, whole: usize) -> bool {
        let Some(connection) = self.connections.get_mut(index) else { return false };
        let request = &mut connection.waiting.get_or_insert_default().request;
        let is_new = request.is_none();
        request.get_or_insert_with(|| PendingRequest::new(whole));
        is_new
    }

    /// May this be called, by whoever calls it? With what is called comes the length of the body.
    ///
    /// A browser on the operator's own host can be made to call by any page it shows. Such a call
    /// names its page's `Origin`, and is refused whatever it asks for: nothing here is for pages. An
    /// old browser's form names none, but a content type that is not JSON's. And a page whose name
    /// was made to lead to this host (DNS rebinding) is told by that name in `Host`; where there is a
    /// key, which such a page has not, an operator may call this host by any name.
    fn judge_call<'a>(
        &self,
        connection: &Connection,
        call: &Call<'a>,
    ) -> Result<(Route<'a>, usize), Response> {
        let is_here = connection.peer().ip().is_loopback() && call.is_for_loopback();
        if self.policy.admin_key.is_none() && !is_here {
            return Err(Response::error(
                403,
                "host_not_allowed",
                "Without admin.key_file this listener answers this host only, by its address or as \
                 localhost",
            ));
        }
        if call.is_of_page {
            let message = "Web pages may not call the admin listener";
            return Err(Response::error(403, "origin_not_allowed", message));
        }
        let needs_key = call.route.as_ref().is_none_or(Route::needs_key);
        if needs_key && let Some(key) = &self.policy.admin_key {
            key.check(call.bearer)?;
        }
        let Some(route) = &call.route else { return Err(Response::not_found()) };
        if !route.takes(call.method) {
            return Err(Response::method_not_allowed(route.allow()));
        }
        call.version.map_err(Refusal::response)?;
        if call.is_of_other_type {
            let message = "The body's Content-Type must be application/json";
            return Err(Response::error(415, "unsupported_media_type", message));
        }
        let body_length = call.body_length.map_err(Refusal::response)?;
        if body_length > 0 && !route.is_command() {
            return Err(Response::error(400, "bad_request", "A body does not belong here"));
        }
        Ok((route.clone(), body_length))
    }

    fn deny(&mut self, now: Now, index: usize) {
        self.metrics.admin_denied += 1;
        let Some(connection) = self.connections.get(index) else { return };
        if let Some(count) = self.admin.denials.count(now.monotonic) {
            let ip = connection.peer().ip();
            log::warn!(
                "calls denied on the admin listener: {count}, the last from {ip}. They showed no key \
                 or a wrong one, or a page made them. Told once a minute"
            );
        }
    }
}
