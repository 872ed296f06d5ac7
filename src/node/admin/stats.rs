//! The counters as JSON.

use serde_json::{Map, Value, json};

use crate::node::Node;
use crate::node::families::{Family, Samples};
use crate::node::http::Response;
use crate::node::metrics::Histogram;

impl Node {
    /// Every family by its name: a number; or numbers by their labels, one object in the other; or
    /// what there is to say of a histogram, in seconds.
    pub(super) fn stats(&self) -> Response {
        let stats: Map<String, Value> = self
            .families()
            .iter()
            .map(|family| (family.name.to_owned(), value_of(family)))
            .collect();
        Response::json(200, &stats)
    }
}

fn value_of(family: &Family<'_>) -> Value {
    let numbers = match &family.samples {
        Samples::Micros(histogram, _) => return spread_of(histogram),
        Samples::Numbers(numbers) => numbers,
    };
    let mut nested = Value::Null;
    for (labels, number) in numbers {
        let mut place = &mut nested;
        for label in labels {
            // `Null` becomes an object when it is indexed by a text.
            if !place.is_object() {
                *place = json!({});
            }
            let Value::Object(map) = place else { continue };
            place = map.entry(label.as_ref()).or_insert(Value::Null);
        }
        *place = (*number).into();
    }
    nested
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
