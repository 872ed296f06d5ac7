//! What tables must hold for the connections that a configuration allows, and the defaults from it.
//!
//! The assumptions are those of the sizing example in `docs/sizing.md`: each connection sends a
//! message every 2 minutes, has its token renewed once within the token's life, and connects anew
//! once, as everybody does when the server is restarted.

use crate::config::{Config, Size};
use crate::node::{ANSWER_LIFETIME, remembered_answer_bytes};

use super::table::{human, wide};

/// Tokens of a connection that are accepted within the life of one: the first, the renewed one, and
/// one after a restart.
const TOKENS: usize = 3;
/// What is remembered of a token that is accepted once: its message, and with
/// `auth.single_use_jti` its id twice.
const ENTRIES_OF_SINGLE_USE: usize = 3;
/// A connection sends a message every so many seconds.
const SECONDS_A_MESSAGE: u64 = 120;
/// The text of an answer.
const ANSWER_TEXT: usize = 256;

/// What is said of a table that is too small.
const TOO_LITTLE: &str = "too little for all of them: raise it, or allow fewer connections";

/// What one table has, and what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The key of the table's bound.
    pub key: &'static str,
    /// What the bound is; 0: there is none.
    pub has: usize,
    /// What the connections need.
    pub needs: usize,
}

impl Need {
    /// Does the bound suffice?
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.has == 0 || self.has >= self.needs
    }
}

/// What the tables need that grow with the people who are connected. `limits.connections` is to be
/// known: it is not 0.
#[must_use]
pub fn needs(config: &Config) -> [Need; 2] {
    let limits = &config.limits;
    let each = if config.auth.single_use_jti { TOKENS * ENTRIES_OF_SINGLE_USE } else { TOKENS };
    let messages = ANSWER_LIFETIME.as_secs().div_ceil(SECONDS_A_MESSAGE);
    let answers = remembered_answer_bytes(messages, ANSWER_TEXT);
    [
        Need {
            key: "limits.replay_entries",
            has: limits.replay_entries,
            needs: limits.connections.saturating_mul(each),
        },
        Need {
            key: "limits.answer_bytes",
            has: limits.answer_bytes.get(),
            needs: limits.connections.saturating_mul(answers),
        },
    ]
}

/// Raises to what is needed the bounds of these tables that are not [given](Config::given).
pub fn meet_needs(config: &mut Config) {
    for need in needs(config).into_iter().filter(|need| !need.is_met()) {
        if config.given.contains_key(need.key) {
            continue;
        }
        match need.key {
            "limits.replay_entries" => config.limits.replay_entries = need.needs,
            _ => config.limits.answer_bytes = Size::kib(need.needs.div_ceil(1 << 10)),
        }
    }
}

/// The needs for people, one line each.
#[must_use]
pub fn describe(config: &Config) -> String {
    let connections = config.limits.connections;
    let line = |need: Need| {
        let Need { key, has, needs } = need;
        let verdict = if need.is_met() { "enough" } else { TOO_LITTLE };
        let [has, needs] = [has, needs].map(|count| amount(key, count));
        format!("{key}: {has}; {connections} connections need {needs}: {verdict}\n")
    };
    needs(config).map(line).concat()
}

fn amount(key: &str, count: usize) -> String {
    match count {
        0 => "unlimited".to_owned(),
        count if key.ends_with("bytes") => human(wide(count)),
        count => count.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;

    fn config(connections: usize) -> Config {
        Config { limits: Limits { connections, ..Limits::default() }, ..Config::default() }
    }

    #[test]
    fn defaults_suffice_for_the_sizing_example() {
        let mut config = config(50_000);
        assert!(needs(&config).iter().any(|need| !need.is_met()));
        meet_needs(&mut config);
        assert!(needs(&config).iter().all(Need::is_met), "{:?}", needs(&config));
        assert_eq!(config.limits.replay_entries, 150_000);
        assert!(describe(&config).lines().all(|line| line.ends_with("enough")));
    }

    #[test]
    fn few_connections_keep_the_plain_defaults() {
        let mut small = config(1_000);
        meet_needs(&mut small);
        assert_eq!(small.limits.replay_entries, Limits::default().replay_entries);
        assert_eq!(small.limits.answer_bytes, Limits::default().answer_bytes);
    }

    #[test]
    fn a_given_bound_is_kept_and_reported() {
        let mut config = config(50_000);
        config.limits.replay_entries = 1_000;
        config.given = [("limits.replay_entries".to_owned(), "v.toml:1".to_owned())].into();
        meet_needs(&mut config);
        assert_eq!(config.limits.replay_entries, 1_000);
        assert!(describe(&config).contains("limits.replay_entries: 1000; 50000 connections"));
        assert!(describe(&config).contains("too little for all of them"));
    }
}
