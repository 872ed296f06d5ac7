//! `--url`: the address of a server to connect to.

use std::net::{SocketAddr, ToSocketAddrs as _};

/// The server's address.
#[derive(Clone, Debug)]
pub(super) struct ServerAddress {
    /// The `Host` header.
    pub(super) host: String,
    /// The first address that the name resolves to.
    pub(super) address: SocketAddr,
}

impl ServerAddress {
    /// Parses `ws://HOST:PORT`.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{why}: expected an address such as ws://127.0.0.1:8080");
        if url.starts_with("wss://") {
            return Err(wrong("TLS is not supported here: name the listener behind the proxy"));
        }
        let rest = url.strip_prefix("ws://").ok_or_else(|| wrong("not a WebSocket URL"))?;
        let host = rest.strip_suffix('/').unwrap_or(rest);
        if host.contains('/') {
            return Err(wrong("remove the path"));
        }
        // An IPv6 address has its colons in brackets.
        let has_port = host.rsplit(']').next().is_some_and(|tail| tail.contains(':'));
        let with_port = if has_port { host.to_owned() } else { format!("{host}:80") };
        let address = with_port
            .to_socket_addrs()
            .map_err(|error| wrong(&error.to_string()))?
            .next()
            .ok_or_else(|| wrong("the name has no address"))?;
        Ok(Self { host: host.to_owned(), address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_read_from_the_url() {
        let target = ServerAddress::parse("ws://127.0.0.1:8080/").unwrap();
        assert_eq!(target.host, "127.0.0.1:8080");
        assert_eq!(target.address, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(ServerAddress::parse("ws://127.0.0.1").unwrap().address.port(), 80);
        assert_eq!(
            ServerAddress::parse("ws://[::1]:9").unwrap().address,
            "[::1]:9".parse().unwrap()
        );
        assert_eq!(
            ServerAddress::parse("ws://[::1]").unwrap().address,
            "[::1]:80".parse().unwrap()
        );
        for wrong in ["wss://127.0.0.1:1", "127.0.0.1:1", "ws://127.0.0.1:1/v1/chat/x", "ws://"] {
            assert!(ServerAddress::parse(wrong).is_err(), "{wrong}");
        }
    }
}
