//! Old clients: a token in the request instead of an `auth` message (protocol, section 10).

use std::collections::BTreeSet;
use std::time::Duration;

use httparse::Header;

use crate::auth::Address;
use crate::id::Slot;
use crate::node::connections::Connections;
use crate::node::context::Cx;
use crate::node::gate::headers::{bearer_of, values};
use crate::node::gate::upgrade::hex;
use crate::node::http::request::Credential;
use crate::node::observe::metrics::Legacy;
use crate::time::Instant;

impl Credential {
    /// The token in `Authorization: Bearer` or `?token=`, empty ones aside.
    pub(crate) fn find(headers: &[Header<'_>], query: &str) -> Self {
        let in_headers = values(headers, "authorization")
            .filter_map(bearer_of)
            .map(|token| (Legacy::Header, String::from_utf8_lossy(token)));
        let in_query = query
            .split('&')
            .filter_map(|pair| pair.strip_prefix("token="))
            .map(|token| (Legacy::Query, percent_decoded(token).into()))
            .filter(|(_, token): &(_, std::borrow::Cow<'_, str>)| !token.is_empty());
        let mut found = in_headers.chain(in_query);
        let Some((kind, token)) = found.next() else { return Self::None };
        if found.all(|(_, other)| other == token) {
            Self::Token { kind, token: token.into() }
        } else {
            Self::Conflict { kind }
        }
    }
}

/// A token has none but unreserved characters; who encodes them all the same is understood. What is
/// not well encoded stays as it is, and is no token.
fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let byte = match *rest {
            [b'%', high, low, ..] => hex(high).zip(hex(low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        decoded.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Which addresses were logged within the hour.
#[derive(Debug, Default)]
pub(crate) struct LegacyLog {
    /// Since when, in whole hours.
    hour: u64,
    addresses: BTreeSet<Address>,
}

const HOUR: Duration = Duration::from_secs(3_600);

impl LegacyLog {
    /// Is `address` to be logged? Once an hour, and at most `limit` of them (0: any number).
    fn is_new(&mut self, now: Instant, address: Address, limit: usize) -> bool {
        let hour = now.as_micros() / HOUR.as_micros() as u64;
        if hour != self.hour {
            (self.hour, self.addresses) = (hour, BTreeSet::new());
        }
        (limit == 0 || self.addresses.len() < limit) && self.addresses.insert(address)
    }
}

impl LegacyLog {
    /// `slot` is an old client's: counted, and logged once an address and hour. The token is not.
    pub(crate) fn notice(
        &mut self,
        cx: &mut Cx,
        connections: &Connections,
        slot: Slot,
        kind: Legacy,
    ) {
        cx.metrics.count_legacy(kind);
        let Some(connection) = connections.get(slot) else { return };
        if self.is_new(cx.now.monotonic, connection.address(), cx.policy.addresses) {
            let (id, ip) = (connections.id_of(slot), connection.peer().ip());
            log::warn!(
                connection:% = id;
                "an old client at {ip} ({}); clients send their token in an `auth` message. \
                 Told once an hour for each address",
                kind.name()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(headers: &[(&str, &str)], query: &str) -> Credential {
        let headers: Vec<_> =
            headers.iter().map(|&(name, value)| Header { name, value: value.as_bytes() }).collect();
        Credential::find(&headers, query)
    }

    fn token(kind: Legacy, token: &str) -> Credential {
        Credential::Token { kind, token: token.into() }
    }

    #[test]
    fn a_token_is_found_in_the_header_and_in_the_query() {
        let header = [("Authorization", "Bearer a.b.c")];
        assert_eq!(find(&[], ""), Credential::None);
        assert_eq!(find(&header, ""), token(Legacy::Header, "a.b.c"));
        assert_eq!(
            find(&[("authorization", "bearer  a.b.c ")], ""),
            token(Legacy::Header, "a.b.c")
        );
        assert_eq!(find(&[], "x=1&token=a.b%2Ec"), token(Legacy::Query, "a.b.c"));
        assert_eq!(find(&header, "token=a.b.c"), token(Legacy::Header, "a.b.c"));
    }

    #[test]
    fn another_scheme_and_an_empty_token_are_none() {
        for value in ["Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "Bearera", "", "é"] {
            assert_eq!(find(&[("Authorization", value)], "token="), Credential::None, "{value}");
        }
        assert_eq!(find(&[], "mytoken=a&token"), Credential::None);
    }

    #[test]
    fn two_tokens_that_differ_are_a_conflict() {
        let header = [("Authorization", "Bearer a")];
        let kind = Legacy::Header;
        assert_eq!(find(&header, "token=b"), Credential::Conflict { kind });
        let two = [("Authorization", "Bearer a"), ("Authorization", "Bearer b")];
        assert_eq!(find(&two, ""), Credential::Conflict { kind });
        let kind = Legacy::Query;
        assert_eq!(find(&[], "token=a&token=b"), Credential::Conflict { kind });
    }

    #[test]
    fn odd_encodings_are_no_panic() {
        for query in ["token=%", "token=%4", "token=%zz", "token=%ff%", "token=%E2%82"] {
            assert_ne!(find(&[], query), Credential::None);
        }
    }

    #[test]
    fn a_token_is_not_in_the_debug_form() {
        assert!(!format!("{:?}", find(&[], "token=hush")).contains("hush"));
    }

    #[test]
    fn legacy_address_is_logged_hourly_up_to_a_cap() {
        let ip = |last: u8| Address::from(std::net::IpAddr::from([192, 0, 2, last]));
        let mut throttle = LegacyLog::default();
        let start = Instant::START + HOUR * 5;
        assert!(throttle.is_new(start, ip(1), 2));
        assert!(!throttle.is_new(start + HOUR / 2, ip(1), 2));
        assert!(throttle.is_new(start, ip(2), 2));
        assert!(!throttle.is_new(start, ip(3), 2));
        assert!(throttle.is_new(start + HOUR, ip(1), 2));
        assert!(throttle.is_new(start + HOUR, ip(3), 0));
    }
}
