//! A session: what a connection may do, and until when. Policy without bytes.
//!
//! ```text
//!             upgrade               auth accepted            room joined
//! TCP ──▶ Handshaking ──▶ Authenticating ──▶ Joining ──▶ Connected ◀──▶ Reauthenticating
//!          5 s │              5 s │           5 s │           │ closed by either     │ 30 s
//!              └──────────────────┴──▶ Closing ◀──┴───────────┴──────────────────────┘
//!                                       2 s ──▶ gone
//! ```
//!
//! Every method takes `now` and changes nothing but the session; what is to be done about it is the
//! return value.

mod allowance;
mod chat_allowance;
mod clocks;
mod flags;
mod phase;
mod pings;
mod stage;
mod told;
mod wants;

use std::time::Duration;

pub(crate) use self::chat_allowance::ChatAllowance;
pub(crate) use self::clocks::Clocks;
pub(crate) use self::flags::Flags;
pub use self::phase::Phase;
use self::pings::Pings;
pub(crate) use self::stage::Stage;
use crate::node::connections::moment::CoarseInstant;
use crate::node::policy::Policy;
use crate::protocol::{
    ClientMessage, CloseReason, ErrorCode, MAX_INVALID_IN_A_ROW, MAX_UNANSWERED_PINGS,
    MAX_UNASKED_AUTHS_A_MINUTE, MalformedMessage, MessageFault, Parsed, ReauthReason, Said, Wants,
};
use crate::time::Instant;

/// What to do with a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    /// Check this token.
    Authenticate { id: &'a str, token: &'a str, wants: Wants },
    /// Deliver this, and ask the application. Unless it came before, its length is to be paid.
    Chat { said: Said<'a>, bytes: usize },
    /// Answer with a `pong`.
    Pong { id: Option<&'a str> },
    /// Answer with an `error`; the connection goes on.
    Refuse {
        error: ErrorCode,
        message: &'static str,
        request_id: Option<&'a str>,
        retry_after: Option<Duration>,
    },
    /// Do nothing about it: it is of a type that is not known here.
    Ignore,
    /// Over.
    Close(CloseReason),
}

/// What a deadline that has come asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing yet.
    Nothing,
    /// End the TCP connection without a word.
    Drop,
    /// Close with this reason.
    Close(CloseReason),
    /// Send `auth_required`, with this deadline.
    AskReauth { reason: ReauthReason, deadline: Instant },
    /// Send a ping.
    Ping,
}

/// One connection's session. 40 bytes.
#[derive(Debug)]
pub(crate) struct Session {
    stage: Stage,
    pub(crate) flags: Flags,
    /// What was wrong with the last message that was not understood.
    fault: Option<MessageFault>,
    invalid_in_a_row: u8,
    pings: Pings,
    unasked_auths: u8,
    refused: u8,
    /// Of the phase.
    deadline: Instant,
    /// Once it was admitted: when its token ends. Before: when control frames so far have drained, as
    /// there is no user yet who is charged for them.
    until: Instant,
    /// When something came last. Time in which the server could not write its ping is left out: the
    /// moment is moved on by it.
    last_seen: Instant,
    /// The second since which `unasked_auths` and `refused` count: one minute for both.
    counted_since: u32,
    /// In the room: when it came there, as a [`CoarseInstant`]. Before: when the 101 was sent, as the
    /// low 32 bits of its microseconds, which tell 71 minutes apart.
    moment: u32,
}

impl Session {
    /// The TCP connection is there.
    pub(crate) fn new(now: Instant, policy: &Policy) -> Self {
        Self {
            stage: Stage::Head,
            flags: Flags::default(),
            fault: None,
            invalid_in_a_row: 0,
            pings: Pings::default(),
            unasked_auths: 0,
            refused: 0,
            deadline: now + policy.header_timeout,
            until: ChatAllowance::default().used_until,
            last_seen: now,
            counted_since: 0,
            moment: 0,
        }
    }

    /// Where its connection stands.
    pub(crate) fn stage(&self) -> Stage {
        self.stage
    }

    pub(crate) fn phase(&self) -> Phase {
        self.stage.phase()
    }

    /// Goes a step further within its phase; the first step of `Closing` is
    /// [`closing`](Session::closing). What has ended does not begin again.
    pub(crate) fn set_stage(&mut self, stage: Stage) {
        debug_assert_eq!(self.phase(), stage.phase(), "a phase is changed where it is counted");
        self.stage = if self.phase() == Phase::Closing { self.stage.max(stage) } else { stage };
    }

    /// A re-authentication is with the application: no other is handled meanwhile.
    pub(crate) fn is_rejoining(&self) -> bool {
        self.flags.has(Flags::REJOINING)
    }

    /// Its request authenticated it, as an old client's does: its messages are read by
    /// [`parse_old`](crate::protocol::parse_old) for as long as it lives.
    pub(crate) fn set_old_client(&mut self) {
        self.flags.set(Flags::OLD_CLIENT, true);
    }

