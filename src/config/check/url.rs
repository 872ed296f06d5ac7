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

impl<'a> Url<'a> {
    /// `None`: it is no address of HTTP, or holds an `@` that may end a password in front of the
    /// host: and addresses are logged.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let protected = text.strip_prefix("https://").map(|rest| (true, rest));
        let (is_protected, rest) =
            protected.or_else(|| Some((false, text.strip_prefix("http://")?)))?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let has_host = !authority.is_empty() && !authority.starts_with(':');
        let url = Self { is_protected, authority, path };
        (has_host && (!text.contains('@') || url.is_before_every_at())).then_some(url)
    }

    /// Is every `@` in the path, after a host that is none of a password's? The addresses of some
    /// keys have one there, such as those of Firebase.
    fn is_before_every_at(&self) -> bool {
        let port = self.authority.strip_prefix(self.host()).unwrap_or_default();
        let is_host =
            !self.authority.contains('@') && port.chars().all(|c| c == ':' || c.is_ascii_digit());
        is_host && self.path.starts_with('/')
    }

    /// The host as it is written, without a port.
    pub(crate) fn host(&self) -> &'a str {
        match self.authority.rsplit_once(':') {
            // A colon in brackets belongs to an IPv6 address.
            Some((host, port)) if !port.contains(']') => host,
            _ => self.authority,
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
        let host = |url| Url::parse(url).map(|url| url.host());
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
