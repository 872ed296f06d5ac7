//! The checkers: small models of one connection that report every violation of the protocol.

use std::collections::VecDeque;
use std::time::Duration;

use super::ledger::Terms;
use super::wire::{Message, Seen};
use crate::config::Config;
use crate::driver::reads_of;
use crate::node::{Phase, TICK_MICROS, Usage};
use crate::protocol::{CloseReason, MAX_UNANSWERED_PINGS};
use crate::time::Instant;

/// How long a silent connection has to answer when a new one needs its place.
const PLACE: Duration = Duration::from_secs(2);
/// An upper bound on the pending connections of a world.
const MOST_PENDING: u32 = 32;
/// The time between a close frame and the end of the connection.
const LINGER: Duration = Duration::from_secs(2);

/// The answer that a client expects to something it sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// Exactly one `recipe_update` or `error` for the message of this id.
    Answer(String),
    /// An `error` for the message of this id, because the id was used for another message. After
    /// this moment the server may have forgotten the id.
    Refusal(String, Instant),
    /// An `error` with this code that answers no known id.
    Fault(&'static str),
    /// Exactly one answer to the message with this content, under an id that the server generated.
    Given(String),
}

/// What one client may receive on one connection.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    /// The current time.
    pub(super) now: Instant,
    /// Expected answers, the next one first.
    pub(super) expected: VecDeque<Expect>,
    /// The id that the server gave to the message just answered, and its content.
    pub(super) given: Option<(String, String)>,
    /// The ids of `auth` messages without an acknowledgement. A token in the request has an empty
    /// id.
    pub(super) auths: VecDeque<String>,
    /// The client has sent garbage, so its answers are not checked any more.
    pub(super) is_wild: bool,
    /// The client has sent its own close frame.
    pub(super) has_closed: bool,
    is_upgraded: bool,
    is_refused: bool,
    is_member: bool,
    /// How many missed messages follow with nothing in between, and whether this is one.
    missed: u64,
    is_missed: bool,
    close: Option<CloseReason>,
}

impl Hearing {
    /// Checks what the server sent next.
    ///
    /// # Errors
    /// The server must not send this now.
    pub(super) fn hear(&mut self, seen: &Seen) -> Result<(), String> {
        let is_said = matches!(seen, Seen::Message(Message::Relayed { .. } | Message::News { .. }));
        self.is_missed = self.missed > 0 && is_said;
        if self.missed > 0 && !is_said && !matches!(seen, Seen::Close(..)) {
            return Err(format!("{seen:?} where {} missed messages follow", self.missed));
        }
        self.missed -= u64::from(self.is_missed);
        match seen {
            _ if self.is_refused => return Err(format!("{seen:?} after the refusal")),
            Seen::Upgraded if !self.is_upgraded => self.is_upgraded = true,
            Seen::Refused(_) if !self.is_upgraded => self.is_refused = true,
            _ if !self.is_upgraded => return Err(format!("{seen:?} before the 101")),
            _ if self.close.is_some() => return Err(format!("{seen:?} after the close frame")),
            Seen::Upgraded | Seen::Refused(_) => return Err(format!("{seen:?} in a WebSocket")),
            Seen::Close(code, text) => return self.hear_close(*code, text),
            Seen::Pong => {}
            Seen::Message(Message::Acknowledged { auth, told }) => {
                match self.auths.pop_front() {
                    _ if self.is_wild => {}
                    Some(next) if next == *auth => {}
                    next => return Err(format!("an acknowledgement of {auth}, not of {next:?}")),
                }
                let missed = told.as_ref().map_or(0, |told| told.missed);
                (self.is_member, self.missed) = (true, missed);
            }
            _ if !self.is_member => return Err(format!("{seen:?} before the acknowledgement")),
            Seen::Message(Message::Answer { to, said, .. }) => return self.answer(to, said),
            Seen::Message(_) | Seen::Ping => {}
        }
        Ok(())
    }

    fn answer(&mut self, to: &Option<String>, said: &Result<String, String>) -> Result<(), String> {
        if self.is_wild {
            return Ok(());
        }
        let next = self.expected.pop_front();
        let fits = match &next {
            Some(Expect::Answer(id)) => to.as_ref() == Some(id),
            Some(Expect::Refusal(id, until)) => {
                to.as_ref() == Some(id) && (said.is_err() || self.now >= *until)
            }
            Some(Expect::Fault(code)) => {
                to.is_none() && said.as_ref().is_err_and(|error| error == code)
            }
            Some(Expect::Given(content)) => {
                // A refused message was not relayed, so no other client knows its id. A message
                // that timed out may have waited for the work budget all that time.
                let unsaid = ["rate_limited", "invalid_message", "backend_timeout"];
                let is_said = said.as_ref().err().is_none_or(|error| !unsaid.contains(&&**error));
                self.given = to.clone().filter(|_| is_said).map(|id| (id, content.clone()));
                to.is_some()
            }
            None => false,
        };
        if fits {
            return Ok(());
        }
        let error = said.as_ref().err();
        Err(format!("an answer to {to:?} ({error:?}), where {next:?} is next"))
    }

