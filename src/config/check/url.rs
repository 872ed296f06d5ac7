//! Addresses of HTTP services, as far as they are judged before they are used.

use std::net::IpAddr;

/// What of an address matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Url<'a> {
    /// `https://`, not `http://`.
    pub(super) is_protected: bool,
    /// The host, and a port where there is one.
    authority: &'a str,
    /// What follows it.
    pub(super) path: &'a str,
}

/// Why a text is not an address that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrlFault {
    /// It is not an address of HTTP, or holds an `@` that may end a password in front of the host: and
    /// addresses are logged.
    NotHttp,
    /// Its port is not a number that a port has. A client of HTTP would call the scheme's own port.
    Port,
}

impl UrlFault {
    /// What is wrong, where the caller knows what the address should be like.
    pub(super) fn or(self, wanted: &'static str) -> &'static str {
        match self {
            Self::NotHttp => wanted,
            Self::Port => "a port is 1 to 65535",
        }
    }
}

impl<'a> Url<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, UrlFault> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(UrlFault::NotHttp);
        }
        let protected = text.strip_prefix("https://").map(|rest| (true, rest));
        let (is_protected, rest) = protected
            .or_else(|| Some((false, text.strip_prefix("http://")?)))
            .ok_or(UrlFault::NotHttp)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let url = Self { is_protected, authority, path };
        if !url.has_host() || text.contains('@') && !url.is_before_every_at() {
            return Err(UrlFault::NotHttp);
        }
        if url.port().is_some_and(|port| !is_port(port)) {
            return Err(UrlFault::Port);
        }
        Ok(url)
    }

    /// Is there a host, in which colons are only those of an IPv6 address in brackets?
    fn has_host(&self) -> bool {
        let host = self.host();
        let inner = host.strip_prefix('[').map(|host| host.strip_suffix(']').unwrap_or_default());
        inner.map_or(!host.is_empty() && !host.contains(':'), |inner| !inner.is_empty())
    }

    /// Is every `@` in the path, after a host that is none of a password's? The addresses of some
    /// keys have one there, such as those of Firebase.
    fn is_before_every_at(&self) -> bool {
        let is_number = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
        let is_host = !self.authority.contains('@') && self.port().is_none_or(is_number);
        is_host && self.path.starts_with('/')
    }

    /// The host as it is written, without a port.
    pub(crate) fn host(&self) -> &'a str {
        self.host_and_port().0
    }

    /// What follows the colon behind the host.
    fn port(&self) -> Option<&'a str> {
        self.host_and_port().1
    }

    fn host_and_port(&self) -> (&'a str, Option<&'a str>) {
        match self.authority.rsplit_once(':') {
            // A colon in brackets belongs to an IPv6 address.
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (self.authority, None),
        }
    }

    /// The host, if it is an address and no name.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        let host = self.host();
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        inner.unwrap_or(host).parse().ok()
    }

    /// An address of this host, and no name.
    pub(super) fn is_loopback_address(&self) -> bool {
        self.ip().is_some_and(|ip| ip.is_loopback())
    }

    /// An address of this host, or its usual name.
    pub(super) fn is_loopback(&self) -> bool {
        self.is_loopback_address() || self.host().eq_ignore_ascii_case("localhost")
    }
}

fn is_port(text: &str) -> bool {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number && text.parse::<u16>().is_ok_and(|port| port != 0)
}

/// An address that the public internet does not route: loopback, RFC 1918, RFC 4193, link-local.
pub(crate) fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_of_a_url_has_no_port() {
        for (url, host, ip) in [
            ("https://example.com/a:b", "example.com", None),
            ("https://example.com:8443", "example.com", None),
            ("http://10.0.0.1:80/", "10.0.0.1", Some("10.0.0.1")),
            ("http://[fd00::1]:80/", "[fd00::1]", Some("fd00::1")),
            ("http://[fd00::1]", "[fd00::1]", Some("fd00::1")),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(url.host(), host);
            assert_eq!(url.ip(), ip.map(|ip| ip.parse().unwrap()));
        }
    }

    #[test]
    fn an_at_is_in_the_path_or_nowhere() {
        let host = |url| Url::parse(url).ok().map(|url| url.host());
        assert_eq!(host("https://example.com/keys/a@b.example"), Some("example.com"));
        assert_eq!(host("https://example.com:8443/a@b"), Some("example.com"));
        assert_eq!(host("https://[fd00::1]:80/a@b"), Some("[fd00::1]"));
        for url in [
            "https://user:password@example.com/",
            "https://user@example.com/a@b",
            "https://user:pass/word@example.com/",
            "https://example.com?@b",
            "https://example.com#@b",
        ] {
            assert_eq!(host(url), None, "{url}");
        }
    }

    #[test]
    fn port_of_a_url_is_1_to_65535() {
        for port in ["1", "80", "0080", "65535"] {
            for host in ["http://127.0.0.1", "https://example.com", "http://[::1]"] {
                assert!(Url::parse(&format!("{host}:{port}/api")).is_ok(), "{host}:{port}");
            }
        }
        for port in ["", "0", "65536", "80000", "-1", "+1", "8a", "a", "99999999999999999999"] {
            for host in ["http://127.0.0.1", "https://example.com", "http://[::1]"] {
                for path in ["", "/api", "?x"] {
                    let url = format!("{host}:{port}{path}");
                    assert_eq!(Url::parse(&url), Err(UrlFault::Port), "{url}");
                }
            }
        }
        for url in
            ["http://:80/", "http://::1/", "http://::1:80/", "http://a:80:80/", "http://[::1/"]
        {
            assert_eq!(Url::parse(url), Err(UrlFault::NotHttp), "{url}");
        }
    }

    #[test]
    fn private_addresses_are_those_of_the_rfcs() {
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "169.254.0.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "0.0.0.0",
            "1.1.1.1",
            "172.32.0.1",
            "100.64.0.1",
            "::",
            "2001:db8::1",
            "fec0::1",
            "::ffff:1.1.1.1",
        ] {
            assert!(!is_private(ip.parse().unwrap()), "{ip}");
        }
    }
}
