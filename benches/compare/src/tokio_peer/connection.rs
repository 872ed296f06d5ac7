//! One connection's task, from the upgrade to the end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use time::OffsetDateTime;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::handshake::server::{
    Callback, ErrorResponse, Request, Response,
};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use crate::Shared;
use crate::messages::{Incoming, SessionView, text_of};
use crate::rooms::{Id, QUEUE};

/// For the upgrade request, and then for the `auth` message.
const AUTH_TIMEOUT: Duration = Duration::from_secs(5);
/// From an accepted `auth` to `auth_required`.
const REAUTH_AFTER: Duration = Duration::from_secs(14 * 60);
/// From `auth_required` to the end.
const REAUTH_GRACE: Duration = Duration::from_secs(30);
/// For the peer's close frame.
const LINGER: Duration = Duration::from_secs(2);

type Socket = WebSocketStream<TcpStream>;

/// Why a conversation ends: the peer is gone, or a reason for it to be told.
enum End {
    Gone,
    Refused(&'static str),
}

impl From<Error> for End {
    fn from(_: Error) -> Self {
        Self::Gone
    }
}

/// Who is at the other end, and until when.
struct Session {
    user: String,
    /// Of `auth_required`, or where that was sent, of the end.
    deadline: Instant,
    has_asked: bool,
}

/// Serves one connection until it ends.
pub(crate) async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut room = String::new();
    let upgrade = accept_hdr_async_with_config(stream, TakeRoom(&mut room), Some(shared.config));
    let Ok(Ok(mut socket)) = timeout(AUTH_TIMEOUT, upgrade).await else { return };
    if let Err(End::Refused(reason)) = converse(&mut socket, &room, &shared).await {
        let reason = Utf8Bytes::from_static(reason);
        let _ = socket.close(Some(CloseFrame { code: CloseCode::Policy, reason })).await;
        linger(&mut socket).await;
    }
}

/// Ends the closing handshake, or gives it up.
async fn linger(socket: &mut Socket) {
    let _ = timeout(LINGER, async { while let Some(Ok(_)) = socket.next().await {} }).await;
}

/// Looks at the upgrade request: the path names the room.
struct TakeRoom<'a>(&'a mut String);

impl Callback for TakeRoom<'_> {
    fn on_request(
        self,
        request: &Request,
        mut response: Response,
    ) -> Result<Response, ErrorResponse> {
        let room = request.uri().path().strip_prefix("/v1/chat/");
        let Some(room) = room.filter(|room| !room.is_empty() && !room.contains('/')) else {
            let mut refused = ErrorResponse::new(None);
            *refused.status_mut() = StatusCode::NOT_FOUND;
            return Err(refused);
        };
        room.clone_into(self.0);
        // A client that offers subprotocols offers ours; the selected one has to be named.
        if let Some(offered) = request.headers().get("sec-websocket-protocol") {
            response.headers_mut().insert("sec-websocket-protocol", offered.clone());
        }
        Ok(response)
    }
}

/// Authentication, then the session, and out of the room whatever happens.
async fn converse(socket: &mut Socket, room: &str, shared: &Shared) -> Result<(), End> {
    let first = timeout(AUTH_TIMEOUT, next_text(socket)).await;
    let text = first.map_err(|_| End::Refused("Authentication timeout"))??;
    let incoming: Incoming<'_> =
        serde_json::from_str(&text).map_err(|_| End::Refused("Invalid auth message format"))?;
    if incoming.kind != "auth" {
        return Err(End::Refused("First message must be auth"));
    }
    let (session, welcome) = authenticate(&incoming, shared)?;
    drop(text);

    let id = shared.stamp.number();
    let (sender, receiver) = channel(QUEUE);
    shared.rooms.join(room, id, sender);
    let outcome = async {
        socket.send(Message::Text(welcome)).await?;
        chat(socket, receiver, session, room, id, shared).await
    };
    let outcome = outcome.await;
    shared.rooms.leave(room, id);
    outcome
}

/// The next text; what else may come is tungstenite's to answer.
async fn next_text(socket: &mut Socket) -> Result<Utf8Bytes, End> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(text),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err(End::Gone),
        }
    }
}

