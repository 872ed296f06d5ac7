//! The request bodies and the meaning of responses, as `docs/backend.md` defines them. Pure
//! functions.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::breaker::CallEvidence;
use super::counts::{CallKind, CallOutcome};
use crate::config::BACKEND_ANSWER_BYTES;
use crate::node::Outcome;
use crate::node::app::{Admission, Incoming, Join, JoinClient, Json, Left, Moderation, Update};
use crate::protocol::{self, ErrorCode, JsonObject, MAX_CONTENT_CHARS, UpdateSource};
use crate::time::Rfc3339;

/// The longest response body that is read, in bytes.
pub(super) const MAX_ANSWER: usize = BACKEND_ANSWER_BYTES;

/// A request's body. Its parts were parsed before, so serialising it cannot fail.
#[derive(Serialize)]
struct RequestBody<'a> {
    room: &'a str,
    user: UserBody<'a>,
    connection_id: String,
    #[serde(flatten)]
    details: Details<'a>,
}

#[derive(Serialize)]
struct UserBody<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Details<'a> {
    Join {
        reauth: bool,
        #[serde(skip_serializing_if = "is_false")]
        resumed: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        replaces: Option<String>,
        client: ClientBody<'a>,
    },
    Message {
        message: MessageBody<'a>,
    },
    Leave {
        code: Option<u16>,
        reason: Option<&'a str>,
    },
}

fn is_false(value: &bool) -> bool {
    !value
}

/// What is not known is not there.
#[derive(Serialize)]
struct ClientBody<'a> {
    address: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subprotocol: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<&'a str>,
}

#[derive(Serialize)]
struct MessageBody<'a> {
    id: &'a str,
    timestamp: Rfc3339,
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<JsonObject<'a>>,
}

pub(super) fn join(join: &Join<'_>) -> Vec<u8> {
    let claims = serde_json::from_str(join.claims).ok();
    let JoinClient { address, origin, user_agent, subprotocol, query } = join.client;
    write(&RequestBody {
        room: join.room,
        user: UserBody { id: join.user, claims },
        connection_id: join.connection.to_string(),
        details: Details::Join {
            reauth: join.reauth,
            resumed: join.resumed,
            replaces: join.replaces.map(|id| id.to_string()),
            client: ClientBody { address, origin, user_agent, subprotocol, query },
        },
    })
}

pub(super) fn message(message: &Incoming<'_>) -> Vec<u8> {
    let claims = message.claims.and_then(|claims| serde_json::from_str(claims).ok());
    write(&RequestBody {
        room: message.room,
        user: UserBody { id: message.user, claims },
        connection_id: message.connection.to_string(),
        details: Details::Message {
            message: MessageBody {
                id: message.id,
                timestamp: message.now.to_rfc3339(),
                content: message.content,
                data: message.data,
            },
        },
    })
}

pub(super) fn leave(left: &Left<'_>) -> Vec<u8> {
    write(&RequestBody {
        room: left.room,
        user: UserBody { id: left.user, claims: None },
        connection_id: left.connection.to_string(),
        details: Details::Leave {
            code: left.reason.map(|reason| reason.code()),
            reason: left.reason.map(|reason| reason.text()),
        },
    })
}

fn write(request: &RequestBody<'_>) -> Vec<u8> {
    serde_json::to_vec(request).unwrap_or_default()
}

/// An HTTP response of the backend.
#[derive(Debug)]
pub(super) struct BackendResponse {
    pub(super) status: u16,
    /// `None` when the body is longer than [`MAX_ANSWER`].
    pub(super) body: Option<Vec<u8>>,
}

/// Why a call has no response.
#[derive(Debug)]
pub(super) enum CallError {
    /// There was no connection, and so nothing was sent.
    Unconnected(String),
    TimedOut,
    Broken(String),
}

/// The interpreted result of a call.
#[derive(Debug)]
pub(super) struct CallResult {
    pub(super) outcome: CallOutcome,
    /// The content of a response with status 200 to a join or a message.
    pub(super) update: Option<Arc<Update>>,
    /// The body of a response with status 200 of a model.
    pub(super) body: Option<Vec<u8>>,
    /// What the call says about the backend: what the breaker records.
    pub(super) evidence: CallEvidence,
    /// Why the call failed, for the log: always there unless the backend works. Never quotes the
    /// response, which may hold a user's text.
    pub(super) why: Option<String>,
}

impl CallResult {
    fn failed(outcome: CallOutcome, evidence: CallEvidence, why: String) -> Self {
        Self { outcome, update: None, body: None, evidence, why: Some(why) }
    }

    /// The result of a call that was not made.
    pub(super) fn without_answer(outcome: CallOutcome) -> Self {
        Self::good(outcome, None)
    }

