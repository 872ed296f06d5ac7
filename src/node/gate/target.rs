//! Whom and what a request is for: its target, and its `Host`.

use std::net::{IpAddr, Ipv6Addr};

use crate::node::http::refusal::Refusal;

/// What stands between the method and the version, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// The authority of the absolute form. It is what the request is for, whatever `Host` says.
    pub(crate) authority: Option<Authority<'a>>,
    pub(crate) path: &'a str,
    /// What is behind the `?`; empty where there is nothing.
    pub(crate) query: &'a str,
}

impl<'a> Target<'a> {
    /// Reads the origin form, `/path?query`, and the absolute form, `http://host/path?query`, which
    /// a server must take (RFC 9112, section 3.2.2). Of other targets the path is what was sent, so
    /// there is nothing at it.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Refusal> {
        let is_absolute = |scheme: &&str| {
            text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        let scheme = ["http://", "https://"].into_iter().find(is_absolute);
        let (authority, rest) = match scheme.and_then(|scheme| text.get(scheme.len()..)) {
            None => (None, text),
            Some(rest) => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                let (authority, rest) = rest.split_at(end);
                // RFC 9110, section 4.2.4: a user in front of the host is a fault.
                let authority = Authority::parse(authority.as_bytes());
                (
                    Some(
                        authority
                            .ok_or(Refusal::BadRequest("The request's target is malformed"))?,
                    ),
                    rest,
                )
            }
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        // RFC 9110, section 4.2.3: no path is the same as `/`.
        let path = if path.is_empty() && authority.is_some() { "/" } else { path };
        Ok(Self { authority, path, query })
    }
}

/// A host and perhaps a port, as `Host` has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Authority<'a> {
    /// Without the brackets of an IPv6 address.
    host: &'a str,
}

impl<'a> Authority<'a> {
    /// `uri-host [":" port]` (RFC 9110, section 7.2). `None`: it is none. An empty host is none
    /// either, as no address of HTTP has one (RFC 9110, section 4.2.1).
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, port) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, port)
        } else {
            let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            if !is_name(host) {
                return None;
            }
            (host, port)
        };
        let is_port = match port.strip_prefix(':') {
            None => port.is_empty(),
            // RFC 3986, section 3.2.3: the digits may be missing.
            Some("") => true,
            Some(digits) => {
                digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok()
            }
        };
        is_port.then_some(Self { host })
    }

    /// Is it this host, named as nobody else can have it named: `localhost`, or an address of its
    /// loopback?
    pub(crate) fn is_loopback(&self) -> bool {
        let ip: Option<IpAddr> = self.host.parse().ok();
        self.host.eq_ignore_ascii_case("localhost") || ip.is_some_and(|ip| ip.is_loopback())
    }
}

/// A `reg-name` (RFC 3986, section 3.2.2), which every IPv4 address is too.
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let is_good = match byte {
            b'%' => {
                let mut is_digit = || bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit());
                is_digit() && is_digit()
            }
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte),
        };
        if !is_good {
            return false;
        }
    }
    !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<(Option<&str>, &str, &str)> {
        let target = Target::parse(text).ok()?;
        Some((target.authority.map(|authority| authority.host), target.path, target.query))
    }

    #[test]
    fn a_target_is_a_path_or_an_address() {
        for (text, host, path, query) in [
            ("/", None, "/", ""),
            ("/a/b?c?d", None, "/a/b", "c?d"),
            ("//a/b", None, "//a/b", ""),
            ("/?http://a/", None, "/", "http://a/"),
            ("*", None, "*", ""),
            ("a:443", None, "a:443", ""),
            ("ftp://a/b", None, "ftp://a/b", ""),
            ("http://a/b?c", Some("a"), "/b", "c"),
            ("HTTPS://a:443/b", Some("a"), "/b", ""),
            ("http://[::1]:80", Some("::1"), "/", ""),
            ("http://a?b/c", Some("a"), "/", "b/c"),
            ("http://a//b", Some("a"), "//b", ""),
        ] {
            assert_eq!(parse(text), Some((host, path, query)), "{text}");
        }
        for bad in
            ["http://", "http:///b", "http://:80/", "http://u@a/", "http://a#b/", "http://a\\b/"]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_a_port() {
        let host = |text: &'static str| Authority::parse(text.as_bytes()).map(|it| it.host);
        for (text, expected) in [
            ("localhost", "localhost"),
            ("a_b.example:8080", "a_b.example"),
            ("127.0.0.1:", "127.0.0.1"),
            ("[::1]", "::1"),
            ("[2001:db8::1]:65535", "2001:db8::1"),
            ("a%20b", "a%20b"),
        ] {
            assert_eq!(host(text), Some(expected), "{text}");
        }
        for bad in [
            "",
            ":80",
            "a b",
            "a, b",
            "a/b",
            "a?b",
            "a#b",
            "u@a",
            "a\\b",
            "a:b",
            "a:80:80",
            "a:-1",
            "a:65536",
            "::1",
            "[::1",
            "[::1]a",
            "[a]",
            "[127.0.0.1]",
            "a%2",
            "a%zz",
            "<a>",
            "é",
            "http://a",
        ] {
            assert_eq!(host(bad), None, "{bad}");
        }
        assert_eq!(Authority::parse(b"\xff"), None);
    }

    #[test]
    fn a_host_that_others_can_name_is_not_loopback() {
        let is_here = |host: &str| Authority::parse(host.as_bytes()).unwrap().is_loopback();
        for host in ["localhost", "LOCALHOST:9090", "127.0.0.1:1", "127.9.9.9", "[::1]", "[::1]:9"]
        {
            assert!(is_here(host), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:80", "10.0.0.1", "[::2]:80"] {
            assert!(!is_here(host), "{host}");
        }
    }
}
