//! The one extension point: what a program does with the connections that came in.
//!
//! An application answers at once, from a worker, or from a thread of its own. Which one is the
//! return value, so that every question has exactly one answer:
//!
//! | [`Reply`] | when | who runs it |
//! | --- | --- | --- |
//! | `Now` | the answer is in memory | the reactor's thread: it must not block |
//! | `Later` | the work blocks | the worker pool, behind a bounded queue |
//! | `Held` | somebody else will answer | a thread of the application's, by its [`Ticket`] |
//!
//! Work that nobody waits for is not begun: what waits for a worker is withdrawn when its time is
//! over, and so is what an application holds, where it keeps the question's [`StartFlag`].

mod json;
mod reply;
mod room_message;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

pub use self::json::Json;
pub use self::reply::{Job, PublishRefusal, Reply};
pub use self::room_message::{RoomMessage, RoomPublication, RoomTail};
use crate::config::Config;
use crate::id::{ConnId, MessageId};
use crate::node::http::message::{Request, RequestPlace, Response};
use crate::node::observe::dependency::Dependency;
use crate::node::observe::process_metrics::Probe;
use crate::node::work::ticket::{StartFlag, Ticket};
pub use crate::node::work::user_orders::{
    Invite, OrderFault, OrderKind, OrderResult, PasswordReset, UserOrder,
};
use crate::protocol::{
    CloseReason, ErrorCode, JsonObject, Position, RecipeUpdate, ServerMessage, UpdateSource,
};
use crate::time::UnixTime;

/// An application. One object for the whole node, called on the reactor's thread.
pub trait App: Send {
    /// May this user enter this room? Asked after each accepted `auth`, so also on a
    /// re-authentication, whose admission's content is not sent.
    fn on_join(&mut self, join: &Join<'_>) -> Reply<Admission> {
        let _ = join;
        Reply::Now(Admission::Admit(Update::text("Connected.")))
    }

    /// A chat message; the sender waits for the answer. The others in the room have it already; with
    /// `backend.moderate` they get it when the answer is there, as its [`Moderation`] says, and where
    /// the application [stores publications](App::stores_publications), when it has published it.
    /// Messages of one connection come one at a time and in order.
    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer>;

    /// Does the application store what rooms are told, and publish it itself? Asked once.
    ///
    /// Then the node passes no chat message on, and no update with [`Update::broadcast`] or of
    /// [`on_publish`](App::on_publish). The application gives each of them a position that follows the
    /// room's last one, stores both, and then delivers an
    /// [`AppEvent::Published`](crate::node::AppEvent::Published), before the answer of the question that
    /// it is for. Its admissions have a [`RoomTail`]. So nobody sees what is not stored, and clients
    /// resume also after a kill. Not in a cluster; `backend.moderate` has no effect then.
    fn stores_publications(&self) -> bool {
        false
    }

    /// An admitted connection is gone, and no other has taken its place ([`Join::replaces`]).
    fn on_leave(&mut self, left: &Left<'_>) {
        let _ = left;
    }

    /// May `on_leave` wait for `resume.linger`? Where it frees what others wait for, it should not.
    fn lets_leaves_linger(&self) -> bool {
        true
    }

    /// Is what the application keeps in this process, or in files of this host, and do other nodes of a
    /// cluster ask it there? Then there must be one such node, and the nodes tell each other who it is. Asked
    /// once.
    fn is_owner(&self) -> bool {
        false
    }

    /// An operator says something to everybody in a room. The update that is returned goes to them,
    /// so an application that keeps recipes can store it first. One that answers later may also refuse by
    /// [`Outcome::NotPublished`](crate::node::Outcome::NotPublished).
    fn on_publish(&mut self, publish: &Publish<'_>) -> Reply<Answer> {
        Reply::Now(Ok(Arc::clone(publish.update)))
    }

    /// An operator orders something about a user. Where it ends sessions, their connections are closed
    /// by the node and their tokens refused; an application that lets users come back by something
    /// else, such as a refresh token or a password, has to end or refuse that.
    ///
    /// The answer is awaited, however late it comes: what the node does about a lock follows it.
    fn on_order(&mut self, order: &UserOrder<'_>) -> Reply<OrderResult> {
        Reply::Now(match order.kind {
            OrderKind::Disconnect => Ok(()),
            OrderKind::Lock | OrderKind::Unlock => Err(OrderFault::NotSupported),
        })
    }

    /// An operator invites somebody to sign up. The answer is 201 with the invitation.
    fn on_invite(&mut self, invite: &Invite<'_>) -> Reply<Response> {
        let _ = invite;
        Reply::Now(without_accounts("invite people where the accounts are"))
    }

