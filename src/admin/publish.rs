//! What is published: the body of such a call, and its answer.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use smol_str::SmolStr;

use super::body::{bad_request, object, room_of, some};
use crate::node::app::{Json, Update};
use crate::node::{ConfirmedBy, MAX_TARGETS, PublishError, PublishTarget, Published, Response};
use crate::protocol::{ErrorCode, MAX_CONTENT_CHARS, MAX_USER_CHARS, is_forwardable};

/// The longest idempotency key, in characters.
const MAX_KEY_CHARS: usize = 255;

/// What is to be said in a room.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Announcement {
    content: String,
    #[serde(default, deserialize_with = "some")]
    recipe_data: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "some")]
    idempotency_key: Option<String>,
}

/// The same, and to whom.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Circular {
    #[serde(default)]
    rooms: Vec<String>,
    #[serde(default)]
    users: Vec<String>,
    #[serde(default)]
    connections: Vec<String>,
    content: String,
    #[serde(default, deserialize_with = "some")]
    recipe_data: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "some")]
    idempotency_key: Option<String>,
}

/// What a call publishes, and to whom.
pub(super) struct PublishCall<'a> {
    pub(super) targets: Vec<PublishTarget>,
    pub(super) update: Update,
    pub(super) key: Option<UsedKey<'a>>,
}

/// The idempotency key of a call, and what it stands for.
pub(super) struct UsedKey<'a> {
    key: String,
    body: &'a str,
    /// The room of the path; empty: the body has all.
    room: SmolStr,
}

impl UsedKey<'_> {
    /// The key, and what the call says, to be compared with what it said before.
    pub(super) fn texts(&self) -> [String; 2] {
        // A room's name has no line end.
        [self.key.clone(), format!("{}\n{}", self.room, self.body)]
    }
}

/// A message to everybody in a room.
pub(super) fn to_room(room: SmolStr, body: &[u8]) -> Result<PublishCall<'_>, Response> {
    let Announcement { content, recipe_data, idempotency_key } = object(body)?;
    let key = used_key(idempotency_key, body, room.clone())?;
    let targets = vec![PublishTarget::Room(room)];
    Ok(PublishCall { targets, update: update(content, recipe_data)?, key })
}

/// A message to rooms, users and connections.
pub(super) fn to_many(body: &[u8]) -> Result<PublishCall<'_>, Response> {
    let Circular { rooms, users, connections, content, recipe_data, idempotency_key } =
        object(body)?;
    let count = rooms.len() + users.len() + connections.len();
    if !(1..=MAX_TARGETS).contains(&count) {
        let message =
            format!("`rooms`, `users` and `connections` must name 1 to {MAX_TARGETS} together");
        return Err(bad_request(&message));
    }
    let mut targets = Vec::with_capacity(count);
    for room in distinct(&rooms) {
        targets.push(PublishTarget::Room(room_of(room)?));
    }
    for user in distinct(&users) {
        if !(1..=MAX_USER_CHARS).contains(&user.chars().count()) {
            return Err(bad_request("A user is not 1 to 256 characters"));
        }
        targets.push(PublishTarget::User(SmolStr::new(user)));
    }
    for id in distinct(&connections) {
        let id = id.parse().map_err(|_| {
            bad_request("The id of a connection is malformed: it is like 0000002a-000007")
        })?;
        targets.push(PublishTarget::Connection(id));
    }
    let key = used_key(idempotency_key, body, SmolStr::default())?;
    Ok(PublishCall { targets, update: update(content, recipe_data)?, key })
}

/// Each of these once, in their order.
fn distinct(names: &[String]) -> impl Iterator<Item = &str> {
    let mut seen = BTreeSet::new();
    names.iter().map(String::as_str).filter(move |name| seen.insert(*name))
}

fn used_key(
    key: Option<String>,
    body: &[u8],
    room: SmolStr,
) -> Result<Option<UsedKey<'_>>, Response> {
    let Some(key) = key else { return Ok(None) };
    if !(1..=MAX_KEY_CHARS).contains(&key.chars().count()) {
        return Err(bad_request("`idempotency_key` must have 1 to 255 characters"));
    }
    // It was read as JSON, so it is text.
    let body = std::str::from_utf8(body).unwrap_or_default();
    Ok(Some(UsedKey { key, body, room }))
}

/// A message that changes the recipe for those who get it.
fn update(content: String, recipe_data: Option<Box<RawValue>>) -> Result<Update, Response> {
    if !(1..=MAX_CONTENT_CHARS).contains(&content.chars().count()) {
        return Err(bad_request("`content` must have 1 to 16384 characters"));
    }
    if recipe_data.as_ref().is_some_and(|data| !is_forwardable(data)) {
        let message = "`recipe_data` must be a JSON object of Unicode text and finite numbers, nested at most 32 deep";
        return Err(bad_request(message));
    }
    let recipe_data = recipe_data.map(Json::from_raw);
    Ok(Update { content: content.into(), recipe_data, broadcast: true, ..Update::default() })
}

/// What is answered: for how many it was, at which rooms it failed, or why it was refused.
pub(super) fn response(published: Published) -> Response {
    let (tally, targets, reason) = match published {
        Published::Done { tally, targets, reason } => (tally, targets, reason),
        Published::KeyReused => {
            let message = "This idempotency key was used for a call with another path or body";
            return Response::error(422, "idempotency_key_reused", message);
        }
        Published::KeyInUse => {
            let message = "The first call with this idempotency key is not done. Call again";
            return Response::error(409, "idempotency_key_in_use", message);
        }
        Published::KeptElsewhere(node) => {
            let message = format!("The node {node} keeps the recipes: publish `recipe_data` there");
            return Response::error(409, "recipe_kept_elsewhere", &message);
        }
    };
    let (mut rooms, mut users) = (Vec::new(), Vec::new());
    for (index, target) in targets.iter().enumerate() {
        match target {
            _ if !tally.has_failed_at(index) => {}
            PublishTarget::Room(room) => rooms.push(room.as_str()),
            // Those at other nodes could not be told.
            PublishTarget::User(user) => users.push(user.as_str()),
            PublishTarget::Connection(_) => {}
        }
    }
    if let Some(error) = tally.error.filter(|_| rooms.len() + users.len() == targets.len()) {
        return refused(error, reason.as_deref());
    }
    let failed = tally.error.map(|error| FailedTargets { rooms, users, error: error.as_str() });
    let nodes = (tally.nodes > 0)
        .then(|| ConfirmedBy { confirmed: tally.confirmed.into(), total: tally.nodes.into() });
    Response::json(200, &PublishAnswer { delivered: tally.delivered, failed, nodes })
}

/// For how many connections a publication was.
#[derive(Serialize)]
struct PublishAnswer<'a> {
    delivered: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<FailedTargets<'a>>,
    /// In a cluster: how many nodes have counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<ConfirmedBy>,
}

#[derive(Serialize)]
struct FailedTargets<'a> {
    rooms: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    users: Vec<&'a str>,
    error: &'static str,
}

/// `reason`: what the application has said of it.
fn refused(error: PublishError, reason: Option<&str>) -> Response {
    let (status, message) = match error {
        PublishError::NoSuchRoom => (404, "There is no such recipe"),
        PublishError::InvalidData => {
            (400, reason.unwrap_or("The application cannot use `recipe_data`"))
        }
        PublishError::Code(code) => {
            let status = match code {
                ErrorCode::BackendUnavailable => 503,
                ErrorCode::BackendTimeout => 504,
                ErrorCode::InvalidMessage => 400,
                _ => 500,
            };
            (status, code.message())
        }
    };
    Response::error(status, error.as_str(), message)
}
