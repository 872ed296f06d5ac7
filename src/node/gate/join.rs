//! From a principal to a place in the room: the application is asked, and the clocks start.

use std::time::Duration;

use smol_str::SmolStr;

use crate::id::{ConnId, Slot};
use crate::node::app::{Admission, Join, Reply, RoomTail, Update};
use crate::node::connections::Connections;
use crate::node::connections::frame::Shared;
use crate::node::connections::session::Clocks;
use crate::node::connections::waiting::{AcceptedAuth, PendingAuth, PendingJoin, PendingResume};
use crate::node::context::Cx;
use crate::node::planted::Planted;
use crate::node::rooms::Rooms;
use crate::node::rooms::claims::kept_claims;
use crate::node::rooms::log::Missed;
use crate::node::work::Workload;
use crate::node::work::port::{Completion, Outcome, Payer, Work};
use crate::node::work::questions::{GRACE, NewQuestion, QuestionKind, cost};
use crate::protocol::{
    CloseReason, Memo, Position, RecipeUpdate, ReconnectInfo, ResumeInfo, SessionInfo,
};

/// What a re-authentication is acknowledged with; a first one in the application's words.
const REAUTHENTICATED: &str = "Re-authenticated";

/// What a client hears that goes on where it was.
const RESUMED: &str = "Connected again.";

/// For how long an application may refuse a client that came back. By then it has answered.
const RETURN_TIME: Duration = Duration::from_secs(600);

/// Asks the application to let the connection in. What is returned is decided already: also where the
/// application has `trusted` the client before, and is only told.
pub(crate) fn ask_to_join(
    cx: &mut Cx,
    connections: &mut Connections,
    work: &mut Workload,
    rooms: &mut Rooms,
    slot: Slot,
    (accepted, clocks, trusted): (AcceptedAuth, Clocks, bool),
) -> Option<(PendingJoin, Outcome)> {
    let AcceptedAuth { request_id, principal, reserved } = accepted;
    let wanted = connections.wanted_name(slot);
    let room = wanted.or_else(|| rooms.rooms.name_of(slot)).cloned()?;
    let connection = connections.get_mut(slot)?;
    let reauth = connection.session.phase().is_authenticated();
    let ticket = work.questions.issue();
    let expires_at = principal.expires_at;
    if !reauth && connection.session.supports_resume() {
        let waiting = connection.waiting.get_or_insert_default();
        waiting.resume.get_or_insert_default().asked_at = keep_for_newcomer(cx, rooms, &room);
    }
    let position =
        if reauth { None } else { unknown_position(cx, connections, rooms, (slot, &room)) };
    rooms.claims.offer(slot, kept_claims(&cx.policy, &principal.claims));
    let replaces = if reauth { None } else { rooms.lingering.claim(&room, &principal.user) };
    let replaced = replaces.and_then(|left| rooms.lingering.connection_of(left));
    let join = PendingJoin { ticket, request_id, clocks, expires_at, reserved, replaces };
    let (now, payer) = (cx.now.monotonic, Payer::user(&principal.user));
    connections.edit(&cx.policy, slot, |session, policy| session.joining(now, policy));
    if !reauth {
        rooms.enter(cx, slot, &principal.user);
    }
    let text = room.len() + principal.user.len() + principal.claims.len();
    let budget = if reauth { Some(cost(text)) } else { work.cost_of_pending(cx, text) };
    let Some(cost) = budget else { return Some((join, Outcome::Refused)) };
    let asker = connections.id_of(slot);
    let client = connections.client(slot)?;
    let question = Join {
        ticket,
        start: work.questions.start(),
        now: cx.now.unix,
        connection: asker,
        room: &room,
        user: &principal.user,
        claims: &principal.claims,
        reauth,
        resumed: trusted,
        replaces: replaced,
        position,
        client,
    };
    let reply = work.app.on_join(&question);
    let is_told = trusted && !matches!(reply, Reply::Now(_));
    cx.metrics.joins_told += u64::from(is_told);
    cx.metrics.joins_asked += u64::from(!is_told && !reauth);
    let job = match reply {
        Reply::Now(admission) => return Some((join, Outcome::Join(admission))),
        Reply::Later(job) => Some(Work::Join(job)),
        Reply::Held => None,
    };
    let (kind, time) = match is_told {
        true => (QuestionKind::Return, RETURN_TIME),
        false => (QuestionKind::Join, cx.policy.answer_timeout + GRACE),
    };
    work.open(cx, ticket, NewQuestion { asker, kind, deadline: now + time, cost, payer }, job);
    if is_told {
        return Some((join, Outcome::Join(Admission::Admit(Update::text("")))));
    }
    let waiting = connections.get_mut(slot)?.waiting.get_or_insert_default();
    waiting.set_auth(PendingAuth::Join(join));
    None
}