    fn hear_close(&mut self, code: u16, text: &str) -> Result<(), String> {
        let fits = |reason: &&CloseReason| reason.code() == code && reason.text() == text;
        let is_echo = (self.has_closed || self.is_wild) && text.is_empty();
        let known = CloseReason::ALL.iter().find(fits).copied();
        let known = known.filter(|reason| *reason != CloseReason::Normal);
        self.close = known.or(is_echo.then_some(CloseReason::Normal));
        match self.close {
            Some(_) => Ok(()),
            None => Err(format!("a close frame with {code} {text:?}")),
        }
    }

    /// Was what was heard last one of the messages that the client had missed?
    pub(super) fn is_missed(&self) -> bool {
        self.is_missed
    }

    /// The reason with which the server closed, once it did.
    pub(super) fn close(&self) -> Option<CloseReason> {
        self.close
    }

    /// The server has sent its last frame or response.
    pub(super) fn is_over(&self) -> bool {
        self.close.is_some() || self.is_refused
    }
}

/// The phase of one connection, when it began, and the deadlines that it implies.
#[derive(Debug)]
pub(super) struct Life {
    phase: Phase,
    since: Instant,
    last_bytes: Instant,
    /// The phase before `Closing`, and when that phase began.
    before: Option<(Phase, Instant)>,
    /// When output that had waited for a full socket was last written.
    unstalled: Instant,
    /// The 101 is written, so the time to authenticate has begun.
    is_upgrade_out: bool,
    /// The peer has ended or broken the connection, which may therefore end at any time.
    pub(super) was_hung_up: bool,
}

/// Timeouts from the configuration, and the delays that the driver adds.
#[derive(Clone, Debug)]
pub(super) struct Times {
    header: Duration,
    auth: Duration,
    answer: Duration,
    grace: Duration,
    /// For a connection that does not answer: the most time from its last bytes to its end; the
    /// most from the last moment at which its pings could be written; and the least from its last
    /// bytes.
    silence: Duration,
    pings: Duration,
    shortest_silence: Duration,
    /// The process was stopped until then, so no deadline counts as missed before.
    pub(super) stopped_until: Instant,
    /// One tick of the wheel, and the driver's turn that was under way.
    late: Duration,
    /// The time to read the input that came before a deadline. An authenticated connection is read
    /// once in each turn; of all pending ones, perhaps only one is.
    read: Duration,
    pending_reads: Duration,
}

impl Times {
    pub(super) fn new(config: &Config, turn: Duration) -> Self {
        let ping = config.limits.ping.get();
        let pings = u32::from(MAX_UNANSWERED_PINGS);
        let silence = ping * (pings + 1);
        let late = Duration::from_micros(TICK_MICROS) + turn * 2;
        let reads = u32::from(reads_of(config.limits.pending_message_bytes.get()));
        Self {
            header: config.http.header_timeout.get(),
            auth: config.auth.timeout.get(),
            answer: config.backend.timeout.get(),
            grace: config.auth.reauth_grace.get(),
            stopped_until: Instant::START,
            silence: if ping.is_zero() { Duration::MAX } else { silence + late * pings },
            pings: (ping + late) * pings,
            shortest_silence: silence,
            late,
            read: turn * reads,
            pending_reads: turn * reads * MOST_PENDING,
        }
    }
}