    fn good(outcome: CallOutcome, update: Option<Arc<Update>>) -> Self {
        Self { outcome, update, body: None, evidence: CallEvidence::Works, why: None }
    }
}

/// The result of a call that had no response.
fn without_response(error: CallError) -> CallResult {
    match error {
        CallError::Broken(why) => CallResult::failed(CallOutcome::Failed, CallEvidence::Fails, why),
        CallError::Unconnected(why) => {
            CallResult::failed(CallOutcome::Unconnected, CallEvidence::Unconnected, why)
        }
        CallError::TimedOut => {
            let why = "no response within the time limit".to_owned();
            CallResult::failed(CallOutcome::TimedOut, CallEvidence::TimedOut, why)
        }
    }
}

/// Whether a response other than 200 shows that the service works.
///
/// A 4xx is about one request, not about the backend. The exception is 408, which a proxy sends when
/// the backend does not answer. A 429 may be about one user, who must not block the others.
fn is_alive(status: u16) -> bool {
    (400..500).contains(&status) && status != 408
}

/// Maps the response of a model to an outcome. What its body says is the application's to judge.
pub(super) fn interpret_model(received: Result<BackendResponse, CallError>) -> CallResult {
    let evidence =
        |status| if is_alive(status) { CallEvidence::Works } else { CallEvidence::Fails };
    let failed = |evidence, why| CallResult::failed(CallOutcome::Failed, evidence, why);
    match received {
        Err(error) => without_response(error),
        Ok(BackendResponse { status: 200, body: Some(body) }) => {
            CallResult { body: Some(body), ..CallResult::good(CallOutcome::Answered, None) }
        }
        Ok(BackendResponse { status: 200, body: None }) => {
            failed(CallEvidence::Works, "the response is longer than assistant.answer_bytes".into())
        }
        Ok(BackendResponse { status, .. }) => {
            failed(evidence(status), format!("the model's server responded with status {status}"))
        }
    }
}

/// Maps the response to an outcome, by the table of `docs/backend.md`. `moderate`: the others see a
/// message only when this says so.
pub(super) fn interpret(
    kind: CallKind,
    received: Result<BackendResponse, CallError>,
    moderate: bool,
) -> CallResult {
    let failed = |evidence, why| CallResult::failed(CallOutcome::Failed, evidence, why);
    let response = match received {
        Ok(response) => response,
        Err(error) => return without_response(error),
    };
    let status = response.status;
    let is_alive = is_alive(status);
    let evidence = if is_alive { CallEvidence::Works } else { CallEvidence::Fails };
    let why = || format!("the backend responded with status {status}");
    match (kind, status) {
        // A leave has no content: any status below 500 except 408 and redirects is a success.
        (CallKind::Leave, ..300) => CallResult::good(CallOutcome::Answered, None),
        (CallKind::Leave, _) if is_alive => CallResult::good(CallOutcome::Answered, None),
        (CallKind::Leave, _) => failed(evidence, why()),
        (CallKind::Join | CallKind::Return | CallKind::Message, 200 | 201) => {
            match update(kind, response.body.as_deref(), moderate) {
                Ok(update) => CallResult::good(CallOutcome::Answered, Some(Arc::new(update))),
                Err(why) => failed(CallEvidence::Fails, why),
            }
        }
        // Yes, and nothing to say.
        (CallKind::Join | CallKind::Return, 204) => {
            CallResult::good(CallOutcome::Answered, Some(Update::text("Connected.")))
        }
        (CallKind::Message, 204) => CallResult::good(CallOutcome::Answered, Some(Update::text(""))),
        (CallKind::Join | CallKind::Return, 403) if is_session_over(response.body.as_deref()) => {
            CallResult::good(CallOutcome::Revoked, None)
        }
        (CallKind::Join | CallKind::Return, 403 | 404) | (CallKind::Message, 409) => {
            CallResult::good(CallOutcome::Denied, None)
        }
        (_, 200..300) => failed(evidence, format!("{}, which is none of 200, 201 and 204", why())),
        _ => failed(evidence, why()),
    }
}

/// Does a join's 403 say that its token is of a session that has ended?
fn is_session_over(body: Option<&[u8]>) -> bool {
    #[derive(Deserialize)]
    struct RefusalBody<'a> {
        #[serde(borrow)]
        error: Cow<'a, str>,
    }
    body.and_then(|body| serde_json::from_slice(body).ok())
        .is_some_and(|RefusalBody { error }| error == "session_revoked")
}

#[derive(Deserialize)]
struct AnswerBody {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    recipe_data: Option<Box<RawValue>>,
    #[serde(default)]
    history: Option<Box<RawValue>>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    broadcast: Option<bool>,
    #[serde(default)]
    deliver: Option<bool>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    message: Option<ChangedMessage>,
}

