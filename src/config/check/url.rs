//! Addresses of HTTP services, as far as they are judged before they are used.

use std::net::{IpAddr, SocketAddr};

/// What of an address matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Url<'a> {
    /// `https://`, not `http://`.
    pub(super) is_protected: bool,
    /// The host, and a port where there is one.
    authority: &'a str,
    /// What follows it.
    pub(super) path: &'a str,
}

impl<'a> Url<'a> {
    /// `None`: it is no address of HTTP, or holds an `@`, which would be a password in front of it:
    /// and addresses are logged.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@') {
            return None;
        }
        let protected = text.strip_prefix("https://").map(|rest| (true, rest));
        let (is_protected, rest) =
            protected.or_else(|| Some((false, text.strip_prefix("http://")?)))?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let has_host = !authority.is_empty() && !authority.starts_with(':');
        has_host.then_some(Self { is_protected, authority, path })
    }

    /// An address of this host, and no name.
    pub(super) fn is_loopback_address(&self) -> bool {
        let address: Option<SocketAddr> = self.authority.parse().ok();
        let host = self.authority.trim_start_matches('[').trim_end_matches(']');
        let ip: Option<IpAddr> = address.map(|a| a.ip()).or_else(|| host.parse().ok());
        ip.is_some_and(|ip| ip.is_loopback())
    }

    /// An address of this host, or its usual name.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.authority.split(':').next().unwrap_or_default();
        self.is_loopback_address() || host.eq_ignore_ascii_case("localhost")
    }
}
