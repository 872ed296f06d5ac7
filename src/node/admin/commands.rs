//! What an operator can ask for and have done.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use smol_str::SmolStr;

use crate::id::ConnId;
use crate::node::Node;
use crate::node::admin::call::{Route, decode_user};
use crate::node::app::{Answer, Json, OrderFault, OrderKind, Publish, Reply, Update};
use crate::node::gate::upgrade::decode_room;
use crate::node::http::message::Response;
use crate::node::http::respond::health;
use crate::node::rooms::deliveries::Delivered;
use crate::node::work::port::{Ticket, Work};
use crate::node::work::questions::Kind;
use crate::protocol::{ErrorCode, MAX_CONTENT_CHARS};
use crate::time::{Now, Rfc3339};

/// The longest drain: as long as any length that can be configured, 366 days.
const MAX_DRAIN_SECONDS: f64 = 366.0 * 86_400.0;

/// What is to be said in a room.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Announcement {
    content: String,
    #[serde(default, deserialize_with = "some")]
    recipe_data: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DrainWish {
    #[serde(default, deserialize_with = "some")]
    seconds: Option<f64>,
}

/// The body of a call that takes none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// A value that may be missing, but not `null`.
fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// Reads a JSON object. An empty body is an empty one.
fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Response> {
    let body = if body.is_empty() { b"{}" } else { body };
    // A sequence of its values would be taken for a struct, too.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(bad_request("The body must be a JSON object"));
    }
    serde_json::from_slice(body)
        .map_err(|error| bad_request(&format!("The body is not what this call takes: {error}")))
}

fn bad_request(message: &str) -> Response {
    Response::error(400, "bad_request", message)
}

fn room_of(id: &str) -> Result<SmolStr, Response> {
    decode_room(id).ok_or_else(|| bad_request("The recipe id is malformed"))
}

fn user_of(sub: &str) -> Result<String, Response> {
    decode_user(sub).ok_or_else(|| bad_request("The user is not 1 to 256 characters of UTF-8"))
}

impl Node {
    /// Does what was called for. `None`: the application will answer.
    pub(crate) fn carry_out_call(
        &mut self,
        now: Now,
        index: usize,
        route: &Route<'_>,
        body: &[u8],
    ) -> Option<Response> {
        let done = match route {
            Route::Health => Ok(health()),
            Route::Ready => Ok(self.readiness()),
            Route::Stats => return self.collect(now, index, true),
            Route::Metrics => return self.collect(now, index, false),
            Route::Room(id) => room_of(id).map(|room| self.list_room(now, &room)),
            Route::Connection(id) => Ok(self.explain(now, id)),
            Route::Ends { query } => self.list_ends(now, query),
            Route::Publish(id) => {
                let wished = room_of(id).and_then(|room| Ok((room, announcement(body)?)));
                match wished {
                    Ok((room, update)) => return self.publish(now, index, room, &Arc::new(update)),
                    Err(response) => Err(response),
                }
            }
            Route::Order(kind, sub) => match user_and_nothing(sub, body) {
                Ok(user) => return self.order_by_call(now, index, *kind, &user),
                Err(response) => Err(response),
            },
            Route::RequireAuth(sub) => user_and_nothing(sub, body)
                .map(|user| counted("asked", self.require_auth(now, &user))),
            Route::Drain => object(body).and_then(|wish| self.start_drain(now, &wish)),
        };
        Some(done.unwrap_or_else(|response| response))
    }

