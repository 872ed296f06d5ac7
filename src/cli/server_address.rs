//! `--url`: the address of a server to connect to.

use std::net::{SocketAddr, ToSocketAddrs as _};

/// The server's address.
#[derive(Clone, Debug)]
pub(super) struct ServerAddress {
    /// The `Host` header.
    pub(super) host: String,
    /// The first address that the name resolves to.
    pub(super) address: SocketAddr,
    /// It speaks TLS.
    pub(super) is_secure: bool,
}

impl ServerAddress {
    /// Parses `ws://HOST:PORT`.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        if url.starts_with("wss://") {
            return Err(wrong("TLS is not supported here: name the listener behind the proxy"));
        }
        Self::parse_any(url)
    }

    /// Parses `ws://HOST:PORT` or `wss://HOST:PORT`.
    pub(super) fn parse_any(url: &str) -> Result<Self, String> {
        let (is_secure, rest) = match (url.strip_prefix("wss://"), url.strip_prefix("ws://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(wrong("not a WebSocket URL")),
        };
        let host = rest.strip_suffix('/').unwrap_or(rest);
        if host.contains('/') {
            return Err(wrong("remove the path"));
        }
        // An IPv6 address has its colons in brackets.
        let has_port = host.rsplit(']').next().is_some_and(|tail| tail.contains(':'));
        let port = if is_secure { 443 } else { 80 };
        let with_port = if has_port { host.to_owned() } else { format!("{host}:{port}") };
        let address = with_port
            .to_socket_addrs()
            .map_err(|error| wrong(&error.to_string()))?
            .next()
            .ok_or_else(|| wrong("the name has no address"))?;
        Ok(Self { host: host.to_owned(), address, is_secure })
    }
}

fn wrong(why: &str) -> String {
    format!("{why}: expected an address such as ws://127.0.0.1:8080")
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
        let secure = ServerAddress::parse_any("wss://127.0.0.1").unwrap();
        assert_eq!((secure.is_secure, secure.address.port()), (true, 443));
        for wrong in ["wss://127.0.0.1:1", "127.0.0.1:1", "ws://127.0.0.1:1/v1/chat/x", "ws://"] {
            assert!(ServerAddress::parse(wrong).is_err(), "{wrong}");
        }
    }
}