/// What the others get instead of a message.
#[derive(Deserialize)]
struct ChangedMessage {
    content: String,
}

/// The longest text that tells a sender why its message was not delivered, in characters. The rest is
/// cut off.
const MAX_REASON_CHARS: usize = 1_000;

/// What becomes of a message by an answer to it.
fn moderation(answer: &mut AnswerBody) -> Result<Moderation, String> {
    if answer.deliver == Some(false) {
        return Ok(Moderation::Refuse);
    }
    let Some(ChangedMessage { content }) = answer.message.take() else {
        return Ok(Moderation::Deliver);
    };
    let is_valid = (1..=MAX_CONTENT_CHARS).contains(&content.chars().count());
    is_valid.then(|| Moderation::Change(content.into_boxed_str())).ok_or_else(|| {
        format!("message.content in the response has not 1 to {MAX_CONTENT_CHARS} characters")
    })
}

fn update(kind: CallKind, body: Option<&[u8]>, moderate: bool) -> Result<Update, String> {
    let body = body.ok_or_else(|| format!("the response is longer than {MAX_ANSWER} bytes"))?;
    // serde's error may quote a user's text, which must not be logged.
    let mut answer: AnswerBody = serde_json::from_slice(body).map_err(|error| {
        format!(
            "the response does not match the contract, at line {} column {}",
            error.line(),
            error.column()
        )
    })?;
    let moderation = match kind {
        CallKind::Message if moderate => moderation(&mut answer)?,
        CallKind::Message if answer.deliver == Some(false) => {
            let why = "deliver is false in the response, but without backend.moderate the others \
                       have the message already";
            return Err(why.to_owned());
        }
        _ => Moderation::Deliver,
    };
    if moderation == Moderation::Refuse {
        let reason = answer.reason.unwrap_or_default();
        let content = reason.chars().take(MAX_REASON_CHARS).collect::<String>().into();
        return Ok(Update { content, moderation, ..Update::default() });
    }
    let content = answer.content.ok_or("the response has no content")?.into();
    let recipe_data = match answer.recipe_data {
        None => None,
        Some(data) if protocol::is_forwardable(&data) => Some(Json::from_raw(data)),
        Some(_) => {
            let why = "recipe_data in the response is not an object of text, at most 32 deep";
            return Err(why.to_owned());
        }
    };
    let history = match answer.history {
        Some(history) if kind != CallKind::Message => {
            let valid = protocol::is_forwardable_array(&history).then(|| Json::from_raw(history));
            Some(valid.ok_or("history in the response is not an array of text, at most 32 deep")?)
        }
        _ => None,
    };
    let source = answer.source.filter(|source| kind == CallKind::Message && source == "model");
    let source = source.map(|_| UpdateSource::Model);
    let broadcast = kind == CallKind::Message && answer.broadcast.unwrap_or(recipe_data.is_some());
    Ok(Update { content, recipe_data, history, source, broadcast, moderation, ..Update::default() })
}

/// Maps an outcome to the node's; `None` for a leave, which has no answer.
pub(super) fn node_outcome(
    kind: CallKind,
    outcome: CallOutcome,
    update: Option<Arc<Update>>,
) -> Option<Outcome> {
    Some(match (kind, outcome, update) {
        (CallKind::Leave, ..) => return None,
        // Whoever came back stays, unless the backend says no.
        (CallKind::Join | CallKind::Return, CallOutcome::Revoked, _) => {
            Outcome::Join(Admission::Revoked)
        }
        (CallKind::Return, CallOutcome::Denied, _) => Outcome::Join(Admission::Deny),
        (CallKind::Return, _, Some(update)) => Outcome::Join(Admission::Admit(update)),
        (CallKind::Return, ..) => Outcome::Join(Admission::Unavailable),
        (CallKind::Join, CallOutcome::Answered, Some(update)) => {
            Outcome::Join(Admission::Admit(update))
        }
        (CallKind::Join, CallOutcome::Denied, _) => Outcome::Join(Admission::Deny),
        // The backend was never called, so the client may send the message again.
        (_, CallOutcome::Expired, _) => Outcome::NotBegun,
        (_, CallOutcome::Unconnected, _) => Outcome::Unreached,
        (CallKind::Join, ..) => Outcome::Join(Admission::Unavailable),
        (CallKind::Message, CallOutcome::Answered, Some(update)) => Outcome::Message(Ok(update)),
        (CallKind::Message, CallOutcome::Denied, _) => Outcome::UsedId,
        (CallKind::Message, CallOutcome::TimedOut, _) => {
            Outcome::Message(Err(ErrorCode::BackendTimeout))
        }
        (CallKind::Message, ..) => Outcome::Message(Err(ErrorCode::BackendUnavailable)),
    })
}

#[cfg(test)]
mod tests;
