//! How long a response is fresh (RFC 9111, section 4.2), as a private cache sees it.

use std::time::Duration;

use crate::time;

/// The fields of a response that say how long it is fresh. An empty text: there is no such field.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CacheFields<'a> {
    /// All values, joined by commas.
    pub(super) cache_control: &'a str,
    pub(super) age: &'a str,
    pub(super) expires: &'a str,
    pub(super) date: &'a str,
}

impl CacheFields<'_> {
    /// How long the response is fresh from now on. `None`: it does not say.
    ///
    /// `max-age` counts, else `s-maxage`, else `Expires` less `Date`; the `Age` that the response
    /// had when it came is taken off. A value that cannot be read counts as 0 (section 4.2.1), as do
    /// `no-store` and `no-cache`.
    pub(super) fn freshness(&self) -> Option<Duration> {
        if directives(self.cache_control).any(|(name, _)| {
            ["no-store", "no-cache"].iter().any(|no| name.eq_ignore_ascii_case(no))
        }) {
            return Some(Duration::ZERO);
        }
        let lifetime = self.directive("max-age").or_else(|| self.directive("s-maxage"));
        let lifetime = lifetime.or_else(|| self.until_expiry())?;
        // Of several values the first counts, and one that is no number is ignored (section 5.1).
        let age = self.age.split(',').next().and_then(delta_seconds).unwrap_or_default();
        Some(lifetime.saturating_sub(age))
    }

    /// The first directive of this name (section 4.2.1).
    fn directive(&self, name: &str) -> Option<Duration> {
        let mut all = directives(self.cache_control);
        let (_, value) = all.find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        Some(delta_seconds(value.trim_matches('"')).unwrap_or_default())
    }

    /// An `Expires` that is no date, such as `0`, is past (section 5.3). Without the server's clock
    /// to compare with, it says nothing.
    fn until_expiry(&self) -> Option<Duration> {
        if self.expires.is_empty() {
            return None;
        }
        let Some(expires) = http_date(self.expires) else { return Some(Duration::ZERO) };
        Some(expires.since(http_date(self.date)?))
    }
}

/// The directives of a `Cache-Control` field, with their values. Commas in quotes do not separate.
fn directives(field: &str) -> impl Iterator<Item = (&str, &str)> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let is_separator = move |c: char| {
        let was_escaped = is_escaped;
        is_escaped = is_quoted && !was_escaped && c == '\\';
        is_quoted ^= c == '"' && !was_escaped;
        c == ',' && !is_quoted
    };
    field.split(is_separator).map(|directive| {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        (name.trim(), value.trim())
    })
}

/// A number of seconds (section 1.2.2). One that is too large for us is as long as can be.
fn delta_seconds(text: &str) -> Option<Duration> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
}

/// A date as servers must write it: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7). The
/// two obsolete forms are not read.
fn http_date(text: &str) -> Option<time::UnixTime> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, text) = text.trim().split_once(", ")?;
    let mut parts = text.strip_suffix(" GMT")?.split(' ');
    let mut next = || parts.next();
    let (day, month, year, clock) = (next()?, next()?, next()?, next()?);
    let month = MONTHS.iter().position(|&name| name == month)? + 1;
    time::parse_date_time(&format!("{year}-{month:02}-{day}T{clock}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(fields: CacheFields<'_>) -> Option<u64> {
        fields.freshness().map(|length| length.as_secs())
    }

    fn of(cache_control: &str) -> Option<u64> {
        seconds(CacheFields { cache_control, ..CacheFields::default() })
    }

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    #[test]
    fn cache_control_is_read_as_http_writes_it() {
        for (text, is) in [
            ("", None),
            ("public, max-age=300, must-revalidate", Some(300)),
            ("Max-Age=\"7\"", Some(7)),
            ("max-age = 7", Some(7)),
            ("max-age=5, max-age=6", Some(5)),
            ("s-maxage=30", Some(30)),
            ("s-maxage=30, max-age=300", Some(300)),
            ("max-age=300, no-store", Some(0)),
            ("No-Cache", Some(0)),
            ("no-cache=\"Set-Cookie\", max-age=300", Some(0)),
            ("private=\"a, max-age=5\", max-age=6", Some(6)),
            ("private=\"a\\\", max-age=5\", max-age=6", Some(6)),
        ] {
            assert_eq!(of(text), is, "{text}");
        }
    }

    #[test]
    fn odd_cache_control_is_stale_or_says_nothing() {
        for text in ["max-age", "max-age=", "max-age=-1", "max-age=1.5", "max-age=x", "max-age=\""]
        {
            assert_eq!(of(text), Some(0), "{text}");
        }
        for text in [",,", "=", "=5", "\"", "\\", "max-age\u{e9}=5", "\"max-age=5", "max-agent=5"] {
            assert_eq!(of(text), None, "{text}");
        }
        assert_eq!(of("max-age=99999999999999999999999"), Some(u64::MAX));
    }

    #[test]
    fn age_is_taken_off_the_lifetime() {
        for (age, is) in [
            ("", 300),
            ("100", 200),
            ("300", 0),
            ("400", 0),
            ("99999999999999999999", 0),
            ("100, 200", 200),
            ("-1", 300),
            ("soon", 300),
        ] {
            let fields = CacheFields { cache_control: "max-age=300", age, ..Default::default() };
            assert_eq!(seconds(fields), Some(is), "{age}");
        }
        assert_eq!(seconds(CacheFields { age: "100", ..Default::default() }), None);
    }

    #[test]
    fn expires_counts_from_date() {
        for (expires, date, is) in [
            ("Sun, 06 Nov 1994 08:59:37 GMT", DATE, Some(600)),
            ("Sun, 06 Nov 1994 08:39:37 GMT", DATE, Some(0)),
            ("0", DATE, Some(0)),
            ("-1", "", Some(0)),
            ("Sunday, 06-Nov-94 08:59:37 GMT", DATE, Some(0)),
            ("Sun, 31 Feb 1994 08:59:37 GMT", DATE, Some(0)),
            ("Sun, 06 Nov 1994 08:59:37 GMT", "", None),
            ("Sun, 06 Nov 1994 08:59:37 GMT", "today", None),
            ("", DATE, None),
        ] {
            assert_eq!(
                seconds(CacheFields { expires, date, ..Default::default() }),
                is,
                "{expires}"
            );
        }
        let expires = "Sun, 06 Nov 1994 08:59:37 GMT";
        let fields = CacheFields { cache_control: "max-age=7", age: "", expires, date: DATE };
        assert_eq!(seconds(fields), Some(7), "max-age takes precedence");
        let fields = CacheFields { cache_control: "", age: "60", ..fields };
        assert_eq!(seconds(fields), Some(540));
    }
}
