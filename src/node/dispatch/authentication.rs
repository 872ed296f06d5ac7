//! From an `auth` to a place in the room (protocol, section 4).

use smol_str::SmolStr;

use crate::auth::{KeySet, Principal, Verification, WantedKey};
use crate::id::{ConnId, Slot};
use crate::node::Node;
use crate::node::app::{Admission, Left};
use crate::node::connections::session::{Clocks, Phase};
use crate::node::connections::waiting::{AcceptedAuth, PendingAuth, PendingJoin, PendingKey};
use crate::node::dispatch::deadlines::TIMERS_A_CALL;
use crate::node::gate::join;
use crate::node::gate::limits::Charge;
use crate::node::gate::tokens::{Token, TokenProgress, Verified};
use crate::node::gate::user_limit::{Placing, ROUNDS_A_CALL, RoundStep, UserLimit};
use crate::node::work::keys::{Fetched, KeyNews};
use crate::node::work::port::{Action, Completion, Outcome};
use crate::protocol::CloseReason;
use crate::time::{Instant, Now, UnixTime};

impl Node {
    /// From here on tokens are checked with these keys and no others, which were read at `read_at`.
    /// Authenticated connections stay:
    /// their tokens were good when they were checked, and fresh ones will be asked for. Those who
    /// wait for keys are judged with the next call of [`Node::handle_timeout`].
    pub fn replace_keys(&mut self, read_at: UnixTime, keys: KeySet) {
        self.replace_keys_of(read_at, 0, keys);
    }

    /// The same for the tokens of one issuer: 0 is `[auth]` itself, 1 the first of `auth.issuers`.
    pub fn replace_keys_of(&mut self, read_at: UnixTime, issuer: usize, keys: KeySet) {
        let tokens = &mut self.gate.tokens;
        tokens.verifier.replace_keys_of(issuer, keys);
        tokens.key_reads.entry(issuer).or_default().succeeded(read_at);
        tokens.key_waits.look_again();
    }

    /// A source of keys has news. Those who wait for keys are judged with the next call of
    /// [`Node::handle_timeout`], for which [`Node::poll_timeout`] says that it is due.
    pub fn handle_keys(&mut self, now: Now, news: KeyNews) {
        self.cx.now = now;
        let tokens = &mut self.gate.tokens;
        let reads = tokens.key_reads.entry(news.issuer).or_default();
        if matches!(news.fetched, Fetched::Nothing) {
            reads.failed();
        } else {
            reads.succeeded(now.unix);
        }
        match news.fetched {
            Fetched::Keys(keys) => {
                tokens.verifier.replace_keys_of(news.issuer, keys);
                tokens.key_waits.answered(news.issuer, news.answers, true);
            }
            Fetched::Unchanged => tokens.key_waits.answered(news.issuer, news.answers, false),
            Fetched::Nothing => self.cx.metrics.failed_key_fetches += 1,
        }
    }

    /// Judges those again who wait for keys and have news, at most 64 a call.
    pub(crate) fn judge_waiting(&mut self) {
        for _ in 0..TIMERS_A_CALL {
            let Some(id) = self.gate.tokens.key_waits.next_ready() else { return };
            let waiting = self.connections.find_mut(id).and_then(|it| it.waiting.as_mut());
            let Some(PendingKey { auth, serial }) = waiting.and_then(|it| it.take_key()) else {
                debug_assert!(false, "a connection that ends gives its place up");
                continue;
            };
            let progress = TokenProgress::Waited { serial };
            match auth {
                Some((request_id, token)) => {
                    self.judge_auth(id.slot(), &request_id, &token, progress);
                }
                None => self.request_judged(id.slot(), progress),
            }
            self.connections.weigh_input(id.slot());
        }
    }

    /// The token of `slot` has to wait for its key: `auth`, or the one of its request.
    pub(crate) fn wait_for_key(
        &mut self,
        slot: Slot,
        auth: Option<(&str, &str)>,
        wanted: &WantedKey,
        serial: Option<u64>,
    ) {
        let Self { cx, connections, gate, .. } = self;
        let id = connections.id_of(slot);
        let Some(connection) = connections.get_mut(slot) else { return };
        let address = connection.address();
        let (serial, request) = gate.tokens.key_waits.wait(cx, id, address, wanted, serial);
        let auth = auth.map(|(id, token)| (SmolStr::new(id), token.into()));
        let pending = PendingAuth::Key(PendingKey { auth, serial });
        connection.waiting.get_or_insert_default().set_auth(pending);
        cx.actions.extend(request.map(Action::FetchKeys));
    }

    /// Checks a token, at once or on a worker; then the application is asked for the room.
    pub(crate) fn authenticate(&mut self, slot: Slot, id: &str, token: &str) {
        self.judge_auth(slot, id, token, TokenProgress::New);
    }

