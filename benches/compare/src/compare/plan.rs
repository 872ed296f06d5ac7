//! What is run, and in which order.

use std::fmt;

use clap::ValueEnum;
use rustix::process::{Resource, getrlimit};
use serde::{Deserialize, Serialize};

/// What is run against each server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
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
    /// One sends to a room of 100, while others chat elsewhere.
    #[value(name = "room-100")]
    #[serde(rename = "room-100")]
    Room100,
    /// The same with 1,000.
    #[value(name = "room-1000")]
    #[serde(rename = "room-1000")]
    Room1000,
    /// The same with 10,000.
    #[value(name = "room-10000")]
    #[serde(rename = "room-10000")]
    Room10000,
    /// The same with 50,000, or as many as the descriptor limit allows.
    RoomMost,
    /// A storm over TLS, with full handshakes.
    TlsStorm,
    /// A storm over TLS, with sessions that are resumed.
    TlsResume,
    /// Round trips over TLS.
    TlsChat,
}

/// Users that chat while a room gets messages.
pub(crate) const OTHERS: u64 = 100;
/// The largest room.
const MOST: u64 = 50_000;
/// Of its descriptors, those that the servers and the load test use or keep for other files.
const RESERVED: u64 = 600;

impl Scenario {
    /// The arguments of `vestibule load`, mostly its defaults.
    pub(crate) fn arguments(self) -> String {
        let fixed = match self {
            Self::Idle => "idle --warm 3",
            Self::Pending => "pending",
            Self::Storm | Self::TlsStorm => "storm",
            Self::TlsResume => "storm --resume",
            Self::Chat | Self::TlsChat => "chat",
            Self::Fanout => "fanout",
            Self::Mixed => "mixed",
            Self::Surge => "surge",
            Self::Room100 | Self::Room1000 | Self::Room10000 | Self::RoomMost => {
                let members = self.members();
                return format!("fanout --connections {members} --others {OTHERS} --duration 3s");
            }
        };
        fixed.to_owned()
    }

    /// The same with few connections and a short time, to see whether everything runs.
    pub(crate) fn quick_arguments(self) -> String {
        let fixed = match self {
            Self::Idle => "idle --warm 3 --connections 500 --hold 100ms",
            Self::Pending => "pending --connections 500",
            Self::Storm | Self::TlsStorm => "storm --connections 500",
            Self::TlsResume => "storm --resume --connections 500",
            Self::Chat | Self::TlsChat => "chat --connections 20 --duration 300ms",
            Self::Fanout => "fanout --connections 50 --duration 300ms",
            Self::Mixed => "mixed --connections 10 --rate 100 --silent 50 --storm 500",
            Self::Surge => "surge --pairs 5 --sockets 500 --quiet 300ms",
            Self::Room100 | Self::Room1000 | Self::Room10000 | Self::RoomMost => {
                let members = (self.members() / 20).max(20);
                return format!(
                    "fanout --connections {members} --others 10 --rate 200 --duration 300ms \
                     --quiet 300ms"
                );
            }
        };
        fixed.to_owned()
    }

    /// How many are in the room, the sender included.
    pub(crate) fn members(self) -> u64 {
        match self {
            Self::Room100 => 100,
            Self::Room1000 => 1_000,
            Self::Room10000 => 10_000,
            _ => {
                let limit = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
                // In hundreds, as it is a row of a table.
                MOST.min(limit.saturating_sub(RESERVED) / 100 * 100).max(100)
            }
        }
    }

    /// Whether the clients speak TLS. Other servers take part then.
    pub(crate) fn is_secure(self) -> bool {
        matches!(self, Self::TlsStorm | Self::TlsResume | Self::TlsChat)
    }

    /// Whether the resident set says something about a connection: many are there at once, and
    /// nothing else grows.
    pub(crate) fn tells_memory(self) -> bool {
        matches!(self, Self::Idle | Self::Pending)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
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
    fn the_largest_room_is_within_the_limit() {
        let most = Scenario::RoomMost.members();
        assert!((100..=MOST).contains(&most), "{most}");
        assert!(Scenario::Room100.arguments().contains(" --connections 100 "));
        assert_eq!(Scenario::Room10000.to_string(), "room-10000");
    }

    #[test]
    fn nothing_chosen_is_everything() {
        assert_eq!(chosen(&[]).len(), 14);
        assert_eq!(chosen(&[Scenario::Chat]), [Scenario::Chat]);
    }
}