/// Where a room stands that a client may join, whose messages are kept for it from now on. In a cluster,
/// the engine keeps them, and an application may.
fn keep_for_newcomer(cx: &Cx, rooms: &mut Rooms, room: &SmolStr) -> Option<Position> {
    let until = cx.now.monotonic + cx.policy.answer_timeout + GRACE;
    if cx.policy.app_publishes {
        // The application says where the room stands when it admits the client.
        rooms.logs.keep(room, until);
        return None;
    }
    if !cx.policy.is_cluster {
        let most = rooms.log_bytes(&cx.policy);
        rooms.logs.keep_for_newcomer(room, until, most);
    }
    rooms.logs.head(room)
}

/// Where the client of `slot` stands, if only the application can tell what came behind it, which is
/// asked then.
fn unknown_position(
    cx: &Cx,
    connections: &mut Connections,
    rooms: &Rooms,
    (slot, room): (Slot, &SmolStr),
) -> Option<Position> {
    if !cx.policy.app_publishes || rooms.log_bytes(&cx.policy) == 0 {
        return None;
    }
    let resume = connections.get_mut(slot)?.waiting.as_mut()?.resume.as_mut()?;
    let seen = resume.seen.filter(|seen| !rooms.logs.knows(room, *seen))?;
    resume.is_asked = true;
    Some(seen)
}

/// The join that waits for this answer, and for no other. `None`: nobody does.
pub(crate) fn take_join(
    cx: &mut Cx,
    connections: &mut Connections,
    asker: ConnId,
    done: &Completion,
) -> Option<PendingJoin> {
    let waiting = connections.find_mut(asker).and_then(|it| it.waiting.as_mut());
    let join = waiting.and_then(|it| it.take_join(done.ticket));
    cx.metrics.late_completions += u64::from(join.is_none());
    join
}

/// The application has answered a join: the connection is in its room, or refused. Clients that
/// support resuming are told within how long to come back, should they lose the connection.
///
/// # Errors
/// What the connection is to be closed with.
pub(crate) fn joined(
    cx: &mut Cx,
    connections: &mut Connections,
    rooms: &mut Rooms,
    slot: Slot,
    join: &PendingJoin,
    (outcome, reconnect_within, memo): (Outcome, Option<Duration>, Option<Memo>),
) -> Result<(), CloseReason> {
    let refused = match outcome {
        // Told only to those whom the application lets in: others learn nothing of the room.
        Outcome::Join(Admission::Admit(_)) if finds_room_full(cx, connections, rooms, slot) => {
            cx.metrics.refused_by_room += 1;
            CloseReason::RoomFull
        }
        Outcome::Join(Admission::Admit(update)) => {
            admit(cx, connections, rooms, slot, join, (&update, reconnect_within, memo));
            return Ok(());
        }
        Outcome::Join(Admission::Deny) => CloseReason::AccessDenied,
        Outcome::Join(Admission::Revoked) => CloseReason::SessionRevoked,
        Outcome::Join(Admission::Unavailable) | Outcome::NotBegun | Outcome::Unreached => {
            CloseReason::BackendUnavailable
        }
        Outcome::Refused => CloseReason::Overloaded,
        _ => CloseReason::Internal,
    };
    Err(refused)
}

/// Is there no place in the room that `slot` wants to join? A connection that is in it has one.
fn finds_room_full(cx: &Cx, connections: &Connections, rooms: &Rooms, slot: Slot) -> bool {
    let wanted = connections.wanted_name(slot);
    wanted.is_some_and(|room| rooms.rooms.count(room) >= cx.policy.room_members)
}

/// What a client that supports resuming is told with its first acknowledgement.
#[derive(Default)]
struct Resumption {
    info: Option<ResumeInfo>,
    /// Whether it goes on where it was; `None`: it does not support that.
    resumed: Option<bool>,
    /// What follows: all that it has missed, or what was said while the application was asked.
    missed: Option<Missed>,
}