    pub(crate) fn is_old_client(&self) -> bool {
        self.flags.has(Flags::OLD_CLIENT)
    }

    /// A message was not understood.
    pub(crate) fn set_fault(&mut self, fault: MessageFault) {
        self.fault = Some(fault);
    }

    /// The 101 is on its way.
    pub(crate) fn upgraded(&mut self, now: Instant, policy: &Policy) {
        self.stage = Stage::Authenticating;
        self.flags.set(Flags::UPGRADING, true);
        self.moment = now.as_micros() as u32;
        self.deadline = now + policy.auth_timeout;
    }

    /// Is the 101 not out yet?
    pub(crate) fn is_upgrading(&self) -> bool {
        self.flags.has(Flags::UPGRADING)
    }

    /// The 101 is out. The time to authenticate counts from then, so it is never early.
    pub(crate) fn upgrade_written(&mut self, now: Instant, policy: &Policy) {
        if self.stage == Stage::Authenticating {
            self.upgraded(now, policy);
        }
        self.flags.set(Flags::UPGRADING, false);
    }

    /// An HTTP request has gone a step further: its phase ends then.
    pub(crate) fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Its answer is out.
    pub(crate) fn response_sent(&mut self, now: Instant) {
        self.set_stage(Stage::Lingering);
        self.deadline = self.deadline.min(now + LINGER);
    }

    /// An `auth` is accepted, and the application is asked for the room. The first time, the phase
    /// is `Joining`; on a live connection chat goes on meanwhile, but never past the token's end.
    pub(crate) fn joining(&mut self, now: Instant, policy: &Policy) {
        self.deadline = now + policy.answer_timeout;
        if self.phase().is_authenticated() {
            self.flags.set(Flags::REJOINING, true);
            self.deadline = self.deadline.min(self.end());
        } else {
            self.stage = Stage::Joining;
        }
    }

    /// The room is open: the clocks start, anew after a re-authentication. The first time, it is told
    /// how many microseconds that took from the 101 on.
    pub(crate) fn admitted(&mut self, now: Instant, clocks: Clocks) -> Option<u32> {
        let since_101 = (now.as_micros() as u32).wrapping_sub(self.moment);
        let is_first = !self.phase().is_authenticated();
        if is_first {
            self.moment = CoarseInstant::of(now).0;
        } else {
            self.flags.set(Flags::RENEWED, true);
        }
        self.stage = Stage::Connected;
        self.flags.set(Flags::REJOINING, false);
        self.deadline = clocks.reauth_at;
        self.flags.set_reauth_reason(clocks.reason);
        self.flags.set(Flags::ADMITTED, true);
        self.until = clocks.token_end;
        is_first.then_some(since_101)
    }

    /// Asks for a fresh token ahead of the clock. False: it is not in, or is asked already.
    pub(crate) fn require_auth(&mut self, now: Instant) -> bool {
        let is_free = self.stage == Stage::Connected && !self.is_rejoining();
        if is_free {
            self.deadline = now;
            self.flags.set_reauth_reason(ReauthReason::Requested);
        }
        is_free
    }

    /// When the token of the accepted `auth` runs out.
    pub(crate) fn token_end(&self) -> Option<Instant> {
        (self.end() != Instant::NEVER).then(|| self.end())
    }

    fn end(&self) -> Instant {
        if self.flags.has(Flags::ADMITTED) { self.until } else { Instant::NEVER }
    }

    /// The last word is said: this is the first stage of the end, or the next one.
    pub(crate) fn closing(&mut self, now: Instant, stage: Stage) {
        self.stage = self.stage.max(stage);
        self.deadline = now + LINGER;
    }

    /// Something came: the peer is alive.
    pub(crate) fn touch(&mut self, now: Instant) {
        self.last_seen = now;
        self.pings.answer();
    }

    /// All output is written. A ping among it counts as unanswered from now on, not from when it was
    /// queued: the process may have stood still, or the socket may have been full.
    pub(crate) fn output_written(&mut self, now: Instant, policy: &Policy) {
        if self.pings.write() {
            let silence = policy.ping * u32::from(self.pings.unanswered());
            self.last_seen = self.last_seen.max(now - silence);
        }
    }

    /// The peer is asked for a sign of life.
    pub(crate) fn ask_for_pong(&mut self) {
        self.pings.owe_pong();
    }

    /// The nearest deadline, pings included.
    pub(crate) fn next_deadline(&self, policy: &Policy) -> Instant {
        self.deadline.min(self.ping_at(policy))
    }

    fn ping_at(&self, policy: &Policy) -> Instant {
        if self.phase().is_authenticated() && !policy.ping.is_zero() {
            self.last_seen + policy.ping * (u32::from(self.pings.unanswered()) + 1)
        } else {
            Instant::NEVER
        }
    }