    /// The same, after the `progress` so far.
    pub(crate) fn judge_auth(
        &mut self,
        slot: Slot,
        id: &str,
        token: &str,
        progress: TokenProgress,
    ) {
        let serial = progress.serial();
        let Self { cx, connections, rooms, gate, .. } = self;
        let current = rooms.users.name_of(slot).map(|user| user.as_str());
        let to_verify = Token { text: token, current, charge: Charge::Each };
        match gate.tokens.verify(cx, connections, &mut gate.limits, slot, &to_verify, progress) {
            Verified::Known(principal) => {
                match gate.tokens.reserve(cx, connections, slot, Some((id, token)), &principal) {
                    Ok(reserved) => {
                        let request_id = Some(id.into());
                        self.find_place(slot, AcceptedAuth { request_id, principal, reserved });
                    }
                    Err(error) => self.close(slot, error.into()),
                }
            }
            Verified::Unchecked(check) => match self.known_signature(slot, &check) {
                Some(signed) => {
                    let verdict = Ok(Verification::Signed(signed));
                    self.judge_auth(slot, id, token, TokenProgress::Checked { verdict, serial });
                }
                None => {
                    let Self { connections, gate, .. } = self;
                    gate.checks.push(connections, slot, Some(id), check, serial);
                    self.submit_checks();
                }
            },
            Verified::Wanted(wanted) => self.wait_for_key(slot, Some((id, token)), &wanted, serial),
            Verified::Refused(refusal) => self.close(slot, refusal.into()),
        }
    }

    /// The token that came with the request is good: from here on it is as after an `auth`.
    pub(crate) fn enter(&mut self, slot: Slot, principal: Principal) {
        let Self { cx, connections, gate, .. } = self;
        if let Some(connection) = connections.get_mut(slot) {
            connection.session.set_old_client();
        }
        match gate.tokens.reserve(cx, connections, slot, None, &principal) {
            Ok(reserved) => {
                self.find_place(slot, AcceptedAuth { request_id: None, principal, reserved });
            }
            Err(error) => self.close(slot, error.into()),
        }
    }

    /// Submits the checks that are next, and turns those away whose address was shut meanwhile.
    pub(crate) fn submit_checks(&mut self) {
        loop {
            let Self { cx, connections, gate, work, .. } = self;
            let Some(slot) = gate.checks.submit(cx, connections, work, &mut gate.limits) else {
                return;
            };
            let phase = connections.get(slot).map(|connection| connection.session.phase());
            if phase == Some(Phase::Handshaking) {
                let refusal = gate.limits.too_many_attempts(cx, connections, slot);
                self.refuse(slot, refusal);
                self.resume(slot, true);
            } else {
                self.close(slot, CloseReason::TooManyAuthAttempts);
            }
        }
    }

    /// Asks the application to let the user of an accepted `auth` in, if it has a place left; else
    /// the connection waits for one, or is refused.
    fn find_place(&mut self, slot: Slot, accepted: AcceptedAuth) {
        let user = accepted.principal.user.clone();
        let Self { cx, connections, rooms, gate, .. } = self;
        match gate.user_limit.find_place(cx, connections, rooms, slot, accepted) {
            Placing::Join(accepted) => self.ask_to_join(slot, accepted),
            Placing::Wait { silent } => {
                self.ask_for_signs_of_life(silent);
                self.settle_user(&user);
            }
            Placing::Refused(accepted) => {
                self.refuse_place(slot, &accepted, CloseReason::ConnectionLimit);
            }
        }
    }

    /// Sends a ping to connections of a user, one of which may give way to another one.
    pub(crate) fn ask_for_signs_of_life(&mut self, silent: Vec<Slot>) {
        for member in silent {
            if let Some(connection) = self.connections.get_mut(member) {
                connection.session.ask_for_pong();
            }
            let ping = self.cx.encoder.ping();
            self.send(member, ping);
        }
    }

    pub(crate) fn refuse_place(
        &mut self,
        slot: Slot,
        accepted: &AcceptedAuth,
        reason: CloseReason,
    ) {
        self.gate.tokens.release(accepted.reserved);
        let id = self.connections.id_of(slot);
        self.cx.history.set_claimed_user(id, &accepted.principal.user);
        self.close(slot, reason);
    }

    /// A new connection waits no longer: it takes a place, unless there is a reason to refuse it.
    pub(crate) fn end_wait(&mut self, id: ConnId, refused: Option<CloseReason>) {
        let Self { cx, connections, gate, .. } = self;
        match UserLimit::take_waiting(cx, connections, &gate.tokens, id, refused) {
            Some((accepted, None)) => self.ask_to_join(id.slot(), accepted),
            Some((accepted, Some(reason))) => self.refuse_place(id.slot(), &accepted, reason),
            None => {}
        }
    }

    /// Bytes came from `slot`: it does not give way to a new connection of its user.
    pub(crate) fn note_sign_of_life(&mut self, slot: Slot) {
        let Self { cx, connections, rooms, gate, .. } = self;
        if let Some(newest) = gate.user_limit.note_sign_of_life(cx, connections, rooms, slot) {
            self.end_wait(newest, Some(CloseReason::ConnectionLimit));
        }
    }

