//! From an `auth` to a place in the room: the checks of the protocol's section 4, in its order.

use smol_str::SmolStr;

use crate::auth::{InvalidClaims, Principal, Signed, TokenError, Verification};
use crate::id::ConnId;
use crate::node::Node;
use crate::node::app::{Admission, Join, Reply, Update};
use crate::node::connections::connection::{PendingJoin, Reserved};
use crate::node::connections::session::Clocks;
use crate::node::gate::identity::Charge;
use crate::node::overload::cost;
use crate::node::work::port::{Completion, Outcome, Work};
use crate::node::work::questions::{GRACE, Kind, NewQuestion};
use crate::protocol::{CloseReason, RecipeUpdate, SessionInfo};
use crate::time::{Now, UnixTime};

/// What a re-authentication is acknowledged with; a first one in the application's words.
const REAUTHENTICATED: &str = "Re-authenticated";

impl Node {
    /// Checks a token, at once or on a worker; then the application is asked for the room.
    pub(crate) fn authenticate(&mut self, now: Now, index: usize, id: &str, token: &str) {
        match self.begin(token) {
            Ok(Verification::Signed(signed)) => self.signed(now, index, id, token, signed),
            Ok(Verification::Unchecked(check)) => self.check_later(now, index, Some(id), check),
            Err(error) => self.refuse_token(now, index, error),
        }
    }

    /// The first look at a token.
    pub(super) fn begin(&mut self, token: &str) -> Result<Verification, TokenError> {
        let begun = self.verifier.begin(token);
        let has_no_key = matches!(begun, Err(TokenError::UnknownKey));
        self.metrics.unknown_keys += u64::from(has_no_key);
        begun
    }

    /// No principal comes of the token.
    pub(crate) fn refuse_token(&mut self, now: Now, index: usize, error: TokenError) {
        let is_told = self.charge(now, index, Charge::Each, Some(error));
        let reason = if is_told { error.into() } else { CloseReason::TooManyAuthAttempts };
        self.close(now, index, reason);
    }

    /// The signature is good: what is left to check is checked with the `now` of this moment.
    pub(crate) fn signed(&mut self, now: Now, index: usize, id: &str, token: &str, signed: Signed) {
        match self.check(now, index, id, token, signed) {
            Ok((principal, reserved)) => {
                self.take_place(now, index, Some(id), principal, reserved);
            }
            Err(reason) => self.close(now, index, reason),
        }
    }

    /// The token that came with the request is good: from here on it is as after an `auth`.
    pub(crate) fn enter(&mut self, now: Now, index: usize, principal: &Principal) {
        if let Some(connection) = self.connections.get_mut(index) {
            connection.session.set_old_client();
        }
        match self.reserve(now, index, None, principal) {
            Ok(reserved) => self.take_place(now, index, None, principal.clone(), reserved),
            Err(error) => {
                self.ends.claims(self.id_of(index), &principal.user);
                self.close(now, index, error.into());
            }
        }
    }

    fn check(
        &mut self,
        now: Now,
        index: usize,
        id: &str,
        token: &str,
        signed: Signed,
    ) -> Result<(Principal, Reserved), CloseReason> {
        let judged = self.judge(now, index, signed);
        let refused = judged.as_ref().err().copied();
        let is_told = self.charge(now, index, Charge::Each, refused);
        debug_assert!(is_told, "a token that is signed by us is told what is wrong with it");
        let principal = judged?;
        let current = self.users.name_of(index);
        if current.is_some_and(|user| *user != principal.user) {
            return Err(CloseReason::SubjectChanged);
        }
        self.refuse_revoked(index, &principal)?;
        let message = self.hash(&[id, token]);
        match self.reserve(now, index, Some(message), &principal) {
            Ok(reserved) => Ok((principal, reserved)),
            Err(error) => {
                self.ends.claims(self.id_of(index), &principal.user);
                Err(error.into())
            }
        }
    }

