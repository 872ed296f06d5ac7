//! The two clocks, as values: monotonic for every deadline, unix only for a token's claims.
//!
//! Nothing in this crate below the drivers reads a clock. A driver reads both once a turn and
//! hands them down as [`Now`]; a test or the simulator makes them up.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment on the driver's monotonic clock, in microseconds since the driver started.
///
/// An own type, because [`std::time::Instant`] cannot be made up: a test that runs 14 minutes in a
/// millisecond needs to name a moment that no clock has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The moment the driver started.
    pub const START: Self = Self(0);
    /// Later than every deadline: "not armed".
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `micros` microseconds after the start.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the start.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole seconds since the start, for counters that need no more; saturates after 136 years.
    #[must_use]
    pub const fn whole_seconds(self) -> u32 {
        let seconds = self.0 / 1_000_000;
        if seconds > u32::MAX as u64 { u32::MAX } else { seconds as u32 }
    }

    /// How long ago `earlier` was; zero when it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at [`Instant::NEVER`].
    fn add(self, length: Duration) -> Self {
        let micros = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    /// Saturates at [`Instant::START`].
    fn sub(self, length: Duration) -> Self {
        let micros = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(micros))
    }
}

/// A moment of the wall clock: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The last millisecond that RFC 3339 can write: 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// The moment `millis` milliseconds after the epoch, at most [`UnixTime::MAX`].
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        if millis > Self::MAX.0 { Self::MAX } else { Self(millis) }
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not after.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The form of HTTP's dates, `Sun, 22 Nov 2026 10:00:00 GMT` (RFC 9110, section 5.6.7).
    #[must_use]
    pub fn to_http_date(self) -> String {
        const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (days, of_day) = (self.0 / 86_400_000, self.0 / 1_000 % 86_400);
        let (year, month, day) = civil_from_days(days);
        // 1970-01-01 was a Thursday.
        let weekday = DAYS.get((days % 7) as usize).copied().unwrap_or_default();
        let month = MONTHS.get(month as usize - 1).copied().unwrap_or_default();
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }

    /// The 24 characters of the RFC 3339 form with milliseconds, in UTC.
    #[must_use]
    pub fn to_rfc3339(self) -> Rfc3339 {
        Rfc3339::new(self)
    }
}

impl Add<Duration> for UnixTime {
    type Output = Self;

    /// Saturates at [`UnixTime::MAX`].
    fn add(self, length: Duration) -> Self {
        let millis = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }
}

/// Both clocks, read at the same moment: once a turn by a driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For deadlines.
    pub monotonic: Instant,
    /// For claims and timestamps.
    pub unix: UnixTime,
}

impl Now {
    /// What the wall clock will show at `deadline`, if nobody sets it meanwhile.
    #[must_use]
    pub fn unix_at(self, deadline: Instant) -> UnixTime {
        self.unix + deadline.since(self.monotonic)
    }

    /// What the wall clock would have shown at `moment`, which is past, if nobody has set it since.
    #[must_use]
    pub fn unix_when(self, moment: Instant) -> UnixTime {
        let ago = u64::try_from(self.monotonic.since(moment).as_millis()).unwrap_or(u64::MAX);
        UnixTime::from_millis(self.unix.as_millis().saturating_sub(ago))
    }
}

/// A wall-clock moment written as `2026-11-22T10:00:00.000Z` (RFC 3339, section 5.6), on the stack.
#[derive(Clone, Copy)]
pub struct Rfc3339(pub(crate) [u8; 24]);

impl Rfc3339 {
    fn new(time: UnixTime) -> Self {
        let seconds = time.0 / 1_000;
        let (year, month, day) = civil_from_days(seconds / 86_400);
        let of_day = seconds % 86_400;
        let mut text = *b"0000-00-00T00:00:00.000Z";
        put(&mut text, 0, 4, year);
        put(&mut text, 5, 2, month);
        put(&mut text, 8, 2, day);
        put(&mut text, 11, 2, of_day / 3_600);
        put(&mut text, 14, 2, of_day / 60 % 60);
        put(&mut text, 17, 2, of_day % 60);
        put(&mut text, 20, 3, time.0 % 1_000);
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII digits are ever written into the template, so this is never the fallback.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Rfc3339 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Is `text` an RFC 3339 date-time, its offset optional? A leap second passes, a 30 February not.
///
/// The form alone is judged: the server never trusts a client's clock, so it never needs the value.
#[must_use]
#[doc(hidden)]
pub fn is_date_time(text: &str) -> bool {
    date_time(text.as_bytes()).is_some()
}

/// The moment that an RFC 3339 date-time names, to the second; without an offset it is UTC. A moment
/// before 1970 is its beginning. `None`: it is none.
#[must_use]
#[doc(hidden)]
pub fn parse_date_time(text: &str) -> Option<UnixTime> {
    let ((year, month, day), second, [ahead, behind]) = date_time(text.as_bytes())?;
    let local = days_from_civil(year, month, day) * 86_400 + second;
    let since_year_0 = local.saturating_sub(ahead) + behind;
    let seconds = since_year_0.saturating_sub(days_from_civil(1970, 1, 1) * 86_400);
    Some(UnixTime::from_millis(seconds * 1_000))
}

/// A date-time as written: year, month, day; the second of that day; and the seconds by which its clock
/// is ahead of UTC, or behind it. Most are only judged, so nothing else is computed of them.
type DateTime = ((u64, u64, u64), u64, [u64; 2]);

fn date_time(text: &[u8]) -> Option<DateTime> {
    let (date, rest) = text.split_at_checked(10)?;
    let (year, month, day) = match date {
        [y @ .., b'-', _, _, b'-', _, _] if y.len() == 4 => {
            (digits(y)?, digits(date.get(5..7)?)?, digits(date.get(8..10)?)?)
        }
        _ => return None,
    };
    let (time, mut rest) = rest.split_at_checked(9)?;
    let [b'T' | b't' | b' ', h1, h2, b':', m1, m2, b':', s1, s2] = *time else { return None };
    let (hour, minute, second) = (digits(&[h1, h2])?, digits(&[m1, m2])?, digits(&[s1, s2])?);
    let in_range = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour <= 23
        && minute <= 59
        && second <= 60;
    if !in_range {
        return None;
    }
    if let [b'.', fraction @ ..] = rest {
        let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length == 0 {
            return None;
        }
        rest = fraction.get(length..)?;
    }
    let second = hour * 3_600 + minute * 60 + second;
    let offset = |h1, h2, m1, m2| {
        let (hours, minutes) = (digits(&[h1, h2])?, digits(&[m1, m2])?);
        (hours <= 23 && minutes <= 59).then_some(hours * 3_600 + minutes * 60)
    };
    let offsets = match *rest {
        [] | [b'Z' | b'z'] => [0, 0],
        [b'+', h1, h2, b':', m1, m2] => [offset(h1, h2, m1, m2)?, 0],
        [b'-', h1, h2, b':', m1, m2] => [0, offset(h1, h2, m1, m2)?],
        _ => return None,
    };
    Some(((year, month, day), second, offsets))
}

/// Days from 0000-01-01 to this day of the proleptic Gregorian calendar.
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let leap_days = year.div_ceil(4) - year.div_ceil(100) + year.div_ceil(400);
    let of_year: u64 = (1..month).map(|month| days_in_month(year, month)).sum();
    year * 365 + leap_days + of_year + day - 1
}

fn digits(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0'))
    })
}