/// Looks up what `slot` has missed, which is about to join `room`.
fn resume(
    cx: &mut Cx,
    connections: &mut Connections,
    rooms: &mut Rooms,
    slot: Slot,
    (room, tail, memo): (&SmolStr, Option<&RoomTail>, Option<Memo>),
) -> Resumption {
    let Some(connection) = connections.get_mut(slot) else { return Resumption::default() };
    let supports_resume = connection.session.supports_resume();
    let pending = connection.waiting.as_mut().and_then(|waiting| waiting.resume.take());
    let PendingResume { seen, asked_at, is_asked, .. } = pending.map(|it| *it).unwrap_or_default();
    let most = rooms.log_bytes(&cx.policy);
    // An application that was asked what a client has missed has answered that and no more: the client
    // gets it, also where a reload has taken the logs away since.
    let tail =
        tail.filter(|_| cx.policy.app_publishes && supports_resume && (most > 0 || is_asked));
    let stored = tail.and_then(|tail| rooms.take_tail(cx, room, (tail, seen)));
    let tail = tail.filter(|_| most > 0 || stored.is_some());
    let asked_at = tail.map(RoomTail::head).or(asked_at);
    // Of a cluster, the engine gives the positions: a room that cannot be followed now has none. So does
    // an application that stores what it publishes.
    let wants_log = supports_resume && !cx.policy.is_cluster && !cx.policy.app_publishes;
    rooms.logs.joined(room, wants_log, most);
    if !supports_resume {
        return Resumption::default();
    }
    let missed = seen.and_then(|position| rooms.logs.missed(room, position)).or(stored);
    let resumed = missed.is_some();
    if seen.is_some() {
        let count = if resumed { &mut cx.metrics.resumed } else { &mut cx.metrics.not_resumed };
        *count += 1;
    }
    let begins_at = if resumed { seen } else { asked_at };
    let missed = missed.or_else(|| rooms.logs.missed(room, asked_at?));
    // Each missed message brings its own position: a client whose connection breaks between them has
    // not got the rest.
    let head = rooms.logs.head(room).or(tail.map(RoomTail::head));
    let stands_at = begins_at.filter(|_| missed.is_some()).or(head);
    let window_ms = millis(cx.policy.resume_window);
    let info = memo.filter(|_| stands_at.is_some()).map(|memo| ResumeInfo {
        memo,
        position: stands_at,
        window_ms,
    });
    Resumption { info, resumed: Some(resumed), missed }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// Sends the acknowledgement, and what was missed behind it: ahead of all that is said from then on.
fn acknowledge(
    cx: &mut Cx,
    connections: &mut Connections,
    slot: Slot,
    (frame, missed): (Shared, Option<Missed>),
) {
    let Some(missed) = missed.filter(|missed| missed.count > 0) else {
        return connections.reply(cx, slot, frame);
    };
    let missed = cx.encoder.raw(|buffer| buffer.extend_from_slice(&missed.frames));
    let mut output = vec![frame];
    if cx.fault.is(Planted::MissedTwice) {
        output.push(missed.clone());
    }
    let place = usize::from(!cx.fault.is(Planted::MissedFirst));
    output.insert(place, missed);
    for frame in output {
        connections.reply(cx, slot, frame);
    }
}

/// Opens the room, acknowledges the `auth`, and starts its clocks.
fn admit(
    cx: &mut Cx,
    connections: &mut Connections,
    rooms: &mut Rooms,
    slot: Slot,
    join: &PendingJoin,
    (update, reconnect_within, memo): (&Update, Option<Duration>, Option<Memo>),
) {
    let wanted = connections.take_wanted(slot);
    let Some(connection) = connections.get_mut(slot) else { return };
    let is_first = wanted.is_some();
    let mut resumption = Resumption::default();
    if let Some(room) = wanted {
        let tail = update.tail.as_deref();
        resumption = resume(cx, connections, rooms, slot, (room.name(), tail, memo));
        rooms.enter_room(cx, slot, room.name());
        cx.metrics.authenticated += 1;
    } else {
        cx.metrics.reauthenticated += 1;
        connection.waiting.as_mut().and_then(|waiting| waiting.resume.take());
        let has_log = rooms.rooms.name_of(slot).is_some_and(|room| rooms.logs.head(room).is_some());
        let window_ms = millis(cx.policy.resume_window);
        resumption.info =
            memo.filter(|_| has_log).map(|memo| ResumeInfo { memo, position: None, window_ms });
    }
    let now = cx.now;
    let since_101 = connections
        .edit(&cx.policy, slot, |session, _| session.admitted(now.monotonic, join.clocks));
    if let Some(micros) = since_101.flatten() {
        cx.metrics.auth_time.record(micros.into());
    }
    cx.metrics.updates_out += 1;
    let Some(user) = rooms.users.name_of(slot) else { return };
    let asker = connections.id_of(slot);
    log::debug!(connection:% = asker; "{} {user}", if is_first { "joined as" } else { "is still" });
    let session = SessionInfo {
        user_id: user,
        expires_at: join.expires_at.to_rfc3339(),
        // What the wall clock will show when `auth_required` comes: never in the past.
        reauth_at: now.unix_at(join.clocks.reauth_at).to_rfc3339(),
        ping_interval_ms: cx.policy.ping.as_millis() as u64,
        resume: resumption.info,
        reconnect: reconnect_within.map(|within| ReconnectInfo { within_ms: millis(within) }),
    };
    let Resumption { resumed, missed, .. } = resumption;
    let is_new = is_first && resumed != Some(true);
    let acknowledgement = RecipeUpdate {
        request_id: join.request_id.as_deref(),
        content: match (is_first, is_new) {
            (false, _) => REAUTHENTICATED,
            (_, true) => &update.content,
            _ => RESUMED,
        },
        recipe_data: update.recipe_data.as_ref().filter(|_| is_new).map(|json| json.as_raw()),
        session: Some(session),
        history: update.history.as_ref().filter(|_| is_new).map(|json| json.as_raw()),
        source: None,
        position: None,
        resumed,
        missed: missed.as_ref().filter(|_| !is_new).map(|missed| missed.count as u64),
    };
    let frame = cx.message(acknowledgement);
    acknowledge(cx, connections, slot, (frame, missed));
    rooms.claims.admit(slot);
    if is_first {
        rooms.presence_joined(cx, connections, slot);
    }
}