    /// Who these claims speak for. Whoever asks is told that of a token, too, whose time is over.
    pub(crate) fn judge(
        &mut self,
        now: Now,
        index: usize,
        signed: Signed,
    ) -> Result<Principal, TokenError> {
        self.verifier.validate_claims(signed, now.unix).map_err(|InvalidClaims { error, user }| {
            if let Some(user) = &user {
                self.ends.claims(self.id_of(index), user);
            }
            if error == TokenError::LivesTooLong {
                self.note_long_token(now);
            }
            error
        })
    }

    /// Puts the message into the replay set, and its token id where that is single-use.
    fn reserve(
        &mut self,
        now: Now,
        index: usize,
        message: Option<u64>,
        principal: &Principal,
    ) -> Result<Reserved, TokenError> {
        let until = principal.expires_at + self.verifier.leeway();
        if let Some(message) = message {
            self.replays.reserve(now, message, until)?;
        }
        let mut reserved = Reserved { message, token_id: None, until };
        if let Some(token_id) = &principal.token_id
            && self.policy.single_use_jti
        {
            // Three parts, apart from messages, which have two. With the connection in it, the same
            // connection may send its token again, and every other finds it used.
            let owner = self.id_of(index).to_string();
            let used = self.hash(&["jti", &principal.user, token_id]);
            let mine = self.hash(&["jti of", &owner, token_id]);
            if self.replays.reserve(now, mine, until).is_ok() {
                if self.replays.reserve(now, used, until).is_err() {
                    self.replays.release(mine, until);
                    self.forget_reservation(reserved);
                    return Err(TokenError::Replayed);
                }
                reserved.token_id = Some((used, mine));
            }
        }
        Ok(reserved)
    }

    pub(crate) fn forget_reservation(&mut self, reserved: Reserved) {
        if let Some(message) = reserved.message {
            self.replays.release(message, reserved.until);
        }
        if let Some((used, mine)) = reserved.token_id {
            self.replays.release(used, reserved.until);
            self.replays.release(mine, reserved.until);
        }
    }