impl Life {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            phase: Phase::Handshaking,
            since: now,
            last_bytes: now,
            unstalled: Instant::START,
            before: None,
            is_upgrade_out: false,
            was_hung_up: false,
        }
    }

    /// The node received bytes that it may have waited for.
    pub(super) fn bytes(&mut self, now: Instant) {
        self.last_bytes = now;
    }

    /// All output is written. The first output is the 101.
    pub(super) fn is_written(&mut self, now: Instant, was_stalled: bool) {
        if was_stalled {
            self.unstalled = now;
        }
        let is_first = !std::mem::replace(&mut self.is_upgrade_out, true);
        if is_first && self.phase == Phase::Authenticating {
            self.since = now;
        }
    }

    /// Checks the phase after a turn. Returns true if the connection began to close in that turn.
    ///
    /// # Errors
    /// The connection is past a deadline, or changed its phase before one.
    pub(super) fn observe(
        &mut self,
        now: Instant,
        phase: Phase,
        times: &Times,
        terms: Option<Terms>,
        asked: Option<(Instant, Terms)>,
    ) -> Result<bool, String> {
        let begins_to_close = phase == Phase::Closing && self.phase != phase;
        if phase != self.phase {
            if phase == Phase::Reauthenticating && terms.is_none_or(|terms| now < terms.reauth_from)
            {
                return Err(format!("a fresh token is asked for too early: {terms:?}"));
            }
            if phase == Phase::Closing {
                self.before = Some((self.phase, self.since));
            }
            (self.phase, self.since) = (phase, now);
        }
        let deadline = self.deadline(times, terms, asked);
        // Input that has come is read before the deadline is checked, within the turn's share.
        let reads = if phase.is_authenticated() { times.read } else { times.pending_reads };
        if now > deadline.max(times.stopped_until) + times.late + reads {
            let late = now.since(deadline).as_millis();
            return Err(format!("{phase:?} since {:?} is {late} ms past its end", self.since));
        }
        Ok(begins_to_close)
    }

    /// The moment until which the connection may stay in its phase.
    fn deadline(
        &self,
        times: &Times,
        terms: Option<Terms>,
        asked: Option<(Instant, Terms)>,
    ) -> Instant {
        let Some(terms) = terms.filter(|_| self.phase.is_authenticated()) else {
            let length = match self.phase {
                Phase::Handshaking => times.header,
                Phase::Authenticating => times.auth,
                Phase::Joining => times.answer,
                _ => LINGER,
            };
            return self.since + length;
        };
        let phase = match (asked, self.phase) {
            (Some((asked_at, _)), _) => asked_at + times.answer,
            (None, Phase::Reauthenticating) => self.since + times.grace,
            (None, _) => terms.reauth_until,
        };
        // A ping counts from when it was written. It cannot be written while the process is stopped
        // or the socket is full.
        let heard = self.last_bytes + times.silence;
        let written = self.unstalled.max(times.stopped_until) + times.pings;
        phase.min(terms.token_end).min(heard.max(written))
    }

    /// Checks the `reason` that the server gave for a close that began at `self.since`.
    ///
    /// Returns true if the connection was replaced by a new one of its user; the node counts those.
    ///
    /// # Errors
    /// The deadline for this reason had not passed.
    pub(super) fn judge_close(
        &self,
        reason: CloseReason,
        times: &Times,
        terms: Option<Terms>,
    ) -> Result<bool, String> {
        let Some((phase, since)) = self.before else {
            return Err(format!("{reason:?} without closing"));
        };
        let due = match reason {
            CloseReason::AuthTimeout => (Phase::Authenticating, since + times.auth),
            CloseReason::PingTimeout if phase.is_authenticated() => {
                (phase, self.last_bytes + times.shortest_silence)
            }
            CloseReason::PingTimeout => (Phase::Connected, Instant::NEVER),
            CloseReason::ReauthTimeout => {
                let end = terms.map_or(Instant::NEVER, |terms| terms.token_end);
                let is_asked = phase == Phase::Reauthenticating;
                (phase, if is_asked { end.min(since + times.grace) } else { end })
            }
            _ => return Ok(false),
        };
        let may_give_way = reason == CloseReason::PingTimeout && phase.is_authenticated();
        if phase == due.0 && self.since >= due.1 {
            Ok(false)
        } else if may_give_way && self.since >= self.last_bytes + PLACE {
            Ok(true)
        } else {
            Err(format!("{reason:?} at {:?}, in {phase:?} since {since:?}", self.since))
        }
    }

    /// Checks that the connection was allowed to end now.
    ///
    /// # Errors
    /// Neither side ended the connection, and no deadline had passed.
    pub(super) fn judge_end(
        &self,
        now: Instant,
        times: &Times,
        is_told: bool,
        is_answered: bool,
    ) -> Result<(), String> {
        let is_due = match self.phase {
            Phase::Handshaking => now >= self.since + times.header,
            Phase::Closing => is_answered || now >= self.since + LINGER,
            _ => false,
        };
        // A client that closes first gets its answer and is gone within one turn, whatever its
        // phase was.
        let is_due = is_due || (is_told && is_answered);
        if is_due || self.was_hung_up {
            Ok(())
        } else {
            Err(format!("dropped without a word in {:?} since {:?}", self.phase, self.since))
        }
    }
}

/// Checks the sizes of the node's tables.
///
/// # Errors
/// The node holds more than it may, or its tables disagree.
pub(super) fn judge_usage(
    usage: &Usage,
    live: usize,
    phases: usize,
    rooms: usize,
    most_bytes: usize,
) -> Result<(), String> {
    let Usage { connections, timers, buffered_bytes, .. } = *usage;
    if connections != live || phases != live {
        Err(format!("{connections} slots and {phases} phases for {live} connections"))
    } else if timers != live {
        Err(format!("{timers} timers for {live} connections"))
    } else if usage.rooms != rooms {
        Err(format!("{} rooms where {rooms} have somebody in them", usage.rooms))
    } else if usage.users > live {
        Err(format!("{} users with {live} connections", usage.users))
    } else if buffered_bytes > most_bytes.saturating_mul(live) {
        Err(format!("{buffered_bytes} bytes are kept for {live} connections"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
