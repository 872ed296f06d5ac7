//! Which web pages may call: origins as browsers send them, and the entries of
//! `http.allowed_origins` that they are compared with.
//!
//! Both sides are parsed before they are compared. A comparison of text would be misled by whatever
//! the text may hold and an origin may not: `https://evil.example#.example.com` ends like a host
//! below `example.com`, and is none.

use std::net::Ipv6Addr;

/// The longest host name, and the longest of its labels (RFC 1035, section 2.3.4).
const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// An origin: a scheme, `://`, a host, and a port where it is not the scheme's own. Nothing else
/// (RFC 6454, section 6.2): no user, path, query or fragment, no empty label, no trailing dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Origin<'a> {
    scheme: &'a str,
    host: Host<'a>,
    port: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host<'a> {
    /// Labels of letters, digits, `-` and `_`, in any case.
    Name(&'a str),
    Ipv6(Ipv6Addr),
}

impl<'a> Origin<'a> {
    /// `None`: it is not an origin. `null` is none, as every sandboxed page and every local file
    /// sends it.
    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if !is_scheme {
            return None;
        }
        let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
            let (ip, port) = rest.split_once(']')?;
            (Host::Ipv6(ip.parse().ok()?), port)
        } else {
            let (name, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            if !is_name(name) {
                return None;
            }
            (Host::Name(name), port)
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            None => return None,
            Some(digits) => Some(parse_port(digits)?),
        };
        Some(Self { scheme, host, port })
    }

    /// Does it name the port that its scheme has without one? Browsers leave that port out.
    fn has_default_port(&self) -> bool {
        match self.port {
            Some(80) => matches!(self.scheme, "http" | "ws"),
            Some(443) => matches!(self.scheme, "https" | "wss"),
            _ => false,
        }
    }

    fn is(&self, other: &Self) -> bool {
        let is_same_host = match (self.host, other.host) {
            (Host::Name(one), Host::Name(other)) => one.eq_ignore_ascii_case(other),
            (one, other) => one == other,
        };
        self.scheme.eq_ignore_ascii_case(other.scheme) && is_same_host && self.port == other.port
    }

    /// Is its host below `domain`, at the scheme's own port?
    fn is_below(&self, domain: &str) -> bool {
        let Host::Name(name) = self.host else { return false };
        // An underscore is in no name that a certificate or a registry gives out.
        if self.port.is_some() || name.contains('_') {
            return false;
        }
        let labels = |name: &'_ str| name.split('.').count();
        labels(name) > labels(domain)
            && name.rsplit('.').zip(domain.rsplit('.')).all(|(a, b)| a.eq_ignore_ascii_case(b))
    }
}

/// A port as browsers write it: not 0, and without zeros in front.
fn parse_port(digits: &str) -> Option<u16> {
    let is_plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    if is_plain { digits.parse().ok() } else { None }
}

fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    text.len() <= MAX_NAME_BYTES && text.split('.').all(is_label)
}

/// An entry of `http.allowed_origins`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    /// This origin, as it is written.
    Exact(String),
    /// Any host below this domain, which is not one of them.
    Below(String),
}

impl Entry {
    /// # Errors
    /// What is wrong with it, and what would be right.
    fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "write `https://chat.example.com`, without a path, or `*.example.com`, \
                            in lower case; an empty list allows every origin";
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(FORM);
        }
        if let Some(domain) = text.strip_prefix("*.") {
            // A last label of digits makes an IPv4 address of a name, and nothing is below one.
            let is_address = domain
                .rsplit('.')
                .next()
                .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
            let is_domain = is_name(domain) && !domain.contains('_') && !is_address;
            return if is_domain { Ok(Self::Below(domain.to_owned())) } else { Err(FORM) };
        }
        match Origin::parse(text) {
            None => Err(FORM),
            Some(origin) if origin.has_default_port() => {
                Err("leave the port out, as browsers do where it is the scheme's own")
            }
            Some(_) => Ok(Self::Exact(text.to_owned())),
        }
    }

    fn allows(&self, origin: &Origin<'_>) -> bool {
        match self {
            Self::Exact(text) => Origin::parse(text).is_some_and(|exact| exact.is(origin)),
            Self::Below(domain) => origin.is_below(domain),
        }
    }
}

/// What is wrong with an entry of `http.allowed_origins`, and what would be right; `None`: nothing.
pub(super) fn problem(entry: &str) -> Option<&'static str> {
    Entry::parse(entry).err()
}

/// Which web pages may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origins {
    /// There is no list.
    Any,
    /// Those in the list. An empty one allows no page at all.
    Listed(Vec<Listed>),
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed(Entry);

/// What is known of the page that a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page<'a> {
    /// It names none: it does not come from a browser's page, or the browser vouches for it.
    None,
    /// One whose origin is in the list: it may call, and read the answers.
    Listed(&'a str),
    /// There is no list: it may connect, and [change something](Page::may_change) if it is the
    /// server's own. Holds its origin, if that is one.
    Unlisted(Option<&'a str>),
    /// It may not call: its origin is not in the list, or is not one origin.
    Refused,
}

impl Page<'_> {
    /// May the page have something changed at the server that its request calls `host`?
    /// `is_same_origin`: its browser says that the two are one (`Sec-Fetch-Site`), which no page can
    /// make up, and no proxy changes with the host's name.
    pub(crate) fn may_change(self, host: Option<&str>, is_same_origin: bool) -> bool {
        match self {
            Self::None | Self::Listed(_) => true,
            Self::Refused => false,
            Self::Unlisted(origin) => {
                // Browsers leave the scheme's own port out of both.
                let authority = origin.and_then(|origin| origin.split_once("://"));
                let is_own = authority
                    .zip(host)
                    .is_some_and(|((_, authority), host)| authority.eq_ignore_ascii_case(host));
                is_own || is_same_origin
            }
        }
    }
}

impl Origins {
    /// No page may call.
    pub(crate) const NONE: Self = Self::Listed(Vec::new());

    /// An empty list is none. An entry that is not one, which `check` tells of, allows nothing.
    pub(crate) fn new(entries: &[String]) -> Self {
        if entries.is_empty() {
            return Self::Any;
        }
        Self::Listed(
            entries.iter().filter_map(|text| Entry::parse(text).ok().map(Listed)).collect(),
        )
    }

    /// Judges the page by the values of a request's `Origin` lines. This is the one place where that
    /// is decided, whatever is asked for.
    pub(crate) fn judge<'a>(&self, mut lines: impl Iterator<Item = &'a [u8]>) -> Page<'a> {
        let Some(first) = lines.next() else { return Page::None };
        // RFC 6454, section 7.3: a browser sends one at most.
        let text = if lines.next().is_none() { std::str::from_utf8(first).ok() } else { None };
        let origin = text.and_then(|text| Some((text, Origin::parse(text)?)));
        match (self, origin) {
            (Self::Any, origin) => Page::Unlisted(origin.map(|(text, _)| text)),
            (Self::Listed(entries), Some((text, origin)))
                if entries.iter().any(|entry| entry.0.allows(&origin)) =>
            {
                Page::Listed(text)
            }
            _ => Page::Refused,
        }
    }
}

#[cfg(test)]
mod tests;
