//! What the node counts: plain integers, no lock, no allocation.

pub(crate) mod histogram;
mod labels;

pub use self::histogram::Histogram;
pub use self::labels::{AuthEnd, Call, Legacy};

use crate::auth::TokenError;
use crate::protocol::{ClientMessage, CloseReason, ErrorCode, Parsed};

/// Counters since the start, and gauges of this moment.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// TCP connections that got a slot.
    pub accepted: u64,
    /// TCP connections that were dropped because every slot was taken.
    pub dropped_at_accept: u64,
    /// Requests that were answered 503 because the bounds on connections were reached.
    pub refused_full: u64,
    /// TCP connections that were dropped because their address held too many pending ones.
    pub dropped_by_address: u64,
    /// Accepts that failed because descriptors or memory ran out.
    pub accept_pauses: u64,
    /// Connections of trusted proxies that did not begin with a PROXY header.
    pub bad_proxy_headers: u64,
    /// TLS handshakes with a signature.
    pub tls_full: u64,
    /// TLS handshakes that resumed an earlier session.
    pub tls_resumed: u64,
    /// TLS handshakes that failed: not TLS, or nothing that both sides speak.
    pub tls_failed: u64,
    /// TLS connections that were closed because too many handshakes waited for a thread, or they waited
    /// too long.
    pub tls_refused: u64,
    /// TLS handshakes that wait for a thread at this moment.
    pub tls_waiting: u64,
    /// Upgrades refused because their address had too many pending connections.
    pub refused_pending: u64,
    /// Upgrades and `auth` messages refused because their address had used its allowance.
    pub refused_attempts: u64,
    /// Good tokens that were refused as their user had too many accepted within a minute.
    pub refused_user_attempts: u64,
    /// WebSocket upgrades.
    pub upgraded: u64,
    /// `auth` messages that were accepted on a new connection.
    pub authenticated: u64,
    /// `auth` messages that were accepted on a live connection.
    pub reauthenticated: u64,
    /// First joins that the application was asked about.
    pub joins_asked: u64,
    /// Joins of clients that came back, which the application was only told of.
    pub joins_told: u64,
    /// Clients among them that it refused then.
    pub refused_returns: u64,
    /// Signatures that were not checked as a memo showed that they had been.
    pub known_signatures: u64,
    /// Signatures that were given to workers to check.
    pub signature_checks: u64,
    /// Tokens that were refused as the key that they name is not there.
    pub unknown_keys: u64,
    /// Tokens that caused no fetch of keys: their address has named too many keys that are not there.
    pub unasked_keys: u64,
    /// Fetches of keys that failed, or brought no usable key.
    pub failed_key_fetches: u64,
    /// Tokens that were refused as they may live longer than any may.
    pub long_tokens: u64,
    /// Revocations that were stored.
    pub revocations_stored: u64,
    /// Revocations that could not be stored: a restart forgets them.
    pub revocations_unstored: u64,
    /// HTTP requests that were taken for the application.
    pub requests: u64,
    /// HTTP requests refused as their user or address asks too often.
    pub refused_request_rate: u64,
    /// HTTP requests that gave way to one of a lighter address before their bodies were whole.
    pub requests_gave_way: u64,
    /// The same of those that keep users signed in.
    pub refreshes_gave_way: u64,
    /// Pending connections that gave way to one of a lighter address.
    pub pending_gave_way: u64,
    /// HTTP requests refused because too many were under way.
    pub refused_requests: u64,
    /// The same of those that keep users signed in.
    pub refused_refreshes: u64,
    /// Chat messages that were taken.
    pub chat_messages: u64,
    /// Chat messages that were sent again and answered from memory.
    pub repeated_messages: u64,
    /// Messages that came, an `auth` each.
    pub auth_in: u64,
    /// Chat messages that came, those too that were refused or came twice.
    pub chats_in: u64,
    /// Messages that came and could not be understood.
    pub invalid_in: u64,
    /// `ping` messages that came, those too that were refused.
    pub pings_in: u64,
    /// Messages of an unknown type that came and were ignored.
    pub unknown_in: u64,
    /// `recipe_update` messages that were queued for peers.
    pub updates_out: u64,
    /// Chat messages that were queued for peers.
    pub chats_out: u64,
    /// `auth_required` messages that were queued for peers.
    pub auth_required_out: u64,
    /// `pong` messages that were queued for peers.
    pub pongs_out: u64,
    /// Connections that went on behind the position that they gave.
    pub resumed: u64,
    /// Connections whose position was not known (any more), so that they began anew.
    pub not_resumed: u64,
    /// Rooms to which the application has published what does not follow what was delivered before, so
    /// that their connections were closed.
    pub broken_logs: u64,
    /// Messages and updates that could not be published in the cluster.
    pub cluster_unpublished: u64,
    /// Entries of the cluster's engine that were announced while one before them was missing.
    pub cluster_gaps: u64,
    /// Rooms whose connections were closed because messages may be missing.
    pub cluster_breaks: u64,
    /// Connections that were refused because revocations could not be read from the cluster's engine.
    pub cluster_refused: u64,
    /// Clients that were told a moment of their own to come back at.
    pub slots: u64,
    /// Those among them that came when the server was overloaded.
    pub overload_slots: u64,
    /// `presence` messages that were queued for peers.
    pub presence_out: u64,
    /// Frames that were queued for peers.
    pub frames_out: u64,
    /// Completions whose question was over.
    pub late_completions: u64,
    /// Questions that were withdrawn before their work began: their time was over, or nobody waited.
    pub withdrawn_questions: u64,
    /// Answers to messages whose sender had been told `backend_timeout`: kept for who sends it again.
    pub answers_after_timeout: u64,
    /// Late answers that are not awaited any more, as there were too many.
    pub late_answers_given_up: u64,
    /// Late answers that never came, as long as the id of their message or the key of their publication was
    /// remembered.
    pub never_answered: u64,
    /// Chat messages under an id that was used for a message that says something else.
    pub reused_ids: u64,
    /// Messages that waited for the budget for work until their time was over.
    pub crowd_timeouts: u64,
    /// Messages that the application has kept from the others.
    pub undelivered_messages: u64,
    /// Messages whose content the application has changed before the others got them.
    pub changed_messages: u64,
    /// Publish calls that were answered as they were the first time, by their idempotency key.
    pub repeated_publishes: u64,
    /// Work that found no room in the worker's queue.
    pub refused_work: u64,
    /// Frames refused to slow readers.
    pub slow_consumers: u64,
    /// Connections that were not authenticated and held too much of all unfinished input.
    pub shed_pending: u64,
    /// Members that held too much of it.
    pub shed_members: u64,
    /// Slow readers that held too much of all that was queued.
    pub shed_readers: u64,
    /// Joins and requests that the application was not asked about, as it was asked too much.
    pub refused_questions: u64,
    /// Messages that have waited until it was asked less.
    pub crowded_messages: u64,
    /// Connections that the application let in, and whose room was full.
    pub refused_by_room: u64,
    /// Connections that did not answer while a new one of their user waited for their place.
    pub replaced: u64,
    /// Messages that have waited until less was on its way in their room.
    pub delayed_messages: u64,
    /// Connections that ended without a close of ours.
    pub hangups: u64,
    /// Calls on the admin listener.
    pub admin_calls: u64,
    /// Of these, the ones that did not show the key, or came from where they must not.
    pub admin_denied: u64,
    /// TCP connections to the admin listener that were dropped because every place was taken by a
    /// request that is being answered.
    pub admin_dropped: u64,
    /// Connections to the admin listener that gave way to newer ones: silent, unfinished, or not
    /// reading.
    pub admin_gave_way: u64,
    /// Connections beyond the bound on all that gave way to newer ones before they could be refused.
    pub gave_way: u64,
    /// How late timers were handled, in microseconds after the deadline.
    pub timer_lateness: Histogram,
    /// How long authentication took, in microseconds from the 101 to its acknowledgement.
    pub auth_time: Histogram,
    /// How long the reactor's turns took, in microseconds without the wait.
    pub turns: Histogram,
    closes: Counters<{ CloseReason::ALL.len() }>,
    errors: Counters<{ ErrorCode::ALL.len() }>,
    refusals: Counters<{ REFUSAL_STATUSES.len() }>,
    legacy: Counters<{ Legacy::ALL.len() }>,
    first_auths: Counters<{ AuthEnd::ALL.len() }>,
    later_auths: Counters<{ AuthEnd::ALL.len() }>,
    token_refusals: Counters<{ TokenError::LABELS.len() }>,
    answers: [Histogram; Call::ALL.len()],
}

