//! A histogram of fixed size.

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
        if let Some(bucket) = self.buckets.get_mut(place_of(value)) {
            *bucket += 1;
        }
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
}
