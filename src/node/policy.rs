//! The numbers that sessions go by, out of the configuration once.

use std::time::Duration;

use crate::config::{Auth, AuthMode, Config, Network, Origins};
use crate::node::app::App;
use crate::node::gate::admin_key::AdminKeys;
use crate::time::parse_date_time;

/// Limits and lengths of time for every session.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) header_timeout: Duration,
    pub(crate) header_bytes: usize,
    /// What is kept of a client's request until its join; 0: nothing, as nobody asks for it.
    pub(crate) client_bytes: usize,
    /// Names of claims that are kept of each connection for its messages.
    pub(crate) claims: Vec<String>,
    /// What those of one connection may take.
    pub(crate) claims_bytes: usize,
    pub(crate) body_bytes: usize,
    pub(crate) response_timeout: Duration,
    /// HTTP requests at once.
    pub(crate) requests: usize,
    pub(crate) refreshes: usize,
    pub(crate) mode: AuthMode,
    /// Header lines of the 101 to an old client.
    pub(crate) deprecation: String,
    /// When they will not be let in any more, in seconds since 1970. 0: not told.
    pub(crate) sunset_seconds: u64,
    pub(crate) auth_timeout: Duration,
    pub(crate) reauth_after: Duration,
    pub(crate) reauth_before_expiry: Duration,
    pub(crate) reauth_grace: Duration,
    pub(crate) reauth_spread: Duration,
    pub(crate) single_use_jti: bool,
    pub(crate) answer_timeout: Duration,
    /// The application sees a message before the others do.
    pub(crate) moderate: bool,
    /// The application stores what rooms are told, and publishes it.
    pub(crate) app_publishes: bool,
    /// Zero: no pings.
    pub(crate) ping: Duration,
    pub(crate) drain: Duration,
    /// How long a chat message uses up its part of a minute. Zero: no bound.
    pub(crate) chat_interval: Duration,
    /// How far ahead of its parts a burst may run.
    pub(crate) chat_burst: Duration,
    pub(crate) message_bytes: usize,
    pub(crate) pending_message_bytes: usize,
    pub(crate) outbound_bytes: usize,
    pub(crate) waiting_messages: usize,
    pub(crate) pending_input_total: usize,
    pub(crate) member_input_total: usize,
    pub(crate) outbound_total: usize,
    pub(crate) work_total: usize,
    /// Late answers that are awaited at once.
    pub(crate) late_answers: usize,
    pub(crate) connections_per_user: u32,
    pub(crate) room_members: u32,
    /// What the last messages of all rooms may take; 0: none are kept.
    pub(crate) history_bytes: usize,
    /// For how long those of a room stay when its last member has left.
    pub(crate) resume_window: Duration,
    /// How long a leave waits for its user to come back.
    pub(crate) linger: Duration,
    pub(crate) restart: Duration,
    /// For how long the application is only told of those who come back.
    pub(crate) trust_join: Duration,
    pub(crate) log_access: bool,
    /// Rooms are those of a cluster.
    pub(crate) is_cluster: bool,
    /// After how long without the cluster's engine all connections are closed; zero: never.
    pub(crate) cluster_fence: Duration,
    /// What lists of users at other nodes may take.
    pub(crate) cluster_presence_bytes: usize,
    /// The most connections of a room whose users its watchers are told; 0: they are told nothing.
    pub(crate) presence_members: usize,
    pub(crate) connections: usize,
    pub(crate) pending: usize,
    pub(crate) pending_per_ip: usize,
    /// Addresses that are remembered for this and that. Zero: no bound.
    pub(crate) addresses: usize,
    /// Which web pages may call.
    pub(crate) origins: Origins,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) proxy_protocol: bool,
    /// The public listeners speak TLS.
    pub(crate) speaks_tls: bool,
    /// For how long browsers use TLS for this host, once they have.
    pub(crate) hsts_seconds: u64,
    /// Connections to the admin listener at once.
    pub(crate) admin_connections: usize,
    /// Idempotency keys that are remembered.
    pub(crate) idempotency_keys: usize,
    /// What an operator's calls must show. `None`: that they come from this host.
    pub(crate) admin_keys: Option<AdminKeys>,
}

const MINUTE: Duration = Duration::from_secs(60);

/// Slots that are reserved at the start, at most: some 450 MiB of addresses.
const MAX_RESERVED_SLOTS: usize = 1 << 20;

impl Policy {
    /// How many slots the tables are made for, so that none of them is ever moved to grow: that
    /// would cost a turn its time, and leave the places it grew out of behind. What is reserved is
    /// address space; it becomes memory as it is used.
    pub(crate) fn reserved_slots(&self) -> usize {
        if self.connections == usize::MAX { 0 } else { self.connections.min(MAX_RESERVED_SLOTS) }
    }

    /// The longest body of a request, where the application takes one of `wanted` bytes: one that fits
    /// into the budgets as often as they are checked for, and what is configured in any case.
    pub(crate) fn largest_body(&self, wanted: usize) -> usize {
        let budget = self.pending_input_total.min(self.work_total) / 4;
        wanted.min(budget.saturating_sub(self.header_bytes)).max(self.body_bytes)
    }

