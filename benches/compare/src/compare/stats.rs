//! Medians and ranges of a few rounds.

use serde::{Deserialize, Serialize};

/// A few values, summed up. With five rounds nothing finer than a median and a range is honest.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Summary {
    /// The middle value; of an even number, the mean of the middle two.
    pub(crate) median: f64,
    /// The smallest.
    pub(crate) min: f64,
    /// The largest.
    pub(crate) max: f64,
}

/// Sums up the finite ones of `values`; `None` where there are none.
pub(crate) fn summary(values: impl IntoIterator<Item = f64>) -> Option<Summary> {
    let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(Summary {
        median: f64::midpoint(lower, upper),
        min: *sorted.first()?,
        max: *sorted.last()?,
    })
}

/// The ratio of a pair of the same round, summed up over the rounds that have both. What slows
/// down a whole round cancels out in it.
pub(crate) fn ratios(pairs: impl IntoIterator<Item = (f64, f64)>) -> Option<Summary> {
    summary(pairs.into_iter().map(|(ours, theirs)| ours / theirs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(median: f64, min: f64, max: f64) -> Option<Summary> {
        Some(Summary { median, min, max })
    }

    #[test]
    fn the_median_of_an_odd_number_is_the_middle_one() {
        assert_eq!(summary([3.0, 1.0, 100.0]), of(3.0, 1.0, 100.0));
        assert_eq!(summary([7.0]), of(7.0, 7.0, 7.0));
    }

    #[test]
    fn median_of_even_count_is_mean_of_the_middle_two() {
        assert_eq!(summary([4.0, 1.0, 2.0, 100.0]), of(3.0, 1.0, 100.0));
    }

    #[test]
    fn nothing_has_no_summary() {
        assert_eq!(summary([]), None);
        assert_eq!(summary([f64::NAN]), None);
    }

    #[test]
    fn a_ratio_is_taken_within_its_round() {
        // Both are twice as slow in the second round, which must not show.
        assert_eq!(ratios([(2.0, 1.0), (4.0, 2.0), (2.0, 1.0)]), of(2.0, 2.0, 2.0));
    }

    #[test]
    fn a_ratio_to_nothing_is_left_out() {
        assert_eq!(ratios([(2.0, 0.0), (6.0, 2.0)]), of(3.0, 3.0, 3.0));
        assert_eq!(ratios([(0.0, 0.0)]), None);
    }
}
