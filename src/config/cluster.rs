//! `[cluster]`: several nodes that share their rooms.

use std::fmt;

use super::units::{Length, Size};

section! {
    /// `[cluster]`: several nodes that share their rooms over Redis or Valkey.
    #[derive(Eq)]
    pub struct Cluster at cluster:

    /// URL of the engine: `redis://user@host:6379`, `rediss://…` with TLS, or `unix:/run/redis/redis.sock`.
    /// Several hosts with commas between them are tried in turn; one that says that it is a replica is
    /// passed over. Empty: this server is alone. Without a port, it is 6379. With `redis://`, an
    /// attacker on the path can read and change all messages: use it on a network that you trust.
    url: String = String::new(),
        "empty, or `redis://…`, `rediss://…` or `unix:…` without password and query", restart;

    /// File with the engine's password, on one line. SIGHUP reads it again, for the next connection to
    /// the engine. A warning is logged if group or others can read the file.
    password_file: String = String::new(), "empty, or a path", reload;

    /// PEM file with the certificate authorities that may vouch for the engine, instead of the public
    /// ones.
    ca_file: String = String::new(), "empty, or a path", restart;

    /// Prefix of the names of all keys and channels. Nodes with the same prefix are one cluster.
    prefix: String = "v".to_owned(), "letters, digits, `.`, `_` or `-`, at most 64", restart;

    /// Name of this node, by which operators and the other nodes know it; no two nodes may have the
    /// same. Empty: the host's name and some random digits.
    name: String = String::new(), "empty, or up to 64 letters, digits, `.`, `_` or `-`", restart;

    /// Messages of a room that the engine keeps for nodes and clients that come back; and orders to all
    /// nodes, such as publications to users.
    keep: usize = 64, "1 to 4096 messages", restart;

    /// Size of these messages of one room together, and of these orders.
    keep_bytes: Size = Size::kib(64), "`1KiB` to `16MiB`", restart + memory;

    /// How long the engine keeps them behind the last one; at least twice `resume.window` counts.
    keep_for: Length = Length::from_secs(600), "`1s` to `366d`", restart;

    /// How long a node counts as alive after it was last heard of. A shorter lease detects a dead node
    /// sooner; too short a lease takes a slow one for dead.
    lease: Length = Length::from_secs(15), "`1s` to `10m`", restart;

    /// A node that has not reached the engine for this long closes all its connections, as it may have
    /// missed a revocation. `0s`: it keeps them.
    fence: Length = Length::from_secs(0), "`0s` to `366d`", reload;

    /// Memory for the users of rooms whom other nodes report for [presence](protocol.md#presence). Beyond it
    /// a report counts the connections only, and clients get the number of connections of that room.
    presence_bytes: Size = Size::kib(8 << 10), "`64KiB` to `1GiB`", reload + memory;

    /// Addresses with forged tokens that other nodes are told of in 0.1 seconds. Those of further
    /// addresses are charged at this node only.
    forged_addresses: usize = 4_096, "1 to 16384 addresses", reload + memory;

    beside {
        /// What `password_file` holds: put here by whoever reads files, and never written. Empty: none.
        #[serde(skip)]
        password: String,
    }
}

impl Cluster {
    /// Is this server one node of several?
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.url.is_empty()
    }
}

/// The password is not shown: a configuration may be logged, a secret never.
impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("url", &self.url)
            .field("prefix", &self.prefix)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// How the engine is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterAddress {
    /// A host's name or address, and a port; with TLS or without.
    Host {
        /// Without brackets.
        host: String,
        /// 6379 unless the URL says another.
        port: u16,
        /// `rediss://`.
        is_tls: bool,
    },
    /// The path of a Unix socket.
    Unix(String),
}

/// What `cluster.url` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterUrl {
    /// Who logs in; `None`: the engine's default user.
    pub user: Option<String>,
    /// Tried in turn. There is at least one.
    pub addresses: Vec<ClusterAddress>,
}

impl ClusterUrl {
    /// Reads the URL.
    ///
    /// # Errors
    /// A sentence about what is wrong with it.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        if let Some(path) = url.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if !path.starts_with('/') {
                return Err("a Unix socket has an absolute path: `unix:/run/redis/redis.sock`");
            }
            return Ok(Self { user: None, addresses: vec![ClusterAddress::Unix(path.to_owned())] });
        }
        let (is_tls, rest) = match (url.strip_prefix("redis://"), url.strip_prefix("rediss://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err("it must begin with `redis://`, `rediss://` or `unix:`"),
        };
        if rest.contains(['?', '#']) {
            return Err("it must have no query and no fragment");
        }
        let rest = rest.strip_suffix("/0").or_else(|| rest.strip_suffix('/')).unwrap_or(rest);
        if rest.contains('/') {
            return Err("only database 0 is used, so it has no path");
        }
        let (user, hosts) = match rest.rsplit_once('@') {
            Some((user, _)) if user.contains(':') => {
                return Err("it must have no password: set `cluster.password_file`");
            }
            Some((user, hosts)) => (Some(user).filter(|user| !user.is_empty()), hosts),
            None => (None, rest),
        };
        let addresses: Result<_, _> = hosts.split(',').map(|host| host_of(host, is_tls)).collect();
        Ok(Self { user: user.map(str::to_owned), addresses: addresses? })
    }
}

fn host_of(text: &str, is_tls: bool) -> Result<ClusterAddress, &'static str> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or("an IPv6 address ends with `]`")?;
            (host, port.strip_prefix(':'))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err("it must name a host");
    }
    let port = port.map_or(Ok(6_379), str::parse).map_err(|_| "a port is 1 to 65535")?;
    if port == 0 {
        return Err("a port is 1 to 65535");
    }
    Ok(ClusterAddress::Host { host: host.to_owned(), port, is_tls })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(host: &str, port: u16, is_tls: bool) -> ClusterAddress {
        ClusterAddress::Host { host: host.to_owned(), port, is_tls }
    }

    #[test]
    fn the_password_of_the_cluster_is_not_shown() {
        let cluster = Cluster { password: "hush-hush".to_owned(), ..Cluster::default() };
        assert!(!format!("{cluster:?}").contains("hush"));
    }

    #[test]
    fn a_url_names_one_engine_or_several() {
        let one = |address| Ok(ClusterUrl { user: None, addresses: vec![address] });
        assert_eq!(ClusterUrl::parse("redis://cache"), one(host("cache", 6_379, false)));
        assert_eq!(ClusterUrl::parse("rediss://[::1]:7000/0"), one(host("::1", 7_000, true)));
        let unix = ClusterAddress::Unix("/run/redis/redis.sock".to_owned());
        assert_eq!(ClusterUrl::parse("unix:/run/redis/redis.sock"), one(unix.clone()));
        assert_eq!(ClusterUrl::parse("unix:///run/redis/redis.sock"), one(unix));
        let several = ClusterUrl::parse("redis://edge@a:1,b").unwrap();
        assert_eq!(several.user.as_deref(), Some("edge"));
        assert_eq!(several.addresses, [host("a", 1, false), host("b", 6_379, false)]);
    }

    #[test]
    fn a_url_that_cannot_be_used_is_refused() {
        for url in [
            "",
            "http://a",
            "redis://",
            "redis://a:0",
            "redis://a:70000",
            "redis://a/1",
            "redis://a?db=1",
            "redis://user:secret@a",
            "unix:redis.sock",
            "redis://[::1",
            "redis://a,",
        ] {
            assert!(ClusterUrl::parse(url).is_err(), "{url}");
        }
    }
}
