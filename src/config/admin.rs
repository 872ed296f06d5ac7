//! `[admin]`: the listener for whoever runs the server.

use std::fmt;

use super::listen::ListenAddress;

section! {
    /// `[admin]`: health, counters and an operator's commands, on an address of their own.
    #[derive(Eq)]
    pub struct Admin at admin:

    /// Address of the admin API. It must differ from the public addresses, and is never shared
    /// between processes, whatever `reuse_port` says. It has the same forms as in `listen`. Port 0
    /// picks a free port; an empty value turns the API off. In a program that embeds the server it is
    /// off until the program names an address.
    listen: String = String::new(), "empty, or an address as in `listen`", restart;

    /// Mode of the Unix sockets in `admin.listen` and `admin.metrics_listen`: who may write to the
    /// file may connect, and without `admin.key_file` do everything.
    listen_mode: String = "0600".to_owned(), "three or four octal digits, at most `0777`", restart;

    /// Address of a listener that answers `GET /metrics` and nothing else, without a key: for
    /// collectors on other hosts. It has as many connections as the admin API, and takes none from it.
    metrics_listen: String = String::new(), "empty, or an address as in `listen`", restart;

    /// File with the key that calls must send as `Authorization: Bearer`: one line of at least 32
    /// ASCII characters, or two lines with two keys, both valid, while one replaces the other.
    /// Required if `admin.listen` is not loopback; otherwise the server does not start. A warning is logged
    /// if group or others can read the file. Empty: calls must come from this host.
    key_file: String = String::new(), "empty, or a path", reload;

    /// File with a key that may only publish, for a backend that must not operate the server. Its form
    /// is that of `admin.key_file`, which must be set, too, and its keys must be others.
    publish_key_file: String = String::new(), "empty, or a path", reload;

    /// Concurrent connections to the admin API. When all are in use, a new connection replaces one
    /// that was answered, one whose request is incomplete, or one whose answer is not read; if all
    /// are being answered, the new one is dropped. They count towards no limit of the public
    /// listeners, and the server reserves that many file descriptors for them.
    connections: usize = 16, "1 to 1024 connections", reload + memory;

    /// Idempotency keys of publish calls that are remembered, each for 24 hours. When there are
    /// more, the oldest is forgotten, and a call that is repeated with it is made again.
    idempotency_keys: usize = 1_024, "1 to 1048576 keys", reload + memory;

    beside {
        /// What the file holds: put here by whoever reads files, and never written. Empty: no key.
        #[serde(skip)]
        key: String,
        /// The same of `publish_key_file`.
        #[serde(skip)]
        publish_key: String,
    }
}

impl Admin {
    /// Where the program `vestibule` listens, unless it is told otherwise.
    pub(super) const PROGRAM_LISTEN: &str = "127.0.0.1:9090";

    /// How many connections its listeners have at most.
    #[must_use]
    pub fn all_connections(&self) -> usize {
        let listeners = [&self.listen, &self.metrics_listen];
        listeners.iter().filter(|listen| !listen.is_empty()).count() * self.connections
    }

    /// The address, unless there is none or it is malformed.
    #[must_use]
    pub fn address(&self) -> Option<ListenAddress> {
        self.listen.parse().ok()
    }
}

/// The key is masked: a configuration may be logged, a secret never.
impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("listen", &self.listen)
            .field("listen_mode", &self.listen_mode)
            .field("metrics_listen", &self.metrics_listen)
            .field("key_file", &self.key_file)
            .field("publish_key_file", &self.publish_key_file)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_key_is_hidden_in_debug_output() {
        let key = "hush-hush".to_owned();
        let admin = Admin { key: key.clone(), publish_key: key, ..Admin::default() };
        assert!(!format!("{admin:?}").contains("hush"));
    }
}