    pub(crate) fn ask_to_join(
        &mut self,
        now: Now,
        index: usize,
        id: Option<&str>,
        principal: &Principal,
        reserved: Reserved,
    ) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let reauth = connection.session.phase().is_authenticated();
        let wanted = connection.wanted_room.as_deref();
        let Some(room) = wanted.or_else(|| self.rooms.name_of(index)).cloned() else { return };
        let ticket = self.questions.issue();
        let clocks = Clocks::new(now, reserved.until, &self.policy, &mut self.rng);
        let join = PendingJoin {
            ticket,
            request_id: id.map(SmolStr::new),
            clocks,
            expires_at: principal.expires_at,
            reserved,
        };
        self.with_session(index, |session, policy| session.joining(now.monotonic, policy));
        if !reauth {
            self.users.join(index, &principal.user);
        }
        let asker = self.id_of(index);
        let text = room.len() + principal.user.len() + principal.claims.len();
        let room_to_ask = if reauth { Some(cost(text)) } else { self.room_to_ask(text) };
        let Some(cost) = room_to_ask else {
            return self.joined(now, index, &join, Outcome::Refused);
        };
        let question = Join {
            ticket,
            start: self.questions.start(),
            now: now.unix,
            connection: asker,
            room: &room,
            user: &principal.user,
            claims: &principal.claims,
            reauth,
        };
        let work = match self.app.on_join(&question) {
            Reply::Now(admission) => {
                return self.joined(now, index, &join, Outcome::Join(admission));
            }
            Reply::Later(job) => Some(Work::Join(job)),
            Reply::Held => None,
        };
        if let Some(connection) = self.connections.get_mut(index) {
            let before = connection.waiting.get_or_insert_default().join.replace(join);
            debug_assert!(before.is_none(), "one join of a connection is asked at a time");
        }
        let deadline = now.monotonic + self.policy.answer_timeout + GRACE;
        let question = NewQuestion { asker, kind: Kind::Join, deadline, cost };
        self.open_question(now, ticket, question, work);
    }

    /// An answer to a join has come: it counts for the join of its ticket, and for no other.
    pub(crate) fn join_answered(&mut self, now: Now, asker: ConnId, done: Completion) {
        let index = asker.index();
        let is_there = self.find(asker).is_some();
        let connection = self.connections.get_mut(index).filter(|_| is_there);
        let waiting = connection.and_then(|connection| connection.waiting.as_mut());
        match waiting.and_then(|it| it.join.take_if(|join| join.ticket == done.ticket)) {
            Some(join) => self.joined(now, index, &join, done.outcome),
            None => self.metrics.late_completions += 1,
        }
    }

    /// The application has answered a join.
    fn joined(&mut self, now: Now, index: usize, join: &PendingJoin, outcome: Outcome) {
        let refused = match outcome {
            // Told only to those whom the application lets in: others learn nothing of the room.
            Outcome::Join(Admission::Admit(_)) if self.finds_room_full(index) => {
                self.metrics.refused_by_room += 1;
                CloseReason::RoomFull
            }
            Outcome::Join(Admission::Admit(update)) => {
                self.admit(now, index, join, &update);
                return;
            }
            Outcome::Join(Admission::Deny) => CloseReason::AccessDenied,
            Outcome::Join(Admission::Unavailable) | Outcome::NotBegun => {
                CloseReason::BackendUnavailable
            }
            Outcome::Refused => CloseReason::Overloaded,
            _ => CloseReason::Internal,
        };
        self.forget_reservation(join.reserved);
        self.close(now, index, refused);
    }

    /// Is there no place in the room that `index` wants to join? Whoever is in it has one.
    fn finds_room_full(&self, index: usize) -> bool {
        let wanted = self.connections.get(index).and_then(|c| c.wanted_room.as_deref());
        wanted.is_some_and(|room| self.rooms.count(room) >= self.policy.room_members)
    }

    /// Opens the room, acknowledges the `auth`, and starts its clocks.
    fn admit(&mut self, now: Now, index: usize, join: &PendingJoin, update: &Update) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let wanted = connection.wanted_room.take();
        let is_first = wanted.is_some();
        if let Some(room) = wanted {
            self.rooms.join(index, &room);
            self.metrics.authenticated += 1;
        } else {
            self.metrics.reauthenticated += 1;
        }
        let since_101 =
            self.with_session(index, |session, _| session.admitted(now.monotonic, join.clocks));
        if let Some(micros) = since_101.flatten() {
            self.metrics.auth_time.record(micros.into());
        }
        self.metrics.updates_out += 1;
        let Some(user) = self.users.name_of(index).cloned() else { return };
        let asker = self.id_of(index);
        log::debug!(connection:% = asker; "{} {user}", if is_first { "joined as" } else { "is still" });
        let session = SessionInfo {
            user_id: &user,
            expires_at: join.expires_at.to_rfc3339(),
            reauth_at: reauth_at(now, join).to_rfc3339(),
        };
        let acknowledgement = RecipeUpdate {
            request_id: join.request_id.as_deref(),
            content: if is_first { &update.content } else { REAUTHENTICATED },
            recipe_data: update.recipe_data.as_ref().filter(|_| is_first).map(|json| json.as_raw()),
            session: Some(session),
            history: update.history.as_ref().filter(|_| is_first).map(|json| json.as_raw()),
        };
        let frame = self.message(now, acknowledgement);
        self.reply(index, frame);
        self.resume(now, index, false);
    }

    /// A hash that only this node can foretell.
    pub(crate) fn hash(&self, texts: &[&str]) -> u64 {
        self.hashing.hash_texts(texts)
    }
}

/// What the wall clock will show when `auth_required` comes: never in the past.
fn reauth_at(now: Now, join: &PendingJoin) -> UnixTime {
    now.unix_at(join.clocks.reauth_at)
}
