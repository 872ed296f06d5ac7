//! What is counted, by the names under which it is shown.
//!
//! The node counts in plain integers ([`Metrics`](super::Metrics)). Here they get the names and
//! labels that are the contract with whoever collects them; how they are written is not known here.

mod answers;
pub(crate) mod cluster;
mod fill;
mod keys;

use std::borrow::Cow;

use crate::auth::TokenError;
use crate::node::connections::session::Phase;
use crate::node::observe::family::{
    Family, FamilyKind, Numbers, Samples, by, counter, gauge, level, micros, total,
};
use crate::node::observe::metrics::{AuthEnd, Call, Legacy, Metrics, REFUSAL_STATUSES};
use crate::node::observe::view::View;
use crate::protocol::{CloseReason, ErrorCode};

impl<'a> View<'a> {
    /// All families, in the order in which they are shown. Some 200 numbers, whatever is going on.
    pub(crate) fn families(&self) -> Vec<Family<'a>> {
        let metrics = &self.cx.metrics;
        let mut families = self.connection_families();
        families.extend(self.policy_families());
        families.extend(self.auth_families());
        families.extend(self.traffic_families());
        families.extend(self.resume_families());
        let now = self.cx.now.monotonic;
        let shared = (self.gate.user_limit.elsewhere.len(), self.rooms.remote.bytes());
        let cluster = self.cluster.iter();
        families.extend(cluster.flat_map(|it| cluster::families(now, metrics, it, shared)));
        families.extend(self.key_families());
        families.extend(self.revocation_families());
        families.extend(self.answer_families());
        families.extend(self.fault_families());
        families.push(counter(
            "vestibule_limit_hits_total",
            "What a bound has refused, dropped or forgotten, by the bound's name.",
            &["limit"],
            self.limit_hits(),
        ));
        let calls = [("taken", metrics.admin_calls), ("denied", metrics.admin_denied)];
        families.push(counter(
            "vestibule_admin_calls_total",
            "Calls on the admin listener.",
            &["result"],
            by(calls),
        ));
        families.push(micros(
            "vestibule_timer_lateness_seconds",
            "How late deadlines were handled.",
            &metrics.timer_lateness,
            // 128 µs to 1 s; a tick of the wheel is 2¹³ µs.
            7..=20,
        ));
        families.push(micros(
            "vestibule_loop_seconds",
            "How long the reactor's turns took, without the wait.",
            &metrics.turns,
            // 16 µs to 131 ms.
            4..=17,
        ));
        families
    }

    /// Clients that come back, and what is kept for them.
    fn resume_families(&self) -> Vec<Family<'a>> {
        let (metrics, logs) = (&self.cx.metrics, &self.rooms.logs);
        let outcomes = [("resumed", metrics.resumed), ("anew", metrics.not_resumed)];
        vec![
            counter(
                "vestibule_resumes_total",
                "Clients that came back with a position: resumed from there, or started over.",
                &["outcome"],
                by(outcomes),
            ),
            total(
                "vestibule_history_breaks_total",
                "Rooms whose clients were closed because the application's publications did not follow each other.",
                metrics.broken_logs,
            ),
            counter(
                "vestibule_joins_total",
                "Joins of new connections: the application was asked, or notified of a client that came back.",
                &["how"],
                by([("asked", metrics.joins_asked), ("told", metrics.joins_told)]),
            ),
            total(
                "vestibule_refused_returns_total",
                "Clients that came back and were closed as the application refused them then.",
                metrics.refused_returns,
            ),
            total(
                "vestibule_known_signatures_total",
                "Signatures of tokens that were not checked, as a memo showed that they had been.",
                metrics.known_signatures,
            ),
            level(
                "vestibule_history_rooms",
                "Rooms whose last messages are kept at this moment.",
                logs.len() as u64,
            ),
            level(
                "vestibule_lingering_leaves",
                "Closed connections whose users may come back before their leave is reported.",
                self.rooms.lingering.len() as u64,
            ),
            counter(
                "vestibule_reconnect_slots_total",
                "Clients that were told a moment of their own to come back at, by reason.",
                &["reason"],
                by([
                    ("drain", metrics.slots.saturating_sub(metrics.overload_slots)),
                    ("overload", metrics.overload_slots),
                ]),
            ),
            level(
                "vestibule_capacity_per_second",
                "Clients that can be let in within a second, as measured while some had to wait.",
                self.gate.governor.capacity().asked,
            ),
            level(
                "vestibule_unasked_capacity_per_second",
                "Clients that can be let in within a second where the application is only told of them.",
                self.gate.governor.capacity().unasked,
            ),
        ]
    }

    fn auth_families(&self) -> Vec<Family<'a>> {
        let metrics = &self.cx.metrics;
        let results = |accepted: u64, failed: fn(&Metrics, AuthEnd) -> u64| {
            let failed = AuthEnd::ALL.map(|end| (end.name(), failed(metrics, end)));
            [by([("accepted", accepted)]), by(failed)].concat()
        };
        let first = results(metrics.authenticated, Metrics::failed_auths);
        let later = results(metrics.reauthenticated, Metrics::failed_reauths);
        vec![
            counter(
                "vestibule_auth_total",
                "First authentications of a WebSocket, by how they ended.",
                &["result"],
                first,
            ),
            counter(
                "vestibule_reauth_total",
                "Re-authentications, by how they ended.",
                &["result"],
                later,
            ),
            counter(
                "vestibule_token_refusals_total",
                "Tokens that were refused, by the cause, of WebSockets and of requests.",
                &["cause"],
                by(TokenError::LABELS.map(|label| (label, metrics.token_refusals(label)))),
            ),
            micros(
                "vestibule_auth_seconds",
                "From the 101 to the acknowledgement of the first auth.",
                &metrics.auth_time,
                // 256 µs to 8 s.
                8..=23,
            ),
        ]
    }

    fn connection_families(&self) -> Vec<Family<'a>> {
        let metrics = &self.cx.metrics;
        let states = Phase::ALL
            .map(|phase| (vec![phase.name().into()], self.connections.in_phase(phase) as f64));
        let closes = CloseReason::ALL.iter().map(|&reason| {
            (vec![code(reason.code()), reason.label().into()], metrics.closes(reason) as f64)
        });
        let refused =
            REFUSAL_STATUSES.map(|status| (vec![code(status)], metrics.refusals(status) as f64));
        let legacy =
            Legacy::ALL.map(|kind| (vec![kind.name().into()], metrics.legacy(kind) as f64));
        vec![
            gauge(
                "vestibule_connections",
                "Connections of the public listeners at this moment, by their phase.",
                &["state"],
                states.into(),
            ),
            total(
                "vestibule_accepts_total",
                "TCP connections that were accepted.",
                metrics.accepted,
            ),
            counter(
                "vestibule_tls_handshakes_total",
                "TLS handshakes, by how they ended.",
                &["result"],
                by([
                    ("full", metrics.tls_full),
                    ("resumed", metrics.tls_resumed),
                    ("failed", metrics.tls_failed),
                ]),
            ),
            level(
                "vestibule_tls_handshakes_waiting",
                "TLS handshakes that wait for a thread at this moment.",
                metrics.tls_waiting,
            ),
            total("vestibule_upgrades_total", "Upgrades to a WebSocket.", metrics.upgraded),
            counter(
                "vestibule_legacy_total",
                "Old clients, by how they were noticed.",
                &["kind"],
                legacy.into(),
            ),
            counter(
                "vestibule_closes_total",
                "WebSocket closes, by code and reason; `normal` is a client's own.",
                &["code", "reason"],
                closes.collect(),
            ),
            total(
                "vestibule_hangups_total",
                "Connections that ended without a close of either side.",
                metrics.hangups,
            ),
            counter(
                "vestibule_refused_total",
                "Requests of the public listeners that were refused in HTTP.",
                &["status"],
                refused.into(),
            ),
        ]
    }

    fn traffic_families(&self) -> Vec<Family<'a>> {
        let metrics = &self.cx.metrics;
        let answers = Call::ALL
            .map(|call| (vec![call.name().into()], Cow::Borrowed(metrics.answer_time(call))));
        let errors = ErrorCode::ALL.iter().map(|&code| metrics.errors(code)).sum::<u64>();
        let message = |direction: &'static str, kind: &'static str, count: u64| {
            (vec![direction.into(), kind.into()], count as f64)
        };
        let messages = vec![
            message("in", "auth", metrics.auth_in),
            message("in", "chat_message", metrics.chats_in),
            message("in", "ping", metrics.pings_in),
            message("in", "unknown", metrics.unknown_in),
            message("in", "invalid", metrics.invalid_in),
            message("out", "recipe_update", metrics.updates_out),
            message("out", "chat_message", metrics.chats_out),
            message("out", "auth_required", metrics.auth_required_out),
            message("out", "pong", metrics.pongs_out),
            message("out", "presence", metrics.presence_out),
            message("out", "error", errors),
        ];
        vec![
            counter(
                "vestibule_messages_total",
                "Messages that came, and messages that were queued for peers, one for each.",
                &["direction", "type"],
                messages,
            ),
            counter(
                "vestibule_errors_total",
                "Error messages that were queued for clients, by their code.",
                &["code"],
                ErrorCode::ALL
                    .iter()
                    .map(|&code| (vec![code.as_str().into()], metrics.errors(code) as f64))
                    .collect(),
            ),
            level(
                "vestibule_outbound_bytes",
                "Bytes that are queued for peers at this moment.",
                self.connections.pool.weight() as u64,
            ),
            Family {
                name: "vestibule_backend_seconds",
                help: "How long the application took for what it did not answer at once.",
                kind: FamilyKind::Histogram,
                labels: &["call"],
                // 256 µs to 8 s.
                samples: Samples::Micros { histograms: answers.into(), powers: 8..=23 },
            },
            total("vestibule_requests_total", "HTTP requests that were taken.", metrics.requests),
            total(
                "vestibule_delayed_messages_total",
                "Chat messages that waited until fewer were on their way in their room.",
                metrics.delayed_messages,
            ),
            total(
                "vestibule_signature_checks_total",
                "Signatures that were given to workers to check.",
                metrics.signature_checks,
            ),
        ]
    }

    /// What did not go as it should.
    fn fault_families(&self) -> Vec<Family<'a>> {
        let metrics = &self.cx.metrics;
        vec![
            total(
                "vestibule_replaced_total",
                "Connections that did not answer while a new one of their user waited.",
                metrics.replaced,
            ),
            total(
                "vestibule_accept_pauses_total",
                "Accepts that failed because descriptors or memory ran out.",
                metrics.accept_pauses,
            ),
            total(
                "vestibule_bad_proxy_headers_total",
                "Connections of trusted proxies that did not begin with a PROXY header.",
                metrics.bad_proxy_headers,
            ),
        ]
    }

    fn revocation_families(&self) -> Vec<Family<'a>> {
        let metrics = &self.cx.metrics;
        vec![
            total(
                "vestibule_long_tokens_total",
                "Tokens that were refused as they may live longer than auth.max_token_life.",
                metrics.long_tokens,
            ),
            level(
                "vestibule_revoked_users",
                "Users whose older tokens are refused because an operator ended their sessions.",
                self.gate.tokens.revocations.len() as u64,
            ),
            level(
                "vestibule_unstored_revocations",
                "Users whose revocation could not be stored, and is tried again every 30 seconds.",
                self.work.orders.kept.len() as u64,
            ),
            total(
                "vestibule_unstored_revocations_dropped_total",
                "Revocations that could not be stored, and are not stored again: too many wait for that.",
                self.work.orders.kept.dropped(),
            ),
            counter(
                "vestibule_revocations_total",
                "Revocations, by whether they could be stored. One that was not is in memory alone.",
                &["result"],
                by([
                    ("stored", metrics.revocations_stored),
                    ("failed", metrics.revocations_unstored),
                ]),
            ),
        ]
    }

    fn limit_hits(&self) -> Numbers {
        let metrics = &self.cx.metrics;
        let refused = [
            ("connections", metrics.dropped_at_accept + metrics.gave_way + metrics.refused_full),
            ("pending_per_ip", metrics.refused_pending + metrics.dropped_by_address),
            ("auth_per_minute_per_ip", metrics.refused_attempts),
            ("auth_per_minute_per_user", metrics.refused_user_attempts),
            ("missed_keys_per_minute_per_ip", metrics.unasked_keys),
            ("connections_per_user", metrics.closes(CloseReason::ConnectionLimit)),
            ("room_members", metrics.refused_by_room),
            ("history_bytes", self.rooms.logs.evicted() + self.rooms.lingering.refused()),
            ("idempotency_keys", self.work.idempotency.evictions()),
            ("cluster_presence_bytes", self.rooms.remote.refused()),
            ("cluster_forged_addresses", self.gate.limits.attempts.untold()),
            ("messages_per_minute", metrics.errors(ErrorCode::RateLimited)),
            ("message_bytes", metrics.closes(CloseReason::MessageTooLarge)),
            ("outbound_bytes", metrics.slow_consumers),
            ("pending_input_total", metrics.shed_pending),
            ("member_input_total", metrics.shed_members),
            ("outbound_total", metrics.shed_readers),
            ("work_total", metrics.refused_questions + metrics.crowded_messages),
            ("late_answers", metrics.late_answers_given_up),
            ("http_requests", metrics.refused_requests + metrics.requests_gave_way),
            ("http_refreshes", metrics.refused_refreshes + metrics.refreshes_gave_way),
            ("pending", metrics.pending_gave_way),
            ("requests_per_minute", metrics.refused_request_rate),
            ("worker_queue", metrics.refused_work),
            ("tls_queue", metrics.tls_refused),
            ("admin_connections", metrics.admin_dropped + metrics.admin_gave_way),
        ];
        let all = refused.into_iter().chain(self.evictions());
        all.map(|(limit, count)| (vec![limit.into()], count as f64)).collect()
    }
}

fn code(code: u16) -> Cow<'static, str> {
    code.to_string().into()
}