fn days_in_month(year: u64, month: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Writes `value` as `width` decimal digits at `at`.
fn put(text: &mut [u8; 24], at: usize, width: usize, mut value: u64) {
    for place in text.iter_mut().skip(at).take(width).rev() {
        *place = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Year, month and day of the day `days` after 1970-01-01, in the proleptic Gregorian calendar.
///
/// Counts in eras of 400 years (146,097 days) with years that begin in March, so that the leap day
/// is a year's last: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468; // days from 0000-03-01 to 1970-01-01
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(millis: u64) -> String {
        UnixTime::from_millis(millis).to_rfc3339().to_string()
    }

    #[test]
    fn known_moments_are_written_as_rfc_3339() {
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(951_782_400_123), "2000-02-29T00:00:00.123Z");
        assert_eq!(text(1_795_341_600_000), "2026-11-22T10:00:00.000Z");
        assert_eq!(text(u64::MAX), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn every_day_of_four_centuries_is_written_in_order() {
        let mut expected = (1970, 1, 1);
        for days in 0..146_097 {
            assert_eq!(civil_from_days(days), expected);
            let (year, month, day) = expected;
            expected = if day < days_in_month(year, month) {
                (year, month, day + 1)
            } else if month < 12 {
                (year, month + 1, 1)
            } else {
                (year + 1, 1, 1)
            };
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for days in 0..146_097 {
            let moment = UnixTime::from_millis(days * 86_400_000 + 12_345_000);
            assert_eq!(parse_date_time(moment.to_rfc3339().as_str()), Some(moment));
        }
        let at = |text| parse_date_time(text).map(UnixTime::as_millis);
        assert_eq!(at("2026-11-22T11:00:00.9+01:00"), Some(1_795_341_600_000));
        assert_eq!(at("2026-11-22T04:30:00-05:30"), Some(1_795_341_600_000));
        assert_eq!(at("2026-11-22 10:00:00"), Some(1_795_341_600_000));
        assert_eq!(at("1969-12-31T23:59:59Z"), Some(0));
        assert_eq!(at("0000-01-01T00:00:00+23:59"), Some(0));
        assert_eq!(at("22 Nov 2026"), None);
    }

    #[test]
    fn dates_of_http_name_the_day_of_the_week() {
        let date = |millis| UnixTime::from_millis(millis).to_http_date();
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(date(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date(1_795_341_600_000), "Sun, 22 Nov 2026 10:00:00 GMT");
    }

    #[test]
    fn date_times_are_told_from_other_text() {
        for good in [
            "2026-11-22T10:00:00.000Z",
            "2026-11-22T10:00:00",
            "2026-11-22t10:00:00z",
            "2026-11-22T10:00:00.123456789+05:30",
            "2024-02-29T23:59:60-00:00",
        ] {
            assert!(is_date_time(good), "{good}");
        }
        for bad in [
            "",
            "now",
            "2026-11-22",
            "2026-11-22T10:00",
            "2026-13-22T10:00:00Z",
            "2026-02-30T10:00:00Z",
            "2023-02-29T10:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T10:60:00Z",
            "2026-11-22T10:00:61Z",
            "2026-11-22T10:00:00.Z",
            "2026-11-22T10:00:00+5:30",
            "2026-11-22T10:00:00Zjunk",
            "2026-11-22T10:00:00 Z",
            "٢٠٢٦-11-22T10:00:00Z",
        ] {
            assert!(!is_date_time(bad), "{bad}");
        }
    }

    #[test]
    fn a_deadline_beyond_the_calendar_saturates() {
        assert_eq!(Instant::START + Duration::MAX, Instant::NEVER);
        assert_eq!(Instant::START - Duration::from_secs(1), Instant::START);
        assert_eq!(UnixTime::MAX + Duration::from_secs(1), UnixTime::MAX);
    }
}