    /// What an upgrade is judged by. Where proxies speak the PROXY protocol, that is their word, and
    /// no header is.
    pub(crate) fn request_rules(&self) -> Rules<'_> {
        let proxies = if self.proxy_protocol { &[] } else { self.trusted_proxies.as_slice() };
        Rules {
            max_bytes: self.header_bytes,
            origins: &self.origins,
            proxies,
            client_bytes: self.client_bytes,
        }
    }

    /// The same where `app` may publish itself.
    pub(crate) fn published_by(mut self, app: &dyn App) -> Self {
        self.set_app_publishes(app.stores_publications());
        self
    }

    /// Whether the application stores what rooms are told, and publishes it. What it stores it has seen, so
    /// nothing is moderated beside that. In a cluster, the engine publishes.
    pub(crate) fn set_app_publishes(&mut self, publishes: bool) {
        self.app_publishes = publishes && !self.is_cluster;
        self.moderate &= !self.app_publishes;
    }

    pub(crate) fn new(config: &Config) -> Self {
        let (auth, limits) = (&config.auth, &config.limits);
        // A limit of 0 is none; `cli` has replaced those that mean something else by then.
        let or_none = |limit: usize| if limit == 0 { usize::MAX } else { limit };
        let or_all = |limit: u32| if limit == 0 { u32::MAX } else { limit };
        let chat_interval = MINUTE.checked_div(limits.messages_per_minute).unwrap_or_default();
        Self {
            header_timeout: config.http.header_timeout.get(),
            header_bytes: config.http.header_bytes.get(),
            client_bytes: config.kept_client_bytes(),
            claims: config.backend.claims.clone(),
            claims_bytes: config.backend.claims_bytes.get(),
            body_bytes: config.http.body_bytes.get(),
            response_timeout: config.http.response_timeout.get(),
            requests: config.http.requests,
            refreshes: config.http.refreshes,
            mode: auth.mode,
            deprecation: deprecation_headers(auth),
            sunset_seconds: parse_date_time(&auth.sunset).map_or(0, |it| it.as_millis() / 1_000),
            auth_timeout: auth.timeout.get(),
            reauth_after: auth.reauth_after.get(),
            reauth_before_expiry: auth.reauth_before_expiry.get(),
            reauth_grace: auth.reauth_grace.get(),
            reauth_spread: auth.reauth_spread.get(),
            single_use_jti: auth.single_use_jti,
            answer_timeout: config.backend.timeout.get(),
            moderate: config.backend.moderate,
            app_publishes: false, // The application says so, once.
            ping: limits.ping.get(),
            drain: config.drain.get(),
            chat_interval,
            chat_burst: chat_interval * limits.messages_per_minute,
            message_bytes: limits.message_bytes.get(),
            pending_message_bytes: limits.pending_message_bytes.get(),
            outbound_bytes: limits.outbound_bytes.get(),
            pending_input_total: or_none(limits.pending_input_total.get()),
            member_input_total: or_none(limits.member_input_total.get()),
            outbound_total: or_none(limits.outbound_total.get()),
            work_total: or_none(limits.work_total.get()),
            late_answers: limits.late_answers,
            waiting_messages: or_none(limits.waiting_messages as usize),
            connections_per_user: or_all(limits.connections_per_user),
            history_bytes: limits.history_bytes.get(),
            resume_window: config.resume.window.get(),
            linger: config.resume.linger.get(),
            restart: config.resume.restart.get(),
            trust_join: config.resume.trust_join.get(),
            log_access: config.log.access,
            is_cluster: !config.cluster.url.is_empty(),
            cluster_fence: config.cluster.fence.get(),
            cluster_presence_bytes: config.cluster.presence_bytes.get(),
            presence_members: limits.presence_members as usize,
            room_members: or_all(limits.room_members),
            connections: or_none(limits.connections),
            pending: or_none(match limits.pending {
                0 => limits.connections / 2,
                pending => pending,
            }),
            pending_per_ip: or_none(limits.pending_per_ip),
            addresses: limits.addresses,
            origins: Origins::new(&config.http.allowed_origins),
            trusted_proxies: config.http.trusted_proxies.clone(),
            proxy_protocol: config.http.proxy_protocol,
            speaks_tls: config.tls.is_on(),
            hsts_seconds: config.http.hsts.get().as_secs(),
            admin_connections: config.admin.connections,
            admin_keys: AdminKeys::new(&config.admin.key, &config.admin.publish_key),
            idempotency_keys: config.admin.idempotency_keys,
        }
    }
}

/// What a request is judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) max_bytes: usize,
    pub(crate) origins: &'a Origins,
    /// Whose word about the client is taken.
    pub(crate) proxies: &'a [Network],
    /// What is kept of a client for the application.
    pub(crate) client_bytes: usize,
}

/// The header lines that tell an old client what is coming: `Deprecation` (RFC 9745) and `Sunset`
/// (RFC 8594), for what is configured.
fn deprecation_headers(config: &Auth) -> String {
    let mut lines = String::new();
    if let Some(since) = parse_date_time(&config.deprecated_since) {
        lines.push_str(&format!("Deprecation: @{}\r\n", since.as_millis() / 1_000));
    }
    if let Some(sunset) = parse_date_time(&config.sunset) {
        lines.push_str(&format!("Sunset: {}\r\n", sunset.to_http_date()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_are_a_number_and_a_date() {
        let config = Auth {
            deprecated_since: "2026-01-01T00:00:00Z".to_owned(),
            sunset: "2026-11-22T10:00:00+01:00".to_owned(),
            ..Auth::default()
        };
        let expected = "Deprecation: @1767225600\r\nSunset: Sun, 22 Nov 2026 09:00:00 GMT\r\n";
        assert_eq!(deprecation_headers(&config), expected);
    }
}
