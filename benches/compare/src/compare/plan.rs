//! What is run, and in which order.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

/// The load test's scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scenario {
    /// Authenticated and silent: memory.
    Idle,
    /// Upgraded and silent until they are closed.
    Pending,
    /// Connect, authenticate, close.
    Storm,
    /// Round trips.
    Chat,
    /// One sends to a room of many.
    Fanout,
    /// Chat while a storm goes on.
    Mixed,
    /// Chat while silent sockets pour in and stay.
    Surge,
}

impl Scenario {
    /// The arguments of `vestibule load`: its defaults, or few and short for a smoke test.
    pub(crate) fn arguments(self, is_quick: bool) -> Vec<&'static str> {
        let full: &[&str] = match self {
            Self::Idle => &["idle", "--warm", "3"],
            Self::Pending => &["pending"],
            Self::Storm => &["storm"],
            Self::Chat => &["chat"],
            Self::Fanout => &["fanout"],
            Self::Mixed => &["mixed"],
            Self::Surge => &["surge"],
        };
        let few: &[&str] = match self {
            Self::Idle => &["--connections", "500", "--hold", "100ms"],
            Self::Pending | Self::Storm => &["--connections", "500"],
            Self::Chat => &["--connections", "20", "--duration", "300ms"],
            Self::Fanout => &["--connections", "50", "--duration", "300ms"],
            Self::Mixed => {
                &["--connections", "10", "--rate", "100", "--silent", "50", "--storm", "500"]
            }
            Self::Surge => &["--pairs", "5", "--sockets", "500", "--quiet", "300ms"],
        };
        let few = if is_quick { few } else { &[] };
        full.iter().chain(few).copied().collect()
    }

    /// Whether the resident set says something about a connection: many are there at once, and
    /// nothing else grows.
    pub(crate) fn tells_memory(self) -> bool {
        matches!(self, Self::Idle | Self::Pending)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.arguments(false).first().copied().unwrap_or_default())
    }
}

/// The scenarios asked for; all, where none is.
pub(crate) fn chosen(only: &[Scenario]) -> Vec<Scenario> {
    if only.is_empty() { Scenario::value_variants().to_vec() } else { only.to_vec() }
}

/// The order of one round: each round another server begins.
pub(crate) fn rotated<T>(servers: &[T], round: u32) -> impl Iterator<Item = &T> {
    let first = usize::try_from(round).unwrap_or(0).checked_rem(servers.len()).unwrap_or(0);
    servers.iter().cycle().skip(first).take(servers.len())
}

/// Runs of one scenario.
pub(crate) fn turns(servers: usize, rounds: u32) -> usize {
    servers.saturating_mul(usize::try_from(rounds).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_another_server_begins() {
        let order = |round| rotated(&['a', 'b', 'c'], round).collect::<String>();
        assert_eq!([order(0), order(1), order(2), order(3)], ["abc", "bca", "cab", "abc"]);
        assert_eq!(rotated::<u8>(&[], 3).count(), 0);
    }

    #[test]
    fn nothing_chosen_is_everything() {
        assert_eq!(chosen(&[]).len(), 7);
        assert_eq!(chosen(&[Scenario::Chat]), [Scenario::Chat]);
    }
}
