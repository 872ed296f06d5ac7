//! What the node counts: plain integers, no lock, no allocation.

use super::legacy::Legacy;
use crate::protocol::{CloseReason, ErrorCode};

/// Counters since the start, and gauges of this moment.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// TCP connections that got a slot.
    pub accepted: u64,
    /// TCP connections that were dropped because every slot was taken.
    pub dropped_at_accept: u64,
    /// Requests that were answered 503 because the bounds on connections were reached.
    pub refused_full: u64,
    /// TCP connections that were dropped because their address held too many pending ones.
    pub dropped_by_address: u64,
    /// Accepts that failed because descriptors or memory ran out.
    pub accept_pauses: u64,
    /// Connections of trusted proxies that did not begin with a PROXY header.
    pub bad_proxy_headers: u64,
    /// Upgrades refused because their address had too many pending connections.
    pub refused_pending: u64,
    /// Upgrades and `auth` messages refused because their address had used its allowance.
    pub refused_attempts: u64,
    /// WebSocket upgrades.
    pub upgraded: u64,
    /// `auth` messages that were accepted on a new connection.
    pub authenticated: u64,
    /// `auth` messages that were accepted on a live connection.
    pub reauthenticated: u64,
    /// Signatures that were given to workers to check.
    pub signature_checks: u64,
    /// Tokens that name a key which is not there.
    pub unknown_keys: u64,
    /// HTTP requests that were taken for the application.
    pub requests: u64,
    /// HTTP requests refused because too many were under way.
    pub refused_requests: u64,
    /// Chat messages that were taken.
    pub chat_messages: u64,
    /// Chat messages that were sent again and answered from memory.
    pub repeated_messages: u64,
    /// Frames that were queued for peers.
    pub frames_out: u64,
    /// Completions whose question was over.
    pub late_completions: u64,
    /// Work that found no room in the worker's queue.
    pub refused_work: u64,
    /// Frames refused to slow readers.
    pub slow_consumers: u64,
    /// Connections that ended without a close of ours.
    pub hangups: u64,
    /// Calls on the admin listener.
    pub admin_calls: u64,
    /// Of these, the ones that did not show the key, or came from where they must not.
    pub admin_denied: u64,
    /// TCP connections to the admin listener that were dropped because it had too many.
    pub admin_dropped: u64,
    /// How late timers were handled, in microseconds after the deadline.
    pub timer_lateness: Histogram,
    /// How long the reactor's turns took, in microseconds without the wait.
    pub turns: Histogram,
    closes: Counters<{ CloseReason::ALL.len() }>,
    errors: Counters<{ ErrorCode::ALL.len() }>,
    refusals: Counters<{ REFUSAL_STATUSES.len() }>,
    legacy: Counters<{ Legacy::ALL.len() }>,
}

#[derive(Clone, Debug)]
struct Counters<const N: usize>([u64; N]);

impl<const N: usize> Default for Counters<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

/// The HTTP statuses that the node refuses a request with.
pub const REFUSAL_STATUSES: [u16; 13] =
    [400, 401, 403, 404, 405, 411, 413, 426, 429, 431, 500, 503, 504];

impl Metrics {
    /// How often the server closed for `reason`.
    #[must_use]
    pub fn closes(&self, reason: CloseReason) -> u64 {
        self.closes.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// How often an `error` of this code was sent.
    #[must_use]
    pub fn errors(&self, code: ErrorCode) -> u64 {
        self.errors.0.get(code as usize).copied().unwrap_or(0)
    }

    /// How often a request was refused with `status`.
    #[must_use]
    pub fn refusals(&self, status: u16) -> u64 {
        let place = REFUSAL_STATUSES.iter().position(|&known| known == status);
        place.and_then(|place| self.refusals.0.get(place)).copied().unwrap_or(0)
    }

    /// How often an old client was noticed by this.
    #[must_use]
    pub fn legacy(&self, kind: Legacy) -> u64 {
        self.legacy.0.get(kind as usize).copied().unwrap_or(0)
    }

    pub(crate) fn count_legacy(&mut self, kind: Legacy) {
        count(&mut self.legacy.0, kind as usize);
    }

    pub(crate) fn count_close(&mut self, reason: CloseReason) {
        count(&mut self.closes.0, reason as usize);
    }

    pub(crate) fn count_error(&mut self, code: ErrorCode) {
        count(&mut self.errors.0, code as usize);
    }

    pub(crate) fn count_refusal(&mut self, status: u16) {
        let place = REFUSAL_STATUSES.iter().position(|&known| known == status);
        count(&mut self.refusals.0, place.unwrap_or(usize::MAX));
    }
}

fn count(counters: &mut [u64], place: usize) {
    if let Some(counter) = counters.get_mut(place) {
        *counter += 1;
    }
}

/// How values are spread over a [`Histogram`]'s buckets: up to 7 each value has its own, from
/// there on each power of two is cut into 8 equal parts.
const PARTS: usize = 8;
/// The log2 of `PARTS`.
const PARTS_BITS: u32 = PARTS.trailing_zeros();
/// From this power of two on, values are told apart no more: in microseconds, some 36 minutes.
const TOP_BITS: u32 = 31;
/// 8 for the values below 8, and 8 for each power of two up to the top: 232, 1,856 bytes.
const BUCKETS: usize = (TOP_BITS - PARTS_BITS + 1) as usize * PARTS;

/// A histogram with 8 buckets to a power of two. Of fixed size; recording never allocates.
///
/// Values below 8 are counted exactly. Above, a bucket's upper end is less than an eighth more than
/// any value in it. The last bucket takes everything that is larger than the others' values.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: [u64; BUCKETS],
    sum: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], sum: 0, max: 0 }
    }
}

