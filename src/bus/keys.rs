//! The names of keys and channels (hash tags in braces, so that shards stay possible):
//!
//! | name | what |
//! | --- | --- |
//! | `v:{r:ROOM}:m`, `v:{c}:m` | hash, the head of a log: `n` number, `t` tag, `b` bytes in the list, `x` when its expiry was set |
//! | `v:{r:ROOM}:l`, `v:{c}:l` | list of its last entries |
//! | `v:{r:ROOM}:i:ID`, `v:{c}:i:ID` | what is known of a message id |
//! | `v:{r:ROOM}`, `v:{c}` | channel of its entries |
//! | `v:{c}:revoked`, `v:{c}:revoked:at` | users by the end of their revocation, and its moment |
//! | `v:{c}:nodes` | hash of leases |
//! | `v:{c}:rights` | what `vestibule check` tries commands with |
//! | `v:{n:NODE}`, `v:{a}`, `v:{p:NODE}` | channels of a node, of all nodes, of a node's probe |

use smol_str::SmolStr;

use super::entry::LogName;

/// Makes names of keys and channels, and reads those of channels.
#[derive(Clone, Debug)]
pub(crate) struct KeySpace {
    prefix: SmolStr,
}

/// Whose channel it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Log(LogName),
    /// This node's, or that of all nodes.
    Nodes,
    Probe,
}

impl KeySpace {
    pub(crate) const fn new(prefix: SmolStr) -> Self {
        Self { prefix }
    }

    /// The hash of a log's head.
    pub(super) fn meta(&self, log: &LogName) -> Vec<u8> {
        [&self.channel(log)[..], b":m"].concat()
    }

    /// The list of a log's entries.
    pub(super) fn list(&self, log: &LogName) -> Vec<u8> {
        [&self.channel(log)[..], b":l"].concat()
    }

    /// What is known of the message `id`.
    pub(super) fn id(&self, log: &LogName, id: &[u8; 16]) -> Vec<u8> {
        let mut key = [&self.channel(log)[..], b":i:"].concat();
        for byte in id {
            for digit in [byte >> 4, byte & 15] {
                key.push(digit + if digit < 10 { b'0' } else { b'a' - 10 });
            }
        }
        key
    }

    /// The channel of a log.
    pub(super) fn channel(&self, log: &LogName) -> Vec<u8> {
        match log {
            LogName::Room(room) => self.with(&["{r:", room, "}"]),
            LogName::Control => self.with(&["{c}"]),
        }
    }

    /// The channel of one node, or of all nodes.
    pub(super) fn nodes_channel(&self, node: Option<&str>) -> Vec<u8> {
        match node {
            Some(node) => self.with(&["{n:", node, "}"]),
            None => self.with(&["{a}"]),
        }
    }

    /// The channel that the probe of `node` goes through.
    pub(super) fn probe_channel(&self, node: &str) -> Vec<u8> {
        self.with(&["{p:", node, "}"])
    }

    pub(super) fn revoked(&self) -> Vec<u8> {
        self.with(&["{c}:revoked"])
    }

    pub(super) fn revoked_at(&self) -> Vec<u8> {
        self.with(&["{c}:revoked:at"])
    }

    /// What `rights` tries commands with.
    pub(super) fn rights(&self) -> Vec<u8> {
        self.with(&["{c}:rights"])
    }

    pub(super) fn leases(&self) -> Vec<u8> {
        self.with(&["{c}:nodes"])
    }

    /// Reads a channel's name; `None` if it is nobody's of this prefix.
    pub(super) fn parse_channel(&self, channel: &[u8]) -> Option<Channel> {
        let rest = channel.strip_prefix(self.prefix.as_bytes())?.strip_prefix(b":{")?;
        let inner = std::str::from_utf8(rest.strip_suffix(b"}")?).ok()?;
        match inner {
            "c" => Some(Channel::Log(LogName::Control)),
            "a" => Some(Channel::Nodes),
            _ => match inner.split_at_checked(2)? {
                ("r:", room) => Some(Channel::Log(LogName::Room(room.into()))),
                ("n:", _) => Some(Channel::Nodes),
                ("p:", _) => Some(Channel::Probe),
                _ => None,
            },
        }
    }

    fn with(&self, parts: &[&str]) -> Vec<u8> {
        let mut name = [self.prefix.as_bytes(), b":"].concat();
        for part in parts {
            name.extend_from_slice(part.as_bytes());
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_is_read_as_it_was_written() {
        let keys = KeySpace::new("v".into());
        for room in ["lobby", "a}b", "}:m", "", "ü"] {
            let log = LogName::Room(room.into());
            let channel = keys.channel(&log);
            assert_eq!(keys.parse_channel(&channel), Some(Channel::Log(log)));
        }
        let control = keys.channel(&LogName::Control);
        assert_eq!(keys.parse_channel(&control), Some(Channel::Log(LogName::Control)));
        for node in [Some("a"), None] {
            assert_eq!(keys.parse_channel(&keys.nodes_channel(node)), Some(Channel::Nodes));
        }
        assert_eq!(keys.parse_channel(&keys.probe_channel("a")), Some(Channel::Probe));
        for other in ["w:{c}", "v:{c", "v:c}", "v:{x:y}", "v:{é}", "v:{c}:m", ""] {
            assert_eq!(keys.parse_channel(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn keys_of_a_log_have_its_hash_tag() {
        let (keys, log) = (KeySpace::new("v".into()), LogName::Room("lobby".into()));
        let text = |name| String::from_utf8(name).unwrap();
        assert_eq!(text(keys.meta(&log)), "v:{r:lobby}:m");
        assert_eq!(text(keys.list(&log)), "v:{r:lobby}:l");
        let id = text(keys.id(&log, &[0xa0; 16]));
        assert_eq!(id, format!("v:{{r:lobby}}:i:{}", "a0".repeat(16)));
    }
}