    /// An operator gives a user who has forgotten the password another one, and ends the sessions. The
    /// answer is 200 with the new password.
    fn on_password_reset(&mut self, reset: &PasswordReset<'_>) -> Reply<Response> {
        let _ = reset;
        Reply::Now(without_accounts("set the password where the accounts are"))
    }

    /// The configuration has changed while the node runs: its keys may have, and its limits.
    fn on_reload(&mut self, config: &Config) {
        let _ = config;
    }

    /// When the application has something to do by itself, by the wall clock. Asked on the reactor's
    /// thread in each turn, so it must not block.
    fn next_deadline(&self) -> Option<UnixTime> {
        None
    }

    /// The time of [`next_deadline`](App::next_deadline) has come. What blocks is left to other threads,
    /// and the next deadline must be a later one.
    fn on_deadline(&mut self, now: UnixTime) {
        let _ = now;
    }

    /// What the application depends on, and how that is. Asked on the reactor's thread at each health
    /// check and collection, so it must not block.
    fn dependencies(&self) -> Vec<Dependency> {
        Vec::new()
    }

    /// What reads the application's own numbers, to be shown with the counters. Asked once.
    fn probe(&self) -> Option<Probe> {
        None
    }

    /// Is there something at this path of the public listener? Asked before a body is read; what
    /// nobody serves is a 404. `/v1/chat/…` and `/healthz` are the node's own.
    fn serves(&self, path: &str) -> bool {
        let _ = path;
        false
    }

    /// Is the bearer token of a request for this path looked at? Where it is not, one that has expired
    /// is no reason to refuse: a client that signs in may send its old one along.
    fn requires_bearer_check(&self, path: &str) -> bool {
        let _ = path;
        true
    }

    /// How long a body may be at this path, where that is more than `http.body_bytes`, and fits into the
    /// budgets of memory.
    fn body_bytes(&self, path: &str) -> Option<usize> {
        let _ = path;
        None
    }

    /// Among which requests those for this path wait, so that pages are loaded and users stay signed in
    /// while the application is slow.
    fn request_place(&self, path: &str) -> RequestPlace {
        let _ = path;
        RequestPlace::Ordinary
    }

    /// An HTTP request for a path that is served.
    fn on_request(&mut self, request: &Request<'_>) -> Reply<Response> {
        let _ = request;
        Reply::Now(Response::not_found())
    }
}

/// A user asks to enter a room.
#[derive(Debug)]
pub struct Join<'a> {
    /// For [`Reply::Held`].
    pub ticket: Ticket,
    /// For [`Reply::Held`]: whether the work may begin.
    pub start: &'a StartFlag,
    /// When it is asked.
    pub now: UnixTime,
    /// Which connection.
    pub connection: ConnId,
    /// The recipe's id, percent-decoded.
    pub room: &'a str,
    /// The token's `sub`.
    pub user: &'a str,
    /// The token's claims, as JSON text.
    pub claims: &'a str,
    /// It is in the room already, and came with a fresh token.
    pub reauth: bool,
    /// It is in already (`resume.trust_join`): if the answer is no, the connection is closed.
    pub resumed: bool,
    /// A connection of the same user in the same room that is gone. If this join is admitted, it takes
    /// its place, and [`App::on_leave`] is not called for the other one.
    pub replaces: Option<ConnId>,
    /// The last message that its client has got, where the node does not know what came behind it and
    /// the application [stores publications](App::stores_publications).
    pub position: Option<Position>,
    /// Where it is, and what its request for the WebSocket said.
    pub client: JoinClient<'a>,
}

/// Who asks to enter a room, beside its token. Nobody has proved any of it.
///
/// All but the address is there at the first join only, and only with a
/// [backend](crate::config::Backend): what is kept of a request costs memory for each pending connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinClient<'a> {
    /// Its address, behind a trusted proxy the one that the proxy reports.
    pub address: IpAddr,
    /// `Origin`, of a browser.
    pub origin: Option<&'a str>,
    /// `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// The subprotocol that was agreed on.
    pub subprotocol: Option<&'a str>,
    /// The query as it was sent, without parameters that look like a credential.
    pub query: Option<&'a str>,
}

impl JoinClient<'_> {
    /// A client of which only the address is known.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        Self { address, origin: None, user_agent: None, subprotocol: None, query: None }
    }
}