impl Histogram {
    /// Counts one value.
    pub fn record(&mut self, value: u64) {
        count(&mut self.buckets, place_of(value));
        self.sum = self.sum.saturating_add(value);
        self.max = self.max.max(value);
    }

    /// How many values were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Their sum.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The largest.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max
    }

    /// How many were `bound` or more. Exact where a bucket begins at `bound`, as one does at every
    /// power of two below 2³¹; else those below it in its bucket are counted too.
    #[must_use]
    pub fn at_least(&self, bound: u64) -> u64 {
        self.buckets.iter().skip(place_of(bound)).sum()
    }

    /// A bound that the share `quantile` (0 to 1) of the values does not exceed: the upper end of
    /// its bucket, or the largest value where that is less. So it is at most an eighth too high,
    /// and never too low.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> u64 {
        let wanted = (self.count() as f64 * quantile).ceil() as u64;
        let mut seen = 0;
        // The last bucket has no upper end but the largest value.
        for (place, bucket) in self.buckets.iter().enumerate().take(BUCKETS - 1) {
            seen += bucket;
            if seen >= wanted {
                return last_of(place).min(self.max);
            }
        }
        self.max
    }
}

/// The bucket of `value`: its leading bit chooses eight, the three bits behind it one of them.
fn place_of(value: u64) -> usize {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(PARTS_BITS + 1);
    let place = shift as usize * PARTS + (value >> shift) as usize;
    place.min(BUCKETS - 1)
}

/// The largest value in the bucket at `place`.
fn last_of(place: usize) -> u64 {
    let shift = (place / PARTS).saturating_sub(1);
    (((place - shift * PARTS + 1) as u64) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_bounds_its_quantiles() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.99), 0);
        (1..=1_000).for_each(|value| histogram.record(value));
        assert_eq!((histogram.count(), histogram.max()), (1_000, 1_000));
        assert!((500..=511).contains(&histogram.quantile(0.5)));
        assert_eq!(histogram.quantile(0.999), 1_000);
        assert_eq!(histogram.at_least(512), 1_000 - 511);
    }

    #[test]
    fn a_bucket_ends_less_than_an_eighth_above_its_values() {
        let near_powers = (0..31).flat_map(|n| [(1_u64 << n) - 1, 1 << n, (1 << n) + 1]);
        for value in near_powers.chain(0..5_000) {
            let place = place_of(value);
            let last = last_of(place);
            assert!(value <= last && (last - value) * 8 <= value, "{value} {last}");
            assert_eq!((place_of(last), place_of(last + 1)), (place, place + 1));
        }
    }

    #[test]
    fn a_value_beyond_the_buckets_is_told_by_the_largest() {
        let mut histogram = Histogram::default();
        histogram.record(1 << 31);
        histogram.record(u64::MAX);
        assert_eq!(histogram.quantile(1.0), u64::MAX);
        assert_eq!(histogram.at_least(1 << 30), 2);
    }

    #[test]
    fn every_reason_and_code_has_its_counter() {
        let mut metrics = Metrics::default();
        for &reason in CloseReason::ALL {
            metrics.count_close(reason);
            assert_eq!(metrics.closes(reason), 1);
        }
        for &code in ErrorCode::ALL {
            metrics.count_error(code);
            assert_eq!(metrics.errors(code), 1);
        }
        for status in REFUSAL_STATUSES {
            metrics.count_refusal(status);
            assert_eq!(metrics.refusals(status), 1);
        }
    }
}
