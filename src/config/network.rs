//! A range of addresses as people write it: `10.0.0.0/8`, `2001:db8::/32`, or one address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::units::ParseError;

/// A range of addresses: a CIDR, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Is `ip` within it? An IPv4 address that is mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.0.contains(&ip.to_canonical())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Network {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let one = || text.parse::<IpAddr>().map(|ip| IpNet::from(ip.to_canonical()));
        let what = "network: write `10.0.0.0/8`, `2001:db8::/32` or one address";
        let network = text.parse::<IpNet>().or_else(|_| one());
        network.map(Self).map_err(|_| ParseError::new(text, what))
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
            assert!(fault.starts_with(&format!("`{text}` is no network: write ")), "{fault}");
        }
    }

    #[test]
    fn a_mapped_address_is_within_its_ipv4_network() {
        let within = |text: &str| network("10.1.0.0/16").contains(text.parse().unwrap());
        assert!(within("10.1.2.3") && within("::ffff:10.1.2.3"));
        assert!(!within("10.2.0.1") && !within("::1"));
    }
}