#[derive(Clone, Debug)]
struct Counters<const N: usize>([u64; N]);

impl<const N: usize> Default for Counters<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

/// The HTTP statuses that the node refuses a request with.
pub const REFUSAL_STATUSES: [u16; 13] =
    [400, 401, 403, 404, 405, 411, 413, 426, 429, 431, 500, 503, 504];

impl Metrics {
    /// How often the server closed for `reason`.
    #[must_use]
    pub fn closes(&self, reason: CloseReason) -> u64 {
        self.closes.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// How often an `error` of this code was sent.
    #[must_use]
    pub fn errors(&self, code: ErrorCode) -> u64 {
        self.errors.0.get(code as usize).copied().unwrap_or(0)
    }

    /// How often a request was refused with `status`.
    #[must_use]
    pub fn refusals(&self, status: u16) -> u64 {
        let place = REFUSAL_STATUSES.iter().position(|&known| known == status);
        place.and_then(|place| self.refusals.0.get(place)).copied().unwrap_or(0)
    }

    /// How often an old client was noticed by this.
    #[must_use]
    pub fn legacy(&self, kind: Legacy) -> u64 {
        self.legacy.0.get(kind as usize).copied().unwrap_or(0)
    }

    /// How often a first `auth` ended without a place in the room, like this.
    #[must_use]
    pub fn failed_auths(&self, end: AuthEnd) -> u64 {
        self.first_auths.0.get(end as usize).copied().unwrap_or(0)
    }

    /// How often a re-authentication ended a connection, like this.
    #[must_use]
    pub fn failed_reauths(&self, end: AuthEnd) -> u64 {
        self.later_auths.0.get(end as usize).copied().unwrap_or(0)
    }

    /// How often a token was refused for the cause of this [label](TokenError::LABELS), wherever it
    /// came from.
    #[must_use]
    pub fn token_refusals(&self, label: &str) -> u64 {
        let place = TokenError::LABELS.iter().position(|&known| known == label);
        place.and_then(|place| self.token_refusals.0.get(place)).copied().unwrap_or(0)
    }

    /// How long the application took for what it did not answer at once, in microseconds.
    #[must_use]
    pub fn answer_time(&self, call: Call) -> &Histogram {
        let [join, message, publish, request] = &self.answers;
        match call {
            Call::Join => join,
            Call::Message => message,
            Call::Publish => publish,
            Call::Request => request,
        }
    }

    pub(crate) fn count_answer(&mut self, call: Call, micros: u64) {
        if let Some(answers) = self.answers.get_mut(call as usize) {
            answers.record(micros);
        }
    }

    pub(crate) fn count_auth_end(&mut self, reason: CloseReason, is_first: bool) {
        if let Some(end) = AuthEnd::of(reason, is_first) {
            let ends = if is_first { &mut self.first_auths } else { &mut self.later_auths };
            count(&mut ends.0, end as usize);
        }
    }

    pub(crate) fn count_token_refusal(&mut self, error: TokenError) {
        let place = TokenError::LABELS.iter().position(|&label| label == error.label());
        count(&mut self.token_refusals.0, place.unwrap_or(usize::MAX));
    }

    pub(crate) fn count_in(&mut self, parsed: &Parsed<'_>) {
        *match parsed {
            Ok(ClientMessage::Auth { .. }) => &mut self.auth_in,
            Ok(ClientMessage::Chat { .. }) => &mut self.chats_in,
            Ok(ClientMessage::Ping { .. }) => &mut self.pings_in,
            Ok(ClientMessage::Unknown) => &mut self.unknown_in,
            Err(_) => &mut self.invalid_in,
        } += 1;
    }

    pub(crate) fn count_legacy(&mut self, kind: Legacy) {
        count(&mut self.legacy.0, kind as usize);
    }

    pub(crate) fn count_close(&mut self, reason: CloseReason) {
        count(&mut self.closes.0, reason as usize);
    }

    pub(crate) fn count_error(&mut self, code: ErrorCode) {
        count(&mut self.errors.0, code as usize);
    }

    pub(crate) fn count_refusal(&mut self, status: u16) {
        let place = REFUSAL_STATUSES.iter().position(|&known| known == status);
        count(&mut self.refusals.0, place.unwrap_or(usize::MAX));
    }
}

fn count(counters: &mut [u64], place: usize) {
    if let Some(counter) = counters.get_mut(place) {
        *counter += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_and_code_has_its_counter() {
        let mut metrics = Metrics::default();
        for &reason in CloseReason::ALL {
            metrics.count_close(reason);
            assert_eq!(metrics.closes(reason), 1);
        }
        for &code in ErrorCode::ALL {
            metrics.count_error(code);
            assert_eq!(metrics.errors(code), 1);
        }
        for status in REFUSAL_STATUSES {
            metrics.count_refusal(status);
            assert_eq!(metrics.refusals(status), 1);
        }
    }
}