/// A chat message from a connection in a room.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// For [`Reply::Held`].
    pub ticket: Ticket,
    /// For [`Reply::Held`]: whether the work may begin.
    pub start: &'a StartFlag,
    /// When it came.
    pub now: UnixTime,
    /// Which connection.
    pub connection: ConnId,
    /// The recipe's id.
    pub room: &'a str,
    /// The sender's `sub`.
    pub user: &'a str,
    /// The message's id, as its sender chose it.
    pub id: &'a str,
    /// 1 to 16,384 characters.
    pub content: &'a str,
    /// What the embedder's own clients have to say beside it.
    pub data: Option<JsonObject<'a>>,
    /// The claims of `backend.claims` that its sender's token has, as a JSON object. `None`: none are
    /// kept.
    pub claims: Option<&'a str>,
}

/// An operator's word to a room.
#[derive(Debug)]
pub struct Publish<'a> {
    /// For [`Reply::Held`].
    pub ticket: Ticket,
    /// For [`Reply::Held`]: whether the work may begin.
    pub start: &'a StartFlag,
    /// When it came.
    pub now: UnixTime,
    /// The recipe's id.
    pub room: &'a str,
    /// What is to be said: text, and the whole recipe where it changed.
    pub update: &'a Arc<Update>,
}

/// A connection that had been admitted is gone.
#[derive(Debug)]
pub struct Left<'a> {
    /// Which connection.
    pub connection: ConnId,
    /// The recipe's id.
    pub room: &'a str,
    /// The `sub` of its user.
    pub user: &'a str,
    /// Why the server closed it; `None` when the client did, or the network.
    pub reason: Option<CloseReason>,
}

/// The answer to a [`Join`].
#[derive(Clone, Debug)]
pub enum Admission {
    /// Come in. The update is the acknowledgement of the `auth`.
    Admit(Arc<Update>),
    /// Closed with `Recipe not found or access denied`: the two are not told apart.
    Deny,
    /// Closed with `Session revoked`: the token is of a session that has ended.
    Revoked,
    /// Closed with `Backend unavailable`: who knows cannot be asked.
    Unavailable,
}

/// The answer to an [`Incoming`] message: exactly one `recipe_update` or `error`.
pub type Answer = Result<Arc<Update>, ErrorCode>;

/// What a `recipe_update` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// Text for people.
    pub content: Cow<'static, str>,
    /// The whole recipe as a JSON object, when it changed (or on a join).
    pub recipe_data: Option<Json>,
    /// The room's last messages as a JSON array, on a join, where the application keeps them.
    pub history: Option<Json>,
    /// The others in the room get this `recipe_update` too: it changed the recipe.
    pub broadcast: bool,
    /// Who wrote it, where that was not the application by its own rules.
    pub source: Option<UpdateSource>,
    /// With `backend.moderate`, what becomes of the message that this answers.
    pub moderation: Moderation,
    /// On a join, of an application that [stores publications](App::stores_publications): where the room
    /// stands.
    pub tail: Option<Box<RoomTail>>,
}

/// What becomes of a message that the application is asked about before the others see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Moderation {
    /// The others get it as it is.
    #[default]
    Deliver,
    /// The others get it with this content instead, of 1 to 16,384 characters.
    Change(Box<str>),
    /// Nobody gets it. The sender gets the error `not_delivered`, with the content of the update as its
    /// text, unless that is empty.
    Refuse,
}

impl Update {
    /// An update that is only text. Shared, because an answer is also remembered for repeated ids:
    /// an application that says the same thing often should keep one and clone it.
    #[must_use]
    pub fn text(content: impl Into<Cow<'static, str>>) -> Arc<Self> {
        Arc::new(Self { content: content.into(), ..Self::default() })
    }

    /// About how much memory this takes, for the bound on remembered answers.
    #[must_use]
    pub fn weight(&self) -> usize {
        let json = |part: &Option<Json>| part.as_ref().map_or(0, |json| json.as_str().len());
        let changed = match &self.moderation {
            Moderation::Change(content) => content.len(),
            Moderation::Deliver | Moderation::Refuse => 0,
        };
        let tail = self.tail.as_ref().map_or(0, |tail| tail.weight());
        let texts = self.content.len() + json(&self.recipe_data) + json(&self.history) + changed;
        size_of::<Self>() + texts + tail
    }

    /// As everybody in a room gets it, under this id, but for its position.
    #[must_use]
    pub fn message(&self, now: UnixTime, id: &MessageId) -> RoomMessage {
        let update = RecipeUpdate {
            content: &self.content,
            recipe_data: self.recipe_data.as_ref().map(Json::as_raw),
            source: self.source,
            ..RecipeUpdate::default()
        };
        RoomMessage::new(&ServerMessage::new(id, now.to_rfc3339(), update))
    }
}

/// 409: the application has no accounts, and what to do instead.
fn without_accounts(instead: &str) -> Response {
    let message = format!("This application keeps no accounts: {instead}");
    Response::error(409, "not_supported", &message)
}
