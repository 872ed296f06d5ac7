//! The counters as JSON.

use serde_json::{Map, Value, json};

use crate::node::{Family, Histogram, Labels, Samples};

/// Every family by its name: a number; or what there is to say of a histogram, in seconds; or either by
/// the values of their labels, one object in the other.
pub(super) fn write(families: &[Family<'_>]) -> Map<String, Value> {
    families.iter().map(entry).collect()
}

/// One family by its name.
pub(super) fn entry(family: &Family<'_>) -> (String, Value) {
    (family.name.to_owned(), value_of(family))
}

fn value_of(family: &Family<'_>) -> Value {
    let values: Vec<(&Labels, Value)> = match &family.samples {
        Samples::Micros { histograms, .. } => {
            histograms.iter().map(|(labels, histogram)| (labels, spread_of(histogram))).collect()
        }
        Samples::Numbers(numbers) => {
            numbers.iter().map(|(labels, number)| (labels, number_of(*number))).collect()
        }
    };
    let mut nested = Value::Null;
    for (labels, value) in values {
        let mut place = &mut nested;
        for label in labels {
            // `Null` becomes an object when it is indexed by a text.
            if !place.is_object() {
                *place = json!({});
            }
            let Value::Object(map) = place else { continue };
            place = map.entry(label.as_ref()).or_insert(Value::Null);
        }
        *place = value;
    }
    nested
}

/// A count is written without a fraction.
fn number_of(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && (0.0..EXACT).contains(&number) {
        Value::from(number as u64)
    } else {
        Value::from(number)
    }
}

fn spread_of(micros: &Histogram) -> Value {
    let seconds = |micros: u64| micros as f64 / 1e6;
    json!({
        "count": micros.count(),
        "sum": seconds(micros.sum()),
        "p50": seconds(micros.quantile(0.5)),
        "p99": seconds(micros.quantile(0.99)),
        "max": seconds(micros.max()),
    })
}
