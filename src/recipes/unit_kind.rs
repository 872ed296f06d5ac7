//! Kinds of units, and how their amounts are written.

/// The precision with which amounts of a unit are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Grams, millilitres: few decimals.
    Fine,
    /// Kilograms, litres: decimals.
    Metric,
    /// Cups, spoons, ounces: halves, thirds, quarters, sixths, eighths, sixteenths.
    Kitchen,
    /// Eggs, cloves, cans: halves, thirds, quarters, sixths, eighths.
    Count,
}

/// The kind of a unit, which decides how its amounts are rounded and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnitKind {
    /// Grams, millilitres.
    Fine,
    /// Kilograms, litres.
    Metric,
    /// Cups, spoons, ounces, pounds.
    Kitchen,
    /// Cloves, slices, pinches.
    Piece,
    /// Cans, jars: a size in parentheses is that of one of them.
    Package,
}

impl UnitKind {
    pub(crate) fn grid(self) -> Precision {
        match self {
            Self::Fine => Precision::Fine,
            Self::Metric => Precision::Metric,
            Self::Kitchen => Precision::Kitchen,
            Self::Piece | Self::Package => Precision::Count,
        }
    }

    /// Whether the unit is a weight or a volume, not a count.
    pub(crate) fn is_measure(self) -> bool {
        matches!(self, Self::Fine | Self::Metric | Self::Kitchen)
    }
}
