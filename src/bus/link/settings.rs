//! What a link needs to know, and what it counts.

use std::fmt;
use std::time::Duration;

use smol_str::SmolStr;

use crate::bus::command::BusFault;

/// The longest reply, but for the entries of a log.
pub(crate) const LINK_REPLY_BYTES: usize = 4 << 20;

/// How a link speaks to its engine.
#[derive(Clone)]
pub(crate) struct LinkSettings {
    /// This node's name, which no other node of the cluster has. At most 64 bytes.
    pub(crate) name: SmolStr,
    /// What all keys and channels begin with.
    pub(crate) prefix: SmolStr,
    /// `None`: the engine's default user.
    pub(crate) username: Option<String>,
    /// `None`: the engine asks for none. `Debug` does not show it.
    pub(crate) password: Option<String>,
    /// How many addresses there are to try, one after the other; at least 1.
    pub(crate) addresses: usize,
    /// Entries that a log keeps; at least 1.
    pub(crate) keep: usize,
    /// Bytes of entries that a log keeps. It keeps at least one entry.
    pub(crate) keep_bytes: usize,
    /// How long a log is kept that nobody publishes to and nobody reads; it may be three times that.
    pub(crate) keep_for: Duration,
    /// How long a message's id and its answer are known.
    pub(crate) keep_id_for: Duration,
    /// The time between two probes, and the time that a probe may take.
    pub(crate) probe_interval: Duration,
    /// How long an engine may be gone until commands are refused at once. Until then they wait.
    pub(crate) patience: Duration,
}

impl Default for LinkSettings {
    /// The first address, without a user, and the defaults of the configuration.
    fn default() -> Self {
        Self {
            name: SmolStr::new_static("node"),
            prefix: SmolStr::new_static("v"),
            username: None,
            password: None,
            addresses: 1,
            keep: 64,
            keep_bytes: 64 << 10,
            keep_for: Duration::from_secs(120),
            keep_id_for: Duration::from_secs(600),
            probe_interval: Duration::from_secs(5),
            patience: Duration::from_secs(2),
        }
    }
}

impl LinkSettings {
    /// The longest reply: all entries that a log keeps, a page of revocations, or `INFO`.
    pub(super) fn max_reply(&self) -> usize {
        self.keep_bytes.saturating_add(LINK_REPLY_BYTES)
    }
}

/// Hides the password.
impl fmt::Debug for LinkSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_password = self.password.is_some();
        f.debug_struct("LinkSettings")
            .field("name", &self.name)
            .field("prefix", &self.prefix)
            .field("username", &self.username)
            .field("has_password", &has_password)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// What a link has counted since it was made, and what it measured last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LinkCounts {
    /// Commands that the node sent.
    pub(crate) commands: u64,
    /// Commands that were sent to an engine again.
    pub(crate) retries: u64,
    /// Commands that ended in a fault, in the order of [`BusFault::LABELS`].
    pub(crate) faults: [u64; BusFault::LABELS.len()],
    /// Entries and payloads that were pushed.
    pub(crate) pushes: u64,
    /// Pushes that were not understood.
    pub(crate) unreadable: u64,
    /// How often an engine was reached.
    pub(crate) connects: u64,
    /// How often it was lost, or not reached.
    pub(crate) failures: u64,
    /// From a command to its reply.
    pub(crate) round_trip: Option<Duration>,
    /// From a probe to its push: through the path that entries take.
    pub(crate) probe: Option<Duration>,
}
