//! Which values a configuration may hold. Rules only: no file is opened, no name is resolved.

mod admin;
mod assistant;
mod backend;
mod cluster;
mod issuers;
mod keys;
mod recipes;
mod tls;
mod url;

pub use self::admin::admin_key_problem;
pub use self::issuers::shared_users;
#[cfg(feature = "jwks-url")]
pub(crate) use self::keys::is_safe_url;
pub use self::keys::{ALGORITHMS, secret_problem};
#[cfg(feature = "jwks-url")]
pub(crate) use self::url::Url;
#[cfg(any(feature = "backend", feature = "jwks-url"))]
pub(crate) use self::url::is_private;
use super::error::FaultKind::{Conflict, Malformed, Missing, OutOfRange};
use super::error::{ConfigError, Faults};
pub use super::published::secret_warning;
use super::{Auth, Config, Http, ListenAddress, origin, parse_mode};
use crate::time::is_date_time;

/// Refresh tokens of one session that have not expired, at most.
pub const MAX_REFRESHES: u64 = 4_096;

impl Config {
    /// Everything that is wrong with the values, in the order of the keys; empty: nothing. Relations
    /// between keys are judged only where each of them is right by itself.
    #[must_use]
    pub fn faults(&self) -> Vec<ConfigError> {
        let mut faults = self.range_faults();
        faults.top(self);
        faults.admin(self);
        faults.auth(&self.auth);
        faults.limits(self);
        faults.http(&self.http);
        faults.tls(&self.tls);
        faults.backend(&self.backend);
        faults.cluster(self);
        faults.assistant(self);
        faults.recipes(self);
        faults.accounts(self);
        faults.0.sort_by_key(|fault| Self::keys().position(|key| key.path == fault.key));
        faults.0
    }

    /// The values that are not in the ranges of their keys: with some of them a server would do nothing.
    ///
    /// # Errors
    /// All of them.
    #[cfg(feature = "net")]
    pub(crate) fn check_ranges(&self) -> Result<(), Vec<ConfigError>> {
        let Faults(faults) = self.range_faults();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    fn range_faults(&self) -> Faults {
        let mut faults = Faults(Vec::new());
        let sections = [
            self.out_of_range(),
            self.admin.out_of_range(),
            self.auth.out_of_range(),
            self.limits.out_of_range(),
            self.http.out_of_range(),
            self.tls.out_of_range(),
            self.backend.out_of_range(),
            self.resume.out_of_range(),
            self.cluster.out_of_range(),
            self.recipes.out_of_range(),
            self.accounts.out_of_range(),
            self.assistant.out_of_range(),
            self.log.out_of_range(),
        ];
        for (key, problem) in sections.into_iter().flatten() {
            faults.add(key, OutOfRange, problem);
        }
        faults
    }
}

impl Faults {
    fn top(&mut self, config: &Config) {
        if config.listen.is_empty() {
            self.add("listen", Missing, "no address to listen on");
        }
        let mut seen: Vec<ListenAddress> = Vec::new();
        for text in &config.listen {
            match text.parse::<ListenAddress>() {
                Err(fault) => self.add("listen", Malformed, fault.to_string()),
                Ok(address) if seen.iter().any(|other| address.collides(other)) => {
                    self.add("listen", Conflict, format!("{address} is there twice"));
                }
                Ok(address) => seen.push(address),
            }
        }
        self.mode("listen_mode", &config.listen_mode);
        if config.data.is_empty() {
            self.add("data", Missing, "no directory: write a path");
        }
    }

    /// The mode of a Unix socket.
    fn mode(&mut self, key: &'static str, text: &str) {
        if parse_mode(text).is_none() {
            let problem =
                format!("`{text}` is not a valid mode: write three octal digits, such as `660`");
            self.add(key, Malformed, problem);
        }
    }

    fn auth(&mut self, auth: &Auth) {
        self.keys(auth);
        self.issuers(auth);
        self.moment("auth.deprecated_since", &auth.deprecated_since);
        self.moment("auth.sunset", &auth.sunset);
    }

    /// A moment, or none.
    fn moment(&mut self, key: &'static str, text: &str) {
        if !text.is_empty() && !is_date_time(text) {
            let problem = "write `2027-01-01T00:00:00Z`, or nothing";
            self.add(key, Malformed, format!("`{text}` is not a valid date and time: {problem}"));
        }
    }

    fn limits(&mut self, config: &Config) {
        let limits = &config.limits;
        if limits.connections > 0 && limits.pending > limits.connections {
            let (pending, connections) = (limits.pending, limits.connections);
            let problem =
                format!("{pending} is more than limits.connections, which is {connections}");
            self.conflict("limits.pending", &["limits.connections"], problem);
        }
        self.budgets(config);
    }

    /// A budget that the largest piece does not fit into would shed every sender of one.
    fn budgets(&mut self, config: &Config) {
        let (limits, http) = (&config.limits, &config.http);
        let first = limits.pending_message_bytes.min(limits.message_bytes);
        let longest = config.longest_answer();
        let request = http.header_bytes.get().saturating_add(http.body_bytes.max(first).get());
        let input = "http.header_bytes and the larger of http.body_bytes and \
                     limits.pending_message_bytes";
        for (key, budget, largest, what) in [
            ("limits.pending_input_total", limits.pending_input_total, request, input),
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
                let problem = format!("{budget} is less than 4 times {what}: {largest} bytes");
                self.conflict(key, LARGEST, problem);
            }
        }
    }

    fn http(&mut self, http: &Http) {
        for entry in &http.allowed_origins {
            if let Some(problem) = origin::problem(entry) {
                let problem = format!("`{entry}` is not a valid origin: {problem}");
                self.add("http.allowed_origins", Malformed, problem);
            }
        }
        if http.proxy_protocol && http.trusted_proxies.is_empty() {
            let problem = "nobody may speak it: name your proxies in http.trusted_proxies";
            self.conflict("http.proxy_protocol", &["http.trusted_proxies"], problem);
        }
    }
}

/// The keys that budgets are held against.
const LARGEST: &[&str] = &[
    "http.header_bytes",
    "http.body_bytes",
    "limits.message_bytes",
    "limits.pending_message_bytes",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Length, Limits, Size};

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
        let listen = vec!["here".to_owned(), "[::1]:80".to_owned(), "[::1]:80".to_owned()];
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
    fn no_fault_is_told_twice() {
        let mut config = Config::default();
        config.recipes.history = 5_000;
        assert_eq!(keys(&config), ["recipes.history"]);
        config.recipes.history = 50;
        config.recipes.messages = 10;
        assert_eq!(keys(&config), ["recipes.messages"]);
        let mut config = Config::default();
        config.auth.jwks_url = "http://example.com/jwks".to_owned();
        assert_eq!(keys(&config), ["auth.jwks_url"]);
        let mut config = Config::default();
        config.accounts.access_ttl = Length::default();
        assert_eq!(keys(&config), ["accounts.access_ttl"]);
    }

    #[test]
    fn fault_has_a_key_a_kind_and_a_text() {
        let mut config = Config::default();
        config.limits.connections = 1 << 25;
        config.tls.cert_file = "c".to_owned();
        config.log.level = "loud".to_owned();
        let faults = config.faults();
        let kinds: Vec<_> = faults.iter().map(|fault| (fault.key, fault.kind)).collect();
        let expected = [
            ("limits.connections", OutOfRange),
            ("tls.key_file", Missing),
            ("log.level", OutOfRange),
        ];
        assert_eq!(kinds, expected);
        let told = "limits.connections: 33554432 is out of range (0 to 16777216 connections)";
        assert_eq!(faults[0].to_string(), told);
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
