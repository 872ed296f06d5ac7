//! The calls of `docs/backend.md` from the side of whoever answers them. Pure functions.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::id::ConnId;
use crate::node::app::{
    Admission, Answer, App, Incoming, Join, JoinClient, Json, Left, Reply, Update,
};
use crate::node::{Outcome, Response, StartFlag, Ticket};
use crate::protocol::{
    ErrorCode, JsonObject, MAX_CONTENT_CHARS, MAX_ID_CHARS, MAX_ROOM_CHARS, MAX_USER_CHARS,
    UpdateSource,
};
use crate::time::UnixTime;

/// The body of a call, as far as it is used.
#[derive(Deserialize)]
pub(super) struct CallBody<'a> {
    #[serde(borrow)]
    room: Cow<'a, str>,
    #[serde(borrow)]
    user: CalledUser<'a>,
    #[serde(default)]
    reauth: bool,
    #[serde(default)]
    resumed: bool,
    #[serde(borrow, default)]
    message: Option<CalledMessage<'a>>,
}

#[derive(Deserialize)]
struct CalledUser<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    claims: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct CalledMessage<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    content: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// Who asks, as the application knows it.
#[derive(Debug)]
pub(super) struct CallerContext<'a> {
    pub(super) ticket: Ticket,
    pub(super) start: &'a StartFlag,
    pub(super) now: UnixTime,
    pub(super) connection: ConnId,
}

impl<'a> CallBody<'a> {
    /// `None`: it is none, or something in it is longer than a client may send it to a node.
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let body: Self = serde_json::from_slice(body).ok()?;
        let is_within = |text: &str, most: usize| (1..=most).contains(&text.chars().count());
        let is_valid = is_within(&body.room, MAX_ROOM_CHARS)
            && is_within(&body.user.id, MAX_USER_CHARS)
            && body.message.as_ref().is_none_or(|message| {
                is_within(&message.id, MAX_ID_CHARS)
                    && is_within(&message.content, MAX_CONTENT_CHARS)
            });
        is_valid.then_some(body)
    }

    pub(super) fn room(&self) -> &str {
        &self.room
    }

    /// Asks the application about a join. `None`: there are no claims in it.
    pub(super) fn join(
        &self,
        app: &mut dyn App,
        caller: &CallerContext<'_>,
    ) -> Option<Reply<Admission>> {
        let claims = self.user.claims?.get();
        Some(app.on_join(&Join {
            ticket: caller.ticket,
            start: caller.start,
            now: caller.now,
            connection: caller.connection,
            room: &self.room,
            user: &self.user.id,
            claims,
            reauth: self.reauth,
            resumed: self.resumed,
            replaces: None,
            position: None,
            // The node has used it; whoever serves calls needs none of it.
            client: JoinClient::at(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        }))
    }

    /// Asks the application about a message. `None`: there is none in it, or its `data` is not valid.
    pub(super) fn message(
        &self,
        app: &mut dyn App,
        caller: &CallerContext<'_>,
    ) -> Option<Reply<Answer>> {
        let message = self.message.as_ref()?;
        let data = match message.data {
            None => None,
            Some(data) => Some(JsonObject::of_text(data.get())?),
        };
        Some(app.on_message(&Incoming {
            ticket: caller.ticket,
            start: caller.start,
            now: caller.now,
            connection: caller.connection,
            room: &self.room,
            user: &self.user.id,
            id: &message.id,
            content: &message.content,
            data,
            claims: self.user.claims.map(RawValue::get),
        }))
    }

    /// Tells the application that a connection has left.
    pub(super) fn leave(&self, app: &mut dyn App, connection: ConnId) {
        let (room, user) = (&*self.room, &*self.user.id);
        app.on_leave(&Left { connection, room, user, reason: None });
    }
}

/// A status and a body.
pub(super) type CallAnswer = (u16, Vec<u8>);

/// What an answer says, as `docs/backend.md` has it.
#[derive(Serialize)]
struct AnswerText<'a> {
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipe_data: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<&'a RawValue>,
    broadcast: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<UpdateSource>,
}

fn answer(update: &Update) -> CallAnswer {
    let text = AnswerText {
        content: &update.content,
        recipe_data: update.recipe_data.as_ref().map(Json::as_raw),
        history: update.history.as_ref().map(Json::as_raw),
        broadcast: update.broadcast,
        source: update.source,
    };
    // Texts and JSON: cannot refuse to be serialised.
    (200, serde_json::to_vec(&text).unwrap_or_default())
}

/// A refusal, with the word that says why.
pub(super) fn refusal(status: u16, code: &str) -> CallAnswer {
    let message = match code {
        "bad_request" => "The call does not match the contract",
        "invalid_signature" => "The signature is missing, or of another secret",
        "stale_timestamp" => "The timestamp is missing, or more than 5 minutes off",
        _ => "The call is refused",
    };
    (status, Response::error(status, code, message).body.into_owned())
}

pub(super) fn admission(admission: &Admission) -> CallAnswer {
    match admission {
        Admission::Admit(update) => answer(update),
        Admission::Deny => refusal(403, "access_denied"),
        Admission::Revoked => refusal(403, "session_revoked"),
        Admission::Unavailable => refusal(503, "unavailable"),
    }
}

pub(super) fn message(said: &Answer) -> CallAnswer {
    match said {
        Ok(update) => answer(update),
        Err(ErrorCode::BackendUnavailable | ErrorCode::BackendTimeout) => {
            refusal(503, "unavailable")
        }
        Err(ErrorCode::Internal) => refusal(500, "internal"),
        Err(_) => refusal(422, "invalid_message"),
    }
}

/// The answer to a call whose work is done.
pub(super) fn outcome(outcome: &Outcome) -> CallAnswer {
    match outcome {
        Outcome::Join(admitted) => admission(admitted),
        Outcome::Message(said) => message(said),
        Outcome::UsedId => refusal(409, "used_id"),
        _ => refusal(503, "unavailable"),
    }
}
