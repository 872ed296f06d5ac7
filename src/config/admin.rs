//! `[admin]`: the listener for whoever runs the server.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// `[admin]`: health, counters and an operator's commands, on an address of their own.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Where it listens: never the address of the public listener, and never shared between
    /// processes, whatever `reuse_port` says. Port 0 is a free port, empty turns it off. A program
    /// that embeds the server has it off until it names an address.
    ///
    /// Range: empty, or an IP address with a port.
    pub listen: String,
    /// The file that holds the key which calls must show, as `Authorization: Bearer`: one line of
    /// at least 32 ASCII characters. Needed where `admin.listen` is not loopback: a server does not
    /// start without it. A file that group or others can read is warned about. Empty: calls must
    /// come from this host.
    ///
    /// Range: empty, or a path.
    pub key_file: String,
    /// Connections to it at once. For one more, a connection gives way that is answered, or whose
    /// call is not whole, or whose answer is not read; if all are being answered, it is dropped. They
    /// count towards no limit of the public listeners, and so many descriptors are kept for them.
    ///
    /// Range: 1 to 1024 connections.
    pub connections: usize,
    /// What the file holds: put here by whoever reads files, and never written. Empty: no key.
    #[serde(skip)]
    pub key: String,
}

/// Off: a program that embeds the server opens no port that it has not asked for. What the program
/// `vestibule` begins with is in [`Config::program_defaults`](super::Config::program_defaults).
impl Default for Admin {
    fn default() -> Self {
        Self { listen: String::new(), key_file: String::new(), connections: 16, key: String::new() }
    }
}

impl Admin {
    /// Where the program `vestibule` listens, unless it is told otherwise.
    pub(super) const PROGRAM_LISTEN: &str = "127.0.0.1:9090";

    /// The address, unless there is none or it is malformed.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listen.trim().parse().ok()
    }
}

/// The key is masked: a configuration may be logged, a secret never.
impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("listen", &self.listen)
            .field("key_file", &self.key_file)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_admin_listener_is_not_in_the_debug_form() {
        let admin = Admin { key: "hush-hush".to_owned(), ..Admin::default() };
        assert!(!format!("{admin:?}").contains("hush"));
    }
}
