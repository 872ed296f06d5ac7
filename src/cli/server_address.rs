//! `--url`: the address of a server to connect to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};

use vestibule::config::{Config, ListenAddress};

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
    /// The first TCP address that the configured server listens on, as clients on this host reach it.
    pub(super) fn of_listener(config: &Config) -> Result<Self, String> {
        let of_tcp = config.listen.iter().find_map(|text| match text.parse() {
            Ok(ListenAddress::Host { host, port }) => Some((host, port)),
            Ok(ListenAddress::Every { port }) => Some(("localhost".to_owned(), port)),
            Ok(ListenAddress::Unix(_)) | Err(_) => None,
        });
        let (host, port) = of_tcp.ok_or("`listen` has no TCP address: pass --url")?;
        if port == 0 {
            let text = "`listen` has port 0, another port at each start: pass the one that the server \
                        printed, with --url";
            return Err(text.to_owned());
        }
        let host = match host.parse() {
            Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => "127.0.0.1".to_owned(),
            Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => "[::1]".to_owned(),
            Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
            _ => host,
        };
        let scheme = if config.tls.is_on() { "wss" } else { "ws" };
        Self::parse_any(&format!("{scheme}://{host}:{port}"))
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
    use vestibule::config::Tls;

    use super::*;

    #[test]
    fn address_is_read_from_the_url() {
        let target = ServerAddress::parse_any("ws://127.0.0.1:8080/").unwrap();
        assert_eq!(target.host, "127.0.0.1:8080");
        assert_eq!(target.address, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(ServerAddress::parse_any("ws://127.0.0.1").unwrap().address.port(), 80);
        assert_eq!(
            ServerAddress::parse_any("ws://[::1]:9").unwrap().address,
            "[::1]:9".parse().unwrap()
        );
        assert_eq!(
            ServerAddress::parse_any("ws://[::1]").unwrap().address,
            "[::1]:80".parse().unwrap()
        );
        let secure = ServerAddress::parse_any("wss://127.0.0.1").unwrap();
        assert_eq!((secure.is_secure, secure.address.port()), (true, 443));
        for wrong in ["127.0.0.1:1", "ws://127.0.0.1:1/v1/chat/x", "ws://"] {
            assert!(ServerAddress::parse_any(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn server_is_found_from_its_listen_addresses() {
        let of = |listen: &[&str], cert_file: &str| {
            let listen = listen.iter().map(|&it| it.to_owned()).collect();
            let tls = Tls { cert_file: cert_file.to_owned(), key_file: cert_file.to_owned() };
            let config = Config { listen, tls, ..Config::default() };
            let found = ServerAddress::of_listener(&config)?;
            Ok::<_, String>((found.address.to_string(), found.is_secure))
        };
        let is = |address: &str, is_secure| Ok((address.to_owned(), is_secure));
        assert_eq!(of(&["127.0.0.1:81"], ""), is("127.0.0.1:81", false));
        assert_eq!(of(&["unix:/run/s", "0.0.0.0:82"], ""), is("127.0.0.1:82", false));
        assert_eq!(of(&["[::]:83"], "c.pem"), is("[::1]:83", true));
        assert!(of(&["unix:/run/s"], "").unwrap_err().contains("--url"));
        assert!(of(&["127.0.0.1:0"], "").unwrap_err().contains("--url"));
    }
}