/// Checks an `auth`, and gives its session and acknowledgement.
fn authenticate(auth: &Incoming<'_>, shared: &Shared) -> Result<(Session, Utf8Bytes), End> {
    let token = auth.payload.token.as_deref().filter(|token| !token.is_empty());
    let token = token.ok_or(End::Refused("Missing auth token"))?;
    let claims = shared.tokens.check(token).map_err(End::Refused)?;
    let expires_at = OffsetDateTime::from_unix_timestamp(claims.exp)
        .map_err(|_| End::Refused("Invalid token payload"))?;
    let now = OffsetDateTime::now_utc();
    let left = Duration::try_from(expires_at - now).unwrap_or_default();
    // A minute before the expiry, or half of what is left where that is less than two.
    let reauth_in = left.saturating_sub(Duration::from_secs(60)).max(left / 2).min(REAUTH_AFTER);
    let view = SessionView {
        user_id: &claims.sub,
        expires_at: text_of(expires_at),
        reauth_at: text_of(now + reauth_in),
    };
    let welcome = shared.stamp.welcome(&auth.id, view);
    let deadline = Instant::now() + reauth_in;
    Ok((Session { user: claims.sub, deadline, has_asked: false }, welcome))
}

/// The session: the peer's messages, the room's, and the clock.
async fn chat(
    socket: &mut Socket,
    mut receiver: Receiver<Utf8Bytes>,
    mut session: Session,
    room: &str,
    id: Id,
    shared: &Shared,
) -> Result<(), End> {
    let mut timer = pin!(sleep_until(session.deadline));
    loop {
        tokio::select! {
            incoming = socket.next() => match incoming {
                Some(Ok(Message::Text(text))) => {
                    let answer = handle(&text, &mut session, room, id, shared)?;
                    if timer.deadline() != session.deadline {
                        timer.as_mut().reset(session.deadline);
                    }
                    if let Some(answer) = answer {
                        socket.send(Message::Text(answer)).await?;
                    }
                }
                // Nothing of the room may come before the close frame that answers.
                Some(Ok(Message::Close(_))) => {
                    linger(socket).await;
                    return Err(End::Gone);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(End::Gone),
            },
            outgoing = receiver.recv() => {
                // Closed by the room: this connection did not keep up.
                let Some(text) = outgoing else { return Err(End::Refused("Slow consumer")) };
                socket.feed(Message::Text(text)).await?;
                while let Ok(text) = receiver.try_recv() {
                    socket.feed(Message::Text(text)).await?;
                }
                socket.flush().await?;
            }
            () = timer.as_mut() => {
                if session.has_asked {
                    return Err(End::Refused("Re-authentication timeout"));
                }
                session.has_asked = true;
                session.deadline = Instant::now() + REAUTH_GRACE;
                timer.as_mut().reset(session.deadline);
                let deadline = OffsetDateTime::now_utc() + REAUTH_GRACE;
                socket.send(Message::Text(shared.stamp.auth_required(deadline))).await?;
            }
        }
    }
}

/// One message of an authenticated peer, and its answer. Of an unknown type there is none.
fn handle(
    text: &str,
    session: &mut Session,
    room: &str,
    id: Id,
    shared: &Shared,
) -> Result<Option<Utf8Bytes>, End> {
    let stamp = &shared.stamp;
    let incoming: Incoming<'_> = match serde_json::from_str(text) {
        Ok(incoming) => incoming,
        Err(error) if error.is_data() => {
            return Ok(Some(stamp.error("invalid_message", "A field is missing or wrong", None)));
        }
        Err(_) => return Ok(Some(stamp.error("invalid_json", "The frame is not JSON", None))),
    };
    match &*incoming.kind {
        "auth" => {
            let (renewed, welcome) = authenticate(&incoming, shared)?;
            if renewed.user != session.user {
                return Err(End::Refused("Subject changed"));
            }
            *session = renewed;
            Ok(Some(welcome))
        }
        "chat_message" => Ok(Some(match incoming.payload.text() {
            Some(content) => {
                let message = stamp.chat(&incoming.id, content, &session.user);
                shared.rooms.send_to_others(room, id, &message);
                stamp.reply(&incoming.id)
            }
            None => {
                stamp.error("invalid_message", "content: 1 to 16384 characters", Some(&incoming.id))
            }
        })),
        _ => Ok(None),
    }
}