    /// What is due at `now`. One thing at a time: call again until it is nothing.
    pub(crate) fn due(&mut self, now: Instant, policy: &Policy) -> Due {
        if now >= self.deadline {
            return self.phase_is_over(now, policy);
        }
        if now < self.ping_at(policy) {
            return Due::Nothing;
        }
        if self.pings.unanswered() >= MAX_UNANSWERED_PINGS {
            return Due::Close(CloseReason::PingTimeout);
        }
        // A process that stood still did not listen either: no silence is counted for that time.
        self.last_seen = self.last_seen + now.since(self.ping_at(policy));
        self.pings.queue();
        Due::Ping
    }

    fn phase_is_over(&mut self, now: Instant, policy: &Policy) -> Due {
        match self.phase() {
            Phase::Handshaking | Phase::Closing => Due::Drop,
            Phase::Authenticating => Due::Close(CloseReason::AuthTimeout),
            Phase::Joining => Due::Close(CloseReason::BackendUnavailable),
            _ if self.is_rejoining() && now < self.end() => {
                Due::Close(CloseReason::BackendUnavailable)
            }
            Phase::Connected if !self.is_rejoining() && now < self.end() => {
                self.stage = Stage::Reauthenticating;
                self.deadline = (now + policy.reauth_grace).min(self.end());
                Due::AskReauth { reason: self.flags.reauth_reason(), deadline: self.deadline }
            }
            Phase::Connected | Phase::Reauthenticating => Due::Close(CloseReason::ReauthTimeout),
        }
    }

    /// Judges the first message (protocol, section 4).
    pub(crate) fn judge_first<'a>(&self, parsed: &'a Parsed<'_>) -> Verdict<'a> {
        Verdict::Close(match parsed {
            Ok(ClientMessage::Auth { id, token: Some(token), wants }) => {
                return Verdict::Authenticate { id, token, wants: *wants };
            }
            Ok(ClientMessage::Auth { token: None, .. }) => CloseReason::MissingToken,
            Err(MalformedMessage::Json | MalformedMessage::Field { envelope: true, .. }) => {
                CloseReason::InvalidAuthMessage
            }
            Ok(
                ClientMessage::Chat { .. } | ClientMessage::Ping { .. } | ClientMessage::Unknown,
            )
            | Err(MalformedMessage::Field { envelope: false, .. }) => {
                CloseReason::FirstMessageNotAuth
            }
        })
    }

    /// Judges a message of an authenticated client (protocol, sections 5 to 7), so many `bytes` long, which
    /// is charged to its user's `allowance`: that of control frames for a `ping`.
    pub(crate) fn judge<'a>(
        &mut self,
        now: Instant,
        policy: &Policy,
        allowance: &mut ChatAllowance,
        (parsed, bytes): (&'a Parsed<'_>, usize),
    ) -> Verdict<'a> {
        // One that is ignored was not understood either.
        if !matches!(parsed, Err(_) | Ok(ClientMessage::Unknown)) {
            self.invalid_in_a_row = 0;
        }
        match parsed {
            Ok(ClientMessage::Auth { id, token, .. }) => self.judge_auth(now, id, token.as_deref()),
            Ok(ClientMessage::Chat { id, content, data }) => {
                match allowance.charge_message(now, policy, bytes) {
                    Ok(()) => Verdict::Chat { said: Said { id, content, data: *data }, bytes },
                    Err(retry_after) => self.rate_limited(now, Some(id), retry_after),
                }
            }
            Ok(ClientMessage::Ping { id }) => match allowance.charge(now, policy) {
                Ok(()) => Verdict::Pong { id: id.as_deref() },
                Err(retry_after) => self.rate_limited(now, id.as_deref(), retry_after),
            },
            // It takes its part of the allowance of messages. Nothing answers it, so one beyond that
            // is counted with the refusals: too many of them close.
            Ok(ClientMessage::Unknown) => match allowance.charge(now, policy) {
                Ok(()) => Verdict::Ignore,
                Err(_) => self.refuse(now, Verdict::Ignore),
            },
            Err(malformed) => {
                self.invalid_in_a_row = self.invalid_in_a_row.saturating_add(1);
                if self.invalid_in_a_row >= MAX_INVALID_IN_A_ROW {
                    return Verdict::Close(CloseReason::TooManyInvalidMessages);
                }
                self.refuse_malformed(now, malformed)
            }
        }
    }

    fn judge_auth<'a>(&mut self, now: Instant, id: &'a str, token: Option<&'a str>) -> Verdict<'a> {
        if self.stage != Stage::Reauthenticating {
            self.begin_minute(now);
            if self.unasked_auths >= MAX_UNASKED_AUTHS_A_MINUTE {
                return Verdict::Close(CloseReason::TooManyAuthAttempts);
            }
            self.unasked_auths += 1;
        }
        match token {
            Some(token) => Verdict::Authenticate { id, token, wants: Wants::default() },
            None => Verdict::Close(CloseReason::MissingToken),
        }
    }
}

/// How long the peer has to answer a close frame.
const LINGER: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
