//! What is said to a backend and what its answers mean: the contract of `docs/backend.md`, as pure
//! functions.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::counts::{Call, Fate};
use crate::config::memory::BACKEND_ANSWER_BYTES;
use crate::node::Outcome;
use crate::node::app::{Admission, Incoming, Join, Json, Left, Update};
use crate::protocol::ErrorCode;

/// The longest answer, in bytes.
pub(super) const MAX_ANSWER: usize = BACKEND_ANSWER_BYTES;

/// A request's body. What goes into it has been parsed before, so it can be written.
#[derive(Serialize)]
struct Request<'a> {
    room: &'a str,
    user: User<'a>,
    connection_id: String,
    #[serde(flatten)]
    rest: Rest<'a>,
}

#[derive(Serialize)]
struct User<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Rest<'a> {
    Join { reauth: bool },
    Message { message: Message<'a> },
    Leave { code: Option<u16>, reason: Option<&'a str> },
}

#[derive(Serialize)]
struct Message<'a> {
    id: &'a str,
    content: &'a str,
}

pub(super) fn join(join: &Join<'_>) -> Vec<u8> {
    let claims = serde_json::from_str(join.claims).ok();
    write(&Request {
        room: join.room,
        user: User { id: join.user, claims },
        connection_id: join.connection.to_string(),
        rest: Rest::Join { reauth: join.reauth },
    })
}

pub(super) fn message(message: &Incoming<'_>) -> Vec<u8> {
    write(&Request {
        room: message.room,
        user: User { id: message.user, claims: None },
        connection_id: message.connection.to_string(),
        rest: Rest::Message { message: Message { id: message.id, content: message.content } },
    })
}

pub(super) fn leave(left: &Left<'_>) -> Vec<u8> {
    write(&Request {
        room: left.room,
        user: User { id: left.user, claims: None },
        connection_id: left.connection.to_string(),
        rest: Rest::Leave {
            code: left.reason.map(|reason| reason.code()),
            reason: left.reason.map(|reason| reason.text()),
        },
    })
}

fn write(request: &Request<'_>) -> Vec<u8> {
    serde_json::to_vec(request).unwrap_or_default()
}

/// What came back.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    /// `None`: it is longer than [`MAX_ANSWER`].
    pub(super) body: Option<Vec<u8>>,
}

/// Why nothing came back.
#[derive(Debug)]
pub(super) enum Fault {
    TimedOut,
    Broken(String),
}

/// What a call has come to.
#[derive(Debug)]
pub(super) struct Ruling {
    pub(super) fate: Fate,
    /// Of an answer.
    pub(super) update: Option<Arc<Update>>,
    /// The backend does what it is there for, if not what was asked: the breaker's question.
    pub(super) is_alive: bool,
    /// What was wrong, for the log.
    pub(super) why: Option<String>,
}

impl Ruling {
    fn failed(is_alive: bool, why: String) -> Self {
        Self { fate: Fate::Failed, update: None, is_alive, why: Some(why) }
    }

    /// Of a call that was not made.
    pub(super) fn without_answer(fate: Fate) -> Self {
        Self { fate, update: None, is_alive: true, why: None }
    }

    fn good(fate: Fate, update: Option<Arc<Update>>) -> Self {
        Self { fate, update, is_alive: true, why: None }
    }
}

/// Reads what came back.
pub(super) fn rule(call: Call, heard: Result<Response, Fault>) -> Ruling {
    let response = match heard {
        Ok(response) => response,
        Err(Fault::Broken(why)) => return Ruling::failed(false, why),
        Err(Fault::TimedOut) => {
            let why = Some("no answer in time".to_owned());
            return Ruling { fate: Fate::TimedOut, update: None, is_alive: false, why };
        }
    };
    // What is wrong with one question says nothing about the others. 408 is said by who waits in
    // front of a backend, and 429 perhaps of one user, who must not shut out all of them.
    let is_alive = (400..500).contains(&response.status) && response.status != 408;
    match (call, response.status) {
        // Whatever it says is an answer.
        (Call::Leave, status) => {
            Ruling { is_alive: is_alive || status < 300, ..Ruling::good(Fate::Answered, None) }
        }
        (Call::Join | Call::Message, 200) => match update(call, response.body.as_deref()) {
            Ok(update) => Ruling::good(Fate::Answered, Some(Arc::new(update))),
            Err(why) => Ruling::failed(false, why),
        },
        (Call::Join, 403 | 404) | (Call::Message, 409) => Ruling::good(Fate::Denied, None),
        (_, status) => Ruling::failed(is_alive, format!("the answer is {status}")),
    }
}

#[derive(Deserialize)]
struct Answer {
    content: String,
    #[serde(default)]
    recipe_data: Option<Box<RawValue>>,
    #[serde(default)]
    broadcast: Option<bool>,
}

fn update(call: Call, body: Option<&[u8]>) -> Result<Update, String> {
    let body = body.ok_or_else(|| format!("the answer is longer than {MAX_ANSWER} bytes"))?;
    // What serde says may quote what a user wrote, and the log is not the place for it.
    let answer: Answer = serde_json::from_slice(body).map_err(|error| {
        format!(
            "the answer is not what the contract says, at line {} column {}",
            error.line(),
            error.column()
        )
    })?;
    let recipe_data = match answer.recipe_data {
        None => None,
        Some(data) if data.get().starts_with('{') => {
            Some(Json::new(&data).map_err(|error| error.to_string())?)
        }
        Some(_) => return Err("the answer's recipe_data is no object".to_owned()),
    };
    let broadcast = call == Call::Message && answer.broadcast.unwrap_or(recipe_data.is_some());
    Ok(Update { content: answer.content.into(), recipe_data, broadcast, ..Update::default() })
}

/// What the node is told; `None` of what it did not ask.
pub(super) fn outcome(call: Call, fate: Fate, update: Option<Arc<Update>>) -> Option<Outcome> {
    Some(match (call, fate, update) {
        (Call::Leave, ..) => return None,
        (Call::Join, Fate::Answered, Some(update)) => Outcome::Join(Admission::Admit(update)),
        (Call::Join, Fate::Denied, _) => Outcome::Join(Admission::Deny),
        // It was never asked, so it can be asked again.
        (_, Fate::Expired, _) => Outcome::NotBegun,
        (Call::Join, ..) => Outcome::Join(Admission::Unavailable),
        (Call::Message, Fate::Answered, Some(update)) => Outcome::Message(Ok(update)),
        (Call::Message, Fate::Denied, _) => Outcome::UsedId,
        (Call::Message, Fate::TimedOut, _) => Outcome::Message(Err(ErrorCode::BackendTimeout)),
        (Call::Message, ..) => Outcome::Message(Err(ErrorCode::BackendUnavailable)),
    })
}

#[cfg(test)]
mod tests;
