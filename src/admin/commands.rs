//! What an operator can ask for and have done: a call's route and body, as one operation.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use smol_str::SmolStr;

use super::body::{bad_request, object, room_of, some};
use super::call::{Route, decode_user};
use super::listing::ListPage;
use super::publish::{self, PublishCall};
use crate::node::app::{OrderFault, OrderKind};
use crate::node::{CollectedForm, ConfirmedBy, NotShared, OperatorCall, Response};

/// The longest drain: as long as any length that can be configured, 366 days.
const MAX_DRAIN_SECONDS: f64 = 366.0 * 86_400.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DrainWish {
    #[serde(default, deserialize_with = "some")]
    seconds: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InvitationWish {
    #[serde(default, deserialize_with = "some")]
    email: Option<String>,
    #[serde(default, deserialize_with = "some")]
    valid_seconds: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResetWish {
    email: String,
}

/// How long an invitation can be used for which nobody says that: a week. And at most: 366 days.
const VALID_SECONDS: f64 = 7.0 * 86_400.0;
const MAX_VALID_SECONDS: f64 = 366.0 * 86_400.0;

/// The body of a call that takes none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn user_of(sub: &str) -> Result<String, Response> {
    decode_user(sub).ok_or_else(|| bad_request("The user is not 1 to 256 characters of UTF-8"))
}

/// What is to be done or told.
pub(super) enum Operation<'a> {
    Health,
    Ready,
    Status,
    /// The nodes of the cluster.
    Nodes,
    /// The counters.
    Collect {
        form: CollectedForm,
    },
    Rooms(ListPage),
    Users(ListPage),
    Room(SmolStr, ListPage),
    /// Closes the connections in a room.
    CloseRoom(SmolStr),
    Connection(&'a str),
    /// Closes a connection.
    CloseConnection(&'a str),
    Ends {
        query: &'a str,
    },
    Publish(PublishCall<'a>),
    /// An order about a user.
    Order(OrderKind, String),
    RequireAuth(String),
    /// An invitation to sign up, for this email or for anybody, and how long it can be used.
    Invite(Option<String>, Duration),
    /// Another password for the account with this email.
    ResetPassword(String),
    /// A drain of this length, or of the configured one.
    Drain(Option<Duration>),
}

impl<'a> Operation<'a> {
    /// Reads a call's route and body.
    ///
    /// # Errors
    /// What is answered to a call that is malformed.
    pub(super) fn parse(
        route: &Route<'a>,
        call: &OperatorCall,
        body: &'a [u8],
    ) -> Result<Self, Response> {
        Ok(match *route {
            Route::Health => Self::Health,
            Route::Ready => Self::Ready,
            Route::Status => Self::Status,
            Route::Nodes => Self::Nodes,
            Route::Stats => Self::Collect { form: CollectedForm::Json },
            Route::Metrics if call.wants_open_metrics => {
                Self::Collect { form: CollectedForm::OpenMetrics }
            }
            Route::Metrics => Self::Collect { form: CollectedForm::Text },
            Route::Rooms { query } => Self::Rooms(ListPage::of(query)?),
            Route::Users { query } => Self::Users(ListPage::of(query)?),
            Route::Room { id, query } => Self::Room(room_of(id)?, ListPage::of(query)?),
            Route::CloseRoom(id) => Self::CloseRoom(object::<Nothing>(body).and(room_of(id))?),
            Route::Connection(id) => Self::Connection(id),
            Route::CloseConnection(id) => {
                object::<Nothing>(body).map(|_| Self::CloseConnection(id))?
            }
            Route::Ends { query } => Self::Ends { query },
            Route::Publish(id) => Self::Publish(publish::to_room(room_of(id)?, body)?),
            Route::PublishMany => Self::Publish(publish::to_many(body)?),
            Route::Order(kind, sub) => Self::Order(kind, user_and_nothing(sub, body)?),
            Route::RequireAuth(sub) => Self::RequireAuth(user_and_nothing(sub, body)?),
            Route::Invitations => {
                let (email, valid) = invitation(body)?;
                Self::Invite(email, valid)
            }
            Route::Passwords => Self::ResetPassword(object::<ResetWish>(body)?.email),
            Route::Drain => Self::Drain(drain_length(body)?),
        })
    }
}

fn invitation(body: &[u8]) -> Result<(Option<String>, Duration), Response> {
    let InvitationWish { email, valid_seconds } = object(body)?;
    let seconds = valid_seconds.map_or(Some(VALID_SECONDS), |value| value.as_f64());
    match seconds.filter(|seconds| (60.0..=MAX_VALID_SECONDS).contains(seconds)) {
        Some(seconds) => Ok((email, Duration::from_secs_f64(seconds))),
        None => Err(bad_request("`valid_seconds` must be a number of 60 to 31622400, 366 days")),
    }
}

fn drain_length(body: &[u8]) -> Result<Option<Duration>, Response> {
    let DrainWish { seconds } = object(body)?;
    seconds
        .map(|value| {
            let seconds = value.as_f64();
            let seconds = seconds.filter(|seconds| (0.0..=MAX_DRAIN_SECONDS).contains(seconds));
            seconds
                .map(Duration::from_secs_f64)
                .ok_or_else(|| bad_request("`seconds` must be a number of 0 to 31622400, 366 days"))
        })
        .transpose()
}

fn user_and_nothing(sub: &str, body: &[u8]) -> Result<String, Response> {
    let user = user_of(sub)?;
    object::<Nothing>(body).map(|_| user)
}

#[derive(Serialize)]
struct OrderDone {
    #[serde(skip_serializing_if = "Option::is_none")]
    locked: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disconnected: Option<usize>,
    /// In a cluster: by how many nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<ConfirmedBy>,
}

/// What is answered to an order about a user.
pub(super) fn order_response(
    kind: OrderKind,
    result: Result<usize, OrderFault>,
    nodes: Option<ConfirmedBy>,
) -> Response {
    let done =
        |locked, disconnected| Response::json(200, &OrderDone { locked, disconnected, nodes });
    let fault = match (kind, result) {
        (OrderKind::Disconnect, Ok(count)) => return done(None, Some(count)),
        (OrderKind::Lock, Ok(count)) => return done(Some(true), Some(count)),
        (OrderKind::Unlock, Ok(_)) => return done(Some(false), None),
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

/// What is answered where only this node has carried something out.
pub(super) fn not_shared(fault: NotShared) -> Response {
    Response::error(503, "cluster_unavailable", &fault.to_string())
}

/// What is answered to an order that is not carried out in time.
pub(super) fn order_overdue(is_in_force: bool) -> Response {
    let message = if is_in_force {
        "In force, but not stored in time, and may be stored yet. Call again to know"
    } else {
        "The application has not done its part in time, and may do it yet. Call again to know"
    };
    Response::error(504, "backend_timeout", message)
}
