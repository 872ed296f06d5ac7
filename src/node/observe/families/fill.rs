//! How full each bounded memory is, beside its bound: so an alert needs no copy of the configuration.

use crate::node::connections::budget::Side;
use crate::node::observe::family::{Family, Numbers, gauge, level};
use crate::node::observe::view::View;

/// What is held, and how much of it may be; 0 or the largest number: there is no bound.
type Filled = (&'static str, usize, usize);

impl<'a> View<'a> {
    pub(crate) fn policy_families(&self) -> Vec<Family<'a>> {
        let filled = self.filled();
        let of = |number: fn(&Filled) -> usize| -> Numbers {
            let bounded = filled.iter().filter(|(_, _, limit)| !matches!(limit, 0 | &usize::MAX));
            bounded.map(|it| (vec![it.0.into()], number(it) as f64)).collect()
        };
        vec![
            gauge(
                "vestibule_limit",
                "How much there may be at once of what is bounded, by the bound's name.",
                &["limit"],
                of(|(_, _, limit)| *limit),
            ),
            gauge(
                "vestibule_limit_used",
                "How much there is of it at this moment.",
                &["limit"],
                of(|(_, used, _)| *used),
            ),
            level(
                "vestibule_legacy_sunset_timestamp_seconds",
                "When tokens in requests will not be taken any more, in seconds since 1970; or 0.",
                self.cx.policy.sunset_seconds,
            ),
            level(
                "vestibule_rooms",
                "Rooms with somebody in them at this moment.",
                self.rooms.rooms.len() as u64,
            ),
            level(
                "vestibule_users",
                "Users with a connection in a room at this moment.",
                self.rooms.users.len() as u64,
            ),
            gauge(
                "vestibule_build_info",
                "The version of this program, as a label.",
                &["version"],
                vec![(vec![env!("CARGO_PKG_VERSION").into()], 1.0)],
            ),
        ]
    }

    /// Where several tables share one limit, the fullest.
    fn filled(&self) -> [Filled; 17] {
        let View { cx, connections, work, rooms, gate, .. } = self;
        let (policy, limits, tokens) = (&cx.policy, &gate.limits, &gate.tokens);
        let answers = rooms.answers.fill();
        let addresses = [limits.attempts.len(), limits.address_requests.len()];
        let users = [limits.user_attempts.len(), limits.user_requests.len(), rooms.departed.len()];
        let most = |tables: &[usize]| tables.iter().copied().max().unwrap_or(0);
        [
            ("connections", connections.public(), policy.connections),
            ("pending", connections.pending(), policy.pending),
            ("http_requests", connections.requests(), policy.requests),
            ("http_refreshes", connections.refreshes(), policy.refreshes),
            (
                "pending_input_total",
                connections.input.total(Side::Pending),
                policy.pending_input_total,
            ),
            (
                "member_input_total",
                connections.input.total(Side::Authenticated),
                policy.member_input_total,
            ),
            ("outbound_total", connections.pool.held(), policy.outbound_total),
            ("work_total", work.questions.weight(), policy.work_total),
            ("late_answers", work.questions.late(), policy.late_answers),
            ("replay_entries", tokens.replays.len(), tokens.replays.capacity()),
            ("revocations", tokens.revocations.len(), tokens.revocations.capacity()),
            ("answer_bytes", answers.0, answers.1),
            ("history_bytes", rooms.logs.bytes() + rooms.lingering.bytes(), policy.history_bytes),
            ("idempotency_keys", work.idempotency.len(), policy.idempotency_keys),
            ("addresses", most(&addresses), policy.addresses),
            ("users", most(&users), limits.user_attempts.capacity()),
            // As many of authenticated connections as of all others.
            ("recent_ends", cx.history.len(), 2 * cx.history.capacity()),
        ]
    }
}
