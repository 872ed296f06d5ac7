//! Exact arithmetic on numbers that are not negative.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An exact number that is not negative, in lowest terms. In JSON it is a text: `"7/4"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Ratio {
    numerator: u64,
    denominator: u64,
}

impl Ratio {
    /// The number 1.
    pub const ONE: Self = Self::whole(1);
    /// The number ½.
    pub const HALF: Self = Self { numerator: 1, denominator: 2 };

    /// `numerator / denominator`; `None` when that divides by zero.
    #[must_use]
    pub fn new(numerator: u64, denominator: u64) -> Option<Self> {
        Self::reduced(u128::from(numerator), u128::from(denominator))
    }

    /// A whole number.
    #[must_use]
    pub const fn whole(number: u64) -> Self {
        Self { numerator: number, denominator: 1 }
    }

    /// The product; `None` when it does not fit.
    #[must_use]
    pub fn times(self, other: Self) -> Option<Self> {
        Self::reduced(
            u128::from(self.numerator) * u128::from(other.numerator),
            u128::from(self.denominator) * u128::from(other.denominator),
        )
    }

    /// The quotient; `None` when it does not fit, and when `other` is zero.
    #[must_use]
    pub fn over(self, other: Self) -> Option<Self> {
        self.times(Self::new(other.denominator, other.numerator)?)
    }

    /// The sum; `None` when it does not fit.
    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let product = |a: u64, b: u64| u128::from(a) * u128::from(b);
        let sum = product(self.numerator, other.denominator)
            .checked_add(product(other.numerator, self.denominator))?;
        Self::reduced(sum, product(self.denominator, other.denominator))
    }

    /// The difference, or zero; `None` when it does not fit.
    pub(super) fn minus(self, other: Self) -> Option<Self> {
        let product = |a: u64, b: u64| u128::from(a) * u128::from(b);
        let rest = product(self.numerator, other.denominator)
            .saturating_sub(product(other.numerator, self.denominator));
        Self::reduced(rest, product(self.denominator, other.denominator))
    }

    /// Whether it is a whole number.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.denominator == 1
    }

    /// Whether it is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.numerator == 0
    }

    /// The nearest floating-point number.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }

    /// The value as an integer, if it is one.
    #[must_use]
    pub fn to_whole(self) -> Option<u64> {
        self.is_whole().then_some(self.numerator)
    }

    /// Itself times `10^places`, rounded to the nearest whole number.
    pub(super) fn shifted(self, places: u32) -> Option<u128> {
        let scaled = u128::from(self.numerator).checked_mul(10u128.checked_pow(places)?)?;
        let denominator = u128::from(self.denominator);
        Some((scaled.checked_mul(2)?.checked_add(denominator)?) / (denominator * 2))
    }

    /// The whole part, and the numerator and denominator of the rest.
    pub(super) const fn parts(self) -> (u64, u64, u64) {
        (self.numerator / self.denominator, self.numerator % self.denominator, self.denominator)
    }

    fn reduced(numerator: u128, denominator: u128) -> Option<Self> {
        if denominator == 0 {
            return None;
        }
        let (mut divisor, mut rest) = (numerator, denominator);
        while rest != 0 {
            (divisor, rest) = (rest, divisor % rest);
        }
        Some(Self {
            numerator: u64::try_from(numerator / divisor).ok()?,
            denominator: u64::try_from(denominator / divisor).ok()?,
        })
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

impl FromStr for Ratio {
    type Err = &'static str;

    /// Parses what [`Display`](fmt::Display) writes: `7/4`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (numerator, denominator) = text.split_once('/').ok_or("no fraction")?;
        let number = |text: &str| text.parse().map_err(|_| "no whole number");
        Self::new(number(numerator)?, number(denominator)?).ok_or("a denominator of zero")
    }
}

impl From<Ratio> for String {
    fn from(ratio: Ratio) -> Self {
        ratio.to_string()
    }
}

impl TryFrom<String> for Ratio {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        let left = u128::from(self.numerator) * u128::from(other.denominator);
        left.cmp(&(u128::from(other.numerator) * u128::from(self.denominator)))
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