    /// Gives places that have become free to those that wait, and ends the rounds whose time is
    /// over.
    pub(crate) fn user_limit_due(
        &mut self,
        until: Instant,
        is_unread: &mut dyn FnMut(ConnId) -> bool,
    ) {
        while let Some(id) = self.gate.user_limit.next_freed(&self.cx, &self.rooms) {
            self.end_wait(id, None);
        }
        for _ in 0..ROUNDS_A_CALL {
            let Self { cx, connections, gate, .. } = self;
            if !gate.user_limit.begin_end(cx, connections, until, is_unread) {
                return;
            }
            while let Some(step) = self.next_of_round() {
                match step {
                    RoundStep::End(id, refused) => self.end_wait(id, refused),
                    RoundStep::Replace(id) => self.replace(id),
                    RoundStep::Exceeds(id) => self.close(id.slot(), CloseReason::ConnectionLimit),
                }
            }
        }
    }

    fn next_of_round(&mut self) -> Option<RoundStep> {
        let Self { cx, connections, rooms, gate, .. } = self;
        gate.user_limit.next_of_end(cx, connections, rooms)
    }

    /// Nothing was heard of this connection, and a new one of its user takes its place.
    fn replace(&mut self, id: ConnId) {
        if self.connections.find(id).is_some() {
            self.cx.metrics.replaced += 1;
            self.close(id.slot(), CloseReason::PingTimeout);
        }
    }

    pub(crate) fn ask_to_join(&mut self, slot: Slot, accepted: AcceptedAuth) {
        if let Some(accepted) = self.follow_room(slot, accepted) {
            self.ask_application(slot, accepted);
        }
    }

    /// Asks the application to let the user of an accepted `auth` in. In a cluster, the room is followed,
    /// or cannot be.
    pub(crate) fn ask_application(&mut self, slot: Slot, accepted: AcceptedAuth) {
        let trusted = self.note_return(slot, &accepted.principal);
        let Self { cx, connections, rooms, gate, work, .. } = self;
        let ends = (accepted.principal.expires_at, accepted.reserved.until);
        let clocks = Clocks::new(cx.now, ends, &cx.policy, &mut gate.rng);
        let user = accepted.principal.user.clone();
        let is_new = rooms.users.name_of(slot).is_none();
        let asked = (accepted, clocks, trusted);
        let decided = join::ask_to_join(cx, connections, work, rooms, slot, asked);
        if is_new && rooms.users.name_of(slot).is_some() {
            self.user_count_changed(slot, &user, true);
        }
        if let Some((join, outcome)) = decided {
            self.joined(slot, &join, outcome);
        }
    }

    /// An answer to a join has come: it counts for the join of its ticket, and for no other.
    pub(crate) fn join_answered(&mut self, asker: ConnId, done: Completion) {
        if let Some(join) = join::take_join(&mut self.cx, &mut self.connections, asker, &done) {
            self.joined(asker.slot(), &join, done.outcome);
        }
    }

    fn joined(&mut self, slot: Slot, join: &PendingJoin, outcome: Outcome) {
        let memo = self.memo_for(slot);
        let Self { cx, connections, rooms, gate, .. } = self;
        let is_unasked = !cx.policy.trust_join.is_zero();
        let supports_resume = connections.get(slot).is_some_and(|it| it.session.supports_resume());
        let within = supports_resume.then(|| gate.governor.window(connections.len(), is_unasked));
        let is_admitted = matches!(outcome, Outcome::Join(Admission::Admit(_)));
        match join.replaces {
            // Also of one for which the room has no place: it leaves in its own name.
            Some(left) if is_admitted => rooms.lingering.cancel(left),
            Some(left) => rooms.lingering.release(left),
            None => {}
        }
        match join::joined(cx, connections, rooms, slot, join, (outcome, within, memo)) {
            Ok(()) => {
                self.close_slow_members();
                while let Some(room) = self.rooms.next_broken() {
                    self.break_log(&room);
                }
                self.resume(slot, false);
            }
            Err(reason) => {
                gate.tokens.release(join.reserved);
                if reason == CloseReason::RoomFull {
                    self.tell_of_refused_member(slot, reason);
                }
                self.close(slot, reason);
            }
        }
    }

    /// The application has admitted `slot`, and it does not get in: to the application it leaves.
    fn tell_of_refused_member(&mut self, slot: Slot, reason: CloseReason) {
        let Self { connections, rooms, work, .. } = self;
        let connection = connections.id_of(slot);
        let wanted = connections.wanted_name(slot);
        if let (Some(room), Some(user)) = (wanted, rooms.users.name_of(slot)) {
            work.app.on_leave(&Left { connection, room, user, reason: Some(reason) });
        }
    }
}
