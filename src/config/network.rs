//! A range of addresses as people write it: `10.0.0.0/8`, `2001:db8::/32`, or one address.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::str::FromStr;

use ipnet::IpNet;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::units::ParseError;

/// The address that stands for every peer of a Unix socket, which has none: the unspecified one, from
/// which nobody connects over a network.
pub const UNIX_PEER: SocketAddr = SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0));

/// Does `ip` stand for the peers of Unix sockets?
pub(crate) fn is_unix_peer(ip: IpAddr) -> bool {
    ip == UNIX_PEER.ip()
}

/// A range of addresses: a CIDR, one address, or the peers of Unix sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(Peers);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peers {
    Of(IpNet),
    Unix,
}

impl Network {
    /// Is `ip` within it? An IPv4 address that is mapped into IPv6 counts as IPv4. No range of
    /// addresses has [`UNIX_PEER`] in it.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match self.0 {
            Peers::Of(network) => !is_unix_peer(ip) && network.contains(&ip.to_canonical()),
            Peers::Unix => is_unix_peer(ip),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Peers::Of(network) => network.fmt(f),
            Peers::Unix => f.write_str(UNIX),
        }
    }
}

/// How the peers of Unix sockets are written.
const UNIX: &str = "unix";

impl FromStr for Network {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text == UNIX {
            return Ok(Self(Peers::Unix));
        }
        let one = || text.parse::<IpAddr>().map(|ip| IpNet::from(ip.to_canonical()));
        let what = "network: write `10.0.0.0/8`, `2001:db8::/32`, one address or `unix`";
        let network = text.parse::<IpNet>().or_else(|_| one());
        network.map(|network| Self(Peers::Of(network))).map_err(|_| ParseError::new(text, what))
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_is_a_cidr_or_one_address() {
        for text in ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1/32", "0.0.0.0/0"] {
            assert_eq!(network(text).to_string(), text);
        }
        assert_eq!(network("192.0.2.1"), network("192.0.2.1/32"));
        assert_eq!(network("::1"), network("::1/128"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1/32"));
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0/8", "10.0.0.1:80", "*"] {
            let fault = text.parse::<Network>().unwrap_err().to_string();
            assert!(
                fault.starts_with(&format!("`{text}` is not a valid network: write ")),
                "{fault}"
            );
        }
    }

    #[test]
    fn only_unix_has_the_peers_of_unix_sockets() {
        assert_eq!(network("unix").to_string(), "unix");
        assert!(network("unix").contains(UNIX_PEER.ip()));
        assert!(!network("unix").contains("127.0.0.1".parse().unwrap()));
        assert!(!network("::/0").contains(UNIX_PEER.ip()));
        assert!(network("::/0").contains("::1".parse().unwrap()));
    }

    #[test]
    fn a_mapped_address_is_within_its_ipv4_network() {
        let within = |text: &str| network("10.1.0.0/16").contains(text.parse().unwrap());
        assert!(within("10.1.2.3") && within("::ffff:10.1.2.3"));
        assert!(!within("10.2.0.1") && !within("::1"));
    }
}