    /// Would a newcomer be let in?
    fn readiness(&self) -> Response {
        let is_full = self.public_connections() >= self.policy.connections
            || self.pending() >= self.policy.pending;
        if self.drain.is_some() {
            Response::error(503, "draining", "The server takes no new connections")
        } else if is_full {
            Response::error(503, "at_capacity", "The server is full")
        } else {
            Response::new(200, "application/json", &br#"{"status":"ready"}"#[..])
        }
    }

    /// Who is in a room, the last to come first. O(connections in it), each of which costs less
    /// than to hand it a message of the room.
    fn list_room(&self, now: Now, room: &str) -> Response {
        #[derive(Serialize)]
        struct Member<'a> {
            id: String,
            user_id: &'a str,
            since: Rfc3339,
        }
        #[derive(Serialize)]
        struct Listed<'a> {
            room: &'a str,
            connections: Vec<Member<'a>>,
        }
        let member = |index: usize| {
            let connection = self.connections.get(index)?;
            Some(Member {
                id: self.id_of(index).to_string(),
                user_id: self.users.name_of(index)?,
                since: now.unix_when(connection.session.in_since(now.monotonic)?).to_rfc3339(),
            })
        };
        let connections = self.rooms.members(room).filter_map(member).collect();
        Response::json(200, &Listed { room, connections })
    }

    fn start_drain(&mut self, now: Now, wish: &DrainWish) -> Result<Response, Response> {
        let length = match wish.seconds {
            None => self.policy.drain,
            Some(seconds) if (0.0..=MAX_DRAIN_SECONDS).contains(&seconds) => {
                Duration::from_secs_f64(seconds)
            }
            Some(_) => return Err(bad_request("`seconds` must be 0 to 31622400, 366 days")),
        };
        let remaining = self.drain(now, length);
        log::info!("an operator drains: {remaining} connections within {length:?}");
        Ok(counted_with(202, "connections", remaining))
    }

    /// Asks the application first, which may want to store it.
    fn publish(
        &mut self,
        now: Now,
        index: usize,
        room: SmolStr,
        update: &Arc<Update>,
    ) -> Option<Response> {
        let ticket = self.questions.issue();
        let start = self.questions.start();
        let publish = Publish { ticket, start, now: now.unix, room: &room, update };
        let work = match self.app.on_publish(&publish) {
            Reply::Now(answer) => return Some(self.published(now, &room, answer)),
            Reply::Later(job) => Some(Work::Message(job)),
            Reply::Held => None,
        };
        self.await_response(now, index, ticket, (Kind::Publish { room }, 0), work);
        None
    }

    /// The application has taken an announcement, or not: the room hears it.
    fn published(&mut self, now: Now, room: &str, answer: Answer) -> Response {
        match answer {
            Ok(update) => {
                let frame = self.update(now, &update, None);
                let delivered = self.fan_out(now, room, None, frame, Delivered::Update);
                counted("delivered", delivered)
            }
            Err(error) => {
                let status = match error {
                    ErrorCode::BackendUnavailable => 503,
                    ErrorCode::BackendTimeout => 504,
                    ErrorCode::InvalidMessage => 400,
                    _ => 500,
                };
                Response::error(status, error.as_str(), error.message())
            }
        }
    }

    /// The same, later. The room hears it though the operator may have hung up.
    pub(crate) fn published_later(
        &mut self,
        now: Now,
        asker: ConnId,
        ticket: Ticket,
        room: &str,
        answer: Answer,
    ) {
        let response = self.published(now, room, answer);
        if self.awaits_response(asker, ticket) {
            self.write_response(now, asker.index(), &response);
            self.resume(now, asker.index(), true);
        }
    }
}

fn user_and_nothing(sub: &str, body: &[u8]) -> Result<String, Response> {
    let user = user_of(sub)?;
    object::<Nothing>(body).map(|_| user)
}

/// A message that changes the recipe for everybody in the room.
fn announcement(body: &[u8]) -> Result<Update, Response> {
    let Announcement { content, recipe_data } = object(body)?;
    if !(1..=MAX_CONTENT_CHARS).contains(&content.chars().count()) {
        return Err(bad_request("`content` must have 1 to 16384 characters"));
    }
    if recipe_data.as_ref().is_some_and(|data| !data.get().starts_with('{')) {
        return Err(bad_request("`recipe_data` must be a JSON object"));
    }
    let recipe_data = recipe_data.map(Json::from_raw);
    Ok(Update { content: content.into(), recipe_data, history: None, broadcast: true })
}

fn counted(what: &'static str, count: usize) -> Response {
    counted_with(200, what, count)
}

fn counted_with(status: u16, what: &'static str, count: usize) -> Response {
    Response::new(status, "application/json", format!("{{\"{what}\":{count}}}").into_bytes())
}

/// What is answered to an order about a user.
pub(crate) fn order_response(kind: OrderKind, result: Result<usize, OrderFault>) -> Response {
    let fault = match (kind, result) {
        (OrderKind::Disconnect, Ok(disconnected)) => {
            return Response::json(200, &serde_json::json!({ "disconnected": disconnected }));
        }
        (OrderKind::Lock, Ok(disconnected)) => {
            let done = serde_json::json!({ "locked": true, "disconnected": disconnected });
            return Response::json(200, &done);
        }
        (OrderKind::Unlock, Ok(_)) => {
            return Response::json(200, &serde_json::json!({ "locked": false }));
        }
        (_, Err(fault)) => fault,
    };
    let (status, code) = match fault {
        OrderFault::NotSupported => (409, "not_supported"),
        OrderFault::NoSuchUser => (404, "no_such_user"),
        OrderFault::Unavailable => (503, "backend_unavailable"),
        OrderFault::Failed => (500, "internal"),
        OrderFault::NotStored(_) => (503, "not_stored"),
    };
    let is_half_done = matches!(fault, OrderFault::Unavailable | OrderFault::Failed if kind == OrderKind::Disconnect);
    let message = if is_half_done {
        format!("Connections are closed and older tokens refused; but {fault}. Call again")
    } else {
        fault.to_string()
    };
    Response::error(status, code, &message)
}
