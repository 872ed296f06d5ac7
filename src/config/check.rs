//! Which values a configuration may hold. Rules only: no file is opened, no name is resolved.

mod admin;
mod backend;
mod keys;
mod recipes;
mod tls;
mod url;

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

pub use self::admin::admin_key_problem;
pub use self::keys::{ALGORITHMS, secret_problem};
use super::{Config, Length, Size, origin};
use crate::time::is_date_time;

/// Refresh tokens of one session that have not expired, at most.
pub const MAX_REFRESHES: u64 = 4_096;

/// Levels of log lines, quiet to loud.
pub const LOG_LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

const MAX_LENGTH: Length = Length::from_secs(366 * 86_400);
const MAX_LEEWAY: Length = Length::from_secs(3_600);
const MAX_CONNECTIONS: usize = 1 << 24;
/// Points are drained by the microsecond: a minute has 60 for each of so many.
const MAX_ATTEMPTS: u32 = 1_000_000;
const MAX_THREADS: usize = 1_024;
const MAX_QUEUE: usize = 1 << 20;
const MIN_MESSAGE: Size = Size::bytes(512);
const MAX_MESSAGE: Size = Size::kib(16 * 1_024);

/// One value that a configuration may not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where: the path of the key, as in `auth.secret`.
    pub key: &'static str,
    /// What is wrong with the value and what would be right. It never holds a secret.
    pub problem: String,
}

impl Config {
    /// Everything that is wrong with the values, in the order of the keys; empty: nothing.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Faults(Vec::new());
        faults.top(self);
        faults.admin(self);
        faults.auth(self);
        faults.limits(self);
        faults.rest(self);
        faults.tls(&self.tls);
        faults.recipes(&self.recipes);
        faults.accounts(&self.accounts);
        faults.access_tokens(self);
        faults.0
    }
}

struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, key: &'static str, problem: impl Into<String>) {
        self.0.push(Fault { key, problem: problem.into() });
    }

    fn within<T: PartialOrd + Display>(
        &mut self,
        key: &'static str,
        value: T,
        range: RangeInclusive<T>,
    ) {
        if !range.contains(&value) {
            self.add(key, format!("{value} is not within {} and {}", range.start(), range.end()));
        }
    }

    /// A length that may be zero.
    fn length(&mut self, key: &'static str, value: Length) {
        self.within(key, value, Length::default()..=MAX_LENGTH);
    }

    /// A time-out, without which a peer could stay for ever.
    fn timeout(&mut self, key: &'static str, value: Length) {
        self.within(key, value, Length::from_millis(1)..=MAX_LENGTH);
    }

    fn top(&mut self, config: &Config) {
        if config.listen.is_empty() {
            self.add("listen", "no address to listen on");
        }
        let mut seen: Vec<SocketAddr> = Vec::new();
        for text in &config.listen {
            match text.parse::<SocketAddr>() {
                Err(_) => self.add(
                    "listen",
                    format!("`{text}` is no address: write `127.0.0.1:8080` or `[::1]:8080`"),
                ),
                Ok(address) if address.port() != 0 && seen.contains(&address) => {
                    self.add("listen", format!("{address} is there twice"));
                }
                Ok(address) => seen.push(address),
            }
        }
        self.within("backlog", config.backlog, 1..=i32::MAX.unsigned_abs());
        if config.data.is_empty() {
            self.add("data", "no directory: write a path");
        }
        self.length("drain", config.drain);
    }

    fn auth(&mut self, config: &Config) {
        let auth = &config.auth;
        self.timeout("auth.timeout", auth.timeout);
        self.length("auth.reauth_after", auth.reauth_after);
        self.length("auth.reauth_before_expiry", auth.reauth_before_expiry);
        self.timeout("auth.reauth_grace", auth.reauth_grace);
        self.length("auth.reauth_spread", auth.reauth_spread);
        self.keys(auth);
        self.within("auth.leeway", auth.leeway, Length::default()..=MAX_LEEWAY);
        self.length("auth.max_token_life", auth.max_token_life);
        self.moment("auth.deprecated_since", &auth.deprecated_since);
        self.moment("auth.sunset", &auth.sunset);
    }

    /// A moment, or none.
    fn moment(&mut self, key: &'static str, text: &str) {
        if !text.is_empty() && !is_date_time(text) {
            self.add(
                key,
                format!("`{text}` is no moment: write `2027-01-01T00:00:00Z`, or nothing"),
            );
        }
    }

    fn limits(&mut self, config: &Config) {
        let limits = &config.limits;
        self.within("limits.connections", limits.connections, 0..=MAX_CONNECTIONS);
        self.within("limits.pending", limits.pending, 0..=MAX_CONNECTIONS);
        if limits.connections > 0 && limits.pending > limits.connections {
            let problem = format!(
                "{} is more than limits.connections, which is {}",
                limits.pending, limits.connections
            );
            self.add("limits.pending", problem);
        }
        let attempts = limits.auth_per_minute_per_ip;
        self.within("limits.auth_per_minute_per_ip", attempts, 0..=MAX_ATTEMPTS);
        self.within("limits.message_bytes", limits.message_bytes, MIN_MESSAGE..=MAX_MESSAGE);
        self.within(
            "limits.pending_message_bytes",
            limits.pending_message_bytes,
            MIN_MESSAGE..=MAX_MESSAGE,
        );
        self.within("limits.waiting_messages", limits.waiting_messages, 1..=65_536);
        self.length("limits.ping", limits.ping);
        self.within("limits.recent_ends", limits.recent_ends, 0..=65_536);
        self.within("limits.late_answers", limits.late_answers, 0..=65_536);
        self.within("limits.workers", limits.workers, 1..=MAX_THREADS);
        self.within("limits.worker_queue", limits.worker_queue, 1..=MAX_QUEUE);
        self.within("limits.storage_queue", limits.storage_queue, 1..=MAX_QUEUE);
        self.within("limits.pending_per_turn", limits.pending_per_turn, 1..=65_536);
        self.budgets(config);
    }

    /// A budget that the largest piece does not fit into would shed every sender of one.
    fn budgets(&mut self, config: &Config) {
        let (limits, http) = (&config.limits, &config.http);
        let first = limits.pending_message_bytes.min(limits.message_bytes);
        let longest = config.longest_answer();
        let request = http.header_bytes.get().saturating_add(http.body_bytes.max(first).get());
        for (key, budget, largest, what) in [
            (
                "limits.pending_input_total",
                limits.pending_input_total,
                request,
                "http.header_bytes and the larger of http.body_bytes and limits.pending_message_bytes",
            ),
            (
                "limits.member_input_total",
                limits.member_input_total,
                limits.message_bytes.get(),
                "limits.message_bytes",
            ),
            (
                "limits.outbound_total",
                limits.outbound_total,
                limits.outbound_bytes.get().max(longest / 4),
                "limits.outbound_bytes, or than the longest answer",
            ),
            (
                "limits.work_total",
                limits.work_total,
                request,
                "http.header_bytes and http.body_bytes",
            ),
        ] {
            if budget.get() > 0 && budget.get() / 4 < largest {
                self.add(key, format!("{budget} is less than 4 times {what}: {largest} bytes"));
            }
        }
    }

    fn rest(&mut self, config: &Config) {
        self.timeout("http.header_timeout", config.http.header_timeout);
        let header_range = Size::bytes(256)..=Size::kib(1_024);
        self.within("http.header_bytes", config.http.header_bytes, header_range);
        self.within("http.body_bytes", config.http.body_bytes, MIN_MESSAGE..=MAX_MESSAGE);
        self.within("http.requests", config.http.requests, 1..=65_536);
        self.timeout("http.response_timeout", config.http.response_timeout);
        self.length("http.hsts", config.http.hsts);
        for entry in &config.http.allowed_origins {
            if let Some(problem) = origin::problem(entry) {
                self.add("http.allowed_origins", format!("`{entry}` is no origin: {problem}"));
            }
        }
        if config.http.proxy_protocol && config.http.trusted_proxies.is_empty() {
            let problem = "nobody may speak it: name your proxies in http.trusted_proxies";
            self.add("http.proxy_protocol", problem);
        }
        self.backend(&config.backend);
        if !LOG_LEVELS.contains(&config.log.level.as_str()) {
            let problem = format!(
                "`{}` is no level: write one of {}",
                config.log.level,
                LOG_LEVELS.join(", ")
            );
            self.add("log.level", problem);
        }
        if !["text", "json"].contains(&config.log.format.as_str()) {
            let problem = format!("`{}` is no format: write `text` or `json`", config.log.format);
            self.add("log.format", problem);
        }
        self.within("log.queue", config.log.queue, 1..=MAX_QUEUE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Auth, Http, Limits};

    fn keys(config: &Config) -> Vec<&'static str> {
        config.faults().into_iter().map(|fault| fault.key).collect()
    }

    #[test]
    fn the_defaults_have_no_fault() {
        assert_eq!(Config::default().faults(), []);
        assert_eq!(Config::program_defaults().faults(), []);
    }

    #[test]
    fn every_fault_is_told_not_just_the_first() {
        let auth = Auth {
            timeout: Length::default(),
            reauth_grace: Length::default(),
            algorithms: vec!["none".to_owned()],
            secret: "short".to_owned(),
            secret_file: "there".to_owned(),
            ..Auth::default()
        };
        let listen = vec!["localhost".to_owned(), "[::1]:80".to_owned(), "[::1]:80".to_owned()];
        let config = Config { listen, auth, ..Config::default() };
        let expected = [
            "listen",
            "listen",
            "auth.timeout",
            "auth.reauth_grace",
            "auth.algorithms",
            "auth.secret",
            "auth.secret_file",
        ];
        assert_eq!(keys(&config), expected);
    }

    #[test]
    fn a_secret_is_not_in_its_fault() {
        let auth = Auth { secret: "hush-hush".to_owned(), ..Auth::default() };
        let faults = Config { auth, ..Config::default() }.faults();
        assert_eq!(faults.len(), 1);
        assert!(faults.iter().all(|fault| !fault.problem.contains("hush")));
    }

    #[test]
    fn pending_connections_are_at_most_all_connections() {
        let limits = Limits { connections: 10, pending: 11, ..Limits::default() };
        assert_eq!(keys(&Config { limits, ..Config::default() }), ["limits.pending"]);
    }

    #[test]
    fn a_limit_of_zero_is_none_where_none_is_possible() {
        let limits = Limits {
            pending_per_ip: 0,
            connections_per_user: 0,
            auth_per_minute_per_ip: 0,
            addresses: 0,
            messages_per_minute: 0,
            outbound_bytes: Size::bytes(0),
            ping: Length::default(),
            ..Limits::default()
        };
        assert_eq!(Config { limits, ..Config::default() }.faults(), []);
    }

    #[test]
    fn the_proxy_protocol_needs_a_proxy() {
        let http = Http { proxy_protocol: true, ..Http::default() };
        let fault = Config { http: http.clone(), ..Config::default() };
        assert_eq!(keys(&fault), ["http.proxy_protocol"]);
        let http = Http { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], ..http };
        assert_eq!(Config { http, ..Config::default() }.faults(), []);
    }

    #[test]
    fn an_entry_that_is_no_origin_is_a_fault() {
        let faults = |entries: &[&str]| {
            let allowed_origins = entries.iter().map(|&entry| entry.to_owned()).collect();
            let http = Http { allowed_origins, ..Http::default() };
            keys(&Config { http, ..Config::default() })
        };
        assert!(faults(&["https://example.com", "*.example.com"]).is_empty());
        let wrong = ["https://example.com:443", "*.example.com.", "https://a#.example.com"];
        assert_eq!(faults(&wrong), ["http.allowed_origins"; 3]);
    }
}
