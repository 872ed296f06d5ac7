//! `[backend]`: where the application is, when it is not in this process.

use serde::{Deserialize, Serialize};

use super::Length;

/// `[backend]`: the application behind the edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Backend {
    /// Where the application is; `/join`, `/message` and `/leave` are put behind it. Empty: it is
    /// one of this process (`--app`). With `http://`, whoever is on the way reads all of it and can
    /// change the answers: for a network that you trust.
    ///
    /// Range: empty, or `http://…` or `https://…` without user, query or fragment.
    pub url: String,
    /// The file that holds the secret which signs requests: `whsec_` and at least 24 bytes as
    /// base64, one line end at its end. Read once, at the start. Required unless the backend is on
    /// this host (`127.0.0.0/8`, `[::1]`, `localhost`). A file that group or others can read is
    /// warned about.
    ///
    /// Range: empty, or a path.
    pub secret_file: String,
    /// How long the application has for a join or for the answer to a message, the wait for a
    /// thread included.
    ///
    /// Range: `1ms` to `366d`.
    pub timeout: Length,
    /// Calls of the backend at the same time, each on a thread and a connection that is kept. A
    /// backend that takes 100 ms gives 160 answers a second.
    ///
    /// Range: 1 to 1024 threads.
    pub workers: usize,
    /// Joins and messages that wait for a thread, and as many leaves. When it is full, who asks is
    /// refused at once, and leaves are not told. Longer hides a slow backend behind waiting;
    /// shorter tells of it.
    ///
    /// Range: 1 to 1048576 calls.
    pub queue: usize,
}

impl Default for Backend {
    fn default() -> Self {
        Self {
            url: String::new(),
            secret_file: String::new(),
            timeout: Length::from_secs(5),
            workers: 16,
            queue: 1_024,
        }
    }
}
